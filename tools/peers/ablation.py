#!/usr/bin/env python3
"""Prints a table of samples/s by batch for each attention variant within one memory limit.

    ablation.py [--model bart-base] [--source 256] [--new 32] [--beams 4] [--state f16,f32]
                [--batch 32,64,96,128,256] [--fits 32] [--elcl build/elcl] [--save FILE]

The limit is the memory of `mha-beam` for the batch --fits, rounded up to whole MiB, so that twice
the batch exceeds it. `elcl plan` computes the limit; `elcl bench` measures each state once. The
script checks the bytes of the states against their shapes: source rows have 2 L B K S D elements
(mha-beam), 2 L B S D (mha) and B S D (el), cached rows 2 L R T D (mha-beam, mha) and L R T D (el),
with R = B K rows and T = 1 + --new positions. The exit status is 1 if they differ.
"""

import argparse
import json
import subprocess
import sys

VARIANTS = ("mha-beam", "mha", "el")
SHAPES = {  # decoder layers L, width D
    "bart-base": (6, 768),
    "bart-large": (12, 1024),
    "transformer-270m": (6, 1024),
    "marian-base": (6, 512),
}
MIB = 1 << 20


def elcl(args, *words):
    command = [args.elcl, *words, "--device", args.device, "--format", "json"]
    out = subprocess.run(command, stdout=subprocess.PIPE)
    if out.returncode:
        sys.exit(f"{' '.join(command)}: exit status {out.returncode}")
    return json.loads(out.stdout)


def limit_mib(args, state):
    """Memory of `mha-beam` for a batch of args.fits."""
    plan = elcl(
        *(args, "plan", "--synthetic", args.model, "--attention", "mha-beam", "--state", state),
        *("--weights", args.weights, "--num-beams", str(args.beams)),
        *("--batch-size", str(args.fits), "--source-length", str(args.source)),
        *("--target-length", str(args.new + 1)),
    )
    return -(-plan["plans"][0]["total_bytes"] // MIB)


def measure(args, state, limit):
    return elcl(
        *(args, "bench", "--synthetic", args.model, "--attention", ",".join(VARIANTS)),
        *("--state", state, "--weights", args.weights, "--num-beams", str(args.beams)),
        *("--batch-size", args.batch, "--source-length", str(args.source)),
        *("--new-tokens", str(args.new), "--memory-limit", f"{limit}M", "--no-profile"),
        *("--warmup", str(args.warmup), "--repetitions", str(args.repetitions)),
    )


def state_bytes(args, row):
    """Bytes by the formulas above."""
    layers, width = SHAPES[args.model]
    batch, size = row["batch_size"], 4 if row["state"] == "f32" else 2
    source = batch * args.source * width
    cached = layers * batch * args.beams * (1 + args.new) * width
    if row["attention"] != "el":
        source *= 2 * layers * (args.beams if row["attention"] == "mha-beam" else 1)
        cached *= 2
    return size * (source + cached)


def reported_bytes(row):
    return row["memory"]["source_state_bytes"] + row["memory"]["self_state_bytes"]


def rate(row):
    if row["status"] != "ok":
        return row["status"]
    speed = row["samples_per_second"]
    return f"{speed['median']:.3g} ± {100 * speed['spread']:.0f} %"


def mib(row):
    return f"{reported_bytes(row) / MIB:.1f}" if reported_bytes(row) else "-"


def heads(unit):
    return " | ".join(f"{variant}, {unit}" for variant in VARIANTS)


def table(args, run, state, limit):
    rows = {(r["batch_size"], r["attention"]): r for r in run["results"]}
    batches = sorted({batch for batch, _ in rows})
    device, rates = run["device"], run["rates"]
    lines = [
        f"{args.model}, {args.source} source and {args.new} new tokens, {args.beams} beams, "
        f"{args.weights} weights, {state} state, --memory-limit {limit}M",
        "",
        f"{device['name']}, {device['platform']} {device['driver']}; elcl {run['elcl']} "
        f"{run['commit']}; {rates['copy_gbs']:.1f} GB/s copying, "
        f"{rates['f32_gflops']:.1f} GFLOP/s",
        "",
        f"| batch | {heads('samples/s')} | {heads('state MiB')} |",
        "|---" * (1 + 2 * len(VARIANTS)) + "|",
    ]
    for batch in batches:
        of_batch = [rows[batch, v] for v in VARIANTS]
        entries = [*map(rate, of_batch), *map(mib, of_batch)]
        lines.append(f"| {batch} | {' | '.join(entries)} |")
    return "\n".join(lines) + "\n"


def wrong_bytes(args, run):
    for row in run["results"]:
        if row["status"] == "ok" and reported_bytes(row) != state_bytes(args, row):
            yield (
                f"{row['attention']}, batch {row['batch_size']}: expected {state_bytes(args, row)} "
                f"bytes of state, found {reported_bytes(row)}"
            )


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("--model", choices=sorted(SHAPES), default="bart-base")
    p.add_argument("--source", type=int, default=256)
    p.add_argument("--new", type=int, default=32)
    p.add_argument("--beams", type=int, default=4)
    p.add_argument("--state", default="f16,f32")
    p.add_argument("--weights", default="f32")
    p.add_argument(
        "--batch", default="32,64,96,128,256", help="a list or range of elcl bench"
    )
    p.add_argument("--fits", type=int, default=32, help="the largest batch of mha-beam")
    p.add_argument("--warmup", type=int, default=1)
    p.add_argument("--repetitions", type=int, default=1)
    p.add_argument("--device", default="cpu")
    p.add_argument("--elcl", default="build/elcl")
    p.add_argument(
        "--save", help="prefix of files for the JSON of elcl bench; -STATE.json is added"
    )
    args = p.parse_args()
    wrong = []
    for state in args.state.split(","):
        limit = limit_mib(args, state)
        run = measure(args, state, limit)
        if args.save:
            with open(f"{args.save}-{state}.json", "w") as f:
                json.dump(run, f)
        print(table(args, run, state, limit), flush=True)
        wrong += wrong_bytes(args, run)
    for sentence in wrong:
        print(sentence, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
