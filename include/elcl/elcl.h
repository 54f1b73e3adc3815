/*
 * elcl: text generation with EL-attention on any OpenCL device.
 *
 * elcl opens a Hugging Face model directory (BART, Marian, mBART, T5, GPT-2 and others), runs it
 * on a GPU or CPU through OpenCL, and returns what transformers' generate() would return. This is
 * a whole program:
 *
 *     #include <elcl/elcl.h>
 *     #include <stdio.h>
 *
 *     int main(void)
 *     {
 *         elcl_error err = {0};
 *         elcl_model *model = NULL;
 *         char *text = NULL;
 *         if (elcl_model_open("models/g2p-en", NULL, &model, &err) ||
 *             elcl_generate(model, "attention", NULL, &text, &err))
 *             fprintf(stderr, "%s\n", err.msg);
 *         else
 *             puts(text);
 *         elcl_free(text);
 *         elcl_model_close(&model);
 *         return err.code != 0;
 *     }
 *
 * Build it with: cc program.c $(pkg-config --cflags --libs elcl). The folder examples/ has more.
 *
 * This header follows the order of work: open a model, encode and decode text, choose generation
 * options, generate. elcl_generate() handles one text. An engine handles many texts at a time,
 * which is much faster. A pool spreads them over several devices. A scorer computes how likely
 * given texts are.
 *
 * Other headers: elcl/options.h (generation options by name), elcl/measure.h (statistics, profiles,
 * device speed, tuning), elcl/plan.h (memory and speed of a model before you open it),
 * elcl/selftest.h (is this driver correct?), elcl/speech.h (sounds and their features),
 * elcl/transcribe.h (text of speech).
 *
 * Errors: a function that can fail returns ELCL_OK (0) or a negative ELCL_E_* code, and writes one
 * sentence to `err`, which may be NULL. It writes its outputs only if it succeeds. Each function
 * lists its codes, except for three: any function may return ELCL_E_NOMEM or ELCL_E_INTERNAL, and
 * ELCL_E_ARG for a NULL pointer where NULL is not allowed. The library never prints, exits or
 * aborts.
 *
 * Ownership: free what _create() or _open() gave you with the _destroy() or _close() function of
 * the same object. These set your pointer to NULL, and do nothing if it is NULL already. Free
 * memory with elcl_free() where a function says so. All other strings and arrays belong to the
 * object that you got them from.
 *
 * Parameters: start from the _default() function of a params struct, then change fields. Fields
 * named `reserved` must stay 0. A params struct only needs to live until the call returns. If it
 * may be NULL, NULL means the defaults.
 *
 * Units: text is UTF-8, and its size is in bytes. Lengths of sources and outputs are in tokens.
 * Comments such as [n] or [rows, width] give the shape of an array.
 *
 * Thread-safety: each object says which calls may run at the same time. "Unsafe" means that only
 * one thread at a time may use the object. Functions without an object may be called from any
 * thread.
 */
#ifndef ELCL_ELCL_H
#define ELCL_ELCL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(ELCL_BUILD) && defined(__GNUC__)
#define ELCL_API __attribute__((visibility("default")))
#else
#define ELCL_API
#endif

/* ---- version ------------------------------------------------------------------------------- */

/* The version of these headers. */
#define ELCL_VERSION_MAJOR 0
#define ELCL_VERSION_MINOR 2
#define ELCL_VERSION_PATCH 0

/* The version of the interface. Two releases are binary compatible if and only if this number is
 * the same: it changes with the minor version, and so does the name of the shared library. */
#define ELCL_API_VERSION (100 * ELCL_VERSION_MAJOR + ELCL_VERSION_MINOR)

/* Returns ELCL_API_VERSION of the library that the program runs with. */
ELCL_API int elcl_api_version(void);

/* Returns the version of that library, for example "0.2.0". */
ELCL_API const char *elcl_version(void);

/* ---- errors, log, memory ------------------------------------------------------------------- */

enum elcl_status {
    ELCL_OK = 0,
    ELCL_E_ARG = -1,          /* the caller passed a value outside its range */
    ELCL_E_IO = -2,           /* a file cannot be opened, read or written */
    ELCL_E_FORMAT = -3,       /* a file or text contradicts its format or the model */
    ELCL_E_UNSUPPORTED = -4,  /* valid, but elcl or this model cannot do it */
    ELCL_E_NOMEM = -5,        /* host memory ran out */
    ELCL_E_DEVICE_NOMEM = -6, /* device memory, or the memory limit, is too small */
    ELCL_E_DEVICE = -7,       /* an OpenCL call failed, or no device matches */
    ELCL_E_BUILD = -8,        /* the driver's compiler rejected a kernel */
    ELCL_E_INTERNAL = -9,     /* a bug in elcl */
    ELCL_E_INTERRUPTED = -10  /* the caller asked the call to stop */
};

/* Start with {0}. The first error wins: functions do not overwrite one that is already there. */
typedef struct elcl_error {
    int code;      /* enum elcl_status */
    char msg[512]; /* one sentence: which file, tensor or option, what was expected and found */
} elcl_error;

enum elcl_log_level { ELCL_LOG_WARNING, ELCL_LOG_INFO, ELCL_LOG_DEBUG };

/* Receives one line of the log, without a newline. May be called from any thread that uses the
 * model. */
typedef void (*elcl_log_fn)(void *user, enum elcl_log_level level, const char *line);

/* Frees memory that the library allocated for you. NULL is fine. */
ELCL_API void elcl_free(void *memory);

/* ---- devices ------------------------------------------------------------------------------- */

enum elcl_device_type { ELCL_DEVICE_CPU, ELCL_DEVICE_GPU, ELCL_DEVICE_OTHER };

/* What the driver reports about a device. A field is 0 or "" if the driver does not know it. */
typedef struct elcl_device_desc {
    int index;            /* position in the list of all platforms' devices */
    const char *name;     /* CL_DEVICE_NAME */
    const char *platform; /* CL_PLATFORM_NAME */
    const char *vendor;
    const char *driver;     /* CL_DRIVER_VERSION */
    const char *version;    /* CL_DEVICE_VERSION */
    const char *extensions; /* separated by blanks */
    enum elcl_device_type type;
    uint64_t memory_bytes;
    uint64_t max_alloc_bytes; /* the largest single buffer */
    uint64_t local_bytes;     /* local memory of one work-group */
    uint64_t cache_bytes;     /* the global memory cache */
    uint32_t compute_units;
    uint32_t clock_mhz;
    uint32_t max_work_group; /* work-items in the largest work-group */
    uint32_t vector_width;   /* floats in a native vector */
    int unified_memory;      /* 1: the device shares memory with the host */
    int is_default;          /* 1: elcl_model_open() takes this device if you name none */
    int gpu_kernels;         /* 1: ELCL_KERNELS_AUTO means GPU kernels here, 0: CPU kernels */
} elcl_device_desc;

