/*
 * What the host and the kernels share: the records of a step, numbers that select a variant, and
 * sizes that a launch must know. C and OpenCL C both compile this file, so it uses only int,
 * unsigned and float, which have 32 bits on both sides. The host puts it before every program,
 * ahead of prelude.cl.
 */
#ifndef ELCL_RECORDS_H
#define ELCL_RECORDS_H

/* ---- limits of elcl.h, which kernels cannot include ------------------------------------------ */

#define ELCL_RULES_EOS 32    /* ELCL_MAX_EOS */
#define ELCL_BEAM_STREAMS 64 /* ELCL_MAX_BEAMS */
/* Candidates of a row, at most: those of a search, and a watched token. */
#define ELCL_MAX_CANDIDATES (ELCL_BEAM_STREAMS * (1 + ELCL_RULES_EOS) + 1)

/* ---- records of a step: ints in one buffer that each step uploads ---------------------------- */

/* The ints of one row's record. */
enum elcl_row_field {
    ELCL_ROW_TOKEN,     /* the row's last token: the decoder's input */
    ELCL_ROW_POSITION,  /* 0 for the start token */
    ELCL_ROW_PARENT,    /* row of the step before whose history this row continues */
    ELCL_ROW_CACHE_ROW, /* cache row that receives this step's state */
    ELCL_ROW_LENGTH,    /* tokens of the row so far, the last one included, the prompt not */
    ELCL_ROW_KV_ROW,    /* row of the key/value cache that receives this step (mha) */
    ELCL_ROW_PROMPT,    /* cache row of the first token of the prompt; rows of a request share it */
    ELCL_ROW_N_PROMPT,  /* tokens of the prompt */
    ELCL_ROW_INTS       /* ints per record */
};

/* A row group: n_rows rows from `row` that attend to the same keys. The keys are first the
 * cache rows start .. start + n_shared - 1, then lineage[lineage_row][0 .. n_private - 1]. n_rows >
 * 1 only with n_private == 0. */
struct elcl_row_group {
    int row, n_rows;
    int start, n_shared;
    int lineage_row, n_private;
};
#define ELCL_ROW_GROUP_INTS ((int)(sizeof(struct elcl_row_group) / sizeof(int)))

/* One row's rules at one step, in Hugging Face's order: encoder repetition penalty, repetition
 * penalty, presence and frequency penalty, the bans, whose order does not matter, and a forced
 * token; then fairseq's rules; then timestamps; last log-softmax again. Lists follow the records of
 * the step; *_at is where one begins, in ints. Zero turns off every rule after renormalize. */
struct elcl_row_rules {
    int log_probs;    /* 1: the rules see log-softmax (beam search), 0: raw logits (greedy) */
    int forced_token; /* -1: none; otherwise this token scores 0, all others are banned */
    int ban_eos;      /* 1: no token of eos[] may be chosen */
    int ngram;        /* 0: off; n: no n-gram of the row's history may come again */
    float repetition_penalty; /* 1: off */
    int n_eos;
    int eos[ELCL_RULES_EOS];
    int only_token; /* -1: none; otherwise all others are banned, it keeps its score */
    int pad_token;  /* -1: none; never chosen */
    int unk_token;  /* -1: none; loses unk_penalty */
    float unk_penalty;
    int renormalize;         /* 1: scores are log-softmax of what the rules leave */
    int encoder_ngram;       /* n: no n-gram of the source may come */
    float encoder_penalty;   /* of the source's tokens, as repetition_penalty of the history's */
    float presence_penalty;  /* what each token of the history from first_generated on loses */
    float frequency_penalty; /* likewise, for each time that it is there */
    int first_generated;
    int source_at, n_source;         /* the source's tokens, if a rule reads them */
    int bans_at, n_bans;             /* tokens that would complete a bad word */
    int suppressed_at, n_suppressed; /* banned tokens */
    int allowed_only;                /* 1: all but the allowed tokens are banned */
    int allowed_at, n_allowed;       /* rising */
    /* The tokens from timestamp_begin on; 0: there are none. They, or else the tokens below them,
     * remain, see cl/logits.cl. */
    int timestamp_begin;
    int first_text;                     /* tokens below it are banned */
    int first_timestamp, end_timestamp; /* timestamps outside are banned */
    int watch, watched_token;           /* watch 1: the row's last candidate is this token, with its
                                         * log-probability before the rules */
};
#define ELCL_RULES_INTS ((int)(sizeof(struct elcl_row_rules) / sizeof(int)))

