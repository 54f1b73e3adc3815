#!/bin/sh
# usage: symbols.sh STATIC_LIBRARY SHARED_LIBRARY
# All global symbols start with elcl_, so that none collides with those of a program that links the
# library. The shared library exports exactly the functions of the public headers.
root=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
static=$1
shared=$2
. "$root/tests/lint/lint.sh"

defined() {
    nm --defined-only --format=posix "$@" 2>&1 | awk 'NF > 1 && $2 ~ /[A-Z]/ { print $1 }' | sort -u
}

functions=$(cat "$root"/include/elcl/*.h | tr '\n' ' ' | grep -oE 'ELCL_API [^;]*;' |
    grep -oE 'elcl_[a-z0-9_]+\(' | tr -d '(' | sort -u)
static_symbols=$(defined --extern-only "$static")
exports=$(defined --dynamic "$shared")

something 'symbols: the static library has some' "$static_symbols"
nothing 'symbols: static library' "$(printf '%s\n' "$static_symbols" | grep -v '^elcl_')"
something 'symbols: the shared library has some' "$exports"
nothing 'symbols: shared library' "$(printf '%s\n' "$exports" | grep -v '^elcl_')"
something 'symbols: the headers declare some' "$functions"
nothing 'symbols: exported but not declared' "$(printf '%s\n' "$exports" | while read -r name; do
    printf '%s\n' "$functions" | grep -qx "$name" || echo "$name"
done)"
nothing 'symbols: declared but not exported' "$(printf '%s\n' "$functions" | while read -r name; do
    printf '%s\n' "$exports" | grep -qx "$name" || echo "$name"
done)"
finish
