#!/bin/sh
# Runs the whole test suite, from a fresh clone on. Installs the packages that it needs (Debian 12
# or later; uses sudo if you are not root), builds with gcc, with clang and with sanitizers, runs
# every test program on PoCL, and runs the kernel tests on every other OpenCL implementation here.
# The last line counts all tests: N passed, N failed (, N skipped). Logs are in build/check/.
#
#     sh tools/check.sh [OPTION]
#
#     --all      run every kernel test, with all types, on PoCL, on rusticl, under Oclgrind and on
#                the emulated NVIDIA device, and compile all types for GPUs (very slow)
#     --help     print this text
#
# Exit codes: 0 if all tests passed, 1 if one failed, 2 for wrong usage.
set -u
cd "$(dirname "$0")/.." || exit 1
. tools/setup.sh

small=--small
all=
while [ $# -gt 0 ]; do
    case $1 in
    --all) all=--all small=--all ;;
    --help | -h) print_help tools/check.sh && exit ;;
    *) refuse tools/check.sh "unknown option '$1'" ;;
    esac
    shift
done

passed=0
failed=0
skipped=0
start=$(date +%s)
logs=build/check

# Prints the last line, even if a step failed or a signal came.
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

# quote LOG: prints its last lines, indented so that none looks like our own output.
quote() {
    tail -n 60 "$1" | sed 's/^/  | /'
}

# step NAME LOG COMMAND...: counts as one test, which passes if the command exits with 0.
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

# program NAME LOG COMMAND...: runs a test program that prints a summary line.
program() {
    name=$1
    log=$logs/$2.log
    shift 2
    began=$(date +%s)
    "$@" >"$log" 2>&1 </dev/null
    add_up "$name" "$log" $? || quote "$log"
}

# add_up NAME LOG EXIT_CODE: adds the counts of the log's last summary line. A missing line, or "0
# failed" with a bad exit code, counts as a failure. $began is the start time. Returns false if
# something failed.
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
    # Reasons for skipped cases: the harness prints "skipped CASE: WHY".
    sed -n 's/^skipped.*: //p' "$2" | sort | uniq -c | sed 's/^ */  skipped /'
    count "$p" "$f" "$s"
    [ "$f" -eq 0 ]
}

# suite NAME LOG FOLDER MESON_TEST_OPTION...: runs the test programs of a build folder.
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

# icd NAME: prints a folder with only this OpenCL driver, for OCL_ICD_VENDORS, or nothing if the
# driver is not here.
icd() {
    [ -f "/etc/OpenCL/vendors/$1.icd" ] || return 0
    mkdir -p "$logs/icd-$1" && cp "/etc/OpenCL/vendors/$1.icd" "$logs/icd-$1/" || return 0
    printf '%s/%s/icd-%s\n' "$PWD" "$logs" "$1"
}

under_oclgrind() {
    rm -f "$logs/oclgrind-findings.log"
    oclgrind --data-races --check-api --log "$logs/oclgrind-findings.log" "$@" || return 1
    # Oclgrind exits with 0 even if it reports errors.
    [ ! -s "$logs/oclgrind-findings.log" ] || {
        printf 'Oclgrind reports:\n'
        head -n 40 "$logs/oclgrind-findings.log"
        return 1
    }
}

kernels_on_rusticl() {
    # It compiles slowly. Types that repeat others, and products of 16 bits, run on other devices.
    # CPU kernels of narrow types differ from those for f32 only in how they read numbers.
    [ -n "$all" ] || set -- --without bf16/f16 --without 'f16 compute' --without products \
        --without 'cpu f32/int' --without 'int4 dot'
    if [ -n "$(icd rusticl)" ]; then
        program 'kernels on rusticl/llvmpipe' kernels-rusticl \
            env OCL_ICD_VENDORS="$(icd rusticl)" RUSTICL_ENABLE=llvmpipe \
            build/tests/kernels $small "$@" --device llvmpipe
    else
        skip 'kernels on rusticl/llvmpipe: no rusticl.icd (Debian package mesa-opencl-icd)'
    fi
}