/* One token to be drawn from a row after its rules. The cut-offs are applied in the order of
 * transformers: temperature, top_k, top_p, min_p, typical_p. */
struct elcl_row_draw {
    int row;         /* of the step */
    int index;       /* the token becomes the row's candidate 1 + index */
    int top_k;       /* 0: off */
    float uniform;   /* in (0, 1) */
    float scale;     /* 1 / temperature */
    float top_p;     /* 1: off */
    float min_p;     /* 0: off */
    float typical_p; /* 1: off */
    /* Only for draws of beams, which have no uniform and no index: the draws replace all candidates
     * of the row, see elcl_rules_gumbel(). */
    int keep;        /* the cut-offs after top_k leave at least `keep` tokens, if there are any */
    int renormalize; /* 1: scores are log-softmax of what the cut-offs leave */
    unsigned seed[2], sample[2], beam, length;
};
#define ELCL_DRAW_INTS ((int)(sizeof(struct elcl_row_draw) / sizeof(int)))

/* ---- numbers that select a variant ----------------------------------------------------------- */

enum elcl_activation {
    ELCL_ACT_NONE,
    ELCL_ACT_RELU,
    ELCL_ACT_GELU,
    ELCL_ACT_GELU_TANH,
    ELCL_ACT_SILU
};

/* Flags of the gemm kernels and of epilogue; the last two only of GPU kernels, see gemm_put.cl. */
enum { ELCL_GEMM_BIAS = 1, ELCL_GEMM_RESIDUAL = 2, ELCL_GEMM_ACT = 4, ELCL_GEMM_PLANES = 8 };

/* logits.cl: the token of a candidate that a row does not have. */
enum {
    ELCL_TOKEN_NONE = -1,    /* the rules leave fewer tokens */
    ELCL_TOKEN_NO_LOGIT = -2 /* the row's logits are not finite */
};

/* norm.cl */
enum elcl_norm_kind { ELCL_NORM_NONE, ELCL_NORM_LAYER, ELCL_NORM_RMS, ELCL_N_NORMS };
enum { ELCL_EMBED_TOKENS = 1, ELCL_EMBED_POSITIONS = 2, ELCL_EMBED_STATE = 4, ELCL_EMBED_H = 8 };
enum { ELCL_ADD_Y = 1, ELCL_ADD_TO_H = 2, ELCL_ADD_TO_X = 4, ELCL_ADD_TO_STATE = 8 };

/* ---- sizes that a launch must know ----------------------------------------------------------- */

/* Elements of state that share a scale, see storage.cl; src/base/state_row.h has the same. */
#define ELCL_STATE_GROUP_INT8 256
#define ELCL_STATE_GROUP_INT4 64

/* Floats from one row of V logits to the next: rows start at multiples of 32 bytes. */
#define ELCL_LOGITS_LD(v) (((v) + 7) / 8 * 8)
/* logits.cl: segments of a row that an item remembers the best token of, and the local memory of a
 * group of `items`: the keys of those tokens, and one more of each item. */
#define ELCL_SELECT_CHUNKS 8
#define ELCL_SELECT_BYTES(items) ((ELCL_SELECT_CHUNKS + 1) * (items)*8)

/* Neighbors in k of int4 weights that share a scale. */
#define ELCL_INT4_GROUP 32

/* CPU kernels: rows of a work-item of gemm_cpu.cl, at most. */
#define ELCL_GEMM_BLOCK 96
/* K of rows and columns in int8 or bf16 is rounded up to a multiple of this. */
#define ELCL_ROUNDED_K 8
/* dot_vpmaddubsw.cl: what weights of one sign add up to, at most, of those that meet in 16 bits. */
#define ELCL_SHORT_SUM 128
/* attn_el_cpu.cl: pairs (row, head) of a work-item, at most, and of a tile. */
#define ELCL_EL_MAX_PAIRS 30
#define ELCL_EL_TILE 6
/* attn_el_int_cpu.cl: pairs of a work-item, at most, a multiple of every VW; and the words of a
 * pair for a rounded part of its query: two for four elements, the size and the sum. */
