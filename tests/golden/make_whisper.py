"""Makes tiny Whisper checkpoints, saved by transformers 5, and its answers to them.

usage: make_whisper.py [NAME]...      with transformers 5.24: checkpoints, golden.json, long.json
       make_whisper.py slow           with transformers 4.47.1: the tokenizer files of the slow
                                      tokenizer, for tiny-whisper-128

Windows are short, so that tests are fast: max_source_positions 50 (1 s) and 100 (2 s). Features and
sounds are made of integers by features() and sound(), which tests compute too. As in
make_families.py, every search runs again with noise of 1e-4 on the logits of each step, and inputs
whose outputs it changes are discarded.
"""
import json
import sys
from pathlib import Path

import numpy as np
import torch
import transformers
from transformers import (GenerationConfig, GenerationMixin, LogitsProcessor,
                          WhisperFeatureExtractor, WhisperForConditionalGeneration)
from transformers.generation.logits_process import WhisperTimeStampLogitsProcessor
from transformers.utils import logging

from goldens import (nine_digits, options_of, rows, sum_of_log_probs, versions, without_padding,
                     write_json)

HERE = Path(__file__).resolve().parent
N_INPUTS, STEPS = 4, 12
NOISE, REPEATS = 1e-4, 3
MERGES = ("t h|_ t|_ a|h e|i n|_t he|r e|o n|e r|_ s|a t|_ w|_ o|e n|o u|i t|i s|o r|_ b|e d|"
          "_ f|in g|_ p|_o f|a n|_a n|a r|e s|l l|_t o|_an d|_ in|o m|_ on|i c|l e|a s|_ is|"
          "v e").split("|")  # _: a blank

MODELS = {
    "tiny-whisper": dict(  # as whisper-tiny.en
        seed=6, eos_bias=2.4, time_bias=0.8, languages=[],
        no_speech="<|nocaptions|>", dtype="float32",
        config=dict(
            num_mel_bins=80, d_model=16, encoder_layers=2, decoder_layers=2,
            encoder_attention_heads=4, decoder_attention_heads=4, encoder_ffn_dim=64,
            decoder_ffn_dim=64, max_source_positions=50, max_target_positions=64)),
    "tiny-whisper-128": dict(  # as whisper-large-v3, with 5 languages
        seed=3, eos_bias=2.8, time_bias=0.6, languages=["en", "zh", "de", "es", "ru"],
        no_speech="<|nospeech|>", dtype="float16",
        config=dict(
            num_mel_bins=128, d_model=24, encoder_layers=3, decoder_layers=2,
            encoder_attention_heads=3, decoder_attention_heads=4, encoder_ffn_dim=37,
            decoder_ffn_dim=45, max_source_positions=100, max_target_positions=72)),
}


# ---- features and sounds that tests compute too --------------------------------------------------

def mixed(a, b, seed):
    """Returns 32 well mixed bits of three numbers; arrays of uint32."""
    with np.errstate(over="ignore"):
        x = (np.uint32(a) * np.uint32(0x9E3779B1) + np.uint32(b) * np.uint32(0x85EBCA77)
             + np.uint32(seed) * np.uint32(0xC2B2AE3D))
        x = (x ^ (x >> np.uint32(15))) * np.uint32(0x2C1B3C6D)
        x = (x ^ (x >> np.uint32(12))) * np.uint32(0x297A2D39)
        return x ^ (x >> np.uint32(15))


