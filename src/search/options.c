/* Generation options before a search: their limits and checks. */
#include "search/options.h"

#include <limits.h>
#include <math.h>

#include "base/gen_options.h"
#include "base/util.h"

int elcl_options_prompt(const elcl_gen_options *options)
{
    return options->search_style == ELCL_STYLE_HF ? ELCL_START_TOKENS + options->prefix.n
                                                  : ELCL_START_TOKENS;
}

int elcl_options_finished_limit(const elcl_gen_options *options)
{
    const float patience = options->patience > 0 ? options->patience : 1;
    return elcl_max_int(1, (int)roundf((float)options->num_beams * patience));
}

int elcl_options_max_length(const elcl_gen_options *options)
{
    const int prompt = elcl_options_prompt(options);
    if (options->max_new_tokens > 0)
        return elcl_min_int(options->max_new_tokens, INT_MAX - prompt) + prompt;
    return options->max_length;
}

int elcl_options_min_length(const elcl_gen_options *options)
{
    const int prompt = elcl_options_prompt(options);
    if (options->min_new_tokens > 0)
        return elcl_min_int(options->min_new_tokens, INT_MAX - prompt) + prompt;
    return options->min_length;
}

bool elcl_options_sample_beams(const elcl_gen_options *options)
{
    return options->do_sample && options->num_beams > 1;
}

int elcl_options_max_rows(const elcl_gen_options *options)
{
    return options->do_sample && options->num_beams == 1 ? options->num_return_sequences
                                                         : options->num_beams;
}

/* ---- checks -------------------------------------------------------------------------------- */

static int check_range(const char *option, float value, float low, float high, elcl_error *err)
{
    if (value >= low && value <= high)
        return ELCL_OK;
    return elcl_fail(err, ELCL_E_ARG, "%s is %g, must be a number in %g .. %g", option,
                     (double)value, (double)low, (double)high);
}

/* Checks a number against the range in the table. */
static int check_row(const char *option, const elcl_gen_options *o, elcl_error *err)
{
    const struct elcl_gen_row *row = elcl_gen_row_find(option);
    const double min = row->about.min, max = row->about.max;
    return row->about.type == ELCL_OPTION_NUMBER
               ? check_range(option, elcl_gen_row_float(row, o), (float)min, (float)max, err)
               : elcl_check_int(option, elcl_gen_row_int(row, o), (int)min, (int)max, err);
}

static int check_token(const char *option, int32_t token, int low, int vocabulary, elcl_error *err)
{
    if (token >= low && token < vocabulary)
        return ELCL_OK;
    return elcl_fail(err, ELCL_E_ARG, "%s is %d, must be %s0 .. %d (the vocabulary has %d tokens)",
                     option, (int)token, low < 0 ? "-1 (none) or " : "", vocabulary - 1,
                     vocabulary);
}

static int check_list(const char *option, const elcl_tokens *list, int vocabulary, elcl_error *err)
{
    if (list->n < 0 || (list->n > 0 && !list->ids))
        return elcl_fail(err, ELCL_E_ARG, "%s has %d tokens at %s", option, list->n,
                         list->ids ? "an address" : "NULL");
    for (int i = 0; i < list->n; i++)
        if (list->ids[i] < 0 || list->ids[i] >= vocabulary)
            return elcl_fail(err, ELCL_E_ARG,
                             "%s has token %d, must be 0 .. %d (the vocabulary has %d tokens)",
                             option, (int)list->ids[i], vocabulary - 1, vocabulary);
    return ELCL_OK;
}

static int check_sets(const char *option, const elcl_tokens *sets, int n, int vocabulary,
                      elcl_error *err)
{
    if (n < 0 || (n > 0 && !sets))
        return elcl_fail(err, ELCL_E_ARG, "%s has %d lists at %s", option, n,
                         sets ? "an address" : "NULL");
    for (int i = 0; i < n; i++) {
        const int rc = check_list(option, &sets[i], vocabulary, err);
        if (rc)
            return rc;
        if (!sets[i].n)
            return elcl_fail(err, ELCL_E_ARG, "%s has a list without tokens", option);
    }
    return ELCL_OK;
}

