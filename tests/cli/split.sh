#!/bin/sh
# usage: split.sh FAKE_ELCL ELCL
# generate --split sentences: on the stand-in for the library, whose output is the text in upper
# case, and on a small random model with a tokenizer.
set -u
. "$(dirname "$0")/lib.sh"
here=$(cd "$(dirname "$0")" && pwd) || exit 1
fake=$(realpath "$1")
real=$(realpath "$2")
marian=$here/../golden/pieces/marian
LC_ALL=C
FAKE_SILENT=1
export LC_ALL FAKE_SILENT
runs "$fake" --version
cd "$tmp" || exit 1
split="$fake generate --quiet m --split sentences"
loud="'$fake' generate m --split sentences"

# ---- texts -----------------------------------------------------------------------------------

run $split 'One. Two!  Three?' 'only one' '' '   ' ' in. Blanks. '
prints "text" 'ONE. TWO!  THREE?' 'ONLY ONE' '' '   ' ' IN. BLANKS. '
run $split --num-beams 1 --stream 'One. Two!  Three?' '' ' in. Blanks. '
prints "stream" 'ONE. TWO!  THREE?' '' ' IN. BLANKS. '
run $split --num-return-sequences 2 --scores 'One. Two.' ''
prints "text of two sequences" "-0.250000	ONE.|0 TWO.|0" "-0.500000	ONE.|1 TWO.|1" \
    "0.000000	" "0.000000	"
run $split --format ids 'A. B.' 'xa. Xb.'
prints "ids" '2 69 50 36 70 50 2' '2 92 69 50 2 2 92 70 50 2'
page='{"id": 7, "text": "A title\n\nOne. Two.\r\n\tThree is long.\n"}'
run $split --input-format jsonl --format jsonl --num-return-sequences 2 "$page" \
    '{"ids": [0, 70, 2]}' '{"text": "\n"}' '{"text": "One. Two.", "num_return_sequences": 1}'
json "jsonl: paragraphs" "[l['text'] for l in lines[:2]] == \
    ['A TITLE|%d\n\nONE.|%d TWO.|%d\r\n\tTHREE IS LONG.|%d\n' % (k, k, k, k) for k in (0, 1)]"
json "jsonl: the others" "[(l['index'], l['sequence'], l['text']) for l in lines[2:]] == \
    [(1, 0, ' B|0'), (1, 1, ' B|1'), (2, 0, '\n'), (2, 1, '\n'), (3, 0, 'ONE. TWO.')]"
json "jsonl: pieces" "[l.get('pieces') for l in lines] == \
    [[11, 8, 8, 18]] * 2 + [None] * 2 + [[]] * 2 + [[6, 6]] and \
    all(sum(l['pieces']) == len(l['ids']) for l in lines if 'pieces' in l)"
json "jsonl: scores" "[l['score'] for l in lines] == [-.5, -1, -.125, -.25, 0, 0, -.25]"
json "jsonl: why it ended" "{l['finish_reason'] for l in lines} == {'eos'} and lines[0]['id'] == 7"
run $split --format jsonl --eos-token-id none --forced-eos-token-id none --max-new-tokens 3 \
    'A. Bb. Cc.'
json "jsonl: length" "lines[0]['finish_reason'] == 'length'"

# ---- sentences that are too long ---------------------------------------------------------------

long=$(i=0; while [ $i -lt 60 ]; do i=$((i + 1)); printf 'word%d, ' $i; done | sed 's/ $//')
upper=$(echo "$long" | tr a-z A-Z)
for options in '' '--long-source refuse' '--max-source 9' '--num-beams 1 --stream' \
    '--batch-size 1' '--engines 3'; do
    run $split $options "$long" 'x. Y.'
    prints "a long sentence $options" "$upper" 'X. Y.'
    exits "a long sentence $options" 0
done
run "$fake" generate m "$long"
check "without --split it is cut" grep -q 'cut 1 source' err
# A megabyte in one line, and many short sentences.
{ head -c 1000000 /dev/zero | tr '\0' a; echo; yes 'Ab cd. ' | head -n 20000 | tr -d '\n'; } >in
run $split --input in
check "a megabyte in a line" [ "$(tr A-Z a-z <out | cksum)" = "$( (tr A-Z a-z <in; echo) | cksum)" ]

if command -v script >/dev/null && script -qec true /dev/null >/dev/null 2>&1; then
    yes 'Ab cd. ' | head -n 400 | tr -d '\n' >in
    TERM=xterm FAKE_STEP_MS=2 script -qec "$loud --input in --output o" /dev/null >terminal 2>&1 \
        </dev/null
    check "the progress in a line" grep -q ' [1-9][0-9]%  0 samples' terminal
