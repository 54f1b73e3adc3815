/*
 * elcl: text generation with EL-attention on any OpenCL device.
 *
 *     elcl_error err = {0};
 *     elcl_model *model = NULL;
 *     elcl_model_params mp = elcl_model_params_default();
 *     if (elcl_model_open("models/g2p-en", &mp, &model, &err))
 *         fprintf(stderr, "%s\n", err.msg);
 *     elcl_gen_options opt;
 *     elcl_model_gen_defaults(model, &opt);
 *     char *text = NULL;
 *     if (!elcl_generate(model, "attention", &opt, &text, &err))
 *         puts(text);
 *     elcl_free(text);
 *     elcl_model_close(&model);
 *
 * Letters used in all comments: B sentences in flight, K beams, R live hypothesis rows (<= B*K),
 * H heads, D model width, Dh head width, S source length, T target length so far, F feed-forward
 * width, V vocabulary, L layers. Every function that can fail returns ELCL_OK (0) or a negative
 * ELCL_E_* code and writes one sentence into `err` (which may be NULL); outputs are written on
 * success only. The library never prints, exits or aborts.
 *
 * Thread-safety: a model may be shared by threads for the const functions; each engine belongs to
 * one thread at a time; different engines may run at the same time.
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

/* ---- errors -------------------------------------------------------------------------------- */

enum elcl_status {
    ELCL_OK = 0,
    ELCL_E_ARG = -1,          /* a value given by the caller is outside its range */
    ELCL_E_IO = -2,           /* a file cannot be opened, read or written */
    ELCL_E_FORMAT = -3,       /* a file's content contradicts its format or the model */
    ELCL_E_UNSUPPORTED = -4,  /* valid, but elcl does not do it */
    ELCL_E_NOMEM = -5,        /* host memory */
    ELCL_E_DEVICE_NOMEM = -6, /* device memory, or more than --memory-limit */
    ELCL_E_DEVICE = -7,       /* an OpenCL call failed, or no device fits */
    ELCL_E_BUILD = -8,        /* the driver's compiler refused a kernel */
    ELCL_E_INTERNAL = -9      /* a bug in elcl */
};

typedef struct elcl_error {
    int code;      /* enum elcl_status */
    char msg[512]; /* one sentence, NUL-terminated; the first cause wins */
} elcl_error;

enum elcl_log_level { ELCL_LOG_WARNING, ELCL_LOG_INFO, ELCL_LOG_DEBUG };

/* Called with one line without a newline. */
typedef void (*elcl_log_fn)(void *user, enum elcl_log_level level, const char *line);

/* The version of the library, for example "0.1.0". */
ELCL_API const char *elcl_version(void);

/* Frees memory that a function of this header says to free so. NULL is fine. */
ELCL_API void elcl_free(void *memory);

/* ---- devices ------------------------------------------------------------------------------- */

enum elcl_device_type { ELCL_DEVICE_CPU, ELCL_DEVICE_GPU, ELCL_DEVICE_OTHER };

/* What a driver says of a device; 0 or "" where it says nothing. Strings live as long as the
 * list. */
typedef struct elcl_device_desc {
    int index;            /* over all platforms, as --device takes it */
    const char *name;     /* CL_DEVICE_NAME */
    const char *platform; /* CL_PLATFORM_NAME */
    const char *vendor;
    const char *driver;     /* CL_DRIVER_VERSION */
    const char *version;    /* CL_DEVICE_VERSION */
    const char *extensions; /* blank-separated */
    enum elcl_device_type type;
    uint64_t memory_bytes;
    uint64_t max_alloc_bytes; /* the largest single buffer */
    uint64_t local_bytes;     /* local memory of one work-group */
    uint64_t cache_bytes;     /* global memory cache */
    uint32_t compute_units;
    uint32_t clock_mhz;
    uint32_t max_work_group;
    uint32_t vector_width; /* native floats per vector */
    int unified_memory;    /* 1: shares memory with the host */
    int is_default;        /* 1: chosen when no --device is given */
    int gpu_kernels;       /* 1: the GPU kernel shape is chosen where none is asked for */
} elcl_device_desc;

/* One fast path of a device and whether it is used. */
typedef struct elcl_probe_verdict {
    const char *name;   /* for example "fma" */
    int on;             /* 1: used */
    const char *reason; /* why it is on or off */
} elcl_probe_verdict;

typedef struct elcl_device_list elcl_device_list;

/* Lists all devices of all platforms. An empty list is not an error. Platforms without devices
 * are skipped; a property that a driver does not know stays 0 or "". */
