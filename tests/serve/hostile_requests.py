"""usage: hostile_requests.py ELCL_FAKE

Requests of completions and translations that make no sense, wrong keys, and clients that leave
before their answer: errors, or rows that are free again.
"""

import contextlib
import json
import socket
import sys
import time

from raw_http import (Reader, ask, check, checks, ended, request, reset, send, serves, stop)
from server import Server

elcl = sys.argv[1]

# The stand-in library takes 100 steps for "!slow".
SLOW = {"FAKE_STEP_MS": "20"}
SLOW_PROMPT = b'{"prompt": "!slow"}'
SLOW_TEXT = b'{"q": "!slow", "source": "aa", "target": "bb"}'
LARGE_PROMPT = b'{"prompt": "!slow' + b"a" * 200000 + b'"}'
STREAM = b'{"prompt": "!slow", "stream": true, "num_beams": 1}'


def start(*options, **more):
    return Server(elcl, *options, "model", **more)


def completion(body, *headers):
    return request("POST", "/v1/completions", *headers, body=body)


def translation(body, kind="application/json"):
    return request("POST", "/translate", f"Content-Type: {kind}", body=body)


# ---- bodies ------------------------------------------------------------------------------------


def test_json(server):
    keys = ", ".join(f'"k{i}": 1' for i in range(100000))
    same = ", ".join('"prompt": "a"' for _ in range(100000))
    for name, body in {
        "nothing": b"", "half": b'{"prompt": "a"', "null": b"null", "a list": b"[]", "1": b"1",
        "a text": b'"x"', "nothing in it": b"{}", "two values": b'{"prompt": "a"} {"prompt": "a"}',
        "zeros": b"\0" * 1000, "a zero inside": b'{"prompt": "a\0b"}', "a comment": b"{/**/}",
        "UTF-16": '{"prompt": "a"}'.encode("utf-16"), "a lone byte": b'{"prompt": "\xff"}',
        "half a character": b'{"prompt": "\xc3"}', "a surrogate": b'{"prompt": "\xed\xa0\x80"}',
        "an escaped surrogate": b'{"prompt": "\\ud800"}',
        "an escaped zero": b'{"prompt": "\\u0000"}',
        "lists 100,000 deep": b'{"prompt": ' + b"[" * 100000,
        "closed lists 100,000 deep": b'{"prompt": ' + b"[" * 100000 + b"]" * 100000 + b"}",
        "objects 100,000 deep": b'{"a": ' * 100000 + b"1" + b"}" * 100000,
        "100,000 keys": b"{" + keys.encode() + b"}", "the same key": b"{" + same.encode() + b"}",
        "a long key": b'{"' + b"k" * 1000000 + b'": 1}',
        "a form": b"prompt=a", "XML": b"<prompt>a</prompt>",
    }.items():
        # A stand-in for a character, or an error: both are answers.
        expected = (200, 400) if "escaped" in name else (400,)
        reply = ask(server, completion(body))
        check(f"JSON: {name}", reply and reply.status in expected and json.loads(reply.body), reply)
    serves(server, "JSON")


def test_values(server):
    for field, values in {
        "prompt": ["null", "1", "true", "{}", "[[]]", '[1, "a"]', "[-1]", "[1e99]", "[2147483648]",
                   "[[1], 2]", "[" + ",".join(['"a"'] * 100000) + "]"],
        "model": ['"../../etc/passwd"', '""', "1", "[]", '"' + "m" * 100000 + '"'],
        "max_tokens": ["-1", "1.5", '"x"', "1e99", "99999999999999999999", "null1", "[]"],
        "temperature": ["-1", "NaN", "Infinity", "1e999", '"x"', "[]"],
        "n": ["-1", "0", "65", "1e9", "1.5"],
        "num_beams": ["0", "-1", "1000000", "1e300"],
        "stop": ["1", "{}", "[1]", '[[""]]'],
        "logprobs": ["2", "-1", '"x"'],
        "stream": ["1", '"yes"'],
        "bad_words_ids": ["[[[1]]]", '"x"', "[[1e10]]",
                          "[" + ",".join(["[5]"] * 100000) + "]"],
    }.items():
        for value in values:
            prompt = "" if field == "prompt" else '"prompt": "a", '
            body = f'{{{prompt}"{field}": {value}}}'.encode()
            reply = ask(server, completion(body))
            check(f"{field}: {value[:40]}", reply and reply.status in (400, 404) and
                  json.loads(reply.body)["error"]["message"], reply)
    for name, prompt in {"a text of 1M": '"' + "a" * 1000000 + '"',
                         "100,000 ids": "[" + ",".join(["5"] * 100000) + "]"}.items():
        reply = ask(server, completion(f'{{"prompt": {prompt}}}'.encode()))
        choice = json.loads(reply.body)["choices"][0]
        check(f"cut, and the answer says so: {name}", choice["source_cut"] > 0, reply)
    serves(server, "values")


