/* Input: config.json, and generation_config.json after a byte 0xff. Reads the hyper-parameters and
 * options of every family, and plans memory and time with them, as elcl plan does. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/blueprint.h"
#include "fuzz.h"

static void check_arch(const struct elcl_arch *a)
{
    FUZZ_REQUIRE(a->d > 0 && a->d <= ELCL_MAX_WIDTH && a->vocabulary > 0 && a->max_positions > 0);
    FUZZ_REQUIRE(a->decoder_layers > 0 && a->decoder_layers <= ELCL_MAX_LAYERS);
    FUZZ_REQUIRE(a->decoder_only || (a->encoder_layers > 0 && a->encoder_heads > 0));
    FUZZ_REQUIRE(a->decoder_heads > 0 && elcl_arch_dh(a, a->decoder_heads) > 0);
    FUZZ_REQUIRE(!a->input_width || !a->decoder_only);
    FUZZ_REQUIRE(isfinite(a->embed_scale) && a->norm_eps >= 0);
}

static void plan(const struct elcl_blueprint *b, enum elcl_attention attention, uint64_t limit)
{
    static const elcl_device_rates rates = {.memory_gbs = 100,
                                            .cache_gbs = 500,
                                            .f32_gflops = 1000,
                                            .half_gflops = 2000,
                                            .launch_us = 5,
                                            .wait_us = 20};
    elcl_plan_params params = elcl_plan_params_default();
    elcl_memory_plan memory;
    elcl_prediction time;
    elcl_error e1 = {0}, e2 = {0};
    params.attention = attention;
    params.memory_limit_bytes = limit;
    params.num_beams = 4;
    params.batch_size = limit ? 0 : 64;
    int rc = elcl_plan_memory(b, &params, &memory, &e1);
    fuzz_check_error(rc, &e1);
    if (rc)
        return;
    FUZZ_REQUIRE(memory.total_bytes >= memory.weight_bytes);
    FUZZ_REQUIRE(memory.total_bytes >= memory.largest_buffer_bytes);
    rc = elcl_predict(b, &params, &rates, &time, &e2);
    fuzz_check_error(rc, &e2);
    FUZZ_REQUIRE(rc || (time.seconds > 0 && isfinite(time.samples_per_second)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct elcl_blueprint b = {0};
    size_t n_config = 0, n_generation = 0;
    char *config = fuzz_next(&data, &n, &n_config);
    char *generation = fuzz_next(&data, &n, &n_generation);
    elcl_error e1 = {0}, e2 = {0};
    int rc = elcl_config_parse(config, n_config, generation, n_generation, &b.config, &e1);
    fuzz_check_error(rc, &e1);
    if (!rc) {
        rc = elcl_family_read(&b.config, &b.family, &b.arch, &b.defaults, &e2);
        fuzz_check_error(rc, &e2);
        if (!rc) {
            check_arch(&b.arch);
            plan(&b, ELCL_ATTN_AUTO, (uint64_t)8 << 30);
            plan(&b, ELCL_ATTN_MHA, 0);
        }
    }
    elcl_config_finish(&b.config);
    free(config);
    free(generation);
    return 0;
}
