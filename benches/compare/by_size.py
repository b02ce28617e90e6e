#!/usr/bin/env python3
"""What one operation on a collection takes, by the collection's size and by how much was done before:
DiskDB and redis-server (AOF, everysec) side by side, taking turns.

Writes a table, a picture and every figure under docs/benchmarks/."""

import argparse
import contextlib
import json
import pathlib
import random
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))

import report  # noqa: E402
import size_report  # noqa: E402
from compare import DISKDB, REDIS_DURABLE, contenders  # noqa: E402
from harness.process import ROOT, diskdb_binary  # noqa: E402
from harness.progress import Progress  # noqa: E402
from harness.resp import ServerError, encode  # noqa: E402
from measure import settle  # noqa: E402
from operations import FAMILIES, QUEUES, WHOLE  # noqa: E402
from workloads import EVERYSEC  # noqa: E402

MARK = b"the replies before this one are all there"
MARK_REQUEST = encode("ECHO", MARK)
MARK_REPLY = b"$%d\r\n%s\r\n" % (len(MARK), MARK)

# Commands of one batch, at most; they go out at once, and their replies come back as they like.
MAX_BATCH = 500
FILL_BATCH = 500
ROUNDS = 5
# What is copied in order to be deleted.
LARGEST_COPY = 100_000


class Line:
    """A connection that sends many commands at once and waits for the last reply."""

    def __init__(self, server):
        self.client = server.client(timeout=600)

    def run(self, requests):
        """Seconds from the first byte sent to the last reply. Replies are looked at for errors alone."""
        socket = self.client.socket
        request = b"".join(requests) + MARK_REQUEST
        tail, failed = b"", b""
        began = time.perf_counter()
        socket.sendall(request)
        while not tail.endswith(MARK_REPLY):
            received = socket.recv(1 << 20)
            if not received:
                raise ConnectionError("the server closed the connection")
            whole = tail + received
            if not failed and (whole.startswith(b"-") if not tail else b"\r\n-" in whole):
                failed = whole
            tail = whole[-len(MARK_REPLY) - 4 :]
        seconds = time.perf_counter() - began
        if failed:
            raise ServerError(failed[failed.find(b"-") :][:200].decode(errors="replace"))
        return seconds

    def call(self, *words):
        return self.client.call(*words)


def knows(line, command):
    """Whether a server has a command."""
    return bool(line.call("COMMAND", "INFO", command)[0])


