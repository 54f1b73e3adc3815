"""Makes files of whisper.cpp: ggml-whisper.bin from tiny-whisper, and a seed of the fuzzer.

ggml-whisper.bin has f16 matrices, as whisper.cpp's converter writes them. The seed has a tensor of
each type; element i of a row is (i % levels - zero) / 2, and 1/4 more in the types with an offset.

usage: make_ggml.py      with numpy and safetensors
"""
import json
import struct
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

HERE = Path(__file__).resolve().parent
SEED = HERE / ".." / "fuzz" / "seeds" / "ggml" / "small.bin"
MAGIC = 0x67676d6c
F32, F16 = 0, 1
# OpenAI's names by Hugging Face's, in the order of replacement
NAMES = (("model.", ""), ("self_attn_layer_norm", "attn_ln"), ("encoder_attn_layer_norm",
         "cross_attn_ln"), ("final_layer_norm", "mlp_ln"), ("self_attn.", "attn."),
         ("encoder_attn.", "cross_attn."), ("q_proj", "query"), ("k_proj", "key"),
         ("v_proj", "value"), ("out_proj", "out"), ("fc1", "mlp.0"), ("fc2", "mlp.2"),
         ("layers.", "blocks."), ("encoder.layer_norm", "encoder.ln_post"),
         ("decoder.layer_norm", "decoder.ln"), ("embed_positions.weight", "positional_embedding"),
         ("embed_tokens", "token_embedding"))


def numbers(*values):
    return struct.pack("<%di" % len(values), *values)


def head(sizes, filters, tokens):
    """sizes: the eleven of the format; filters [mels, bins]; tokens: bytes of each."""
    return (numbers(MAGIC, *sizes) + numbers(*filters.shape) + filters.astype("<f4").tobytes()
            + numbers(len(tokens)) + b"".join(numbers(len(t)) + t for t in tokens))


def tensor(name, shape, kind, data):
    return (numbers(len(shape), len(name), kind, *reversed(shape)) + name.encode() + data)


def bytes_of_characters():
    """Returns the byte that each character of vocab.json spells."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in plain]
    return {chr(b): b for b in plain} | {chr(256 + i): b for i, b in enumerate(others)}


def make_tiny(source, path):
    config = json.loads((source / "config.json").read_text())
    vocabulary = json.loads((source / "tokenizer.json").read_text())["model"]["vocab"]
    byte = bytes_of_characters()
    tokens = [bytes(byte[c] for c in t) for t in sorted(vocabulary, key=vocabulary.get)]
    d = config["d_model"]
    sizes = (config["vocab_size"], config["max_source_positions"], d,
             config["encoder_attention_heads"], config["encoder_layers"],
             config["max_target_positions"], d, config["decoder_attention_heads"],
             config["decoder_layers"], config["num_mel_bins"], F16)
    parts = [head(sizes, np.zeros((1, 1)), tokens)]
    for name, a in load_file(source / "model.safetensors").items():
        if name == "proj_out.weight":
            continue
        for old, new in NAMES:
            name = name.replace(old, new)
        if name.startswith("encoder.conv") and name.endswith("bias"):
            a = a.reshape(-1, 1)
        full = a.ndim == 1 or name.endswith(("positional_embedding", "conv1.bias", "conv2.bias"))
        parts.append(tensor(name, a.shape, F32 if full else F16,
                            a.astype("<f4" if full else "<f2").tobytes()))
    path.write_bytes(b"".join(parts))


def block(number, factor=0.5, offset=0.25):
    """Returns a block of 32 integers i % levels."""
    bits, has_offset = {2: (4, 0), 3: (4, 1), 6: (5, 0), 7: (5, 1), 8: (8, 0)}[number]
    q = np.arange(32) % (1 << min(bits, 5))
    start = struct.pack("<e", factor) + (struct.pack("<e", offset) if has_offset else b"")
    if bits == 8:
        return start + (q - 16).astype(np.int8).tobytes()
    if bits == 5:
        start += struct.pack("<I", sum(int(v >> 4) << i for i, v in enumerate(q)))
    return start + ((q[:16] & 15) | (q[16:] & 15) << 4).astype(np.uint8).tobytes()


def make_seed(path):
    layer = "encoder.blocks.0."
    matrices = ((2, "mlp.0.weight", 1), (3, "mlp.2.weight", 1), (6, "attn.query.weight", 1),
                (7, "attn.key.weight", 1), (8, "attn.out.weight", 2))
    parts = [head((15, 2, 32, 4, 1, 4, 32, 4, 1, 2, 2008), np.ones((2, 3)), [b"a", b"b", b"ab"])]
    parts += [tensor(layer + name, (rows, 32), kind, block(kind) * rows)
              for kind, name, rows in matrices]
    parts.append(tensor("encoder.conv1.weight", (2, 2, 3), F16,
                        np.arange(12).astype("<f2").tobytes()))
    parts.append(tensor("encoder.conv1.bias", (2, 1), F32, np.arange(2).astype("<f4").tobytes()))
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"".join(parts))


if __name__ == "__main__":
    make_tiny(HERE / "tiny-whisper", HERE / "ggml-whisper.bin")
    make_seed(SEED)
