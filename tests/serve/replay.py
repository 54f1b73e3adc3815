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
import socket
import subprocess
import sys

elcl, models, path = sys.argv[1:4]
update = sys.argv[4:] == ["--update"]
LEFT_OUT = {"id": r"cmpl-[0-9a-f]{16}", "created": r"\d+", "timings": r"\{.*_seconds.*\}",
            "device": r".+", "attention": r"el|mha|mha-beam", "batch_size": r"\d+"}
passed = failed = 0


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


def read_body(file, headers):
    if headers.get("transfer-encoding") != "chunked":
        return file.read(int(headers.get("content-length", 0)))
    body = b""
    while n := int(file.readline(), 16):
        body += file.read(n)
        file.readline()
    file.readline()
    return body


def exchange(connection, file, request):
    """Sends a request and reads its answer: status, type, and JSON or a list of events."""
    connection.sendall(request.encode())
    status = int(file.readline().split()[1])
    headers = {}
    while line := file.readline().strip():
        name, value = line.decode().split(":", 1)
        headers[name.lower()] = value.strip()
    body = read_body(file, headers).decode()
    kind = headers.get("content-type", "")
    if kind != "text/event-stream":
        return {"status": status, "type": kind, "answer": stable(json.loads(body))}
    events = body.split("\n\n")
    if events.pop() or not all(e.startswith("data: ") for e in events):
        return {"status": status, "type": kind, "answer": body}
    events = [e[6:] for e in events]
    return {"status": status, "type": kind,
            "answer": [e if e == "[DONE]" else stable(json.loads(e)) for e in events]}


def start(names, options):
    process = subprocess.Popen(
        [elcl, "serve", "--port", "0", *options, *(os.path.join(models, n) for n in names)],
        stderr=subprocess.PIPE, text=True)
    while line := process.stderr.readline():
        if found := re.match(r"elcl: serving .* on http://127.0.0.1:(\d+)$", line):
            return process, int(found[1])
    sys.exit("the server did not start")


def main():
    global passed, failed
    with open(path, encoding="utf-8") as file:
        record = json.load(file)
    process, port = start(record["models"], record["options"])
    connection = stream = None
    for one in record["exchanges"]:
        if not connection:
            connection = socket.create_connection(("127.0.0.1", port), timeout=60)
            stream = connection.makefile("rb")
        request = one["request"].replace("\r\nHost: HOST", f"\r\nHost: 127.0.0.1:{port}", 1)
        found = exchange(connection, stream, request)
        if update:
            one.update(found)
        good = all(agree(found[k], one[k]) for k in found)
        passed += good
        failed += not good
        if not good:
            print(f"FAILED {one['name']}: found {json.dumps(found)[:2000]}")
            print(f"expected {json.dumps({k: one[k] for k in found})[:2000]}")
        if "\r\nConnection: close\r\n" in request:
            stream.close()
            connection.close()
            connection = None
    if connection:
        stream.close()
        connection.close()
    process.terminate()
    ended = process.wait(30) == 0
    passed += ended
    failed += not ended
    if update:
        with open(path, "w", encoding="utf-8") as file:
            lines = ",\n".join(json.dumps(e, ensure_ascii=False) for e in record["exchanges"])
            head = json.dumps({k: record[k] for k in ("models", "options")})
            file.write(f'{head[:-1]}, "exchanges": [\n{lines}\n]}}\n')
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
