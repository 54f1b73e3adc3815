"""Makes golden/gguf: GGUF files as llama.cpp's converter names their tensors and keys, and the
answers of transformers to the weights that they hold.

usage: make_gguf.py      with gguf (PyPI) beside the packages of make_t5.py

t5.gguf       the first T5: f32, tied output, a small vocabulary
flan.gguf     Flan-T5: each matrix in another type, an output table of its own
gpt2.gguf     the weights of tiny-gpt2, without a tokenizer
pieces.gguf   only the tokenizer of pieces/t5
bytes.gguf    only the tokenizer of tokenizer/a
seeds/gguf    a file with each kind of value and type of element
"""
import json
import random
import struct
import sys

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Type
from gguf import TokenType
from gguf.quants import dequantize, quantize
from safetensors.numpy import load_file
from sentencepiece import sentencepiece_model_pb2 as model_pb2

from make_bart_like import CASES
from make_t5 import COMMON, PAD, EOS, random_t5, stored_tensors
from make_tiny_bart import HERE, choose_inputs, forward_goldens, write_golden
from reference import options_of

OUT = HERE / "gguf"
SEED = HERE / ".." / "fuzz" / "seeds" / "gguf"
SOURCE_LENGTHS = [1, 2, 9, 40]  # the last one is longer than the exact distances
SIZES = dict(COMMON, vocab_size=64, d_model=32, d_kv=16, num_heads=2, d_ff=32, n_positions=60,
             relative_attention_num_buckets=8, relative_attention_max_distance=128)
MODELS = {
    "t5": dict(seed=3, eos_bias=3.0, config=dict(
        SIZES, num_layers=1, num_decoder_layers=2, feed_forward_proj="relu")),
    "flan": dict(seed=4, eos_bias=4.0, config=dict(
        SIZES, num_layers=2, num_decoder_layers=1, feed_forward_proj="gated-gelu",
        dense_act_fn="gelu_new", is_gated_act=True, tie_word_embeddings=False)),
}
# The types of flan.gguf by the ends of transformers' names; norms and biases are f32.
TYPES = {"shared": Type.Q8_0, "lm_head": Type.F16, ".q": Type.Q4_0, ".k": Type.Q8_0,
         ".v": Type.BF16, ".o": Type.Q4_0, "wi_0": Type.Q4_0, "wi_1": Type.Q5_1, "wo": Type.Q5_0}

T5_NAMES = (  # in the order of replacement
    ("shared", "token_embd"), ("lm_head", "output"), ("encoder.", "enc."), ("decoder.", "dec."),
    ("final_layer_norm", "output_norm"), ("block.", "blk."),
    ("layer.0.SelfAttention.relative_attention_bias", "attn_rel_b"),
    ("layer.0.SelfAttention.", "attn_"), ("layer.0.layer_norm", "attn_norm"),
    ("layer.1.EncDecAttention.", "cross_attn_"))


def t5_name(name):
    decoder = name.startswith("decoder")
    for old, new in T5_NAMES:
        name = name.replace(old, new)
    if decoder:
        name = name.replace("layer.1.layer_norm", "cross_attn_norm").replace("layer.2.", "layer.1.")
    name = name.replace("layer.1.layer_norm", "ffn_norm")
    for old, new in (("wi_0", "gate"), ("wi_1", "up"), ("wi", "up"), ("wo", "down")):
        name = name.replace("layer.1.DenseReluDense." + old + ".", "ffn_" + new + ".")
    return name


def type_of(name):
    stem = name.removesuffix(".weight")
    return next((kind for end, kind in TYPES.items() if stem.endswith(end)), Type.F32)


def quantize_weights(net):
    """Replaces the weights by what their types of elements hold."""
    for name, p in net.named_parameters():
        kind = type_of(name)
        if kind != Type.F32:
            stored = quantize(p.detach().numpy(), kind)
            p.data.copy_(torch.from_numpy(dequantize(stored, kind).reshape(p.shape).copy()))


# ---- tokenizers ---------------------------------------------------------------------------------

def add_vocabulary(w, model, tokens, types, scores=None):
    w.add_tokenizer_model(model)
    w.add_tokenizer_pre("gpt-2" if model == "gpt2" else "default")
    w.add_token_list(tokens)
    if scores:
        w.add_token_scores(scores)
    w.add_token_types(types)


def add_pieces(w, proto, size):
    """A SentencePiece model, and holes up to the size of the table."""
    tokens = [p.piece.encode() for p in proto.pieces]
    types = [p.type for p in proto.pieces]
    scores = [p.score for p in proto.pieces]
    for i in range(len(tokens), size):
        tokens.append(b"[PAD%d]" % i)
        types.append(TokenType.UNUSED)
        scores.append(-10000.0)
    add_vocabulary(w, "t5", tokens, types, scores)
    w.add_add_space_prefix(proto.normalizer_spec.add_dummy_prefix)
    w.add_remove_extra_whitespaces(proto.normalizer_spec.remove_extra_whitespaces)
    if proto.normalizer_spec.precompiled_charsmap:
        w.add_precompiled_charsmap(proto.normalizer_spec.precompiled_charsmap)
    w.add_eos_token_id(EOS)
    w.add_pad_token_id(PAD)


