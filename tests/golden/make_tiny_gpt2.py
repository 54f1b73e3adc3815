"""Makes tiny-gpt2/ and tiny-gpt2-by-layer/: random checkpoints, and the answers of transformers.

usage: make_tiny_gpt2.py [tiny-gpt2|tiny-gpt2-by-layer]...
"""
import json
import random
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import GenerationConfig, GPT2Config, GPT2LMHeadModel
from transformers.utils import logging

from reference import SMALLEST_GAP, generate, options_of, rows, versions, write_json

HERE = Path(__file__).resolve().parent
PAD, EOS = 1, 2
PROMPT_LENGTHS = [1, 2, 3, 5, 8, 13, 17]
TEACHER_FORCED = [0, 2, 5]  # the prompts after which logits are stored
TEACHER_FORCED_STEPS = 12

COMMON_CONFIG = dict(
    architectures=["GPT2LMHeadModel"],
    bos_token_id=EOS,
    eos_token_id=EOS,
    pad_token_id=PAD,
    torch_dtype="float32",
    use_cache=True,
)

MODELS = {
    "tiny-gpt2": dict(
        seed=5,
        eos_bias=2.0,
        config=dict(
            COMMON_CONFIG, vocab_size=61, n_embd=20, n_layer=2, n_head=4, n_positions=50,
            n_inner=None, activation_function="gelu_new", layer_norm_epsilon=1e-5,
            tie_word_embeddings=True,
        ),
    ),
    "tiny-gpt2-by-layer": dict(
        seed=6,
        eos_bias=5.0,
        config=dict(
            COMMON_CONFIG, vocab_size=53, n_embd=21, n_layer=3, n_head=3, n_positions=45,
            n_inner=37, activation_function="relu", layer_norm_epsilon=1e-3,
            tie_word_embeddings=False, scale_attn_by_inverse_layer_idx=True,
        ),
    ),
}

CASES = [
    ("beam 4, max_length 30, trigrams",
     dict(num_beams=4, max_length=30, no_repeat_ngram_size=3, early_stopping=True,
          length_penalty=0.8)),
    ("greedy", {}),
    ("greedy, max_new_tokens 9", dict(max_new_tokens=9)),
    ("greedy, min_length 20", dict(min_length=20)),
    ("greedy, min_new_tokens 9", dict(min_new_tokens=9)),
    ("greedy, no_repeat_ngram_size 1", dict(no_repeat_ngram_size=1)),
    ("greedy, no_repeat_ngram_size 2", dict(no_repeat_ngram_size=2, min_length=22)),
    ("greedy, repetition_penalty 1.3", dict(repetition_penalty=1.3)),
    ("greedy, repetition_penalty 0.8", dict(repetition_penalty=0.8)),
    ("greedy, forced first and last token",
     dict(forced_bos_token_id=7, forced_eos_token_id=2, max_length=19)),
    ("beam 2", dict(num_beams=2)),
    ("beam 3, length_penalty 2, 3 results",
     dict(num_beams=3, length_penalty=2.0, num_return_sequences=3)),
    ("beam 4, length_penalty -1", dict(num_beams=4, length_penalty=-1.0)),
    ("beam 5, max_new_tokens 12", dict(num_beams=5, max_new_tokens=12)),
    ("beam 3, early_stopping never, max_new_tokens 10",
     dict(num_beams=3, early_stopping="never", max_new_tokens=10)),
    ("beam 3, min_length 20", dict(num_beams=3, min_length=20)),
    ("beam 3, min_new_tokens 12", dict(num_beams=3, min_new_tokens=12)),
    ("beam 4, no_repeat_ngram_size 2", dict(num_beams=4, no_repeat_ngram_size=2, min_length=21)),
    ("beam 3, repetition_penalty 1.3", dict(num_beams=3, repetition_penalty=1.3)),
    ("beam 4, forced last token, 2 results",
     dict(num_beams=4, forced_eos_token_id=2, max_length=20, num_return_sequences=2)),
    ("beam 3, two EOS, 3 results",
     dict(num_beams=3, eos_token_id=[2, 17], num_return_sequences=3)),
    ("beam 5, all rules",
     dict(num_beams=5, num_return_sequences=5, length_penalty=1.2, max_length=21, min_length=19,
          no_repeat_ngram_size=2, repetition_penalty=1.1, forced_bos_token_id=3,
          forced_eos_token_id=2)),
]


