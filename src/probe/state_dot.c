/* Trials of the dot products of narrow state: probe_el.cl. */
#include "probe/state_dot.h"

#include <string.h>

#include "base/state_row.h"
#include "base/util.h"
#include "cl/records.h"
#include "probe/dot_trial.h"
#include "probe/options.h"

enum { D = ELCL_STATE_GROUP_INT8, KEYS = 4, MAX_VW = 16, MOST = ELCL_EL_INT_MOST };
#define HALF_ONE 0x3c00

const char *elcl_state_dot_file(enum elcl_dot dot)
{
    return dot == ELCL_DOT_PLAIN_INT8 ? "el_plain.cl"
           : dot == ELCL_DOT_VPMADDWD ? "el_vpmaddwd.cl"
           : dot == ELCL_DOT_VPDPBUSD ? "el_vpdpbusd.cl"
                                      : NULL;
}

int elcl_state_dot_products(enum elcl_dot dot)
{
    return dot == ELCL_DOT_VPDPBUSD ? 2 : 1;
}

enum { OUT, E, Y, ROUNDED, N_BUFFERS };

/* Whole numbers, so that factors are the elements themselves: each row has one of MOST. */
static int value_e(int pair, int d)
{
    return d == 7 * pair ? (pair % 2 ? MOST : -MOST) : (4099 * pair + 1237 * d) % (2 * MOST) - MOST;
}

static int value_y(int key, int d)
{
    return d % 5 == 0 ? 255 : (37 * key + 29 * d) % 256;
}

static int fill(struct elcl_dot_trial *t)
{
    const size_t row = elcl_state_row_bytes(ELCL_INT8, D, D);
    const uint16_t group[] = {HALF_ONE, 0}; /* scale and least */
    float e[MAX_VW * D];
    unsigned char *y = elcl_calloc(KEYS, row);
    if (!y)
        return ELCL_E_NOMEM;
    for (int i = 0; i < t->vector * D; i++)
        e[i] = (float)value_e(i / D, i % D);
    for (int key = 0; key < KEYS; key++) {
        for (int d = 0; d < D; d++)
            y[(size_t)key * row + (size_t)d] = (unsigned char)value_y(key, d);
        memcpy(y + (size_t)key * row + elcl_state_groups_at(ELCL_INT8, D, D), group, sizeof(group));
    }
    int rc = elcl_buffer_write(&t->buffers[E], 0, e, (size_t)t->vector * D * sizeof(e[0]), NULL);
    if (!rc)
        rc = elcl_buffer_write(&t->buffers[Y], 0, y, KEYS * row, NULL);
    elcl_free(y);
    return rc;
}

static struct elcl_program_parts program_parts(const struct elcl_dot_trial *t)
{
    struct elcl_program_parts parts = {
        .files = {"storage.cl", "reduce.cl", "attn_el_cpu.cl", "probe_el.cl"}, .mac = t->mac};
    const char *const files[] = {"storage.cl",  "reduce.cl",          elcl_state_dot_file(t->dot),
                                 "el_bytes.cl", "attn_el_int_cpu.cl", "probe_el.cl"};
    for (size_t i = 0; t->dot && i < ELCL_COUNT(files); i++)
        parts.files[i] = files[i];
    elcl_kernel_options_write(
        &(struct elcl_kernel_options){.state = ELCL_INT8, .vector = t->vector, .items = 1}, &parts);
    return parts;
}

static int begin(struct elcl_dot_trial *t)
{
    const size_t vector = (size_t)t->vector;
    const size_t bytes[N_BUFFERS] = {
        (KEYS + 1) * MAX_VW * sizeof(float), vector * D * sizeof(float),
        KEYS * elcl_state_row_bytes(ELCL_INT8, D, D), vector * ELCL_EL_INT_WORDS * sizeof(cl_int)};
    const struct elcl_program_parts parts = program_parts(t);
    t->rows = t->dot ? t->vector : ELCL_EL_TILE;
    const int rc = elcl_dot_trial_build(t, &parts, "probe_el", bytes, N_BUFFERS);
    return rc ? rc : fill(t);
}

/* Compares every sum, which has one rounding to f32, and what el_lookup() finds. */
static enum elcl_outcome compare(struct elcl_dot_trial *t)
{
    union {
        float sums[(KEYS + 1) * MAX_VW];
        unsigned char bytes[(KEYS + 1) * MAX_VW * sizeof(float)];
    } out;
    const int found = KEYS * t->vector * (int)sizeof(float);
    if (elcl_dot_trial_time(t, 1) < 0 ||
        elcl_buffer_read(&t->buffers[OUT], 0, &out, sizeof(out), NULL))
        return ELCL_UNKNOWN;
    for (int key = 0; key < KEYS; key++)
        for (int pair = 0; pair < t->vector; pair++) {
            int32_t want = 0;
            for (int d = 0; d < D; d++)
                want += value_e(pair, d) * value_y(key, d);
            if (out.sums[key * t->vector + pair] != (float)want)
                return ELCL_WRONG;
        }
    for (int i = 0; i < 4 * t->vector; i++)
        if (out.bytes[found + i] != value_y(0, value_y(0, i) % 16))
            return ELCL_WRONG;
    return ELCL_RIGHT;
}

void elcl_probe_state_dot(struct elcl_device *device, enum elcl_mac mac,
                          struct elcl_dot_choice *choice, bool *unsure, char *why, size_t n)
{
    static const enum elcl_dot kinds[] = {ELCL_DOT_VPDPBUSD, ELCL_DOT_VPMADDWD};
    static const struct elcl_dot_test test = {.begin = begin,
                                              .compare = compare,
                                              .kinds = kinds,
                                              .n_kinds = ELCL_COUNT(kinds),
                                              .repeats = 2000};
    elcl_dot_test_run(&test, device, mac, ELCL_INT8, choice, unsure, why, n);
}
