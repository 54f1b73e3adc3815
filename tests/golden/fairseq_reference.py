"""Searches like fairseq 0.10, written from a description of its search. Makes fairseq/cases.json.

usage: fairseq_reference.py

Uses numpy in double precision, and shares nothing with elcl's code. The description:

- A row starts with the start token. Step s = 0, 1, ... chooses the token at position s + 1.
- max_len = min(int(max_len_a * source length + max_len_b), decoder positions - 1). From s =
  max_len on only EOS is allowed, and keeps its log-probability. Before, EOS is banned while
  s < min_len. If there is a forced first token, only it is allowed in its step, with its own
  log-probability, and the minimum does not apply. The same holds for each token of a prefix, but
  a padding token in a prefix leaves its step free.
- The padding token is never chosen, the unknown token loses unk_penalty. NaN counts as -inf.
- n-gram block of size n: from s + 2 - n >= 0 on, a token that earlier followed the last n - 1
  tokens is banned. The history includes the start token.
- The K beams form G groups: beam i is in group i % G. Groups take turns. Each ranks its best 2 K/G
  candidates by (sum of the beam + log-probability); at s = 0 only its first beam has candidates. A
  group loses strength * n for a token that occurs n times among the candidates of earlier groups.
- Candidate r of group g has rank r G + g. EOS among the first K ranks ends a hypothesis; the first
  K candidates that are not EOS are the next beams. A candidate of -inf is an empty place.
- A hypothesis has score sum / (s + 1) ** length_penalty. The search ends with K hypotheses
  (patience times K, rounded) and drops later ones of the same step, or it ends after s = max_len.
  The result is sorted by score.
"""
import math
import random
from pathlib import Path

import numpy

HERE = Path(__file__).resolve().parent
SEED = 5
N_CASES = 240
N_TABLES = 24
SMALLEST_GAP = 1e-4
PAD, EOS, UNK = 1, 2, 3
EMPTY = (-math.inf, -1, -1)


class TooClose(Exception):
    """Rounding could change the outcome."""


def log_softmax(logits):
    x = numpy.where(numpy.isnan(logits), -numpy.inf, numpy.asarray(logits, dtype=float))
    if not (x > -numpy.inf).any():
        return x
    x = x - x.max()
    return x - numpy.log(numpy.exp(x).sum())


def banned_by_ngrams(ids, n):
    """Returns the tokens that followed an earlier occurrence of the last n - 1 tokens."""
    s = len(ids) - 1
    if n == 0 or s + 2 - n < 0:
        return []
    last = ids[len(ids) - n + 1:]
    return [ids[i + n - 1] for i in range(len(ids) - n + 1) if ids[i:i + n - 1] == last]


def only(lprobs, token):
    kept = numpy.full_like(lprobs, -numpy.inf)
    kept[token] = lprobs[token]
    return kept


def log_probs(logits, ids, max_len, o):
    s = len(ids) - 1
    lprobs = log_softmax(logits)
    if o["pad_token_id"] is not None and o["pad_token_id"] != o["eos_token_id"]:
        lprobs[o["pad_token_id"]] = -numpy.inf
    if o["unk_penalty"]:
        lprobs[o["unk_token_id"]] -= o["unk_penalty"]
    if s >= max_len:
        lprobs = only(lprobs, o["eos_token_id"])
    elif s < len(o.get("prefix", [])):
        if o["prefix"][s] != o["pad_token_id"]:
            lprobs = only(lprobs, o["prefix"][s])
    elif s == 0 and o["forced_bos_token_id"] is not None:
        lprobs = only(lprobs, o["forced_bos_token_id"])
    elif s < o["min_len"]:
        lprobs[o["eos_token_id"]] = -numpy.inf
    lprobs[banned_by_ngrams(ids, o["no_repeat_ngram_size"])] = -numpy.inf
    return lprobs


