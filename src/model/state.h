/*
 * The state of an engine: its device buffers, and what its steps share. elcl_state_buffers()
 * computes the list of buffers by arithmetic only: the plan adds it up, the allocation executes it.
 */
#ifndef ELCL_MODEL_STATE_H
#define ELCL_MODEL_STATE_H

#include "model/arch.h"
#include "model/front.h"
#include "model/weights.h"
#include "search/rules.h"

/* The sizes that a state has room for. */
struct elcl_capacity {
    int sentences;   /* B in flight */
    int beams;       /* K per sentence */
    int max_source;  /* S: tokens of the longest source */
    int max_target;  /* T: tokens of the longest output, start token included; decoder-only models
                        start with the source's last token */
    int encode_rows; /* source tokens encoded at once, >= max_source */
    int encode_most; /* plans: encode_rows of many sentences */
    int width;       /* candidates per row */
    int lists;       /* ints of a row's lists at a step */
    bool rounds_inputs;            /* int8 or bf16 compute: GEMMs round their inputs */
    bool rounds_queries;           /* elcl_ops.state_dot is not NONE */
    bool gpu;                      /* GPU kernels */
    enum elcl_storage activations; /* elcl_ops.activations */
    int score_block; /* 0: generation. Otherwise rows of logits at once in teacher-forced passes:
                        `sentences` then counts the packed rows of the decoder and encode_rows those
                        of sources, beams and max_target are 1, sentences * max_source is no less
                        than encode_rows */
};

static inline int elcl_capacity_rows(const struct elcl_capacity *c)
{
    return c->sentences * c->beams;
}

/* Returns the rows of a source in the decoder's caches: decoder-only models keep the prompt there,
 * after the rows of all outputs, once for all beams. */
static inline int elcl_capacity_prompt(const struct elcl_arch *arch, const struct elcl_capacity *c)
{
    return arch->decoder_only ? c->max_source : 0;
}

/* Returns the cache row of a sentence's first prompt token. */
static inline int elcl_capacity_prompt_at(const struct elcl_capacity *c, int slot)
{
    return elcl_capacity_rows(c) * c->max_target + slot * c->max_source;
}

/* Returns the cache rows of one row in mha-beam: prompt, then output. */
static inline int elcl_capacity_row_cache(const struct elcl_arch *arch,
                                          const struct elcl_capacity *c)
{
    return elcl_capacity_prompt(arch, c) + c->max_target;
}

/* Returns the rows of prefixes that run at once in a model with an encoder: el has room for the
 * expanded queries of a step, in models for sounds of PREFIX_ROWS at least, since long prefixes are
 * frequent there. The records have a row and two groups for each, instead of one. */
#define ELCL_PREFIX_ROWS 64
static inline int elcl_capacity_prefix(const struct elcl_arch *arch, enum elcl_attention attention,
                                       const struct elcl_capacity *c)
{
    const int records = c->encode_rows * (ELCL_ROW_INTS + ELCL_ROW_GROUP_INTS) /
                        (ELCL_ROW_INTS + 2 * ELCL_ROW_GROUP_INTS);
    const int least = arch->input_width && c->max_target > ELCL_PREFIX_ROWS ? ELCL_PREFIX_ROWS : 1;
    const int rows = elcl_capacity_rows(c) > least ? elcl_capacity_rows(c) : least;
    const int most = attention == ELCL_ATTN_EL && rows < records ? rows : records;
    return most > 1 ? most : 1;
}

/* Returns the windows of inputs that are encoded at once. A teacher-forced pass has room for the
 * longest ones. */
static inline int elcl_capacity_windows(const struct elcl_arch *arch, const struct elcl_capacity *c)
{
    return 1 + c->encode_rows / (c->score_block ? arch->max_positions : c->max_source);
}

enum elcl_buffer_category {
    ELCL_BUFFERS_SOURCE,    /* encoder-derived state: shared encoder output, or cross K/V */
    ELCL_BUFFERS_SELF,      /* hidden states of the decoder, or its K/V */
    ELCL_BUFFERS_WORKSPACE, /* everything else */
    ELCL_N_BUFFER_CATEGORIES
};

