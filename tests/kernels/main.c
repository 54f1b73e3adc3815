/*
 * Every kernel against its double-precision reference, in the manner of checkasm: the kernels for
 * CPUs and those for GPUs on whatever device there is, in all storages. --bench times them instead.
 *     --print-program NAME  print a program as a driver would get it; no device is needed
 *     --list-programs       print the names of these programs
 */
#include "base/util.h"
#include "suite.h"

#include <stdio.h>
#include <string.h>

enum {
    GEMM = 1,
    ROUNDED = 2,
    POINTWISE = 4,
    TILES = 8,        /* attention by tiles */
    TILES_LARGE = 16, /* the same unless --small */
    ATTENTION = 32,
    BEAMS = 64,
    SELECT = 128,
    LOGITS = 256, /* sampling and scores: they read logits, which are f32 in every storage */
    CLBLAST = 512,
    BENCH = 1024,
    BENCH_GEMMS = 2048,
    PROGRAMS = 4096,
    REPEATS = 8192, /* the code of others with another type or another width: only with --all */
    STATE = GEMM | POINTWISE | ATTENTION | BEAMS | SELECT,
    ANY_BENCH = BENCH | BENCH_GEMMS
};

static const struct subject {
    int flag;
    void (*run)(struct suite *s);
} subjects[] = {
    {GEMM, test_gemm},
    {ROUNDED, test_rounded_inputs},
    {POINTWISE, test_pointwise},
    {TILES, test_attention_tiles},
    {TILES_LARGE, test_attention_tiles},
    {ATTENTION, test_attention},
    {BEAMS, test_beams},
    {SELECT, test_select},
    {LOGITS, test_sample},
    {LOGITS, test_score},
    {PROGRAMS, test_programs},
    {CLBLAST, test_clblast},
    {BENCH, bench},
    {BENCH_GEMMS, bench_gemms},
};

/* Parameters by storage of weights and state, matrix instruction, kind of dot product. */
#define F32(w, s)                                                                                  \
    {                                                                                              \
        .gemm = ELCL_GEMM_NATIVE, .weights = ELCL_##w, .state = ELCL_##s,                          \
        .compute = ELCL_COMPUTE_F32                                                                \
    }
#define ACT(w, s)                                                                                  \
    {                                                                                              \
        .gemm = ELCL_GEMM_NATIVE, .weights = ELCL_##w, .state = ELCL_##s,                          \
        .compute = ELCL_COMPUTE_##w                                                                \
    }
#define MMA(size, w, s)                                                                            \
    {                                                                                              \
        .gemm = ELCL_GEMM_NATIVE, .weights = ELCL_##w, .state = ELCL_##s,                          \
        .compute = ELCL_COMPUTE_F32, .mma = ELCL_MMA_EMULATED_##size                               \
    }
#define MMA_ACT(size, w, s)                                                                        \
    {                                                                                              \
        .gemm = ELCL_GEMM_NATIVE, .weights = ELCL_##w, .state = ELCL_##s,                          \
        .compute = ELCL_COMPUTE_##w, .mma = ELCL_MMA_EMULATED_##size                               \
    }
#define DOT(w, plain)                                                                              \
    {                                                                                              \
        .gemm = ELCL_GEMM_NATIVE, .weights = ELCL_##w, .compute = ELCL_COMPUTE_##w,                \
        .plain_dot = plain                                                                         \
    }
#define INT4_DOT(plain)                                                                            \
    {                                                                                              \
        .gemm = ELCL_GEMM_NATIVE, .weights = ELCL_INT4, .compute = ELCL_COMPUTE_INT8,              \
        .plain_dot = plain                                                                         \
    }
#define PRODUCTS(s, plain)                                                                         \
    {                                                                                              \
        .gemm = ELCL_GEMM_NATIVE, .state = ELCL_##s, .compute = ELCL_COMPUTE_INT8,                 \
        .plain_dot = plain                                                                         \
    }
