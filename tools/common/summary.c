#include "common/summary.h"
#include "common/sys.h"
#include "common/words.h"

#include <stdio.h>

static double per_second(double amount, double seconds)
{
    return seconds > 0 ? amount / seconds : 0;
}

bool cli_summary_wanted(const struct cli_common_options *common, double seconds)
{
    return common->verbose || (!common->quiet && seconds >= 1 && cli_sys_is_terminal(CLI_STDERR));
}

/* Prints memory, rates and choices; `batch` goes before the size of a batch. */
static void print_machine(const elcl_model_info *info, const elcl_engine_stats *stats,
                          const char *batch)
{
    fprintf(stderr, "elcl: peak device memory %.1f MiB; %.2f GB/s, %.2f GFLOP/s achieved\n",
            (double)stats->peak_bytes / 1048576,
            per_second((double)stats->bytes_moved, stats->seconds) * 1e-9,
            per_second((double)stats->flop, stats->seconds) * 1e-9);
    fprintf(stderr, "elcl: %s on %s\n", info->device, info->platform);
    fprintf(stderr, "elcl: attention %s, gemm %s, kernels %s, weights %s, state %s%s%d\n",
            cli_attention_word((int)info->attention), cli_gemm_word((int)info->gemm),
            cli_kernels_word((int)info->kernels), cli_storage_word((int)info->weights),
            cli_storage_word((int)info->state), batch, stats->batch_size);
}

void cli_summary_print(const struct cli_summary *summary, const elcl_model_info *info,
                       const elcl_engine_stats *stats)
{
    double seconds = summary->generate_seconds;
    fprintf(stderr, "elcl: %llu sample%s", (unsigned long long)summary->samples,
            summary->samples == 1 ? "" : "s");
    if (summary->failed)
        fprintf(stderr, " (%llu failed)", (unsigned long long)summary->failed);
    fprintf(stderr, ", %llu tokens: %.1f samples/s, %.1f tokens/s\n",
            (unsigned long long)stats->output_tokens, per_second((double)summary->samples, seconds),
            per_second((double)stats->output_tokens, seconds));
    fprintf(
        stderr,
        "elcl: start-up %.2f s, of which compiling kernels %.2f s; generation %.2f s (%.2f s in "
        "the engine)\n",
        summary->start_seconds, stats->compile_seconds, seconds, stats->seconds);
    print_machine(info, stats, ", batch ");
}

void cli_summary_score(const elcl_model_info *info, const elcl_engine_stats *stats)
{
    fprintf(stderr, "elcl: %llu tokens scored in %llu passes, %.2f s: %.1f tokens/s\n",
            (unsigned long long)stats->output_tokens, (unsigned long long)stats->steps,
            stats->seconds, per_second((double)stats->output_tokens, stats->seconds));
    print_machine(info, stats, ", tokens at once ");
}

void cli_report_end(const elcl_error *err, uint64_t n_written, const char *kept, bool resumable)
{
    struct elcl_str text = {0};
    if (cli_sys_interrupted())
        elcl_str_printf(&text, "interrupted after %llu sample%s", (unsigned long long)n_written,
                        n_written == 1 ? "" : "s");
    else
        elcl_str_text(&text, err->msg);
    if (kept)
        elcl_str_printf(&text, "; the samples written so far are in %s%s", kept,
                        resumable ? ", and --resume goes on from there" : "");
    cli_error(CLI_EXIT_FAILURE, "%s", text.failed ? err->msg : text.data);
    elcl_str_finish(&text);
}
