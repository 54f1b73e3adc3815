/* What the files of the OpenCL functions share. The loader reads the first member of objects. */
#ifndef ELCL_TESTS_NVIDIA_ICD_H
#define ELCL_TESTS_NVIDIA_ICD_H

#define CL_TARGET_OPENCL_VERSION 120
#define CL_USE_DEPRECATED_OPENCL_1_1_APIS
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include <CL/cl.h>
#include <CL/cl_ext.h>
#include <CL/cl_icd.h>

#include "nvidia.h"

#define OBJECT                                                                                     \
    const cl_icd_dispatch *dispatch; /* the loader reads it */                                     \
    _Atomic int references

struct _cl_platform_id {
    OBJECT;
};
struct _cl_device_id {
    OBJECT;
};
struct _cl_context {
    OBJECT;
};
struct _cl_command_queue {
    OBJECT;
};
struct _cl_event {
    OBJECT;
    cl_ulong begin, end;
};
struct _cl_mem {
    OBJECT;
    uint8_t *block, *bytes;
    size_t n;
    cl_mem next;
};
struct _cl_program {
    OBJECT;
    char *source, *ptx, *log;
    struct program *program;
};
struct argument {
    bool set, local;
    size_t bytes;
    uint8_t value[64];
};
struct _cl_kernel {
    OBJECT;
    cl_program program;
    struct kernel *kernel;
    struct argument arguments[MAX_PARAMS];
};

/* icd.c */
extern struct _cl_platform_id icd_platform;
extern struct _cl_device_id icd_device;
void *icd_create(size_t bytes, cl_int *code);
cl_ulong icd_now(void);
/* Ends a command that began at `begin`. */
cl_int icd_end_command(cl_ulong begin, cl_event *event);
/* A buffer's handle becomes its address, and the kernel may access it. */
void icd_pass_buffer(struct launch *launch, uint8_t *to);

/* icd_info.c */
cl_int icd_give(const void *value, size_t bytes, size_t room, void *to, size_t *needed);
cl_int icd_give_text(const char *text, size_t room, void *to, size_t *needed);
cl_int icd_give_uint(cl_uint value, size_t room, void *to, size_t *needed);
cl_int icd_give_ulong(cl_ulong value, size_t room, void *to, size_t *needed);
cl_int icd_give_pointer(const void *value, size_t room, void *to, size_t *needed);
cl_int CL_API_CALL icd_get_platform_ids(cl_uint n, cl_platform_id *to, cl_uint *found);
cl_int CL_API_CALL icd_get_platform_info(cl_platform_id p, cl_platform_info what, size_t room,
                                         void *to, size_t *needed);
cl_int CL_API_CALL icd_get_device_ids(cl_platform_id p, cl_device_type type, cl_uint n,
                                      cl_device_id *to, cl_uint *found);
cl_int CL_API_CALL icd_get_device_info(cl_device_id d, cl_device_info what, size_t room, void *to,
                                       size_t *needed);

/* icd_kernel.c: programs and kernels. */
cl_program CL_API_CALL icd_create_program(cl_context c, cl_uint n, const char **texts,
                                          const size_t *lengths, cl_int *code);
cl_program CL_API_CALL icd_create_program_with_binary(cl_context c, cl_uint n,
                                                      const cl_device_id *devices,
                                                      const size_t *lengths,
                                                      const unsigned char **binaries,
                                                      cl_int *status, cl_int *code);
cl_int CL_API_CALL icd_build_program(cl_program p, cl_uint n, const cl_device_id *devices,
                                     const char *options,
                                     void(CL_CALLBACK *notify)(cl_program, void *), void *user);
cl_int CL_API_CALL icd_get_build_info(cl_program p, cl_device_id d, cl_program_build_info what,
                                      size_t room, void *to, size_t *needed);
cl_int CL_API_CALL icd_get_program_info(cl_program p, cl_program_info what, size_t room, void *to,
                                        size_t *needed);
cl_int CL_API_CALL icd_retain_program(cl_program p);
cl_int CL_API_CALL icd_release_program(cl_program p);
cl_kernel CL_API_CALL icd_create_kernel(cl_program p, const char *name, cl_int *code);
cl_int CL_API_CALL icd_release_kernel(cl_kernel k);
cl_int CL_API_CALL icd_set_argument(cl_kernel k, cl_uint n, size_t bytes, const void *value);
cl_int CL_API_CALL icd_get_group_info(cl_kernel k, cl_device_id d, cl_kernel_work_group_info what,
                                      size_t room, void *to, size_t *needed);
cl_int CL_API_CALL icd_enqueue_kernel(cl_command_queue queue, cl_kernel k, cl_uint n,
                                      const size_t *offset, const size_t *global,
                                      const size_t *local, cl_uint waits, const cl_event *events,
                                      cl_event *event);

#endif
