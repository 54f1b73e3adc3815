"""Makes golden/kinds: tokenizer.json files of many kinds, and what the tokenizers library does.

usage: make_kinds.py [FILE]

kinds.json has "words" and "wordpiece", two small vocabularies, "suffix", a BPE model that marks
the ends of words, and "cases". A case changes keys of a base: tokenizer/b/tokenizer.json (bytes),
pieces/bpe-json and pieces/unigram-bytes-json (chars, unigram), or one of the three. "model" changes
keys inside the model. The texts are those of tokenizer/strings.jsonl and pieces/extra.json but
"left_out", which have characters that are younger than some tables of the tokenizers library.
"hashes" has, for every 16 texts, 24 bits for the ids and 24 bits for the texts that they decode to.
Hashes are FNV-1a, with four bytes for an id and a zero byte after each text. Ids include those
around a text; decoding leaves special tokens out. FILE gets all ids and texts.
"""
import collections
import json
import sys
from pathlib import Path

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

HERE = Path(__file__).resolve().parent
GROUP = 16
YOUNG = [(0x899, 0x89F), (0x9FD, 0x9FE), (0xAFA, 0xAFF), (0xB55, 0xB55), (0xC3C, 0xC3C),
         (0xC77, 0xC77), (0xC84, 0xC84), (0x1AC1, 0x1ACE), (0x1B7D, 0x1B7E), (0x11400, 0x1145F),
         (0x11C00, 0x11C45), (0x1FBF0, 0x1FBF9)]

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
CL100K = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
          r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = CL100K.replace("{1,3}", "")
O200K = "|".join([
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"\p{N}{1,3}", r" ?[^\s\p{L}\p{N}]+[\r\n/]*", r"\s*[\r\n]+", r"\s+(?!\S)", r"\s+"])
BLOOM = " ?[^(\\s|[.,!?…。，、।۔،])]+"
CJK = "[一-龥\u3040-ゟ゠-ヿ]+"
POSSESSIVE = CL100K.replace(r"\p{L}+", r"\p{L}++").replace("[\\r\\n]*", "[\\r\\n]*+")
SHAPES = r"[A-Z][a-z]*?(?=[A-Z]|\b)|[^\w]".replace(r"|\b", r"|$")


def split(regex, behavior="Isolated", invert=False):
    return {"type": "Split", "pattern": {"Regex": regex}, "behavior": behavior, "invert": invert}


def string(text, behavior="Isolated", invert=False):
    return {"type": "Split", "pattern": {"String": text}, "behavior": behavior, "invert": invert}


def byte_level(prefix=False, regex=False):
    return {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": True,
            "use_regex": regex}


def sequence(*steps):
    return {"type": "Sequence", "pretokenizers": list(steps)}


def digits(individual):
    return {"type": "Digits", "individual_digits": individual}


def punctuation(behavior="Isolated"):
    return {"type": "Punctuation", "behavior": behavior}


def metaspace(scheme="always", cut=True):
    return {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": scheme, "split": cut}


def bert(clean=True, chinese=True, accents=None, lower=True):
    return {"type": "BertNormalizer", "clean_text": clean, "handle_chinese_chars": chinese,
            "strip_accents": accents, "lowercase": lower}


def pieces(cleanup=True):
    return {"type": "WordPiece", "prefix": "##", "cleanup": cleanup}


NFC, BERT = {"type": "NFC"}, {"type": "BertPreTokenizer"}
WHITE, SPLIT_WHITE = {"type": "Whitespace"}, {"type": "WhitespaceSplit"}
TEMPLATE = {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]}

