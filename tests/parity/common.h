/*
 * What the parity tests share: stored results of transformers, models opened in every way that a
 * test asks for, generation through the public engine, and a driver that runs encoder and decoder
 * step by step with records of its own.
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

/* The model's directory and golden.json below tests/golden. false after a failed check. */
bool golden_load(const char *model, struct golden *golden);
/* The same with the inputs and cases of another file there. */
bool golden_load_file(const char *model, const char *file, struct golden *golden);
void golden_finish(struct golden *golden);
/* An array of ints. */
void golden_tokens(const cJSON *array, struct tokens *tokens);
/* rows x columns numbers -> [rows * columns] doubles, freed by the caller. */
double *golden_rows(const cJSON *rows, int *n_rows, int *n_columns);
/* Lists of the options live until the next golden_finish(). */
void golden_options(const cJSON *options, elcl_gen_options *out);

/* The whole file; *data is freed with elcl_free(). NULL after a failed check. */
char *read_text(const char *path, size_t *n);
/* A file of n bytes in a directory. */
void write_file(const char *directory, const char *name, const void *data, size_t n);
/* A fresh copy of a golden's model without its golden.json; the name is valid until the next call.
 */
const char *copy_golden_model(const char *model);
/* A parsed file; NULL after a failed check. */
cJSON *read_json(const char *path);

/* ---- models -------------------------------------------------------------------------------- */

struct setup {
    enum elcl_attention attention;
    enum elcl_kernels kernels;
    enum elcl_gemm gemm;
    enum elcl_storage weights, state;
    enum elcl_compute compute; /* AUTO, 0: f32, whatever the machine is good at */
    enum elcl_mma mma;         /* an emulated matrix instruction, GPU shape; NONE: the device's */
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
/* NULL after a failed check. */
elcl_model *setup_open(const char *directory, const struct setup *setup,
                       const struct check_options *options);
/* Checks that no buffer is left, then closes. */
void setup_close(elcl_model **model);

/* Words of models/g2p-en as the test set has them, evenly chosen; freed by the caller. The model
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
    elcl_gen_options options;
    int deliveries; /* results that came, 1 when all is well */
    int n;
    struct hypothesis hypotheses[MAX_HYPOTHESES];
};

/* The job's request, whose user it is; forgets earlier results. */
elcl_request job_begin(struct job *job);
/* Counts a delivery and keeps its hypotheses, as far as there is room. */
void job_take(struct job *job, const elcl_result *result);
/* All jobs through one engine; on_result and user of params are set here. stats may be NULL. */
bool jobs_run(elcl_model *model, const elcl_engine_params *params, struct job *jobs, int n,
              elcl_engine_stats *stats);
/* The same in a pool of 1 to 3 engines on the model. */
bool jobs_run_lanes(elcl_model *model, int lanes, const elcl_engine_params *params,
                    struct job *jobs, int n);
/* All cases of the golden x their inputs; *n jobs, freed by the caller. want[i], if given, is the
 * stored output of job i. */
struct job *golden_jobs(const struct golden *golden, int case_step, int *n, const cJSON ***want);

/* ---- driver -------------------------------------------------------------------------------- */

/* A hypothesis row of the next step; rows of a sentence are neighbors, in order of sentences. */
struct driver_row {
    int sentence;
    int32_t token;
    int parent; /* row of the step before; not read at the first step */
};

struct driver {
    elcl_model *model;
    struct elcl_state state;
    const struct tokens *sources;
    int n_sources;
    int length; /* tokens of every row */
    int n_rows;
    int *sentence;          /* [R] */
    struct tokens *history; /* [R] tokens of each row so far */
    struct tokens *slots;   /* [R] cache row of each of them */
    float *encoded;         /* [sum of sources, D] */
    float *logits;          /* [R, V] */
    struct elcl_records step, encode;
};

/* Up to `beams` rows a sentence and `length` tokens a row. The sources must outlive the driver. */
bool driver_create(struct driver *driver, elcl_model *model, const struct tokens *sources,
                   int n_sources, int beams, int length);
void driver_finish(struct driver *driver);
/* One step of all sentences; the first one encodes and takes one row a sentence. */
bool driver_step(struct driver *driver, const struct driver_row *rows, int n_rows);
/* Row of sentence i in the encoder's output. */
int driver_source_row(const struct driver *driver, int sentence);

/*
 * The rows of step t for teacher forcing: forced[i].ids[t] of every sentence and, from t = 1 on,
 * a second row beside it that sometimes continues itself and sometimes branches off the forced
 * one. The two change places at every step, so that a cache that is not moved with its beam
 * shows. Gives the number of rows; row forced_row(t, i) is the forced one.
 */
int forced_rows(const struct driver *driver, const struct tokens *forced, int t,
                struct driver_row *rows);
int forced_row(int t, int sentence);

#endif
