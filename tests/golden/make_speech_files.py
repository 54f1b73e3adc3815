"""Runs faster-whisper's walk through a long file over a decoder that makes up its answers, and
writes what was asked, what was answered and which segments came out of it.

    python tests/golden/make_speech_files.py tests/golden/speech/files.txt

Needs faster-whisper 1.2.1. tests/unit/test_speech_file.c replays the file. Tokens 1 .. 99 are
words, 0 is a blank; the special tokens are those of the class Tokenizer below.
"""
import logging
import random
import sys
from types import SimpleNamespace

import numpy
from faster_whisper.transcribe import TranscriptionOptions, WhisperModel

EOT, SOT, EN, TRANSCRIBE, PREV, NO_TIMESTAMPS, BEGIN = 100, 101, 102, 104, 106, 108, 109


class Tokenizer:
    eot, sot, sot_prev, no_timestamps, timestamp_begin = EOT, SOT, PREV, NO_TIMESTAMPS, BEGIN
    sot_sequence = [SOT, EN, TRANSCRIBE]

    def encode(self, text):
        return [int(word[1:]) for word in text.split()]

    def decode(self, ids):
        return "".join(" " if i == 0 else f" w{i}" for i in ids if i < EOT)


def joined(ids):
    return " ".join(map(str, ids))


def words(rng, n):
    return [rng.randint(1, 99) for _ in range(n)]


def answer(rng, kind):
    """Tokens as the rules of timestamps allow them, and some that repeat or are blank."""
    n = rng.randint(1, 9)
    at = rng.randint(0, 50)
    if kind == "none":
        return words(rng, n)
    if kind == "repeats":
        return [BEGIN] + [7] * 120 + [BEGIN + 900]
    ids = [BEGIN + at] + (words(rng, n) if kind != "blank" else [0])
    for _ in range(rng.randint(0, 4)):
        at += rng.randint(0 if kind == "instant" else 20, 250)
        ids += [BEGIN + min(at, 1500)] * 2 + words(rng, rng.randint(1, 9))
    at = min(1500, at + rng.randint(0, 300))
    return ids + {"pair": [BEGIN + at] * 2, "open": []}.get(kind, [BEGIN + at])


class Decoder:
    """Stands for ctranslate2.models.Whisper."""

    def __init__(self, rng, out, timestamps):
        self.rng, self.out, self.timestamps = rng, out, timestamps

    def generate(self, seek, prompts, **options):
        rng = self.rng
        kinds = ["single"] * 4 + ["pair"] * 4 + ["open", "none", "repeats", "blank", "instant"]
        ids = answer(rng, rng.choice(kinds) if self.timestamps else "none")
        total = round(-rng.choice([0.2, 0.3, 0.7, 1.3, 1.5]) * (len(ids) + 1), 4)
        no_speech = rng.choice([0.01, 0.1, 0.3, 0.5, 0.7])
        temperature = options.get("sampling_temperature", 0)
        self.out.append(f"ask {int(seek)} {temperature:g} {joined(prompts[0])}")
        self.out.append(f"answer {total:g} {no_speech:g} {joined(ids)}")
        return [SimpleNamespace(sequences_ids=[ids], scores=[total / len(ids)],
                                no_speech_prob=no_speech)]


def model_for(decoder):
    model = object.__new__(WhisperModel)
    model.feature_extractor = SimpleNamespace(time_per_frame=0.01, nb_max_frames=3000)
    model.frames_per_second, model.tokens_per_second = 100, 50
    model.time_precision, model.input_stride, model.max_length = 0.02, 2, 448
    model.logger = logging.getLogger()
    model.model = decoder
    model.encode = lambda segment: segment[0, 0]
    return model


def run(rng, out, frames, given):
    options = dict.fromkeys(TranscriptionOptions.__dataclass_fields__)
    options.update(
        beam_size=5, best_of=5, patience=1, length_penalty=1, log_prob_threshold=-1.0,
        no_speech_threshold=0.6, compression_ratio_threshold=2.4, clip_timestamps="0",
        condition_on_previous_text=True, prompt_reset_on_temperature=0.5,
        temperatures=[0.0, 0.2, 0.4, 0.6, 0.8, 1.0], without_timestamps=False,
        max_initial_timestamp=1.0, word_timestamps=False)
    options.update(given)
    out.append(f"file {frames}")
    for name, value in given.items():
        out.append(f"option {name} {'nan' if value is None else value}".replace("[0.0]", "0"))
    features = numpy.arange(frames + 1, dtype="float32")[None]
    model = model_for(Decoder(rng, out, not options["without_timestamps"]))
    options = TranscriptionOptions(**options)
    for s in model.generate_segments(features, Tokenizer(), options, False):
        out.append(f"segment {s.seek} {s.start:.6f} {s.end:.6f} {s.temperature:g} "
                   f"{s.avg_logprob:.6f} {s.compression_ratio:.6f} {s.no_speech_prob:g} "
                   f"{joined(s.tokens)}")
    out.append("end")


def main():
    rng = random.Random(18)
    out = []
    for given in [{}, {}, {}, {}, {"condition_on_previous_text": False},
                  {"without_timestamps": True}, {"initial_prompt": "w1 w2 w3"},
                  {"hotwords": "w4 w5"}, {"prefix": "w6 w7"},
                  {"prefix": "w6 w7", "hotwords": "w4", "initial_prompt": "w1"},
                  {"no_speech_threshold": None}, {"log_prob_threshold": None},
                  {"compression_ratio_threshold": None}, {"temperatures": [0.0]},
                  {"initial_prompt": "w1 " * 300, "hotwords": "w4 " * 30}]:
        run(rng, out, rng.choice([900, 2999, 3000, 3001, 6100, 9000]), given)
    out = [line.rstrip() for line in out]
    open(sys.argv[1], "w").write("\n".join(out) + "\n")


main()