/* Indices of the fixed buffers in elcl_state.buffers; the layers' buffers follow. */
enum elcl_state_buffer {
    ELCL_B_STEP,   /* records of a decoding step, ints */
    ELCL_B_ENCODE, /* records of an encoding, ints */
    ELCL_B_X,      /* [rows, D] the residual stream */
    ELCL_B_Y,      /* [rows, D] a sublayer's output; [rows, W] around embedding projections, as
                    * activations where a product reads it; [rows, H Dh] scratch of attention;
                    * [rows + windows, D] the front's outputs */
    ELCL_B_H,      /* [rows, D] activations: a sublayer's input; not in post-norm models with f32
                    * activations. 16-bit activations: [rows, W] around embedding projections */
    ELCL_B_QKV,    /* [rows, 3 H Dh] activations: projections; in the front [frames, D] */
    ELCL_B_O,      /* [rows, H Dh] activations: heads' outputs */
    ELCL_B_FFN,    /* [rows, F], gated [rows, 2 F] activations; in the front [frames, C] */
    ELCL_B_E,      /* [R, H, D] as of ELCL_OUT_PLANES: expanded queries (el); decoder-only: [rows,
                    * H, D] */
    ELCL_B_C,      /* the same of activations: contexts (el) */
    ELCL_B_PROBABILITIES, /* [rows, H, keys and more] (el, GPU kernels) */
    ELCL_B_PARTS,         /* [R, H, parts, Dh + 2] (mha, GPU kernels) */
    ELCL_B_LOGITS,        /* [R, ELCL_LOGITS_LD(V)]; before that [2, some rows, S] alignments */
    ELCL_B_CANDIDATES,    /* [R, width] pairs */
    ELCL_B_LINEAGE,       /* [R, T] ints */
    ELCL_B_LINEAGE_NEXT,  /* the other half of the double buffer */
    ELCL_B_TOKENS,        /* [B K T + prompts] token of each cache row, int */
    ELCL_B_SOURCE,        /* [B S, D] state: the shared encoder output (el) */
    ELCL_B_SPARE_SELF,    /* mha-beam: the next layer's caches are reordered into it */
    ELCL_B_SPARE_CROSS,
    ELCL_B_ROUNDED, /* the rounded input of a GEMM, in the type of its weights */
    ELCL_B_SLICES,  /* slices of the sums of a GEMM that work-groups share */
    ELCL_B_LAYERS   /* then per decoder layer: self, cross */
};

static inline int elcl_b_self(int layer)
{
    return ELCL_B_LAYERS + 2 * layer;
}

static inline int elcl_b_cross(int layer)
{
    return ELCL_B_LAYERS + 2 * layer + 1;
}

/* Returns the buffer that sublayers read: ELCL_B_H, or in post-norm models the residual stream if
 * it has the type of activations. */
static inline int elcl_arch_input(const struct elcl_arch *arch, enum elcl_storage activations)
{
    return arch->pre_norm || activations != ELCL_F32 ? ELCL_B_H : ELCL_B_X;
}

struct elcl_buffer_spec {
    const char *label; /* a literal */
    enum elcl_buffer_category category;
    size_t bytes; /* 0: not needed by this variant */
};

/* Fills specs[0 .. elcl_state_n_buffers() - 1] by arithmetic only; returns false if a size
 * overflows. */
int elcl_state_n_buffers(const struct elcl_arch *arch);
bool elcl_state_buffers(const struct elcl_arch *arch, enum elcl_attention attention,
                        enum elcl_storage state_storage, const struct elcl_capacity *capacity,
                        struct elcl_buffer_spec *specs);

struct elcl_attention_variant;
struct elcl_cross_tap;

struct elcl_state {
    const struct elcl_arch *arch;
    const struct elcl_weights *weights;
    const struct elcl_attention_variant *variant;
    struct elcl_ops *ops; /* owned */
    struct elcl_capacity capacity;
    struct elcl_buffer *buffers; /* [elcl_state_n_buffers()] */
    int h;                       /* input buffer of sublayers, see elcl_arch_input() */
    int n_buffers;
    /* Of few rows products add the residual stream and take the norms, so that no launch stands
     * between two of them (the decoder's layers): */
    bool folds;
    struct elcl_gemm_norm input; /* the norm that gives the sublayer's input; norm NULL: it is in
                                  * buffer h */
    struct elcl_cross_tap *tap;  /* NULL, or what takes a layer's alignments */
};

/* Allocates all buffers; takes ownership of ops only on success. */
int elcl_state_init(struct elcl_state *state, const struct elcl_arch *arch,
                    const struct elcl_weights *weights, enum elcl_attention attention,
                    const struct elcl_capacity *capacity, struct elcl_ops *ops, elcl_error *err);
void elcl_state_finish(struct elcl_state *state);

/* Ints per row in the records of a step: two groups and at most one draw. */
#define ELCL_STEP_INTS (ELCL_ROW_INTS + 2 * ELCL_ROW_GROUP_INTS + ELCL_RULES_INTS + ELCL_DRAW_INTS)

/* Returns the ints of the step buffer: the records, each row's lists, and the sources for rules
 * that read them. */
size_t elcl_capacity_step(const struct elcl_capacity *c);

