"""Makes words.json: the times of words, by openai-whisper's and faster-whisper's functions.

usage: make_words.py
       make_words.py compare ELCL MODEL SOUND...     words of `elcl transcribe` beside those of
                                                     faster-whisper; MODEL: of CTranslate2

paths: rows of attention that test_words.c makes from the same seed, and the states at which tokens
begin, by openai-whisper's median filter and dynamic time warping. models: words of tokens that the
tiny Whisper checkpoints of transformers read beside made-up encoder outputs. windows: made-up
tokens (pieces of bytes, in hexadecimal), the states at which they begin, their probabilities and
segments, and what faster-whisper's add_word_timestamps() makes of them.
"""
import json
import random
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import WhisperModel
from transformers import AutoTokenizer, WhisperForConditionalGeneration
from whisper.timing import dtw_cpu, median_filter

HERE = Path(__file__).resolve().parent
EOT = 1000  # and the other special tokens after it
BEFORE = "\"'“¿([{-"
AFTER = "\"'.\u3002,\uff0c!\uff01?\uff1f:\uff1a”)]}\u3001"
# heads, rows, ld, states, first, n
PATHS = [(1, 1, 1, 1, 0, 1), (1, 3, 4, 3, 0, 2), (2, 4, 9, 4, 1, 3), (3, 9, 50, 50, 2, 6),
         (2, 12, 40, 7, 1, 11), (8, 40, 300, 273, 1, 38), (5, 20, 17, 17, 3, 16)]
PIECES = ([w.encode() for w in (
    " And", " so", ",", " my", " fellow", "s", " Amer", "icans", ".", "?", "!", "...", " (", ")",
    ")", " “", "”", " \"", "\"", "'", "'s", " -", "-", " ¿", " ", "  ", "\u3000", " é",
    "\u65e5", "\u3002", "\uff01", "hello", "¿", " [", "]", "\n", ":", "\u3001")]
    + [b"\xe6", b"\x97\xa5", b"\xe6\x97", b"\xa5", b" \xf0\x9f", b"\x98\x80", b"\xff"])


def rows_of(seed, heads, rows, ld):
    out = np.zeros((heads, rows, ld), dtype=np.float32)
    state = seed
    for h in range(heads):
        for r in range(rows):
            for j in range(ld):
                state = (state * 1664525 + 1013904223) % 2**32
                u = np.float32(state >> 8) * np.float32(2**-24)
                near = abs(j * rows - r * ld) < 2 * ld
                out[h, r, j] = u * u + (np.float32(0.25) if near else np.float32(0))
    return out


def begin_of(w, states, first, n):
    """Returns where tokens begin, by rows [heads, rows, ld]: the same in both precisions."""
    found = []
    for dtype in torch.float64, torch.float32:
        w = w[:, :, :states].to(dtype)
        w = w / w.sum(-1, keepdim=True)
        std, mean = torch.std_mean(w, dim=-2, keepdim=True, unbiased=False)
        matrix = median_filter(torch.nan_to_num((w - mean) / std), 7).mean(0)[first:first + n]
        text, time = dtw_cpu(-matrix.double().numpy())
        begin = time[np.pad(np.diff(text), (1, 0), constant_values=1).astype(bool)]
        found.append(begin.tolist())
    assert found[0] == found[1] and len(found[0]) == n
    return found[0]


def path(seed, shape):
    begin = begin_of(torch.tensor(rows_of(seed, *shape[:3])), *shape[3:])
    return dict(zip(["seed", "heads", "rows", "ld", "states", "first", "n"], (seed, *shape)),
                begin=begin)


class Pieces:
    """Stands for a tokenizers.Tokenizer."""

    def decode(self, ids):
        data = b"".join(PIECES[i] for i in ids if i < EOT)
        return data.decode("utf-8", errors="replace")

    def token_to_id(self, name):
        return EOT + ["<|endoftext|>", "<|startoftranscript|>", "<|notimestamps|>"].index(name)


class Model(WhisperModel):
    def __init__(self, begin, probabilities):
        self.tokens_per_second, self.frames_per_second = 50, 100
        result = SimpleNamespace(alignments=list(enumerate(begin)), text_token_probs=probabilities)
        self.model = SimpleNamespace(align=lambda *a, **k: [result])


def wanted(segments):
    return [{"start": float(s["start"]), "end": float(s["end"]),
             "words": [[w["word"], float(w["start"]), float(w["end"]),
                        round(float(w["probability"]), 6)] for w in s["words"]]}
            for s in segments]