ELCL_API int elcl_device_list_create(elcl_device_list **list, elcl_error *err);
ELCL_API void elcl_device_list_destroy(elcl_device_list **list);
ELCL_API int elcl_device_list_count(const elcl_device_list *list);
/* NULL outside 0 .. count-1. Owned by the list. */
ELCL_API const elcl_device_desc *elcl_device_list_get(const elcl_device_list *list, int i);
/* The position in the list of the device that `device` names as in elcl_model_params: an index,
 * part of a name, "cpu" or "gpu"; NULL: the default. */
ELCL_API int elcl_device_list_find(const elcl_device_list *list, const char *device, int *i,
                                   elcl_error *err);
/* Builds and runs the probes of device i (up to some seconds with a cold cache). `verdicts`
 * is owned by the list. */
ELCL_API int elcl_device_list_probe(elcl_device_list *list, int i,
                                    const elcl_probe_verdict **verdicts, int *n_verdicts,
                                    elcl_error *err);

/* What a device does at most, measured: fractions of it say how good a kernel is. */
typedef struct elcl_ceilings {
    double copy_gbs;        /* bytes read and written by a copy of much more than a cache, 1e9/s */
    double cached_copy_gbs; /* the same of 1 MiB */
    double mac_f32_gflops;  /* f32 multiply-adds on full vectors, two operations each, 1e9/s */
    double read_gbs;        /* bytes read by a sum over much more than a cache, 1e9/s */
    double launch_us;       /* a small kernel among many in a queue */
    double wait_us;         /* a small kernel and the wait for it */
    double mac_int8_gops; /* int8 multiply-adds by the instruction that integer products have here,
                           * two operations each, 1e9/s; 0: none */
    double mac_bf16_gflops; /* bf16 multiply-adds by the instruction that bf16 products have here,
                             * likewise */
    double reserved[5];
} elcl_ceilings;

/* Measures the device that `device` names as in elcl_model_params (NULL: the default one), in about
 * two seconds. Takes up to 512 MiB of its memory meanwhile; blocks. */
ELCL_API int elcl_measure_ceilings(const char *device, elcl_ceilings *ceilings, elcl_error *err);

/* ---- models -------------------------------------------------------------------------------- */

enum elcl_attention { ELCL_ATTN_AUTO, ELCL_ATTN_EL, ELCL_ATTN_MHA, ELCL_ATTN_MHA_BEAM };
enum elcl_gemm { ELCL_GEMM_AUTO, ELCL_GEMM_CLBLAST, ELCL_GEMM_NATIVE };
enum elcl_kernels { ELCL_KERNELS_AUTO, ELCL_KERNELS_CPU, ELCL_KERNELS_GPU };
/* INT8 is for weights only: whole numbers in -127 .. 127 with an f32 factor per output channel. */
enum elcl_storage { ELCL_F32, ELCL_F16, ELCL_BF16, ELCL_INT8 };
/* What narrow weights multiply: activations in f32, or rounded to the type of the weights as well.
 * INT, with int8 weights: to whole numbers, with a factor per row and sums of integers. BF16, with
 * bf16 weights: to bf16, with sums in f32. Both: CPU kernels alone, and not with CLBlast; elsewhere
 * and with other weights it is F32. AUTO: INT or BF16 where the device has an instruction for it
 * that was measured to pay, see the verdicts of elcl_device_list_probe(). One model has one of them
 * throughout. */
enum elcl_compute { ELCL_COMPUTE_AUTO, ELCL_COMPUTE_F32, ELCL_COMPUTE_INT8, ELCL_COMPUTE_BF16 };

typedef struct elcl_model_params {
    const char *device;            /* index, part of a name, "cpu" or "gpu"; NULL: GPU before CPU */
    enum elcl_attention attention; /* default ELCL_ATTN_AUTO */
    enum elcl_gemm gemm;           /* default ELCL_GEMM_AUTO */
    enum elcl_kernels kernels;     /* AUTO: as elcl_device_desc.gpu_kernels says */
    enum elcl_storage weights;     /* on the device, default ELCL_F32 */
    enum elcl_storage state;       /* shared encoder output and caches, default ELCL_F32 */
    uint64_t memory_limit_bytes;   /* all device buffers together; 0: what the device says */
    int no_cache;                  /* 1: build every program from source, store nothing */
    int profile;                   /* 1: time every kernel with device events */
    elcl_log_fn log;               /* NULL: silent */
    void *log_user;
    enum elcl_compute compute; /* with int8 and bf16 weights, default ELCL_COMPUTE_AUTO */
    /* What engines on the model will be made for, which ELCL_ATTN_AUTO reckons with; nothing else
     * does. 0: rows and output length of the model's own generation options, its usual source
     * length, and a batch that keeps the device busy. Values beyond the model's are cut. */
    int expected_batch, expected_beams, expected_source, expected_target;
    unsigned reserved[3];
} elcl_model_params;

ELCL_API elcl_model_params elcl_model_params_default(void);

typedef struct elcl_model elcl_model;

