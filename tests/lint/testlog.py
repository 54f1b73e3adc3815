"""Adds up the test programs of a meson test run.

usage: testlog.py build/meson-logs/testlog.json

Every program must end with "N passed, N failed" or "N passed, N failed, N skipped". Prints one line
for each program, the last lines of those that failed, and the sum as the last line.
"""
import collections
import json
import re
import sys

SUMMARY = re.compile(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", re.MULTILINE)
SKIPPED = re.compile(r"^skipped.*: (.*)$", re.MULTILINE)
LINES_SHOWN = 60


def judge(test):
    """Returns [passed, failed, skipped] of one program, and a remark."""
    found = SUMMARY.findall(test.get("stdout") or "")
    passed, failed, skipped = (int(n or 0) for n in found[-1]) if found else (0, 0, 0)
    if test["result"] == "SKIP":
        return [passed, failed, max(skipped, 1)], "skipped"
    if not found:
        return [0, 1, 0], "no summary line, " + test["result"]
    if test["result"] != "OK" and failed == 0:
        return [passed, 1, skipped], test["result"]
    return [passed, failed, skipped], ""


def summary(counts):
    line = "%d passed, %d failed" % tuple(counts[:2])
    return line + ", %d skipped" % counts[2] if counts[2] else line


def main():
    try:
        with open(sys.argv[1], encoding="utf-8") as log:
            tests = [json.loads(line) for line in log]
    except FileNotFoundError:
        tests = []
    if not tests:
        sys.exit("no test was run: %s" % sys.argv[1])
    total = [0, 0, 0]
    for test in tests:
        counts, remark = judge(test)
        total = [a + b for a, b in zip(total, counts)]
        name = test["name"].split(" / ")[-1]
        print("%s: %s (%.1f s) %s" % (name, summary(counts), test["duration"], remark))
        for reason, n in collections.Counter(SKIPPED.findall(test.get("stdout") or "")).items():
            print("  skipped %d: %s" % (n, reason))
        if counts[1]:
            output = (test.get("stdout") or "") + (test.get("stderr") or "")
            for line in output.splitlines()[-LINES_SHOWN:]:
                print("  | " + line)
    print(summary(total))
    return 1 if total[1] else 0


if __name__ == "__main__":
    sys.exit(main())
