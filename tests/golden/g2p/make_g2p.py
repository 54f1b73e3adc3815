"""Decodes the held-out words of g2p-en with transformers: greedy.txt, beam4.txt, beam4-scores.txt.

usage: make_g2p.py MODEL_DIRECTORY                    writes the files here, prints error rates
       make_g2p.py MODEL_DIRECTORY --beams N --time   only prints the seconds for all words

The words are the first column of MODEL_DIRECTORY/test.tsv, the other columns are the accepted
pronunciations. Weights are float16 in the file and float32 in memory. All options but the number of
beams come from the model's generation_config.json. A batch has words of similar length.
"""
import argparse
import time
from pathlib import Path

import torch
from transformers import BartForConditionalGeneration, BartTokenizer
from transformers.utils import logging

HERE = Path(__file__).resolve().parent


def read_test(model_directory):
    """[(word, [pronunciation as a list of phonemes, ...]), ...]"""
    with open(model_directory / "test.tsv", encoding="utf-8") as f:
        columns = [line.rstrip("\n").split("\t") for line in f]
    return [(c[0], [pronunciation.split() for pronunciation in c[1:]]) for c in columns]


def load(model_directory):
    tokenizer = BartTokenizer.from_pretrained(model_directory)
    model = BartForConditionalGeneration.from_pretrained(model_directory, torch_dtype=torch.float32)
    return model.eval(), tokenizer


def decode(model, tokenizer, words, beams, batch_size):
    """Returns one (text, score) per word, in order. Greedy search has no score: None."""
    results = [None] * len(words)
    order = sorted(range(len(words)), key=lambda i: len(words[i]))
    for start in range(0, len(order), batch_size):
        batch = order[start : start + batch_size]
        source = tokenizer([words[i] for i in batch], return_tensors="pt", padding=True)
        out = model.generate(
            **source,
            num_beams=beams,
            output_scores=beams > 1,
            return_dict_in_generate=True,
            synced_gpus=False,  # None imports a part of torch 1.13 that Python 3.11 refuses
        )
        texts = tokenizer.batch_decode(
            out.sequences, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        scores = out.sequences_scores.tolist() if beams > 1 else [None] * len(batch)
        for i, text, score in zip(batch, texts, scores):
            results[i] = (text.lstrip(" "), score)
    return results


def check_source_ids(tokenizer, words):
    """Checks the ids of a word: <s>, one token for each character, </s>."""
    vocabulary = tokenizer.get_vocab()
    for word in words:
        letters = [vocabulary["\u0120" if c == " " else c] for c in word]
        assert tokenizer(word).input_ids == [0] + letters + [2], word


def edit_distance(a, b):
    row = list(range(len(b) + 1))
    for i, x in enumerate(a):
        diagonal, row[0] = row[0], i + 1
        for j, y in enumerate(b):
            diagonal, row[j + 1] = row[j + 1], min(row[j + 1] + 1, row[j] + 1, diagonal + (x != y))
    return row[-1]


def error_rates(test, texts):
    """Returns word and phoneme error rate, by the closest pronunciation of each word."""
    wrong = distance = length = 0
    for (_, pronunciations), text in zip(test, texts):
        phonemes = text.split()
        wrong += phonemes not in pronunciations
        d, n = min((edit_distance(phonemes, p), len(p)) for p in pronunciations)
        distance += d
        length += n
    return wrong / len(test), distance / length


def timed_decode(model, tokenizer, words, arguments, beams):
    start = time.perf_counter()
    results = decode(model, tokenizer, words, beams, arguments.batch)
    return results, time.perf_counter() - start


def write_lines(path, lines):
    path.write_text("".join(line + "\n" for line in lines))


def make(model, tokenizer, test, arguments):
    words = [word for word, _ in test]
    check_source_ids(tokenizer, words)
    for beams, name in (1, "greedy"), (4, "beam4"):
        results, seconds = timed_decode(model, tokenizer, words, arguments, beams)
        texts = [text for text, _ in results]
        write_lines(HERE / (name + ".txt"), texts)
        if beams > 1:
            write_lines(HERE / (name + "-scores.txt"), ["%.6f" % score for _, score in results])
        wer, per = error_rates(test, texts)
        print("%s: WER %.2f%% PER %.2f%% %.1f s" % (name, 100 * wer, 100 * per, seconds))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="the g2p-en directory")
    parser.add_argument("--time", action="store_true", help="print the seconds, write nothing")
    parser.add_argument("--beams", type=int, default=4, help="with --time (4)")
    parser.add_argument("--batch", type=int, default=64, help="words a batch (64)")
    parser.add_argument("--threads", type=int, default=2, help="threads of torch (2)")
    arguments = parser.parse_args()

    logging.set_verbosity_error()
    torch.set_num_threads(arguments.threads)
    model, tokenizer = load(arguments.model)
    test = read_test(arguments.model)
    if arguments.time:
        words = [word for word, _ in test]
        print("%.2f" % timed_decode(model, tokenizer, words, arguments, arguments.beams)[1])
    else:
        make(model, tokenizer, test, arguments)
