#!/usr/bin/env python3
"""usage: replay.py ELCL MODELS RECORD [--update]

Sends recorded requests, byte for byte as a client sent them, to `ELCL serve` with the models of the
record, and compares what comes back: status, type, JSON or events. What differs from run to run or
from machine to machine is left out (ids, times, devices), and numbers may differ by rounding.
--update writes what came back into the record. Needs only Python's standard library.
"""

import json
import math
import os
import re
import sys

from checks import Checks
from raw_http import Reader
from server import Server

elcl, models, path = sys.argv[1:4]
update = sys.argv[4:] == ["--update"]
LEFT_OUT = {"id": r"cmpl-[0-9a-f]{16}", "created": r"\d+", "timings": r"\{.*_seconds.*\}",
            "device": r".+", "attention": r"el|mha|mha-beam", "batch_size": r"\d+"}


def stable(value):
    """The value without what differs from run to run, which must have its form."""
    if isinstance(value, list):
        return [stable(v) for v in value]
    if not isinstance(value, dict):
        return value
    made = {}
    for key, v in value.items():
        form = LEFT_OUT.get(key)
        made[key] = "*" if form and re.fullmatch(form, str(v)) else stable(v)
    return made


def agree(found, expected):
    if isinstance(found, dict) and isinstance(expected, dict):
        return found.keys() == expected.keys() and all(agree(found[k], expected[k]) for k in found)
    if isinstance(found, list) and isinstance(expected, list):
        return len(found) == len(expected) and all(map(agree, found, expected))
    numbers = (int, float)
    if isinstance(found, numbers) and isinstance(expected, numbers):
        return math.isclose(found, expected, rel_tol=1e-3, abs_tol=1e-3)
    return found == expected


def exchange(connection, reader, request):
    """Sends a request and reads its answer: status, type, and JSON or a list of events."""
    connection.sendall(request.encode())
    reply = reader.reply()
    kind, body = reply.headers.get("content-type", ""), reply.body.decode()
    if kind != "text/event-stream":
        return {"status": reply.status, "type": kind, "answer": stable(json.loads(body))}
    events = body.split("\n\n")
    if events.pop() or not all(e.startswith("data: ") for e in events):
        return {"status": reply.status, "type": kind, "answer": body}
    events = [e[6:] for e in events]
    return {"status": reply.status, "type": kind,
            "answer": [e if e == "[DONE]" else stable(json.loads(e)) for e in events]}


def main():
    with open(path, encoding="utf-8") as file:
        record = json.load(file)
    server = Server(elcl, *record["options"], *(os.path.join(models, n) for n in record["models"]))
    checks = Checks("replay")
    connection = None
    for one in record["exchanges"]:
        if not connection:
            connection = server.connect(timeout=60)
            reader = Reader(connection)
        request = one["request"].replace("\r\nHost: HOST", f"\r\nHost: 127.0.0.1:{server.port}", 1)
        found = exchange(connection, reader, request)
        if update:
            one.update(found)
        checks.that(one["name"], all(agree(found[k], one[k]) for k in found),
                    f"found {json.dumps(found)}",
                    f"expected {json.dumps({k: one[k] for k in found})}")
        if "\r\nConnection: close\r\n" in request:
            connection.close()
            connection = None
    if connection:
        connection.close()
    checks.that("the server ends well", server.stop() == 0)
    if update:
        with open(path, "w", encoding="utf-8") as file:
            lines = ",\n".join(json.dumps(e, ensure_ascii=False) for e in record["exchanges"])
            head = json.dumps({k: record[k] for k in ("models", "options")})
            file.write(f'{head[:-1]}, "exchanges": [\n{lines}\n]}}\n')
    return checks.end()


sys.exit(main())
