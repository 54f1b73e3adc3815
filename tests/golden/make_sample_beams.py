"""Makes tiny-bart/sample_beams.json: beam search that draws its candidates (num_beams and
do_sample) by generate() of transformers, with the uniform numbers of elcl instead of torch's.

usage: make_sample_beams.py

Instead of torch.multinomial() without replacement, it takes the tokens with the largest
log p - log(-log1p(-u)). docs/options.md gives the number u for seed, sample 0, beam, token and
length. The script compares the distribution of such draws with exact probabilities. It has its own
Philox. It tries seeds until no choice is nearer than MARGIN.
"""
import itertools
import json
import sys
from pathlib import Path

import numpy as np
import torch
from transformers import BartForConditionalGeneration, LogitsProcessor, LogitsProcessorList
from transformers.utils import logging

from reference import nine_digits, versions, write_json

HERE = Path(__file__).resolve().parent
MODEL = HERE / "tiny-bart"
MARGIN = 2e-4
BASE = dict(num_beams=3, num_return_sequences=1, length_penalty=1.0, early_stopping=False,
            max_length=14, max_new_tokens=None, min_length=0, min_new_tokens=None,
            no_repeat_ngram_size=0, repetition_penalty=1.0, temperature=1.0, top_k=0, top_p=1.0,
            min_p=None, typical_p=1.0, renormalize_logits=False, do_sample=True,
            decoder_start_token_id=2, forced_bos_token_id=None, forced_eos_token_id=None,
            bos_token_id=0, pad_token_id=1, eos_token_id=2)
CASES = {
    "plain": {},
    "top_k": dict(top_k=6, num_beams=4, num_return_sequences=4),
    "cool": dict(temperature=0.5, top_k=20, num_return_sequences=3),
    "hot": dict(temperature=1.7, length_penalty=0.0),
    "top_p": dict(top_p=0.6, num_beams=5, num_return_sequences=2),
    "top_p_keep": dict(top_p=0.01, num_beams=2, min_length=14),
    "min_p": dict(min_p=0.9, early_stopping=True, num_beams=2, min_length=6),
    "typical_p": dict(typical_p=0.3, num_beams=3),
    "typical_keep": dict(typical_p=0.001, num_beams=2, min_length=14, num_return_sequences=2),
    "renormalize": dict(renormalize_logits=True, top_p=0.8, temperature=0.8, num_beams=4),
    "rules": dict(no_repeat_ngram_size=2, repetition_penalty=1.5, min_length=5, max_length=20,
                  early_stopping="never", num_beams=2),
    "all": dict(temperature=1.3, top_k=30, top_p=0.9, min_p=0.02, typical_p=0.9, num_beams=6,
                num_return_sequences=3, length_penalty=2.0),
}


def philox_word(counter, key):
    c = [np.asarray(x, np.uint64) for x in counter]
    k = [np.uint64(x) for x in key]
    low = np.uint64(0xFFFFFFFF)
    for _ in range(10):
        a, b = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        c = [(b >> np.uint64(32)) ^ c[1] ^ k[0], b & low, (a >> np.uint64(32)) ^ c[3] ^ k[1],
             a & low]
        k = [(k[0] + np.uint64(0x9E3779B9)) & low, (k[1] + np.uint64(0xBB67AE85)) & low]
    return c[0]


def gumbels(seed, n_beams, vocabulary, length):
    """[n_beams * vocabulary]"""
    stream = (np.arange(1, vocabulary + 1)[None, :] * 64 + np.arange(n_beams)[:, None]).ravel()
    zero = np.zeros_like(stream)
    word = philox_word([zero + length, stream, zero, zero], [seed & 0xFFFFFFFF, seed >> 32])
    u = ((word.astype(np.float32) + np.float32(0.5)) * np.float32(2.0 ** -32)).astype(np.float32)
    u = np.minimum(u, np.float32(1 - 2.0 ** -24)).astype(np.float64)
    return -np.log(-np.log1p(-u))


