"""Makes golden.txt, continuations by kjv-gpt2 with transformers, and perplexity.txt, the
likelihood of given lines.

usage: make_kjv.py MODEL_DIRECTORY

Each line has the options of the command, a tab, the prompt, a tab, and all token ids. The weights
are float16 in the file and float32 in memory.
"""
import sys
from pathlib import Path

import torch
from transformers import GPT2LMHeadModel, GPT2TokenizerFast
from transformers.utils import logging

PROMPTS = [
    "In the beginning",
    "And",
    "And Moses said unto the people, Fear ye not",
    "The LORD is my shepherd; I shall not want.\nHe maketh me to lie down in green pastures",
    "",
]
OPTIONS = [
    dict(num_beams=1, max_new_tokens=40),
    dict(num_beams=1, max_new_tokens=40, repetition_penalty=1.3),
    dict(num_beams=4, max_new_tokens=40),
    dict(num_beams=3, max_length=60, no_repeat_ngram_size=3, length_penalty=0.7),
]

if __name__ == "__main__":
    logging.set_verbosity_error()
    torch.set_num_threads(1)
    model = GPT2LMHeadModel.from_pretrained(sys.argv[1]).float().eval()
    tokenizer = GPT2TokenizerFast.from_pretrained(sys.argv[1])
    with open(Path(__file__).resolve().parent / "golden.txt", "w") as f:
        for options in OPTIONS:
            flags = " ".join("--%s %s" % (k.replace("_", "-"), v) for k, v in options.items())
            for prompt in PROMPTS:
                ids = torch.tensor([tokenizer.encode(prompt) or [tokenizer.bos_token_id]])
                out = model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False,
                                     synced_gpus=False, **options)
                text = " ".join(map(str, out[0].tolist()))
                f.write("%s\t%s\t%s\n" % (flags, prompt.replace("\n", "\\n"), text))
    total, n = 0.0, 0
    with open(Path(sys.argv[1]) / "heldout.txt", encoding="utf-8") as f:
        lines = [next(f).rstrip("\n") for _ in range(100)]
    for line in lines:
        ids = torch.tensor([[tokenizer.bos_token_id] + tokenizer.encode(line)])
        with torch.no_grad():
            rows = model(ids).logits[0, :-1].double().log_softmax(-1)
        total -= rows.gather(1, ids[0, 1:, None]).sum().item()
        n += ids.shape[1] - 1
    (Path(__file__).resolve().parent / "perplexity.txt").write_text("%d %.6f\n" % (n, total))
