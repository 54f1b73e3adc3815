/*
 * A stand-in for the library, to test only the command. It needs no device, finishes requests out
 * of order, and fails when a test wants it to. Any name is a model directory: "missing" cannot be
 * opened, "bare" has no tokenizer, "scarce" has little memory. A token is a byte plus 4. The output
 * repeats the source in upper case, with "|k" for the k-th sequence. Texts that start with a cue
 * control the engine: "!request" fails, "!step" makes the step fail that would finish it, "!slow"
 * takes a hundred steps, the output of "!lines" has a line end in it, and the output of "!lists"
 * shows the lists among the options. With FAKE_SILENT set the library logs nothing. A step takes
 * FAKE_STEP_MS; step number FAKE_KILL_STEP kills the process; every submission adds a byte to the
 * file FAKE_SUBMITTED. With FAKE_COMPILE the driver has no kernels in its cache. With FAKE_POOLS
 * only so many pools can be created.
 */
#define _POSIX_C_SOURCE 200809L

#include <stdlib.h>
#include <string.h>

#include "elcl/selftest.h"
#include "fake_elcl.h"

struct elcl_device_list {
    int count;
};

const char *elcl_version(void)
{
    return "0.0.0-fake";
}

/* ---- devices ------------------------------------------------------------------------------- */

int elcl_device_list_create(elcl_device_list **list, elcl_error *err)
{
    const char *count = getenv("FAKE_DEVICES");
    *list = malloc(sizeof(**list));
    if (!*list)
        return fail(err, ELCL_E_NOMEM, "out of memory");
    (*list)->count = count ? atoi(count) : 2;
    return ELCL_OK;
}

void elcl_device_list_destroy(elcl_device_list **list)
{
    free(*list);
    *list = NULL;
}

int elcl_device_list_count(const elcl_device_list *list)
{
    return list->count;
}

const elcl_device_desc *elcl_device_list_get(const elcl_device_list *list, int i)
{
    static const elcl_device_desc descs[] = {
        {.index = 0,
         .name = "Fake \"GPU\"",
         .platform = "Fake",
         .vendor = "Nobody",
         .driver = "1.0",
         .version = "OpenCL 1.2",
         .extensions = "cl_khr_fp16 cl_khr_fp64",
         .type = ELCL_DEVICE_GPU,
         .memory_bytes = UINT64_C(8) << 30,
         .max_alloc_bytes = 1 << 30,
         .local_bytes = 32768,
         .compute_units = 40,
         .clock_mhz = 1500,
         .max_work_group = 256,
         .vector_width = 1,
         .is_default = 1,
         .gpu_kernels = 1},
        {.index = 1,
         .name = "Silent",
         .platform = "",
         .vendor = "",
         .driver = "",
         .version = "",
         .extensions = "",
         .type = ELCL_DEVICE_OTHER},
    };
    return i >= 0 && i < list->count && i < 2 ? &descs[i] : NULL;
}

int elcl_device_list_probe(elcl_device_list *list, int i, const elcl_probe_verdict **verdicts,
                           int *n_verdicts, elcl_error *err)
{
    static const elcl_probe_verdict items[] = {
        {"fma", 1, "exact and as fast as a multiplication and an addition"},
        {"fp16", 0,
         "the device does not report cl_khr_fp16, so that halves are only stored and all "
         "arithmetic is done in floats"},
    };
    (void)list;
    if (i == 1)
        return fail(err, ELCL_E_BUILD, "the driver's compiler refused the probe");
    *verdicts = items;
    *n_verdicts = 2;
    return ELCL_OK;
}

int elcl_device_list_probe_again(elcl_device_list *list, int i, const elcl_probe_verdict **verdicts,
                                 int *n_verdicts, elcl_error *err)
{
    static const elcl_probe_verdict again[] = {{"fma", 0, "measured again"}};
    const int rc = elcl_device_list_probe(list, i, verdicts, n_verdicts, err);
    *verdicts = rc ? *verdicts : again;
    *n_verdicts = rc ? *n_verdicts : 1;
    return rc;
}

int elcl_check_cache(char **directory, elcl_error *err)
{
    *directory = strdup("/fake/cache");
    return getenv("FAKE_CACHE") ? fail(err, ELCL_E_IO, "/fake/cache: other users may write to it")
                                : ELCL_OK;
}

