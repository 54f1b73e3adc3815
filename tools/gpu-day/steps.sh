# The steps of a report about one device. Sourced by gpu-day.sh and ../gpu-report.sh. POSIX sh. They
# set:
#   report         folder of the results: NAME.out and NAME.log of each step, steps.tsv, summary.txt
#   work           folder for everything else
#   root           folder that has models/ and tests/golden/
#   elcl, kernels  the programs
#   on             --device=NAME, or "" for elcl's own choice
#   shape          --kernels=gpu for a stand-in that is no GPU, or ""
#   small          1: tiny sizes, which show that everything runs
#   batch          sentences of the paper's row at most
#   slack          factor of the limits of the steps
#   deadline       seconds since 1970 at which everything has to end
#   only           names of the steps to run; "": all
# and save_report, which runs after each step.

failed=

note() {
    printf '%4d s  %s\n' $(($(date +%s) - started)) "$*" | tee -a "$report/summary.txt"
}

size() {
    if [ -n "$small" ]; then echo "$2"; else echo "$1"; fi
}

# step NAME SECONDS COMMAND...: leaves the exit code in $code. A command that runs out of time is
# asked to end and prints the results so far. Does nothing if the step succeeded in an earlier run.
step() {
    step=$1
    limit=$(($2 * slack))
    shift 2
    code=0
    case " $only " in
    '  ' | *" $step "*) ;;
    *) return 1 ;;
    esac
    if grep -qs "^$step	0	" "$report/steps.tsv"; then
        note "$step: done before"
        return 1
    fi
    left=$((deadline - $(date +%s) - 3))
    if [ "$left" -lt 5 ]; then
        note "$step: no time left"
        return 1
    fi
    [ "$limit" -le "$left" ] || limit=$left
    began=$(date +%s)
    timeout -k 3 "$limit" "$@" >"$report/$step.out" 2>"$report/$step.log" </dev/null
    code=$?
    seconds=$(($(date +%s) - began))
    printf '%s\t%s\t%s\t%s\n' "$step" "$code" "$seconds" "$*" >>"$report/steps.tsv"
    case $code in
    0) note "$step: $seconds s" ;;
    124 | 137) note "$step: out of time after $limit s; $step.out has the results so far" ;;
    *)
        note "$step FAILED, exit code $code; its last lines:"
        tail -q -n 3 "$report/$step.out" "$report/$step.log" | cut -c 1-200 | sed 's/^/  | /' |
            tee -a "$report/summary.txt"
        failed="$failed $step"
        ;;
    esac
    save_report
    return $code
}

# quote COMMAND...: its output becomes a part of the summary.
quote() {
    "$@" | cut -c 1-150 | sed 's/^/        /' | tee -a "$report/summary.txt"
}

