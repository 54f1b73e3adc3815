/* The references, compared with numbers worked out by hand and with identities of the method. */
#include "suite.h"

#include <math.h>
#include <string.h>

#include "base/state_row.h"
#include "base/util.h"

#define NEAR(got, want) (fabs((got) - (want)) <= 1e-12 * (1 + fabs(want)))

static void test_storage(void)
{
    if (!check_case("ref storage"))
        return;
    /* halves have 11 significant bits, bfloat16 8; ties go to even */
    float half[] = {1.00048828125f, 1.00146484375f, 65520.0f, 0.1f};
    elcl_ref_round(ELCL_F16, half, 4);
    CHECK(
        half[0] == 1.0f && half[1] == 1.001953125f && isinf(half[2]) && half[3] == 0.0999755859375f,
        "%.9g %.9g %.9g %.9g", (double)half[0], (double)half[1], (double)half[2], (double)half[3]);
    float bf16[] = {1.00390625f, 1.01171875f, 0.1f};
    elcl_ref_round(ELCL_BF16, bf16, 3);
    CHECK(bf16[0] == 1.0f && bf16[1] == 1.015625f && bf16[2] == 0.10009765625f, "%.9g %.9g %.9g",
          (double)bf16[0], (double)bf16[1], (double)bf16[2]);
    for (int s = ELCL_F32; s <= ELCL_BF16; s++) {
        float values[16], back[16];
        unsigned char bits[64];
        for (int i = 0; i < 16; i++)
            values[i] = (float)check_normal();
        elcl_ref_round((enum elcl_storage)s, values, 16);
        elcl_ref_store((enum elcl_storage)s, values, bits, 16);
        elcl_ref_load((enum elcl_storage)s, bits, back, 16);
        CHECK(!memcmp(values, back, sizeof(values)), "storage %d does not come back", s);
    }
}

/* Rows of 100 elements in two parts; int8 has the parts' bytes first, then two words. */
static void test_state_rows(void)
{
    if (!check_case("ref state rows"))
        return;
    CHECK(elcl_state_row_bytes(ELCL_F32, 100, 50) == 400, "f32");
    CHECK(elcl_state_row_bytes(ELCL_BF16, 100, 50) == 200, "bf16");
    CHECK(elcl_state_row_bytes(ELCL_INT8, 100, 50) == 112, "int8"); /* 100 + 8, a multiple of 16 */
    CHECK(elcl_state_row_bytes(ELCL_INT4, 100, 50) == 80, "int4");  /* 2 * 32 + 8 */
    CHECK(elcl_state_row_bytes(ELCL_INT8, 1024, 1024) == 1040, "int8, four groups");
    CHECK(elcl_state_row_bytes(ELCL_INT4, 1024, 1024) == 576, "int4, 16 groups");
    CHECK(elcl_state_groups_at(ELCL_INT8, 10, 5) == 12, "a multiple of 4");
    /* 0 .. 254 and 255: a step of one, so that integers are the elements */
    float whole[257];
    unsigned char bits[288];
    for (int i = 0; i < 257; i++)
        whole[i] = i < 256 ? (float)i : 3.25f;
    elcl_ref_store_state(ELCL_INT8, whole, bits, 1, 257, 257);
    CHECK(bits[0] == 0 && bits[9] == 9 && bits[255] == 255 && bits[256] == 0, "int8 values");
    /* scale 1, 0x3c00, least 0; then one element: scale 0, least 3.25, 0x4280 */
    CHECK(!memcmp(bits + 260, "\0\x3c\0\0\0\0\x80\x42", 8), "int8 groups");
    elcl_ref_round_state(ELCL_INT8, whole, NULL, 1, 257, 257);
    CHECK(whole[0] == 0 && whole[255] == 255 && whole[256] == 3.25f, "int8 rounded");
    float few[40], doubt[40]; /* int4: 0 .. 15, and then others */
    for (int i = 0; i < 40; i++)
        few[i] = (float)(i % 16);
    few[33] = 2.5f;
    few[34] = 3.5f;
    elcl_ref_store_state(ELCL_INT4, few, bits, 1, 40, 40);
    CHECK(bits[0] == 0x00 && bits[1] == 0x11 && bits[15] == 0xff, "int4 pairs");
    CHECK(bits[17] == 2 && bits[18] == 4 && bits[23] == 7 && bits[24] == 0, "int4 tail, ties");
    elcl_ref_round_state(ELCL_INT4, few, doubt, 1, 40, 40);
    CHECK(few[33] == 2 && few[34] == 4 && doubt[33] == 1 && doubt[32] == 0, "int4 rounded");
}

