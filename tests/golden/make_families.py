"""Makes tiny checkpoints of more families, saved by transformers 5, and its answers to them.

usage: make_families.py [NAME]...

A golden is worth storing only if rounding cannot change it. Every search runs again with noise of
1e-4 on the logits of each step; inputs whose outputs it changes are discarded.
"""
import random
import sys
from pathlib import Path

import torch
import transformers
from transformers import GenerationConfig, LogitsProcessor
from transformers.utils import logging

from goldens import (nine_digits, options_of, rows, sum_of_log_probs, versions, without_padding,
                     write_json)

HERE = Path(__file__).resolve().parent
BOS, PAD, EOS = 0, 1, 2
LENGTHS = [1, 3, 8, 15]
TEACHER_FORCED = [1, 3]
STEPS = 10
NOISE, REPEATS = 1e-4, 3

IDS = dict(bos_token_id=BOS, pad_token_id=PAD, eos_token_id=EOS)

# Without early_stopping, version 5 ends a search earlier than 4.47.1, which elcl follows
# (docs/models.md): where that could decide, the cases have it.
CASES = [
    ("generation_config.json",
     dict(num_beams=4, max_length=24, no_repeat_ngram_size=3, early_stopping=True,
          length_penalty=0.8)),
    ("greedy", {}),
    ("greedy, max_new_tokens 9, repetition_penalty 1.3",
     dict(max_new_tokens=9, repetition_penalty=1.3)),
    ("beam 3, length_penalty 2, 3 results",
     dict(num_beams=3, length_penalty=2.0, num_return_sequences=3, early_stopping=True)),
    ("beam 4, forced last token, 2 results",
     dict(num_beams=4, forced_eos_token_id=EOS, max_length=20, num_return_sequences=2,
          early_stopping=True)),
    ("beam 5, min_length 19, bigrams",
     dict(num_beams=5, num_return_sequences=5, length_penalty=1.2, max_length=29, min_length=19,
          early_stopping=True, no_repeat_ngram_size=2, repetition_penalty=1.1)),
]

BART_LIKE = dict(
    vocab_size=47, d_model=20, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4,
    decoder_attention_heads=2, encoder_ffn_dim=37, decoder_ffn_dim=29)

MODELS = {
    "tiny-xglm": dict(
        model="XGLMForCausalLM", seed=1, eos_bias=3.0,
        config=dict(vocab_size=47, d_model=20, num_layers=2, attention_heads=4, ffn_dim=37,
                    max_position_embeddings=40)),
    "tiny-biogpt": dict(
        model="BioGptForCausalLM", seed=2, eos_bias=3.0,
        config=dict(vocab_size=47, hidden_size=20, num_hidden_layers=2, num_attention_heads=4,
                    intermediate_size=37, max_position_embeddings=40)),
    "tiny-openai-gpt": dict(
        model="OpenAIGPTLMHeadModel", seed=3, eos_bias=3.0,
        config=dict(vocab_size=47, n_embd=20, n_layer=3, n_head=4, n_positions=40)),
    "tiny-gpt_neo": dict(
        model="GPTNeoForCausalLM", seed=14, eos_bias=3.0,
        config=dict(vocab_size=47, hidden_size=20, num_layers=3, num_heads=4,
                    max_position_embeddings=40, window_size=4,
                    attention_types=[[["local", "global"], 1], [["local"], 1]])),
    "tiny-gpt_bigcode": dict(
        model="GPTBigCodeForCausalLM", seed=5, eos_bias=3.0,
        config=dict(vocab_size=47, n_embd=20, n_layer=2, n_head=4, n_positions=40, n_inner=37)),
    "tiny-gpt_bigcode-heads": dict(
        model="GPTBigCodeForCausalLM", seed=26, eos_bias=3.0,
        config=dict(vocab_size=47, n_embd=20, n_layer=2, n_head=4, n_positions=40,
                    multi_query=False)),
    "tiny-bloom": dict(  # the slopes of 5 heads are not a geometric series
        model="BloomForCausalLM", seed=7, eos_bias=3.0,
        config=dict(vocab_size=47, hidden_size=20, n_layer=2, n_head=5)),
    "tiny-mpt": dict(
        model="MptForCausalLM", seed=8, eos_bias=3.0,
        config=dict(vocab_size=47, d_model=20, n_layers=2, n_heads=4, max_seq_len=40)),
    "tiny-plbart": dict(
        model="PLBartForConditionalGeneration", seed=19, eos_bias=4.0,
        config=dict(BART_LIKE, max_position_embeddings=40, decoder_start_token_id=2)),
    "tiny-blenderbot-small": dict(
        model="BlenderbotSmallForConditionalGeneration", seed=20, eos_bias=1.0,
        config=dict(BART_LIKE, max_position_embeddings=40, scale_embedding=True)),
    "tiny-led": dict(  # sources longer than the window, which ends inside the last one
        model="LEDForConditionalGeneration", seed=11, eos_bias=4.0,
        config=dict(BART_LIKE, max_encoder_position_embeddings=40,
                    max_decoder_position_embeddings=30, attention_window=4)),
}