#define ELCL_EL_INT_PAIRS 48
#define ELCL_EL_INT_WORDS (ELCL_STATE_GROUP_INT8 / 2 + 2)
#define ELCL_EL_INT_KEYS 128   /* of a block */
#define ELCL_EL_INT_MOST 32639 /* the largest rounded factor, 127 * 256 + 127 */
/* attn_mha_cpu.cl: heads of a work-item, at most. */
#define ELCL_MHA_MAX_HEADS 16
/* attn_packed_cpu.cl: rows of a work-item. */
#define ELCL_PACKED_ROWS 96

/* GPU kernels, tile.cl: the items of a work-group, the outputs of its tile, TILE_SIZE x TILE_SIZE,
 * in steps of TILE_K terms, and the row stride of outputs in local memory. */
#define ELCL_TILE_ITEMS 128
/* rates_mma.cl: tiles of 16 x 16 that a sub-group adds to at the same time. */
#define ELCL_RATES_MMA_CHAINS(subgroup) ((subgroup) < 16 ? 2 : 4)
#define ELCL_TILE_SIZE 64
#define ELCL_TILE_K 16
#define ELCL_TILE_LD (ELCL_TILE_SIZE + 4) /* one float4 more against bank conflicts */
/* tile_mma.cl: words from one k / 2 of a panel to the next. */
#define ELCL_MMA_LD (ELCL_TILE_SIZE + 8)
/* Bytes of a panel in tile_plain.cl and tile_mma.cl, and of local memory for n panels, which
 * outputs of some rows replace later. */
#define ELCL_PLAIN_PANEL_BYTES (ELCL_TILE_K * ELCL_TILE_SIZE * 4)
#define ELCL_MMA_PANEL_BYTES (ELCL_TILE_K * ELCL_MMA_LD * 4)
#define ELCL_TILE_BYTES(panel_bytes, n, rows)                                                      \
    ((n) * (panel_bytes) > (rows)*ELCL_TILE_LD * 4 ? (n) * (panel_bytes) : (rows)*ELCL_TILE_LD * 4)
/* attn_packed_gpu.cl: a tile, two panels or half a tile's outputs, and nine numbers per row. */
#define ELCL_PACKED_BYTES(panel_bytes)                                                             \
    (ELCL_TILE_BYTES(panel_bytes, 4, ELCL_TILE_SIZE) +                                             \
     ELCL_TILE_BYTES(panel_bytes, 2, ELCL_TILE_SIZE / 2) + 9 * ELCL_TILE_SIZE * 4)
/* attn_el_gpu.cl: keys that get a softmax of their own, and the floats of a pair's row of
 * probabilities for max_keys keys, a multiple of TILE_SIZE: the largest score and the sum of each
 * part follow. */
#define ELCL_EL_PART (ELCL_TILE_SIZE / 2)
#define ELCL_EL_LD(max_keys) ((max_keys) / ELCL_EL_PART * (ELCL_EL_PART + 2))
/* attn_mha_parts.cl: keys of a work-group, and the keys in flight of an item. */
#define ELCL_MHA_PART 256
#define ELCL_MHA_KEYS 4
/* Items that read a row of Dh elements in chunks of 16 bytes together. */
#define ELCL_MHA_LANES(dh, chunk, items)                                                           \
    ELCL_MHA_MIN(items, (dh) > 16 * (chunk)  ? 32                                                  \
                        : (dh) > 8 * (chunk) ? 16                                                  \
                        : (dh) > 4 * (chunk) ? 8                                                   \
                                             : 4)
#define ELCL_MHA_MIN(a, b) ((a) < (b) ? (a) : (b))
/* Partial scores lie in local memory as [rows][lanes][LD]: LD is 4 (mod 8) floats, with 4 lanes 8
 * (mod 16), and a row has a few more, against bank conflicts. The same memory holds the sums of all
 * items, of one row, or of half of the rows, or with chunks of 16 elements a quarter. */
#define ELCL_MHA_LD(items, lanes) (ELCL_MHA_KEYS * (items) / (lanes) + ((lanes) < 8 ? 8 : 4))
#define ELCL_MHA_ROW_LD(items, lanes, rows) ((lanes)*ELCL_MHA_LD(items, lanes) + 32 / (rows))
#define ELCL_MHA_WORK(items, lanes, rows, chunk)                                                   \
    ((rows) == 1 ? ((chunk) > 8 ? (chunk) : 8) * (items) + 4 * (lanes) + 4                         \
                 : (rows)*ELCL_MHA_ROW_LD(items, lanes, rows))
