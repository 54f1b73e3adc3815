/*
 * Computes the perplexity of the lines of standard input under a decoder-only model. Each line
 * counts by itself, with all its tokens.
 *
 *     cc score.c $(pkg-config --cflags --libs elcl) -lm -o score
 *     ./score models/kjv-gpt2 <models/kjv-gpt2/heldout.txt
 *
 * For speed, give elcl_scorer_run() many requests at a time.
 */
#include <elcl/elcl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define MAX_LINE 4096

struct scoring {
    elcl_model *model;
    elcl_model_info info;
    elcl_scorer *scorer;
    double log_prob; /* of all tokens so far */
    size_t n_tokens;
    elcl_error err;
};

/* Opens the model and a scorer on it. */
static int open_scorer(struct scoring *s, const char *directory)
{
    if (elcl_model_open(directory, NULL, &s->model, &s->err))
        return s->err.code;
    elcl_model_get_info(s->model, &s->info);
    if (!s->info.decoder_only)
        s->err = (elcl_error){ELCL_E_UNSUPPORTED, "the model is not decoder-only"};
    return s->err.code ? s->err.code : elcl_scorer_create(s->model, NULL, &s->scorer, &s->err);
}

/* The source is the token that starts a text, so that the line's first token has a probability.
 * Some models' elcl_encode() returns that token first; for the others it is text_start. */
static int score_line(struct scoring *s, const char *line)
{
    float log_probs[MAX_LINE];
    int32_t *ids = NULL;
    size_t n = 0;
    if (elcl_encode(s->model, line, strcspn(line, "\n"), &ids, &n, &s->err))
        return s->err.code;
    const size_t first = s->info.text_start < 0 && n > 0;
    const elcl_score_request request = {.source = first ? ids : &s->info.text_start,
                                        .n_source = 1,
                                        .target = ids + first,
                                        .n_target = n - first,
                                        .log_probs = log_probs};
    if (!elcl_scorer_run(s->scorer, &request, 1, &s->err))
        for (size_t i = 0; i < request.n_target; i++, s->n_tokens++)
            s->log_prob += log_probs[i];
    elcl_free(ids);
    return s->err.code;
}

int main(int argc, char **argv)
{
    static struct scoring s;
    char line[MAX_LINE];
    if (argc != 2) {
        fprintf(stderr, "usage: score MODEL <TEXTS\n");
        return 2;
    }
    int rc = open_scorer(&s, argv[1]);
    while (!rc && fgets(line, sizeof(line), stdin))
        rc = score_line(&s, line);
    if (rc)
        fprintf(stderr, "score: %s\n", s.err.msg);
    else
        printf("%zu tokens, perplexity %.3f\n", s.n_tokens, exp(-s.log_prob / (double)s.n_tokens));
    elcl_scorer_destroy(&s.scorer);
    elcl_model_close(&s.model);
    return rc != 0;
}
