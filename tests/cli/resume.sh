#!/bin/sh
# usage: resume.sh FAKE_ELCL
# Runs that are killed and go on with --resume: the output is that of one run, and no sample that
# had ended is done again.
set -u
. "$(dirname "$0")/lib.sh"
FAKE_SILENT=1
FAKE_SUBMITTED=$tmp/submitted
export FAKE_SILENT FAKE_SUBMITTED
on_fake "$1"
batch=8
order=cat # sort: the order of lines does not matter

# killed NAME SAMPLES OPTION...: kills runs over `in` in their first, second, ... step, until one
# ends, and compares with `want`.
killed() {
    label=$1
    n=$2
    shift 2
    rm -f o o.*
    : >submitted
    kills=0
    while [ $kills -lt 60 ]; do
        FAKE_KILL_STEP=$((1 + kills * 7)) "$elcl" generate --quiet m --input in --output o \
            --resume "$@" 2>"$tmp/err"
        code=$?
        [ $code = 137 ] || break
        kills=$((kills + 1))
    done
    check "$label: it was killed" [ $kills -ge 5 ]
    $order o >got
    check "$label: the output is that of one run" cmp -s got want
    same "$label: nothing else is left" "$(echo o o.*)" "o o.run.json"
    twice=$(($(wc -c <submitted) - n))
    check "$label: at most a batch is done twice, $twice of $kills kills" \
        [ $twice -le $((kills * batch)) ]
}

i=0
while [ $i -lt 200 ]; do
    i=$((i + 1))
    case $((i % 40)) in
    7) echo "!slow $i" ;; # many samples end before it
    *) echo "line $((i * 7919 % 1000)) $i" ;;
    esac
done >in
for options in "" "--format ids --scores" "--format jsonl" "--num-return-sequences 3" \
    "--num-beams 1 --stream"; do
    # shellcheck disable=SC2086
    "$elcl" generate --quiet m --input in $options >want 2>/dev/null
    # shellcheck disable=SC2086
    killed "text $options" 200 $options
    exits "text $options" 0
done

# Failed samples are counted, and the exit status remembers those of an earlier run.
{ echo '!request first' && head -n 60 in && echo '!request' && tail -n 60 in; } >bad
mv bad in
for options in "" "--format jsonl" "--num-return-sequences 2"; do
    # shellcheck disable=SC2086
    "$elcl" generate --quiet m --input in --keep-going $options >want 2>/dev/null
    # shellcheck disable=SC2086
    killed "failures $options" 122 --keep-going $options
    exits "failures $options" 1
done

# Lines that choose their own number of sequences.
i=0
while [ $i -lt 120 ]; do
    i=$((i + 1))
    echo "{\"text\": \"w$i\", \"num_return_sequences\": $((1 + i % 4)), \"id\": $i}"
done >in
for format in text jsonl; do
    "$elcl" generate --quiet m --input in --input-format jsonl --format $format >want
    killed "own sequences, $format" 120 --input-format jsonl --format $format
done

# In any order, but whole and each once.
"$elcl" generate --quiet m --input in --input-format jsonl --format jsonl >ordered
sort ordered >want
order=sort
killed unordered 120 --input-format jsonl --format jsonl --unordered
check "unordered: it is another order" sh -c '! cmp -s o ordered'
refuses "unordered text" 2 "--unordered needs --format jsonl" "$elcl" generate m --unordered a

# A journal that grows is rewritten.
seq -f "%.0f $(printf '%050d' 0)" 1 8000 >in
"$elcl" generate --quiet m --input in --num-beams 8 --num-return-sequences 8 >want
rm -f o o.*
largest=0
for step in 900 4000 20000; do
    FAKE_KILL_STEP=$step "$elcl" generate --quiet m --input in --num-beams 8 \
        --num-return-sequences 8 --output o --resume 2>/dev/null
    size=$({ wc -c <o.part.journal || echo 0; } 2>/dev/null)
    [ "$size" -gt $largest ] && largest=$size
    : >o.part.journal.part
