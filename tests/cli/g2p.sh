#!/bin/sh
# usage: g2p.sh ELCL MODEL
# Compares all held-out words of models/g2p-en, greedy and with 4 beams, with the output of the
# reference implementation (tests/golden/g2p): at least 99.9% of the words have the same text. The
# encoder runs only for the greedy search, and 4 beams read its outputs from the encoder cache. On a
# part of the words, for which it runs again, each attention variant and small batches give exactly
# the same text, with 4 beams.
here=$(cd "$(dirname "$0")" && pwd) || exit 1
. "$here/lib.sh"
elcl=$1
model=$2
golden=$here/../golden/g2p
runs "$elcl" --version

cut -f 1 "$model/test.tsv" >"$tmp/words"
n=$(wc -l <"$tmp/words")

# agrees NAME FILE GOLDEN: counts and shows the words that differ.
agrees() {
    differ=$(paste "$tmp/words" "$2" "$3" | awk -F '\t' '$2 != $3' | tee "$tmp/differ" | wc -l)
    echo "$1: $differ of $n words differ"
    head -n 20 "$tmp/differ"
    check "$1" test "$(wc -l <"$2")" -eq "$n" -a "$((differ * 1000))" -le "$n"
}

for beams in 1 4; do
    run "$elcl" generate --verbose "$model" --input "$tmp/words" --num-beams $beams \
        --encoder-cache "$tmp/encoded"
    exits "$beams beams" 0
    mv "$tmp/out" "$tmp/$beams"
done
cache=$(grep 'encoder cache: ' "$tmp/err")
check "the second run takes all from the cache: $cache" \
    grep -q "encoder cache: $n sources were there, 0 are new" "$tmp/err"
agrees 'greedy' "$tmp/1" "$golden/greedy.txt"
agrees '4 beams' "$tmp/4" "$golden/beam4.txt"

head -n 1500 "$tmp/words" >"$tmp/part"
head -n 1500 "$tmp/4" >"$tmp/want"
for options in '--attention el' '--attention mha-beam' '--attention el --batch-size 7'; do
    run "$elcl" generate --quiet "$model" --input "$tmp/part" --num-beams 4 $options
    exits "$options" 0
    check "the same text with $options" cmp -s "$tmp/out" "$tmp/want"
done
end
