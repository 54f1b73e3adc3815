#!/bin/sh
# usage: encode.sh ELCL
# elcl encode and elcl decode, without an OpenCL device. The ids are those of transformers.
here=$(cd "$(dirname "$0")" && pwd) || exit 1
. "$here/lib.sh"
elcl=$1
kjv=$here/../../models/kjv-gpt2
pieces=$here/../golden/pieces
OCL_ICD_VENDORS=/nonexistent
OPENCL_VENDOR_PATH=/nonexistent
export OCL_ICD_VENDORS OPENCL_VENDOR_PATH
runs "$elcl" --version

# ---- GPT-2 -----------------------------------------------------------------------------------

run "$elcl" encode "$kjv" "In the beginning" "In" ""
prints "ids" "1134 258 1823 1249" "1134" "2047"
run "$elcl" encode "$kjv" --format tokens "In the beginning"
prints "tokens" "In Ġthe Ġbegin ning"
run "$elcl" encode "$kjv" --format tokens "a
b"
prints "bytes are spelled as characters" "a Ċ b"
printf '%s\n' '{"text":"In","id":"q"}' '{"text":"\"\\"}' >"$tmp/in"
run_in "$elcl" encode "$kjv" --input-format jsonl --format jsonl
prints "jsonl" '{"index": 0, "id": "q", "ids": [1134], "tokens": ["In"]}' \
    '{"index": 1, "ids": [1, 59], "tokens": ["\"", "\\"]}'
run "$elcl" encode "$kjv" --no-special-tokens ""
prints "an empty text without special tokens" ""
"$elcl" encode "$kjv" --input "$kjv/heldout.txt" >"$tmp/ids"
"$elcl" decode "$kjv" --input "$tmp/ids" --output "$tmp/texts"
check "decode is the inverse of encode" cmp -s "$tmp/texts" "$kjv/heldout.txt"
run "$elcl" decode "$kjv" 1134 258 1823 1249
prints "the ID arguments are one text" "In the beginning"
run "$elcl" decode "$kjv" 99999999 1134
prints "an id without a token" "In"
printf '%s\n' '{"ids":[1134],"id":7}' >"$tmp/in"
run_in "$elcl" decode "$kjv" --input-format jsonl --format jsonl
prints "decode jsonl" '{"index": 0, "id": 7, "text": "In"}'

# ---- BART, and languages ---------------------------------------------------------------------

run "$elcl" decode "$here/../../models/g2p-en" 0 50 2
prints "special tokens" "<s> AY0</s>"
run "$elcl" decode "$here/../../models/g2p-en" --no-special-tokens 0 50 2
prints "no special tokens" " AY0"
run "$elcl" encode "$pieces/mbart-json" --src-lang fr_XX "Free"
prints "source language" "603 2 708"
run "$elcl" encode "$pieces/mbart-json" "Free"
prints "default language" "603 2 704"
run "$elcl" encode "$pieces/mbart-json" --no-special-tokens "Free"
prints "no language" "603"
run "$elcl" encode "$here/../golden/gguf/pieces.gguf" "Free <extra_id_0>"
prints "a GGUF file" "$("$elcl" encode "$pieces/t5" "Free <extra_id_0>")"
run "$elcl" decode "$here/../golden/gguf/bytes.gguf" 1134 258
prints "bytes of a GGUF file" "In the"
cp -r "$pieces/t5-json" "$tmp/bare"
run "$elcl" encode "$tmp/bare" "Free"
prints "without config.json" "658 1"

mkdir "$tmp/byt5"
echo '{"model_type": "t5", "tokenizer_class": "ByT5Tokenizer"}' >"$tmp/byt5/config.json"
run "$elcl" encode "$tmp/byt5" "a é<extra_id_0>"
prints "a config.json without sizes" "100 35 198 172 259 1"

# ---- mistakes --------------------------------------------------------------------------------

refuses "no directory" 1 "no such directory" "$elcl" encode "$tmp/none" a
refuses "no id" 1 "expected token ids separated by blanks, found 'x'" "$elcl" decode "$kjv" 5 x
refuses "unknown language" 2 "did you mean fr_XX?" "$elcl" encode "$pieces/mbart-json" \
    --src-lang fr Free
refuses "language of an output" 2 "--src-lang does nothing with --target" "$elcl" encode \
    "$pieces/mbart-json" --target --src-lang fr_XX Free
refuses "language without special tokens" 2 "--tgt-lang does nothing with --no-special-tokens" \
    "$elcl" encode "$pieces/mbart-json" --no-special-tokens --tgt-lang fr_XX Free
refuses "no tokenizer" 1 "has no tokenizer" "$elcl" encode "$here/../golden/tiny-bart" a
refuses "ids to encode" 1 'expected "text", found "ids"' "$elcl" encode "$kjv" \
    --input-format jsonl '{"ids":[1]}'
refuses "text to decode" 2 "reads lines, not ID arguments" "$elcl" decode "$kjv" \
    --input-format jsonl '{"text":"a"}'
refuses "unknown key" 1 'unknown key "txt"' "$elcl" encode "$kjv" --input-format jsonl \
    '{"text":"a","txt":"b"}'
end