def random_model(config, seed, eos_bias):
    """Random weights, large enough that prompts give different texts, and that texts end."""
    torch.manual_seed(seed)
    model = GPT2LMHeadModel(GPT2Config(**config)).eval()
    for name, p in model.named_parameters():
        noise = torch.randn_like(p)
        if ".ln_" in name:
            values = 0.1 * noise
            if name.endswith("weight"):  # random signs, or each token would repeat itself
                values += torch.randint_like(p, 2) * 2 - 1
        elif name.endswith("bias"):
            values = 0.2 * noise
        elif name in ("transformer.wte.weight", "lm_head.weight"):
            values = 0.5 * noise
        elif name == "transformer.wpe.weight":
            values = 0.5 * noise
        elif "c_attn" in name:  # [in, out]; attention that is far from uniform
            values = 1.2 * p.shape[0] ** -0.5 * noise
        else:
            values = 0.9 * p.shape[0] ** -0.5 * noise
        p.data.copy_(values)
    final = model.transformer.ln_f.bias.data
    final += 0.3 * final.sign()
    model.lm_head.weight.data[PAD] = -6 * final / final.square().sum()
    model.lm_head.weight.data[EOS] += eos_bias * final / final.square().sum()
    model.generation_config = GenerationConfig()
    return model


def write_plain(path, document):
    path.write_text(json.dumps(document, indent=1) + "\n")


def save_checkpoint(model, config, directory):
    """Stores tiny-gpt2 as in old files, with causal masks and without `transformer.`, and the other
    model as in new files."""
    directory.mkdir(exist_ok=True)
    tensors = {name: t.contiguous() for name, t in model.state_dict().items()}
    if config["tie_word_embeddings"]:
        del tensors["lm_head.weight"]
        tensors = {name.removeprefix("transformer."): t for name, t in tensors.items()}
        n = config["n_positions"]
        for layer in range(config["n_layer"]):
            tensors["h.%d.attn.bias" % layer] = torch.tril(torch.ones(1, 1, n, n))
            tensors["h.%d.attn.masked_bias" % layer] = torch.tensor(-1e4)
    save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})
    (directory / "model.safetensors").chmod(0o644)
    write_plain(directory / "config.json", dict(model_type="gpt2", **config))
    of_first = dict(CASES[0][1])
    write_plain(directory / "generation_config.json",
                dict(bos_token_id=EOS, eos_token_id=EOS, pad_token_id=PAD, **of_first))


def decode_all(model, prompt, cases):
    """Returns outputs of all cases and the smallest gap, or None if the prompt is unsuitable."""
    outputs, smallest = [], float("inf")
    for _, options in cases:
        try:
            results, gap = generate(model, prompt, options)
        except AssertionError:  # the model chose the padding token, which looks like padding
            return None
        if gap < SMALLEST_GAP:
            return None
        outputs.append(results)
        smallest = min(smallest, gap)
    return outputs, smallest


def choose_inputs(model, config, cases, rng):
    """Returns a prompt of each length for which no decision of a search is close."""
    inputs, outputs, smallest = [], [], float("inf")
    for length in PROMPT_LENGTHS:
        decoded = None
        while decoded is None:
            prompt = [rng.randrange(3, config["vocab_size"]) for _ in range(length)]
            decoded = decode_all(model, prompt, cases)
        inputs.append(prompt)
        outputs.append(decoded[0])
        smallest = min(smallest, decoded[1])
        print("length %d: greedy %s" % (length, decoded[0][1][0]["ids"]), flush=True)
    return inputs, outputs, smallest


@torch.no_grad()
def forward_goldens(model, config, inputs, rng):
    """Returns logits in double precision of a prompt's last token and of the forced tokens."""
    torch.set_default_dtype(torch.float64)
    model = model.double()
    forced = []
    for i in TEACHER_FORCED:
        ids = inputs[i][-1:]
        ids += [rng.randrange(config["vocab_size"]) for _ in range(TEACHER_FORCED_STEPS - 1)]
        logits = model(input_ids=torch.tensor([inputs[i][:-1] + ids])).logits[0]
        logits = logits[len(inputs[i]) - 1 :]
        forced.append({"input": i, "decoder_ids": ids, "logits": rows(logits)})
    torch.set_default_dtype(torch.float32)
    return forced


def write_golden(name, model, config, seed):
    """Writes golden.json of a decoder-only model to the folder `name`."""
    cases = [(case, options_of(**{"bos_token_id": EOS, "decoder_start_token_id": None, **changes}))
             for case, changes in CASES]
    rng = random.Random(seed)
    inputs, outputs, smallest = choose_inputs(model, config, cases, rng)
    forced = forward_goldens(model, config, inputs, rng)
    every = list(range(len(inputs)))
    write_json(HERE / name / "golden.json", {
        "versions": versions(),
        "seed": seed,
        "smallest_gap": smallest,
        "inputs": inputs,
        "teacher_forced": forced,
        "cases": [
            {"name": case, "options": options, "inputs": every, "outputs": [o[i] for o in outputs]}
            for i, (case, options) in enumerate(cases)
        ],
    })
    print("%s: %d cases, smallest gap %.1e" % (name, len(cases), smallest))


def make(name, config, seed, eos_bias):
    model = random_model(config, seed, eos_bias)
    save_checkpoint(model, config, HERE / name)
    write_golden(name, model, config, seed)


if __name__ == "__main__":
    logging.set_verbosity_error()
    torch.set_num_threads(1)
    for name in sys.argv[1:] or MODELS:
        make(name, **MODELS[name])
