#!/bin/sh
# usage: run.sh SECONDS [TARGET...]
# Runs fuzz targets, all without TARGET, under clang's libFuzzer with AddressSanitizer and
# UndefinedBehaviorSanitizer, each for so many seconds. build-fuzz/corpus keeps what they reached,
# so that the next run goes on there; build-fuzz/found gets inputs that fail. Prints a line for
# each target: executions, coverage in edges, findings. The exit status is 1 if there is a finding.
root=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
cd "$root" || exit 1
[ $# -gt 0 ] || { sed -n '2,6s/^# //p' "$0"; exit 2; }
seconds=$1
shift
[ $# -gt 0 ] || set -- $(cd tests/fuzz && ls fuzz_*.c | sed '/main/d; s/fuzz_//; s/\.c//')
flags='-g -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=undefined'
export CC="${CC:-clang}"
if [ ! -f build-fuzz/build.ninja ]; then
    meson setup build-fuzz -Dc_args="$flags" -Dc_link_args=-fsanitize=address,undefined \
        -Db_lundef=false >/dev/null || exit 1
fi
objects='tools/libelcl-tool-objects.a src/libelcl-objects.a src/libelcl-base.a'
ninja -C build-fuzz $objects >/dev/null || exit 1
libraries=$(pkg-config --libs OpenCL clblast libcjson libutf8proc)
for library in oniguruma zlib icu-uc sndfile samplerate; do
    libraries="$libraries $(pkg-config --libs "$library" 2>/dev/null)"
done

status=0
for target in "$@"; do
    corpus=build-fuzz/corpus/$target
    found=build-fuzz/found/$target
    mkdir -p "$corpus" "$found"
    cp tests/fuzz/seeds/"$target"/* "$corpus" 2>/dev/null
    [ "$target" != model ] || for config in tests/golden/*/config.json; do
        cp "$config" "$corpus/$(basename "$(dirname "$config")")"
    done
    $CC $flags -I. -Isrc -Iinclude -Itools -Ibuild-fuzz/include $(pkg-config --cflags libcjson) \
        -fsanitize=fuzzer tests/fuzz/fuzz_"$target".c tests/fuzz/fuzz.c \
        -Wl,--start-group $(printf 'build-fuzz/%s ' $objects) -Wl,--end-group \
        $libraries -lm -lpthread -o build-fuzz/fuzz_"$target" || exit 1
    build-fuzz/fuzz_"$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2500 \
        -artifact_prefix="$found/" "$corpus" >build-fuzz/"$target".log 2>&1 || status=1
    findings=$(find "$found" -type f | wc -l)
    sed -n "s/^#\([0-9]*\).*DONE *cov: \([0-9]*\).*/$target: \1 executions, \2 edges/p" \
        build-fuzz/"$target".log | sed "s/$/, $findings findings/" | grep . ||
        tail -n 20 build-fuzz/"$target".log
done
exit $status