CASES = [
    ("gpt2 as a regex", "bytes", {"pre_tokenizer": sequence(split(GPT2), byte_level())}),
    ("cl100k", "bytes", {"pre_tokenizer": sequence(split(CL100K, "Removed", True), byte_level())}),
    ("qwen2", "bytes", {"normalizer": NFC, "pre_tokenizer": sequence(split(QWEN2), byte_level())}),
    ("o200k", "bytes", {"pre_tokenizer": sequence(split(O200K), byte_level())}),
    ("possessive", "bytes", {"pre_tokenizer": sequence(split(POSSESSIVE), byte_level())}),
    ("deepseek", "bytes", {"pre_tokenizer": sequence(
        split(r"\p{N}{1,3}"), split(CJK),
        split(r"[!-/:-~]?[A-Za-z]+|\s+$|[^\r\n\p{L}]?[\p{L}\p{M}]+"), byte_level())}),
    ("bloom", "bytes", {"pre_tokenizer": sequence(split(BLOOM), byte_level())}),
    ("starcoder", "bytes", {"pre_tokenizer": sequence(digits(True), byte_level(False, True))}),
    ("falcon", "bytes", {"pre_tokenizer": sequence(
        punctuation("Contiguous"), byte_level(False, True), digits(False),
        split("[0-9][0-9][0-9]"))}),
    ("a blank before each word", "bytes",
     {"pre_tokenizer": sequence(digits(False), byte_level(True, True))}),
    ("whole words", "bytes", {"pre_tokenizer": sequence(split(CL100K), byte_level()),
                              "model": {"ignore_merges": True}}),
    ("no regex", "bytes", {"pre_tokenizer": byte_level(True, False)}),
    ("lower case, GPT-2's rule", "bytes", {"normalizer": {"type": "Lowercase"},
                                           "pre_tokenizer": byte_level(False, True)}),
    ("previous", "bytes", {"pre_tokenizer": sequence(string(" ", "MergedWithPrevious"),
                                                     byte_level())}),
    ("next", "bytes", {"pre_tokenizer": sequence(string(" ", "MergedWithNext"), byte_level())}),
    ("contiguous", "bytes", {"pre_tokenizer": sequence(string(" ", "Contiguous"), byte_level())}),
    ("inverted", "bytes", {"pre_tokenizer": sequence(split("[a-z]+", "MergedWithPrevious", True),
                                                     byte_level())}),
    ("shapes", "bytes", {"pre_tokenizer": sequence(split(SHAPES), byte_level())}),
    ("Whitespace", "chars", {"pre_tokenizer": WHITE}),
    ("BertPreTokenizer", "chars", {"pre_tokenizer": BERT}),
    ("Punctuation", "chars", {"pre_tokenizer": sequence(punctuation("MergedWithNext"),
                                                        digits(True), metaspace("first"))}),
    ("no decoder", "chars", {"pre_tokenizer": WHITE, "decoder": None}),
    ("GPT", "suffix", {"normalizer": bert(), "pre_tokenizer": BERT,
                       "decoder": {"type": "BPEDecoder", "suffix": "</w>"}}),
    ("GPT, unknown characters joined", "suffix", {
        "pre_tokenizer": BERT, "decoder": {"type": "BPEDecoder", "suffix": "</w>"},
        "model": {"fuse_unk": True}}),
    ("Metaspace never", "unigram", {"pre_tokenizer": metaspace("never")}),
    ("Metaspace first, whole", "unigram", {"pre_tokenizer": metaspace("first", False)}),
    ("Metaspace after Digits", "unigram", {"pre_tokenizer": sequence(digits(True), metaspace())}),
    ("Replace by a regex", "unigram", {
        "pre_tokenizer": metaspace(), "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "StripAccents"},
            {"type": "Replace", "pattern": {"Regex": r"[\n\t ]+"}, "content": " "}]}}),
    ("WordLevel", "words", {"pre_tokenizer": WHITE}),
    ("WordLevel at white space", "words", {"pre_tokenizer": SPLIT_WHITE,
                                           "post_processor": TEMPLATE}),
    ("WordLevel at a character", "words", {"pre_tokenizer": {"type": "CharDelimiterSplit",
                                                             "delimiter": " "}}),
    ("characters", "words", {"pre_tokenizer": split("[\\s\\S]")}),
    ("BERT", "wordpiece", {"normalizer": bert(), "pre_tokenizer": BERT, "decoder": pieces(),
                           "post_processor": TEMPLATE}),
    ("BERT, cased", "wordpiece", {"normalizer": bert(lower=False), "pre_tokenizer": BERT,
                                  "decoder": pieces(False)}),
    ("BERT with accents", "wordpiece", {"normalizer": bert(False, False, False),
                                        "pre_tokenizer": BERT, "decoder": pieces()}),
    ("short words", "wordpiece", {"normalizer": bert(), "pre_tokenizer": BERT,
                                  "decoder": pieces(), "model": {"max_input_chars_per_word": 5}}),
]


