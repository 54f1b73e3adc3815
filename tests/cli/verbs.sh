#!/bin/sh
# usage: verbs.sh FAKE_ELCL
# elcl score, devices, selftest and tune on the stand-in for the library (fake_elcl.c).
set -u
. "$(dirname "$0")/lib.sh"
on_fake "$1"

# ---- scores ----------------------------------------------------------------------------------

printf 'ab\txy\nc\t\n' >"$tmp/in"
run_in "$elcl" score --quiet m
exits "score" 0
prints "score: lines and their sum" "-0.343750	4	1.08974" "-0.109375	2	1.05621" \
    "samples 2, tokens 6, nll 0.453125, nll per token 0.075521, perplexity 1.07845"
run_in "$elcl" score --quiet m --summary
prints "score: only the summary" \
    "samples 2, tokens 6, nll 0.453125, nll per token 0.075521, perplexity 1.07845"
run_in "$elcl" score --quiet m --token-logprobs
same "score: each token" "$(sed -n 1p "$tmp/out" | cut -f 4)" "-0.0625 -0.078125 -0.09375 -0.109375"
run "$elcl" score --quiet m
prints "score: no samples" "samples 0, tokens 0, nll 0.000000, nll per token -, perplexity -"
run "$elcl" score --quiet m --input-format ids --format jsonl "5 6	7 8" "9	1"
json "score: ids" '[l.get("log_prob") for l in lines[:2]] == [-0.078125, -0.015625]'
json "score: the sum as json" 'lines[2]["summary"]["tokens"] == 3'
printf '%s\n' '{"source": "ab", "target": "xy", "id": "first"}' \
    '{"source": [5], "target": [7, 8], "id": 17}' >"$tmp/in"
run_in "$elcl" score --quiet m --input-format jsonl --format jsonl --token-logprobs
json "score: ids of samples" '[l.get("id") for l in lines] == ["first", 17, None]'
json "score: tokens" 'lines[1]["ids"] == [7, 8] and lines[1]["token_logprobs"] == [-1/64, -2/64]'
run "$elcl" score --quiet m --input-format ids --format jsonl --alignments soft \
    "5 6	7 8 9" "4	7"
json "score: alignments" 'lines[0]["alignments"] == [[.75, .125], [.125, .75], [.75, .125]]'
json "score: one alignment" 'lines[1]["alignments"] == [[.75]] and "alignments" not in lines[2]'
json "score: their tokens" 'lines[0]["source_ids"] == [5, 6] and lines[0]["ids"] == [7, 8, 9]'
run "$elcl" score --quiet m --input-format ids --format jsonl --alignments hard "5 6	7 8 9"
json "score: hard alignments" 'lines[0]["alignments"] == "0-0 0-2 1-1"'
for pair in aa:0 bb:3; do
    run "$elcl" score --quiet m --tgt-lang ${pair%:*} --format jsonl --token-logprobs "a	b"
    json "score --tgt-lang ${pair%:*}" "lines[0][\"ids\"] == [${pair#*:}, 102, 2]"
done
run "$elcl" score --quiet m --src-lang bb "a	b"
exits "score --src-lang" 0
refuses "score --src-lang: unknown" 2 "does not know the language" \
    "$elcl" score --quiet m --src-lang cc "a	b"
refuses "score --tgt-lang: unknown" 2 "does not know the language" \
    "$elcl" score --quiet m --tgt-lang cc "a	b"
refuses "score --src-lang of ids" 2 "--src-lang does nothing" \
    "$elcl" score --quiet m --src-lang aa --input-format ids "5	6"
refuses "score --tgt-lang of ids" 2 "--tgt-lang changes nothing" \
    "$elcl" score --quiet m --tgt-lang aa --input-format ids "5	6"
