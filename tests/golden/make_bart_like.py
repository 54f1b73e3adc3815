"""Makes tiny checkpoints of BART-like families and the answers of transformers to them:
tiny-marian, tiny-marian-separate, tiny-mbart, tiny-pegasus, tiny-blenderbot, tiny-m2m_100,
tiny-fsmt, tiny-fsmt-shared.

usage: make_bart_like.py [NAME]...
"""
import random
import sys

import torch
import transformers
from transformers.models.fsmt import modeling_fsmt
from transformers.models.m2m_100 import modeling_m2m_100
from transformers.utils import logging

from make_tiny_bart import (HERE, choose_inputs, forward_goldens, random_model, save_config,
                            save_tensors, write_golden)
from reference import options_of

SOURCE_LENGTHS = [1, 2, 5, 9, 17]
ENCODED = [0, 3]
TEACHER_FORCED = [1, 4]

GENERATION_CONFIG = dict(
    num_beams=3, max_length=22, min_length=4, length_penalty=1.5, early_stopping=True,
    no_repeat_ngram_size=3,
)

CASES = [
    ("generation_config.json", GENERATION_CONFIG),
    ("greedy", {}),
    ("greedy, max_new_tokens 8", dict(max_new_tokens=8)),
    ("greedy, min_length 9, bigrams", dict(min_length=9, no_repeat_ngram_size=2)),
    ("greedy, repetition_penalty 1.3", dict(repetition_penalty=1.3)),
    ("greedy, forced first and last token",
     dict(forced_bos_token_id=7, forced_eos_token_id="eos", max_length=10)),
    ("beam 2", dict(num_beams=2)),
    ("beam 4", dict(num_beams=4)),
    ("beam 4, length_penalty 2, 4 results",
     dict(num_beams=4, length_penalty=2.0, num_return_sequences=4)),
    ("beam 4, early_stopping", dict(num_beams=4, early_stopping=True)),
    ("beam 3, early_stopping never, length_penalty -1",
     dict(num_beams=3, early_stopping="never", length_penalty=-1.0)),
    ("beam 3, min_length 12, bigrams",
     dict(num_beams=3, min_length=12, no_repeat_ngram_size=2)),
    ("beam 3, repetition_penalty 1.3", dict(num_beams=3, repetition_penalty=1.3)),
    ("beam 4, forced first and last token, 2 results",
     dict(num_beams=4, forced_bos_token_id=9, forced_eos_token_id="eos", max_length=9,
          num_return_sequences=2)),
    ("beam 5, all rules",
     dict(num_beams=5, num_return_sequences=5, length_penalty=1.2, max_length=16, min_length=5,
          no_repeat_ngram_size=2, repetition_penalty=1.1, forced_bos_token_id=7,
          forced_eos_token_id="eos")),
]


def common(**changes):
    config = dict(
        vocab_size=47, d_model=20, max_position_embeddings=40, encoder_layers=2, decoder_layers=2,
        encoder_attention_heads=4, decoder_attention_heads=2, encoder_ffn_dim=27,
        decoder_ffn_dim=23, dropout=0.1, bos_token_id=0, pad_token_id=1, eos_token_id=2,
        forced_eos_token_id=None, tie_word_embeddings=True, is_encoder_decoder=True,
        scale_embedding=True, decoder_start_token_id=2, activation_function="gelu",
        torch_dtype="float32",
    )
    config.update(changes)
    return {key: value for key, value in config.items() if value != "absent"}


MARIAN = dict(  # as in converted Opus-MT models: padding last, and EOS first
    vocab_size=47, d_model=21, bos_token_id="absent", eos_token_id=0, pad_token_id=46,
    decoder_start_token_id=46, activation_function="swish", encoder_attention_heads=3,
    decoder_attention_heads=7, normalize_before=False, normalize_embedding=False,
    static_position_embeddings=True, add_final_layer_norm=False,
)

