#!/usr/bin/env python3
"""DiskDB and redis-server side by side on redis-benchmark's workloads: interleaved rounds, medians.

Only one server is busy at a time. Writes a table, a picture and every single sample under
docs/benchmarks/."""

import argparse
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import time
from dataclasses import asdict, replace

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))

import report  # noqa: E402
import workloads  # noqa: E402
from harness.process import ROOT, diskdb_binary  # noqa: E402
from measure import Contender, load, medians, run_benchmark, settle  # noqa: E402
from workloads import ALWAYS, EVERYSEC, Cell  # noqa: E402

DISKDB, REDIS, REDIS_DURABLE = "DiskDB", "Redis", "Redis AOF"
PARTS = ("everysec", "collections", "always", "large", "growth")


def contenders(options, policy):
    """DiskDB, Redis with the same durability, and (once) Redis without any."""
    no_snapshots = ("--save", "")
    durable = (*no_snapshots, "--appendonly", "yes", "--appendfsync", policy)
    ours = ("--appendfsync", policy, *options.diskdb_args.split())
    found = [
        Contender(DISKDB, options.diskdb_binary, ours),
        Contender(REDIS_DURABLE, "redis-server", durable),
    ]
    if policy == EVERYSEC:
        found.append(Contender(REDIS, "redis-server", no_snapshots, keeps_data=False))
    return found


class Comparison:
    """Collects samples: by cell, by contender, one entry per round."""

    def __init__(self, options):
        self.options = options
        self.results = {"cells": [], "sizes": [], "large": {}, "growth": []}

    def say(self, text):
        print(f"[{time.strftime('%H:%M:%S')}] {text}", flush=True)

    def run_cells(self, cells, servers):
        """Rounds of every cell, the contenders taking turns; who begins changes from round to round."""
        for cell in cells:
            samples = {name: [] for name in servers}
            for number in range(self.options.rounds):
                names = list(servers)
                names = names[number % len(names) :] + names[: number % len(names)]
                for name in names:
                    settle(list(servers.values()))
                    samples[name].append(run_benchmark(servers[name], cell, self.options.scale))
            summary = {name: medians(runs) for name, runs in samples.items()}
            self.results["cells"].append({
                "cell": asdict(cell), "name": cell.name, "target": cell.target,
                "samples": samples, "medians": summary,
            })  # fmt: skip
            rates = ", ".join(f"{name} {median['rps']:,.0f}/s" for name, median in summary.items())
            self.say(f"{cell.policy} {cell.name}: {rates}")

    def everysec(self):
        """The main table: each value size on fresh servers that hold every key."""
        for size in self.options.sizes:
            cells = workloads.everysec_cells(size, self.options.only, self.options.keys)
            after = workloads.restart_cells(size, self.options.only, self.options.keys)
            with contextlib.ExitStack() as stack:
                servers = {}
                for contender in contenders(self.options, EVERYSEC):
                    servers[contender.name] = stack.enter_context(contender.server())
                    load(servers[contender.name], self.options.keys, size, f"{contender.name}, {size} B")
                self.run_cells(cells, servers)
                settle(list(servers.values()))
                self.results["sizes"].append({
                    "size": size, "keys": self.options.keys,
                    "rss": {name: server.rss_bytes() for name, server in servers.items()},
                    "disk": {name: server.disk_bytes() for name, server in servers.items()},
                })  # fmt: skip
                servers.pop(REDIS).close()
                if after:
                    for server in servers.values():
                        server.terminate()
                        server.start(timeout=300)
                    self.run_cells(after, servers)

    def collections(self):
        """redis-benchmark's commands on collections, and a few more."""
        with contextlib.ExitStack() as stack:
            servers = {}
            for contender in contenders(self.options, EVERYSEC):
                server = servers[contender.name] = stack.enter_context(contender.server())
                with server.client(timeout=60) as client:
                    client.call(*workloads.COLLECTION_LIST)
                fill = Cell(workloads.COLLECTIONS, "HGETALL", 16, 3, keys=self.options.keys)
                words = fill.common_words(server.port, self.options.scale)
                words[words.index("-n") + 1] = str(3 * self.options.keys)
                words += workloads.COLLECTION_FILL.split()
                subprocess.run(words, capture_output=True, timeout=600, check=True)
            self.run_cells(workloads.collection_cells(self.options.keys), servers)

    def always(self):
        """Every write waits for the disk before it is acknowledged."""
        with contextlib.ExitStack() as stack:
            servers = {
                contender.name: stack.enter_context(contender.server())
                for contender in contenders(self.options, ALWAYS)
            }
            self.run_cells(workloads.always_cells(self.options.only, self.options.keys), servers)

    def large(self):
        """Start-up and memory with many keys: what is in memory must not be all there is."""
        extra = tuple(self.options.large_diskdb_args.split())
        for contender in contenders(self.options, EVERYSEC):
            if contender.name == DISKDB:
                contender = replace(contender, arguments=contender.arguments + extra)
            if contender.keeps_data:
                with contextlib.closing(contender.server()) as server:
                    self.large_of(contender.name, server)

    def large_of(self, name, server):
        keys = self.options.large_keys
        server.start()
        load(server, keys, 256, f"{name}, {keys:,} keys of 256 B")
        settle([server], 120)
        server.terminate()
        after_stop = server.start(timeout=600)
        server.kill()
        after_kill = server.start(timeout=600)
        with server.client(timeout=60) as client:
            if (found := client.call("DBSIZE")) != keys:
                raise RuntimeError(f"{name} has {found} of {keys} keys after kill -9")
        rates = {}
        for pipeline in workloads.PIPELINES:
            cell = Cell(EVERYSEC, "GET", pipeline, 256, keys=keys)
            runs = [run_benchmark(server, cell, self.options.scale) for _ in range(self.options.rounds)]
            rates[f"P={pipeline}"] = medians(runs)["rps"]
        self.results["large"][name] = {
            "keys": keys, "start_seconds": after_stop, "start_after_kill_seconds": after_kill,
            "rss": server.rss_bytes(), "peak_rss": server.peak_rss_bytes(),
            "disk": server.disk_bytes(), "get_rps": rates,
        }  # fmt: skip
        self.say(f"{name}: started in {after_stop:.2f} s, {after_kill:.2f} s after kill -9, "
                 f"RSS {server.rss_bytes() / 1e6:.0f} MB while serving GETs")  # fmt: skip

    def growth(self):
        """Throughput by the number of server threads and of clients."""
        processors = os.cpu_count() or 1
        threads = [count for count in (1, 2, 4, 8, 16) if count <= processors]
        for count in threads:
            arguments = (*self.options.diskdb_args.split(), "--server-threads", str(count))
            contender = Contender(DISKDB, self.options.diskdb_binary, arguments)
            with contender.server() as server:
                load(server, self.options.keys, 3, f"{DISKDB}, {count} threads")
                for clients in (1, 10, 50, 200):
                    for test in ("SET", "GET"):
                        cell = Cell(EVERYSEC, test, 16, 3, clients=clients, keys=self.options.keys)
                        runs = []
                        for _ in range(self.options.rounds):
                            settle([server])
                            runs.append(run_benchmark(server, cell, self.options.scale))
                        self.results["growth"].append({
                            "threads": count, "clients": clients, "test": test,
                            "samples": runs, "medians": medians(runs),
                        })  # fmt: skip
                self.say(f"growth: {count} threads done")

    def run(self):
        for part in PARTS:
            if part in self.options.parts:
                self.say(f"part {part}")
                getattr(self, part)()
        return self.results


