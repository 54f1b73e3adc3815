#!/usr/bin/env python3
"""/health, /metrics and the files of the page of elcl serve.

usage: metrics_test.py ELCL

ELCL: the command, or its build with the stand-in for the library.
"""

import json
import os
import re
import sys
import time
import urllib.request

from checks import Checks
from server import ROOT, Server

MODEL = os.path.join(ROOT, "models", "g2p-en")
NAME = 'a "name" with \\'
LABEL = r'\w+="(?:[^"\\\n]|\\["\\n])*"'
SAMPLE = re.compile(rf"(\w+)(?:\{{({LABEL}(?:,{LABEL})*)\}})? (\S+)")


def family_of(name, types):
    """The metric that a sample belongs to: a histogram has three kinds of samples."""
    for end in ("_bucket", "_sum", "_count"):
        if name.endswith(end) and types.get(name[:-len(end)]) == "histogram":
            return name[:-len(end)]
    return name


def parse(text):
    """Samples {(name, labels): value} of the text format, and what is wrong with it."""
    types, samples, wrong, now = {}, {}, [], None
    for line in text.splitlines():
        comment = re.fullmatch(r"# (HELP|TYPE) (\w+) (.+)", line)
        sample = SAMPLE.fullmatch(line)
        if comment and comment.group(1) == "TYPE":
            if comment.group(2) in types:
                wrong.append(f"described twice: {line}")
            now = comment.group(2)
            types[now] = comment.group(3)
        elif sample:
            name, labels, value = sample.groups()
            if family_of(name, types) != now:
                wrong.append(f"not after its TYPE: {line}")
            if (types.get(now) == "counter") != name.endswith("_total"):
                wrong.append(f"counters, and only they, end in _total: {line}")
            if (name, labels) in samples:
                wrong.append(f"twice: {line}")
            samples[name, labels] = float(value)
        elif not comment:
            wrong.append(f"no line of the format: {line}")
    if not text.endswith("\n"):
        wrong.append("the last line has no end")
    return samples, types, wrong


def check_buckets(samples, types, checks):
    for name in (n for n, t in types.items() if t == "histogram"):
        buckets = [v for (n, _), v in samples.items() if n == f"{name}_bucket"]
        counts = [v for (n, _), v in samples.items() if n == f"{name}_count"]
        checks.that(f"{name}: buckets add up", buckets == sorted(buckets) and
                    buckets[-1:] == counts, buckets, counts)


def check_names(types, checks):
    """docs/serving.md lists the metrics, and the autoscaler of the example takes one of them."""
    with open(os.path.join(ROOT, "docs", "serving.md"), encoding="utf-8") as file:
        rows = [line.split("|")[1] for line in file if re.match(r"\| `(elcl|process)_", line)]
    listed = {name for row in rows for name in re.findall(r"`(\w+)", row)}
    checks.that("docs/serving.md lists all metrics", listed == set(types),
                listed ^ set(types))
    with open(os.path.join(ROOT, "examples", "kubernetes-serve.yaml"), encoding="utf-8") as file:
        scaled_by = re.findall(r"metric: \{name: (\w+)\}", file.read())
    checks.that("the autoscaler's metric", scaled_by and types.get(scaled_by[0]) == "gauge",
                scaled_by)


def check_page(server, checks):
    """The page may take its two files, and ask this server, and nothing else."""
    for path, kind in (("/", "text/html"), ("/page.css", "text/css"),
                       ("/page.js", "text/javascript")):
        with urllib.request.urlopen(server.url + path) as answer:
            policy = answer.headers["Content-Security-Policy"] or ""
            checks.that(f"page: {path}", answer.headers["Content-Type"].startswith(kind) and
                        policy.startswith("default-src 'none'; script-src 'self'; ") and
                        "unsafe" not in policy, answer.headers)
            text = answer.read().decode()
        taken = re.findall(r"(?:src|href)=[\"']?([^\"'\s>]+)|url\(([^)]*)\)|@import (\S+)", text)
        others = [name for names in taken for name in names
                  if name and name not in ("page.css", "page.js") and not name.startswith("data:")]
        checks.that(f"page: {path} takes nothing else", not others, others)


def main():
    checks = Checks("metrics")
    with Server(sys.argv[1], f"{NAME}={MODEL}") as server:
        status, body = server.get("/health")
        health = json.loads(body)
        checks.that("health: ok", status == 200 and health["status"] == "ok", status, health)
        model = health["models"][0]
        checks.that("health: figures of a model", model["name"] == NAME and
                    model["batch_size"] > 0 and model["in_flight"] == 0 and model["engines"] == 1
                    and model["weight_bytes"] >= 0 and model["device"], model)
        for _ in range(3):
            server.complete(prompt=["a", "b"])
        server.complete(prompt="a", no_such_field=1)
        server.get("/nothing")
        time.sleep(0.05)  # an answer is counted after its last byte
        status, text = server.get("/metrics")
        samples, types, wrong = parse(text)
        checks.that("the format", status == 200 and not wrong, status, *wrong)
        check_buckets(samples, types, checks)
        check_names(types, checks)
        check_page(server, checks)
        model = 'model="' + NAME.replace("\\", "\\\\").replace('"', '\\"') + '"'
        for sample, value in {
                ("elcl_requests_total", model + ',outcome="finished"'): 6,
                ("elcl_total_seconds_count", model): 6,
                ("elcl_requests_waiting", model): 0,
                ("elcl_http_requests_total",
                 'method="POST",path="/v1/completions",status="200"'): 3,
                ("elcl_http_requests_total",
                 'method="POST",path="/v1/completions",status="400"'): 1,
                ("elcl_http_requests_total", 'method="",path="",status="404"'): 1}.items():
            checks.that(f"{sample[0]}{{{sample[1]}}}", samples.get(sample) == value,
                        samples.get(sample))
        started = samples.get(("process_start_time_seconds", None), 0)
        checks.that("the time of the start", 0 <= time.time() - started < 600, started)
        checks.that("ends", server.stop() == 0)
    return checks.end()


if __name__ == "__main__":
    sys.exit(main())