def key(number, size):
    """A small collection is there many times, so that a batch does not make another size of it."""
    copies = max(1, min(MAX_BATCH, 5_000 // size))
    chosen = (number >> 20) % copies
    return "k%d" % chosen if chosen else "k"


def request(words, name):
    """A command, on the collection of this name."""
    return encode(*(name if word == "k" else word for word in words))


def fill(line, family, size, what):
    names = sorted({key(number << 20, size) for number in range(MAX_BATCH)})
    progress = Progress(f"filling {what}", size * len(names))
    for name in names:
        for start in range(0, size, FILL_BATCH):
            numbers = range(start, min(start + FILL_BATCH, size))
            line.run([request(words, name) for words in family.fill(numbers)])
            progress.step(len(numbers))
        for words in family.prepare:
            if knows(line, words[0]):
                line.run([request(words, name)])
    progress.finish()


def measure(lines, operation, size, seconds):
    """Microseconds of one operation, by server: the median of some batches, the servers taking turns. A
    batch is as long as a part of the time allows."""
    chance = random.Random(f"{operation.name}:{size}")
    batch = 1
    while batch < MAX_BATCH:
        # Twice: the first may meet something cold, or a busy machine.
        tries = [run_batch(lines, operation, size, chance, batch) for _ in range(2)]
        if max(min(one[name] for one in tries) for name in lines) * batch / 1e6 > seconds / 20:
            break
        batch = min(batch * 5, MAX_BATCH)
    samples = {name: [] for name in lines}
    deadline = time.monotonic() + seconds * len(lines)
    while not samples[DISKDB] or (time.monotonic() < deadline and len(samples[DISKDB]) < 50):
        for name, us in run_batch(lines, operation, size, chance, batch).items():
            samples[name].append(us)
    return {name: statistics.median(values) for name, values in samples.items()}


def run_batch(lines, operation, size, chance, batch):
    """Microseconds of one operation, by server."""
    numbers = [chance.randrange(1 << 40) for _ in range(batch)]
    requests = [request(operation.words(number, size), key(number, size)) for number in numbers]
    undo = [request(words, key(number, size)) for number in numbers for words in operation.undo(number, size)]
    figures = {}
    for name, line in lines.items():
        figures[name] = line.run(requests) / batch * 1e6
        if undo:
            line.run(undo)
    return figures


def measure_whole(servers, lines, operation, size):
    """Microseconds of an operation on the whole collection, by server. What it does away with is a copy;
    of a large collection, the collection itself, once, so that such an operation comes last."""
    once = size > LARGEST_COPY and operation.before
    samples = {name: [] for name in lines}
    for _ in range(1 if once else ROUNDS):
        if operation.before and not once:
            for line in lines.values():
                for words in operation.before:
                    line.call(*words)
            settle(servers)
        for name, line in lines.items():
            words = ["k" if once and word == "copy" else word for word in operation.words]
            samples[name].append(line.run([encode(*words)]) * 1e6)
            for words in operation.after:
                line.call(*words)
    return {name: statistics.median(values) for name, values in samples.items()}


def run_queue(lines, queue, options, say):
    """Microseconds of a push and a pop at a steady length, by how many were done before."""
    part = max(1, options.operations // options.parts)
    figures = {name: [] for name in lines}
    for line in lines.values():
        line.call("DEL", "k")
        line.run([encode(*queue.push(number)) for number in range(options.queue_length)])
    done = 0
    while done < part * options.parts:
        seconds = dict.fromkeys(lines, 0.0)
        for start in range(done, done + part, MAX_BATCH):
            numbers = range(start, min(start + MAX_BATCH, done + part))
            first = options.queue_length
            pairs = ((queue.push(first + number), queue.pop(number)) for number in numbers)
            requests = [encode(*words) for pair in pairs for words in pair]
            for name, line in lines.items():
                seconds[name] += line.run(requests)
        done += part
        for name, taken in seconds.items():
            figures[name].append(taken / part * 1e6)
        say(f"{queue.name} as a queue, {done:,} done: " + shown({n: f[-1] for n, f in figures.items()}))
    for line in lines.values():
        if (length := line.call(*queue.length)) != options.queue_length:
            raise RuntimeError(f"{queue.name}: {length} entries are left in the queue")
    return {"name": queue.name, "part": part, "us": figures}


def shown(figures):
    return ", ".join(f"{name} {figure:.2f} µs" for name, figure in figures.items())


class BySize:
    """Collects figures: by family, by operation, by size."""

    def __init__(self, options, servers):
        self.options = options
        self.servers = servers
        self.lines = {name: Line(server) for name, server in servers.items()}
        self.results = {"sizes": sizes_up_to(options.max_size), "operations": [], "queues": []}

    def say(self, text):
        print(f"[{time.strftime('%H:%M:%S')}] {text}", flush=True)

    def run(self):
        for family in FAMILIES:
            if family.name in self.options.only and self.all_know(family.fill(range(1))[0][0]):
                self.run_family(family)
        for queue in QUEUES:
            if queue.name in self.options.only and self.all_know(queue.push(0)[0]):
                self.results["queues"].append(run_queue(self.lines, queue, self.options, self.say))

    def all_know(self, command):
        return all(knows(line, command) for line in self.lines.values())

    def run_family(self, family):
        operations = [one for one in family.operations if self.all_know(one.words(0, 10)[0])]
        figures = {one.name: [] for one in [*operations, *WHOLE]}
        for size in self.results["sizes"]:
            for name, line in self.lines.items():
                line.call("FLUSHALL")
                fill(line, family, size, f"{name}, {family.name} of {size:,}")
            settle(list(self.servers.values()))
            for one in operations:
                figures[one.name].append(measure(self.lines, one, size, self.options.seconds))
                self.say(f"{family.name} of {size:,}, {one.name}: {shown(figures[one.name][-1])}")
            for one in WHOLE:
                figures[one.name].append(measure_whole(list(self.servers.values()), self.lines, one, size))
                self.say(f"{family.name} of {size:,}, {one.name}: {shown(figures[one.name][-1])}")
        for name, by_size in figures.items():
            us = {server: [figure[server] for figure in by_size] for server in self.lines}
            self.results["operations"].append({"family": family.name, "operation": name, "us": us})


def sizes_up_to(largest):
    sizes = [10]
    while sizes[-1] * 10 <= largest:
        sizes.append(sizes[-1] * 10)
    return sizes


def parse_options():
    def names(text):
        return [name for name in text.split(",") if name]

    families = [family.name for family in FAMILIES]
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--max-size", type=int, default=10_000_000, help="members of the largest collection")
    parser.add_argument("--only", type=names, default=families, help="of " + ",".join(families))
    parser.add_argument("--seconds", type=float, default=0.5, help="for each figure and server")
    parser.add_argument("--operations", type=int, default=10_000_000, help="pushes and pops of a queue")
    parser.add_argument("--parts", type=int, default=20, help="figures of each queue")
    parser.add_argument("--queue-length", type=int, default=1_000)
    parser.add_argument("--diskdb-binary", default=diskdb_binary())
    parser.add_argument("--diskdb-args", default="", help="further directives for DiskDB")
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "docs" / "benchmarks")
    parser.add_argument("--name", default="collections", help="of the files written")
    parser.add_argument("--note", default="", help="what a reader should know of the run")
    parser.add_argument("--no-picture", action="store_true")
    return parser.parse_args()


def main():
    options = parse_options()
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        wanted = [one for one in contenders(options, EVERYSEC) if one.name in (DISKDB, REDIS_DURABLE)]
        servers = {one.name: stack.enter_context(one.server()) for one in wanted}
        comparison = BySize(options, servers)
        comparison.run()
    results = comparison.results
    results["machine"] = report.machine()
    results["diskdb"] = report.version_of(options.diskdb_binary)
    results["settings"] = {
        "operations": options.operations, "queue_length": options.queue_length,
        "diskdb_args": options.diskdb_args, "note": options.note,
        "minutes": round((time.monotonic() - began) / 60, 1),
    }  # fmt: skip
    options.output.mkdir(parents=True, exist_ok=True)
    path = options.output / options.name
    path.with_name(options.name + ".json").write_text(json.dumps(results, indent=1) + "\n")
    size_report.write(results, path, with_picture=not options.no_picture)


if __name__ == "__main__":
    main()
