#!/bin/sh
# Collects in FOLDER what gpu-day.sh needs on a bare x86-64 machine with a GPU and without network:
# programs and their libraries, the model g2p-en and its texts, the scripts. FOLDER needs nothing
# else, neither this checkout nor root.
#
#     sh tools/gpu-day/bundle.sh [--cuda] FOLDER [BUILD]
#
#     --cuda   for a machine of NVIDIA that has CUDA but no OpenCL, too: every program that the
#              steps need, compiled to PTX here, and a driver that runs it by libcuda (cuda/icd.c).
#              Needs clang-15 and libclc-15, and minutes: the steps run once on the emulated device
#              of tests/nvidia, which shows which programs they need
#     BUILD    a finished build folder (default: build)
set -eu
. "$(dirname "$0")/../setup.sh"
cuda=
[ "${1:-}" != --cuda ] || { cuda=1 && shift; }
case ${1:-} in
--help | -h) print_help "$0" && exit ;;
'' | -*) refuse "$0" 'FOLDER is missing' ;;
esac
folder=$1
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${2:-$root/build}
[ -x "$build/elcl" ] && [ -x "$build/tests/kernels" ] ||
    refuse "$0" "$build: no programs there; run: meson setup build && ninja -C build"
if [ -e "$folder" ]; then
    [ -f "$folder/gpu-day.sh" ] || refuse "$0" "$folder exists and is no bundle"
    rm -rf "$folder"
fi
mkdir -p "$folder/bin" "$folder/lib/cxx" "$folder/tests/golden/g2p" "$folder/tools/gpu-day" \
    "$folder/models"

cp -L "$build/elcl" "$build/tests/kernels" "$folder/bin/"
libraries=$(ldd "$build/elcl" "$build/tests/kernels" | awk '$3 ~ /^\// { print $3 }' | sort -u)
for library in $libraries; do
    case ${library##*/} in
    libc.so* | libm.so* | libdl.so* | libpthread.so* | librt.so* | ld-linux*) ;;
    libstdc++.so* | libgcc_s.so*) cp -L "$library" "$folder/lib/cxx/" ;;
    *) cp -L "$library" "$folder/lib/" ;;
    esac
done
strip --strip-debug "$folder"/bin/* "$folder"/lib/*.so* 2>/dev/null || true

cp -r "$root/models/g2p-en" "$folder/models/"
cp "$root/tests/golden/g2p/beam4.txt" "$folder/tests/golden/g2p/"
cp "$root/tools/gpu-day/steps.sh" "$root"/tools/gpu-day/*.py "$folder/tools/gpu-day/"
cp "$root/tools/gpu-day/gpu-day.sh" "$folder/"

# record ARGUMENT...: runs elcl on the emulated device; its programs come to
# $folder/cuda/KEY.cl.
record() {
    env LD_LIBRARY_PATH="$folder/lib" LD_PRELOAD="$work/record.so" ELCL_RECORD="$folder/cuda" \
        ELCL_NVIDIA_DIR="$work" OCL_ICD_VENDORS="$build/tests/nvidia" \
        ELCL_CACHE_DIR="$work/cache" "$folder/bin/elcl" "$@" >"$work/log" 2>&1 ||
        { cat "$work/log" && return 1; }
}

if [ -n "$cuda" ]; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    mkdir "$folder/cuda"
    folder=$(cd "$folder" && pwd)
    build=$(cd "$build" && pwd)
    library='cc -std=c17 -D_GNU_SOURCE -O2 -shared -fPIC'
    $library -o "$folder/cuda/icd.so" "$root/tools/gpu-day/cuda/icd.c" -ldl
    $library -o "$work/record.so" "$root/tools/gpu-day/cuda/record.c" -ldl
    record selftest --small --budget 0
    echo transformer >"$work/word"
    for types in 'f32 f32 f32' 'bf16 bf16 f32' 'bf16 bf16 bf16' 'f16 f16 f16'; do
        set -- $types
        record generate --gemm native --weights "$1" --state "$2" --compute "$3" \
            --input "$work/word" "$root/models/g2p-en"
    done
    record bench --synthetic marian-base --batch-size 1 --source-length 4 \
        --new-tokens 2 --warmup 0 --repetitions 1 --no-profile --weights bf16 --state bf16
    sh "$root/tools/gpu-day/cuda/ptx.sh" "$folder/cuda"
fi

# The newest version of the C library that a file asks for.
needed=$(objdump -T "$folder"/bin/* "$folder"/lib/*.so* | grep -o 'GLIBC_2[0-9.]*' | sort -Vu |
    tail -n 1)
say "$folder: $(du -sm "$folder" | cut -f 1) MiB; runs with glibc ${needed#GLIBC_} or later"
