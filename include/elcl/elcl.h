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
    unsigned reserved[6];
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

/* ---- convenience --------------------------------------------------------------------------- */

/* One text in, the best hypothesis' text out; *text is freed with elcl_free(). Creates an engine
 * for the call: for many texts use an engine. */
ELCL_API int elcl_generate(elcl_model *model, const char *text, const elcl_gen_options *options,
                           char **out, elcl_error *err);

#ifdef __cplusplus
}
#endif

#endif /* ELCL_ELCL_H */
