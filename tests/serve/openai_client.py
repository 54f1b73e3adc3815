#!/usr/bin/env python3
"""usage: openai_client.py ELCL MODELS [--record FILE]

OpenAI's own client (PyPI: openai), unmodified, against `ELCL serve MODELS/g2p-en MODELS/kjv-gpt2`.
Answers are compared with those of the command. Skipped without the package. --record writes the
requests as the client sent them; replay.py --update adds what came back, for replay.py.
"""

import asyncio
import json
import math
import os
import subprocess
import sys
import time

from clients import begin, check, checks, record, same, skip
from server import Server

try:
    import openai
except ImportError:
    skip("no package openai")

elcl, models = sys.argv[1:3]


def near(name, found, expected):
    check(name, math.isclose(found, expected, rel_tol=1e-4, abs_tol=1e-4), found, "expected",
          expected)


def command(model, lines, *options):
    """The command's outputs for lines of jsonl: a list of outputs for each line."""
    made = subprocess.run(
        [elcl, "generate", "--quiet", os.path.join(models, model), "--input-format", "jsonl",
         "--format", "jsonl", "--token-logprobs", *options],
        input="".join(json.dumps(line) + "\n" for line in lines), check=True, capture_output=True,
        text=True).stdout
    outputs = [[] for _ in lines]
    for line in made.splitlines():
        output = json.loads(line)
        outputs[output["index"]].append(output)
    return outputs


def continued(lines, *options):
    return command("kjv-gpt2", lines, "--no-prompt", *options)


def compare(name, choice, output):
    """A choice against an output of the command."""
    same(f"{name}: text", choice.text, output["text"])
    same(f"{name}: finish_reason", choice.finish_reason,
         {"eos": "stop", "stop": "stop", "length": "length"}[output["finish_reason"]])
    near(f"{name}: score", choice.score, output["score"])


def refused(name, error, param, call, *message):
    begin(name)
    try:
        call()
    except error as e:
        same(f"{name}: param", e.param, param)
        for text in message:
            check(f"{name}: message", text in e.message, e.message)
        return e
    except openai.OpenAIError as e:
        check(name, False, type(e), e)
    else:
        check(name, False, "it was accepted")
    return None


# ---- cases ----------------------------------------------------------------------------------


def test_models(client):
    begin("models.list")
    listed = client.models.list()
    same("models.list", [m.id for m in listed.data], ["g2p-en", "kjv-gpt2"])
    begin("models.retrieve")
    model = client.models.retrieve("kjv-gpt2")
    same("models.retrieve", (model.id, model.object, model.owned_by),
         ("kjv-gpt2", "model", "elcl"))
    same("models.retrieve: extension", (model.elcl["family"], model.elcl["decoder_only"]),
         ("gpt2", True))
    same("models.retrieve: defaults", listed.data[0].elcl["defaults"]["num_beams"], 4)
    refused("models.retrieve of another", openai.NotFoundError, "model",
            lambda: client.models.retrieve("a/b"), 'there is no model "a/b"')