def test_old_client(server):
    """HTTP/1.0 knows no chunks: the end of the connection is the end of a stream."""
    body = b'{"prompt": "a", "stream": true}'
    with server.connect() as connection:
        send(connection, b"POST /v1/completions HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s" %
             (len(body), body))
        reader = Reader(connection)
        head = reader.until(b"\r\n\r\n")
        while reader.more():
            pass
        check("a stream for HTTP/1.0", head and b"chunked" not in head.lower() and
              reader.data.startswith(b"data: {") and reader.data.endswith(b"data: [DONE]\n\n"),
              (head, reader.data))


# ---- translations ------------------------------------------------------------------------------


def test_translations(server):
    keys = ", ".join(f'"k{i}": 1' for i in range(100000))
    for name, body in {
        "lists 100,000 deep": b'{"q": ' + b"[" * 100000,
        "100,000 keys": b"{" + keys.encode() + b"}",
        "100,000 texts": b'{"q": [' + b'"a",' * 100000 + b'"a"], "source": "aa", "target": "bb"}',
        "half a character": b'{"q": "\xc3"}', "a list": b"[]", "nothing": b"",
    }.items():
        reply = ask(server, translation(body))
        check(f"translation: {name}", reply and reply.status == 400 and
              json.loads(reply.body)["error"], reply)
    for name, body in {
        "half an escape": b"q=a%4&source=aa&target=aa%", "escaped bytes": b"q=%FF%FE&source=aa",
        "an escaped zero": b"q=%00", "100,000 fields": b"q=a&" * 100000,
        "a long name": b"n" * 1000000 + b"=1&q=a",
    }.items():
        reply = ask(server, translation(body, "application/x-www-form-urlencoded"))
        check(f"form: {name}", reply and reply.status == 400 and
              json.loads(reply.body)["error"], reply)
    reply = ask(server, translation(b'{"q": ["a b", ""], "source": "aa", "target": "bb"}'))
    check("a translation", reply and
          json.loads(reply.body)["translatedText"] == ["A B^", ""], reply)
    serves(server, "translations")


# ---- keys --------------------------------------------------------------------------------------


def test_keys():
    server = start(environment={"ELCL_API_KEY": "correct horse"})
    for name, headers in {"none": [], "wrong": ["Authorization: Bearer incorrect horse"],
                          "longer": ["Authorization: Bearer correct horses"],
                          "shorter": ["Authorization: Bearer correct"],
                          "empty": ["Authorization: Bearer "],
                          "basic": ["Authorization: Basic abc"],
                          "no scheme": ["Authorization: correct horse"]}.items():
        for body in (None, b"{}", b"x" * 100000):
            reply = ask(server, request("POST", "/v1/completions", *headers, body=body))
            check(f"key: {name}", reply and reply.status == 401 and
                  reply.headers.get("www-authenticate", "").startswith("Bearer"), reply)
    reply = ask(server, completion(b"{}", "Authorization: bearer  correct horse"))
    check("key: right", reply and reply.status == 400, reply)
    serves(server, "wrong keys")
    for path in ("/metrics", "/v1/models", "/v1/models/model"):
        reply = ask(server, request("GET", path))
        check(f"key: none for {path}", reply and reply.status == 401, reply)
    stop(server)


# ---- clients that leave ------------------------------------------------------------------------


def leave_half(connection):
    """Closes the side that sends; the client could still read."""
    connection.shutdown(socket.SHUT_WR)
    reader = Reader(connection)
    while reader.more():
        pass
    check("half closed: no whole answer", b'"finish_reason": "' not in reader.data, reader.data)
    connection.close()


