"""Makes searches.json of tiny checkpoints: searches that golden.json lacks.

usage: make_searches.py [NAME...]

On the inputs of golden.json, runs group beam search by transformers' generate, and fairseq style by
fairseq_reference.py on the logits of the same model.
"""
import json
import sys
from pathlib import Path

import numpy
import torch
from transformers import BartForConditionalGeneration, GenerationConfig
from transformers.utils import logging

import fairseq_reference
from reference import SMALLEST_GAP, generate, nine_digits, options_of, versions, write_json

HERE = Path(__file__).resolve().parent
NAMES = ["tiny-bart"]

GROUP_CASES = [
    dict(num_beams=4, num_beam_groups=2, diversity_penalty=0.5),
    dict(num_beams=4, num_beam_groups=4, diversity_penalty=1.0, early_stopping=True),
    dict(num_beams=6, num_beam_groups=3, diversity_penalty=0.7, eos_token_id=[2, 9]),
    dict(num_beams=4, num_beam_groups=2, diversity_penalty=0.8, repetition_penalty=1.4,
         no_repeat_ngram_size=2, min_length=6, max_length=16),
]

FAIRSEQ = {
    "search_style": "fairseq",
    "num_beam_groups": 1,
    "diversity_penalty": 0.0,
    "length_penalty": 1.0,
    "min_len": 1,
    "max_len_a": 0.0,
    "max_len_b": 12,
    "unk_penalty": 0.0,
    "unk_token_id": 3,
    "no_repeat_ngram_size": 0,
    "forced_bos_token_id": None,
    "pad_token_id": 1,
    "eos_token_id": 2,
}
FAIRSEQ_CASES = [
    dict(num_beams=1),
    dict(num_beams=5),
    dict(num_beams=4, length_penalty=2.0, min_len=5, no_repeat_ngram_size=3,
         forced_bos_token_id=0),
    dict(num_beams=4, max_len_a=0.7, max_len_b=3, unk_penalty=1.5),
    dict(num_beams=4, num_beam_groups=2, diversity_penalty=0.5),
    dict(num_beams=6, num_beam_groups=3, diversity_penalty=1.0, min_len=4),
]


def open_model(directory):
    model = BartForConditionalGeneration.from_pretrained(directory, torch_dtype=torch.float32)
    model.generation_config = GenerationConfig()
    return model.eval()


def fairseq_search(model, source, options):
    encoded = model.get_encoder()(torch.tensor([source]))

    def logits_of(ids):
        out = model(encoder_outputs=encoded, decoder_input_ids=torch.tensor([ids]))
        return out.logits[0, -1].double().numpy()

    positions = model.config.max_position_embeddings
    try:
        results, gap = fairseq_reference.search(logits_of, options, len(source), positions)
    except fairseq_reference.TooClose:
        return None, 0.0
    return [{"ids": r["ids"], "score": nine_digits(r["score"])} for r in results], gap


def run_case(name, decode, model, inputs, options):
    """Returns a case with the inputs for which no decision of the search is close."""
    kept = []
    for i, source in enumerate(inputs):
        results, gap = decode(model, source, options)
        if gap >= SMALLEST_GAP and results:
            kept.append((i, results, gap))
    assert len(kept) >= 3, (name, len(kept))
    return {"name": name, "options": options, "inputs": [i for i, _, _ in kept],
            "outputs": [results for _, results, _ in kept]}, min(gap for _, _, gap in kept)


@torch.no_grad()
def make(name):
    directory = HERE / name
    model = open_model(directory)
    inputs = json.loads((directory / "golden.json").read_text())["inputs"]
    start = dict(decoder_start_token_id=model.config.decoder_start_token_id)
    made = []
    for n, changes in enumerate(GROUP_CASES):
        options = options_of(num_return_sequences=changes["num_beams"], **start, **changes)
        made.append(run_case("groups %d" % n, generate, model, inputs, options))
    for n, changes in enumerate(FAIRSEQ_CASES):
        options = {**FAIRSEQ, **start, "num_return_sequences": changes["num_beams"], **changes}
        made.append(run_case("fairseq %d" % n, fairseq_search, model, inputs, options))
    write_json(directory / "searches.json", {
        "versions": {**versions(), "numpy": numpy.__version__},
        "smallest_gap": min(gap for _, gap in made),
        "inputs": inputs,
        "cases": [case for case, _ in made],
    })
    print("%s: %d cases, %d searches" % (name, len(made), sum(len(c["inputs"]) for c, _ in made)))


if __name__ == "__main__":
    logging.set_verbosity_error()
    torch.set_num_threads(1)
    for name in sys.argv[1:] or NAMES:
        make(name)
