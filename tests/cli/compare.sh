#!/bin/sh
# elcl compare on stored result files: tables, refusals, page and charts. Needs no device.
# usage: compare.sh elcl
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
elcl=$(realpath "$1")
LC_ALL=C.UTF-8
export LC_ALL
runs "$elcl" --version
cp "$here"/../golden/bench/*.json "$tmp" || exit 1
cd "$tmp" || exit 1

# ---- streams ---------------------------------------------------------------------------------

mkfifo silent fed
"$elcl" compare silent >silent.out 2>silent.err &
waiting=$!
cat a.json >fed &
run "$elcl" compare fed
check "a FIFO with a writer" grep -q '^| bart-base' out
run_in_file() {
    "$elcl" compare /dev/stdin <"$1" >"$tmp/out" 2>"$tmp/err"
}
run_in_file a.json
check "standard input by its name" grep -q '^| bart-base' out
refuses "no regular file" 1 "$tmp: cannot read: Is a directory" "$elcl" compare "$tmp"

# ---- tables ----------------------------------------------------------------------------------

run "$elcl" compare a.json b.json c.json
exits "md" 0
check "md: markup in a name" grep -qF 'B: Other & Sons \<"GPU"> 7, driver 1.2.3' out
check "md: faster, and within noise" \
    grep -qF '| 4 | 4 | 256 | 32 | 13 ±2% | 21.12 ±2% | 1.63x + | 13.13 ±2% | 1.01x = |' out
check "md: other tokens" grep -qF '| 6.5 ±2% | 1.62x ! |' out
check "md: only in one file" grep -q '| 64 .* - | 222.9 ±2% |  | - |  |$' out
check "md: out of memory" grep -qF '| 32 | 4 | 256 | 32 | out of memory | - |' out
same "md: one row for each different work" "$(grep -c '^| bart-base' out)" 15
run "$elcl" compare b.json a.json
check "md: slower" grep -qF '| 21.12 ±2% | 13 ±2% | 0.62x - |' out
# A far slower device: enough digits, and an axis that shows both.
python3 - <<'END'
import json
run = json.load(open("a.json"))
for result in run["results"]:
    for key in ("median", "min", "max"):
        if result["samples_per_second"]:
            result["samples_per_second"][key] /= 250
            result["samples_per_second"]["values"] = [1]
json.dump(run, open("slow.json", "w"))
END
run "$elcl" compare a.json slow.json --svg far
check "md: far slower" grep -qF ' 0.0040x - |' out
check "md: one repetition has no spread" grep -qF '| 0.016, once | 0.0040x' out
check "charts: a logarithmic axis for distant values" grep -qF '>0.01</text>' far/throughput-1.svg
run "$elcl" compare a.json
check "md: one file has no ratios" sh -c 'grep -q "A samples/s" out && ! grep -q "/A" out'

run "$elcl" compare a.json b.json --format csv
exits "csv" 0
check "csv reads back" python3 -c '
import csv, json
rows = list(csv.DictReader(open("out", encoding="utf-8")))
assert {r["device"] for r in rows if r["run"] == "B"} == {"Other & Sons <\"GPU\"> 7"}
for name, run in (("a.json", "A"), ("b.json", "B")):
    for r in json.load(open(name))["results"]:
        row, = [x for x in rows if x["run"] == run and x["attention"] == r["attention"]
                and x["batch_size"] == str(r["batch_size"])]
        want = r["samples_per_second"]
        assert not want or float(row["samples_per_second"]) == want["median"]
        assert int(float(row["planned_bytes"])) == r["memory"]["planned_bytes"]'
run "$elcl" compare a.json b.json c.json --format json
tr -d '\n' <out >flat
mv flat out
json "json: devices" '[r["device"] for r in lines[0]["runs"]][1] == "Other & Sons <\"GPU\"> 7"'
json "json: marks" '[lines[0]["results"][1]["runs"][k]["mark"] for k in "ABC"] == ["=", "+", "="]'
json "json: rows" 'len(lines[0]["results"]) == 15 and lines[0]["schema"] == "elcl-compare-1"'

# ---- refusals --------------------------------------------------------------------------------

echo '{"schema": "elcl-bench-3", "results": []}' >newer.json
echo '{"cases": []}' >other.json
echo 'no JSON' >text.json
: >empty.json
head -c 2000 a.json >cut.json
sed 's/"attention": "el"/"attention": ""/' a.json >bare.json
refuses "another version" 1 "expected elcl-bench-2, found elcl-bench-3: run elcl bench" \
    "$elcl" compare a.json newer.json
refuses "other JSON" 1 "other.json: not a result file of elcl bench" "$elcl" compare other.json
refuses "no JSON" 1 "text.json: not a result file of elcl bench" "$elcl" compare a.json text.json
refuses "an empty file" 1 "empty.json: not a result file" "$elcl" compare empty.json
refuses "a file cut short" 1 "cut.json: not a result file" "$elcl" compare cut.json
refuses "a result without a variant" 1 "bare.json: result 1 has no model" "$elcl" compare bare.json
refuses "a missing file" 1 "gone.json" "$elcl" compare gone.json
refuses "no file" 2 "found 0" "$elcl" compare
refuses "nine files" 2 "found 9" "$elcl" compare a.json a.json a.json a.json a.json a.json a.json \
    a.json a.json
refuses "a page in no directory" 1 "none" \
    "$elcl" compare a.json --format html --output none/page.html
refuses "charts in no directory" 1 "none/none: cannot make directory" \
    "$elcl" compare a.json --svg none/none
refuses "charts in a file" 1 "a file of that name" "$elcl" compare a.json --svg b.json

# ---- charts ----------------------------------------------------------------------------------

run "$elcl" compare a.json b.json c.json --svg svg --format html --output page.html
exits "page and charts" 0
run "$elcl" compare a.json b.json c.json --html old.html
check "--html of version 0.1: the same page" cmp old.html page.html
check "--html of version 0.1: the table, too" grep -q '^| bart-base' out
same "charts" "$(cd svg && echo *)" \
    "crossover-1.svg memory-1.svg roofline-1.svg roofline-2.svg roofline-3.svg throughput-1.svg"
check "charts are well-formed and inside their frames" python3 -c '
import glob, re
import xml.etree.ElementTree as tree
ns = "{http://www.w3.org/2000/svg}"
for name in glob.glob("svg/*.svg"):
    root = tree.parse(name).getroot()
    _, _, width, height = map(float, root.get("viewBox").split())
    assert root.tag == ns + "svg" and root.find(ns + "title").text, name
    texts = list(root.iter(ns + "text"))
    assert len(texts) > 8, name
    for e in root.iter():
        for key, limit in (("x", width), ("x1", width), ("x2", width), ("cx", width),
                           ("y", height), ("y1", height), ("y2", height), ("cy", height)):
            if e.get(key):
                assert 0 <= float(e.get(key)) <= limit, (name, e.tag, e.attrib)
    for line in root.iter(ns + "polyline"):
        for x, y in (map(float, p.split(",")) for p in line.get("points").split()):
            assert 0 <= x <= width and 0 <= y <= height, (name, x, y)
text = open("svg/throughput-1.svg", encoding="utf-8").read()
assert "Other &amp; Sons &lt;&quot;GPU&quot;&gt; 7, driver 1.2.3, OpenCL 1.2" in text
assert "texts per second" in text and "batch size" in text'
check "the page names its content and loads nothing" python3 -c '
import html.parser
class Page(html.parser.HTMLParser):
    void = {"meta", "br"}
    def __init__(self):
        super().__init__()
        self.open, self.svg = [], 0
    def handle_starttag(self, tag, attributes):
        names = dict(attributes)
        assert tag not in ("script", "link", "img", "iframe"), tag
        assert not {"src", "href"} & set(names), names
        self.svg += tag == "svg"
        if tag not in self.void:
            self.open.append(tag)
    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag
page, text = Page(), open("page.html", encoding="utf-8").read()
page.feed(text)
assert not page.open and page.svg == 6, (page.open, page.svg)
assert "prefers-color-scheme:dark" in text and "@media print" in text
assert "<\"GPU\"" not in text and "&lt;&quot;GPU&quot;&gt;" in text'

# A hostile file: markup, control characters and broken UTF-8 in every text.
python3 -c '
import re
text = open("a.json", "rb").read()
evil = b"</title><script>x</script>\\u0001\xff\xc3&|"
for key in (b"name", b"driver", b"version", b"model", b"commit", b"command", b"date", b"weights"):
    field = b"\"" + key + b"\": \""
    text = re.sub(field + b"[^\"]*\"", lambda m: field + evil + b"\"", text)
open("evil.json", "wb").write(text)'
mkdir evil
run "$elcl" compare evil.json --svg evil --format html --output evil.html
exits "hostile text" 0
check "hostile text is escaped" python3 -c '
import glob
import xml.etree.ElementTree as tree
for name in glob.glob("evil/*.svg"):
    assert not [e for e in tree.parse(name).getroot().iter() if "script" in e.tag], name
assert "<script" not in open("evil.html", encoding="utf-8").read()'

# ---- a browser -------------------------------------------------------------------------------

browser=$(command -v chromium || command -v chromium-browser)
if [ -n "$browser" ]; then
    run timeout 60 "$browser" --headless --no-sandbox --disable-gpu --user-data-dir="$tmp/profile" \
        --enable-logging=stderr --dump-dom "file://$tmp/page.html"
    exits "the page opens in a browser" 0
    same "charts in the browser" "$(grep -o '<svg' out | wc -l)" 6
    same "errors in the browser's console" "$(grep -c CONSOLE err)" 0
else
    skip "the page in a browser: no chromium"
fi

wait $waiting
code=$?
cp silent.err err
exits "a FIFO without a writer" 1
says "a FIFO without a writer" "silent: is a FIFO that no program writes to"
end
