#!/bin/sh
# usage: output.sh FAKE_ELCL
# What the command writes, on the stand-in for the library (fake_elcl.c): output files, closed
# pipes, streams, signals and FIFOs.
set -u
. "$(dirname "$0")/lib.sh"
root=$(cd "$(dirname "$0")/.." && pwd)
on_fake "$1"

seq 12000 | sed 's/^/w/' >many
tr w W <many >many_upper

# ---- output ----------------------------------------------------------------------------------

run "$elcl" generate --quiet m a b --output o.txt
exits "--output" 0
same "--output" "$(cat o.txt)" "A
B"
check "no part is left" [ ! -e o.txt.part ]
echo old >o.txt
chmod 640 o.txt
run "$elcl" generate --quiet m a '!request' --output o.txt
exits "a failure keeps the old file" 1
same "a failure keeps the old file" "$(cat o.txt)" "old"
same "a failure keeps the part" "$(cat o.txt.part)" "A"
check "a failure names the part" grep -q 'o.txt.part' err
run "$elcl" generate --quiet m new --output o.txt
same "a success replaces the old file" "$(cat o.txt)" "NEW"
same "the kept part stays" "$(cat o.txt.part)" "A"
check "the next part has another name, and goes" [ ! -e o.txt.part.1 ]
rm -f o.txt.part
same "the mode stays" "$(ls -l o.txt | cut -c1-10)" "-rw-r-----"
ln -s o.txt link.txt
run "$elcl" generate --quiet m linked --output link.txt
check "a link stays a link" [ -h link.txt ]
same "what it names is replaced" "$(cat o.txt)" "LINKED"
run "$elcl" generate --quiet m '!request' --output e.txt
check "nothing written, no part" [ ! -e e.txt.part ]
check "nothing written, no file" [ ! -e e.txt ]
refuses "no such directory" 1 "none/o.txt.part" "$elcl" generate --quiet m a --output none/o.txt
refuses "a directory as output" 1 "directory" "$elcl" generate --quiet m a --output .
run "$elcl" generate --quiet m a --output /dev/null
exits "a device as output" 0
check "a device stays a device" [ -c /dev/null ]

# What is there already stays: a file, what a link names, a pipe.
printf 'mine\n' >taken.part
run "$elcl" generate --quiet m --input taken.part --output taken
exits "the part's name is taken by the input" 0
same "the part's name is taken by the input" "$(cat taken taken.part)" "MINE
mine"
printf 'precious\n' >precious
ln -s precious linked.part
run "$elcl" generate --quiet m a --output linked
same "the part's name is taken by a link" "$(cat linked precious)" "A
precious"
mkfifo held.part
run timeout 20 "$elcl" generate --quiet m a --output held
exits "the part's name is taken by a pipe" 0
same "the part's name is taken by a pipe" "$(cat held)" "A"
name=$(printf '%0255d' 0)
run "$elcl" generate --quiet m a --output "$name"
exits "a name of 255 bytes" 0
same "a name of 255 bytes" "$(cat "$name")" "A"
same "a name of 255 bytes: no part is left" "$(find . -name '*~*')" ""
rm -f "$name"
refuses "a name of 256 bytes" 1 "File name too long" "$elcl" generate --quiet m a --output "0$name"
name=$(printf '%084d' 0 | sed 's/0/é–/g' | cut -b 1-253)
run "$elcl" generate --quiet m a '!request' --output "$name"
check "a shortened name has whole characters" sh -c \
    'printf "%s" *~????????.part | iconv -f UTF-8 -t UTF-8 >/dev/null'