/* The devices of all OpenCL platforms at the time of the call.
 *
 * Thread-safety: Safe, except elcl_device_list_probe() of elcl/measure.h and the destructor. */
typedef struct elcl_device_list elcl_device_list;

/* Lists all devices. Platforms without devices are skipped, and an empty list is no error.
 *
 * ELCL_E_DEVICE: the OpenCL platforms cannot be listed. */
ELCL_API int elcl_device_list_create(elcl_device_list **list, elcl_error *err);
ELCL_API void elcl_device_list_destroy(elcl_device_list **list);

/* Returns the number of devices; 0 if the list is NULL. */
ELCL_API int elcl_device_list_count(const elcl_device_list *list);

/* Returns device i, or NULL unless i is 0 .. count-1. The list owns the description. */
ELCL_API const elcl_device_desc *elcl_device_list_get(const elcl_device_list *list, int i);

/* Finds the device that elcl_model_open() would take for `device`, and writes its position in the
 * list to *i.
 *
 * device: an index, part of a device's or platform's name in any case, "cpu" or "gpu". NULL or "":
 *         the default device. If several match, a GPU comes before a CPU.
 *
 * ELCL_E_DEVICE: no device matches, or there is none. */
ELCL_API int elcl_device_list_find(const elcl_device_list *list, const char *device, int *i,
                                   elcl_error *err);

/* ---- models -------------------------------------------------------------------------------- */

/* How the decoder's attention stores what it attends to. All variants give the same outputs, up to
 * rounding. */
enum elcl_attention {
    ELCL_ATTN_AUTO,     /* the variant that elcl expects to be fastest, see elcl_model_open() */
    ELCL_ATTN_EL,       /* EL-attention: hidden states, the source's once for all beams and heads */
    ELCL_ATTN_MHA,      /* keys and values, the source's once for all beams */
    ELCL_ATTN_MHA_BEAM, /* keys and values of each beam, as most libraries store them */
};

/* Who multiplies matrices. */
enum elcl_gemm {
    ELCL_GEMM_AUTO,    /* CLBlast if there are enough rows to make it faster, else native */
    ELCL_GEMM_CLBLAST, /* the CLBlast library */
    ELCL_GEMM_NATIVE,  /* elcl's own kernels: the same bits in any batch */
};

/* Which set of kernels. Both are correct on any device, and each is fast on its own kind. */
enum elcl_kernels {
    ELCL_KERNELS_AUTO, /* by elcl_device_desc.gpu_kernels */
    ELCL_KERNELS_CPU,  /* work-groups of one work-item, wide vectors */
    ELCL_KERNELS_GPU,  /* tiles in local memory */
};

/* Types in which numbers are stored on the device. */
enum elcl_storage {
    ELCL_F32,
    ELCL_F16,
    ELCL_BF16,
    ELCL_INT8, /* weights: integers in -127 .. 127 and an f32 factor for each output channel; state:
                * integers in 0 .. 255, an f16 factor and an f16 offset for 256 elements */
    ELCL_INT4, /* weights: integers in -8 .. 7 and an f16 factor for 32 inputs of an output channel,
                * with token embeddings, the head and convolutions in INT8; state: integers in 0 ..
                * 15, an f16 factor and an f16 offset for 64 elements */
};

/* Types in which matrix products are computed. Sums are f32 (int8: int). F16 works only with GPU
 * kernels, INT8 and BF16 with both kinds; all need weights of that type and do not go with
 * CLBlast. Elsewhere the type is F32, and a warning goes to the log. With F16 and BF16 GPU
 * kernels keep what only products read in 16 bits. */
enum elcl_compute {
    ELCL_COMPUTE_AUTO, /* CPU kernels: INT8 or BF16 if the device has an instruction that was
                        * measured to pay; GPU kernels: F16 or BF16 if it has a matrix instruction
                        */
    ELCL_COMPUTE_F32,  /* inputs stay in f32 */
    ELCL_COMPUTE_INT8, /* int8 and int4 weights: inputs are rounded to int8 with a factor for each
                        * row */
    ELCL_COMPUTE_BF16, /* bf16 weights: inputs are rounded to bf16, sums are f32 */
    ELCL_COMPUTE_F16,  /* f16 weights: inputs are rounded to f16, sums are f32 */
};

typedef struct elcl_model_params {
    const char *device;            /* as in elcl_device_list_find(), default NULL */
    enum elcl_attention attention; /* default ELCL_ATTN_AUTO */
    enum elcl_gemm gemm;           /* default ELCL_GEMM_AUTO */
    enum elcl_kernels kernels;     /* default ELCL_KERNELS_AUTO */
    enum elcl_storage weights;     /* default ELCL_F32 */
    enum elcl_storage state;       /* encoder output and caches; default ELCL_F32 */
    enum elcl_compute compute;     /* default ELCL_COMPUTE_AUTO */
    uint64_t memory_limit_bytes;   /* of all device buffers together; 0 (default): the device's
                                    * memory, and plans leave some for others, see
                                    * elcl_planned_memory() in elcl/plan.h */
    /* Expected workload. Used only to resolve ELCL_ATTN_AUTO. 0 (default): beams and output length
     * from the model's own generation options, its default source length, and a batch that keeps
     * the device busy. Values beyond the model's limits are reduced to them. */
    int expected_batch, expected_beams, expected_source, expected_target;
    /* A directory for outputs of the encoder; NULL (default): they are not kept. Sources that this
     * model has encoded before, in any process, are then read from there and give the same tokens,
     * bit for bit. Created with mode 700. A warning says that a directory is not used because
     * others may write to it, or that the disk is full. No effect on decoder-only models. The
     * outputs tell nearly as much as the texts from which they were made. */
    const char *encoder_cache;
    uint64_t encoder_cache_bytes; /* of its files, 1 MiB or more; the least recently used ones are
                                   * removed; 0 (default): 4 GiB */
    int no_cache; /* 1: compile every kernel from source and store nothing; default 0 */
    int no_matrix_instructions; /* 1: do not use the matrix instructions of a GPU; default 0. So
                                 * does ELCL_MATRIX_INSTRUCTIONS=off in the environment */
    int profile;     /* 1: as elcl_engine_params.profile, for all engines on the model; default 0 */
    elcl_log_fn log; /* default NULL: no log */
    void *log_user;  /* first argument of log */
    unsigned reserved[2];
} elcl_model_params;

