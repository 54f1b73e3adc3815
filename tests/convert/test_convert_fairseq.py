"""Tests tools/convert_fairseq.py: the tensors that it writes, and the ids that elcl generates.

usage: test_convert_fairseq.py ELCL

Writes checkpoints in the layouts of several versions of fairseq. The expected results come from a
forward pass in numpy, which follows only the mathematics and reads the checkpoint, not the output
of the converter. Needs torch; without it the test is skipped.
"""
import argparse
import collections
import json
import math
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PAD, EOS = 1, 2
MAX_LENGTH = 12
passed = failed = 0

try:
    import numpy as np
    import torch
except ImportError as error:
    print(f"skipped: {error}")
    print("0 passed, 0 failed, 1 skipped")
    sys.exit(0)


def check(name, ok, what=""):
    global passed, failed
    passed += bool(ok)
    failed += not ok
    if not ok:
        print(f"FAILED {name}: {what}")


# ---- a model in numpy ----

def norm(x, state, name):
    x = x - x.mean(-1, keepdims=True)
    x = x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5)
    return x * state[name + ".weight"] + state[name + ".bias"]


def linear(x, state, name):
    return x @ state[name + ".weight"].T + state[name + ".bias"]


def attention(x, y, state, name, heads, causal):
    parts = (linear(x, state, name + ".q_proj"), linear(y, state, name + ".k_proj"),
             linear(y, state, name + ".v_proj"))
    q, k, v = (p.reshape(len(p), heads, -1).transpose(1, 0, 2) for p in parts)
    scores = q @ k.transpose(0, 2, 1) / math.sqrt(q.shape[-1])
    if causal:
        scores = np.where(np.tri(len(x), dtype=bool), scores, -np.inf)
    p = np.exp(scores - scores.max(-1, keepdims=True))
    out = (p / p.sum(-1, keepdims=True)) @ v
    return linear(out.transpose(1, 0, 2).reshape(len(x), -1), state, name + ".out_proj")


def relu(x):
    return np.maximum(x, 0)