def test_whole(client):
    words = ["attention", "kernel"]
    outputs = command("g2p-en", [{"text": w, "num_return_sequences": 2} for w in words])
    begin("a completion")
    made = client.completions.create(model="g2p-en", prompt="attention")
    compare("a completion", made.choices[0], outputs[0][0])
    same("a completion: object", (made.object, made.model), ("text_completion", "g2p-en"))
    check("a completion: id", made.id.startswith("cmpl-") and abs(time.time() - made.created) < 9)
    same("a completion: usage", (made.usage.prompt_tokens, made.usage.completion_tokens),
         (11, len(outputs[0][0]["ids"]) - 1))
    check("a completion: timings", 0 < made.timings["first_token_seconds"]
          <= made.timings["total_seconds"] < 30)
    begin("prompts and n")
    made = client.completions.create(model="g2p-en", prompt=words, n=2)
    same("prompts and n: index", [c.index for c in made.choices], [0, 1, 2, 3])
    for i, choice in enumerate(made.choices):
        compare(f"prompts and n: {i}", choice, outputs[i // 2][i % 2])
    begin("best_of of a search")
    made = client.completions.create(model="g2p-en", prompt="attention", n=1, best_of=2)
    compare("best_of of a search", made.choices[0],
            command("g2p-en", [{"text": "attention", "num_beams": 2}])[0][0])


def test_options(client):
    options = {"num_beams": 3, "length_penalty": 0.2, "no_repeat_ngram_size": 2,
               "bad_words_ids": [[70], [71, 72]], "early_stopping": "never"}
    begin("options of the library")
    made = client.completions.create(model="g2p-en", prompt="attention", extra_body=options)
    compare("options of the library", made.choices[0],
            command("g2p-en", [{"text": "attention", **options}])[0][0])
    fairseq = {"search_style": "fairseq", "max_len_b": 9, "num_beams": 2}
    begin("fairseq's search")
    made = client.completions.create(model="g2p-en", prompt="attention", extra_body=fairseq)
    compare("fairseq's search", made.choices[0],
            command("g2p-en", [{"text": "attention", **fairseq}])[0][0])
    begin("alignments")
    made = client.completions.create(model="g2p-en", prompt="attention", logprobs=0,
                                     extra_body={"alignments": "hard"}).choices[0]
    expected = command("g2p-en", [{"text": "attention"}], "--alignments", "hard")[0][0]
    same("alignments", (made.alignments, made.source_ids),
         (expected["alignments"], expected["source_ids"]))
    same("alignments: of tokens", len(made.alignments.split()), len(made.logprobs.tokens))
    prefix = {"num_beams": 1, "decoder_prefix": " K AE1"}
    expected = command("g2p-en", [{"text": "attention", **prefix}])[0][0]
    for stream in False, True:
        begin(f"a prefix, stream {stream}")
        made = client.completions.create(model="g2p-en", prompt="attention", stream=stream,
                                         extra_body=prefix)
        same(f"a prefix, stream {stream}",
             "".join(e.choices[0].text for e in made) if stream else made.choices[0].text,
             expected["text"])


def test_sampling(client):
    prompts = ["In the beginning", "And the king"]
    lines = [{"text": p, "do_sample": True, "num_beams": 1, "temperature": 0.8, "seed": 7,
              "max_new_tokens": 12, "num_return_sequences": 3} for p in prompts]
    outputs = continued(lines)
    fields = {"model": "kjv-gpt2", "prompt": prompts, "max_tokens": 12, "temperature": 0.8,
              "seed": 7}
    begin("samples")
    made = client.completions.create(n=3, **fields)
    for i, choice in enumerate(made.choices):
        compare(f"samples: {i}", choice, outputs[i // 3][i % 3])
    begin("best_of of samples")
    made = client.completions.create(n=2, best_of=3, **fields)
    for i in range(2):
        best = sorted(outputs[i], key=lambda o: -o["score"] / len(o["ids"]))[:2]
        for k in range(2):
            compare(f"best_of of samples: {i}", made.choices[2 * i + k], best[k])
    begin("")
    first, second = (client.completions.create(model="kjv-gpt2", prompt="And", max_tokens=40,
                                               temperature=1.2) for _ in range(2))
    check("seeds differ", first.choices[0].text != second.choices[0].text)
    again = client.completions.create(model="kjv-gpt2", prompt="And", max_tokens=40,
                                      temperature=1.2, seed=first.seed)
    same("the seed that was drawn", again.choices[0].text, first.choices[0].text)


def test_logprobs(client):
    output = continued([{"text": "And the", "max_new_tokens": 8}])[0][0]
    fields = {"model": "kjv-gpt2", "prompt": "And the", "max_tokens": 8, "temperature": 0}
    begin("logprobs")
    made = client.completions.create(logprobs=1, **fields).choices[0]
    same("logprobs: tokens", "".join(made.logprobs.tokens), output["text"])
    for found, expected in zip(made.logprobs.token_logprobs, output["token_logprobs"],
                               strict=True):
        near("logprobs", found, expected)
    same("logprobs: top", [list(t.items()) for t in made.logprobs.top_logprobs],
         [[p] for p in zip(made.logprobs.tokens, made.logprobs.token_logprobs)])
    same("logprobs: text_offset", [made.text[o:].startswith(t) for o, t in
                                   zip(made.logprobs.text_offset, made.logprobs.tokens)],
         [True] * 8)
    begin("logprobs and echo")
    echoed = client.completions.create(logprobs=0, echo=True, **fields).choices[0]
    same("echo", echoed.text, "And the" + output["text"])
    same("echo: tokens", "".join(echoed.logprobs.tokens), echoed.text)
    same("echo: of the prompt", echoed.logprobs.token_logprobs[:2], [None, None])
    same("echo: of the output", echoed.logprobs.token_logprobs[2:], made.logprobs.token_logprobs)
    same("echo: text_offset", [echoed.text[o:].startswith(t) for o, t in
                               zip(echoed.logprobs.text_offset, echoed.logprobs.tokens)],
         [True] * 10)
    begin("logprobs of a search")
    made = client.completions.create(model="g2p-en", prompt="a", logprobs=1, max_tokens=4)
    check("logprobs of a search", made.choices[0].logprobs.tokens[-1] == "</s>",
          made.choices[0].logprobs)


def test_stop(client):
    fields = {"model": "kjv-gpt2", "prompt": "And the", "max_tokens": 30, "temperature": 0}
    whole = continued([{"text": "And the", "max_new_tokens": 30}])[0][0]["text"]
    for stop in ",", [" and", ","], [whole[9:16]], ["no such"]:
        begin(f"stop {stop}")
        made = client.completions.create(stop=stop, **fields).choices[0]
        ends = [whole.find(s) for s in ([stop] if isinstance(stop, str) else stop)]
        ends = [e for e in ends if e >= 0]
        same(f"stop {stop}", made.text, whole[:min(ends)] if ends else whole)
        same(f"stop {stop}: finish_reason", made.finish_reason, "stop" if ends else "length")
        begin(f"stop {stop}, streamed")
        events = list(client.completions.create(stop=stop, stream=True, **fields))
        same(f"stop {stop}, streamed", "".join(e.choices[0].text for e in events), made.text)
        same(f"stop {stop}, streamed: finish_reason", events[-1].choices[0].finish_reason,
             made.finish_reason)


def test_ids(client):
    texts = ["In the beginning", "And"]
    coded = subprocess.run([elcl, "encode", os.path.join(models, "kjv-gpt2"), *texts], check=True,
                           capture_output=True, text=True).stdout
    ids = [[int(i) for i in line.split()] for line in coded.splitlines()]
    outputs = continued([{"text": t, "max_new_tokens": 6} for t in texts])
    fields = {"model": "kjv-gpt2", "max_tokens": 6, "temperature": 0}
    begin("ids")
    made = client.completions.create(prompt=ids[0], **fields)
    compare("ids", made.choices[0], outputs[0][0])
    begin("lists of ids, and echo")
    made = client.completions.create(prompt=ids, echo=True, **fields)
    for i in range(2):
        same(f"lists of ids: {i}", made.choices[i].text, texts[i] + outputs[i][0]["text"])


def join(events, n):
    """Texts and last events of n choices."""
    texts, last = [""] * n, [None] * n
    for event in events:
        for choice in event.choices:
            texts[choice.index] += choice.text
            last[choice.index] = choice
    return texts, last


def test_streams(client):
    fields = {"model": "kjv-gpt2", "prompt": ["In the beginning", "And"], "max_tokens": 16,
              "n": 2, "temperature": 1.0, "seed": 3, "logprobs": 1, "echo": True}
    begin("the same as the next, whole")
    whole = client.completions.create(**fields)
    begin("a stream of samples")
    events = list(client.completions.create(stream=True, stream_options={"include_usage": True},
                                            **fields))
    texts, last = join(events, 4)
    same("a stream of samples", texts, [c.text for c in whole.choices])
    same("a stream of samples: ends", [(c.finish_reason, round(c.score, 3)) for c in last],
         [(c.finish_reason, round(c.score, 3)) for c in whole.choices])
    same("a stream of samples: usage", events[-1].usage, whole.usage)
    check("a stream of samples: timings", events[-1].timings["total_seconds"] > 0)
    check("a stream of samples: more than one piece", len(events) > 16, len(events))
    for i in range(4):
        pieces = [c.logprobs for e in events for c in e.choices if c.index == i]
        for part in "tokens", "token_logprobs", "text_offset":
            same(f"a stream of samples: {part}",
                 [value for piece in pieces for value in getattr(piece, part)],
                 getattr(whole.choices[i].logprobs, part))
    begin("a stream of a search")
    events = list(client.completions.create(model="g2p-en", prompt=["attention", "kernel"], n=2,
                                            stream=True))
    texts, last = join(events, 4)
    outputs = command("g2p-en", [{"text": w, "num_return_sequences": 2}
                                 for w in ("attention", "kernel")])
    for i in range(4):
        compare(f"a stream of a search: {i}", last[i], outputs[i // 2][i % 2])
    same("a stream of a search: one event for each", len(events), 4)
    check("a stream of a search: timings", events[-1].timings["total_seconds"] > 0)


def test_split(client):
    text = "  one two. Three four.\n\nFive.\n"
    parts = command("g2p-en", [{"text": t} for t in ("one two.", "Three four.", "Five.")])
    parts = [p[0]["text"].strip() for p in parts]
    for stream in False, True:
        begin(f"sentences, stream {stream}")
        made = client.completions.create(model="g2p-en", prompt=[text, " \n"], stream=stream,
                                         extra_body={"split": "sentences"})
        texts = join(made, 2)[0] if stream else [c.text for c in made.choices]
        same(f"sentences, stream {stream}", texts,
             [f"  {parts[0]} {parts[1]}\n\n{parts[2]}\n", " \n"])


def test_refused(client):
    def create(**fields):
        return lambda: client.completions.create(**{"model": "g2p-en", "prompt": "a", **fields})

    bad = openai.BadRequestError
    refused("no such model", openai.NotFoundError, "model", create(model="x"),
            'there is no model "x": expected one of g2p-en, kjv-gpt2')
    refused("n", bad, "n", create(n=0), "n: expected a whole number from 1")
    refused("more beams than the server has", bad, "n", create(n=30), "--max-beams")
    refused("max_tokens", bad, "max_tokens", create(max_tokens=1000), "expected at most 128")
    refused("logprobs", bad, "logprobs", create(logprobs=5), "expected 0 or 1")
    refused("suffix", bad, "suffix", create(suffix="x"), "no model of this server inserts")
    refused("logit_bias", bad, "logit_bias", create(logit_bias={"5": 1}), "bad_words_ids")
    refused("an option that nobody has", bad, "num_beam", create(extra_body={"num_beam": 4}),
            'did you mean "num_beams"?')
    refused("a value", bad, "top_p", create(top_p=90), "between 0 and 1")
    refused("best_of with stream", bad, "best_of",
            create(stream=True, n=1, best_of=3, temperature=1), "a stream cannot wait")
    refused("stop with beams", bad, "num_beams", create(stop="a"), "must be 1 with stop strings")
    refused("a token", bad, "prompt", create(prompt=[5, 99999]), "expected token ids below")
    refused("a language", bad, None, create(extra_body={"tgt_lang": "de"}),
            "g2p-en/vocab.json: the model has no languages")
    refused("split of ids", bad, "split", create(prompt=[5], extra_body={"split": "sentences"}))
    refused("split of a prompt", bad, "split",
            create(model="kjv-gpt2", extra_body={"split": "sentences"}), "continues its prompt")


def test_leave(client, server):
    begin("")
    for _ in range(3):
        stream = client.completions.create(model="kjv-gpt2", prompt="And", max_tokens=250, n=4,
                                           temperature=1.5, stream=True,
                                           extra_body={"eos_token_id": []})
        next(iter(stream))
        stream.close()
    check("clients that leave free their places", server.wait_idle(5) is not None)


async def ask_all(url, words):
    client = openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0)
    return await asyncio.gather(*(client.completions.create(model="g2p-en", prompt=w)
                                  for w in words))


def test_together(url):
    begin("")
    words = "the quick brown fox jumps over lazy dogs while seven more wait for a reply".split()
    outputs = command("g2p-en", [{"text": w} for w in words])
    for i, made in enumerate(asyncio.run(ask_all(url, words))):
        compare(f"together: {words[i]}", made.choices[0], outputs[i][0])


def test_key():
    begin("")
    server = Server(elcl, "--api-key", "right", os.path.join(models, "g2p-en"))
    url = f"{server.url}/v1"
    made = openai.OpenAI(base_url=url, api_key="right").completions.create(model="g2p-en",
                                                                           prompt="a")
    same("the right key", made.choices[0].finish_reason, "stop")
    client = openai.OpenAI(base_url=url, api_key="wrong", max_retries=0)
    refused("the wrong key", openai.AuthenticationError, None, client.models.list,
            "the API key is wrong")
    same("the server ends well", server.stop(), 0)


def main():
    names = ["g2p-en", "kjv-gpt2"]
    server = Server(elcl, *(os.path.join(models, n) for n in names))
    url = f"http://127.0.0.1:{record.port_of(server)}/v1"
    client = openai.OpenAI(base_url=url, api_key="none", max_retries=0, timeout=60)
    for test in (test_models, test_whole, test_options, test_sampling, test_logprobs, test_stop,
                 test_ids, test_streams, test_split, test_refused):
        test(client)
    test_leave(client, server)
    test_together(url)
    same("the server ends well", server.stop(), 0)
    record.write(names, [])
    test_key()
    return checks.end()


sys.exit(main())