static int check_strings(const elcl_gen_options *o, elcl_error *err)
{
    if (o->n_stop_strings < 0 || (o->n_stop_strings > 0 && !o->stop_strings))
        return elcl_fail(err, ELCL_E_ARG, "stop_strings has %d strings at %s", o->n_stop_strings,
                         o->stop_strings ? "an address" : "NULL");
    for (int i = 0; i < o->n_stop_strings; i++)
        if (!o->stop_strings[i] || !*o->stop_strings[i])
            return elcl_fail(err, ELCL_E_ARG, "stop_strings has an empty string");
    return ELCL_OK;
}

static int check_lists(const elcl_gen_options *o, int vocabulary, elcl_error *err)
{
    int rc;
    ELCL_TRY(check_sets("bad_words", o->bad_words, o->n_bad_words, vocabulary, err));
    ELCL_TRY(check_list("suppress_tokens", &o->suppress_tokens, vocabulary, err));
    ELCL_TRY(check_list("begin_suppress_tokens", &o->begin_suppress_tokens, vocabulary, err));
    ELCL_TRY(check_list("prefix", &o->prefix, vocabulary, err));
    ELCL_TRY(check_sets("alternatives", o->alternatives, o->n_alternatives, vocabulary, err));
    ELCL_TRY(check_strings(o, err));
fail:
    return rc;
}

static int check_lengths(const elcl_gen_options *o, int max_target, elcl_error *err)
{
    int rc;
    if (o->search_style == ELCL_STYLE_FAIRSEQ)
        return ELCL_OK; /* elcl_options_bind() knows the source and checks them */
    const int prompt = elcl_options_prompt(o);
    if (prompt >= max_target)
        return elcl_fail(err, ELCL_E_ARG,
                         "prefix has %d tokens, must have at most %d: outputs have up to %d",
                         o->prefix.n, max_target - ELCL_START_TOKENS - 1, max_target);
    ELCL_TRY(elcl_check_int("max_new_tokens", o->max_new_tokens, 0, max_target - prompt, err));
    if (!o->max_new_tokens)
        ELCL_TRY(elcl_check_int("max_length", o->max_length, prompt + 1, max_target, err));
    /* A minimum above the maximum is allowed, as in Hugging Face: EOS stays banned to the end. */
    ELCL_TRY(check_row("min_length", o, err));
    ELCL_TRY(check_row("min_new_tokens", o, err));
fail:
    return rc;
}

/* Without timestamps the other options about them have any value, and so has no_speech_token_id
 * without a length. */
static int check_speech(const elcl_gen_options *o, int vocabulary, elcl_error *err)
{
    int rc;
    if (o->no_speech_length) {
        ELCL_TRY(elcl_check_int("no_speech_length", o->no_speech_length, 0, elcl_options_prompt(o),
                                err));
        ELCL_TRY(check_token("no_speech_token_id", o->no_speech_token_id, 0, vocabulary, err));
    }
    ELCL_TRY(
        check_token("timestamp_begin_token_id", o->timestamp_begin_token_id, -1, vocabulary, err));
    if (o->timestamp_begin_token_id <= 0)
        return ELCL_OK;
    ELCL_TRY(check_token("no_timestamps_token_id", o->no_timestamps_token_id, -1, vocabulary, err));
    ELCL_TRY(check_row("max_initial_timestamp_index", o, err));
    if (!o->n_eos)
        return elcl_fail(err, ELCL_E_ARG,
                         "timestamp_begin_token_id is %d, needs one of eos_token_ids at least: "
                         "timestamps come in pairs or before the end",
                         (int)o->timestamp_begin_token_id);
    if (o->forced_bos_token_id >= 0 && !o->prefix.n)
        return elcl_fail(err, ELCL_E_ARG,
                         "forced_bos_token_id is %d, must be -1 with timestamp_begin_token_id: the "
                         "first token is a timestamp; use prefix",
                         (int)o->forced_bos_token_id);
fail:
    return rc;
}