def best(totals, beams, n, gap):
    """Returns the n best (sum, beam, token). Row i of totals [len(beams), V] is of beams[i]."""
    V = totals.shape[1]
    order = numpy.argsort(-totals, axis=None, kind="stable")[:n + 1]
    values = [float(v) for v in totals.flatten()[order] if v > -numpy.inf]
    for a, b in zip(values, values[1:]):
        gap[0] = min(gap[0], a - b)
    picked = [(v, beams[i // V], int(i % V)) for v, i in zip(values, order)][:n]
    return picked + [EMPTY] * (n - len(picked))


def rank_candidates(lprobs, sums, s, o, gap):
    K, G = o["num_beams"], o["num_beam_groups"]
    groups, count = [], numpy.zeros(lprobs.shape[1])
    for g in range(G):
        beams = [i for i in range(K) if i % G == g]
        beams = beams[:1] if s == 0 else beams
        loss = o["diversity_penalty"] * count if g else 0.0
        totals = lprobs[beams] - loss + sums[beams][:, None]
        groups.append(best(totals, beams, 2 * K // G, gap))
        for value, _, token in groups[-1]:
            if value > -math.inf:
                count[token] += 1
    return [groups[g][r] for r in range(2 * K // G) for g in range(G)]


def search(logits_of, o, source_length, positions):
    """logits_of(ids) returns [V]. Returns ([{"ids", "score"}, ...], smallest gap)."""
    K, eos = o["num_beams"], o["eos_token_id"]
    limit = max(1, int(K * o.get("patience", 1) + 0.5))
    max_len = min(int(o["max_len_a"] * source_length + o["max_len_b"]), positions - 1)
    assert o["min_len"] <= max_len
    histories = [[o["decoder_start_token_id"]]] * K
    sums = numpy.zeros(K)
    finished, gap = [], [math.inf]
    for s in range(max_len + 1):
        lprobs = numpy.array([log_probs(logits_of(ids), ids, max_len, o) for ids in histories])
        ranked = rank_candidates(lprobs, sums, s, o, gap)
        beams = []
        for rank, (value, beam, token) in enumerate(ranked):
            if token == eos:
                if rank < K and len(finished) < limit:
                    ids = histories[beam] + [eos]
                    finished.append({"ids": ids, "score": value / (s + 1) ** o["length_penalty"]})
            else:
                beams.append((value, histories[beam] + [token]))
        if len(finished) == limit:
            break
        sums = numpy.array([value for value, _ in beams[:K]])
        histories = [ids for _, ids in beams[:K]]
        if not (sums > -numpy.inf).any():
            break
        # An empty place has no history. Its sum of -inf excludes all its candidates.
        histories = [ids if v > -numpy.inf else [o["decoder_start_token_id"]] * (s + 2)
                     for v, ids in zip(sums, histories)]
    finished.sort(key=lambda hypothesis: -hypothesis["score"])
    for a, b in zip(finished, finished[1:]):
        gap[0] = min(gap[0], a["score"] - b["score"])
    if gap[0] < SMALLEST_GAP:
        raise TooClose
    return finished[:o["num_return_sequences"]], gap[0]


# ---- random cases -----------------------------------------------------------------------------

def random_table(rng):
    """Returns [V][period][V] logits of 3 decimals. In every third table some are None for NaN."""
    V, period = rng.randint(8, 12), rng.randint(1, 4)
    eos_bonus, holes = rng.uniform(-0.5, 2.0), rng.choice([0, 0, 0.4])
    table = [[[None if rng.random() < holes else round(rng.gauss(0, 1.5), 3) for _ in range(V)]
              for _ in range(period)] for _ in range(V)]
    for rows in table:
        for row in rows:
            row[EOS] = round((row[EOS] or 0) + eos_bonus, 3)
    return table


def random_options(rng):
    groups = rng.choice([1, 1, 2, 3, 4])
    beams = groups * rng.randint(1, 3) if groups > 1 else rng.randint(1, 6)
    min_len = rng.choice([0, 1, 1, 1, 3, 6])
    return {
        "num_beams": beams,
        "num_return_sequences": beams,
        "num_beam_groups": groups,
        "diversity_penalty": rng.choice([0.5, 0.5, 0.2, 1.0, 3.0]) if groups > 1 else 0.0,
        "length_penalty": rng.choice([1.0, 1.0, 2.0, 0.0, 0.6, -0.5]),
        "min_len": min_len,
        "max_len_a": rng.choice([0.0, 0.0, 0.7, 1.2]),
        "max_len_b": rng.randint(min_len, 9),
        "unk_penalty": rng.choice([0.0, 0.0, 1.5, -1.0]),
        "unk_token_id": UNK,
        "no_repeat_ngram_size": rng.choice([0] * 6 + [1, 2, 2, 3, 3]),
        "decoder_start_token_id": rng.choice([EOS, EOS, 0]),
        "forced_bos_token_id": rng.choice([None, None, None, 0, 4]),
        "pad_token_id": rng.choice([PAD, PAD, PAD, EOS]),
        "eos_token_id": EOS,
    }


def table_search(table, o, source_length, positions):
    rows = numpy.array(table, dtype=float)  # None is NaN
    logits_of = lambda ids: rows[ids[-1], (len(ids) - 1) % rows.shape[1]]
    return search(logits_of, o, source_length, positions)


def make_case(tables, rng):
    while True:
        table, o = rng.randrange(len(tables)), random_options(rng)
        source_length, positions = rng.randint(1, 10), rng.choice([12, 64])
        try:
            results, gap = table_search(tables[table], o, source_length, positions)
        except TooClose:
            continue
        results = [{"ids": r["ids"], "score": float("%.9g" % r["score"])} for r in results]
        return {"table": table, "source_length": source_length, "positions": positions,
                "options": o, "results": results}, gap


def main():
    rng = random.Random(SEED)
    tables = [random_table(rng) for _ in range(N_TABLES)]
    made = [make_case(tables, rng) for _ in range(N_CASES)]
    document = {
        "numpy": numpy.__version__,
        "seed": SEED,
        "smallest_gap": min(gap for _, gap in made),
        "tables": tables,
        "cases": [case for case, _ in made],
    }
    (HERE / "fairseq").mkdir(exist_ok=True)
    from reference import write_json
    write_json(HERE / "fairseq" / "cases.json", document)
    n_groups = sum(case["options"]["num_beam_groups"] > 1 for case, _ in made)
    empty = sum(not case["results"] for case, _ in made)
    print("fairseq: %d cases, %d with groups, %d without result, smallest gap %.1e"
          % (len(made), n_groups, empty, document["smallest_gap"]))


if __name__ == "__main__":
    main()
