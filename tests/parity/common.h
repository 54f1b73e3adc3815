/*
 * Shared by the parity tests: stored results of transformers, models opened in all ways that the
 * tests ask for, generation through the public engine, and a driver that runs encoder and decoder
 * step by step with its own records.
 */
#ifndef ELCL_TESTS_PARITY_COMMON_H
#define ELCL_TESTS_PARITY_COMMON_H

#include <cjson/cJSON.h>

#include "check.h"
#include "engine/engine.h"
#include "model/attn.h"
#include "model/model.h"

#define MAX_TOKENS 128
#define MAX_HYPOTHESES 8

struct tokens {
    int n;
    int32_t ids[MAX_TOKENS];
};

/* ---- goldens ------------------------------------------------------------------------------- */

struct golden {
    char directory[256]; /* of the model */
    cJSON *root;
    int n_inputs, n_cases;
    struct tokens *inputs;
};

/* Loads the model's directory and golden.json below tests/golden. Returns false after a failed
 * check. */
bool golden_load(const char *model, struct golden *golden);
/* The same with inputs and cases of another file there. */
bool golden_load_file(const char *model, const char *file, struct golden *golden);
void golden_finish(struct golden *golden);
/* Reads an array of ints. */
void golden_tokens(const cJSON *array, struct tokens *tokens);
/* Reads rows x columns numbers as doubles [rows * columns]; the caller frees them. */
double *golden_rows(const cJSON *rows, int *n_rows, int *n_columns);
/* Lists of the options live until the next golden_finish(). */
void golden_options(const cJSON *options, elcl_gen_options *out);

/* Reads a whole file; free *data with elcl_free(). NULL after a failed check. */
char *read_text(const char *path, size_t *n);
/* Writes a file of n bytes into a directory. */
void write_file(const char *directory, const char *name, const void *data, size_t n);
/* Makes a fresh copy of a golden's model without its golden.json; the name is valid until the next
 * call. */
const char *copy_golden_model(const char *model);
/* Parses a file; NULL after a failed check. */
cJSON *read_json(const char *path);
/* Sets, or with null removes, keys of a JSON file; `changes` is a JSON object. */
void change_json(const char *directory, const char *name, const char *changes);

/* A change of one tensor of the safetensors header. */
struct header_change {
    const char *tensor;
    const char *rename;      /* or NULL */
    const char *key, *value; /* of the tensor; value in JSON; or NULL */
};

void change_header(const char *directory, const struct header_change *change);

/* ---- models -------------------------------------------------------------------------------- */

struct setup {
    enum elcl_attention attention;
    enum elcl_kernels kernels;
    enum elcl_gemm gemm;
    enum elcl_storage weights, state;
    enum elcl_compute compute; /* AUTO, 0: f32 on any device */
    enum elcl_mma mma; /* an emulated matrix instruction for GPU kernels; NONE: the device's */
};

extern const enum elcl_attention all_variants[3];
extern const enum elcl_kernels all_shapes[2];

const char *attention_name(enum elcl_attention attention);
const char *kernels_name(enum elcl_kernels kernels);
const char *gemm_name(enum elcl_gemm gemm);
const char *storage_name(enum elcl_storage storage);

/* Starts the case "what, model, el, cpu kernels, native, weights f32, state f32". */
bool setup_case(const char *what, const char *model, const struct setup *setup);
elcl_model_params setup_params(const struct setup *setup, const struct check_options *options);
/* Opens the model; NULL after a failed check. */
elcl_model *setup_open(const char *directory, const struct setup *setup,
                       const struct check_options *options);
/* Checks that no buffer is left, then closes the model. */
void setup_close(elcl_model **model);

/* Reads words of models/g2p-en from the test set, evenly chosen; the caller frees them. The model
 * is one opened from g2p_directory(). */
struct tokens *g2p_words(const elcl_model *model, int n);
const char *g2p_directory(void);

/* ---- generation ---------------------------------------------------------------------------- */

struct hypothesis {
    struct tokens tokens;
    float score;
    enum elcl_finish_reason finish;
};

struct job {
    const struct tokens *source;
    const float *inputs; /* [n_inputs, C] instead of the source, or NULL */
    size_t n_inputs;
    elcl_gen_options options;
    int deliveries; /* delivered results, 1 if all is well */
    int n;
    float no_speech_prob;
    struct hypothesis hypotheses[MAX_HYPOTHESES];
};

/* Returns the job's request, with the job as its user; forgets earlier results. */
elcl_request job_begin(struct job *job);
/* Counts a delivery and keeps its hypotheses, as many as there is room for. */
void job_take(struct job *job, const elcl_result *result);
/* Whether two jobs have the same hypotheses, bit for bit. */
bool job_same(const struct job *a, const struct job *b);
/* Runs all jobs through one engine; sets on_result and user of params. stats may be NULL. */
bool jobs_run(elcl_model *model, const elcl_engine_params *params, struct job *jobs, int n,
              elcl_engine_stats *stats);
/* The same in a pool of 1 to 3 engines on the model. */
bool jobs_run_pool(elcl_model *model, int n_engines, const elcl_engine_params *params,
                   struct job *jobs, int n);
/* Makes jobs of all cases of the golden x their inputs; *n jobs, freed by the caller. want[i], if
 * given, is the stored output of job i. */
struct job *golden_jobs(const struct golden *golden, int case_step, int *n, const cJSON ***want);

/* ---- driver -------------------------------------------------------------------------------- */

/* A hypothesis row of the next step. Rows of a sentence are neighbors, in order of sentences. */
struct driver_row {
    int sentence;
    int32_t token;
    int parent; /* row of the previous step; not read at the first step */
};

struct driver {
    elcl_model *model;
    struct elcl_state state;
    const struct tokens *sources; /* with `given`, only their lengths */
    const float *const *given;    /* [n_sources] outputs of the encoder, which does not run; NULL */
    int n_sources;
    int length; /* tokens of every row */
    int n_rows;
    int *sentence;             /* [R] */
    struct tokens *history;    /* [R] tokens of each row so far */
    struct tokens *cache_rows; /* [R] cache row of each of them */
    float *encoded;            /* [sum of sources, D] */
    float *logits;             /* [R, V] */
    struct elcl_records step, encode;
};

/* Creates a driver for up to `beams` rows per sentence and `length` tokens per row. The sources
 * must outlive it. */
bool driver_create(struct driver *driver, elcl_model *model, const struct tokens *sources,
                   int n_sources, int beams, int length);
void driver_finish(struct driver *driver);
/* Runs one step of all sentences; the first one encodes and takes one row per sentence. */
bool driver_step(struct driver *driver, const struct driver_row *rows, int n_rows);
/* Returns the row of sentence i in the encoder's output. */
int driver_source_row(const struct driver *driver, int sentence);

/*
 * Fills the rows of step t for teacher forcing: forced[i].ids[t] of every sentence and, from t = 1
 * on, a second row beside it that sometimes continues itself and sometimes branches off the forced
 * one. The two change places at every step, so that a cache that does not move with its beam shows.
 * Returns the number of rows; row forced_row(t, i) is the forced one.
 */
int forced_rows(const struct driver *driver, const struct tokens *forced, int t,
                struct driver_row *rows);
int forced_row(int t, int sentence);

#endif
