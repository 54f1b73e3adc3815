#!/usr/bin/env python3
"""elcl serve under load.

usage: load.py ELCL LOAD_CLIENT FAKE PART...

ELCL and FAKE are the command and its build with the stand-in for the library. Parts:

    quick         160 requests of mixed options, and all that needs only the stand-in (in the suite)
    mixed [N]     N (10,000) requests of mixed options for both models by 64 clients, of which a
                  tenth leaves midway: each answer against the command's, memory, freed rows
    memory [N]    the memory after each of N (6) times 8,000 such requests
    speed [N]     N (3,000) requests for each model: 64 clients, 1 client and the command in turn
    slow          other clients' speed while 16 clients read a byte a second
    queue, term, killed, failing, gone
                  a full queue; SIGTERM; a killed client; a lost device, also for good

Each part prints its figures. The last line counts the checks.
"""

import json
import os
import re
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time

from checks import Checks
from load_requests import ask_command, difference, generate, mixed
from server import ROOT, Memory, Server

MODELS = os.path.join(ROOT, "models")
G2P, KJV = os.path.join(MODELS, "g2p-en"), os.path.join(MODELS, "kjv-gpt2")
CLIENTS = 64


def last(rates):
    """The last figure of each kind, and the load of the machine."""
    return json.dumps({k: round(v[-1], 1) for k, v in rates.items()}) + \
        f" at load {os.getloadavg()[0]:.1f}"


