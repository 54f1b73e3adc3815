"""Makes tiny-bart/ and tiny-bart-untied/: random checkpoints, and the answers of transformers.

usage: make_tiny_bart.py [tiny-bart|tiny-bart-untied]...
"""
import json
import random
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import BartConfig, BartForConditionalGeneration, GenerationConfig
from transformers.utils import logging

from reference import SMALLEST_GAP, generate, options_of, rows, versions, write_json

HERE = Path(__file__).resolve().parent
BOS, PAD, EOS = 0, 1, 2
SOURCE_LENGTHS = [1, 2, 3, 6, 9, 14, 21, 30]
ENCODED = [0, 3, 5]          # the inputs whose encoder output is stored
TEACHER_FORCED = [1, 4, 7]   # the inputs whose decoder logits are stored
TEACHER_FORCED_STEPS = 12

COMMON_CONFIG = dict(
    architectures=["BartForConditionalGeneration"],
    dropout=0.1,
    bos_token_id=BOS,
    pad_token_id=PAD,
    eos_token_id=EOS,
    forced_bos_token_id=None,
    forced_eos_token_id=None,
    is_encoder_decoder=True,
    use_cache=True,
)

TIED = dict(
    COMMON_CONFIG,
    vocab_size=61,
    d_model=20,
    max_position_embeddings=50,
    encoder_layers=2,
    decoder_layers=2,
    encoder_attention_heads=4,
    decoder_attention_heads=2,
    encoder_ffn_dim=37,
    decoder_ffn_dim=29,
    activation_function="gelu",
    scale_embedding=True,
    tie_word_embeddings=True,
    decoder_start_token_id=2,
    torch_dtype="float32",
)

UNTIED = dict(
    COMMON_CONFIG,
    vocab_size=53,
    d_model=21,
    max_position_embeddings=40,
    encoder_layers=1,
    decoder_layers=3,
    encoder_attention_heads=7,
    decoder_attention_heads=3,
    encoder_ffn_dim=31,
    decoder_ffn_dim=45,
    activation_function="relu",
    scale_embedding=False,
    tie_word_embeddings=False,
    decoder_start_token_id=0,
    torch_dtype="bfloat16",
)

# The options of each checkpoint's generation_config.json. The first case uses them.
GENERATION_CONFIG = dict(
    num_beams=3, max_length=26, min_length=4, length_penalty=1.5, early_stopping=True,
    no_repeat_ngram_size=3,
)

