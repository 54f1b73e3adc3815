#!/bin/sh
# usage: transcribe.sh FAKE_ELCL
# elcl transcribe on the stand-in for the library (fake_speech.c): a sound is a text there.
set -u
. "$(dirname "$0")/lib.sh"
on_fake "$1"
FAKE_SILENT=1
export FAKE_SILENT
printf 'one\n two \n' >a.wav
printf 'three\n' >b.mp3

# ---- one sound -------------------------------------------------------------------------------

run "$elcl" transcribe m a.wav
exits "text" 0
prints "text" one two
run "$elcl" transcribe m a.wav --format srt
prints "srt" 1 "00:00:00,000 --> 00:00:00,500" one "" 2 "00:00:01,000 --> 00:00:01,500" two ""
run "$elcl" transcribe m a.wav --format json
json "json" '[s["text"] for s in lines[0]["segments"]] == ["one", " two "]'
json "json: language" 'lines[0]["language"] == "en" and "words" not in lines[0]["segments"][0]'
run "$elcl" transcribe m a.wav --format json --timestamps word
json "json: words" 'lines[0]["segments"][1]["words"][0]["word"] == " two "'
run "$elcl" transcribe m a.wav --format vtt --timestamps word --highlight-words
prints "vtt: words" WEBVTT "" "00:00.000 --> 00:00.500" "<u>one</u>" "" \
    "00:01.000 --> 00:01.500" "<u>two</u>" ""
run "$elcl" transcribe m a.wav --output out.txt
exits "--output" 0
prints "--output: nothing on standard output"
same "--output" "$(cat out.txt)" "one
two"
run_in_file() { cp "$1" "$tmp/in" && shift && run_in "$@"; }
run_in_file a.wav "$elcl" transcribe m -
prints "standard input" one two
run "$elcl" transcribe m a.wav --verbose
check "--verbose" grep -q "a.wav: 2.00 s, language en (probability 0.50)" "$tmp/err"
check "--verbose: the summary" grep -q "1 sound, 2.0 s, in" "$tmp/err"

# ---- raw samples -----------------------------------------------------------------------------

printf 'h\0i\0' >"$tmp/in"
run_in "$elcl" transcribe m --raw s16 -
prints "--raw s16" "hi 16000 Hz"
cp "$tmp/in" raw
run "$elcl" transcribe m --raw s16 --raw-channels 2 --raw-rate 8000 raw
prints "--raw-channels" "h 8000 Hz"
printf '\0\0\320B' >"$tmp/in"
run_in "$elcl" transcribe m --raw f32 -
prints "--raw f32" "h 16000 Hz"
printf 'abc' >"$tmp/in"
run_in "$elcl" transcribe m --raw s16 -
exits "--raw: half a sample" 1
says "--raw: half a sample" "standard input: has 3 bytes, which is not a whole number of samples"
refuses "--raw-rate without --raw" 2 "does nothing without --raw" \
    "$elcl" transcribe m --raw-rate 8000 a.wav

# ---- several sounds --------------------------------------------------------------------------

run "$elcl" transcribe m a.wav b.mp3 --output-dir new --format txt,srt
exits "--output-dir" 0
same "--output-dir: files" "$(ls new | paste -sd ' ')" "a.srt a.txt b.srt b.txt"
same "--output-dir: texts" "$(cat new/a.txt new/b.txt | paste -sd ' ')" "one two three"
run "$elcl" transcribe m a.wav --output-dir all --format all
same "--format all" "$(ls all | paste -sd ' ')" "a.json a.lrc a.srt a.tsv a.txt a.vtt"
run_in_file a.wav "$elcl" transcribe m - --output-dir new
same "standard input has a name" "$(cat new/stdin.txt | paste -sd ' ')" "one two"
refuses "several sounds" 2 "name a directory for them with --output-dir" \
    "$elcl" transcribe m a.wav b.mp3
refuses "several formats" 2 "name a directory for them with --output-dir" \
    "$elcl" transcribe m a.wav --format txt,srt
mkdir other && cp b.mp3 other/a.flac
refuses "two sounds of one name" 2 "would be the transcript of a.wav and of other/a.flac" \
    "$elcl" transcribe m a.wav other/a.flac --output-dir new
cp a.wav c.txt
refuses "a sound that would be overwritten" 2 "is a sound and would be a transcript" \
    "$elcl" transcribe m c.txt --output-dir .
refuses "--output and --output-dir" 2 "found both" \
    "$elcl" transcribe m a.wav --output x --output-dir new
refuses "standard input twice" 2 "only one of the sounds" \
    "$elcl" transcribe m - - --output-dir new

# ---- what goes wrong -------------------------------------------------------------------------