def test_leaving():
    """The rows of a client that leaves are free long before its two seconds are over."""
    server = start(environment=SLOW)
    in_flight = 'elcl_requests_in_flight{model="model"}'
    cancelled = 'elcl_requests_total{model="model",outcome="cancelled"}'
    for asked in (completion(SLOW_PROMPT), completion(LARGE_PROMPT), completion(STREAM),
                  translation(SLOW_TEXT)):
        for close in (socket.socket.close, reset, leave_half):
            before = server.metrics()[cancelled]
            connections = [server.connect() for _ in range(5)]
            for connection in connections:
                send(connection, asked)
            began = time.monotonic()
            while server.metrics()[in_flight] < 5 and time.monotonic() - began < 10:
                time.sleep(0.02)
            began = time.monotonic()
            for connection in connections:
                close(connection)
            while server.metrics()[cancelled] < before + 5 and time.monotonic() - began < 10:
                time.sleep(0.02)
            seconds = time.monotonic() - began
            check(f"free after {close.__name__}", seconds < 1.5, f"{seconds} seconds")
    left = 'elcl_http_requests_total{method="POST",path="/v1/completions",status="499"}'
    check("counted as left", server.metrics().get(left) == 45, server.metrics())
    stop(server)


@contextlib.contextmanager
def asked_before_the_end(server):
    """The answer to a request, and the reader of a stream, that began before SIGTERM."""
    with server.connect() as whole, server.connect() as stream:
        send(whole, completion(SLOW_PROMPT))
        send(stream, completion(STREAM))
        time.sleep(0.2)
        server.send_signal()
        yield Reader(whole).reply(), Reader(stream)


def test_draining():
    """At the end, what was asked for is answered."""
    server = start(environment=SLOW)
    with asked_before_the_end(server) as (reply, reader):
        check("an answer while it drains", reply and reply.status == 200, reply)
        check("a stream while it drains", reader.until(b"data: [DONE]\n\n") is not None)
    ended(server)
    server = start("--drain-seconds", "0", environment=SLOW)
    with asked_before_the_end(server) as (reply, reader):
        check("cut short: 503", reply and reply.status == 503, reply)
        check("cut short: a stream ends with an error", b'"error"' in (reader.until(b"\r\n0\r\n") or
                                                                       b""), reader.data)
    check("cut short: a warning", "--drain-seconds" in ended(server), server.later())


def test_time_limit():
    server = start("--time-limit", "1", environment=SLOW)
    began = time.monotonic()
    reply = ask(server, completion(SLOW_PROMPT))
    check("time limit", reply and reply.status == 503 and time.monotonic() - began < 1.8, reply)
    stop(server)


def test_queue():
    """A full queue refuses at once, and says when to try again."""
    server = start("--queue", "1", "--batch-size", "1", environment=SLOW)
    connections = [server.connect() for _ in range(2)]
    for connection in connections:
        send(connection, completion(SLOW_PROMPT))
    time.sleep(0.2)
    for asked in (completion(SLOW_PROMPT), translation(SLOW_TEXT)):
        reply = ask(server, asked)
        check("full queue", reply and reply.status == 429 and
              1 <= int(reply.headers.get("retry-after", 0)) <= 60, reply)
    for connection in connections:
        connection.close()
    time.sleep(0.3)
    reply = ask(server, completion(b'{"prompt": "a"}'))
    check("room again", reply and reply.status == 200, reply)
    stop(server)


def test_lost():
    """Engines that fail twice end the server, after its answers."""
    server = start("--batch-size", "4", environment={"FAKE_POOLS": "1"})
    reply = ask(server, completion(b'{"prompt": "!step"}'))
    check("lost: 500", reply and reply.status == 500, reply)
    ended(server, 1)


def main():
    server = start()
    test_json(server)
    test_values(server)
    test_old_client(server)
    test_translations(server)
    stop(server)
    test_keys()
    test_leaving()
    test_draining()
    test_time_limit()
    test_queue()
    test_lost()
    return checks.end()


if __name__ == "__main__":
    sys.exit(main())
