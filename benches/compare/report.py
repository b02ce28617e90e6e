#!/usr/bin/env python3
"""The table and the picture, out of what compare.py measured. Run by itself on a .json file it writes
both again."""

import json
import os
import pathlib
import platform
import re
import subprocess
import sys

from workloads import TARGET_RSS_MB, TARGET_START_SECONDS

OURS, PLAIN, DURABLE = "DiskDB", "Redis", "Redis AOF"


def machine():
    """What the figures depend on."""
    cpu = re.search(r"model name\s*:\s*(.+)", pathlib.Path("/proc/cpuinfo").read_text())
    memory = re.search(r"MemTotal:\s*(\d+)", pathlib.Path("/proc/meminfo").read_text())
    return {
        "cpu": cpu.group(1) if cpu else platform.machine(),
        "processors": os.cpu_count(),
        "memory_gb": round(int(memory.group(1)) / 2**20) if memory else None,
        "kernel": platform.release().split("-")[0],
        "redis": version_of("redis-server"),
    }


def version_of(binary):
    result = subprocess.run([binary, "--version"], capture_output=True, text=True)
    found = re.search(r"v?=?(\d+\.\d+\.\d+\S*)", result.stdout)
    return found.group(1) if found else result.stdout.strip()


def thousands(rps):
    return f"{rps / 1000:.1f}"


def table(rows, header):
    """Markdown; the first column is text, the others are figures."""
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" + " ---: |" * (len(header) - 1)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def ratio(medians, rival):
    if rival not in medians:
        return None
    return medians[OURS]["rps"] / medians[rival]["rps"]


def shown(number, digits=2):
    return "" if number is None else f"{number:.{digits}f}"


def verdict(target, reached):
    if target is None:
        return ["", ""]
    return [f"≥ {target:g}", "yes" if reached >= target else "**no**"]


def cell_rows(cells):
    for entry in cells:
        medians = entry["medians"]
        rates = [thousands(medians[name]["rps"]) if name in medians else "" for name in (OURS, DURABLE, PLAIN)]
        against = ratio(medians, DURABLE)
        yield [
            entry["name"], *rates, shown(against), shown(ratio(medians, PLAIN)),
            *verdict(entry["target"], against),
        ]  # fmt: skip


def detail_rows(cells):
    for entry in cells:
        medians = entry["medians"]
        names = [name for name in (OURS, DURABLE, PLAIN) if name in medians]
        row = [entry["name"]]
        for figure, digits in (("p50_ms", 2), ("p99_ms", 2), ("cpu_us", 2), ("cpu_total_us", 2)):
            row.append(" / ".join(shown(medians[name][figure], digits) for name in names))
        yield row


def cells_section(results, policy, title, note):
    cells = [entry for entry in results["cells"] if entry["cell"]["policy"] == policy]
    if not cells:
        return []
    header = ["", "DiskDB", "Redis AOF", "Redis", "÷ AOF", "÷ Redis", "target ÷ AOF", "reached"]
    details = ["", "p50 ms", "p99 ms", "CPU µs per request", "with what follows"]
    return [
        f"## {title}", "", note, "", table(cell_rows(cells), header), "",
        "Latency and CPU time, DiskDB / Redis AOF / Redis without persistence. CPU time is the server's, user and "
        "system; *with what follows* adds the work done after the run on its account (compactions, AOF "
        "rewrites).", "", table(detail_rows(cells), details), "",
    ]  # fmt: skip


def sizes_section(results):
    if not results["sizes"]:
        return []
    rows = []
    for entry in results["sizes"]:
        for what in ("rss", "disk"):
            label = "resident memory" if what == "rss" else "disk"
            figures = [f"{entry[what][name] / 1e6:,.0f}" for name in (OURS, DURABLE, PLAIN)]
            rows.append([f"{entry['keys']:,} keys of {entry['size']} B, {label}", *figures])
    return ["## Memory and disk after these runs, MB", "",
            table(rows, ["", "DiskDB", "Redis AOF", "Redis"]), ""]  # fmt: skip