/* Local memory: queries, WORK, scores, two numbers per item, and where keys begin. */
#define ELCL_MHA_BYTES(dh, chunk, items, rows)                                                     \
    (4 * ((rows) * (dh) + ELCL_MHA_WORK(items, ELCL_MHA_LANES(dh, chunk, items), rows, chunk) +    \
          ELCL_MHA_PART * (rows) + 2 * (items) + 2 * ELCL_MHA_PART))
/* gemm_rows.cl: outputs of a work-group, slices of K, and local memory. */
#define ELCL_ROWS_M 8
#define ELCL_ROWS_N 32
#define ELCL_ROWS_SLICES 16
#define ELCL_ROWS_BYTES (ELCL_ROWS_SLICES * ELCL_ROWS_M * ELCL_ROWS_N * 4)
/* gemm_int8.cl: outputs of a work-group of gemm_rows and slices of K, local memory, and the words
 * after a rounded row, of which the first is its scale: rows are whole chunks of 16 bytes. */
#define ELCL_INT8_ROWS_M 8
#define ELCL_INT8_ROWS_N 16
#define ELCL_INT8_SLICES 8
#define ELCL_INT8_ROWS_BYTES (ELCL_TILE_ITEMS * ELCL_INT8_SLICES * 4)
#define ELCL_INT8_TILE_BYTES (ELCL_TILE_SIZE * ELCL_TILE_LD * 4)
#define ELCL_INT8_TAIL 4
/* gemm_rows_mma.cl: the same; words from one k / 2 to the next, of rows of X and columns of W. */
#define ELCL_ROWS_MMA_M 16
#define ELCL_ROWS_MMA_N 32
#define ELCL_ROWS_MMA_SLICES 8
#define ELCL_ROWS_MMA_X_LD (ELCL_ROWS_MMA_M + 8)
#define ELCL_ROWS_MMA_W_LD (ELCL_ROWS_MMA_N + 8)
#define ELCL_ROWS_MMA_BYTES(w_parts)                                                               \
    (ELCL_ROWS_MMA_SLICES * ELCL_TILE_K / 2 *                                                      \
     (2 * ELCL_ROWS_MMA_X_LD + (w_parts)*ELCL_ROWS_MMA_W_LD) * 4)
/* tile_wide.cl: items of a work-group, columns of its tile of bm x WIDE_N outputs, terms of a step,
 * and the row stride of outputs in local memory. */
#define ELCL_WIDE_ITEMS 256
#define ELCL_WIDE_N 128
#define ELCL_WIDE_K 32
#define ELCL_WIDE_LD (ELCL_WIDE_N + 8)
/* The smallest bm: one tile of 16 x 16 for each sub-group below another. */
#define ELCL_WIDE_LEAST(subgroup) ((subgroup) < 32 ? 64 : 32)
/* Bytes of a stage, and how many stages asynchronous copies fill: as many as 48 KiB hold, at most
 * 4. Without such copies it is two. */
#define ELCL_WIDE_STAGE_BYTES(bm, parts) (((bm) * (parts) + ELCL_WIDE_N) * ELCL_WIDE_K * 2)
#define ELCL_WIDE_ASYNC_STAGES(bm, parts)                                                          \
    (49152 / ELCL_WIDE_STAGE_BYTES(bm, parts) < 4 ? 49152 / ELCL_WIDE_STAGE_BYTES(bm, parts) : 4)
/* Local memory: the stages, which the outputs of up to 64 rows replace later. */
#define ELCL_WIDE_BYTES(stages, bm, parts)                                                         \
    ((stages)*ELCL_WIDE_STAGE_BYTES(bm, parts) > 64 * ELCL_WIDE_LD * 4                             \
         ? (stages)*ELCL_WIDE_STAGE_BYTES(bm, parts)                                               \
         : 64 * ELCL_WIDE_LD * 4)
/* attn_packed_wide.cl: rows of a work-group, and local memory: tiles of queries, of keys, of values
 * and of probabilities, up to 4 parts of a number of each row, and four ints per row at most. */
