"""Requests of mixed options, and the command's answer to each."""

import json
import os
import random
import subprocess
import tempfile


class Request:
    """A body for /v1/completions, and the lines of jsonl that ask the command for the same."""

    def __init__(self, body, prompts, options, sampled=False):
        self.body, self.prompts, self.options, self.sampled = body, prompts, options, sampled
        self.want = None  # [(text, finish reason, score)] of all choices

    def lines(self):
        return [json.dumps({"text": text, **self.options}) for text in self.prompts]


def make(name, prompt, fields, options, stream=False):
    """A request for the model `name`, from OpenAI's fields and the command's options."""
    body = {"model": name, "prompt": prompt, **fields}
    if stream:
        body["stream"] = True
    prompts = prompt if isinstance(prompt, list) else [prompt]
    return Request(body, prompts, options, bool(options.get("do_sample")))


def g2p_requests(words, n, sampled, rng):
    """Words for models/g2p-en: 1 to 8 beams, n-best, lists, lengths, streams, samples."""
    plain = []
    for i in range(n):
        beams = rng.choice([1, 1, 2, 3, 4, 4, 5, 6, 8])
        best = rng.randint(1, beams) if rng.random() < 0.25 else 1
        fields = {"num_beams": beams}
        options = {"num_beams": beams}
        if best > 1:
            fields["n"] = options["num_return_sequences"] = best
        if rng.random() < 0.15:
            fields["max_tokens"] = options["max_new_tokens"] = rng.randint(1, 12)
        if beams > 1 and rng.random() < 0.15:
            fields["length_penalty"] = options["length_penalty"] = rng.choice([0.5, 1.5, 2])
        prompt = words[i % len(words)]
        if rng.random() < 0.1:
            prompt = [words[(i + k) % len(words)] for k in range(rng.randint(1, 6))]
        plain.append(make("g2p-en", prompt, fields, options, rng.random() < 0.25))
    drawn = []
    for i in range(sampled):
        options = {"do_sample": True, "seed": rng.randrange(1 << 31), "num_beams": 1,
                   "temperature": rng.choice([0.7, 1.5]), "top_k": rng.choice([5, 0])}
        prompt = [rng.choice(words) for _ in range(rng.randint(1, 4))]
        drawn.append(make("g2p-en", prompt, options, options, rng.random() < 0.5))
    return plain, drawn


def kjv_options(rng):
    """Fields and options of a search with models/kjv-gpt2."""
    length = rng.choice([1, 4, 8, 12, 16, 24, 40])
    fields, options = {"max_tokens": length}, {"max_new_tokens": length}
    kind = rng.random()
    if kind < 0.2:
        beams = rng.randint(2, 4)
        fields["num_beams"] = options["num_beams"] = beams
        if rng.random() < 0.5:
            fields["n"] = options["num_return_sequences"] = rng.randint(1, beams)
        return fields, options
    fields["temperature"] = 0
    if kind < 0.5:
        fields["stop"] = options["stop"] = rng.choice([".", [",", "."], [" and", ";"], "LORD"])
    elif kind < 0.6:
        fields["no_repeat_ngram_size"] = options["no_repeat_ngram_size"] = 3
    elif kind < 0.7:
        fields["repetition_penalty"] = options["repetition_penalty"] = 1.25
    return fields, options


def kjv_requests(verses, n, sampled, rng):
    """Beginnings of verses for models/kjv-gpt2: greedy, beams, stop strings, streams, samples."""
    def begin():
        words = rng.choice(verses).split()
        return " ".join(words[:rng.randint(1, 10)])
    plain = []
    for _ in range(n):
        fields, options = kjv_options(rng)
        prompt = [begin() for _ in range(rng.randint(2, 5))] if rng.random() < 0.1 else begin()
        plain.append(make("kjv-gpt2", prompt, fields, options, rng.random() < 0.4))
    drawn = []
    for _ in range(sampled):
        common = {"seed": rng.randrange(1 << 31), "temperature": rng.choice([0.5, 0.8, 1.2]),
                  "top_p": rng.choice([0.8, 0.95])}
        length, n_best = rng.choice([5, 20, 40]), rng.choice([1, 1, 2, 3])
        fields = {**common, "max_tokens": length, "n": n_best}
        options = {**common, "do_sample": True, "num_beams": 1, "max_new_tokens": length,
                   "num_return_sequences": n_best}
        prompt = [begin() for _ in range(rng.randint(1, 3))]
        drawn.append(make("kjv-gpt2", prompt, fields, options, rng.random() < 0.5))
    return plain, drawn


def read_texts(models):
    """The words of g2p-en, and the verses of kjv-gpt2 that have enough words."""
    with open(os.path.join(models, "g2p-en", "test.tsv"), encoding="utf-8") as file:
        words = [line.split("\t")[0] for line in file]
    with open(os.path.join(models, "kjv-gpt2", "heldout.txt"), encoding="utf-8") as file:
        verses = [line.strip() for line in file if len(line.split()) > 3]
    return words, verses