def is_norm(name):
    return any(part in name for part in ("ln_", "norm"))


def random_values(name, p):
    """Values large enough that sources give different texts."""
    noise = torch.randn_like(p)
    if is_norm(name):
        signs = torch.randint_like(p, 2) * 2 - 1  # or each token would repeat itself
        return 0.1 * noise + (signs if name.endswith("weight") else 0)
    if p.dim() == 1:
        return 0.2 * noise
    if "embed" in name or "wte" in name or "wpe" in name or "shared" in name:
        return 0.5 * noise
    fan_in = min(p.shape) if "c_attn" in name else p.shape[1]
    if any(part in name for part in ("q_proj", "k_proj", "query", "key", "c_attn", "Wqkv")):
        return 2.0 * fan_in**-0.5 * noise  # attention that is far from uniform
    return 0.9 * fan_in**-0.5 * noise


def last_norm(net):
    """Returns the weight and the bias (or None) of the norm before the output."""
    norms = [m for name, m in net.named_modules() if is_norm(name) and hasattr(m, "weight")
             and "encoder.layers" not in name]
    finals = [m for name, m in net.named_modules() if is_norm(name) and hasattr(m, "weight")
              and not any(c.isdigit() for c in name.replace("ln_f", "").replace("norm_f", ""))
              and "embed" not in name and "encoder" not in name]
    return (finals or norms)[-1]


def random_model(model, config, seed, eos_bias):
    """Returns a model with random weights whose texts end, without padding inside them."""
    torch.manual_seed(seed)
    network = getattr(transformers, model)
    net = network(network.config_class(**{**IDS, **config})).eval()
    for name, p in net.named_parameters():
        p.data.copy_(random_values(name, p))
    if hasattr(net, "final_logits_bias"):
        net.final_logits_bias[0] = 0.5 * torch.randn(net.final_logits_bias.shape[1])
        net.final_logits_bias[0][PAD], net.final_logits_bias[0][EOS] = -8.0, eos_bias
    else:
        constant = last_norm(net).bias
        if constant is None:  # the residual stream: a part that all positions have
            constant = 0.5 * torch.randn(config["d_model"])
            net.transformer.wte.weight.data += constant
            constant = constant * last_norm(net).weight.data
        else:
            constant = constant.data
            constant += 0.3 * constant.sign()
        head = net.get_output_embeddings().weight.data
        head[PAD] = -6 * constant / constant.square().sum()
        head[EOS] += eos_bias * constant / constant.square().sum()
    net.generation_config = GenerationConfig(**IDS)
    if net.config.model_type == "blenderbot-small":  # 5.24 forgets it there; 4.47.1 does not
        decoder = net.model.decoder
        decoder.layernorm_embedding.register_forward_pre_hook(
            lambda _, inputs: (inputs[0] * decoder.embed_scale,))
    return net


class Noise(LogitsProcessor):
    def __init__(self, seed):
        self.generator = torch.Generator().manual_seed(seed)

    def __call__(self, input_ids, scores):
        return scores + NOISE * (torch.rand(scores.shape, generator=self.generator) - 0.5)


