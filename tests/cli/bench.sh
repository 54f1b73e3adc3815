#!/bin/sh
# elcl plan and elcl bench with the fake library: lists, refusals, every format read back.
# usage: bench.sh FAKE_ELCL
set -u
. "$(dirname "$0")/lib.sh"
elcl=$1
root=$(cd "$(dirname "$0")/../.." && pwd)
LC_ALL=C
export LC_ALL
runs "$elcl" --version
python=$(command -v python3 || true)

for verb in plan bench; do
    run "$elcl" $verb --help
    exits "$verb --help" 0
    narrow "$verb --help"
    check "$verb --help shows the usage" grep -q "^Usage: elcl $verb" "$tmp/out"
done

# ---- refusals --------------------------------------------------------------------------------

for verb in plan bench; do
    refuses "$verb of nothing" 2 "expected one model directory" "$elcl" $verb
    refuses "$verb of two" 2 "expected one model directory" "$elcl" $verb m --synthetic bart-base
    refuses "$verb of an unknown name" 2 "no synthetic model" "$elcl" $verb --synthetic huge \
        --batch-size 1
    refuses "$verb of a missing model" 1 "missing: no such directory" \
        "$elcl" $verb missing --batch-size 1
    for bad in --batch-size=-1 --batch-size=0 --batch-size=1, --batch-size=,1 --batch-size=4-1 \
        --batch-size=1-9+0 --batch-size=1-9*1 --batch-size=1-9/2 --batch-size=1-100 \
        --batch-size=x --num-beams=0 --num-beams=65 --source-length=0 --source-length=-3 \
        --attention=fast --attention=el, --weights=f8 --compute=int4 --state=f64 --state=int2 \
        --memory-limit=-1; do
        refuses "$verb $bad" 2 "${bad%%=*}: expected" "$elcl" $verb --synthetic bart-base "$bad"
    done
done
refuses "bench --matrix-instructions" 2 "matrix-instructions: expected one of auto|off" \
    "$elcl" bench --synthetic bart-base --matrix-instructions on
refuses "plan: S beyond positions" 2 "max_source" "$elcl" plan m --batch-size 1 --source-length 65
refuses "bench: S beyond positions" 2 "--source-length is 65, but m has positions for 64" \
    "$elcl" bench m --source-length 65
refuses "bench: T beyond positions" 2 "--new-tokens is 64, but m has positions for 63 after" \
    "$elcl" bench m --new-tokens 64
refuses "bench: groups" 2 "does not divide" "$elcl" bench m --num-beams 4 --num-beam-groups 3
refuses "bench: preset" 2 "--preset: expected" "$elcl" bench --preset slow
refuses "bench: scale without a preset" 2 "--scale is for" "$elcl" bench m --scale 0.5
refuses "bench: export of a directory" 2 "--export needs" "$elcl" bench m --export "$tmp/x"
refuses "bench: a trace without a profile" 2 "--trace needs" \
    "$elcl" bench m --trace "$tmp/x" --no-profile
refuses "bench: export fails" 1 "/readonly" "$elcl" bench --synthetic bart-base --export /readonly
refuses "bench: repetitions" 2 "--repetitions: expected" "$elcl" bench m --repetitions 0
refuses "bench: no such baseline" 1 "$tmp/none" "$elcl" bench m --quiet --baseline "$tmp/none"
refuses "bench: unwritable output" 1 "/nonexistent" "$elcl" bench m --quiet --no-profile \
    --output /nonexistent/x
FAKE_DEVICES=0 refuses "bench: no device" 1 "no OpenCL device" "$elcl" bench m

# ---- plan ------------------------------------------------------------------------------------

run "$elcl" plan m --attention el,mha-beam --batch-size 1-4*2 --source-length 10,20 \
    --target-length 5 --num-beams 2 -o csv
