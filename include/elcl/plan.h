/*
 * Plans: how much device memory a model needs and how fast it would be, by arithmetic, before you
 * have its weights or a device.
 *
 *     elcl_blueprint *b = NULL;
 *     elcl_plan_params params = elcl_plan_params_default();
 *     elcl_memory_plan plan;
 *     params.memory_limit_bytes = 8ull << 30;
 *     if (!elcl_blueprint_open("facebook/bart-large", &b, &err) &&
 *         !elcl_plan_memory(b, &params, &plan, &err))
 *         printf("%d requests fit\n", plan.batch_size);
 *     elcl_blueprint_close(&b);
 *
 * The conventions of elcl/elcl.h apply.
 */
#ifndef ELCL_PLAN_H
#define ELCL_PLAN_H

#include "elcl/elcl.h"
#include "elcl/measure.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- blueprints ---------------------------------------------------------------------------- */

/* A model's hyper-parameters.
 *
 * Thread-safety: Safe. */
typedef struct elcl_blueprint elcl_blueprint;

/* Reads config.json and generation_config.json of a model directory, and nothing else.
 *
 * ELCL_E_IO:          the directory or config.json is missing or cannot be read.
 * ELCL_E_FORMAT:      a file is damaged or contradicts itself.
 * ELCL_E_UNSUPPORTED: elcl does not support this model type or configuration. */
ELCL_API int elcl_blueprint_open(const char *directory, elcl_blueprint **blueprint,
                                 elcl_error *err);

/* Makes the blueprint of a synthetic model, see elcl_synthetic_name().
 *
 * ELCL_E_ARG: there is no model of this name. */
ELCL_API int elcl_blueprint_open_synthetic(const char *name, elcl_blueprint **blueprint,
                                           elcl_error *err);
ELCL_API void elcl_blueprint_close(elcl_blueprint **blueprint);

typedef struct elcl_blueprint_info {
    const char *family; /* model_type of config.json */
    int max_source;     /* the most source tokens */
    int max_target;     /* the most output tokens, including the start token or the prompt */
    int default_length; /* as in elcl_model_info */
    int vocabulary;     /* tokens that outputs can have */
    int source_vocabulary;
    int decoder_only;                   /* 1: the model has no encoder */
    int input_width;                    /* as in elcl_model_info */
    int d, heads;                       /* width and heads of the decoder */
    int encoder_layers, decoder_layers; /* 0 encoder layers in decoder-only models */
    uint64_t parameters;                /* weights; 0 for a directory, whose tensors are not read */
    unsigned reserved[6];
} elcl_blueprint_info;

/* Describes the blueprint, which owns the strings. */
ELCL_API void elcl_blueprint_get_info(const elcl_blueprint *blueprint, elcl_blueprint_info *info);

/* Returns the floats in a vector of CPU kernels on the device, 4, 8 or 16:
 * elcl_plan_params.vector_width for CPU kernels whose products are not those of CLBlast. */
ELCL_API int elcl_cpu_vector_width(const elcl_device_desc *device);

/* ---- memory -------------------------------------------------------------------------------- */

/* Returns the bytes of the device's memory that models and engines plan with if nobody sets a
 * limit: all of it on CPUs. On other devices 5 % and 256 MiB remain for the driver and for other
 * programs, but at most half. 0: the driver does not say. Reads type and memory_bytes. */
ELCL_API uint64_t elcl_planned_memory(const elcl_device_desc *device);

