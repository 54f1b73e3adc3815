#!/bin/sh
# usage: samples.sh FAKE_ELCL
# Options of a sample, and tokens as they come, on the stand-in for the library (fake_elcl.c).
set -u
. "$(dirname "$0")/lib.sh"
on_fake "$1"

# ---- options of a sample, tokens as they come ------------------------------------------------

cat >"$tmp/in" <<'END'
{"text": "one", "num_return_sequences": 2, "id": "first"}
{"text": "two", "id": 2.5}
{"text": "three", "num_beams": 9, "num_return_sequences": 9, "id": "wide"}
{"text": "four", "max_length": 64, "eos_token_id": [2, 3], "early_stopping": true, "do_sample": false}
END
run_in "$elcl" generate --quiet m --input-format jsonl --format jsonl
exits "options of lines" 0
json "options of lines: sequences" \
    '[l["index"] for l in lines] == [0, 0, 1] + [2] * 9 + [3]'
json "options of lines: ids" \
    '[l.get("id") for l in lines] == ["first"] * 2 + [2.5] + ["wide"] * 9 + [None]'
run_in "$elcl" generate --quiet m --input-format jsonl --num-beams 5 --max-new-tokens 3
exits "options of lines over those of the command" 0
i=0
while [ $i -lt 300 ]; do
    i=$((i + 1))
    echo "{\"text\": \"w$i\", \"num_beams\": $((1 + i % 7))}"
done >"$tmp/in"
run_in "$elcl" generate --quiet m --input-format jsonl
sed 's/.*"\(w[0-9]*\)".*/\1/' "$tmp/in" | tr w W >"$tmp/want"
check "options of lines: order over several engines" cmp -s "$tmp/out" "$tmp/want"
while IFS=@ read -r line text; do
    printf '{"text": "good"}\n%s\n' "$line" >"$tmp/in"
    run_in "$elcl" generate --quiet m --input-format jsonl
    exits "bad option: $line" 1
    says "bad option: $line" "standard input: line 2: $text"
    same "bad option: $line: the lines before it" "$(cat "$tmp/out")" "GOOD"
done <<'END'
{"text": "a", "num_beam": 2}@unknown key "num_beam"
{"text": "a", "num-beams": 2}@unknown key "num-beams"
{"text": "a", "device": "cpu"}@unknown key "device"
{"text": "a", "num_beams": 0}@key "num_beams": --num-beams: expected a whole number from 1 to 64, found '0'
{"text": "a", "num_beams": 1.5}@key "num_beams": --num-beams: expected
{"text": "a", "num_beams": {}}@key "num_beams": expected a value as --num-beams takes it
{"text": "a", "num_beams": 2, "num_beams": 3}@key "num_beams" is there twice
{"text": "a", "do_sample": "perhaps"}@key "do_sample": --do-sample: expected true or false, found 'perhaps'
{"text": "a", "max_length": 65}@--max-length: expected at most 64
{"text": "a", "max_length": 1}@--max-length: expected 2 to 64 with this model, found 1
{"text": "a", "search_style": "fairseq", "max_length": 9}@--max-length has no meaning with
{"text": "a", "length_penalty": 13}@length_penalty: 13 is not liked
{"text": "a", "token_logprobs": true}@--token-logprobs needs --format jsonl
{"text": "a", "id": [1]}@expected a string or a number as "id"
{"text": "a", "decoder_prefix": 5}@key "decoder_prefix": expected a string
{"text": "a", "decoder_prefix": [5]}@key "decoder_prefix": expected a string
{"text": "a", "decoder_prefix": "b", "decoder_prefix_ids": [5]}@expected --decoder-prefix or --decoder-prefix-ids, found both
{"text": "a", "decoder_prefix_ids": [[5]]}@key "decoder_prefix_ids": expected an array of token ids
{"text": "a", "decoder_prefix_ids": ["5"]}@key "decoder_prefix_ids": expected an array of token ids
{"text": "a", "decoder_prefix_ids": [1.5]}@--decoder-prefix-ids: expected token ids
{"text": "a", "suppress_tokens": [5, -1]}@--suppress-tokens: expected token ids
{"text": "a", "suppress_tokens": true}@key "suppress_tokens": expected an array of token ids
{"text": "a", "bad_words_ids": [5, 6]}@key "bad_words_ids": expected an array of arrays of token ids
{"text": "a", "bad_words_ids": [[5], []]}@key "bad_words_ids": expected an array of arrays
{"text": "a", "prefix_alternatives": 5}@key "prefix_alternatives": expected an array of arrays
{"text": "a", "stop": [5]}@key "stop": expected a string or an array of at most 8 strings
{"text": "a", "stop": ["1","2","3","4","5","6","7","8","9"]}@key "stop": expected a string or an array of at most 8
{"text": "a", "stop": "b", "search_style": "fairseq"}@--stop has no meaning with --search-style fairseq
{"text": "a", "num_beams": [2]}@key "num_beams": expected a value as --num-beams takes it
{"text": "a", "id": 1, "id": 2}@key "id" is there twice
END
printf '{"text": "a", "id": "x", "length_penalty": 13}\n{"text": "b"}\n' >"$tmp/in"
run_in "$elcl" generate --quiet m --input-format jsonl --format jsonl --keep-going
exits "a bad option, keep going" 1
json "a bad option, keep going" 'lines[0]["id"] == "x" and "error" in lines[0] and lines[1]["text"]'