exits "plan csv" 0
prints "plan csv" \
    "model,attention,weights,state,batch_size,num_beams,source_length,target_length,\
weight_bytes,source_state_bytes,self_state_bytes,workspace_bytes,total_bytes,\
largest_buffer_bytes,largest_batch,fits" \
    "m,el,f32,f32,1,2,10,5,1000,100,30,7,1137,100,,1" \
    "m,el,f32,f32,1,2,20,5,1000,200,30,7,1237,200,,1" \
    "m,el,f32,f32,2,2,10,5,1000,200,60,7,1267,200,,1" \
    "m,el,f32,f32,2,2,20,5,1000,400,60,7,1467,400,,1" \
    "m,el,f32,f32,4,2,10,5,1000,400,120,7,1527,400,,1" \
    "m,el,f32,f32,4,2,20,5,1000,800,120,7,1927,800,,1" \
    "m,mha-beam,f32,f32,1,2,10,5,1000,400,120,7,1527,400,,1" \
    "m,mha-beam,f32,f32,1,2,20,5,1000,800,120,7,1927,800,,1" \
    "m,mha-beam,f32,f32,2,2,10,5,1000,800,240,7,2047,800,,1" \
    "m,mha-beam,f32,f32,2,2,20,5,1000,1600,240,7,2847,1600,,1" \
    "m,mha-beam,f32,f32,4,2,10,5,1000,1600,480,7,3087,1600,,1" \
    "m,mha-beam,f32,f32,4,2,20,5,1000,3200,480,7,4687,3200,,1"
run "$elcl" plan m --memory-limit 2000 --source-length 10 --target-length 5 --format csv
check "the largest batch" grep -q '^m,el,f32,f32,8,1,10,5,1000,800,120,7,1927,800,8,1$' "$tmp/out"
run "$elcl" plan m --memory-limit 2000 --source-length 10 --target-length 5 --batch-size 9
exits "plan text" 0
check "a batch that does not fit" grep -q '^el .* 8  does not fit$' "$tmp/out"
check "the choice of auto" grep -q '^auto takes el: the fake likes it$' "$tmp/out"
if [ "$python" ]; then
    "$elcl" plan m --memory-limit 2000 --batch-size 1,9 --format json | tr -d '\n' >"$tmp/out"
    json "plan json" '(lines[0]["schema"] == "elcl-plan-1" and lines[0]["auto"] == "el" and
[(p["batch_size"], p["fits"], p["largest_batch"], p["total_bytes"]) for p in lines[0]["plans"]][:2]
== [(1, True, 1, 1839), (9, False, 1, 8495)] and len(lines[0]["plans"]) == 6)'
fi

# ---- predictions -----------------------------------------------------------------------------

refuses "an unknown device model" 2 \
    "expected a770, adreno740, h100, mi300x, v100, measured or a JSON file" \
    "$elcl" plan m --device-model v99
refuses "a device model that is not there" 1 "$tmp/none.json" "$elcl" plan m \
    --device-model "$tmp/none.json"
refuses "device and device model" 2 "--device needs --device-model measured, found 'v100'" \
    "$elcl" plan m --device-model v100 --device 0
cat >"$tmp/d.json" <<END
{"name": "Mine", "source": "a guess", "type": "gpu", "memory_gbs": 10, "f32_gflops": 20,
 "half_gflops": 40, "launch_us": 7, "wait_us": 3, "memory_bytes": 2000}
END
run "$elcl" plan m --device-model "$tmp/d.json" --source-length 10 --target-length 5 \
    --attention el --format csv
check "a device model from a file" grep -q '^m,el,.*,1927,800,8,1,10,7,8$' "$tmp/out"
run "$elcl" plan m --device-model "$tmp/d.json" --source-length 10 --target-length 5
check "predictions: the word" grep -q '^predicted, not measured, for Mine$' "$tmp/out"
sed 's/"wait_us": 3, //' "$tmp/d.json" >"$tmp/bad.json"
refuses "a device model without a key" 1 "wait_us: expected a number" "$elcl" plan m \
    --device-model "$tmp/bad.json"
sed 's/"gpu"/"tpu"/' "$tmp/d.json" >"$tmp/bad.json"
refuses "a device model of another type" 1 'type: expected "cpu" or "gpu"' "$elcl" plan m \
    --device-model "$tmp/bad.json"
sed 's/"wait_us": 3/&, "cache_bytes": 1000/' "$tmp/d.json" >"$tmp/bad.json"
refuses "a device model with half a cache" 1 "cache_gbs: expected a number" "$elcl" plan m \
    --device-model "$tmp/bad.json"
