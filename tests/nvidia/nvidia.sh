#!/bin/sh
# usage: nvidia.sh ELCL DIRECTORY MODEL
# elcl on the emulated NVIDIA device, whose .icd file is in DIRECTORY: the self-test, and words of
# models/g2p-en, which have the phonemes of the reference. The device must have no complaint.
. "$(dirname "$0")/../cli/lib.sh"
elcl=$1
model=$3
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
end
