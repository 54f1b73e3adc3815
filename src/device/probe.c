#include "device/probe.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/half.h"
#include "base/os.h"
#include "base/util.h"
#include "device/buffer.h"
#include "device/dot.h"
#include "device/mma.h"
#include "device/program.h"
#include "device/program_cache.h"

/* ---- the table of verdicts ----------------------------------------------------------------- */

enum probe {
    P_FMA,
    P_MAD,
    P_PLAIN,
    P_HALF,
    P_FP16,
    P_SUBGROUPS,
    P_MATRIX,
    P_INT8_DOT,
    P_BF16_DOT,
    P_LOOPS,
    N_PROBES
};
_Static_assert(N_PROBES <= ELCL_MAX_PROBES, "room for all probes");
_Static_assert((int)P_FMA == (int)ELCL_MAC_FMA && (int)P_MAD == (int)ELCL_MAC_MAD &&
                   (int)P_PLAIN == (int)ELCL_MAC_PLAIN,
               "probes of the multiply-adds are numbered as the multiply-adds");

static const char *const probe_names[N_PROBES] = {
    [P_FMA] = "fma",
    [P_MAD] = "mad",
    [P_PLAIN] = "mul+add",
    [P_HALF] = "vload_half",
    [P_FP16] = "fp16 arithmetic",
    [P_SUBGROUPS] = "subgroups",
    [P_MATRIX] = "matrix instructions",
    [P_INT8_DOT] = "integer products",
    [P_BF16_DOT] = "bf16 products",
    [P_LOOPS] = "long loops",
};

static void set_verdict(struct elcl_probes *probes, enum probe probe, bool on, const char *fmt, ...)
    ELCL_PRINTF(4, 5);

static void set_verdict(struct elcl_probes *probes, enum probe probe, bool on, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(probes->text[probe], sizeof(probes->text[probe]), fmt, args);
    va_end(args);
    probes->verdict[probe] =
        (elcl_probe_verdict){.name = probe_names[probe], .on = on, .reason = probes->text[probe]};
}

/* ---- what is known without running anything ------------------------------------------------ */

static void judge_unused_paths(const struct elcl_device *device, struct elcl_probes *probes)
{
    static const char unused[] = "no kernel of this version uses them";
    if (elcl_has_word(device->desc.extensions, "cl_khr_fp16"))
        set_verdict(probes, P_FP16, false, "cl_khr_fp16 is reported, but no kernel uses it yet");
    else
        set_verdict(probes, P_FP16, false, "the driver does not report cl_khr_fp16");
    if (elcl_has_word(device->desc.extensions, "cl_khr_subgroups") ||
        elcl_has_word(device->desc.extensions, "cl_intel_subgroups"))
        set_verdict(probes, P_SUBGROUPS, false, "reported, but %s yet", unused);
    else
        set_verdict(probes, P_SUBGROUPS, false, "the driver reports no subgroup extension");
}

/* ---- running kernels ----------------------------------------------------------------------- */

#define HALVES 65536 /* all of them */
#define MAC_A 0.75f
#define MAC_B 0.5f

struct bench {
    struct elcl_device *device;
    cl_program program;
    cl_kernel mac;
    cl_kernel half;
    cl_kernel loop;
    struct elcl_buffer out; /* [items, 8] float, or [HALVES] float */
    struct elcl_buffer in;  /* [HALVES] half */
    size_t items;           /* work-items of a multiply-add launch */
    size_t group;
    float host[HALVES];
};

static int bench_init(struct bench *bench, struct elcl_device *device, elcl_error *err)
{
    static const char *const files[] = {"probe.cl"};
    const bool cpu = device->kernels == ELCL_KERNELS_CPU;
    *bench = (struct bench){.device = device, .items = cpu ? 8 : 1024, .group = cpu ? 1 : 64};
    int rc;
    cl_int code;
    ELCL_TRY(elcl_program_build(device, files, 1, NULL, &bench->program, err));
    bench->mac = clCreateKernel(bench->program, "probe_mac", &code);
    ELCL_TRY(elcl_cl_check(code, "clCreateKernel", "probe_mac", err));
    bench->half = clCreateKernel(bench->program, "probe_half", &code);
    ELCL_TRY(elcl_cl_check(code, "clCreateKernel", "probe_half", err));
    bench->loop = clCreateKernel(bench->program, "probe_loop", &code);
    ELCL_TRY(elcl_cl_check(code, "clCreateKernel", "probe_loop", err));
    ELCL_TRY(elcl_buffer_create(device, "probe output", HALVES * sizeof(float), &bench->out, err));
    ELCL_TRY(elcl_buffer_create(device, "probe input", HALVES * sizeof(cl_half), &bench->in, err));
fail:
    return rc;
}