#define BLAS(w)                                                                                    \
    {                                                                                              \
        .gemm = ELCL_GEMM_CLBLAST, .weights = ELCL_##w, .compute = ELCL_COMPUTE_F32                \
    }

static const struct description {
    const char *name;
    enum elcl_kernels kernels;
    struct elcl_ops_params params;
    bool full; /* all sizes */
    int subjects;
} descriptions[] = {
    {"cpu f32/f32", ELCL_KERNELS_CPU, F32(F32, F32), true, STATE | LOGITS | BENCH},
    {"cpu f16/bf16", ELCL_KERNELS_CPU, F32(F16, BF16), false, STATE | PROGRAMS},
    {"cpu bf16/f16", ELCL_KERNELS_CPU, F32(BF16, F16), false, STATE},
    {"cpu bf16/bf16", ELCL_KERNELS_CPU, F32(BF16, BF16), false, BENCH},
    {"cpu f16/f16", ELCL_KERNELS_CPU, F32(F16, F16), false, BENCH},
    {"cpu int8/f32", ELCL_KERNELS_CPU, F32(INT8, F32), false, GEMM | POINTWISE | BENCH},
    {"cpu f32/int8", ELCL_KERNELS_CPU, F32(F32, INT8), true, POINTWISE | ATTENTION | BENCH},
    {"cpu f32/int4", ELCL_KERNELS_CPU, F32(F32, INT4), false, POINTWISE | ATTENTION | BENCH},
    {"cpu f32/int8 products plain", ELCL_KERNELS_CPU, PRODUCTS(INT8, true), false, TILES},
    {"cpu f32/int4 products plain", ELCL_KERNELS_CPU, PRODUCTS(INT4, true), false, TILES},
    {"cpu f32/int8 products device", ELCL_KERNELS_CPU, PRODUCTS(INT8, false), true, TILES | BENCH},
    {"cpu f32/int4 products device", ELCL_KERNELS_CPU, PRODUCTS(INT4, false), false, TILES | BENCH},
    {"int8 dot plain", ELCL_KERNELS_CPU, DOT(INT8, true), true, GEMM | ROUNDED | POINTWISE},
    {"int8 dot device", ELCL_KERNELS_CPU, DOT(INT8, false), true,
     GEMM | ROUNDED | POINTWISE | BENCH_GEMMS},
    {"cpu int4/f32", ELCL_KERNELS_CPU, F32(INT4, F32), true, GEMM | POINTWISE | BENCH_GEMMS},
    {"int4 dot plain", ELCL_KERNELS_CPU, INT4_DOT(true), false, GEMM | ROUNDED},
    {"int4 dot device", ELCL_KERNELS_CPU, INT4_DOT(false), true, GEMM | ROUNDED | BENCH_GEMMS},
    {"bf16 dot plain", ELCL_KERNELS_CPU, DOT(BF16, true), true, GEMM | ROUNDED | POINTWISE},
    {"bf16 dot device", ELCL_KERNELS_CPU, DOT(BF16, false), true,
     GEMM | ROUNDED | POINTWISE | BENCH_GEMMS},
    {"gpu f32/f32", ELCL_KERNELS_GPU, F32(F32, F32), true, STATE | LOGITS | BENCH},
    {"gpu f16/bf16", ELCL_KERNELS_GPU, F32(F16, BF16), false, STATE | PROGRAMS},
    {"gpu bf16/f16", ELCL_KERNELS_GPU, F32(BF16, F16), false, STATE | REPEATS},
    {"gpu bf16/bf16 bf16 compute", ELCL_KERNELS_GPU, ACT(BF16, BF16), true,
     GEMM | POINTWISE | ATTENTION | BENCH},
    {"gpu f16/f16 f16 compute", ELCL_KERNELS_GPU, ACT(F16, F16), true,
     GEMM | POINTWISE | ATTENTION | BENCH | REPEATS},
    {"gpu bf16/bf16", ELCL_KERNELS_GPU, F32(BF16, BF16), false, BENCH},
    {"gpu f16/f16", ELCL_KERNELS_GPU, F32(F16, F16), false, BENCH},
    {"gpu int8/f32", ELCL_KERNELS_GPU, F32(INT8, F32), false, GEMM | POINTWISE | BENCH},
    {"gpu int4/f32", ELCL_KERNELS_GPU, F32(INT4, F32), false, GEMM | POINTWISE | BENCH_GEMMS},
    {"gpu int8/f32 int8 plain", ELCL_KERNELS_GPU, DOT(INT8, true), true,
     GEMM | ROUNDED | POINTWISE},
    {"gpu int8/f32 int8 compute", ELCL_KERNELS_GPU, DOT(INT8, false), true,
     GEMM | ROUNDED | POINTWISE | BENCH_GEMMS},
    {"gpu bf16/f32 bf16 compute", ELCL_KERNELS_GPU, ACT(BF16, F32), false,
     GEMM | POINTWISE | ATTENTION},
    {"gpu f32/int8", ELCL_KERNELS_GPU, F32(F32, INT8), false, POINTWISE | ATTENTION | BENCH},
    {"gpu f16/int4 f16 compute", ELCL_KERNELS_GPU, ACT(F16, INT4), false, POINTWISE | ATTENTION},
    {"gpu f16/bf16 f16 compute", ELCL_KERNELS_GPU, ACT(F16, BF16), false, ATTENTION | REPEATS},
    /* Matrix instructions can be emulated on any device. With --small one kind of tiles is enough:
     * the kinds differ only in mma_emulated.cl. */
    {"mma 32 f16/bf16", ELCL_KERNELS_GPU, MMA(32, F16, BF16), true, GEMM | TILES},
    {"mma 64 bf16/f16", ELCL_KERNELS_GPU, MMA(64, BF16, F16), true, GEMM | TILES_LARGE | REPEATS},
    {"mma 16 f16/f16", ELCL_KERNELS_GPU, MMA(16, F16, F16), false, GEMM | TILES_LARGE | REPEATS},
    {"mma 8 bf16/bf16", ELCL_KERNELS_GPU, MMA(8, BF16, BF16), false, GEMM | TILES_LARGE},
    {"mma 32 f32/bf16", ELCL_KERNELS_GPU, MMA(32, F32, BF16), false, TILES},
    {"mma 32 bf16/bf16 bf16 compute", ELCL_KERNELS_GPU, MMA_ACT(32, BF16, BF16), true,
     GEMM | TILES},
    {"mma 64 f16/f16 f16 compute", ELCL_KERNELS_GPU, MMA_ACT(64, F16, F16), true,
     GEMM | TILES_LARGE},
    {"mma 16 bf16/f16 bf16 compute", ELCL_KERNELS_GPU, MMA_ACT(16, BF16, F16), false,
     GEMM | TILES_LARGE | REPEATS},
    {"mma 8 f16/bf16 f16 compute", ELCL_KERNELS_GPU, MMA_ACT(8, F16, BF16), false,
     GEMM | TILES_LARGE | REPEATS},
    {"mma 32 int8 compute", ELCL_KERNELS_GPU, MMA_ACT(32, INT8, F32), true, GEMM | ROUNDED},
    {"mma 8 int8/f16 int8 compute", ELCL_KERNELS_GPU, MMA_ACT(8, INT8, F16), false,
     GEMM | TILES_LARGE | REPEATS},
    /* Last, because CLBlast compiles for seconds. */
    {"gpu f32/f32", ELCL_KERNELS_GPU, BLAS(F32), true, CLBLAST},
    {"gpu f16/f32", ELCL_KERNELS_GPU, BLAS(F16), false, CLBLAST},
    {"gpu int8/f32", ELCL_KERNELS_GPU, BLAS(INT8), false, CLBLAST},
    {"gpu int4/f32", ELCL_KERNELS_GPU, BLAS(INT4), false, CLBLAST},
};

