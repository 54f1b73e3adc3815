#!/usr/bin/env python3
"""Predicts samples/s of BART-large with el on an H200 from the tables of nvidia-audit.md.

The paper's main row: 320 sources of 1024 tokens, beam 4, 83 steps, 16-bit weights; state of 16, 8
or 4 bits. A product runs at the slower of two rates: that of mma.sync (62 % of the data sheet's
tensor rate), and 4 instructions per clock and multiprocessor divided by the loop's instructions per
matrix instruction; times `reached`, the fraction that latency and barriers leave. Attention takes
the longer of its products and its bytes. No GPU has confirmed any of this."""
import math

UNITS, CLOCK, BYTES_PER_S = 132, 1.755e9, 4.2e12
MMA_FLOP_PER_S, FLOP_PER_MMA = 0.62 * 989e12, 4096
LAUNCH_S = 2e-6
SENTENCES, BEAMS, SOURCE, STEPS = 320, 4, 1024, 83
D, FFN, HEADS, VOCABULARY, LAYERS = 1024, 4096, 16, 50265, 12
ROWS = SENTENCES * BEAMS
PAIRS = ROWS * HEADS

# Loop instructions per matrix instruction on sm_90; products per term; bytes of an activation and
# of a row of state; pairs x keys of a tile of self attention; passes over the logits.
BEFORE = dict(wide=16.9, narrow=16.9, scores=12.6, context=18.5, self_scores=12.6,
              self_context=18.5, packed=12.7, gemm_parts=2, score_parts=2, context_parts=2,
              act=4, row=2 * D, tile=(64, 64), passes=11)
AFTER = dict(wide=3.0, narrow=3.9, scores=2.8, context=4.0, self_scores=4.0,
             self_context=6.8, packed=12.0, gemm_parts=1, score_parts=2, context_parts=1,
             act=2, row=2 * D, tile=(32, 128), passes=1)
# Rows of narrow state are values, and a word for each group: cl/storage.cl. Numbers of bf16 take
# more instructions than those of f16.
ROW_8, ROW_4 = D + D // 256 * 4, D // 2 + D // 64 * 4
BF16 = dict(AFTER, scores=4.8, context=8.2, self_scores=8.2, self_context=15.6)
F16 = dict(AFTER, scores=3.7, context=6.2, self_scores=6.2, self_context=11.6)
STATES = (('after', AFTER), ('after, int8 state, bf16 compute', dict(BF16, row=ROW_8)),
          ('after, int4 state, bf16 compute', dict(BF16, row=ROW_4)),
          ('after, int8 state, f16 compute', dict(F16, row=ROW_8)),
          ('after, int4 state, f16 compute', dict(F16, row=ROW_4)))


def flop_per_s(instructions, reached):
    issued = 4 / instructions * FLOP_PER_MMA * UNITS * CLOCK
    return min(MMA_FLOP_PER_S, issued) * reached


def step_seconds(k, reached):
    """Of each part of a decoding step."""
    def rate(kernel):
        return flop_per_s(k[kernel], reached)

    square = 2 * ROWS * D * D
    narrow, wide = 8 * square + 2 * ROWS * FFN * D, 2 * ROWS * FFN * D
    cross = 2 * PAIRS * SOURCE * D
    keys, (tile_pairs, tile_keys) = STEPS / 2, k['tile']
    own = 2 * ROWS * tile_pairs * math.ceil(keys / tile_keys) * tile_keys * D
    queries = PAIRS * D * (4 + k['act'])
    return {
        'products': LAYERS * k['gemm_parts'] * (narrow / rate('narrow') + wide / rate('wide')),
        'logits': 2 * ROWS * VOCABULARY * D * k['gemm_parts'] / rate('wide'),
        'cross attention': LAYERS * max(
            cross * (k['score_parts'] / rate('scores') + k['context_parts'] / rate('context')),
            (2 * SENTENCES * SOURCE * k['row'] + PAIRS * SOURCE * 2 * k['act'] + queries)
            / BYTES_PER_S),
        'self attention': LAYERS * max(
            own * (k['score_parts'] / rate('self_scores')
                   + k['context_parts'] / rate('self_context')),
            (2 * ROWS * keys * k['row'] + queries) / BYTES_PER_S),
        'norms': LAYERS * 3 * ROWS * D * (12 + k['act']) / BYTES_PER_S,
        'select': ROWS * VOCABULARY * 4 * k['passes'] / BYTES_PER_S,
        'launches': (17 * LAYERS + 6) * LAUNCH_S,
    }


def encoder_seconds(k, reached):
    tokens = SENTENCES * SOURCE
    products = 2 * (4 * D * D + 2 * D * FFN) * k['gemm_parts'] / flop_per_s(k['narrow'], reached)
    attention = 4 * SOURCE * D * k['gemm_parts'] / flop_per_s(k['packed'], reached)
    return tokens * LAYERS * (products + attention + 12 * D * (4 + k['act']) / BYTES_PER_S)


for name, kernels in (('before', BEFORE),) + STATES:
    for reached in 1.0, 0.8, 0.6:
        parts = step_seconds(kernels, reached)
        step, encoder = sum(parts.values()), encoder_seconds(kernels, reached)
        detail = ', '.join('%s %.2f' % (part, 1e3 * s) for part, s in parts.items())
        print('%s, %.0f %% reached: %.0f samples/s; encoder %.2f s, step %.1f ms: %s' %
              (name, 100 * reached, SENTENCES / (STEPS * step + encoder), encoder, 1e3 * step,
               detail))