/* ---- model --------------------------------------------------------------------------------- */

elcl_model_params elcl_model_params_default(void)
{
    return (elcl_model_params){.weights = ELCL_F32, .state = ELCL_F32};
}

int elcl_model_open(const char *directory, const elcl_model_params *params, elcl_model **model,
                    elcl_error *err)
{
    if (!strcmp(directory, "missing"))
        return fail(err, ELCL_E_IO, "missing/config.json: cannot open: No such file or directory");
    if (params->log && !getenv("FAKE_SILENT")) {
        params->log(params->log_user, ELCL_LOG_WARNING, "a warning of the library");
        params->log(params->log_user, ELCL_LOG_INFO, "opened");
    }
    if (params->log && getenv("FAKE_COMPILE"))
        params->log(params->log_user, ELCL_LOG_INFO, "compiling kernels: all.cl");
    elcl_model *m = calloc(1, sizeof(*m));
    if (!m)
        return fail(err, ELCL_E_NOMEM, "out of memory");
    m->has_tokenizer = strcmp(directory, "bare") != 0;
    m->scarce = strcmp(directory, "scarce") == 0;
    m->attention = params->attention == ELCL_ATTN_AUTO ? ELCL_ATTN_EL : params->attention;
    *model = m;
    return ELCL_OK;
}

void elcl_model_close(elcl_model **model)
{
    if (model)
        free(*model);
    if (model)
        *model = NULL;
}

void elcl_model_get_info(const elcl_model *model, elcl_model_info *info)
{
    *info = (elcl_model_info){.family = "fake",
                              .device = "fake",
                              .driver = "1",
                              .platform = "Fake",
                              .attention = model->attention,
                              .gemm = ELCL_GEMM_NATIVE,
                              .kernels = ELCL_KERNELS_CPU,
                              .compute = ELCL_COMPUTE_F32,
                              .max_source = MAX_SOURCE,
                              .default_length = MAX_SOURCE,
                              .max_target = MAX_TARGET,
                              .vocabulary = VOCABULARY,
                              .source_vocabulary = VOCABULARY,
                              .has_tokenizer = model->has_tokenizer,
                              .source_end = 1};
}

/* ---- self-test ----------------------------------------------------------------------------- */

elcl_selftest_params elcl_selftest_params_default(void)
{
    return (elcl_selftest_params){.kernels = ELCL_KERNELS_AUTO};
}

/* Reports one case of each verdict, without the failure if the seed is 1. There is no device
 * "gone". */
int elcl_selftest(const elcl_selftest_params *params, elcl_selftest_summary *summary,
                  elcl_error *err)
{
    static const elcl_device_desc device = {.name = "Fake \"GPU\"",
                                            .platform = "Fake platform",
                                            .vendor = "",
                                            .driver = "1.0",
                                            .version = "OpenCL 1.2 fake"};
    if (params->device && !strcmp(params->device, "gone"))
        return fail(err, ELCL_E_DEVICE, "there is no device gone");
    elcl_selftest_case cases[] = {
        {.operation = "gemm native",
         .shape = "M=1",
         .error = 1e-6,
         .tolerance = 4e-6,
         .ratio = 0.25,
         .seconds = 0.5,
         .reason = ""},
        {.operation = "gemm native",
         .shape = "M=2",
         .verdict = ELCL_SELFTEST_FAIL,
         .error = 1,
         .tolerance = 1e-6,
         .ratio = 1e6,
         .reason = "y[3 of 9]: got 2, want 1 within 1e-06"},
        {.operation = "gemm clblast",
         .shape = "all",
         .verdict = ELCL_SELFTEST_SKIP,
         .reason = "the time budget is spent"},
    };
    *summary = (elcl_selftest_summary){.passed = 1, .skipped = 1, .seconds = 0.5};
    for (int i = 0; i < 3; i++) {
        if (i == 1 && params->seed == 1)
            continue;
        summary->failed += i == 1;
        cases[i].device = &device;
        cases[i].kernels = params->kernels;
        params->on_case(params->user, &cases[i]);
    }
    return ELCL_OK;
}
