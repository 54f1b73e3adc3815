#!/usr/bin/env python3
"""usage: translate_client.py ELCL GOLDEN [--record FILE]

Clients of LibreTranslate, unmodified (PyPI: libretranslatepy, and deep-translator and translate if
they are there), against `ELCL serve` with random models that have real tokenizers. Each sentence
must become what the command makes of it. Skipped without libretranslatepy. --record writes the
requests as the clients sent them; replay.py --update adds what came back, for replay.py.
"""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request

from clients import begin, check, checks, record, same, skip
from server import Server

try:
    from libretranslatepy import LibreTranslateAPI
except ImportError:
    skip("no package libretranslatepy")

elcl, golden = sys.argv[1:3]
KEY = "a key"
MODELS = ["pieces/marian", "pieces/nllb", "pieces/mbart", "ct2-argos.argosmodel"]
OPTIONS = ["--pairs", "marian=en-fr,marian=en-de,marian=fr-de", "--max-target", "16", "--api-key",
           KEY]


def command(model, sentences, source=None, target=None, n=1):
    """The command's outputs for sentences: n texts for each."""
    languages = ["--src-lang", source] * bool(source) + ["--tgt-lang", target] * bool(target)
    made = subprocess.run(
        [elcl, "generate", "--quiet", os.path.join(golden, model), "--input-format", "jsonl",
         "--format", "jsonl", "--max-length", "16", *languages],
        input="".join(json.dumps({"text": s, **({"num_return_sequences": n, "num_beams": max(n, 1)}
                                                if n > 1 else {})}) + "\n" for s in sentences),
        check=True, capture_output=True, text=True).stdout
    outputs = [[] for _ in sentences]
    for line in made.splitlines():
        output = json.loads(line)
        outputs[output["index"]].append(output["text"].strip())
    return outputs


def refused(name, status, call, *message):
    begin(name)
    try:
        found = call()
    except urllib.error.HTTPError as e:
        answer = json.load(e)
        same(f"{name}: status", e.code, status)
        same(f"{name}: form", list(answer), ["error"])
        for text in message:
            check(f"{name}: message", text in answer["error"], answer)
    else:
        check(name, False, "it was accepted", found)


def post(url, fields, path="translate", kind="application/json"):
    """What LibreTranslate's documentation sends with fetch()."""
    asked = urllib.request.Request(f"{url}/{path}", json.dumps(fields).encode(),
                                   {"Content-Type": kind})
    with urllib.request.urlopen(asked) as answer:
        return json.load(answer)


def test_translate(client):
    text = "Free software. It is good!"
    first, second = (o[0] for o in command("pieces/marian", text.split(". "), target="fra"))
    first = command("pieces/marian", ["Free software."], target="fra")[0][0]
    begin("sentences")
    same("sentences", client.translate(text, "en", "fr"), f"{first} {second}")
    begin("a page")
    page = "\n\tFree software.\r\n\r\nIt is good! Free software.\n"
    same("a page", client.translate(page, "en", "fr"),
         f"\n\t{first}\r\n\r\n{second} {first}\n")
    begin("nothing but blanks")
    same("nothing but blanks", client.translate(" \n ", "en", "fr"), " \n ")
    begin("the same language")
    same("the same language", client.translate(text, "de", "de"), text)


def test_models(client):
    """The languages choose the model, and its spelling of them."""
    said = "Free software"
    for source, target, model, own in (
            ("en", "de", "pieces/marian", (None, "deu")),
            ("fr", "de", "pieces/marian", (None, "deu")),
            ("de", "fr", "pieces/nllb", ("deu_Latn", "fra_Latn")),
            ("fr", "en", "pieces/nllb", ("fra_Latn", "eng_Latn")),
            ("en", "ro", "pieces/mbart", ("en_XX", "ro_RO")),
            ("zh", "ja", "pieces/mbart", ("zh_CN", "ja_XX")),
            ("ro_RO", "en_XX", "pieces/mbart", ("ro_RO", "en_XX"))):
        begin(f"{source} to {target}")
        same(f"{source} to {target}", client.translate(said, source, target),
             command(model, [said], *own)[0][0])
    begin("en to xx")
    said = "the cat"
    by = command("ct2-argos.argosmodel", [said])[0][0]
    same("en to xx", client.translate(said, "en", "xx"), by)
    begin("ro to xx by way of en")
    english = command("pieces/mbart", [said], "ro_RO", "en_XX")[0][0]
    same("ro to xx by way of en", client.translate(said, "ro", "xx"),
         command("ct2-argos.argosmodel", [english])[0][0])


def test_json(url):
    texts = ["Free software. It is good!", "", "Free software."]
    asked = {"q": texts, "source": "en", "target": "fr", "format": "text", "alternatives": 2,
             "api_key": KEY}
    parts = command("pieces/marian", ["Free software.", "It is good!"], target="fra", n=3)
    both = [f"{a} {b}" for a, b in zip(*parts, strict=True)]
    begin("a list with alternatives")
    same("a list with alternatives", post(url, asked),
         {"translatedText": [both[0], "", parts[0][0]],
          "alternatives": [both[1:], [], parts[0][1:]]})
    begin("a text with alternatives")
    same("a text with alternatives", post(url, {**asked, "q": texts[0]}),
         {"translatedText": both[0], "alternatives": both[1:]})
    begin("an empty list")
    same("alternatives of the same language",
         post(url, {**asked, "q": ["a"], "target": "en"}),
         {"translatedText": ["a"], "alternatives": [[]]})


