/* Narrow state and outliers: what the loss of a sample of rows is, and that an engine warns. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/state_row.h"
#include "model/state_sample.h"
#include "parity/common.h"
#include "ref/ref.h"

enum { ROWS = 32, D = 512 };

/* The loss of normal rows of which every `every`-th channel is `factor` times as large. */
static double loss_of(enum elcl_storage storage, int every, float factor)
{
    static float values[ROWS * D];
    static unsigned char bits[ROWS * D * 2];
    for (int i = 0; i < ROWS * D; i++)
        values[i] = (float)check_normal() * (i % D % every ? 1 : factor);
    elcl_ref_store_state(storage, values, bits, ROWS, D, D);
    return elcl_state_loss(storage, bits, ROWS, D, D);
}

static void test_loss(void)
{
    if (!check_case("outliers, loss of rows"))
        return;
    const double int8 = loss_of(ELCL_INT8, D, 1), int4 = loss_of(ELCL_INT4, D, 1);
    CHECK(int8 > 0.004 && int8 < 0.01, "normal rows in int8 lose %g", int8);
    CHECK(int4 > 0.05 && int4 < 0.12, "normal rows in int4 lose %g", int4);
    /* an outlier in each group */
    const double few = loss_of(ELCL_INT8, 256, 30), many = loss_of(ELCL_INT8, 256, 300);
    CHECK(few > int8 && few < ELCL_STATE_LOSS, "30 times as large in int8: %g", few);
    CHECK(many > ELCL_STATE_LOSS && many <= 1, "300 times as large in int8: %g", many);
    CHECK(loss_of(ELCL_INT4, 64, 30) > ELCL_STATE_LOSS, "30 times as large in int4");
    /* where all are large, none is an outlier */
    CHECK(fabs(loss_of(ELCL_INT4, 1, 300) - int4) < 0.01, "300 times as large everywhere");
    CHECK(loss_of(ELCL_INT4, 64, 1e6f) == 1, "not finite");
}

/* Counts the warnings about state. */
static void count(void *user, enum elcl_log_level level, const char *line)
{
    int *n = user;
    *n += level == ELCL_LOG_WARNING && strstr(line, "state loses") != NULL;
}

/* Makes channels of a norm large. */
static bool enlarge(elcl_model *model, const struct elcl_norm *norm, float factor)
{
    const int d = model->arch.d;
    float *weight = elcl_ops_host_memory(model->ops, (size_t)d, sizeof(*weight));
    elcl_error err = {0};
    for (int i = 0; i < d; i++)
        weight[i] = i % 7 ? 1 : factor;
    return CHECK(
        !elcl_ops_upload(model->ops, &norm->weight, weight, (size_t)d * sizeof(*weight), &err) &&
            !elcl_ops_finish(model->ops, &err),
        "%s", err.msg);
}

/* Runs an engine on one source of 20 tokens; returns how often it warned. */
static int warnings(const char *name, const struct setup *setup, float factor,
                    const struct check_options *options)
{
    struct golden golden;
    struct tokens source = {.n = 20};
    struct job job = {.source = &source};
    int n = 0;
    elcl_error err = {0};
    elcl_model *model = NULL;
    if (!golden_load(name, &golden))
        return -1;
    elcl_model_params params = setup_params(setup, options);
    params.log = count;
    params.log_user = &n;
    if (!CHECK(!elcl_model_open(golden.directory, &params, &model, &err), "%s", err.msg))
        return -1;
    const struct elcl_stack_weights *stack =
        model->arch.decoder_only ? &model->weights.decoder : &model->weights.encoder;
    const struct elcl_layer_weights *layer = &stack->layers[stack->n_layers - 1];
    const bool pre = model->arch.decoder_only;
    for (int i = 0; i < source.n; i++)
        source.ids[i] = 4 + i;
    elcl_model_gen_defaults(model, &job.options);
    job.options.max_length = model->arch.decoder_only ? 24 : 8;
    elcl_engine_params engine = elcl_engine_params_default();
    engine.batch_size = 1;
    if (factor == 0 || enlarge(model, pre ? &layer->self_norm : &layer->ffn_norm, factor))
        jobs_run(model, &engine, &job, 1, NULL);
    elcl_model_close(&model);
    golden_finish(&golden);
    return n;
}

static void test_warning(const char *name, enum elcl_attention attention, enum elcl_storage state,
                         const struct check_options *options)
{
    const struct setup setup = {.attention = attention,
                                .kernels = ELCL_KERNELS_CPU,
                                .gemm = ELCL_GEMM_NATIVE,
                                .state = state};
    if (!setup_case("outliers", name, &setup))
        return;
    const bool el = attention == ELCL_ATTN_EL; /* products of outliers spread in keys */
    CHECK(warnings(name, &setup, 0, options) == 0, "warns of the model as it is");
    CHECK(!el || warnings(name, &setup, 1000, options) == 1, "does not warn of outliers");
}

int main(int argc, char **argv)
{
    const struct check_options *options = check_begin(argc, argv);
    test_loss();
    test_warning("tiny-bart", ELCL_ATTN_EL, ELCL_INT4, options);
    test_warning("tiny-bart", ELCL_ATTN_MHA, ELCL_INT8, options);
    test_warning("tiny-gpt2", ELCL_ATTN_EL, ELCL_INT8, options);
    return check_end();
}
