/*
 * Continues a text with sampled tokens and prints each as soon as it is final.
 *
 *     cc stream.c $(pkg-config --cflags --libs elcl) -o stream
 *     ./stream models/kjv-gpt2 'In the beginning'
 */
#include <elcl/elcl.h>
#include <stdio.h>
#include <string.h>

#define MAX_TOKENS 64

struct output {
    elcl_model *model;
    int32_t ids[MAX_TOKENS];
    size_t n_ids, n_printed; /* tokens, bytes */
    elcl_error err;
};

/* A character may take several tokens. Until it is complete, its text ends with U+FFFD. */
static int is_complete(const char *text, size_t n)
{
    return n < 3 || strcmp(text + n - 3, "\xef\xbf\xbd") != 0;
}

static void on_token(void *engine_user, const elcl_token *token)
{
    struct output *out = engine_user;
    char *text = NULL;
    out->ids[out->n_ids++] = token->token;
    if (elcl_decode(out->model, out->ids, out->n_ids, &text, &out->err))
        return;
    const size_t n = strlen(text);
    if (n > out->n_printed && is_complete(text, n)) {
        fputs(text + out->n_printed, stdout);
        fflush(stdout);
        out->n_printed = n;
    }
    elcl_free(text);
}

static int stream(struct output *out, const char *prompt, elcl_error *err)
{
    elcl_engine_params params = elcl_engine_params_default();
    elcl_engine *engine = NULL;
    elcl_request request = {0};
    int32_t *ids = NULL;
    params.on_token = on_token;
    params.user = out;
    elcl_model_gen_defaults(out->model, &request.options);
    request.options.num_beams = 1; /* beam search may change any token until it ends */
    request.options.do_sample = 1;
    request.options.top_k = 40;
    request.options.seed = 1;
    request.options.max_new_tokens = MAX_TOKENS;
    int rc = elcl_encode(out->model, prompt, strlen(prompt), &ids, &request.n_source, err);
    request.source = ids;
    if (!rc && !(rc = elcl_engine_create(out->model, &params, &engine, err)) &&
        !(rc = elcl_engine_submit(engine, &request, NULL, err)))
        rc = elcl_engine_run(engine, err);
    elcl_engine_destroy(&engine);
    elcl_free(ids);
    return rc;
}

int main(int argc, char **argv)
{
    static struct output out;
    if (argc != 3) {
        fprintf(stderr, "usage: stream MODEL PROMPT\n");
        return 2;
    }
    if (!elcl_model_open(argv[1], NULL, &out.model, &out.err)) {
        fputs(argv[2], stdout);
        stream(&out, argv[2], &out.err);
        putchar('\n');
    }
    if (out.err.code)
        fprintf(stderr, "stream: %s\n", out.err.msg);
    elcl_model_close(&out.model);
    return out.err.code != 0;
}
