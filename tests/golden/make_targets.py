"""Makes pieces/targets.txt: scores by transformers for source and target texts, with the random
models and tokenizers of pieces/ (make_pieces.py).

usage: make_targets.py

A line has model, options of elcl score, source, target, the target's ids and the sum of their
log-probabilities in double precision. The ids are the tokenizer's text_target. mBART's end with the
language, which training moves to the front as the decoder's first token. Here it is only that.
Marian's lines are those of transformers 5, which takes codes inside a text as text.
"""
from pathlib import Path

import torch
import transformers

HERE = Path(__file__).resolve().parent
TOKENIZERS = {
    "m2m_100": transformers.M2M100Tokenizer, "mbart": transformers.MBartTokenizer,
    "mbart-json": transformers.MBartTokenizerFast, "mbart-50": transformers.MBart50Tokenizer,
    "nllb": transformers.NllbTokenizer, "marian": transformers.MarianTokenizer,
    "pegasus": transformers.PegasusTokenizer,
}
LANGUAGES = {
    "m2m_100": [("en", "fr"), ("zu", "de"), ("", "af")],
    "mbart": [("de_DE", "ro_RO"), ("", "ar_AR")],
    "mbart-json": [("de_DE", "ro_RO"), ("", "ar_AR")],
    "mbart-50": [("de_DE", "ro_RO"), ("", "sl_SI")],
    "nllb": [("fra_Latn", "eng_Latn"), ("", "deu_Latn")],
    "marian": [("", ""), ("", "fra"), ("", "deu")],
    "pegasus": [("", "")],
}
PAIRS = [("The people of the land", "la terre et la mer"), ("x", "The covenant, and a document"),
         ("Free software!", "x"), ("la terre", "Logiciels libres \u00e0 la mer >>fra<< x")]


def labels(name, tokenizer, target, text):
    if target and name != "marian":
        tokenizer.tgt_lang = target
    ids = tokenizer(text_target=text).input_ids
    if name.startswith("mbart") and name != "mbart-50":
        assert ids[-1] == tokenizer.convert_tokens_to_ids(target)
        ids = ids[:-1]
    return ids


def start(name, model, tokenizer, target):
    if name.startswith("mbart") and name != "mbart-50":
        return tokenizer.convert_tokens_to_ids(target)
    return model.config.decoder_start_token_id


@torch.no_grad()
def make(name, rows):
    folder = str(HERE / "pieces" / name)
    model = transformers.AutoModelForSeq2SeqLM.from_pretrained(folder).double().eval()
    for source, target in LANGUAGES[name]:
        tokenizer = TOKENIZERS[name].from_pretrained(folder)
        if source:
            tokenizer.src_lang = source
        options = " ".join(filter(None, [source and "--src-lang " + source,
                                         target and "--tgt-lang " + target]))
        for text, output in PAIRS:
            given = ">>%s<< %s" % (target, text) if name == "marian" and target else text
            ids = labels(name, tokenizer, target, output)
            begin = [start(name, model, tokenizer, target)]
            logits = model(input_ids=torch.tensor([tokenizer(given).input_ids]),
                           decoder_input_ids=torch.tensor([begin + ids[:-1]])).logits[0]
            chosen = logits.log_softmax(-1)[range(len(ids)), ids]
            rows.append("\t".join([name, options or "-", text, output, " ".join(map(str, ids)),
                                   "%.9g" % chosen.sum().item()]))


if __name__ == "__main__":
    transformers.utils.logging.set_verbosity_error()
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    # The original imports a part of torch 1.13 that Python 3.11 refuses.
    transformers.models.m2m_100.modeling_m2m_100.is_fsdp_managed_module = lambda module: False
    lines = []
    for each in sorted(TOKENIZERS):
        make(each, lines)
    (HERE / "pieces" / "targets.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
