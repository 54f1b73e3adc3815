#!/bin/sh
# usage: command.sh FAKE_ELCL
# The command on the stand-in for the library (fake_elcl.c): order, streams, formats and failures
# that a real model shows too rarely.
set -u
. "$(dirname "$0")/lib.sh"
elcl=$1
root=$(cd "$(dirname "$0")/.." && pwd)
LC_ALL=C
export LC_ALL
runs "$elcl" --version

# ---- help and usage --------------------------------------------------------------------------

for verb in "" generate merge score encode decode devices selftest tune compare; do
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
    --early-stopping=yes --attention=fast --gemm=blas --kernels=tpu --weights=f8 --state=int8 \
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

# ---- output ----------------------------------------------------------------------------------

cd "$tmp" || exit 1
case $elcl in
/*) ;;
*) elcl=$OLDPWD/$elcl ;;
esac
run "$elcl" generate --quiet m a b --output o.txt
exits "--output" 0
same "--output" "$(cat o.txt)" "A
B"
check "no part is left" [ ! -e o.txt.part ]
echo old >o.txt
chmod 640 o.txt
run "$elcl" generate --quiet m a '!request' --output o.txt
exits "a failure keeps the old file" 1
same "a failure keeps the old file" "$(cat o.txt)" "old"
same "a failure keeps the part" "$(cat o.txt.part)" "A"
check "a failure names the part" grep -q 'o.txt.part' err
run "$elcl" generate --quiet m new --output o.txt
same "a success replaces the old file" "$(cat o.txt)" "NEW"
same "the kept part stays" "$(cat o.txt.part)" "A"
check "the next part has another name, and goes" [ ! -e o.txt.part.1 ]
rm -f o.txt.part
same "the mode stays" "$(ls -l o.txt | cut -c1-10)" "-rw-r-----"
ln -s o.txt link.txt
run "$elcl" generate --quiet m linked --output link.txt
check "a link stays a link" [ -h link.txt ]
same "what it names is replaced" "$(cat o.txt)" "LINKED"
run "$elcl" generate --quiet m '!request' --output e.txt
check "nothing written, no part" [ ! -e e.txt.part ]
check "nothing written, no file" [ ! -e e.txt ]
refuses "no such directory" 1 "none/o.txt.part" "$elcl" generate --quiet m a --output none/o.txt
refuses "a directory as output" 1 "directory" "$elcl" generate --quiet m a --output .
run "$elcl" generate --quiet m a --output /dev/null
exits "a device as output" 0
check "a device stays a device" [ -c /dev/null ]

# What is there already stays: a file, what a link names, a pipe.
printf 'mine\n' >taken.part
run "$elcl" generate --quiet m --input taken.part --output taken
exits "the part's name is taken by the input" 0
same "the part's name is taken by the input" "$(cat taken taken.part)" "MINE
mine"
printf 'precious\n' >precious
ln -s precious linked.part
run "$elcl" generate --quiet m a --output linked
same "the part's name is taken by a link" "$(cat linked precious)" "A
precious"
mkfifo held.part
run timeout 20 "$elcl" generate --quiet m a --output held
exits "the part's name is taken by a pipe" 0
same "the part's name is taken by a pipe" "$(cat held)" "A"
name=$(printf '%0255d' 0)
run "$elcl" generate --quiet m a --output "$name"
exits "a name of 255 bytes" 0
same "a name of 255 bytes" "$(cat "$name")" "A"
same "a name of 255 bytes: no part is left" "$(find . -name '*~*')" ""
rm -f "$name"
refuses "a name of 256 bytes" 1 "File name too long" "$elcl" generate --quiet m a --output "0$name"
name=$(printf '%084d' 0 | sed 's/0/é–/g' | cut -b 1-253)
run "$elcl" generate --quiet m a '!request' --output "$name"
check "a shortened name has whole characters" sh -c \
    'printf "%s" *~????????.part | iconv -f UTF-8 -t UTF-8 >/dev/null'
rm -f ./*~*.part

# An output that is read, too.
printf 'samein\n' >same.txt
ln same.txt other.txt
mkdir model
echo weights >model/model.safetensors
echo mine >model/out.txt
while IFS='|' read -r arguments text; do
    eval "refuses \"$arguments\" 2 \"$text are the same file\" \"\$elcl\" $arguments"
done <<'END'
generate m --input same.txt --output same.txt|--output same.txt and --input same.txt
generate m --input same.txt --output ./other.txt|--output ./other.txt and --input same.txt
generate m --input same.txt --trace other.txt|--trace other.txt and --input same.txt
generate m --output new.txt --trace ./new.txt|--output new.txt and --trace ./new.txt
generate same.txt a --output same.txt|--output same.txt and same.txt
generate m same.txt --output same.txt|--output same.txt and same.txt
generate model a --output model/model.safetensors|and model.safetensors of the model
score m --input same.txt --output other.txt|--output other.txt and --input same.txt
encode m --input same.txt --output same.txt|--output same.txt and --input same.txt
decode m --input same.txt --output same.txt|--output same.txt and --input same.txt
bench --synthetic gpt2 --output same.txt --baseline other.txt|and --baseline other.txt
bench --synthetic gpt2 --output same.txt --trace same.txt|--output same.txt and --trace same.txt
compare same.txt other.txt --output other.txt|--output other.txt and same.txt
plan same.txt --output same.txt|--output same.txt and same.txt
END
same "an output that is read: it stays" "$(cat same.txt)" "samein"
"$elcl" generate --quiet m <same.txt --output same.txt 2>err
code=$?
exits "output over standard input" 2
says "output over standard input" "--output same.txt and standard input are the same file"
"$elcl" generate --quiet m --input same.txt >>same.txt 2>err
code=$?
exits "standard output after the input" 2
says "standard output after the input" "standard output and --input same.txt are the same file"
same "standard output after the input: it stays" "$(cat same.txt)" "samein"
run "$elcl" generate --quiet model mine --output model/out.txt
same "an output in the model's directory" "$(cat model/out.txt)" "MINE"
run "$elcl" generate --quiet m a --output /dev/null --trace /dev/null
exits "a device twice" 0

# What cannot be written is found before the run.
for verb in "generate m a" "bench --synthetic gpt2"; do
    # shellcheck disable=SC2086
    refuses "$verb: an unwritable trace" 1 "none/t.json" "$elcl" $verb --trace none/t.json
    prints "$verb: an unwritable trace: nothing has run"
done
for verb in "bench --synthetic gpt2" devices selftest tune "languages m" "compare a.json" "plan m"
do
    # shellcheck disable=SC2086
    refuses "$verb: an unwritable output" 1 "none/o.txt" "$elcl" $verb --output none/o.txt
done
if [ -c /dev/full ]; then
    refuses "disk full" 1 "/dev/full" "$elcl" generate --quiet m a --output /dev/full
    "$elcl" generate --quiet m a >/dev/full 2>err
    code=$?
    exits "disk full on stdout" 1
    says "disk full on stdout" "standard output"
    "$elcl" --help >/dev/full 2>err
    code=$?
    exits "disk full, help" 1
    says "disk full, help" "standard output"
    "$elcl" devices --format json >/dev/full 2>err
    code=$?
    exits "disk full, devices" 1
fi
# The reader has gone before the first write: nothing is said, as in any filter.
gone() {
    python3 -c '
import os, subprocess, sys
r, w = os.pipe()
os.close(r)
code = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=w).returncode
sys.exit(code if code >= 0 else 128 - code)' "$@" 2>err
    code=$?
    exits "closed pipe: $*" 141
    same "closed pipe: $* is silent" "$(cat err)" ""
}
FAKE_SILENT=1
export FAKE_SILENT
gone "$elcl" --help
gone "$elcl" --version
gone "$elcl" help generate
gone "$elcl" generate --help
gone "$elcl" generate m --input many
gone "$elcl" score m "a	b"
gone "$elcl" encode m a
gone "$elcl" decode m 70
gone "$elcl" languages m
gone "$elcl" devices
gone "$elcl" devices --format json
gone "$elcl" plan --synthetic bart-base
gone "$elcl" bench --quiet --synthetic bart-base --batch-size 1
gone "$elcl" compare "$root/golden/bench/a.json"
gone "$elcl" selftest
gone "$elcl" tune --quiet
unset FAKE_SILENT
"$elcl" generate --quiet m --input many 2>err | head -n 1 >head
same "| head -n 1" "$(cat head)" "$(head -n 1 many_upper)"
"$elcl" generate --quiet m a >&- 2>err
code=$?
exits "stdout is closed" 1
says "stdout is closed" "standard output: cannot write"
"$elcl" generate --quiet m a --output closed.txt >&- 2>err
code=$?
exits "stdout is closed and not needed" 0
same "stdout is closed and not needed" "$(cat closed.txt)" "A"
"$elcl" generate --quiet m <&- >out 2>err
code=$?
exits "stdin is closed" 1
says "stdin is closed" "standard input"

# ---- streaming and signals -------------------------------------------------------------------

mkfifo pipe
"$elcl" generate --quiet m <pipe >stream 2>err &
pid=$!
exec 3>pipe
send 'first\n'
check "a line is answered while the input is open" waits has_lines stream 1
send 'second\nthi'
check "so is the next one" waits has_lines stream 2
sleep 0.3
same "half a line waits" "$(cat stream)" "FIRST
SECOND"
send rd
exec 3>&-
wait $pid
code=$?
exits "streaming" 0
same "streaming" "$(cat stream)" "FIRST
SECOND
THIRD"
# New samples are read while another one is running, and the order stays.
FAKE_STEP_MS=20 "$elcl" generate --quiet m <pipe >stream 2>err &
pid=$!
exec 3>pipe
send '!slow\n'
sleep 0.2
send 'quick\n'
check "both are answered" waits has_lines stream 2
exec 3>&-
wait $pid
same "in input order" "$(cat stream)" "!SLOW
QUICK"

for signal in INT:130 TERM:143; do
    if ! env --default-signal=INT true 2>/dev/null; then
        skip "SIG${signal%:*}: env has no --default-signal"
        continue
    fi
    { echo a && echo '!slow' && yes b | head -n 100; } >in
    FAKE_STEP_MS=10 env --default-signal=INT "$elcl" generate --quiet m --input in \
        --batch-size 2 --output s.txt >out 2>err &
    pid=$!
    waits [ -s s.txt.part ]
    kill -"${signal%:*}" $pid
    wait $pid
    code=$?
    exits "SIG${signal%:*}" "${signal#*:}"
    check "SIG${signal%:*}: no file" [ ! -e s.txt ]
    same "SIG${signal%:*}: what was in flight ends" "$(head -n 2 s.txt.part)" "A
!SLOW"
    check "SIG${signal%:*}: nothing more begins" sh -c '[ "$(wc -l <s.txt.part)" -lt 102 ]'
    says "SIG${signal%:*}" "samples; the samples written so far are in s.txt.part, and --resume"
    rm -f s.txt.part*
done
# What takes too long is given up; a second signal does not wait for that.
FAKE_STEP_MS=60 "$elcl" generate --quiet m a '!slow' --output s.txt >out 2>err &
pid=$!
waits [ -s s.txt.part ]
kill -TERM $pid
wait $pid
code=$?
exits "SIGTERM in a long sample" 143
same "SIGTERM in a long sample: the part" "$(cat s.txt.part)" "A"
same "SIGTERM in a long sample: a sentence" "$(cat err)" \
    "elcl: error: interrupted after 1 sample; the samples written so far are in s.txt.part"
rm -f s.txt.part
FAKE_STEP_MS=900 "$elcl" generate --quiet m a '!slow' >out 2>err &
pid=$!
waits has_lines out 1
kill -TERM $pid
sleep 0.1
kill -TERM $pid
wait $pid
code=$?
exits "two signals" 143
same "two signals: nothing is said" "$(cat err)" ""
"$elcl" generate --quiet m <pipe >out 2>err &
pid=$!
exec 3>pipe
send 'first\n'
waits has_lines out 1
kill -TERM $pid
wait $pid
code=$?
exec 3>&-
exits "SIGTERM while waiting for input" 143
FAKE_STEP_MS=20 "$elcl" generate --quiet m '!slow' --output two.txt 2>/dev/null &
pid=$!
waits [ -e two.txt.part ]
refuses "two runs, one output" 1 "another process" "$elcl" generate --quiet m a --output two.txt
wait $pid
same "two runs, one output: the first is whole" "$(cat two.txt)" "!SLOW"

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

# ---- options of a sample, tokens as they come ------------------------------------------------

cat >"$tmp/in" <<'END'
{"text": "one", "num_return_sequences": 2, "id": "first"}
{"text": "two", "id": 2.5}
{"text": "three", "num_beams": 9, "num_return_sequences": 9, "id": "wide"}
{"text": "four", "max_length": 64, "eos_token_id": [2, 3], "early_stopping": true, "do_sample": false}
END
run_in "$elcl" generate --quiet m --input-format jsonl --format jsonl
exits "options of lines" 0
json "options of lines: sequences" \
    '[l["index"] for l in lines] == [0, 0, 1] + [2] * 9 + [3]'
json "options of lines: ids" \
    '[l.get("id") for l in lines] == ["first"] * 2 + [2.5] + ["wide"] * 9 + [None]'
run_in "$elcl" generate --quiet m --input-format jsonl --num-beams 5 --max-new-tokens 3
exits "options of lines over those of the command" 0
i=0
while [ $i -lt 300 ]; do
    i=$((i + 1))
    echo "{\"text\": \"w$i\", \"num_beams\": $((1 + i % 7))}"
done >"$tmp/in"
run_in "$elcl" generate --quiet m --input-format jsonl
sed 's/.*"\(w[0-9]*\)".*/\1/' "$tmp/in" | tr w W >"$tmp/want"
check "options of lines: order over several engines" cmp -s "$tmp/out" "$tmp/want"
while IFS=@ read -r line text; do
    printf '{"text": "good"}\n%s\n' "$line" >"$tmp/in"
    run_in "$elcl" generate --quiet m --input-format jsonl
    exits "bad option: $line" 1
    says "bad option: $line" "standard input: line 2: $text"
    same "bad option: $line: the lines before it" "$(cat "$tmp/out")" "GOOD"
