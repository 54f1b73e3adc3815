/* The token before the text of a decoder-only model: by family or tokenizer_config.json. */
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "parity/common.h"

/* Copies the model with a tokenizer of two letters; flags NULL: no tokenizer_config.json. */
static const char *make_model(const char *model, const char *flags)
{
    static const char vocab[] = "{\"<pad>\": 1, \"</s>\": 2, \"a\": 3, \"b\": 4}";
    static const char merges[] = "#version: 0.2\n";
    const char *directory = copy_golden_model(model);
    write_file(directory, "vocab.json", vocab, sizeof(vocab) - 1);
    write_file(directory, "merges.txt", merges, sizeof(merges) - 1);
    if (flags)
        write_file(directory, "tokenizer_config.json", flags, strlen(flags));
    return directory;
}

static void expect_ids(const elcl_model *model, const char *text, const int32_t *want, size_t n)
{
    int32_t *ids = NULL;
    size_t n_ids = 0;
    elcl_error err = {0};
    CHECK(!elcl_encode(model, text, strlen(text), &ids, &n_ids, &err), "%s", err.msg);
    CHECK(n_ids == n && !memcmp(ids, want, n * sizeof(*want)), "\"%s\": %zu ids, the first is %d",
          text, n_ids, n_ids ? (int)ids[0] : -1);
    elcl_free(ids);
}

static void test_bos(const char *name, const char *flags, bool bos,
                     const struct check_options *options)
{
    static const int32_t want[] = {2, 3, 4};
    const struct setup setup = {.attention = ELCL_ATTN_MHA, .kernels = ELCL_KERNELS_CPU};
    if (!check_case("prompt, %s, %s", name, flags ? flags : "no tokenizer_config.json"))
        return;
    elcl_model *model = setup_open(make_model(name, flags), &setup, options);
    if (model) {
        expect_ids(model, "ab", bos ? want : want + 1, bos ? 3 : 2);
        expect_ids(model, "", want, 1);
    }
    setup_close(&model);
}

int main(int argc, char **argv)
{
    const struct check_options *options = check_begin(argc, argv);
    test_bos("tiny-opt", NULL, true, options);
    test_bos("tiny-opt", "{\"bos_token\": \"</s>\"}", true, options);
    test_bos("tiny-opt", "{\"add_bos_token\": false}", false, options);
    test_bos("tiny-gpt2", NULL, false, options);
    test_bos("tiny-gpt2", "{\"add_bos_token\": true}", true, options);
    if (check_case("prompt, add_bos_token is no flag")) {
        elcl_model *model = NULL;
        elcl_error err = {0};
        const int rc =
            elcl_model_open(make_model("tiny-opt", "{\"add_bos_token\": 1}"), NULL, &model, &err);
        CHECK(rc == ELCL_E_FORMAT && strstr(err.msg, "add_bos_token") && !model, "%d: %s", rc,
              err.msg);
        elcl_model_close(&model);
    }
    return check_end();
}