ELCL_API elcl_model_params elcl_model_params_default(void);

/* A model on a device: weights, kernels, tokenizer.
 *
 * Thread-safety: Safe. Several threads may share a model, each with engines and scorers of its own.
 * Close it only after all of these are destroyed. */
typedef struct elcl_model elcl_model;

/* Opens a Hugging Face model directory: reads config.json, the tokenizer and the safetensors or
 * PyTorch weights, builds the kernels and uploads the weights. Blocks until the model is ready.
 *
 * directory: a local path, also of a directory of CTranslate2, a package of argostranslate, a file
 *            of whisper.cpp or a GGUF file.
 * params:    may be NULL.
 *
 * ELCL_ATTN_AUTO is resolved here, since the layout of the weights depends on it. If the device has
 * been tuned (elcl_tune() in elcl/measure.h), elcl takes the variant that elcl_predict() finds
 * fastest, each at the largest useful batch that fits into memory. Otherwise it takes
 * ELCL_ATTN_MHA on CPUs and ELCL_ATTN_EL elsewhere, unless too small a batch of that fits and
 * another variant is predicted to be faster with default rates for this type of device. State in
 * ELCL_INT4 is read only by ELCL_ATTN_EL, which AUTO takes then.
 *
 * If state in ELCL_INT8 or ELCL_INT4 rounds a sample of the model's own rows badly, a warning goes
 * to the log.
 *
 * ELCL_E_ARG:          params->encoder_cache_bytes is too small.
 * ELCL_E_IO:           the directory or one of its files is missing or cannot be read.
 * ELCL_E_FORMAT:       a file is damaged, or contradicts the configuration.
 * ELCL_E_UNSUPPORTED:  elcl does not support this model type, tokenizer or configuration, cannot
 *                      run these kernels on this device's driver, or params->attention cannot read
 *                      params->state.
 * ELCL_E_DEVICE:       no device matches, or an OpenCL call failed.
 * ELCL_E_BUILD:        the driver's compiler rejected a kernel.
 * ELCL_E_DEVICE_NOMEM: the weights do not fit. */
ELCL_API int elcl_model_open(const char *directory, const elcl_model_params *params,
                             elcl_model **model, elcl_error *err);
ELCL_API void elcl_model_close(elcl_model **model);

typedef struct elcl_model_info {
    const char *family; /* model_type of config.json */
    const char *device; /* its name, driver and platform */
    const char *driver;
    const char *platform;
    enum elcl_attention attention; /* resolved, never AUTO */
    const char *attention_reason;  /* why AUTO chose it, one sentence; "" if you chose it */
    enum elcl_gemm gemm;           /* AUTO: CLBlast for many rows, native for few */
    enum elcl_kernels kernels;     /* resolved */
    enum elcl_storage weights;
    enum elcl_storage state;
    enum elcl_compute compute; /* resolved */
    int max_source;            /* the most source tokens; with inputs the most outputs of the
                                * encoder */
    int max_target;            /* the most output tokens, including the start token or the prompt:
                                * one more than the positions, since the last needs none */
    int default_length;        /* what an engine takes if its max_source or max_target is 0, but at
                                * most the limits above; below them if the model's positions have
                                * no end */
    int input_width;           /* numbers of one input of the encoder; 0: it reads tokens */
    int width;                 /* numbers of one output of the encoder */
    int vocabulary;            /* tokens that outputs can have */
    int source_vocabulary;     /* tokens that sources can have; may differ from vocabulary */
    int has_tokenizer;         /* 0: the model works on token ids only */
    int source_end;            /* special tokens at the end of every source that elcl_encode()
                                * returns */
    int decoder_only;          /* 1: the model has no encoder and continues its source */
    int32_t text_start;        /* decoder-only: the token that starts a text when nothing else
                                * does, as in training; -1: elcl_encode() adds it, or there is
                                * none */
    uint64_t weight_bytes;     /* on the device */
} elcl_model_info;

/* Describes the model. The model owns the strings. */
ELCL_API void elcl_model_get_info(const elcl_model *model, elcl_model_info *info);

/* ---- text ---------------------------------------------------------------------------------- */

/* Encodes a text into the token ids of a source, with the special tokens that the model expects
 * around it. Decoder-only models expect none; there an empty text becomes the token that starts a
 * text.
 *
 * text, n: n bytes of UTF-8, at most 2^30 - 1. May be NULL if n is 0.
 * ids:     receives the array; free it with elcl_free().
 *
 * ELCL_E_ARG:         the text is too long.
 * ELCL_E_FORMAT:      the text is not UTF-8, or the vocabulary lacks a token that it needs.
 * ELCL_E_UNSUPPORTED: the model has no tokenizer. */
ELCL_API int elcl_encode(const elcl_model *model, const char *text, size_t n, int32_t **ids,
                         size_t *n_ids, elcl_error *err);

/* Encodes a source for a multilingual model.
 *
 * source, target: languages, spelled as the model spells them ("en_XX" in mBART, "en" in M2M-100,
 *                 "eng_Latn" in NLLB, "fra" in Marian). NULL: as tokenizer_config.json says.
 *
 * Marian's sources start with the target's language; the sources of the other models name their own
 * language. For the language of the output, call elcl_gen_options_language() as well.
 *
 * ELCL_E_ARG: as elcl_encode(); or the model does not know the language, or has no languages.
 * ELCL_E_FORMAT, ELCL_E_UNSUPPORTED: as elcl_encode(). */
ELCL_API int elcl_encode_lang(const elcl_model *model, const char *text, size_t n,
                              const char *source, const char *target, int32_t **ids, size_t *n_ids,
                              elcl_error *err);

/* Lists the languages of the model in a directory. Reads only the tokenizer and needs no device.
 *
 * codes: receives the languages' codes, each with a line end, or "" if the model has none; free it
 *        with elcl_free().
 *
 * ELCL_E_FORMAT, ELCL_E_IO, ELCL_E_UNSUPPORTED: the tokenizer cannot be read. */
ELCL_API int elcl_languages(const char *directory, char **codes, elcl_error *err);

