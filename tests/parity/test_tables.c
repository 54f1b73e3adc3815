/* Which stored table the encoder, the decoder and the output use, and whether an output is scaled:
 * the results of transformers 5.24 for files as its versions 4 and 5 save them. */
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "parity/common.h"

static const struct {
    const char *model, *changes; /* of config.json */
    const char *from, *to;       /* a tensor's new name, or NULL */
    int beams;
    struct tokens want;
} tests[] = {
    /* T5: lm_head.weight counts if it is stored; scale_decoder_outputs, or without it
     * tie_word_embeddings, says whether the output is scaled */
    {"tiny-flan-t5",
     "{\"tie_word_embeddings\": true, \"scale_decoder_outputs\": false}",
     NULL,
     NULL,
     3,
     {9, {0, 19, 21, 27, 13, 46, 47, 13, 46}}},
    {"tiny-flan-t5",
     "{\"tie_word_embeddings\": true, \"scale_decoder_outputs\": true}",
     NULL,
     NULL,
     3,
     {9, {0, 19, 21, 27, 13, 46, 47, 40, 47}}},
    {"tiny-flan-t5",
     "{\"tie_word_embeddings\": null}",
     NULL,
     NULL,
     3,
     {9, {0, 19, 21, 27, 13, 46, 47, 40, 47}}},
    {"tiny-mt5", /* never scaled */
     "{\"tie_word_embeddings\": true, \"scale_decoder_outputs\": true}",
     NULL,
     NULL,
     1,
     {9, {0, 29, 32, 19, 17, 27, 32, 38, 30}}},
    {"tiny-umt5",
     "{\"scale_decoder_outputs\": false}",
     NULL,
     NULL,
     3,
     {9, {0, 38, 38, 38, 38, 29, 41, 40, 1}}},
    {"tiny-umt5", /* tied, because no table of the output is stored */
     "{\"tie_word_embeddings\": false}",
     NULL,
     NULL,
     3,
     {9, {0, 38, 38, 38, 38, 29, 41, 40, 1}}},
    {"tiny-umt5",
     "{}",
     "shared.weight",
     "lm_head.weight",
     3,
     {9, {0, 38, 38, 38, 38, 38, 38, 38, 29}}},
    /* tables that tie_word_embeddings says are the same, and that differ */
    {"tiny-bart-untied",
     "{\"tie_word_embeddings\": true}",
     NULL,
     NULL,
     3,
     {9, {0, 19, 11, 5, 31, 5, 47, 5, 2}}},
    {"tiny-opt-plain",
     "{\"tie_word_embeddings\": true}",
     NULL,
     NULL,
     3,
     {7, {5, 6, 7, 8, 9, 26, 2}}},
    {"tiny-gpt2-by-layer",
     "{\"tie_word_embeddings\": true}",
     NULL,
     NULL,
     3,
     {13, {5, 6, 7, 8, 9, 39, 18, 24, 50, 48, 24, 24, 24}}},
    /* one table, stored as the output's */
    {"tiny-bart",
     "{}",
     "model.shared.weight",
     "lm_head.weight",
     3,
     {9, {2, 39, 39, 19, 46, 7, 19, 53, 15}}},
    {"tiny-marian",
     "{}",
     "model.shared.weight",
     "lm_head.weight",
     3,
     {9, {46, 38, 25, 38, 25, 38, 25, 38, 0}}},
    {"tiny-gpt2",
     "{}",
     "wte.weight",
     "lm_head.weight",
     3,
     {13, {5, 6, 7, 8, 9, 41, 27, 27, 31, 27, 27, 31, 2}}},
    {"tiny-opt",
     "{}",
     "model.decoder.embed_tokens.weight",
     "lm_head.weight",
     3,
     {11, {5, 6, 7, 8, 9, 19, 11, 18, 38, 30, 2}}},
};

/* Generates 8 tokens of the source 5 6 7 8 9. */
static void generate(elcl_model *model, int beams, struct tokens *got)
{
    static const struct tokens source = {5, {5, 6, 7, 8, 9}};
    struct job job = {.source = &source};
    elcl_model_gen_defaults(model, &job.options);
    job.options.num_beams = beams;
    job.options.max_new_tokens = 8;
    job.options.min_length = job.options.no_repeat_ngram_size = 0;
    elcl_engine_params params = elcl_engine_params_default();
    params.batch_size = 1;
    params.max_beams = beams;
    if (jobs_run(model, &params, &job, 1, NULL) && CHECK(job.n > 0, "no result"))
        *got = job.hypotheses[0].tokens;
}