static void bench_finish(struct bench *bench)
{
    elcl_buffer_destroy(&bench->in);
    elcl_buffer_destroy(&bench->out);
    if (bench->loop)
        clReleaseKernel(bench->loop);
    if (bench->half)
        clReleaseKernel(bench->half);
    if (bench->mac)
        clReleaseKernel(bench->mac);
    if (bench->program)
        clReleaseProgram(bench->program);
}

/* Launches and waits. */
static int launch(struct bench *bench, cl_kernel kernel, size_t items, size_t group)
{
    cl_command_queue queue = bench->device->queue;
    cl_int code = clEnqueueNDRangeKernel(queue, kernel, 1, NULL, &items, &group, 0, NULL, NULL);
    if (!code)
        code = clFinish(queue);
    return elcl_cl_check(code, "probe", NULL, NULL);
}

/* ---- multiply-adds ------------------------------------------------------------------------- */

/* Nanoseconds of n steps in one form; negative when the driver refuses. */
static double time_mac(struct bench *bench, enum elcl_mac form, cl_int n)
{
    const cl_float a = MAC_A;
    const cl_float b = MAC_B;
    const cl_int number = (cl_int)form;
    const uint64_t start = elcl_clock_ns();
    if (clSetKernelArg(bench->mac, 0, sizeof(cl_mem), &bench->out.mem) ||
        clSetKernelArg(bench->mac, 1, sizeof(a), &a) ||
        clSetKernelArg(bench->mac, 2, sizeof(b), &b) ||
        clSetKernelArg(bench->mac, 3, sizeof(n), &n) ||
        clSetKernelArg(bench->mac, 4, sizeof(number), &number) ||
        launch(bench, bench->mac, bench->items, bench->group))
        return -1;
    return (double)(elcl_clock_ns() - start);
}

/* Few steps, so that each of them shows in the sum. */
static bool mac_is_right(struct bench *bench, enum elcl_mac form)
{
    const int n = 8;
    double expected = 0;
    for (int k = 1; k <= 4; k++) {
        double x = k * (double)MAC_B;
        for (int i = 0; i < n; i++)
            x = x * (double)MAC_A + (double)MAC_B;
        expected += x;
    }
    const size_t count = bench->items * 8;
    if (time_mac(bench, form, n) < 0 ||
        elcl_buffer_read(&bench->out, 0, bench->host, count * sizeof(float), NULL))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!(fabs((double)bench->host[i] - expected) <= 1e-5 * expected))
            return false;
    }
    return true;
}

/* Nanoseconds per step, from the difference between one step and n steps: n grows until the steps
 * outweigh the launch, so that a form that is a hundred times slower costs milliseconds too. */
static double ns_per_step(struct bench *bench, enum elcl_mac form)
{
    const double enough = 2e6;
    const double one = time_mac(bench, form, 1);
    cl_int n = 1;
    double best = one;
    while (best >= 0 && (best < enough || best < 4 * one) && n < (1 << 22)) {
        n *= 4;
        best = time_mac(bench, form, n);
    }
    for (int i = 0; i < 2 && best >= 0; i++) {
        const double ns = time_mac(bench, form, n);
        if (ns < best)
            best = ns;
    }
    return best > one ? (best - one) / (n - 1) : -1;
}

/* In this order a form is taken that is at most 20% slower than the fastest: fma() rounds once
 * and means the same everywhere. ns[f] < 0: the form does not work. false when none does. */
