#!/bin/sh
# usage: translate.sh ELCL
# Compares random models with real tokenizers and languages with transformers on the same texts
# (tests/golden/pieces/translate.txt): all token ids, the text, and scores (targets.txt). Then tests
# refusals.
here=$(cd "$(dirname "$0")" && pwd) || exit 1
. "$here/lib.sh"
elcl=$1
pieces=$here/../golden/pieces
golden=$pieces/translate.txt
tab=$(printf '\t')
runs "$elcl" --version

# rows FILE MODEL OPTIONS: prints the lines of FILE for the model and the options.
rows() {
    awk -F '\t' -v m="$2" -v o="$3" '$1 == m && $2 == o' "$1"
}

# One process for all texts of a model and its options: one for each text would take minutes.
cut -f 1,2 "$golden" | sort -u >"$tmp/groups"
while IFS="$tab" read -r model options; do
    given="--max-new-tokens 7 --no-repeat-ngram-size 1 $options"
    rows "$golden" "$model" "$options" >"$tmp/rows"
    cut -f 3 "$tmp/rows" >"$tmp/in"
    for format in ids text; do
        cut -f "$([ $format = ids ] && echo 4 || echo 5)" "$tmp/rows" >"$tmp/want"
        run_in "$elcl" generate --quiet "$pieces/$model" --format $format $given
        exits "$model $options: $format" 0
        check "$model $options: the same $format" cmp "$tmp/out" "$tmp/want"
    done
done <"$tmp/groups"

targets=$pieces/targets.txt
cut -f 1,2 "$targets" | sort -u >"$tmp/groups"
while IFS="$tab" read -r model options; do
    rows "$targets" "$model" "$options" >"$tmp/rows"
    cut -f 3,4 "$tmp/rows" >"$tmp/in"
    [ "$options" = - ] && options=
    run_in "$elcl" score --quiet "$pieces/$model" --format jsonl --token-logprobs $options
    # The last line is the summary.
    json "score $model $options: ids" \
        "[l['ids'] for l in lines[:-1]] == \
            [$(cut -f 5 "$tmp/rows" | sed 's/ /, /g; s/.*/[&]/' | paste -sd ,)]"
    json "score $model $options" \
        "all(abs(l['log_prob'] - want) <= 1e-4 for l, want in \
            zip(lines[:-1], [$(cut -f 6 "$tmp/rows" | paste -sd ,)], strict=True))"
done <"$tmp/groups"

refuses "unknown language" 2 'does not know the target language "xx_XX": it has 25, ar_AR, cs_CZ' \
    "$elcl" generate "$pieces/mbart-json" x --tgt-lang xx_XX
refuses "a token that is no language" 2 'does not know the source language "<mask>"' \
    "$elcl" generate "$pieces/mbart-json" x --src-lang '<mask>'
refuses "score: unknown language" 2 'does not know the target language "xx_XX": it has 25' \
    "$elcl" score "$pieces/mbart-json" --tgt-lang xx_XX "x${tab}y"
refuses "score: a language and a start token" 2 'contradict each other' \
    "$elcl" score "$pieces/mbart-json" --tgt-lang ro_RO --decoder-start-token-id 2 "x${tab}y"
refuses "score: no languages" 2 'has no languages' \
    "$elcl" score "$here/../../models/g2p-en" --tgt-lang fr "x${tab}y"
refuses "score: no languages in prompts" 2 'has no languages' \
    "$elcl" score "$here/../../models/kjv-gpt2" --tgt-lang fr x
refuses "no languages" 2 'has no languages' \
    "$elcl" generate "$here/../../models/g2p-en" x --tgt-lang fr
refuses "no languages in sources" 2 'have no language' \
    "$elcl" generate "$here/../../models/g2p-en" x --src-lang fr
# CTranslate2's answers, with the options of argostranslate.
argos=$here/../golden/ct2-argos
sed -n 's/.*"text": "\(.*\)",*/\1/p' "$argos.json" >"$tmp/in"
sed -n 's/.*"output": "\(.*\)",*/\1/p' "$argos.json" >"$tmp/want"
run_in "$elcl" generate --quiet "$argos.argosmodel"
exits "a package of argostranslate" 0
check "a package of argostranslate: the same texts" cmp "$tmp/out" "$tmp/want"
# transformers' ids for decoder_input_ids 2 703 113: the language stays before a prefix.
want='2 703 113 52 562 587 587'
given='--tgt-lang fra_Latn --format ids --max-new-tokens 4'
run "$elcl" generate --quiet "$pieces/nllb" $given --decoder-prefix The 'Free software'
prints "NLLB: language and prefix" "$want"
run "$elcl" generate --quiet "$pieces/nllb" $given --decoder-prefix-ids 703,113 'Free software'
prints "NLLB: language in the prefix" "$want"
echo '{"text": "Free software", "decoder_prefix_ids": [113]}' >"$tmp/in"
run_in "$elcl" generate --quiet "$pieces/nllb" $given --input-format jsonl
prints "NLLB: language and the prefix of a line" "$want"
refuses "Marian: unknown language" 2 \
    'does not know the target language "xx": it has 2, fra, deu' \
    "$elcl" generate "$pieces/marian" x --tgt-lang xx
refuses "score: no language chosen" 1 'outputs begin with their language' \
    "$elcl" score --quiet "$pieces/m2m_100" "x${tab}y"
refuses "Marian: ids" 2 '--tgt-lang changes nothing' \
    "$elcl" generate "$pieces/marian" 5 --input-format ids --tgt-lang fra
end