def search(net, source, options, noise=0):
    options = {k: v for k, v in options.items()
               if k not in ("num_beam_groups", "diversity_penalty")}  # not in version 5
    source = torch.tensor([source])
    out = net.generate(input_ids=source, attention_mask=torch.ones_like(source),
                       logits_processor=[Noise(noise)] if noise else [], output_logits=True,
                       output_scores=True, return_dict_in_generate=True, **options)
    sequences = [without_padding(ids, options) for ids in out.sequences.tolist()]
    scores = (out.sequences_scores.tolist() if options["num_beams"] > 1
              else [sum_of_log_probs(out.logits, sequences[0])])
    return [{"ids": i, "score": nine_digits(s)} for i, s in zip(sequences, scores)]


def decode_all(net, source, cases):
    """Returns outputs of all cases, or None if rounding could change one."""
    outputs = []
    for _, options in cases:
        try:
            results = search(net, source, options)
        except AssertionError:  # the model chose the padding token, which looks like padding
            return None
        for seed in range(1, REPEATS + 1):
            again = search(net, source, options, seed)
            if [r["ids"] for r in again] != [r["ids"] for r in results]:
                return None
        outputs.append(results)
    return outputs


def random_source(net, length, rng):
    ids = [rng.randrange(3, net.config.vocab_size) for _ in range(length)]
    if net.config.is_encoder_decoder and length > 1:
        ids[-1] = EOS
    return ids


def choose_inputs(net, cases, rng):
    inputs, outputs = [], []
    for length in LENGTHS:
        decoded = None
        while decoded is None:
            source = random_source(net, length, rng)
            decoded = decode_all(net, source, cases)
        inputs.append(source)
        outputs.append(decoded)
        print("length %d: greedy %s" % (length, decoded[1][0]["ids"]), flush=True)
    return inputs, outputs


@torch.no_grad()
def forward_goldens(net, inputs, rng):
    """Returns encoder output and logits in double precision, one sentence at a time."""
    torch.set_default_dtype(torch.float64)
    net = net.double()
    encoder, forced = [], []
    for i in TEACHER_FORCED:
        v = net.config.vocab_size
        if net.config.is_encoder_decoder:
            source = torch.tensor([inputs[i]])
            ids = [net.config.decoder_start_token_id]
            ids += [rng.randrange(3, v) for _ in range(STEPS - 1)]
            hidden = net.get_encoder()(source).last_hidden_state[0]
            encoder.append({"input": i, "rows": rows(hidden[:len(inputs[i])])})
            logits = net(input_ids=source, decoder_input_ids=torch.tensor([ids])).logits[0]
        else:
            ids = inputs[i][-1:] + [rng.randrange(v) for _ in range(STEPS - 1)]
            logits = net(input_ids=torch.tensor([inputs[i][:-1] + ids])).logits[0]
            logits = logits[len(inputs[i]) - 1:]
        forced.append({"input": i, "decoder_ids": ids, "logits": rows(logits)})
    torch.set_default_dtype(torch.float32)
    return encoder, forced


def make(name, model, config, seed, eos_bias):
    net = random_model(model, config, seed, eos_bias)
    start = getattr(net.config, "decoder_start_token_id", None)
    fixed = dict(IDS, decoder_start_token_id=start if net.config.is_encoder_decoder else None)
    cases = [(case, options_of(**{**fixed, **changes})) for case, changes in CASES]
    rng = random.Random(seed)
    inputs, outputs = choose_inputs(net, cases, rng)
    if net.config.is_encoder_decoder:
        fixed["forced_eos_token_id"] = None
    net.generation_config = GenerationConfig(**fixed, **CASES[0][1])
    net.save_pretrained(HERE / name)
    (HERE / name / "model.safetensors").chmod(0o644)
    encoder, forced = forward_goldens(net, inputs, rng)
    every = list(range(len(inputs)))
    write_json(HERE / name / "golden.json", {
        "versions": versions(),
        "seed": seed,
        "inputs": inputs,
        **({"encoder": encoder} if encoder else {}),
        "teacher_forced": forced,
        "cases": [
            {"name": case, "options": options, "inputs": every, "outputs": [o[i] for o in outputs]}
            for i, (case, options) in enumerate(cases)
        ],
    })
    print("%s: %d cases" % (name, len(cases)), flush=True)


if __name__ == "__main__":
    logging.set_verbosity_error()
    torch.set_num_threads(1)
    for name in sys.argv[1:] or MODELS:
        make(name, **MODELS[name])