def gelu(x):
    return x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def positions(model, state, stack, n, d):
    rows = np.arange(PAD + 1, PAD + 1 + n)
    if model["bart"]:
        return state[stack + ".embed_positions.weight"][rows]
    angles = rows[:, None] * np.exp(np.arange(d // 2) * -math.log(10000) / (d // 2 - 1))
    return np.concatenate([np.sin(angles), np.cos(angles)], 1)


def stack(model, state, name, ids, encoded=None):
    table = state[name + ".embed_tokens.weight"]
    scale = 1 if model["bart"] else math.sqrt(table.shape[1])
    x = scale * table[ids] + positions(model, state, name, len(ids), table.shape[1])
    if model["bart"]:
        x = norm(x, state, name + ".layernorm_embedding")
    act = gelu if model["bart"] else relu
    for i in range(model["layers"]):
        layer = f"{name}.layers.{i}."
        heads, causal = model["heads"], encoded is not None
        x = norm(x + attention(x, x, state, layer + "self_attn", heads, causal), state,
                 layer + "self_attn_layer_norm")
        if causal:
            x = norm(x + attention(x, encoded, state, layer + "encoder_attn", heads, False), state,
                     layer + "encoder_attn_layer_norm")
        inner = act(linear(x, state, layer + "fc1"))
        x = norm(x + linear(inner, state, layer + "fc2"), state, layer + "final_layer_norm")
    return x


def greedy(model, state, source):
    """Returns the ids, and the smallest distance between the best two logits of a step."""
    encoded = stack(model, state, "encoder", source)
    output = state.get("decoder.output_projection.weight", state["decoder.embed_tokens.weight"])
    ids, gap = [EOS], math.inf
    while len(ids) < MAX_LENGTH - 1 and (len(ids) == 1 or ids[-1] != EOS):
        logits = output @ stack(model, state, "decoder", ids, encoded)[-1]
        best = np.sort(logits)
        gap = min(gap, best[-1] - best[-2])
        ids.append(int(logits.argmax()))
    if ids[-1] != EOS or len(ids) == 1:
        ids.append(EOS)  # forced at the longest length
    return ids, gap


# ---- checkpoints ----

def random_state(model, seed):
    rng = np.random.default_rng(seed)
    d, f = model["d"], model["ffn"]
    state = collections.OrderedDict()

    def add(name, rows, columns, size=1.0):
        state[name + ".weight"] = rng.normal(0, size / math.sqrt(columns), (rows, columns))
        state[name + ".bias"] = rng.normal(0, 0.2, rows)

    def add_norm(name):
        state[name + ".weight"] = rng.choice([-1.0, 1.0], d) + rng.normal(0, 0.1, d)
        state[name + ".bias"] = rng.normal(0, 0.2, d)

    def add_table(name, rows):
        state[name] = rng.normal(0, 0.5, (rows, d))

    for name, rows in (("encoder", model["source"]), ("decoder", model["target"])):
        add_table(name + ".embed_tokens.weight", rows)
        if model["bart"]:
            add_table(name + ".embed_positions.weight", 40)
            add_norm(name + ".layernorm_embedding")
        attentions = ["self_attn"] + (["encoder_attn"] if name == "decoder" else [])
        for i in range(model["layers"]):
            layer = f"{name}.layers.{i}."
            for attention_name in attentions:
                for part in ("q_proj", "k_proj"):
                    add(layer + attention_name + "." + part, d, d, 2.5)
                for part in ("v_proj", "out_proj"):
                    add(layer + attention_name + "." + part, d, d)
                add_norm(layer + attention_name + "_layer_norm")
            add(layer + "fc1", f, d)
            add(layer + "fc2", d, f)
            add_norm(layer + "final_layer_norm")
    if model["tables"] == 1:
        state["decoder.embed_tokens.weight"] = state["encoder.embed_tokens.weight"]
    if model["tables"] == 3:
        add_table("decoder.output_projection.weight", model["target"])
    return {name: value.astype(np.float32).astype(np.float64) for name, value in state.items()}


def arguments_of(model):
    values = dict(
        arch="bart_large" if model["bart"] else "transformer_iwslt_de_en",
        source_lang="de", target_lang="en", encoder_embed_dim=model["d"],
        decoder_embed_dim=model["d"], encoder_layers=model["layers"],
        decoder_layers=model["layers"], encoder_attention_heads=model["heads"],
        decoder_attention_heads=model["heads"], encoder_ffn_embed_dim=model["ffn"],
        decoder_ffn_embed_dim=model["ffn"], encoder_normalize_before=False,
        decoder_normalize_before=False, encoder_learned_pos=model["bart"],
        decoder_learned_pos=model["bart"], max_source_positions=38, max_target_positions=38,
        no_scale_embedding=model["bart"], layernorm_embedding=model["bart"],
        activation_fn="gelu" if model["bart"] else "relu",
        adaptive_softmax_cutoff=None, share_all_embeddings=model["tables"] == 1)
    return {**values, **model.get("arguments", {})}


def old_layout(state):
    """The layout of fairseq before 0.9: q, k and v in one matrix, numbered norms."""
    out = {}
    for name, tensor in state.items():
        if ".q_proj." in name:
            parts = [state[name.replace("q_proj", p)] for p in ("q_proj", "k_proj", "v_proj")]
            out[name.replace("q_proj.", "in_proj_")] = torch.cat(parts)
        elif ".k_proj." not in name and ".v_proj." not in name:
            layer = ".layers." in name
            for i, part in enumerate(["self_attn_layer_norm", "encoder_attn_layer_norm"]):
                name = name.replace(part, f"layer_norms.{i}") if layer else name
            last = 2 if name.startswith("decoder") else 1
            out[name.replace("final_layer_norm", f"layer_norms.{last}")] = tensor
    return out


def checkpoint_of(model, state):
    tensors = collections.OrderedDict(
        (name, torch.tensor(value, dtype=torch.float32)) for name, value in state.items())
    if model["tables"] == 1:
        tensors["decoder.embed_tokens.weight"] = tensors["encoder.embed_tokens.weight"]
    if model["tables"] < 3:
        tensors["decoder.output_projection.weight"] = tensors["decoder.embed_tokens.weight"]
    if model.get("layout") == "old":
        tensors = old_layout(tensors)
    tensors["encoder.version"] = torch.tensor([3.0])
    if not model["bart"]:
        tensors["decoder.embed_positions._float_tensor"] = torch.zeros(1)
    values = arguments_of(model)
    extra = {"optimizer_history": [{"num_updates": 5}], "last_optimizer_state": None}
    if model.get("layout") == "cfg":
        task = {"_name": "translation", "source_lang": "de", "target_lang": "en",
                "max_source_positions": 38}
        reference = {**values, "_name": values.pop("arch"),
                     "max_source_positions": "${task.max_source_positions}"}
        return {"cfg": {"task": task, "model": reference}, "args": None, "model": tensors, **extra}
    return {"args": argparse.Namespace(**values), "model": tensors, **extra}


def write_dictionary(path, n, offset):
    letters = [chr(ord("a") + (i + offset) % 26) + ("@@" if i % 2 else "") + "x" * (i // 26)
               for i in range(n - 4)]
    letters = [s.replace("@@", "") + "@@" if "@@" in s else s for s in letters]
    path.write_text("".join(f"{s} {1000 - i}\n" for i, s in enumerate(letters)), encoding="utf-8")


MODELS = {
    "separate": dict(bart=False, d=16, heads=4, layers=2, ffn=24, source=30, target=26, tables=2),
    "three tables, cfg": dict(bart=False, d=12, heads=2, layers=1, ffn=20, source=22, target=28,
                              tables=3, layout="cfg"),
    "shared, old layout": dict(bart=False, d=10, heads=5, layers=2, ffn=12, source=24, target=24,
                               tables=1, layout="old"),
    "BART": dict(bart=True, d=16, heads=4, layers=2, ffn=24, source=27, target=27, tables=1),
}


def convert(directory, *options):
    command = [sys.executable, str(ROOT / "tools" / "convert_fairseq.py"),
               str(directory / "checkpoint_best.pt"), str(directory / "out"), *options]
    return subprocess.run(command, capture_output=True, text=True)


def prepare(directory, model, state):
    write_dictionary(directory / "dict.de.txt", model["source"], 0)
    write_dictionary(directory / "dict.en.txt", model["target"], 0 if model["tables"] == 1 else 3)
    (directory / "bpecodes").write_text("a b 10\nc d</w> 7\n", encoding="utf-8")
    torch.save(checkpoint_of(model, state), directory / "checkpoint_best.pt")


def clear_case(model, seed):
    """Draws a model and sources whose greedy decisions vary and are not sensitive to rounding."""
    while True:
        state = random_state(model, seed)
        rng = np.random.default_rng(seed)
        sources = [rng.integers(4, model["source"], n).tolist() + [EOS] for n in (1, 4, 9)]
        results = [greedy(model, state, s) for s in sources]
        outputs = [ids for ids, _ in results]
        clear = min(gap for _, gap in results) > 1e-3
        if clear and len({tuple(o) for o in outputs}) == 3 and max(map(len, outputs)) > 4:
            return state, sources, outputs
        seed += 1


def generate(elcl, directory, sources):
    command = [elcl, "generate", "--quiet", str(directory), "--input-format", "ids", "--format",
               "ids", "--num-beams", "1", "--max-length", str(MAX_LENGTH)]
    text = "".join(" ".join(map(str, s)) + "\n" for s in sources)
    result = subprocess.run(command, input=text, capture_output=True, text=True)
    lines = result.stdout.splitlines()
    return [[int(i) for i in line.split()] for line in lines], result.stderr


def bare(ids):
    return [i for i in ids if i != EOS]


def test_model(elcl, name, model, seed):
    state, sources, want = clear_case(model, seed)
    with tempfile.TemporaryDirectory() as directory:
        directory = pathlib.Path(directory)
        prepare(directory, model, state)
        result = convert(directory)
        check(f"{name}: conversion", result.returncode == 0, result.stderr)
        if model["bart"]:
            check(f"{name}: note", "no tokenizer is written" in result.stderr, result.stderr)
        else:
            check_tokenizer(name, model, directory / "out")
        got, error = generate(elcl, directory / "out", sources)
        check(f"{name}: tokens", [bare(g) for g in got] == [bare(w) for w in want],
              f"{got}, want {want}; {error}")


def check_tokenizer(name, model, out):
    """Checks the tokenizer's files and removes them, so that ids go in and come out."""
    vocabulary = json.loads((out / "vocab-src.json").read_text("utf-8"))
    check(f"{name}: vocabulary", vocabulary["</s>"] == EOS and vocabulary["a</w>"] == 4
          and vocabulary["b"] == 5 and len(vocabulary) == model["source"], vocabulary)
    merges = (out / "merges.txt").read_text("utf-8")
    check(f"{name}: merges", merges == "a b\nc d</w>\n", merges)
    for file in ("vocab-src.json", "vocab-tgt.json", "merges.txt", "tokenizer_config.json"):
        (out / file).unlink()


def test_golden():
    """Converts the stored checkpoint of transformers back: the same tensors and sizes."""
    golden = ROOT / "tests" / "golden" / "tiny-fsmt"
    stored = torch.load(golden / "pytorch_model.bin")
    config = json.loads((golden / "config.json").read_text())
    names = {"arch": "transformer_wmt_en_de_big", "source_lang": "xx", "target_lang": "yy",
             "encoder_attention_heads": config["encoder_attention_heads"],
             "decoder_attention_heads": config["decoder_attention_heads"],
             "max_source_positions": config["max_position_embeddings"],
             "max_target_positions": config["max_position_embeddings"]}
    with tempfile.TemporaryDirectory() as directory:
        directory = pathlib.Path(directory)
        for lang, key in (("xx", "src_vocab_size"), ("yy", "tgt_vocab_size")):
            write_dictionary(directory / f"dict.{lang}.txt", config[key], 0)
        state = {n.removeprefix("model."): t for n, t in stored.items() if "positions" not in n}
        torch.save({"args": argparse.Namespace(**names), "model": state},
                   directory / "checkpoint_best.pt")
        result = convert(directory)
        check("tiny-fsmt: conversion", result.returncode == 0, result.stderr)
        tensors = torch.load(directory / "out" / "pytorch_model.bin")
        wanted = {n for n in stored if "positions" not in n}
        check("tiny-fsmt: names", set(tensors) == wanted, set(tensors) ^ wanted)
        check("tiny-fsmt: tensors", all(torch.equal(tensors[n], stored[n]) for n in wanted), "")
        written = json.loads((directory / "out" / "config.json").read_text())
        keys = set(config) & set(written) - {"architectures", "langs"}
        check("tiny-fsmt: sizes", len(keys) > 12 and
              {k: config[k] for k in keys} == {**{k: written[k] for k in keys},
                                               "forced_eos_token_id": None},
              {k: (config[k], written[k]) for k in keys if config[k] != written[k]})


def test_refused():
    base = MODELS["separate"]
    state = random_state(base, 1)
    cases = [
        ({"encoder_normalize_before": True}, "encoder_normalize_before is set"),
        ({"decoder_learned_pos": True}, "decoder_learned_pos must be False"),
        ({"adaptive_softmax_cutoff": "1000"}, "adaptive_softmax_cutoff is set"),
        ({"decoder_output_dim": 8}, "decoder_output_dim is 8"),
        ({"arch": "transformer_lm_gpt"}, "architecture \"transformer_lm_gpt\""),
        ({"arch": "fconv"}, "architecture \"fconv\""),
        ({"source_lang": "zz"}, "has no dict.zz.txt"),
    ]
    for changes, message in cases:
        with tempfile.TemporaryDirectory() as directory:
            directory = pathlib.Path(directory)
            prepare(directory, {**base, "arguments": changes}, state)
            result = convert(directory)
            check(f"refused: {changes}", result.returncode == 1 and message in result.stderr
                  and not (directory / "out" / "config.json").exists(), result.stderr)
    for name, message in (("encoder.layers.0.fc1.bias", "encoder.layers.0.fc1.bias is missing"),
                          (None, "decoder.extra.weight belongs to no model")):
        with tempfile.TemporaryDirectory() as directory:
            directory = pathlib.Path(directory)
            changed = {n: t for n, t in state.items() if n != name}
            if not name:
                changed["decoder.extra.weight"] = np.zeros(3)
            prepare(directory, base, changed)
            result = convert(directory)
            check(f"refused: {message}", result.returncode == 1 and message in result.stderr,
                  result.stderr)


def main():
    torch.set_num_threads(1)
    for i, (name, model) in enumerate(MODELS.items()):
        test_model(sys.argv[1], name, model, 100 * i)
    test_golden()
    test_refused()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
