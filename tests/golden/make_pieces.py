"""Makes golden/pieces: small SentencePiece, Unigram, Marian and FSMT tokenizers and the ids and
texts of transformers for golden/tokenizer/strings.jsonl.

usage: make_pieces.py

Each folder NAME holds a tokenizer's files as in a model directory. NAME.txt has one line for each
text: 24 bits of the hash of its ids (with special tokens) and of the text to which these ids decode
(without special tokens), or "-" for a text left out. More lines follow with the hashes of the texts
of random lists of ids. Hashes are FNV-1a; an id has four bytes. --full FOLDER writes the ids and
texts.

Folders of translation models also hold a random model. translate.txt has options, a text, and the
ids and text that generate() returns for it. The languages are chosen as transformers documents it.
"""
import json
import os
import shutil
import sys
import unicodedata
from pathlib import Path

import sentencepiece as spm
import torch
import transformers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

HERE = Path(__file__).resolve().parent
OUT = HERE / "pieces"
sys.path.insert(0, str(HERE / "tokenizer"))
LICENSES = Path("/usr/share/common-licenses")
N_DRAWN = 300

EXTRA = [
    ">>fra<< Hello", ">>fra<<Hello", " >>fra<< Hello", ">>xyz<< Hello", "Hello >>deu<< world",
    ">>fra<< a >>deu<< b", ">>a\nb<< c", ">><< x", ">>>a<<< b", ">>fra<<", ">>deu<<\n>>fra<< x",
    "en_XX Hello", "Hello de_DE world ro_RO", "ar_AR", "af_ZA x", "Hello<mask>", "a <mask> b",
    "__fr__ Hello", "Hello__en__world", "__xx__ y", "eng_Latn Hello", "Hello fra_Latn",
    "deu_Latnx", "<extra_id_0>", "a <extra_id_3> b <extra_id_11>c", "<extra_id_99> z",
    "<extra_id_100> z", "<extra_id_1", "a<extra_id_4>  <extra_id_5>b", "<mask_1>", "x<mask_2> y",
    "<unk_7> a <unk_102>b", "<unk_103>", "</s>", "end</s>", "end </s> </s>", "<pad>a<pad>",
    "\u2581", "\u2581a \u2581b", "a\u2581\u2581b", "  two  blanks  ", "\uff21\uff22\uff23",
    "\ufb01sh \ufb02ow", "\u33a5 \u2460", "e\u0301a\u0308", "a\u00a0b", "a\u3000b", "<0x41>b",
    "\U0001f600 \U0001f600\U0001f601", "\u0e33\u0e33", "\uff76\uff9e\uff77", "...\u2026",
]


def rules(path):
    """A small table instead of the 240 KB of nmt_nfkc: wide letters, ligatures, marks, spaces."""
    codes = [*range(0xFF01, 0xFF5F), *range(0xFB00, 0xFB07), *range(0x2460, 0x2474), 0x2026, 0xA0,
             0x3000, 0x2003, 0x33A5, 0xE33, *range(0xFF66, 0xFF9E), 9, 10, 13]
    lines = []
    for code in codes:
        to = " " if code < 32 else unicodedata.normalize("NFKC", chr(code))
        lines.append("%X\t%s" % (code, " ".join("%X" % ord(c) for c in to)))
    for pair in ("e\u0301", "a\u0308", "\uff76\uff9e", "o\u0302"):
        lines.append("%s\t%X" % (" ".join("%X" % ord(c) for c in pair),
                                 ord(unicodedata.normalize("NFKC", pair))))
    lines += ["AD\t", "200B\t"]
    path.write_text("\n".join(lines) + "\n")


