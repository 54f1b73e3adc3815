"""Makes timestamps.json, and the same file of tiny-bart.

usage: make_timestamps.py [--openai]

--openai compares the stored steps with OpenAI's ApplyTimestampRules (PyPI: openai-whisper), and
makes nothing.

The first file has single steps: which tokens WhisperTimeStampLogitsProcessor of transformers leaves
after given tokens and scores. The second has searches with that processor, on the inputs of
golden.json.
"""
import json
import random
import sys
from pathlib import Path
from types import SimpleNamespace

import torch

if sys.argv[1:] != ["--openai"]:
    from transformers.utils import logging

    from make_rules import open_model
    from make_searches import run_case
    from reference import Timestamps, generate, options_of, versions, write_json

HERE = Path(__file__).resolve().parent
V, EOS, BEGIN = 48, 20, 28  # tokens EOS + 1 .. BEGIN - 1 are neither text nor timestamps
N_STEPS = 80


# ---- single steps --------------------------------------------------------------------------------

def random_tokens(rng, n):
    """Text and timestamps in any order, or as a model that obeys the rules writes them."""
    if rng.random() < 0.4:
        return [rng.choice([rng.randrange(EOS), rng.randrange(BEGIN, V)]) for _ in range(n)]
    tokens, time = [], BEGIN
    while len(tokens) < n:
        start = rng.randrange(time, V)
        end = rng.randrange(start, V)
        tokens += [start] + [rng.randrange(EOS) for _ in range(rng.randrange(1, 4))] + [end]
        time = end
    return tokens[:n]


def random_step(rng):
    """Returns a step, unless its two kinds of tokens are about equally likely."""
    n_prompt, n = rng.randrange(1, 4), rng.choice([0, 0, 1, 1, 2, 3, 4, 5, 6, 9])
    most = rng.choice([-1, -1, 0, 3, 30])
    tokens = random_tokens(rng, n)
    # Timestamps that are as likely as text, more or less.
    eighths = [rng.randrange(-24, 25) - rng.choice([0, 8, 16]) * (i >= BEGIN) for i in range(V)]
    processor = Timestamps(BEGIN, BEGIN - 1, most, EOS, n_prompt)
    ids = torch.tensor([[rng.randrange(V) for _ in range(n_prompt)] + tokens])
    left = processor(ids, torch.tensor([eighths]) / 8.0)
    if processor.smallest < 1e-3:
        return None
    kept = [i for i, score in enumerate(left[0].tolist()) if score > -float("inf")]
    return dict(prompt=ids[0, :n_prompt].tolist(), tokens=tokens, max_initial_timestamp=most,
                eighths=eighths, kept=kept)


def make_steps():
    rng = random.Random(1)
    steps = []
    while len(steps) < N_STEPS:
        step = random_step(rng)
        if step:
            steps.append(step)
    text = sum(step["kept"][:1] < [BEGIN] for step in steps)
    write_json(HERE / "timestamps.json", {
        "versions": versions(), "vocabulary": V, "eos_token_id": EOS,
        "timestamp_begin_token_id": BEGIN, "no_timestamps_token_id": BEGIN - 1, "steps": steps})
    print("%d steps, %d of them keep text" % (len(steps), text))


# ---- searches ------------------------------------------------------------------------------------

RULES = dict(timestamp_begin_token_id=38, no_timestamps_token_id=37, max_initial_timestamp=-1,
             eos_token_id=30)
CASES = [
    dict(scores_after_rules=True, no_speech_token_id=7, no_speech_length=1),
    dict(max_initial_timestamp=3, num_beams=4, num_return_sequences=2),
    dict(max_initial_timestamp=5, prefix=[9, 13], suppress_tokens=[40, 12, 5, 31, 32],
         begin_suppress_tokens=[39, 41], no_speech_token_id=11, no_speech_length=2),
    dict(prefix=[31, 6, 17], num_beams=5, num_return_sequences=3, renormalize_logits=True,
         no_repeat_ngram_size=3, early_stopping=True, no_speech_token_id=40, no_speech_length=4),
    dict(repetition_penalty=1.3, scores_after_rules=True, max_new_tokens=14),
]


@torch.no_grad()
def make_searches():
    model = open_model("tiny-bart")
    inputs = json.loads((HERE / "tiny-bart" / "golden.json").read_text())["inputs"]
    start = dict(decoder_start_token_id=model.config.decoder_start_token_id)
    made = [run_case("timestamps %d" % n, generate, model, inputs,
                     options_of(**{**start, **RULES, **changes}))
            for n, changes in enumerate(CASES)]
    write_json(HERE / "tiny-bart" / "timestamps.json", {
        "versions": versions(),
        "smallest_gap": min(gap for _, gap in made),
        "inputs": inputs,
        "cases": [case for case, _ in made],
    })
    for case, _ in made:
        print(case["name"], [outputs[0]["ids"] for outputs in case["outputs"]][:2])


# ---- OpenAI --------------------------------------------------------------------------------------

def compare_openai():
    from whisper.decoding import ApplyTimestampRules

    stored = json.loads((HERE / "timestamps.json").read_text())
    tokens = SimpleNamespace(eot=EOS, timestamp_begin=BEGIN, no_timestamps=BEGIN - 1)
    differ = 0
    for step in stored["steps"]:
        most = step["max_initial_timestamp"]
        rules = ApplyTimestampRules(tokens, len(step["prompt"]), None if most < 0 else most)
        logits = torch.tensor([step["eighths"]]) / 8.0
        rules.apply(logits, torch.tensor([step["prompt"] + step["tokens"]]))
        kept = [i for i, logit in enumerate(logits[0].tolist()) if logit > -float("inf")]
        differ += kept != step["kept"]
    print("%d steps, %d differ" % (len(stored["steps"]), differ))


if __name__ == "__main__" and sys.argv[1:] == ["--openai"]:
    compare_openai()
elif __name__ == "__main__":
    logging.set_verbosity_error()
    torch.set_num_threads(1)
    make_steps()
    make_searches()
