"""Writes features.json: what transformers' WhisperFeatureExtractor makes of synthetic sounds.

    python make_features.py [OUTPUT]      (transformers, torch; checked with transformers 5.24)

Stored are both of its ways, with numpy and with torch: sums over all features, and every 97th
value. tests/unit/test_features.c makes the same sounds.
"""
import json
import os
import sys

import numpy as np
from transformers import WhisperFeatureExtractor

RATE = 16000


def noise(n):
    """Numbers from -0.5 to 0.5 by a linear congruential generator."""
    values, state = np.empty(n), 1
    for i in range(n):
        state = (state * 1664525 + 1013904223) % 2**32
        values[i] = state / 2**32 - 0.5
    return values


def sound(kind, n):
    t = np.arange(n) / RATE
    if kind == "silence":
        samples = np.zeros(n)
    elif kind == "tone":
        samples = 0.5 * np.sin(2 * np.pi * 440 * t)
    elif kind == "noise":
        samples = 0.1 * noise(n)
    else:  # a rising tone with pauses over faint noise
        loud = (np.arange(n) // 4000) % 3 != 2
        samples = loud * 0.3 * np.sin(2 * np.pi * (100 + 400 * t) * t) + 0.001 * noise(n)
    return samples.astype(np.float32)


def case(kind, n, padding, mels):
    extractor = WhisperFeatureExtractor(feature_size=mels)
    samples = np.concatenate([sound(kind, n), np.zeros(padding, np.float32)])[None]
    entry = {"kind": kind, "n": n, "padding": padding, "mels": mels}
    for name, extract in (("numpy", extractor._np_extract_fbank_features),
                          ("torch", extractor._torch_extract_fbank_features)):
        features = np.asarray(extract(samples, "cpu")[0], np.float64).T  # [frames, mels]
        entry["frames"] = features.shape[0]
        entry[name] = {
            "sum": round(float(features.sum()), 4),
            "squares": round(float((features**2).sum()), 4),
            "values": [round(float(v), 6) for v in features.flat[::97]],
        }
    return entry


cases = [case("chirp", 16000, 0, 80), case("chirp", 24123, 8000, 128), case("tone", 4800, 0, 80),
         case("noise", 3359, 161, 128), case("silence", 1600, 0, 80), case("noise", 201, 0, 80)]
path = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__),
                                                          "features.json")
with open(path, "w") as f:
    f.write("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n")
