#include "speech/fallback.h"

/* Comparisons with NAN are false, so that a threshold of NAN is off, and so is one of a value that
 * is not known. */

void elcl_attempt_finish(struct elcl_attempt *attempt)
{
    elcl_free(attempt->ids);
    *attempt = (struct elcl_attempt){0};
}

float elcl_attempt_mean(enum elcl_speech_style style, double sum, size_t n, bool ended)
{
    const size_t counted = style == ELCL_SPEECH_STYLE_WHISPER || ended ? n + 1 : n;
    return (float)(sum / (double)(counted ? counted : 1));
}

static bool repeats(const struct elcl_attempt *attempt, const elcl_transcribe_options *options)
{
    return attempt->compression_ratio > options->compression_ratio_threshold;
}

static bool improbable(const struct elcl_attempt *attempt, const elcl_transcribe_options *options)
{
    return attempt->avg_logprob < options->log_prob_threshold;
}

static bool no_speech(const struct elcl_attempt *attempt, const elcl_transcribe_options *options)
{
    return attempt->no_speech_prob > options->no_speech_threshold;
}

bool elcl_attempt_failed(const struct elcl_attempt *attempt, const elcl_transcribe_options *options)
{
    if (no_speech(attempt, options) && improbable(attempt, options))
        return false; /* silence: another temperature cannot help */
    return repeats(attempt, options) || improbable(attempt, options);
}

bool elcl_attempt_better(const struct elcl_attempt *a, const struct elcl_attempt *b,
                         const elcl_transcribe_options *options)
{
    const bool a_repeats = repeats(a, options), b_repeats = repeats(b, options);
    return a_repeats != b_repeats ? b_repeats : a->avg_logprob > b->avg_logprob;
}

bool elcl_attempt_silent(const struct elcl_attempt *attempt, const elcl_transcribe_options *options)
{
    if (!no_speech(attempt, options))
        return false;
    return options->style == ELCL_SPEECH_STYLE_HF
               ? improbable(attempt, options)
               : !(attempt->avg_logprob > options->log_prob_threshold);
}