static int check_tokens(const elcl_gen_options *o, int vocabulary, elcl_error *err)
{
    int rc;
    ELCL_TRY(check_token("decoder_start_token_id", o->decoder_start_token_id, 0, vocabulary, err));
    ELCL_TRY(check_token("forced_bos_token_id", o->forced_bos_token_id, -1, vocabulary, err));
    ELCL_TRY(check_token("forced_eos_token_id", o->forced_eos_token_id, -1, vocabulary, err));
    ELCL_TRY(check_token("pad_token_id", o->pad_token_id, -1, vocabulary, err));
    ELCL_TRY(elcl_check_int("ban_pad", o->ban_pad, 0, 1, err));
    ELCL_TRY(elcl_check_int("renormalize_logits", o->renormalize_logits, 0, 1, err));
    ELCL_TRY(elcl_check_int("scores_after_rules", o->scores_after_rules, 0, 1, err));
    ELCL_TRY(elcl_check_int("n_eos", o->n_eos, 0, ELCL_MAX_EOS, err));
    for (int i = 0; i < o->n_eos; i++)
        ELCL_TRY(check_token("eos_token_ids", o->eos_token_ids[i], 0, vocabulary, err));
fail:
    return rc;
}

/* Scores are divided by length^length_penalty in double precision: the longest hypothesis must give
 * a valid divisor. */
static int check_length_penalty(const elcl_gen_options *o, elcl_error *err)
{
    const double divisor = pow(elcl_options_max_length(o), (double)o->length_penalty);
    if (isnormal(divisor))
        return ELCL_OK;
    return elcl_fail(err, ELCL_E_ARG,
                     "length_penalty is %g, must be a number whose power max_length^length_penalty "
                     "(max_length is %d) fits a double",
                     (double)o->length_penalty, elcl_options_max_length(o));
}

/* As in Hugging Face: groups of equal size, and something that makes them differ. */
static int check_groups(const elcl_gen_options *o, elcl_error *err)
{
    const int groups = elcl_max_int(1, o->num_beam_groups);
    const float penalty = o->diversity_penalty;
    int rc;
    ELCL_TRY(elcl_check_int("num_beam_groups", o->num_beam_groups, 0, o->num_beams, err));
    if (o->num_beams % groups)
        return elcl_fail(err, ELCL_E_ARG,
                         "num_beam_groups is %d, must divide num_beams, which is %d", groups,
                         o->num_beams);
    if (!(penalty >= 0) || isinf(penalty))
        return elcl_fail(err, ELCL_E_ARG, "diversity_penalty is %g, must be a number, 0 or above",
                         (double)penalty);
    if (groups == 1 && penalty > 0)
        return elcl_fail(err, ELCL_E_ARG,
                         "diversity_penalty is %g, must be 0 unless num_beam_groups is above 1: "
                         "it acts between groups",
                         (double)penalty);
    if (groups > 1 && penalty == 0 && o->search_style == ELCL_STYLE_HF)
        return elcl_fail(err, ELCL_E_ARG,
                         "diversity_penalty is 0, must be above 0 if num_beam_groups is %d: all "
                         "groups would be the same",
                         groups);
    if (groups > 1 && o->renormalize_logits)
        return elcl_fail(err, ELCL_E_ARG,
                         "renormalize_logits has no meaning if num_beam_groups is %d: the "
                         "penalty between groups comes after it",
                         groups);
fail:
    return rc;
}

/* Without do_sample these options have no effect and any value. */
static int check_sampling(const elcl_gen_options *o, elcl_error *err)
{
    int rc;
    ELCL_TRY(elcl_check_int("do_sample", o->do_sample, 0, 1, err));
    ELCL_TRY(elcl_check_int("num_return_sequences", o->num_return_sequences, 1,
                            o->do_sample && o->num_beams == 1 ? ELCL_MAX_BEAMS : o->num_beams,
                            err));
    if (!o->do_sample)
        return ELCL_OK;
    if (o->num_beam_groups > 1)
        return elcl_fail(err, ELCL_E_ARG,
                         "num_beam_groups is %d, must be 1 with do_sample: groups do not sample",
                         o->num_beam_groups);
    ELCL_TRY(check_row("temperature", o, err));
    ELCL_TRY(check_row("top_k", o, err));
    ELCL_TRY(check_row("top_p", o, err));
    ELCL_TRY(check_row("min_p", o, err));
    if (o->typical_p == 0)
        return elcl_fail(err, ELCL_E_ARG, "typical_p is 0, must be a number above 0 and at most 1");
    ELCL_TRY(check_range("typical_p", o->typical_p, 0, 1, err));
fail:
    return rc;
}

