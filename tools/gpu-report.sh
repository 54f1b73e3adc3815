#!/bin/sh
# Writes a report about elcl on one device into one file that you can send us: builds elcl, runs
# elcl devices, elcl selftest, elcl bench and the benchmark of the kernels, and packs their output
# with the versions of everything. If a step fails, the script names it and runs the others.
#
#     sh tools/gpu-report.sh [OPTION...]
#
#     --device NAME      index, part of a name, cpu or gpu (default: elcl's own choice)
#     --budget SECONDS   time limit for the paper's table, and again for the kernels (default 900)
#     --quick            tiny settings: shows in seconds that everything runs, without measuring
#     --output FILE      the report (default: build/elcl-report-DATE.tar.gz)
#     --no-build FOLDER  run the programs of this build folder; build and install nothing
#     --help             print this text
#
# Exit codes: 0 if the self-test passes, 1 if it fails or cannot run, 2 for wrong usage.
set -u
root=$(cd "$(dirname "$0")/.." && pwd) || exit 1
script=$root/tools/gpu-report.sh
. "$root/tools/setup.sh"

device= budget=900 quick= output= folder=
while [ $# -gt 0 ]; do
    case $1 in
    --help | -h) print_help "$script" && exit ;;
    --quick) quick=1 ;;
    --device | --budget | --output | --no-build)
        [ $# -gt 1 ] && [ -n "$2" ] || refuse "$script" "$1 needs a value"
        case $1 in
        --device) device=$2 ;;
        --budget) budget=$2 ;;
        --output) output=$2 ;;
        --no-build) folder=$2 ;;
        esac
        shift
        ;;
    *) refuse "$script" "unknown option '$1'" ;;
    esac
    shift
done
case $budget in
'' | *[!0-9]* | 0) refuse "$script" "--budget: expected seconds, found '$budget'" ;;
esac

started=$(date -u +%Y%m%dT%H%M%SZ)
name=elcl-report-$started
[ -n "$output" ] || output=$root/build/$name.tar.gz
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
report=$work/$name
mkdir "$report" || exit 1
failed=

# step NAME SECONDS COMMAND...: writes output and errors to NAME.out and NAME.log, and a line to
# steps.tsv. A command that runs out of time is asked to end and writes the results so far.
step() {
    step=$1
    seconds=$2
    shift 2
    say "$step: $*"
    began=$(date +%s)
    timeout -k 30 "$seconds" "$@" >"$report/$step.out" 2>"$report/$step.log" </dev/null
    code=$?
    printf '%s\t%s\t%d\t%s\n' "$step" "$code" $(($(date +%s) - began)) "$*" >>"$report/steps.tsv"
    [ $code -eq 0 ] && return 0
    case $code in
    124 | 137) say "$step: out of time after $seconds s; the report has the results so far" ;;
    *)
        say "$step FAILED, exit code $code; its last lines:"
        tail -n 3 "$report/$step.out" "$report/$step.log" | sed 's/^/  | /'
        failed="$failed $step"
        ;;
    esac
    return $code
}

# Prints the versions of elcl, the system, tools and drivers.
versions() {
    "$elcl" --version
    printf 'commit: %s\n' "$(git -C "$root" describe --always --dirty 2>/dev/null || echo unknown)"
    uname -srvm
    sed -n 's/^PRETTY_NAME=//p' /etc/os-release
    sed -n 's/^model name[^:]*: /processor: /p' /proc/cpuinfo | sort | uniq -c
    for tool in "${CC:-cc} --version" 'meson --version' 'ninja --version' \
        'nvidia-smi --query-gpu=name,driver_version,vbios_version,clocks.max.sm --format=csv'; do
        command -v "${tool%% *}" >/dev/null && printf '%s: ' "$tool" && $tool | head -n 8
    done
    dpkg-query -W -f '${Package} ${Version}\n' $build_packages 2>/dev/null
    env | grep -E '^(OCL_|OPENCL_|POCL_|RUSTICL_|CUDA_VISIBLE|ROCR_|HIP_|NEO)' | sort
    for icd in "${OCL_ICD_VENDORS:-/etc/OpenCL/vendors}"/*.icd; do
        [ -f "$icd" ] && printf '%s: %s\n' "$icd" "$(cat "$icd")"
    done
    return 0
}

build_here() {
    cd "$root" && install_packages "$build_packages" && build build
}

if [ -z "$folder" ]; then
    folder=$root/build
    say "build into $folder"
    build_here >"$report/build.log" 2>&1 ||
        { say 'build FAILED; its last lines:'; tail -n 20 "$report/build.log"; failed=' build'; }
fi
elcl=$folder/elcl
on=${device:+--device=$device}
versions >"$report/versions.txt" 2>&1

step devices 300 "$elcl" devices --format json
if [ -n "$quick" ]; then
    step selftest 300 "$elcl" selftest --format json --small --budget 4 ${on:+"$on"}
    sound=$?
    step bench-quick 300 "$elcl" bench ${on:+"$on"} --format json --source-length 4 \
        --new-tokens 2 --warmup 0 --repetitions 1 "$root/models/g2p-en"
    step kernels 300 "$folder/tests/kernels" --bench ${device:+--device "$device"} \
        --case 'cpu f32/f32 gemm batch=1 M=1 N=768 K=768'
else
    step selftest 900 "$elcl" selftest --format json ${on:+"$on"}
    sound=$?
    step bench-quick 900 "$elcl" bench ${on:+"$on"} --preset quick --format json
    step bench-paper "$budget" "$elcl" bench ${on:+"$on"} --preset paper --format json
    step kernels "$budget" "$folder/tests/kernels" --bench ${device:+--device "$device"}
fi

mkdir -p "$(dirname "$output")" && tar -C "$work" -czf "$output" "$name" || exit 1
[ -z "$failed" ] || say "failed:$failed"
say "the report to send: $output ($(wc -c <"$output") bytes)"
case $sound in
0) exit 0 ;;
*) say 'the self-test did not pass: do not trust results from this device'; exit 1 ;;
esac
