"""Makes golden/spm: small SentencePiece models of every kind, and what the library does with them.

usage: make_spm.py                               with sentencepiece 0.2.3 and its protobuf
       make_spm.py --compare SPM_PIECES N        elcl's build/tests/spm_pieces on N drawn texts

NAME.model is a model file. hashes.txt has a line for each: its name, and hashes (FNV-1a) of the
pieces of all texts of tokenizer/strings.jsonl and of the texts that these join to. Each piece and
each text ends with a byte 0xff in the hash.

--compare draws texts and lists of pieces for these models, for the other models of the goldens, and
for models with random options and the library's own large tables, trained on the spot. It prints a
line for each model and every difference; the exit status is 1 if there is one.
"""
import io
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import sentencepiece
from sentencepiece import sentencepiece_model_pb2

HERE = Path(__file__).resolve().parent
OUT = HERE / "spm"
SYMBOLS = ["<sep>", "<se", "\u4f60\u597d", "ab c", "1"]
CONTROLS = ["<ctl>", "<2de>"]

# Options of the trainer, and changes of the model afterwards.
MODELS = {
    "unigram": dict(user_defined_symbols=SYMBOLS, control_symbols=CONTROLS),
    "unigram-bytes": dict(byte_fallback=True, vocab_size=450, split_digits=True,
                          remove_extra_whitespaces=False),
    "unigram-suffix": dict(treat_whitespace_as_suffix=True, allow_whitespace_only_pieces=True,
                           remove_extra_whitespaces=False, unk_surface="?"),
    "unigram-unused": dict(denormal=True, add_dummy_prefix=False, change="unused"),
    "unigram-ties": dict(change="ties", user_defined_symbols=SYMBOLS),
    "bpe": dict(model_type="bpe", user_defined_symbols=SYMBOLS),
    "bpe-bytes": dict(model_type="bpe", byte_fallback=True, vocab_size=450,
                      add_dummy_prefix=False, remove_extra_whitespaces=False),
    "bpe-unused": dict(model_type="bpe", change="unused", treat_whitespace_as_suffix=True),
    "bpe-ties": dict(model_type="bpe", change="ties", allow_whitespace_only_pieces=True),
    "bpe-spaces": dict(model_type="bpe", change="spaces"),
    "word": dict(model_type="word", vocab_size=120, control_symbols=CONTROLS),
    "char": dict(model_type="char", user_defined_symbols=SYMBOLS, hard_vocab_limit=False),
}


def rules(path, pairs):
    lines = ["%s\t%s" % tuple(" ".join("%X" % ord(c) for c in s) for s in pair) for pair in pairs]
    path.write_text("\n".join(lines) + "\n")


FORWARD = [("\uff21", "A"), ("\u3000", " "), ("\t", " "), ("\u2026", "..."), ("\u2460", "(1)"),
           ("e\u0301", "\xe9"), ("\xb4", " '"), ("\xad", ""), ("\u33a5", "m 3 "), ("\ufb01", "fi")]
BACKWARD = [("(1)", "\u2460"), ("fi", "\ufb01"), ("...", "\u2026")]


def texts():
    with open(HERE / "tokenizer" / "strings.jsonl", encoding="utf-8") as file:
        return [json.loads(line)["text"] for line in file]


def train(lines, work, options, table=None):
    """Returns the bytes of a trained model. `table` is the name of one of the library's own."""
    options = dict(options)
    denormal, change = options.pop("denormal", False), options.pop("change", None)
    if table:
        options["normalization_rule_name"] = table
    else:
        rules(work / "forward", FORWARD)
        options["normalization_rule_tsv"] = str(work / "forward")
    if denormal:
        rules(work / "backward", BACKWARD)
        options["denormalization_rule_tsv"] = str(work / "backward")
    options = dict(dict(vocab_size=230, character_coverage=0.98), **options)
    file = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_writer=file, num_threads=1, minloglevel=4, **options)
    model = sentencepiece_model_pb2.ModelProto()
    model.ParseFromString(file.getvalue())
    model.trainer_spec.ClearField("input")
    normal = [p for p in model.pieces if p.type == 1]
    if change == "unused":
        for piece in normal[::3]:
            piece.type = 5
    elif change == "ties":
        for piece in normal:
            piece.score = round(piece.score / 4)
    elif change == "spaces":
        model.normalizer_spec.escape_whitespaces = False
        for piece in normal:
            if piece.piece != "\u2581":
                piece.piece = piece.piece.replace("\u2581", " ")
    return model.SerializeToString()


