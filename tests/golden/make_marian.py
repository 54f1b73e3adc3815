"""Replaces the rows of marian and marian-separate in golden/pieces by those of transformers 5.

usage: make_marian.py

Run it after make_pieces.py: since transformers 5 a code such as >>fra<< counts only at the start of
a text.
"""
import json
from pathlib import Path

import transformers

PIECES = Path(__file__).resolve().parent / "pieces"


def fnv(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return "%06x" % (value & 0xFFFFFF)


def row(tokenizer, text, separate):
    ids = tokenizer(text, truncation=False).input_ids
    again = "" if separate else tokenizer.decode(ids, skip_special_tokens=True)
    data = b"".join(i.to_bytes(4, "little") for i in ids)
    return fnv(data) + fnv(again.replace("\0", "\ufffd").encode("utf-8", "replace"))


def main():
    with open(PIECES.parent / "tokenizer/strings.jsonl", encoding="utf-8") as f:
        texts = [json.loads(line)["text"] for line in f]
    texts += json.loads((PIECES / "extra.json").read_text())["texts"]
    for name in ("marian", "marian-separate"):
        tokenizer = transformers.MarianTokenizer.from_pretrained(str(PIECES / name))
        file = PIECES / (name + ".txt")
        rows = file.read_text().splitlines()
        for i, text in enumerate(texts):
            rows[i] = row(tokenizer, text, name == "marian-separate")
        file.write_text("\n".join(rows) + "\n")


main()