/* The languages that a model of one direction translates between. */
typedef struct elcl_direction {
    char source[64], target[64];           /* codes as the files spell them; "": they name none */
    char source_name[64], target_name[64]; /* in English; "": they have none */
} elcl_direction;

/* Reads which languages the files of a model name: metadata.json of a package of argostranslate
 * (with the languages' names), langs of config.json (FSMT), or source_lang and target_lang of
 * tokenizer_config.json (Marian). A code may stand for several languages: "mul", "ROMANCE",
 * "cat_oci_spa". All are "" if the files name no direction. Needs no device.
 *
 * directory: as for elcl_model_open().
 *
 * ELCL_E_FORMAT, ELCL_E_IO: a file cannot be read. */
ELCL_API int elcl_direction_read(const char *directory, elcl_direction *direction, elcl_error *err);

/* Encodes a text as an encoder-decoder model would output it after the start token: in the output's
 * vocabulary, with the language token first if outputs start with one, and the end token last. This
 * is what training takes as labels and elcl_scorer_run() as target.
 *
 * target: the output's language; NULL: the one that the configuration forces.
 *
 * ELCL_E_ARG:         as elcl_encode_lang(); or the model is decoder-only, or its outputs start
 *                     with a language and none is known.
 * ELCL_E_FORMAT:      as elcl_encode().
 * ELCL_E_UNSUPPORTED: the model has no tokenizer, or one that encodes only sources. */
ELCL_API int elcl_encode_target(const elcl_model *model, const char *text, size_t n,
                                const char *target, int32_t **ids, size_t *n_ids, elcl_error *err);

/* Decodes token ids into text. Leaves out special tokens, and ids that have no token because the
 * vocabulary is padded. Writes U+FFFD for bytes that are not UTF-8.
 *
 * ids:  may be NULL if n_ids is 0.
 * text: receives a NUL-terminated string; free it with elcl_free().
 *
 * ELCL_E_ARG:         an id is below 0.
 * ELCL_E_UNSUPPORTED: the model has no tokenizer. */
ELCL_API int elcl_decode(const elcl_model *model, const int32_t *ids, size_t n_ids, char **text,
                         elcl_error *err);

/* The text of an output while its tokens arrive, for elcl_token_fn. Texts have whole characters,
 * and nothing in them changes later: what may change waits (the bytes of a character, a blank that
 * clean-up may remove). All texts together are what elcl_decode() makes of all tokens.
 *
 * Thread-safety: Unsafe, but streams on one model may run in different threads at once. */
typedef struct elcl_text_stream elcl_text_stream;

/* Creates a stream on a model, which must outlive it.
 *
 * ELCL_E_UNSUPPORTED: the model has no tokenizer. */
ELCL_API int elcl_text_stream_create(const elcl_model *model, elcl_text_stream **stream,
                                     elcl_error *err);
ELCL_API void elcl_text_stream_destroy(elcl_text_stream **stream);

/* Adds tokens.
 *
 * ids:  [n_ids]
 * text: receives what is new, NUL-terminated and often empty. The stream owns it; it is valid until
 *       the stream's next call.
 *
 * ELCL_E_ARG: an id is below 0. */
ELCL_API int elcl_text_stream_add(elcl_text_stream *stream, const int32_t *ids, size_t n_ids,
                                  const char **text, elcl_error *err);
/* Gives the rest of the text after the last token, and resets the stream for another output.
 *
 * text: as for elcl_text_stream_add(). */
ELCL_API int elcl_text_stream_end(elcl_text_stream *stream, const char **text, elcl_error *err);

/* A model's tokenizer without the model: needs no weights and no device. Threads may share it. */
typedef struct elcl_codec elcl_codec;

/* Opens the tokenizer of a directory. config.json may be missing there.
 *
 * ELCL_E_FORMAT, ELCL_E_IO, ELCL_E_UNSUPPORTED: the tokenizer cannot be read, or there is none. */
ELCL_API int elcl_codec_open(const char *directory, elcl_codec **codec, elcl_error *err);
ELCL_API void elcl_codec_close(elcl_codec **codec);

typedef struct elcl_codec_options {
    const char *source,
        *target;           /* languages, as elcl_encode_lang() takes them; NULL: the model's */
    int as_target;         /* 1: encode as elcl_encode_target() does */
    int no_special_tokens; /* 1: encode: add no tokens around the text; decode: leave special
                            * tokens out */
} elcl_codec_options;

/* Encodes a text. The ids are those of elcl_encode_lang() or elcl_encode_target(); ids that the
 * model has no row for are not refused.
 *
 * options: NULL: all zero.
 * ids:     receives the array; free it with elcl_free(). */
ELCL_API int elcl_codec_encode(const elcl_codec *codec, const char *text, size_t n,
                               const elcl_codec_options *options, int32_t **ids, size_t *n_ids,
                               elcl_error *err);
/* Decodes the ids of an output, with its special tokens unless an option leaves them out. */
ELCL_API int elcl_codec_decode(const elcl_codec *codec, const int32_t *ids, size_t n_ids,
                               const elcl_codec_options *options, char **text, elcl_error *err);
/* Returns a token's n bytes as the vocabulary spells them, not NUL-terminated and owned by the
 * codec; NULL if there is no such token. */
ELCL_API const char *elcl_codec_token(const elcl_codec *codec, int32_t id, int as_target,
                                      size_t *n);

/* ---- generation options -------------------------------------------------------------------- */

#define ELCL_MAX_EOS 32
#define ELCL_MAX_BEAMS 64

/* When beam search ends: Hugging Face's early_stopping. */
enum elcl_early_stopping {
    ELCL_EARLY_FALSE, /* when a better hypothesis is unlikely */
    ELCL_EARLY_TRUE,  /* when num_beams hypotheses are finished */
    ELCL_EARLY_NEVER, /* when a better hypothesis is impossible */
};

/* Whose rules a search follows: transformers' generate() or fairseq's SequenceGenerator. */
enum elcl_search_style { ELCL_STYLE_HF, ELCL_STYLE_FAIRSEQ };

/* Token ids in the caller's memory. */
typedef struct elcl_tokens {
    const int32_t *ids; /* [n] */
    int n;
} elcl_tokens;