/* Opens a Hugging Face model directory on one device: reads config.json, the tokenizer and the
 * safetensors or PyTorch files, builds the kernels and uploads the weights. `params` may be NULL
 * and need only live until the call returns. Blocks until the model is ready.
 *
 * ELCL_ATTN_AUTO is decided here, since the weights depend on it. With measured rates of the device
 * (elcl_stored_rates()) it takes the variant that elcl_predict() finds fastest, each at the largest
 * useful batch that memory leaves it. Without, it takes `mha` on CPUs and `el` elsewhere, unless
 * memory is too short for a useful batch of that and another one is predicted to be faster with
 * what devices of this type usually do. */
ELCL_API int elcl_model_open(const char *directory, const elcl_model_params *params,
                             elcl_model **model, elcl_error *err);
/* The same without a directory: a model of the true shape of a known one with random weights, which
 * are the same for the same seed wherever they are made. For measuring; it has no tokenizer. Names:
 * elcl_synthetic_name(). */
ELCL_API int elcl_model_open_synthetic(const char *name, uint64_t seed,
                                       const elcl_model_params *params, elcl_model **model,
                                       elcl_error *err);
/* The name of synthetic model i, for example "bart-base"; NULL past the last one. */
ELCL_API const char *elcl_synthetic_name(int i);
/* Writes config.json and model.safetensors (bf16, which loses nothing of these weights) into a
 * directory, which is made where it is not there: what elcl_model_open() and other programs open.
 */
ELCL_API int elcl_synthetic_export(const char *name, uint64_t seed, const char *directory,
                                   elcl_error *err);
/* Engines on the model must be destroyed before. NULLs the pointer; NULL is fine. */
ELCL_API void elcl_model_close(elcl_model **model);

typedef struct elcl_model_info {
    const char *family; /* model_type */
    const char *device; /* name */
    const char *driver;
    const char *platform;
    enum elcl_attention attention; /* resolved, never AUTO */
    const char *attention_reason;  /* of AUTO's choice, one sentence; "" where it was asked for */
    enum elcl_gemm gemm;           /* AUTO: CLBlast for many rows, native for few */
    enum elcl_kernels kernels;
    enum elcl_storage weights;
    enum elcl_storage state;
    enum elcl_compute compute; /* resolved: INT, BF16 or F32 */
    int max_source;            /* tokens */
    int max_target;            /* tokens, the start token included */
    int default_length; /* what an engine is made for when its max_source or max_target is 0; less
                         * than the limit above where positions have no end */
    int vocabulary;     /* of the output */
    int source_vocabulary; /* more or fewer in some encoder-decoder models */
    int has_tokenizer;     /* 0: only token ids can be generated from and to */
    int source_end;        /* special tokens that end every source that elcl_encode() makes */
    int decoder_only;      /* 1: continues its source, which is the beginning of every output */
    int32_t text_start;    /* decoder-only: the token before a text that has no other beginning, as
                            * models are trained; -1 where elcl_encode() puts it there, or none */
    uint64_t weight_bytes;
} elcl_model_info;

/* Strings are owned by the model. */
ELCL_API void elcl_model_get_info(const elcl_model *model, elcl_model_info *info);

/* ---- text ---------------------------------------------------------------------------------- */

/* Text (UTF-8, n bytes) to token ids with the model's special tokens around it; decoder-only models
 * have none around theirs, and an empty text becomes the token that texts begin with. *ids is freed
 * with elcl_free(). ELCL_E_FORMAT on invalid UTF-8. */
ELCL_API int elcl_encode(const elcl_model *model, const char *text, size_t n, int32_t **ids,
                         size_t *n_ids, elcl_error *err);
/* elcl_encode() for models with languages: codes as the model has them ("en_XX" in mBART, "en" in
 * M2M-100, "eng_Latn" in NLLB, "fra" in Marian), each NULL where none is chosen; the source's is
 * then the one of tokenizer_config.json. Marian's sources begin with the target's language, the
 * others' name their own; the output's is also told by elcl_gen_options_language(). ELCL_E_ARG: a
 * language that the model does not know, or any where it knows none. */
ELCL_API int elcl_encode_lang(const elcl_model *model, const char *text, size_t n,
                              const char *source, const char *target, int32_t **ids, size_t *n_ids,
                              elcl_error *err);
/* A text as an encoder-decoder model would output it, behind the decoder's start token: in the
 * vocabulary of outputs, before it the token of the language `target` where outputs begin with it
 * (NULL: the one that the configuration forces), behind it what ends a text. What training takes as
 * labels, and elcl_scorer_run() as target. ELCL_E_UNSUPPORTED: the tokenizer knows sources alone.
 */
ELCL_API int elcl_encode_target(const elcl_model *model, const char *text, size_t n,
                                const char *target, int32_t **ids, size_t *n_ids, elcl_error *err);