/* Returns whether a factor has an effect. */
static bool is_on(float factor)
{
    return factor != 0 && factor != 1;
}

/* Checks penalties, patience and stop strings: their ranges and the options they exclude. */
static int check_more(const elcl_gen_options *o, elcl_error *err)
{
    int rc;
    ELCL_TRY(check_row("encoder_no_repeat_ngram_size", o, err));
    if (is_on(o->encoder_repetition_penalty))
        ELCL_TRY(check_row("encoder_repetition_penalty", o, err));
    ELCL_TRY(check_row("presence_penalty", o, err));
    ELCL_TRY(check_row("frequency_penalty", o, err));
    if (is_on(o->patience))
        ELCL_TRY(check_row("patience", o, err));
    const int groups = elcl_max_int(1, o->num_beam_groups);
    if (groups > 1 && is_on(o->encoder_repetition_penalty))
        return elcl_fail(err, ELCL_E_ARG,
                         "encoder_repetition_penalty has no meaning if num_beam_groups is %d",
                         groups);
    if (is_on(o->patience) &&
        (groups > 1 || o->do_sample || (o->num_beams == 1 && o->search_style == ELCL_STYLE_HF)))
        return elcl_fail(err, ELCL_E_ARG,
                         "patience is %g, must be 1 without beam search or if num_beam_groups "
                         "is above 1",
                         (double)o->patience);
    if (is_on(o->patience) && o->num_return_sequences > elcl_options_finished_limit(o))
        return elcl_fail(
            err, ELCL_E_ARG, "num_return_sequences is %d, patience %g ends the search with %d",
            o->num_return_sequences, (double)o->patience, elcl_options_finished_limit(o));
    if (o->n_stop_strings && o->num_beams > 1)
        return elcl_fail(err, ELCL_E_ARG,
                         "num_beams is %d, must be 1 with stop strings: an output that stops "
                         "cannot be ranked among open beams",
                         o->num_beams);
fail:
    return rc;
}

/* Refuses options that the style does not have: none is ignored. */
static int check_style(const elcl_gen_options *o, elcl_error *err)
{
    const bool fairseq = o->search_style == ELCL_STYLE_FAIRSEQ;
    const struct elcl_gen_row *row;
    const char *name = NULL;
    if (fairseq && o->ban_pad) /* the table lacks it */
        name = "ban_pad";
    else if (fairseq && o->no_speech_length) /* likewise */
        name = "no_speech_length";
    else if (fairseq && o->scores_after_rules) /* likewise */
        name = "scores_after_rules";
    else if (fairseq && o->do_sample) /* both styles have the option: false is right */
        name = "do_sample";
    for (int i = 0; !name && (row = elcl_gen_row_get(i)); i++)
        if (row->about.style >= 0 && row->about.style != (int)o->search_style &&
            elcl_gen_row_is_on(row, o))
            name = elcl_gen_row_field(row);
    return name ? elcl_fail(err, ELCL_E_ARG, "%s has no meaning in search_style %s", name,
                            fairseq ? "fairseq" : "hf")
                : ELCL_OK;
}

#define MAX_LEN_A 64

