#!/bin/sh
# usage: nvidia.sh ELCL DIRECTORY MODEL KERNELS
# elcl on the emulated NVIDIA device, whose .icd file is in DIRECTORY: the self-test, words of
# models/g2p-en, which have the phonemes of the reference, and how much of the logits select_best
# reads, by tests/kernels. The device must have no complaint.
. "$(dirname "$0")/../cli/lib.sh"
elcl=$1
model=$3
kernels=$4
golden=$(dirname "$0")/../golden/g2p
OCL_ICD_VENDORS=$2
ELCL_CACHE_DIR=$tmp/cache
export OCL_ICD_VENDORS ELCL_CACHE_DIR
if ! command -v clang-15 >/dev/null || ! [ -f /usr/lib/clc/nvptx64--nvidiacl.bc ]; then
    skip 'no clang-15 with libclc-15 here'
    end
fi

# right NAME: the last run ended well, and the device had no complaint.
right() {
    exits "$1" 0
    check "$1: no complaints" \
        grep -qE '^emulated NVIDIA device: [1-9][0-9]* launches, 0 complaints$' "$tmp/err"
}

run "$elcl" selftest --small
right 'the self-test'
check 'the self-test: counts' grep -qE '^[1-9][0-9]* passed, 0 failed' "$tmp/out"

head -n 32 "$model/test.tsv" | cut -f 1 >"$tmp/words"
head -n 32 "$golden/beam4.txt" >"$tmp/want"
for options in '' '--attention mha' '--attention mha-beam'; do
    run "$elcl" generate --quiet "$model" --input "$tmp/words" --num-beams 4 --gemm native $options
    right "words $options"
    check "words $options: phonemes" cmp -s "$tmp/out" "$tmp/want"
done

# Two rows of 50,265 logits. Each is read once; the rules of one allow only some tokens, so that it
# is read a second time, and so is the list. A second pass over both rows would be more than 3.
export ELCL_NVIDIA_COUNTS="$tmp/counts"
run "$kernels" --case 'select gpu f16/bf16 V=50265 width=12'
right 'select'
passes=$(awk -F '\t' '$1 == "select_best" && $4 ~ /^ld\.global/ && $5 == "sectors" { n += $6 * $7 }
    END { print n / (2 * 50265 / 8) }' "$tmp/counts")
check "select reads $passes times the sectors of its logits" \
    awk -v passes="$passes" 'BEGIN { exit !(passes > 1 && passes < 2.5) }'
end