/* Token ids to UTF-8 text, NUL-terminated; special tokens are left out and bytes that are not
 * UTF-8 become U+FFFD. *text is freed with elcl_free(). */
ELCL_API int elcl_decode(const elcl_model *model, const int32_t *ids, size_t n_ids, char **text,
                         elcl_error *err);

/* ---- generation ---------------------------------------------------------------------------- */

enum elcl_early_stopping { ELCL_EARLY_FALSE, ELCL_EARLY_TRUE, ELCL_EARLY_NEVER };

enum elcl_search_style { ELCL_STYLE_HF, ELCL_STYLE_FAIRSEQ };

#define ELCL_MAX_EOS 8
#define ELCL_MAX_BEAMS 64

/* Token ids in the caller's memory. */
typedef struct elcl_tokens {
    const int32_t *ids; /* [n] */
    int n;
} elcl_tokens;

/* Names and meaning of Hugging Face generate(), except where search_style is fairseq's: then those
 * of its SequenceGenerator, and see elcl_gen_options_fairseq(). Lengths count tokens, the decoder's
 * start token included. -1 as a token id means none. The options of sampling count with do_sample
 * alone; a token is drawn from what they leave, tokens of equal score staying or going together.
 *
 * In decoder-only models the source (the prompt) takes the place of the start token: max_length and
 * min_length count all its tokens, max_new_tokens and min_new_tokens none, decoder_start_token_id
 * means nothing, forced_bos_token_id follows a prompt of one token only, and the rules on
 * repetition see the prompt. */
typedef struct elcl_gen_options {
    int num_beams;            /* 1 .. ELCL_MAX_BEAMS; 1 is greedy search */
    int num_return_sequences; /* 1 .. num_beams; do_sample with one beam: 1 .. ELCL_MAX_BEAMS
                                 samples */
    float length_penalty;
    enum elcl_early_stopping early_stopping;
    int max_length;
    int max_new_tokens; /* 0: not set; otherwise replaces max_length */
    int min_length;
    int min_new_tokens;       /* 0: not set */
    int no_repeat_ngram_size; /* 0: off */
    float repetition_penalty; /* 1: off */
    int32_t decoder_start_token_id;
    int32_t forced_bos_token_id;
    int32_t forced_eos_token_id;
    int32_t pad_token_id;
    int n_eos;
    int32_t eos_token_ids[ELCL_MAX_EOS];
    int num_beam_groups;     /* divides num_beams; 0 or 1: off; more: diverse beam search */
    float diversity_penalty; /* above 0 with groups, 0 without */
    enum elcl_search_style search_style;
    /* In fairseq style alone; 0 in the other. Lengths count neither start token nor EOS. */
    int min_len;
    float
        max_len_a; /* at most max_len_a * source length + max_len_b tokens, max_len_a to 5 digits */
    int max_len_b;
    float unk_penalty;    /* what unk_token_id loses */
    int32_t unk_token_id; /* read only where unk_penalty is not 0 */
    /* In Hugging Face's style alone; 0 in the other, which never generates padding. */
    int ban_pad;            /* 1: pad_token_id is never generated (bad_words_ids [[pad]]) */
    int renormalize_logits; /* 1: beam scores add up log-softmax of what the rules leave */
    int token_logprobs;     /* 1: results have each token's log-probability */
    int do_sample;          /* 1: draw tokens, with num_beams above 1 its candidates */
    float temperature;      /* scores are divided by it, 1e-6 .. 1e6 */
    int top_k;              /* keep the k best tokens; 0: off. Hugging Face's default is 50 */
    float top_p;            /* keep the fewest tokens of at least this probability; 1: off */
    float min_p;     /* keep tokens of at least this part of the best one's probability; 0: off */
    float typical_p; /* keep the most typical tokens of this probability; 1: off */
    uint64_t seed;   /* of the random numbers */
    /* What lists point to belongs to the caller: elcl_engine_submit() and elcl_generate() copy
     * it. In the options that elcl_model_gen_defaults() gives it belongs to the model. */
    const elcl_tokens *bad_words; /* [n_bad_words] sequences that are never completed */
    int n_bad_words;
    elcl_tokens suppress_tokens;       /* never generated */
    elcl_tokens begin_suppress_tokens; /* not generated as the first token (behind a forced BOS) */
    /* Tokens that every output has behind the start token. As in decoder_input_ids they cost
     * nothing, and lengths count them as they count the start token; in fairseq style
     * (prefix_tokens) they keep their log-probabilities and count as generated, and pad_token_id
     * among them leaves a place free. Not for decoder-only models: there the source is continued.
     */
    elcl_tokens prefix;
    const elcl_tokens *alternatives; /* [n_alternatives] the tokens of which one must be the first,
                                      * second ... token generated; later ones are free */
    int n_alternatives;
    int encoder_no_repeat_ngram_size; /* no n-gram of the source is generated; 0: off */
    float encoder_repetition_penalty; /* above 1 favors tokens of the source; 0 or 1: off */
    float presence_penalty;           /* what a token that was generated loses; 0: off */
    float frequency_penalty;          /* what it loses for each time that it was; 0: off */
    float patience; /* beam search ends with patience * num_beams hypotheses; 0 or 1: off */
    const char *const *stop_strings; /* [n_stop_strings] UTF-8: an output ends with the token that
                                      * completes one in its text; needs num_beams 1 */
    int n_stop_strings;
    unsigned reserved[8];
} elcl_gen_options;