static int check_fairseq(const elcl_gen_options *o, int vocabulary, elcl_error *err)
{
    int rc;
    ELCL_TRY(check_row("min_len", o, err));
    ELCL_TRY(check_row("max_len_b", o, err));
    if (!(o->max_len_a >= 0 && o->max_len_a <= MAX_LEN_A))
        return elcl_fail(err, ELCL_E_ARG, "max_len_a is %g, must be 0 .. %d", (double)o->max_len_a,
                         MAX_LEN_A);
    if (!isfinite(o->unk_penalty))
        return elcl_fail(err, ELCL_E_ARG, "unk_penalty is %g, must be a number",
                         (double)o->unk_penalty);
    if (o->unk_penalty != 0) /* without an UNK token there is nothing to penalize */
        ELCL_TRY(check_token("unk_token_id", o->unk_token_id, 0, vocabulary, err));
    if (o->n_eos != 1)
        return elcl_fail(err, ELCL_E_ARG,
                         "there are %d eos_token_ids, search_style fairseq needs one", o->n_eos);
    for (int i = 0; i < o->prefix.n; i++)
        if (o->prefix.ids[i] == o->eos_token_ids[0] && o->eos_token_ids[0] != o->pad_token_id)
            return elcl_fail(err, ELCL_E_ARG,
                             "prefix has the EOS %d, which ends an output in search_style fairseq",
                             (int)o->eos_token_ids[0]);
    if (o->prefix.n && o->forced_bos_token_id >= 0)
        return elcl_fail(err, ELCL_E_ARG,
                         "prefix and forced_bos_token_id are the same in search_style fairseq, "
                         "found both");
fail:
    return rc;
}

int elcl_options_bind(const elcl_gen_options *options, int n_source, int positions, int max_target,
                      elcl_gen_options *bound, elcl_error *err)
{
    elcl_gen_options o = *options;
    if (o.search_style == ELCL_STYLE_FAIRSEQ) {
        /* The written number, in double as in Python: 10 times 0.7 is 7. */
        const double a = round((double)o.max_len_a * 1e5) / 1e5;
        const int max_len = (int)fmin(a * n_source + o.max_len_b, positions - ELCL_START_TOKENS);
        if (o.min_len > max_len)
            return elcl_fail(err, ELCL_E_ARG,
                             "min_len is %d, must be at most %d with a source of %d tokens",
                             o.min_len, max_len, n_source);
        if (o.prefix.n > max_len)
            return elcl_fail(
                err, ELCL_E_ARG,
                "prefix has %d tokens, must have at most %d with a source of %d tokens", o.prefix.n,
                max_len, n_source);
        if (max_len > max_target - ELCL_START_TOKENS)
            return elcl_fail(err, ELCL_E_ARG,
                             "max_len_a and max_len_b allow %d tokens with a source of %d, the "
                             "engine's max_target allows %d",
                             max_len, n_source, max_target - ELCL_START_TOKENS);
        o.max_length = ELCL_START_TOKENS + max_len + 1;
        const int rc = check_length_penalty(&o, err);
        if (rc)
            return rc;
    }
    *bound = o;
    return ELCL_OK;
}

int elcl_options_check(const elcl_gen_options *options, int vocabulary, int max_target,
                       elcl_error *err)
{
    const elcl_gen_options *o = options;
    int rc;
    ELCL_TRY(check_row("num_beams", o, err));
    ELCL_TRY(check_sampling(o, err));
    ELCL_TRY(elcl_check_int("early_stopping", (int)o->early_stopping, ELCL_EARLY_FALSE,
                            ELCL_EARLY_NEVER, err));
    ELCL_TRY(elcl_check_int("search_style", (int)o->search_style, ELCL_STYLE_HF, ELCL_STYLE_FAIRSEQ,
                            err));
    ELCL_TRY(check_lists(o, vocabulary, err));
    ELCL_TRY(check_style(o, err));
    ELCL_TRY(check_groups(o, err));
    ELCL_TRY(check_more(o, err));
    ELCL_TRY(check_lengths(o, max_target, err));
    if (o->search_style == ELCL_STYLE_HF)
        ELCL_TRY(check_length_penalty(o, err));
    ELCL_TRY(check_row("no_repeat_ngram_size", o, err));
    if (!(o->repetition_penalty > 0) || isinf(o->repetition_penalty))
        return elcl_fail(err, ELCL_E_ARG, "repetition_penalty is %g, must be a number above 0",
                         (double)o->repetition_penalty);
    ELCL_TRY(check_tokens(o, vocabulary, err));
    ELCL_TRY(check_speech(o, vocabulary, err));
    if (o->search_style == ELCL_STYLE_FAIRSEQ)
        ELCL_TRY(check_fairseq(o, vocabulary, err));
fail:
    return rc;
}
