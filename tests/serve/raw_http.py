"""Clients that send any bytes to `elcl serve`."""

import signal
import socket
import struct

from checks import Checks

checks = Checks("clients that misbehave")
check = checks.that


def ended(server, code=0):
    """Expects the end with this code; returns what followed the line with the address."""
    found = server.wait(20)
    check(f"exit code {code}", found == code, found, server.later())
    return server.later()


def stop(server, number=signal.SIGTERM):
    server.send_signal(number)
    return ended(server)


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
        body = self.body(headers) if has_body else b""
        return Reply(int(first.split()[1]), headers, body)

    def body(self, headers):
        if headers.get("transfer-encoding") != "chunked":
            return self.take(int(headers.get("content-length", 0)))
        body = b""
        while n := int(self.until(b"\r\n") or b"0", 16):
            body += self.take(n + 2)[:n]
        self.until(b"\r\n")
        return body


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
