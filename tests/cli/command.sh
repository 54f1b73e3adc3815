#!/bin/sh
# usage: command.sh FAKE_ELCL
# The command on the stand-in for the library (fake_elcl.c): options, lines, formats, messages and
# failures that a real model shows too rarely.
set -u
. "$(dirname "$0")/lib.sh"
on_fake "$1"

# ---- help and usage --------------------------------------------------------------------------

for verb in "" generate merge score transcribe encode decode devices selftest tune compare; do
    # shellcheck disable=SC2086
    run "$elcl" $verb --help
    exits "elcl $verb --help" 0
    narrow "elcl $verb --help"
    check "elcl $verb --help says how it is used" grep -q '^Usage: elcl' "$tmp/out"
    same "elcl $verb --help is silent on stderr" "$(cat "$tmp/err")" ""
done
run "$elcl" generate -h
check "generate -h" grep -q '^Usage: elcl generate' "$tmp/out"
run "$elcl" --version
prints "version" "elcl 0.0.0-fake"
refuses "no verb" 2 "elcl --help" "$elcl"
refuses "misspelt verb" 2 "did you mean generate?" "$elcl" genrate
refuses "unknown verb" 2 "unknown command frobnicate" "$elcl" frobnicate
refuses "unknown option before a verb" 2 "unknown option --frob" "$elcl" --frob
refuses "no model" 2 "model directory" "$elcl" generate
refuses "misspelt option" 2 "did you mean --num-beams?" "$elcl" generate m --num-beam 3
refuses "underscores" 2 "did you mean --num-beams?" "$elcl" generate m --num_beams=3
refuses "unknown option" 2 "unknown option --frobnicate" "$elcl" generate m --frobnicate
refuses "short option" 2 "unknown option -n" "$elcl" generate m -n 3
refuses "value is missing" 2 "--num-beams needs a value" "$elcl" generate m --num-beams
refuses "flag with a value" 2 "--quiet takes no value" "$elcl" generate m --quiet=yes
refuses "text twice" 2 "--input" "$elcl" generate m hello --input f
refuses "quiet and verbose" 2 "--verbose" "$elcl" generate m --quiet --verbose
for given in --max-length=9 --max-new-tokens=9 --min-length=2 --min-new-tokens=2 \
    --early-stopping=true --renormalize-logits=true --repetition-penalty=2 \
    --forced-eos-token-id=2; do
    refuses "$given in fairseq style" 2 "${given%%=*} has no meaning with --search-style fairseq" \
        "$elcl" generate m "$given" --search-style fairseq
done
for given in --min-len=2 --max-len-a=1 --max-len-b=9 --unk-penalty=1 --unk-token-id=3; do
    refuses "$given in hf style" 2 "${given%%=*} has no meaning with --search-style hf" \
        "$elcl" generate m "$given"
done
refuses "scores with jsonl" 2 "--scores" "$elcl" generate m --scores --format jsonl

# ---- values ----------------------------------------------------------------------------------

for bad in --num-beams=0 --num-beams=65 --num-beams=x --num-beams=3x --num-beams= --num-beams=1e1 \
    --num-beams=-1 --num-beams=99999999999999999999 --num-return-sequences=0 \
    --max-length=0 --max-length=2147483648 --min-length=-1 --batch-size=0 --batch-size=many \
    --max-source=0 --length-penalty=x --length-penalty=nan --length-penalty=inf \
    --length-penalty=1,5 --search-style=torch --num-beam-groups=0 \
    --diversity-penalty=-1 \
    --max-len-a=-1 --max-len-a=65 --min-len=-1 --max-len-b=x --unk-penalty=nan \
    --length-penalty=0x10 --repetition-penalty=0 --repetition-penalty=-1 \
    --early-stopping=yes --attention=fast --gemm=blas --kernels=tpu --weights=f8 --state=int2 \
    --matrix-instructions=on \
    --format=xml --input-format=csv --long-source=split --memory-limit=0 --memory-limit=-1 \
    --memory-limit=2X --memory-limit=2GG --memory-limit=G --memory-limit= \
    --eos-token-id=1,x --eos-token-id=1, --eos-token-id= --eos-token-id=-1 \
    --eos-token-id="$(seq -s, 33)" --forced-bos-token-id=-2 --forced-eos-token-id=some \
    --decoder-start-token-id=1.5 --device= --input= --output=; do
    refuses "$bad" 2 "${bad%%=*}: expected" "$elcl" generate m "$bad" hello
