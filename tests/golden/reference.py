"""Shared by the make_*.py scripts: an observed call of transformers' generate, and JSON output.

A golden is worth storing only if rounding cannot change it. While generate runs, this file watches
every comparison that decides the outcome of a search, and returns the smallest distance with the
result: candidates kept and rejected, EOS inside or outside the first K, hypotheses that enter or
leave the list of finished ones, the stopping test, the order of the result.
"""
import math
from types import SimpleNamespace

import torch
from transformers import EncoderRepetitionPenaltyLogitsProcessor, LogitsProcessor
from transformers import WhisperTimeStampLogitsProcessor
from transformers.generation import beam_search
from transformers.generation import utils as generation_utils

from goldens import (nine_digits, options_of, rows, sum_of_log_probs, versions,  # noqa: F401
                     without_padding, write_json)

SMALLEST_GAP = 1e-4  # the scripts discard goldens with closer decisions


class Penalties(LogitsProcessor):
    """OpenAI's presence and frequency penalties on generated tokens, which transformers lacks."""

    def __init__(self, n_prompt, presence, frequency):
        self.n_prompt, self.presence, self.frequency = n_prompt, presence, frequency

    def __call__(self, input_ids, scores):
        scores = scores.clone()
        for row, ids in enumerate(input_ids.tolist()):
            generated = ids[self.n_prompt:]
            for token in set(generated):
                scores[row, token] -= self.presence + self.frequency * generated.count(token)
        return scores


class EveryBeam(EncoderRepetitionPenaltyLogitsProcessor):
    """Changes the scores of all beams. 4.47.1 changes only the first: the source has one row."""

    def __call__(self, input_ids, scores):
        self.encoder_input_ids = self.encoder_input_ids[:1].expand(len(scores), -1)
        return super().__call__(input_ids, scores)


class Timestamps(WhisperTimeStampLogitsProcessor):
    """The processor of transformers, which also notes how near its last rule comes to its limit."""

    def __init__(self, begin, no_timestamps, max_initial, eos, begin_index):
        assert begin == no_timestamps + 1
        super().__init__(SimpleNamespace(
            no_timestamps_token_id=no_timestamps, eos_token_id=eos, bos_token_id=None,
            forced_decoder_ids=None,
            max_initial_timestamp_index=None if max_initial < 0 else max_initial), begin_index)
        self.smallest = math.inf

    def __call__(self, input_ids, scores):
        self._detect_timestamp_from_logprob = False
        scores = super().__call__(input_ids, scores)
        sums = scores[:, self.timestamp_begin:].double().logsumexp(-1)
        best = scores[:, :self.timestamp_begin].double().max(-1).values
        for a, b in zip(sums.tolist(), best.tolist()):
            self.smallest = min(self.smallest, math.inf if math.isnan(a - b) else abs(a - b))
        self._detect_timestamp_from_logprob = True
        return super().__call__(input_ids, scores)


class Gaps(LogitsProcessor):
    """Watches one search. As the last logits processor, it sees the final scores."""

    def __init__(self, renormalize=False):
        self.renormalize = renormalize  # the search does so after the last processor
        self.smallest = math.inf
        self.beam_scores = None  # per group [K], only in beam search
        self.scores = None       # [K, V] of the current group

    def __call__(self, input_ids, scores):
        if self.beam_scores is None:
            best, second = scores[0].topk(2).values.tolist()
            self.note(best, second)
        else:
            self.scores = scores.log_softmax(-1) if self.renormalize else scores
        return scores

    def note(self, a, b):
        """Records a comparison that matters. Two infinities are a gap of 0."""
        gap = abs(a - b)
        self.smallest = min(self.smallest, 0.0 if math.isnan(gap) else gap)

    def note_selection(self, group, eos_ids):
        """The first K candidates that are not EOS continue. EOS counts among the first K of all."""
        totals = self.scores + self.beam_scores[group][:, None]
        K, V = totals.shape
        values, order = totals.flatten().sort(descending=True)
        values = values.tolist()
        is_eos = [token in eos_ids for token in (order % V).tolist()]
        others = [v for v, eos in zip(values, is_eos) if not eos]
        if others[K - 1] > -math.inf:
            self.note(others[K - 1], others[K])
        for value, eos in zip(values[:K], is_eos[:K]):
            if eos:
                self.note(value, values[K])
        for value, eos in zip(values[K:], is_eos[K:]):
            if eos and value > -math.inf:
                self.note(values[K - 1], value)


class ObservedHypotheses(beam_search.BeamHypotheses):
    gaps = None

    def add(self, hyp, sum_logprobs, beam_indices=None, generated_len=None):
        if len(self) == self.num_beams:
            self.gaps.note(sum_logprobs / generated_len**self.length_penalty, self.worst_score)
        super().add(hyp, sum_logprobs, beam_indices, generated_len)

    def is_done(self, best_sum_logprobs, cur_len, decoder_prompt_len=0):
        if len(self) == self.num_beams and self.early_stopping is not True:
            length = cur_len - decoder_prompt_len
            if self.early_stopping == "never" and self.length_penalty > 0:
                length = self.max_length - decoder_prompt_len
            attainable = best_sum_logprobs / length**self.length_penalty
            # Equality is exact if the worst finished hypothesis is this step's best candidate.
            if attainable != self.worst_score:
                self.gaps.note(attainable, self.worst_score)
        return super().is_done(best_sum_logprobs, cur_len, decoder_prompt_len)


