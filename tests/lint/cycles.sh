#!/bin/sh
# usage: cycles.sh ARCHIVE...
# No files call each other in a circle. Each ARCHIVE is a static library; a file depends on another
# one if it uses a function or a table that the other one defines.
root=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
. "$root/tests/lint/lint.sh"

# Reads nm's lines "ARCHIVE[OBJECT]: NAME TYPE ..." and prints "USER DEFINER" for each dependency.
dependencies() {
    awk '
    {
        object = $1
        sub(/.*[\[\/]/, "", object)
        sub(/\.(c|cc)\.o\]?:$/, "", object)
        if ($3 == "U") uses[object, $2] = object " " $2
        else if ($3 ~ /[TDBRV]/) definer[$2] = object
    }
    END {
        for (use in uses) {
            split(uses[use], pair, " ")
            if (pair[2] in definer && definer[pair[2]] != pair[1]) print pair[1], definer[pair[2]]
        }
    }' | sort -u
}

# Reads dependencies and prints the files that are part of a circle.
circles() {
    tsort 2>&1 >/dev/null | sed -n 's/^tsort: \([^ :]*\)$/\1/p' | sort -u
}

symbols=$(nm -A --format=posix "$@" 2>/dev/null)
found=$(printf '%s\n' "$symbols" | dependencies)
something 'cycles: files depend on each other' "$found"
nothing 'cycles: files that call each other in a circle' "$(printf '%s\n' "$found" | circles)"

something 'cycles: finds one' "$(printf '%s\n' 'l.a[a.c.o]: f T 0' 'l.a[a.c.o]: g U' \
    'l.a[b.c.o]: g T 0' 'l.a[b.c.o]: f U' | dependencies | circles)"
nothing 'cycles: a line is none' "$(printf '%s\n' 'l.a[a.c.o]: f T 0' 'l.a[a.c.o]: g U' \
    'l.a[b.c.o]: g T 0' | dependencies | circles)"
finish