/* Options of one request. Get the model's own with elcl_model_gen_defaults() and change them.
 *
 * Names and meanings are those of Hugging Face's generate(). With ELCL_STYLE_FAIRSEQ they are those
 * of fairseq's SequenceGenerator: set that style with elcl_gen_options_fairseq(). docs/options.md
 * compares both. Lengths count tokens, including the decoder's start token. -1 as a token id means
 * none.
 *
 * In decoder-only models the source (the prompt) takes the place of the start token. max_length and
 * min_length count all its tokens, max_new_tokens and min_new_tokens count none of them,
 * decoder_start_token_id has no effect, forced_bos_token_id applies only after a prompt of one
 * token, and the rules against repetition see the prompt. */
typedef struct elcl_gen_options {
    /* Search. */
    enum elcl_search_style search_style;
    int num_beams;            /* 1 .. ELCL_MAX_BEAMS; 1: greedy search, or sampling */
    int num_return_sequences; /* 1 .. num_beams; sampling without beams: 1 .. ELCL_MAX_BEAMS */
    float length_penalty;     /* beam search divides a score by length^length_penalty */
    enum elcl_early_stopping early_stopping;
    float patience;          /* beam search ends with patience * num_beams hypotheses, 0.01 .. 100;
                              * 0 or 1: off. Not with groups or sampling */
    int num_beam_groups;     /* divides num_beams; 0 or 1: off; more: diverse beam search */
    float diversity_penalty; /* above 0 with groups, 0 without */

    /* Sampling. The other options of this group have no effect without do_sample. A token is drawn
     * from those that all of them keep; tokens of equal score are kept or dropped together. */
    int do_sample;     /* 1: draw tokens; with num_beams above 1, draw candidates of beams */
    float temperature; /* scores are divided by it, 1e-6 .. 1e6 */
    int top_k;         /* keep the k best tokens; 0: off. Hugging Face's default is 50 */
    float top_p;       /* keep the fewest tokens of at least this probability, 0 .. 1; 1: off */
    float min_p;       /* keep tokens of at least this fraction of the best token's probability,
                        * 0 .. 1; 0: off */
    float typical_p;   /* keep the most typical tokens of this probability, above 0 .. 1; 1: off */
    uint64_t seed;     /* of the random numbers */

    /* Lengths, for Hugging Face's style only. */
    int max_length;
    int max_new_tokens; /* replaces max_length; 0: not set */
    int min_length;
    int min_new_tokens; /* replaces min_length; 0: not set */

    /* Special tokens. */
    int32_t decoder_start_token_id;
    int32_t forced_bos_token_id; /* the first token after the start token */
    int32_t forced_eos_token_id; /* the last token at the maximum length */
    int32_t pad_token_id;
    int n_eos;
    int32_t eos_token_ids[ELCL_MAX_EOS]; /* [n_eos] each ends an output */

    /* Rules. */
    int no_repeat_ngram_size;         /* no n-gram occurs twice; 0: off */
    float repetition_penalty;         /* above 0; repeated tokens lose if it is above 1; 1: off */
    float presence_penalty;           /* subtracted from a token that was generated, -100 .. 100;
                                       * 0: off */
    float frequency_penalty;          /* subtracted each time that it was, -100 .. 100; 0: off */
    int encoder_no_repeat_ngram_size; /* no n-gram of the source is generated; 0: off */
    float encoder_repetition_penalty; /* above 1 favors the source's tokens, 0.001 .. 1000; 0 or 1:
                                       * off */
    /* Timestamps of Whisper: every token from timestamp_begin_token_id on is one. They come in
     * pairs, never fall, begin the output, and win if they are together more likely than every
     * other token. As WhisperTimeStampLogitsProcessor of transformers. */
    int32_t timestamp_begin_token_id; /* 0 or -1: no token is a timestamp, and the next two options
                                       * have no effect */
    int32_t no_timestamps_token_id;   /* never generated; -1: none */
    int max_initial_timestamp;        /* the first timestamp is at most this one, counted from 0;
                                       * -1: any */
    int ban_pad;                      /* 1: never generate pad_token_id (bad_words_ids [[pad]]).
                                       * Always so in fairseq style, where this must be 0 */
    int renormalize_logits;           /* 1: beam scores sum log-softmax of what the rules leave */

    /* Lists. The caller owns what they point to: elcl_engine_submit() and elcl_generate() copy it.
     * The lists of elcl_model_gen_defaults() belong to the model. */
    const elcl_tokens *bad_words; /* [n_bad_words] sequences that are never completed */
    int n_bad_words;
    elcl_tokens suppress_tokens;       /* never generated */
    elcl_tokens begin_suppress_tokens; /* not generated as the first token (after a forced BOS) */
    /* Tokens that every output starts with, after the start token. Lengths count them as they count
     * the start token, and they add nothing to the score (decoder_input_ids). In fairseq style
     * (prefix_tokens) they add their log-probabilities and count as generated, and a pad_token_id
     * leaves its position free. Not for decoder-only models, which continue the source. */
    elcl_tokens prefix;
    const elcl_tokens *alternatives; /* [n_alternatives] the tokens allowed as the first, second,
                                      * ... generated token; later tokens are free */
    int n_alternatives;
    const char *const *stop_strings; /* [n_stop_strings] UTF-8: an output ends with the token that
                                      * completes one of them; only with num_beams 1 */
    int n_stop_strings;

    /* Fairseq's style only, 0 in Hugging Face's. Lengths count neither start token nor EOS. */
    int min_len;
    float max_len_a; /* an output has at most max_len_a * source length + max_len_b tokens;
                      * 0 .. 64, five digits after the point count */
    int max_len_b;
    float unk_penalty;    /* subtracted from unk_token_id */
    int32_t unk_token_id; /* has no effect if unk_penalty is 0 */

    int token_logprobs; /* 1: results give each token's log-probability */
    int no_prompt;      /* 1: ids, text and log-probabilities of decoder-only models begin after the
                         * prompt; no effect in other models */
    int alignments;     /* 1: results give what the decoder attends to in the source. Not for
                         * decoder-only models */
    int scores_after_rules; /* 1: greedy search and sampling without beams sum log-softmax of what
                             * the rules leave, before temperature and cut-offs, as Whisper's
                             * average log-probability does */
    /* Results give the probability that the model, before rules, sees in no_speech_token_id after
     * the first no_speech_length tokens of start token and prefix; 0: off. For Hugging Face's
     * style. */
    int no_speech_length;
    int32_t no_speech_token_id;
    unsigned reserved[6];
} elcl_gen_options;

/* Writes the model's options: generation_config.json over config.json over Hugging Face's
 * defaults. */
