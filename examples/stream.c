/*
 * Continues a text with sampled tokens and prints each as soon as it is final. Cancels the request
 * when the continuation contains the text UNTIL, if there is one.
 *
 *     cc stream.c $(pkg-config --cflags --libs elcl) -o stream
 *     ./stream models/kjv-gpt2 'In the beginning' ';'
 */
#include <elcl/elcl.h>
#include <stdio.h>
#include <string.h>

struct output {
    elcl_engine *engine;
    elcl_text_stream *text;
    const char *until;
    elcl_error err;
};

static void print(const char *text)
{
    fputs(text, stdout);
    fflush(stdout);
}

static void on_token(void *engine_user, const elcl_token *token)
{
    struct output *out = engine_user;
    const char *text;
    if (elcl_text_stream_add(out->text, &token->token, 1, &text, &out->err))
        return;
    print(text);
    if (out->until && strstr(text, out->until)) /* any thread may call this, at any time */
        elcl_engine_cancel(out->engine, token->id);
}

/* A cancelled request has a result, too: the error ELCL_E_INTERRUPTED. */
static void on_result(void *engine_user, const elcl_result *result)
{
    struct output *out = engine_user;
    const char *text;
    if (!result->error && !elcl_text_stream_end(out->text, &text, &out->err))
        print(text);
    putchar('\n');
}

static int stream(elcl_model *model, struct output *out, const char *prompt, elcl_error *err)
{
    elcl_engine_params params = elcl_engine_params_default();
    elcl_request request = {0};
    int32_t *ids = NULL;
    params.on_token = on_token;
    params.on_result = on_result;
    params.user = out;
    elcl_model_gen_defaults(model, &request.options);
    request.options.num_beams = 1; /* beam search may change any token until it ends */
    request.options.do_sample = 1;
    request.options.top_k = 40;
    request.options.seed = 1;
    request.options.max_new_tokens = 64;
    int rc = elcl_encode(model, prompt, strlen(prompt), &ids, &request.n_source, err);
    request.source = ids;
    if (!rc && !(rc = elcl_text_stream_create(model, &out->text, err)) &&
        !(rc = elcl_engine_create(model, &params, &out->engine, err)) &&
        !(rc = elcl_engine_submit(out->engine, &request, NULL, err)))
        rc = elcl_engine_run(out->engine, err);
    elcl_engine_destroy(&out->engine);
    elcl_text_stream_destroy(&out->text);
    elcl_free(ids);
    return rc;
}

int main(int argc, char **argv)
{
    struct output out = {0};
    elcl_model *model = NULL;
    if (argc != 3 && argc != 4) {
        fprintf(stderr, "usage: stream MODEL PROMPT [UNTIL]\n");
        return 2;
    }
    out.until = argv[3]; /* NULL if there are only two */
    if (!elcl_model_open(argv[1], NULL, &model, &out.err)) {
        fputs(argv[2], stdout);
        stream(model, &out, argv[2], &out.err);
    }
    if (out.err.code)
        fprintf(stderr, "stream: %s\n", out.err.msg);
    elcl_model_close(&model);
    return out.err.code != 0;
}
