"""`elcl serve` as a process, and clients that send any bytes to it."""

import atexit
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import threading


class Checks:
    """Counts; prints what failed."""

    def __init__(self):
        self.passed = self.failed = 0

    def __call__(self, name, ok, found=""):
        self.passed += bool(ok)
        self.failed += not ok
        if not ok:
            print(f"FAILED {name}: {str(found)[:300]}")

    def end(self):
        """Prints the last line; returns the exit code."""
        print(f"{self.passed} passed, {self.failed} failed")
        return int(self.failed > 0 or not self.passed)


check = Checks()


class Server:
    """`ELCL serve MODEL` on a free port, with the address that it prints."""

    def __init__(self, elcl, model, *options, environment=None, before=None):
        clean = {name: value for name, value in os.environ.items() if name != "ELCL_API_KEY"}
        self.process = subprocess.Popen(
            [elcl, "serve", "--port", "0", *options, model], preexec_fn=before,
            stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, env=clean | (environment or {}))
        atexit.register(self.process.kill)  # a test that breaks off leaves no server
        found = None
        while not found:
            line = self.process.stderr.readline().decode()
            found = re.match(r"elcl: serving .* on http://(.*):(\d+)$", line)
            if not line:
                sys.exit("the server did not start")
        self.host, self.port = found[1].strip("[]"), int(found[2])
        self.log = b""
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stderr:
            self.log += line

    def wait(self, code=0):
        """Returns what followed the line with the address."""
        found = self.process.wait(20)
        self.reader.join()
        check(f"exit code {code}", found == code, (found, self.log))
        return self.log

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.wait()

    def connect(self):
        connection = socket.create_connection((self.host, self.port), timeout=20)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def __repr__(self):
        return f"{self.status} {self.headers} {self.body[:200]}"


class Reader:
    """Reads answers from a connection. Its end, and a reset, are the end of the input."""

    def __init__(self, connection):
        self.connection, self.data, self.ended = connection, b"", False

    def more(self):
        try:
            piece = self.connection.recv(65536)
        except ConnectionError:
            piece = b""
        self.ended = not piece
        self.data += piece
        return not self.ended

    def until(self, mark):
        while mark not in self.data:
            if not self.more():
                return None
        head, _, self.data = self.data.partition(mark)
        return head

    def take(self, n):
        while len(self.data) < n and self.more():
            pass
        piece, self.data = self.data[:n], self.data[n:]
        return piece

    def reply(self, has_body=True):
        """Returns the next answer, or None at the end."""
        head = self.until(b"\r\n\r\n")
        if head is None:
            return None
        first, *rest = head.decode("latin-1").split("\r\n")
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in rest)}
        n = int(headers.get("content-length", 0)) if has_body else 0
        return Reply(int(first.split()[1]), headers, self.take(n))


def send(connection, data):
    """Returns whether the server took all of it."""
    try:
        connection.sendall(data)
        return True
    except ConnectionError:
        return False


def ask(server, data, has_body=True):
    """Sends bytes on a new connection; returns the answer, or None if it is closed without one."""
    with server.connect() as connection:
        send(connection, data)
        return Reader(connection).reply(has_body)


def request(method, path, *headers, body=None):
    lines = [f"{method} {path} HTTP/1.1", "Host: x", *headers]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b"")


HEALTH = request("GET", "/health")


def serves(server, after):
    reply = ask(server, HEALTH)
    check(f"serves after {after}", reply and reply.status == 200, reply)


def status(server, name, data, *expected):
    """Expects one of these statuses; None: the connection may be closed without an answer."""
    reply = ask(server, data)
    found = reply.status if reply else None
    check(name, found in expected, reply)


def reset(connection):
    """Closes it as a crash would."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
