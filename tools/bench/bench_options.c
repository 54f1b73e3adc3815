/* The options of elcl bench. */
#include "bench/bench.h"
#include "common/words.h"

#include <stdio.h>
#include <string.h>

#define FIELD(name) offsetof(struct cli_bench_options, name)

/* clang-format off */
static const struct cli_choice format_words[] = {
    {"md", CLI_BENCH_MD}, {"csv", CLI_BENCH_CSV}, {"json", CLI_BENCH_JSON},
    {"jsonl", CLI_BENCH_JSONL}, {NULL, 0}};
static const struct cli_choice auto_word[] = {{"auto", 0}, {NULL, 0}};

#define GROUP(help) {CLI_OPT_GROUP, NULL, NULL, help, 0, 0, 0, NULL}
#define FLAG(name, field, help) {CLI_OPT_FLAG, name, NULL, help, FIELD(field), 0, 0, NULL}
#define TEXT(name, value, field, help) \
    {CLI_OPT_TEXT, name, value, help, FIELD(field), 0, 0, NULL}
#define WORDS(name, value, field, words, help) \
    {CLI_OPT_WORDS, name, value, help, FIELD(field), 0, 0, words}
#define INTS(name, field, min, max, help) \
    {CLI_OPT_INTS, name, "N,...", help, FIELD(field), min, max, NULL}
#define INT(name, field, min, max, help) \
    {CLI_OPT_INT, name, "N", help, FIELD(field), min, max, NULL}

static const struct cli_opt options_table[] = {
    GROUP("What is run: all combinations of lists (1,4) and ranges (1-64*2, 10-30+10):"),
    TEXT("synthetic", "NAME,...", synthetic,
         "models of true shape with random weights: bart-large, bart-base, transformer-270m, "
         "marian-base, gpt2, gpt2-medium, t5-base"),
    WORDS("attention", "el|mha|mha-beam|auto", attention, cli_attention_words,
          "variants (default auto)"),
    WORDS("weights", "f32|f16|bf16|int8", weights, cli_weight_words,
          "storage of weights on the device (default f32)"),
    {CLI_OPT_CHOICE, "compute", "auto|f32|int8|bf16",
     "what int8 or bf16 weights multiply (default: their own type where that is faster)", FIELD(compute), 0, 0,
     cli_compute_words},
    WORDS("state", "f32|f16|bf16", state, cli_state_words,
          "storage of encoder output and caches (default f32)"),
    WORDS("gemm", "auto|clblast|native", gemm, cli_gemm_words, "matrix products (default auto)"),
    WORDS("kernels", "auto|cpu|gpu", kernels, cli_kernel_words,
          "shape of the kernels (default: by the device's type)"),
    {CLI_OPT_INTS, "batch-size", "N,...|auto",
     "sentences in flight (default 1); auto: the most that fit, up to --max-batch",
     FIELD(batch_size), 1, 1 << 20, auto_word},
    INTS("num-beams", num_beams, 1, ELCL_MAX_BEAMS, "beams; 1 is greedy search (default 4)"),
    INTS("num-beam-groups", num_beam_groups, 1, ELCL_MAX_BEAMS,
         "groups of diverse beam search; 1: off (default 1)"),
    INTS("source-length", source_length, 1, 1 << 20, "tokens of every source (default 64)"),
    INTS("new-tokens", new_tokens, 1, 1 << 20,
         "tokens of every output, none ends earlier (default 16)"),
    INT("samples", samples, 1, 1 << 20, "sentences of a repetition (default: the batch)"),
    INT("seed", seed, 0, INT32_MAX, "of weights and sources (default 0)"),

    GROUP("Presets:"),
    TEXT("preset", "quick|paper", preset,
         "quick: bart-base and gpt2, every variant, in two minutes on two cores; paper: the rows "
         "of the paper's table, el against mha-beam; other options change what it says"),
    {CLI_OPT_NUMBER, "scale", "X", "paper: source lengths and new tokens times X (default 1)",
     FIELD(scale), 0.001, 1, NULL},
    INT("max-batch", max_batch, 1, 1 << 20, "most sentences of --batch-size auto (default 64)"),

    GROUP("How it is measured:"),
    INT("warmup", warmup, 0, 100, "repetitions that do not count (default 1)"),
    INT("repetitions", repetitions, 1, CLI_BENCH_MAX_REPETITIONS,
        "repetitions that do: their median, and spread (default 3)"),
    FLAG("no-profile", no_profile,
         "leave out the further repetition in which every kernel is timed"),
    TEXT("baseline", "FILE", baseline,
         "json of an earlier run: exit with 3 when something is slower beyond noise"),

    GROUP("Output:"),
    CLI_OUTPUT_OPTION(FIELD(common)),
    CLI_FORMAT_OPTION(FIELD(common), "md|csv|json|jsonl", format_words,
                      "form of the results (default md)"),
    CLI_TRACE_OPTION(FIELD(common)),
    TEXT("export", "DIR", export_directory,
         "write the --synthetic model there, as config.json and model.safetensors, and run nothing"),

    GROUP("Running:"),
    TEXT("device", "INDEX|NAME|cpu|gpu", device,
         "OpenCL device by number, part of its name, or type; see elcl devices "
         "(default: a GPU before a CPU)"),
    {CLI_OPT_BYTES, "memory-limit", "BYTES",
     "device memory to stay below, as in 512M or 2G (powers of 1024)", FIELD(memory_limit_bytes), 0,
     0, NULL},
    FLAG("no-cache", no_cache, "build all kernels from source and store nothing"),
    CLI_COMMON_OPTIONS(FIELD(common)),
};
/* clang-format on */

