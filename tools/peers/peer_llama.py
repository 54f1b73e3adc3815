"""Greedy generation by llama.cpp, on a GGUF file of an exported GPT-2.

llama.cpp's library has no beam search. All prompts of a batch are sequences of one context and
share each step. Keys and values are f32 with f32 weights, f16 otherwise.
"""

import os

import gguf
import llama_cpp
import numpy
import torch
from safetensors.torch import load_file

TYPES = {
    "f32": gguf.GGMLQuantizationType.F32,
    "f16": gguf.GGMLQuantizationType.F16,
    "bf16": gguf.GGMLQuantizationType.BF16,
    "int8": gguf.GGMLQuantizationType.Q8_0,
    "int4": gguf.GGMLQuantizationType.Q4_0,
}
LAYER = {
    "ln_1": "attn_norm",
    "attn.c_attn": "attn_qkv",
    "attn.c_proj": "attn_output",
    "ln_2": "ffn_norm",
    "mlp.c_fc": "ffn_up",
    "mlp.c_proj": "ffn_down",
}
OUTER = {"wte": "token_embd", "wpe": "position_embd", "ln_f": "output_norm"}


def renamed(name):
    """`transformer.h.0.attn.c_attn.weight` is `blk.0.attn_qkv.weight`."""
    stem, kind = name.removeprefix("transformer.").rsplit(".", 1)
    if stem in OUTER:
        return f"{OUTER[stem]}.{kind}"
    _, layer, inner = stem.split(".", 2)
    return f"blk.{layer}.{LAYER[inner]}.{kind}"


def convert(directory, config, kind, path):
    """Writes matrices in `kind`, vectors and positions in f32, and no vocabulary.

    With q4_0 the embeddings, which are the head as well, are q8_0: elcl's int4 has them in int8.
    """
    writer = gguf.GGUFWriter(path, "gpt2")
    writer.add_context_length(config["n_positions"])
    writer.add_embedding_length(config["n_embd"])
    writer.add_block_count(config["n_layer"])
    writer.add_feed_forward_length(4 * config["n_embd"])
    writer.add_head_count(config["n_head"])
    writer.add_layer_norm_eps(config.get("layer_norm_epsilon", 1e-5))
    writer.add_vocab_size(config["vocab_size"])
    writer.add_tokenizer_model("none")
    for name, tensor in load_file(os.path.join(directory, "model.safetensors")).items():
        if name == "lm_head.weight":
            continue  # the embeddings again
        values = tensor.to(torch.float32).numpy()
        new = renamed(name)
        if new.startswith("blk.") and values.ndim == 2:
            values = numpy.ascontiguousarray(values.T)
        store = kind if values.ndim == 2 and name.find("wpe") < 0 else TYPES["f32"]
        if store == TYPES["int4"] and name.find("wte") >= 0:
            store = TYPES["int8"]
        writer.add_tensor(new, gguf.quants.quantize(values, store), raw_dtype=store)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def make_context(args, path):
    quiet = llama_cpp.llama_log_callback(lambda level, text, user: None)
    llama_cpp.llama_log_set(quiet, None)
    llama_cpp.llama_backend_init()
    model = llama_cpp.llama_model_load_from_file(
        path.encode(), llama_cpp.llama_model_default_params()
    )
    if not model:
        raise SystemExit(f"llama.cpp does not load {path}")
    p = llama_cpp.llama_context_default_params()
    each = -(-(args.source + args.new) // 256) * 256  # llama.cpp pads contexts to 256 tokens
    p.n_ctx = args.batch * each
    p.n_batch = args.batch * max(args.source, 1)
    p.n_ubatch = min(p.n_batch, 512)
    p.n_seq_max = args.batch
    p.n_threads = p.n_threads_batch = args.threads
    if args.type == "f32":
        p.type_k = p.type_v = int(TYPES["f32"])
    context = llama_cpp.llama_init_from_model(model, p)
    if not context:
        raise SystemExit("llama.cpp creates no context")
    return context, (model, quiet)


def put(batch, rows, first):
    """Adds tokens of each sequence from position `first` on; requests logits of the last ones."""
    n = 0
    for sequence, tokens in enumerate(rows):
        for i, token in enumerate(tokens):
            batch.token[n] = token
            batch.pos[n] = first + i
            batch.n_seq_id[n] = 1
            batch.seq_id[n][0] = sequence
            batch.logits[n] = i == len(tokens) - 1
            n += 1
    batch.n_tokens = n


def runner(args, config, sources):
    """A function that generates once and returns all ids, and a dict about the program."""
    if args.beams != 1:
        raise SystemExit("llama.cpp has no beam search")
    if config["model_type"] != "gpt2":
        raise SystemExit("the conversion to GGUF is only for gpt2")
    path = os.path.join(args.keep, f"{args.type}.gguf")
    if not os.path.exists(path):
        convert(args.directory, config, TYPES[args.type], path + ".part")
        os.rename(path + ".part", path)
    context, kept = make_context(args, path)
    vocabulary = config["vocab_size"]
    batch = llama_cpp.llama_batch_init(args.batch * args.source, 0, 1)

    def step(rows, first):
        put(batch, rows, first)
        if llama_cpp.llama_decode(context, batch):
            raise SystemExit("llama_decode failed")
        chosen = []
        last = -1
        for tokens in rows:
            last += len(tokens)
            logits = llama_cpp.llama_get_logits_ith(context, last)
            chosen.append(int(numpy.ctypeslib.as_array(logits, (vocabulary,)).argmax()))
        return chosen

    def run(kept=kept):
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(context), True)
        results = [list(row) for row in sources]
        rows = sources
        for i in range(args.new):
            chosen = step(rows, 0 if i == 0 else args.source + i - 1)
            rows = [[token] for token in chosen]
            for ids, token in zip(results, chosen):
                ids.append(token)
        return results

    return run, {"llama-cpp-python": llama_cpp.__version__}
