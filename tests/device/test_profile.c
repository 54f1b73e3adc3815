/* Times of kernels. */
#include "tests.h"

#include <string.h>

#include "device/profile.h"

/* Returns the event's time without the profile. */
static uint64_t event_ns(cl_event event)
{
    cl_ulong start = 0, end = 0;
    clWaitForEvents(1, &event);
    clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_START, sizeof(start), &start, NULL);
    clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_END, sizeof(end), &end, NULL);
    return end > start ? end - start : 0;
}

static void test_profile(struct elcl_device *device)
{
    if (!check_case("profile: sums"))
        return;
    cl_int code;
    cl_command_queue plain = device->queue;
    cl_command_queue queue =
        clCreateCommandQueue(device->context, device->id, CL_QUEUE_PROFILING_ENABLE, &code);
    if (!CHECK(!code, "%s", elcl_cl_error_name(code)))
        return;
    cl_program program = build_twice(device, ELCL_MAC_PLAIN);
    struct elcl_profile *profile = elcl_profile_create();
    device->queue = queue;
    uint64_t want[2] = {0, 0};
    for (int i = 0; i < 10 && program; i++) {
        cl_event event = NULL;
        CHECK(run_twice(device, program, &event), "launch %d", i);
        want[i % 3 == 0] += event ? event_ns(event) : 0;
        elcl_profile_phase(profile, i < 5 ? ELCL_PHASE_ENCODE : ELCL_PHASE_STEP);
        elcl_profile_count(profile, i % 3 ? "six" : "four", ELCL_OP_OTHER, 100, (uint64_t)i);
        elcl_profile_add(profile, i % 3 ? "six" : "four", event);
    }
    device->queue = plain;
    int n = 0;
    const elcl_kernel_time *entries = elcl_profile_read(profile, &n);
    CHECK(n == 2, "%d entries", n);
    for (int i = 0; i < n; i++) {
        const bool four = !strcmp(entries[i].name, "four");
        CHECK(entries[i].calls == (four ? 4 : 6), "%s: %llu calls", entries[i].name,
              (unsigned long long)entries[i].calls);
        CHECK(entries[i].ns == want[four], "%s: %llu ns, want %llu", entries[i].name,
              (unsigned long long)entries[i].ns, (unsigned long long)want[four]);
        CHECK(entries[i].bytes_moved == (four ? 400 : 600), "%llu bytes",
              (unsigned long long)entries[i].bytes_moved);
        CHECK(entries[i].flop == (four ? 0 + 3 + 6 + 9 : 1 + 2 + 4 + 5 + 7 + 8), "%llu flop",
              (unsigned long long)entries[i].flop);
        CHECK(!i || entries[i - 1].ns >= entries[i].ns, "order");
    }
    size_t n_spans = 0;
    const elcl_kernel_span *spans = elcl_profile_spans(profile, &n_spans);
    uint64_t total = 0;
    CHECK(n_spans == 10, "%zu spans", n_spans);
    for (size_t i = 0; i < n_spans; i++) {
        CHECK(!strcmp(spans[i].name, i % 3 ? "six" : "four"), "span %zu is %s", i, spans[i].name);
        CHECK(!i || spans[i].start_ns >= spans[i - 1].end_ns, "spans of one queue overlap");
        CHECK(spans[i].bytes_moved == 100 && spans[i].flop == i, "span %zu: %llu bytes, %llu flop",
              i, (unsigned long long)spans[i].bytes_moved, (unsigned long long)spans[i].flop);
        CHECK(spans[i].phase == (i < 5 ? ELCL_PHASE_ENCODE : ELCL_PHASE_STEP), "span %zu: %d", i,
              (int)spans[i].phase);
        total += spans[i].end_ns - spans[i].start_ns;
    }
    CHECK(total == want[0] + want[1], "spans of %llu ns", (unsigned long long)total);
    elcl_profile_destroy(&profile);
    CHECK(!profile, "not NULL");
    if (program)
        clReleaseProgram(program);
    clReleaseCommandQueue(queue);
}

static void test_profile_many(struct elcl_device *device)
{
    if (!check_case("profile: many events, no events, no profile"))
        return;
    struct elcl_profile *profile = elcl_profile_create();
    const int many = 9000; /* more than wait at once, twice */
    for (int i = 0; i < many; i++) {
        cl_event event = NULL;
        clEnqueueMarkerWithWaitList(device->queue, 0, NULL, &event);
        elcl_profile_add(profile, "marker", event);
    }
    int n = 0;
    const elcl_kernel_time *entries = elcl_profile_read(profile, &n);
    CHECK(n == 1 && entries[0].calls == (uint64_t)many, "%d entries", n);
    /* Events that are still pending when the profile goes. */
    cl_event event = NULL;
    clEnqueueMarkerWithWaitList(device->queue, 0, NULL, &event);
    elcl_profile_add(profile, "marker", event);
    elcl_profile_destroy(&profile);
    event = NULL;
    clEnqueueMarkerWithWaitList(device->queue, 0, NULL, &event);
    elcl_profile_add(NULL, "marker", event);
    elcl_profile_add(NULL, "marker", NULL);
    CHECK(!elcl_profile_read(NULL, &n) && n == 0, "of NULL");
    elcl_profile_count(NULL, "marker", ELCL_OP_GEMM, 1, 1);
    size_t n_spans = 1;
    CHECK(!elcl_profile_spans(NULL, &n_spans) && n_spans == 0, "spans of NULL");
    elcl_profile_destroy(&profile);
    elcl_profile_destroy(NULL);
    clFinish(device->queue);
}

void test_profiles(struct elcl_device *device)
{
    test_profile(device);
    test_profile_many(device);
}
