#!/bin/sh
# elcl plan and elcl bench with the real library: bench_real.sh ELCL MODEL
set -u
. "$(dirname "$0")/lib.sh"
elcl=$1
model=$2
root=$(cd "$(dirname "$0")/../.." && pwd)
LC_ALL=C
export LC_ALL
runs "$elcl" --version

# The paper's table of encoder state in GiB: 4 beams, f16, BART-large.
run env OCL_ICD_VENDORS=/nonexistent "$elcl" plan --synthetic bart-large --state f16 --num-beams 4 \
    --batch-size 32,64,320 --source-length 256,1024
exits "plan without a device" 0
table() {
    awk -v variant="$1" '$1 == variant { printf "%s%s", sep, $9; sep = " " }' "$tmp/out"
}
same "the paper's table, mha-beam" "$(table mha-beam)" "1.5 6 3 12 15 60"
same "the paper's table, el" "$(table el)" "0.0156 0.0625 0.0312 0.125 0.156 0.625"
check "plan names the device" grep -q '^for a GPU without limits' "$tmp/out"
# 16 windows of 30 s: 1,500 states, f16, 5 beams.
for name in large-v3 large-v3-turbo; do
    run env OCL_ICD_VENDORS=/nonexistent "$elcl" plan --synthetic whisper-$name --state f16 \
        --num-beams 5 --batch-size 16
    same "whisper-$name: source of el, mha, mha-beam" "$(table el) $(table mha) $(table mha-beam)" \
        "$(case $name in large-v3) echo 0.0572 3.66 18.3 ;; *) echo 0.0572 0.458 2.29 ;; esac)"
done
run "$elcl" plan "$model" --device cpu --num-beams 4
exits "plan for a device" 0
check "plan for a device: the choice of auto" grep -q '^auto takes mha: a CPU' "$tmp/out"
refuses "plan: S beyond positions" 2 "max_source" "$elcl" plan "$model" --batch-size 1 \
    --source-length 100000
refuses "plan: no such model" 2 "there are bart-large, bart-base" "$elcl" plan --synthetic bart

# Rates of the device itself: every variant has a speed, and the device model is named.
run "$elcl" plan "$model" --device cpu --device-model measured --batch-size 4 --num-beams 4 \
    --source-length 8 --target-length 8 --format json
exits "prediction for a measured device" 0
tr -d '\n' <"$tmp/out" >"$tmp/line" && mv "$tmp/line" "$tmp/out"
json "prediction for a measured device" '(len(lines[0]["plans"]) == 3 and
all(1 < p["predicted_samples_per_second"] < 1e6 for p in lines[0]["plans"]) and
lines[0]["device_model"] == lines[0]["device"] and
lines[0]["device_model_source"].startswith("measured in this run"))'

# int8: one byte for each weight and four for each output channel; tables of positions stay f32.
run "$elcl" plan --synthetic bart-base --weights f32,int8 --attention el --batch-size 1 \
    --format json
exits "plan of int8 weights" 0
tr -d '\n' <"$tmp/out" >"$tmp/line" && mv "$tmp/line" "$tmp/out"
json "plan: int8 takes a quarter" '(lambda w: 0.25 < w[1] / w[0] < 0.27)(
[r["weight_bytes"] for r in lines[0]["plans"]])'

# int4: 18 bytes for 32 weights, one for each of the token embeddings, and 4 for the 1.6 million
# numbers of positions: (99.1 * 18 / 32 + 38.6 + 1.6 * 4 + biases and scales) / 557.9 million.
run "$elcl" plan --synthetic bart-base --weights f32,int4 --attention mha --batch-size 1 \
    --format json
exits "plan of int4 weights" 0
tr -d '\n' <"$tmp/out" >"$tmp/line" && mv "$tmp/line" "$tmp/out"
json "plan: int4 takes 18 %" '(lambda w: 0.18 < w[1] / w[0] < 0.185)(
[r["weight_bytes"] for r in lines[0]["plans"]])'

# int8 compute: rows rounded to integers, and the sums of columns. GPU devices have none.
workspace() {
    run "$elcl" plan "$model" --device cpu --weights int8 --compute "$1" --attention mha \
        --batch-size 4 --source-length 8 --target-length 8 --format json
    tr -d '\n\t ' <"$tmp/out" |
        sed 's/.*"weight_bytes":\([0-9]*\).*"workspace_bytes":\([0-9]*\).*/\1 \2/'
}
f32=$(workspace f32)
int=$(workspace int8)
same "plan --compute auto counts f32" "$(workspace auto)" "$f32"
check "plan --compute int8: more weights" test "${int% *}" -gt "${f32% *}"
check "plan --compute int8: more workspace" test "${int#* }" -gt "${f32#* }"