/* Both ways to round agree, and no element moves by more than half a step and its rounding. */
static void test_state_rounding(void)
{
    if (!check_case("ref state rounding"))
        return;
    enum { ROWS = 7, PART = 300, N = 2 * PART };
    static float values[ROWS * N], rounded[ROWS * N], back[ROWS * N];
    static unsigned char bits[ROWS * N * sizeof(float)];
    for (int s = ELCL_F32; s <= ELCL_INT4; s++) {
        const enum elcl_storage storage = (enum elcl_storage)s;
        for (int i = 0; i < ROWS * N; i++)
            values[i] = (float)check_normal() * powf(10, (float)(i / PART % 7 - 3));
        memcpy(rounded, values, sizeof(values));
        elcl_ref_round_state(storage, rounded, NULL, ROWS, N, PART);
        elcl_ref_store_state(storage, values, bits, ROWS, N, PART);
        elcl_ref_load_state(storage, bits, back, ROWS, N, PART);
        CHECK(!memcmp(rounded, back, sizeof(back)), "storage %d does not come back", s);
        for (int i = 0; i < ROWS * N; i += PART) {
            double largest = 0, error = 0;
            for (int j = i; j < i + PART; j++) {
                largest = fmax(largest, fabs((double)values[j]));
                error = fmax(error, fabs((double)values[j] - (double)rounded[j]));
            }
            const double steps = storage == ELCL_INT8 ? 255 : storage == ELCL_INT4 ? 15 : 200;
            CHECK(error <= 1.01 * largest / steps + 1e-7, "storage %d: %g of %g", s, error,
                  largest);
        }
    }
}

/* A number that is not finite makes its group NaN, and no other. */
static void test_state_infinite(void)
{
    if (!check_case("ref state infinite"))
        return;
    static const float wrong[] = {INFINITY, -INFINITY, NAN, 65505, -1e6f};
    for (size_t w = 0; w < ELCL_COUNT(wrong); w++) {
        float values[130] = {1, -65504, 65504};
        values[70] = wrong[w];
        elcl_ref_round_state(ELCL_INT4, values, NULL, 1, 130, 130);
        for (int i = 0; i < 130; i++)
            CHECK(isnan(values[i]) == (i / 64 == 1), "element %d is %g", i, (double)values[i]);
    }
}

static void test_activation_values(void)
{
    if (!check_case("ref activations"))
        return;
    CHECK(elcl_ref_relu(-2) == 0 && elcl_ref_relu(3) == 3, "relu");
    CHECK(NEAR(elcl_ref_gelu(1), 0.84134474606854293), "gelu(1) = %.17g", elcl_ref_gelu(1));
    CHECK(NEAR(elcl_ref_gelu(-1), -0.15865525393145707), "gelu(-1) = %.17g", elcl_ref_gelu(-1));
    CHECK(fabs(elcl_ref_gelu_tanh(1) - 0.8411919906082768) < 1e-12, "gelu_tanh(1) = %.17g",
          elcl_ref_gelu_tanh(1));
    CHECK(NEAR(elcl_ref_silu(1), 0.73105857863000488), "silu(1) = %.17g", elcl_ref_silu(1));
    for (double x = -6; x <= 6; x += 0.25) {
        CHECK(NEAR(elcl_ref_gelu(x) - elcl_ref_gelu(-x), x), "gelu(x) - gelu(-x) = x at %g", x);
        CHECK(NEAR(elcl_ref_silu(x) - elcl_ref_silu(-x), x), "silu(x) - silu(-x) = x at %g", x);
        CHECK(fabs(elcl_ref_gelu(x) - elcl_ref_gelu_tanh(x)) < 1e-3, "gelu_tanh(%g)", x);
    }
}