# Lists of a sample: its own, or those of the command line.
cat >"$tmp/in" <<'END'
{"text": "!lists"}
{"text": "!lists", "decoder_prefix": "ab"}
{"text": "!lists", "decoder_prefix_ids": [7, 8]}
{"text": "!lists", "decoder_prefix": null, "stop": null, "bad_words_ids": null}
{"text": "!lists", "decoder_prefix_ids": [], "stop": [], "bad_words_ids": []}
{"text": "!lists", "bad_words_ids": [[5, 7], [9]], "stop": ["x", "yz"]}
{"text": "!lists", "suppress_tokens": [4, 5], "begin_suppress_tokens": 6, "stop": "."}
{"text": "!lists", "prefix_alternatives": [[4, 5], [6]], "decoder_prefix_ids": "9,10"}
{"text": "!lists", "num_beams": 2}
END
run_in "$elcl" generate --quiet m --input-format jsonl
exits "lists of lines" 0
prints "lists of lines" '!LISTS' '!LISTSp101,102' '!LISTSp7,8' '!LISTS' '!LISTS' \
    '!LISTSw5,7;9<x><yz>' '!LISTSs4,5b6<.>' '!LISTSp9,10a4,5;6' '!LISTS'
run_in "$elcl" generate --quiet m --input-format jsonl --decoder-prefix c --stop q \
    --bad-words-ids '8;9'
exits "lists of lines over those of the command" 0
prints "lists of lines over those of the command" '!LISTSp103w8;9<q>' '!LISTSp101,102w8;9<q>' \
    '!LISTSp7,8w8;9<q>' '!LISTS' '!LISTS' '!LISTSp103w5,7;9<x><yz>' '!LISTSp103w8;9s4,5b6<.>' \
    '!LISTSp9,10w8;9a4,5;6<q>' '!LISTSp103w8;9<q>'
python3 -c 'import json
for n in 1, 256, 257, 300, 40: print(json.dumps({"text": "w%d" % n, "suppress_tokens": [5] * n}))
for n in range(300): print(json.dumps({"text": "!lists", "decoder_prefix_ids": [n, n + 1]}))' \
    >"$tmp/in"
