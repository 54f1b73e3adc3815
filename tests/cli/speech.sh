#!/bin/sh
# usage: speech.sh ELCL BUILD
# elcl transcribe and examples/transcribe.c with a tiny random Whisper on the default OpenCL device.
# The sounds are noise: bytes of a model file as samples of 16 bits.
set -u
here=$(cd "$(dirname "$0")" && pwd) || exit 1
. "$here/lib.sh"
elcl=$(realpath "$1")
build=$(realpath "$2")
golden=$here/../golden
model=$golden/tiny-whisper
cd "$tmp" || exit 1
transcribe() { run "$elcl" transcribe --quiet "$model" --temperatures 0 "$@"; }

head -c 96000 "$model/model.safetensors" >a.raw
tail -c 48000 "$model/model.safetensors" >b.raw
transcribe --raw s16 a.raw
exits "noise" 0
cp out a.txt
transcribe --raw s16 b.raw
cp out b.txt
check "texts of two sounds" test -s a.txt -a -s b.txt
transcribe --raw s16 a.raw b.raw --batch-size 2 --output-dir both --format txt,json,srt
exits "two sounds" 0
check "two sounds: the same texts" cmp -s a.txt both/a.txt
check "two sounds: the same texts" cmp -s b.txt both/b.txt
cp both/a.json out
json "json" 'all(s["tokens"] and s["start"] <= s["end"] <= 4 for s in lines[0]["segments"])'
json "json: the text of all segments" \
    '"".join(s["text"] for s in lines[0]["segments"]) == lines[0]["text"]'
same "srt: a time for each line of text" "$(grep -c -- '-->' both/a.srt)" "$(wc -l <a.txt)"
run_in_file() { cp "$1" in && shift && run_in "$@"; }
run_in_file a.raw "$elcl" transcribe --quiet "$model" --temperatures 0 --raw s16 -
check "standard input" cmp -s out a.txt
transcribe --raw s16 a.raw --timestamps word --format json
json "words" 'all("words" in s for s in lines[0]["segments"])'

# The same samples in a file. 96000 bytes are 0x17700.
{
    printf 'RIFF\044\167\001\000WAVEfmt \020\000\000\000\001\000\001\000\200\076\000\000'
    printf '\000\175\000\000\002\000\020\000data\000\167\001\000'
    cat a.raw
} >a.wav
transcribe a.wav
if [ $code -ne 0 ] && grep -q 'built without libsndfile' err; then
    says "no libsndfile" "install both and build it again"
    skip "sound files: no libsndfile here"
else
    exits "a file" 0
    check "a file: the text of its samples" cmp -s out a.txt
    run "$build/examples/transcribe" "$model" a.wav
    exits "example" 0
    run "$build/examples/transcribe" "$model" /no/such/sound
    exits "example: no sound" 1
    check "example: says so" grep -q '/no/such/sound: cannot open' err
fi
refuses "a model of text" 1 "not speech" "$elcl" transcribe "$here/../../models/g2p-en" a.wav
end