static void test_gemm_values(void)
{
    if (!check_case("ref gemm"))
        return;
    /* two batches of [2, 2] x [3, 2]^T, x and y with gaps */
    const float x[] = {1, 2, 9, 3, 4, 9, 5, 6, 9, 7, 8, 9};
    const float w[] = {1, 0, 0, 1, 1, 1, 2, 0, 0, 2, -1, 1};
    const float bias[] = {0, 0, 1, 0, 0, 0}, residual[16] = {10};
    const double want[] = {11, 2, 4, 7, 3, 4, 8, 7, 10, 12, 1, 7, 14, 16, 1, 7};
    double y[16];
    for (int i = 0; i < 16; i++)
        y[i] = 7;
    const struct elcl_ref_gemm_args args = {.y = y,
                                            .x = x,
                                            .w = w,
                                            .bias = bias,
                                            .residual = residual,
                                            .act = elcl_ref_relu,
                                            .batch = 2,
                                            .m = 2,
                                            .n = 3,
                                            .k = 2,
                                            .x_ld = 3,
                                            .y_ld = 4,
                                            .x_batch = 6,
                                            .y_batch = 8};
    elcl_ref_gemm(&args);
    for (int i = 0; i < 16; i++)
        CHECK(y[i] == want[i], "y[%d] = %g, want %g", i, y[i], want[i]);
}

static void test_norm_values(void)
{
    if (!check_case("ref norm"))
        return;
    const float weight[] = {1, 2, 3, 4}, bias[] = {0, 0, 0, 1};
    const struct elcl_ref_norm norm = {weight, bias, 0.75, false}; /* variance 1.25 + 0.75 = 2 */
    const float x[] = {0, 1, 1, 2}, y[] = {1, 1, 2, 2};
    double out[4];
    elcl_ref_add_norm(out, x, y, &norm, 1, 4); /* of 1 2 3 4, mean 2.5 */
    const double want[] = {-1.5, -1, 1.5, 6};
    for (int i = 0; i < 4; i++)
        CHECK(NEAR((out[i] - (double)bias[i]) * sqrt(2.0), want[i]), "out[%d] = %g", i, out[i]);
    const struct elcl_ref_norm rms = {weight, NULL, 1.5, true}; /* mean square 7.5 + 1.5 = 9 */
    elcl_ref_add_norm(out, x, y, &rms, 1, 4);
    for (int i = 0; i < 4; i++)
        CHECK(NEAR(out[i], (i + 1) * (i + 1) / 3.0), "rms out[%d] = %g", i, out[i]);
    elcl_ref_add_norm(out, x, y, NULL, 1, 4);
    CHECK(out[0] == 1 && out[3] == 4, "no norm: %g %g", out[0], out[3]);
    const int32_t token[] = {1}, position[] = {1};
    const float table[] = {0, 0, 3, 4}, positions[] = {0, 0, 0, 0, 0, 0, 10, 20};
    const struct elcl_ref_embed_args args = {.x = out,
                                             .token = token,
                                             .position = position,
                                             .tokens = table,
                                             .positions = positions,
                                             .scale = 2,
                                             .offset = 2,
                                             .r = 1,
                                             .d = 2};
    elcl_ref_embed(&args);
    CHECK(out[0] == 16 && out[1] == 28, "embed %g %g", out[0], out[1]);
}

static void test_attention_values(void)
{
    if (!check_case("ref attention"))
        return;
    /* scores ln 1, ln 2, ln 5 make weights 1/8, 2/8, 5/8 */
    const float y[] = {0, 8, 0.69314718055994531f, 16, 9, 9, 1.6094379124341003f, -8};
    const float e[] = {1, 0};
    const int32_t lineage[] = {3};
    struct elcl_ref_keys keys = {.n_shared = 2, .lineage = lineage, .n_private = 1};
    double c[2], p[3];
    elcl_ref_attn_weights(p, e, y, 2, &keys, 2, 1);
    CHECK(fabs(p[0] - 0.125) < 1e-7 && fabs(p[1] - 0.25) < 1e-7, "%g %g %g", p[0], p[1], p[2]);
    elcl_ref_attn_el(c, e, y, &keys, 1, 2, 1);
    CHECK(fabs(c[1] - (1 + 4 - 5)) < 1e-6, "c[1] = %g", c[1]);
    /* Biases of ln 5, ln 2 and 0 for distances -1, 0 and 1 make all weights equal. */
    const float bias[] = {7, 7, 7, 1.6094379124341003f, 0.91629073187415511f, 0};
    keys.bias = bias;
    keys.max_distance = keys.position = 1;
    const float queries[] = {9, 9, 1, 0};
    double both[4];
    elcl_ref_attn_el(both, queries, y, &keys, 2, 2, 1);
    CHECK(fabs(both[3] - 16.0 / 3) < 1e-6, "c[1] = %g", both[3]);
    const struct elcl_ref_keys none = {0};
    elcl_ref_attn_el(c, e, y, &none, 1, 2, 1);
    CHECK(c[0] == 0 && c[1] == 0, "no keys: %g %g", c[0], c[1]);
}

