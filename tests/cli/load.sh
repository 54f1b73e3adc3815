#!/bin/sh
# usage: load.sh ELCL MODEL short SAMPLES
#        load.sh ELCL MODEL mixed MINUTES
# A long run, by hand: a stream of samples that repeat, each of which must come out once, in order,
# with the text that a short run gives it, while the memory of the process stays the same.
#     short  words of MODEL/test.tsv (models/g2p-en), greedy
#     mixed  starts of MODEL/heldout.txt of 1 to 200 words (models/kjv-gpt2), each with its own
#            number of beams and of new tokens, for so many minutes
set -u
. "$(dirname "$0")/lib.sh"
elcl=$(realpath "$1")
model=$2
kind=$3
amount=$4
LC_ALL=C
export LC_ALL

# The samples that repeat, in $tmp/samples, one a line.
case $kind in
short)
    cut -f 1 "$model/test.tsv" >"$tmp/samples"
    set -- --num-beams 1
    ;;
mixed)
    tr -d '"\\' <"$model/heldout.txt" | awk '
        BEGIN { srand(1) }
        NF > 3 {
            n = 1 + int(exp(rand() * log(200)))
            text = $1
            for (i = 2; i <= n && i <= NF; i++)
                text = text " " $i
            printf "{\"text\": \"%s\", \"num_beams\": %d, \"max_new_tokens\": %d}\n", text,
                1 + int(rand() * 4), 1 + int(exp(rand() * log(100)))
        }' | head -n 400 >"$tmp/samples"
    set -- --input-format jsonl
    ;;
*) echo "load.sh: expected short or mixed, found '$kind'" && exit 2 ;;
esac

# stream FROM N: prints samples FROM .. FROM + N - 1 of a sequence without a visible order.
stream() {
    awk -v from="$1" -v n="$2" '{ s[NR - 1] = $0 }
        END { for (i = from; i < from + n; i++) print s[(i * 7919 + int(i / NR)) % NR] }' \
        "$tmp/samples"
}

all() {
    if [ "$kind" = short ]; then
        stream 0 "$amount"
        echo "$amount" >"$tmp/sent"
        return
    fi
    end=$(($(date +%s) + 60 * amount))
    sent=0
    while [ "$(date +%s)" -lt $end ]; do
        stream $sent 200 || return # the reader has gone
        sent=$((sent + 200))
    done
    echo $sent >"$tmp/sent"
}

run "$elcl" generate --quiet "$model" --input "$tmp/samples" "$@"
exits 'each sample once' 0
cp "$tmp/out" "$tmp/texts"
same 'each sample once: lines' "$(wc -l <"$tmp/texts")" "$(wc -l <"$tmp/samples")"
[ $failed = 0 ] || end

began=$(date +%s)
mkfifo "$tmp/in"
all >"$tmp/in" &
"$elcl" generate --quiet "$model" "$@" <"$tmp/in" >"$tmp/out" 2>"$tmp/err" &
process=$!
# KiB of memory, once a second.
while kill -0 $process 2>/dev/null; do
    sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' /proc/$process/status 2>/dev/null
    sleep 1
done >"$tmp/memory"
wait $process
code=$?
seconds=$(($(date +%s) - began))
exits 'the run' 0

samples=$(wc -l <"$tmp/out")
same 'no sample is lost' "$samples" "$(cat "$tmp/sent")"
check 'every line is the text of its sample' awk -v n="$samples" '
    FNR == NR { s[NR - 1] = $0; k = NR; next }
    { i = FNR - 1; if ($0 != s[(i * 7919 + int(i / k)) % k]) { print "line " FNR; exit 1 } }
' "$tmp/texts" "$tmp/out"
n=$(wc -l <"$tmp/memory")
early=$(sed -n "$((n / 10 + 1))p" "$tmp/memory")
late=$(head -n $((n - 1)) "$tmp/memory" | tail -n $((n / 4 + 1)) | sort -n | tail -n 1)
check "memory stays: $early KiB after a tenth, at most $late KiB in the last quarter" \
    [ "$late" -le $((early + early / 20)) ]
printf '%s samples in %s s; %s KiB after a tenth, at most %s KiB in the last quarter\n' \
    "$samples" "$seconds" "$early" "$late"
end
