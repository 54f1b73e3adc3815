"""Makes sampling/cases.json: the distributions from which transformers' generate draws.

usage: make_sampling.py

Runs one step of generate with do_sample on a model with fixed logits: `scores` are the logits after
all processors and warpers, in generate's order. The script keeps a case only if slightly higher and
lower cut-offs keep the same tokens, so that rounding cannot change it.
"""
import random
from pathlib import Path

import torch
from transformers.utils import logging

from make_search import TableModel
from reference import nine_digits, versions, write_json

HERE = Path(__file__).resolve().parent
SEED = 7
OFF = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0, "typical_p": 1.0,
       "repetition_penalty": 1.0}

CASES = [
    dict(temperature=0.7),
    dict(temperature=2.5),
    dict(top_k=1),
    dict(top_k=5),
    dict(top_k=1000),
    dict(top_p=0.9),
    dict(top_p=0.3),
    dict(top_p=0.01),
    dict(min_p=0.05),
    dict(min_p=0.5),
    dict(typical_p=0.9),
    dict(typical_p=0.2),
    dict(temperature=0.6, top_k=12),
    dict(temperature=1.5, top_k=12, top_p=0.8),
    dict(top_k=20, top_p=0.9, min_p=0.1),
    dict(temperature=1.2, top_p=0.95, typical_p=0.7),
    dict(temperature=0.9, top_k=15, top_p=0.9, min_p=0.02, typical_p=0.8),
    dict(temperature=1.3, top_k=30, min_p=0.03, typical_p=0.6, repetition_penalty=1.4),
    dict(temperature=0.8, top_p=0.85, repetition_penalty=0.7),
]


def leave(logits, options):
    """Returns the probabilities from which generate draws its first token after token 0."""
    V = len(logits)
    table = torch.tensor(logits).expand(V, 1, V).clone()
    options = {**options, "min_p": options["min_p"] or None}
    out = TableModel(table).generate(
        input_ids=torch.tensor([[0]]), attention_mask=torch.ones(1, 1, dtype=torch.long),
        do_sample=True, num_beams=1, max_new_tokens=1, pad_token_id=1, eos_token_id=2,
        output_scores=True, return_dict_in_generate=True, synced_gpus=False, **options)
    return out.scores[0][0].double().softmax(-1)


def nudged(options, factor):
    def nudge(key, value):
        cut_off = key in ("top_p", "min_p", "typical_p") and value != OFF[key]
        return value * factor if cut_off else value
    return {key: nudge(key, value) for key, value in options.items()}


def make_case(changes, rng):
    options = {**OFF, **changes}
    while True:
        V = rng.randint(25, 60)
        # A third of the tokens share their logits with others, but not with top_p: transformers
        # separates equal logits by the order of a sort, and elcl keeps them together.
        logits = [round(rng.gauss(0, 2), 3) for _ in range(V)]
        if options["top_p"] == 1 and options["typical_p"] == 1:
            logits = [round(x) if rng.random() < 0.3 else x for x in logits]
        elif len(set(logits)) < V:
            continue
        kept = leave(logits, options)
        others = [leave(logits, nudged(options, f)) for f in (0.9999, 1.0001)]
        if all(((kept > 0) == (other > 0)).all() for other in others):
            break
    return {"options": options, "logits": logits,
            "probabilities": [nine_digits(p) for p in kept.tolist()]}


def main():
    logging.set_verbosity_error()
    torch.manual_seed(SEED)
    rng = random.Random(SEED)
    cases = [make_case(changes, rng) for changes in CASES for _ in range(2)]
    directory = HERE / "sampling"
    directory.mkdir(exist_ok=True)
    write_json(directory / "cases.json", {"versions": versions(), "seed": SEED, "cases": cases})


if __name__ == "__main__":
    main()