printf 'bad' >bad.wav
: >empty.wav
printf 'cut\nshort' >cut.wav
refuses "no sound" 2 "no sound given" "$elcl" transcribe m
refuses "a missing sound" 1 "nothere.wav: cannot open" "$elcl" transcribe m nothere.wav
refuses "a text" 1 "bad.wav: is not a sound file" "$elcl" transcribe m bad.wav
refuses "an empty sound" 1 "empty.wav: is empty" "$elcl" transcribe m empty.wav
refuses "a damaged sound" 1 "cut.wav: is damaged; --allow-partial takes it" \
    "$elcl" transcribe m cut.wav
run "$elcl" transcribe m cut.wav --allow-partial
exits "--allow-partial" 0
check "--allow-partial: a warning" grep -q "warning: half of it can be decoded" "$tmp/err"
run "$elcl" transcribe m bad.wav a.wav empty.wav b.mp3 --output-dir rest
exits "bad sounds among good ones" 1
same "bad sounds among good ones: the good ones" "$(cat rest/a.txt rest/b.txt | paste -sd ' ')" \
    "one two three"
same "bad sounds among good ones: a sentence each" "$(wc -l <"$tmp/err")" 2
printf 'one\n!file\n' >fails.wav
run "$elcl" transcribe m fails.wav a.wav --output-dir failed
exits "a file that fails" 1
says "a file that fails" "fails.wav: the window failed"
same "a file that fails: the other one" "$(ls failed)" a.txt
printf 'one\n!step\n' >lost.wav
run "$elcl" transcribe m lost.wav --output lost.txt
exits "a device that is lost" 1
says "a device that is lost" "CL_OUT_OF_RESOURCES"
check "a device that is lost: no output" test ! -e lost.txt
refuses "a model without speech" 1 "no speech encoder" "$elcl" transcribe bare a.wav
refuses "an unknown language" 2 'language "xx": the model does not know' \
    "$elcl" transcribe m a.wav --language xx
refuses "a directory that is none" 1 "a.wav" "$elcl" transcribe m b.mp3 --output-dir a.wav/x

# ---- options ---------------------------------------------------------------------------------

printf '!options\n' >options.wav
run "$elcl" transcribe m options.wav
prints "options: defaults" "auto 0 1 0 0 beams 5 1 1 best 5 new 0 initial 1 penalty 1 ngram 0 \
seed 0 temperatures 0 -1 thresholds 2.4 -1 0.6 condition 1 prompt - hot - prefix -"
run "$elcl" transcribe m options.wav --language de --task translate --timestamps none --style hf \
    --batched --num-beams 2 --patience 1.5 --length-penalty 0.5 --best-of 3 --max-new-tokens 9 \
    --max-initial-timestamp 2 --repetition-penalty 1.25 --no-repeat-ngram-size 4 --seed 7 \
    --temperatures 0,0.5,1 --compression-ratio-threshold off --log-prob-threshold -2 \
    --no-speech-threshold 0.25 --no-condition-on-previous-text --initial-prompt IP --hotwords HW \
    --prefix PX
prints "options: all" "de 1 0 1 1 beams 2 1.5 0.5 best 3 new 9 initial 2 penalty 1.25 ngram 4 \
seed 7 temperatures 3 1 thresholds nan -2 0.25 condition 0 prompt IP hot HW prefix PX"
run "$elcl" transcribe m options.wav --language auto
exits "--language auto" 0
for bad in --temperatures=x --temperatures=0, --temperatures=3 --log-prob-threshold=x \
    --format=doc --num-beams=0 --task=sing; do
    refuses "$bad" 2 "${bad%%=*}: expected" "$elcl" transcribe m a.wav "$bad"
done
refuses "subtitles without words" 2 "needs --timestamps word" \
    "$elcl" transcribe m a.wav --max-line-width 30
refuses "whisper's name of an option" 2 "--num-beams" "$elcl" transcribe m a.wav --beam_size 5
refuses "whisper's name of the format" 2 "--format" "$elcl" transcribe m a.wav --output_format srt
refuses "whisper's words" 2 "--timestamps word" \
    "$elcl" transcribe m a.wav --word_timestamps True

# ---- an interruption -------------------------------------------------------------------------

seq 50 >long.wav
FAKE_STEP_MS=50 "$elcl" transcribe m long.wav --output long.txt </dev/null >"$tmp/out" \
    2>"$tmp/err" &
child=$!
sleep 0.3
kill -TERM $child
wait $child
code=$?
check "an interruption: the exit code" test $code -gt 128
says "an interruption" "interrupted after 0 of 1 sounds"
check "an interruption: no output" test ! -e long.txt
end