# The system, the drivers, elcl.
versions() {
    "$elcl" --version
    uname -srvm
    sed -n 's/^PRETTY_NAME=//p' /etc/os-release
    sed -n 's/^model name[^:]*: /processor: /p' /proc/cpuinfo | sort | uniq -c
    ldd --version 2>&1 | head -n 1
    command -v nvidia-smi >/dev/null && timeout 20 nvidia-smi && timeout 20 nvidia-smi \
        --query-gpu=name,driver_version,vbios_version,clocks.max.sm,clocks.max.mem --format=csv
    env | grep -E '^(OCL_|OPENCL_|POCL_|RUSTICL_|CUDA_VISIBLE|ROCR_|HIP_|NEO)' | sort
    for icd in "${OCL_ICD_VENDORS:-/etc/OpenCL/vendors}"/*.icd; do
        [ -f "$icd" ] && printf '%s: %s\n' "$icd" "$(cat "$icd")"
    done
    return 0
}

step_devices() {
    versions >"$report/versions.txt" 2>&1
    step devices 60 "$elcl" devices
    quote grep -sE '^[0-9]|driver  |matrix instructions|^  *(local )?memory ' "$report/devices.out"
}

# Returns 1 if the device computes wrong results.
step_selftest() {
    step selftest 75 "$elcl" selftest ${on:+"$on"} ${shape:+"$shape"} $(size '' --small) \
        --budget $(size $((45 * slack)) 4)
    sound=$code
    quote grep -sE '  FAIL|^[0-9]+ passed' "$report/selftest.out"
    [ "$sound" -eq 0 ]
}

# Programs that later steps need, compiled side by side into the caches. The seconds are those of
# the driver's compiler, and of opening a small model.
step_compile() {
    echo transformer >"$work/word"
    for types in 'f32 f32 f32' 'bf16 bf16 f32' 'bf16 bf16 bf16' 'f16 f16 f16'; do
        (
            set -- $types
            began=$(date +%s)
            timeout -k 3 90 "$elcl" generate ${on:+"$on"} ${shape:+"$shape"} --quiet --gemm native \
                --weights "$1" --state "$2" --compute "$3" --attention el --input "$work/word" \
                "$root/models/g2p-en" >"$report/compile-$1-$3.out" 2>&1 </dev/null
            note "compile $types: exit code $?, $(($(date +%s) - began)) s"
        ) &
    done
    wait
}

# text NAME OPTION...: words that differ from those of transformers in f32.
text() {
    text=text-$1
    shift
    step "$text" 40 "$elcl" generate ${on:+"$on"} ${shape:+"$shape"} --quiet --num-beams 4 \
        --input "$work/words" "$@" "$root/models/g2p-en" || return
    quote echo "$(paste "$work/golden" "$report/$text.out" | awk -F '\t' '$1 != $2' |
        wc -l) of $(wc -l <"$work/words") words differ"
}

step_texts() {
    n=$(size 2000 40)
    head -n "$n" "$root/models/g2p-en/test.tsv" | cut -f 1 >"$work/words"
    head -n "$n" "$root/tests/golden/g2p/beam4.txt" >"$work/golden"
    text f32 --weights f32 --gemm native --attention el
    text bf16-exact --weights bf16 --state bf16 --compute f32 --attention el
    text bf16 --weights bf16 --state bf16 --compute bf16 --attention el
    text bf16-mha --weights bf16 --state bf16 --compute bf16 --attention mha --batch-size 7
    text f16 --weights f16 --state f16 --compute f16 --attention el
}

# row NAME SECONDS OPTION...: rows of elcl bench, as JSON lines.
row() {
    row=row-$1
    row_limit=$2
    shift 2
    step "$row" "$row_limit" "$elcl" bench ${on:+"$on"} ${shape:+"$shape"} --quiet --format jsonl \
        --repetitions 1 "$@"
}

# The paper's largest row, BART-large on CNN/DM: each variant in as large a batch as fits.
step_paper_row() {
    model="--synthetic $(size bart-large marian-base) --source-length $(size 1024 16)"
    model="$model --new-tokens $(size 82 3)"
    all="$model --batch-size auto --max-batch $(size "$batch" 2) --warmup 0"
    bf16='--weights bf16 --state bf16 --compute bf16'
    row el-bf16 45 $all $bf16 --attention el
    row mha-bf16 45 $all $bf16 --attention mha
    row mha-beam-bf16 60 $all $bf16 --attention mha-beam --no-profile
    row el-exact 60 $all --weights bf16 --state bf16 --compute f32 --attention el
    row mha-beam-exact 60 $all --weights bf16 --state bf16 --compute f32 --attention mha-beam \
        --no-profile
    row one-sentence 40 $model $bf16 --attention el,mha --batch-size 1 --warmup 1
}

# step_kernels_bench TYPES...
step_kernels_bench() {
    for types; do
        step "bench-$(echo "$types" | tr / -)" 40 "$kernels" --bench \
            ${device:+--device "$device"} \
            --case "bench gpu $types$(size '' ' gemm batch=1 M=4 N=768')"
    done
}

# A table of the rows so far.
table() {
    cat "$report"/row-*.out >"$report/bench.jsonl" 2>/dev/null
    command -v python3 >/dev/null &&
        quote python3 "$root/tools/gpu-day/table.py" "$report/bench.jsonl"
}