static bool choose_mac(const double ns[3], enum elcl_mac *mac)
{
    double best = -1;
    for (int f = 0; f < 3; f++) {
        if (ns[f] >= 0 && (best < 0 || ns[f] < best))
            best = ns[f];
    }
    for (int f = 0; f < 3; f++) {
        if (ns[f] >= 0 && ns[f] <= 1.2 * best) {
            *mac = (enum elcl_mac)f;
            return true;
        }
    }
    return false;
}

static void judge_macs(struct bench *bench, struct elcl_probes *probes)
{
    double ns[3];
    for (int f = 0; f < 3; f++) {
        const bool right = mac_is_right(bench, (enum elcl_mac)f);
        ns[f] = right ? ns_per_step(bench, (enum elcl_mac)f) : -1;
    }
    if (!choose_mac(ns, &probes->mac))
        probes->mac = ELCL_MAC_PLAIN;
    const enum elcl_mac mac = probes->mac;
    for (int f = 0; f < 3; f++) {
        if (ns[f] < 0)
            set_verdict(probes, (enum probe)f, f == (int)mac,
                        "it gave a wrong result or could not be run");
        else if (f == (int)mac)
            set_verdict(probes, (enum probe)f, true, "the form that kernels use: fast enough");
        else
            set_verdict(probes, (enum probe)f, false, "%s is used: this takes %.2f times its time",
                        probe_names[mac], ns[f] / ns[mac]);
    }
}

/* ---- half storage -------------------------------------------------------------------------- */

static bool same_float(float a, float b)
{
    return elcl_f32_to_bits(a) == elcl_f32_to_bits(b) || (isnan(a) && isnan(b));
}

/* Returns how many of all halves differ from the host's conversion, or -1; *subnormal says how
 * many of them are subnormal halves. */
static int count_wrong_halves(struct bench *bench, int *subnormal)
{
    uint16_t *halves = elcl_calloc(HALVES, sizeof(*halves));
    if (!halves)
        return -1;
    for (int i = 0; i < HALVES; i++)
        halves[i] = (uint16_t)i;
    const bool ok = !elcl_buffer_write(&bench->in, 0, halves, HALVES * sizeof(*halves), NULL) &&
                    !clSetKernelArg(bench->half, 0, sizeof(cl_mem), &bench->out.mem) &&
                    !clSetKernelArg(bench->half, 1, sizeof(cl_mem), &bench->in.mem) &&
                    !launch(bench, bench->half, HALVES, bench->group) &&
                    !elcl_buffer_read(&bench->out, 0, bench->host, HALVES * sizeof(float), NULL);
    elcl_free(halves);
    int wrong = 0;
    *subnormal = 0;
    for (int i = 0; i < HALVES && ok; i++) {
        if (same_float(bench->host[i], elcl_f16_to_f32((uint16_t)i)))
            continue;
        wrong++;
        *subnormal += (i & 0x7c00) == 0;
    }
    return ok ? wrong : -1;
}

static void judge_half(struct bench *bench, struct elcl_probes *probes)
{
    int subnormal;
    const int wrong = count_wrong_halves(bench, &subnormal);
    if (wrong < 0)
        set_verdict(probes, P_HALF, false, "the probe could not be run");
    else if (!wrong)
        set_verdict(probes, P_HALF, true, "exact for all 65536 halves: f16 storage works");
    else if (wrong == subnormal)
        set_verdict(probes, P_HALF, true, "f16 storage works, but subnormal halves are inexact");
    else
        set_verdict(probes, P_HALF, false, "wrong for %d of 65536 halves: f16 storage is unsafe",
                    wrong);
}

/* ---- long loops ---------------------------------------------------------------------------- */

/* llvmpipe ends all loops of a work-item after 65,535 iterations, without a word: the CPU shape,
 * whose work-items go through whole vocabularies, would give wrong results. */
static void judge_loops(struct bench *bench, struct elcl_probes *probes)
{
    const cl_int n = 1 << 18;
    uint32_t want = 1, got = 0;
    for (cl_int i = 0; i < n; i++)
        want = want * 1664525u + 1013904223u;
    if (clSetKernelArg(bench->loop, 0, sizeof(cl_mem), &bench->out.mem) ||
        clSetKernelArg(bench->loop, 1, sizeof(n), &n) || launch(bench, bench->loop, 1, 1) ||
        elcl_buffer_read(&bench->out, 0, &got, sizeof(got), NULL)) {
        set_verdict(probes, P_LOOPS, true, "the probe could not be run");
        return;
    }
    probes->short_loops = got != want;
    if (probes->short_loops)
        set_verdict(probes, P_LOOPS, false,
                    "a loop of %d steps ended early: small models alone with CPU-shape kernels", n);
    else
        set_verdict(probes, P_LOOPS, true, "a loop of %d steps ran to its end", n);
}