rm -f ./*~*.part

# An output that is read, too.
printf 'samein\n' >same.txt
ln same.txt other.txt
mkdir model
echo weights >model/model.safetensors
echo mine >model/out.txt
while IFS='|' read -r arguments text; do
    eval "refuses \"$arguments\" 2 \"$text are the same file\" \"\$elcl\" $arguments"
done <<'END'
generate m --input same.txt --output same.txt|--output same.txt and --input same.txt
generate m --input same.txt --output ./other.txt|--output ./other.txt and --input same.txt
generate m --input same.txt --trace other.txt|--trace other.txt and --input same.txt
generate m --output new.txt --trace ./new.txt|--output new.txt and --trace ./new.txt
generate same.txt a --output same.txt|--output same.txt and same.txt
generate m same.txt --output same.txt|--output same.txt and same.txt
generate model a --output model/model.safetensors|and model.safetensors of the model
score m --input same.txt --output other.txt|--output other.txt and --input same.txt
encode m --input same.txt --output same.txt|--output same.txt and --input same.txt
decode m --input same.txt --output same.txt|--output same.txt and --input same.txt
bench --synthetic gpt2 --output same.txt --baseline other.txt|and --baseline other.txt
bench --synthetic gpt2 --output same.txt --trace same.txt|--output same.txt and --trace same.txt
compare same.txt other.txt --output other.txt|--output other.txt and same.txt
plan same.txt --output same.txt|--output same.txt and same.txt
END
same "an output that is read: it stays" "$(cat same.txt)" "samein"
"$elcl" generate --quiet m <same.txt --output same.txt 2>err
code=$?
exits "output over standard input" 2
says "output over standard input" "--output same.txt and standard input are the same file"
"$elcl" generate --quiet m --input same.txt >>same.txt 2>err
code=$?
exits "standard output after the input" 2
says "standard output after the input" "standard output and --input same.txt are the same file"
same "standard output after the input: it stays" "$(cat same.txt)" "samein"
run "$elcl" generate --quiet model mine --output model/out.txt
same "an output in the model's directory" "$(cat model/out.txt)" "MINE"
run "$elcl" generate --quiet m a --output /dev/null --trace /dev/null
exits "a device twice" 0

# What cannot be written is found before the run.
for verb in "generate m a" "bench --synthetic gpt2"; do
    # shellcheck disable=SC2086
    refuses "$verb: an unwritable trace" 1 "none/t.json" "$elcl" $verb --trace none/t.json
    prints "$verb: an unwritable trace: nothing has run"
done
for verb in "bench --synthetic gpt2" devices selftest tune "languages m" "compare a.json" "plan m"
do
    # shellcheck disable=SC2086
    refuses "$verb: an unwritable output" 1 "none/o.txt" "$elcl" $verb --output none/o.txt
done
if [ -c /dev/full ]; then
    refuses "disk full" 1 "/dev/full" "$elcl" generate --quiet m a --output /dev/full
    "$elcl" generate --quiet m a >/dev/full 2>err
    code=$?
    exits "disk full on stdout" 1
    says "disk full on stdout" "standard output"
    "$elcl" --help >/dev/full 2>err
    code=$?
    exits "disk full, help" 1
    says "disk full, help" "standard output"
    "$elcl" devices --format json >/dev/full 2>err
    code=$?
    exits "disk full, devices" 1
fi
# The reader has gone before the first write: nothing is said, as in any filter.
gone() {
    python3 -c '
import os, subprocess, sys
r, w = os.pipe()
os.close(r)
code = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=w).returncode
sys.exit(code if code >= 0 else 128 - code)' "$@" 2>err
    code=$?
    exits "closed pipe: $*" 141
    same "closed pipe: $* is silent" "$(cat err)" ""
}
FAKE_SILENT=1
export FAKE_SILENT
gone "$elcl" --help
gone "$elcl" --version
gone "$elcl" help generate
gone "$elcl" generate --help
gone "$elcl" generate m --input many
gone "$elcl" score m "a	b"
gone "$elcl" encode m a
gone "$elcl" decode m 70
gone "$elcl" languages m
gone "$elcl" devices
gone "$elcl" devices --format json
gone "$elcl" plan --synthetic bart-base
gone "$elcl" bench --quiet --synthetic bart-base --batch-size 1
gone "$elcl" compare "$root/golden/bench/a.json"
gone "$elcl" selftest
gone "$elcl" tune --quiet
unset FAKE_SILENT
"$elcl" generate --quiet m --input many 2>err | head -n 1 >head
same "| head -n 1" "$(cat head)" "$(head -n 1 many_upper)"
"$elcl" generate --quiet m a >&- 2>err
code=$?
exits "stdout is closed" 1
says "stdout is closed" "standard output: cannot write"
"$elcl" generate --quiet m a --output closed.txt >&- 2>err
code=$?
exits "stdout is closed and not needed" 0
same "stdout is closed and not needed" "$(cat closed.txt)" "A"
"$elcl" generate --quiet m <&- >out 2>err
code=$?
exits "stdin is closed" 1
says "stdin is closed" "standard input"

# ---- streaming and signals -------------------------------------------------------------------

mkfifo pipe
"$elcl" generate --quiet m <pipe >stream 2>err &
pid=$!
exec 3>pipe
send 'first\n'
check "a line is answered while the input is open" waits has_lines stream 1
send 'second\nthi'
check "so is the next one" waits has_lines stream 2
sleep 0.3
same "half a line waits" "$(cat stream)" "FIRST
SECOND"
send rd
exec 3>&-
wait $pid
code=$?
exits "streaming" 0
same "streaming" "$(cat stream)" "FIRST
SECOND
THIRD"
# New samples are read while another one is running, and the order stays.
FAKE_STEP_MS=20 "$elcl" generate --quiet m <pipe >stream 2>err &
pid=$!
exec 3>pipe
send '!slow\n'
sleep 0.2
send 'quick\n'
check "both are answered" waits has_lines stream 2
exec 3>&-
wait $pid
same "in input order" "$(cat stream)" "!SLOW
QUICK"

for signal in INT:130 TERM:143; do
    if ! env --default-signal=INT true 2>/dev/null; then
        skip "SIG${signal%:*}: env has no --default-signal"
        continue
    fi
    { echo a && echo '!slow' && yes b | head -n 100; } >in
    FAKE_STEP_MS=10 env --default-signal=INT "$elcl" generate --quiet m --input in \
        --batch-size 2 --output s.txt >out 2>err &
    pid=$!
    waits [ -s s.txt.part ]
    kill -"${signal%:*}" $pid
    wait $pid
    code=$?
    exits "SIG${signal%:*}" "${signal#*:}"
    check "SIG${signal%:*}: no file" [ ! -e s.txt ]
    same "SIG${signal%:*}: what was in flight ends" "$(head -n 2 s.txt.part)" "A
!SLOW"
    check "SIG${signal%:*}: nothing more begins" sh -c '[ "$(wc -l <s.txt.part)" -lt 102 ]'
    says "SIG${signal%:*}" "samples; the samples written so far are in s.txt.part, and --resume"
    rm -f s.txt.part*
done
# What takes too long is given up; a second signal does not wait for that.
FAKE_STEP_MS=60 "$elcl" generate --quiet m a '!slow' --output s.txt >out 2>err &
pid=$!
waits [ -s s.txt.part ]
kill -TERM $pid
wait $pid
code=$?
exits "SIGTERM in a long sample" 143
same "SIGTERM in a long sample: the part" "$(cat s.txt.part)" "A"
same "SIGTERM in a long sample: a sentence" "$(cat err)" \
    "elcl: error: interrupted after 1 sample; the samples written so far are in s.txt.part"
rm -f s.txt.part
FAKE_STEP_MS=900 "$elcl" generate --quiet m a '!slow' >out 2>err &
pid=$!
waits has_lines out 1
kill -TERM $pid
sleep 0.1
kill -TERM $pid
wait $pid
code=$?
exits "two signals" 143
same "two signals: nothing is said" "$(cat err)" ""
"$elcl" generate --quiet m <pipe >out 2>err &
pid=$!
exec 3>pipe
send 'first\n'
waits has_lines out 1
kill -TERM $pid
wait $pid
code=$?
exec 3>&-
exits "SIGTERM while waiting for input" 143
FAKE_STEP_MS=20 "$elcl" generate --quiet m '!slow' --output two.txt 2>/dev/null &
pid=$!
waits [ -e two.txt.part ]
refuses "two runs, one output" 1 "another process" "$elcl" generate --quiet m a --output two.txt
wait $pid
same "two runs, one output: the first is whole" "$(cat two.txt)" "!SLOW"

# ---- FIFOs -----------------------------------------------------------------------------------

mkfifo "$tmp/fifo"
for verb in generate encode score; do
    "$elcl" $verb --quiet m --input "$tmp/fifo" >"$tmp/out" 2>"$tmp/err" &
    waiting=$!
    sleep 0.2
    kill -TERM $waiting
    wait $waiting
    code=$?
    exits "$verb: SIGTERM while an input waits for its writer" 143
done
echo late >"$tmp/fifo" &
run "$elcl" generate --quiet m --input "$tmp/fifo"
prints "an input that is a FIFO" LATE
end