def small_model():
    """Pieces of one or two letters."""
    proto = model_pb2.ModelProto()
    pieces = [("<pad>", 0, 3), ("</s>", 0, 3), ("<unk>", 0, 2)]
    pieces += [(c, -3 - 0.1 * i, 1) for i, c in enumerate("\u2581abcdefghijklmnopqrstuvwxyz.,")]
    pieces += [(p, -2 - 0.1 * i, 1) for i, p in enumerate(["\u2581a", "\u2581t", "he", "in", "er"])]
    for piece, score, kind in pieces:
        proto.pieces.add(piece=piece, score=score, type=kind)
    proto.normalizer_spec.add_dummy_prefix = True
    proto.normalizer_spec.remove_extra_whitespaces = True
    return proto


# ---- files --------------------------------------------------------------------------------------

def write(w):
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def add_tensor(w, name, values, kind=Type.F32):
    values = np.ascontiguousarray(values)
    if kind in (Type.F32, Type.F16):
        w.add_tensor(name, values.astype(np.float32 if kind == Type.F32 else np.float16))
    else:
        w.add_tensor(name, quantize(values, kind), raw_dtype=kind)


def add_sizes(w, config):
    w.add_context_length(config["n_positions"])
    w.add_embedding_length(config["d_model"])
    w.add_feed_forward_length(config["d_ff"])
    w.add_block_count(config["num_layers"])
    if config["num_layers"] != config["num_decoder_layers"]:
        w.add_decoder_block_count(config["num_decoder_layers"])
    w.add_head_count(config["num_heads"])
    w.add_key_length(config["d_kv"])
    w.add_value_length(config["d_kv"])
    w.add_layer_norm_eps(config["layer_norm_epsilon"])
    w.add_relative_attn_buckets_count(config["relative_attention_num_buckets"])
    w.add_layer_norm_rms_eps(config["layer_norm_epsilon"])
    w.add_decoder_start_token_id(PAD)


def make_t5(name, seed, eos_bias, config):
    net = random_t5("T5", config, seed, eos_bias)
    mixed = name == "flan"
    if mixed:
        quantize_weights(net)
    w = gguf.GGUFWriter(OUT / (name + ".gguf"), "t5")
    w.add_name(name)
    add_sizes(w, config)
    add_pieces(w, small_model(), config["vocab_size"])
    for tensor, values in stored_tensors(name, net).items():
        add_tensor(w, t5_name(tensor), values.numpy(), type_of(tensor) if mixed else Type.F32)
    write(w)
    fixed = dict(decoder_start_token_id=PAD, pad_token_id=PAD, eos_token_id=EOS, bos_token_id=None)
    cases = [(case, options_of(**fixed, **{k: EOS if v == "eos" else v for k, v in change.items()}))
             for case, change in CASES[1:]]
    rng = random.Random(seed)
    inputs, outputs, smallest = choose_inputs(net, config, cases, rng, SOURCE_LENGTHS)
    encoder, forced = forward_goldens(net, config, inputs, rng, [1, 3], [2, 3], 8)
    write_golden(OUT, seed, smallest, inputs, encoder, forced, cases, outputs)
    (OUT / "golden.json").rename(OUT / (name + ".json"))


GPT2_NAMES = {"wte": "token_embd", "wpe": "position_embd", "ln_f": "output_norm",
              "ln_1": "attn_norm", "attn.c_attn": "attn_qkv", "attn.c_proj": "attn_output",
              "ln_2": "ffn_norm", "mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down"}


def make_gpt2():
    config = json.loads((HERE / "tiny-gpt2" / "config.json").read_text())
    w = gguf.GGUFWriter(OUT / "gpt2.gguf", "gpt2")
    w.add_context_length(config["n_positions"])
    w.add_embedding_length(config["n_embd"])
    w.add_block_count(config["n_layer"])
    w.add_feed_forward_length(4 * config["n_embd"])
    w.add_head_count(config["n_head"])
    w.add_layer_norm_eps(config["layer_norm_epsilon"])
    w.add_tokenizer_model("none")
    w.add_eos_token_id(config["eos_token_id"])
    w.add_bos_token_id(config["bos_token_id"])
    w.add_pad_token_id(config["pad_token_id"])
    for name, values in load_file(HERE / "tiny-gpt2" / "model.safetensors").items():
        if name.endswith((".attn.bias", ".attn.masked_bias")):
            continue
        stem, kind = name.rsplit(".", 1)
        layer = ""
        if stem.startswith("h."):
            _, number, stem = stem.split(".", 2)
            layer = "blk.%s." % number
        if layer and values.ndim == 2:
            values = values.T
        add_tensor(w, layer + GPT2_NAMES[stem] + "." + kind, values)
    write(w)