/* generation_config.json over config.json over Hugging Face's own defaults. */
ELCL_API void elcl_model_gen_defaults(const elcl_model *model, elcl_gen_options *options);

/* Outputs in the language `target`: sets forced_bos_token_id (mBART-50, M2M-100, NLLB) or
 * decoder_start_token_id (mBART) to its token. Marian's options stay as they are: its sources name
 * the language. ELCL_E_ARG as elcl_encode_lang(). */
ELCL_API int elcl_gen_options_language(const elcl_model *model, const char *target,
                                       elcl_gen_options *options, elcl_error *err);

/* Turns options into fairseq style with fairseq's defaults (min_len 1, max_len_a 0, max_len_b 200,
 * unk_penalty 0, diversity_penalty 0.5 with groups) and switches off what that style lacks: the
 * other lengths, early_stopping, repetition_penalty and the other penalties, bad words, suppressed
 * tokens, alternatives, stop strings, do_sample, forced_eos_token_id. Nothing is forced;
 * forced_bos_token_id, when set afterwards, is the first token at its own log-probability.
 * num_beams, num_beam_groups, length_penalty, no_repeat_ngram_size and the tokens stay. */
ELCL_API void elcl_gen_options_fairseq(elcl_gen_options *options);

enum elcl_finish_reason { ELCL_FINISH_EOS, ELCL_FINISH_LENGTH, ELCL_FINISH_STOP };

typedef struct elcl_hypothesis {
    const int32_t *ids; /* [n_ids], the start token or the prompt included, EOS when produced */
    size_t n_ids;
    float score; /* beam: log-probability / length^length_penalty; greedy and sampling:
                  * log-probability of the model, before rules, temperature and cut-offs; the
                  * prompt has no part in it */
    enum elcl_finish_reason finish;
    /* [n_ids] what each token added to the sum of the score, or NULL without the option; NAN where
     * nothing was chosen: for the start token or the prompt. Diverse beam search's penalty takes
     * no part. */
    const float *token_logprobs;
} elcl_hypothesis;

typedef struct elcl_result {
    uint64_t id;      /* as elcl_engine_submit() gave it */
    void *user;       /* from the request */
    int n_hypotheses; /* num_return_sequences, best first (samples as drawn); 0 on failure */
    const elcl_hypothesis *hypotheses; /* valid during the callback */
    const elcl_error *error;           /* NULL, or why this request failed */
} elcl_result;

/* Called from elcl_engine_step(), once per request, in the order in which they finish. */
typedef void (*elcl_result_fn)(void *engine_user, const elcl_result *result);

/* A token that a request's output has for good. */
typedef struct elcl_token {
    uint64_t id;    /* of the request, as in elcl_result */
    void *user;     /* likewise */
    int stream;     /* 0 .. num_return_sequences - 1: which of the outputs */
    int32_t token;  /* start token and prompt are not told, EOS is */
    float log_prob; /* as elcl_hypothesis.token_logprobs has it */
} elcl_token;

/* Called from elcl_engine_step() for each token of greedy search and sampling in Hugging Face's
 * style, in the order of the output and before its on_result. Other searches may still change
 * their minds and tell nothing. */
typedef void (*elcl_token_fn)(void *engine_user, const elcl_token *token);

typedef struct elcl_engine_params {
    int batch_size; /* sentences in flight; 0: from the memory limit and the device */
    int max_beams;  /* most beams (or samples) that a request may ask for, default 4 */
    int max_source; /* longest source in tokens, 0: the model's usual length */
    int max_target; /* longest output in tokens, 0: the model's usual length; decoder-only: one more
                     * than the most new tokens */
    elcl_result_fn on_result;
    elcl_token_fn on_token; /* NULL: only results are told */
    void *user;
    int max_list_tokens; /* room for a request's lists, in tokens: bad words count 1 each, of the
                          * alternatives the largest set counts; 0: 256, or what the model's
                          * own lists need */
    int profile; /* 1: time every kernel with device events, see elcl_engine_get_profile() */
    int sharers; /* engines among which an automatic batch shares the memory that is left; 0: 1 */
    unsigned reserved[5];
} elcl_engine_params;