ELCL_API void elcl_model_gen_defaults(const elcl_model *model, elcl_gen_options *options);

/* Makes outputs be in the language `target`: sets forced_bos_token_id (mBART-50, M2M-100, NLLB) or
 * decoder_start_token_id (mBART) to its token. Does not change Marian's options, since its
 * sources name the language: call elcl_encode_lang(). A forced token only follows the start token,
 * so a prefix for mBART-50, M2M-100 and NLLB begins with the language itself.
 *
 * ELCL_E_ARG:         the model does not know the language, has no languages, or reads speech:
 *                     see elcl_transcribe_options.language.
 * ELCL_E_UNSUPPORTED: the model has no tokenizer. */
ELCL_API int elcl_gen_options_language(const elcl_model *model, const char *target,
                                       elcl_gen_options *options, elcl_error *err);

/* Turns options into fairseq's style with fairseq's defaults: min_len 1, max_len_a 0, max_len_b
 * 200, unk_penalty 0, diversity_penalty 0.5 with groups. Keeps num_beams, num_beam_groups,
 * length_penalty, no_repeat_ngram_size and the special tokens. Switches off what fairseq does not
 * have: the other lengths, early_stopping, repetition_penalty and the other penalties, bad words,
 * suppressed tokens, alternatives, stop strings, do_sample and forced_eos_token_id. Forces no first
 * token; if you set forced_bos_token_id afterwards, that is the first token at its own
 * log-probability. */
ELCL_API void elcl_gen_options_fairseq(elcl_gen_options *options);

/* ---- one text ------------------------------------------------------------------------------ */

/* Generates from one text and returns the text of the best hypothesis. Creates an engine for the
 * call: use an engine of your own for many texts.
 *
 * text:    NUL-terminated UTF-8.
 * options: may be NULL: the model's own.
 * out:     receives a NUL-terminated string; free it with elcl_free().
 *
 * ELCL_E_ARG:          an option is outside its range, or the text is too long for the model.
 * ELCL_E_FORMAT:       the text is not UTF-8.
 * ELCL_E_UNSUPPORTED:  the model has no tokenizer.
 * ELCL_E_DEVICE_NOMEM: the engine does not fit into device memory.
 * ELCL_E_DEVICE:       an OpenCL call failed, or the model's output is not finite. */
ELCL_API int elcl_generate(elcl_model *model, const char *text, const elcl_gen_options *options,
                           char **out, elcl_error *err);

/* ---- engines: many texts ------------------------------------------------------------------- */

/* Why an output ended: at an EOS token, at its maximum length, or at a stop string. */
enum elcl_finish_reason { ELCL_FINISH_EOS, ELCL_FINISH_LENGTH, ELCL_FINISH_STOP };

/* A token sequence that a search found. */
typedef struct elcl_hypothesis {
    const int32_t *ids; /* [n_ids] with the start token or the prompt, and with EOS if generated */
    size_t n_ids;
    float score; /* beam search: log-probability / length^length_penalty. Greedy search and
                  * sampling: log-probability by the model, before rules, temperature and cut-offs;
                  * see also elcl_gen_options.scores_after_rules. Without the prompt's */
    enum elcl_finish_reason finish;
    /* [n_ids] what each token added to the sum of the score; NULL without
     * elcl_gen_options.token_logprobs; NAN for the start token, the prompt and other tokens without
     * a score. Forced tokens and those of a prefix have one: 0 in beam search of Hugging Face's
     * style. Without the penalty of diverse beam search. */
    const float *token_logprobs;
    size_t n_generated; /* how many of the ids follow start token, prompt and prefix, EOS included;
                         * in fairseq style the prefix counts as generated */
    /* [n_ids - 1, n_source] what the decoder attends to in the source when it predicts each token
     * after the start token (those of a prefix and EOS too), by one layer's cross attention. Each
     * row sums to 1. NULL without elcl_gen_options.alignments. */
    const float *alignments;
} elcl_hypothesis;

/* The outputs of a request. */
typedef struct elcl_result {
    uint64_t id;                       /* from elcl_engine_submit() */
    void *user;                        /* from the request */
    int n_hypotheses;                  /* num_return_sequences; 0 if the search found nothing */
    const elcl_hypothesis *hypotheses; /* [n_hypotheses] best first (samples: as drawn), valid
                                        * during the callback */
    const elcl_error *error;           /* NULL, or why there are no hypotheses: ELCL_E_INTERRUPTED
                                        * after elcl_engine_cancel(). Failures of the engine are not
                                        * here: elcl_engine_step() returns them */
    size_t n_source;                   /* tokens of the source; decoder-only: of the prompt;
                                        * otherwise what the encoder made of the inputs */
    const float *source_rows; /* [n_source, elcl_model_info.width] the encoder's output, valid
                               * during the callback; NULL without want_source_rows */
    float no_speech_prob;     /* NAN without elcl_gen_options.no_speech_length */
    /* Seconds from the submission until the request's first step began, until that step had its
     * first token, and until now. The first two are 0 for a request that never started. */
    double queued_seconds, first_token_seconds, total_seconds;
} elcl_result;

/* A token that is final. */
typedef struct elcl_token {
    uint64_t id;    /* of the request, from elcl_engine_submit() */
    void *user;     /* from the request */
    int stream;     /* which output of the request, 0 .. num_return_sequences-1 */
    int32_t token;  /* EOS too, but neither the start token nor the prompt */
    float log_prob; /* as in elcl_hypothesis.token_logprobs */
} elcl_token;

/* Called once for each request, in the order in which they finish. All callbacks run on the thread
 * that calls elcl_engine_step(). They may submit and cancel requests of the same engine, but not
 * step or destroy it. */
typedef void (*elcl_result_fn)(void *engine_user, const elcl_result *result);

/* Called for each token as soon as it is final, before the on_result of its request. Only greedy
 * search and sampling without beams in Hugging Face's style call it: other searches may still
 * change any token until they end. */
typedef void (*elcl_token_fn)(void *engine_user, const elcl_token *token);

