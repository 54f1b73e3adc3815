#!/bin/sh
# What NVIDIA's assembler makes of the GPU kernels: see nvidia.py, which needs no such device.
# Skipped without clang-15, libclc-15, ptxas of the CUDA toolkit, or nvdisasm (of the toolkit, or
# of the Python package nvidia-cuda-nvdisasm).
#     sh tests/lint/nvidia.sh [KERNELS]            the program of tests/kernels (default: of build/)
#     sh tests/lint/nvidia.sh --table [KERNELS]    prints tables instead
table=
[ "${1:-}" = --table ] && table=1 && shift
kernels=${1:+$(realpath "$1")}
cd "$(dirname "$0")/../.." || exit 1
kernels=${kernels:-build/tests/kernels}
. tests/lint/lint.sh

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# analyze FILE [--table]: complaints or a table; ends the test if a tool is missing.
analyze() {
    python3 tests/lint/nvidia.py "$@" >"$work/report" 2>&1
    if [ $? -eq 77 ]; then
        skip "nvidia: $(cat "$work/report")"
        finish
    fi
}

# A kernel that loads a matrix 2 bytes at a time and multiplies after each load.
cat >"$work/narrow.cl" <<'END'
// -cl-std=CL1.2
__kernel void narrow_wide(__global float *y, __global const ushort *x, int n)
{
    float a = 0, b = 0, c = 0, d = 0;
    for (int i = 0; i < n; i++) {
        const uint u = (uint)x[i * 64 + get_local_id(0)] << 16;
        __asm__ volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
                         "{%0, %1, %2, %3}, {%4, %4, %4, %4}, {%4, %4}, {%0, %1, %2, %3};"
                         : "+f"(a), "+f"(b), "+f"(c), "+f"(d) : "r"(u));
    }
    y[get_global_id(0)] = a + b + c + d;
}
END
# A kernel with more variables than registers.
cat >"$work/spills.cl" <<'END'
// -cl-std=CL1.2
__kernel void spills(__global float *y, int n)
{
    float a[300];
    y += get_global_id(0);
#pragma unroll
    for (int i = 0; i < 300; i++)
        a[i] = y[i * n];
    for (int j = 0; j < n; j++) {
#pragma unroll
        for (int i = 0; i < 300; i++)
            a[i] = a[i] * a[(i + 1) % 300] + a[(i + 7) % 300];
    }
#pragma unroll
    for (int i = 0; i < 300; i++)
        y[i * n] = a[i];
}
END
if ! command -v python3 >/dev/null || ! [ -x "$kernels" ]; then
    skip "nvidia: no python3 or no $kernels here"
    finish
fi
if [ -z "$table" ]; then
    analyze "$work/spills.cl"
    something 'nvidia: spills' "$(grep 'spills [1-9]' "$work/report")"
    analyze "$work/narrow.cl"
    for breach in 'loads of 2 bytes' 'instructions for 1 matrix' 'no LDSM' 'no LDGSTS'; do
        something "nvidia: $breach" "$(grep "$breach" "$work/report")"
    done
fi
for name in 'gpu bf16/bf16' 'gpu bf16/bf16 bf16 compute' 'gpu f16/f16 f16 compute'; do
    "$kernels" --print-program "$name nvidia" >"$work/program.cl"
    analyze "$work/program.cl" ${table:+--table}
    if [ -n "$table" ]; then
        printf '\n### %s\n\n' "$name"
        cat "$work/report"
    else
        nothing "nvidia: $name" "$(cat "$work/report")"
    fi
done
[ -n "$table" ] || finish
