#!/bin/sh
# usage: cli.sh ELCL MODEL
# The command with a real model on the default OpenCL device. MODEL is models/g2p-en, which turns
# spelling into phonemes.
set -u
. "$(dirname "$0")/lib.sh"
elcl=$1
model=$2
LC_ALL=C
export LC_ALL
runs "$elcl" --version
attention="AH0 T EH1 N SH AH0 N"

run "$elcl" devices --no-probe
if [ $code -ne 0 ]; then
    skip "no OpenCL device"
    end
fi

# ---- text ------------------------------------------------------------------------------------

run "$elcl" generate "$model" attention
exits "one word" 0
prints "one word, only results on stdout" "$attention"
same "one word: nothing else" "$(cat "$tmp/err")" ""
run "$elcl" generate --verbose "$model" attention
check "a summary" grep -q ' samples/s, [0-9.]* tokens/s$' "$tmp/err"
check "a summary: memory and rates" \
    grep -q 'peak device memory [0-9.]* MiB; [0-9.]* GB/s, [0-9.]* GFLOP/s' "$tmp/err"
check "a summary: choices" \
    grep -Eq 'attention (el|mha|mha-beam), gemm (native|clblast), kernels (cpu|gpu)' "$tmp/err"
run "$elcl" generate --quiet "$model" attention
same "--quiet" "$(cat "$tmp/err")" ""
run "$elcl" generate --verbose "$model" attention
prints "--verbose" "$attention"

printf 'attention\n\nattention\r\n\r\n\nattention' >"$tmp/in"
run_in "$elcl" generate --quiet "$model"
exits "empty lines" 0
same "empty lines: every line answered" "$(wc -l <"$tmp/out")" 6
same "empty lines: order" "$(sed -n '1p;3p;6p' "$tmp/out")" "$attention
$attention
$attention"
cp "$tmp/out" "$tmp/first"
run "$elcl" generate --quiet "$model" --input "$tmp/in"
check "--input is the same" cmp -s "$tmp/out" "$tmp/first"

# Long and short words mixed; greedy search gives the same for every grouping.
awk 'BEGIN {
    split("a attention kernel transformer unquestionably of opencl beam memory internationally", w)
    for (i = 0; i < 150; i++) print w[1 + i * 7 % 10] (i % 3 ? "" : " " w[1 + i % 10])
}' >"$tmp/in"
run_in "$elcl" generate --quiet "$model" --num-beams 1 --gemm native
exits "150 lines" 0
same "150 lines" "$(wc -l <"$tmp/out")" 150
cp "$tmp/out" "$tmp/greedy"
for options in "--batch-size 1" "--batch-size 7" "--attention el" "--attention mha-beam"; do
    # shellcheck disable=SC2086
    run_in "$elcl" generate --quiet "$model" --num-beams 1 --gemm native $options
    exits "$options" 0
    check "$options: the same" cmp -s "$tmp/out" "$tmp/greedy"
done
tail -n +2 "$tmp/in" >"$tmp/rest"
run "$elcl" generate --quiet "$model" --num-beams 1 --gemm native --input "$tmp/rest"
tail -n +2 "$tmp/greedy" >"$tmp/want_rest"
check "lines keep their places" cmp -s "$tmp/out" "$tmp/want_rest"

# ---- formats ---------------------------------------------------------------------------------

run "$elcl" generate --quiet "$model" attention kernel --num-beams 4 --num-return-sequences 3
exits "n-best" 0
same "n-best: lines" "$(wc -l <"$tmp/out")" 6
same "n-best: the best first" "$(head -n 1 "$tmp/out")" "$attention"
same "n-best: all different" "$(head -n 3 "$tmp/out" | sort -u | wc -l)" 3
cp "$tmp/out" "$tmp/nbest"
run "$elcl" generate --quiet "$model" attention kernel --num-return-sequences 3 --scores
check "scores: the text after the tab" sh -c 'cut -f 2- "$1" | cmp -s - "$2"' sh "$tmp/out" \
    "$tmp/nbest"