done
for good in --num-beams=64 --num-beams=+3 --length-penalty=-2.5 --length-penalty=1e-3 \
    --memory-limit=512M --memory-limit=1.5g --memory-limit=4096 --batch-size=auto --batch-size=7 \
    --eos-token-id=2,3 --eos-token-id=none --forced-bos-token-id=none --forced-eos-token-id=-1 \
    --early-stopping=never --attention=mha-beam --max-length=64 --max-new-tokens=63 \
    --max-source=64; do
    run "$elcl" generate m "$good" hello
    exits "$good" 0
    prints "$good" "HELLO"
done
run "$elcl" generate --num-beams 3 m --length-penalty -1 hello --quiet
prints "values apart, options anywhere" "HELLO"
run "$elcl" generate --quiet m -- --num-beams -x
prints "-- ends the options" "--NUM-BEAMS" "-X"
refuses "too many sequences" 2 "at most --num-beams, which is 3, found 4" \
    "$elcl" generate --quiet m --num-beams 3 --num-return-sequences 4 hello
refuses "too long an output" 2 "at most 64" "$elcl" generate --quiet m --max-length 65 hello
refuses "too many new tokens" 2 "at most 63" "$elcl" generate --quiet m --max-new-tokens 64 hello
refuses "too long a source limit" 2 "at most 64" "$elcl" generate --quiet m --max-source 65 hello
run "$elcl" generate scarce a b c
prints "an automatic batch where a small one does not fit" "A" "B" "C"
refuses "a given batch that does not fit" 1 "too little memory" \
    "$elcl" generate --quiet scarce --batch-size 3 a
refuses "the engine dislikes an option" 2 "13 is not liked" \
    "$elcl" generate --quiet m --length-penalty 13 hello
refuses "missing model" 1 "missing: no such directory" "$elcl" generate --quiet missing hello
refuses "missing input" 1 "$tmp/none" "$elcl" generate --quiet m --input "$tmp/none"
refuses "a directory as input" 1 "directory" "$elcl" generate --quiet m --input "$tmp"
run "$elcl" generate --quiet bare hello
exits "text without a tokenizer" 2
says "text without a tokenizer" "no tokenizer"
run "$elcl" generate --quiet bare --format ids hello
says "text input without a tokenizer" "no tokenizer"
run "$elcl" generate --quiet bare --format ids --input-format ids "0 5 6 2"
prints "ids without a tokenizer" "2 5 6 2"

# ---- order, lines, formats -------------------------------------------------------------------

i=0
while [ $i -lt 300 ]; do
    i=$((i + 1))
    echo "w$((i * 7919 % 1000))x$i"
done >"$tmp/in"
cp "$tmp/in" "$tmp/few"
tr a-z A-Z <"$tmp/in" >"$tmp/upper"
for batch in 1 7 auto; do
    run_in "$elcl" generate --quiet m --batch-size $batch
    exits "order, batch $batch" 0
    check "order, batch $batch" cmp -s "$tmp/out" "$tmp/upper"
done
i=0
while [ $i -lt 40 ]; do
    cat "$tmp/in"
    i=$((i + 1))
done >"$tmp/many"
tr a-z A-Z <"$tmp/many" >"$tmp/many_upper"
run "$elcl" generate --quiet m --input "$tmp/many" --batch-size 64
check "12000 lines, several windows" cmp -s "$tmp/out" "$tmp/many_upper"
cat "$tmp/many" | "$elcl" generate --quiet m --batch-size 64 >"$tmp/out" 2>"$tmp/err"
check "12000 lines through a pipe" cmp -s "$tmp/out" "$tmp/many_upper"

printf 'a\n\n  b c \r\n\r\n\nlast' >"$tmp/in"
run_in "$elcl" generate --quiet m
prints "empty lines, CRLF, no last line end" "A" "" "  B C " "" "" "LAST"
printf '\357\273\277a\nb\n' >"$tmp/in"
run_in "$elcl" generate --quiet m
prints "byte-order mark" "A" "B"
printf 'x\000y\n' >"$tmp/in"
run_in "$elcl" generate --quiet m --format ids
prints "a NUL byte inside a line" "2 92 4 93 2"
: >"$tmp/in"
run_in "$elcl" generate --quiet m
exits "no samples" 0
prints "no samples"
run "$elcl" generate --quiet m "" hello ""
prints "empty arguments" "" "HELLO" ""
run "$elcl" generate --quiet m --input - --output -
exits "- as names" 0

