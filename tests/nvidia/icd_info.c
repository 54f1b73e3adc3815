/* What the platform and the device say of themselves. */
#include "icd.h"

#include <string.h>

cl_int icd_give(const void *value, size_t bytes, size_t room, void *to, size_t *needed)
{
    if (needed)
        *needed = bytes;
    if (to && room < bytes)
        return CL_INVALID_VALUE;
    if (to)
        memcpy(to, value, bytes);
    return CL_SUCCESS;
}

cl_int icd_give_text(const char *text, size_t room, void *to, size_t *needed)
{
    return icd_give(text, strlen(text) + 1, room, to, needed);
}

cl_int icd_give_uint(cl_uint value, size_t room, void *to, size_t *needed)
{
    return icd_give(&value, sizeof(value), room, to, needed);
}

cl_int icd_give_ulong(cl_ulong value, size_t room, void *to, size_t *needed)
{
    return icd_give(&value, sizeof(value), room, to, needed);
}

cl_int icd_give_pointer(const void *value, size_t room, void *to, size_t *needed)
{
    return icd_give(&value, sizeof(value), room, to, needed);
}

cl_int CL_API_CALL icd_get_platform_ids(cl_uint n, cl_platform_id *to, cl_uint *found)
{
    if (found)
        *found = 1;
    if (to && n)
        *to = &icd_platform;
    return CL_SUCCESS;
}

cl_int CL_API_CALL icd_get_platform_info(cl_platform_id p, cl_platform_info what, size_t room,
                                         void *to, size_t *needed)
{
    (void)p;
    switch (what) {
    case CL_PLATFORM_PROFILE:
        return icd_give_text("FULL_PROFILE", room, to, needed);
    case CL_PLATFORM_VERSION:
        return icd_give_text("OpenCL 3.0 CUDA 13.0.97", room, to, needed);
    case CL_PLATFORM_NAME:
        return icd_give_text("NVIDIA CUDA", room, to, needed);
    case CL_PLATFORM_VENDOR:
        return icd_give_text("NVIDIA Corporation", room, to, needed);
    case CL_PLATFORM_EXTENSIONS:
        return icd_give_text("cl_khr_icd", room, to, needed);
    case CL_PLATFORM_ICD_SUFFIX_KHR:
        return icd_give_text("NV", room, to, needed);
    default:
        return CL_INVALID_VALUE;
    }
}

cl_int CL_API_CALL icd_get_device_ids(cl_platform_id p, cl_device_type type, cl_uint n,
                                      cl_device_id *to, cl_uint *found)
{
    (void)p;
    if (!(type & (CL_DEVICE_TYPE_GPU | CL_DEVICE_TYPE_DEFAULT)))
        return CL_DEVICE_NOT_FOUND;
    if (found)
        *found = 1;
    if (to && n)
        *to = &icd_device;
    return CL_SUCCESS;
}

static cl_int device_text(cl_device_info what, size_t room, void *to, size_t *needed)
{
    switch (what) {
    case CL_DEVICE_NAME:
        return icd_give_text("NVIDIA H200 (emulated)", room, to, needed);
    case CL_DEVICE_VENDOR:
        return icd_give_text("NVIDIA Corporation", room, to, needed);
    case CL_DRIVER_VERSION:
        return icd_give_text("580.0 (emulated)", room, to, needed);
    case CL_DEVICE_VERSION:
        return icd_give_text("OpenCL 3.0 CUDA", room, to, needed);
    case CL_DEVICE_OPENCL_C_VERSION:
        return icd_give_text("OpenCL C 1.2 ", room, to, needed);
    case CL_DEVICE_PROFILE:
        return icd_give_text("FULL_PROFILE", room, to, needed);
    case CL_DEVICE_EXTENSIONS:
        return icd_give_text(
            "cl_khr_global_int32_base_atomics cl_khr_byte_addressable_store cl_khr_icd "
            "cl_khr_fp64 cl_nv_compiler_options cl_nv_device_attribute_query "
            "cl_nv_pragma_unroll cl_nv_copy_opts",
            room, to, needed);
    default:
        return CL_INVALID_VALUE;
    }
}

cl_int CL_API_CALL icd_get_device_info(cl_device_id d, cl_device_info what, size_t room, void *to,
                                       size_t *needed)
{
    const size_t sizes[] = {1024, 1024, 64};
    (void)d;
    switch (what) {
    case CL_DEVICE_TYPE:
        return icd_give_ulong(CL_DEVICE_TYPE_GPU, room, to, needed);
    case CL_DEVICE_GLOBAL_MEM_SIZE:
        return icd_give_ulong(UINT64_C(8) << 30, room, to, needed);
    case CL_DEVICE_MAX_MEM_ALLOC_SIZE:
        return icd_give_ulong(UINT64_C(2) << 30, room, to, needed);
    case CL_DEVICE_LOCAL_MEM_SIZE:
        return icd_give_ulong(LOCAL_LIMIT, room, to, needed);
    case CL_DEVICE_GLOBAL_MEM_CACHE_SIZE:
        return icd_give_ulong(132 * 32768, room, to, needed);
    case CL_DEVICE_MAX_COMPUTE_UNITS:
        return icd_give_uint(132, room, to, needed);
    case CL_DEVICE_MAX_CLOCK_FREQUENCY:
        return icd_give_uint(1980, room, to, needed);
    case CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT:
    case CL_DEVICE_PREFERRED_VECTOR_WIDTH_FLOAT:
    case CL_DEVICE_AVAILABLE:
    case CL_DEVICE_COMPILER_AVAILABLE:
        return icd_give_uint(1, room, to, needed);
    case CL_DEVICE_HOST_UNIFIED_MEMORY:
        return icd_give_uint(0, room, to, needed);
    case CL_DEVICE_MAX_WORK_GROUP_SIZE:
        return icd_give_ulong(MAX_ITEMS, room, to, needed);
    case CL_DEVICE_MAX_WORK_ITEM_DIMENSIONS:
        return icd_give_uint(3, room, to, needed);
    case CL_DEVICE_MAX_WORK_ITEM_SIZES:
        return icd_give(sizes, sizeof(sizes), room, to, needed);
    case CL_DEVICE_PLATFORM:
        return icd_give_pointer(&icd_platform, room, to, needed);
    case CL_DEVICE_COMPUTE_CAPABILITY_MAJOR_NV:
        return icd_give_uint(9, room, to, needed);
    case CL_DEVICE_COMPUTE_CAPABILITY_MINOR_NV:
        return icd_give_uint(0, room, to, needed);
    case CL_DEVICE_WARP_SIZE_NV:
        return icd_give_uint(WARP, room, to, needed);
    default:
        return device_text(what, room, to, needed);
    }
}
