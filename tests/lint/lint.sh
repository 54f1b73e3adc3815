# What the lint tests share; sourced from the repository's root. A test is passed when the command
# that looks for breaches prints nothing.

passed=0
failed=0
skipped=0

# nothing NAME TEXT: one test; TEXT lists the breaches.
nothing() {
    if [ -z "$2" ]; then
        passed=$((passed + 1))
    else
        printf 'FAILED %s\n%s\n' "$1" "$2"
        failed=$((failed + 1))
    fi
}

# something NAME TEXT: the other way round, for inputs that are known to breach the rule.
something() {
    if [ -n "$2" ]; then
        passed=$((passed + 1))
    else
        printf 'FAILED %s: the breach was not noticed\n' "$1"
        failed=$((failed + 1))
    fi
}

skip() {
    printf 'skipped %s\n' "$1"
    skipped=$((skipped + 1))
}

finish() {
    if [ "$skipped" -eq 0 ]; then
        printf '%d passed, %d failed\n' "$passed" "$failed"
    else
        printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
    fi
    [ "$failed" -eq 0 ]
    exit
}

# files PATTERN...: the project's own text files whose names match, without build folders.
files() {
    for pattern in "$@"; do
        find . \( -name .git -o -name 'build*' -type d -o -path './subprojects/*/*' \
            -not -path './subprojects/packagefiles*' \) -prune -o -type f -name "$pattern" -print
    done | sed 's,^\./,,' | sort
}