class Watch(LogitsProcessor):
    def __call__(self, ids, scores):
        self.length = ids.shape[-1]
        return scores


class Draws:
    def __init__(self, seed, n_beams, watch):
        self.seed, self.n_beams, self.watch, self.gap = seed, n_beams, watch, np.inf

    def __call__(self, probs, num_samples):
        with np.errstate(divide="ignore"):
            log_p = np.log(probs[0].double().numpy())
        v = len(log_p) // self.n_beams
        keys = log_p + gumbels(self.seed, self.n_beams, v, self.watch.length)
        order = np.argsort(-keys, kind="stable")
        taken = order[: num_samples + 1]
        finite = keys[taken][np.isfinite(keys[taken])]
        if len(finite) > num_samples:
            self.gap = min(self.gap, finite[-2] - finite[-1])
        chosen = np.sort(log_p[order[:num_samples]])
        steps = np.diff(chosen[np.isfinite(chosen)])
        if len(steps):
            self.gap = min(self.gap, steps.min())
        return torch.tensor(order[:num_samples].copy())[None]


@torch.no_grad()
def run(model, options, source, seed):
    watch = Watch()
    draws = Draws(seed, options["num_beams"], watch)
    multinomial, torch.multinomial = torch.multinomial, draws
    try:
        out = model.generate(torch.tensor([source]), output_scores=True, synced_gpus=False,
                             return_dict_in_generate=True,
                             logits_processor=LogitsProcessorList([watch]), **options)
    finally:
        torch.multinomial = multinomial
    outputs = []
    pad = options["pad_token_id"]
    for ids, score in zip(out.sequences.tolist(), out.sequences_scores.tolist()):
        while len(ids) > 1 and ids[-1] == pad:
            ids.pop()
        if pad in ids:
            return [], 0.0
        outputs.append({"ids": ids, "score": nine_digits(score)})
    scores = sorted(o["score"] for o in outputs)
    gap = min([draws.gap] + [b - a for a, b in zip(scores, scores[1:])])
    return outputs, gap


def check_distribution():
    """Draws two of five without replacement and compares the frequency of each ordered pair."""
    p = np.array([0.5, 0.2, 0.15, 0.1, 0.05])
    n = 40000
    seen = dict.fromkeys(itertools.permutations(range(5), 2), 0)
    for length in range(n):
        keys = np.log(p) + gumbels(11, 1, 5, length)
        seen[tuple(np.argsort(-keys)[:2])] += 1
    chi = sum((seen[i, j] - n * p[i] * p[j] / (1 - p[i])) ** 2 / (n * p[i] * p[j] / (1 - p[i]))
              for i, j in seen)
    assert chi < 43.8, chi  # 19 degrees of freedom, 1 in 1000
    print("chi-square of pairs: %.1f, 19 degrees of freedom" % chi)


def main():
    check_distribution()
    golden = json.loads((MODEL / "golden.json").read_text())
    model = BartForConditionalGeneration.from_pretrained(str(MODEL)).eval()
    cases = []
    for name, changes in CASES.items():
        options = dict(BASE, **changes)
        outputs, seeds = [], None
        for seed in range(7, 60):
            outputs, gap = [], np.inf
            for source in golden["inputs"]:
                found, near = run(model, options, source, seed)
                outputs.append(found)
                gap = min(gap, near)
                if gap < MARGIN:
                    break
            if gap >= MARGIN:
                break
        else:
            print(name + ": no seed")
            continue
        cases.append({"name": name, "options": dict(options, seed=seed),
                      "inputs": list(range(len(outputs))), "outputs": outputs})
        print(name, seed, "%.2g" % gap, len({tuple(o[0]["ids"]) for o in outputs}), flush=True)
    write_json(MODEL / "sample_beams.json",
               {"versions": versions(), "inputs": golden["inputs"], "cases": cases})


if __name__ == "__main__":
    logging.set_verbosity_error()
    torch.set_num_threads(1)
    main()
