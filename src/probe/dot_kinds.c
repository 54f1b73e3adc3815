#include "base/cpu.h"
#include "cl/records.h"
#include "probe/dot.h"

enum elcl_dot elcl_dot_plain(enum elcl_storage weights)
{
    return weights == ELCL_INT8   ? ELCL_DOT_PLAIN_INT8
           : weights == ELCL_INT4 ? ELCL_DOT_PLAIN_INT4
                                  : ELCL_DOT_PLAIN_BF16;
}

const struct elcl_dot_kind elcl_dot_kinds[] = {
    [ELCL_DOT_NONE] = {"dot_f32.cl", "f32 multiply-adds", ELCL_F32, 1, 1, false, sizeof(float), 0,
                       false},
    [ELCL_DOT_PLAIN_INT8] = {"dot_int8.cl", "plain integer arithmetic", ELCL_INT8, 4, 4, false, 1,
                             0, false},
    [ELCL_DOT_VPMADDWD] = {"dot_vpmaddwd.cl", "vpmaddwd", ELCL_INT8, 2, 2, false, 2, 0, false},
    [ELCL_DOT_VPMADDUBSW] = {"dot_vpmaddubsw.cl", "vpmaddubsw", ELCL_INT8, 4, 8, true, 1, 128,
                             false},
    [ELCL_DOT_VPDPBUSD] = {"dot_vpdpbusd.cl", "vpdpbusd", ELCL_INT8, 4, 4, false, 1, 128, false},
    [ELCL_DOT_PLAIN_BF16] = {"dot_bf16.cl", "plain f32 arithmetic", ELCL_BF16, 2, 2, false, 2, 0,
                             false},
    [ELCL_DOT_VDPBF16PS] = {"dot_vdpbf16ps.cl", "vdpbf16ps", ELCL_BF16, 2, 2, false, 2, 0, false},
    [ELCL_DOT_GPU_PLAIN] = {"dot4_plain.cl", "plain integer arithmetic", ELCL_INT8,
                            ELCL_DOT_GPU_PACK, ELCL_DOT_GPU_PACK, false, 1, 0, true},
    [ELCL_DOT_GPU_KHR] = {"dot4_khr.cl", "cl_khr_integer_dot_product", ELCL_INT8, ELCL_DOT_GPU_PACK,
                          ELCL_DOT_GPU_PACK, false, 1, 0, true},
    [ELCL_DOT_GPU_NVIDIA] = {"dot4_nvidia.cl", "dp4a", ELCL_INT8, ELCL_DOT_GPU_PACK,
                             ELCL_DOT_GPU_PACK, false, 1, 0, true},
    [ELCL_DOT_PLAIN_INT4] = {"dot_int4.cl", "plain integer arithmetic", ELCL_INT4, ELCL_INT4_GROUP,
                             ELCL_INT4_GROUP, false, 1, 0, false},
    [ELCL_DOT_INT4_VPMADDUBSW] = {"dot_int4_vpmaddubsw.cl", "vpmaddubsw", ELCL_INT4,
                                  ELCL_INT4_GROUP, ELCL_INT4_GROUP, false, 1, 0, false},
    [ELCL_DOT_INT4_VPDPBUSD] = {"dot_int4_vpdpbusd.cl", "vpdpbusd", ELCL_INT4, ELCL_INT4_GROUP,
                                ELCL_INT4_GROUP, false, 1, 0, false},
};

bool elcl_dot_may_run(const struct elcl_device *device, enum elcl_dot dot,
                      enum elcl_storage weights)
{
    const uint32_t vector = device->desc.vector_width;
    if (elcl_dot_kinds[dot].weights != weights || !device->quirks.inline_assembly ||
        device->desc.type != ELCL_DEVICE_CPU || vector < 8)
        return false;
    if (dot == ELCL_DOT_VPDPBUSD || dot == ELCL_DOT_INT4_VPDPBUSD)
        return vector >= 16 && elcl_cpu_has(ELCL_CPU_AVX512_VNNI);
    if (dot == ELCL_DOT_VDPBF16PS)
        return vector >= 16 && elcl_cpu_has(ELCL_CPU_AVX512_BF16);
    return elcl_cpu_has(vector >= 16 ? ELCL_CPU_AVX512BW : ELCL_CPU_AVX2);
}

bool elcl_dot_is_instruction(enum elcl_dot dot)
{
    return dot != ELCL_DOT_NONE && !elcl_dot_kinds[dot].gpu &&
           dot != elcl_dot_plain(elcl_dot_kinds[dot].weights);
}
