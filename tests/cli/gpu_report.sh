#!/bin/sh
# Tests tools/gpu-report.sh with the programs of a build folder and with programs that fail, then
# the usage of all scripts in tools/:
# gpu_report.sh BUILD
set -u
. "$(dirname "$0")/lib.sh"
build=$1
root=$(cd "$(dirname "$0")/../.." && pwd)
LC_ALL=C
export LC_ALL
runs "$build/elcl" --version

# report ARGUMENT...: makes a report in $tmp/r.tar.gz and unpacks it into $tmp/r/.
report() {
    rm -rf "$tmp/r" "$tmp/r.tar.gz"
    mkdir "$tmp/r"
    run sh "$root/tools/gpu-report.sh" --quick --output "$tmp/r.tar.gz" "$@"
    [ -f "$tmp/r.tar.gz" ] && tar -C "$tmp/r" --strip-components=1 -xzf "$tmp/r.tar.gz"
}
# Prints the names of all steps that ended with exit code 0.
passed_steps() {
    awk -F '\t' '$2 == 0 { printf "%s ", $1 }' "$tmp/r/steps.tsv"
}
texts='text-f32 text-bf16-exact text-bf16 text-bf16-mha text-f16'
rows='row-el-bf16 row-mha-bf16 row-mha-beam-bf16 row-el-exact row-mha-beam-exact row-one-sentence'
benches='bench-bf16-bf16 bench-f16-f16 bench-f32-f32'

report --no-build "$build" --device cpu
exits "a report" 0
same "a report: all steps" "$(passed_steps)" "devices selftest $texts $rows $benches "
check "a report: where it is" grep -qF "the report to send: $tmp/r.tar.gz (" "$tmp/out"
check "a report: versions" grep -q '^elcl [0-9]' "$tmp/r/versions.txt"
check "a report: kernels" grep -q 'gemm batch=1 M=4 N=768 K=768' "$tmp/r/bench-bf16-bf16.out"
same "a report: words" "$(grep -c '[0-9] of 40 words differ' "$tmp/r/summary.txt")" 5
if command -v python3 >/dev/null; then
    same "a report: rows" "$(grep -c ' samples/s, ' "$tmp/r/summary.txt")" 7
fi

# Stand-ins: the script names the step that FAILS and runs the others.
mkdir -p "$tmp/stub/tests"
cat >"$tmp/stub/elcl" <<'END'
#!/bin/sh
echo "$*"
case $1 in "$FAILS") echo "no luck" >&2; exit 1 ;; esac
END
cp "$tmp/stub/elcl" "$tmp/stub/tests/kernels"
chmod +x "$tmp/stub/elcl" "$tmp/stub/tests/kernels"
FAILS=bench report --no-build "$tmp/stub" --device 'Some GPU'
exits "a benchmark fails" 0
same "a benchmark fails: the others" "$(passed_steps)" "devices selftest $texts $benches "
check "a benchmark fails: is named" grep -q '^== failed: row-el-bf16 ' "$tmp/out"
check "a benchmark fails: its words" grep -q '^  | no luck$' "$tmp/out"
check "the device is handed on" grep -qF 'Some GPU' "$tmp/r/bench-f32-f32.out"
FAILS=selftest report --no-build "$tmp/stub"
exits "the self-test fails" 1
same "the self-test fails: the others" "$(passed_steps)" "devices $texts $rows $benches "
report --no-build "$tmp/none"
exits "nothing there" 1
same "nothing there: no step" "$(passed_steps)" ""

# The day, with the stand-ins: a second run does what failed in the first.
run sh "$root/tools/gpu-day/bundle.sh" "$tmp/day" "$build"
exits "a bundle" 0
run env LD_LIBRARY_PATH="$tmp/day/lib" "$tmp/day/bin/elcl" --version
exits "a bundle: its program" 0
cp "$tmp/stub/elcl" "$tmp/day/bin/elcl"
cp "$tmp/stub/elcl" "$tmp/day/bin/kernels"
day() {
    run env STATE="$tmp/state" OUT="$tmp/results" DEVICE='Some GPU' SMALL=1 \
        ONLY='devices selftest row-el-bf16' "$@" bash "$tmp/day/gpu-day.sh"
    exits "a day" 0
    cp "$tmp/state/report/steps.tsv" "$tmp/r/"
}
day FAILS=bench
same "a day: steps" "$(passed_steps)" "devices selftest "
check "a day: what failed" grep -q '  done; failed: row-el-bf16$' "$tmp/results/summary.txt"
day FAILS=
same "a day: the rest" "$(passed_steps)" "devices selftest row-el-bf16 "
check "a day: what is done" grep -q ' devices: done before$' "$tmp/results/summary.txt"
same "a day: results" "$(ls "$tmp/results" | tr '\n' ' ')" "bench.jsonl report.tar.gz summary.txt "
day FAILS= BUDGET=3 STATE="$tmp/late"
check "a day: no time" grep -q ' selftest: no time left$' "$tmp/results/summary.txt"
run sh "$root/tools/gpu-day/bundle.sh" "$tmp/r" "$build"
exits "a bundle: not over other files" 2

for bad in "--budget x" "--budget 0" "--batch x" --device --fast; do
    # shellcheck disable=SC2086
    run sh "$root/tools/gpu-report.sh" $bad
    exits "usage: $bad" 2
    check "usage: $bad is named" grep -q -e "^gpu-report.sh: .*${bad%% *}" "$tmp/err"
done
for script in check gpu-report quickstart; do
    run timeout 10 sh "$root/tools/$script.sh" --help
    exits "$script: --help" 0
    check "$script: --help names the script" grep -q "^    sh tools/$script.sh " "$tmp/out"
    run timeout 10 sh "$root/tools/$script.sh" --fast
    exits "$script: unknown option" 2
    check "$script: the unknown option is named" \
        grep -qF "$script.sh: unknown option '--fast'" "$tmp/err"
done
end