# generation: the additions of the family's generation_config.json. pad_bias makes the padding token
# likely, which Marian's files ban.
MODELS = {
    "tiny-marian": dict(
        family="Marian", model="MarianMTModel", seed=1, eos_bias=3.0, pad_bias=3.0,
        config=common(**MARIAN),
        generation=dict(bad_words_ids=[[46]], renormalize_logits=True, forced_eos_token_id=0)),
    "tiny-marian-separate": dict(
        family="Marian", model="MarianMTModel", seed=2, eos_bias=3.0, pad_bias=3.0,
        config=common(**{**MARIAN, "vocab_size": 53, "d_model": 18, "pad_token_id": 40,
                         "decoder_vocab_size": 41, "decoder_start_token_id": 40,
                         "decoder_attention_heads": 2, "activation_function": "relu",
                         "share_encoder_decoder_embeddings": False}),
        generation=dict(bad_words_ids=[[40]], forced_eos_token_id=0)),
    "tiny-mbart": dict(
        family="MBart", model="MBartForConditionalGeneration", seed=3, eos_bias=4.0,
        config=common(activation_function="gelu", normalize_before=True,
                      add_final_layer_norm=True, normalize_embedding=True),
        generation=dict(forced_bos_token_id=11, forced_eos_token_id=2)),
    "tiny-pegasus": dict(
        family="Pegasus", model="PegasusForConditionalGeneration", seed=4, eos_bias=4.0,
        config=common(bos_token_id="absent", pad_token_id=0, eos_token_id=1,
                      decoder_start_token_id=0, activation_function="relu",
                      static_position_embeddings=True),
        generation=dict(forced_eos_token_id=1)),
    "tiny-blenderbot": dict(
        family="Blenderbot", model="BlenderbotForConditionalGeneration", seed=11, eos_bias=4.0,
        config=common(pad_token_id=0, bos_token_id=1, decoder_start_token_id=1,
                      scale_embedding=True, encoder_no_repeat_ngram_size=0, encoder_layers=1,
                      decoder_layers=3),
        generation=dict(forced_eos_token_id=2)),
    "tiny-m2m_100": dict(
        family="M2M100", model="M2M100ForConditionalGeneration", seed=4, eos_bias=2.0,
        config=common(d_model=25, encoder_attention_heads=5, decoder_attention_heads=5,
                      activation_function="relu"),
        generation=dict(forced_bos_token_id=12)),
}


MODELS["tiny-fsmt"] = dict(
    family="FSMT", model="FSMTForConditionalGeneration", seed=7, eos_bias=3.0,
    config=common(vocab_size="absent", src_vocab_size=53, tgt_vocab_size=41, d_model=18,
                  encoder_attention_heads=3, activation_function="relu",
                  tie_word_embeddings=False, langs=["xx", "yy"]),
    generation=dict(forced_eos_token_id=2))
MODELS["tiny-fsmt-shared"] = dict(
    family="FSMT", model="FSMTForConditionalGeneration", seed=6, eos_bias=2.0,
    config=common(vocab_size="absent", src_vocab_size=47, tgt_vocab_size=47, d_model=21,
                  encoder_attention_heads=3, decoder_attention_heads=7, scale_embedding=False,
                  pad_token_id=5, activation_function="gelu", langs=["xx", "yy"]),
    generation=dict(forced_eos_token_id=2))


def fsmt_step(model, decoder_input_ids, past_key_values=None, attention_mask=None,
              encoder_outputs=None, use_cache=None, **kwargs):
    """Passes all ids to FSMT, which counts positions in them. generate 4.47 passes only the last
    one, so that every token would be at the first position."""
    return dict(input_ids=None, encoder_outputs=encoder_outputs, past_key_values=past_key_values,
                decoder_input_ids=decoder_input_ids, attention_mask=attention_mask,
                use_cache=use_cache)