def window(rng):
    language = rng.choice(["en", "en", "zh"])
    n = rng.randint(1, 24)
    tokens = [rng.randrange(len(PIECES)) for _ in range(n)]
    long = rng.random() < 0.3
    steps = [rng.choice([0, 1, 5, 9, 12, 18, 30, 150][5 * long:]) + rng.randint(0, 9) * long
             for _ in range(n + 1)]
    begin = [min(1499, b) for b in np.cumsum(steps).tolist()]
    probabilities = [rng.randint(1, 1000) / 1000 for _ in range(n)]
    seek = rng.choice([0, rng.randint(0, 9000)])
    last = rng.choice([seek / 100, rng.randint(0, 9000) / 100])
    cuts = sorted(rng.sample(range(n + 1), min(n, rng.randint(0, 2))))
    segments, given = [], []
    for a, b in zip([0, *cuts], [*cuts, n]):
        start, end = (seek / 100 + begin[i] / 50 + rng.choice([0, 0, -1, 1, 0.6]) for i in (a, b))
        segments.append({"seek": seek, "start": start, "end": end, "tokens": [1003, *tokens[a:b]]})
        given.append({"start": start, "end": end, "n": b - a})
    tokenizer = Tokenizer(Pieces(), False)
    tokenizer.language_code = language
    after = Model(begin, probabilities).add_word_timestamps(
        [segments], tokenizer, None, 3000, BEFORE, AFTER, last)
    return {"language": language, "tokens": [PIECES[t].hex() for t in tokens], "begin": begin,
            "probabilities": probabilities, "offset": seek / 100, "last": last, "segments": given,
            "after": float(after),
            "want": wanted(segments)}


def model_window(name, seed, frames, start, n):
    """Teacher-forced words of n tokens, beside source rows of rows_of() between -6 and 9."""
    model = WhisperForConditionalGeneration.from_pretrained(HERE / name,
                                                            attn_implementation="eager").double()
    generation, config = model.generation_config, model.config
    eot, no_timestamps = generation.eos_token_id, generation.no_timestamps_token_id
    inner = AutoTokenizer.from_pretrained(HERE / name)
    start = [inner.convert_tokens_to_ids(f"<|{s}|>") for s in start]
    rng = random.Random(seed)
    pieces = inner.convert_ids_to_tokens(range(eot))
    first = [i for i, piece in enumerate(pieces) if piece.startswith("\u0120")]
    text = [rng.choice(rng.choice([first, range(64, 90), [11, 13]])) for _ in range(n)]
    rows = rows_of(seed, 1, config.max_source_positions, config.d_model)
    rows = (torch.tensor(rows.astype(np.float64)) - 0.5) * 12
    with torch.no_grad():
        hidden = model.model.decoder(
            input_ids=torch.tensor([[*start, no_timestamps, *text, eot]]),
            encoder_hidden_states=rows, output_attentions=True)
        logits = model.proj_out(hidden.last_hidden_state)[0, len(start):, :eot]
    attention = torch.stack([hidden.cross_attentions[i][0, j]
                             for i, j in generation.alignment_heads])
    begin = begin_of(attention, frames // 2, len(start), n + 1)
    probabilities = logits.softmax(-1)[range(n), text].tolist()

    class Inner:
        def decode(self, ids):
            return inner.decode([i for i in ids if i < eot])

        def token_to_id(self, token):
            return inner.convert_tokens_to_ids(token)

    time = no_timestamps + 1
    segments = [{"seek": 300, "start": 3.0, "end": 3.4, "tokens": [time, *text[:n // 2]]},
                {"seek": 300, "start": 3.4, "end": 4.0, "tokens": [*text[n // 2:], time + 8]}]
    tokenizer = Tokenizer(Inner(), False)
    Model(begin, probabilities).add_word_timestamps(
        [segments], tokenizer, None, frames, BEFORE, AFTER, 3.0)
    return {"name": name, "seed": seed, "frames": frames, "start": start,
            "tokens": [s["tokens"] for s in segments], "want": wanted(segments)}


MODELS = [("tiny-whisper", 3, 100, ["startoftranscript"], 12),
          ("tiny-whisper", 4, 57, ["startoftranscript"], 7),
          ("tiny-whisper-128", 5, 163, ["startoftranscript", "de", "translate"], 15)]


def compare(elcl, directory, sounds):
    model = WhisperModel(directory, device="cpu", compute_type="float32", cpu_threads=1)
    for sound in sounds:
        for beams in 5, 1:
            segments, _ = model.transcribe(sound, beam_size=beams, word_timestamps=True)
            want = [w for s in segments for w in s.words]
            out = subprocess.run([elcl, "transcribe", directory, sound, "--timestamps", "word",
                                  "--format", "json", "--quiet", "--num-beams", str(beams)],
                                 capture_output=True, text=True, check=True).stdout
            got = [w for s in json.loads(out)["segments"] for w in s["words"]]
            same = [w["word"] for w in got] == [w.word for w in want]
            times = max((max(abs(g["start"] - w.start), abs(g["end"] - w.end))
                         for g, w in zip(got, want)), default=0)
            probabilities = max((abs(g["probability"] - w.probability)
                                 for g, w in zip(got, want)), default=0)
            print(f"{sound}: beams {beams}, {len(want)} words, the same text: {same}, largest "
                  f"differences {times:.2f} s, {probabilities:.1e}")


if __name__ == "__main__" and sys.argv[1:2] == ["compare"]:
    compare(sys.argv[2], sys.argv[3], sys.argv[4:])
elif __name__ == "__main__":
    rng = random.Random(1)
    golden = {"paths": [path(7 * i + 1, shape) for i, shape in enumerate(PATHS)],
              "models": [model_window(*m) for m in MODELS],
              "windows": [window(rng) for _ in range(40)]}
    (HERE / "words.json").write_text("{" + ",\n".join(
        f'"{key}": [\n' + ",\n".join(json.dumps(entry) for entry in golden[key]) + "]"
        for key in golden) + "}\n")
