#!/bin/sh
# usage: kjv.sh ELCL MODEL
# Compares continuations by models/kjv-gpt2 with those of the reference implementation
# (tests/golden/kjv/golden.txt): all token ids, one prompt at a time and all prompts in one batch,
# with every attention variant, CPU kernels and GPU kernels. Then tests the rules for prompts.
here=$(cd "$(dirname "$0")" && pwd) || exit 1
. "$here/lib.sh"
elcl=$1
model=$2
golden=$here/../golden/kjv/golden.txt
tab=$(printf '\t')
newline='
'
runs "$elcl" --version

# One prompt at a time, as an argument; \n in the file stands for a line end.
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
            awk -F '\t' -v o="$options" '$1 == o {print "{\"text\": \"" $2 "\"}"}' "$golden" \
                >"$tmp/in"
            awk -F '\t' -v o="$options" '$1 == o {print $3}' "$golden" >"$tmp/want"
            run_in "$elcl" generate --quiet "$model" --input-format jsonl --format ids \
                --attention $attention --kernels $kernels $options
            exits "$attention, $kernels kernels, $options" 0
            check "$attention, $kernels kernels, $options: the same ids" \
                cmp -s "$tmp/out" "$tmp/want"
        done <"$tmp/options"
    done
done

# The text is the prompt and its continuation.
run "$elcl" generate --quiet "$model" --max-new-tokens 4 'In the beginning'
exits 'text' 0
check 'the text begins with the prompt' grep -q '^In the beginning of' "$tmp/out"

# The continuation only.
four="$elcl generate --quiet $model --max-new-tokens 4"
continued=$(sed 's/^In the beginning //' "$tmp/out")
ids=$($four --format ids 'In the beginning' | cut -d ' ' -f 5-)
for how in '' --stream; do
    run $four --no-prompt $how 'In the beginning'
    prints "no prompt $how" "$continued"
done
refuses 'alignments' 2 '--alignments is for models with an encoder; gpt2 has none' \
    $four --alignments hard 'In the beginning'
run $four --no-prompt --format ids 'In the beginning'
prints 'no prompt in ids' "$ids"
run $four --no-prompt --format jsonl --token-logprobs 'In the beginning'
check 'no prompt in jsonl' grep -qF "\"text\":\" $continued\",\"ids\":[$(echo "$ids" | tr ' ' ,)]" \
    "$tmp/out"
check 'as many log-probabilities' grep -qE '"token_logprobs":\[(-[0-9.]+,){3}-[0-9.]+\]' "$tmp/out"

# The prompt counts in max_length, which must leave room for a token.
refuses 'no room for a token' 1 'expected at most 3 source tokens, found 4' \
    "$elcl" generate --quiet "$model" --long-source refuse --max-length 4 'In the beginning'
# A prompt that has positions stays whole; the output takes what is left, one token more than the
# positions, and the result says so.
for new in 253 254; do
    run "$elcl" generate "$model" --long-source refuse --max-new-tokens $new --eos-token-id none \
        --format jsonl 'In the beginning'
    exits "$new tokens after 4" 0
    json "$new tokens after 4" "(lambda l: len(l['ids']) == min(4 + $new, 257) and
        l.get('max_new_tokens', $new) == min($new, 253) and 'source_cut' not in l and
        l['text'].startswith('In the beginning'))(lines[0])"
    check "$new tokens after 4: a warning" sh -c 'test $1 = $(grep -c positions "$2")' sh \
        $((new > 253)) "$tmp/err"
done

refuses 'no fairseq style without an encoder' 2 'is for models with an encoder' \
    "$elcl" generate --quiet "$model" --search-style fairseq 'In the beginning'
refuses 'no start token' 2 'no start token' \
    "$elcl" generate --quiet "$model" --decoder-start-token-id 5 'In the beginning'

# A prompt that is too long keeps its end.
run "$elcl" generate --quiet "$model" --max-source 3 --long-source truncate --max-new-tokens 3 \
    --format ids 'And God said, In the beginning'
exits 'a long prompt' 0
cp "$tmp/out" "$tmp/cut"
run "$elcl" generate --quiet "$model" --max-new-tokens 3 --format ids ' the beginning'
check 'the end of a long prompt' cmp -s "$tmp/out" "$tmp/cut"

# Scores: transformers' numbers for a part of the held-out lines, and for all of them the perplexity
# in the model's README.md.
run "$elcl" score --quiet "$model" --input "$model/heldout.txt" --summary --format jsonl
stated=$(sed -n 's/.*[Pp]erplexity \([0-9.]*\) per token.*/\1/p' "$model/README.md")
json "perplexity $stated" "abs(lines[0]['summary']['perplexity'] / $stated - 1) < 0.005"
head -n 100 "$model/heldout.txt" >"$tmp/in"
read -r tokens nll <"$here/../golden/kjv/perplexity.txt"
for attention in el mha mha-beam; do
    run_in "$elcl" score --quiet "$model" --summary --attention $attention --format jsonl
    json "perplexity, $attention" \
        "(lambda s: s['tokens'] == $tokens and abs(s['nll'] - $nll) < 0.01)(lines[0]['summary'])"
