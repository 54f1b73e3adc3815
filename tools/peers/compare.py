#!/usr/bin/env python3
"""Times elcl and other programs in turns on the same weights, and prints one table.

    compare.py [--models gpt2,marian-base,bart-large] [--types f32,bf16,int8] [--batch 1,16]
               [--beams 1,4] [--source 64] [--new 16] [--results FILE] [--budget SECONDS] ...

Run it with the Python of an environment that has the peers' packages (see time_peer.py), or name
that Python with --python. For each cell (model, type, batch, beams) the script first tries a
peer's settings (CT2_USE_MKL, --wait) and keeps the best for all cells of its model, type and
batch. Then it runs --rounds rounds of all contenders in turns, every second round in reverse
order, each contender in a separate process with one warm-up and up to --repeat repetitions.
Medians are over all rounds.

All contenders do equal work: the same source tokens, one batch size, and exactly --new tokens for
each sample, because the end token is suppressed. `same ids` in the table names the peers with the
tokens of elcl.

A finished cell is a line of --results, and does not run again unless elcl, --source or --new
changes; so a run that was interrupted or spent its --budget continues where it stopped. A process
that takes longer than --limit, loading included, is marked slow, and its contender skips larger
cells of the same model and type. --report only prints the table of a results file.
"""

import argparse
import dataclasses
import itertools
import json
import os
import statistics
import subprocess
import sys
import time

import contenders
import report


class Results:
    """The lines of a file: a cell's times (`times`), or the best setting of a try (`setting`)."""

    def __init__(self, path):
        self.path = path
        self.lines = {}
        if os.path.exists(path):
            with open(path) as f:
                for line in f:
                    if line.endswith("\n"):  # the last line of an interrupted run has no end
                        one = json.loads(line)
                        self.lines[one["key"]] = one

    def add(self, one):
        self.lines[one["key"]] = one
        with open(self.path, "a") as f:
            f.write(json.dumps(one) + "\n")

    def cells(self):
        return [one for one in self.lines.values() if "times" in one]


def key_of(args, *parts):
    return json.dumps([args.version, args.threads, args.elcl_options, *parts])


def median_of(one):
    return statistics.median(one["seconds"]) if one["status"] == "ok" else float("inf")


def choose_setting(args, results, contender, cell):
    """The fastest setting in one repetition, and a time if none works."""
    if len(contender.settings) == 1:
        return contender.settings[0], None
    place = [contender.name, cell.model, cell.type, cell.batch, cell.source, cell.new]
    key = key_of(args, "try", *place, contender.settings)
    if key not in results.lines:
        tries = [[s, contenders.time_one(args, contender, cell, s, 1)] for s in contender.settings]
        best = min(tries, key=lambda pair: median_of(pair[1]))
        failure = None if best[1]["status"] == "ok" else best[1]
        results.add({"key": key, "setting": best[0], "failure": failure, "tries": tries})
    kept = results.lines[key]
    return tuple(map(tuple, kept["setting"])), kept["failure"]


def was_slow(args, results, contender, cell):
    """The time of a cell that is smaller in every dimension and was too slow, or None."""
    for one in results.cells():
        c = one["cell"]
        smaller = (
            one["version"] == args.version
            and (c["model"], c["type"]) == (cell.model, cell.type)
            and c["batch"] <= cell.batch
            and c["beams"] <= cell.beams
            and c["source"] <= cell.source
            and c["new"] <= cell.new
        )
        mine = one["times"].get(contender.name, {})
        if smaller and mine.get("status") == "slow" and mine["limit_s"] >= args.limit:
            return mine
    return None


def join(times):
    """One time of all rounds, or the first that is not ok."""
    for one in times:
        if one["status"] != "ok":
            return one
    seconds = [s for one in times for s in one["seconds"]]
    rates = [one["about"]["rates"] for one in times if "rates" in one["about"]]
    joined = {**times[-1], "seconds": seconds}
    if len({one["ids_hash"] for one in times}) > 1:
        return {"status": "failed", "error": "two rounds gave different tokens"}
    if rates:
        joined["rates"] = rates
    return joined


