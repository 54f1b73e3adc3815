#!/bin/sh
# usage: examples.sh ELCL BUILD
# The programs of examples/ in the build folder BUILD: their output, order and errors. Then each is
# compiled by the command in its first comment.
here=$(cd "$(dirname "$0")" && pwd) || exit 1
. "$here/lib.sh"
elcl=$1
build=$2
examples=$here/../../examples
models=$here/../../models

# as_command EXAMPLE: its last run printed what the command's did, which leaves out the blank that
# some tokenizers put before a text.
as_command() {
    exits "$1" 0
    sed 's/^ //' "$tmp/out" >"$tmp/got"
    check "$1: as the command" cmp -s "$tmp/got" "$tmp/want"
}

# Words that need several batches, and an empty line.
cut -f 1 "$models/g2p-en/test.tsv" | head -n 300 >"$tmp/in"
echo >>"$tmp/in"
run_in "$elcl" generate --quiet "$models/g2p-en"
cp "$tmp/out" "$tmp/want"
run_in "$build/examples/translate" "$models/g2p-en"
as_command translate

run "$elcl" generate --quiet "$models/kjv-gpt2" --do-sample --top-k 40 --seed 1 \
    --max-new-tokens 64 'In the beginning'
cp "$tmp/out" "$tmp/want"
run "$build/examples/stream" "$models/kjv-gpt2" 'In the beginning'
as_command stream
sed 's/;.*/;/' "$tmp/want" >"$tmp/part"
run "$build/examples/stream" "$models/kjv-gpt2" 'In the beginning' ';'
check 'stream: cancelled' cmp -s "$tmp/out" "$tmp/part"

run "$elcl" generate --quiet "$models/g2p-en" hello world attention
cp "$tmp/out" "$tmp/want"
run "$build/examples/threads" "$models/g2p-en" hello world attention
as_command threads

head -n 100 "$models/kjv-gpt2/heldout.txt" >"$tmp/in"
run_in "$build/examples/score" "$models/kjv-gpt2"
prints 'score: as transformers' "$(awk '{printf "%d tokens, perplexity %.3f", $1, exp($2 / $1)}' \
    "$here/../golden/kjv/perplexity.txt")"
run_in "$build/examples/score" "$models/g2p-en"
exits 'score: a model with an encoder' 1
check 'score: says so' grep -q 'not decoder-only' "$tmp/err"

run "$build/examples/transcribe" "$models/digits-en" "$models/digits-en/sample.flac"
if grep -q 'built without libsndfile' "$tmp/err"; then
    skip 'transcribe: built without libsndfile'
else
    exits 'transcribe' 0
    sed 's/^.* to [0-9.]*: //' "$tmp/out" >"$tmp/got"
    printf '%s\n' 'E L C L' 'four two seven' 'nineteen eighty four' 'three point one four' \
        >"$tmp/want"
    check 'transcribe: the right text' cmp -s "$tmp/got" "$tmp/want"
    check 'transcribe: the right times' awk '
        BEGIN { split("0.30 1.72 3.22", begin) }
        NR in begin && ($2 - begin[NR]) ^ 2 > 0.01 { exit 1 }' "$tmp/out"
fi

for example in score stream threads transcribe translate; do
    run "$build/examples/$example"
    exits "$example: usage" 2
    run "$build/examples/$example" /no/such/model text
    [ $code -eq 2 ] && run "$build/examples/$example" /no/such/model
    exits "$example: no model" 1
    check "$example: says so" grep -q '/no/such/model' "$tmp/err"
done

# The options in the manifests of a server are its options.
"$elcl" help serve >"$tmp/help"
for file in elcl.service kubernetes-serve.yaml; do
    grep -v '^ *#' "$examples/$file" | grep -oE -- '--[a-z][a-z-]+' >"$tmp/options"
    check "$file: has options" test -s "$tmp/options"
    while read -r option; do
        check "$file: $option" grep -q "^  $option " "$tmp/help"
    done <"$tmp/options"
done

# The command in the first comment compiles without warnings, and so does the program in elcl.h.
# Meson links, because it knows the sanitizers of a build.
PKG_CONFIG_PATH=$build/meson-uninstalled
export PKG_CONFIG_PATH
sed -n '/^ \*     #include/,/^ \*     }$/s/^ \* \{0,5\}//p' "$here/../../include/elcl/elcl.h" \
    >"$tmp/program.c"
cd "$examples" || exit 1
for example in *.c "$tmp/program.c"; do
    command=$(sed -n 's/^ \*     cc /cc /p' "$example")
    : "${command:=cc $example $(pkg-config --cflags --libs elcl)}"
    if ! command -v cc >/dev/null || ! command -v pkg-config >/dev/null; then
        skip "$example: no cc or no pkg-config here"
        continue
    fi
    run sh -ec "$command -std=c17 -Wall -Wextra -Wpedantic -Werror -fsyntax-only"
    exits "$command" 0
    check "$command: no warning" [ ! -s "$tmp/err" ]
done
end
