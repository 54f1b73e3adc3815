#!/bin/sh
# usage: limits.sh ELCL
# Sources and outputs at a model's limits, and beyond them. The ids are those of transformers 5.24
# and 4.47.1. tiny-gpt2, tiny-opt and tiny-bart have 50 positions; tiny-t5 has no limit, and 60 as
# its n_positions.
here=$(cd "$(dirname "$0")" && pwd) || exit 1
. "$here/lib.sh"
elcl=$1
golden=$here/../golden
tokenizer=$here/../../models/kjv-gpt2
ids="--quiet --input-format ids --format ids"
endless="--num-beams 3 --eos-token-id none --forced-eos-token-id none"

# The last token needs no position.
while IFS=: read -r model source options tail; do
    run "$elcl" generate $ids $endless $options "$golden/$model" "$source"
    same "$model $options: length" "$(wc -w <"$tmp/out")" 51
    same "$model $options: last ids" "$(cut -d ' ' -f 44- "$tmp/out")" "$tail"
done <<'END'
tiny-gpt2:5 6 7 8 9:--max-new-tokens 46:50 2 2 47 2 2 49 2
tiny-opt:5 6 7 8 9:--max-new-tokens 46:2 43 22 30 13 22 30 14
tiny-bart:0 5 6 7 8 9 2:--max-length 51:7 35 20 18 2 41 2 29
END
refuses "a token without a position before it" 2 "--max-length: expected at most 51" \
    "$elcl" generate $ids "$golden/tiny-bart" 5 --max-length 52

# Without positions there is no limit, and no line is lost.
long=$(yes 5 | head -n 600 | tr '\n' ' ')
printf '%s\n' "5 6 1" "${long}1" "7 8 1" "${long}99" >"$tmp/in"
run_in "$elcl" generate $ids --max-new-tokens 8 --keep-going "$golden/tiny-t5"
exits "long sources" 1
same "long sources: lines" "$(wc -l <"$tmp/out")" 4
same "long sources: the ids" "$(sed -n 2p "$tmp/out")" "0 10 45 10 45 39 13 13 13"
says "long sources: only the bad one fails" "line 4: expected token ids below"
run_in "$elcl" generate $ids --max-new-tokens 8 --max-source 60 --long-source refuse --keep-going \
    "$golden/tiny-t5"
same "long sources, refused: lines" "$(grep -c . "$tmp/out")" 2

# A prompt that is too long keeps its end and the special token that begins it.
mkdir "$tmp/opt"
cp "$golden/tiny-opt/"* "$tokenizer/vocab.json" "$tokenizer/merges.txt" "$tmp/opt"
bos=2
end=$({ seq 20 52; seq 3 8; } | tr '\n' ' ')
many="$(seq 3 19 | tr '\n' ' ')$end"
run "$elcl" generate $ids --max-new-tokens 11 "$tmp/opt" "$bos $many"
same "a cut prompt" "$(cut -d ' ' -f 1-40 "$tmp/out")" "$bos ${end% }"
cut -d ' ' -f 41- "$tmp/out" >"$tmp/want"
run "$elcl" generate $ids --max-new-tokens 11 "$golden/tiny-opt" "$bos $end"
same "a cut prompt: its continuation" "$(cut -d ' ' -f 41- "$tmp/out")" "$(cat "$tmp/want")"
run "$elcl" generate --input-format ids --format jsonl --max-new-tokens 11 "$tmp/opt" "$bos $many"
json "a cut prompt: the object" 'lines[0]["source_cut"] == 17 and "max_new_tokens" not in lines[0]'
same "a cut prompt: the warning" "$(cat "$tmp/err")" \
    "elcl: warning: cut 1 source to 40 tokens, the first one on line 1"

# Speech models read no text.
refuses "generate with a speech model" 1 "reads sound, not text: use elcl transcribe" \
    "$elcl" generate $ids "$golden/tiny-whisper" 5
refuses "score with a speech model" 1 "reads sound, not text: use elcl transcribe" \
    "$elcl" score --quiet --input-format ids "$golden/tiny-whisper" "5	6"
end
