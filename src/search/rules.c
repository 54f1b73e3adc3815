#include "search/rules.h"

#include <limits.h>
#include <math.h>

#include "base/rng.h"
#include "base/util.h"

_Static_assert(ELCL_RULES_EOS == ELCL_MAX_EOS && ELCL_BEAM_STREAMS == ELCL_MAX_BEAMS,
               "records.h repeats the limits of elcl.h");
_Static_assert(sizeof(int) == sizeof(int32_t), "records are 32-bit words on devices");

/* The start token. */
enum { PROMPT = 1 };

int elcl_rules_prompt(const elcl_gen_options *options)
{
    return options->search_style == ELCL_STYLE_HF ? PROMPT + options->prefix.n : PROMPT;
}

int elcl_rules_finished_limit(const elcl_gen_options *options)
{
    const float patience = options->patience > 0 ? options->patience : 1;
    return elcl_max_int(1, (int)roundf((float)options->num_beams * patience));
}

int elcl_rules_max_length(const elcl_gen_options *options)
{
    const int prompt = elcl_rules_prompt(options);
    if (options->max_new_tokens > 0)
        return elcl_min_int(options->max_new_tokens, INT_MAX - prompt) + prompt;
    return options->max_length;
}

int elcl_rules_min_length(const elcl_gen_options *options)
{
    const int prompt = elcl_rules_prompt(options);
    if (options->min_new_tokens > 0)
        return elcl_min_int(options->min_new_tokens, INT_MAX - prompt) + prompt;
    return options->min_length;
}

/* A forced token stands after all other rules and overrides them; the forced EOS comes after the
 * forced BOS and wins where both meet (max_length 2). The forced EOS need not be one of
 * eos_token_ids: then it is a token like any other and the hypothesis ends by length. */
static int32_t forced_token(const elcl_gen_options *options, int length)
{
    if (options->forced_eos_token_id >= 0 && length == elcl_rules_max_length(options) - 1)
        return options->forced_eos_token_id;
    if (length == PROMPT)
        return options->forced_bos_token_id;
    return -1;
}

/* The options are bound: max_length is start token, max_len tokens, EOS. */
static void fairseq_rules_at(const elcl_gen_options *o, int length, struct elcl_row_rules *rules)
{
    const int step = length - PROMPT, max_len = o->max_length - PROMPT - 1;
    const int32_t eos = o->eos_token_ids[0];
    rules->log_probs = 1;
    rules->ngram = o->no_repeat_ngram_size;
    if (o->pad_token_id != eos) /* models without padding have their EOS there */
        rules->pad_token = o->pad_token_id;
    if (o->unk_penalty != 0) {
        rules->unk_token = o->unk_token_id;
        rules->unk_penalty = o->unk_penalty;
    }
    const bool in_prefix = step < o->prefix.n;
    if (step >= max_len)
        rules->only_token = eos;
    else if (in_prefix) /* the minimum does not apply, nor to a free place */
        rules->only_token = o->prefix.ids[step] == o->pad_token_id ? -1 : o->prefix.ids[step];
    else if (step == 0 && o->forced_bos_token_id >= 0) /* a prefix: the minimum does not apply */
        rules->only_token = o->forced_bos_token_id;
    else
        rules->ban_eos = step < o->min_len;
}

static bool contains(const elcl_tokens *list, int32_t token)
{
    for (int i = 0; i < list->n; i++)
        if (list->ids[i] == token)
            return true;
    return false;
}

/* Suppressed tokens are banned behind a forced one: then nothing is left. */
static void force(const elcl_gen_options *o, int length, int32_t token,
                  struct elcl_row_rules *rules)
{
    const bool begin = elcl_rules_suppressed(o, length, NULL) > o->suppress_tokens.n;
    if (contains(&o->suppress_tokens, token) ||
        (begin && contains(&o->begin_suppress_tokens, token)))
        rules->allowed_only = 1;
    else
        rules->forced_token = token;
}

