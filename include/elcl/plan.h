/*
 * Plans: device memory and speed of a model, by arithmetic, without its weights and without a
 * device.
 */
#ifndef ELCL_PLAN_H
#define ELCL_PLAN_H

#include "elcl/elcl.h"
#include "elcl/measure.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A model's hyper-parameters: enough to plan its memory without its weights and without a device.
 */
typedef struct elcl_blueprint elcl_blueprint;

/* Reads config.json of a model directory, and nothing else. */
ELCL_API int elcl_blueprint_open(const char *directory, elcl_blueprint **blueprint,
                                 elcl_error *err);
ELCL_API int elcl_blueprint_open_synthetic(const char *name, elcl_blueprint **blueprint,
                                           elcl_error *err);
/* NULLs the pointer; NULL is fine. */
ELCL_API void elcl_blueprint_close(elcl_blueprint **blueprint);

typedef struct elcl_blueprint_info {
    const char *family; /* model_type */
    int max_source;     /* tokens */
    int max_target;     /* tokens, the start token included */
    int vocabulary;
    int source_vocabulary;
    int decoder_only;
    int d, heads, encoder_layers, decoder_layers; /* D, H of the decoder, L of both stacks */
    uint64_t parameters; /* weights; 0 for a directory, whose tensors are not read */
    int default_length;  /* as in elcl_model_info */
    unsigned reserved[7];
} elcl_blueprint_info;

/* Strings are owned by the blueprint. */
ELCL_API void elcl_blueprint_get_info(const elcl_blueprint *blueprint, elcl_blueprint_info *info);

typedef struct elcl_plan_params {
    enum elcl_attention attention;     /* AUTO: as elcl_model_open() with these lengths, beams and
                                        * limits would choose */
    enum elcl_device_type device_type; /* default ELCL_DEVICE_GPU */
    int vector_width; /* of a CPU device, 4, 8 or 16: weights are padded to twice as many columns;
                       * 0: no padding, and the buffers of GPU kernels */
    enum elcl_storage weights, state; /* default ELCL_F32 */
    int batch_size;                   /* 0: the largest within the limits */
    int num_beams;
    int max_source, max_target;  /* tokens, as in elcl_engine_params; 0: the model's usual length */
    uint64_t memory_limit_bytes; /* of all buffers; 0: no limit */
    uint64_t max_alloc_bytes;    /* of one buffer; 0: no limit */
    enum elcl_compute
        compute; /* INT and BF16 count narrow products, AUTO none: it depends on a device */
    const struct elcl_machine *machine; /* measured rates that AUTO decides by; NULL: none */
    unsigned reserved[5];
} elcl_plan_params;

ELCL_API elcl_plan_params elcl_plan_params_default(void);

typedef struct elcl_memory_plan {
    enum elcl_attention attention; /* resolved */
    char reason[256];              /* of the choice that AUTO makes, one sentence; "" where another
                                    * was asked for */
    int batch_size;
    int largest_batch; /* within the limits; 0: not one sentence fits; -1: without a limit */
    int fits;          /* 1: batch_size is within the limits */
    uint64_t weight_bytes;
    uint64_t source_state_bytes; /* shared encoder output (el), or cross keys and values */
    uint64_t self_state_bytes;   /* the decoder's hidden states (el), or its keys and values */
    uint64_t workspace_bytes;    /* everything else */
    uint64_t total_bytes;
    uint64_t largest_buffer_bytes;
    unsigned reserved[8];
} elcl_memory_plan;

/* Memory of an engine on the model, by arithmetic alone: what elcl_engine_create() allocates with
 * the same parameters. ELCL_E_ARG for values outside their range. */
ELCL_API int elcl_plan_memory(const elcl_blueprint *blueprint, const elcl_plan_params *params,
                              elcl_memory_plan *plan, elcl_error *err);

/* The plan of an engine that is there; largest_batch is -1. */
ELCL_API void elcl_engine_get_plan(const elcl_engine *engine, elcl_memory_plan *plan);

typedef struct elcl_prediction {
    double encode_ms; /* the batch's sources (decoder-only: prompts) */
    double step_ms;   /* one decoding step at half the output's length */
    double seconds;   /* of the whole batch */
    double samples_per_second;
    double reserved[4];
} elcl_prediction;

/* What generating max_target - 1 tokens for a batch would take: of each operation its traffic over
 * the bandwidth and its arithmetic over the part of the rate that such kernels reach, the longer of
 * both on GPUs, their sum on CPUs. A prediction, on GPUs a bound from above on speed, no
 * measurement. Sources have max_source tokens; params as for elcl_plan_memory(), batch_size above
 * 0. GEMMs have the rate of the weights' storage and products, attention that of the state's. */
ELCL_API int elcl_predict(const elcl_blueprint *blueprint, const elcl_plan_params *params,
                          const elcl_machine *machine, elcl_prediction *prediction,
                          elcl_error *err);

#ifdef __cplusplus
}
#endif

#endif /* ELCL_PLAN_H */
