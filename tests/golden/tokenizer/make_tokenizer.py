"""Makes the byte-level BPE goldens: vocabulary b, strings.jsonl, decode.jsonl and g2p-unk.json.

usage: make_tokenizer.py KJV_GPT2_DIRECTORY G2P_EN_DIRECTORY

Vocabulary a is that of kjv-gpt2, read by GPT2TokenizerFast; b is trained here with the special
tokens of BART and read by BartTokenizerFast.
"""
import json
import random
import sys
import unicodedata
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    BartTokenizer,
    BartTokenizerFast,
    GPT2Tokenizer,
    GPT2TokenizerFast,
)

from strings import CODE_POINTS, HERE, LICENSES, SPACES, all_strings, lines_of

SEED = 1
SIZE_B = 3000
N_DECODE = 120
BYTE_0 = "\u0100"  # as byte-level vocabularies spell it: it would end a C string
B = HERE / "b"

G2P_STRINGS = [
    "hello", "Hello", "HELLO", "hello world", " hello", "hello ", "two  blanks", "route66", "42",
    "3 men", "don't", "well-known", "semi;colon", "e.g.", "caf\u00e9", "na\u00efve fa\u00e7ade",
    "\u00fcber", "\u4e2d\u6587", "\U0001f600", "a\tb", "a\nb", "<s>a</s>", "a </s> b",
    "AH0", " | #", "",
]


def check_regex_engine():
    """Checks that \\p{L}, \\p{N} and \\s agree with unicodedata on all Unicode 14 code points."""
    split = pre_tokenizers.ByteLevel(add_prefix_space=False).pre_tokenize_str
    joins = lambda before, c: len(split(before + c)) == 1
    for c in CODE_POINTS:
        category = unicodedata.category(c)[0]
        assert joins("a", c) == (category == "L"), hex(ord(c))
        assert joins("1", c) == (category == "N"), hex(ord(c))
        assert joins("!", c) == (category not in "LN" and c not in SPACES), hex(ord(c))


def training_text():
    """The licenses' English, and each script of languages.txt often enough to win merges."""
    lines = lines_of(HERE / "languages.txt", 1000) * 10
    for license in "Apache-2.0", "GPL-3", "GFDL-1.3":
        lines += lines_of(LICENSES / license, 10000)
    return lines


def train_b():
    """Writes vocab.json, merges.txt and tokenizer.json of vocabulary b. Returns its tokenizer."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=SIZE_B - 1,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(training_text(), trainer)
    B.mkdir(exist_ok=True)
    tokenizer.model.save(str(B))
    vocabulary = json.loads((B / "vocab.json").read_text(encoding="utf-8"))
    vocabulary["<mask>"] = len(vocabulary)
    (B / "vocab.json").write_text(json.dumps(vocabulary) + "\n")
    fast = BartTokenizerFast(str(B / "vocab.json"), str(B / "merges.txt"))
    fast.backend_tokenizer.save(str(B / "tokenizer.json"), pretty=False)
    return fast


def write_jsonl(path, objects):
    path.write_text("".join(json.dumps(o) + "\n" for o in objects))


def make_strings(fast_a, fast_b, kjv_directory):
    from_json = Tokenizer.from_file(str(B / "tokenizer.json"))
    rows = []
    for text in all_strings(kjv_directory, SEED):
        ids_a = fast_a(text, add_special_tokens=False).input_ids
        ids_b = fast_b(text, add_special_tokens=False).input_ids
        assert from_json.encode(text, add_special_tokens=False).ids == ids_b
        rows.append({"text": text, "a": ids_a, "b": ids_b})
    write_jsonl(HERE / "strings.jsonl", rows)
    print("strings.jsonl: %d strings" % len(rows))


def random_ids(tokens, rng):
    """Draws tokens evenly (parts of characters follow each other), or mostly single bytes."""
    if rng.random() < 0.5:
        tokens = [(token, i) for token, i in tokens if len(token) == 1 or rng.random() < 0.02]
    return [rng.choice(tokens)[1] for _ in range(rng.randint(1, 24))]


def make_decode(tokenizers):
    """Stores ids and texts. Fast and slow tokenizer must agree on the text."""
    rng = random.Random(SEED)
    rows = []
    for n in range(N_DECODE):
        name, fast, slow = tokenizers[n % 2]
        tokens = sorted(t for t in fast.get_vocab().items() if BYTE_0 not in t[0])
        ids = random_ids(tokens, rng)
        text, same = (
            t.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
            for t in (fast, slow)
        )
        assert text == same
        rows.append({"vocab": name, "ids": ids, "text": text})
    write_jsonl(HERE / "decode.jsonl", rows)
    invalid = sum("\ufffd" in row["text"] for row in rows)
    print("decode.jsonl: %d, %d of them not UTF-8" % (len(rows), invalid))


def make_g2p_unk(directory):
    slow = BartTokenizer.from_pretrained(directory)
    rows = [{"text": t, "ids": slow(t, add_special_tokens=False).input_ids} for t in G2P_STRINGS]
    lines = ",\n".join(json.dumps(row) for row in rows)
    (HERE / "g2p-unk.json").write_text("[\n" + lines + "\n]\n")


def slow_tokenizer(cls, directory):
    return cls(str(directory / "vocab.json"), str(directory / "merges.txt"))


if __name__ == "__main__":
    kjv, g2p = Path(sys.argv[1]), Path(sys.argv[2])
    check_regex_engine()
    fast_a = GPT2TokenizerFast(str(kjv / "vocab.json"), str(kjv / "merges.txt"))
    fast_b = train_b()
    make_strings(fast_a, fast_b, kjv)
    make_decode([
        ("a", fast_a, slow_tokenizer(GPT2Tokenizer, kjv)),
        ("b", fast_b, slow_tokenizer(BartTokenizer, B)),
    ])
    make_g2p_unk(g2p)