static void list_rules_at(const elcl_gen_options *o, int length, struct elcl_row_rules *rules)
{
    const elcl_tokens *allowed = elcl_rules_allowed(o, length);
    const float favor = o->encoder_repetition_penalty;
    rules->n_suppressed = elcl_rules_suppressed(o, length, NULL);
    rules->allowed_only = allowed != NULL;
    rules->n_allowed = allowed ? allowed->n : 0;
    rules->encoder_ngram = o->encoder_no_repeat_ngram_size;
    rules->encoder_penalty = favor > 0 && favor != 1 ? 1 / favor : 0;
    rules->presence_penalty = o->presence_penalty;
    rules->frequency_penalty = o->frequency_penalty;
    rules->first_generated = elcl_rules_prompt(o);
}

void elcl_rules_at(const elcl_gen_options *options, int length, struct elcl_row_rules *rules)
{
    *rules = (struct elcl_row_rules){
        .log_probs = options->num_beams > 1,
        .forced_token = -1,
        .only_token = -1,
        .pad_token = -1,
        .unk_token = -1,
        .repetition_penalty = 1,
        .n_eos = options->n_eos,
    };
    for (int i = 0; i < ELCL_MAX_EOS; i++)
        rules->eos[i] = i < options->n_eos ? options->eos_token_ids[i] : -1;
    if (options->search_style == ELCL_STYLE_FAIRSEQ) {
        fairseq_rules_at(options, length, rules);
        return;
    }
    if (length < elcl_rules_prompt(options)) { /* the search takes it whatever comes */
        rules->forced_token = options->prefix.ids[length - PROMPT];
        return;
    }
    const int32_t forced = forced_token(options, length);
    if (forced >= 0) {
        force(options, length, forced, rules);
        return;
    }
    list_rules_at(options, length, rules);
    rules->ban_eos = options->n_eos > 0 && length < elcl_rules_min_length(options);
    rules->pad_token = options->ban_pad ? options->pad_token_id : -1;
    rules->renormalize = rules->log_probs && options->renormalize_logits && !options->do_sample;
    rules->ngram = options->no_repeat_ngram_size;
    rules->repetition_penalty = options->repetition_penalty;
}

void elcl_rules_draw(const elcl_gen_options *options, uint64_t sample, int stream, int length,
                     struct elcl_row_draw *draw)
{
    *draw = (struct elcl_row_draw){
        .top_k = options->top_k,
        .uniform = elcl_uniform(options->seed, sample, (uint32_t)stream, (uint32_t)length),
        .scale = 1.0f / options->temperature,
        .top_p = options->top_p,
        .min_p = options->min_p,
        .typical_p = options->typical_p,
        .keep = 1,
    };
    if (!elcl_rules_sample_beams(options))
        return;
    draw->keep = elcl_max_int(2, 1 + options->n_eos); /* one of them is not EOS */
    if (draw->top_k > 0)
        draw->top_k = elcl_max_int(draw->top_k, draw->keep);
    draw->renormalize = options->renormalize_logits;
    draw->seed[0] = (uint32_t)options->seed;
    draw->seed[1] = (uint32_t)(options->seed >> 32);
    draw->sample[0] = (uint32_t)sample;
    draw->sample[1] = (uint32_t)(sample >> 32);
    draw->beam = (uint32_t)stream;
    draw->length = (uint32_t)length;
}

bool elcl_rules_sample_beams(const elcl_gen_options *options)
{
    return options->do_sample && options->num_beams > 1;
}

/* Streams below ELCL_MAX_BEAMS are those of sampling without beams. */
double elcl_rules_gumbel(const elcl_gen_options *options, uint64_t sample, int beam, int32_t token,
                         int length)
{
    const uint32_t stream = ((uint32_t)token + 1) * ELCL_MAX_BEAMS + (uint32_t)beam;
    const float u = elcl_uniform_fine(options->seed, sample, stream, (uint32_t)length);
    return -log(-log1p(-(double)u));
}

