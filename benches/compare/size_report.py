#!/usr/bin/env python3
"""The tables and the picture, out of what by_size.py measured. Run by itself on a .json file it writes both
again."""

import json
import pathlib
import sys

from report import DURABLE, OURS, table


def by_family(results):
    """Operations of each family, in their order."""
    families = {}
    for entry in results["operations"]:
        families.setdefault(entry["family"], []).append(entry)
    return families


def figure(us):
    return f"{us:.1f}" if us < 100 else f"{us:,.0f}"


def family_section(family, entries, sizes):
    rows = [
        [entry["operation"], *(f"{figure(ours)} / {figure(theirs)}" for ours, theirs in
                               zip(entry["us"][OURS], entry["us"][DURABLE], strict=True))]
        for entry in entries
    ]  # fmt: skip
    return [f"## One {family}", "", table(rows, ["members", *(f"{size:,}" for size in sizes)]), ""]


def queue_section(results):
    queues = results["queues"]
    if not queues:
        return []
    rows = []
    for queue in queues:
        for name in (OURS, DURABLE):
            parts = queue["us"][name]
            rest = parts[1:] or parts
            rows.append([f"{queue['name']}, {name}", *map(figure, (parts[0], min(rest), max(rest), parts[-1]))])
    settings = results["settings"]
    return [
        "## As a queue", "",
        f"A queue of {settings['queue_length']:,} entries, {settings['operations']:,} pushes and as many pops, in "
        f"{len(queues[0]['us'][OURS])} parts. Microseconds of a push and a pop.", "",
        table(rows, ["", "first part", "least", "most", "last part"]), "",
    ]  # fmt: skip


def markdown(results, picture):
    about = results["machine"]
    lines = [
        "# One operation by the size of its collection", "",
        f"DiskDB {results['diskdb']} / redis-server {about['redis']} with its AOF, both `everysec`, on "
        f"{about['processors']} processors ({about['cpu']}), {about['memory_gb']} GB of memory, Linux "
        f"{about['kernel']}. Microseconds of one operation, *DiskDB / Redis*: one connection, up to 500 "
        "commands on their way, medians of batches, the servers taking turns. A batch holds what the client and "
        "the kernel take, too. Operations on all of a collection are sent alone, and wait for the way there and "
        "back. Made by `make bench-collections`; the .json file beside this one has the figures.", "",
    ]  # fmt: skip
    settings = results["settings"]
    if settings["diskdb_args"]:
        lines += [f"DiskDB was started with `{settings['diskdb_args']}`.", ""]
    if settings.get("note"):
        lines += [settings["note"], ""]
    if picture:
        lines += [f"![Microseconds of an operation by the size of its collection]({picture})", ""]
    for family, entries in by_family(results).items():
        lines += family_section(family, entries, results["sizes"])
    return "\n".join(lines + queue_section(results))


def draw(results, path):
    """One picture for each family, and one for the queues."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "diskdb"
    # Letters and not their outlines: a tenth of the size.
    matplotlib.rcParams["svg.fonttype"] = "none"
    from matplotlib import pyplot

    families = by_family(results)
    count = len(families) + bool(results["queues"])
    figure, grid = pyplot.subplots(count, 1, figsize=(9, 3.6 * count), squeeze=False)
    for axes, (family, entries) in zip(grid[:, 0], families.items(), strict=False):
        for number, entry in enumerate(entries):
            color = f"C{number}"
            axes.plot(results["sizes"], entry["us"][OURS], color=color, marker=".", label=entry["operation"])
            axes.plot(results["sizes"], entry["us"][DURABLE], color=color, linestyle=":", linewidth=1)
        axes.set_xscale("log")
        axes.set_title(f"{family}: DiskDB (solid), Redis AOF (dotted)", fontsize=9)
        axes.set_xlabel("members", fontsize=8)
        finish(axes)
    if results["queues"]:
        axes = grid[-1, 0]
        for number, queue in enumerate(results["queues"]):
            done = [queue["part"] * (part + 1) for part in range(len(queue["us"][OURS]))]
            axes.plot(done, queue["us"][OURS], color=f"C{number}", marker=".", label=queue["name"])
            axes.plot(done, queue["us"][DURABLE], color=f"C{number}", linestyle=":", linewidth=1)
        axes.set_title("queues of a steady length: a push and a pop", fontsize=9)
        axes.set_xlabel("pushes and pops done", fontsize=8)
        finish(axes)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def finish(axes):
    axes.set_yscale("log")
    axes.set_ylabel("µs", fontsize=8)
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.3)
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), fontsize=7)


def write(results, path, with_picture=True):
    """Writes <path>.md and, unless it is not wanted, <path>.svg."""
    picture = path.with_name(path.name + ".svg")
    if with_picture:
        draw(results, picture)
    text = markdown(results, picture.name if with_picture else None)
    path.with_name(path.name + ".md").write_text(text)
    print(text)


if __name__ == "__main__":
    source = pathlib.Path(sys.argv[1])
    write(json.loads(source.read_text()), source.with_name(source.name.removesuffix(".json")))
