#!/bin/sh
# A file includes only its own layer and lower ones:
#     base, cl/records.h < format, ref, device, search < text, probe < ops < model, selftest
#         < engine < speech < elcl.c < tools
# Layers side by side do not see each other. base, format, ref, search and text do not see OpenCL,
# and only ops/gemm* calls CLBlast. Tools see elcl/ and base; a verb does not see another verb.
cd "$(dirname "$0")/../.." || exit 1
. tests/lint/lint.sh

# Reads lines "path:#include ..." and prints the ones that break the rule.
breaches() {
    awk '
    function layer_of(path) {
        if (path ~ /^tools\//) return "tools"
        if (path == "src/elcl.c") return "elcl.c"
        sub(/^src\//, "", path)
        sub(/\/.*/, "", path)
        return path
    }
    # tools/bench/bench.h and bench/bench.h: bench.
    function folder(path) {
        sub(/^tools\//, "", path)
        sub(/\/.*/, "", path)
        return path
    }
    function say(why) { print $0 ": " why }
    BEGIN {
        n = split("cl 0 base 0 format 1 ref 1 device 1 search 1 text 2 probe 2 ops 3 " \
                  "model 4 selftest 4 engine 5 speech 6 elcl.c 7", r, " ")
        for (i = 1; i < n; i += 2) rank[r[i]] = r[i + 1]
    }
    {
        colon = index($0, ":")
        path = substr($0, 1, colon - 1)
        match($0, /[<"][^>"]*[>"]/)
        name = substr($0, RSTART + 1, RLENGTH - 2)
        quoted = substr($0, RSTART, 1) == "\""
        from = layer_of(path)
        if (from == "tools") {
            if (path ~ /^tools\/gpu-day\/cuda\//) next # an OpenCL driver
            if (name ~ /^(CL|OpenCL)\/|^clblast/)
                say("tools reach devices through elcl/elcl.h")
            else if (quoted && name ~ /\// && name !~ /^(elcl|base|common)\// &&
                     folder(name) != folder(path))
                say("a verb includes elcl/elcl.h, base, common and its own folder")
            next
        }
        if (!(from in rank)) { say("no such layer"); next }
        if (name ~ /^(CL|OpenCL)\// && (rank[from] < 2 || from == "text") && from != "device")
            say(from " may not see OpenCL")
        if (name ~ /^clblast/ && path !~ /^src\/ops\/gemm/) say("only ops/gemm* calls CLBlast")
        if (!quoted || name ~ /^elcl\//) next
        if (name !~ /\//) { say("paths start at src/"); next }
        to = name
        sub(/\/.*/, "", to)
        if (!(to in rank)) say("no such layer")
        else if (to != from && rank[to] >= rank[from]) say(from " may not see " to)
    }'
}

includes() {
    grep -rHE '^[[:space:]]*#[[:space:]]*include' --include='*.[ch]' "$@" | sort
}

nothing 'layers' "$(includes src tools | breaches)"
something 'layers: upwards' "$(echo 'src/base/a.c:#include "device/device.h"' | breaches)"
something 'layers: sideways' "$(echo 'src/device/a.c:#include "format/json.h"' | breaches)"
something 'layers: OpenCL' "$(echo 'src/search/a.c:#include <CL/cl.h>' | breaches)"
something 'layers: CLBlast' "$(echo 'src/model/a.c:#include <clblast_c.h>' | breaches)"
something 'layers: tools' "$(echo 'tools/bench/a.c:#include "model/arch.h"' | breaches)"
something 'layers: verbs' "$(echo 'tools/bench/a.c:#include "plan/plan.h"' | breaches)"
nothing 'layers: allowed' "$(printf '%s\n' 'src/ops/a.c:#include "device/device.h"' \
    'src/format/a.c:#include "base/os.h"' 'src/elcl.c:#include "engine/plan.h"' \
    'tools/plan/a.c:#include "common/args.h"' 'tools/plan/a.c:#include "base/util.h"' \
    'src/device/a.h:#include <CL/cl.h>' | breaches)"
finish
