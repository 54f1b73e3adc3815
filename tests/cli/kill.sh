#!/bin/sh
# usage: kill.sh ELCL MODEL-G2P [KILLS [SEED]]
# SIGKILL at random moments of a run over the 6,343 words of MODEL-G2P, which goes on with --resume
# each time: the output is the golden one, and no kill loses more than a batch. A library in front
# of libelcl notes the samples that each run submits.
set -u
here=$(cd "$(dirname "$0")" && pwd) || exit 1
. "$here/lib.sh"
elcl=$(realpath "$1")
model=$(realpath "$2")
kills=${3:-10}
seed=${4:-$(date +%s)}
root=$here/../..
runs "$elcl" --version
cd "$tmp" || exit 1
cut -f 1 "$model/test.tsv" >words
cat >submitted.c <<'END'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#include "elcl/elcl.h"

int elcl_pool_submit(elcl_pool *pool, const elcl_request *request, uint64_t *id, elcl_error *err)
{
    static FILE *file;
    int (*next)(elcl_pool *, const elcl_request *, uint64_t *, elcl_error *);
    *(void **)&next = dlsym(RTLD_NEXT, "elcl_pool_submit");
    if (!file)
        file = fopen(getenv("SUBMITTED"), "w");
    if (file) {
        fprintf(file, "%llu\n", (unsigned long long)request->sample);
        fflush(file);
    }
    return next(pool, request, id, err);
}
END
runs cc -shared -fPIC -I "$root/include" -I "$(dirname "$elcl")/include" -o submitted.so \
    submitted.c -ldl
batch=$("$elcl" generate --verbose "$model" word 2>&1 | sed -n 's/.*, batch \([0-9]*\)$/\1/p')
# Moments as the number of samples that all runs together have submitted.
moments=$(awk -v seed="$seed" -v n="$kills" -v words="$(wc -l <words)" \
    'BEGIN { srand(seed); for (i = 0; i < n; i++) print int(words * rand()) }' | sort -n)
echo "seed $seed, batches of $batch, kills after" $moments "samples"

# go_on RUN: notes what it submits in samples.RUN.
go_on() {
    SUBMITTED=samples.$1 LD_PRELOAD=$tmp/submitted.so exec "$elcl" generate "$model" --input words \
        --output phonemes --resume
}

submitted() {
    [ "$(cat samples.* | wc -l)" -ge "$1" ]
}

run=0
for moment in $moments; do
    run=$((run + 1))
    : >samples.$run
    go_on $run 2>err &
    pid=$!
    while kill -0 $pid 2>/dev/null && ! submitted "$moment"; do
        sleep 0.05
    done
    sleep "0.$(((seed + run * 7919) % 40 + 10))"
    kill -KILL $pid 2>/dev/null
    wait $pid 2>/dev/null
    echo "run $run: $(wc -l <samples.$run) samples; $(cat err)"
done
(go_on last) 2>err
code=$?
exits "the last run" 0
echo "the last run: $(wc -l <samples.last) samples; $(cat err)"
check "the output is the golden one" cmp -s phonemes "$root/tests/golden/g2p/beam4.txt"
same "nothing else is left" "$(echo phonemes*)" "phonemes phonemes.run.json"
sort -n samples.* | uniq >all
same "every word was done" "$(wc -l <all)" "$(wc -l <words)"
most=0
total=0
i=0
while [ $i -lt $run ]; do
    i=$((i + 1))
    later=samples.last
    k=$i
    while [ $k -lt $run ]; do
        k=$((k + 1))
        later="$later samples.$k"
    done
    # shellcheck disable=SC2086
    sort -u $later >again
    twice=$(sort samples.$i | comm -12 - again | wc -l)
    total=$((total + twice))
    [ "$twice" -gt $most ] && most=$twice
done
echo "$total samples were done twice, $most after one kill"
check "at most a batch is done twice after a kill" [ $most -le "$batch" ]
end