run "$elcl" generate --quiet m "!lines" b
prints "line ends inside a text" "!LINES 	" "B"
run "$elcl" generate --quiet m a b --num-return-sequences 3
prints "n-best" "A|0" "A|1" "A|2" "B|0" "B|1" "B|2"
run "$elcl" generate --quiet m a --src-lang aa --tgt-lang aa
prints "languages" "A"
refuses "no prompt to leave out" 2 "--no-prompt is for decoder-only models" "$elcl" generate \
    --quiet m a --no-prompt
run "$elcl" generate --quiet m a --src-lang bb
prints "language of the source" "A~"
run "$elcl" generate --quiet m a --tgt-lang bb
prints "language of the output" "A^"
refuses "unknown source language" 2 "does not know" "$elcl" generate --quiet m a \
    --src-lang cc
refuses "unknown target language" 2 "does not know" "$elcl" generate --quiet m a \
    --tgt-lang cc
refuses "language of ids" 2 "--src-lang does nothing" "$elcl" generate --quiet m 7 \
    --src-lang aa --input-format ids
refuses "language and token" 2 "--tgt-lang and --forced-bos-token-id contradict" "$elcl" generate \
    --quiet m a --tgt-lang bb --forced-bos-token-id 5
run "$elcl" generate --quiet m a --num-return-sequences 2 --scores
prints "scores" "-0.125000	A|0" "-0.250000	A|1"
run "$elcl" generate --quiet m a --scores --format ids
prints "scores and ids" "-0.125000	2 69 2"
run "$elcl" generate --quiet m '!lines "q" \ é' b --num-return-sequences 2 --format jsonl
json "jsonl" '[l["index"] for l in lines] == [0, 0, 1, 1]'
json "jsonl: sequences" '[l["sequence"] for l in lines] == [0, 1, 0, 1]'
json "jsonl: exact text" 'lines[0]["text"] == " !LINES \"Q\" \\ é\n\t|0"'
json "jsonl: scores" '[l["score"] for l in lines] == [-0.125, -0.25, -0.125, -0.25]'
json "jsonl: ids" 'lines[2]["ids"] == [2, 70, 128, 52, 2]'
json "jsonl: reason" 'lines[0]["finish_reason"] == "eos"'

cat >"$tmp/in" <<'END'
{"text": "one"}
{"id": 7, "text": "t\u00e9 \"q\""}
{"ids": [0, 101, 102, 2]}
END
printf '  {"text": ""} \t\n' >>"$tmp/in"
run_in "$elcl" generate --quiet m --input-format jsonl
prints "jsonl input" "ONE" 'Té "Q"' "AB" ""
# Ids come back byte by byte, whatever stands before them, in generate and in score.
cat >"$tmp/ids" <<'END'
1234567890123456789
-0
1.0
1e400
0.10
"tab\t \u00e9 \/ \"}, {"
"é"
END
while read -r id; do
    printf '\357\273\277{"text" : "a, \\"b\\": {" ,"bad_words_ids":[[5,7],[9]], "id" : %s }\n' "$id"
done <"$tmp/ids" >"$tmp/in"
run_in "$elcl" generate --quiet m --input-format jsonl --format jsonl
sed 's/^.*"id":\(.*\),"sequence".*/\1/' "$tmp/out" >"$tmp/found"
check "jsonl: spelling of ids" cmp -s "$tmp/found" "$tmp/ids"
while read -r id; do
    printf '%s\n' "{\"id\":$id,\"source\":[5],\"target\":[7]}"
done <"$tmp/ids" >"$tmp/in"
run_in "$elcl" score --quiet m --input-format jsonl --format jsonl
sed -n 's/^.*"id": \(.*\), "log_prob".*/\1/p' "$tmp/out" >"$tmp/found"
check "score: spelling of ids" cmp -s "$tmp/found" "$tmp/ids"
printf '0 5  6\t2 \n0 2\n' >"$tmp/in"
run_in "$elcl" generate --quiet m --input-format ids --format ids
prints "ids input" "2 5 6 2" "2 2"
while read -r text line; do
    printf '%s\n' "$line" >"$tmp/in"
    run_in "$elcl" generate --quiet m --input-format jsonl
    exits "bad jsonl: $line" 1
    says "bad jsonl: $line" "standard input: line 1: "
    says "bad jsonl: $line" "$text"
