"""differential.py ELCL: compares elcl generate with transformers on random options.

    nice python differential.py ../../build/elcl --sets 100 --seed 1

Draws sets of options over all tiny models and the two that ship, and compares token ids (all of
them) and scores (relatively, 1e-4). One process of elcl gets all sets of a model as JSON lines of
ids, in the batches that it chooses; transformers runs them one by one. Prints a line for each
model, and each difference with what it takes to repeat it. Exits with 1 if there is one.

Not counted as differences: sets that both refuse, sets that transformers fails to run, sets whose
outcome rounding decides (transformers itself changes it when its weights change by 1e-6), outputs
with a step that allows no token, and what docs/options.md says of the end of beam search: version 4
writes the first EOS for any EOS, and version 5 may stop earlier, with results that are no better.
FSMT is left out: transformers generates with wrong positions there (docs/models.md).
"""
import argparse
import copy
import json
import math
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import warnings

os.environ["TRANSFORMERS_VERBOSITY"] = "critical"
os.environ["HF_HUB_OFFLINE"] = "1"
warnings.simplefilter("ignore")

import torch  # noqa: E402
import transformers  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
TOLERANCE = 1e-4
NOISE = 1e-6
NO_CHOICE = -1e8  # transformers' scores of beams without an allowed token


class Model:
    def __init__(self, path):
        config = transformers.AutoConfig.from_pretrained(path)
        self.path = path
        self.only = not config.is_encoder_decoder
        kind = transformers.AutoModelForCausalLM if self.only else \
            transformers.AutoModelForSeq2SeqLM
        # Not sdpa, which ignores some options of GPT-2.
        self.model, loaded = kind.from_pretrained(
            path, torch_dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
        if loaded["missing_keys"]:
            raise ValueError(f"random values for {sorted(loaded['missing_keys'])}")
        self.model.eval()
        generation = self.model.generation_config
        eos = generation.eos_token_id
        self.eos = eos if isinstance(eos, list) else [eos]
        self.pad = generation.pad_token_id if generation.pad_token_id is not None else self.eos[0]
        self.sources = getattr(config, "src_vocab_size", None) or config.vocab_size
        with torch.no_grad():
            start = torch.tensor([[3]])
            out = self.model(start) if self.only else self.model(start, decoder_input_ids=start)
        self.vocabulary = out.logits.shape[-1]
        self.cache = config.model_type != "t5"  # some fail in version 5 with a cache
        self.positions = getattr(config, "max_position_embeddings", None) or 60

    def noisy(self, seed):
        """Returns the model with weights that differ in their last digits."""
        other = copy.copy(self)
        other.model = copy.deepcopy(self.model)
        torch.manual_seed(seed)
        with torch.no_grad():
            for p in other.model.parameters():
                p.mul_(1 + NOISE * torch.randn_like(p))
        return other


def draw_ids(rng, n, vocabulary):
    return [rng.randrange(vocabulary) for _ in range(n)]


def draw_text(rng, n, m, vocabulary):
    """Without padding, which no text has, and which some models do not count as a position."""
    return [rng.choice([t for t in range(vocabulary) if t != m.pad]) for _ in range(n)]


def draw_lists(rng, m, o):
    """Options that are lists of tokens."""
    v = m.vocabulary
    if rng.random() < 0.3:
        o["bad_words_ids"] = [draw_ids(rng, rng.choice([1, 1, 2, 3]), v)
                              for _ in range(rng.randint(1, 6))]
    if rng.random() < 0.25:
        o["suppress_tokens"] = draw_ids(rng, rng.randint(1, v // 4 + 1), v)
    if rng.random() < 0.25:
        o["begin_suppress_tokens"] = draw_ids(rng, rng.randint(1, 8), v)
    if rng.random() < 0.15:
        o["prefix_alternatives"] = [draw_ids(rng, rng.randint(1, 12), v)
                                    for _ in range(rng.randint(1, 4))]
    if rng.random() < 0.2:
        o["eos_token_id"] = sorted(set(m.eos + draw_ids(rng, rng.randint(1, 3), v)))
    if rng.random() < 0.15:
        o["forced_bos_token_id"] = rng.randrange(v)
    if rng.random() < 0.15:
        o["forced_eos_token_id"] = rng.choice(m.eos + draw_ids(rng, 1, v))


def draw_lengths(rng, m, o, n_prompt):
    room = min(m.positions, 60) + 1 - n_prompt
    if rng.random() < 0.5:
        o["max_new_tokens"] = rng.randint(1, room)
    elif rng.random() < 0.7:
        o["max_length"] = n_prompt + rng.randint(1, room)
    if rng.random() < 0.3:
        o["min_length"] = rng.randint(0, n_prompt + room)
    elif rng.random() < 0.3:
        o["min_new_tokens"] = rng.randint(0, room)


def draw(rng, m):
    """Returns source ids and options; what is not drawn comes from the model's files."""
    o = {}
    if rng.random() < 0.8:
        o["num_beams"] = rng.choice([1, 1, 2, 3, 4, 5, 8])
        o["num_return_sequences"] = rng.randint(1, o["num_beams"])
    source = draw_text(rng, rng.randint(1, 24), m, m.sources)
    n_prompt = len(source) if m.only else 1
    if not m.only and rng.random() < 0.3:
        o["decoder_prefix_ids"] = draw_text(rng, rng.randint(1, 6), m, m.vocabulary)
        n_prompt += len(o["decoder_prefix_ids"])
    draw_lengths(rng, m, o, n_prompt)
    draw_lists(rng, m, o)
    for name, chance, values in (
            ("length_penalty", 0.4, [-1.0, 0.0, 0.5, 1.0, 2.0]),
            ("early_stopping", 0.4, [True, False, "never"]),
            ("no_repeat_ngram_size", 0.4, [0, 1, 2, 3, 4]),
            ("repetition_penalty", 0.3, [0.8, 1.0, 1.2, 2.0]),
            ("encoder_no_repeat_ngram_size", 0.2, [0, 1, 2, 3])):
        if rng.random() < chance:
            o[name] = rng.choice(values)
    if o.get("num_beams") == 1 and not m.only and rng.random() < 0.2:
        o["encoder_repetition_penalty"] = rng.choice([0.7, 1.3])
    if o.get("num_beams", 1) > 1 and rng.random() < 0.2:
        o["renormalize_logits"] = True
    return source, o


def ask_transformers(m, source, options):
    """Returns [(ids, score, whether a step had no choice)], one for each sequence."""
    o = dict(options)
    prompt = source if m.only else [m.model.generation_config.decoder_start_token_id]
    if not m.only and prompt[0] is None:
        prompt = [m.model.config.decoder_start_token_id]
    prompt = prompt + o.pop("decoder_prefix_ids", [])
    alternatives = o.pop("prefix_alternatives", None)
    if alternatives:
        def allowed(_, ids):
            step = len(ids) - len(prompt)
            return sorted(set(alternatives[step])) if step < len(alternatives) else \
                list(range(m.vocabulary))
        o["prefix_allowed_tokens_fn"] = allowed
    if not m.only:
        o["decoder_input_ids"] = torch.tensor([prompt])
    ids = torch.tensor([source])
    with torch.no_grad():
        out = m.model.generate(ids, attention_mask=torch.ones_like(ids), pad_token_id=m.pad,
                               return_dict_in_generate=True, output_scores=True,
                               output_logits=True, use_cache=m.cache, **o)
    eos = o.get("eos_token_id", m.eos)
    n = len(prompt)
    answers = []
    for i, row in enumerate(out.sequences.tolist()):
        ends = [t for t in range(n, len(row)) if row[t] in eos]
        row = row[:ends[0] + 1] if ends else row
        beams = getattr(out, "sequences_scores", None)
        if beams is not None:
            score = beams[i].item()
            answers.append((row, score, not score >= NO_CHOICE))
            continue
        blocked = [t for t, s in enumerate(out.scores) if torch.isneginf(s[0]).all()]
        steps = [out.logits[t][0].log_softmax(-1)[row[n + t]].item() for t in range(len(row) - n)]
        answers.append((row[:n + blocked[0]] if blocked else row, math.fsum(steps),
                        bool(blocked)))
    return answers


def ask_elcl(elcl, m, sets):
    """Returns for each set its lines."""
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        for source, options in sets:
            print(json.dumps({"ids": source, **options}), file=file)
        file.flush()
        run = subprocess.run([elcl, "generate", "--quiet", "--keep-going", "--input-format",
                              "jsonl", "--format", "jsonl", "--input", file.name, str(m.path)],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    lines = [[] for _ in sets]
    for line in map(json.loads, run.stdout.splitlines()):
        lines[line["index"]].append(line)
    if not all(lines):
        sys.exit(f"{m.path.name}: elcl answered {sum(map(bool, lines))} of {len(sets)} sets: "
                 f"{run.stderr.strip().splitlines()[-1:]}")
    return lines


def several_beams(m, options):
    return options.get("num_beams", m.model.generation_config.num_beams or 1) > 1


def mend_eos(m, options, want, lines):
    """Beam search of version 4 writes the first EOS at the end, whichever EOS it was."""
    eos = options.get("eos_token_id", m.eos)
    for (ids, _, _), line in zip(want, lines):
        if ids[-1] == eos[0] and line.get("ids", ids)[-1] in eos:
            ids[-1] = line["ids"][-1]


def stops_early(m, options, want, lines):
    """Whether version 5 has ended beam search before elcl, whose outputs are as good or better."""
    if transformers.__version__ < "5" or not several_beams(m, options):
        return False
    if options.get("early_stopping", m.model.generation_config.early_stopping) is True:
        return False
    return len(lines) == len(want) and all(
        line["score"] is not None and line["score"] >= score - TOLERANCE * max(1, abs(score))
        for (_, score, _), line in zip(want, lines))


def difference(want, lines, options):
    """Returns what differs, or None."""
    if "error" in lines[0]:
        return "elcl refuses: " + lines[0]["error"]
    for i, (ids, score, no_choice) in enumerate(want):
        if no_choice and "num_beams" in options and options["num_beams"] == 1:
            if lines[i]["ids"][:len(ids)] != ids:
                return f"sequence {i}: ids before a step without a choice"
            continue
        if no_choice:
            continue  # the order of beams without an allowed token
        if i >= len(lines):
            return f"{len(want)} sequences and {len(lines)}"
        if lines[i]["ids"] != ids:
            return f"sequence {i}: ids"
        if not no_choice and abs(lines[i]["score"] - score) > TOLERANCE * max(1, abs(score)):
            return f"sequence {i}: score"
    return None


def is_tie(m, source, options, want):
    """Whether rounding decides the outcome."""
    ids = [w[0] for w in want]
    return any([w[0] for w in ask_transformers(m.noisy(s), source, options)] != ids
               for s in range(3))


def first_line(e):
    return f"{type(e).__name__}: {(str(e).splitlines() or [''])[0][:80]}"


def compare(elcl, path, n_sets, seed, totals):
    try:
        m = Model(path)
        ask_transformers(m, [3, 4], {"max_new_tokens": 3})
    except Exception as e:
        print(f"{path.name}: transformers fails: {first_line(e)}")
        return
    rng = random.Random(f"{path.name} {seed}")
    sets = [draw(rng, m) for _ in range(n_sets)]
    n = {"differ": 0, "ties": 0, "stops": 0, "refused": 0, "failed": 0}
    for (source, options), lines in zip(sets, ask_elcl(elcl, m, sets)):
        try:
            want = ask_transformers(m, source, options)
        except Exception as e:
            n["refused" if "error" in lines[0] else "failed"] += 1
            why = first_line(e)
            totals["why"][why] = totals["why"].get(why, 0) + 1
            continue
        if transformers.__version__ < "5" and several_beams(m, options):
            mend_eos(m, options, want, lines)
        what = difference(want, lines, options)
        if not what:
            continue
        if "refuses" not in what and stops_early(m, options, want, lines):
            n["stops"] += 1
            continue
        if "ids" in what and is_tie(m, source, options, want):
            n["ties"] += 1
            continue
        n["differ"] += 1
        print(f"{path.name}: {what}\n  {json.dumps({'ids': source, **options})}")
        for answer in want:
            print(f"  transformers {answer[1]:.6f} {answer[0]}")
        for line in lines:
            print(f"  elcl         {line.get('score', math.nan) or math.nan:.6f} "
                  f"{line.get('ids', line.get('error'))}")
    print(f"{path.name}: {n_sets} sets, {n['differ']} differences, {n['ties']} decided by "
          f"rounding, {n['stops']} ended earlier by transformers, {n['refused']} refused by both, "
          f"{n['failed']} failed in transformers",
          flush=True)
    for key in n:
        totals[key] += n[key]
    totals["sets"] += n_sets


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("elcl")
    parser.add_argument("--sets", type=int, default=100, help="for each model")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--models", nargs="*", type=pathlib.Path, help="default: all")
    args = parser.parse_args()
    torch.set_num_threads(1)
    models = args.models or sorted(p.parent for p in HERE.glob("tiny-*/config.json")) + sorted(
        p.parent for p in HERE.glob("../../models/*/config.json"))
    totals = {"sets": 0, "differ": 0, "ties": 0, "stops": 0, "refused": 0, "failed": 0, "why": {}}
    for path in models:
        if "fsmt" in path.name:
            continue
        compare(args.elcl, path.resolve(), args.sets, args.seed, totals)
    for why, times in sorted(totals["why"].items(), key=lambda x: -x[1]):
        print(f"transformers fails {times} times: {why}")
    print(f"transformers {transformers.__version__}: {totals['sets']} sets, "
          f"{totals['differ']} differences")
    sys.exit(1 if totals["differ"] else 0)


main()
