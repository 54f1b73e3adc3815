#!/bin/sh
# usage: cuda.sh ELCL KERNELS FOLDER RECORD ICD LIBCUDA
# tools/gpu-day/cuda: programs are recorded on the emulated device, whose .icd file is in FOLDER,
# compiled to PTX, and run by the driver ICD on LIBCUDA, the emulated device by CUDA's functions.
. "$(dirname "$0")/../cli/lib.sh"
elcl=$1
kernels=$2
case='gemm gpu bf16/bf16 bf16 compute'
export ELCL_NVIDIA_DIR="$tmp" ELCL_CACHE_DIR="$tmp/cache" OCL_ICD_VENDORS="$3"
if ! command -v clang-15 >/dev/null || ! [ -f /usr/lib/clc/nvptx64--nvidiacl.bc ]; then
    skip 'no clang-15 with libclc-15 here'
    end
fi
mkdir "$tmp/programs" "$tmp/vendors"
export LD_PRELOAD="$4" ELCL_RECORD="$tmp/programs"
run "$elcl" devices
run "$kernels" --small --case "$case"
unset LD_PRELOAD
exits 'recording' 0
run sh "$(dirname "$0")/../../tools/gpu-day/cuda/ptx.sh" "$tmp/programs"
exits 'compiling' 0

rm -r "$tmp/cache"
echo "$5" >"$tmp/vendors/cuda.icd"
export OCL_ICD_VENDORS="$tmp/vendors" ELCL_CUDA_LIBRARY="$6" ELCL_CUDA_PTX="$tmp/programs"
run "$elcl" devices
exits 'devices' 0
check 'devices: by libcuda' grep -q 'platform  *NVIDIA CUDA, OpenCL 1.2 by libcuda' "$tmp/out"
check 'devices: the probe is right' grep -q 'matrix instructions on ' "$tmp/out"
run "$kernels" --small --case "$case"
exits 'kernels' 0
check 'kernels: some' grep -q '^[1-9][0-9]* passed, 0 failed$' "$tmp/out"
check 'kernels: no complaints' \
    grep -qE '^emulated NVIDIA device: [1-9][0-9]* launches, 0 complaints$' "$tmp/err"
run "$kernels" --small --case 'gate gpu f16/bf16'
check 'a program that is missing' grep -q 'no such program in the bundle' "$tmp/out" "$tmp/err"
end
