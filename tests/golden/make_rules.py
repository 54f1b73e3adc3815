"""Makes rules.json of tiny checkpoints, for rules that golden.json lacks, and kjv/stop.json.

usage: make_rules.py [NAME...]

Runs transformers' generate and fairseq_reference.py on the inputs of golden.json. The tokens of a
rule come from the model's output without the rule, and each case must change the result of some
input. If it does not, the script leaves out the case and prints a message; another model must
have it.
"""
import json
import sys
from pathlib import Path

import numpy
import torch
from transformers import (AutoTokenizer, BartForConditionalGeneration,
                          BlenderbotForConditionalGeneration, GenerationConfig, GPT2LMHeadModel)
from transformers.utils import logging

from make_searches import FAIRSEQ, fairseq_search, run_case
from reference import SMALLEST_GAP, generate, options_of, versions, write_json

HERE = Path(__file__).resolve().parent
MODELS = {
    "tiny-bart": BartForConditionalGeneration,
    "tiny-blenderbot": BlenderbotForConditionalGeneration,
    "tiny-gpt2": GPT2LMHeadModel,
}


def common_cases(texts, source):
    """texts: the tokens that greedy search generates for each input. The first option of a case is
    the one that must change a result."""
    a, b, c = sorted(texts, key=len)[-3:]
    w, x, y, z = source[1:5]
    words = [[a[0]], a[1:3], b[1:4], c[0:3], [c[1]], [2]]
    suppressed = [a[1], b[2], c[0]]
    return [
        dict(bad_words_ids=words),
        dict(bad_words_ids=words, num_beams=4, num_return_sequences=2),
        dict(suppress_tokens=suppressed),
        dict(suppress_tokens=suppressed, num_beams=3, min_length=6),
        dict(begin_suppress_tokens=[t[0] for t in texts]),
        dict(begin_suppress_tokens=[t[0] for t in texts], num_beams=4),
        dict(encoder_no_repeat_ngram_size=1, num_beams=3),
        dict(encoder_no_repeat_ngram_size=1),
        dict(encoder_repetition_penalty=2.5),
        dict(encoder_repetition_penalty=0.5, num_beams=4),
        dict(encoder_repetition_penalty=1.8, repetition_penalty=1.2, num_beams=3),
        dict(presence_penalty=1.5),
        dict(frequency_penalty=0.9),
        dict(presence_penalty=0.8, frequency_penalty=0.5, num_beams=4),
        dict(presence_penalty=-1.0, repetition_penalty=1.3),
        dict(alternatives=[[5, 9, 11], [4, 12, 33, 20, 8], [7]]),
        dict(alternatives=[[30, 9, 21, 14], [4, 12, 33, 20, 8], [7, 8]], num_beams=4,
             num_return_sequences=4),
        dict(begin_suppress_tokens=[t[1] for t in texts if len(t) > 1], forced_bos_token_id=c[0],
             num_beams=2),
        dict(suppress_tokens=[9], alternatives=[[30, 9]], num_beams=2),
        dict(patience=2.0, num_beams=3, early_stopping=True),
        dict(patience=0.25, num_beams=4, length_penalty=2.0),
        dict(patience=0.5, num_beams=4, early_stopping=True, num_return_sequences=2),
        dict(encoder_no_repeat_ngram_size=2, alternatives=[[w], [x, 4, 8]]),
        dict(encoder_no_repeat_ngram_size=3, alternatives=[[w], [x], [y, 4, 8], [z]]),
        dict(bad_words_ids=words, suppress_tokens=suppressed, encoder_no_repeat_ngram_size=2,
             encoder_repetition_penalty=1.5, presence_penalty=0.4, frequency_penalty=0.3,
             no_repeat_ngram_size=3, repetition_penalty=1.1, num_beams=4, num_return_sequences=4,
             patience=1.5),
    ]


ENCODER_DECODER_CASES = [
    dict(prefix=[9, 13]),
    dict(prefix=[9], max_new_tokens=7, min_new_tokens=4),
    dict(prefix=[9, 2, 17], num_beams=4, num_return_sequences=2),
    dict(prefix=[31, 6], num_beams=3, length_penalty=2.0, early_stopping=True),
    dict(begin_suppress_tokens=list(range(4, 30)), prefix=[31, 6], num_beams=3,
         early_stopping="never", max_length=12, no_repeat_ngram_size=2, repetition_penalty=1.2),
    dict(prefix=[5], num_beams=4, num_beam_groups=2, diversity_penalty=0.5,
         alternatives=[[4, 8, 15, 16, 23], [42, 20, 3, 30, 40]], num_return_sequences=4),
    dict(prefix=[8, 8], presence_penalty=1.2, frequency_penalty=0.3),
]
FAIRSEQ_CASES = [
    dict(prefix=[9, 13], num_beams=1),
    dict(prefix=[9, 1, 31], num_beams=4, min_len=5, length_penalty=2.0),
    dict(prefix=[31, 6, 17], num_beams=4, num_beam_groups=2, diversity_penalty=0.5),
    dict(patience=2.0, num_beams=4),
    dict(patience=0.5, num_beams=5, length_penalty=0.5),
]


