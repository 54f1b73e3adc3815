#!/usr/bin/env python3
"""Times elcl and other programs on the same weights by turns, and prints one table.

    compare.py [--models gpt2,marian-base,bart-large] [--types f32,bf16,int8] [--batch 1,16]
               [--beams 1,4] [--source 64] [--new 16] [--results FILE] [--budget SECONDS] ...

Run it with the Python of an environment that has the peers' packages (see time_peer.py), or name
that one with --python. Each cell (model, type, batch, beams) is done whole: a short try of a peer's
settings (CT2_USE_MKL, --wait), which is kept for all cells of its model, type and batch, then
--rounds rounds of all contenders by turns, every second round backwards, each contender in a process
of its own with one warm-up and up to --repeat repetitions. Medians are over all rounds.

All do equal work: the same source tokens, one size of batch, and exactly --new tokens for each
sample, with the end token held back; `ids` in the table says whose tokens were elcl's too.

A cell that is done is a line of --results, and is not done again unless elcl, --source or --new is
another; so an interrupted or ended (--budget) run goes on where it stopped. A process that takes
longer than --limit, loading included, is marked slow, and its contender is left out of larger cells
of the same model and type. --report prints the table of a results file alone.
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
    """The lines of a file: a cell's times (`times`), or the setting that a try found (`setting`)."""

    def __init__(self, path):
        self.path = path
        self.lines = {}
        if os.path.exists(path):
            with open(path) as f:
                for line in f:
                    if line.endswith("\n"):  # the last one of a run that was cut off may not
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
    """The setting that was fastest in one repetition, and a time when none works."""
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
    """Whether a cell that is smaller in everything was too slow."""
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
    """One time of the rounds'; the first that is not ok, where there is one."""
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
    """name: time of each contender that has such work."""
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
    """False when the budget ended first."""
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
            print("the budget is spent: run again to go on", file=sys.stderr)
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
    p.add_argument("--repeat", type=int, default=3, help="most repetitions of a round")
    p.add_argument("--seconds", type=float, default=10, help="no repetition starts later")
    p.add_argument("--limit", type=float, default=180, help="seconds of a process")
    p.add_argument("--budget", type=float, default=0, help="start no cell after these seconds")
    p.add_argument("--elcl", default="build/elcl")
    p.add_argument("--elcl-options", default="", help="more of them, in one word")
    p.add_argument("--python", default=sys.executable)
    p.add_argument("--work", default="/tmp/elcl-peers", help="exports and conversions")
    p.add_argument("--results", default="peers.jsonl")
    p.add_argument("--report", action="store_true", help="print the table of --results alone")
    p.add_argument("--verbose", action="store_true", help="print each time")
    return p.parse_args()


def commit_of(elcl):
    """Version and commit, as elcl bench says them."""
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
        print("interrupted: run again to go on", file=sys.stderr)
    print(report.table(results.cells()))
    return 0 if done else 1


if __name__ == "__main__":
    sys.exit(main())
