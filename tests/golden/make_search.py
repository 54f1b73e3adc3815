"""Makes search/cases.json: transformers' generate on models that are only a table.

usage: make_search.py

The model of a case returns logits = table[last token][position % period], and the start token is
at position 0. The model is decoder-only, and its prompt is only the start token. Every length rule
is then that of an encoder-decoder model, because there the decoder's prompt is the start token.
"""
import random
from pathlib import Path

import torch
from transformers import GenerationConfig, GenerationMixin, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutput
from transformers.utils import logging

from reference import SMALLEST_GAP, generate, options_of, versions, write_json

HERE = Path(__file__).resolve().parent
SEED = 1
PAD, EOS = 1, 2


class TableModel(PreTrainedModel, GenerationMixin):
    config_class = PretrainedConfig

    def __init__(self, table):
        super().__init__(PretrainedConfig(vocab_size=table.shape[2], is_encoder_decoder=False))
        self.table = torch.nn.Parameter(table, requires_grad=False)  # [V, period, V]
        self.generation_config = GenerationConfig()

    def prepare_inputs_for_generation(self, input_ids, attention_mask=None, **kwargs):
        return {"input_ids": input_ids}

    def forward(self, input_ids, return_dict=True):
        position = input_ids.shape[1] - 1
        rows = self.table[input_ids[:, -1], position % self.table.shape[1]]
        return CausalLMOutput(logits=rows[:, None])


CASES = [
    dict(),
    dict(max_length=6),
    dict(max_new_tokens=6),
    dict(min_length=8),
    dict(min_new_tokens=8),
    dict(no_repeat_ngram_size=1, max_length=6),
    dict(no_repeat_ngram_size=2),
    dict(no_repeat_ngram_size=3, min_length=14),
    dict(repetition_penalty=1.3, min_length=5),
    dict(repetition_penalty=0.8, min_length=5),
    dict(forced_bos_token_id=0, forced_eos_token_id=2, max_length=7),
    dict(eos_token_id=[2, 4]),
    dict(num_beams=2),
    dict(num_beams=2, num_return_sequences=2, length_penalty=2.0),
    dict(num_beams=3, num_return_sequences=3),
    dict(num_beams=3, num_return_sequences=3, early_stopping=True),
    dict(num_beams=3, num_return_sequences=3, early_stopping="never"),
    dict(num_beams=4, num_return_sequences=4, length_penalty=0.0),
    dict(num_beams=4, num_return_sequences=4, length_penalty=0.5),
    dict(num_beams=4, num_return_sequences=4, length_penalty=-1.0),
    dict(num_beams=4, num_return_sequences=4, length_penalty=2.0, early_stopping=True),
    dict(num_beams=4, num_return_sequences=4, length_penalty=2.0, early_stopping="never"),
    dict(num_beams=4, num_return_sequences=2, length_penalty=-1.0, early_stopping="never"),
    dict(num_beams=4, num_return_sequences=4, length_penalty=0.0, early_stopping="never"),
    dict(num_beams=5, num_return_sequences=5),
    dict(num_beams=6, num_return_sequences=6, max_length=12),
    dict(num_beams=6, num_return_sequences=6, early_stopping=True),
    dict(num_beams=3, num_return_sequences=3, max_length=4),
    dict(num_beams=4, num_return_sequences=4, max_length=5, min_length=5),
    dict(num_beams=4, num_return_sequences=4, max_length=2),
    dict(num_beams=3, num_return_sequences=3, max_new_tokens=5),
    dict(num_beams=3, num_return_sequences=3, min_length=9),
    dict(num_beams=3, num_return_sequences=3, min_new_tokens=9),
    dict(num_beams=4, num_return_sequences=2, forced_bos_token_id=5),
    dict(num_beams=4, num_return_sequences=4, forced_eos_token_id=2, max_length=6),
    dict(num_beams=3, num_return_sequences=3, forced_bos_token_id=0, forced_eos_token_id=2,
         max_length=8),
    dict(num_beams=3, num_return_sequences=3, no_repeat_ngram_size=1, max_length=6),
    dict(num_beams=3, num_return_sequences=3, no_repeat_ngram_size=2, min_length=10),
    dict(num_beams=4, num_return_sequences=4, no_repeat_ngram_size=3, min_length=12),
    dict(num_beams=3, num_return_sequences=3, repetition_penalty=1.3),
    dict(num_beams=3, num_return_sequences=3, repetition_penalty=0.8),
    dict(num_beams=3, num_return_sequences=3, eos_token_id=[2, 4]),
    dict(num_beams=4, num_return_sequences=4, eos_token_id=[4, 2], min_length=6),
    dict(num_beams=2, num_return_sequences=2, eos_token_id=[2, 4, 5], length_penalty=0.5,
         early_stopping=True),
    dict(num_beams=5, num_return_sequences=5, length_penalty=1.3, max_length=12, min_length=4,
         no_repeat_ngram_size=2, repetition_penalty=1.2, forced_bos_token_id=0,
         forced_eos_token_id=2),
    dict(num_beams=4, num_return_sequences=4, length_penalty=2.0, max_length=15, min_length=6,
         no_repeat_ngram_size=3, early_stopping=True, forced_bos_token_id=0,
         forced_eos_token_id=2),
    dict(num_beams=2, num_beam_groups=2, diversity_penalty=0.5, num_return_sequences=2),
    dict(num_beams=4, num_beam_groups=2, diversity_penalty=0.3, num_return_sequences=4),
    dict(num_beams=4, num_beam_groups=2, diversity_penalty=2.0, num_return_sequences=4),
    dict(num_beams=4, num_beam_groups=4, diversity_penalty=1.0, num_return_sequences=4),
    dict(num_beams=6, num_beam_groups=3, diversity_penalty=0.7, num_return_sequences=6),
    dict(num_beams=6, num_beam_groups=2, diversity_penalty=1.5, num_return_sequences=3),
    dict(num_beams=6, num_beam_groups=3, diversity_penalty=100.0, num_return_sequences=6),
    dict(num_beams=4, num_beam_groups=2, diversity_penalty=0.5, num_return_sequences=4,
         early_stopping=True),
    dict(num_beams=4, num_beam_groups=2, diversity_penalty=0.5, num_return_sequences=4,
         early_stopping="never", length_penalty=2.0),
    dict(num_beams=6, num_beam_groups=3, diversity_penalty=0.8, num_return_sequences=6,
         length_penalty=0.0, early_stopping=True, max_length=12),
    dict(num_beams=4, num_beam_groups=2, diversity_penalty=0.6, num_return_sequences=4,
         length_penalty=-1.0, max_length=9),
    dict(num_beams=4, num_beam_groups=2, diversity_penalty=1.0, num_return_sequences=4,
         min_length=7, max_length=9),
    dict(num_beams=4, num_beam_groups=4, diversity_penalty=0.4, num_return_sequences=4,
         max_new_tokens=4, min_new_tokens=3),
    dict(num_beams=4, num_beam_groups=2, diversity_penalty=0.7, num_return_sequences=4,
         eos_token_id=[2, 4]),
    dict(num_beams=6, num_beam_groups=3, diversity_penalty=0.7, num_return_sequences=6,
         eos_token_id=[4, 2, 5], early_stopping=True),
    dict(num_beams=4, num_beam_groups=2, diversity_penalty=0.9, num_return_sequences=4,
         repetition_penalty=1.5),
    dict(num_beams=6, num_beam_groups=3, diversity_penalty=0.5, num_return_sequences=6,
         repetition_penalty=0.7, min_length=6, max_length=12),
    dict(num_beams=4, num_beam_groups=2, diversity_penalty=0.7, num_return_sequences=4,
         no_repeat_ngram_size=2, min_length=8),
    dict(num_beams=4, num_beam_groups=2, diversity_penalty=0.7, num_return_sequences=4,
         forced_bos_token_id=0, forced_eos_token_id=2, max_length=8),
    dict(num_beams=4, num_beam_groups=4, diversity_penalty=0.3, num_return_sequences=4,
         pad_token_id=2),
    dict(num_beams=6, num_beam_groups=3, diversity_penalty=0.6, num_return_sequences=6,
         pad_token_id=2, early_stopping=True, min_length=4),
]


