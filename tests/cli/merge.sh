#!/bin/sh
# usage: merge.sh FAKE_ELCL ELCL MODEL
# Shards of a run: their lines, numbers and records, and elcl merge. Nearly all of it runs on the
# stand-in for the library (fake_elcl.c).
set -u
. "$(dirname "$0")/lib.sh"
elcl=$(realpath "$1")
real=$(realpath "$2")
g2p=$(realpath "$3")
LC_ALL=C
FAKE_SILENT=1
export LC_ALL FAKE_SILENT
unset SLURM_ARRAY_TASK_ID JOB_COMPLETION_INDEX
runs "$elcl" --version
cd "$tmp" || exit 1

# shards N OPTION...: runs all shards of `in`, to s.1 to s.N, and joins them to `all`.
shards() {
    n=$1
    shift
    rm -f s.* all
    i=0
    while [ $i -lt "$n" ]; do
        i=$((i + 1))
        "$elcl" generate --quiet m --input in --shard "$i/$n" --output "s.$i" "$@" 2>>failures
    done
    run "$elcl" merge s.* --output all
}

# ---- the bytes of one process ------------------------------------------------------------------

: >failures
printf 'a\nb\nc\nd\ne\n' >five
printf 'a\r\n\r\nlast' >unended
printf '\357\273\277a\nb\n' >marked
printf '\n' >line
printf 'only' >only
: >empty
for input in five unended marked line only empty; do
    cp $input in
    for n in 1 2 3 7; do
        for format in text jsonl; do
            run "$elcl" generate --quiet m --input in --format $format
            mv out want
            shards $n --format $format
            exits "$n shards of $input, $format" 0
            check "$n shards of $input, $format" cmp -s all want
        done
    done
done
i=0
while [ $i -lt 300 ]; do
    i=$((i + 1))
    echo "w$((i * 7919 % 1000))x$i"
done >many
cp many in
"$elcl" generate --quiet m --input in --num-return-sequences 2 --format jsonl >want
shards 13 --num-return-sequences 2 --format jsonl --batch-size 7
check "13 shards of 300 lines" cmp -s all want
same "no shard failed" "$(cat failures)" ""
same "shards differ by one line at most" "$(cat s.*.run.json | sed -n 's/.*"samples":.//p' |
    sort -u | tr -d '\n')" "23,24,"
run "$elcl" merge s.13.run.json s.7 s.1* s.2 s.3 s.4 s.5 s.6 s.8 s.9 s.1 --output -
check "any order, records as names, standard output" cmp -s out want
same "a merge leaves no record" "$(ls all*)" "all"

# Samples keep their numbers, and messages the lines of the whole file.
printf 'a\nb\nc\n!request\n' >in
refuses "the line of a bad sample" 1 "in: line 4: " \
    "$elcl" generate --quiet m --input in --shard 2/2
shards 2 --keep-going --format jsonl
"$elcl" generate --quiet m --input in --keep-going --format jsonl >want 2>err
check "a bad sample in a shard" cmp -s all want
run "$elcl" generate --quiet m a b --first-sample 41 --format jsonl
json "--first-sample" '[l["index"] for l in lines] == [41, 42]'
run "$elcl" generate --quiet m --input in --first-sample 100 --shard 2/4 --format jsonl
json "--first-sample is the number of the file's first line" '[l["index"] for l in lines] == [101]'

# ---- which shard -------------------------------------------------------------------------------

cp five in
for bad in 0/4 5/4 1/0 /4 1/ 1 1/4x x auto/0 auto/ auto4 1/4/2 -1/4 1/99999999999 ' 1/4'; do
    refuses "--shard $bad" 2 "--shard: expected I/N" "$elcl" generate --quiet m --input in \
        "--shard=$bad"
done
refuses "a shard of arguments" 2 "--input" "$elcl" generate m a b --shard 1/2
refuses "a shard of standard input" 2 "--input" "$elcl" generate m --shard 1/2
refuses "a shard of standard input by name" 2 "--input" "$elcl" generate m --input - --shard 1/2
mkfifo pipe
refuses "a shard of a pipe" 1 "pipe: cannot open: it is not a regular file" \
    timeout 20 "$elcl" generate --quiet m --input pipe --shard 1/2 --output s