_Static_assert(ELCL_COUNT(options_table) <= CLI_MAX_OPTS, "raise CLI_MAX_OPTS");

static void fill(struct cli_opt_list *list, int value)
{
    if (list->n)
        return;
    list->n = 1;
    list->values[0] = value;
}

static int check_given(const struct cli_bench_options *o, elcl_error *err)
{
    const int given = o->args.n_words + (o->synthetic != NULL) + (o->preset != NULL);
    if (given != 1)
        return elcl_fail(err, ELCL_E_ARG,
                         "expected one model directory, --synthetic NAME or --preset NAME, "
                         "found %d",
                         given);
    if (o->preset && strcmp(o->preset, "quick") != 0 && strcmp(o->preset, "paper") != 0)
        return elcl_fail(err, ELCL_E_ARG, "--preset: expected one of quick|paper, found '%s'",
                         o->preset);
    if (cli_args_seen(&o->args, "scale") && (!o->preset || strcmp(o->preset, "paper") != 0))
        return elcl_fail(err, ELCL_E_ARG, "--scale is for --preset paper");
    if (o->export_directory && (!o->synthetic || strchr(o->synthetic, ',')))
        return elcl_fail(err, ELCL_E_ARG, "--export needs --synthetic with one name");
    if (o->common.trace && o->no_profile)
        return elcl_fail(err, ELCL_E_ARG, "--trace needs the profile: found --no-profile");
    return ELCL_OK;
}

static int check(const struct cli_args *args, void *target, elcl_error *err)
{
    struct cli_bench_options *o = target;
    (void)args;
    const int rc = check_given(o, err);
    if (!o->preset) {
        fill(&o->attention, ELCL_ATTN_AUTO);
        fill(&o->batch_size, 1);
        fill(&o->num_beams, 4);
        fill(&o->num_beam_groups, 1);
        fill(&o->source_length, 64);
        fill(&o->new_tokens, 16);
    }
    fill(&o->weights, ELCL_F32);
    fill(&o->state, ELCL_F32);
    fill(&o->gemm, ELCL_GEMM_AUTO);
    fill(&o->kernels, ELCL_KERNELS_AUTO);
    return rc;
}

bool cli_bench_parse(struct cli_bench_options *options, int argc, char **argv, int *exit_code)
{
    *options = (struct cli_bench_options){
        .args =
            {.verb = "bench",
             .use = "MODEL|--synthetic NAME|--preset NAME",
             .about =
                 "Measures generation: every output has the same number of tokens, so that all\n"
                 "devices do equal work, and a hash of the tokens shows that they did. Kernels\n"
                 "are compared with ceilings of the device that the same run measures.\n",
             .examples =
                 "  elcl bench --synthetic bart-base --attention el,mha --batch-size 1-16*4\n"
                 "  elcl bench --preset quick --format json --output mine.json\n",
             .opts = options_table,
             .n_opts = ELCL_COUNT(options_table),
             .max_words = 1,
             .check = check},
        .max_batch = 64,
        .warmup = 1,
        .repetitions = 3,
        .scale = 1,
    };
    return cli_args_begin(&options->args, argc, argv, options, exit_code);
}
