#!/bin/sh
# usage: kjv.sh ELCL MODEL
# Continuations by models/kjv-gpt2 against what the reference implementation wrote
# (tests/golden/kjv/golden.txt): all token ids, each prompt alone and all prompts in one batch, with
# every attention variant and both kernel shapes. Then what is special about prompts.
here=$(cd "$(dirname "$0")" && pwd) || exit 1
. "$here/lib.sh"
elcl=$1
model=$2
golden=$here/../golden/kjv/golden.txt
tab=$(printf '\t')
newline='
'
runs "$elcl" --version

# Each prompt alone, as an argument; \n in the file stands for a line end.
while IFS= read -r line; do
    options=${line%%"$tab"*}
    rest=${line#*"$tab"}
    prompt=$(printf '%b.' "${rest%%"$tab"*}")
    run "$elcl" generate --quiet "$model" --format ids $options -- "${prompt%.}"
    prints "$options: ${rest%%"$tab"*}" "${rest#*"$tab"}"
done <"$golden"

# All prompts of the file's options together, as jsonl.
cut -f 1 "$golden" | uniq >"$tmp/options"
same 'kinds of options' "$(wc -l <"$tmp/options")" 4
for attention in el mha mha-beam; do
    for kernels in cpu gpu; do
        while IFS= read -r options; do
            awk -F '\t' -v o="$options" '$1 == o {print "{\"text\": \"" $2 "\"}"}' "$golden" >"$tmp/in"
            awk -F '\t' -v o="$options" '$1 == o {print $3}' "$golden" >"$tmp/want"
            run_in "$elcl" generate --quiet "$model" --input-format jsonl --format ids \
                --attention $attention --kernels $kernels $options
            exits "$attention, $kernels kernels, $options" 0
            check "$attention, $kernels kernels, $options: the same ids" \
                cmp -s "$tmp/out" "$tmp/want"
        done <"$tmp/options"
    done
done

# The text is the prompt and what follows it.
run "$elcl" generate --quiet "$model" --max-new-tokens 4 'In the beginning'
exits 'text' 0
check 'the text begins with the prompt' grep -q '^In the beginning of' "$tmp/out"

# The prompt counts in max_length, which must leave room for a token.
refuses 'no room for a token' 1 'expected at most 3 source tokens, found 4' \
    "$elcl" generate --quiet "$model" --long-source refuse --max-length 4 'In the beginning'
refuses 'more tokens than positions' 1 'expected at most 1 source tokens, found 4' \
    "$elcl" generate --quiet "$model" --long-source refuse --max-new-tokens 255 'In the beginning'

refuses 'no fairseq style without an encoder' 2 'is for models with an encoder' \
    "$elcl" generate --quiet "$model" --search-style fairseq 'In the beginning'
refuses 'no start token' 2 'no start token' \
    "$elcl" generate --quiet "$model" --decoder-start-token-id 5 'In the beginning'

# Of a prompt that is too long the end is kept.
run "$elcl" generate --quiet "$model" --max-source 3 --long-source truncate --max-new-tokens 3 \
    --format ids 'And God said, In the beginning'
exits 'a long prompt' 0
cp "$tmp/out" "$tmp/cut"
run "$elcl" generate --quiet "$model" --max-new-tokens 3 --format ids ' the beginning'
check 'the end of a long prompt' cmp -s "$tmp/out" "$tmp/cut"
end