head -n 3 "$tmp/out" | cut -f 1 >"$tmp/scores"
check "scores fall" sh -c 'sort -gr "$1" | cmp -s - "$1"' sh "$tmp/scores"
run "$elcl" generate --quiet "$model" attention kernel --num-return-sequences 3 --format jsonl
json "jsonl" '[l["index"] for l in lines] == [0, 0, 0, 1, 1, 1]'
json "jsonl: sequences" '[l["sequence"] for l in lines] == [0, 1, 2, 0, 1, 2]'
json "jsonl: text" "lines[0]['text'].strip() == '$attention'"
json "jsonl: reason" 'all(l["finish_reason"] == "eos" and l["ids"][-1] == 2 for l in lines)'
json "jsonl: scores" 'lines[0]["score"] >= lines[1]["score"] >= lines[2]["score"]'
json "jsonl: start token" 'all(l["ids"][0] == 2 for l in lines)'
run "$elcl" generate --quiet "$model" attention --format ids
ids=$(cat "$tmp/out")
check "ids" sh -c 'echo "$1" | grep -Eq "^2 0( [0-9]+)+ 2$"' sh "$ids"
printf '{"text": "attention"}\n{"ids": [0, 6, 25, 25, 10, 19, 25, 14, 20, 19, 2]}\n' >"$tmp/in"
run_in "$elcl" generate --quiet "$model" --input-format jsonl
prints "jsonl input" "$attention" "$attention"
echo "0 6 25 25 10 19 25 14 20 19 2" >"$tmp/in"
run_in "$elcl" generate --quiet "$model" --input-format ids --format ids
prints "ids input" "$ids"

# ---- options ---------------------------------------------------------------------------------

run "$elcl" generate --quiet "$model" attention --max-new-tokens 4 --format jsonl
json "--max-new-tokens" 'len(lines[0]["ids"]) == 5'
run "$elcl" generate --quiet "$model" attention --max-length 4 --format jsonl
json "--max-length" 'len(lines[0]["ids"]) == 4'
run "$elcl" generate --quiet "$model" attention --min-length 20 --format jsonl
json "--min-length" 'len(lines[0]["ids"]) >= 20'
run "$elcl" generate --quiet "$model" attention --memory-limit 1G
prints "--memory-limit" "$attention"
run "$elcl" generate --quiet "$model" attention --weights f16 --state f16
prints "f16" "$attention"
run "$elcl" generate --quiet "$model" attention --weights int8 --state f16
prints "int8 weights" "$attention"
for compute in f32 int8; do
    run "$elcl" generate --quiet "$model" attention --weights int8 --compute $compute
    prints "int8 weights, $compute products" "$attention"
done
run "$elcl" generate --quiet "$model" attention --weights bf16 --compute bf16
prints "bf16 weights, bf16 products" "$attention"
run "$elcl" generate "$model" attention --compute f16
prints "f16 products of f32 weights" "$attention"
check "and says what they need" grep -q "f16 compute needs f16 weights" "$tmp/err"
refuses "unknown compute" 2 "--compute: expected one of auto|f32|f16|bf16|int8, found 'int4'" \
    "$elcl" generate --quiet "$model" a --compute int4
run "$elcl" generate --verbose "$model" attention --kernels gpu --matrix-instructions off
prints "without matrix instructions" "$attention"
check "and says who turned them off" grep -q "turned off by the caller" "$tmp/err"
run env ELCL_MATRIX_INSTRUCTIONS=off "$elcl" devices
check "devices without matrix instructions" grep -q "turned off by" "$tmp/out"
refuses "a wrong word in the environment" 2 \
    "ELCL_MATRIX_INSTRUCTIONS: expected auto or off, found 'no'" \
    env ELCL_MATRIX_INSTRUCTIONS=no "$elcl" generate --quiet "$model" attention
run "$elcl" generate --quiet "$model" attention --num-beams 4 --num-beam-groups 4 \
    --diversity-penalty 1 --num-return-sequences 4
check "groups of beams differ" test "$(sort -u "$tmp/out" | wc -l)" -ge 2
refuses "groups that do not divide the beams" 2 "num_beam_groups" "$elcl" generate --quiet \
    "$model" a --num-beams 4 --num-beam-groups 3 --diversity-penalty 1