printf 'good\tline\nno tab\n' >"$tmp/in"
run_in "$elcl" score --quiet m
exits "score: a bad line" 1
says "score: a bad line" "standard input: line 2: expected source, tab, target, found no tab"
same "score: no sum after a bad line" "$(wc -l <"$tmp/out")" 1
yes "short	$(printf '%050d' 0)" | head -n 500 >"$tmp/in"
printf 'lost\t!\n' >>"$tmp/in"
run_in "$elcl" score --quiet m
exits "score: a device that is lost after 500 samples" 1
check "score: most samples before it are written" has_lines "$tmp/out" 250
printf 'good\tline\nlost\t!\n' >"$tmp/in"
run_in "$elcl" score --quiet m
exits "score: a lost device" 1
prints "score: nothing of a failed batch"
while read -r line; do
    printf '%s\n' "${line%%@*}" >"$tmp/in"
    run_in "$elcl" score --quiet m --input-format jsonl
    exits "score: $line" 1
    says "score: $line" "line 1: ${line#*@}"
done <<'END'
{"text": "a"}@expected "source" and "target", found "text" or "ids"
{"source": "a"}@expected "target" to be a string or an array of token ids, found no such key
{"source": "a", "target": 3}@expected "target" to be a string or an array
{"source": "a", "target": "b", "targets": "c"}@unknown key "targets"
{"source": "a", "source": "b", "target": "b"}@key "source" is there twice
{"source": "a", "target": "b", "id": []}@expected a string or a number as "id"
END
refuses "score: stride with an encoder" 2 "--stride is for decoder-only models" \
    "$elcl" score --quiet m --stride 3 a
refuses "score: no model" 2 "model directory" "$elcl" score
refuses "score: a summary with tokens" 2 "--token-logprobs does nothing with --summary" \
    "$elcl" score m --summary --token-logprobs
refuses "score: text without a tokenizer" 2 "no tokenizer" "$elcl" score --quiet bare a
refuses "score: a start token outside" 2 "--decoder-start-token-id: expected a token id below 260" \
    "$elcl" score --quiet m --decoder-start-token-id 260 "a	b"
printf 'ab\txy\n' >"$tmp/in"
run_in "$elcl" score --quiet m --output "$tmp/scores.txt"
exits "score --output" 0
check "score --output is whole" test -s "$tmp/scores.txt" -a ! -e "$tmp/scores.txt.part"

# ---- devices ---------------------------------------------------------------------------------

run "$elcl" devices
exits "devices" 0
narrow "devices"
check "devices: the default" grep -q '^0   Fake "GPU", gpu (default)$' out
check "devices: why a path is off" grep -q 'fp16 off  the device does not report' out
check "devices: a probe that failed" grep -q "cannot probe: the driver's compiler refused" out
run "$elcl" devices --probe
check "devices --probe" grep -q 'fma off  measured again' out
run env FAKE_CACHE=1 "$elcl" devices
check "devices: why nothing is cached" grep -q \
    '^nothing is cached: /fake/cache: other users may write to it' out
run env FAKE_CACHE=1 "$elcl" devices --format json
tr -d '\n' <out >flat
mv flat out
json "devices --format json: the cache" \
    'not lines[0]["cache"]["used"] and "may write" in lines[0]["cache"]["reason"]'
run "$elcl" devices --no-probe
check "devices --no-probe" sh -c '! grep -q probe: "$1" && ! grep -q fast "$1"' sh out
run "$elcl" devices --format json
tr -d '\n' <out >flat
mv flat out
json "devices --format json" 'lines[0]["devices"][0]["fast_paths"][1]["on"] is False'
json "devices --format json: bytes" 'lines[0]["devices"][0]["memory_bytes"] == 8 << 30'
json "devices --format json: kernel shape" '[d["kernels"] for d in lines[0]["devices"]][0] == "gpu"'
json "devices --format json: failed probe" '"probe_error" in lines[0]["devices"][1]'
FAKE_DEVICES=0
export FAKE_DEVICES
refuses "no device" 1 "no OpenCL device found" "$elcl" devices
run "$elcl" devices --format json
exits "no device, --format json" 1
tr -d '\n' <out >flat
mv flat out
json "no device, --format json" 'lines[0]["devices"] == []'
refuses "devices with a word" 2 "found 'x'" "$elcl" devices x
refuses "devices with an unknown option" 2 "did you mean --format?" "$elcl" devices --forma

