/*
 * Narrow state as bytes, for attn_el_int_cpu.cl: parts of EL_PART elements of a row, each an
 * integer q of 0 .. 255 that means scale q + least. In int8 they are the groups of the row. In int4
 * a part has EL_PART / STATE_GROUP groups: its elements are rounded once more, to 255 steps between
 * the least and the largest number that they could be, which adds at most a 17th part of what the
 * coarsest group of the part has lost already.
 *
 * EL_CHUNK elements fill the words of a vector.
 */
// lint after: el_plain.cl
// lint: -DVW=8 -DELCL_STATE_INT8
// lint: -DVW=16 -DELCL_STATE_INT4
// lint: -DVW=4 -DELCL_STATE_INT4

#define EL_PART ELCL_STATE_GROUP_INT8
#define EL_CHUNK (4 * VW)

/* For |x| up to 2^22, the nearest integer: see quantize_row.cl. */
#define EL_ROUND 0x1.8p23f
#define EL_WHOLE(x) (CAT(as_int, VW)((x) + EL_ROUND) - as_int(EL_ROUND))

/* scale and least of parts. */
struct el_scales {
    float scale, least;
};

#ifdef ELCL_STATE_INT8
static inline struct el_scales el_scales(state_row row, int part, int d_size)
{
    const float2 group = state_group(row, part * EL_PART);
    const struct el_scales scales = {group.x, group.y};
    return scales;
}

/* The integers of elements d .. d + EL_CHUNK - 1 of a row that has them. */
static inline uintv el_chunk(state_row row, int d, struct el_scales scales)
{
    return LOADV((__global const uint *)(row.values + d));
}
#else
/* A group whose scale is NaN makes that of its part NaN. */
static inline struct el_scales el_scales(state_row row, int part, int d_size)
{
    const int end = min((part + 1) * EL_PART, d_size);
    float2 group = state_group(row, part * EL_PART);
    float least = group.y, largest = ELCL_MAC(15.0f, group.x, group.y), all = group.x;
    for (int d = part * EL_PART + STATE_GROUP; d < end; d += STATE_GROUP) {
        group = state_group(row, d);
        least = fmin(least, group.y);
        largest = fmax(largest, ELCL_MAC(15.0f, group.x, group.y));
        all += group.x;
    }
    const struct el_scales scales = {isnan(all) ? NAN : (largest - least) / 255, least};
    return scales;
}

/* The 16 integers that elements of the group of element d can be. */
static inline uint4 el_table(state_row row, int d, struct el_scales scales)
{
    const int whole[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    const float2 group = state_group(row, d);
    const float factor = scales.scale > 0 ? 1 / scales.scale : 0;
    uint table[4];
#if VW == 16
    const floatv x = convert_float16(LOADV(whole)) * group.x + group.y;
    vstore4(as_uint4(convert_uchar16(EL_WHOLE((x - scales.least) * factor))), 0, table);
#else
    for (int i = 0; i < 16; i += 4) {
        const float4 x = convert_float4(vload4(0, whole + i)) * group.x + group.y;
        const float4 near = (x - scales.least) * factor + EL_ROUND;
        table[i / 4] = as_uint(convert_uchar4(as_int4(near) - as_int(EL_ROUND)));
    }
#endif
    return vload4(0, table);
}

/* Of 32 elements, the first 16 are the low halves of 16 bytes. */
static inline uintv el_chunk(state_row row, int d, struct el_scales scales)
{
    __global const uint *from = (__global const uint *)(row.values + STATE_BYTE(d));
    const uint4 a = vload4(0, from);
#if VW == 16
    const uint4 b = vload4(1, from);
    const uintv halves = (uintv)(a, a >> 4, b, b >> 4);
#elif VW == 8
    const uintv halves = (uintv)(a, a >> 4);
#else
    const uintv halves = a >> STATE_SHIFT(d);
#endif
    return el_lookup(el_table(row, d, scales), halves & 0x0f0f0f0fu);
}
#endif

/* The same, with zeros beyond the end of the row. */
static inline uintv el_chunk_end(state_row row, int d, int d_size, struct el_scales scales)
{
    uint words[VW];
    for (int i = 0; i < VW; i++)
        words[i] = 0;
    for (int i = 0; i < d_size - d && i < EL_CHUNK; i++) {
#ifdef ELCL_STATE_INT8
        const uint byte = row.values[d + i];
#else
        const uint4 table = el_table(row, d + i, scales);
        const int at = STATE_HALF((int)row.values[STATE_BYTE(d + i)], d + i);
        const uint byte = (at < 8 ? at < 4 ? table.x : table.y
                                  : at < 12 ? table.z : table.w) >> at % 4 * 8 & 255;
#endif
        words[i / 4] |= byte << i % 4 * 8;
    }
    return LOADV(words);
}