def fnv(state, data):
    for byte in data + b"\xff":
        state = (state ^ byte) * 0x100000001b3 & 0xffffffffffffffff
    return state


def make():
    lines = (HERE / "tokenizer" / "languages.txt").read_text(encoding="utf-8").splitlines()
    lines = [line for line in lines if line.strip() and max(map(ord, line)) < 0x180] * 2
    OUT.mkdir(exist_ok=True)
    rows = []
    with tempfile.TemporaryDirectory() as work:
        for name, options in MODELS.items():
            (OUT / (name + ".model")).write_bytes(train(lines, Path(work), options))
            model = sentencepiece.SentencePieceProcessor(model_file=str(OUT / (name + ".model")))
            cut = joined = 0xcbf29ce484222325
            for text in texts():
                pieces = model.encode(text, out_type=str)
                for piece in pieces:
                    cut = fnv(cut, piece.encode())
                cut = fnv(cut, b"")
                joined = fnv(joined, model.decode(pieces).encode())
            rows.append("%s %016x %016x" % (name, cut, joined))
    (OUT / "hashes.txt").write_text("\n".join(rows) + "\n")


# ---- comparing ------------------------------------------------------------------------------

RANGES = [(0x20, 0x7e), (0xa0, 0x24f), (0x250, 0x36f), (0x370, 0x52f), (0x590, 0x6ff),
          (0x900, 0x97f), (0xe00, 0xe7f), (0x1100, 0x11ff), (0x1e00, 0x1fff), (0x2000, 0x206f),
          (0x2070, 0x218f), (0x2460, 0x24ff), (0x2580, 0x2582), (0x3000, 0x30ff), (0x3300, 0x33ff),
          (0x4e00, 0x4e80), (0xac00, 0xac80), (0xd7f0, 0xd7ff), (0xe000, 0xe008), (0xf900, 0xfb4f),
          (0xfdf0, 0xfdff), (0xfe00, 0xfe6f), (0xff00, 0xffff), (0x1d400, 0x1d4ff),
          (0x1f1e6, 0x1f1ff), (0x1f600, 0x1f64f), (0x2f800, 0x2f810), (0x10fff0, 0x10ffff),
          (0x1, 0x1f), (0x7f, 0x9f)]
FIXED = [" ", "  ", "\u2581", "\u3000", "\t", "\n", "\u200d", "\ufe0f", "\u0301", "\ufdfa", "<unk>",
         "<s>", "</s>", "<pad>", "<0x41>", "<0xE4>", "<0x0A>", "\u2047", "\ufffd"]


def draw_text(rng, words, pieces):
    parts = []
    for _ in range(rng.choice([0, 1, 1, 2, 3, 5, 8, 13, 30])):
        kind = rng.randrange(7)
        if kind < 2:
            parts.append(rng.choice(words) + " ")
        elif kind == 2:
            low, high = rng.choice(RANGES)
            parts += [chr(rng.randint(low, high)) for _ in range(rng.randint(1, 6))]
        elif kind == 3:
            parts.append(rng.choice(FIXED) * rng.choice([1, 1, 2, 3]))
        elif kind == 4:
            parts.append(rng.choice(pieces))
        elif kind == 5:
            parts.append(rng.choice(pieces).replace("\u2581", " "))
        else:
            parts.append(rng.choice(SYMBOLS + CONTROLS))
    return "".join(parts)