# The paper's order on the paper's device, each variant at its largest batch: el before mha-beam.
# mha, which the paper does not have, keeps one prompt for all beams of GPT-2 and is fastest there.
for shape in "bart-large 4 1024 83" "bart-large 6 1024 31" "transformer-270m 4 512 17" \
    "gpt2 4 900 83" "gpt2-medium 4 900 83"; do
    # shellcheck disable=SC2086
    set -- $shape
    run "$elcl" plan --synthetic "$1" --weights f16 --state f16 --num-beams "$2" \
        --source-length "$3" --target-length "$4" --device-model v100 --format csv
    exits "prediction of $shape" 0
    order=$(tail -n +2 "$tmp/out" | sort -t , -k 19,19gr | cut -d , -f 2 | tr '\n' ' ')
    case $1 in
    gpt2*) want="mha el mha-beam " ;;
    *) want="el mha mha-beam " ;;
    esac
    same "the paper's order, $shape" "$order" "$want"
done

# Results: equal tokens in all variants, and planned bytes equal to the peak.
if command -v python3 >/dev/null; then
    run "$elcl" bench "$model" --attention el,mha,mha-beam --batch-size 1,3 --source-length 7 \
        --new-tokens 6 --quiet --format json --output "$tmp/r.json"
    exits "bench" 0
    check "bench: the schema" python3 "$root/tests/cli/schema.py" "$root/docs/bench-schema.json" \
        "$tmp/r.json"
    tr -d '\n' <"$tmp/r.json" >"$tmp/out"
    json "bench: equal tokens" '(all(len({r["ids_hash"] for r in lines[0]["results"]
if r["batch_size"] == b}) == 1 for b in (1, 3)))'
    json "bench: planned bytes are the peak" '(all(r["memory"]["planned_bytes"] ==
r["memory"]["peak_bytes"] for r in lines[0]["results"]))'
    json "bench: kernels" '(all({"gemm", "select"} <= {k["name"] for k in r["kernel_times"]}
for r in lines[0]["results"]) and "reorder" in {k["name"] for k in
lines[0]["results"][-1]["kernel_times"]})'
    run "$elcl" bench "$root/tests/golden/tiny-whisper" --attention el,mha,mha-beam \
        --kernels cpu,gpu --new-tokens 4 --quiet --no-profile --repetitions 1 --warmup 0 \
        --format json --output "$tmp/s.json"
    exits "bench of a speech model" 0
    tr -d '\n' <"$tmp/s.json" >"$tmp/out"
    json "bench of a speech model" '(all(r["source_length"] == 50 and r["num_beams"] == 5 and
r["memory"]["planned_bytes"] == r["memory"]["peak_bytes"] for r in lines[0]["results"]) and
len({r["ids_hash"] for r in lines[0]["results"]}) == 1 and len(lines[0]["results"]) == 6)'
    tr -d '\n' <"$tmp/r.json" >"$tmp/out"
    json "bench: both phases have a limit" '(all(0 < r[k] < 2 for r in lines[0]["results"]
for k in ("encode_fraction", "step_fraction")))'
else
    skip "bench: no python3"
fi
run "$elcl" bench "$model" --memory-limit 6M --no-profile --quiet --batch-size 100000
check "a batch that does not fit" grep -q 'out of memory' "$tmp/out"
exits "a batch that does not fit is no failure" 0

# A synthetic model and its export are the same model.
common="--num-beams 2 --source-length 5 --new-tokens 3 --repetitions 1 --warmup 0 --no-profile"
# shellcheck disable=SC2086
run "$elcl" bench --synthetic marian-base $common --quiet --format csv
exits "bench of a synthetic model" 0
hash=$(tail -n 1 "$tmp/out" | awk -F, '{print $(NF - 1)}')
run "$elcl" bench --synthetic marian-base --export "$tmp/model"
exits "export" 0
# shellcheck disable=SC2086
run "$elcl" bench "$tmp/model" $common --quiet --format csv
same "the export gives the same tokens" "$(tail -n 1 "$tmp/out" | awk -F, '{print $(NF - 1)}')" \
    "$hash"
same "the hash of a synthetic model" "$hash" "68cd0d99240e8e08"
# shellcheck disable=SC2086
run "$elcl" bench --synthetic t5-base --attention el,mha $common --quiet --format csv
same "t5-base gives the same tokens with el and mha" \
    "$(tail -n 2 "$tmp/out" | awk -F, '{print $(NF - 1)}' | tr '\n' ' ')" \
    "575672da5a34081d 575672da5a34081d "
run "$elcl" plan --synthetic t5-base --batch-size 1 --attention el
check "t5-base has default lengths" grep -q '^el .*  512    512 ' "$tmp/out"
end