CASES = [
    ("generation_config.json", GENERATION_CONFIG),
    ("greedy", {}),
    ("greedy, max_length 8", dict(max_length=8)),
    ("greedy, max_new_tokens 8", dict(max_new_tokens=8)),
    ("greedy, min_length 9", dict(min_length=9)),
    ("greedy, min_new_tokens 9", dict(min_new_tokens=9)),
    ("greedy, no_repeat_ngram_size 1", dict(no_repeat_ngram_size=1)),
    ("greedy, no_repeat_ngram_size 2", dict(no_repeat_ngram_size=2, min_length=12)),
    ("greedy, repetition_penalty 1.3", dict(repetition_penalty=1.3)),
    ("greedy, repetition_penalty 0.8", dict(repetition_penalty=0.8)),
    ("greedy, forced first and last token",
     dict(forced_bos_token_id=0, forced_eos_token_id=2, max_length=10)),
    ("greedy, two EOS", dict(eos_token_id=[2, 17])),
    ("beam 2", dict(num_beams=2)),
    ("beam 3", dict(num_beams=3)),
    ("beam 4", dict(num_beams=4)),
    ("beam 5", dict(num_beams=5)),
    ("beam 8", dict(num_beams=8)),
    ("beam 4, length_penalty 0", dict(num_beams=4, length_penalty=0.0)),
    ("beam 4, length_penalty 0.5", dict(num_beams=4, length_penalty=0.5)),
    ("beam 4, length_penalty 2", dict(num_beams=4, length_penalty=2.0)),
    ("beam 4, length_penalty -1", dict(num_beams=4, length_penalty=-1.0)),
    ("beam 4, early_stopping", dict(num_beams=4, early_stopping=True)),
    ("beam 3, early_stopping, length_penalty 2",
     dict(num_beams=3, early_stopping=True, length_penalty=2.0)),
    ("beam 3, early_stopping never", dict(num_beams=3, early_stopping="never")),
    ("beam 3, early_stopping never, length_penalty -1",
     dict(num_beams=3, early_stopping="never", length_penalty=-1.0)),
    ("beam 4, max_length 7, 4 results",
     dict(num_beams=4, max_length=7, num_return_sequences=4)),
    ("beam 4, max_new_tokens 12", dict(num_beams=4, max_new_tokens=12)),
    ("beam 3, min_length 12", dict(num_beams=3, min_length=12)),
    ("beam 3, min_new_tokens 12", dict(num_beams=3, min_new_tokens=12)),
    ("beam 3, no_repeat_ngram_size 1", dict(num_beams=3, no_repeat_ngram_size=1)),
    ("beam 4, no_repeat_ngram_size 2",
     dict(num_beams=4, no_repeat_ngram_size=2, min_length=10)),
    ("beam 4, no_repeat_ngram_size 3",
     dict(num_beams=4, no_repeat_ngram_size=3, min_length=10)),
    ("beam 3, repetition_penalty 1.3", dict(num_beams=3, repetition_penalty=1.3)),
    ("beam 3, repetition_penalty 0.8", dict(num_beams=3, repetition_penalty=0.8)),
    ("beam 4, forced first token", dict(num_beams=4, forced_bos_token_id=0)),
    ("beam 4, forced last token, 2 results",
     dict(num_beams=4, forced_eos_token_id=2, max_length=9, num_return_sequences=2)),
    ("beam 4, 4 results", dict(num_beams=4, num_return_sequences=4)),
    ("beam 5, 3 results, early_stopping, length_penalty 0.5",
     dict(num_beams=5, num_return_sequences=3, early_stopping=True, length_penalty=0.5)),
    ("beam 3, two EOS, 3 results",
     dict(num_beams=3, eos_token_id=[2, 17], num_return_sequences=3)),
    ("beam 4, two EOS, min_length 8", dict(num_beams=4, eos_token_id=[2, 17], min_length=8)),
    ("as for CNN/DM: beam 4, length_penalty 2, forced tokens, trigrams",
     dict(num_beams=4, length_penalty=2.0, max_length=30, min_length=10, no_repeat_ngram_size=3,
          early_stopping=True, forced_bos_token_id=0, forced_eos_token_id=2)),
    ("as for XSum: beam 6, forced last token, trigrams",
     dict(num_beams=6, max_length=20, min_length=6, no_repeat_ngram_size=3, early_stopping=True,
          forced_eos_token_id=2)),
    ("beam 5, all rules",
     dict(num_beams=5, num_return_sequences=5, length_penalty=1.2, max_length=18, min_length=5,
          no_repeat_ngram_size=2, repetition_penalty=1.1, forced_bos_token_id=0,
          forced_eos_token_id=2)),
]


def random_model(model, config, position_scale=4.0, residual_scale=0.6):
    """Sets random weights, large enough that sources give different texts. Does not change tables
    that a model computes."""
    for name, p in model.named_parameters():
        if not p.requires_grad:
            continue
        noise = torch.randn_like(p)
        if "layer_norm" in name or "layernorm" in name:
            values = 0.1 * noise
            if name.endswith("weight"):  # random signs, or each token would repeat itself
                values += torch.randint_like(p, 2) * 2 - 1
        elif name.endswith("bias"):
            values = 0.1 * noise
        elif "embed_positions" in name:
            values = position_scale * noise
        elif name == "model.shared.weight" and not config["tie_word_embeddings"]:
            values = 2.0 * noise
        elif name in ("model.shared.weight", "lm_head.weight") or "embed_tokens" in name:
            values = 0.5 * noise
        elif "q_proj" in name or "k_proj" in name:  # attention that is far from uniform
            values = 3.0 * p.shape[1] ** -0.5 * noise
        elif "out_proj" in name or "fc2" in name:
            values = residual_scale * p.shape[1] ** -0.5 * noise
        else:
            values = 0.6 * p.shape[1] ** -0.5 * noise
        p.data.copy_(values)
    model.generation_config = GenerationConfig()


