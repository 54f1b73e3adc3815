#!/usr/bin/env python3
"""Work-groups of every launch of a decoding step of BART-large with el, 16-bit compute, on 132
multiprocessors, and what they let one expect of few sentences. Sizes and choices are those of
src/ops/gemm_native.c and src/ops/attention.c. A launch takes the longest of its products, of its
weights from memory, and of all that its work-groups read, at UNIT_BYTES_PER_S each (32 KiB on
their way for half a microsecond) and CACHE_BYTES_PER_S together; and LAUNCH_S. No GPU has confirmed
any of this; the sizes are counted, the times are predictions."""
from math import ceil

UNITS, BYTES_PER_S, CACHE_BYTES_PER_S, UNIT_BYTES_PER_S = 132, 4.2e12, 5.5e12, 65e9
FLOP_PER_S, LAUNCH_S, OTHER_LAUNCHES = 0.5 * 0.62 * 989e12, 2e-6, 5
D, FFN, HEADS, VOCABULARY, LAYERS, BEAMS, SOURCE, KEYS = 1024, 4096, 16, 50265, 12, 4, 1024, 42

# Name, times per layer, batch, N, K
PRODUCTS = (('projection', 4, 1, D, D), ('expansion', 2, HEADS, D, D // HEADS),
            ('contraction', 2, HEADS, D // HEADS, D), ('ffn up', 1, 1, FFN, D),
            ('ffn down', 1, 1, D, FFN))


def product(m, batch, n, k, split):
    """Work-groups, rows and columns of their tiles, terms of their sums; launches."""
    sliced = n < 2048 and k > 256

    def groups(rows, columns=128):
        return ceil(m / rows) * ceil(n / columns) * batch

    if m > 16 and groups(64) >= UNITS // 4:
        if not sliced and groups(128) >= UNITS:
            return groups(128), 128, 128, k, 1
        rows = 64 if groups(64) >= UNITS else 32
        return groups(rows), rows, 128, k, 1
    if split and 32 < m <= 256 and k >= 2048 and sliced and batch == 1 and k % 256 == 0:
        rows = 64 if groups(64) * 8 >= UNITS - UNITS // 8 else 32
        return groups(rows) * 8, rows, 128, k // 8, 2
    columns = 16 if sliced else 64
    return groups(16, columns), 16, columns, k, 1


def seconds(flop, stored, groups, read):
    units = min(groups, UNITS)
    return max(flop / FLOP_PER_S * UNITS / units, stored / BYTES_PER_S,
               groups * read / min(CACHE_BYTES_PER_S, units * UNIT_BYTES_PER_S))


def product_seconds(m, batch, n, k, split):
    groups, rows, columns, terms, launches = product(m, batch, n, k, split)
    s = seconds(2 * m * n * k * batch, n * k * batch * 2, groups,
                (min(rows, m) + columns) * terms * 2)
    if launches > 1:
        s += 2 * 8 * m * n * 4 / CACHE_BYTES_PER_S
    return groups, s + launches * LAUNCH_S


def attention(sentences, keys, pairs, small):
    """Work-groups and seconds of scores and contexts of `sentences` groups of rows."""
    across = max(ceil(keys / 128), D // 128)
    few = pairs <= 32 or (small and across * ceil(pairs / 64) * sentences <= UNITS // 2)
    rows = 32 if few else 64
    high = ceil(pairs / rows) * sentences
    scores, contexts = ceil(keys / 128) * high, D // 128 * high
    flop = 2 * sentences * pairs * keys * D
    taken = min(rows, pairs)
    return (scores, contexts,
            seconds(2 * flop, 0, scores, (2 * taken + min(keys, 128)) * D * 2) +
            seconds(flop, 0, contexts, (taken + 128) * keys * 2) + 2 * LAUNCH_S)


for sentences in 1, 4, 32:
    m, pairs = sentences * BEAMS, BEAMS * HEADS
    for name, new in ('before', False), ('after', True):
        total, text = 0, []
        for kind, times, batch, n, k in PRODUCTS:
            groups, s = product_seconds(m, batch, n, k, new)
            total += LAYERS * times * s
            text.append('%s %d (%.1f us)' % (kind, groups, 1e6 * s))
        for kind, args in ('cross', (sentences, SOURCE, pairs)), ('self', (m, KEYS, HEADS)):
            scores, contexts, s = attention(*args, new)
            total += LAYERS * s
            text.append('%s scores %d, contexts %d (%.1f us)' % (kind, scores, contexts, 1e6 * s))
        groups, s = product_seconds(m, 1, VOCABULARY, D, new)
        total += s + LAYERS * OTHER_LAUNCHES * LAUNCH_S
        text.append('logits %d (%.1f us)' % (groups, 1e6 * s))
        print('batch %d, %s: step %.2f ms predicted; work-groups: %s' %
              (sentences, name, 1e3 * total, ', '.join(text)))
