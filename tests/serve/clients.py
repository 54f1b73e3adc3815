"""What the tests of clients share: checks, and a record of the requests."""

import json
import re
import socket
import sys
import threading

from checks import Checks

checks = Checks("clients")
check = checks.that


def same(name, found, expected):
    check(name, found == expected, found, "expected", expected)


def skip(reason):
    print(f"skipped: {reason}")
    print("0 passed, 0 failed, 1 skipped")
    sys.exit(77)


class Recorder:
    """Passes connections on to the server, and keeps the requests on the way while `case` names
    them."""

    def __init__(self, port):
        self.port = port
        self.case = ""
        self.requests = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.own_port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client = self.listener.accept()[0]
            server = socket.create_connection(("127.0.0.1", self.port))
            threading.Thread(target=self.up, args=(client, server), daemon=True).start()
            threading.Thread(target=self.down, args=(server, client), daemon=True).start()

    def up(self, client, server):
        pending = b""
        try:
            while data := client.recv(65536):
                server.sendall(data)
                pending = self.take(pending + data)
        except OSError:  # the client has left
            pass
        server.close()

    def take(self, pending):
        head, end, rest = pending.partition(b"\r\n\r\n")
        found = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        n = int(found[1]) if found else 0
        if not end or len(rest) < n:
            return pending
        if self.case:
            raw = re.sub(rb"(?i)(\r\nhost: )[^\r]*", rb"\1HOST", head) + end + rest[:n]
            self.requests.append({"name": self.case, "request": raw.decode()})
        return rest[n:]

    @staticmethod
    def down(server, client):
        try:
            while data := server.recv(65536):
                client.sendall(data)
        except OSError:
            pass
        try:
            client.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def write(self, path, models, options):
        """Unless a check has failed. replay.py --update adds the answers."""
        if checks.failed:
            return
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"models": models, "options": options, "exchanges": self.requests}, file)


class Record:
    """What --record asks for: without a path it passes nothing on and keeps nothing."""

    def __init__(self):
        self.path = sys.argv[4] if len(sys.argv) > 4 else None
        self.recorder = None

    def port_of(self, server):
        """The port for the clients of a server."""
        if not self.path:
            return server.port
        self.recorder = Recorder(server.port)
        return self.recorder.own_port

    def begin(self, name):
        """Names the requests that follow; "" keeps none."""
        if self.recorder:
            self.recorder.case = name

    def write(self, models, options):
        if self.path:
            self.recorder.write(self.path, models, options)


record = Record()
begin = record.begin
