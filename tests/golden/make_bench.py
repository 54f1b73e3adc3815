#!/usr/bin/env python3
"""Writes tests/golden/bench: result files in the format of elcl bench, for tests of elcl compare.

The figures come from simple formulas, not from a device.
"""
import json
import pathlib

OUT = pathlib.Path(__file__).parent / "bench"
VARIANTS = {"el": 1.0, "mha": 1.3, "mha-beam": 0.7}


def sample(value, spread=0.02):
    values = [value * (1 - spread), value * (1 + spread), value]
    return {"median": round(value, 6), "min": round(min(values), 6), "max": round(max(values), 6),
            "spread": spread, "values": [round(v, 6) for v in values]}


def result(variant, batch, speed, hashes):
    state = {"el": 1 << 20, "mha": 24 << 20, "mha-beam": 96 << 20}[variant] * batch
    planned = 600_000_000 + state + (batch << 22)
    fits = planned < 3_500_000_000
    # standard attention gains less from a larger batch
    rate = speed * VARIANTS[variant] * batch ** (0.85 if variant == "el" else 0.72)
    return {
        "model": "bart-base", "synthetic": True, "seed": 0, "parameters": 139470681,
        "attention": variant, "gemm": "auto", "kernels": "gpu", "weights": "f32", "state": "f32",
        "batch_size": batch, "samples": batch, "num_beams": 4, "num_beam_groups": 1,
        "source_length": 256, "new_tokens": 32, "warmup": 1, "repetitions": 3,
        "status": "ok" if fits else "out of memory",
        "error": None if fits else "spare self cache: too large",
        "samples_per_second": sample(rate) if fits else None,
        "output_tokens_per_second": sample(rate * 32) if fits else None,
        "encoder_tokens_per_second": sample(rate * 2560) if fits else None,
        "first_token_ms": sample(120 / speed) if fits else None,
        "step_ms": sample(batch / rate * 1000 / 33) if fits else None,
        "encode_fraction": 0.6 if fits else None, "step_fraction": 0.5 if fits else None,
        "memory": {"planned_bytes": planned, "peak_bytes": planned if fits else 0,
                   "weight_bytes": 600_000_000, "source_state_bytes": state,
                   "self_state_bytes": 0, "workspace_bytes": batch << 22},
        "kernel_times": [
            {"name": "gemm", "calls": 3000, "seconds": 0.06, "share": 0.7, "gbs": 31.0 * speed,
             "gflops": 600.0 * speed, "copy_fraction": 0.4, "mac_fraction": 0.6,
             "limit_fraction": 0.6},
            {"name": "attn_el" if variant == "el" else "attn_mha", "calls": 384, "seconds": 0.02,
             "share": 0.2, "gbs": 40.0 * speed,
             "gflops": (400.0 if variant == "el" else 20.0) * speed,
             "copy_fraction": 0.5, "mac_fraction": 0.4, "limit_fraction": 0.5},
            {"name": "add_norm", "calls": 768, "seconds": 0.008, "share": 0.1,
             "gbs": 55.0 * speed, "gflops": 30.0 * speed, "copy_fraction": 0.7,
             "mac_fraction": 0.03, "limit_fraction": 0.6},
        ] if fits else [],
        "ids_hash": hashes[batch % 2] if fits else None, "label": None,
    }


def run(name, device, speed, batches, hashes, old_names=False):
    tree = {
        "schema": f"elcl-bench-{1 if old_names else 2}", "elcl": "0.1.0", "commit": "0123456789ab",
        "date": "2026-01-31T12:00:00Z",
        "command": "elcl bench --synthetic bart-base --attention el,mha,mha-beam",
        "device": {"name": device, "type": "gpu", "platform": "Example OpenCL",
                   "vendor": "Example", "driver": "1.2.3", "version": "OpenCL 1.2",
                   "compute_units": 64, "clock_mhz": 2000, "memory_bytes": 1 << 34,
                   "unified_memory": False},
        "rates": {"copy_gbs": 80.0 * speed, "memory_gbs": 90.0 * speed,
                  "f32_gflops": 1000.0 * speed, "launch_us": 5.2, "wait_us": 30.1},
        "results": [result(v, b, speed, hashes) for v in VARIANTS for b in batches],
    }
    if old_names:
        old = {"memory_gbs": "read_gbs", "f32_gflops": "mac_f32_gflops"}
        tree["ceilings"] = {old.get(k, k): v for k, v in tree.pop("rates").items()}
    (OUT / name).write_text(json.dumps(tree) + "\n")


SAME = ["00000000000000aa", "00000000000000bb"]
run("a.json", "Example 9000", 4.0, [1, 4, 16, 32], SAME)
run("b.json", 'Other & Sons <"GPU"> 7', 6.5, [1, 4, 16, 64], [SAME[0], "00000000000000cc"])
run("c.json", "Example 9000", 4.04, [1, 4], SAME, old_names=True)
