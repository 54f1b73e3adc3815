#include "serve/worker_limits.h"

#include "common/option_lists.h"

/* The most tokens of an output as an engine counts them: of a prompt only the last token. */
static double target_of(const elcl_model_info *info, const elcl_request *request)
{
    const elcl_gen_options *gen = &request->options;
    const double source = (double)request->n_source;
    if (gen->search_style == ELCL_STYLE_FAIRSEQ) {
        const double target = (double)gen->max_len_a * source + gen->max_len_b + 2;
        return target < info->max_target ? (int)target : info->max_target;
    }
    if (gen->max_new_tokens > 0)
        return (double)gen->max_new_tokens + 1 + gen->prefix.n;
    return info->decoder_only ? gen->max_length - source + 1 : gen->max_length;
}

void cli_worker_fit(const elcl_engine_params *sizes, const elcl_model_info *info,
                    elcl_request *request)
{
    elcl_gen_options *gen = &request->options;
    const double above = target_of(info, request) - sizes->max_target;
    int *length = gen->search_style == ELCL_STYLE_FAIRSEQ ? &gen->max_len_b
                  : gen->max_new_tokens > 0               ? &gen->max_new_tokens
                                                          : &gen->max_length;
    if (above > 0 && above < *length)
        *length -= (int)above;
}

static int check_beams(int max_beams, const elcl_gen_options *gen, elcl_error *err)
{
    const bool samples = gen->do_sample && gen->num_beams == 1;
    const int beams = samples ? gen->num_return_sequences : gen->num_beams;
    return beams <= max_beams
               ? ELCL_OK
               : elcl_fail(err, ELCL_E_ARG,
                           "%s: expected at most %d, found %d (the server's --max-beams)",
                           samples ? "num_return_sequences" : "num_beams", max_beams, beams);
}

int cli_worker_check(const elcl_engine_params *sizes, const elcl_model_info *info,
                     const elcl_request *request, elcl_error *err)
{
    const double target = target_of(info, request);
    const int lists = cli_option_lists_tokens(&request->options);
    const int rc = check_beams(sizes->max_beams, &request->options, err);
    if (rc)
        return rc;
    if (request->n_source > (size_t)sizes->max_source)
        return elcl_fail(err, ELCL_E_ARG,
                         "expected at most %d source tokens, found %zu (the server's --max-source)",
                         sizes->max_source, request->n_source);
    if (target > sizes->max_target)
        return elcl_fail(err, ELCL_E_ARG,
                         "expected outputs of at most %d tokens, found %.0f (the server's "
                         "--max-target)",
                         sizes->max_target - 1, target - 1);
    if (lists > sizes->max_list_tokens)
        return elcl_fail(err, ELCL_E_ARG,
                         "expected lists of at most %d tokens, found %d (the server's "
                         "--max-lists)",
                         sizes->max_list_tokens, lists);
    return ELCL_OK;
}
