#!/bin/sh
# Writes a report about elcl on one device into one file that you can send us: builds elcl, runs the
# steps of tools/gpu-day/steps.sh (self-test, texts, the paper's largest row, kernels), the presets
# of elcl bench, and packs their output with the versions of everything. If a step fails, the script
# names it and runs the others. Without network it uses the packages that are there.
#
#     sh tools/gpu-report.sh [OPTION...]
#
#     --device NAME      index, part of a name, cpu or gpu (default: elcl's own choice)
#     --budget SECONDS   time limit for everything but the build (default 1800)
#     --batch N          sentences in the paper's largest row at most (default 32)
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
. "$root/tools/gpu-day/steps.sh"

device= budget=1800 batch=32 small= output= folder=
while [ $# -gt 0 ]; do
    case $1 in
    --help | -h) print_help "$script" && exit ;;
    --quick) small=1 ;;
    --device | --budget | --batch | --output | --no-build)
        [ $# -gt 1 ] && [ -n "$2" ] || refuse "$script" "$1 needs a value"
        case $1 in
        --device) device=$2 ;;
        --budget) budget=$2 ;;
        --batch) batch=$2 ;;
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
case $batch in
'' | *[!0-9]* | 0) refuse "$script" "--batch: expected a number, found '$batch'" ;;
esac

name=elcl-report-$(date -u +%Y%m%dT%H%M%SZ)
[ -n "$output" ] || output=$root/build/$name.tar.gz
top=$(mktemp -d) || exit 1
trap 'rm -rf "$top"' EXIT
trap 'exit 1' HUP INT TERM
report=$top/$name
work=$top/work
mkdir "$report" "$work" || exit 1

save_report() {
    mkdir -p "$(dirname "$output")" && tar -C "$top" -czf "$output" "$name"
}

# What the report says besides the versions of steps.sh.
more_versions() {
    printf 'commit: %s\n' "$(git -C "$root" describe --always --dirty 2>/dev/null || echo unknown)"
    for tool in "${CC:-cc} --version" 'meson --version' 'ninja --version'; do
        command -v "${tool%% *}" >/dev/null && printf '%s: ' "$tool" && $tool | head -n 1
    done
    dpkg-query -W -f '${Package} ${Version}\n' $build_packages 2>/dev/null
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
kernels=$folder/tests/kernels
on=${device:+--device=$device}
shape=
slack=4
only=
started=$(date +%s)
deadline=$((started + budget))

step_devices
more_versions >>"$report/versions.txt" 2>&1
step_selftest
sound=$?
step_texts
step_paper_row
step_kernels_bench bf16/bf16 f16/f16 f32/f32
if [ -z "$small" ]; then
    row quick 60 --preset quick
    row paper 450 --preset paper --no-profile
fi
table

save_report || exit 1
[ -z "$failed" ] || say "failed:$failed"
say "the report to send: $output ($(wc -c <"$output") bytes)"
[ "$sound" -eq 0 ] && exit 0
say 'the self-test did not pass: do not trust results from this device'
exit 1
