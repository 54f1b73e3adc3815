#include "search/rules.h"

#include <math.h>

#include "base/rng.h"
#include "base/util.h"

_Static_assert(ELCL_RULES_EOS == ELCL_MAX_EOS && ELCL_BEAM_STREAMS == ELCL_MAX_BEAMS,
               "records.h repeats the limits of elcl.h");
_Static_assert(sizeof(int) == sizeof(int32_t), "records are 32-bit words on devices");

/* A forced token overrides all other rules. The forced EOS comes after the forced BOS and wins if
 * both apply (max_length 2). It need not be one of eos_token_ids: then it is an ordinary token and
 * the hypothesis ends by length. */
static int32_t forced_token(const elcl_gen_options *options, int length)
{
    if (options->forced_eos_token_id >= 0 && length == elcl_options_max_length(options) - 1)
        return options->forced_eos_token_id;
    if (length == ELCL_START_TOKENS)
        return options->forced_bos_token_id;
    return -1;
}

/* The options are bound: max_length is start token, max_len tokens, EOS. */
static void fairseq_rules_at(const elcl_gen_options *o, int length, struct elcl_row_rules *rules)
{
    const int step = length - ELCL_START_TOKENS, max_len = o->max_length - ELCL_START_TOKENS - 1;
    const int32_t eos = o->eos_token_ids[0];
    rules->log_probs = 1;
    rules->ngram = o->no_repeat_ngram_size;
    if (o->pad_token_id != eos) /* models without padding have their EOS as pad_token_id */
        rules->pad_token = o->pad_token_id;
    if (o->unk_penalty != 0) {
        rules->unk_token = o->unk_token_id;
        rules->unk_penalty = o->unk_penalty;
    }
    const bool in_prefix = step < o->prefix.n;
    if (step >= max_len)
        rules->only_token = eos;
    else if (in_prefix) /* the minimum does not apply; a padding token leaves the place free */
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

/* Suppressed tokens are banned after the forced token: then nothing is left. */
static void force(const elcl_gen_options *o, int length, int32_t token,
                  struct elcl_row_rules *rules)
{
    if (contains(&o->suppress_tokens, token) ||
        (elcl_rules_begin(o, length) && contains(&o->begin_suppress_tokens, token)))
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
    rules->first_generated = elcl_options_prompt(o);
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
        .watch = options->no_speech_length == length,
        .watched_token = options->no_speech_token_id,
    };
    for (int i = 0; i < ELCL_MAX_EOS; i++)
        rules->eos[i] = i < options->n_eos ? options->eos_token_ids[i] : -1;
    if (options->search_style == ELCL_STYLE_FAIRSEQ) {
        fairseq_rules_at(options, length, rules);
        return;
    }
    if (length < elcl_options_prompt(options)) { /* the search takes it in any case */
        rules->forced_token = options->prefix.ids[length - ELCL_START_TOKENS];
        return;
    }
    rules->renormalize = rules->log_probs ? options->renormalize_logits && !options->do_sample
                                          : options->scores_after_rules;
    const int32_t forced = forced_token(options, length);
    if (forced >= 0) {
        force(options, length, forced, rules);
        return;
    }
    list_rules_at(options, length, rules);
    rules->ban_eos = options->n_eos > 0 && length < elcl_options_min_length(options);
    rules->pad_token = options->ban_pad ? options->pad_token_id : -1;
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
    if (!elcl_options_sample_beams(options))
        return;
    draw->keep = elcl_max_int(2, 1 + options->n_eos); /* at least one of them is not EOS */
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

/* Streams below ELCL_MAX_BEAMS belong to sampling without beams. */
double elcl_rules_gumbel(const elcl_gen_options *options, uint64_t sample, int beam, int32_t token,
                         int length)
{
    const uint32_t stream = ((uint32_t)token + 1) * ELCL_MAX_BEAMS + (uint32_t)beam;
    const float u = elcl_uniform_fine(options->seed, sample, stream, (uint32_t)length);
    return -log(-log1p(-(double)u));
}