sed 's/"wait_us": 3/&, "int8_gops": -1/' "$tmp/d.json" >"$tmp/bad.json"
refuses "a device model with a rate below 0" 1 "int8_gops: expected a number" "$elcl" plan m \
    --device-model "$tmp/bad.json"
echo '[1]' >"$tmp/bad.json"
refuses "a device model without JSON" 1 "bad.json: expected a JSON object" "$elcl" plan m \
    --device-model "$tmp/bad.json"
for name in v100 h100 mi300x a770 adreno740; do
    run "$elcl" plan m --device-model $name
    exits "device model $name" 0
    check "device model $name: its source" \
        grep -qi '^(.*data sheet\|^(.*specif\|^(.*brief' "$tmp/out"
done

# A measured device: the fake launches in 5 us, and predicts that as the time of a step.
run "$elcl" plan m --device-model measured --device gpu --batch-size 1 --source-length 10 \
    --target-length 5 --attention el --format csv
check "a measured device" grep -q '^m,el,.*,10,5,1$' "$tmp/out"
run "$elcl" plan m --device-model measured --batch-size 1
check "a measured device: its name" grep -q '^predicted, not measured, for Fake "GPU"$' "$tmp/out"
check "a measured device: its rates" grep -q \
    '^(measured in this run: reads 100 GB/s, .* 1e+03 GFLOP/s, a launch 5 us' "$tmp/out"
refuses "a measured device that is not there" 1 "no OpenCL device matches" "$elcl" plan m \
    --device-model measured --device nothing

# The script that compares predictions with runs, on points with known figures.
points() {
    printf '['
    for ratio in "$@"; do
        printf '%s{"model": "m", "attention": "el", "weights": "f32", "batch_size": 1,
"num_beams": 1, "source_length": 5, "measured": 10, "predicted": %s, "device": "D"}' "$sep" "$ratio"
        sep=,
    done
    printf ']'
    sep=
}
sep=
if [ "$python" ]; then
    points 10 13 7 12 11 9 10 10 10 30 >"$tmp/points.json"
    run python3 "$root/tools/check_predictions.py" --from "$tmp/points.json"
    exits "predictions that hold" 0
    check "predictions that hold: figures" grep -qx \
        '10 points on D: median error 10 %, 9 (90 %) within a factor of two' "$tmp/out"
    points 10 13 7 12 11 9 10 10 4 30 >"$tmp/points.json"
    run python3 "$root/tools/check_predictions.py" --from "$tmp/points.json"
    exits "two of ten are far off" 1
    points 10 14 6 14 >"$tmp/points.json"
    run python3 "$root/tools/check_predictions.py" --from "$tmp/points.json"
    exits "the median is off" 1
fi

# ---- bench -----------------------------------------------------------------------------------

run "$elcl" bench --synthetic bart-base,scarce --attention el,mha --batch-size 1,4 --quiet \
    --source-length 9 --new-tokens 5 --repetitions 4 --output json --output-file "$tmp/r.json" \
    --trace "$tmp/trace.json"
exits "bench json" 0
same "the spellings of version 0.1: --output json --output-file FILE" "$(cat "$tmp/out")" ""
check "bench warns of a lack of memory" grep -q 'out of memory: too little' "$tmp/err"

# bench_in FORMAT: writes the same run in another form to $tmp/out.
bench_in() {
    run "$elcl" bench --synthetic bart-base,scarce --attention el,mha --batch-size 1,4 --quiet \
        --source-length 9 --new-tokens 5 --repetitions 4 --format "$1"
    exits "bench $1" 0
}
bench_in md
check "md: the table" grep -q '^| 2 | bart-base | el | f32 | f32 | 4 | 4 | 9 | 5 |' "$tmp/out"
check "md: out of memory" grep -q '^| 6 | scarce | el .* out of memory | - | - |' "$tmp/out"
check "md: kernels" \
    grep -q '^| 1 | gemm | 3 | 75 % | 2.00 | 50.0 | 50 % | 500 | 50 % | 50 % |$' "$tmp/out"
cells=$(grep '^|' "$tmp/out" | awk -F'|' '{print NF}' | sort -u | tr '\n' ' ')
same "md: two tables, no ragged line" "$cells" "12 22 "