def fnv(data, value=0xCBF29CE484222325):
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value


def texts():
    lines = (HERE / "tokenizer/strings.jsonl").read_text().splitlines()
    return ([json.loads(line)["text"] for line in lines] +
            json.loads((HERE / "pieces/extra.json").read_text())["texts"])


def vocabularies(samples):
    """Frequent words and characters; the special tokens of BERT come first."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words, letters = collections.Counter(), collections.Counter()
    for text in samples:
        words.update(text.split())
        letters.update(c for c in text if c.isprintable())
    frequent = [w for w, _ in words.most_common(150)]
    letters = [c for c, _ in letters.most_common(110)]
    lower = [w.lower() for w in frequent]
    parts = ["##" + c for c in letters] + ["##" + w[-k:] for w in lower[:60] for k in (2, 3)]
    return (list(dict.fromkeys(special + frequent + letters)),
            list(dict.fromkeys(special + letters + frequent + lower + parts)))


def suffix_model(samples):
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(samples, trainers.BpeTrainer(
        vocab_size=500, special_tokens=["<unk>"], end_of_word_suffix="</w>", limit_alphabet=80,
        show_progress=False))
    model = json.loads(tokenizer.to_str())["model"]
    model["merges"] = [" ".join(merge) for merge in model["merges"]]
    return model


def base_of(name, vocabulary):
    files = {"bytes": "tokenizer/b", "chars": "pieces/bpe-json",
             "unigram": "pieces/unigram-bytes-json"}
    if name in files:
        return json.loads((HERE / files[name] / "tokenizer.json").read_text())
    rest = {"version": "1.0", "truncation": None, "padding": None, "normalizer": None,
            "pre_tokenizer": None, "post_processor": None, "decoder": None}
    if name == "suffix":
        return {"added_tokens": [], "model": vocabulary, **rest}
    vocab = {word: i for i, word in enumerate(vocabulary)}
    model = {"type": "WordLevel", "vocab": vocab, "unk_token": "[UNK]"}
    if name == "wordpiece":
        model = {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                 "max_input_chars_per_word": 100, "vocab": vocab}
    added = [{"id": i, "content": vocabulary[i], "single_word": False, "lstrip": False,
              "rstrip": False, "normalized": False, "special": True} for i in range(5)]
    return {"added_tokens": added, "model": model, **rest}


def hashes(tokenizer, samples):
    all_ids = [e.ids for e in tokenizer.encode_batch(samples)]
    decoded = [tokenizer.decode(ids, skip_special_tokens=True) for ids in all_ids]
    rows = []
    for i in range(0, len(samples), GROUP):
        ids = b"".join(k.to_bytes(4, "little") for one in all_ids[i:i + GROUP] for k in one)
        text = b"".join(t.replace("\0", "\ufffd").encode() + b"\0" for t in decoded[i:i + GROUP])
        rows.append("%06x%06x" % (fnv(ids) & 0xFFFFFF, fnv(text) & 0xFFFFFF))
    return "".join(rows), all_ids, decoded


def main():
    samples = texts()
    left_out = [i for i, text in enumerate(samples)
                if any(low <= ord(c) <= high for c in text for low, high in YOUNG)]
    samples = [text for i, text in enumerate(samples) if i not in set(left_out)]
    words, wordpiece = vocabularies(samples)
    own = {"words": words, "wordpiece": wordpiece, "suffix": suffix_model(samples)}
    cases, full = [], {}
    for name, base, changes in CASES:
        file = json.loads(json.dumps(base_of(base, own.get(base))))
        for key, value in changes.items():
            if key == "model":
                file["model"].update(value)
            else:
                file[key] = value
        row, *results = hashes(Tokenizer.from_str(json.dumps(file)), samples)
        cases.append({"name": name, "base": base, "changes": changes, "hashes": row})
        full[name] = [file, *results]
    out = {"left_out": left_out, **own, "cases": cases}
    (HERE / "kinds/kinds.json").write_text(json.dumps(out, separators=(",", ":")) + "\n")
    if sys.argv[1:]:
        Path(sys.argv[1]).write_text(json.dumps({"texts": samples, "cases": full}))


main()