done <<'END'
JSON {"text": "a"
JSON hello
after {"text": "a"} {"text": "b"}
another [1, 2]
neither {"txt": "a"}
another {"text": 5}
another {"ids": "5"}
none {"ids": []}
item {"ids": [1, "2"]}
item {"ids": [1.5]}
item {"ids": [-1]}
below {"ids": [0, 260, 2]}
both {"ids": [1], "text": "a"}
U+0000 {"text": "a\u0000b"}
invalid {"text": "a", "id": 01}
control {"text": "a", "id": "tab	"}
END
# The message cuts a long key, but no character of it.
for before in '' a aa; do
    key=$before$(printf '%30s' '' | sed 's/ /€/g')
    printf '{"text": "a", "%s": 1}\n' "$key" >"$tmp/in"
    run_in "$elcl" generate --quiet m --input-format jsonl --format jsonl --keep-going
    check "a long key: UTF-8" iconv -f UTF-8 -t UTF-8 -o /dev/null "$tmp/out"
done
for line in "" "1 x" "1 -2" "99999999999" "0 260 2"; do
    printf '%s\n' "$line" >"$tmp/in"
    run_in "$elcl" generate --quiet m --input-format ids
    exits "bad ids: $line" 1
    says "bad ids: $line" "standard input: line 1: expected token ids"
done

# ---- bad samples -----------------------------------------------------------------------------

printf 'a\nb\nbad \377\nd\n!request\nf\n' >"$tmp/in"
run_in "$elcl" generate --quiet m
exits "bad UTF-8" 1
prints "bad UTF-8: the lines before it are written" "A" "B"
says "bad UTF-8" "standard input: line 3: invalid UTF-8"
run "$elcl" generate --quiet m --input "$tmp/in"
says "bad UTF-8 in a file" "$tmp/in: line 3: invalid UTF-8"
run_in "$elcl" generate --quiet m --keep-going
exits "keep going" 1
prints "keep going" "A" "B" "" "D" "" "F"
latin1="(Latin-1 text? iconv -f LATIN1 -t UTF-8 converts it)"
same "keep going: two sentences" "$(sed 's/standard input/stdin/' "$tmp/err")" \
    "elcl: error: stdin: line 3: invalid UTF-8: byte 5 is 0xff $latin1
elcl: error: stdin: line 5: the request asked for it"
run_in "$elcl" generate --quiet m --keep-going --num-return-sequences 2
prints "keep going, n-best" "A|0" "A|1" "B|0" "B|1" "" "" "D|0" "D|1" "" "" "F|0" "F|1"
run_in "$elcl" generate --quiet m --keep-going --format jsonl
json "keep going, jsonl" '[l["index"] for l in lines] == [0, 1, 2, 3, 4, 5]'
json "keep going, jsonl: errors" '[("error" in l) for l in lines] == [0, 0, 1, 0, 1, 0]'
# Lines of failed samples are written before the rest is read, so that they do not fill the memory.
{ yes '{"text": 1}' | head -n 40000 && echo '{"text": "a"}'; } >"$tmp/failing"
FAKE_KILL_STEP=1 run "$elcl" generate --quiet m --input "$tmp/failing" --input-format jsonl \
    --keep-going
check "keep going, before the first step" has_lines "$tmp/out" 20000
printf 'a\n!request\nc\n' >"$tmp/in"
run_in "$elcl" generate --quiet m
exits "a failed request" 1
prints "a failed request" "A"
says "a failed request" "line 2: the request asked for it"
printf 'a\n!step\nc\n' >"$tmp/in"
run_in "$elcl" generate --quiet m --batch-size 1
exits "a failed step" 1
says "a failed step" "the device was lost"
run "$elcl" generate --quiet m good "$(printf '\377')"
says "a bad argument" "argument 2: invalid UTF-8"
prints "a bad argument" "GOOD"

long=$(printf '%070d' 0)
printf 'a\n%s\nc\n%s9\n' "$long" "$long" >"$tmp/in"
run_in "$elcl" generate m --format ids --forced-eos-token-id none
exits "over-long source" 0
same "over-long source: one warning" "$(grep -v 'a warning of the library' "$tmp/err")" \
    "elcl: warning: cut 2 sources to 64 tokens, the first one on line 2"
run_in "$elcl" generate --quiet m --format ids
same "over-long source: no warning with --quiet" "$(cat "$tmp/err")" ""
same "over-long source: every line answered" "$(wc -l <"$tmp/out")" 4
run_in "$elcl" generate --quiet m --long-source refuse
exits "over-long source refused" 1
prints "over-long source refused" "A"
says "over-long source refused" "line 2: expected at most 64 source tokens, found 72"
run "$elcl" generate --quiet m --max-source 4 abcdef
prints "--max-source" "AB"

# ---- messages --------------------------------------------------------------------------------

run "$elcl" generate m hello
prints "only results on stdout" "HELLO"
check "no summary without a terminal" sh -c '! grep -q samples/s "$1"' sh err
FAKE_COMPILE=1 run "$elcl" generate m hello --verbose
check "a summary: compiling" grep -q 'of which compiling kernels 9.00 s; generation' err
run "$elcl" generate m hello --verbose
check "a summary" grep -q 'samples/s' err
check "a summary: memory" grep -q 'peak device memory' err
check "a summary: choices" grep -q 'attention el, gemm native, kernels cpu' err
check "a warning of the library" grep -q '^elcl: warning: a warning of the library$' err
run "$elcl" generate m hello
check "no more without --verbose" sh -c '! grep -q opened "$1"' sh err
run "$elcl" generate m hello --verbose
check "--verbose" grep -q '^elcl: info: opened$' err
run "$elcl" generate m hello --quiet
same "--quiet" "$(cat err)" ""
if command -v script >/dev/null && script -qec true /dev/null >/dev/null 2>&1; then
    TERM=xterm FAKE_STEP_MS=2 script -qec "'$elcl' generate m --input few --output t.txt" \
        /dev/null >terminal 2>&1 </dev/null
    check "a progress bar on a terminal" grep -q '\[#*\.*\] *[0-9]*%  [0-9]* samples' terminal
    check "with a bar the output is whole" cmp -s t.txt upper
    check "no kernels are compiled" sh -c '! grep -q compiling "$1"' sh terminal
    TERM=xterm FAKE_COMPILE=1 script -qec "'$elcl' generate m a" /dev/null >terminal 2>&1 </dev/null
    check "compiling kernels" grep -q 'compiling kernels (once per device)' terminal
    { echo '!slow' && head -n 60 few; } >slow
    TERM=xterm FAKE_STEP_MS=5 script -qec "'$elcl' generate m --input slow --output t.txt" \
        /dev/null >terminal 2>&1 </dev/null
    check "the bar counts what is finished, not what is written" \
        grep -q '  [2-9][0-9] samples' terminal
    TERM=dumb FAKE_STEP_MS=2 script -qec "'$elcl' generate m --input few --output t.txt" \
        /dev/null >terminal 2>&1 </dev/null
    check "none on a dumb terminal" sh -c '! grep -q % "$1"' sh terminal
else
    skip "progress bar: no script(1)"
fi

# ---- several engines -------------------------------------------------------------------------

run "$elcl" generate m --verbose --device 0,1 --engines 2 --batch-size 3 a b c d e f g
prints "four engines" A B C D E F G
check "four engines: the batches together" grep -q "batch 12$" "$tmp/err"
run "$elcl" generate m --device 0,1 --verbose a
same "a model for each device" "$(grep -c opened "$tmp/err")" 2
run "$elcl" generate m --engines 3 --verbose a
same "one model for all engines" "$(grep -c opened "$tmp/err")" 1
for list in , 0, ,0 0,,1; do
    refuses "devices $list" 2 "\"$list\"" "$elcl" generate --device "$list" m a
done
refuses "too many engines" 2 "at most 2 devices" "$elcl" generate --device 0,1,0 --engines 32 m a
refuses "no engines" 2 "engines" "$elcl" generate --engines 0 m a
refuses "an engine of several that fails" 1 "the device was lost" \
    "$elcl" generate --quiet --engines 2 m a '!step'

# ---- long lines ------------------------------------------------------------------------------

# Twenty seconds are enough for any work that grows with the line, not with its square.
seq 100000 | sed 's/.*/"k&": 1/' | paste -sd, >"$tmp/keys"
echo "{\"text\": \"a\", $(cat "$tmp/keys"), \"k1\": 2}" >"$tmp/twice.jsonl"
echo "{\"text\": \"a\", $(cat "$tmp/keys")}" >"$tmp/once.jsonl"
for verb in generate encode; do
    refuses "$verb: 100,000 keys" 1 'line 1: unknown key "k1"' timeout 20 \
        "$elcl" $verb --quiet m --input "$tmp/once.jsonl" --input-format jsonl
    refuses "$verb: a key twice" 1 'line 1: key "k1" is there twice' timeout 20 \
        "$elcl" $verb --quiet m --input "$tmp/twice.jsonl" --input-format jsonl
done
end