int elcl_rules_max_rows(const elcl_gen_options *options)
{
    return options->do_sample && options->num_beams == 1 ? options->num_return_sequences
                                                         : options->num_beams;
}

/* ---- checks -------------------------------------------------------------------------------- */

static int check_int(const char *option, int value, int low, int high, elcl_error *err)
{
    if (value >= low && value <= high)
        return ELCL_OK;
    if (high == INT_MAX)
        return elcl_fail(err, ELCL_E_ARG, "%s is %d, must be %d or more", option, value, low);
    return elcl_fail(err, ELCL_E_ARG, "%s is %d, must be %d .. %d", option, value, low, high);
}

static int check_token(const char *option, int32_t token, int low, int vocabulary, elcl_error *err)
{
    if (token >= low && token < vocabulary)
        return ELCL_OK;
    return elcl_fail(err, ELCL_E_ARG, "%s is %d, must be %s0 .. %d (the vocabulary has %d tokens)",
                     option, (int)token, low < 0 ? "-1 (none) or " : "", vocabulary - 1,
                     vocabulary);
}

static int check_lengths(const elcl_gen_options *o, int max_target, elcl_error *err)
{
    int rc;
    if (o->search_style == ELCL_STYLE_FAIRSEQ)
        return ELCL_OK; /* elcl_rules_bind() knows the source */
    const int prompt = elcl_rules_prompt(o);
    if (prompt >= max_target)
        return elcl_fail(err, ELCL_E_ARG,
                         "prefix has %d tokens, must have at most %d: outputs have up to %d",
                         o->prefix.n, max_target - PROMPT - 1, max_target);
    ELCL_TRY(check_int("max_new_tokens", o->max_new_tokens, 0, max_target - prompt, err));
    if (!o->max_new_tokens)
        ELCL_TRY(check_int("max_length", o->max_length, prompt + 1, max_target, err));
    /* A minimum above the maximum is allowed, as in Hugging Face: EOS stays banned to the end. */
    ELCL_TRY(check_int("min_length", o->min_length, 0, INT_MAX, err));
    ELCL_TRY(check_int("min_new_tokens", o->min_new_tokens, 0, INT_MAX, err));
    return ELCL_OK;
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
    ELCL_TRY(check_int("ban_pad", o->ban_pad, 0, 1, err));
    ELCL_TRY(check_int("renormalize_logits", o->renormalize_logits, 0, 1, err));
    ELCL_TRY(check_int("n_eos", o->n_eos, 0, ELCL_MAX_EOS, err));
    for (int i = 0; i < o->n_eos; i++)
        ELCL_TRY(check_token("eos_token_ids", o->eos_token_ids[i], 0, vocabulary, err));
    return ELCL_OK;
fail:
    return rc;
}

/* Scores are divided by length^length_penalty in double precision: the longest hypothesis must
 * give a number that can be divided by. */
static int check_length_penalty(const elcl_gen_options *o, elcl_error *err)
{
    const double divisor = pow(elcl_rules_max_length(o), (double)o->length_penalty);
    if (isnormal(divisor))
        return ELCL_OK;
    return elcl_fail(err, ELCL_E_ARG,
                     "length_penalty is %g, must be a number whose power max_length^length_penalty "
                     "(max_length is %d) fits a double",
                     (double)o->length_penalty, elcl_rules_max_length(o));
}