run "$elcl" generate m --input in --shard 2/4
prints "lines of a shard" "B"
same "a shard is announced" "$(cat err)" "elcl: shard 2 of 4: lines 2 to 2 of in"
run "$elcl" generate m --input in --shard 1/7
prints "an empty shard"
same "an empty shard is announced" "$(cat err)" "elcl: shard 1 of 7: none of the 5 lines of in"

# slurm ID MIN MAX STEP COUNT WORD: a task of a job array.
slurm() {
    run env SLURM_ARRAY_TASK_ID="$1" SLURM_ARRAY_TASK_MIN="$2" SLURM_ARRAY_TASK_MAX="$3" \
        SLURM_ARRAY_TASK_STEP="$4" SLURM_ARRAY_TASK_COUNT="$5" JOB_COMPLETION_INDEX=9 \
        "$elcl" generate --quiet m --input in --shard "$6"
}
slurm 0 0 4 1 5 auto
prints "Slurm, tasks from 0" "A"
slurm 5 1 5 1 5 auto/5
prints "Slurm, tasks from 1" "E"
slurm 14 10 18 2 5 auto
prints "Slurm, every second task" "C"
slurm 3 1 7 1 3 auto
says "Slurm, tasks with gaps" "leaves gaps: give --shard I/N"
slurm 2 1 3 2 2 auto
says "Slurm, between the tasks" "leaves gaps"
slurm 2 2 2 1 1 auto/5
says "Slurm, a part of the array" "the Slurm array has 1 tasks"
slurm "" 2 2 1 1 auto
says "Slurm, an empty variable" "not complete"
slurm 3 4 2 1 1 auto
exits "Slurm, impossible numbers" 2
refuses "no array" 2 "found no SLURM_ARRAY_TASK_ID" "$elcl" generate --quiet m --input in \
    --shard auto
JOB_COMPLETION_INDEX=4
export JOB_COMPLETION_INDEX
run "$elcl" generate --quiet m --input in --shard auto/5
prints "Kubernetes" "E"
refuses "Kubernetes, number unknown" 2 "give --shard auto/N" "$elcl" generate --quiet m --input in \
    --shard auto
refuses "Kubernetes, too few" 2 "below 4, found '4'" "$elcl" generate --quiet m --input in \
    --shard auto/4
run "$elcl" generate --quiet m --input in
prints "without --shard all lines are done" A B C D E
unset JOB_COMPLETION_INDEX

# ---- refusals of merge -------------------------------------------------------------------------