/* What an encoding begins with. */
enum elcl_source_kind {
    ELCL_SOURCE_TOKENS,
    ELCL_SOURCE_INPUTS, /* frames, of which the front makes rows */
    ELCL_SOURCE_ROWS,   /* outputs of an encoder */
    ELCL_SOURCE_STORED, /* what elcl_stored_rows_read() gave */
};

/* One encoding or step as the host describes it: records in one int array, uploaded unchanged. */
struct elcl_records {
    int32_t *data; /* of elcl_ops_host_memory() */
    int buffer;    /* ELCL_B_STEP, or ELCL_B_ENCODE if decoder code runs on a prompt */
    size_t n;      /* ints in use */
    size_t rows_at, self_at, cross_at, rules_at, draws_at; /* sections; rows first */
    size_t
        scored_at; /* teacher-forced passes: a row record (token and row) for each scored token */
    int among;     /* teacher-forced passes: scores are those among the tokens below this */
    int n_rows, n_self, n_cross, n_draws, n_scored;
    int n_beam_draws;     /* after the n_draws others */
    bool packed;          /* rows of a sentence are consecutive; all keys are shared cache rows */
    int max_rows;         /* of a cross group */
    int max_length;       /* of a row */
    int max_keys;         /* largest number of self keys of a row: the prompt and its length */
    uint64_t self_keys;   /* sum over rows of the keys they read */
    uint64_t cross_keys;  /* the same */
    uint64_t cross_reads; /* sum over groups: the rows of a group read together */
    int max_source;       /* longest source of a cross group */
    int width;            /* candidates per row, the largest number of any sentence */
    bool renormalize;     /* some row's rules ask for it */
    /* Encodings: */
    enum elcl_source_kind kind;             /* of all rows */
    const struct elcl_front_frames *frames; /* INPUTS */
    const float *given;                     /* ROWS: [n_rows, D] of elcl_ops_host_memory() */
    const char *stored; /* STORED: n_rows of elcl_stored_row_bytes(), of the same memory */
    bool keeps_rows;    /* ELCL_B_X receives the output, too */
};

/*
 * Runs the encoder over packed sources: n_rows rows with token and position, and one self group per
 * row that names its sentence's rows. Outputs that are given take its place. Leaves the output
 * [n_rows, D] in buffer state->h and fills the variant's encoder-derived state at cache row
 * ELCL_ROW_CACHE_ROW of each record.
 */
int elcl_encoder_run(struct elcl_state *state, const struct elcl_records *records, elcl_error *err);

/* stored_rows.c: the encoder's output as bytes, in the form that the attention variant reads, and
 * in the type of that. */
enum elcl_storage elcl_stored_type(enum elcl_attention attention, const struct elcl_ops *ops);
size_t elcl_stored_row_bytes(const struct elcl_arch *arch, enum elcl_attention attention,
                             const struct elcl_ops *ops);
/* Copies the output of the encoding that has just run to `rows` of elcl_ops_host_memory(), and
 * waits. */
int elcl_stored_rows_read(struct elcl_state *state, const struct elcl_records *records, void *rows,
                          elcl_error *err);
/* Puts records->stored where an encoding would have put its output. */
int elcl_stored_rows_write(struct elcl_state *state, const struct elcl_records *records,
                           elcl_error *err);

/*
 * Writes the states and tokens of prompts, or of prefixes whose sources are encoded, to the cache
 * rows. One row per token, with a self group of the prompt up to itself: every layer stores the
 * states of all rows before its attention runs, so this is causal attention.
 */
int elcl_decoder_prefill(struct elcl_state *state, const struct elcl_records *records,
                         elcl_error *err);

/* Uploads the `records` of the coming step. mha-beam: moves the caches of all rows to their
 * children. Call it before the encoder admits new sentences. */
int elcl_decoder_begin(struct elcl_state *state, const struct elcl_records *records,
                       elcl_error *err);
/* Runs the decoder for one token of every row; leaves candidates [n_rows, width] in
 * ELCL_B_CANDIDATES. Does not wait. */
int elcl_decoder_step(struct elcl_state *state, const struct elcl_records *records,
                      elcl_error *err);

/*
 * Teacher forcing: runs all rows of all targets in one pass, in a state with score_block. The self
 * group of a row is the cache rows of its target up to itself; cache row r belongs to row r. Leaves
 * the log-probabilities of the scored tokens (ROW_TOKEN of their records, after row ROW_PARENT) in
 * ELCL_B_CANDIDATES as floats [n_scored]. Uploads the records; does not wait.
 */
int elcl_decoder_score(struct elcl_state *state, const struct elcl_records *records,
                       elcl_error *err);

/* Ints per row in the records of a teacher-forced pass: two records, two groups. */
#define ELCL_SCORE_INTS (2 * ELCL_ROW_INTS + 2 * ELCL_ROW_GROUP_INTS)

#endif
