#!/usr/bin/env python3
"""usage: audio_client.py ELCL GOLDEN

Speech to text by `ELCL serve GOLDEN/tiny-whisper`: forms made here, and OpenAI's own client (PyPI:
openai) if it is installed. Transcripts are compared with those of `ELCL transcribe`.
"""

import io
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

from checks import Checks
from server import Server

try:
    import openai
except ImportError:
    openai = None

elcl, golden = sys.argv[1:3]
model = os.path.join(golden, "tiny-whisper")
checks = Checks("audio")
check = checks.that


def same(name, found, expected):
    check(name, found == expected, found, "expected", expected)


def wave(seconds, seed):
    """A WAV file of noise that swells and ebbs."""
    rng = random.Random(seed)
    n = int(16000 * seconds)
    samples = [int(9000 * (i // 800 % 7) / 7 * rng.uniform(-1, 1)) for i in range(n)]
    data = struct.pack(f"<{n}h", *samples)
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16, 1, 1,
                       16000, 32000, 2, 16, b"data", len(data))
    return head + data


def form(fields, boundary="a1b2"):
    """fields: (name, value or bytes of a file)."""
    body = b""
    for name, value in fields:
        is_file = isinstance(value, bytes)
        body += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"'.encode()
        body += b'; filename="a.wav"\r\nContent-Type: audio/wav' if is_file else b""
        body += b"\r\n\r\n" + (value if is_file else value.encode()) + b"\r\n"
    return body + f"--{boundary}--\r\n".encode()


def post(server, body, path="transcriptions", type="multipart/form-data; boundary=a1b2"):
    """Status, media type and text."""
    request = urllib.request.Request(f"{server.url}/v1/audio/{path}", body, {"Content-Type": type})
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:
            return reply.status, reply.headers["Content-Type"], reply.read().decode()
    except urllib.error.HTTPError as e:
        return e.code, e.headers["Content-Type"], e.read().decode()


def command(sound, format, *options):
    """What the command writes."""
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "a.wav")
        with open(path, "wb") as f:
            f.write(sound)
        made = subprocess.run([elcl, "transcribe", model, path, "--quiet", "--format", format,
                               "--temperatures", "0.1", *options],
                              check=True, capture_output=True, text=True)
    return made.stdout


def refused(name, answer, status, param, message):
    error = json.loads(answer[2]).get("error", {})
    same(f"{name}: status and param", (answer[0], error.get("param")), (status, param))
    check(f"{name}: message", message in error.get("message", ""), error)


def test_formats(server, sound):
    written = json.loads(command(sound, "json"))
    fields = [("model", "tiny-whisper"), ("file", sound), ("temperature", "0.1")]
    status, kind, text = post(server, form(fields))
    same("json", (status, kind, json.loads(text)["text"]),
         (200, "application/json", written["text"].strip()))
    for format in ("srt", "vtt"):
        status, kind, text = post(server, form(fields + [("response_format", format)]))
        same(format, (status, kind, text),
             (200, "text/plain; charset=utf-8", command(sound, format)))
    status, kind, text = post(server, form(fields + [("response_format", "text")]))
    same("text", (status, text), (200, written["text"].strip() + "\n"))
    status, kind, text = post(server, form(fields + [("response_format", "verbose_json")]))
    full = json.loads(text)
    same("verbose_json: segments", full["segments"], written["segments"])
    same("verbose_json: others", (full["task"], full["language"], full["duration"],
                                  full["text"], "words" in full),
         ("transcribe", written["language"], 2, written["text"].strip(), False))
    same("verbose_json: usage", full["usage"], {"type": "duration", "seconds": 2})
    words = json.loads(command(sound, "json", "--timestamps", "word"))
    status, kind, text = post(server, form(fields + [
        ("response_format", "verbose_json"), ("timestamp_granularities[]", "word")]))
    full = json.loads(text)
    same("words", [(w["start"], w["end"]) for w in full["words"]],
         [(w["start"], w["end"]) for s in words["segments"] for w in s.get("words", [])])
    check("words: no segments", "segments" not in full, full)


def test_refused(server, sound):
    file = ("file", sound)
    for name, body, status, param, message in [
            ("no file", form([("model", "tiny-whisper")]), 400, "file", "expected a sound"),
            ("empty file", form([("file", b"")]), 400, "file", "empty"),
            ("no sound", form([("file", b"\xff\x00 no sound")]), 400, "file", "a.wav"),
            ("another model", form([file, ("model", "other")]), 404, "model", '"other"'),
            ("field", form([file, ("temprature", "1")]), 400, "temprature", "no field"),
            ("temperature", form([file, ("temperature", "2")]), 400, "temperature", "from 0 to 1"),
            ("format", form([file, ("response_format", "xml")]), 400, "response_format", "vtt"),
            ("granularity", form([file, ("timestamp_granularities[]", "word")]), 400,
             "timestamp_granularities", "verbose_json"),
            ("stream", form([file, ("stream", "true")]), 400, "stream", "whole"),
            ("language", form([file, ("language", "qq")]), 400, "language", "qq"),
            ("breaks off", form([file])[:-9], 400, None, "breaks off"),
            ("no form", b"x", 400, None, "breaks off"),
            ("name", form([("", sound)]).replace(b'name=""', b"x=1"), 400, None, "no name")]:
        refused(name, post(server, body), status, param, message)
    refused("no boundary", post(server, b"{}", type="application/json"), 400, None, "multipart")
    refused("language of a translation", post(server, form([file, ("language", "en")]),
                                              "translations"), 400, "language", "no field")
    request = urllib.request.Request(f"{server.url}/v1/completions", b'{"prompt": "a"}')
    try:
        urllib.request.urlopen(request)
        check("completions", False, "accepted")
    except urllib.error.HTTPError as e:
        same("completions", (e.code, "transcriptions" in e.read().decode()), (400, True))
    request = urllib.request.Request(f"{server.url}/v1/completions", form([file]),
                                     {"Content-Type": "multipart/form-data; boundary=a1b2"})
    try:
        urllib.request.urlopen(request)
        check("bytes elsewhere", False, "accepted")
    except urllib.error.HTTPError as e:
        same("bytes elsewhere", (e.code, "UTF-8" in e.read().decode()), (400, True))


def test_many(server):
    """Sounds of several clients at the same time have the texts that each has by itself."""
    sounds = [wave(1 + 0.3 * i, i) for i in range(5)]
    bodies = [form([("file", s), ("temperature", "0.1")]) for s in sounds]
    single = [post(server, body) for body in bodies]
    together = [None] * len(bodies)

    def ask(i):
        together[i] = post(server, bodies[i])

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(len(bodies))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    same("together", together, single)


def test_leaving(server):
    """A client that leaves ends its request; the server ends with none left."""
    body = form([("file", wave(60, 3))])
    connection = server.connect()
    connection.sendall(b"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: a\r\nContent-Type: "
                       b"multipart/form-data; boundary=a1b2\r\nContent-Length: %d\r\n\r\n"
                       % len(body) + body)
    for _ in range(200):
        if server.metrics()["elcl_requests_in_flight"]:
            break
        time.sleep(0.02)
    connection.close()
    check("leaving: idle", server.wait_idle() is not None)
    same("leaving: cancelled",
         server.metrics()['elcl_requests_total{model="tiny-whisper",outcome="cancelled"}'], 1)


def test_openai(server, sound):
    client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0)
    made = client.audio.transcriptions.create(model="tiny-whisper", temperature=0.1,
                                              file=("a.wav", io.BytesIO(sound)), prompt="a b")
    same("openai: json", made.text,
         json.loads(command(sound, "json", "--initial-prompt", "a b"))["text"].strip())
    made = client.audio.transcriptions.create(
        model="tiny-whisper", file=("a.wav", io.BytesIO(sound)), temperature=0.1,
        response_format="verbose_json", timestamp_granularities=["word", "segment"])
    check("openai: verbose_json", made.duration == 2 and made.segments is not None
          and made.words is not None, made)
    made = client.audio.transcriptions.create(model="tiny-whisper", response_format="srt",
                                              file=("a.wav", io.BytesIO(sound)), temperature=0.1)
    same("openai: srt", made, command(sound, "srt"))
    try:
        client.audio.transcriptions.create(model="tiny-whisper", file=("a.wav", b"text"))
        check("openai: no sound", False, "accepted")
    except openai.BadRequestError as e:
        same("openai: no sound", e.param, "file")


def main():
    sound = wave(2, 7)
    server = Server(elcl, model)
    test_formats(server, sound)
    test_refused(server, sound)
    test_many(server)
    listed = json.loads(server.get("/v1/models")[1])["data"][0]
    same("models", (listed["id"], listed["elcl"]["family"], listed["elcl"]["speech"]),
         ("tiny-whisper", "whisper", True))
    if openai:
        test_openai(server, sound)
    test_leaving(server)
    same("exit code", server.stop(), 0)
    sys.exit(checks.end())


main()
