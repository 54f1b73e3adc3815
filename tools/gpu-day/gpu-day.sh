#!/bin/bash
# One unattended run on a GPU that is ours for minutes only: no network, no packages, no root. The
# steps that matter most come first, each has its own limit, and after each one the results in
# $OUT are whole: summary.txt, bench.jsonl, report.tar.gz.
#
#     sh tools/gpu-day/bundle.sh .gpu       at home, in a checkout with a build
#     bash .gpu/gpu-day.sh                  there; again: runs what has not succeeded yet
#
# Environment:
#     OUT=FOLDER       for the results (default: results/ beside this script)
#     BUDGET=SECONDS   for everything (default 480)
#     DEVICE=NAME      index, or a part of the name (default NVIDIA)
#     ONLY='STEP...'   these steps only
#     SMALL=1          tiny sizes: shows that everything runs
#     KERNELS=gpu      kernels for GPUs, on a stand-in that is none
#     SLACK=N          factor of the limits of the steps, for a slow stand-in
set -u
started=$(date +%s)
root=$(cd "$(dirname "$0")" && pwd) || exit 1
. "$root/tools/gpu-day/steps.sh"

OUT=${OUT:-$root/results}
report=${STATE:-/tmp/elcl-gpu-day}/report
work=${STATE:-/tmp/elcl-gpu-day}/work
elcl=$root/bin/elcl
kernels=$root/bin/kernels
device=${DEVICE:-NVIDIA}
on=--device=$device
shape=${KERNELS:+--kernels=$KERNELS}
small=${SMALL:-}
batch=320
slack=${SLACK:-1}
deadline=$((started + ${BUDGET:-480}))
only=${ONLY:-}
mkdir -p "$OUT" "$report" "$work/vendors" "$work/cuda" || exit 1
# What the driver makes of the programs becomes a part of the report, and is there in the next run.
export ELCL_CACHE_DIR=$report/cache CUDA_CACHE_PATH=$work/cuda-cache CUDA_CACHE_MAXSIZE=2147483648
export LC_ALL=C PYTHONUNBUFFERED=1

save_report() {
    cat "$report"/row-*.out >"$OUT/bench.jsonl" 2>/dev/null
    cp "$report/summary.txt" "$OUT/"
    tar -C "${report%/*}" -czf "$work/report.tar.gz" report && mv "$work/report.tar.gz" "$OUT/"
}

# The libraries of the bundle, and C++'s own where the machine has none. The loader of OpenCL finds
# NVIDIA's library wherever it is; where there is none, OpenCL goes by CUDA if the bundle can.
find_libraries() {
    LD_LIBRARY_PATH=$root/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
    nvidia=$(ldconfig -p 2>/dev/null | awk '/libnvidia-opencl\.so/ { print $NF; exit }')
    [ -n "$nvidia" ] || nvidia=$(timeout 10 find /usr/local/nvidia/ /usr/lib /usr/lib64 /opt \
        /usr/local/cuda*/ -name 'libnvidia-opencl.so*' 2>/dev/null | sort | head -n 1)
    if [ -n "$nvidia" ]; then
        echo "$nvidia" >"$work/vendors/nvidia.icd"
        LD_LIBRARY_PATH=$LD_LIBRARY_PATH:$(dirname "$nvidia")
    fi
    opencl=${nvidia:-none of NVIDIA}
    if [ -z "$nvidia" ] && [ -f "$root/cuda/icd.so" ]; then
        opencl='by libcuda, from PTX of clang'
        echo "$root/cuda/icd.so" >"$work/vendors/cuda.icd"
        export ELCL_CUDA_PTX=$root/cuda
        LD_LIBRARY_PATH=$LD_LIBRARY_PATH:/usr/local/nvidia/lib64
    fi
    cp /etc/OpenCL/vendors/*.icd "$work/vendors/" 2>/dev/null
    [ -n "${OCL_ICD_VENDORS:-}" ] || export OCL_ICD_VENDORS=$work/vendors/
    export LD_LIBRARY_PATH
    "$elcl" --version >/dev/null 2>&1 || LD_LIBRARY_PATH=$LD_LIBRARY_PATH:$root/lib/cxx
    note "$("$elcl" --version 2>&1 | head -n 1); OpenCL: $opencl"
}

# Further rows of the paper's table.
step_more_rows() {
    set -- "transformer-270m 512 16 4 1" "bart-large 1024 30 6 1" "gpt2-medium 900 82 4 1" \
        "bart-large 1024 82 4 4" "bart-large 1024 82 1 1"
    [ -z "$small" ] || set -- "gpt2 9 2 4 1"
    for spec; do
        set -- $spec
        row "$1-$2-$3-$4-$5" 45 --synthetic "$1" --source-length "$2" --new-tokens "$3" \
            --num-beams "$4" --num-beam-groups "$5" $bf16 --attention el,mha-beam \
            --batch-size auto --max-batch "$(size "$batch" 1)" --warmup 0 --no-profile
    done
}

find_libraries
step_devices
step_compile
step_selftest
step_texts
step_paper_row
step_kernels_bench bf16/bf16
step kernels 60 "$kernels" --device "$device" --case ' gpu ' $(size '' --small)
quote grep -sE '^FAILED|^[0-9]+ passed' "$report/kernels.out"
row el-f16 40 $all --weights f16 --state f16 --compute f16 --attention el
step_kernels_bench f16/f16 f32/f32
python3 -c 'import importlib.util as u; exit(not u.find_spec("torch"))' 2>/dev/null &&
    step ceilings 40 python3 "$root/tools/gpu-day/ceilings.py" $(size '' --small)
step_more_rows
# ncu sees kernels that go by CUDA only.
if [ -f "$root/cuda/icd.so" ] && command -v ncu >/dev/null; then
    echo "$root/cuda/icd.so" >"$work/cuda/elcl.icd"
    step ncu 60 env OCL_ICD_VENDORS="$work/cuda" ELCL_CUDA_PTX="$root/cuda" ncu --set full \
        --clock-control none -k 'regex:gemm|attn' --launch-count 16 --csv --page details \
        "$elcl" bench "$on" --quiet $model $bf16 --attention el --batch-size "$(size 32 1)" \
        --warmup 0 --repetitions 1 --no-profile
fi
step tune 40 "$elcl" tune "$on" ${shape:+"$shape"} --budget "$(size 30 5)"
table
note "done${failed:+; failed:$failed}"
save_report
