"""What the tests of clients share: checks, the server, and a record of the requests."""

import json
import re
import socket
import subprocess
import sys
import threading

passed = failed = 0


def check(name, ok, *found):
    global passed, failed
    passed += bool(ok)
    failed += not ok
    if not ok:
        print(f"FAILED {name}:", *(str(f)[:400] for f in found))
    return ok


def same(name, found, expected):
    return check(name, found == expected, found, "expected", expected)


def finish():
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


def skip(reason):
    print(f"skipped: {reason}")
    print("0 passed, 0 failed, 1 skipped")
    sys.exit(77)


class Server:
    """`elcl serve` on a free port."""

    def __init__(self, elcl, *options):
        self.process = subprocess.Popen([elcl, "serve", "--port", "0", *options],
                                        stderr=subprocess.PIPE, text=True)
        found = None
        while not found:
            line = self.process.stderr.readline()
            found = re.match(r"elcl: serving .* on http://127.0.0.1:(\d+)$", line)
            if not line:
                sys.exit("the server did not start")
        self.port = int(found[1])

    def stop(self):
        self.process.terminate()
        same("the server ends well", self.process.wait(30), 0)


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
        while data := client.recv(65536):
            server.sendall(data)
            pending = self.take(pending + data)
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
        if failed:
            return
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"models": models, "options": options, "exchanges": self.requests}, file)