static void run(const struct description *d, const struct check_options *options,
                struct elcl_device **device)
{
    if ((d->subjects & REPEATS) && !options->all && !options->bench)
        return;
    struct suite s = {.options = options,
                      .kernels = d->kernels,
                      .params = d->params,
                      .full = d->full && !options->small,
                      .name = d->name,
                      .device = device};
    const int wanted = d->subjects & (options->bench   ? ANY_BENCH
                                      : options->small ? ~(ANY_BENCH | TILES_LARGE)
                                                       : ~ANY_BENCH);
    for (size_t i = 0; i < ELCL_COUNT(subjects); i++)
        if (wanted & subjects[i].flag)
            subjects[i].run(&s);
    suite_close(&s);
}

/* Buffers left over are leaks of the operations or of the device layer. */
static void close_device(struct elcl_device **device, const char *name)
{
    if (*device && check_case("no live buffers %s", name)) {
        const int live = atomic_load(&(*device)->live_buffers);
        CHECK(live == 0, "%d buffers at the end", live);
    }
    elcl_device_close(device);
}

/* Returns false, as a skipped case, if the device layer refuses the kernels because a driver is
 * known to crash on them. */
static bool has_kernels(const struct check_options *options, enum elcl_kernels kernels,
                        const char *name)
{
    const struct elcl_device_params params = {.device = options->device, .kernels = kernels};
    struct elcl_device *device = NULL;
    elcl_error err = {0};
    const bool refused = elcl_device_open(&params, &device, &err) == ELCL_E_UNSUPPORTED;
    elcl_device_close(&device);
    if (refused && check_case("%s kernels", name))
        check_skip("%s", err.msg);
    return !refused;
}

