#!/usr/bin/env python3
"""Checks the predictions of `elcl plan --device-model measured` against `elcl bench`.

    python3 tools/check_predictions.py [--elcl build/elcl] [--device NAME] [--small] [--json FILE]

Runs bench over a grid of models, variants, storages of weights, batches, beams and source lengths.
Before each part of the grid it runs plan for the same points, which measures the device's rates.
Prints every point, the median error |predicted - measured| / measured of samples per second, and
the number of points within a factor of two. Exits with 1 if the median is above 30 % or if fewer
than nine in ten are within a factor of two. --small is a grid for slow OpenCL implementations;
--from FILE prints an earlier --json again.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys

MEDIAN_ERROR = 0.3
WITHIN_TWO = 0.9

# Options of one call of bench and plan, and the new tokens, which plan counts differently.
G2P = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "models", "g2p-en")
GRID = [
    (["--synthetic", "bart-base", "--attention", "el,mha,mha-beam", "--weights", "f32",
      "--batch-size", "1,4", "--num-beams", "1,4", "--source-length", "16,64"], 8),
    (["--synthetic", "gpt2", "--attention", "el,mha", "--weights", "bf16",
      "--batch-size", "1,4", "--num-beams", "1,4", "--source-length", "16,64"], 6),
    (["--synthetic", "marian-base", "--attention", "el,mha-beam", "--weights", "int8",
      "--batch-size", "1,4", "--num-beams", "1,4", "--source-length", "16,64"], 8),
    (["--synthetic", "marian-base", "--attention", "mha", "--weights", "f32",
      "--batch-size", "1,16", "--num-beams", "2", "--source-length", "8,128"], 8),
    ([G2P, "--attention", "el,mha", "--weights", "f32",
      "--batch-size", "1,64", "--num-beams", "1,4", "--source-length", "10"], 8),
]
SMALL_GRID = [
    ([G2P, "--attention", "el,mha,mha-beam", "--weights", "f32",
      "--batch-size", "1,4", "--num-beams", "1,4", "--source-length", "4,16"], 4),
    ([G2P, "--attention", "el,mha", "--weights", "int8",
      "--batch-size", "1,4", "--num-beams", "2", "--source-length", "8"], 4),
    (["--synthetic", "marian-base", "--attention", "el,mha", "--weights", "f32,bf16",
      "--batch-size", "1,2", "--num-beams", "2", "--source-length", "8"], 3),
]
KEYS = ("attention", "weights", "batch_size", "num_beams", "source_length")


def call(command):
    """Returns the JSON object that a command prints."""
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        sys.exit("%s: exit code %d" % (" ".join(command), done.returncode))
    return json.loads(done.stdout)


def key_of(result):
    return tuple(result[key] for key in KEYS)


def measure(args, options, new_tokens):
    """Returns the points of one row of the grid."""
    device = ["--device", args.device] if args.device else []
    plan = call([args.elcl, "plan", *options, *device, "--device-model", "measured",
                 "--target-length", str(new_tokens + 1), "--format", "json"])
    bench = call([args.elcl, "bench", *options, *device, "--new-tokens", str(new_tokens),
                  "--repetitions", str(args.repetitions), "--no-profile", "--quiet",
                  "--format", "json"])
    predicted = {key_of(p): p for p in plan["plans"]}
    return [dict(zip(KEYS, key_of(r)), model=os.path.basename(r["model"]),
                 measured=r["samples_per_second"]["median"],
                 predicted=predicted[key_of(r)]["predicted_samples_per_second"],
                 step_ms=(r["step_ms"] or {}).get("median"),
                 predicted_step_ms=predicted[key_of(r)]["predicted_step_ms"],
                 rates=plan["device_model_source"], device=plan["device"])
            for r in bench["results"] if r["status"] == "ok"]


def error_of(point):
    return abs(point["predicted"] - point["measured"]) / point["measured"]


def print_points(points):
    line = "| %-14s | %-8s | %-4s | %5s | %5s | %6s | %9s | %9s | %5s |"
    print(line % ("model", "variant", "wght", "batch", "beams", "source", "measured", "predicted",
                  "ratio"))
    print("|---|---|---|---|---|---|---|---|---|")
    for p in points:
        print(line % (p["model"], p["attention"], p["weights"], p["batch_size"], p["num_beams"],
                      p["source_length"], "%.3g" % p["measured"], "%.3g" % p["predicted"],
                      "%.2f" % (p["predicted"] / p["measured"])))


def judge(points):
    """Prints the two figures; true if both are good enough."""
    median = statistics.median(error_of(p) for p in points)
    near = sum(0.5 <= p["predicted"] / p["measured"] <= 2 for p in points)
    print("\n%d points on %s: median error %.0f %%, %d (%.0f %%) within a factor of two"
          % (len(points), points[0]["device"], 100 * median, near, 100 * near / len(points)))
    return median <= MEDIAN_ERROR and near >= WITHIN_TWO * len(points)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--elcl", default="build/elcl")
    parser.add_argument("--device", help="device of elcl bench")
    parser.add_argument("--small", action="store_true", help="a grid for slow implementations")
    parser.add_argument("--repetitions", type=int, default=2)
    parser.add_argument("--json", help="write all points to this file")
    parser.add_argument("--from", dest="source", help="read points from this file; run nothing")
    args = parser.parse_args()
    if args.source:
        with open(args.source, encoding="utf-8") as file:
            points = json.load(file)
    else:
        points = [p for options, new_tokens in (SMALL_GRID if args.small else GRID)
                  for p in measure(args, options, new_tokens)]
    if not points:
        sys.exit("no point ran")
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump(points, file, indent=1)
    print_points(points)
    return 0 if judge(points) else 1


if __name__ == "__main__":
    sys.exit(main())
