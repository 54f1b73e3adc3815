#!/bin/sh
# Every kernel file of cl/ is OpenCL C 1.2 without warnings. A file names the -D sets to try it with
# in comment lines, one set a line:
#     // lint: -DVW=8 -DWG=1
# A file without such a line is tried without -D. Before it stand the files that others build
# upon, as in the host's programs, and those that it names itself:
#     // lint after: gemm_gpu.cl
# The mma_*.cl of a vendor compile only for its devices: see targets.sh. The programs that
# tests/kernels prints compile too.
#     sh tests/lint/kernels.sh [KERNELS]    the program of tests/kernels (default: of build/)
kernels=${1:+$(realpath "$1")}
cd "$(dirname "$0")/../.." || exit 1
kernels=${kernels:-build/tests/kernels}
. tests/lint/lint.sh

base='cl/records.h cl/prelude.cl cl/storage.cl cl/state_place.cl cl/reduce.cl'
base="$base cl/state_put.cl cl/activation.cl cl/logits.cl"

for clang in clang-14 clang none; do
    command -v "$clang" >/dev/null && break
done
source=$(mktemp) || exit 1
trap 'rm -f "$source"' EXIT

# compile FLAG...: what clang says of $source.
compile() {
    "$clang" -x cl -cl-std=CL1.2 -Xclang -finclude-default-header -fsyntax-only -Werror \
        "$@" "$source" 2>&1 || echo 'does not compile'
}

# program FILE: the text that a driver would be given, up to the end of FILE.
program() {
    for part in $base $(sed -n 's,^// lint after:,,p' "$1" | sed 's,\([^ ]*\.cl\),cl/\1,g') "$1"; do
        printf '#line 1 "%s"\n' "${part#cl/}"
        cat "$part"
        [ "$part" != "$1" ] || return
    done
}

if [ "$clang" = none ]; then
    skip 'kernels: no clang here'
    finish
fi

echo '__kernel void f(__global float *y) { y[get_global_id(0)] = x; }' >"$source"
something 'kernels: finds an error' "$(compile)"

for file in cl/*.cl; do
    case $file in
    cl/mma_nvidia.cl | cl/mma_amd*.cl | cl/mma_intel.cl | cl/dot_v[dp]*.cl | \
        cl/el_v*.cl) continue ;;
    esac
    program "$file" >"$source"
    sets=$(sed -n 's,^// lint:,,p' "$file")
    if [ "$file" = cl/prelude.cl ]; then
        sets=$(printf -- '-DELCL_MAC_FMA=1\n-DELCL_MAC_MAD=1\n-DELCL_MAC_PLAIN=1\n')
    fi
    while read -r flags; do
        nothing "kernels: $file $flags" "$(compile -DELCL_MAC_FMA=1 $flags)"
    done <<END
$sets
END
done

if ! [ -x "$kernels" ]; then
    skip "kernels: no $kernels here"
    finish
fi
programs=$("$kernels" --list-programs | grep -v ' nvidia\| amd-\| intel-')
something 'kernels: there are programs' "$programs"
while read -r name; do
    "$kernels" --print-program "$name" >"$source"
    nothing "kernels: $name" "$(compile $(sed -n '1s,^// ,,p' "$source"))"
done <<END
$programs
END
something 'kernels: an unknown program is refused' \
    "$("$kernels" --print-program 'gpu f32/f32 nvidia now' 2>&1 | grep 'no such program')"
finish