done
check "a long journal: the output is that of one run" cmp -s o want
check "a long journal is rewritten" [ "$largest" -lt 1200000 ]
rm -f o o.*

# ---- what is refused -------------------------------------------------------------------------

half() {
    rm -f o o.*
    FAKE_KILL_STEP=9 "$elcl" generate --quiet m --input in --output o "$@" 2>/dev/null
}
seq 1 50 >in
half
cp o.part kept
check "a kill leaves a part" [ -s kept ]
refuses "a part without --resume" 1 "--resume goes on with it; remove it to start over" \
    "$elcl" generate m --input in --output o
check "a part without --resume stays" cmp -s o.part kept
refuses "other options" 2 "num-beams is 4 there and 2 in this one: remove it to start over" \
    "$elcl" generate m --input in --output o --resume --num-beams 2
echo 51 >>in
refuses "another input" 2 "the input has one content there and another one in this one" \
    "$elcl" generate m --input in --output o --resume
sed -i '$d' in
refuses "a shard" 2 "is of another run: shard 1 of 1" \
    "$elcl" generate m --quiet --input in --output o --resume --shard 1/2
check "a part that was refused stays" cmp -s o.part kept
printf 'torn li' >>o.part
run "$elcl" generate m --input in --output o --resume
exits "a torn line" 0
check "a torn line: how much is there" grep -q '^elcl: o.part has [0-9]* samples of 50' err
same "a torn line" "$(cat o)" "$(seq 1 50)"

run "$elcl" generate m --input in --output o --resume
exits "a whole output" 0
same "a whole output is complete" "$(cat err)" "elcl: o is complete"
refuses "a whole output of other options" 2 "is of another run" \
    "$elcl" generate m --input in --output o --resume --num-beams 2
echo more >>o
refuses "a whole output that was changed" 1 "o has changed since it was written" \
    "$elcl" generate m --input in --output o --resume
rm -f o o.*
"$elcl" generate --quiet m --input in --output o
same "without --resume no record stays" "$(echo o o.*)" "o o.*"
run "$elcl" generate m --input in --output o --resume
exits "a whole output without a record" 0
same "a whole output without a record" "$(cat err)" "elcl: o is complete"

half
rm o.part
run "$elcl" generate m --input in --output o --resume
exits "a journal without a part" 0
same "a journal without a part" "$(cat o)" "$(seq 1 50)"
rm -f o o.*
echo mine >o.part.journal
refuses "a file that is no journal" 1 "o.part.journal: not a journal" \
    "$elcl" generate m --input in --output o
same "a file that is no journal stays" "$(cat o.part.journal)" "mine"
rm -f o.*
echo mine >o.run.json
refuses "a file that is no record" 1 "not a record" \
    "$elcl" generate m --input in --output o --resume
same "a file that is no record stays" "$(cat o.run.json)" "mine"
rm -f o.*
printf 'text\n' >o.part
"$elcl" generate --quiet m --input in --output o --resume
same "a part that is no run's" "$(cat o.part)" "text"
rm -f o o.*
seq 1 50 >./- # is not what --input - reads
for given in "--input in" "--output o" "--input in --output -" "--input - --output o" \
    "--input in --output /dev/null"; do
    # shellcheck disable=SC2086
    refuses "--resume $given" 2 "--resume needs files as --input and --output" \
        "$elcl" generate m --resume $given
done
rm ./-

# Damaged journals: whatever is cut off or changed, the output is right or refused.
seq 1 50 >want
half
cp o.part o.kept
cp o.part.journal journal
size=$(wc -c <journal)
at=$size
while [ "$at" -gt 0 ]; do
    cp o.kept o.part
    head -c "$at" journal >o.part.journal
    "$elcl" generate --quiet m --input in --output o --resume 2>err
    code=$?
    [ $code = 0 ] && cmp -s o want || grep -q '^elcl: error: ' err || fail "a journal of $at bytes"
    rm -f o o.run.json
    at=$((at - 1 - at / 12))
done
pass
end