def make_pieces():
    proto = model_pb2.ModelProto()
    proto.ParseFromString((HERE / "pieces" / "t5" / "spiece.model").read_bytes())
    w = gguf.GGUFWriter(OUT / "pieces.gguf", "t5")
    add_pieces(w, proto, len(proto.pieces) + 128)
    write(w)


def make_bytes():
    directory = HERE / "tokenizer" / "a"
    vocabulary = json.loads((directory / "vocab.json").read_text(encoding="utf-8"))
    lines = (directory / "merges.txt").read_text(encoding="utf-8").splitlines()
    w = gguf.GGUFWriter(OUT / "bytes.gguf", "gpt2")
    tokens = sorted(vocabulary, key=vocabulary.get)
    add_vocabulary(w, "gpt2", tokens, [
        TokenType.CONTROL if t == "<|endoftext|>" else TokenType.NORMAL for t in tokens])
    w.add_token_merges([line for line in lines if line and not line.startswith("#version")])
    w.add_eos_token_id(vocabulary["<|endoftext|>"])
    w.add_bos_token_id(vocabulary["<|endoftext|>"])
    write(w)


# ---- the seed -----------------------------------------------------------------------------------

def large_block():
    """A q6_K block: element i is 1/2 of (i / 16 % 5 - 2) times (7 i % 64 - 32)."""
    q = np.arange(256) * 7 % 64
    low, high = (q & 15).reshape(2, 4, 32), (q >> 4).reshape(2, 4, 32)
    parts = [(low[:, :2] | low[:, 2:] << 4).astype(np.uint8),
             sum(high[:, i] << 2 * i for i in range(4)).astype(np.uint8),
             (np.arange(16) % 5 - 2).astype(np.int8), np.float16(0.5)]
    block = np.frombuffer(b"".join(p.tobytes() for p in parts), np.uint8).reshape(1, -1)
    want = 0.5 * (np.arange(256) // 16 % 5 - 2) * (q - 32)
    assert np.array_equal(dequantize(block, Type.Q6_K)[0], want.astype(np.float32))
    return block


def make_seed():
    """One layer whose matrices [1, 32] hold multiples of 1/2 as each type has them."""
    SEED.mkdir(exist_ok=True)
    w = gguf.GGUFWriter(SEED / "small.gguf", "t5")
    add_sizes(w, dict(n_positions=4, d_model=32, d_ff=1, num_layers=1, num_decoder_layers=2,
                      num_heads=1, d_kv=1, layer_norm_epsilon=1e-6,
                      relative_attention_num_buckets=8))
    proto = small_model()
    proto.normalizer_spec.precompiled_charsmap = struct.pack("<II", 4, 0)
    del proto.pieces[10:]
    add_pieces(w, proto, 112)
    for kind in ("uint8", "int8", "uint16", "int16", "uint64", "int64", "float64", "bool"):
        getattr(w, "add_" + kind)("test." + kind, 1)
    w.add_array("test.numbers", [1, 2, 3])
    w.add_tensor("enc.blk.0.ffn_norm.weight", np.zeros((1, 144), np.uint8), raw_dtype=Type.Q4_K)
    w.add_tensor("dec.blk.0.attn_q.weight", large_block(), raw_dtype=Type.Q6_K)
    for name, kind in (("attn_q", Type.Q4_0), ("attn_k", Type.Q4_1), ("attn_v", Type.Q5_0),
                       ("attn_o", Type.Q5_1), ("ffn_up", Type.Q8_0), ("ffn_gate", Type.BF16),
                       ("ffn_down", Type.F16), ("attn_norm", Type.F32)):
        levels = 32 if kind == Type.Q5_1 else 16
        row = np.arange(32, dtype=np.float32) % levels - levels // 2
        add_tensor(w, "enc.blk.0.%s.weight" % name, row.reshape(1, 32) / 2, kind)
    w.add_tensor("token_embd.weight", np.zeros((112, 1), np.float32))
    write(w)
    v = gguf.GGUFWriter(SEED / "bytes.gguf", "gpt2")
    add_vocabulary(v, "gpt2", ["a", "b", "ab", "<e>", "[PAD4]"],
                   [TokenType.NORMAL] * 3 + [TokenType.CONTROL, TokenType.UNUSED])
    v.add_token_merges(["a b"])
    v.add_eos_token_id(3)
    write(v)


if __name__ == "__main__":
    torch.set_num_threads(1)
    OUT.mkdir(exist_ok=True)
    for each in sys.argv[1:] or list(MODELS):
        make_t5(each, **MODELS[each])
    make_gpt2()
    make_pieces()
    make_bytes()
    make_seed()