def open_model(name):
    model = MODELS[name].from_pretrained(HERE / name, torch_dtype=torch.float32)
    model.generation_config = GenerationConfig()
    return model.eval()


def no_padding(decode):
    """Leaves out inputs for which the model chooses the padding token."""
    def decode_or_none(*arguments):
        try:
            return decode(*arguments)
        except AssertionError:
            return None, 0.0
    return decode_or_none


def changed(decode, model, inputs, case, without):
    """Returns whether other options give another result for one of the case's inputs."""
    return any(decode(model, inputs[i], without)[0] != outputs
               for i, outputs in zip(case["inputs"], case["outputs"]))


@torch.no_grad()
def make(name):
    directory = HERE / name
    model = open_model(name)
    golden = json.loads((directory / "golden.json").read_text())
    inputs, base = golden["inputs"], golden["cases"][1]["options"]
    start = {key: value for key, value in base.items() if key.endswith("token_id")}
    both = model.config.is_encoder_decoder
    greedy = [outputs[0]["ids"] for outputs in golden["cases"][1]["outputs"]]
    texts = [ids[1 if both else len(source):] for ids, source in zip(greedy, inputs)]
    rules = common_cases(texts, inputs[3]) + (ENCODER_DECODER_CASES if both else [])
    cases = [(generate, changes, options_of(**{**start, **changes})) for changes in rules]
    if name == "tiny-bart":
        cases += [(fairseq_search, changes,
                   {**FAIRSEQ, "decoder_start_token_id": start["decoder_start_token_id"],
                    "num_return_sequences": min(2, changes["num_beams"]), **changes})
                  for changes in FAIRSEQ_CASES]
    made = []
    for n, (decode, changes, options) in enumerate(cases):
        subject = next(iter(changes))
        case, gap = run_case("%s %d" % (subject, n), no_padding(decode), model, inputs, options)
        without = {key: value for key, value in options.items() if key != subject}
        if changed(no_padding(decode), model, inputs, case, without):
            made.append((case, gap))
        else:
            print("%s: %s changes nothing in case %d" % (name, subject, n))
    write_json(directory / "rules.json", {
        "versions": {**versions(), "numpy": numpy.__version__},
        "smallest_gap": min(gap for _, gap in made),
        "inputs": inputs,
        "cases": [case for case, _ in made],
    })
    print("%s: %d cases, %d searches" % (name, len(made), sum(len(c["inputs"]) for c, _ in made)))


STOP_PROMPTS = ["In the beginning", "And the LORD said unto", "Blessed are", "The words of the"]
STOP_CASES = [[" the"], ["and", "shall"], [" of the L"], ["he"], [", "], ["nothing of the sort"]]


@torch.no_grad()
def make_stop():
    """Makes kjv/stop.json: stop strings, with the model and tokenizer of models/kjv-gpt2."""
    directory = HERE.parents[1] / "models" / "kjv-gpt2"
    tokenizer = AutoTokenizer.from_pretrained(directory)
    model = GPT2LMHeadModel.from_pretrained(directory, torch_dtype=torch.float32).eval()
    model.generation_config = GenerationConfig()
    inputs = [tokenizer(prompt).input_ids for prompt in STOP_PROMPTS]
    eos = model.config.eos_token_id
    cases = []
    for stop in STOP_CASES:
        options = options_of(max_new_tokens=24, eos_token_id=eos, pad_token_id=eos,
                             decoder_start_token_id=None)
        made = [generate(model, ids, {**options, "stop_strings": stop, "tokenizer": tokenizer})
                for ids in inputs]
        kept = [i for i, (_, gap) in enumerate(made) if gap >= SMALLEST_GAP]
        cases.append({"name": "stop %s" % stop, "options": {**options, "stop_strings": stop},
                      "inputs": kept, "outputs": [made[i][0] for i in kept]})
    write_json(HERE / "kjv" / "stop.json",
               {"versions": versions(), "inputs": inputs, "cases": cases})
    print("kjv: %d cases" % len(cases))


if __name__ == "__main__":
    logging.set_verbosity_error()
    torch.set_num_threads(1)
    for name in sys.argv[1:] or [*MODELS, "kjv"]:
        make_stop() if name == "kjv" else make(name)
