/* The options of elcl bench. */
#include "bench/bench.h"
#include "common/words.h"

#include <stdio.h>
#include <string.h>

#define FIELD(name) offsetof(struct cli_bench_options, name)

/* clang-format off */
static const struct cli_choice format_words[] = {
    {"md", CLI_FORMAT_MD}, {"csv", CLI_FORMAT_CSV}, {"json", CLI_FORMAT_JSON},
    {"jsonl", CLI_FORMAT_JSONL}, {"sql", CLI_FORMAT_SQL}, {NULL, 0}};
static const struct cli_choice auto_word[] = {{"auto", 0}, {NULL, 0}};

static const struct cli_opt options_table[] = {
    CLI_ROW_GROUP("Model:"),
    CLI_ROW_TEXT("synthetic", "NAME,...", synthetic,
                 "well-known architectures with random weights: " CLI_SYNTHETIC_NAMES),
    CLI_ROW_TEXT("preset", "quick|paper", preset,
                 "quick: bart-base and gpt2 in every variant; paper: the rows of the paper's "
                 "table, el against mha-beam; other options override the preset"),
    {CLI_OPT_NUMBER, "scale", "X",
     "paper: multiply source lengths and new tokens by X (default 1)", FIELD(scale), 0.001, 1,
     NULL},
    CLI_ROW_INT("seed", "N", seed, 0, INT32_MAX, "seed of weights and sources (default 0)"),
    CLI_ROW_TEXT("export", "DIR", export_directory,
                 "write the --synthetic model to DIR, as config.json and model.safetensors, and "
                 "run nothing"),

    CLI_ROW_GROUP("Parameters, every combination of lists (1,4) and ranges (1-64*2, 10-30+10):"),
    CLI_ROW_WORDS("attention", "el|mha|mha-beam|auto", attention, cli_attention_words,
                  "variants (default auto)"),
    {CLI_OPT_INTS, "batch-size", "N,...|auto",
     "samples in flight (default 1); auto: as many as fit, up to --max-batch",
     FIELD(batch_size), 1, 1 << 20, auto_word},
    CLI_ROW_INT("max-batch", "N", max_batch, 1, 1 << 20,
                "maximum of --batch-size auto (default 64)"),
    CLI_ROW_INTS("num-beams", num_beams, 1, ELCL_MAX_BEAMS,
                 "beams; 1 is greedy search (default 4, speech 5)"),
    CLI_ROW_INTS("num-beam-groups", num_beam_groups, 1, ELCL_MAX_BEAMS,
                 "groups of diverse beam search; 1 is off (default 1)"),
    CLI_ROW_INTS("source-length", source_length, 1, 1 << 20,
                 "tokens of every source (default 64), or states of every sound (default a whole "
                 "window)"),
    CLI_ROW_INTS("new-tokens", new_tokens, 1, 1 << 20,
                 "tokens of every output; none ends earlier (default 16)"),
    CLI_ROW_WORDS("weights", "f32|f16|bf16|int8|int4", weights, cli_weight_words,
                  "storage of weights on the device (default f32)"),
    CLI_ROW_CHOICE("compute", "auto|f32|f16|bf16|int8", compute, cli_compute_words,
                   "arithmetic of matrix products (default: the type of the weights if that is "
                   "faster)"),
    CLI_ROW_WORDS("state", "f32|f16|bf16|int8|int4", state, cli_state_words,
                  "storage of encoder output and caches (default f32); int4 only with el"),
    CLI_ROW_WORDS("gemm", "auto|clblast|native", gemm, cli_gemm_words,
                  "matrix multiplication (default auto)"),
    CLI_ROW_WORDS("kernels", "auto|cpu|gpu", kernels, cli_kernel_words,
                  "CPU or GPU kernels (default: by the device's type)"),
    CLI_ROW_MATRIX(no_matrix_instructions),

    CLI_ROW_GROUP("Measurement:"),
    CLI_ROW_INT("samples", "N", samples, 1, 1 << 20,
                "samples of a repetition (default: the batch size)"),
    CLI_ROW_INT("warmup", "N", warmup, 0, 100, "repetitions that do not count (default 1)"),
    CLI_ROW_INT("repetitions", "N", repetitions, 1, CLI_BENCH_MAX_REPETITIONS,
                "repetitions that count; the result is their median and spread (default 3)"),
    CLI_ROW_FLAG("no-profile", no_profile, "skip the extra repetition that times every kernel"),
    CLI_ROW_TEXT("baseline", "FILE", baseline,
                 "compare with the JSON of an earlier run; exit with 3 if a result is slower "
                 "beyond noise"),

    CLI_ROW_GROUP("Output:"),
    CLI_OUTPUT_OPTION(FIELD(common)),
    CLI_FORMAT_OPTION(FIELD(common), "md|csv|json|jsonl|sql", format_words,
                      "form of the results (default md)"),
    CLI_TRACE_OPTION(FIELD(common)),

    CLI_ROW_GROUP("Running:"),
    CLI_ROW_DEVICE(device),
    CLI_ROW_BYTES("memory-limit", memory_limit_bytes,
                  "maximum device memory, such as 512M or 2G (powers of 1024)"),
    CLI_ROW_NO_CACHE(no_cache),
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
        fill(&o->num_beams, 0); /* 0: by the model */
        fill(&o->num_beam_groups, 1);
        fill(&o->source_length, 0);
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
        .args = {.verb = "bench",
                 .use = "MODEL|--synthetic NAME|--preset NAME",
                 .about =
                     "Measures the speed and the memory of generation. Every output has the same\n"
                     "number of tokens, so all devices do equal work; a hash of the tokens shows\n"
                     "it. The command first measures the device's peak rates, and reports how\n"
                     "close each kernel comes to them.\n",
                 .examples =
                     "  elcl bench --synthetic bart-base --attention el,mha --batch-size 1-16*4\n"
                     "  elcl bench --preset quick --format json --output mine.json\n"
                     "  elcl bench --preset quick --format sql | sqlite3 elcl.db\n",
                 .opts = options_table,
                 .n_opts = ELCL_COUNT(options_table),
                 .max_words = 1,
                 .check = check},
        .common.format = CLI_FORMAT_MD,
        .max_batch = 64,
        .warmup = 1,
        .repetitions = 3,
        .scale = 1,
    };
    return cli_args_begin(&options->args, argc, argv, options, exit_code);
}