#define ELCL_FLASH_ROWS 64
#define ELCL_FLASH_BYTES(width)                                                                    \
    (ELCL_FLASH_ROWS * (width)*2 + 2 * 4096 * 2 + ELCL_FLASH_ROWS * (4096 / (width)) * 2 +         \
     ELCL_FLASH_ROWS * (4 * 4 + 4 * 4))
/* gemm_rows_wide.cl: slices of K, row stride of outputs, bytes of a stage, how many stages, and
 * local memory, where the slices' sums replace the stages later. */
#define ELCL_ROWS_WIDE_SLICES 8
#define ELCL_ROWS_WIDE_LD (64 + 4)
#define ELCL_JOIN_ITEMS 64 /* gemm_join of gemm_wide.cl */
#define ELCL_ROWS_WIDE_STAGE_BYTES(sliced)                                                         \
    ((sliced) ? ELCL_ROWS_WIDE_SLICES * (16 + 16) * ELCL_WIDE_K * 2 : (16 + 64) * ELCL_WIDE_K * 2)
#define ELCL_ROWS_WIDE_STAGES(async, sliced) (!(async) ? 2 : (sliced) ? 3 : 8)
#define ELCL_ROWS_WIDE_BYTES(async, sliced)                                                        \
    (ELCL_ROWS_WIDE_STAGES(async, sliced) * ELCL_ROWS_WIDE_STAGE_BYTES(sliced))
/* The kernels that take the norm of rows: stages have W only, and rows of k elements follow. */
#define ELCL_ROWS_NORM_M 16
#define ELCL_ROWS_NORM_STAGE_BYTES(sliced)                                                         \
    (((sliced) ? ELCL_ROWS_WIDE_SLICES * 16 : 64) * ELCL_WIDE_K * 2)
#define ELCL_ROWS_NORM_STAGES(async, sliced) ((async) && !(sliced) ? 4 : 2)
#define ELCL_ROWS_NORM_BYTES(async, sliced, k)                                                     \
    (ELCL_ROWS_NORM_STAGES(async, sliced) * ELCL_ROWS_NORM_STAGE_BYTES(sliced) +                   \
     (k)*ELCL_ROWS_NORM_M * 2)
/* probe_wide.cl: terms of a sum, whole chunks, but no whole steps. */
#define ELCL_PROBE_WIDE_K 168
/* attn_el_wide.cl: keys that get a softmax of their own, and the 16-bit elements of a pair's row of
 * probabilities for max_keys keys, a multiple of ELCL_EL_WIDE_PART: two numbers of f32 for each
 * part follow, and room for two steps, which are fetched after the last one. */
#define ELCL_EL_WIDE_PART ELCL_WIDE_N
#define ELCL_EL_WIDE_LD(max_keys)                                                                  \
    ((max_keys) + ((max_keys) / ELCL_EL_WIDE_PART > 16                                             \
                       ? ((max_keys) / ELCL_EL_WIDE_PART + 1) / 2 * 8                              \
                       : 2 * ELCL_WIDE_K))
/* Local memory: the stages, and three with what contexts need of two parts, or 64 rows of outputs
 * with 16 numbers for each. */
#define ELCL_EL_PARTS_BYTES (2 * (ELCL_EL_WIDE_PART + 64) * 4)
#define ELCL_EL_OUTPUT_BYTES (64 * (ELCL_WIDE_LD + 16) * 4)
#define ELCL_EL_SCORES_BYTES(stages, bm)                                                           \
    ((stages)*ELCL_WIDE_STAGE_BYTES(bm, 2) > ELCL_EL_OUTPUT_BYTES                                  \
         ? (stages)*ELCL_WIDE_STAGE_BYTES(bm, 2)                                                   \
         : ELCL_EL_OUTPUT_BYTES)
#define ELCL_EL_CONTEXT_BYTES(bm)                                                                  \
    (3 * ELCL_WIDE_STAGE_BYTES(bm, 1) + ELCL_EL_PARTS_BYTES > ELCL_EL_OUTPUT_BYTES                 \
         ? 3 * ELCL_WIDE_STAGE_BYTES(bm, 1) + ELCL_EL_PARTS_BYTES                                  \
         : ELCL_EL_OUTPUT_BYTES)

#endif
