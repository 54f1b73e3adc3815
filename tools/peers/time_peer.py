#!/usr/bin/env python3
"""Times another program on a model directory that `elcl` exported, with equal work.

    time_peer.py PEER DIRECTORY [--batch B] [--source S] [--new N] [--beams K]
                 [--type f32|f16|bf16|int8|int4] [--threads N] [--repeat N] [--seconds X]
                 [--keep FOLDER]

PEER is `transformers`, `ctranslate2` or `llama.cpp` (only GPT-2 and greedy search). The work is B
sources of S tokens each, those of `elcl bench`, K beams (1: greedy), and exactly N new tokens,
because the end token is suppressed. After one warm-up the script repeats up to --repeat times,
and starts no repetition later than --seconds after the first. It prints one line of JSON: median,
minimum and maximum seconds, versions, and `ids_hash`, which equals that of `elcl bench` for the
same tokens. Conversions stay in --keep for the next call; without --keep they are deleted.

int8 is dynamic quantization of the linear layers in transformers (torch), int8 weights with
quantized activations in CTranslate2, and q8_0 in llama.cpp. int4 is q4_0 in llama.cpp, with
embeddings in q8_0; the others do not have it.

Needs numpy and the peer's packages (PyPI: transformers and torch, ctranslate2, llama-cpp-python
and gguf). Unset OPENBLAS_*, and set OMP_NUM_THREADS and OMP_WAIT_POLICY to the best values for
the peer; CTranslate2 also has CT2_USE_MKL=1.
"""

import argparse
import importlib
import json
import os
import statistics
import sys
import tempfile
import time

import equal_work

PEERS = {
    "transformers": "peer_transformers",
    "ctranslate2": "peer_ctranslate2",
    "llama.cpp": "peer_llama",
}


def check(results, args):
    """Checks that each sample has its start token or its prompt, then the new tokens."""
    expected = args.new + (args.source if args.decoder_only else 1)
    for ids in results:
        if len(ids) != expected:
            sys.exit(f"expected {expected} tokens of each sample, found {len(ids)}")
    if len(results) != args.batch:
        sys.exit(f"expected {args.batch} samples, found {len(results)}")


def measure(run, args):
    """Seconds of each repetition, and the hash of the ids, which must not change."""
    results = run()
    check(results, args)
    seconds = []
    begin = time.perf_counter()
    for i in range(args.repeat):
        start = time.perf_counter()
        if i and start - begin > args.seconds:
            break
        again = run()
        seconds.append(time.perf_counter() - start)
        if again != results:
            sys.exit("a repetition gave other tokens than the previous one")
    return seconds, equal_work.ids_hash(results)


def time_it(args):
    with open(os.path.join(args.directory, "config.json")) as f:
        config = json.load(f)
    args.decoder_only = config["model_type"] in ("gpt2", "opt")
    sources = equal_work.sources(args.batch, args.source, config["vocab_size"])
    peer = importlib.import_module(PEERS[args.peer])
    run, versions = peer.runner(args, config, sources)
    seconds, ids_hash = measure(run, args)
    return {
        "peer": args.peer,
        "versions": versions,
        "type": args.type,
        "batch": args.batch,
        "source": args.source,
        "new": args.new,
        "beams": args.beams,
        "threads": args.threads,
        "median_s": round(statistics.median(seconds), 4),
        "min_s": round(min(seconds), 4),
        "max_s": round(max(seconds), 4),
        "seconds": [round(s, 4) for s in seconds],
        "ids_hash": ids_hash,
    }


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("peer", choices=list(PEERS))
    parser.add_argument("directory")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--source", type=int, default=64)
    parser.add_argument("--new", type=int, default=16)
    parser.add_argument("--beams", type=int, default=1)
    parser.add_argument("--type", choices=["f32", "f16", "bf16", "int8", "int4"], default="f32")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--keep")
    args = parser.parse_args()
    if args.type == "f16" and args.peer != "llama.cpp":
        parser.error("f16 is only for llama.cpp")
    with tempfile.TemporaryDirectory() as folder:
        args.keep = args.keep or folder
        os.makedirs(args.keep, exist_ok=True)
        print(json.dumps(time_it(args)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
