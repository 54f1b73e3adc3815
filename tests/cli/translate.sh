#!/bin/sh
# usage: translate.sh ELCL
# Random models with real tokenizers and languages against what transformers generates from the
# same texts (tests/golden/pieces/translate.txt): all token ids, and the text. Scores of texts in
# languages (targets.txt). Then refusals.
here=$(cd "$(dirname "$0")" && pwd) || exit 1
. "$here/lib.sh"
elcl=$1
pieces=$here/../golden/pieces
golden=$pieces/translate.txt
tab=$(printf '\t')
runs "$elcl" --version

run "$elcl" generate --quiet "$pieces/mbart" x
spm=mbart
if grep -q 'Dsentencepiece=enabled' "$tmp/err"; then
    spm=
    golden=$tmp/golden
    grep "^mbart-json$tab" "$pieces/translate.txt" >"$golden"
fi

while IFS="$tab" read -r model options text ids output; do
    given="--max-new-tokens 7 --no-repeat-ngram-size 1 $options"
    run "$elcl" generate --quiet "$pieces/$model" --format ids $given "$text"
    prints "$model $options: $text: ids" "$ids"
    run "$elcl" generate --quiet "$pieces/$model" $given "$text"
    prints "$model $options: $text" "$output"
done <"$golden"

targets=$pieces/targets.txt
if [ -z "$spm" ]; then
    targets=$tmp/targets
    grep "^mbart-json$tab" "$pieces/targets.txt" >"$targets"
fi
while IFS="$tab" read -r model options source target ids score; do
    [ "$options" = - ] && options=
    run "$elcl" score --quiet "$pieces/$model" --format jsonl --token-logprobs $options \
        "$source$tab$target"
    json "score $model $options: $target: ids" \
        'lines[0]["ids"] == ['"$(echo "$ids" | tr ' ' ,)"']'
    json "score $model $options: $target" "abs(lines[0][\"log_prob\"] - $score) <= 1e-4"
done <"$targets"

refuses "unknown language" 2 'does not know the target language "xx_XX": it has 25, ar_AR, cs_CZ' \
    "$elcl" generate "$pieces/mbart-json" x --tgt-lang xx_XX
refuses "a token that is no language" 2 'does not know the source language "<mask>"' \
    "$elcl" generate "$pieces/mbart-json" x --src-lang '<mask>'
refuses "score: unknown language" 2 'does not know the target language "xx_XX": it has 25' \
    "$elcl" score "$pieces/mbart-json" --tgt-lang xx_XX "x${tab}y"
refuses "score: a language and a start token" 2 'contradict each other' \
    "$elcl" score "$pieces/mbart-json" --tgt-lang ro_RO --decoder-start-token-id 2 "x${tab}y"
refuses "score: no languages" 2 'knows no languages' \
    "$elcl" score "$here/../../models/g2p-en" --tgt-lang fr "x${tab}y"
refuses "score: no languages in prompts" 2 'knows no languages' \
    "$elcl" score "$here/../../models/kjv-gpt2" --tgt-lang fr x
refuses "no languages" 2 'knows no languages' \
    "$elcl" generate "$here/../../models/g2p-en" x --tgt-lang fr
refuses "no languages in sources" 2 'carry no language' \
    "$elcl" generate "$here/../../models/g2p-en" x --src-lang fr
if [ -n "$spm" ]; then
    refuses "Marian: unknown language" 2 'does not know the target language "xx": it has 2, fra, deu' \
        "$elcl" generate "$pieces/marian" x --tgt-lang xx
    refuses "score: no language chosen" 1 'outputs begin with their language' \
        "$elcl" score --quiet "$pieces/m2m_100" "x${tab}y"
    refuses "Marian: ids" 2 '--tgt-lang changes nothing' \
        "$elcl" generate "$pieces/marian" 5 --input-format ids --tgt-lang fra
fi
end