def random_bart(config, seed, eos_bias):
    """Returns a model whose texts end."""
    torch.manual_seed(seed)
    model = BartForConditionalGeneration(BartConfig(**config)).eval()
    random_model(model, config)
    if config["tie_word_embeddings"]:
        bias = 0.5 * torch.randn(config["vocab_size"])
        bias[PAD], bias[EOS] = -8, eos_bias
        model.final_logits_bias[0] = bias
    else:
        final = model.model.decoder.layers[-1].final_layer_norm.bias.data
        model.lm_head.weight.data[PAD] = 0
        model.lm_head.weight.data[EOS] += eos_bias * final / final.square().sum()
    return model


def checkpoint_tensors(model, tied):
    """Returns the tensors to store: one shared embedding, and lm_head only if it is not tied."""
    copies = ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight")
    drop = copies + (("lm_head.weight",) if tied else ("final_logits_bias",))
    return {
        name: tensor.contiguous()
        for name, tensor in model.state_dict().items()
        if not name.endswith(drop)
    }


def rounded(name, tensor):
    """Returns a tensor of tiny-bart-untied in its stored type."""
    if "layer_norm" in name or "layernorm" in name:
        return tensor
    if "decoder" in name or "lm_head" in name:
        return tensor.half()
    return tensor.bfloat16()


def save_tensors(tensors, path):
    save_file(tensors, path, metadata={"format": "pt"})
    path.chmod(0o644)


