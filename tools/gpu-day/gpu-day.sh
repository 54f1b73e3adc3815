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
slack=1
deadline=$((started + ${BUDGET:-480}))
only=${ONLY:-}
mkdir -p "$OUT" "$report" "$work/vendors" || exit 1
# What the driver makes of the programs becomes a part of the report, and is there in the next run.
export ELCL_CACHE_DIR=$report/cache CUDA_CACHE_PATH=$work/cuda CUDA_CACHE_MAXSIZE=2147483648
export LC_ALL=C PYTHONUNBUFFERED=1

save_report() {
    cat "$report"/row-*.out >"$OUT/bench.jsonl" 2>/dev/null
    cp "$report/summary.txt" "$OUT/"
    tar -C "${report%/*}" -czf "$work/report.tar.gz" report && mv "$work/report.tar.gz" "$OUT/"
}

# The libraries of the bundle, and C++'s own where the machine has none. The loader of OpenCL finds
# NVIDIA's library wherever it is.
find_libraries() {
    LD_LIBRARY_PATH=$root/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
    nvidia=$(ldconfig -p 2>/dev/null | awk '/libnvidia-opencl\.so/ { print $NF; exit }')
    [ -n "$nvidia" ] || nvidia=$(timeout 10 find /usr/local/nvidia/ /usr/lib /usr/lib64 /opt \
        /usr/local/cuda*/ -name 'libnvidia-opencl.so*' 2>/dev/null | sort | head -n 1)
    if [ -n "$nvidia" ]; then
        echo "$nvidia" >"$work/vendors/nvidia.icd"
        LD_LIBRARY_PATH=$LD_LIBRARY_PATH:$(dirname "$nvidia")
    fi
    cp /etc/OpenCL/vendors/*.icd "$work/vendors/" 2>/dev/null
    [ -n "${OCL_ICD_VENDORS:-}" ] || export OCL_ICD_VENDORS=$work/vendors/
    export LD_LIBRARY_PATH
    "$elcl" --version >/dev/null 2>&1 || LD_LIBRARY_PATH=$LD_LIBRARY_PATH:$root/lib/cxx
    note "$("$elcl" --version 2>&1 | head -n 1); OpenCL of NVIDIA: ${nvidia:-none}"
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
quote grep -E '^FAILED|^[0-9]+ passed' "$report/kernels.out"
row el-f16 40 $all --weights f16 --state f16 --compute f16 --attention el
step_kernels_bench f16/f16 f32/f32
step ceilings 40 python3 "$root/tools/gpu-day/ceilings.py" $(size '' --small)
step_more_rows
step tune 40 "$elcl" tune "$on" ${shape:+"$shape"} --budget "$(size 30 5)"
table
note "done${failed:+; failed:$failed}"
save_report
