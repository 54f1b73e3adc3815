#!/bin/sh
# usage: nvidia.sh ELCL DIRECTORY MODEL KERNELS [--all]
# elcl on the emulated NVIDIA device, whose .icd file is in DIRECTORY: the self-test, words of
# models/g2p-en, which have the phonemes of the reference (all of them with products of f32, at
# least 99% with products of 16 bits, and 98% with int8 state), and how much of the logits
# select_best reads, by tests/kernels. The device must have no complaint. --all: larger sizes.
. "$(dirname "$0")/../cli/lib.sh"
elcl=$1
model=$3
kernels=$4
small=--small
n=16
[ "${5-}" != --all ] || { small= && n=200; }
golden=$(dirname "$0")/../golden/g2p
OCL_ICD_VENDORS=$2
ELCL_NVIDIA_DIR=$2/ptx
ELCL_CACHE_DIR=$tmp/cache
export OCL_ICD_VENDORS ELCL_NVIDIA_DIR ELCL_CACHE_DIR
if ! command -v clang-15 >/dev/null || ! [ -f /usr/lib/clc/nvptx64--nvidiacl.bc ]; then
    skip 'elcl on an emulated NVIDIA device: no clang-15 with libclc-15 here'
    end
fi

# right NAME: the last run ended well, and the device had no complaint.
right() {
    exits "$1" 0
    check "$1: no complaints" \
        grep -qE '^emulated NVIDIA device: [1-9][0-9]* launches, 0 complaints$' "$tmp/err"
}

# words N PERCENT OPTION...: at most this share of N words may differ from the reference.
words() {
    head -n "$1" "$model/test.tsv" | cut -f 1 >"$tmp/words"
    head -n "$1" "$golden/beam4.txt" >"$tmp/want"
    most=$(($1 * $2 / 100))
    shift 2
    run "$elcl" generate --quiet "$model" --input "$tmp/words" --num-beams 4 --gemm native "$@"
    right "words, $*"
    check "words, $*: lines" test "$(wc -l <"$tmp/out")" -eq "$(wc -l <"$tmp/want")"
    differ=$(paste "$tmp/words" "$tmp/out" "$tmp/want" | awk -F '\t' '$2 != $3' |
        tee "$tmp/differ" | wc -l)
    cat "$tmp/differ"
    check "words, $*: $differ differ" test "$differ" -le "$most"
}

run "$elcl" selftest $small
right 'the self-test'
check 'the self-test: counts' grep -qE '^[1-9][0-9]* passed, 0 failed' "$tmp/out"
words $n 0 --attention el
words $((n / 2)) 0 --attention mha
words $((n / 2)) 0 --attention mha-beam
for type in f16 bf16; do
    words $n 1 --weights $type --compute $type --attention el
    words $((n / 2)) 1 --weights $type --compute $type --attention mha
done
words $((n / 4)) 2 --weights bf16 --compute bf16 --attention el --state int8
[ "${5-}" != --all ] ||
    words $((n / 4)) 10 --weights f16 --compute f16 --attention el --state int4

# Two rows of 50,265 logits, without timestamps, whose rule reads a row again. Each is read once;
# the rules of one allow only some tokens, so that it is read a second time, and so is the list. A
# second pass over both rows would be more than 3.
export ELCL_NVIDIA_COUNTS="$tmp/counts"
run "$kernels" --case 'select gpu f16/bf16 V=50265 width=12'
right 'select'
passes=$(awk -F '\t' '$1 == "select_best" && $4 ~ /^ld\.global/ && $5 == "sectors" { n += $6 * $7 }
    END { print n / (2 * 50265 / 8) }' "$tmp/counts")
check "select reads $passes times the sectors of its logits" \
    awk -v passes="$passes" 'BEGIN { exit !(passes > 1 && passes < 2.5) }'
end