run_in "$elcl" generate --quiet m --input-format jsonl
exits "long lists of lines" 0
{ printf 'W%s\n' 1 256 257 300 40 && python3 -c '
for n in range(300): print("!LISTSp%d,%d" % (n, n + 1))'; } >"$tmp/want"
check "long lists of lines" cmp -s "$tmp/out" "$tmp/want"
printf '{"text": "a"}\n{"text": "b", "decoder_prefix_ids": %s}\n' "[5$(printf ',5%.0s' \
    $(seq 70))]" >"$tmp/in"
run_in "$elcl" generate --quiet m --input-format jsonl
exits "too long a prefix of a line" 1
says "too long a prefix of a line" "line 2: --max-new-tokens: expected at most"

printf '%s\n' '{"ids": [7, 8, 9]}' '{"ids": [9], "num_return_sequences": 2}' >"$tmp/in"
run_in "$elcl" generate --quiet m --input-format jsonl --format jsonl --alignments soft \
    --max-new-tokens 3
json "alignments" 'lines[0]["alignments"] == [[.75, .125, .125], [.125, .75, .125]]'
json "alignments of sequences" '[l["alignments"] for l in lines[1:]] == [[[.75]] * 3] * 2'
json "alignments: the sources" '[l["source_ids"] for l in lines] == [[7, 8, 9], [9], [9]]'
run_in "$elcl" generate --quiet m --input-format jsonl --format jsonl --alignments hard \
    --max-new-tokens 3
json "hard alignments" '[l["alignments"] for l in lines] == ["0-0 1-1"] + ["0-0 0-1 0-2"] * 2'
run "$elcl" generate --quiet m --alignments hard --scores ab
prints "hard alignments as text" "$(printf '%s\t' -0.125000)AB ||| 0-0 1-1 2-2"
run "$elcl" generate --quiet m --alignments hard --format ids --input-format ids "7 8 9"
prints "hard alignments of ids" "2 8 2 ||| 0-0 1-1"
run "$elcl" generate --quiet m --format jsonl ab
json "no alignments" '"alignments" not in lines[0] and "source_ids" not in lines[0]'
refuses "token log-probabilities as text" 2 "--token-logprobs needs --format jsonl" \
    "$elcl" generate --quiet m --token-logprobs a

# Pieces as a reader of the pipe gets them: each is whole characters.
stream() {
    FAKE_STEP_MS=5 python3 -c '
import os, subprocess, sys
p = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
pieces = list(iter(lambda: os.read(p.stdout.fileno(), 1 << 16), b""))
for piece in pieces:
    piece.decode("utf-8")
open(sys.argv[1], "wb").write(b"".join(pieces))
print(len(pieces))
sys.exit(p.wait())' "$tmp/streamed" "$@" >"$tmp/out" 2>"$tmp/err"
    code=$?
}
stream "$elcl" generate --quiet m --stream --num-beams 1 '!slow ä€😀é' 'b €' '!lines x' ''
exits "stream" 0
check "stream: in pieces" test "$(cat "$tmp/out")" -ge 3
run "$elcl" generate --quiet m --num-beams 1 '!slow ä€😀é' 'b €' '!lines x' ''
check "stream: the same text" cmp -s "$tmp/out" "$tmp/streamed"
stream "$elcl" generate --quiet m --stream --num-beams 1 --batch-size 2 a '!slow b' c d e f g h
run "$elcl" generate --quiet m --num-beams 1 a '!slow b' c d e f g h
check "stream: in input order" cmp -s "$tmp/out" "$tmp/streamed"
# The first sample ends at once; the other one has then shown a part of its line.
for cue in '!step' '!request'; do
    run "$elcl" generate --quiet m --stream --num-beams 1 a "$cue"
    exits "stream: $cue in the middle" 1
    prints "stream: $cue in the middle" A "$(echo "$cue" | tr a-z A-Z | cut -c 1-7) [incomplete]"
done
run "$elcl" generate --quiet m --stream --num-beams 1 --keep-going a '!request' 'a longer one'
exits "stream: keep going" 1
prints "stream: keep going" A '!REQUES [incomplete]' 'A LONGER ONE'
for option in --num-return-sequences=2 --search-style=fairseq; do
    refuses "stream with $option" 2 "--stream" \
        "$elcl" generate --quiet m --stream --num-beams 1 --do-sample "$option" a
done
refuses "stream of beams" 2 "beam search may change its mind" "$elcl" generate --quiet m --stream a
refuses "stream of scores" 2 "--stream" "$elcl" generate --quiet m --stream --scores a
refuses "stream of ids" 2 "--stream writes text" "$elcl" generate --quiet m --stream --format ids a
printf '{"text": "a"}\n{"text": "b", "num_beams": 2}\n' >"$tmp/in"
run_in "$elcl" generate --quiet m --stream --num-beams 1 --input-format jsonl
exits "stream: a line with beams" 1
says "stream: a line with beams" "line 2: --stream: beam search may change its mind"
rm -f "$tmp/out"
FAKE_STEP_MS=50 "$elcl" generate --quiet m --stream --num-beams 1 "!slow and cut" \
    >"$tmp/out" 2>"$tmp/err" &
pid=$!
waits test -s "$tmp/out"
kill -TERM $pid
wait $pid
code=$?
exits "stream: interrupted" 143
check "stream: an interrupted line says so" grep -q '^!.* \[incomplete\]$' "$tmp/out"
same "stream: it is the last line" "$(wc -l <"$tmp/out")" 1
end