def test_lists(client, url):
    begin("languages")
    listed = {entry["code"]: entry for entry in client.languages()}
    same("languages: fields", {tuple(e) for e in listed.values()}, {("code", "name", "targets")})
    same("languages: a name", listed["ro"]["name"], "Romanian")
    same("languages: of a package", (listed["xx"]["name"], listed["xx"]["targets"]),
         ("None", ["xx"]))
    check("languages: targets", {"en", "de", "fr", "xx"} <= set(listed["ro"]["targets"]),
          listed["ro"])
    begin("languages by POST")
    asked = urllib.request.Request(f"{url}/languages", f"api_key={KEY}".replace(" ", "+").encode())
    with urllib.request.urlopen(asked) as answer:
        same("languages by POST", json.load(answer), list(listed.values()))
    begin("settings")
    with urllib.request.urlopen(f"{url}/frontend/settings") as answer:
        found = json.load(answer)
    same("settings", {k: v for k, v in found.items() if k != "language"},
         {"apiKeys": True, "keyRequired": True, "charLimit": -1, "frontendTimeout": 500,
          "suggestions": False, "filesTranslation": False, "supportedFilesFormat": []})
    same("settings: language", found["language"]["source"], {"code": "en", "name": "English"})


def test_refused(client, url):
    def form(**fields):
        return lambda: post(url, {"q": "a", "source": "en", "target": "fr", "api_key": KEY,
                                  **fields})

    refused("no key", 403, lambda: LibreTranslateAPI(url).translate("a", "en", "fr"),
            "expected an API key")
    refused("another key", 403, lambda: LibreTranslateAPI(url, "another").languages(),
            "Invalid API key")
    refused("detect", 501, lambda: client.detect("a"), "does not detect languages")
    refused("suggest", 501, lambda: post(url, {}, "suggest"))
    refused("translate_file", 501, lambda: post(url, {}, "translate_file"))
    refused("no text", 400, form(q=""), "missing q parameter")
    refused("no target", 400, form(target=None), "missing target parameter")
    refused("an error ends within a character", 400, form(target="x" + "é" * 40), "éé")
    refused("a language that nobody has", 400, form(target="jv"), "jv is not supported")
    refused("a pair that nobody has", 400, form(source="xx"),
            "French (fr) is not available as a target language from None (xx)")
    refused("auto", 400, form(source="auto"), "does not detect languages")
    refused("html", 400, form(format="html"), "html format is not supported")
    refused("alternatives", 400, form(alternatives=9), "--max-beams")
    refused("no number", 400, form(alternatives="two"), "alternatives must be a whole number")
    refused("another type", 415,
            lambda: post(url, {}, kind="multipart/form-data"), "multipart/form-data")
    refused("too many sentences", 400, form(q="Free now. " * 2000), "expected at most")


def test_leave(server):
    """A client that leaves frees its places, also between two models."""
    body = json.dumps({"q": "Free software. It is good! " * 400, "source": "ro", "target": "xx",
                       "api_key": KEY}).encode()
    with server.connect() as client:
        client.sendall(b"POST /translate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                       b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        while not server.metrics()["elcl_requests_in_flight"]:
            time.sleep(0.01)
    check("a client that leaves", server.wait_idle() is not None)
    cancelled = [n for name, n in server.metrics().items() if '"cancelled"' in name]
    check("a client that leaves: cancelled", sum(cancelled) > 0, cancelled)


def test_other_clients(url):
    """They send the fields in the query, or call the first client."""
    expected = command("pieces/marian", ["Free software"], target="deu")[0][0]
    try:
        from deep_translator import LibreTranslator
    except ImportError:
        print("no package deep-translator")
    else:
        begin("deep-translator")
        other = LibreTranslator(source="en", target="de", api_key=KEY, custom_url=url + "/")
        same("deep-translator", other.translate("Free software"), expected)
    try:
        from translate import Translator
    except ImportError:
        print("no package translate")
    else:
        begin("translate")
        other = Translator(provider="libre", from_lang="en", to_lang="de", secret_access_key=KEY,
                           base_url=url)
        same("translate", other.translate("Free software"), expected)


def main():
    server = Server(elcl, *OPTIONS, *(os.path.join(golden, m) for m in MODELS), key=KEY)
    url = f"http://127.0.0.1:{record.port_of(server)}"
    client = LibreTranslateAPI(url, KEY)
    test_translate(client)
    test_models(client)
    test_json(url)
    test_lists(client, url)
    test_refused(client, url)
    test_other_clients(url)
    test_leave(server)
    same("the server ends well", server.stop(), 0)
    record.write(MODELS, OPTIONS)
    return checks.end()


sys.exit(main())