# ---- self-test -------------------------------------------------------------------------------

run "$elcl" selftest
exits "selftest with a failure" 1
check "selftest: the device" grep -q '^device    Fake "GPU"$' out
check "selftest: what failed" grep -q '^FAIL gemm native, M=2, f32/f32: y\[3 of 9\]: got 2' out
check "selftest: worst error" grep -q '^gemm native        f32/f32   1 of 2    1 of 1e-06' out
check "selftest: why skipped" grep -q '^gemm clblast .*skipped: the time budget is spent' out
same "selftest: last line" "$(tail -n 1 out)" "1 passed, 1 failed, 1 skipped in 0.5 s"
run "$elcl" selftest --seed 1
exits "selftest without a failure" 0
run "$elcl" selftest --format json
exits "selftest --format json with a failure" 1
tr -d '\n' <out >flat
mv flat out
json "selftest --format json" 'lines[0]["schema"] == "elcl-selftest-1" and lines[0]["failed"] == 1'
json "selftest --format json: device" 'lines[0]["device"]["name"] == "Fake \"GPU\""'
json "selftest --format json: cases" \
    '[c["verdict"] for c in lines[0]["cases"]] == ["pass", "fail", "skip"]'
run "$elcl" tune
exits "tune" 0
check "tune: the rates" grep -q '^arithmetic  1000 GFLOP/s, 8000 with 16-bit weights$' out
check "tune: the spread" grep -q '^spread      50%' out
check "tune: progress" grep -q '^a part is done$' err
check "tune: CLBlast" grep -q '^CLBlast     from 128 rows with f32 weights$' out
check "tune: never" grep -q '^CLBlast     never with 16-bit weights$' out
run "$elcl" tune --format json --output tuned.json --quiet
same "tune --output, --quiet: prints nothing" "$(cat out err)" ""
tr -d '\n' <tuned.json >out
json "tune --format json" '(lines[0]["schema"], lines[0]["clblast_rows_f32"],
lines[0]["clblast_rows_half"], lines[0]["complete"]) == ("elcl-tune-1", 128, -1, True)'
# --json is a spelling of version 0.1. Text and JSON go to a file, whole.
for verb in devices selftest; do
    run "$elcl" $verb --json
    check "$verb --json" grep -q '^{' out
    run "$elcl" $verb
    grep -v ' s  pass$' out >text
    run "$elcl" $verb --output report --verbose
    same "$verb --output: nothing on standard output" "$(cat out)" ""
    same "$verb --output: the text" "$(grep -v ' s  pass$' report)" "$(cat text)"
    check "$verb --verbose: progress" grep -q '^elcl: ' err
done
run "$elcl" tune --budget 2
check "tune --budget" grep -q '^not complete' out
run "$elcl" tune --again
check "tune --again" grep -q '^spread      25%' out
refuses "tune --kernels" 2 "kernels" "$elcl" tune --kernels tpu
refuses "tune on no device" 1 "there is no device gone" "$elcl" tune --device gone
refuses "tune with a word" 2 "found 'x'" "$elcl" tune x
refuses "selftest on no device" 1 "there is no device gone" "$elcl" selftest --device gone
refuses "selftest with a word" 2 "found 'x'" "$elcl" selftest x
refuses "selftest --kernels" 2 "kernels" "$elcl" selftest --kernels tpu
refuses "selftest --matrix-instructions" 2 "expected one of auto|off" \
    "$elcl" selftest --matrix-instructions on
end
