#!/bin/sh
# usage: mistakes.sh FAKE_ELCL ELCL
# What people do wrong. Each row of the tables below is a command line, its exit code and a part of
# the one line that standard error must have: 2 for the command line, 1 for files, 0 for a warning.
set -u
here=$(cd "$(dirname "$0")" && pwd) || exit 1
. "$here/lib.sh"
fake=$1
real=$2
root=$here/../..
LC_ALL=C
FAKE_SILENT=1
HF_HOME=$tmp/hf
export LC_ALL FAKE_SILENT HF_HOME
unset HF_HUB_CACHE
runs "$fake" --version
case $fake in
/*) ;;
*) fake=$PWD/$fake ;;
esac
case $real in
/*) ;;
*) real=$PWD/$real ;;
esac
cd "$tmp" || exit 1

# rows PROGRAM: standard input has lines "CODE @ ARGUMENTS, as a shell reads them @ TEXT".
rows() {
    program=$1
    while IFS='@' read -r want arguments text; do
        want=${want% }
        text=${text# }
        eval "\"\$program\" $arguments" <"$tmp/stdin" >"$tmp/out" 2>"$tmp/err"
        code=$?
        kind=error
        [ "$want" = 0 ] && kind=warning
        exits "elcl$arguments" "$want"
        if [ "$(wc -l <"$tmp/err")" = 1 ] && grep -q "^elcl: $kind: " "$tmp/err" &&
            grep -qF -e "$text" "$tmp/err"; then
            pass
        else
            fail "elcl$arguments" "stderr: $(head -c 600 "$tmp/err")" "want one $kind with: $text"
        fi
    done
}
: >"$tmp/stdin"

# ---- the command line ------------------------------------------------------------------------

echo hello >words.txt
rows "$fake" <<'END'
2 @ @ no command given: elcl --help lists all
2 @ genrate m hello @ unknown command genrate: did you mean generate?
2 @ Generate m hello @ did you mean generate?
2 @ translate m hello @ unknown command translate: elcl --help lists all
2 @ help genrate @ did you mean generate?
2 @ --versoin @ unknown option --versoin: did you mean --version?
2 @ generate @ expected a model directory, found none: elcl generate MODEL [TEXT...]
2 @ score @ elcl score MODEL [TEXT...]
2 @ languages @ elcl languages MODEL
2 @ languages m fr @ expected elcl languages MODEL, found one more word, 'fr'
2 @ plan @ expected one model directory or --synthetic NAME
2 @ bench @ expected one model directory, --synthetic NAME or --preset NAME
2 @ plan m n @ found one more word, 'n'
2 @ devices gpu @ elcl devices takes options only, found 'gpu'
2 @ tune gpu @ elcl tune takes options only
2 @ selftest gpu @ elcl selftest takes options only
2 @ generate m --num-beam 3 hello @ unknown option --num-beam: did you mean --num-beams?
2 @ generate m --num_beams=3 hello @ did you mean --num-beams?
2 @ generate m --max-new-token 3 hello @ did you mean --max-new-tokens?
2 @ generate m --quite hello @ did you mean --quiet?
2 @ generate m --frobnicate hello @ elcl generate --help lists all
2 @ generate m -q hello @ unknown option -q: elcl generate --help lists all
2 @ generate m -x-ray @ a text that starts with '-' goes after --
2 @ generate -m m -p hello @ unknown option -m: elcl has MODEL, the first word
2 @ generate m -p hello @ unknown option -p: elcl has a word after MODEL
2 @ generate m -n 5 hello @ unknown option -n: elcl has --max-new-tokens
2 @ generate --model m hello @ unknown option --model: elcl has MODEL, the first word
2 @ generate m --prompt hello @ elcl has a word after MODEL
2 @ generate m --beam_size 4 hello @ unknown option --beam_size: elcl has --num-beams
2 @ generate m --temp 0.7 hello @ elcl has --temperature
2 @ generate m --max_tokens 9 hello @ elcl has --max-new-tokens
2 @ generate m --lenpen 1 hello @ elcl has --length-penalty
2 @ generate m --dtype float16 hello @ elcl has --weights
2 @ generate m --target-lang fr hello @ elcl has --tgt-lang
2 @ generate m hello --num-beams @ --num-beams needs a value: N
2 @ generate m hello --stop @ --stop needs a value: STRING
2 @ generate m hello --stop --num-beams 1 @ --stop needs a value: STRING, found the option --num-beams
2 @ generate m hello --output --quiet @ --output needs a value: FILE, found the option --quiet
2 @ generate m hello --quiet=yes @ --quiet takes no value, found 'yes'
2 @ generate m hello --quiet --verbose @ expected --quiet or --verbose, found both
2 @ generate m hello --input words.txt @ expected TEXT arguments or --input, found both
2 @ generate m hello --do-sample --no-sample @ expected --do-sample or --no-sample, found both
END

# ---- values ----------------------------------------------------------------------------------

rows "$fake" <<'END'
2 @ generate m --num-beams 0 hello @ expected a whole number from 1 to 64, found '0'; 1 is greedy search
2 @ generate m --num-beams -4 hello @ --num-beams: expected a whole number from 1 to 64, found '-4'
2 @ generate m --num-beams four hello @ found 'four'
2 @ generate m --num-beams 2.5 hello @ found '2.5'
2 @ generate m --num-beams 100 hello @ from 1 to 64, found '100'
2 @ generate m --num-beams '' hello @ --num-beams: expected a whole number
2 @ generate m --num-beams 4 --num-return-sequences 5 hello @ at most --num-beams, which is 4, found 5
2 @ generate m --do-sample --temperature 0 hello @ 0 is greedy search: leave out --do-sample
2 @ generate m --do-sample --top-p 90 hello @ expected a number between 0 and 1, found '90'; 90 % is 0.9
2 @ generate m --length-penalty 1,5 hello @ --length-penalty: expected a number
2 @ generate m --max-new-tokens 1000 hello @ --max-new-tokens: expected at most 63 with this model
2 @ generate m --max-length 1000 hello @ --max-length: expected at most 64 with this model
2 @ generate m --max-length 1 hello @ --max-length: expected 2 to 64 with this model, found 1
2 @ generate m --memory-limit 8X hello @ as in 512M, 2G or 8GiB, found '8X'
2 @ generate m --encoder-cache '' hello @ --encoder-cache: expected
2 @ generate m --encoder-cache-size 2G hello @ --encoder-cache-size needs --encoder-cache
2 @ score m --encoder-cache d --encoder-cache-size 1000K hello @ expected at least 1M, found 1024000
2 @ serve m --encoder-cache d --encoder-cache-size 4X @ as in 512M, 2G or 8GiB, found '4X'
2 @ generate m --weights q4_0 hello @ --weights: expected one of f32|f16|bf16|int8|int4, found 'q4_0'
2 @ generate m --format json hello @ --format: expected one of text|jsonl|ids, found 'json'
2 @ generate m --device '' hello @ --device: expected
2 @ generate m --device 0,,1 hello @ expected devices separated by commas, found "0,,1"
2 @ generate m --eos-token-id 1,x hello @ token ids separated by commas, or none, found '1,x'
2 @ generate m --suppress-tokens 5,x hello @ --suppress-tokens: expected token ids
2 @ generate m --scores --format jsonl hello @ jsonl always holds the score
2 @ generate m --stream hello @ --stream: beam search may change its mind until it ends
2 @ generate m --stream --num-beams 1 --format jsonl hello @ --stream writes text
2 @ generate m --alignments soft hello @ --alignments soft needs --format jsonl
2 @ generate m --alignments hard --stream hello @ expected --stream or --alignments, found both
2 @ generate m --alignments hard --split sentences hello @ expected --split none
2 @ generate m --alignments yes hello @ --alignments: expected one of soft|hard, found 'yes'
2 @ generate m --alignment-layer 1 hello @ --alignment-layer does nothing without --alignments
2 @ generate m --alignment-head 1 hello @ --alignment-head does nothing without --alignments
2 @ generate m --token-logprobs hello @ --token-logprobs needs --format jsonl
2 @ generate m --search-style fairseq --max-length 9 hello @ --max-length has no meaning with --search-style fairseq
2 @ score m --alignments soft 'a	b' @ --alignments needs --format jsonl
2 @ score m --format jsonl --summary --alignments hard 'a	b' @ --alignments does nothing with --summary
2 @ score m --format jsonl --alignment-layer 1 'a	b' @ --alignment-layer does nothing without --alignments
2 @ generate m --src-lang french hello @ does not know the language; elcl languages m lists all
2 @ generate m --tgt-lang a hello @ elcl languages m lists all
2 @ generate m --src-lang aa --input-format ids 5 @ --src-lang does nothing with --input-format ids
2 @ generate bare hello @ bare holds no tokenizer (tokenizer.json, vocab.json with merges.txt
0 @ generate m --num-beams 1 --temperature 0.7 hello @ --temperature does nothing without sampling: add --do-sample
0 @ generate m words.txt @ 'words.txt' was taken as a text, but there is a file of that name: --input words.txt
0 @ generate m --eos-token-id none --forced-eos-token-id none hello @ the output stopped at the limit of 21 tokens: --max-new-tokens raises it
0 @ generate m --eos-token-id none --forced-eos-token-id none a b @ 2 of 2 outputs stopped at the limit of 21 tokens, the first one on line 1: --max-new-tokens raises it
END

# ---- input and output ------------------------------------------------------------------------

mkdir directory
printf 'a\nb' | gzip >text.gz
printf '\377\376h\000i\000' >utf16.txt
printf 'caf\351\n' >latin1.txt
printf '%%PDF-1.4\n' >paper.pdf
printf '{"text": "a", "num_beam": 2}\n' >key.jsonl
printf '{"text": 5}\n' >type.jsonl
: >empty.txt
rows "$fake" <<'END'
0 @ generate m @ standard input is empty: nothing was read
0 @ generate m --input empty.txt @ empty.txt is empty: nothing was read
0 @ score m --input empty.txt @ empty.txt is empty: nothing was read
1 @ generate m --input none.txt @ none.txt: cannot open: No such file or directory
1 @ generate m --input directory @ directory
1 @ generate m --input text.gz @ line 1: expected UTF-8 text, found a gzip file: gzip -dc
1 @ generate m --input utf16.txt @ found UTF-16 text: iconv -f UTF-16 -t UTF-8 converts it
1 @ generate m --input paper.pdf @ found a PDF file: pdftotext
1 @ generate m --input latin1.txt @ line 1: invalid UTF-8: byte 4 is 0xe9 (Latin-1 text? iconv -f LATIN1
1 @ generate m --input words.txt --input-format jsonl @ line 1: expected a JSON object
1 @ generate m --input words.txt --input-format ids @ line 1: expected token ids separated by blanks, found 'hello'
1 @ generate m --input key.jsonl --input-format jsonl @ unknown key "num_beam"
1 @ generate m --input type.jsonl --input-format jsonl @ found another type
1 @ score m hello @ argument 1: expected source, tab, target, found no tab
1 @ generate m hello --output none/out.txt @ none/out.txt
1 @ generate m hello --output directory @ directory: cannot write: it is a directory
1 @ generate m hello --trace none/trace.json @ none/trace.json
END

# ---- models ----------------------------------------------------------------------------------

g2p=$root/models/g2p-en
files() {
    mkdir -p "$1"
    made=$1
    shift
    for name in "$@"; do
        case $name in
        config.json) cp "$g2p/config.json" "$made/" ;;
        *) echo x >"$made/$name" ;;
        esac
    done
}
files gguf model-q4.gguf
t5=$root/tests/golden/gguf/t5.gguf
head -c 300 "$t5" >gguf/cut.gguf
LC_ALL=C sed 's/enc.blk.0.attn_q/enc.blk.0.attn_x/' "$t5" >gguf/less.gguf
LC_ALL=C sed 's/t5.block_count/t5.black_count/' "$t5" >gguf/keyless.gguf
files ct2 model.bin shared_vocabulary.json
echo '{"add_source_bos": false}' >ct2/config.json
files onnx config.json decoder_model.onnx
files fairseq checkpoint_best.pt dict.en.txt
files tensorflow config.json tf_model.h5
files flax config.json flax_model.msgpack
files adapter adapter_config.json adapter_model.safetensors
files diffusers model_index.json
files unfinished config.json tokenizer.json
files text notes.txt
files lfs config.json
printf 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n' >lfs/model.safetensors
files outer/inner config.json
files llama model.safetensors
echo '{"model_type": "llama", "rope_theta": 10000}' >llama/config.json
files broken model.safetensors
echo '{"model_type": ' >broken/config.json
for name in dangling fifo; do
    mkdir $name
    ln -s "$g2p"/*.json "$g2p"/*.safetensors "$g2p"/*.txt $name 2>/dev/null
done
rm dangling/generation_config.json fifo/config.json
ln -s ../blobs/0123 dangling/generation_config.json
mkfifo fifo/config.json
mkdir nothing locked
echo x >model.tar.gz
echo x >cut.argosmodel
head -c 300 "$root/tests/golden/ggml-whisper.bin" >cut.bin
mkdir -p "hf/hub/models--org--g2p/refs" "hf/hub/models--org--g2p/snapshots"
ln -s "$g2p" hf/hub/models--org--g2p/snapshots/0123abc
echo 0123abc >hf/hub/models--org--g2p/refs/main
mbart=$root/tests/golden/pieces/mbart-json
"$real" devices --no-probe >"$tmp/out" 2>"$tmp/err"
code=$?
if [ $code -ne 0 ]; then
    skip "no OpenCL device"
    end
fi
rows "$real" <<'END'
1 @ generate nowhere hello @ nowhere: no such directory, and no such model in
1 @ generate ./nowhere hello @ ./nowhere: no such directory
1 @ generate org/none hello @ fetch it with hf download org/none --local-dir DIR
1 @ plan org/none @ fetch it with hf download org/none --local-dir DIR
1 @ generate https://huggingface.co/facebook/bart-base hello @ hf download facebook/bart-base --local-dir DIR
1 @ generate gguf hello @ gguf: model-q4.gguf is a GGUF file: name the file itself as the model
1 @ generate gguf/model-q4.gguf hello @ gguf/model-q4.gguf is no GGUF file: is the download complete?
1 @ generate gguf/cut.gguf hello @ gguf/cut.gguf: has fewer keys than it says; is the file complete?
1 @ plan gguf/cut.gguf @ gguf/cut.gguf: has fewer keys than it says
1 @ encode gguf/cut.gguf hello @ gguf/cut.gguf: has fewer keys than it says
1 @ generate gguf/less.gguf hello @ gguf/less.gguf: tensor encoder.block.0.layer.0.SelfAttention.q.weight is missing
1 @ plan gguf/keyless.gguf @ gguf/keyless.gguf: has no key t5.block_count
1 @ languages "$t5" @ t5.gguf: the model has no languages
1 @ encode "$root/tests/golden/gguf/gpt2.gguf" hello @ gpt2.gguf: the file has no tokenizer; use token ids
1 @ generate ct2 hello @ ct2/model.bin: ends inside a number; is the file complete?
1 @ plan ct2 @ ct2/model.bin: ends inside a number; is the file complete?
1 @ generate onnx hello @ decoder_model.onnx is an ONNX model
1 @ generate fairseq hello @ tools/convert_fairseq.py converts
1 @ generate fairseq/checkpoint_best.pt hello @ tools/convert_fairseq.py converts
1 @ generate tensorflow hello @ from_pretrained(..., from_tf=True)
1 @ generate flax hello @ from_pretrained(..., from_flax=True)
1 @ generate adapter hello @ merge it into its base model with merge_and_unload()
1 @ generate diffusers hello @ a diffusers pipeline, not a language model
1 @ generate unfinished hello @ no weights: expected model.safetensors or pytorch_model.bin; is the download complete?
1 @ score unfinished hello @ no weights
1 @ generate text hello @ text: no config.json: expected a Hugging Face model directory
1 @ generate nothing hello @ nothing: no config.json
1 @ languages nowhere @ nowhere: no such directory
1 @ generate lfs hello @ model.safetensors is a pointer of Git LFS: git lfs pull
1 @ generate lfs/model.safetensors hello @ is a file: expected the directory that holds it, lfs
1 @ generate "$g2p/config.json" hello @ is a file: expected the directory that holds it
1 @ encode cut.bin hello @ cut.bin: ends inside the vocabulary; is the file complete?
1 @ languages cut.argosmodel @ cut.argosmodel: not a whole zip archive
1 @ generate "$root/tests/golden/ggml-whisper.bin" hello @ reads sound, not text
1 @ generate outer hello @ no config.json here: did you mean outer/inner?
1 @ generate hf/hub/models--org--g2p/snapshots hello @ did you mean hf/hub/models--org--g2p/snapshots/0123abc?
1 @ generate model.tar.gz hello @ model.tar.gz is an archive: unpack it first
1 @ generate llama hello @ rotary positions
1 @ generate broken hello @ broken/config.json
1 @ generate dangling hello @ dangling/generation_config.json: is a symbolic link to ../blobs/0123, which does not exist; is the download complete?
1 @ encode dangling hello @ dangling/generation_config.json: is a symbolic link
1 @ plan dangling @ dangling/generation_config.json: is a symbolic link
1 @ generate fifo hello @ fifo/config.json: is a FIFO, not a regular file
1 @ languages fifo @ fifo/config.json: is a FIFO, not a regular file
1 @ languages "$g2p" @ the model has no languages
2 @ generate "$mbart" --tgt-lang fr hello @ did you mean fr_XX? elcl languages
2 @ generate "$mbart" --src-lang english hello @ did you mean en_XX?
2 @ generate "$mbart" --tgt-lang tlh hello @ lists all
2 @ score "$mbart" --tgt-lang german 'a	b' @ elcl languages
2 @ generate "$g2p" --tgt-lang fr hello @ the model has no languages
1 @ generate "$g2p" --device cuda hello @ no OpenCL device matches "cuda"; found: 0
1 @ generate "$g2p" --memory-limit 1K hello @ memory
END
if [ "$(id -u)" != 0 ]; then
    chmod 0 locked
    rows "$real" <<'END'
1 @ generate locked hello @ locked: cannot read the directory: permission denied
END
    chmod 700 locked
elif setpriv --reuid 65534 --clear-groups true 2>/dev/null &&
    chmod 711 "$tmp" && setpriv --reuid 65534 --clear-groups "$real" --version >/dev/null 2>&1; then
    chmod 700 locked
    rows setpriv <<'END'
1 @ --reuid 65534 --clear-groups "$real" generate locked hello @ locked: cannot read the directory: permission denied
END
else
    skip "an unreadable directory: this is root, and there is no setpriv"
fi

if POCL_CACHE_DIR=/proc/none "$real" devices --no-probe >"$tmp/out" 2>&1; then
    skip "a cache that PoCL cannot write: another device answers"
else
    for arguments in devices "generate $g2p a"; do
        # shellcheck disable=SC2086
        refuses "a cache that PoCL cannot write: $arguments" 1 "POCL_CACHE_DIR: /proc/none" \
            env POCL_CACHE_DIR=/proc/none "$real" $arguments
    done
fi

# ---- what works ------------------------------------------------------------------------------

run "$real" generate --quiet org/g2p attention
prints "a name in the Hugging Face cache" "AH0 T EH1 N SH AH0 N"
rm "hf/hub/models--org--g2p/refs/main"
run "$real" generate --quiet org/g2p attention
prints "the newest snapshot" "AH0 T EH1 N SH AH0 N"
run "$real" plan org/g2p --batch-size 1
exits "plan of a name in the cache" 0
run "$real" generate --quiet "$g2p/" attention
prints "a slash after the directory" "AH0 T EH1 N SH AH0 N"
run "$real" languages "$mbart"
exits "languages" 0
check "languages: one per line" grep -qx fr_XX "$tmp/out"
for size in 8G 8GB 8GiB 8g 8gib 8192M; do
    run "$fake" generate m hello --memory-limit $size
    prints "--memory-limit $size" HELLO
done
for type in f16 fp16 float16 half FP16; do
    run "$fake" generate m hello --weights $type
    prints "--weights $type" HELLO
done
for old in --lanes=2 --products=int --profile=trace.json; do
    run "$fake" generate m hello $old
    prints "$old" HELLO
    same "$old is silent" "$(cat "$tmp/err")" ""
done
run "$fake" generate m hello --lanes 2 --products int --verbose
warning='--lanes is now --engines, --products is now --compute; the next release drops old names'
check "old names with --verbose: one warning" grep -qx "elcl: warning: $warning" "$tmp/err"
end