# ---- the command's answers -------------------------------------------------------------------


def generate(elcl, model, lines, *options):
    """Runs the command on lines of jsonl. Returns its lines and what it said."""
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
        file.flush()
        run = subprocess.run(
            [elcl, "generate", "--verbose", model, "--input", file.name, "--input-format", "jsonl",
             "--format", "jsonl", *(["--no-prompt"] if "kjv-gpt2" in model else []), *options],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if run.returncode:
        raise RuntimeError(f"elcl generate {model}: {run.stderr[-600:]}")
    return [json.loads(line) for line in run.stdout.splitlines()], run.stderr


def cut(text, stop):
    """The text before the first stop string."""
    stops = [stop] if isinstance(stop, str) else stop
    return text[:min([text.find(s) for s in stops if s in text], default=len(text))]


def choice(result, stop):
    """What the server should answer for a result of the command."""
    text = cut(result["text"], stop)
    whole = text == result["text"] and result["finish_reason"] == "length"
    return text, "length" if whole else "stop", result["score"]


def choices(request, results):
    return [choice(result, request.options.get("stop", [])) for result in results]


def ask_command(elcl, model, requests):
    """Sets `want` of the requests of one model. Samples are numbered by their place in the request,
    so each request that draws needs a run."""
    plain = [r for r in requests if not r.sampled]
    lines = [line for r in plain for line in r.lines()]
    by_line = {}
    for result in generate(elcl, model, lines)[0] if lines else []:
        by_line.setdefault(result["index"], []).append(result)
    at = 0
    for request in plain:
        results = [x for i in range(len(request.prompts)) for x in by_line[at + i]]
        at += len(request.prompts)
        request.want = choices(request, results)
    for request in requests:
        if request.sampled and request.want is None:
            request.want = choices(request, generate(elcl, model, request.lines())[0])


# ---- the server's answers --------------------------------------------------------------------


def read_stream(body):
    """The choices that a stream of events has: [(text, finish reason, score)]. None if it does not
    end as it should."""
    events = [e for e in body.split("\n\n") if e]
    if not events or events[-1] != "data: [DONE]":
        return None
    texts, ends, scores = {}, {}, {}
    for event in events[:-1]:
        for choice in json.loads(event.removeprefix("data: ")).get("choices", []):
            i = choice["index"]
            if i in ends:
                return None  # nothing follows the end
            texts[i] = texts.get(i, "") + choice["text"]
            if choice["finish_reason"]:
                ends[i], scores[i] = choice["finish_reason"], choice.get("score")
    if sorted(texts) != sorted(ends) or sorted(texts) != list(range(len(texts))):
        return None
    return [(texts[i], ends[i], scores[i]) for i in range(len(texts))]


def read_answer(request, body):
    try:
        if request.body.get("stream"):
            return read_stream(body)
        found = json.loads(body)["choices"]
        if [c["index"] for c in found] != list(range(len(found))):
            return None
        return [(c["text"], c["finish_reason"], c.get("score")) for c in found]
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def close(a, b):
    return a is None or b is None or abs(a - b) <= 1e-4 * max(1, abs(b))


def difference(request, body):
    """Why an answer is not the command's, or None."""
    got = read_answer(request, body)
    if got is None:
        return f"{json.dumps(request.body)}: not an answer: {body[-300:]}"
    if len(got) != len(request.want):
        return f"{json.dumps(request.body)}: {len(got)} choices, want {len(request.want)}"
    for i, (g, w) in enumerate(zip(got, request.want)):
        if g[:2] != w[:2] or not close(g[2], w[2]):
            return f"{json.dumps(request.body)}: choice {i}: got {g}, want {w}"
    return None


def mixed(models, n, sampled, seed):
    """n requests in random order, half for each model; `sampled` different ones draw, each of them
    several times."""
    rng = random.Random(seed)
    words, verses = read_texts(models)
    rng.shuffle(words)
    half = n // 2
    repeated = half // 10
    g2p, g2p_drawn = g2p_requests(words, half - repeated, sampled // 2, rng)
    kjv, kjv_drawn = kjv_requests(verses, n - half - repeated - 1, sampled // 2, rng)
    # The last token that fits completes a stop string.
    last = make("kjv-gpt2", "So the father knew that",
                {"max_tokens": 4, "temperature": 0, "stop": ","},
                {"max_new_tokens": 4, "stop": ","})
    out = g2p + kjv + [last]
    for drawn in (g2p_drawn, kjv_drawn):
        out += [drawn[i % len(drawn)] for i in range(repeated)]
    rng.shuffle(out)
    return out
