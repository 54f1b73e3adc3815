# Checks for the tests of the command. Source it. end prints "N passed, N failed".
passed=0
failed=0
skipped=0
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

# on_fake FAKE_ELCL: sets $elcl to the command on the stand-in for the library, and goes to $tmp.
on_fake() {
    elcl=$(realpath "$1")
    LC_ALL=C
    export LC_ALL
    runs "$elcl" --version
    cd "$tmp" || exit 1
}

# run COMMAND...: runs it without standard input and sets $code, $tmp/out and $tmp/err.
run() {
    "$@" </dev/null >"$tmp/out" 2>"$tmp/err"
    code=$?
}

# run_in COMMAND...: the same, with standard input from $tmp/in.
run_in() {
    "$@" <"$tmp/in" >"$tmp/out" 2>"$tmp/err"
    code=$?
}

pass() {
    passed=$((passed + 1))
}

fail() {
    failed=$((failed + 1))
    echo "FAILED: $1"
    shift
    for detail in "$@"; do
        printf '    %s\n' "$detail"
    done
}

skip() {
    skipped=$((skipped + 1))
    echo "skipped: $1"
}

# check NAME COMMAND...: passes if the command succeeds.
check() {
    name=$1
    shift
    if "$@"; then
        pass
    else
        fail "$name" "exit code of the last run: $code" "stderr: $(head -c 600 "$tmp/err")"
    fi
}

# same NAME GOT WANT: passes if both are equal.
same() {
    if [ "$2" = "$3" ]; then
        pass
    else
        fail "$1" "got:  $2" "want: $3"
    fi
}

exits() {
    if [ "$code" = "$2" ]; then
        pass
    else
        fail "$1: exit code" "got $code, want $2" "stderr: $(head -c 600 "$tmp/err")"
    fi
}

# prints NAME LINE...: passes if standard output has exactly these lines.
prints() {
    name=$1
    shift
    : >"$tmp/want"
    for line in "$@"; do
        printf '%s\n' "$line" >>"$tmp/want"
    done
    if cmp -s "$tmp/out" "$tmp/want"; then
        pass
    else
        fail "$name" "got:  $(head -c 600 "$tmp/out")" "want: $(head -c 600 "$tmp/want")" \
            "stderr: $(head -c 600 "$tmp/err")"
    fi
}

# says NAME TEXT: passes if standard error is one line "elcl: error: ..." with the text.
says() {
    if [ "$(grep -c '^elcl: error: ' "$tmp/err")" = 1 ] && [ "$(wc -l <"$tmp/err")" = 1 ] &&
        grep -qF -e "$2" "$tmp/err"; then
        pass
    else
        fail "$1" "stderr: $(head -c 600 "$tmp/err")" "want one sentence with: $2"
    fi
}

# refuses NAME CODE TEXT COMMAND...: passes if the command exits with CODE and says TEXT.
refuses() {
    name=$1
    want_code=$2
    text=$3
    shift 3
    run "$@"
    exits "$name" "$want_code"
    says "$name" "$text"
}

# waits COMMAND...: repeats it until it succeeds, for at most 20 seconds.
waits() {
    tries=200
    while [ $tries -gt 0 ]; do
        "$@" && return 0
        sleep 0.1
        tries=$((tries - 1))
    done
    return 1
}

# send FORMAT: prints it to descriptor 3. Later checks find a reader that has died.
send() {
    (
        trap '' PIPE
        # shellcheck disable=SC2059
        printf "$1" >&3
    ) 2>/dev/null
}

has_lines() {
    [ "$(wc -l <"$1")" -ge "$2" ]
}

# narrow NAME: passes if every line of standard output fits in 80 columns.
narrow() {
    long=$(awk 'length($0) > 80' "$tmp/out")
    same "$1 fits in 80 columns" "$long" ""
}

# json NAME EXPRESSION: passes if the Python expression on `lines`, the parsed output, is true.
json() {
    if python3 -c '
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
sys.exit(0 if eval(sys.argv[2]) else 1)' "$tmp/out" "$2" 2>"$tmp/json_err"; then
        pass
    else
        fail "$1" "false: $2" "stdout: $(head -c 600 "$tmp/out")" "$(tail -n 1 "$tmp/json_err")"
    fi
}

# runs COMMAND...: ends the test if the command fails, because all checks would fail then.
runs() {
    if ! "$@" >/dev/null; then
        fail "$* does not run"
        end
    fi
}

end() {
    if [ $skipped -gt 0 ]; then
        echo "$passed passed, $failed failed, $skipped skipped"
    else
        echo "$passed passed, $failed failed"
    fi
    [ $failed -eq 0 ]
    exit
}