done <<'END'
{"text": "a", "num_beam": 2}@unknown key "num_beam"
{"text": "a", "num-beams": 2}@unknown key "num-beams"
{"text": "a", "device": "cpu"}@unknown key "device"
{"text": "a", "num_beams": 0}@key "num_beams": --num-beams: expected a whole number from 1 to 64, found '0'
{"text": "a", "num_beams": 1.5}@key "num_beams": --num-beams: expected
{"text": "a", "num_beams": {}}@key "num_beams": expected a value as --num-beams takes it
{"text": "a", "num_beams": 2, "num_beams": 3}@key "num_beams" is there twice
{"text": "a", "do_sample": "perhaps"}@key "do_sample": --do-sample: expected true or false, found 'perhaps'
{"text": "a", "max_length": 65}@--max-length: expected at most 64
{"text": "a", "max_length": 1}@--max-length: expected 2 to 64 with this model, found 1
{"text": "a", "search_style": "fairseq", "max_length": 9}@--max-length has no meaning with
{"text": "a", "length_penalty": 13}@length_penalty: 13 is not liked
{"text": "a", "token_logprobs": true}@--token-logprobs needs --format jsonl
{"text": "a", "id": [1]}@expected a string or a number as "id"
{"text": "a", "decoder_prefix": 5}@key "decoder_prefix": expected a string
{"text": "a", "decoder_prefix": [5]}@key "decoder_prefix": expected a string
{"text": "a", "decoder_prefix": "b", "decoder_prefix_ids": [5]}@expected --decoder-prefix or --decoder-prefix-ids, found both
{"text": "a", "decoder_prefix_ids": [[5]]}@key "decoder_prefix_ids": expected an array of token ids
{"text": "a", "decoder_prefix_ids": ["5"]}@key "decoder_prefix_ids": expected an array of token ids
{"text": "a", "decoder_prefix_ids": [1.5]}@--decoder-prefix-ids: expected token ids
{"text": "a", "suppress_tokens": [5, -1]}@--suppress-tokens: expected token ids
{"text": "a", "suppress_tokens": true}@key "suppress_tokens": expected an array of token ids
{"text": "a", "bad_words_ids": [5, 6]}@key "bad_words_ids": expected an array of arrays of token ids
{"text": "a", "bad_words_ids": [[5], []]}@key "bad_words_ids": expected an array of arrays
{"text": "a", "prefix_alternatives": 5}@key "prefix_alternatives": expected an array of arrays
{"text": "a", "stop": [5]}@key "stop": expected a string or an array of at most 8 strings
{"text": "a", "stop": ["1","2","3","4","5","6","7","8","9"]}@key "stop": expected a string or an array of at most 8
{"text": "a", "stop": "b", "search_style": "fairseq"}@--stop has no meaning with --search-style fairseq
{"text": "a", "num_beams": [2]}@key "num_beams": expected a value as --num-beams takes it
{"text": "a", "id": 1, "id": 2}@key "id" is there twice
END
printf '{"text": "a", "id": "x", "length_penalty": 13}\n{"text": "b"}\n' >"$tmp/in"
run_in "$elcl" generate --quiet m --input-format jsonl --format jsonl --keep-going
exits "a bad option, keep going" 1
json "a bad option, keep going" 'lines[0]["id"] == "x" and "error" in lines[0] and lines[1]["text"]'