/* ---- matrix instructions and products of narrow types --------------------------------------- */

/* Of the GPU shape, which a CPU device may be asked for, too. */
static void judge_mma(struct elcl_device *device, struct elcl_probes *probes)
{
    char why[sizeof(probes->text[0])] = "";
    probes->mma = elcl_probe_mma(device, why, sizeof(why));
    set_verdict(probes, P_MATRIX, probes->mma != ELCL_MMA_NONE, "%s", why);
}

/* Of the CPU shape alone; the others' verdict is that they have none. */
static void judge_dot(struct elcl_device *device, enum elcl_storage weights,
                      struct elcl_probes *probes)
{
    const bool int8 = weights == ELCL_INT8;
    struct elcl_dot_choice *choice = int8 ? &probes->int8_dot : &probes->bf16_dot;
    char why[sizeof(probes->text[0])] = "CPU kernels alone have them";
    if (device->kernels == ELCL_KERNELS_CPU)
        elcl_probe_dot(device, weights, choice, why, sizeof(why));
    set_verdict(probes, int8 ? P_INT8_DOT : P_BF16_DOT, choice->pays, "%s", why);
}

/* ---- the cache of verdicts ----------------------------------------------------------------- */

struct stored {
    uint32_t version;
    uint32_t mac;
    uint32_t mma; /* enum elcl_mma */
    uint32_t int8_dot, int8_pays, bf16_dot, bf16_pays;
    uint32_t short_loops;
    uint32_t on[N_PROBES];
    char text[N_PROBES][sizeof(((struct elcl_probes *)NULL)->text[0])];
};

#define STORED_VERSION 6

static uint64_t cache_key(const struct elcl_device *device)
{
    static const char what[] = "probe";
    const uint32_t numbers[] = {STORED_VERSION, (uint32_t)device->kernels};
    uint64_t key = elcl_hash(ELCL_HASH_INIT, what, sizeof(what));
    key = elcl_hash(key, numbers, sizeof(numbers));
    for (const struct elcl_cl_source *s = elcl_cl_sources; s->name; s++) {
        if (!strcmp(s->name, "probe.cl") || !strcmp(s->name, "probe_mma.cl") ||
            !strncmp(s->name, "mac_", 4) || !strcmp(s->name, "probe_dot.cl") ||
            !strcmp(s->name, "gemm_cpu.cl") || !strcmp(s->name, "storage.cl") ||
            !strcmp(s->name, "tile.cl"))
            key = elcl_hash(key, s->text, s->bytes);
    }
    const char *const names[] = {device->desc.name, device->desc.version, device->desc.driver,
                                 device->desc.platform, device->desc.extensions};
    for (size_t i = 0; i < ELCL_COUNT(names); i++)
        key = elcl_hash(key, names[i], strlen(names[i]) + 1);
    return key;
}

static bool load_verdicts(const struct elcl_device *device, struct elcl_probes *probes)
{
    void *data;
    size_t bytes;
    if (!elcl_cache_load(device->cache_directory, cache_key(device), &data, &bytes))
        return false;
    struct stored stored;
    const bool ok = bytes == sizeof(stored);
    if (ok)
        memcpy(&stored, data, sizeof(stored));
    elcl_free(data);
    if (!ok || stored.version != STORED_VERSION || stored.mac > ELCL_MAC_PLAIN ||
        stored.mma >= ELCL_N_MMA || stored.int8_dot > ELCL_DOT_VPDPBUSD ||
        stored.bf16_dot > ELCL_DOT_VDPBF16PS)
        return false;
    for (int i = 0; i < N_PROBES; i++)
        set_verdict(probes, (enum probe)i, stored.on[i], "%.*s", (int)sizeof(stored.text[i]) - 1,
                    stored.text[i]);
    probes->mac = (enum elcl_mac)stored.mac;
    probes->mma = (enum elcl_mma)stored.mma;
    probes->int8_dot = (struct elcl_dot_choice){stored.int8_dot, stored.int8_pays};
    probes->bf16_dot = (struct elcl_dot_choice){stored.bf16_dot, stored.bf16_pays};
    probes->short_loops = stored.short_loops;
    probes->n = N_PROBES;
    return true;
}