def children_seconds():
    """Processor time of the children that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class Load:
    """A run of the load client, which may go on while other things happen."""

    def __init__(self, client, port, bodies, *options):
        self.folder = tempfile.TemporaryDirectory()
        self.answers_path = os.path.join(self.folder.name, "answers")
        requests = os.path.join(self.folder.name, "requests")
        with open(requests, "w", encoding="utf-8") as file:
            file.writelines(json.dumps(body) + "\n" for body in bodies)
        self.process = subprocess.Popen(
            [client, *options, str(port), requests, self.answers_path],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)

    def end(self):
        """Waits. Returns the figures and the answers."""
        out = self.process.communicate()[0]
        with open(self.answers_path, encoding="utf-8", errors="replace") as file:
            answers = [json.loads(line) for line in file]
        self.folder.cleanup()
        return json.loads(out), answers


class Tests:
    def __init__(self, elcl, client, fake):
        self.elcl, self.client, self.fake = elcl, client, fake
        self.checks = Checks("load")

    def load(self, server, bodies, *options):
        return Load(self.client, server.port, bodies, *options)

    def check_answers(self, name, requests, answers):
        """Each answer must be the command's."""
        wrong = []
        for request, answer in zip(requests, answers):
            if answer["outcome"] != "answered":
                continue
            if answer["status"] != 200:
                wrong.append(f"status {answer['status']}: {answer['body'][:200]}")
            elif difference(request, answer["body"]):
                wrong.append(difference(request, answer["body"]))
        self.checks.that(f"{name}: each answer is the command's ({len(wrong)} are not)", not wrong,
                         *wrong[:5])

    def check_figures(self, name, figures):
        self.checks.that(f"{name}: no request is lost",
                         figures["answered"] + figures["left"] == figures["requests"], figures)
        self.checks.that(f"{name}: some leave, as planned", figures["left"] > 0, figures)

    # ---- mixed options ------------------------------------------------------------------------

    def mixed(self, n=10000, sampled=300, clients=CLIENTS, options=()):
        requests = mixed(MODELS, n, sampled, seed=n)
        for path in (G2P, KJV):
            mine = [r for r in requests if r.body["model"] == os.path.basename(path)]
            ask_command(self.elcl, path, mine)
        with Server(self.elcl, "--max-beams", "8", *options, G2P, KJV) as server:
            bodies = [r.body for r in requests]
            warm = max(n // 20, 20)
            self.load(server, bodies[:warm], "--clients", str(clients)).end()
            server.wait_idle()
            before, memory = server.rss_kib(), Memory(server)
            figures, answers = self.load(server, bodies, "--clients", str(clients), "--leave",
                                         "0.12", "--delay", "30").end()
            kib = memory.stop()
            idle_s = server.wait_idle()
            after, metrics = server.rss_kib(), server.metrics()
            self.check_figures("mixed", figures)
            self.check_answers("mixed", requests, answers)
            self.checks.that("mixed: the rows of clients that left are free", idle_s is not None)
            cancelled = metrics.get('elcl_requests_total{model="g2p-en",outcome="cancelled"}', 0) \
                + metrics.get('elcl_requests_total{model="kjv-gpt2",outcome="cancelled"}', 0)
            self.checks.that("mixed: clients that left are counted", cancelled > 0, metrics)
            if n >= 1000:  # fewer say little, and AddressSanitizer keeps for a while what is freed
                self.check_memory(before, kib, after)
            self.checks.that("mixed: the server still answers", self.still_answers(server))
            self.checks.that("mixed: exit code 0", server.stop() == 0, *server.lines[-3:])
        figures.update(memory_before_kib=before, memory_most_kib=max(kib or [0]),
                       memory_after_kib=after, cancelled=cancelled, idle_after_s=idle_s)
        print("mixed:", json.dumps(figures))

    def memory(self, rounds=6):
        """The memory after each 8,000 requests, without a look at the answers."""
        bodies = [r.body for r in mixed(MODELS, 8000, 300, seed=3)]
        kib = []
        with Server(self.elcl, "--max-beams", "8", G2P, KJV) as server:
            for _ in range(rounds):
                figures = self.load(server, bodies, "--clients", str(CLIENTS), "--leave", "0.12",
                                    "--delay", "30").end()[0]
                self.check_figures("memory", figures)
                server.wait_idle()
                kib.append(server.rss_kib())
            self.checks.that("memory: exit code 0", server.stop() == 0)
        print("memory: KiB after each 8,000 requests:", kib)
        self.checks.that("memory stays", kib[-1] <= 1.01 * kib[0], kib)

    def check_memory(self, before, kib, after):
        quarter = len(kib) // 4
        early, late = max(kib[:quarter + 1]), max(kib[-quarter - 1:])
        self.checks.that(f"memory stays: {before} KiB before, {after} KiB after",
                         after <= before * 1.1 + 4096)
        self.checks.that(f"memory stays: at most {early} KiB in the first quarter, {late} KiB in "
                         "the last", late <= early * 1.1 + 4096)

    @staticmethod
    def still_answers(server):
        status, answer = server.complete(model="g2p-en", prompt="attention")
        return status == 200 and answer["choices"][0]["text"].strip() == "AH0 T EH1 N SH AH0 N"

    # ---- speed --------------------------------------------------------------------------------

    def speed(self, n=3000):
        for path in (G2P, KJV):
            name = os.path.basename(path)
            requests = [r for r in mixed(MODELS, 2 * n, 20, seed=7) if r.body["model"] == name]
            self.speed_of(name, path, requests)

    def speed_of(self, name, path, requests):
        bodies = [r.body for r in requests]
        few = bodies[:len(bodies) // 6]
        lines = [line for r in requests for line in r.lines()]
        rates = {"64 clients": [], "command": [], "1 client": []}
        cpu_ms = {kind: [] for kind in rates}
        with Server(self.elcl, "--max-beams", "8", path) as server:
            self.load(server, bodies[:200], "--clients", "64").end()
            for _ in range(3):
                for kind, some in (("64 clients", bodies), ("1 client", few)):
                    began = server.cpu_seconds()
                    figures = self.load(server, some, "--clients", kind.split()[0]).end()[0]
                    rates[kind].append(figures["requests_per_second"])
                    cpu_ms[kind].append(1e3 * (server.cpu_seconds() - began) / len(some))
                    print(f"speed of {name}, {kind}:", json.dumps(figures["latency"]))
                began = children_seconds()
                said = generate(self.elcl, path, lines)[1]
                seconds = float(re.search(r"; generation ([0-9.]+) s", said).group(1))
                rates["command"].append(len(requests) / seconds)
                cpu_ms["command"].append(1e3 * (children_seconds() - began) / len(requests))
                print(f"speed of {name}:", last(rates))
            server.stop()
        many, command, one = (statistics.median(rates[k]) for k in rates)
        print(f"speed of {name}: {many:.1f} requests/s by 64 clients, {command:.1f} by the command "
              f"({many / command:.0%}), {one:.1f} by 1 client ({many / one:.1f} times)")
        print(f"speed of {name}: processor time of a request in ms:",
              json.dumps({k: round(statistics.median(v), 2) for k, v in cpu_ms.items()}))
        self.checks.that(f"speed of {name}: at least 90 % of the command", many >= 0.9 * command)
        self.checks.that(f"speed of {name}: at least 3 times one at a time", many >= 3 * one)

    # ---- slow readers -------------------------------------------------------------------------

    def slow(self, n=1500):
        """Others' speed without and with 16 clients that have a long answer and read one byte a
        second."""
        rates = {"without": [], "with": []}
        requests = [r for r in mixed(MODELS, 2 * n, 20, seed=11) if r.body["model"] == "kjv-gpt2"]
        bodies = [r.body for r in requests]
        long = {"model": "kjv-gpt2", "prompt": ["In the beginning"] * 64, "max_tokens": 200,
                "temperature": 0, "logprobs": 1, "stream": True}
        with Server(self.elcl, KJV) as server:
            self.load(server, bodies[:200], "--clients", "32").end()
            for _ in range(3):
                rates["without"].append(self.rate(server, bodies))
                slow = self.load(server, [long] * 16, "--clients", "16", "--rate", "1")
                time.sleep(0.5)
                server.wait_idle(120)
                before = server.rss_kib()
                rates["with"].append(self.rate(server, bodies))
                self.checks.that("slow readers still read", slow.process.poll() is None)
                slow.process.kill()
                slow.process.communicate()
                print("slow readers:", last(rates), f"{before} KiB with their answers")
            self.checks.that("slow readers: exit code 0", server.stop() == 0)
        without, with_slow = (statistics.median(v) for v in rates.values())
        print(f"slow readers: others have {with_slow:.1f} requests/s, {without:.1f} without them "
              f"({with_slow / without:.0%})")
        self.checks.that("slow readers do not slow others", with_slow >= 0.9 * without)

    def rate(self, server, bodies):
        return self.load(server, bodies, "--clients", "32").end()[0]["requests_per_second"]

    # ---- with the stand-in --------------------------------------------------------------------

    def fake_server(self, *arguments, **environment):
        return Server(self.fake, *(arguments or ("a",)),
                      environment={name: str(value) for name, value in environment.items()})

    def check_fake(self, name, bodies, answers):
        """The stand-in answers in upper case."""
        wrong = []
        for body, answer in zip(bodies, answers):
            if answer["outcome"] != "answered" or answer["status"] != 200:
                continue
            choices = json.loads(answer["body"])["choices"]
            if [c["text"].strip() for c in choices] != [body["prompt"].upper()]:
                wrong.append(f"{body}: {answer['body'][:300]}")
        self.checks.that(f"{name}: no answer is crossed", not wrong, *wrong[:5])

    @staticmethod
    def fake_bodies(n, prefix=""):
        return [{"model": "a", "prompt": f"{prefix}request {i}"} for i in range(n)]

    def queue(self):
        """A full queue: 429, and clients that come back are answered."""
        bodies = self.fake_bodies(24)
        with self.fake_server("--queue", "4", "--batch-size", "2", "a", FAKE_STEP_MS=4) as server:
            figures, answers = self.load(server, bodies, "--clients", "12", "--retry", "60").end()
            self.check_fake("full queue", bodies, answers)
            self.checks.that("full queue: all that come back are answered",
                             figures["statuses"] == {"200": len(bodies)}, figures)
            self.checks.that("full queue: 429 with Retry-After",
                             figures["retries"] > 0 and figures["retry_after_s"][0] >= 1, figures)
            refused = self.load(server, bodies, "--clients", "12").end()[0]
            self.checks.that("full queue: others than 200 and 429",
                             set(refused["statuses"]) == {"200", "429"}, refused)
            self.checks.that("full queue: exit code 0", server.stop() == 0)
        print("queue:", json.dumps(figures))

    def term(self):
        """SIGTERM during load: what was taken is answered."""
        bodies = self.fake_bodies(20000)
        with tempfile.NamedTemporaryFile() as submitted:
            with self.fake_server(FAKE_STEP_MS=2, FAKE_SUBMITTED=submitted.name) as server:
                warm_up = os.path.getsize(submitted.name)
                load = self.load(server, bodies, "--clients", "32", "--seconds", "20")
                time.sleep(0.7)
                server.send_signal()
                code = server.wait()
                figures, answers = load.end()
                taken = os.path.getsize(submitted.name) - warm_up
        self.check_fake("SIGTERM", bodies, answers)
        answered = figures["statuses"].get("200", 0)
        self.checks.that(f"SIGTERM: {taken} requests were taken, {answered} answered",
                         taken == answered > 32, figures)
        self.checks.that("SIGTERM: no answer is broken", figures["broken"] == 0, figures)
        self.checks.that("SIGTERM: others are refused", figures["refused"] > 0 and
                         set(figures["statuses"]) <= {"200", "503"}, figures)
        self.checks.that("SIGTERM: exit code 0", code == 0, code, *server.lines[-3:])
        print("term:", json.dumps(figures))

    def killed(self):
        """Clients that are killed give their rows back."""
        with self.fake_server(FAKE_STEP_MS=20) as server:
            load = self.load(server, self.fake_bodies(32, "!slow "), "--clients", "32")
            time.sleep(0.5)
            busy = server.metrics()["elcl_requests_in_flight"]
            load.process.kill()
            load.process.communicate()
            idle_s = server.wait_idle(1)
            self.checks.that("killed client: its requests ran", busy > 0)
            self.checks.that("killed client: its rows are free at once", idle_s is not None,
                             server.get("/metrics")[1][-600:])
            status, answer = server.complete(model="a", prompt="again")
            self.checks.that("killed client: the server answers others",
                             status == 200 and answer["choices"][0]["text"].strip() == "AGAIN",
                             status, answer)
            self.checks.that("killed client: exit code 0", server.stop() == 0)
        print(f"killed: {busy:.0f} requests in the batch, none after {idle_s} s")

    def failing(self):
        """The device of one model is lost again and again; the other one goes on."""
        good = self.fake_bodies(400)
        bad = [{"model": "b", "prompt": f"!step {i}"} for i in range(3)]
        with self.fake_server("a", "b", FAKE_STEP_MS=2) as server:
            load = self.load(server, good, "--clients", "16")
            lost, _ = self.load(server, bad, "--retry", "5").end()
            again, _ = self.load(server, [{"model": "b", "prompt": "again"}], "--retry", "5").end()
            figures, answers = load.end()
            self.check_fake("lost device", good, answers)
            self.checks.that("lost device: its requests have an error",
                             lost["statuses"] == {"500": len(bad)}, lost)
            self.checks.that("lost device: the next request is answered",
                             again["statuses"] == {"200": 1}, again)
            self.checks.that("lost device: the other model does not notice",
                             figures["statuses"] == {"200": len(good)}, figures)
            self.checks.that("lost device: exit code 0", server.stop() == 0, *server.lines[-3:])
        print("failing:", json.dumps(figures))

    def gone(self):
        """The device of one model is lost for good: the server answers what it has, and ends."""
        bodies = self.fake_bodies(20000)
        # A pool for the size of the batch, and one to work with; for each model.
        with self.fake_server("a", "b", FAKE_STEP_MS=2, FAKE_POOLS=4) as server:
            load = self.load(server, bodies, "--clients", "16")
            time.sleep(0.3)
            lost = self.load(server, [{"model": "b", "prompt": "!step"}]).end()[0]
            code = server.wait()
            figures, answers = load.end()
        self.check_fake("device gone", bodies, answers)
        self.checks.that("device gone: its request has an error", lost["statuses"] == {"500": 1},
                         lost)
        self.checks.that("device gone: no answer is broken", figures["broken"] == 0 and
                         set(figures["statuses"]) <= {"200", "503"}, figures)
        self.checks.that("device gone: exit code 1", code == 1, code, *server.lines[-3:])
        print("gone:", json.dumps(figures), server.lines[-1].strip())

    def quick(self):
        self.mixed(n=160, sampled=4, clients=24, options=("--batch-size", "16"))
        self.queue()
        self.term()
        self.killed()
        self.failing()
        self.gone()


def main():
    if len(sys.argv) < 5:
        print(__doc__)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    tests = Tests(*sys.argv[1:4])
    parts = sys.argv[4:]
    while parts:
        part = parts.pop(0)
        number = [int(parts.pop(0))] if parts and parts[0].isdigit() else []
        getattr(tests, part)(*number)
    return tests.checks.end()


if __name__ == "__main__":
    sys.exit(main())