run "$elcl" generate --quiet "$model" attention --search-style fairseq --num-beams 4
prints "fairseq style" "AH0 T EH1 N SH AH0 N"
run "$elcl" generate --quiet "$model" attention --search-style fairseq --max-len-b 5 --format ids
check "fairseq style: start token, 5 tokens and EOS" test "$(wc -w < "$tmp/out")" = 7
refuses "a penalty for an unknown token that is unknown" 2 "unk_token_id" "$elcl" generate \
    --quiet "$model" a --search-style fairseq --unk-penalty 1
refuses "too little memory" 1 "memory" "$elcl" generate --quiet "$model" a --memory-limit 64K
refuses "a batch that does not fit" 1 \
    "--batch-size: batch_size is 20000, but at most 25 requests of 4 beams" \
    "$elcl" generate --quiet "$model" a --memory-limit 100M --num-beams 4 --batch-size 20000
refuses "a batch of which nothing fits" 1 \
    "--batch-size: batch_size is 2, but not one request of 4 beams" \
    "$elcl" generate --quiet "$model" a --memory-limit 13M --batch-size 2
run "$elcl" generate --quiet --device nosuchdevice "$model" a
check "unknown device: exit code" [ "$code" = 1 -o "$code" = 2 ]
says "unknown device" "nosuchdevice"
run "$elcl" generate --quiet --device 0 "$model" attention
prints "--device 0" "$attention"

# ---- several engines -------------------------------------------------------------------------

# Texts of unequal lengths, whose outputs come in input order whichever engine has them.
for i in 1 2 3 4 5 6; do
    printf '%s\n' a internationalization of attention counterrevolutionaries kernel it transformer
done >"$tmp/in"
run_in "$elcl" generate --quiet "$model" --gemm native --num-beams 4
cp "$tmp/out" "$tmp/want"
run_in "$elcl" generate --quiet "$model" --gemm native --num-beams 4 --format jsonl
cp "$tmp/out" "$tmp/want_jsonl"
for options in "--device 0,0" "--device 0,0 --engines 2" "--engines 2" \
    "--engines 2 --batch-size 3" \
    "--engines 5 --batch-size 1"; do
    run_in "$elcl" generate --quiet "$model" --gemm native --num-beams 4 $options
    exits "$options" 0
    check "$options: the same text" cmp -s "$tmp/out" "$tmp/want"
done
run_in "$elcl" generate --quiet "$model" --gemm native --num-beams 4 --device 0,0 --format jsonl
check "two devices: the same jsonl" cmp -s "$tmp/out" "$tmp/want_jsonl"
run_in "$elcl" generate --quiet "$model" --gemm native --num-beams 1
cp "$tmp/out" "$tmp/want"
run_in "$elcl" generate --quiet "$model" --gemm native --num-beams 1 --engines 2 --stream
check "two engines: streamed in order" cmp -s "$tmp/out" "$tmp/want"
run_in "$elcl" generate --quiet "$model" --gemm native --num-beams 1 --engines 2 \
    --trace "$tmp/trace"
exits "--trace" 0
check "--trace: the same text" cmp -s "$tmp/out" "$tmp/want"
tr -d '\n' <"$tmp/trace" >"$tmp/out"
json "--trace: both engines, and times" '(lambda calls: {e["pid"] for e in calls} == {1, 2} and
{e["args"]["phase"] for e in calls} == {"encode", "step"} and any(e["dur"] > 0 for e in calls))(
[e for e in lines[0]["traceEvents"] if e["ph"] == "X"])'
refuses "--trace without a place for it" 1 "$tmp/none/trace" \
    "$elcl" generate --quiet "$model" --trace "$tmp/none/trace" a
run "$elcl" generate --quiet --engines 2 "$model"
exits "two engines: no input" 0
refuses "a gap among devices" 2 '"0,,1"' "$elcl" generate --quiet --device 0,,1 "$model" a
run "$elcl" generate --quiet --device 0,99 "$model" a
check "a device of the list that is not there: exit code" [ "$code" = 1 -o "$code" = 2 ]
says "a device of the list that is not there" "99"