static void test_tables(const struct check_options *options)
{
    const struct setup setup = {
        .attention = ELCL_ATTN_EL, .kernels = ELCL_KERNELS_CPU, .gemm = ELCL_GEMM_NATIVE};
    for (size_t i = 0; i < ELCL_COUNT(tests); i++) {
        if (!check_case("tables, %s %s, %s", tests[i].model, tests[i].changes,
                        tests[i].to ? tests[i].to : "as stored"))
            continue;
        const char *directory = copy_golden_model(tests[i].model);
        change_json(directory, "config.json", tests[i].changes);
        if (tests[i].from)
            change_header(directory,
                          &(struct header_change){tests[i].from, tests[i].to, NULL, NULL});
        elcl_model *model = setup_open(directory, &setup, options);
        struct tokens got = {0};
        if (model)
            generate(model, tests[i].beams, &got);
        CHECK(got.n == tests[i].want.n &&
                  !memcmp(got.ids, tests[i].want.ids, (size_t)got.n * sizeof(*got.ids)),
              "%d tokens, the last %d", got.n, got.n ? (int)got.ids[got.n - 1] : -1);
        setup_close(&model);
    }
}

/* ---- tensors without a use ------------------------------------------------------------------- */

static void keep_warning(void *user, enum elcl_log_level level, const char *text)
{
    if (level == ELCL_LOG_WARNING)
        snprintf(user, 512, "%s", text);
}

static void test_unused(const struct check_options *options)
{
    static const struct {
        const char *model, *changes, *from, *to, *warning;
    } cases[] = {
        {"tiny-bart", "{\"encoder_layers\": 1}", NULL, NULL,
         "tensors are stored but have no use in model_type bart: model.encoder.layers.1."},
        {"tiny-opt", "{\"num_hidden_layers\": 1}", NULL, NULL, "model.decoder.layers.1."},
        {"tiny-t5", "{\"num_decoder_layers\": 1}", NULL, NULL, "decoder.block.1.layer."},
        {"tiny-bart", "{}", NULL, NULL, ""},
        {"tiny-umt5", "{}", "shared.weight", "lm_head.weight", ""},
    };
    for (size_t i = 0; i < ELCL_COUNT(cases); i++) {
        if (!check_case("unused tensors, %s %s", cases[i].model, cases[i].changes))
            continue;
        const struct setup setup = {
            .attention = ELCL_ATTN_EL, .kernels = ELCL_KERNELS_CPU, .gemm = ELCL_GEMM_NATIVE};
        char warning[512] = "";
        elcl_model_params params = setup_params(&setup, options);
        params.log = keep_warning;
        params.log_user = warning;
        const char *directory = copy_golden_model(cases[i].model);
        change_json(directory, "config.json", cases[i].changes);
        if (cases[i].from)
            change_header(directory,
                          &(struct header_change){cases[i].from, cases[i].to, NULL, NULL});
        elcl_model *model = NULL;
        elcl_error err = {0};
        CHECK(!elcl_model_open(directory, &params, &model, &err), "%s", err.msg);
        CHECK(*cases[i].warning ? strstr(warning, cases[i].warning) != NULL : !*warning,
              "warning \"%s\"", warning);
        setup_close(&model);
    }
}

/* ---- names of activations -------------------------------------------------------------------- */

static void test_activations(void)
{
    static const struct {
        const char *name;
        enum elcl_activation act;
    } known[] = {
        {"gelu", ELCL_ACT_GELU},           {"gelu_python", ELCL_ACT_GELU},
        {"gelu_new", ELCL_ACT_GELU_TANH},  {"gelu_pytorch_tanh", ELCL_ACT_GELU_TANH},
        {"gelu_fast", ELCL_ACT_GELU_TANH}, {"gelu_accurate", ELCL_ACT_GELU_TANH},
        {"relu", ELCL_ACT_RELU},           {"silu", ELCL_ACT_SILU},
        {"swish", ELCL_ACT_SILU},
    };
    enum elcl_activation act = ELCL_ACT_NONE;
    if (!check_case("names of activations"))
        return;
    for (size_t i = 0; i < ELCL_COUNT(known); i++)
        CHECK(elcl_activation_named(known[i].name, &act) && act == known[i].act, "%s",
              known[i].name);
    CHECK(!elcl_activation_named("quick_gelu", &act), "quick_gelu is another function");
}

int main(int argc, char **argv)
{
    const struct check_options *options = check_begin(argc, argv);
    test_tables(options);
    test_unused(options);
    test_activations();
    return check_end();
}