else
    skip "the progress in a line: no script(1)"
fi

# ---- failures ----------------------------------------------------------------------------------

bad='{"text": "One.\nTwo.\n!request\nThree.\n!request two"}'
run $split --input-format jsonl --keep-going '{"text": "A. Bb."}' "$bad" '{"text": "Cc. Dd."}'
prints "a piece fails" 'A. BB.' '' 'CC. DD.'
exits "a piece fails" 1
says "a piece fails" 'argument 2: the request asked for it'
refuses "a piece ends the run" 1 'argument 1: the request asked for it' $split \
    --input-format jsonl "$bad" '{"text": "Cc. Dd."}'
same "a piece ends the run: nothing is written" "$(cat out)" ''
refuses "a step fails" 1 'the device was lost' $split --input-format jsonl \
    '{"text": "One.\n!step"}'
refuses "ids" 2 'is for texts' $split --input-format ids 5
refuses "another word" 2 '--split: expected' "$fake" generate m x --split words
refuses "a decoder-only model" 2 'continues its prompt' "$real" generate --quiet \
    "$here/../golden/tiny-gpt2" --split sentences --input-format jsonl --format ids '{"ids": [5]}'

# ---- parts of runs -----------------------------------------------------------------------------

i=0
while [ $i -lt 40 ]; do
    i=$((i + 1))
    echo "Line $i. It has more. Three at times! $([ $((i % 7)) = 3 ] && echo '!slow.')"
done >in
$split --input in >want
for options in '' '--stream --num-beams 1'; do
    rm -f o o.*
    kills=0
    while [ $kills -lt 40 ]; do
        FAKE_KILL_STEP=$((2 + kills * 5)) $split --input in --output o --resume $options 2>err
        code=$?
        [ $code = 137 ] || break
        kills=$((kills + 1))
    done
    exits "resume $options" 0
    check "resume $options: it was killed" [ $kills -ge 3 ]
    check "resume $options: the output is that of one run" cmp -s o want
done
rm -f o o.*
FAKE_KILL_STEP=9 $split --input in --output o --resume 2>err
refuses "resume without --split" 2 'split' "$fake" generate --quiet m --input in --output o --resume
for i in 1 2 3; do
    run $split --input in --shard $i/3 --output s.$i
done
run "$fake" merge s.1 s.2 s.3
check "shards" cmp -s out want
"$fake" generate --quiet m --input in --shard 3/3 --output s.3
refuses "shards with and without --split" 1 'split is none' "$fake" merge s.1 s.2 s.3

# ---- a real model ------------------------------------------------------------------------------

# Its longest source is 128 tokens, and the page has several hundred.
i=0
while [ $i -lt 12 ]; do
    i=$((i + 1))
    printf 'The people of the land are free, and so is number %d of it.\nIs that so?\n' $i
done >sentences
given="--max-new-tokens 7 --format jsonl"
"$real" generate --quiet "$marian" --input sentences $given >one_by_one
python3 -c '
import json
sentences = open("sentences").read().split("\n")[:-1]
page = "".join(s + (" ", "\n\n", "\n")[i % 3] for i, s in enumerate(sentences))
texts = [json.loads(line)["text"] for line in open("one_by_one")]
print(json.dumps({"text": page}), file=open("page", "w"))
want = "".join(t.lstrip(" ") + (" ", "\n\n", "\n")[i % 3] for i, t in enumerate(texts))
json.dump(want, open("want.json", "w"))'
run "$real" generate --quiet "$marian" --input page --input-format jsonl $given --split sentences
json "a page: as each sentence by itself" \
    "lines[0]['text'] == json.load(open('want.json')) and len(lines[0]['pieces']) == 24"
json "a page: no limit" "'source_cut' not in lines[0]"
# Draws depend on the seed, the sample and the piece, not on the batch.
sampled="--do-sample --num-beams 1 --seed 5 --max-new-tokens 7"
run "$real" generate --quiet "$marian" --input page --input-format jsonl $sampled --split sentences
cp out want
run "$real" generate --quiet "$marian" --input page --input-format jsonl $sampled \
    --split sentences --batch-size 2
check "sampling in another batch" cmp -s out want
run "$real" generate --quiet "$marian" $sampled 'Is that so?' --first-sample 1
cp out want
run "$real" generate --quiet "$marian" $sampled 'Is that so?' --first-sample 1 --split sentences
check "sampling of a single piece" cmp -s out want
end
