"""usage: hostile.py ELCL [MODEL]

What clients must not do, against `ELCL serve`: it answers with an error or closes the connection,
and serves the next client. ELCL may be elcl-fake.
"""

import json
import os
import random
import re
import resource
import signal
import socket
import subprocess
import sys
import time

from raw_http import (HEALTH, Reader, ask, check, checks, request, reset, send, serves, status,
                      stop)
from server import Server

elcl = sys.argv[1]
model = sys.argv[2] if len(sys.argv) > 2 else "model"


def send_all(server, data):
    """Sends all that the client will ever send."""
    connection = server.connect()
    send(connection, data)
    try:
        connection.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # the server has closed it
    return connection


def read_all(connection):
    reader = Reader(connection)
    while reader.more():
        pass
    connection.close()


def start(*options, **more):
    return Server(elcl, *options, model, **more)


# ---- one request after the other ---------------------------------------------------------------


def test_paths(server):
    for path in ("/../../etc/passwd", "/..%2f..%2fetc/passwd", "/health/../../etc/passwd",
                 "//health", "/health/", "/./health", "/%68ealth", "/health%00", "/nothing",
                 "/%ff%fe", "/" + "a" * 4000, "/v1/"):
        status(server, f"path {path[:40]}", request("GET", path), 404)
    status(server, "path without a slash", request("GET", "health"), 400, 404)
    status(server, "query", request("GET", "/health?a=b&c&=&&%zz"), 200)
    status(server, "bytes that are not UTF-8 in a path",
           b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n", 400)
    status(server, "bytes that are not UTF-8 in a query",
           b"GET /health?q=\xc3 HTTP/1.1\r\nHost: x\r\n\r\n", 400)
    status(server, "control characters in a path", b"GET /\x1b[2J\x07 HTTP/1.1\r\nHost: x\r\n\r\n",
           400, 404)


def test_methods(server):
    for method in ("POST", "PUT", "DELETE", "PATCH", "TRACE", "BREW", "get"):
        reply = ask(server, request(method, "/health"))
        check(f"method {method}", reply and reply.status == 405 and
              reply.headers.get("allow") == "GET, HEAD, OPTIONS", reply)
    reply = ask(server, request("OPTIONS", "/health"))
    check("OPTIONS", reply and reply.status == 204 and
          reply.headers.get("allow") == "GET, HEAD, OPTIONS", reply)
    reply = ask(server, request("OPTIONS", "*"))
    check("OPTIONS *", reply and reply.status == 204, reply)
    status(server, "OPTIONS of nothing", request("OPTIONS", "/nothing"), 404)
    with server.connect() as connection:
        reader = Reader(connection)
        send(connection, request("HEAD", "/health") + HEALTH)
        head, reply = reader.reply(has_body=False), reader.reply()
        check("HEAD has no body", head and head.status == 200 and reply and reply.status == 200 and
              reply.body.startswith(b"{"), (head, reply))


def test_first_lines(server):
    for name, data in {
        "no version": b"GET /health\r\n\r\n",
        "version 9.9": b"GET /health HTTP/9.9\r\nHost: x\r\n\r\n",
        "version HTTP": b"GET /health HTTP\r\n\r\n",
        "no path": b"GET\r\n\r\n",
        "blanks": b"   \r\n\r\n",
        "zeros": b"\0" * 100 + b"\r\n\r\n",
        "TLS": bytes.fromhex("16030100c8010000c40303") + b"\xaa" * 190 + b"\r\n\r\n",
        "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "a header without a colon": b"GET /health HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n",
        "a folded header": b"GET /health HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n",
        "bare line feeds": b"GET /health HTTP/1.1\nHost: x\n\n",
        "two hosts": b"GET /health HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        "no host": b"GET /health HTTP/1.1\r\n\r\n",
    }.items():
        # HTTP lets a server be strict or lenient with each of these.
        with server.connect() as connection:
            send(connection, data)
            connection.shutdown(socket.SHUT_WR)
            reply = Reader(connection).reply()
            check(f"first lines: {name}", not reply or 200 <= reply.status < 506, reply)
    serves(server, "first lines")


def test_headers(server):
    status(server, "a header of 1M", request("GET", "/health", "A: " + "b" * 1000000), 431, None)
    status(server, "100,000 headers",
           request("GET", "/health", *(f"A{i}: b" for i in range(100000))), 431, None)
    status(server, "a path of 1M", request("GET", "/" + "a" * 1000000), 414, 431, None)
    status(server, "a method of 1M", request("A" * 1000000, "/health"), 400, 405, 414, 431, None)
    status(server, "100,000 arguments",
           request("GET", "/health?" + "&".join(f"a{i}=b" for i in range(100000))), 414, 431, None)
    serves(server, "huge headers")


def test_bodies(server, largest):
    post = "POST", "/health"
    status(server, "a body where none is wanted", request(*post, body=b"x" * 1000), 405)
    status(server, "a large one there", request(*post, body=b"x" * largest), 405)
    status(server, "too large a body is refused before it arrives",
           request(*post, f"Content-Length: {largest + 1}"), 413)
    status(server, "a body of 2^63", request(*post, f"Content-Length: {1 << 63}"), 413, 400)
    for length in ("-1", "1e3", "", "0x10", str(1 << 64), "9" * 1000):
        status(server, f"Content-Length: {length[:20]}",
               request(*post, f"Content-Length: {length}"), 400, 413, 405, None)
    chunks = b"".join(b"1000\r\n" + b"x" * 4096 + b"\r\n" for _ in range(2 + largest // 4096))
    status(server, "too large a body in chunks",
           request(*post, "Transfer-Encoding: chunked") + chunks + b"0\r\n\r\n", 405, 413)
    for name, chunk in {"no size": b"\r\nabc\r\n0\r\n\r\n", "size zz": b"zz\r\nabc\r\n0\r\n\r\n",
                        "size -1": b"-1\r\nabc\r\n0\r\n\r\n",
                        "size 2^64": b"ffffffffffffffffff\r\nabc\r\n0\r\n\r\n",
                        "a short chunk": b"2\r\nabcdef\r\n0\r\n\r\n"}.items():
        status(server, f"chunks: {name}",
               request(*post, "Transfer-Encoding: chunked") + chunk, 400, 405, 413, None)
    status(server, "a length and chunks",
           request(*post, "Transfer-Encoding: chunked", "Content-Length: 3") + b"0\r\n\r\n",
           400, 405, None)
    status(server, "two lengths", request(*post, "Content-Length: 3", "Content-Length: 5") +
           b"abcde", 400, 405, None)
    status(server, "an unknown encoding", request(*post, "Transfer-Encoding: gzip"),
           400, 405, 501, None)
    # An expectation is answered before the body is sent.
    status(server, "Expect with too large a body",
           request(*post, "Expect: 100-continue", f"Content-Length: {largest + 1}"), 413)
    serves(server, "bodies")


def test_long_names(server):
    """A message cuts a long name; its bytes stay UTF-8."""
    for before in ("", "a", "aa", "aaa"):
        name = before + "é€" * 300
        bodies = {"/translate": ({"q": "a", "source": name, "target": "de"},
                                 {"q": "a", "source": "en", "target": name, "format": name}),
                  "/v1/completions": ({"prompt": "a", "model": name}, {"prompt": "a", name: 1},
                                      {"prompt": "a", "early_stopping": name})}
        for path, all_of_it in bodies.items():
            for body in all_of_it:
                reply = ask(server, request("POST", path, body=json.dumps(body).encode()))
                try:
                    error = reply and json.loads(reply.body.decode())["error"]
                except (UnicodeDecodeError, ValueError):
                    error = None
                check(f"a long name in {path}", reply and reply.status in (400, 404) and error,
                      reply)


def test_web_pages(server):
    """Browsers send what any page asks for, here also under a name that a stranger controls."""
    port = server.port
    post = {
        "no browser": ((), 400),
        "own page": ((f"Host: 127.0.0.1:{port}", f"Origin: http://127.0.0.1:{port}",
                      "Sec-Fetch-Site: same-origin"), 400),
        "own page by name": ((f"Host: localhost:{port}", f"Origin: http://localhost:{port}"), 400),
        "listed page": ((f"Host: 127.0.0.1:{port}", "Origin: https://good.example",
                         "Sec-Fetch-Site: cross-site"), 400),
        "other page": ((f"Host: 127.0.0.1:{port}", "Origin: https://evil.example",
                        "Sec-Fetch-Site: cross-site"), 403),
        "other port": ((f"Host: 127.0.0.1:{port}", "Origin: http://127.0.0.1:1",
                        "Sec-Fetch-Site: same-site"), 403),
        "form of another page": (("Host: x", "Origin: null", "Sec-Fetch-Site: cross-site"), 403),
        "without an origin": (("Host: x", "Sec-Fetch-Site: cross-site"), 403),
        "rebound name": ((f"Host: evil.example:{port}", f"Origin: http://evil.example:{port}"),
                         403),
    }
    for name, (headers, wanted) in post.items():
        lines = [f"{line}\r\n" for line in headers] or ["Host: x\r\n"]
        raw = f"POST /v1/completions HTTP/1.1\r\nContent-Length: 1\r\n{''.join(lines)}\r\n["
        reply = ask(server, raw.encode())
        allowed = reply and reply.headers.get("access-control-allow-origin")
        check(f"web pages: {name}", reply and reply.status == wanted and
              allowed == ("https://good.example" if name == "listed page" else None), reply)
    reply = ask(server, request("OPTIONS", "/v1/completions", "Origin: https://good.example",
                                "Access-Control-Request-Method: POST"))
    check("web pages: preflight", reply and reply.status == 204 and
          "Content-Type" in reply.headers.get("access-control-allow-headers", ""), reply)


def test_keep_alive(server):
    with server.connect() as connection:
        reader = Reader(connection)
        send(connection, HEALTH * 100)
        replies = [reader.reply() for _ in range(100)]
        check("100 requests at once", all(r and r.status == 200 for r in replies), replies[-1])
    with server.connect() as connection:
        reader = Reader(connection)
        send(connection, request("POST", "/health", body=b"x" * 100) + HEALTH)
        first, second = reader.reply(), reader.reply()
        check("goes on after an error", first and second and
              (first.status, second.status) == (405, 200), (first, second))
    with server.connect() as connection:
        send(connection, request("GET", "/health", "Connection: close"))
        reader = Reader(connection)
        reader.reply()
        check("Connection: close", not reader.more(), reader.data)
    with server.connect() as connection:
        send(connection, HEALTH)
        connection.shutdown(socket.SHUT_WR)
        reply = Reader(connection).reply()
        check("an answer that is there at once, half closed", reply and reply.status == 200, reply)


def test_closed_side():
    """Half a request, and then nothing more can come: the connection does not stay idle."""
    server = start()
    began = time.monotonic()
    for connection in [send_all(server, data) for data in (
            b"GET /hea", HEALTH + b"GET /hea",
            request("POST", "/", "Content-Length: 9") + b"x")]:
        read_all(connection)
        check("closed after half a request and the end", time.monotonic() - began < 8)
    stop(server)


def test_half(server):
    """Clients that leave in the middle of a request."""
    whole = request("POST", "/health", body=b"x" * 100)
    for n in (0, 1, 5, 20, len(whole) - 101, len(whole) - 100, len(whole) - 1):
        for close in (socket.socket.close, reset):
            connection = server.connect()
            send(connection, whole[:n])
            close(connection)
    serves(server, "half requests")


def test_many(server):
    connections = [server.connect() for _ in range(200)]
    for i, connection in enumerate(connections):
        send(connection, [b"", b"GET /hea", HEALTH, HEALTH * 5][i % 4])
        (reset if i % 2 else socket.socket.close)(connection)
    serves(server, "200 connections opened and dropped")


def test_slow(server):
    """One byte now and then: the server closes the connection when its second is over."""
    openings = {
        "nothing": b"",
        "a first line": b"G",
        "headers": b"GET /health HTTP/1.1\r\nHost: x\r\nA: ",
        "a body": request("POST", "/health", "Content-Length: 100"),
        "chunks": request("POST", "/health", "Transfer-Encoding: chunked") + b"40\r\n",
    }
    began = time.monotonic()
    open_ones = {}
    for name, data in openings.items():
        connection = server.connect()
        send(connection, data)
        connection.settimeout(0.01)
        open_ones[name] = connection
    closed = {}
    while open_ones and time.monotonic() - began < 10:
        for name, connection in list(open_ones.items()):
            try:
                if not name == "nothing":
                    connection.sendall(b"a")
                ended = not connection.recv(65536)
            except TimeoutError:
                ended = False
            except ConnectionError:
                ended = True
            if ended:
                closed[name] = time.monotonic() - began
                open_ones.pop(name).close()
        time.sleep(0.05)
    for name in openings:
        check(f"slow client: {name}", 0.5 < closed.get(name, 99) < 8, closed.get(name))
    serves(server, "slow clients")


def test_random(server):
    """Requests with random changes. Nothing is known about the answers; the server goes on."""
    numbers = random.Random(17)
    whole = [HEALTH, request("POST", "/v1/completions", "Content-Type: application/json",
                             body=b'{"prompt": ["a", "b"], "num_beams": 2}'),
             request("POST", "/v1/completions", "Transfer-Encoding: chunked",
                     "Expect: 100-continue") + b'0d\r\n{"prompt":"a"\r\n1\r\n}\r\n0\r\n\r\n',
             request("GET", "/v1/models?a=b", "Authorization: Bearer x", "Connection: close")]
    connections = []
    for _ in range(300):
        data = bytearray(numbers.choice(whole) + numbers.choice(whole))
        for _ in range(numbers.randrange(1, 6)):
            at = numbers.randrange(len(data))
            data[at:at + numbers.randrange(3)] = numbers.choice(
                [b"", bytes([numbers.randrange(256)]), b"\r\n", b"\n", b" ", b":", b"\0",
                 bytes(data[at:at + 20])])
        connections.append(send_all(server, bytes(data)))
    for connection in connections:
        read_all(connection)
    serves(server, "random requests")


# ---- servers of their own ----------------------------------------------------------------------


def test_connections():
    """More clients than --connections wait until others are closed."""
    server = start("--connections", "2", "--request-seconds", "1")
    idle = [server.connect() for _ in range(2)]
    reply = ask(server, HEALTH)
    check("waits for a connection", reply and reply.status == 200, reply)
    for connection in idle:
        connection.close()
    stop(server)


def test_files():
    """More connections than open files that the user lets a program have at first."""
    few = 64, 4096
    server = start("--connections", "300", before=lambda: resource.setrlimit(
        resource.RLIMIT_NOFILE, few))
    many = [server.connect() for _ in range(200)]
    serves(server, "200 connections with 64 files")
    for connection in many:
        connection.close()
    stop(server)
    code = subprocess.run([elcl, "serve", "--connections", "10000", model], capture_output=True,
                          text=True, preexec_fn=lambda: resource.setrlimit(
                              resource.RLIMIT_NOFILE, few))
    check("more connections than files", code.returncode == 1 and "ulimit -n" in code.stderr, code)


def test_idle():
    server = start("--idle-seconds", "1")
    with server.connect() as connection:
        reader = Reader(connection)
        send(connection, HEALTH)
        reader.reply()
        began = time.monotonic()
        check("an idle connection is closed", not reader.more() and
              0.5 < time.monotonic() - began < 8, time.monotonic() - began)
    stop(server)


def test_ends():
    """Half a request at the end: the server waits for it, but not longer than it may take."""
    server = start("--request-seconds", "1")
    with server.connect() as idle, server.connect() as half:
        reader = Reader(idle)
        send(idle, HEALTH)
        reader.reply()
        send(half, request("POST", "/health", "Content-Length: 3"))
        time.sleep(0.2)
        server.send_signal()
        time.sleep(0.3)
        send(idle, HEALTH)
        reply = reader.reply()
        check("while it drains: 503, and the last answer of its connection", reply and
              reply.status == 503 and reply.headers.get("connection") == "close" and
              not reader.more(), reply)
        try:
            server.connect().close()
            refused = False
        except ConnectionError:
            refused = True
        check("while it drains: no new connections", refused)
        began = time.monotonic()
        code = server.process.wait(20)
        check("ends after its last request", code == 0 and time.monotonic() - began < 8, code)
    for number in (signal.SIGTERM, signal.SIGINT):
        rest = stop(start("--host", "localhost"), number)
        check("says nothing at its end", not rest, rest)


def test_end_while_loading():
    """A signal while the models are opened: the server never listens."""
    environment = {**os.environ, "FAKE_STEP_MS": "50", "FAKE_SILENT": "1"}
    process = subprocess.Popen([elcl, "serve", "--port", "0", model], stderr=subprocess.PIPE,
                               env=environment)
    time.sleep(0.1)
    process.terminate()
    said = process.communicate(timeout=20)[1]
    check("ends while it loads", process.returncode == 0 and not said, (process.returncode, said))


def test_addresses():
    server = start()
    code = subprocess.run([elcl, "serve", "--port", str(server.port), model], capture_output=True,
                          text=True)
    check("a port that is taken", code.returncode == 1 and "--port 0" in code.stderr, code)
    stop(server)
    code = subprocess.run([elcl, "serve", "--host", "no.such.host.invalid", model],
                          capture_output=True, text=True)
    check("a host that is not there", code.returncode == 1 and "--host" in code.stderr, code)
    if socket.has_ipv6 and os.path.exists("/proc/net/if_inet6"):
        server = start("--host", "::1")
        serves(server, "IPv6")
        stop(server)


def main():
    largest = 100000
    server = start("--request-seconds", "1", "--max-body", str(largest), "--verbose",
                   "--allow-origin", "https://good.example")
    test_paths(server)
    test_methods(server)
    test_first_lines(server)
    test_headers(server)
    test_bodies(server, largest)
    test_long_names(server)
    test_web_pages(server)
    test_keep_alive(server)
    test_half(server)
    test_many(server)
    test_random(server)
    test_slow(server)
    rest = stop(server)
    check("no control characters in the log", not re.search(r"[^\n -~]", rest), rest)
    test_connections()
    test_closed_side()
    test_files()
    test_idle()
    test_ends()
    test_end_while_loading()
    test_addresses()
    return checks.end()


if __name__ == "__main__":
    sys.exit(main())
