#!/bin/sh
# Compiles the programs that record.c wrote to FOLDER, KEY.cl, to KEY.ptx. Everything is inlined,
# as drivers do.
#     sh tools/gpu-day/cuda/ptx.sh FOLDER
set -e
for file in "$1"/*.cl; do
    clang-15 -x cl -w -O3 $(sed -n '1s,^// ,,p' "$file") -S -target nvptx64--nvidiacl \
        -mllvm -inline-threshold=1000000 -Xclang -finclude-default-header \
        -Xclang -target-feature -Xclang +ptx75 -Xclang -target-cpu -Xclang sm_80 \
        -Xclang -mlink-builtin-bitcode -Xclang /usr/lib/clc/nvptx64--nvidiacl.bc \
        "$file" -o "${file%.cl}.ptx"
    rm "$file"
done
