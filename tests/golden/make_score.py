"""Makes score/: log-probabilities of random targets by transformers.

usage: make_score.py [MODEL]...

A request has a source and a target. The reference is the forward pass in double precision over
decoder_start_token_id and the target (decoder-only: source and target), and the log-softmax at each
target token. Some requests also have the mean over the heads of the cross attention of the first
and of the last layer, in millionths. For tiny-gpt2 it also scores one long text in sliding windows,
as Hugging Face's guide to perplexity does.
"""
import random
import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM
from transformers.utils import logging

from reference import nine_digits, versions, write_json

HERE = Path(__file__).resolve().parent
SEED = 31
DECODER_ONLY = ["tiny-gpt2", "tiny-gpt2-by-layer", "tiny-opt", "tiny-opt-post"]
ENCODER_DECODER = ["tiny-bart", "tiny-marian", "tiny-mbart", "tiny-t5", "tiny-flan-t5", "tiny-umt5"]
LENGTHS = [(1, 1), (3, 2), (7, 12), (17, 1), (2, 23), (11, 8), (5, 17), (23, 20)]  # source, target
ALIGNED = [1, 2, 4]  # which of them have alignments
LONG, WINDOW, STRIDES = 137, 24, [1, 7, 12, 23]


def log_probs(logits, target):
    rows = logits.log_softmax(-1)[: len(target)]
    return [rows[i, token].item() for i, token in enumerate(target)]


def score(model, decoder_only, source, target):
    if decoder_only:
        logits = model(input_ids=torch.tensor([source + target])).logits[0]
        return log_probs(logits[len(source) - 1 :], target)
    start = model.config.decoder_start_token_id
    loss = model(input_ids=torch.tensor([source]), labels=torch.tensor([target]),
                 decoder_input_ids=torch.tensor([[start] + target[:-1]]))
    values = log_probs(loss.logits[0], target)
    assert abs(loss.loss.item() + sum(values) / len(target)) < 1e-9  # as the training loss has it
    return values


def alignments(model, source, target):
    """Returns [target, source] probabilities in millionths of the first and the last layer."""
    start = model.config.decoder_start_token_id
    out = model(input_ids=torch.tensor([source]), output_attentions=True,
                decoder_input_ids=torch.tensor([[start] + target[:-1]]))
    layers = [out.cross_attentions[0], out.cross_attentions[-1]]
    return [[[round(1e6 * p) for p in row] for row in layer[0].mean(0).tolist()]
            for layer in layers]


def windows(model, ids, stride):
    """Sums the log-probabilities of ids[1:], each token once, as the guide's loop does."""
    total, n, previous = 0.0, 0, 0
    for begin in range(0, len(ids), stride):
        end = min(begin + WINDOW, len(ids))
        window = torch.tensor([ids[begin:end]])
        labels = window.clone()
        labels[:, : -(end - previous)] = -100
        n_scored = (labels[:, 1:] != -100).sum().item()
        total -= model(input_ids=window, labels=labels).loss.item() * n_scored
        n += n_scored
        previous = end
        if end == len(ids):
            break
    assert n == len(ids) - 1
    return total


@torch.no_grad()
def make(name):
    decoder_only = name in DECODER_ONLY
    torch.set_default_dtype(torch.float64)
    kind = AutoModelForCausalLM if decoder_only else AutoModelForSeq2SeqLM
    model = kind.from_pretrained(HERE / name, attn_implementation="eager").double().eval()
    rng = random.Random(SEED)
    v = model.config.vocab_size
    ids = lambda n: [rng.randrange(3, v) for _ in range(n)]
    requests = []
    for n_source, n_target in LENGTHS:
        source, target = ids(n_source), ids(n_target)
        values = score(model, decoder_only, source, target)
        requests.append({"source": source, "target": target,
                         "log_probs": [nine_digits(x) for x in values]})
        if not decoder_only and len(requests) - 1 in ALIGNED:
            requests[-1]["alignments"] = alignments(model, source, target)
    document = {"versions": versions(), "seed": SEED, "requests": requests}
    if name == "tiny-gpt2":
        text = ids(LONG)
        document["text"] = text
        document["window"] = WINDOW
        document["strides"] = [{"stride": s, "log_prob": nine_digits(windows(model, text, s))}
                               for s in STRIDES]
    write_json(HERE / "score" / (name + ".json"), document)
    print(name, sum(sum(r["log_probs"]) for r in requests))


if __name__ == "__main__":
    logging.set_verbosity_error()
    torch.set_num_threads(1)
    for name in sys.argv[1:] or DECODER_ONLY + ENCODER_DECODER:
        make(name)