def save_sharded(tensors, directory, n_shards):
    names = sorted(tensors)
    weight_map = {name: 1 + i * n_shards // len(names) for i, name in enumerate(names)}
    file_name = "model-%05d-of-%05d.safetensors"
    for shard in range(1, n_shards + 1):
        part = {name: tensors[name] for name in names if weight_map[name] == shard}
        save_tensors(part, directory / (file_name % (shard, n_shards)))
    index = {
        "metadata": {"total_size": sum(t.numel() * t.element_size() for t in tensors.values())},
        "weight_map": {name: file_name % (weight_map[name], n_shards) for name in names},
    }
    write_plain(directory / "model.safetensors.index.json", index)


def write_plain(path, document):
    path.write_text(json.dumps(document, indent=1) + "\n")


def save_config(model_type, config, generation_config, directory):
    write_plain(directory / "config.json", dict(model_type=model_type, **config))
    ids = {k: v for k, v in config.items() if k.endswith("token_id") and v is not None}
    write_plain(directory / "generation_config.json", {**ids, **generation_config})


def save_checkpoint(model, config, directory):
    """Stores the model and replaces its weights by the stored ones, upcast to float32."""
    directory.mkdir(exist_ok=True)
    tied = config["tie_word_embeddings"]
    tensors = checkpoint_tensors(model, tied)
    if tied:
        save_tensors(tensors, directory / "model.safetensors")
    else:
        tensors = {name: rounded(name, tensor) for name, tensor in tensors.items()}
        model.load_state_dict({n: t.float() for n, t in tensors.items()}, strict=False)
        without_base = {name.removeprefix("model."): t for name, t in tensors.items()}
        save_sharded(without_base, directory, n_shards=3)
    save_config("bart", config, GENERATION_CONFIG, directory)


def random_source(length, config, rng):
    """Returns <s> ... </s>, if there is room and the model has these tokens."""
    special = {v for k, v in config.items() if k.endswith("_token_id")}
    tokens = [rng.randrange(4, source_vocabulary(config)) for _ in range(length)]
    tokens = [3 if token in special else token for token in tokens]
    if length > 1:
        tokens[-1] = config["eos_token_id"]
    if length > 2 and "bos_token_id" in config:
        tokens[0] = config["bos_token_id"]
    return tokens


def decode_all(model, source, cases):
    """Returns the outputs of all cases and the smallest gap, or None if a gap is too small."""
    outputs, smallest = [], float("inf")
    for _, options in cases:
        results, gap = generate(model, source, options)
        if gap < SMALLEST_GAP:
            return None
        outputs.append(results)
        smallest = min(smallest, gap)
    return outputs, smallest


def choose_inputs(model, config, cases, rng, lengths=SOURCE_LENGTHS):
    """Returns a source of each length for which no decision of a search is close."""
    inputs, outputs, smallest = [], [], float("inf")
    for length in lengths:
        decoded = None
        while decoded is None:
            source = random_source(length, config, rng)
            decoded = None if source in inputs else decode_all(model, source, cases)
        inputs.append(source)
        outputs.append(decoded[0])
        smallest = min(smallest, decoded[1])
        print("length %d: greedy %s" % (length, decoded[0][1][0]["ids"]), flush=True)
    return inputs, outputs, smallest


def source_vocabulary(config):
    return config.get("src_vocab_size") or config["vocab_size"]


def target_vocabulary(config):
    return (config.get("tgt_vocab_size") or config.get("decoder_vocab_size")
            or config["vocab_size"])


@torch.no_grad()
def forward_goldens(model, config, inputs, rng, encoded=ENCODED, teacher_forced=TEACHER_FORCED,
                    steps=TEACHER_FORCED_STEPS):
    """Returns encoder output and decoder logits in double precision, one sentence at a time."""
    torch.set_default_dtype(torch.float64)
    model = model.double()
    encode = lambda source: model.get_encoder()(torch.tensor([source])).last_hidden_state
    encoder = [{"input": i, "rows": rows(encode(inputs[i])[0])} for i in encoded]
    forced = []
    for i in teacher_forced:
        ids = [config["decoder_start_token_id"]]
        ids += [rng.randrange(target_vocabulary(config)) for _ in range(steps - 1)]
        if model.config.model_type in ("m2m_100", "fsmt"):  # padding has no position there
            ids = [3 if token == config["pad_token_id"] else token for token in ids]
        out = model(input_ids=torch.tensor([inputs[i]]), decoder_input_ids=torch.tensor([ids]),
                    use_cache=False)
        forced.append({"input": i, "decoder_ids": ids, "logits": rows(out.logits[0])})
    torch.set_default_dtype(torch.float32)
    return encoder, forced


def write_golden(directory, seed, smallest, inputs, encoder, forced, cases, outputs):
    every = list(range(len(inputs)))
    write_json(directory / "golden.json", {
        "versions": versions(),
        "seed": seed,
        "smallest_gap": smallest,
        "inputs": inputs,
        "encoder": encoder,
        "teacher_forced": forced,
        "cases": [
            {"name": case, "options": options, "inputs": every, "outputs": [o[i] for o in outputs]}
            for i, (case, options) in enumerate(cases)
        ],
    })
    print("%s: %d cases, smallest gap %.1e" % (directory.name, len(cases), smallest))


def make(name, config, seed, eos_bias):
    directory = HERE / name
    model = random_bart(config, seed, eos_bias)
    save_checkpoint(model, config, directory)
    start = dict(decoder_start_token_id=config["decoder_start_token_id"])
    cases = [(case, options_of(**start, **changes)) for case, changes in CASES]
    rng = random.Random(seed)
    inputs, outputs, smallest = choose_inputs(model, config, cases, rng)
    encoder, forced = forward_goldens(model, config, inputs, rng)
    write_golden(directory, seed, smallest, inputs, encoder, forced, cases, outputs)


MODELS = {
    "tiny-bart": dict(config=TIED, seed=3, eos_bias=4.0),
    "tiny-bart-untied": dict(config=UNTIED, seed=14, eos_bias=1.5),
}

if __name__ == "__main__":
    logging.set_verbosity_error()
    torch.set_num_threads(1)
    for name in sys.argv[1:] or MODELS:
        make(name, **MODELS[name])
