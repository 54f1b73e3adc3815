#!/bin/sh
# The whole test suite, from a fresh clone on: installs what it needs (Debian 12 or later; with
# sudo when not root), builds with gcc, with clang and with sanitizers, runs every test program and
# the kernel tests on each OpenCL implementation that is here. The last line counts all tests:
# N passed, N failed (, N skipped). Exit code 1 when one failed. Logs are in build/check/.
#
#     sh tools/check.sh
set -u
cd "$(dirname "$0")/.." || exit 1
. tools/setup.sh

passed=0
failed=0
skipped=0
start=$(date +%s)
logs=build/check

# The last line of the output, whatever happened before.
finish() {
    trap - EXIT INT TERM
    [ -z "${oclgrind-}" ] || kill "$oclgrind" 2>/dev/null
    printf '== %d s\n' $(($(date +%s) - start))
    [ "$skipped" -eq 0 ] || tail_line=", $skipped skipped"
    printf '%d passed, %d failed%s\n' "$passed" "$failed" "${tail_line-}"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ] && exit 0
    exit 1
}
trap finish EXIT
trap 'failed=$((failed + 1)); exit' INT TERM

count() {
    passed=$((passed + $1))
    failed=$((failed + $2))
    skipped=$((skipped + $3))
}

skip() {
    printf 'skipped: %s\n' "$1"
    count 0 0 1
}

# The end of a log, set off so that no line of it can be taken for ours.
quote() {
    tail -n 60 "$1" | sed 's/^/  | /'
}

# step NAME LOG COMMAND...: one test; it passes when the command exits 0.
step() {
    name=$1
    log=$logs/$2.log
    shift 2
    began=$(date +%s)
    if "$@" >"$log" 2>&1 </dev/null; then
        printf 'passed: %s (%d s)\n' "$name" $(($(date +%s) - began))
        count 1 0 0
    else
        printf 'FAILED: %s\n' "$name"
        quote "$log"
        count 0 1 0
        return 1
    fi
}

# program NAME LOG COMMAND...: a test program with a summary line of its own.
program() {
    name=$1
    log=$logs/$2.log
    shift 2
    began=$(date +%s)
    "$@" >"$log" 2>&1 </dev/null
    add_up "$name" "$log" $? || quote "$log"
}

# add_up NAME LOG EXIT_CODE: counts what the log's last summary line says; $began is the start. No such line, or a bad
# exit code beside "0 failed", is a failure of its own. False when something failed.
add_up() {
    summary=$(grep -E '^[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?$' "$2" | tail -n 1)
    set -- "$1" "$2" "$3" $(printf '%s\n' "$summary" | tr -cd '0-9 \n')
    p=${4-0} f=${5-0} s=${6-0}
    if [ -z "$summary" ]; then
        summary="no summary line, exit code $3"
        f=1
    elif [ "$3" -ne 0 ] && [ "$f" -eq 0 ]; then
        summary="$summary, but exit code $3"
        f=1
    fi
    printf '%s: %s (%d s)\n' "$1" "$summary" $(($(date +%s) - began))
    # Why cases were skipped: the harness prints "skipped CASE: WHY".
    sed -n 's/^skipped.*: //p' "$2" | sort | uniq -c | sed 's/^ */  skipped /'
    count "$p" "$f" "$s"
    [ "$f" -eq 0 ]
}

# suite NAME LOG FOLDER MESON_TEST_OPTION...: all test programs that meson knows in a build folder.
suite() {
    name=$1
    log=$logs/$2.log
    folder=$3
    shift 3
    began=$(date +%s)
    rm -f "$folder"/meson-logs/testlog.json
    meson test -C "$folder" --no-rebuild -t 4 "$@" >"$log.meson" 2>&1 </dev/null
    python3 tests/lint/testlog.py "$folder/meson-logs/testlog.json" >"$log" 2>&1
    code=$?
    grep -vE '^[0-9]+ passed, ' "$log" | sed "s/^/  /"
    add_up "$name" "$log" $code
}