/* EL-attention is multi-head attention in another order: with K = Y Wk^T + bk and V = Y Wv^T + bv,
 * for each head e = q Wk and o = c Wv^T + bv. */
#define EL_S 7
#define EL_H 2
#define EL_DH 3
#define EL_D 10
static void test_el_identity(void)
{
    enum { WIDTH = EL_H * EL_DH };
    if (!check_case("ref EL equals multi-head"))
        return;
    float y[EL_S * EL_D], q[WIDTH], wk[WIDTH * EL_D], wv[WIDTH * EL_D], bk[WIDTH], bv[WIDTH];
    float kv[EL_S * 2 * WIDTH], e[EL_H * EL_D];
    double c[EL_H * EL_D], o[WIDTH];
    for (size_t i = 0; i < ELCL_COUNT(y); i++)
        y[i] = (float)check_int(-8, 8) / 8; /* small fractions: the f32 products are exact */
    for (size_t i = 0; i < ELCL_COUNT(wk); i++) {
        wk[i] = (float)check_int(-8, 8) / 8;
        wv[i] = (float)check_int(-8, 8) / 8;
    }
    for (int i = 0; i < WIDTH; i++) {
        q[i] = (float)check_int(-8, 8) / 8;
        bk[i] = (float)check_int(-8, 8) / 8;
        bv[i] = (float)check_int(-8, 8) / 8;
    }
    for (int s = 0; s < EL_S; s++)
        for (int i = 0; i < WIDTH; i++) {
            double k = (double)bk[i], v = (double)bv[i];
            for (int d = 0; d < EL_D; d++) {
                k += (double)y[s * EL_D + d] * (double)wk[i * EL_D + d];
                v += (double)y[s * EL_D + d] * (double)wv[i * EL_D + d];
            }
            kv[s * 2 * WIDTH + i] = (float)k;
            kv[s * 2 * WIDTH + WIDTH + i] = (float)v;
        }
    for (int h = 0; h < EL_H; h++)
        for (int d = 0; d < EL_D; d++) {
            double sum = 0;
            for (int j = 0; j < EL_DH; j++)
                sum += (double)q[h * EL_DH + j] * (double)wk[(h * EL_DH + j) * EL_D + d];
            e[h * EL_D + d] = (float)sum;
        }
    const struct elcl_ref_keys keys = {.n_shared = EL_S};
    elcl_ref_attn_mha(o, q, kv, &keys, EL_H, EL_DH, 2 * WIDTH, 0, WIDTH, 0.5);
    elcl_ref_attn_el(c, e, y, &keys, EL_H, EL_D, 0.5);
    for (int i = 0; i < WIDTH; i++) {
        double sum = (double)bv[i];
        for (int d = 0; d < EL_D; d++)
            sum += c[i / EL_DH * EL_D + d] * (double)wv[i * EL_D + d];
        CHECK(NEAR(sum, o[i]), "o[%d]: %.17g by EL, %.17g by multi-head", i, sum, o[i]);
    }
}