class ObservedScorer(beam_search.BeamSearchScorer):
    gaps = None
    patience = 1  # factor for the length of the list of finished ones: Kasai et al. (2022)

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self._beam_hyps = [
            ObservedHypotheses(
                max(1, int(self.patience * self.group_size + 0.5)), self.length_penalty,
                self.do_early_stopping, kwargs["max_length"]
            )
            for _ in range(self.num_beam_groups)
        ]
        for hypotheses in self._beam_hyps:
            hypotheses.gaps = self.gaps
        first = torch.full((self.group_size,), -1e9)
        first[0] = 0
        self.gaps.beam_scores = [first.clone() for _ in range(self.num_beam_groups)]

    def process(self, input_ids, next_scores, next_tokens, next_indices, **kwargs):
        group = kwargs.get("group_index", 0)
        if not self._done[group]:
            self.gaps.note_selection(group, set(kwargs["eos_token_id"].tolist()))
        result = super().process(input_ids, next_scores, next_tokens, next_indices, **kwargs)
        self.gaps.beam_scores[group] = result["next_beam_scores"]
        return result

    def finalize(self, *args, **kwargs):
        result = super().finalize(*args, **kwargs)
        finished = [beam for hypotheses in self._beam_hyps for beam in hypotheses.beams]
        scores = sorted((score for score, _, _ in finished), reverse=True)
        for better, worse in list(zip(scores, scores[1:]))[: self.num_beam_hyps_to_keep]:
            self.gaps.note(better, worse)
        return result


def timestamps_of(options, n_prompt):
    """Takes the options of timestamps away and returns their processor, or None."""
    begin = options.pop("timestamp_begin_token_id", None)
    others = options.pop("no_timestamps_token_id", -1), options.pop("max_initial_timestamp", -1)
    return begin and Timestamps(begin, *others, options["eos_token_id"], n_prompt)


def no_speech_prob(model, source, ids, token):
    """The model's probability of a token after the ids."""
    logits = model(input_ids=source, decoder_input_ids=torch.tensor([ids])).logits[0, -1]
    return nine_digits(logits.double().softmax(-1)[token].item())


def generate(model, source, options):
    """Decodes one source in a batch of one. Returns ([{"ids", "score"}, ...], smallest gap).

    Options that transformers lacks or calls otherwise: prefix is decoder_input_ids after the start
    token. alternatives lists the tokens allowed as first, second ... generated token.
    scores_after_rules gives greedy search the log-probabilities that all processors leave.
    """
    options = dict(options)
    prefix, alternatives = options.pop("prefix", []), options.pop("alternatives", [])
    penalties = [options.pop(name, 0) for name in ("presence_penalty", "frequency_penalty")]
    gaps = Gaps(options.get("renormalize_logits", False))
    ObservedScorer.gaps = gaps
    ObservedScorer.patience = options.pop("patience", 1)
    generation_utils.BeamSearchScorer = ObservedScorer
    generation_utils.EncoderRepetitionPenaltyLogitsProcessor = EveryBeam
    n_prompt = 1 + len(prefix) if model.config.is_encoder_decoder else len(source)
    more = {}
    timestamps = timestamps_of(options, n_prompt)
    after_rules = options.pop("scores_after_rules", False)
    no_speech = options.pop("no_speech_token_id", None), options.pop("no_speech_length", 0)
    if prefix:
        more["decoder_input_ids"] = torch.tensor([[options["decoder_start_token_id"]] + prefix])
    if alternatives:
        every = list(range(model.config.vocab_size))
        more["prefix_allowed_tokens_fn"] = lambda _, ids: dict(enumerate(alternatives)).get(
            len(ids) - n_prompt, every)
    source = torch.tensor([source])
    out = model.generate(
        input_ids=source,
        attention_mask=torch.ones_like(source),
        logits_processor=([Penalties(n_prompt, *penalties)] + ([timestamps] if timestamps else []) +
                          [gaps]),
        output_scores=True,
        output_logits=True,
        return_dict_in_generate=True,
        synced_gpus=False,  # left open, it imports a part of torch 1.13 that Python 3.11 refuses
        **options,
        **more,
    )
    sequences = [without_padding(ids, options) for ids in out.sequences.tolist()]
    if options["num_beams"] > 1:
        scores = out.sequences_scores.tolist()
    else:
        scores = [sum_of_log_probs(out.scores if after_rules else out.logits, sequences[0])]
    results = [{"ids": i, "score": nine_digits(s)} for i, s in zip(sequences, scores)]
    if no_speech[1]:
        ids = ([options["decoder_start_token_id"]] + prefix)[:no_speech[1]]
        results[0]["no_speech_prob"] = no_speech_prob(model, source, ids, no_speech[0])
    return results, min(gaps.smallest, timestamps.smallest if timestamps else math.inf)