static void store_verdicts(const struct elcl_device *device, const struct elcl_probes *probes)
{
    struct stored stored = {.version = STORED_VERSION,
                            .mac = (uint32_t)probes->mac,
                            .mma = probes->mma,
                            .int8_dot = probes->int8_dot.kind,
                            .int8_pays = probes->int8_dot.pays,
                            .bf16_dot = probes->bf16_dot.kind,
                            .bf16_pays = probes->bf16_dot.pays,
                            .short_loops = probes->short_loops};
    for (int i = 0; i < N_PROBES; i++) {
        stored.on[i] = (uint32_t)probes->verdict[i].on;
        memcpy(stored.text[i], probes->text[i], sizeof(stored.text[i]));
    }
    elcl_cache_store(device->cache_directory, cache_key(device), &stored, sizeof(stored));
}

/* ---- all probes ---------------------------------------------------------------------------- */

/* A simulator: its times say nothing, and its results are exact by construction. */
static bool is_oclgrind(const struct elcl_device *device)
{
    return !strcmp(device->desc.platform, "Oclgrind");
}

static void judge_oclgrind(struct elcl_probes *probes)
{
    static const char why[] = "not timed: Oclgrind is a simulator";
    set_verdict(probes, P_FMA, false, "%s", why);
    set_verdict(probes, P_MAD, true, "%s", why);
    set_verdict(probes, P_PLAIN, false, "%s", why);
    set_verdict(probes, P_HALF, true, "not checked: Oclgrind is a simulator");
    set_verdict(probes, P_LOOPS, true, "not checked: Oclgrind is a simulator");
    probes->mac = ELCL_MAC_MAD;
}

static void judge_failure(struct elcl_probes *probes, const elcl_error *err)
{
    for (int i = P_FMA; i <= P_HALF; i++)
        set_verdict(probes, (enum probe)i, i == P_PLAIN, "the probe failed: %.120s", err->msg);
    set_verdict(probes, P_LOOPS, true, "the probe failed: %.120s", err->msg);
    probes->mac = ELCL_MAC_PLAIN;
}

/* false: the verdicts are of this run alone and not worth keeping. */
static bool judge_by_running(struct elcl_device *device, struct elcl_probes *probes)
{
    elcl_error err = {0};
    struct bench *bench = elcl_calloc(1, sizeof(*bench));
    int rc = bench ? bench_init(bench, device, &err) : elcl_fail_nomem(&err);
    if (rc) {
        elcl_device_log(device, ELCL_LOG_WARNING, "probes of %s failed: %s", device->desc.name,
                        err.msg);
        judge_failure(probes, &err);
    } else {
        judge_macs(bench, probes);
        judge_half(bench, probes);
        judge_loops(bench, probes);
    }
    if (bench)
        bench_finish(bench);
    elcl_free(bench);
    return rc == ELCL_OK || rc == ELCL_E_BUILD;
}

int elcl_probe_run(struct elcl_device *device, struct elcl_probes *probes, elcl_error *err)
{
    (void)err; /* a probe that fails is a verdict */
    *probes = (struct elcl_probes){0};
    if (load_verdicts(device, probes))
        return ELCL_OK;
    bool keep = true;
    judge_unused_paths(device, probes);
    judge_mma(device, probes);
    if (is_oclgrind(device))
        judge_oclgrind(probes);
    else
        keep = judge_by_running(device, probes);
    device->mac = probes->mac; /* what f32 products are to be timed with */
    judge_dot(device, ELCL_INT8, probes);
    judge_dot(device, ELCL_BF16, probes);
    probes->n = N_PROBES;
    if (keep)
        store_verdicts(device, probes);
    return ELCL_OK;
}