typedef struct elcl_engine_params {
    int batch_size;      /* requests in flight, 0 .. 2^20; 0 (default): as many as memory and
                          * device suggest. A server should set it, see elcl_engine_create() */
    int max_beams;       /* the most beams, or samples without beams, of a request,
                          * 1 .. ELCL_MAX_BEAMS; default 4 */
    int max_source;      /* the most tokens of a source, or outputs of the encoder; 0 (default):
                          * elcl_model_info.default_length */
    int max_target;      /* the most tokens of an output, from 2; decoder-only: one more than the
                          * most new tokens. 0 (default): elcl_model_info.default_length, at most
                          * max_target there */
    int max_list_tokens; /* room for a request's lists, 0 .. 2^24 tokens: each bad word counts 1,
                          * alternatives count their largest set. 0 (default): 256, or what
                          * the model's own lists need */
    elcl_result_fn on_result; /* may be NULL */
    elcl_token_fn on_token;   /* NULL (default): no streaming */
    void *user;               /* first argument of both callbacks */
    int profile;              /* 1: time every kernel with device events, see
                               * elcl_engine_get_profile() in elcl/measure.h; default 0 */
    int alignment_layer; /* the decoder's layer, from 0, that gives alignments; -1 (default): the
                          * last one */
    int alignment_head;  /* its head that gives them, from 0; -1 (default): the mean of all */
    unsigned reserved[4];
} elcl_engine_params;

ELCL_API elcl_engine_params elcl_engine_params_default(void);

/* Generates for many requests at a time. Finished requests leave the batch and waiting ones enter
 * it between two steps. A server runs this in a thread of its own, and submits and cancels from
 * others:
 *
 *     while (!stopping) {
 *         elcl_engine_wait(engine, -1);
 *         if (elcl_engine_step(engine, NULL, &err))
 *             break;
 *     }
 *
 * Thread-safety: elcl_engine_submit(), elcl_engine_cancel(), elcl_engine_wake() and
 * elcl_engine_get_stats() are safe: any thread may call them at any time, also while another one is
 * in elcl_engine_step(). The other functions are unsafe: one thread at a time calls
 * elcl_engine_step(), _run() or _wait(), and none may use the engine any more when it is destroyed.
 * Engines on the same model may run in different threads at once. */
typedef struct elcl_engine elcl_engine;

/* Creates an engine on a model, which must outlive it.
 *
 * params: may be NULL.
 *
 * With batch_size > 0 the buffers are allocated here. With 0 they are sized to the waiting requests
 * at the first step, and grown when more arrive while the engine is idle; if an allocation fails,
 * the engine continues with a smaller batch. A server that is busy is never idle: with 0 its batch
 * stays what its first requests needed, so that it should choose a batch_size. The batch_size that
 * 0 stands for is in elcl_engine_get_stats() before the first step.
 *
 * ELCL_E_ARG:          a parameter is outside its range, or a length is above the model's limit.
 * ELCL_E_DEVICE_NOMEM: not one request of these lengths fits, or batch_size requests do not.
 * ELCL_E_DEVICE:       an OpenCL call failed. */
ELCL_API int elcl_engine_create(elcl_model *model, const elcl_engine_params *params,
                                elcl_engine **engine, elcl_error *err);

/* Frees the engine. Unfinished requests get no result. Do not call this from a callback. */
ELCL_API void elcl_engine_destroy(elcl_engine **engine);

/* One text to continue or to translate, or one sound to write down. Exactly one of source, inputs
 * and source_rows is not NULL. */
typedef struct elcl_request {
    const int32_t *source; /* [n_source] from elcl_encode(), with special tokens */
    size_t n_source;       /* 1 .. max_source; with inputs 0 or what the encoder makes of them */
    /* [n_inputs, elcl_model_info.input_width] what an encoder reads that has no tokens. Whisper:
     * frames of log-mel features, of which it makes (n_inputs + 1) / 2 outputs. */
    const float *inputs;
    size_t n_inputs;
    /* [n_source, elcl_model_info.width] finished outputs of the encoder, which then does not run:
     * those of an earlier request, or of an encoder of your own. Not for decoder-only models. */
    const float *source_rows;
    int want_source_rows; /* 1: the result has the encoder's output, for another request. Not for
                           * decoder-only models */
    elcl_gen_options options;
    void *user; /* for the callbacks */
    /* Sampling: random numbers depend only on (options.seed, sample, step), so a request gets the
     * same tokens in any batch and on any device, unless two candidates differ by less than
     * rounding. Give each request its own number. */
    uint64_t sample;
} elcl_request;

/* Copies a request and queues it. Never waits for a step. Any thread may call this.
 *
 * id: receives the request's number, counted from 0, before a callback can see it; may be NULL.
 *
 * ELCL_E_ARG: an option, token, number or length is outside its range; the message names it. Or
 *             an option reads source tokens that the request does not have. */
ELCL_API int elcl_engine_submit(elcl_engine *engine, const elcl_request *request, uint64_t *id,
                                elcl_error *err);

/* Cancels a request. When the next step begins, a request in flight leaves the batch and a waiting
 * one leaves the queue; either gets its one result, without hypotheses and with the error
 * ELCL_E_INTERRUPTED. A request that finishes before that keeps its result. An unknown or finished
 * id does nothing. The outputs of other requests do not change. Any thread may call this. */
ELCL_API void elcl_engine_cancel(elcl_engine *engine, uint64_t id);

/* Blocks until a request is pending, elcl_engine_wake() is called or the time is over, and returns
 * the number of unfinished requests. Returns at once if there are any, or after a call of
 * elcl_engine_wake() since the last wait.
 *
 * seconds: how long to wait at most; below 0: without a limit. */
ELCL_API size_t elcl_engine_wait(elcl_engine *engine, double seconds);

/* Makes the present or next elcl_engine_wait() return. Any thread may call this. */
ELCL_API void elcl_engine_wake(elcl_engine *engine);

/* Admits waiting requests, runs one decoding step of all requests in flight, and calls the
 * callbacks. Blocks until the device has finished the step. Does nothing if nothing is pending.
 *
 * pending: receives the number of unfinished requests; may be NULL.
 *
 * After an error the engine cannot be used any more: destroy it.
 *
 * ELCL_E_DEVICE_NOMEM: the buffers of even one request cannot be allocated.
 * ELCL_E_DEVICE:       an OpenCL call failed, or the model's output is not finite. */
ELCL_API int elcl_engine_step(elcl_engine *engine, size_t *pending, elcl_error *err);

/* Calls elcl_engine_step() until nothing is pending. Returns the same codes. */
ELCL_API int elcl_engine_run(elcl_engine *engine, elcl_error *err);

/* ---- pools: several engines ---------------------------------------------------------------- */

#define ELCL_MAX_ENGINES 64