/* As Hugging Face has it: groups of one size, and what makes them differ. */
static int check_groups(const elcl_gen_options *o, elcl_error *err)
{
    const int groups = elcl_max_int(1, o->num_beam_groups);
    const float penalty = o->diversity_penalty;
    int rc;
    ELCL_TRY(check_int("num_beam_groups", o->num_beam_groups, 0, o->num_beams, err));
    if (o->num_beams % groups)
        return elcl_fail(err, ELCL_E_ARG,
                         "num_beam_groups is %d, must divide num_beams, which is %d", groups,
                         o->num_beams);
    if (!(penalty >= 0) || isinf(penalty))
        return elcl_fail(err, ELCL_E_ARG, "diversity_penalty is %g, must be a number, 0 or above",
                         (double)penalty);
    if (groups == 1 && penalty > 0)
        return elcl_fail(err, ELCL_E_ARG,
                         "diversity_penalty is %g, must be 0 where num_beam_groups is not above 1: "
                         "it acts between groups",
                         (double)penalty);
    if (groups > 1 && penalty == 0 && o->search_style == ELCL_STYLE_HF)
        return elcl_fail(err, ELCL_E_ARG,
                         "diversity_penalty is 0, must be above 0 where num_beam_groups is %d: all "
                         "groups would be the same",
                         groups);
    if (groups > 1 && o->renormalize_logits)
        return elcl_fail(err, ELCL_E_ARG,
                         "renormalize_logits has no meaning where num_beam_groups is %d: the "
                         "penalty between groups comes behind it",
                         groups);
    return ELCL_OK;
fail:
    return rc;
}

static int check_range(const char *option, float value, float low, float high, elcl_error *err)
{
    if (value >= low && value <= high)
        return ELCL_OK;
    return elcl_fail(err, ELCL_E_ARG, "%s is %g, must be a number in %g .. %g", option,
                     (double)value, (double)low, (double)high);
}

/* Without do_sample these options mean nothing and may hold anything. */
static int check_sampling(const elcl_gen_options *o, elcl_error *err)
{
    int rc;
    ELCL_TRY(check_int("do_sample", o->do_sample, 0, 1, err));
    ELCL_TRY(check_int("num_return_sequences", o->num_return_sequences, 1,
                       o->do_sample && o->num_beams == 1 ? ELCL_MAX_BEAMS : o->num_beams, err));
    if (!o->do_sample)
        return ELCL_OK;
    if (o->num_beam_groups > 1)
        return elcl_fail(err, ELCL_E_ARG,
                         "num_beam_groups is %d, must be 1 with do_sample: groups do not sample",
                         o->num_beam_groups);
    ELCL_TRY(check_range("temperature", o->temperature, 1e-6f, 1e6f, err));
    ELCL_TRY(check_int("top_k", o->top_k, 0, INT_MAX, err));
    ELCL_TRY(check_range("top_p", o->top_p, 0, 1, err));
    ELCL_TRY(check_range("min_p", o->min_p, 0, 1, err));
    if (o->typical_p == 0)
        return elcl_fail(err, ELCL_E_ARG, "typical_p is 0, must be a number above 0 and at most 1");
    ELCL_TRY(check_range("typical_p", o->typical_p, 0, 1, err));
    return ELCL_OK;
fail:
    return rc;
}

/* A factor that does something. */
static bool is_on(float factor)
{
    return factor != 0 && factor != 1;
}

/* Penalties, patience and stop strings: their ranges and what they cannot go with. */
static int check_more(const elcl_gen_options *o, elcl_error *err)
{
    int rc;
    ELCL_TRY(check_int("encoder_no_repeat_ngram_size", o->encoder_no_repeat_ngram_size, 0, INT_MAX,
                       err));
    if (is_on(o->encoder_repetition_penalty))
        ELCL_TRY(check_range("encoder_repetition_penalty", o->encoder_repetition_penalty, 1e-3f,
                             1e3f, err));
    ELCL_TRY(check_range("presence_penalty", o->presence_penalty, -100, 100, err));
    ELCL_TRY(check_range("frequency_penalty", o->frequency_penalty, -100, 100, err));
    if (is_on(o->patience))
        ELCL_TRY(check_range("patience", o->patience, 1e-2f, 100, err));
    const int groups = elcl_max_int(1, o->num_beam_groups);
    if (groups > 1 && is_on(o->encoder_repetition_penalty))
        return elcl_fail(err, ELCL_E_ARG,
                         "encoder_repetition_penalty has no meaning where num_beam_groups is %d",
                         groups);
    if (is_on(o->patience) &&
        (groups > 1 || o->do_sample || (o->num_beams == 1 && o->search_style == ELCL_STYLE_HF)))
        return elcl_fail(err, ELCL_E_ARG,
                         "patience is %g, must be 1 without beam search or where num_beam_groups "
                         "is above 1",
                         (double)o->patience);
    if (is_on(o->patience) && o->num_return_sequences > elcl_rules_finished_limit(o))
        return elcl_fail(
            err, ELCL_E_ARG, "num_return_sequences is %d, patience %g ends the search with %d",
            o->num_return_sequences, (double)o->patience, elcl_rules_finished_limit(o));
    if (o->n_stop_strings && o->num_beams > 1)
        return elcl_fail(err, ELCL_E_ARG,
                         "stop_strings go with num_beams 1, which is %d: an output that stops "
                         "cannot be ranked among open beams",
                         o->num_beams);
fail:
    return rc;
}