# icd NAME: a folder that holds this OpenCL driver alone, for OCL_ICD_VENDORS; "" when not here.
icd() {
    [ -f "/etc/OpenCL/vendors/$1.icd" ] || return 0
    mkdir -p "$logs/icd-$1" && cp "/etc/OpenCL/vendors/$1.icd" "$logs/icd-$1/" || return 0
    printf '%s/%s/icd-%s\n' "$PWD" "$logs" "$1"
}

# The slowest step: cases of bf16/f16 differ from those of f16/bf16 in names of types alone.
under_oclgrind() {
    rm -f "$logs/oclgrind-findings.log"
    oclgrind --data-races --check-api --log "$logs/oclgrind-findings.log" "$@" || return 1
    # Oclgrind exits 0 whatever it finds.
    [ ! -s "$logs/oclgrind-findings.log" ] || {
        printf 'Oclgrind reports:\n'
        head -n 40 "$logs/oclgrind-findings.log"
        return 1
    }
}

kernels_on_rusticl() {
    if [ -n "$(icd rusticl)" ]; then
        program 'kernels on rusticl/llvmpipe' kernels-rusticl \
            env OCL_ICD_VENDORS="$(icd rusticl)" RUSTICL_ENABLE=llvmpipe \
            build/tests/kernels --small --device llvmpipe
    else
        skip 'kernels on rusticl/llvmpipe: no rusticl.icd (Debian package mesa-opencl-icd)'
    fi
}

# Oclgrind uses little more than one core: it runs beside rusticl and the builds.
start_oclgrind() {
    command -v oclgrind >/dev/null || return 0
    oclgrind_began=$(date +%s)
    under_oclgrind build/tests/kernels --small --without bf16/f16 --device oclgrind \
        >"$logs/kernels-oclgrind.log" 2>&1 </dev/null &
    oclgrind=$!
}

finish_oclgrind() {
    if [ -z "${oclgrind-}" ]; then
        skip 'kernels under Oclgrind: no oclgrind here (Debian 13 has no package of it)'
        return
    fi
    wait "$oclgrind"
    code=$?
    oclgrind=
    began=$oclgrind_began
    add_up 'kernels under Oclgrind' "$logs/kernels-oclgrind.log" $code ||
        quote "$logs/kernels-oclgrind.log"
}

with_clang() (
    CC=clang CXX=clang++
    export CC CXX
    build build-clang -Dwerror=true
)

with_sanitizers() {
    build build-asan -Db_sanitize=address,undefined -Db_lundef=false -Dwerror=true -Doptimization=1
}

sanitized() {
    # LeakSanitizer reports leaks inside rusticl, so only where PoCL can stand alone.
    if [ -z "$(icd pocl)" ]; then
        skip 'tests under AddressSanitizer: no pocl.icd (Debian package pocl-opencl-icd)'
        return 0
    fi
    # LeakSanitizer's guess where libraries loaded late keep thread-local data is wrong at times, and
    # following it crashes: no such guess.
    ASAN_OPTIONS=intercept_tls_get_addr=0
    LSAN_OPTIONS=suppressions=$PWD/tests/lsan.supp
    export ASAN_OPTIONS LSAN_OPTIONS
    # Left out: what has no memory to err with, what mostly measures, and what repeats one path.
    suite asan suite-asan build-asan --no-suite lint --no-suite kernels --no-suite tune \
        --no-suite g2p
    program 'asan: kernels' kernels-asan build-asan/tests/kernels --small
}

mkdir -p "$logs"
if ! install_packages "$build_packages $test_packages" "$optional_packages"; then
    printf 'FAILED: installing packages\n'
    count 0 1 0
fi

# PoCL runs everything, so that results do not hang on which other drivers a machine has.
[ -z "$(icd pocl)" ] || { OCL_ICD_VENDORS=$(icd pocl) && export OCL_ICD_VENDORS; }

if step 'build, warnings are errors' build build build -Dwerror=true; then
    suite tests suite build
    start_oclgrind
    kernels_on_rusticl
    built=yes
fi
step 'build with clang, warnings are errors' build-clang with_clang
step 'build with AddressSanitizer and UndefinedBehaviorSanitizer' build-asan with_sanitizers &&
    asan=yes
[ -z "${built-}" ] || finish_oclgrind
[ -z "${asan-}" ] || sanitized