def large_section(results):
    large = results["large"]
    if OURS not in large:
        return []
    ours, theirs = large[OURS], large[DURABLE]
    start = max(ours["start_seconds"], ours["start_after_kill_seconds"])
    rows = [
        ["start after SIGTERM, s", shown(ours["start_seconds"]), shown(theirs["start_seconds"]), "", ""],
        ["start after kill -9, s", shown(ours["start_after_kill_seconds"]),
         shown(theirs["start_after_kill_seconds"]), f"< {TARGET_START_SECONDS:g} (both)",
         "yes" if start < TARGET_START_SECONDS else "**no**"],
        ["peak resident memory, MB", f"{ours['peak_rss'] / 1e6:,.0f}", f"{theirs['peak_rss'] / 1e6:,.0f}",
         f"< {TARGET_RSS_MB}", "yes" if ours["peak_rss"] / 1e6 < TARGET_RSS_MB else "**no**"],
        ["disk, MB", f"{ours['disk'] / 1e6:,.0f}", f"{theirs['disk'] / 1e6:,.0f}", "", ""],
        *[[f"random GET, {name}, thousands/s", thousands(rate), thousands(theirs["get_rps"][name]), "", ""]
          for name, rate in ours["get_rps"].items()],
    ]  # fmt: skip
    settings = results["settings"]["large_diskdb_args"]
    return [f"## {ours['keys']:,} keys of 256 bytes", "",
            f"DiskDB with `{settings}`. Memory is what the process started after the kill -9 took at most "
            "while it served random GETs.", "",
            table(rows, ["", "DiskDB", "Redis AOF", "target", "reached"]), ""]  # fmt: skip


def growth_section(results):
    if not results["growth"]:
        return []
    rows = [
        [f"{entry['test']}, {entry['threads']} threads, {entry['clients']} clients",
         thousands(entry["medians"]["rps"]), shown(entry["medians"]["cpu_us"])]
        for entry in results["growth"]
    ]  # fmt: skip
    return ["## Growth with threads and clients (DiskDB, 3 B, P=16)", "",
            table(rows, ["", "thousands/s", "CPU µs per request"]), ""]  # fmt: skip


def markdown(results, picture):
    about, settings = results["machine"], results["settings"]
    lines = [
        "# DiskDB and Redis side by side", "",
        f"DiskDB {results['diskdb']} and redis-server {about['redis']} on {about['processors']} processors "
        f"({about['cpu']}), {about['memory_gb']} GB of memory, Linux {about['kernel']}; server and load generator "
        "share the machine. redis-benchmark with 50 connections over loopback and "
        f"{settings['keys']:,} random keys; medians of {settings['rounds']} interleaved rounds, one server busy "
        "at a time. Made by `make bench`; every sample is in the .json file beside this one.", "",
        f"![Throughput of DiskDB as a ratio to Redis]({picture})", "",
    ]  # fmt: skip
    lines += cells_section(
        results, "everysec", "Throughput, thousands of requests per second",
        "DiskDB and *Redis AOF* with `appendfsync everysec`; *Redis* without persistence.",
    )  # fmt: skip
    lines += cells_section(
        results, "collections", "Collections, thousands of requests per second",
        "As redis-benchmark calls them: one hot list, one set, hash, sorted set and stream of up to as many random "
        "members as there are keys, elements of 3 bytes; HGETALL reads one of as many hashes of five fields. All with "
        "`appendfsync everysec`.",
    )  # fmt: skip
    lines += cells_section(
        results, "always", "appendfsync always, thousands of requests per second",
        "Every write is synced to the disk before it is acknowledged, by both.",
    )  # fmt: skip
    lines += sizes_section(results) + large_section(results) + growth_section(results)
    return "\n".join(lines)


def draw(results, path):
    """Bars of the throughput ratio to Redis with the same durability, and the targets."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "diskdb"
    from matplotlib import pyplot

    cells = results["cells"]
    labels = [f"{entry['cell']['policy']}: {entry['name']}" for entry in cells]
    ratios = [ratio(entry["medians"], DURABLE) for entry in cells]
    figure, axes = pyplot.subplots(figsize=(9, 1.2 + 0.28 * len(cells)))
    positions = range(len(cells))
    axes.barh(positions, ratios, color="#4477aa", label="DiskDB ÷ Redis AOF")
    targets = [(entry["target"], position) for position, entry in enumerate(cells) if entry["target"]]
    if targets:
        axes.plot(*zip(*targets, strict=True), linestyle="", marker="|", markersize=12, markeredgewidth=3,
                  color="#cc3311", label="target")  # fmt: skip
    axes.axvline(1.0, color="black", linewidth=0.8)
    axes.set_yticks(list(positions), labels, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("throughput relative to Redis with the same appendfsync")
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), fontsize=8)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def write(results, path):
    """Writes <path>.md and <path>.svg."""
    picture = path.with_name(path.name + ".svg")
    if results["cells"]:
        draw(results, picture)
    text = markdown(results, picture.name)
    path.with_name(path.name + ".md").write_text(text)
    print(text)


if __name__ == "__main__":
    source = pathlib.Path(sys.argv[1])
    write(json.loads(source.read_text()), source.with_name(source.name.removesuffix(".json")))