/* Options that a style does not have must be off: none is ignored. */
static int check_style(const elcl_gen_options *o, elcl_error *err)
{
    const bool fairseq = o->search_style == ELCL_STYLE_FAIRSEQ;
    const struct {
        const char *name;
        bool on, fairseq;
    } options[] = {
        {"max_length", o->max_length != 0, false},
        {"max_new_tokens", o->max_new_tokens != 0, false},
        {"min_length", o->min_length != 0, false},
        {"min_new_tokens", o->min_new_tokens != 0, false},
        {"early_stopping", o->early_stopping != ELCL_EARLY_FALSE, false},
        {"repetition_penalty", o->repetition_penalty != 1, false},
        {"forced_eos_token_id", o->forced_eos_token_id != -1, false},
        {"ban_pad", o->ban_pad != 0, false},
        {"renormalize_logits", o->renormalize_logits != 0, false},
        {"do_sample", o->do_sample != 0, false},
        {"bad_words", o->n_bad_words != 0, false},
        {"suppress_tokens", o->suppress_tokens.n != 0, false},
        {"begin_suppress_tokens", o->begin_suppress_tokens.n != 0, false},
        {"alternatives", o->n_alternatives != 0, false},
        {"encoder_no_repeat_ngram_size", o->encoder_no_repeat_ngram_size != 0, false},
        {"encoder_repetition_penalty", is_on(o->encoder_repetition_penalty), false},
        {"presence_penalty", o->presence_penalty != 0, false},
        {"frequency_penalty", o->frequency_penalty != 0, false},
        {"stop_strings", o->n_stop_strings != 0, false},
        {"min_len", o->min_len != 0, true},
        {"max_len_a", o->max_len_a != 0, true},
        {"max_len_b", o->max_len_b != 0, true},
        {"unk_penalty", o->unk_penalty != 0, true},
    };
    for (size_t i = 0; i < ELCL_COUNT(options); i++) {
        if (options[i].on && options[i].fairseq != fairseq)
            return elcl_fail(err, ELCL_E_ARG, "%s has no meaning in search_style %s",
                             options[i].name, fairseq ? "fairseq" : "hf");
    }
    return ELCL_OK;
}

#define MAX_LEN_A 64

static int check_fairseq(const elcl_gen_options *o, int vocabulary, elcl_error *err)
{
    int rc;
    ELCL_TRY(check_int("min_len", o->min_len, 0, INT_MAX, err));
    ELCL_TRY(check_int("max_len_b", o->max_len_b, 0, INT_MAX, err));
    if (!(o->max_len_a >= 0 && o->max_len_a <= MAX_LEN_A))
        return elcl_fail(err, ELCL_E_ARG, "max_len_a is %g, must be 0 .. %d", (double)o->max_len_a,
                         MAX_LEN_A);
    if (!isfinite(o->unk_penalty))
        return elcl_fail(err, ELCL_E_ARG, "unk_penalty is %g, must be a number",
                         (double)o->unk_penalty);
    if (o->unk_penalty != 0) /* an UNK that is not known cannot lose anything */
        ELCL_TRY(check_token("unk_token_id", o->unk_token_id, 0, vocabulary, err));
    if (o->n_eos != 1)
        return elcl_fail(err, ELCL_E_ARG,
                         "there are %d eos_token_ids, search_style fairseq has one", o->n_eos);
    for (int i = 0; i < o->prefix.n; i++)
        if (o->prefix.ids[i] == o->eos_token_ids[0] && o->eos_token_ids[0] != o->pad_token_id)
            return elcl_fail(err, ELCL_E_ARG,
                             "prefix has the EOS %d, which ends an output in search_style fairseq",
                             (int)o->eos_token_ids[0]);
    if (o->prefix.n && o->forced_bos_token_id >= 0)
        return elcl_fail(err, ELCL_E_ARG,
                         "prefix and forced_bos_token_id are one thing in search_style fairseq, "
                         "found both");
    return ELCL_OK;
fail:
    return rc;
}

