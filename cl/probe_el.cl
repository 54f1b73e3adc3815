/*
 * Probe of products of narrow state (el_*.cl) at startup: a tile of scores, by attn_el_int_cpu.cl
 * or, for the comparison, by attn_el_cpu.cl.
 *
 * probe_el   out: `repeats` times the scores of VW pairs, or of ELCL_EL_TILE ones, with four keys
 *            of one part, [4, VW] or [ELCL_EL_TILE, 4]; then, of integer products, VW words that
 *            el_lookup() finds in the first 16 bytes of y. One work-item.
 */
// lint after: el_plain.cl el_bytes.cl attn_el_int_cpu.cl
// lint: -DVW=8 -DWG=1 -DELCL_STATE_INT8

__kernel void probe_el(__global float *out, __global const float *e, /* [pairs, D] */
                       __global const state_t *y,                    /* [4, D] state */
                       __global int *rounded, int repeats)
{
    const int d_size = ELCL_STATE_GROUP_INT8;
#ifdef EL_TILE_KEYS
    float p[EL_TILE_KEYS][ELCL_EL_INT_PAIRS];
    state_row row[EL_TILE_KEYS];
    struct el_keys keys;
    for (int k = 0; k < EL_TILE_KEYS; k++) {
        row[k] = state_row_at(y, k, d_size);
        STOREV((floatv)(0.0f), p[k]);
    }
    el_round_queries(rounded, e, VW, d_size, d_size, 1.0f);
    el_take_keys(&keys, row, EL_TILE_KEYS, 0, d_size);
    for (int i = 0; i < repeats; i++)
        el_scores(1, p[0], rounded, &keys, EL_STEPS);
    for (int k = 0; k < EL_TILE_KEYS; k++)
        for (int i = 0; i < VW; i++)
            out[k * VW + i] = p[k][i];
    const uint4 table = vload4(0, (__global const uint *)y);
    const uintv found = el_lookup(table, LOADV((__global const uint *)y) & 0x0f0f0f0fu);
    CAT(vstore, VW)(found, EL_TILE_KEYS, (__global uint *)out);
#else
    float p[ELCL_EL_TILE][EL_KEYS];
    const int row[] = {0, 1, 2, 3};
    struct el_ahead ahead;
    ahead.d = ahead.end = 0;
    for (int i = 0; i < repeats; i++)
        el_scores(ELCL_EL_TILE, p, e, y, row, 4, &ahead, d_size, (float)i);
    for (int i = 0; i < ELCL_EL_TILE; i++)
        vstore4(vload4(0, p[i]), i, out);
#endif
}