refuses "no shards" 2 "found none" "$elcl" merge
shards 3
echo old >all
rm s.2
refuses "a shard is missing" 1 "s.2: cannot open: No such file" "$elcl" merge s.* --output all
refuses "a shard was not named" 1 "shard 2 of 3 is missing" "$elcl" merge s.1 s.3 --output all
refuses "shards were not named" 1 "shards 2, 3 of 3 are missing" "$elcl" merge s.1 --output all
same "a refused merge leaves the old file" "$(cat all)" "old"
same "a refused merge leaves nothing else" "$(ls all*)" "all"
shards 9
refuses "many are missing" 1 "shards 1, 2, 3, 4, 6 and 3 more of 9 are missing" "$elcl" merge s.5
shards 3
cp s.1 copy
cp s.1.run.json copy.run.json
refuses "a shard twice" 1 "copy and s.1 are both shard 1" "$elcl" merge s.1 s.2 s.3 copy
refuses "no record" 1 "five has no record beside it" "$elcl" merge five s.2 s.3
echo more >>s.2
refuses "a longer shard" 1 "s.2: expected the 4 bytes that its run wrote, found 9" "$elcl" merge s.?
printf 'B\nX\n' >s.2
refuses "a changed shard" 1 "s.2 was changed after its run ended" "$elcl" merge s.?
rm s.2
mkfifo s.2
refuses "a pipe as a shard" 1 "not a regular file" timeout 20 "$elcl" merge s.1 s.2 s.3
rm s.2
shards 3
sed 's/"first_sample":.1/"first_sample": 2/' s.2.run.json >changed
mv changed s.2.run.json
refuses "shards that do not meet" 1 "s.2 does not begin where s.1 ends" "$elcl" merge s.?
echo '{"schema": "elcl-run-1"}' >s.2.run.json
refuses "a damaged record" 1 's.2.run.json: key "complete" is missing or wrong' "$elcl" merge s.?
rm s.2.run.json
mkfifo s.2.run.json
refuses "a pipe as a record" 1 "not a regular file" timeout 20 "$elcl" merge s.1 s.2 s.3
rm s.2.run.json
shards 3
refuses "the output is a shard" 2 "s.2" "$elcl" merge s.? --output s.2
check "the output is a shard: it stays" [ "$(cat s.2)" = "B
C" ]
cp many in
shards 2
(
    trap '' XFSZ
    ulimit -f 1
    "$elcl" merge s.? --output limited 2>err
)
check "a full disk" grep -q "limited.*cannot write" err
same "a full disk leaves nothing" "$(ls limited* 2>/dev/null)" ""
cp five in
shards 3
"$elcl" generate --quiet m --input in --shard 2/4 --output other
refuses "another number of shards" 1 "other is one of 4 shards and s.1 one of 3" \
    "$elcl" merge s.1 other s.3
refuses "the output of another shard" 2 "s.1 is the output of shard 1 of 3 of this run" \
    "$elcl" generate --quiet m --input in --shard 2/3 --output s.1
run "$elcl" merge s.?
prints "the output of another shard: it stays" A B C D E
"$elcl" generate --quiet m --input in --shard 1/3 --output s.1
exits "a shard again" 0
sed 's/"device":.*/"device": "another",/' s.2.run.json >changed
mv changed s.2.run.json
run "$elcl" merge s.?
prints "another device" A B C D E
check "another device is reported" grep -q "warning: the shards ran on different devices" err

# A shard that was interrupted is not whole, even if an older output is there.
yes '!slow' | head -n 200 >in
shards 2
exits "slow shards" 0
FAKE_STEP_MS=20 "$elcl" generate --quiet m --input in --shard 2/2 --output s.2 2>err &
waits grep -q '"complete":.false' s.2.run.json
kill -KILL $!
wait $! 2>/dev/null
refuses "an interrupted shard" 1 "s.2: shard 2 of 2 has not ended: run it again" "$elcl" merge s.?
"$elcl" generate --quiet m --input in --shard 2/2 --output s.2 --resume
run "$elcl" merge s.?
exits "the shard was run again" 0
same "the shard was run again" "$(wc -l <out)" 200

# The name of the input goes while the shard reads it.
cp five in
FAKE_STEP_MS=20 "$elcl" generate --quiet m --input in --shard 1/1 --output nameless 2>err &
waits [ -e nameless.run.json ]
rm in
wait $!
run "$elcl" merge nameless
prints "an input that is removed" A B C D E

# The file loses lines while the shard reads them.
i=0
while [ $i -lt 40000 ]; do
    i=$((i + 1))
    echo "line $i"
done >in
: >got
FAKE_STEP_MS=1 "$elcl" generate --quiet m --input in --shard 1/1 >got 2>err &
waits has_lines got 1
: >in
wait $!
code=$?
exits "an input that becomes shorter" 1
says "an input that becomes shorter" "in: it has become shorter while it is read"

# ---- what a run is -----------------------------------------------------------------------------

# Every option that may change the text is in the record, under its name or, as named here, under
# that of the option which says the same.
cp five in
shards 1
"$elcl" generate --help | sed -n '/^Search (as in H/,/^Model and device/s/^  --\([a-z-]*\).*/\1/p' |
    sed 's/^decoder-prefix$/decoder-prefix-ids/; s/^no-sample$/do-sample/' >options
check "the help lists options" has_lines options 40
while read -r option; do
    check "the record has --$option" grep -q "\"$option\":" s.1.run.json
done <options
shards 2
cp s.2 kept
cp s.2.run.json kept.run.json
mkdir model
echo '{}' >model/config.json
echo weights >model/model.safetensors
while IFS='|' read -r options text; do
    # shellcheck disable=SC2086
    "$elcl" generate --quiet m --input in --shard 1/2 --output s.1 $options
    refuses "$options" 1 "$text" "$elcl" merge s.1 kept
done <<'END'
--num-beams 1|is of another run: num-beams is 1 there and 4 in kept
--format ids|format is ids there and text in kept
--scores|scores is 1
--src-lang bb|src-lang is bb
--tgt-lang bb|tgt-lang is bb
--max-source 9|max-source is 9
--long-source refuse|long-source is refuse
--length-penalty 1.5|length-penalty is 1.5
--early-stopping never|early-stopping is never
--do-sample|do-sample is true
--seed 2147483647|seed is 2147483647
--max-new-tokens 9|max-new-tokens is 9
--decoder-prefix-ids 5,7|decoder-prefix-ids is 5,7
--bad-words-ids 5,7;9|bad-words-ids is 5,7;9
--suppress-tokens 8|suppress-tokens is 8
--eos-token-id 2,3|eos-token-id is 2,3
--forced-bos-token-id none|forced-bos-token-id is none
--prefix-alternatives 5;6|prefix-alternatives is 5;6
--num-beams 1 --stop x|num-beams is 1
--search-style fairseq --min-len 3|max-length is 0 there and 64 in kept
--attention mha|attention is mha
END
for same in --batch-size=3 --keep-going --no-cache --memory-limit=1G --num-beams=4 --gemm=native; do
    "$elcl" generate --quiet m --input in --shard 1/2 --output s.1 $same
    run "$elcl" merge s.1 kept
    prints "$same does not change the text" A B C D E
done
"$elcl" generate --quiet model --input in --shard 2/2 --output s.2
"$elcl" generate --quiet model --input in --shard 1/2 --output s.1
refuses "another model" 1 "config.json is there and is missing in kept" "$elcl" merge s.1 kept
echo weightz >model/model.safetensors
"$elcl" generate --quiet model --input in --shard 1/2 --output s.1
refuses "other weights" 1 "model.safetensors has one content there and another one in s.1" \
    "$elcl" merge s.1 s.2
echo weights >model/model.safetensors
touch model/model.safetensors
echo notes >model/README.md
echo '{}' >model/results.json
cp -r model elsewhere
"$elcl" generate --quiet elsewhere --input in --shard 1/2 --output s.1
run "$elcl" merge s.1 s.2
prints "the same model at another time and place" A B C D E
cp in moved
"$elcl" generate --quiet model --input moved --shard 1/2 --output s.1
run "$elcl" merge s.1 s.2
prints "the same input under another name" A B C D E
echo more >>moved
"$elcl" generate --quiet model --input moved --shard 1/2 --output s.1
refuses "another input" 1 "the input has one content there and another one in s.1" \
    "$elcl" merge s.1 s.2

# ---- the library -------------------------------------------------------------------------------

# Random numbers belong to the line, in any split.
cut -f 1 "$g2p/test.tsv" | sed -n '1~300p' >words
"$real" generate --quiet "$g2p" --input words --do-sample --seed 3 --format jsonl >want
for i in 1 2 3; do
    "$real" generate --quiet "$g2p" --input words --do-sample --seed 3 --format jsonl \
        --shard $i/3 --output r.$i
done
run "$real" merge r.? --output -
check "sampling in 3 shards" cmp -s out want
head -n 10 words | "$real" generate --quiet "$g2p" --do-sample --seed 3 --format jsonl >got
tail -n +11 words | "$real" generate --quiet "$g2p" --do-sample --seed 3 --format jsonl \
    --first-sample 10 >>got
check "sampling with --first-sample" cmp -s got want
end