int elcl_rules_bind(const elcl_gen_options *options, int n_source, int positions, int max_target,
                    elcl_gen_options *bound, elcl_error *err)
{
    elcl_gen_options o = *options;
    if (o.search_style == ELCL_STYLE_FAIRSEQ) {
        /* The number that was written, in double as Python has it: 10 times 0.7 is 7. */
        const double a = round((double)o.max_len_a * 1e5) / 1e5;
        const int max_len = (int)fmin(a * n_source + o.max_len_b, positions - PROMPT);
        if (o.min_len > max_len)
            return elcl_fail(err, ELCL_E_ARG,
                             "min_len is %d, must be at most %d with a source of %d tokens",
                             o.min_len, max_len, n_source);
        if (o.prefix.n > max_len)
            return elcl_fail(
                err, ELCL_E_ARG,
                "prefix has %d tokens, must have at most %d with a source of %d tokens", o.prefix.n,
                max_len, n_source);
        if (max_len > max_target - PROMPT)
            return elcl_fail(err, ELCL_E_ARG,
                             "max_len_a and max_len_b allow %d tokens with a source of %d, the "
                             "engine's max_target allows %d",
                             max_len, n_source, max_target - PROMPT);
        o.max_length = PROMPT + max_len + 1;
        const int rc = check_length_penalty(&o, err);
        if (rc)
            return rc;
    }
    *bound = o;
    return ELCL_OK;
}

int elcl_rules_check(const elcl_gen_options *options, int vocabulary, int max_target,
                     elcl_error *err)
{
    const elcl_gen_options *o = options;
    int rc;
    ELCL_TRY(check_int("num_beams", o->num_beams, 1, ELCL_MAX_BEAMS, err));
    ELCL_TRY(check_sampling(o, err));
    ELCL_TRY(check_int("early_stopping", (int)o->early_stopping, ELCL_EARLY_FALSE, ELCL_EARLY_NEVER,
                       err));
    ELCL_TRY(
        check_int("search_style", (int)o->search_style, ELCL_STYLE_HF, ELCL_STYLE_FAIRSEQ, err));
    ELCL_TRY(elcl_rules_check_lists(o, vocabulary, err));
    ELCL_TRY(check_style(o, err));
    ELCL_TRY(check_groups(o, err));
    ELCL_TRY(check_more(o, err));
    ELCL_TRY(check_lengths(o, max_target, err));
    if (o->search_style == ELCL_STYLE_HF)
        ELCL_TRY(check_length_penalty(o, err));
    ELCL_TRY(check_int("no_repeat_ngram_size", o->no_repeat_ngram_size, 0, INT_MAX, err));
    if (!(o->repetition_penalty > 0) || isinf(o->repetition_penalty))
        return elcl_fail(err, ELCL_E_ARG, "repetition_penalty is %g, must be a number above 0",
                         (double)o->repetition_penalty);
    ELCL_TRY(check_tokens(o, vocabulary, err));
    if (o->search_style == ELCL_STYLE_FAIRSEQ)
        ELCL_TRY(check_fairseq(o, vocabulary, err));
    return ELCL_OK;
fail:
    return rc;
}
