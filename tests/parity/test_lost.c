/* A device that is lost: after an upload that does not wait, every call fails, and nothing says
 * that the driver has read the host's memory. The memory must stay as it is. Linked with --wrap= of
 * the functions below. */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "parity/common.h"
#include "wrap.h"

WRAPPED(clEnqueueWriteBuffer);
WRAPPED(clEnqueueNDRangeKernel);
WRAPPED(clFinish);
WRAPPED(free);

static struct {
    int uploads;      /* uploads until the device is lost; 0: it is sound, or lost already */
    bool on;          /* the device is lost */
    const char *data; /* what the last upload reads, or NULL */
    char copy[4096];
    size_t n_copy;
    int freed; /* calls of free() with that memory */
} lost;

cl_int __wrap_clEnqueueWriteBuffer(cl_command_queue queue, cl_mem mem, cl_bool blocking,
                                   size_t offset, size_t bytes, const void *data, cl_uint n_wait,
                                   const cl_event *wait, cl_event *event)
{
    if (lost.on)
        return CL_OUT_OF_RESOURCES;
    if (blocking || !lost.uploads || --lost.uploads)
        return __real_clEnqueueWriteBuffer(queue, mem, blocking, offset, bytes, data, n_wait, wait,
                                           event);
    lost.on = true;
    lost.data = data;
    lost.n_copy = bytes < sizeof(lost.copy) ? bytes : sizeof(lost.copy);
    memcpy(lost.copy, data, lost.n_copy);
    return CL_SUCCESS;
}

cl_int __wrap_clEnqueueNDRangeKernel(cl_command_queue queue, cl_kernel kernel, cl_uint dims,
                                     const size_t *offset, const size_t *global,
                                     const size_t *local, cl_uint n_wait, const cl_event *wait,
                                     cl_event *event)
{
    return lost.on ? CL_OUT_OF_RESOURCES
                   : __real_clEnqueueNDRangeKernel(queue, kernel, dims, offset, global, local,
                                                   n_wait, wait, event);
}

cl_int __wrap_clFinish(cl_command_queue queue)
{
    return lost.on ? CL_OUT_OF_RESOURCES : __real_clFinish(queue);
}

void __wrap_free(void *memory)
{
    const char *start = memory;
    if (memory && lost.data >= start && lost.data < start + malloc_usable_size(memory))
        lost.freed++;
    __real_free(memory);
}

static void lose_after(int uploads)
{
    memset(&lost, 0, sizeof(lost));
    lost.uploads = uploads;
}

static void check_memory(const char *what)
{
    if (CHECK(lost.on, "%s: nothing was uploaded", what) &&
        CHECK(!lost.freed, "%s: memory that the driver may read was freed", what))
        CHECK(!memcmp(lost.data, lost.copy, lost.n_copy), "%s: it was changed", what);
    lost.on = false;
    lost.data = NULL;
}

static const int32_t source[] = {0, 5, 6, 7, 2};

/* The device is lost at the first or at the second upload of a step. */
static void lose_engine(elcl_model *model, int uploads)
{
    elcl_engine_params params = elcl_engine_params_default();
    elcl_request request = {.source = source, .n_source = ELCL_COUNT(source)};
    elcl_engine *engine = NULL;
    elcl_error err = {0};
    elcl_model_gen_defaults(model, &request.options);
    params.batch_size = 2;
    lose_after(uploads);
    CHECK(!elcl_engine_create(model, &params, &engine, &err), "%s", err.msg);
    CHECK(engine && !elcl_engine_submit(engine, &request, NULL, &err), "%s", err.msg);
    CHECK(elcl_engine_run(engine, &err) == ELCL_E_DEVICE_NOMEM, "%s", err.msg);
    elcl_engine_destroy(&engine);
    check_memory("engine");
}

/* The second run must not change the memory of the first one. */
static void lose_scorer(elcl_model *model, int uploads)
{
    float log_probs[ELCL_COUNT(source)];
    const elcl_score_request requests[] = {
        {.source = source,
         .n_source = ELCL_COUNT(source),
         .target = source,
         .n_target = ELCL_COUNT(source),
         .log_probs = log_probs,
         .decoder_start_token_id = -1},
        {.source = source + 1,
         .n_source = ELCL_COUNT(source) - 1,
         .target = source + 1,
         .n_target = ELCL_COUNT(source) - 1,
         .log_probs = log_probs,
         .decoder_start_token_id = -1},
    };
    elcl_scorer *scorer = NULL;
    elcl_error err = {0};
    lose_after(uploads);
    CHECK(!elcl_scorer_create(model, NULL, &scorer, &err), "%s", err.msg);
    for (int i = 0; i < 2; i++)
        CHECK(elcl_scorer_run(scorer, &requests[i], 1, &err) == ELCL_E_DEVICE_NOMEM, "%s", err.msg);
    elcl_scorer_destroy(&scorer);
    check_memory("scorer");
}

/* Returns what the model says, freed by the caller. */
static char *say(elcl_model *model)
{
    elcl_error err = {0};
    char *text = NULL;
    CHECK(!elcl_generate(model, "lost", NULL, &text, &err), "%s", err.msg);
    return text;
}

/* The driver is sound: afterwards new engines work as before. */
static void lose(elcl_model *model)
{
    char *before = say(model);
    for (int uploads = 1; uploads <= 2; uploads++) {
        lose_engine(model, uploads);
        lose_scorer(model, uploads);
    }
    char *after = say(model);
    CHECK(before && after && !strcmp(before, after), "%s", after ? after : "");
    elcl_free(before);
    elcl_free(after);
}

int main(int argc, char **argv)
{
    const struct check_options *options = check_begin(argc, argv);
    for (int i = 0; i < 2; i++) {
        const struct setup setup = {
            .attention = all_variants[i], .kernels = ELCL_KERNELS_CPU, .gemm = ELCL_GEMM_NATIVE};
        if (!setup_case("lost device", "g2p-en", &setup))
            continue;
        elcl_model *model = setup_open(g2p_directory(), &setup, options);
        if (!model)
            continue;
        lose(model);
        setup_close(&model);
    }
    return check_end();
}
