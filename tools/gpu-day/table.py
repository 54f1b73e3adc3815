"""Prints the results of `elcl bench --format jsonl` as a table, with each row's slowest kernels.

usage: table.py FILE
"""
import json
import sys

KERNELS = 5


def main():
    for line in open(sys.argv[1]):
        try:
            row = json.loads(line)
        except ValueError:
            continue  # cut off
        what = "%s %s %s/%s B=%d K=%d S=%d T=%d" % (
            row["model"], row["attention"], row["weights"], row["compute"], row["batch_size"],
            row["num_beams"], row["source_length"], row["new_tokens"])
        if row["status"] != "ok":
            print(f"{what}: {row['status']}: {(row['error'] or '')[:100]}")
            continue
        print("%-52s %9.2f samples/s, first %.1f ms, step %.3f ms, peak %.2f GiB, ids %s" % (
            what, row["samples_per_second"]["median"], row["first_token_ms"]["median"],
            row["step_ms"]["median"], row["memory"]["peak_bytes"] / 2**30, row["ids_hash"][:8]))
        for kernel in (row["kernel_times"] or [])[:KERNELS]:
            print("    %-18s %6d calls %9.3f ms each %3.0f %% %8.1f GB/s %9.1f GFLOP/s" % (
                kernel["name"], kernel["calls"], 1e3 * kernel["seconds"] / kernel["calls"],
                100 * kernel["share"], kernel["gbs"] or 0, kernel["gflops"] or 0))


main()
