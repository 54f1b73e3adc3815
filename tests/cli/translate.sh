#!/bin/sh
# usage: translate.sh ELCL
# Random models with real tokenizers and languages against what transformers generates from the
# same texts (tests/golden/pieces/translate.txt): all token ids, and the text. Then refusals.
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

refuses "unknown language" 2 'does not know the target language "xx_XX": it has 25, ar_AR, cs_CZ' \
    "$elcl" generate "$pieces/mbart-json" x --tgt-lang xx_XX
refuses "a token that is no language" 2 'does not know the source language "<mask>"' \
    "$elcl" generate "$pieces/mbart-json" x --src-lang '<mask>'
refuses "no languages" 2 'knows no languages' \
    "$elcl" generate "$here/../../models/g2p-en" x --tgt-lang fr
refuses "no languages in sources" 2 'carry no language' \
    "$elcl" generate "$here/../../models/g2p-en" x --src-lang fr
if [ -n "$spm" ]; then
    refuses "Marian: unknown language" 2 'does not know the target language "xx": it has 2, fra, deu' \
        "$elcl" generate "$pieces/marian" x --tgt-lang xx
    refuses "Marian: ids" 2 '--tgt-lang changes nothing' \
        "$elcl" generate "$pieces/marian" 5 --input-format ids --tgt-lang fra
fi
end