# A driver with wrong event times: 2 ns for 3 MFLOP, in a step of 10 ms.
FAKE_NO_TIME=1 FAKE_STEP_MS=10 bench_in md
check "no event times: a note" grep -q '^2: kernel times and fractions are omitted: ' "$tmp/out"
check "no event times: no table" [ "$(grep -c '| gemm |' "$tmp/out")" = 0 ]
if [ "$python" ]; then
    FAKE_NO_TIME=1 FAKE_STEP_MS=10 run "$elcl" bench m --quiet --format json --output "$tmp/n.json"
    check "no event times: the schema" python3 "$root/tests/cli/schema.py" \
        "$root/docs/bench-schema.json" "$tmp/n.json"
    tr -d '\n' <"$tmp/n.json" >"$tmp/out"
    json "no event times: json" '[(r["kernel_times"], r["encode_fraction"], r["step_fraction"],
"1 %" in r["kernel_times_note"]) for r in lines[0]["results"]] == [([], None, None, True)]'
fi

if [ "$python" ]; then
    check "json: the schema" python3 "$root/tests/cli/schema.py" "$root/docs/bench-schema.json" \
        "$tmp/r.json"
    check "the example: the schema" python3 "$root/tests/cli/schema.py" \
        "$root/docs/bench-schema.json" "$root/docs/bench-example.json"
    sed 's/"batch_size"/"batch-size"/' "$tmp/r.json" >"$tmp/wrong.json"
    same "the schema: refuses" "$(python3 "$root/tests/cli/schema.py" \
        "$root/docs/bench-schema.json" "$tmp/wrong.json" >/dev/null; echo $?)" 1
    tr -d '\n' <"$tmp/r.json" >"$tmp/out"
    json "json: results" '([(r["attention"], r["batch_size"], r["samples"], r["status"])
for r in lines[0]["results"]] == [("el", 1, 1, "ok"), ("el", 4, 4, "ok"), ("mha", 1, 1, "ok"),
("mha", 4, 4, "ok"), ("el", 1, 1, "ok"), ("el", 4, 4, "out of memory"), ("mha", 1, 1, "ok"),
("mha", 4, 4, "out of memory")])'
    json "json: statistics" '(all(len(s["values"]) == 4 and s["min"] == min(s["values"]) and
s["max"] == max(s["values"]) and s["min"] <= s["median"] <= s["max"] and
sorted(s["values"])[1] <= s["median"] <= sorted(s["values"])[2]
for r in lines[0]["results"] if r["status"] == "ok" for s in [r["samples_per_second"]]))'
    json "json: kernels" 'lines[0]["results"][0]["kernel_times"][0] == {
        "name": "gemm", "class": "gemm",
"calls": 3,
"seconds": 6e-06, "share": 0.75, "gbs": 50, "gflops": 500, "copy_fraction": 0.5,
"mac_fraction": 0.5, "limit_fraction": 0.5}'
    json "json: phases" '([(lines[0]["results"][0][k]) for k in ("encode_fraction",
"step_fraction")] == [0.5, 0.16])'
    json "json: equal work, equal hashes" '(len({r["ids_hash"] for r in lines[0]["results"]
if r["status"] == "ok"}) == 2)'
    tr -d '\n' <"$tmp/trace.json" >"$tmp/out"
    json "trace: needs" '([e["args"] for e in lines[0]["traceEvents"] if e["ph"] == "X"][:2] ==
[{"phase": "encode", "bytes": 100000, "flop": 1000000}, {"phase": "step", "bytes": 40000,
"flop": 0}])'
    json "trace" '([(e["name"], e["pid"], e["ts"], e["dur"]) for e in lines[0]["traceEvents"]
if e["ph"] == "X"][:2] == [("gemm", 1, 0, 2), ("attn_el", 1, 2.5, 2)] and
len(lines[0]["traceEvents"]) == 6 * 3)'
    bench_in jsonl
    json "jsonl: a result a line" '(len(lines) == 8 and all(l["run"]["schema"] == "elcl-bench-2"
and l["run"]["device"]["name"] == "Fake \"GPU\"" for l in lines))'
    bench_in csv
    check "csv reads back" python3 -c '