def random_bart_like(family, model, config, seed, eos_bias, pad_bias=-8.0):
    torch.manual_seed(seed)
    config_class = getattr(transformers, family + "Config")
    net = getattr(transformers, model)(config_class(**config)).eval()
    if not config.get("share_encoder_decoder_embeddings", True):
        net.resize_decoder_token_embeddings(config["decoder_vocab_size"])  # as its converter does
    pre_norm = family not in ("Marian", "FSMT")
    random_model(net, config, position_scale=4.0 if family == "MBart" else 1.0,
                 residual_scale=1.5 if pre_norm else 0.6)
    pad, eos = config["pad_token_id"], config["eos_token_id"]
    if hasattr(net, "final_logits_bias"):
        bias = 0.5 * torch.randn(net.final_logits_bias.shape[1])
        bias[pad], bias[eos] = pad_bias, eos_bias
        net.final_logits_bias[0] = bias
    else:  # the last norm's bias does it
        decoder = net.model.decoder
        norm = decoder.layer_norm if pre_norm else decoder.layers[-1].final_layer_norm
        for token, value in ((pad, pad_bias), (eos, eos_bias)):
            row = net.get_output_embeddings().weight.data[token]
            norm.bias.data += value * row / row.square().sum()
    return net


def stored_tensors(net, config):
    """Returns what such files store: each table once, and no positions of Marian."""
    tensors, seen = {}, set()
    for name, tensor in net.state_dict().items():
        if name == "lm_head.weight" or tensor.data_ptr() in seen:
            continue
        if name in (net._keys_to_ignore_on_save or ()):
            continue
        seen.add(tensor.data_ptr())
        tensors[name] = tensor.contiguous()
    return tensors


def cases_of(config, generation):
    """All cases have Marian's ban of padding, and every other one its renormalization."""
    fixed = {key: config[key] for key in
             ("decoder_start_token_id", "pad_token_id", "eos_token_id")}
    fixed["bos_token_id"] = config.get("bos_token_id")
    cases = []
    for i, (name, changes) in enumerate(CASES):
        changes = {k: config["eos_token_id"] if v == "eos" else v for k, v in changes.items()}
        if "bad_words_ids" in generation:
            changes["bad_words_ids"] = generation["bad_words_ids"]
        if "renormalize_logits" in generation and i % 2:
            changes["renormalize_logits"] = True
        if i == 0:
            changes.update(generation)
        cases.append((name, options_of(**fixed, **changes)))
    return cases


def make(name, family, model, config, seed, generation, **biases):
    directory = HERE / name
    directory.mkdir(exist_ok=True)
    net = random_bart_like(family, model, config, seed, **biases)
    if name == "tiny-fsmt":  # as in most such models: all names, and two of them share a storage
        torch.save(net.state_dict(), directory / "pytorch_model.bin")
    else:
        save_tensors(stored_tensors(net, config), directory / "model.safetensors")
    save_config(net.config.model_type, config, {**GENERATION_CONFIG, **generation}, directory)
    cases = cases_of(config, generation)
    rng = random.Random(seed)
    inputs, outputs, smallest = choose_inputs(net, config, cases, rng, SOURCE_LENGTHS)
    encoder, forced = forward_goldens(net, config, inputs, rng, ENCODED, TEACHER_FORCED)
    write_golden(directory, seed, smallest, inputs, encoder, forced, cases, outputs)


if __name__ == "__main__":
    # Like synced_gpus in reference.py: Python 3.11 refuses this query in torch 1.13.
    modeling_m2m_100.is_fsdp_managed_module = lambda module: False
    transformers.FSMTForConditionalGeneration.prepare_inputs_for_generation = fsmt_step
    # The original converts to float, and the double precision of the goldens overflows there.
    modeling_fsmt.fill_with_neg_inf = lambda t: t.fill_(float("-inf"))
    logging.set_verbosity_error()
    torch.set_num_threads(1)
    for name in sys.argv[1:] or MODELS:
        make(name, **MODELS[name])