def random_table(rng):
    """Returns logits of 3 decimals. EOS is rare in some tables and common in others."""
    V, period = rng.randint(8, 12), rng.randint(1, 4)
    eos_bonus = rng.uniform(-0.5, 2.0)
    table = torch.empty(V, period, V)
    for token in range(V):
        for position in range(period):
            logits = [round(rng.gauss(0, 1.5), 3) for _ in range(V)]
            logits[EOS] = round(logits[EOS] + eos_bonus, 3)
            logits[PAD] = -9.0  # the pad token never wins
            table[token, position] = torch.tensor(logits)
    return table


def make_case(changes, rng):
    """Draws tables until no decision of the search is close."""
    options = options_of(**changes)
    gap = 0.0
    while gap < SMALLEST_GAP:
        table = random_table(rng)
        results, gap = generate(TableModel(table), [options["decoder_start_token_id"]], options)
    V, period, _ = table.shape
    return {
        "vocab_size": V,
        "period": period,
        "table": [[[round(x, 3) for x in row] for row in rows] for rows in table.tolist()],
        "options": options,
        "results": results,
    }, gap


if __name__ == "__main__":
    logging.set_verbosity_error()
    torch.set_num_threads(1)
    rng = random.Random(SEED)
    made = [make_case(changes, rng) for changes in CASES]
    smallest = min(gap for _, gap in made)
    (HERE / "search").mkdir(exist_ok=True)
    write_json(HERE / "search" / "cases.json", {
        "versions": versions(),
        "seed": SEED,
        "smallest_gap": smallest,
        "cases": [case for case, _ in made],
    })
    print("search: %d cases, smallest gap %.1e" % (len(made), smallest))