ELCL_API elcl_engine_params elcl_engine_params_default(void);

typedef struct elcl_engine elcl_engine;

/* The model must outlive the engine. A batch of given size is allocated at once; an automatic one
 * at the first step, no larger than what is waiting, and again when more comes while nothing is in
 * flight. A failed allocation shrinks an automatic batch and goes on. */
ELCL_API int elcl_engine_create(elcl_model *model, const elcl_engine_params *params,
                                elcl_engine **engine, elcl_error *err);
ELCL_API void elcl_engine_destroy(elcl_engine **engine);

typedef struct elcl_request {
    const int32_t *source; /* [n_source] token ids, special tokens included */
    size_t n_source;       /* 1 .. max_source */
    elcl_gen_options options;
    void *user;
    /* Sampling: with options.seed it names the request's random numbers, so that they depend
     * neither on the device nor on what else is in flight. Number requests differently. */
    uint64_t sample;
} elcl_request;

/* Copies the request and queues it; *id (may be NULL) counts from 0. Never blocks. ELCL_E_ARG
 * names an option or token outside its range. */
ELCL_API int elcl_engine_submit(elcl_engine *engine, const elcl_request *request, uint64_t *id,
                                elcl_error *err);
/* Admits waiting requests and runs one decoding step of all sentences in flight, blocking until
 * the device has done it. *pending is the number of requests not yet finished. */
ELCL_API int elcl_engine_step(elcl_engine *engine, size_t *pending, elcl_error *err);
/* Steps until nothing is pending. */
ELCL_API int elcl_engine_run(elcl_engine *engine, elcl_error *err);

typedef struct elcl_engine_stats {
    int batch_size;         /* sentences that fit */
    uint64_t samples;       /* finished */
    uint64_t source_tokens; /* encoded */
    uint64_t output_tokens; /* in finished best hypotheses, without start token or prompt */
    uint64_t steps;         /* decoding steps */
    uint64_t rows;          /* hypothesis rows over all steps */
    double seconds;         /* inside elcl_engine_step() */
    uint64_t planned_bytes; /* device buffers, weights included, from the plan's arithmetic */
    uint64_t live_bytes;    /* device buffers of the model now */
    uint64_t peak_bytes;    /* their largest sum so far */
    uint64_t bytes_moved;   /* device memory traffic that the operations need, estimated */
    uint64_t flop;          /* arithmetic that the operations need */
} elcl_engine_stats;

ELCL_API void elcl_engine_get_stats(const elcl_engine *engine, elcl_engine_stats *stats);

/* One operation of an engine with elcl_engine_params.profile or elcl_model_params.profile. */
typedef struct elcl_kernel_time {
    const char *name; /* the operation, a literal */
    uint64_t calls;
    uint64_t ns;          /* on the device, all calls together */
    uint64_t bytes_moved; /* device memory traffic that the calls need, estimated */
    uint64_t flop;        /* arithmetic that they need */
} elcl_kernel_time;

enum elcl_phase { ELCL_PHASE_ENCODE, ELCL_PHASE_STEP }; /* prompts are read in ENCODE */

/* One call; times are the device's own clock. */
typedef struct elcl_kernel_span {
    const char *name;
    uint64_t start_ns, end_ns;
    uint64_t bytes_moved, flop; /* as in elcl_kernel_time */
    enum elcl_phase phase;
} elcl_kernel_span;

typedef struct elcl_engine_profile {
    const elcl_kernel_time *times; /* [n_times], slowest first */
    int n_times;
    const elcl_kernel_span *spans; /* [n_spans], as launched; the first million of them */
    size_t n_spans;
} elcl_engine_profile;

/* What the kernels took since the engine's batch was allocated; all zeros without profile. Waits
 * for the device. Arrays are the engine's, valid until its next step. */
ELCL_API void elcl_engine_get_profile(elcl_engine *engine, elcl_engine_profile *profile);

/* ---- pools --------------------------------------------------------------------------------- */

#define ELCL_MAX_ENGINES 64

/* Several engines behind one queue of requests: on several devices, or on one so that its host work
 * and its device work overlap. */
typedef struct elcl_pool elcl_pool;

/* One engine on each of the n models, which must outlive the pool. The same model may be named more
 * than once: its engines share its memory limit. All get the same parameters, batch_size is of
 * each. One engine runs on the caller's thread, more have a thread each. A pool belongs to one
 * thread at a time, and its callbacks are called on that thread, from elcl_pool_step(). */
ELCL_API int elcl_pool_create(elcl_model *const *models, int n, const elcl_engine_params *params,
                              elcl_pool **pool, elcl_error *err);
/* Waits for the steps that are being run. NULLs the pointer; NULL is fine. */
ELCL_API void elcl_pool_destroy(elcl_pool **pool);
/* As elcl_engine_submit(). Engines see the request from the next elcl_pool_step() on; whichever has
 * room takes it. */