refuses "missing model" 1 "$tmp/none" "$elcl" generate --quiet "$tmp/none" a
refuses "an empty directory" 1 "config.json" "$elcl" generate --quiet "$tmp" a
refuses "a token outside the vocabulary" 2 "--prefix-alternatives: alternatives has token 99999" \
    "$elcl" generate --quiet "$model" a --prefix-alternatives 99999
refuses "longer than the model" 2 "--max-length" \
    "$elcl" generate --quiet "$model" a --max-length 100000

# ---- weights that are no numbers -------------------------------------------------------------

mkdir "$tmp/damaged" && cp "$model"/*.json "$model/merges.txt" "$tmp/damaged/"
middle=$(($(wc -c <"$model/model.safetensors") / 8 * 4))
{
    head -c "$middle" "$model/model.safetensors"
    printf '\377\377\377\377\377\377\377\377'
    tail -c +$((middle + 9)) "$model/model.safetensors"
} >"$tmp/damaged/model.safetensors"
for options in '--num-beams 1' '--num-beams 4' '--do-sample' '--kernels gpu'; do
    refuses "weights that are no numbers, $options" 1 \
        "request 0: the logits of the next token are not finite" \
        "$elcl" generate --quiet "$tmp/damaged" attention $options
done
printf 'attention\tAH0 T\n' >"$tmp/in"
run_in "$elcl" score --quiet "$tmp/damaged"
exits "score: weights that are no numbers" 1
says "score: weights that are no numbers" "is not finite"

# ---- bad samples -----------------------------------------------------------------------------

printf 'attention\nbad \377\nattention\n' >"$tmp/in"
run_in "$elcl" generate --quiet "$model"
exits "bad UTF-8" 1
prints "bad UTF-8: the lines before it are written" "$attention"
says "bad UTF-8" "standard input: line 2: "
run_in "$elcl" generate --quiet "$model" --keep-going
exits "keep going" 1
prints "keep going" "$attention" "" "$attention"
says "keep going" "standard input: line 2: "
long=$(awk 'BEGIN { for (i = 0; i < 300; i++) printf "ab" }')
printf 'attention\n%s\nattention\n' "$long" >"$tmp/in"
run_in "$elcl" generate "$model"
exits "over-long source" 0
same "over-long source: lines" "$(wc -l <"$tmp/out")" 3
same "over-long source: the others" "$(sed -n '1p;3p' "$tmp/out")" "$attention
$attention"
check "over-long source: a warning" grep -q '^elcl: warning: cut 1 source .* line 2$' "$tmp/err"
check "over-long source: its output, too" \
    grep -q '^elcl: warning: 1 of 3 outputs stopped at .* line 2: the model has no more pos' \
    "$tmp/err"
run_in "$elcl" generate --quiet "$model" --long-source refuse
exits "over-long source refused" 1
prints "over-long source refused" "$attention"
says "over-long source refused" "line 2: "
echo "0 6 100000 2" >"$tmp/in"
run_in "$elcl" generate --quiet "$model" --input-format ids
exits "token outside the vocabulary" 1
says "token outside the vocabulary" "line 1: "

# ---- streams ---------------------------------------------------------------------------------

run "$elcl" generate --quiet "$model" attention --output "$tmp/o.txt"
same "--output" "$(cat "$tmp/o.txt")" "$attention"
check "no part is left" [ ! -e "$tmp/o.txt.part" ]
refuses "no such directory" 1 "$tmp/none/o.txt" \
    "$elcl" generate --quiet "$model" a --output "$tmp/none/o.txt"
awk 'BEGIN { for (i = 0; i < 3000; i++) print "attention" }' >"$tmp/in"
"$elcl" generate --quiet "$model" --num-beams 1 --input "$tmp/in" 2>"$tmp/err" |
    head -n 1 >"$tmp/out"
prints "| head -n 1" "$attention"
mkfifo "$tmp/pipe"
"$elcl" generate --quiet "$model" <"$tmp/pipe" >"$tmp/out" 2>"$tmp/err" &
pid=$!
exec 3>"$tmp/pipe"
send 'attention\n'
check "a line is answered while the input is open" waits has_lines "$tmp/out" 1
send 'attention\n'
check "so is the next one" waits has_lines "$tmp/out" 2
exec 3>&-
wait $pid
code=$?
exits "streaming" 0
prints "streaming" "$attention" "$attention"

ELCL_CACHE_DIR=$tmp/cache run "$elcl" generate --quiet "$model" --no-cache attention
prints "without a cache" "$attention"
check "--no-cache stores nothing" [ ! -e "$tmp/cache" ]
for _ in 1 2 3 4 5 6 7 8 9 10; do # nothing is stored of what other programs disturb
    ELCL_CACHE_DIR=$tmp/cache run "$elcl" generate --quiet "$model" attention
    [ ! "$(ls "$tmp/cache")" ] || break
done
check "otherwise verdicts or kernels are stored" [ "$(ls "$tmp/cache")" ]

# ---- the encoder cache -----------------------------------------------------------------------

run "$elcl" generate "$model" --encoder-cache "$tmp/in" attention
prints "an encoder cache that is a file" "$attention"
check "a warning says so" grep -q "warning: no encoder cache: $tmp/in: " "$tmp/err"
mkdir -m 777 "$tmp/open"
chmod 777 "$tmp/open"
run "$elcl" generate "$model" --encoder-cache "$tmp/open" attention
prints "an encoder cache that others may write to" "$attention"
check "a warning names the remedy" grep -q 'open: other users .* chmod 700' "$tmp/err"
check "nothing is stored there" [ ! "$(ls "$tmp/open")" ]
run "$elcl" generate "$model" --encoder-cache "$tmp/encoded" attention transformer attention
prints "an encoder cache" "$attention" "T R AE0 N S F AO1 R M ER0" "$attention"
same "its directory and its file" "$(stat -c %a "$tmp/encoded" "$tmp"/encoded/*)" "700
600"

# ---- sampling --------------------------------------------------------------------------------

sample="generate --quiet $model --num-beams 1 --do-sample --format jsonl"
run "$elcl" $sample --seed 1 attention transformer kernel hello
exits "sampling" 0
mv "$tmp/out" "$tmp/sampled"
run "$elcl" $sample --seed 1 --batch-size 1 attention transformer kernel hello
check "sampling: the same in batches of one" cmp -s "$tmp/out" "$tmp/sampled"
run "$elcl" $sample --seed 1 attention transformer kernel
check "sampling: the same with fewer samples" \
    [ "$(cat "$tmp/out")" = "$(head -n 3 "$tmp/sampled")" ]
run "$elcl" $sample --seed 2 attention transformer kernel hello
check "sampling: another seed, another text" sh -c '! cmp -s "$1" "$2"' sh "$tmp/out" "$tmp/sampled"
run "$elcl" $sample --temperature 2 --num-return-sequences 5 attention
json "sampling: sequences of their own" 'len(set(str(d["ids"]) for d in lines)) > 2'
for cut in '--temperature 0.00001' '--top-k 1' '--top-p 0' '--min-p 1' '--typical-p 0.000001'; do
    run "$elcl" generate --quiet "$model" --num-beams 1 --do-sample $cut attention
    prints "sampling: $cut leaves the best" "$attention"
done
for given in --temperature=2 --seed=2; do
    run "$elcl" generate "$model" "$given" attention
    prints "$given without sampling" "$attention"
    same "$given without sampling: one warning" "$(cat "$tmp/err")" \
        "elcl: warning: ${given%=*} does nothing without sampling: add --do-sample"
done
refuses "sampling and not" 2 "both" "$elcl" generate "$model" --do-sample --no-sample a

# ---- rules -----------------------------------------------------------------------------------

while read -r option value; do
    run "$elcl" generate --quiet "$model" --max-length 12 "$option" "$value" attention
    exits "$option" 0
    check "$option $value changes the result" [ "$(cat "$tmp/out")" != "$attention" ]
done <<'END'
--suppress-tokens 58
--begin-suppress-tokens 41
--bad-words-ids 7;41,91
--decoder-prefix-ids 0,70
--decoder-prefix ab
--prefix-alternatives 0;60,61,62;70
--encoder-no-repeat-ngram-size 1
--encoder-repetition-penalty 0.01
--presence-penalty 20
--frequency-penalty 20
END
for value in true false; do
    run "$elcl" generate --quiet "$model" --num-beams 3 --no-repeat-ngram-size 1 --scores \
        --renormalize-logits $value attention
    exits "--renormalize-logits $value" 0
    cp "$tmp/out" "$tmp/renormalized-$value"
done
check "--renormalize-logits changes scores" sh -c '! cmp -s "$1" "$2"' sh \
    "$tmp/renormalized-true" "$tmp/renormalized-false"
refuses "--renormalize-logits with one beam" 2 "expected --num-beams above 1" \
    "$elcl" generate --quiet "$model" --num-beams 1 --renormalize-logits true a
run "$elcl" generate --quiet "$model" --num-beams 1 --stop Q --stop T --format jsonl attention
json "--stop" 'lines[0]["text"] == " AH0 T" and lines[0]["finish_reason"] == "stop"'
for seed in 1 2; do
    for batch in 1 5; do
        run "$elcl" generate --quiet "$model" --do-sample --num-beams 4 --temperature 3 \
            --seed $seed --batch-size $batch --scores attention kernel transformer of opencl beam
        exits "sampling with beams" 0
        cp "$tmp/out" "$tmp/beams-$seed-$batch"
    done
    check "sampling with beams: any batch" cmp -s "$tmp/beams-$seed-1" "$tmp/beams-$seed-5"
done
check "sampling with beams: the seed counts" sh -c '! cmp -s "$1" "$2"' sh "$tmp/beams-1-1" \
    "$tmp/beams-2-1"
refuses "sampling with groups" 2 "num_beam_groups is 2, must be 1 with do_sample" \
    "$elcl" generate --quiet "$model" --do-sample --num-beams 4 --num-beam-groups 2 \
    --diversity-penalty 1 a
run "$elcl" generate --quiet "$model" --decoder-prefix ab --format jsonl attention
json "--decoder-prefix has no special tokens" 'lines[0]["ids"][:3] == [2, 6, 7]'
cat >"$tmp/in" <<'END'
{"text": "attention"}
{"text": "attention", "decoder_prefix": "ab"}
{"text": "attention", "decoder_prefix_ids": [0, 70], "num_beams": 3}
{"text": "attention", "prefix_alternatives": [[0], [60, 61, 62], [70]]}
{"text": "attention", "suppress_tokens": [58, 90]}
{"text": "attention", "bad_words_ids": [[41, 91], [79]]}
END
run_in "$elcl" generate --quiet "$model" --input-format jsonl --format jsonl
exits "lists of lines" 0
json "lists of lines: prefix" '[l["ids"][:3] for l in lines[1:3]] == [[2, 6, 7], [2, 0, 70]]'
json "lists of lines: alternatives" \
    'lines[3]["ids"][2] in (60, 61, 62) and lines[3]["ids"][3] == 70'
json "lists of lines: suppressed" 'not {58, 90} & set(lines[4]["ids"]) and 58 in lines[0]["ids"]'
json "lists of lines: bad words" \
    '79 not in lines[5]["ids"] and (41, 91) not in zip(lines[5]["ids"], lines[5]["ids"][1:])'
cp "$tmp/out" "$tmp/lists"
run_in "$elcl" generate --quiet "$model" --input-format jsonl --format jsonl --batch-size 1
check "lists of lines: the same one by one" cmp -s "$tmp/out" "$tmp/lists"
run "$elcl" generate --quiet "$model" --search-style fairseq --decoder-prefix-ids 0,70 \
    --format jsonl attention
json "--decoder-prefix-ids, fairseq" 'lines[0]["ids"][:3] == [2, 0, 70]'
refuses "--suppress-tokens with a word" 2 "found '5,x'" \
    "$elcl" generate "$model" --suppress-tokens 5,x a
refuses "--suppress-tokens with two lists" 2 "found '5;6'" \
    "$elcl" generate "$model" --suppress-tokens '5;6' a
refuses "--bad-words-ids with an empty word" 2 "found '5;;6'" \
    "$elcl" generate "$model" --bad-words-ids '5;;6' a
refuses "--suppress-tokens beyond the vocabulary" 2 "suppress_tokens has token 5000" \
    "$elcl" generate --quiet "$model" --suppress-tokens 5000 a
refuses "a prefix twice" 2 "found both" \
    "$elcl" generate "$model" --decoder-prefix a --decoder-prefix-ids 5 a
refuses "--stop with beams" 2 "num_beams is 2, must be 1 with stop strings" \
    "$elcl" generate --quiet "$model" --num-beams 2 --stop T a
refuses "--patience without beams" 2 "patience is 2" \
    "$elcl" generate --quiet "$model" --num-beams 1 --patience 2 a
refuses "--stop in fairseq style" 2 "search-style fairseq" \
    "$elcl" generate --quiet "$model" --search-style fairseq --stop T a
refuses "a prefix that leaves no room" 2 "after a prefix of 2 tokens" \
    "$elcl" generate --quiet "$model" --decoder-prefix-ids 5,6 --max-new-tokens 127 a

# ---- devices ---------------------------------------------------------------------------------

run "$elcl" devices
exits "devices" 0
narrow "devices"
check "devices: one is the default" [ "$(grep -c '^[0-9].* (default)$' "$tmp/out")" = 1 ]
run "$elcl" devices --format json
tr -d '\n' <"$tmp/out" >"$tmp/flat"
mv "$tmp/flat" "$tmp/out"
json "devices --format json" 'all(d["fast_paths"] or d["probe_error"] for d in lines[0]["devices"])'
json "devices --format json: kernel shape" \
    'all(d["kernels"] == "cpu" for d in lines[0]["devices"] if "PoCL" in d["version"])'
json "devices --format json: one default" 'sum(d["default"] for d in lines[0]["devices"]) == 1'

# ---- self-test -------------------------------------------------------------------------------

run "$elcl" selftest --small
exits "selftest" 0
check "selftest: passes" grep -q '^[1-9][0-9]* passed, 0 failed' "$tmp/out"
run "$elcl" selftest --small --budget 4 --build-options -DELCL_TEST_WRONG
exits "selftest of wrong kernels" 1
check "selftest names a wrong kernel" grep -q '^FAIL gemm native, tiny step .* got ' "$tmp/out"
run "$elcl" selftest --small --budget 1 --build-options "-D)"
exits "selftest of kernels that cannot be built" 1
check "selftest names the build" grep -q '^FAIL build, kernels, ' "$tmp/out"

# ---- tuning ----------------------------------------------------------------------------------

run env ELCL_CACHE_DIR="$tmp/tuned" "$elcl" tune --budget 1
exits "tune" 0
check "tune: the rates" grep -Eq '^arithmetic  [0-9.e+]+ GFLOP/s, ' "$tmp/out"
same "tune: one file" "$(ls "$tmp/tuned" | grep -c '^tune-.*json$')" 1
run env ELCL_CACHE_DIR="$tmp/tuned" "$elcl" devices --no-probe
check "devices: tuned" grep -q '^    rates .* GB/s' "$tmp/out"
run env ELCL_CACHE_DIR="$tmp/tuned" "$elcl" devices --no-probe --format json
check "devices --format json: tuned" grep -q '"memory_gbs":' "$tmp/out"
run env ELCL_CACHE_DIR="$tmp/untuned" "$elcl" devices --no-probe --format json
check "devices --format json: not tuned" grep -q '"rates":.*null' "$tmp/out"
run env ELCL_CACHE_DIR="$tmp/tuned" "$elcl" generate --verbose "$model" attention
prints "generate on a tuned device" "$attention"
check "auto by the rates" grep -q "auto attention: the device's rates" "$tmp/err"
run env ELCL_CACHE_DIR="$tmp/tuned" "$elcl" generate --verbose --no-cache "$model" attention
check "--no-cache does not read them" sh -c '! grep -q "the device.s rates" "$1"' sh "$tmp/err"
run env ELCL_CACHE_DIR=/dev/null/x "$elcl" tune --budget 1
exits "tune that cannot store" 1

OCL_ICD_VENDORS=/nonexistent
export OCL_ICD_VENDORS
refuses "no OpenCL device: devices" 1 "no OpenCL device" "$elcl" devices
refuses "no OpenCL device: generate" 1 "no OpenCL device" "$elcl" generate "$model" attention

end