typedef struct elcl_plan_params {
    enum elcl_attention attention;     /* default ELCL_ATTN_AUTO: what elcl_model_open() would take
                                        * with these lengths, beams and limits */
    enum elcl_device_type device_type; /* default ELCL_DEVICE_GPU */
    int vector_width;                  /* CPU kernels: floats in a vector, 4, 8 or 16. Weights are
                                        * padded to twice as many columns. 0 (default): GPU kernels,
                                        * no padding */
    enum elcl_storage weights;         /* default ELCL_F32 */
    enum elcl_storage state;           /* default ELCL_F32 */
    enum elcl_compute compute;   /* CPU kernels: INT8 and BF16 add buffers for rounded inputs; GPU
                                  * kernels: F16 and BF16 make buffers smaller. AUTO (default)
                                  * counts F32, since it depends on the device */
    int batch_size;              /* requests in flight, 0 .. 2^20; 0 (default): the most that
                                  * the limits allow */
    int num_beams;               /* 1 .. ELCL_MAX_BEAMS, default 1 */
    int max_source, max_target;  /* tokens, as in elcl_engine_params; 0 (default):
                                  * elcl_blueprint_info.default_length */
    uint64_t memory_limit_bytes; /* of all buffers together; 0 (default): no limit */
    uint64_t max_alloc_bytes;    /* of one buffer; 0 (default): no limit */
    int compute_units;           /* of a GPU; more of them encode more source tokens at once,
                                  * which takes memory. 0 (default): as few as on CPUs */
    const elcl_device_rates *rates; /* measured rates for ELCL_ATTN_AUTO; NULL (default): none */
    unsigned reserved[4];
} elcl_plan_params;

ELCL_API elcl_plan_params elcl_plan_params_default(void);

typedef struct elcl_memory_plan {
    enum elcl_attention attention; /* resolved */
    char reason[256];              /* why AUTO chose it, one sentence; "" if you chose it */
    int batch_size;                /* requests in flight */
    int largest_batch;             /* within the limits; 0: not even one request fits; -1: there is
                                    * no limit */
    int fits;                      /* 1: batch_size is within the limits */
    uint64_t weight_bytes;
    uint64_t source_state_bytes; /* encoder output (el), or keys and values of the source */
    uint64_t self_state_bytes;   /* the decoder's hidden states (el), or its keys and values */
    uint64_t workspace_bytes;    /* everything else */
    uint64_t total_bytes;        /* of these four */
    uint64_t largest_buffer_bytes;
    unsigned reserved[8];
} elcl_memory_plan;

/* Computes the device memory of a model and an engine: what elcl_model_open() and
 * elcl_engine_create() allocate with the same parameters.
 *
 * ELCL_E_ARG: a parameter is outside its range, or batch_size and both limits are 0. */
ELCL_API int elcl_plan_memory(const elcl_blueprint *blueprint, const elcl_plan_params *params,
                              elcl_memory_plan *plan, elcl_error *err);

/* Writes the plan of an existing engine. Its largest_batch is -1. */
ELCL_API void elcl_engine_get_plan(const elcl_engine *engine, elcl_memory_plan *plan);

/* ---- speed --------------------------------------------------------------------------------- */

typedef struct elcl_prediction {
    double encode_ms; /* to encode the sources (decoder-only: prompts) of the batch */
    double step_ms;   /* of one decoding step at half the output's length */
    double seconds;   /* for the whole batch */
    double samples_per_second;
    double reserved[4];
} elcl_prediction;

/* Predicts how long one batch takes: sources of max_source tokens, and max_target - 1 generated
 * tokens each.
 *
 * params:  as for elcl_plan_memory(), with batch_size above 0.
 * rates:   from a data sheet or from elcl_stored_rates().
 *
 * Each operation takes the time for its memory traffic, and the time for its arithmetic at the
 * fraction of the peak rate that such kernels reach: the longer of both on GPUs, the sum of both on
 * CPUs. Matrix products use the rate of the weights' storage and compute type, attention the rate
 * of the state's storage. GPU kernels count at their full rate, so the speed on GPUs is an upper
 * bound.
 *
 * ELCL_E_ARG: a parameter or rate is outside its range, batch_size is 0, or max_target is 1. */
ELCL_API int elcl_predict(const elcl_blueprint *blueprint, const elcl_plan_params *params,
                          const elcl_device_rates *rates, elcl_prediction *prediction,
                          elcl_error *err);

#ifdef __cplusplus
}
#endif

#endif /* ELCL_PLAN_H */