# Starts Oclgrind in the background: it uses little more than one core.
start_oclgrind() {
    command -v oclgrind >/dev/null || return 0
    oclgrind_began=$(date +%s)
    # The slowest step: it leaves out types that repeat others, dot products of the device, which
    # Oclgrind lacks, and products of 16 bits and 16-bit types of GPU kernels, whose races and
    # bounds the emulated NVIDIA device checks in less time.
    [ -n "$all" ] || set -- --without bf16/f16 --without compute --without 'mma 32 f16' \
        --without 'gpu f16/bf16' --without 'dot device'
    under_oclgrind build/tests/kernels $small "$@" --device oclgrind \
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

# A program on the emulated NVIDIA device, which must have no complaint (tests/nvidia/README.md).
on_emulated_nvidia() {
    OCL_ICD_VENDORS=$PWD/build/tests/nvidia ELCL_NVIDIA_DIR=$PWD/build/tests/nvidia/ptx \
        ELCL_NVIDIA_LOG=$PWD/$logs/nvidia-complaints.log "$@" || return 1
    tail -n 1 "$logs/nvidia-complaints.log" | grep -q '^[1-9][0-9]* launches, 0 complaints$'
}

# The suite has the device's own tests and a sample of these.
all_on_emulated_nvidia() {
    if ! [ -f build/tests/nvidia/elcl-nvidia.icd ] || ! command -v clang-15 >/dev/null ||
        ! [ -f /usr/lib/clc/nvptx64--nvidiacl.bc ]; then
        skip 'kernels on an emulated NVIDIA device: no clang-15 with libclc-15, or no _Float16'
        return
    fi
    rm -f "$logs/nvidia-complaints.log"
    program 'kernels on an emulated NVIDIA device' kernels-nvidia \
        on_emulated_nvidia build/tests/kernels --all
    program 'elcl on an emulated NVIDIA device' nvidia \
        sh tests/nvidia/nvidia.sh build/elcl "$PWD/build/tests/nvidia" models/g2p-en \
        build/tests/kernels --all
}

with_clang() (
    CC=clang
    export CC
    build build-clang -Dwerror=true
)

with_sanitizers() {
    build build-asan -Db_sanitize=address,undefined -Db_lundef=false -Dwerror=true -Doptimization=1
}

# Only these programs have threads that share a pool, an engine, a model or an answer.
with_thread_sanitizer() {
    [ -f build-tsan/build.ninja ] || meson setup build-tsan -Db_sanitize=thread -Db_lundef=false \
        -Dwerror=true -Doptimization=1 || return 1
    ninja -C build-tsan tests/test_pool tests/test_control tests/test_scribe tests/test_worker \
        examples/threads tests/test_exchange tests/elcl-fake tests/load_client
}

# A race makes the exit code 66.
threads_sanitized() {
    TSAN_OPTIONS=suppressions=$PWD/tests/tsan.supp
    export TSAN_OPTIONS
    program 'tsan: pools of engines' pool-tsan build-tsan/tests/test_pool
    program 'tsan: requests from many threads' control-tsan build-tsan/tests/test_control
    program "tsan: a server's jobs from many threads" worker-tsan build-tsan/tests/test_worker
    program "tsan: a server's sounds from many threads" scribe-tsan build-tsan/tests/test_scribe
    program 'tsan: answers from other threads' exchange-tsan build-tsan/tests/test_exchange
    program 'tsan: hostile clients' hostile-tsan \
        python3 tests/serve/hostile.py build-tsan/tests/elcl-fake
    program 'tsan: many clients' load-tsan python3 tests/serve/load.py build-tsan/tests/elcl-fake \
        build-tsan/tests/load_client build-tsan/tests/elcl-fake queue term killed failing gone
    program 'tsan: hostile requests' hostile-requests-tsan \
        python3 tests/serve/hostile_requests.py build-tsan/tests/elcl-fake
    step 'tsan: engines in threads' threads-tsan \
        build-tsan/examples/threads models/g2p-en attention transformer kernel
}

# Valgrind shows a processor without AVX-512: kernels of the machine's own cache would not run.
under_valgrind() {
    POCL_CACHE_DIR=$PWD/$logs/valgrind/pocl ELCL_CACHE_DIR=$PWD/$logs/valgrind/elcl \
        valgrind -q --error-exitcode=9 --suppressions=tests/valgrind.supp \
        build/elcl generate --quiet models/g2p-en --num-beams 2 --max-new-tokens 4 attention
}

generate_under_valgrind() {
    if command -v valgrind >/dev/null; then
        step 'generate under Valgrind' valgrind under_valgrind
    else
        skip 'generate under Valgrind: no valgrind here'
    fi
}

sanitized() {
    # LeakSanitizer reports leaks inside rusticl, so this needs PoCL as the only driver.
    if [ -z "$(icd pocl)" ]; then
        skip 'tests under AddressSanitizer: no pocl.icd (Debian package pocl-opencl-icd)'
        return 0
    fi
    # LeakSanitizer guesses where libraries that are loaded late keep their thread-local data. A
    # wrong guess crashes, so this turns the guess off.
    ASAN_OPTIONS=intercept_tls_get_addr=0
    LSAN_OPTIONS=suppressions=$PWD/tests/lsan.supp
    export ASAN_OPTIONS LSAN_OPTIONS
    # Leaves out tests that do not run our code on memory, tests that measure, and repetitions.
    suite asan suite-asan build-asan --no-suite lint --no-suite kernels --no-suite tune \
        --no-suite g2p
    program 'asan: kernels' kernels-asan build-asan/tests/kernels --small
}

mkdir -p "$logs"
if ! install_packages "$build_packages $test_packages" "$optional_packages"; then
    printf 'FAILED: installing packages\n'
    count 0 1 0
fi

# PoCL runs everything, so that results do not depend on the machine's other drivers.
[ -z "$(icd pocl)" ] || { OCL_ICD_VENDORS=$(icd pocl) && export OCL_ICD_VENDORS; }

if step 'build, warnings are errors' build build build -Dwerror=true; then
    suite tests suite build
    start_oclgrind
    kernels_on_rusticl
    if [ -n "$all" ]; then
        program 'kernels of all types' kernels-all build/tests/kernels --all
        program 'alignments of all families' alignments-all build/tests/test_alignments --all
        program 'GPU kernels of all types for other targets' targets-all \
            sh tests/lint/targets.sh build/tests/kernels --all
        all_on_emulated_nvidia
        program 'runs that are killed' kill sh tests/cli/kill.sh build/elcl models/g2p-en
        generate_under_valgrind
        program 'shards under Slurm and GNU parallel' slurm \
            sh tests/cli/slurm.sh build/elcl models/g2p-en
    fi
    built=yes
fi
step 'build with clang, warnings are errors' build-clang with_clang
step 'build with AddressSanitizer and UndefinedBehaviorSanitizer' build-asan with_sanitizers &&
    asan=yes
[ -z "${asan-}" ] || sanitized
step 'build with ThreadSanitizer' build-tsan with_thread_sanitizer && threads_sanitized
[ -z "${built-}" ] || finish_oclgrind