static int list_all_programs(void)
{
    for (size_t i = 0; i < ELCL_COUNT(descriptions); i++)
        if (descriptions[i].subjects != CLBLAST)
            list_programs(descriptions[i].name, descriptions[i].kernels, &descriptions[i].params);
    return 0;
}

/* `name` is a description's, the longest that fits, and a matrix instruction. */
static int print_named_program(const char *name)
{
    const struct description *best = NULL;
    size_t longest = 0;
    for (size_t i = 0; i < ELCL_COUNT(descriptions); i++) {
        const size_t n = strlen(descriptions[i].name);
        if (n > longest && !strncmp(name, descriptions[i].name, n) &&
            (!name[n] || name[n] == ' ')) {
            best = &descriptions[i];
            longest = n;
        }
    }
    const char *rest = name + longest + (name[longest] == ' ');
    if (best && print_program(best->kernels, best->params, rest))
        return 0;
    fprintf(stderr, "kernels: no such program: '%s': see --list-programs\n", name);
    return 2;
}

int main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "--list-programs"))
        return list_all_programs();
    if (argc == 3 && !strcmp(argv[1], "--print-program"))
        return print_named_program(argv[2]);
    static const char *const names[] = {[ELCL_KERNELS_CPU] = "cpu", [ELCL_KERNELS_GPU] = "gpu"};
    const struct check_options *options = check_begin(argc, argv);
    struct elcl_device *devices[ELCL_COUNT(names)] = {0};
    if (!options->bench) {
        test_ref();
        test_gemm_ways();
    }
    for (int k = ELCL_KERNELS_CPU; k <= ELCL_KERNELS_GPU; k++)
        if (has_kernels(options, (enum elcl_kernels)k, names[k]))
            for (size_t i = 0; i < ELCL_COUNT(descriptions); i++)
                if (descriptions[i].kernels == (enum elcl_kernels)k)
                    run(&descriptions[i], options, &devices[k]);
    for (int k = ELCL_KERNELS_CPU; k <= ELCL_KERNELS_GPU; k++)
        close_device(&devices[k], names[k]);
    return check_end();
}