import csv, sys
rows = list(csv.DictReader(open(sys.argv[1], newline="")))
assert len(rows) == 8 and all(None not in r and None not in r.values() for r in rows)
assert [r["status"] for r in rows].count("out of memory") == 2
assert rows[0]["device"] == "Fake \"GPU\"" and rows[1]["batch_size"] == "4"
assert float(rows[0]["samples_per_second"]) > 0 and rows[5]["samples_per_second"] == ""
assert rows[5]["error"] == "too little memory for the batch"' "$tmp/out"
    cp "$tmp/out" "$tmp/r.csv"
    bench_in sql
    check "sql reads back as csv does" python3 -c '
import csv, sqlite3, sys
db = sqlite3.connect(":memory:")
for _ in range(2):
    db.executescript(open(sys.argv[1]).read())
db.row_factory = sqlite3.Row
rows = db.execute("SELECT * FROM elcl_bench").fetchall()
want = list(csv.DictReader(open(sys.argv[2], newline="")))
assert len(rows) == 2 * len(want) and rows[0].keys() == list(want[0])
same = [k for k in want[0] if k != "date" and "second" not in k and "_ms" not in k]
for row, line in zip(rows, want * 2):
    for key in same:
        value, text = row[key], line[key]
        assert value is None and text == "" or str(value) == text or float(value) == float(text)
fast = db.execute("SELECT * FROM elcl_bench WHERE status = ? AND samples_per_second > 0", ("ok",))
assert len(fast.fetchall()) == 12' "$tmp/out" "$tmp/r.csv"
    run "$elcl" bench "it's" --quiet --format sql
    check "sql: a quote in a name" python3 -c '
import sqlite3, sys
db = sqlite3.connect(":memory:")
db.executescript(open(sys.argv[1]).read())
assert db.execute("SELECT model FROM elcl_bench").fetchone()[0] == "it" + chr(39) + "s"' "$tmp/out"
else
    skip "json, jsonl, csv and the trace: no python3"
fi

run "$elcl" bench m --no-profile --quiet --format csv
exits "bench of a directory" 0
# In the fake, more than 100 of these sentences fit in 100000 bytes.
run "$elcl" bench m --no-profile --quiet --format csv --batch-size auto --max-batch 3 --samples 7 \
    --memory-limit 100000
exits "bench: an automatic batch" 0
same "bench: --max-batch, --samples" "$(awk -F, '
    NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i }
    NR == 2 { print $at["batch_size"], $at["samples"] }' "$tmp/out")" "3 7"
run "$elcl" bench --preset paper --quiet --no-profile
says "the paper's models" "no synthetic model"

# ---- baseline --------------------------------------------------------------------------------

# Steps are long, so that a busy computer changes their time by less than the noise of 5 %.
common="--synthetic bart-base --source-length 9 --new-tokens 2 --no-profile --quiet --warmup 0"
# shellcheck disable=SC2086
FAKE_STEP_MS=100 run "$elcl" bench $common --format json --output "$tmp/slow.json"
# shellcheck disable=SC2086
FAKE_STEP_MS=100 run "$elcl" bench $common --baseline "$tmp/slow.json"
check "the same as before is no regression" [ "$code" = 0 ]
# shellcheck disable=SC2086
FAKE_STEP_MS=200 run "$elcl" bench $common --baseline "$tmp/slow.json"
exits "slower than before" 3
check "slower than before: a line" grep -q '^elcl: slower: bart-base el, batch 1' "$tmp/err"
# shellcheck disable=SC2086
FAKE_STEP_MS=50 run "$elcl" bench $common --baseline "$tmp/slow.json"
exits "faster than before" 0
check "faster than before: a line" grep -q '^elcl: faster: ' "$tmp/err"
# shellcheck disable=SC2086
refuses "nothing in common" 1 "has no configuration of this bench" \
    "$elcl" bench $common --num-beams 2 --baseline "$tmp/slow.json"
echo '{"schema": "other"}' >"$tmp/other.json"
# shellcheck disable=SC2086
refuses "not a result file" 1 "not a result file of elcl bench" "$elcl" bench $common \
    --baseline "$tmp/other.json"
end