def parse_options():
    def names(text):
        return text.split(",")

    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--parts", type=names, default=list(PARTS), help="of " + ",".join(PARTS))
    parser.add_argument("--only", type=lambda text: names(text.upper()), help="tests: set,get,incr,mset,ping",
                        default=["PING", "SET", "GET", "INCR", "MSET"])  # fmt: skip
    parser.add_argument("--sizes", type=lambda text: [int(size) for size in names(text)],
                        default=list(workloads.SIZES), help="value sizes: 3,128,1024")  # fmt: skip
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1.0, help="factor on the requests of each run")
    parser.add_argument("--keys", type=int, default=workloads.KEYS, help="keys loaded beforehand")
    parser.add_argument("--large-keys", type=int, default=5_000_000)
    parser.add_argument("--large-diskdb-args", default="--cache-size 256mb")
    parser.add_argument("--diskdb-binary", default=diskdb_binary())
    parser.add_argument("--diskdb-args", default="", help="further directives for DiskDB")
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "docs" / "benchmarks")
    parser.add_argument("--name", default="redis-7.0.15", help="of the files written")
    return parser.parse_args()


def main():
    options = parse_options()
    began = time.monotonic()
    results = Comparison(options).run()
    results["machine"] = report.machine()
    results["diskdb"] = report.version_of(options.diskdb_binary)
    results["settings"] = {
        "rounds": options.rounds, "scale": options.scale, "keys": options.keys,
        "diskdb_args": options.diskdb_args, "large_diskdb_args": options.large_diskdb_args,
        "minutes": round((time.monotonic() - began) / 60, 1),
    }  # fmt: skip
    options.output.mkdir(parents=True, exist_ok=True)
    path = options.output / options.name
    path.with_name(options.name + ".json").write_text(json.dumps(results, indent=1) + "\n")
    report.write(results, path)


if __name__ == "__main__":
    main()
