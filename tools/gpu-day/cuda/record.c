/*
 * For LD_PRELOAD: writes every OpenCL program that a process builds from source to
 * $ELCL_RECORD/KEY.cl, with its options in a comment at its head.
 */
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>
#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>

#include "key.h"

enum { MAX_PROGRAMS = 4096 };

static struct {
    cl_program program;
    char *source;
} programs[MAX_PROGRAMS];
static int n_programs;

cl_program CL_API_CALL clCreateProgramWithSource(cl_context context, cl_uint n, const char **texts,
                                                 const size_t *lengths, cl_int *code)
{
    cl_program (*next)(cl_context, cl_uint, const char **, const size_t *, cl_int *) =
        (cl_program(*)(cl_context, cl_uint, const char **, const size_t *, cl_int *))dlsym(
            RTLD_NEXT, "clCreateProgramWithSource");
    cl_program p = next(context, n, texts, lengths, code);
    if (p && n_programs < MAX_PROGRAMS) {
        programs[n_programs].program = p;
        programs[n_programs++].source = program_join(n, texts, lengths);
    }
    return p;
}

static void record(const char *source, const char *options)
{
    char path[512];
    const char *mac = strstr(options, MAC_OPTION);
    const size_t before = mac ? (size_t)(mac - options) : 0;
    const char *after = mac ? mac + strcspn(mac, " ") : options;
    snprintf(path, sizeof(path), "%s/%016" PRIx64 ".cl", getenv("ELCL_RECORD"),
             program_key(source, options));
    FILE *f = fopen(path, "wb");
    if (!f)
        return;
    fprintf(f, "// %.*s%s%s\n%s", (int)before, options, mac ? MAC_OPTION "FMA=1" : "", after,
            source);
    fclose(f);
}

cl_int CL_API_CALL clBuildProgram(cl_program p, cl_uint n, const cl_device_id *devices,
                                  const char *options,
                                  void(CL_CALLBACK *notify)(cl_program, void *), void *user)
{
    cl_int (*next)(cl_program, cl_uint, const cl_device_id *, const char *,
                   void(CL_CALLBACK *)(cl_program, void *), void *) =
        (cl_int(*)(cl_program, cl_uint, const cl_device_id *, const char *,
                   void(CL_CALLBACK *)(cl_program, void *), void *))dlsym(RTLD_NEXT,
                                                                          "clBuildProgram");
    for (int i = n_programs - 1; i >= 0; i--)
        if (programs[i].program == p && programs[i].source) {
            record(programs[i].source, options ? options : "");
            break;
        }
    return next(p, n, devices, options, notify, user);
}
