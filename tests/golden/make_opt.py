"""Makes tiny-opt/, tiny-opt-post/ and tiny-opt-plain/: random checkpoints and the
answers of transformers to them.

usage: make_opt.py [tiny-opt|tiny-opt-post|tiny-opt-plain]...
"""
import sys

import torch
from transformers import GenerationConfig, OPTConfig, OPTForCausalLM
from transformers.utils import logging

from make_tiny_bart import save_tensors, write_plain
from make_tiny_gpt2 import CASES, EOS, HERE, PAD, write_golden

COMMON = dict(
    architectures=["OPTForCausalLM"], bos_token_id=EOS, eos_token_id=EOS, pad_token_id=PAD,
    torch_dtype="float32",
)

MODELS = {
    "tiny-opt": dict(  # as most of the family
        seed=1, eos_bias=3.0, prefix="model.",
        config=dict(COMMON, vocab_size=53, hidden_size=21, num_hidden_layers=2,
                    num_attention_heads=3, ffn_dim=37, max_position_embeddings=50,
                    activation_function="relu", do_layer_norm_before=True,
                    word_embed_proj_dim=21),
    ),
    "tiny-opt-post": dict(  # as OPT-350M
        seed=2, eos_bias=3.0, prefix="",
        config=dict(COMMON, vocab_size=61, hidden_size=20, num_hidden_layers=3,
                    num_attention_heads=4, ffn_dim=33, max_position_embeddings=45,
                    activation_function="relu", do_layer_norm_before=False,
                    word_embed_proj_dim=13),
    ),
    "tiny-opt-plain": dict(  # as Galactica and the first OPT files; embeddings wider than D
        seed=4, eos_bias=7.0, prefix="model.",
        config=dict(COMMON, vocab_size=47, hidden_size=15, num_hidden_layers=2,
                    num_attention_heads=5, ffn_dim=29, max_position_embeddings=48,
                    activation_function="gelu", do_layer_norm_before=True,
                    word_embed_proj_dim=22, _remove_final_layer_norm=True, enable_bias=False,
                    layer_norm_elementwise_affine=False, tie_word_embeddings=False),
    ),
}


def random_model(config, seed, eos_bias):
    """Random weights, large enough that prompts give different texts, and that texts end."""
    torch.manual_seed(seed)
    model = OPTForCausalLM(OPTConfig(**config)).eval()
    for name, p in model.named_parameters():
        noise = torch.randn_like(p)
        if "layer_norm" in name:
            values = 0.1 * noise
            if name.endswith("weight"):  # random signs, or each token would repeat itself
                values += torch.randint_like(p, 2) * 2 - 1
        elif name.endswith("bias"):
            values = 0.2 * noise
        elif "embed_positions" in name or "embed_tokens" in name or "lm_head" in name:
            values = 0.5 * noise
        elif "q_proj" in name or "k_proj" in name:  # attention that is far from uniform
            values = 2.0 * p.shape[1] ** -0.5 * noise
        else:
            values = 0.9 * p.shape[1] ** -0.5 * noise
        p.data.copy_(values)
    decoder = model.model.decoder
    if not config["do_layer_norm_before"]:
        constant = decoder.layers[-1].final_layer_norm.bias.data
    elif decoder.final_layer_norm is not None:
        constant = decoder.final_layer_norm.bias.data
    else:  # the residual stream: a part that all positions have
        constant = 0.5 * torch.randn(config["hidden_size"])
        decoder.embed_positions.weight.data += constant
    constant += 0.3 * constant.sign()
    with torch.no_grad():
        seen = constant if decoder.project_out is None else decoder.project_out(constant)
    model.lm_head.weight.data[PAD] = -6 * seen / seen.square().sum()
    model.lm_head.weight.data[EOS] += eos_bias * seen / seen.square().sum()
    model.generation_config = GenerationConfig()
    return model


def save_checkpoint(model, config, prefix, directory):
    """Names start with the prefix. A table that is both input and output is stored once."""
    directory.mkdir(exist_ok=True)
    tensors = {name: t.contiguous() for name, t in model.state_dict().items()}
    if config.get("tie_word_embeddings", True):
        del tensors["lm_head.weight"]
    tensors = {n.replace("model.", prefix, 1): t for n, t in tensors.items()}
    save_tensors(tensors, directory / "model.safetensors")
    write_plain(directory / "config.json", dict(model_type="opt", **config))
    write_plain(directory / "generation_config.json",
                dict(bos_token_id=EOS, eos_token_id=EOS, pad_token_id=PAD, **CASES[0][1]))


def make(name, config, seed, eos_bias, prefix):
    model = random_model(config, seed, eos_bias)
    save_checkpoint(model, config, prefix, HERE / name)
    write_golden(name, model, config, seed)


if __name__ == "__main__":
    logging.set_verbosity_error()
    torch.set_num_threads(1)
    for name in sys.argv[1:] or MODELS:
        make(name, **MODELS[name])