ELCL_API int elcl_pool_submit(elcl_pool *pool, const elcl_request *request, uint64_t *id,
                              elcl_error *err);
/* As elcl_engine_step(), and blocks until at least one engine has run a step. When an engine fails,
 * the pool has failed: nothing more is begun, and the message names the device. */
ELCL_API int elcl_pool_step(elcl_pool *pool, size_t *pending, elcl_error *err);
/* Steps until nothing is pending. */
ELCL_API int elcl_pool_run(elcl_pool *pool, elcl_error *err);
/* elcl_engine_get_stats() of engine i, 0 .. n-1, as its last finished step left them. */
ELCL_API void elcl_pool_get_stats(elcl_pool *pool, int i, elcl_engine_stats *stats);
/* elcl_engine_get_profile() of engine i, while nothing is pending. */
ELCL_API void elcl_pool_get_profile(elcl_pool *pool, int i, elcl_engine_profile *profile);

/* ---- scores -------------------------------------------------------------------------------- */

/*
 * How likely given tokens are:
 *     log_probs[i] = log p(target[i] | source, target[0 .. i - 1])
 * for all i in one pass (teacher forcing), by the model alone: no option of generation takes part.
 * The source is what the encoder reads; of a decoder-only model it is the beginning of the text,
 * and the model's positions bound n_source + n_target. What greedy search found scores as much
 * here as there.
 */
typedef struct elcl_score_request {
    const int32_t *source;          /* [n_source] */
    size_t n_source;                /* at least 1 */
    const int32_t *target;          /* [n_target], EOS included where it is to count */
    size_t n_target;                /* may be 0 */
    int32_t decoder_start_token_id; /* stands before the target; -1: the model's. Not read in
                                     * decoder-only models */
    float *log_probs;               /* [n_target] out */
} elcl_score_request;

typedef struct elcl_scorer_params {
    int batch_tokens; /* of one pass, more where one request needs more; 0: from the memory limit */
    unsigned reserved[8];
} elcl_scorer_params;

ELCL_API elcl_scorer_params elcl_scorer_params_default(void);

/* Device buffers for scoring with a model, which must outlive it. Belongs to one thread at a
 * time. */
typedef struct elcl_scorer elcl_scorer;

/* Nothing is allocated on the device before the first run. `params` may be NULL. */
ELCL_API int elcl_scorer_create(elcl_model *model, const elcl_scorer_params *params,
                                elcl_scorer **scorer, elcl_error *err);
ELCL_API void elcl_scorer_destroy(elcl_scorer **scorer);

/* Fills the log_probs of n requests, in as few passes as their tokens need, and blocks until they
 * are there. A request's numbers do not depend on what else is in the call. ELCL_E_ARG names the
 * request, from 0; after a failure no log_probs are to be read. */
ELCL_API int elcl_scorer_run(elcl_scorer *scorer, const elcl_score_request *requests, size_t n,
                             elcl_error *err);

/* As of an engine: samples are requests, steps are passes, output tokens are those scored;
 * batch_size is the tokens that one pass takes. */
ELCL_API void elcl_scorer_get_stats(const elcl_scorer *scorer, elcl_engine_stats *stats);

/* ---- convenience --------------------------------------------------------------------------- */

/* One text in, the best hypothesis' text out; *text is freed with elcl_free(). Creates an engine
 * for the call: for many texts use an engine. */
ELCL_API int elcl_generate(elcl_model *model, const char *text, const elcl_gen_options *options,
                           char **out, elcl_error *err);

/* ---- plans --------------------------------------------------------------------------------- */

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

/* What a device can do: from its data sheet, or as measured. */
typedef struct elcl_machine {
    enum elcl_device_type type;
    enum elcl_kernels kernels; /* AUTO: the shape that suits the type */
    double memory_gbs;         /* 1e9 bytes per second */
    double cache_bytes;        /* of the last level; 0: not known, all traffic goes to memory */
    double cache_gbs;          /* its bandwidth, 1e9 bytes per second */
    double f32_gflops;         /* f32 multiply-adds, two operations each */
    double half_gflops;        /* the same of 16-bit inputs and f32 sums, matrix units included */
    double launch_us;          /* one kernel among many in a queue */
    double wait_us;            /* the wait of a step */
    double int8_gops;          /* int8 multiply-adds of integer products, as elcl_ceilings has them;
                                * 0: int8 weights are multiplied at the rate of f32 */
    double bf16_gflops;        /* bf16 multiply-adds of bf16 products, likewise; 0: half_gflops */
    double reserved[4];
} elcl_machine;

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

/* The rates of a device that were measured with this version of the library and this driver and are
 * in the cache directory; 1: they are there, 0: not, and *machine is not written. Of the device
 * names, type, kernel shape and cache size are read. Never fails: what cannot be read is not there.
 */
