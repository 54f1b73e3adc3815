#!/usr/bin/env python3
"""Measures how the speed of elcl changes with batch, source length and beams.

    growth.py --folder DIR [--model bart-base] [--attention el,mha,mha-beam] [--batch 1-64*2]
              [--source 64-1024*2] [--beams 1-8] [--elcl build/elcl] [--device cpu]

Runs one `elcl bench` for each of the three axes; the other settings stay at --at (batch 4, 64
source tokens, 4 beams, 16 new tokens). Prints a table for each axis, with the time of a batch
divided by that of the previous point, and writes AXIS.json, AXIS.md and AXIS.svg to --folder. An
axis with a JSON file in the folder does not run again.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile

# option of elcl bench, its key in a result, and the label of the axis
AXES = {
    "batch": ("--batch-size", "batch_size", "batch size (texts in flight at once)"),
    "source": ("--source-length", "source_length", "source tokens"),
    "beams": ("--num-beams", "num_beams", "beams"),
}
CHART = "throughput-1.svg"


def bench(args, axis, path):
    values = dict(zip(AXES, args.at.split(",")))
    values[axis] = getattr(args, axis)
    command = [args.elcl, "bench", "--synthetic", args.model, "--attention", args.attention]
    for name, (option, _, _) in AXES.items():
        command += [option, values[name]]
    command += ["--new-tokens", str(args.new), "--repetitions", str(args.repetitions)]
    command += ["--device", args.device, *args.elcl_options.split()]
    command += ["--no-profile", "--format", "json", "--output", path]
    if subprocess.run(command).returncode:
        sys.exit(f"{' '.join(command)} failed")


def seconds(row):
    return row["batch_size"] / row["samples_per_second"]["median"]


def entry(row, before):
    if row["status"] != "ok":
        return row["status"], ""
    speed = row["samples_per_second"]
    rate = f"{speed['median']:.3g} ± {100 * speed['spread']:.0f} %"
    if not before or before["status"] != "ok":
        return rate, ""
    return rate, f"{seconds(row) / seconds(before):.2f}"


def table(run, axis):
    """samples/s of each variant, and the time of a batch relative to the previous point."""
    key = AXES[axis][1]
    rows = {(r[key], r["attention"]): r for r in run["results"]}
    places = sorted({place for place, _ in rows})
    variants = list(dict.fromkeys(r["attention"] for r in run["results"]))
    heads = [f"{v}, samples/s | time" for v in variants]
    lines = [f"| {axis} | {' | '.join(heads)} |", "|---" * (1 + 2 * len(variants)) + "|"]
    for i, place in enumerate(places):
        parts = [str(place)]
        for variant in variants:
            before = rows.get((places[i - 1], variant)) if i else None
            parts += entry(rows[place, variant], before)
        lines.append(f"| {' | '.join(parts)} |")
    device = run["device"]
    about = f"{device['name']}, {device['platform']} {device['driver']}; elcl {run['commit']}"
    return f"{about}\n\n    {run['command']}\n\n" + "\n".join(lines) + "\n"


def draw(args, run, axis, path):
    """Draws the chart of elcl compare over batches with another axis instead of the batch."""
    _, key, label = AXES[axis]
    run = json.loads(json.dumps(run))
    fixed = run["results"][0][key]
    for row in run["results"]:
        row["batch_size"] = row[key]
        if axis != "batch":
            row[key] = fixed
    with tempfile.TemporaryDirectory() as folder:
        moved = os.path.join(folder, "moved.json")
        with open(moved, "w") as f:
            json.dump(run, f)
        command = [args.elcl, "compare", moved, "--svg", folder]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        with open(os.path.join(folder, CHART), encoding="utf-8") as f:
            svg = f.read()
    said = {"source": f"{fixed} source and ", "beams": f"{fixed} beam{'s' * (fixed != 1)}, "}
    changes = [(AXES["batch"][2], label)]
    if axis in said:
        changes.append((said[axis], f"batch {args.at.split(',')[0]}, "))
    for old, new in changes:
        if old not in svg:
            sys.exit(f"the chart of elcl compare has no '{old}'")
        svg = svg.replace(old, new)
    with open(path, "w", encoding="utf-8") as f:
        f.write(svg)


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("--folder", required=True)
    p.add_argument("--model", default="bart-base")
    p.add_argument("--attention", default="el,mha,mha-beam")
    p.add_argument("--batch", default="1-64*2")
    p.add_argument("--source", default="64-1024*2")
    p.add_argument("--beams", default="1-8")
    p.add_argument("--axes", default="batch,source,beams")
    p.add_argument("--at", default="4,64,4", help="batch, source tokens, beams")
    p.add_argument("--new", type=int, default=16)
    p.add_argument("--repetitions", type=int, default=3)
    p.add_argument("--elcl", default="build/elcl")
    p.add_argument("--elcl-options", default="", help="more options of elcl, in one word")
    p.add_argument("--device", default="cpu")
    args = p.parse_args()
    os.makedirs(args.folder, exist_ok=True)
    for axis in args.axes.split(","):
        path = os.path.join(args.folder, axis)
        if not os.path.exists(path + ".json"):
            bench(args, axis, path + ".json")
        with open(path + ".json") as f:
            run = json.load(f)
        draw(args, run, axis, path + ".svg")
        with open(path + ".md", "w", encoding="utf-8") as f:
            f.write(table(run, axis))
        print(table(run, axis), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