/* Several engines that take requests from one queue: on several devices, or on the same device so
 * that one engine's work on the host overlaps with another's on the device.
 *
 * Thread-safety: as engines: elcl_pool_submit(), elcl_pool_cancel(), elcl_pool_wake() and
 * elcl_pool_get_stats() are safe, the others unsafe. The pool runs its own threads; callbacks run
 * on the thread that calls elcl_pool_step(). */
typedef struct elcl_pool elcl_pool;

/* Creates one engine on each of n models, which must outlive the pool. Several engines get a thread
 * each; one engine runs on the caller's thread.
 *
 * models: [n] A model may occur more than once: its engines share its memory limit.
 * n:      1 .. ELCL_MAX_ENGINES.
 * params: of every engine, so batch_size counts requests of one engine. May be NULL.
 *
 * ELCL_E_ARG: n is outside its range, or as elcl_engine_create().
 * ELCL_E_DEVICE_NOMEM, ELCL_E_DEVICE: as elcl_engine_create(). */
ELCL_API int elcl_pool_create(elcl_model *const *models, int n, const elcl_engine_params *params,
                              elcl_pool **pool, elcl_error *err);

/* Waits for the steps that are running, then frees the pool. Unfinished requests get no result. Do
 * not call this from a callback. */
ELCL_API void elcl_pool_destroy(elcl_pool **pool);

/* Copies a request and queues it, as elcl_engine_submit(). The engines see it as soon as a thread
 * is in elcl_pool_step(); the first one with room takes it.
 *
 * ELCL_E_ARG: one of the engines would reject the request. */
ELCL_API int elcl_pool_submit(elcl_pool *pool, const elcl_request *request, uint64_t *id,
                              elcl_error *err);

/* As elcl_engine_cancel(), elcl_engine_wait() and elcl_engine_wake(). */
ELCL_API void elcl_pool_cancel(elcl_pool *pool, uint64_t id);
ELCL_API size_t elcl_pool_wait(elcl_pool *pool, double seconds);
ELCL_API void elcl_pool_wake(elcl_pool *pool);

/* Blocks until at least one engine has finished a step, then calls the callbacks for everything
 * that the engines have reported.
 *
 * pending: receives the number of unfinished requests; may be NULL.
 *
 * If one engine fails, the pool has failed: no engine starts another step, and the message names
 * the device. The codes are those of elcl_engine_step(). */
ELCL_API int elcl_pool_step(elcl_pool *pool, size_t *pending, elcl_error *err);

/* Calls elcl_pool_step() until nothing is pending. Returns the same codes. */
ELCL_API int elcl_pool_run(elcl_pool *pool, elcl_error *err);

/* ---- scores -------------------------------------------------------------------------------- */

/* Asks how likely given tokens are:
 *
 *     log_probs[i] = log p(target[i] | source, target[0 .. i-1])
 *
 * for all i in one pass (teacher forcing). Generation options play no part. An encoder reads the
 * source; in decoder-only models the source is the start of the text, and n_source + n_target may
 * not exceed elcl_model_info.max_target. What greedy search found has the same score here. */
typedef struct elcl_score_request {
    const int32_t *source; /* [n_source] */
    size_t n_source;       /* 1 .. elcl_model_info.max_source */
    const float *inputs;   /* these three as in elcl_request, instead of source */
    size_t n_inputs;
    const float *source_rows;
    const int32_t *target;          /* [n_target] with EOS if that is to count */
    size_t n_target;                /* 0 .. elcl_model_info.max_target - 1 */
    int32_t decoder_start_token_id; /* stands before the target; -1: the model's. No effect in
                                     * decoder-only models */
    float *log_probs;               /* [n_target] receives natural logarithms */
    /* NULL, or receives [n_target, n_source]: what the decoder attends to in the source when it
     * predicts each token of the target, by one layer's cross attention. Each row sums to 1. Not
     * for decoder-only models. With elcl_scorer_params.heads: [n_heads, n_target, n_source]. */
    float *alignments;
} elcl_score_request;

/* A head of the decoder's cross attention. */
typedef struct elcl_cross_head {
    int layer; /* from 0; -1: the last one */
    int head;  /* from 0; -1: the mean of the layer's heads */
} elcl_cross_head;

typedef struct elcl_scorer_params {
    int batch_tokens; /* tokens of one pass, 0 .. 2^20; more if one request needs more. 0 (default):
                       * from the memory limit */
    int alignment_layer; /* the decoder's layer, from 0, that gives alignments; -1 (default): the
                          * last one */
    int alignment_head;  /* its head that gives them, from 0; -1 (default): the mean of all */
    unsigned n_heads;    /* 0 (default): alignments come from the two fields above */
    const elcl_cross_head *heads; /* [n_heads] each gives alignments of its own */
    int vocabulary; /* log-probabilities are those among the tokens below this, and -INFINITY of the
                     * others; 0 (default): all */
    unsigned reserved[3];
} elcl_scorer_params;

ELCL_API elcl_scorer_params elcl_scorer_params_default(void);

/* Device buffers for scoring.
 *
 * Thread-safety: Unsafe. Scorers and engines on the same model may run in different threads at
 * once. */
typedef struct elcl_scorer elcl_scorer;

/* Creates a scorer on a model, which must outlive it. Allocates device memory only in the first
 * elcl_scorer_run().
 *
 * params: may be NULL. `heads` is copied.
 *
 * ELCL_E_ARG: batch_tokens, alignment_layer, alignment_head, vocabulary or an entry of heads is
 *             outside its range. */
ELCL_API int elcl_scorer_create(elcl_model *model, const elcl_scorer_params *params,
                                elcl_scorer **scorer, elcl_error *err);
ELCL_API void elcl_scorer_destroy(elcl_scorer **scorer);

/* Fills the log_probs and alignments of n requests in as few passes as possible. Blocks until they
 * are there. A request's numbers do not depend on the other requests. After an error none of them
 * are valid.
 *
 * requests: [n]
 *
 * ELCL_E_ARG:          a token or length is outside its range; the message names the request,
 *                      counted from 0.
 * ELCL_E_UNSUPPORTED:  a request wants alignments from a decoder-only model.
 * ELCL_E_DEVICE_NOMEM: the longest request does not fit, or a pass of batch_tokens does not.
 * ELCL_E_DEVICE:       an OpenCL call failed, or the model's output is not finite. */
ELCL_API int elcl_scorer_run(elcl_scorer *scorer, const elcl_score_request *requests, size_t n,
                             elcl_error *err);

#ifdef __cplusplus
}
#endif

#endif /* ELCL_ELCL_H */