done
# Empty lines have nothing to score. A text is scored after the token that begins texts.
run "$elcl" score --quiet "$model" '' 'In the beginning'
same 'an empty text' "$(sed -n 1p "$tmp/out")" "0.000000${tab}0${tab}-"
sed -n 2p "$tmp/out" >"$tmp/want"
run "$elcl" generate --quiet "$model" --format ids --max-new-tokens 1 'In the beginning'
ids=$(sed 's/ [0-9]*$//' "$tmp/out")
run "$elcl" score --quiet "$model" --input-format ids "$ids"
sed -n 1p "$tmp/out" >"$tmp/got"
check 'ids score as their text' cmp -s "$tmp/got" "$tmp/want"
start=$("$elcl" generate --quiet "$model" --format ids --max-new-tokens 1 '' | cut -d ' ' -f 1)
run "$elcl" score --quiet "$model" --input-format ids --no-bos "$start $ids"
sed -n 1p "$tmp/out" >"$tmp/got"
check '--no-bos: the first token is given' cmp -s "$tmp/got" "$tmp/want"
run "$elcl" score --quiet "$model" --batch-tokens 2 'In the beginning' 'In the beginning'
sed -n 2p "$tmp/out" >"$tmp/got"
check '--batch-tokens: less than a text' cmp -s "$tmp/got" "$tmp/want"
refuses '--batch-tokens of none' 2 '--batch-tokens: expected' \
    "$elcl" score "$model" --batch-tokens 0 a

# score gives the output of greedy search the score that generate reports.
run "$elcl" generate --quiet "$model" --format jsonl --max-new-tokens 12 'In the beginning'
python3 -c '
import json, sys
line = json.loads(open(sys.argv[1]).read())
print(json.dumps({"source": line["ids"][:-12], "target": line["ids"][-12:]}))
print(line["score"], file=open(sys.argv[2], "w"))' "$tmp/out" "$tmp/score" >"$tmp/in"
run_in "$elcl" score --quiet "$model" --no-bos --input-format jsonl --format jsonl
json 'the score of greedy search' "abs(lines[0]['log_prob'] - $(cat "$tmp/score")) < 1e-4"

# Sliding windows on a text longer than the context, as in Hugging Face's guide.
tiny=$here/../golden/tiny-gpt2
python3 -c '
import json, sys
golden = json.load(open(sys.argv[1]))
print(json.dumps({"ids": golden["text"]}))
print(golden["window"], file=sys.stderr)
for s in golden["strides"]:
    print(s["stride"], s["log_prob"], file=sys.stderr)' \
    "$here/../golden/score/tiny-gpt2.json" >"$tmp/in" 2>"$tmp/strides"
window=$(head -n 1 "$tmp/strides")
tail -n +2 "$tmp/strides" >"$tmp/rows"
same 'strides' "$(wc -l <"$tmp/rows")" 4
while read -r stride log_prob; do
    run_in "$elcl" score --quiet "$tiny" --input-format jsonl --format jsonl --no-bos \
        --context "$window" --stride "$stride"
    json "stride $stride" \
        "abs(lines[0]['log_prob'] - $log_prob) < 1e-3 and lines[0]['tokens'] == 136"
done <"$tmp/rows"
run_in "$elcl" score --quiet "$tiny" --input-format jsonl --no-bos
exits 'a long text without a stride' 1
says 'a long text without a stride' 'line 1: expected at most 51 tokens, found 137 (--stride N'
refuses 'a stride that leaves no context' 2 'less than the context of 50 tokens' \
    "$elcl" score "$tiny" --input-format ids --stride 50 '5 6'
refuses 'no start token to choose' 2 'has no start token' \
    "$elcl" score "$model" --decoder-start-token-id 3 a

# Streaming: several pieces that add up to the same bytes, even if tokens are parts of characters.
for options in '--num-beams 1' '--do-sample --seed 1' '--do-sample --temperature 50 --top-k 0'; do
    run "$elcl" generate --quiet "$model" --max-new-tokens 40 $options 'In the beginning' 'And God'
    cp "$tmp/out" "$tmp/want"
    python3 -c '
import os, subprocess, sys
p = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
pieces = list(iter(lambda: os.read(p.stdout.fileno(), 1 << 16), b""))
for piece in pieces:
    piece.decode("utf-8")
open(sys.argv[1], "wb").write(b"".join(pieces))
sys.exit(p.wait() or len(pieces) < 2)' "$tmp/streamed" \
        "$elcl" generate --quiet "$model" --max-new-tokens 40 $options --stream \
        'In the beginning' 'And God' 2>"$tmp/err"
    code=$?
    exits "stream, $options: in whole characters" 0
    check "stream, $options: the same text" cmp -s "$tmp/streamed" "$tmp/want"
done

# Options of a sample, and the part of each token in the score.
printf '%s\n' '{"text": "In the beginning", "id": "a", "num_beams": 3, "max_new_tokens": 5}' \
    '{"text": "And", "do_sample": true, "seed": 4, "num_return_sequences": 6}' \
    '{"text": "And", "max_new_tokens": 70, "num_beams": 1}' >"$tmp/in"
run_in "$elcl" generate --quiet "$model" --input-format jsonl --format jsonl --token-logprobs
exits 'options of lines' 0
json 'options of lines' '[l["index"] for l in lines] == [0] + [1] * 6 + [2]'
json 'options of lines: the first' 'lines[0]["id"] == "a" and len(lines[0]["ids"]) == 4 + 5'
json 'options of lines: samples differ' 'len(set(l["text"] for l in lines[1:7])) > 1'
json 'options of lines: a length beyond the others' 'len(lines[7]["ids"]) == 71'
json 'log-probabilities make the score' \
    'all(abs(sum(l["token_logprobs"][1:]) - l["score"]) < 1e-3 for l in lines[1:])'
json 'the prompt has none' \
    '(lambda p: p[:4] == [None] * 4 and None not in p[4:])(lines[0]["token_logprobs"])'
end