# Lists of a sample: its own, or those of the command line.
cat >"$tmp/in" <<'END'
{"text": "!lists"}
{"text": "!lists", "decoder_prefix": "ab"}
{"text": "!lists", "decoder_prefix_ids": [7, 8]}
{"text": "!lists", "decoder_prefix": null, "stop": null, "bad_words_ids": null}
{"text": "!lists", "decoder_prefix_ids": [], "stop": [], "bad_words_ids": []}
{"text": "!lists", "bad_words_ids": [[5, 7], [9]], "stop": ["x", "yz"]}
{"text": "!lists", "suppress_tokens": [4, 5], "begin_suppress_tokens": 6, "stop": "."}
{"text": "!lists", "prefix_alternatives": [[4, 5], [6]], "decoder_prefix_ids": "9,10"}
{"text": "!lists", "num_beams": 2}
END
run_in "$elcl" generate --quiet m --input-format jsonl
exits "lists of lines" 0
prints "lists of lines" '!LISTS' '!LISTSp101,102' '!LISTSp7,8' '!LISTS' '!LISTS' \
    '!LISTSw5,7;9<x><yz>' '!LISTSs4,5b6<.>' '!LISTSp9,10a4,5;6' '!LISTS'
run_in "$elcl" generate --quiet m --input-format jsonl --decoder-prefix c --stop q \
    --bad-words-ids '8;9'
