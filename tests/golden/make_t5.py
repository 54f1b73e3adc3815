"""Makes tiny checkpoints of T5-like families and the answers of transformers to them: tiny-t5,
tiny-flan-t5, tiny-mt5, tiny-umt5. Also makes position-buckets.json.

usage: make_t5.py [NAME]...
"""
import random
import sys

import torch
import transformers
from transformers import GenerationConfig
from transformers.models.t5.modeling_t5 import T5Attention
from transformers.utils import logging

from make_bart_like import CASES, GENERATION_CONFIG
from make_tiny_bart import (HERE, choose_inputs, forward_goldens, save_config, save_tensors,
                            write_golden)
from reference import options_of, versions, write_json

PAD, EOS = 0, 1
SOURCE_LENGTHS = [1, 2, 9, 17, 45]  # the last one is longer than all max_distances
ENCODED = [1, 4]
TEACHER_FORCED = [2, 4]
TEACHER_FORCED_STEPS = 26

COMMON = dict(
    dropout_rate=0.1, pad_token_id=PAD, eos_token_id=EOS, decoder_start_token_id=PAD,
    is_encoder_decoder=True, torch_dtype="float32", layer_norm_epsilon=1e-6,
)

MODELS = {
    "tiny-t5": dict(  # heads a little wider than the model
        family="T5", seed=2, eos_bias=3.0,
        config=dict(COMMON, vocab_size=47, d_model=20, d_kv=7, num_heads=3, d_ff=37, num_layers=2,
                    num_decoder_layers=3, feed_forward_proj="relu", n_positions=60,
                    relative_attention_num_buckets=8, relative_attention_max_distance=20)),
    "tiny-flan-t5": dict(  # twice as wide
        family="T5", seed=1, eos_bias=4.0,
        config=dict(COMMON, vocab_size=53, d_model=18, d_kv=9, num_heads=4, d_ff=29, num_layers=3,
                    num_decoder_layers=2, feed_forward_proj="gated-gelu", dense_act_fn="gelu_new",
                    is_gated_act=True, tie_word_embeddings=False, n_positions=64,
                    relative_attention_num_buckets=13, relative_attention_max_distance=11)),
    "tiny-mt5": dict(  # heads narrower than the model; without the keys that have a default
        family="MT5", seed=2, eos_bias=2.0,
        config=dict(COMMON, vocab_size=41, d_model=21, d_kv=3, num_heads=5, d_ff=23, num_layers=2,
                    relative_attention_num_buckets=8, relative_attention_max_distance=20)),
    "tiny-umt5": dict(
        family="UMT5", seed=1, eos_bias=2.0,
        config=dict(COMMON, vocab_size=43, d_model=15, d_kv=6, num_heads=2, d_ff=19, num_layers=2,
                    num_decoder_layers=2, feed_forward_proj="gated-silu", n_positions=64,
                    relative_attention_num_buckets=8, relative_attention_max_distance=20)),
}


def random_t5(family, config, seed, eos_bias):
    """Random weights, large enough that sources give different texts, and that texts end: EOS
    matches a part that all embeddings have in common."""
    torch.manual_seed(seed)
    config_class = getattr(transformers, family + "Config")
    net = getattr(transformers, family + "ForConditionalGeneration")(config_class(**config)).eval()
    constant = 0.6 * torch.randn(config["d_model"])
    for name, p in net.named_parameters():
        noise = torch.randn_like(p)
        if "layer_norm" in name:  # random signs, or each token would repeat itself
            values = 0.1 * noise + torch.randint_like(p, 2) * 2 - 1
        elif "relative_attention_bias" in name:
            values = 1.5 * noise
        elif name == "shared.weight":
            values = 1.5 * noise + constant
        elif name == "lm_head.weight":
            values = 0.6 * noise
        elif name.endswith((".o.weight", ".wo.weight")):
            values = 0.8 * p.shape[1] ** -0.5 * noise
        elif name.endswith((".q.weight", ".k.weight")):
            values = 1.1 * p.shape[1] ** -0.5 * noise
        else:
            values = 1.1 * p.shape[1] ** -0.5 * noise
        p.data.copy_(values)
    seen = constant * net.decoder.final_layer_norm.weight.data
    if net.config.tie_word_embeddings:  # as hidden states are scaled
        seen = seen * config["d_model"] ** -0.5
    # A tied table is also the start token's embedding: a value near zero loses to the best token.
    tied = net.config.tie_word_embeddings
    net.lm_head.weight.data[PAD] *= 0.05 if tied else 0
    net.lm_head.weight.data[EOS] += eos_bias * seen / seen.square().sum()
    net.generation_config = GenerationConfig()
    return net


def stored_tensors(name, net):
    """Returns each table once; for tiny-mt5 under another name than `shared`, as in its files."""
    tensors, seen = {}, set()
    for tensor_name, tensor in net.state_dict().items():
        if tensor.data_ptr() in seen:
            continue
        seen.add(tensor.data_ptr())
        if name == "tiny-mt5" and tensor_name == "shared.weight":
            tensor_name = "encoder.embed_tokens.weight"
        tensors[tensor_name] = tensor.contiguous()
    return tensors


def cases_of(config):
    fixed = dict(decoder_start_token_id=PAD, pad_token_id=PAD, eos_token_id=EOS, bos_token_id=None)
    replace = lambda changes: {k: EOS if v == "eos" else v for k, v in changes.items()}
    return [(name, options_of(**fixed, **replace(changes))) for name, changes in CASES]


def make(name, family, config, seed, eos_bias):
    directory = HERE / name
    directory.mkdir(exist_ok=True)
    net = random_t5(family, config, seed, eos_bias)
    save_tensors(stored_tensors(name, net), directory / "model.safetensors")
    save_config(net.config.model_type, config, GENERATION_CONFIG, directory)
    cases = cases_of(config)
    rng = random.Random(seed)
    inputs, outputs, smallest = choose_inputs(net, config, cases, rng, SOURCE_LENGTHS)
    encoder, forced = forward_goldens(net, config, inputs, rng, ENCODED, TEACHER_FORCED,
                                      TEACHER_FORCED_STEPS)
    write_golden(directory, seed, smallest, inputs, encoder, forced, cases, outputs)


def make_buckets():
    """Stores runs of equal buckets over all distances: [first distance, bucket]."""
    entries = []
    for n, distance in [(32, 128), (8, 20), (13, 11), (4, 3), (16, 64), (64, 128), (32, 1000),
                        (24, 96), (10, 50), (128, 512), (32, 20), (5, 4096)]:
        for both in (True, False):
            last = 2 * distance + 3
            distances = torch.arange(-last, last + 1)
            buckets = T5Attention._relative_position_bucket(distances, both, n, distance).tolist()
            runs = [[-last, buckets[0]]]
            for d, bucket in zip(distances.tolist(), buckets):
                if bucket != runs[-1][1]:
                    runs.append([d, bucket])
            entries.append({"buckets": n, "max_distance": distance, "both": both, "last": last,
                            "runs": runs})
    write_json(HERE / "position-buckets.json", {"versions": versions(), "entries": entries})


if __name__ == "__main__":
    logging.set_verbosity_error()
    torch.set_num_threads(1)
    for name in sys.argv[1:] or list(MODELS) + ["position-buckets"]:
        if name == "position-buckets":
            make_buckets()
        else:
            make(name, **MODELS[name])