def training_text(path):
    lines = (HERE / "tokenizer" / "languages.txt").read_text(encoding="utf-8").splitlines()
    lines = [line for line in lines if max(map(ord, line), default=0) < 0x500] * 3
    for name in ("Apache-2.0", "GPL-3"):
        lines += (LICENSES / name).read_text(encoding="utf-8").splitlines()
    lines += (HERE.parent.parent / "models/kjv-gpt2/heldout.txt").read_text().splitlines()[:400]
    lines = [line.strip() for line in lines if line.strip()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return lines


def train(work, name, size, **options):
    spm.SentencePieceTrainer.train(
        input=str(work / "text"), model_prefix=str(work / name), vocab_size=size,
        normalization_rule_tsv=str(work / "rules"), num_threads=1, minloglevel=2,
        character_coverage=0.995, **options)
    return str(work / (name + ".model"))


def fresh(name):
    folder = OUT / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def write_json(path, value):
    path.write_text(json.dumps(value, ensure_ascii=True, separators=(",", ":")) + "\n")


def pieces_of(model):
    sp = spm.SentencePieceProcessor(model_file=model)
    return [sp.id_to_piece(i) for i in range(len(sp))]


def fast_json(name, fast, config):
    folder = fresh(name)
    fast.backend_tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    write_json(folder / "tokenizer_config.json", config)
    return transformers.AutoTokenizer.from_pretrained(str(folder))


def make_marian(work):
    source = train(work, "source", 500, eos_id=0, unk_id=1, bos_id=-1, pad_id=-1)
    target = train(work, "target", 700, eos_id=0, unk_id=1, bos_id=-1, pad_id=-1)
    names = list(dict.fromkeys(["</s>", "<unk>"] + pieces_of(source)[2:] + pieces_of(target)[2:]))
    # Marian's vocabulary lacks some pieces of its models.
    vocab = [n for i, n in enumerate(names) if i < 2 or i % 17] + [">>fra<<", ">>deu<<", "<pad>"]
    folder = fresh("marian")
    shutil.copy(source, folder / "source.spm")
    shutil.copy(target, folder / "target.spm")
    write_json(folder / "vocab.json", {n: i for i, n in enumerate(vocab)})
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": "MarianTokenizer"})
    yield "marian", transformers.MarianTokenizer.from_pretrained(str(folder))
    two = fresh("marian-separate")
    shutil.copy(source, two / "source.spm")
    shutil.copy(target, two / "target.spm")
    # The reference treats the source's special ids as special in the target too: they must agree.
    own = ["</s>", "<unk>", "<pad>"]
    for name, model in ("vocab.json", source), ("target_vocab.json", target):
        write_json(two / name, {n: i for i, n in enumerate(own + pieces_of(model)[2:])})
    write_json(two / "tokenizer_config.json",
               {"tokenizer_class": "MarianTokenizer", "separate_vocabs": True})
    yield "marian-separate", transformers.MarianTokenizer.from_pretrained(str(two))


def make_fairseq(work):
    bpe = train(work, "bpe", 800, model_type="bpe", unk_id=0, bos_id=1, eos_id=2, pad_id=-1)
    folder = fresh("m2m_100")
    shutil.copy(bpe, folder / "sentencepiece.bpe.model")
    own = ["<s>", "<pad>", "</s>", "<unk>"]
    write_json(folder / "vocab.json",
               {n: i for i, n in enumerate(own + pieces_of(bpe)[3:])})
    codes = transformers.models.m2m_100.tokenization_m2m_100.FAIRSEQ_LANGUAGE_CODES["m2m100"]
    write_json(folder / "special_tokens_map.json",
               {"additional_special_tokens": ["__%s__" % c for c in codes]})
    write_json(folder / "tokenizer_config.json",
               {"tokenizer_class": "M2M100Tokenizer", "src_lang": "de"})
    yield "m2m_100", transformers.M2M100Tokenizer.from_pretrained(str(folder))
    unigram = train(work, "fairseq", 700, unk_id=0, bos_id=1, eos_id=2, pad_id=-1)
    for name, cls in (("mbart", transformers.MBartTokenizer),
                      ("mbart-50", transformers.MBart50Tokenizer)):
        folder = fresh(name)
        shutil.copy(unigram, folder / "sentencepiece.bpe.model")
        write_json(folder / "tokenizer_config.json", {
            "tokenizer_class": cls.__name__, "clean_up_tokenization_spaces": name == "mbart-50"})
        yield name, cls.from_pretrained(str(folder))
    slow = transformers.NllbTokenizer(
        unigram, additional_special_tokens=["eng_Latn", "fra_Latn", "deu_Latn"],
        src_lang="deu_Latn")
    folder = fresh("nllb")
    slow.save_pretrained(str(folder))
    os.remove(folder / "special_tokens_map.json")
    yield "nllb", transformers.NllbTokenizer.from_pretrained(str(folder))
    fast = transformers.MBartTokenizerFast(unigram)
    yield "mbart-json", fast_json("mbart-json", fast, {"tokenizer_class": "MBartTokenizerFast"})


def make_google(work):
    t5 = train(work, "t5", 900, pad_id=0, eos_id=1, unk_id=2, bos_id=-1)
    folder = fresh("t5")
    shutil.copy(t5, folder / "spiece.model")
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": "T5Tokenizer"})
    slow = transformers.T5Tokenizer.from_pretrained(str(folder))
    yield "t5", slow
    fast = transformers.T5TokenizerFast(t5)
    yield "t5-json", fast_json("t5-json", fast, {"tokenizer_class": "T5TokenizerFast"})
    folder = fresh("pegasus")
    shutil.copy(t5, folder / "spiece.model")
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": "PegasusTokenizer"})
    yield "pegasus", transformers.PegasusTokenizer.from_pretrained(str(folder))


def make_bytes(work):
    """SentencePiece-BPE and Unigram with byte fallback, as tokenizer.json."""
    bpe = train(work, "bytes", 900, model_type="bpe", byte_fallback=True, unk_id=0, bos_id=1,
                eos_id=2, pad_id=-1)
    fast = transformers.LlamaTokenizerFast(bpe, legacy=False)
    folder = fresh("bpe-json")
    fast.backend_tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    yield "bpe-json", transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"))
    unigram = train(work, "bytes-unigram", 900, byte_fallback=True, pad_id=0, eos_id=1, unk_id=2,
                    bos_id=-1)
    fast = transformers.T5TokenizerFast(unigram, extra_ids=3)
    state = json.loads(fast.backend_tokenizer.to_str())
    state["model"]["byte_fallback"] = True
    state["pre_tokenizer"] = {"type": "Metaspace", "replacement": "\u2581",
                              "prepend_scheme": "first", "split": False}
    state["decoder"] = {"type": "Sequence", "decoders": [
        {"type": "ByteFallback"},
        {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first", "split": False}]}
    state["normalizer"] = {"type": "Sequence", "normalizers": [
        {"type": "NFKC"}, {"type": "Lowercase"}, {"type": "Strip", "strip_left": False,
                                                   "strip_right": True}]}
    folder = fresh("unigram-bytes-json")
    (folder / "tokenizer.json").write_text(json.dumps(state, separators=(",", ":")))
    yield "unigram-bytes-json", transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"))


def make_fsmt(lines):
    """Splits texts only at white space: elcl and transformers both skip the steps of Moses."""
    folder = fresh("fsmt")
    bpe = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    bpe.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    bpe.train_from_iterator(lines, trainers.BpeTrainer(
        vocab_size=900, end_of_word_suffix="</w>", limit_alphabet=150, show_progress=False))
    bpe.model.save(str(folder))
    merges = (folder / "merges.txt").read_text(encoding="utf-8").splitlines()[1:]
    names = sorted(json.loads((folder / "vocab.json").read_text()))
    os.remove(folder / "vocab.json")
    (folder / "merges.txt").write_text(
        "".join("%s %d\n" % (m, 5000 - i) for i, m in enumerate(merges)), encoding="utf-8")
    own = ["<s>", "<pad>", "</s>", "<unk>"]
    write_json(folder / "vocab-src.json",
               {n: i for i, n in enumerate(own + [n for i, n in enumerate(names) if i % 13])})
    write_json(folder / "vocab-tgt.json",
               {n: i for i, n in enumerate(own + [n for i, n in enumerate(names) if i % 3])})
    write_json(folder / "tokenizer_config.json",
               {"tokenizer_class": "FSMTTokenizer", "langs": ["en", "de"]})
    tokenizer = transformers.FSMTTokenizer.from_pretrained(str(folder))
    tokenizer.moses_pipeline = lambda text, lang: text
    tokenizer.moses_tokenize = lambda text, lang: text.split()
    tokenizer.moses_detokenize = lambda tokens, lang: " ".join(tokens)
    yield "fsmt", tokenizer


def fnv(data):
    h = 0xCBF29CE484222325
    for byte in data:
        h = (h ^ byte) * 0x100000001B3 % 2**64
    return "%06x" % (h & 0xFFFFFF)


def hash_ids(ids):
    return fnv(b"".join(i.to_bytes(4, "little") for i in ids))


def drawn(n, size):
    """Yields n random lists of ids below size. The test has the same generator."""
    state = 12345
    for _ in range(n):
        ids = []
        for _ in range(12):
            state = (state * 1103515245 + 12345) % 2**31
            ids.append((state >> 8) % size)
        yield ids


def decode(tokenizer, ids):
    text = tokenizer.decode(ids, skip_special_tokens=True)
    return text.replace("\0", "\ufffd")


def known(tokenizer, size):
    """Returns the ids that have a token."""
    if hasattr(tokenizer, "decoder") and isinstance(tokenizer.decoder, dict):
        return set(tokenizer.decoder) | set(tokenizer.added_tokens_decoder)
    return set(range(size))


def newer_marks(name, text):
    """The NFKC of tokenizers does not order combining marks that Unicode 14 added."""
    return name == "unigram-bytes-json" and \
        normalizers.NFKC().normalize_str(text) != unicodedata.normalize("NFKC", text)


def record(name, tokenizer, texts, full):
    rows, details = [], []
    for text in texts:
        if newer_marks(name, text):
            rows.append("-")
            continue
        ids = tokenizer(text, truncation=False).input_ids
        again = decode(tokenizer, [i for i in ids if i < len(tokenizer)]) if name not in SEPARATE \
            else ""
        rows.append(hash_ids(ids) + fnv(again.encode("utf-8", "replace")))
        details.append({"text": text, "ids": ids, "again": again})
    size = len(tokenizer.decoder) if name in SEPARATE else len(tokenizer)
    rows.append("drawn %d" % size)
    for ids in drawn(N_DRAWN, size):
        again = decode(tokenizer, ids)
        rows.append(fnv(again.encode("utf-8", "replace")))
        details.append({"ids": ids, "again": again})
    (OUT / (name + ".txt")).write_text("\n".join(rows) + "\n")
    if full:
        (full / (name + ".jsonl")).write_text("".join(json.dumps(d) + "\n" for d in details))
    print(name, len(tokenizer), size)


# Source and target language.
LANGUAGES = {
    "m2m_100": [("", ""), ("en", "fr"), ("zu", "de"), ("", "af")],
    "mbart": [("", ""), ("de_DE", "ro_RO"), ("", "ar_AR"), ("zh_CN", "")],
    "mbart-json": [("", ""), ("de_DE", "ro_RO"), ("", "ar_AR"), ("zh_CN", "")],
    "mbart-50": [("", ""), ("de_DE", "ro_RO"), ("", "sl_SI"), ("gl_ES", "")],
    "nllb": [("", ""), ("fra_Latn", "eng_Latn"), ("", "deu_Latn")],
    "marian": [("", ""), ("", "fra"), ("", "deu")],
    "pegasus": [("", "")],
}
TRANSLATED = ["The people of the land", "Free software!", "la terre et la mer", "x"]


def tiny_model(name, tokenizer):
    """Returns a random model over the tokenizer's ids, with weights that make choices clear."""
    size = len(tokenizer)
    shared = dict(vocab_size=size, d_model=8, encoder_layers=1, decoder_layers=1,
                  encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=8,
                  decoder_ffn_dim=8, max_position_embeddings=128, init_std=0.7, dropout=0.0,
                  pad_token_id=tokenizer.pad_token_id, eos_token_id=tokenizer.eos_token_id,
                  forced_eos_token_id=None)
    if name == "marian":
        model = transformers.MarianMTModel(transformers.MarianConfig(
            decoder_start_token_id=tokenizer.pad_token_id, decoder_vocab_size=size, **shared))
    elif name == "pegasus":
        model = transformers.PegasusForConditionalGeneration(transformers.PegasusConfig(
            decoder_start_token_id=tokenizer.pad_token_id, **shared))
    elif name in ("m2m_100", "nllb"):
        model = transformers.M2M100ForConditionalGeneration(transformers.M2M100Config(
            decoder_start_token_id=tokenizer.eos_token_id, bos_token_id=0, **shared))
    else:
        model = transformers.MBartForConditionalGeneration(transformers.MBartConfig(
            decoder_start_token_id=tokenizer.eos_token_id, bos_token_id=0, **shared))
    return model.eval()


def language_id(name, tokenizer, code):
    return tokenizer.get_lang_id(code) if name == "m2m_100" else \
        tokenizer.convert_tokens_to_ids(code)


def generate(name, tokenizer, model, source, target, text, beams):
    chosen = {}
    if source:
        tokenizer.src_lang = source
    if target and name == "marian":
        text = ">>%s<< %s" % (target, text)
    elif target and name in ("mbart", "mbart-json"):
        chosen["decoder_start_token_id"] = language_id(name, tokenizer, target)
    elif target:
        chosen["forced_bos_token_id"] = language_id(name, tokenizer, target)
    with torch.no_grad():
        out = model.generate(**tokenizer(text, return_tensors="pt"), num_beams=beams,
                             max_new_tokens=7, synced_gpus=False,
                             no_repeat_ngram_size=1, **chosen)[0].tolist()
    return out, decode(tokenizer, out)


def translate(name, tokenizer, rows):
    torch.manual_seed(sum(map(ord, name)))
    model = tiny_model(name, tokenizer)
    model.save_pretrained(str(OUT / name), safe_serialization=True)
    default = getattr(tokenizer, "src_lang", None)
    for source, target in LANGUAGES[name]:
        options = " ".join(filter(None, [source and "--src-lang " + source,
                                         target and "--tgt-lang " + target]))
        for text in TRANSLATED:
            for beams in 1, 3:
                if default:
                    tokenizer.src_lang = default
                ids, again = generate(name, tokenizer, model, source, target, text, beams)
                rows.append("\t".join([
                    name, ("--num-beams %d " % beams + options).strip(), text,
                    " ".join(map(str, ids)), again]))


SEPARATE = {"marian-separate", "fsmt"}  # sources and outputs have different ids


def main():
    # The original imports a part of torch 1.13 that Python 3.11 refuses.
    m2m_100 = transformers.models.m2m_100.modeling_m2m_100
    m2m_100.is_fsdp_managed_module = lambda module: False
    full = Path(sys.argv[2]) if sys.argv[1:2] == ["--full"] else None
    work = Path("/tmp/make_pieces")
    work.mkdir(exist_ok=True)
    rules(work / "rules")
    lines = training_text(work / "text")
    with open(HERE / "tokenizer" / "strings.jsonl", encoding="utf-8") as f:
        texts = [json.loads(line)["text"] for line in f] + EXTRA
    write_json(OUT / "extra.json", {"texts": EXTRA})
    rows = []
    for source in (make_marian(work), make_fairseq(work), make_google(work), make_bytes(work),
                   make_fsmt(lines)):
        for name, tokenizer in source:
            record(name, tokenizer, texts, full)
            if name in LANGUAGES:
                translate(name, tokenizer, rows)
    (OUT / "translate.txt").write_text("\n".join(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