static void test_select_values(void)
{
    if (!check_case("ref select"))
        return;
    const float logits[] = {1, 3, 3, -2, NAN, 5};
    double scores[6];
    struct elcl_ref_candidate best[6];
    elcl_ref_log_softmax(scores, logits, 6);
    double sum = 0;
    for (int i = 0; i < 6; i++)
        sum += exp(scores[i]);
    CHECK(NEAR(sum, 1.0) && NEAR(scores[5] - scores[0], 4.0), "sum %g", sum);
    /* history 1 3 1: both penalized once, 3 may not follow 1 again, 5 is EOS */
    const int32_t history[] = {1, 3, 1}, eos[] = {5};
    struct elcl_ref_rules rules = {.forced_token = -1,
                                   .only_token = -1,
                                   .pad_token = -1,
                                   .unk_token = -1,
                                   .ban_eos = true,
                                   .ngram = 2,
                                   .repetition_penalty = 2,
                                   .eos = eos,
                                   .n_eos = 1,
                                   .history = history,
                                   .length = 3};
    elcl_ref_scores(scores, logits, &rules, 6);
    elcl_ref_top(best, scores, 6, 6);
    const int32_t tokens[] = {2, 1, 0, -1, -1, -1};
    const double values[] = {3, 1.5, 1};
    for (int i = 0; i < 6; i++)
        CHECK(best[i].token == tokens[i] && (i > 2 || best[i].score == values[i]),
              "rank %d: token %d, score %g", i, best[i].token, best[i].score);
    rules.ngram = 0; /* -2 penalized: -4 */
    elcl_ref_scores(scores, logits, &rules, 6);
    CHECK(scores[3] == -4, "penalty of a negative score: %g", scores[3]);
    rules.forced_token = 4;
    elcl_ref_scores(scores, logits, &rules, 6);
    elcl_ref_top(best, scores, 6, 2);
    CHECK(best[0].token == 4 && best[0].score == 0 && best[1].token == -1, "forced: %d %g",
          best[0].token, best[0].score);
    rules = (struct elcl_ref_rules){.forced_token = -1,
                                    .only_token = -1,
                                    .pad_token = -1,
                                    .unk_token = -1,
                                    .repetition_penalty = 1,
                                    .timestamp_begin = 3,
                                    .end_timestamp = 6};
    const float two[] = {0.5f, 2, 1, 1.5f, 0.5f, 1.25f}; /* exp: 7.4; 4.5 + 1.6 + 3.5 */
    elcl_ref_scores(scores, two, &rules, 6);
    CHECK(scores[1] == -INFINITY && scores[4] == 0.5, "only timestamps: %g %g", scores[1],
          scores[4]);
    rules.first_timestamp = 4; /* 5.1 is less than 7.4 */
    rules.first_text = 1;
    elcl_ref_scores(scores, two, &rules, 6);
    CHECK(scores[0] == -INFINITY && scores[1] == 2 && scores[3] == -INFINITY && scores[5] == 1.25,
          "both kinds: %g %g %g", scores[0], scores[1], scores[3]);
    const double ties[] = {1, 2, 2, 1, 2};
    elcl_ref_top(best, ties, 5, 4);
    CHECK(best[0].token == 1 && best[1].token == 2 && best[2].token == 4 && best[3].token == 0,
          "ties: %d %d %d %d", best[0].token, best[1].token, best[2].token, best[3].token);
}

static void test_beam_values(void)
{
    if (!check_case("ref lineage and reorder"))
        return;
    const int32_t previous[] = {10, 11, 12, 20, 21, 22}, token[] = {7, 8}, parent[] = {1, 1};
    const int32_t cache_row[] = {2, 0}, length[] = {3, 1};
    int32_t next[6] = {0}, tokens[3] = {0};
    const struct elcl_ref_lineage_args args = {next,      tokens, previous, token, parent,
                                               cache_row, length, 2,        3};
    elcl_ref_lineage(&args);
    const int32_t want[] = {20, 21, 2, 0, 0, 0}, want_tokens[] = {8, 0, 7};
    CHECK(!memcmp(next, want, sizeof(want)), "next");
    CHECK(!memcmp(tokens, want_tokens, sizeof(want_tokens)), "tokens");
    int32_t copied[6] = {0};
    const int32_t want_copied[] = {20, 21, 0, 10, 11, 0}, map[] = {1, 0};
    elcl_ref_reorder(copied, previous, map, 2, 3, 2, 4);
    CHECK(!memcmp(copied, want_copied, sizeof(want_copied)), "reorder");
}

void test_ref(void)
{
    test_storage();
    test_state_rows();
    test_state_rounding();
    test_state_infinite();
    test_activation_values();
    test_gemm_values();
    test_norm_values();
    test_attention_values();
    test_el_identity();
    test_select_values();
    test_beam_values();
}
