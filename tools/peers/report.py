"""The table of compare.py."""

import statistics

KEYS = ("model", "type", "batch", "beams", "source", "new")


def latest(cells):
    """The last line for each work, in the order of the first lines."""
    rows = {}
    for one in cells:
        rows[tuple(one["cell"][k] for k in KEYS)] = one
    return rows


def columns(rows):
    """All contenders, elcl's variants first."""
    names = []
    for one in rows.values():
        names += [name for name in one["times"] if name not in names]
    return sorted(names, key=lambda name: not name.startswith("elcl"))


def entry(time):
    if time is None:
        return ""
    if time["status"] == "slow":
        return f"> {time['limit_s']:.0f}"
    if time["status"] != "ok":
        return "-"
    seconds = time["seconds"]
    median = statistics.median(seconds)
    spread = 50 * (max(seconds) - min(seconds)) / median
    return f"{median:.3g} ± {spread:.0f} %"


def best(times, elcl):
    """(seconds, name) of the fastest, or None."""
    found = [
        (statistics.median(time["seconds"]), name)
        for name, time in times.items()
        if time["status"] == "ok" and name.startswith("elcl") == elcl
    ]
    return min(found, default=None)


def ratio(times):
    """The speed of elcl's best variant relative to the best peer, and the names of both."""
    mine, other = best(times, True), best(times, False)
    if not mine or not other:
        return " | "
    return f"{other[0] / mine[0]:.2f} | {mine[1]} : {other[1]}"


def same_ids(times):
    """Peers with the same tokens as elcl."""
    mine = {t["ids_hash"] for n, t in times.items() if t["status"] == "ok" and n.startswith("elcl")}
    peers = [n for n, t in times.items() if not n.startswith("elcl") and t["status"] == "ok"]
    return ", ".join(n for n in peers if times[n]["ids_hash"] in mine)


def span(values):
    low, high = min(values), max(values)
    return f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"


def about(rows):
    """Lines with versions, device, rates and the load of the computer."""
    found, rates = {}, []
    for one in rows.values():
        for time in one["times"].values():
            for key, value in time.get("about", {}).items():
                if key not in ("rates", "compute_type"):
                    found.setdefault(key, {})[value] = None
            rates += time.get("rates", [])
    lines = [f"{key}: {'; '.join(values)}" for key, values in sorted(found.items())]
    for key, unit in (("copy_gbs", "GB/s copying"), ("f32_gflops", "GFLOP/s f32")):
        values = [c[key] for c in rates if c and key in c]
        if values:
            lines.append(f"rates over the run: {span(values)} {unit}")
    loads = [one["load"] for one in rows.values()]
    took = sum(one["took_s"] for one in rows.values())
    lines.append(f"load average before each cell: {span(loads)}; {took:.0f} s in all")
    return lines


def settings(rows):
    """The best settings of each peer, and the number of their cells."""
    counts = {}
    for one in rows.values():
        for name, time in one["times"].items():
            if time["status"] == "ok" and time["setting"]:
                word = " ".join(f"{k}={v}" for k, v in time["setting"].items())
                counts[name, word] = counts.get((name, word), 0) + 1
    return [f"{name}: {word} in {n} cells" for (name, word), n in sorted(counts.items())]


def failures(rows):
    reasons = {}
    for key, one in rows.items():
        for name, time in one["times"].items():
            if time["status"] == "failed":
                reasons.setdefault((name, time["error"]), []).append(f"{key[0]} {key[1]}")
    return [
        f"- {name}: {why} ({', '.join(dict.fromkeys(where))})"
        for (name, why), where in reasons.items()
    ]


def table(cells):
    rows = latest(cells)
    if not rows:
        return "no cell is done"
    names = columns(rows)
    lines = [
        f"| model | type | batch | beams | source | new | {' | '.join(names)} | elcl is faster by |"
        " of | same ids |",
        "|---" * (len(names) + 9) + "|",
    ]
    for key, one in rows.items():
        times = one["times"]
        parts = [str(k) for k in key] + [entry(times.get(name)) for name in names]
        lines.append(f"| {' | '.join(parts)} | {ratio(times)} | {same_ids(times)} |")
    lines += [
        "",
        "Seconds for the whole batch: median and half the range; > N: not done after N s,",
    ]
    lines += ["loading included; -: see below. Elcl is faster by: best peer / best elcl.", ""]
    for part in (about(rows), settings(rows), failures(rows)):
        lines += part + [""] if part else []
    return "\n".join(lines).rstrip()
