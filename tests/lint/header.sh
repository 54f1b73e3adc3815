#!/bin/sh
# Each public header compiles by itself, in C and in C++.
cd "$(dirname "$0")/../.." || exit 1
. tests/lint/lint.sh

# compiles LANGUAGE STANDARD COMPILER
compiles() {
    if ! command -v "$3" >/dev/null; then
        skip "header $2: no $3 here"
        return
    fi
    for header in include/elcl/*.h; do
        nothing "header ${header##*/} $2 $3" "$(printf '#include "%s"\n' "${header#include/}" |
            "$3" -x "$1" -std="$2" -Wall -Wextra -Wpedantic -Werror -fsyntax-only -Iinclude - \
                2>&1 || echo 'does not compile')"
    done
}

compiles c c99 cc
compiles c c17 cc
# Any of these compilers will do; check.sh installs clang.
for compiler in clang++ g++ c++; do
    command -v "$compiler" >/dev/null && break
done
compiles c++ c++11 "$compiler"
compiles c++ c++17 "$compiler"
for header in include/elcl/*.h; do
    nothing "header ${header##*/} is installed" "$(grep -q "'${header#include/}'" \
        include/meson.build || echo "include/meson.build does not list it")"
done
finish
