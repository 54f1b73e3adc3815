"""What cuBLAS and PyTorch's attention reach here at the shapes of BART-large with 320 sentences of
1024 tokens and 4 beams: what elcl's kernels compare with. Needs PyTorch and a CUDA device.

usage: ceilings.py [--small]
"""
import sys
import time

import torch
from torch.nn import functional

small = "--small" in sys.argv
device = "cuda" if torch.cuda.is_available() else "cpu"
H, DH, D, SENTENCES, BEAMS, SOURCE = 16, 64, 1024, 320, 4, 1024
if small:
    SENTENCES, SOURCE = 2, 32
ROWS = SENTENCES * BEAMS


def wait():
    if device == "cuda":
        torch.cuda.synchronize()


def measure(name, flop, byte, function):
    """Prints the median of calls during a fifth of a second."""
    times = []
    for _ in range(3):
        function()
    began = time.time()
    while time.time() - began < 0.2 or len(times) < 3:
        wait()
        start = time.perf_counter()
        function()
        wait()
        times.append(time.perf_counter() - start)
    seconds = sorted(times)[len(times) // 2]
    print(f"{name:44s} {1e6 * seconds:10.1f} us {flop / seconds / 1e12:7.1f} TFLOP/s "
          f"{byte / seconds / 1e9:7.0f} GB/s", flush=True)


def random(*shape, dtype=torch.bfloat16):
    return torch.rand(*shape, device=device, dtype=dtype) * 2 - 1


def gemm(name, m, n, k, dtype=torch.bfloat16):
    x, w = random(m, k, dtype=dtype), random(n, k, dtype=dtype)
    measure(f"{name} M={m} N={n} K={k}", 2 * m * n * k, x.element_size() * (m * k + n * k + m * n),
            lambda: functional.linear(x, w))


def el(name, sentences):
    """Scores and contexts of EL-attention: keys and values are the same Y for all heads."""
    e, y = random(sentences, BEAMS * H, D), random(sentences, SOURCE, D)
    measure(f"{name} B={sentences} S={SOURCE}", 4 * sentences * BEAMS * H * D * SOURCE,
            2 * sentences * SOURCE * D, lambda: torch.softmax(
                torch.bmm(e, y.transpose(1, 2)).float() / 8, -1).to(y.dtype) @ y)


def attention(name, sentences, queries):
    q = random(sentences, H, queries, DH)
    k, v = random(sentences, H, SOURCE, DH), random(sentences, H, SOURCE, DH)
    measure(f"{name} B={sentences} S={SOURCE}", 4 * sentences * H * queries * SOURCE * DH,
            4 * sentences * SOURCE * D, lambda: functional.scaled_dot_product_attention(q, k, v))


print("PyTorch", torch.__version__,
      torch.cuda.get_device_name() if device == "cuda" else "without a CUDA device")
with torch.no_grad():
    gemm("decoder D to D", ROWS, D, D)
    gemm("decoder ffn 1", ROWS, 4 * D, D)
    gemm("decoder ffn 2", ROWS, D, 4 * D)
    gemm("logits", ROWS, 64 if small else 50265, D)
    gemm("encoder ffn 1", 32 * SOURCE, 4 * D, D)
    gemm("encoder ffn 2", 32 * SOURCE, D, 4 * D)
    gemm("one sentence, D to D", BEAMS, D, D)
    gemm("f32, decoder D to D", ROWS, D, D, torch.float32)
    el("EL cross, scores and contexts", SENTENCES)
    el("EL cross, one sentence", 1)
    attention("mha cross", SENTENCES, BEAMS)
    attention("encoder attention", 2 if small else 32, SOURCE)