exits "lists of lines over those of the command" 0
prints "lists of lines over those of the command" '!LISTSp103w8;9<q>' '!LISTSp101,102w8;9<q>' \
    '!LISTSp7,8w8;9<q>' '!LISTS' '!LISTS' '!LISTSp103w5,7;9<x><yz>' '!LISTSp103w8;9s4,5b6<.>' \
    '!LISTSp9,10w8;9a4,5;6<q>' '!LISTSp103w8;9<q>'
python3 -c 'import json
for n in 1, 256, 257, 300, 40: print(json.dumps({"text": "w%d" % n, "suppress_tokens": [5] * n}))
for n in range(300): print(json.dumps({"text": "!lists", "decoder_prefix_ids": [n, n + 1]}))' \
    >"$tmp/in"
run_in "$elcl" generate --quiet m --input-format jsonl
exits "long lists of lines" 0
{ printf 'W%s\n' 1 256 257 300 40 && python3 -c '
for n in range(300): print("!LISTSp%d,%d" % (n, n + 1))'; } >"$tmp/want"
check "long lists of lines" cmp -s "$tmp/out" "$tmp/want"
printf '{"text": "a"}\n{"text": "b", "decoder_prefix_ids": %s}\n' "[5$(printf ',5%.0s' \
    $(seq 70))]" >"$tmp/in"
run_in "$elcl" generate --quiet m --input-format jsonl
exits "too long a prefix of a line" 1
says "too long a prefix of a line" "line 2: --max-new-tokens: expected at most"

printf '%s\n' '{"ids": [7, 8, 9]}' '{"ids": [9], "num_return_sequences": 2}' >"$tmp/in"
run_in "$elcl" generate --quiet m --input-format jsonl --format jsonl --alignments soft \
    --max-new-tokens 3
json "alignments" 'lines[0]["alignments"] == [[.75, .125, .125], [.125, .75, .125]]'
json "alignments of sequences" '[l["alignments"] for l in lines[1:]] == [[[.75]] * 3] * 2'
json "alignments: the sources" '[l["source_ids"] for l in lines] == [[7, 8, 9], [9], [9]]'
run_in "$elcl" generate --quiet m --input-format jsonl --format jsonl --alignments hard \
    --max-new-tokens 3
json "hard alignments" '[l["alignments"] for l in lines] == ["0-0 1-1"] + ["0-0 0-1 0-2"] * 2'
run "$elcl" generate --quiet m --alignments hard --scores ab
prints "hard alignments as text" "$(printf '%s\t' -0.125000)AB ||| 0-0 1-1 2-2"
run "$elcl" generate --quiet m --alignments hard --format ids --input-format ids "7 8 9"
prints "hard alignments of ids" "2 8 2 ||| 0-0 1-1"
run "$elcl" generate --quiet m --format jsonl ab
json "no alignments" '"alignments" not in lines[0] and "source_ids" not in lines[0]'
refuses "token log-probabilities as text" 2 "--token-logprobs needs --format jsonl" \
    "$elcl" generate --quiet m --token-logprobs a

# Pieces as a reader of the pipe gets them: each is whole characters.
stream() {
    FAKE_STEP_MS=5 python3 -c '
import os, subprocess, sys
p = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
pieces = list(iter(lambda: os.read(p.stdout.fileno(), 1 << 16), b""))
for piece in pieces:
    piece.decode("utf-8")
open(sys.argv[1], "wb").write(b"".join(pieces))
print(len(pieces))
sys.exit(p.wait())' "$tmp/streamed" "$@" >"$tmp/out" 2>"$tmp/err"
    code=$?
}
stream "$elcl" generate --quiet m --stream --num-beams 1 '!slow ä€😀é' 'b €' '!lines x' ''
exits "stream" 0
check "stream: in pieces" test "$(cat "$tmp/out")" -ge 3
run "$elcl" generate --quiet m --num-beams 1 '!slow ä€😀é' 'b €' '!lines x' ''
check "stream: the same text" cmp -s "$tmp/out" "$tmp/streamed"
stream "$elcl" generate --quiet m --stream --num-beams 1 --batch-size 2 a '!slow b' c d e f g h
run "$elcl" generate --quiet m --num-beams 1 a '!slow b' c d e f g h
check "stream: in input order" cmp -s "$tmp/out" "$tmp/streamed"
# The first sample ends at once; the other one has then shown a part of its line.
for cue in '!step' '!request'; do
    run "$elcl" generate --quiet m --stream --num-beams 1 a "$cue"
    exits "stream: $cue in the middle" 1
    prints "stream: $cue in the middle" A "$(echo "$cue" | tr a-z A-Z | cut -c 1-7) [incomplete]"
done
run "$elcl" generate --quiet m --stream --num-beams 1 --keep-going a '!request' 'a longer one'
exits "stream: keep going" 1
prints "stream: keep going" A '!REQUES [incomplete]' 'A LONGER ONE'
for option in --num-return-sequences=2 --search-style=fairseq; do
    refuses "stream with $option" 2 "--stream" \
        "$elcl" generate --quiet m --stream --num-beams 1 --do-sample "$option" a
done
refuses "stream of beams" 2 "beam search may change its mind" "$elcl" generate --quiet m --stream a
refuses "stream of scores" 2 "--stream" "$elcl" generate --quiet m --stream --scores a
refuses "stream of ids" 2 "--stream writes text" "$elcl" generate --quiet m --stream --format ids a
printf '{"text": "a"}\n{"text": "b", "num_beams": 2}\n' >"$tmp/in"
run_in "$elcl" generate --quiet m --stream --num-beams 1 --input-format jsonl
exits "stream: a line with beams" 1
says "stream: a line with beams" "line 2: --stream: beam search may change its mind"
rm -f "$tmp/out"
FAKE_STEP_MS=50 "$elcl" generate --quiet m --stream --num-beams 1 "!slow and cut" \
    >"$tmp/out" 2>"$tmp/err" &
pid=$!
waits test -s "$tmp/out"
kill -TERM $pid
wait $pid
code=$?
exits "stream: interrupted" 143
check "stream: an interrupted line says so" grep -q '^!.* \[incomplete\]$' "$tmp/out"
same "stream: it is the last line" "$(wc -l <"$tmp/out")" 1

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

refuses "selftest on no device" 1 "there is no device gone" "$elcl" selftest --device gone
refuses "selftest with a word" 2 "found 'x'" "$elcl" selftest x
refuses "selftest --kernels" 2 "kernels" "$elcl" selftest --kernels tpu
refuses "selftest --matrix-instructions" 2 "expected one of auto|off" \
    "$elcl" selftest --matrix-instructions on


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

# ---- FIFOs -----------------------------------------------------------------------------------

mkfifo "$tmp/fifo"
for verb in generate encode score; do
    "$elcl" $verb --quiet m --input "$tmp/fifo" >"$tmp/out" 2>"$tmp/err" &
    waiting=$!
    sleep 0.2
    kill -TERM $waiting
    wait $waiting
    code=$?
    exits "$verb: SIGTERM while an input waits for its writer" 143
done
echo late >"$tmp/fifo" &
run "$elcl" generate --quiet m --input "$tmp/fifo"
prints "an input that is a FIFO" LATE
end
