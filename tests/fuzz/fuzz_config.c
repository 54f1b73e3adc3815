/* Input: config.json, and generation_config.json after a byte 0xff. */
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "format/config.h"
#include "fuzz.h"

static void check_values(const struct elcl_config *config)
{
    static const char *const keys[] = {"d_model", "vocab_size", "scale_embedding", "dropout",
                                       "activation_function"};
    for (size_t i = 0; i < ELCL_COUNT(keys); i++) {
        int number = 0;
        float real = 0;
        bool flag = false;
        const char *string = NULL;
        elcl_error e1 = {0}, e2 = {0}, e3 = {0}, e4 = {0}, e5 = {0};
        int rc = elcl_config_int(config, keys[i], 1, 1000, &number, &e1);
        fuzz_check_error(rc, &e1);
        FUZZ_REQUIRE(rc || (number >= 1 && number <= 1000));
        rc = elcl_config_int_or(config, keys[i], 1, 1000, 7, &number, &e2);
        fuzz_check_error(rc, &e2);
        FUZZ_REQUIRE(rc || (number >= 1 && number <= 1000));
        rc = elcl_config_float_or(config, keys[i], 0, 1, 0.5, &real, &e3);
        fuzz_check_error(rc, &e3);
        FUZZ_REQUIRE(rc || (real >= 0 && real <= 1));
        fuzz_check_error(elcl_config_bool_or(config, keys[i], true, &flag, &e4), &e4);
        rc = elcl_config_string_or(config, keys[i], "x", &string, &e5);
        fuzz_check_error(rc, &e5);
        FUZZ_REQUIRE(rc || string);
    }
}

#define VOCABULARY 100

static void check_options(struct elcl_config *config)
{
    elcl_gen_options options = {0};
    elcl_error err = {0};
    const int rc = elcl_config_gen_options(config, VOCABULARY, &options, &err);
    fuzz_check_error(rc, &err);
    if (rc)
        return;
    FUZZ_REQUIRE(options.num_beams >= 1 && options.num_beams <= ELCL_MAX_BEAMS);
    FUZZ_REQUIRE(options.n_eos >= 0 && options.n_eos <= ELCL_MAX_EOS);
    FUZZ_REQUIRE(options.max_length >= 1 && options.pad_token_id >= -1);
    for (int i = 0; i < ELCL_MAX_EOS; i++)
        FUZZ_REQUIRE(i < options.n_eos
                         ? options.eos_token_ids[i] >= 0 && options.eos_token_ids[i] < VOCABULARY
                         : options.eos_token_ids[i] == -1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    size_t n_model = 0, n_generation = 0;
    char *model = fuzz_next(&data, &n, &n_model);
    char *generation = fuzz_next(&data, &n, &n_generation);
    struct elcl_config config = {0};
    elcl_error err = {0};
    if (model) {
        const int rc = elcl_config_parse(model, n_model, generation, n_generation, &config, &err);
        fuzz_check_error(rc, &err);
        FUZZ_REQUIRE(rc != ELCL_E_NOMEM); /* cJSON refused what is JSON: see base/json_scan.h */
        if (!rc) {
            FUZZ_REQUIRE(config.model_type[0]);
            check_values(&config);
            check_options(&config);
        }
    }
    elcl_config_finish(&config);
    free(model);
    free(generation);
    return 0;
}