def features(seed, n_frames, n_mels):
    """Returns [n_frames, n_mels]: blocks of 8 x 8 of a common level, and noise, from -1 to 1.5."""
    t, c = np.meshgrid(np.arange(n_frames), np.arange(n_mels), indexing="ij")
    level, noise = mixed(t // 8, c // 8, seed) % np.uint32(128), mixed(t, c, seed) % np.uint32(32)
    return ((level + noise).astype(np.float32) - 64) / 64


def sound(seed, n_samples):
    """Returns samples at 16 kHz: sawtooths of 1/8 s, one of 4 of them silent, and noise."""
    i = np.arange(n_samples)
    tone = mixed(i // 2000, 1, seed)
    period = tone % np.uint32(120) + np.uint32(20)
    loudness = (tone >> np.uint32(8)) % np.uint32(4)
    saw = i % period * np.uint32(64) // period
    noise = mixed(i, 2, seed) % np.uint32(16)
    values = saw.astype(np.int64) * loudness * 100 + noise
    return (values / 32768).astype(np.float32)


# ---- tokens --------------------------------------------------------------------------------------

def byte_alphabet():
    """Returns GPT-2's characters for bytes, in the order of its vocabulary."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in printable]
    return [chr(b) for b in printable] + [chr(256 + i) for i in range(len(others))]


def merges():
    return [tuple(m.replace("_", "\u0120").split()) for m in MERGES]


class Tokens:
    """The layout of a vocabulary: bytes, merges, special tokens, timestamps."""

    def __init__(self, languages, no_speech, n_timestamps):
        self.text = byte_alphabet() + ["".join(pair) for pair in merges()]
        self.special = ["<|endoftext|>", "<|startoftranscript|>"]
        self.special += ["<|%s|>" % code for code in languages]
        self.special += ["<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>",
                         no_speech, "<|notimestamps|>"]
        self.times = ["<|%.2f|>" % (0.02 * i) for i in range(n_timestamps)]
        self.ids = {t: i for i, t in enumerate(self.text + self.special + self.times)}
        self.eot, self.sot = self.ids["<|endoftext|>"], self.ids["<|startoftranscript|>"]
        self.prev, self.no_speech = self.ids["<|startofprev|>"], self.ids[no_speech]
        self.no_times = self.ids["<|notimestamps|>"]
        self.tasks = {t: self.ids["<|%s|>" % t] for t in ("transcribe", "translate")}
        self.languages = {"<|%s|>" % code: self.ids["<|%s|>" % code] for code in languages}
        self.begin_suppressed = [self.ids["\u0120"], self.eot]
        self.suppressed = [self.ids[c] for c in "\"()*<>[]_{}~"]
        self.suppressed += [self.sot, *sorted(self.tasks.values()), self.ids["<|startoflm|>"],
                            self.prev, self.no_speech]

    def start(self, language=None, task="transcribe"):
        """Returns what follows the start token, without <|notimestamps|>."""
        if not self.languages:
            return []
        return [self.languages["<|%s|>" % language], self.tasks[task]]


def tokens_of(name):
    m = MODELS[name]
    return Tokens(m["languages"], m["no_speech"], m["config"]["max_source_positions"] + 1)


def add_tokens(tokenizer, t):
    from transformers import AddedToken
    tokenizer.add_special_tokens({"additional_special_tokens": t.special[1:]})
    tokenizer.add_tokens([AddedToken(time, lstrip=False, rstrip=False) for time in t.times])
    assert all(tokenizer.convert_tokens_to_ids(token) == i for token, i in t.ids.items())


def save_tokenizer(name, t):
    from transformers import WhisperTokenizer
    vocabulary = {token: i for token, i in t.ids.items() if i <= t.eot}
    tokenizer = WhisperTokenizer(vocab=vocabulary, merges=merges())
    add_tokens(tokenizer, t)
    tokenizer.save_pretrained(HERE / name)


def save_slow_tokenizer(name):
    """vocab.json, merges.txt, added_tokens.json and more, as transformers 4 saves them."""
    from transformers import WhisperTokenizer
    t = tokens_of(name)
    vocabulary = {token: i for token, i in t.ids.items() if i <= t.eot}
    (HERE / name / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False))
    lines = ["#version: 0.2"] + [" ".join(pair) for pair in merges()]
    (HERE / name / "merges.txt").write_text("\n".join(lines) + "\n")
    tokenizer = WhisperTokenizer(HERE / name / "vocab.json", HERE / name / "merges.txt")
    add_tokens(tokenizer, t)
    tokenizer.save_pretrained(HERE / name)


# ---- model ---------------------------------------------------------------------------------------

def random_values(name, p):
    """Values large enough that sounds give different texts."""
    noise = torch.randn_like(p)
    if "norm" in name:
        signs = torch.randint_like(p, 2) * 2 - 1  # or each token would repeat itself
        return 0.1 * noise + (signs if name.endswith("weight") else 0)
    if p.dim() == 1:
        return 0.2 * noise
    if "embed" in name:
        return (0.9 if "decoder.embed_positions" in name else 0.5) * noise
    fan_in = p[0].numel()
    if "q_proj" in name or "k_proj" in name:
        return 2.0 * fan_in**-0.5 * noise  # attention that is far from uniform
    return (1.5 if "conv" in name else 0.9) * fan_in**-0.5 * noise


def sinusoids(n, d):
    """The encoder's positions of Whisper: sines, then cosines."""
    scale = torch.exp(-np.log(10000) / (d // 2 - 1) * torch.arange(d // 2))
    angles = torch.arange(n)[:, None] * scale[None]
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def random_model(t, config, seed, eos_bias, time_bias, dtype):
    torch.manual_seed(seed)
    ids = dict(bos_token_id=t.eot if t.languages else t.sot, pad_token_id=t.eot, eos_token_id=t.eot,
               decoder_start_token_id=t.sot, begin_suppress_tokens=t.begin_suppressed)
    net = WhisperForConditionalGeneration(transformers.WhisperConfig(
        vocab_size=len(t.ids), **config, **ids)).eval()
    for name, p in net.named_parameters():
        p.data.copy_(random_values(name, p))
    encoder = net.model.encoder
    encoder.embed_positions.weight.data.copy_(
        0.5 * sinusoids(*encoder.embed_positions.weight.shape))
    constant = net.model.decoder.layer_norm.bias.data
    constant += 0.3 * constant.sign()
    unit = constant / constant.square().sum()
    head = net.get_output_embeddings().weight.data
    head -= head @ unit[:, None] * constant  # or a few tokens are always the likeliest
    head[t.eot] += eos_bias * unit
    head[t.no_times + 1:] += time_bias * unit
    head[t.sot:t.no_times + 1] -= 6 * unit  # rare
    head[t.no_speech] += 8 * unit
    net = net.to(getattr(torch, dtype))
    del ids["begin_suppress_tokens"]
    net.generation_config = GenerationConfig(**ids)
    return net


def generation_config(t, net):
    heads = [[net.config.decoder_layers - 1, h] for h in range(2)]
    document = {
        "alignment_heads": heads + [[0, 1]],
        "begin_suppress_tokens": t.begin_suppressed,
        "bos_token_id": net.config.bos_token_id,
        "decoder_start_token_id": t.sot,
        "eos_token_id": t.eot,
        "is_multilingual": bool(t.languages),
        "max_initial_timestamp_index": 20,
        "max_length": net.config.max_target_positions,
        "no_timestamps_token_id": t.no_times,
        "pad_token_id": t.eot,
        "prev_sot_token_id": t.prev,
        "return_timestamps": False,
        "suppress_tokens": t.suppressed,
        "transformers_version": transformers.__version__,
    }
    if t.languages:
        document.update(lang_to_id=t.languages, task_to_id=t.tasks)
    else:
        document["forced_decoder_ids"] = [[1, t.no_times]]
    return document


def save(name, net, t):
    net.save_pretrained(HERE / name)
    (HERE / name / "model.safetensors").chmod(0o644)
    text = json.dumps(generation_config(t, net), indent=2, sort_keys=True)
    (HERE / name / "generation_config.json").write_text(text + "\n")
    extractor = WhisperFeatureExtractor(feature_size=net.config.num_mel_bins,
                                        chunk_length=net.config.max_source_positions // 50)
    extractor.save_pretrained(HERE / name)
    path = HERE / name / "preprocessor_config.json"  # 5.24 may call it processor_config.json
    if not path.exists():
        path.write_text(json.dumps(extractor.to_dict(), indent=2, sort_keys=True) + "\n")
    if t.languages:
        return
    save_tokenizer(name, t)


# ---- searches ------------------------------------------------------------------------------------

class Noise(LogitsProcessor):
    def __init__(self, seed):
        self.generator = torch.Generator().manual_seed(seed)

    def __call__(self, input_ids, scores):
        return scores + NOISE * (torch.rand(scores.shape, generator=self.generator) - 0.5)


def cases_of(t, rng):
    """Returns names and options. Options that transformers has elsewhere: prefix is
    decoder_input_ids after the start token; the timestamp options are those of
    WhisperTimeStampLogitsProcessor."""
    start = t.start("de")
    times = dict(timestamp_begin_token_id=t.no_times + 1, no_timestamps_token_id=t.no_times,
                 max_initial_timestamp=20)
    common = dict(suppress_tokens=t.suppressed, begin_suppress_tokens=t.begin_suppressed,
                 max_new_tokens=30)
    beams = dict(common, num_beams=5, early_stopping=True)
    prompt = [int(i) for i in rng.integers(0, len(t.text), 7)]
    after = dict(decoder_start_token_id=t.prev, prefix=prompt + [t.sot] + start)
    other = t.start("es", "translate")
    return [
        ("greedy", dict(common, prefix=start + [t.no_times])),
        ("greedy, timestamps", dict(common, prefix=start, **times)),
        ("beam 5, 5 results", dict(beams, prefix=other + [t.no_times], num_return_sequences=5)),
        ("beam 5, timestamps, 3 results",
         dict(beams, prefix=start, num_return_sequences=3, **times)),
        ("beam 5, timestamps, length_penalty 0.6, any initial timestamp",
         dict(beams, prefix=start, length_penalty=0.6, **dict(times, max_initial_timestamp=-1))),
        ("prompt, greedy", dict(common, **{**after, "prefix": after["prefix"] + [t.no_times]})),
        ("prompt, beam 5, timestamps", dict(beams, **after, **times)),
    ]


TIME_OPTIONS = ("timestamp_begin_token_id", "no_timestamps_token_id", "max_initial_timestamp")


def complete(options, t):
    """Returns every option of a case; those of timestamps only if the case has them."""
    plain = {k: v for k, v in options.items() if k not in TIME_OPTIONS}
    ids = dict(bos_token_id=t.sot, pad_token_id=t.eot, eos_token_id=t.eot,
               decoder_start_token_id=t.sot)
    return {**options_of(**{**ids, **plain}),
            **{k: options[k] for k in TIME_OPTIONS if k in options}}


def processors(options, n_prompt, noise):
    """Noise, then the rules of timestamps: transformers puts them after those that suppress."""
    list_ = [Noise(noise)] if noise else []
    if "timestamp_begin_token_id" in options:
        config = GenerationConfig(eos_token_id=options["eos_token_id"])
        config.no_timestamps_token_id = options["no_timestamps_token_id"]
        most = options["max_initial_timestamp"]
        config.max_initial_timestamp_index = most if most >= 0 else None
        list_.append(WhisperTimeStampLogitsProcessor(config, begin_index=n_prompt))
    return list_


def search(net, window, options, noise=0):
    prompt = [options["decoder_start_token_id"]] + options["prefix"]
    plain = {k: v for k, v in options.items()
             if k not in TIME_OPTIONS + ("prefix", "num_beam_groups", "diversity_penalty")}
    out = GenerationMixin.generate(
        net, window, decoder_input_ids=torch.tensor([prompt]),
        generation_config=GenerationConfig(**plain), output_logits=True, output_scores=True,
        return_dict_in_generate=True,
        logits_processor=processors(options, len(prompt), noise))
    sequences = [without_padding(ids, options) for ids in out.sequences.tolist()]
    scores = (out.sequences_scores.tolist() if options["num_beams"] > 1
              else [sum_of_log_probs(out.logits, sequences[0])])
    return [{"ids": i, "score": nine_digits(s)} for i, s in zip(sequences, scores)]


def decode_all(net, window, cases):
    """Returns outputs of all cases, or None if rounding could change one."""
    outputs = []
    for _, options in cases:
        results = search(net, window, options)
        for seed in range(1, REPEATS + 1):
            again = search(net, window, options, seed)
            if [r["ids"] for r in again] != [r["ids"] for r in results]:
                return None
        outputs.append(results)
    return outputs


def window_of(net, seed):
    c = net.config
    values = torch.from_numpy(features(seed, 2 * c.max_source_positions, c.num_mel_bins))
    return values.T[None]  # [1, mels, frames]


def choose_inputs(net, cases, first):
    inputs, outputs, seed = [], [], first
    while len(inputs) < N_INPUTS:
        decoded = decode_all(net, window_of(net, seed), cases)
        if decoded:
            inputs.append(seed)
            outputs.append(decoded)
            for (name, _), results in zip(cases, decoded):
                print(seed, name, results[0]["ids"], flush=True)
        seed += 1
    return inputs, outputs


# ---- goldens -------------------------------------------------------------------------------------

@torch.no_grad()
def forward_goldens(net, t, inputs, rng):
    """Returns encoder output, logits, and first probabilities, in double precision."""
    net = net.double()
    encoder, forced, first = [], [], []
    for i, seed in enumerate(inputs):
        window = window_of(net, seed).double()
        logits = net(window, decoder_input_ids=torch.tensor([[t.sot]])).logits[0, -1]
        entry = {"input": i, "no_speech_prob": nine_digits(logits.softmax(0)[t.no_speech].item())}
        if t.languages:
            languages = logits[list(t.languages.values())].softmax(0).tolist()
            entry["languages"] = [nine_digits(p) for p in languages]
            config = generation_config_of(net, t)
            detected = net.detect_language(window, generation_config=config).item()
            assert detected == list(t.languages.values())[int(np.argmax(languages))]
            entry["language"] = detected
        first.append(entry)
        if i >= 2:
            continue
        hidden = net.get_encoder()(window).last_hidden_state[0]
        kept = list(range(i, len(hidden), 7))
        encoder.append({"input": i, "positions": kept, "rows": rows(hidden[kept])})
        ids = [t.sot] + [int(x) for x in rng.integers(0, net.config.vocab_size, STEPS - 1)]
        steps = net(window, decoder_input_ids=torch.tensor([ids])).logits[0]
        columns = list(range(i, net.config.vocab_size, 5))
        forced.append({"input": i, "decoder_ids": ids, "columns": columns,
                       "logits": rows(steps[:, columns])})
    return encoder, forced, first


def generation_config_of(net, t):
    config = GenerationConfig(**{k: v for k, v in generation_config(t, net).items()
                                 if k != "transformers_version"})
    return config


def long_form(net, t, name):
    """Sounds of 2.5 windows and more by Whisper's own generate(), which seeks by timestamps."""
    seconds = net.config.max_source_positions / 50
    extractor = WhisperFeatureExtractor.from_pretrained(HERE / name)
    cases = []
    for options in (dict(), dict(num_beams=5, early_stopping=True),
                    dict(condition_on_prev_tokens=True)):
        for seed, windows in ((1, 2.5), (2, 4.3)):
            n = int(windows * seconds * 16000)
            inputs = extractor(sound(seed, n), return_tensors="pt", truncation=False,
                               padding="longest", return_attention_mask=True, sampling_rate=16000)
            outputs = []
            for noise in range(1 + REPEATS):
                net.generation_config = generation_config_of(net, t)
                more = dict(language="de", task="transcribe") if t.languages else {}
                out = net.generate(
                    **inputs, return_timestamps=True, return_segments=True, max_new_tokens=24,
                    logits_processor=[Noise(noise)] if noise else [], **options, **more)
                outputs.append([{"start": round(float(s["start"]), 4),
                                 "end": round(float(s["end"]), 4),
                                 "ids": s["tokens"].tolist()} for s in out["segments"][0]])
            if any([s["ids"] for s in o] != [s["ids"] for s in outputs[0]] for o in outputs):
                print("long form: rounding decides:", seed, options)
                continue
            cases.append({"seed": seed, "samples": n, "frames": inputs.input_features.shape[-1],
                          "options": {**options, **more, "max_new_tokens": 24},
                          "segments": outputs[0]})
            print("long form", options, [(s["start"], s["end"], len(s["ids"]))
                                         for s in outputs[0]], flush=True)
    return cases


def make(name, seed, eos_bias, time_bias, languages, no_speech, dtype, config):
    t = tokens_of(name)
    rng = np.random.default_rng(seed)
    net = random_model(t, config, seed, eos_bias, time_bias, dtype)
    save(name, net, t)
    net = net.float()
    cases = [(case, complete(options, t)) for case, options in cases_of(t, rng)]
    inputs, outputs = choose_inputs(net, cases, 100 * seed)
    write_json(HERE / name / "long.json",
               {"versions": versions(), "cases": long_form(net, t, name)})
    encoder, forced, first = forward_goldens(net, t, inputs, rng)
    every = list(range(len(inputs)))
    write_json(HERE / name / "golden.json", {
        "versions": versions(),
        "seed": seed,
        "inputs": [[i] for i in inputs],
        "encoder": encoder,
        "teacher_forced": forced,
        "first": first,
        "cases": [
            {"name": case, "options": options, "inputs": every, "outputs": [o[i] for o in outputs]}
            for i, (case, options) in enumerate(cases)
        ],
    })


if __name__ == "__main__":
    logging.set_verbosity_error()
    torch.set_num_threads(1)
    if sys.argv[1:] == ["slow"]:
        save_slow_tokenizer("tiny-whisper-128")
    else:
        for model in sys.argv[1:] or MODELS:
            make(model, **MODELS[model])
