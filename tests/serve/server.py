"""`elcl serve` as a process: starts it, asks it, watches its memory, ends it."""

import atexit
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Server:
    """`elcl serve` on a free port, with all that it writes to standard error in `lines`.

    key: what get() and complete() send. environment: variables that it has beside those of the
    test. before: what the process calls before the server starts.
    """

    def __init__(self, elcl, *arguments, key=None, ready_s=120, environment=None, before=None):
        self.headers = {"Authorization": f"Bearer {key}"} if key else {}
        clean = {name: value for name, value in os.environ.items() if name != "ELCL_API_KEY"}
        self.process = subprocess.Popen(
            [elcl, "serve", "--port", "0", *arguments], env=clean | (environment or {}),
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            preexec_fn=lambda: self.begin(before))
        atexit.register(self.process.kill)  # a test that breaks off leaves no server
        self.lines = []
        self.ready = threading.Event()
        self.url = self.host = self.port = self.n_start = None
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        if not self.ready.wait(ready_s) or not self.url:
            self.process.kill()
            raise RuntimeError("the server did not start:\n" + "".join(self.lines))

    @staticmethod
    def begin(before):
        """In the new process. A shell lets what runs in the background ignore SIGINT."""
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        if before:
            before()

    def read(self):
        for line in self.process.stderr:
            self.lines.append(line.decode(errors="replace"))
            found = re.match(r"elcl: serving .* on (http://.*)$", self.lines[-1])
            if found and not self.url:
                self.url, self.n_start = found[1], len(self.lines)
                address = urllib.parse.urlsplit(self.url)
                self.host, self.port = address.hostname, address.port
                self.ready.set()
        self.ready.set()

    def later(self):
        """What it has written since the line with its address."""
        return "".join(self.lines[self.n_start:])

    def connect(self, timeout=20):
        connection = socket.create_connection((self.host, self.port), timeout=timeout)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def get(self, path, timeout=10):
        """The status and the body of a GET."""
        try:
            request = urllib.request.Request(self.url + path, headers=self.headers)
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def complete(self, timeout=60, **fields):
        """The status and the parsed answer of one completion."""
        request = urllib.request.Request(
            self.url + "/v1/completions", json.dumps(fields).encode(),
            {"Content-Type": "application/json", **self.headers})
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read().decode())

    def metrics(self):
        """The value of each sample, by its name with labels, and the sum of each metric."""
        sums = {}
        for line in self.get("/metrics")[1].splitlines():
            if line.startswith("#") or not line.strip():
                continue
            name, value = line.rsplit(" ", 1)
            sums[name] = float(value)
            bare = name.split("{")[0]
            if bare != name:
                sums[bare] = sums.get(bare, 0) + float(value)
        return sums

    def rss_kib(self):
        """The memory of the process, or 0 if it has ended."""
        try:
            with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
                return int(re.search(r"VmRSS:\s*(\d+)", file.read()).group(1))
        except (OSError, AttributeError):
            return 0

    def cpu_seconds(self):
        """The processor time of the process so far."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def wait_idle(self, seconds=30):
        """Waits until no request is in the batch or waits; returns how long that took, or None."""
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            m = self.metrics()
            if not m["elcl_requests_in_flight"] and not m["elcl_requests_waiting"]:
                return time.monotonic() - began
            time.sleep(0.05)
        return None

    def send_signal(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def wait(self, seconds=60):
        """The exit code, or None if the server did not end in time."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        self.reader.join(5)
        return code

    def stop(self, number=signal.SIGTERM):
        """Ends it with a signal; returns the exit code."""
        self.send_signal(number)
        code = self.wait()
        if code is None:
            self.process.kill()
            self.process.wait()
        return code

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Memory(threading.Thread):
    """Reads the memory of a server in KiB, ten times a second until stop()."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.kib, self.ended = server, [], threading.Event()
        self.start()

    def run(self):
        while not self.ended.wait(0.1):
            self.kib.append(self.server.rss_kib())

    def stop(self):
        self.ended.set()
        self.join()
        return self.kib
