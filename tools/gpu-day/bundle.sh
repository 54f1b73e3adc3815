#!/bin/sh
# Collects in FOLDER what gpu-day.sh needs on a bare x86-64 machine with a GPU and without network:
# programs and their libraries, the model g2p-en and its texts, the scripts. FOLDER needs nothing
# else, neither this checkout nor root.
#
#     sh tools/gpu-day/bundle.sh FOLDER [BUILD]     BUILD: a finished build folder (default: build)
set -eu
. "$(dirname "$0")/../setup.sh"
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
# The newest version of the C library that a file asks for.
needed=$(objdump -T "$folder"/bin/* "$folder"/lib/*.so* | grep -o 'GLIBC_2[0-9.]*' | sort -Vu |
    tail -n 1)
say "$folder: $(du -sm "$folder" | cut -f 1) MiB; runs with glibc ${needed#GLIBC_} or later"
