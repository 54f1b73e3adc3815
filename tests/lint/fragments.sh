#!/bin/sh
# The mma_*.cl of vendors hand out the elements of matrices to lanes as the vendors' documents say:
# each is compiled for this machine and run on stand-ins for the instructions, see fragments.c.
cd "$(dirname "$0")/../.." || exit 1
. tests/lint/lint.sh

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# check NAME FILE FLAG...: complaints.
check() {
    name=$1
    file=$2
    shift 2
    "$clang" -x cl -cl-std=CL1.2 -Xclang -finclude-default-header -Wno-everything -O1 -c -I. \
        -DELCL_MAC_PLAIN=1 "-DMMA_FILE=\"$file\"" "$@" tests/lint/fragments.cl \
        -o "$work/cl.o" 2>&1 && cc -std=c17 tests/lint/fragments.c "$work/cl.o" \
        -o "$work/fragments" 2>&1 && "$work/fragments" "$name" || echo 'it does not run'
}

for clang in clang-15 clang-14 clang none; do
    command -v "$clang" >/dev/null && break
done
if [ "$clang" = none ]; then
    skip 'fragments: no clang here'
    finish
fi

# nvidia: mma_nvidia.cl with calls in the place of PTX. Fragments of int8 are, in bytes, those of 16
# bits, and its instruction is left out.
nvidia() {
    sed -e 's/__asm__("cvt.*/pair = bf16_pair(x);/' -e 's/__asm__("ex2.*/y = exp2(x);/' \
        -e '/__asm__("mma.*s8.s8/,/;$/d' \
        -e '/__asm__("mma/,/;$/c\    c = mma_m16n8k16(a, b, c);' cl/mma_nvidia.cl
}

nvidia >"$work/mac.cl"
nothing 'fragments: NVIDIA' "$(check mma_nvidia "$work/mac.cl" -DMMA_PLAIN)"
nothing 'fragments: AMD, wmma' "$(check mma_amd_wmma cl/mma_amd_wmma.cl)"
nothing 'fragments: AMD, mfma' "$(check mma_amd_mfma cl/mma_amd_mfma.cl)"
nothing 'fragments: Intel, 8 lanes' "$(check 'mma_intel 8' cl/mma_intel.cl -DSUBGROUP=8)"
nothing 'fragments: Intel, 16 lanes' "$(check 'mma_intel 16' cl/mma_intel.cl -DSUBGROUP=16)"

# One element of A at another place.
nvidia | sed 's/p\[4 \* ld\]/p[3 * ld]/' >"$work/mac.cl"
something 'fragments: a wrong element is noticed' \
    "$(check mma_nvidia "$work/mac.cl" -DMMA_PLAIN | grep 'elements are wrong')"
nvidia | sed 's/tile, row + 8, chunk + 1/tile, row, chunk + 1/' >"$work/mac.cl"
something 'fragments: a wrong element of a wide tile is noticed' \
    "$(check mma_nvidia "$work/mac.cl" -DMMA_PLAIN | grep 'elements are wrong')"
finish