ELCL_API int elcl_stored_rates(const elcl_device_desc *device, elcl_machine *machine);

typedef struct elcl_tune_params {
    const char *device;        /* as elcl_model_params.device */
    enum elcl_kernels kernels; /* likewise */
    double budget_seconds;     /* default 60: no part begins later; 0: no limit */
    int again;                 /* 1: forget what is stored; 0: better it */
    /* May be NULL. One line after each finished part; not 0 ends the tuning, which keeps what is
     * done and is no error. */
    int (*report)(void *user, const char *line);
    void *user;
    unsigned reserved[8];
} elcl_tune_params;

ELCL_API elcl_tune_params elcl_tune_params_default(void);

typedef struct elcl_tuned {
    elcl_machine rates;
    int clblast_rows_f32, clblast_rows_half; /* from so many rows CLBlast is faster than our GPU
                                              * shape with f32, with 16-bit weights; -1: never; 0:
                                              * not measured, ELCL_GEMM_AUTO goes by the device */
    int complete;  /* 0: the budget or report() left parts out, which the next call begins with */
    double spread; /* how far the worst of the measured rates fell short of the best: 0 .. 1 */
    double reserved[8];
} elcl_tuned;

/* Measures a device and stores the result for its later use by this version of the library with
 * this driver. Rates: each the best of three short measurements some seconds apart, and of what is
 * stored, since other programs only make a device slower; half_gflops is what the native GEMM
 * reaches with f16 weights, where that is more than f32_gflops. Then, with the
 * GPU kernel shape and without matrix instructions, from how many rows on CLBlast is faster than
 * the native GEMM, both checked against a reference. `params` may be NULL. Results of generation
 * depend on it by the attention variant and the GEMM that AUTO takes alone. ELCL_E_IO where
 * nothing can be stored. Blocks; not to be called twice at once for one device. */
ELCL_API int elcl_tune(const elcl_tune_params *params, elcl_tuned *tuned, elcl_error *err);

/* The plan of an engine that is there; largest_batch is -1. */
ELCL_API void elcl_engine_get_plan(const elcl_engine *engine, elcl_memory_plan *plan);

/* elcl_engine_stats.peak_bytes of the model's engines counts anew from what is live now. */
ELCL_API void elcl_model_reset_peak(elcl_model *model);

/* ---- self-test ----------------------------------------------------------------------------- */

enum elcl_selftest_verdict { ELCL_SELFTEST_PASS, ELCL_SELFTEST_FAIL, ELCL_SELFTEST_SKIP };

/* One operation on one shape. Strings are valid during the callback. */
typedef struct elcl_selftest_case {
    const elcl_device_desc *device;
    const char *operation; /* as "gemm clblast"; "build" where the kernels could not be built */
    const char *shape;     /* for example "bart-base up M=5 N=3072 K=768" */
    enum elcl_kernels kernels;
    enum elcl_storage weights, state;
    enum elcl_selftest_verdict verdict;
    double error;       /* of the worst element: |got - want| */
    double tolerance;   /* what that element may err by; 0 where bits have to be equal */
    double ratio;       /* error / tolerance, above 1 in a case that failed on it */
    double seconds;     /* with compilation, where the case was the first to use a kernel */
    const char *reason; /* why it failed or was skipped, otherwise "" */
} elcl_selftest_case;

typedef void (*elcl_selftest_fn)(void *user, const elcl_selftest_case *result);

typedef struct elcl_selftest_params {
    const char *device;        /* as elcl_model_params.device */
    enum elcl_kernels kernels; /* likewise */
    int small;                 /* 1: tiny shapes alone, for slow OpenCL implementations */
    double budget_seconds;     /* cases that would begin later are skipped; 0: no limit */
    uint64_t seed;             /* of all inputs */
    int no_cache;
    /* Added to the options that kernels are built with, or NULL. With macros that make a kernel
     * wrong it tests the self-test; a driver's own options tell what a failure depends on. */
    const char *build_options;
    elcl_selftest_fn on_case; /* may be NULL */
    void *user;
    unsigned reserved[8];
} elcl_selftest_params;

typedef struct elcl_selftest_summary {
    int passed, failed, skipped;
    double seconds;
} elcl_selftest_summary;

ELCL_API elcl_selftest_params elcl_selftest_params_default(void);

/* Runs every operation and GEMM back end on a device against a reference in double precision, on
 * seeded inputs and the widths of known models. Failing cases are no error of the call: see the
 * summary. Fails when there is no such device or host memory is short. `params` may be NULL. */
ELCL_API int elcl_selftest(const elcl_selftest_params *params, elcl_selftest_summary *summary,
                           elcl_error *err);

#ifdef __cplusplus
}
#endif

#endif /* ELCL_ELCL_H */
