"""Makes whisper-texts.json: ids and decoded texts of tiny-whisper and tiny-whisper-128.

For each text: the ids without and with what the tokenizer puts around it, and the texts that the
ids give with and without special tokens; both come from transformers.

usage: make_whisper_texts.py      with transformers 5.24
"""
import json
from pathlib import Path

import transformers

HERE = Path(__file__).resolve().parent
TEXTS = [
    " And so, my fellow listeners: the other thing is on.", "in the\tin  the \n\n ing", "",
    " Über die Straße, déjà vu, señor, łódź",
    " Привет, мир; здравствуйте.", " Καλημέρα κόσμε",
    " مرحبا بالعالم", " שלום עולם", " नमस्ते दुनिया",
    " ওহে বিশ্ব", " வணக்கம் உலகம்",
    " สวัสดีชาวโลก", "你好，世界。", "こんにちは世界",
    " 안녕하세요 세계", " გამარჯობა", " Բարեւ",
    " ሰላም ለዓለም",
    " e\u0301 vs \u00e9, \u200bzero, \u00a0space, \ufb01", " \U0001f600\U0001f468\u200d\U0001f469",
    " ♪ la la ♪ [music] (laughs) - it's 3,000 --",
    "<|startoftranscript|><|notimestamps|> the end<|endoftext|>",
    "<|0.00|> on it<|0.50|><|0.50|> in<|1.00|>",
    "<|startoftranscript|><|notimestamps|> on <|xx|> <| 0.00|><|nope|>",
]


def rows(name):
    tokenizer = transformers.WhisperTokenizer.from_pretrained(HERE / name)
    result = []
    for text in TEXTS:
        ids = tokenizer(text, add_special_tokens=False).input_ids
        around = tokenizer(text).input_ids
        result.append(dict(
            text=text, ids=ids, around=around,
            decoded=tokenizer.decode(ids, skip_special_tokens=True),
            whole=tokenizer.decode(ids, decode_with_timestamps=True)))
    return result


if __name__ == "__main__":
    golden = dict(transformers=transformers.__version__,
                  models={name: rows(name) for name in ("tiny-whisper", "tiny-whisper-128")})
    with open(HERE / "whisper-texts.json", "w") as f:
        json.dump(golden, f, separators=(",", ":"))
        f.write("\n")