def measure(args, results, everyone, cell):
    """The time of each contender that can do the work, by name."""
    times, running = {}, []
    for contender in everyone:
        if not contender.type_for(cell):
            continue
        setting, failure = (), was_slow(args, results, contender, cell)
        if not failure:
            setting, failure = choose_setting(args, results, contender, cell)
        if failure:
            times[contender.name] = failure
        else:
            running.append((contender, setting, []))
    for i in range(args.rounds):
        for contender, setting, rounds in running if i % 2 == 0 else running[::-1]:
            if rounds and rounds[-1]["status"] != "ok":
                continue
            repeat = args.repeat
            if rounds:
                fits = int(args.seconds / statistics.median(rounds[0]["seconds"]))
                repeat = max(1, min(repeat, fits))
            rounds.append(contenders.time_one(args, contender, cell, setting, repeat))
    for contender, setting, rounds in running:
        times[contender.name] = {**join(rounds), "setting": dict(setting)}
    return times


def run(args, results):
    """Runs all cells; false if the budget ended first."""
    begin = time.monotonic()
    everyone = contenders.all_contenders(args)
    combinations = itertools.product(args.models, args.types, args.batch, args.beams)
    cells = [contenders.Cell(*c, args.source, args.new) for c in combinations]
    for number, cell in enumerate(cells, 1):
        key = key_of(args, "cell", dataclasses.astuple(cell), [c.name for c in everyone])
        took = time.monotonic() - begin
        note = "done before" if key in results.lines else f"after {took:.0f} s"
        print(f"{number}/{len(cells)} {cell.name()}: {note}", file=sys.stderr, flush=True)
        if key in results.lines:
            continue
        if args.budget and took > args.budget:
            print("the budget is spent: run again to continue", file=sys.stderr)
            return False
        load = os.getloadavg()[0]
        times = measure(args, results, everyone, cell)
        line = {"key": key, "cell": dataclasses.asdict(cell), "load": load, "times": times}
        line["version"] = args.version
        line["took_s"] = round(time.monotonic() - begin - took, 1)
        results.add(line)
    return True


def words(text):
    return text.split(",")


def numbers(text):
    return [int(word) for word in words(text)]


def parse():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("--models", type=words, default="gpt2,marian-base,bart-large")
    p.add_argument("--types", type=words, default="f32,bf16,int8")
    p.add_argument("--batch", type=numbers, default="1,16")
    p.add_argument("--beams", type=numbers, default="1,4")
    p.add_argument("--source", type=int, default=64)
    p.add_argument("--new", type=int, default=16)
    p.add_argument("--attention", type=words, default="el,mha", help="of elcl")
    p.add_argument("--peers", type=words, default="ctranslate2,transformers,llama.cpp")
    p.add_argument("--wait", type=words, default="passive,active", help="OMP_WAIT_POLICY to try")
    p.add_argument("--threads", type=int, default=os.cpu_count(), help="of the peers")
    p.add_argument("--rounds", type=int, default=2)
    p.add_argument("--repeat", type=int, default=3, help="maximum repetitions of a round")
    p.add_argument("--seconds", type=float, default=10, help="start no repetition later")
    p.add_argument("--limit", type=float, default=180, help="seconds of a process")
    p.add_argument("--budget", type=float, default=0, help="start no cell after these seconds")
    p.add_argument("--elcl", default="build/elcl")
    p.add_argument("--elcl-options", default="", help="more options of elcl, in one word")
    p.add_argument("--python", default=sys.executable)
    p.add_argument("--work", default="/tmp/elcl-peers", help="exports and conversions")
    p.add_argument("--results", default="peers.jsonl")
    p.add_argument("--report", action="store_true", help="only print the table of --results")
    p.add_argument("--verbose", action="store_true", help="print each time")
    return p.parse_args()


def commit_of(elcl):
    """Version and commit from elcl bench."""
    command = [elcl, "bench", "--synthetic", "gpt2", "--source-length", "1", "--new-tokens", "1"]
    command += ["--num-beams", "1", "--warmup", "0", "--repetitions", "1", "--no-profile"]
    out = subprocess.run(command + ["--quiet", "--format", "json"], check=True, capture_output=True)
    run = json.loads(out.stdout)
    return f"{run['elcl']} {run['commit']}"


def main():
    args = parse()
    results = Results(args.results)
    if args.report:
        print(report.table(results.cells()))
        return 0
    args.version = commit_of(args.elcl)
    done = False
    try:
        done = run(args, results)
    except KeyboardInterrupt:
        print("interrupted: run again to continue", file=sys.stderr)
    print(report.table(results.cells()))
    return 0 if done else 1


if __name__ == "__main__":
    sys.exit(main())