def draw_pieces(rng, words, pieces):
    pieces = [piece for piece in pieces if piece != "<0x00>"]  # spm_pieces writes strings of C
    one = lambda: rng.choice(
        [rng.choice(pieces), rng.choice(pieces), "<0x%02X>" % rng.randint(1, 255),
         rng.choice(FIXED), draw_text(rng, words, pieces), "<0xE2>", "<0x96>", "<0x81>"])
    return [one() for _ in range(rng.choice([0, 1, 2, 3, 5, 9, 20]))]


def compare_model(tool, path, label, n, rng):
    """Returns the number of differences."""
    model = sentencepiece.SentencePieceProcessor(model_file=str(path))
    pieces = [model.id_to_piece(i) for i in range(len(model))]
    words = " ".join(texts()[:300]).split()
    questions, answers = [], []
    while len(questions) < n:
        text = draw_text(rng, words, pieces)
        try:
            cut = model.encode(text, out_type=str)
        except Exception:  # a control symbol of the model in a text
            continue
        questions.append(text)
        answers.append(cut)
        for given in (cut, draw_pieces(rng, words, pieces)):
            if given:
                questions.append(given)
                answers.append(model.decode(given))
    lines = "\n".join(json.dumps(q) for q in questions) + "\n"
    run = subprocess.run([tool, str(path)], input=lines, capture_output=True, encoding="utf-8")
    got = [json.loads(line) for line in run.stdout.split("\n")[:-1]]
    bad = [i for i in range(len(answers)) if i >= len(got) or got[i] != answers[i]]
    n_cut = sum(isinstance(q, str) for q in questions)
    print("%-40s %6d cut, %6d joined, %d differ %s" %
          (label, n_cut, len(questions) - n_cut, len(bad), run.stderr.strip()), flush=True)
    for i in bad[:3]:
        show = [questions[i], answers[i], got[i] if i < len(got) else None]
        for name, value in zip(["given", "library", "elcl"], show):
            print("    %-8s" % name, json.dumps(value)[:500])
    return len(bad)


def draw_options(rng):
    flags = ["byte_fallback", "split_digits", "remove_extra_whitespaces", "add_dummy_prefix",
             "treat_whitespace_as_suffix", "allow_whitespace_only_pieces", "split_by_whitespace"]
    options = {flag: rng.random() < 0.5 for flag in flags}
    options["model_type"] = rng.choice(["unigram", "unigram", "bpe", "bpe", "word", "char"])
    options["user_defined_symbols"] = rng.choice([[], SYMBOLS])
    options["control_symbols"] = rng.choice([[], CONTROLS])
    options["change"] = rng.choice([None, None, "unused", "ties", "spaces"])
    options["vocab_size"] = rng.choice([900, 1200, 2000])
    options["hard_vocab_limit"] = False
    return options


def compare(tool, n):
    rng = random.Random(1)
    known = sorted([*HERE.glob("**/*.model"), *HERE.glob("**/*.spm")])
    tables = ["nmt_nfkc", "nfkc", "nmt_nfkc_cf", "nfkc_cf", "identity"]
    lines = [text for text in texts() if max(map(ord, text), default=0) < 0x500]
    bad = 0
    with tempfile.TemporaryDirectory() as work:
        path = Path(work) / "drawn.model"
        for file in known:
            bad += compare_model(tool, file, file.relative_to(HERE), n, rng)
        for i in range(30):
            options, table = draw_options(rng), rng.choice(tables)
            path.write_bytes(train(lines, Path(work), options, table))
            bad += compare_model(tool, path, "%d %s %s %s" % (
                i, options["model_type"], table, options["change"] or ""), n, rng)
    return 1 if bad else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--compare"]:
        sys.exit(compare(sys.argv[2], int(sys.argv[3])))
    make()
