# Shared by the lint tests, which source it in the root of the repository. A test passes if the
# command that looks for breaches prints nothing.

passed=0
failed=0
skipped=0

# nothing NAME TEXT: passes if TEXT, the list of breaches, is empty.
nothing() {
    if [ -z "$2" ]; then
        passed=$((passed + 1))
    else
        printf 'FAILED %s\n%s\n' "$1" "$2"
        failed=$((failed + 1))
    fi
}

# something NAME TEXT: passes if TEXT is not empty. For inputs that break the rule.
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

# files PATTERN...: prints the project's files with matching names, without build folders and
# bundles.
files() {
    for pattern in "$@"; do
        find . \( -name .git -o -name .gpu -o -name 'build*' -type d -o -path './subprojects/*/*' \
            -not -path './subprojects/packagefiles*' \) -prune -o -type f -name "$pattern" -print
    done | sed 's,^\./,,' | sort
}
