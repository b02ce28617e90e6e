"""Running servers and load, and reading off what they took."""

import csv
import io
import pathlib
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))

from harness.process import Server  # noqa: E402
from harness.progress import Progress  # noqa: E402
from harness.resp import ServerError, encode  # noqa: E402

LOAD_BATCH = 2_000


@dataclass(frozen=True)
class Contender:
    """A server, and how it is called."""

    name: str
    binary: str
    arguments: tuple
    keeps_data: bool = True

    def server(self):
        return Server(self.arguments, binary=self.binary)


def key(number):
    """A key as redis-benchmark -r writes it."""
    return b"key:%012d" % number


def value(number, size):
    """A value that doesn't compress away: real values don't consist of one letter."""
    word = (number * 0x9E3779B97F4A7C15 + 0x632BE59BD9B4E019) & (1 << 64) - 1
    return (b"%016x" % word * (size // 16 + 1))[:size] if size < 16 else _long_value(word, size)


def _long_value(word, size):
    parts = []
    while len(parts) * 16 < size:
        parts.append(b"%016x" % word)
        word = (word * 6364136223846793005 + 1442695040888963407) & (1 << 64) - 1
    return b"".join(parts)[:size]


def load(server, keys, size, what):
    """Fills a server with keys 0..keys, pipelined."""
    progress = Progress(f"loading {what}", keys)
    with server.client(timeout=300) as client:
        for start in range(0, keys, LOAD_BATCH):
            numbers = range(start, min(start + LOAD_BATCH, keys))
            client.send(b"".join(encode(b"SET", key(number), value(number, size)) for number in numbers))
            for _ in numbers:
                reply = client.read()
                if isinstance(reply, ServerError):
                    raise reply
            progress.step(len(numbers))
    progress.finish()


def has_children(server):
    path = pathlib.Path(f"/proc/{server.pid}/task/{server.pid}/children")
    return bool(path.read_text().strip())


def settle(servers, limit_seconds=30.0):
    """Waits until no server works any more (compactions, rewrites), so that one at a time is busy."""
    deadline = time.monotonic() + limit_seconds
    quiet = 0
    while quiet < 3 and time.monotonic() < deadline:
        before = [server.cpu_seconds() for server in servers]
        time.sleep(0.1)
        busy = [server.cpu_seconds() - then > 0.025 for server, then in zip(servers, before, strict=True)]
        quiet = 0 if any(busy) or any(has_children(server) for server in servers) else quiet + 1


def run_benchmark(server, cell, scale):
    """One run of redis-benchmark: throughput, latencies, and the server's CPU time with what it does
    afterwards on account of the run."""
    if fill := cell.fill_words(server.port, scale):
        subprocess.run(fill, capture_output=True, timeout=600, check=True)
        settle([server])
    # Redis rewrites its AOF in a child.
    cpu_before = server.cpu_seconds(with_children=True)
    words = cell.benchmark_words(server.port, scale)
    result = subprocess.run(words, capture_output=True, text=True, timeout=600, check=True)
    cpu_during = server.cpu_seconds(with_children=True) - cpu_before
    settle([server])
    cpu_total = server.cpu_seconds(with_children=True) - cpu_before
    if "rror" in result.stderr:
        raise RuntimeError(f"redis-benchmark: {result.stderr.strip()}")
    rows = list(csv.DictReader(io.StringIO(result.stdout[result.stdout.index('"test"') :])))
    if len(rows) != 1:
        raise RuntimeError(f"redis-benchmark printed {len(rows)} rows: {result.stdout}")
    row, requests = rows[0], cell.requests(scale)
    return {
        "rps": float(row["rps"]),
        "p50_ms": float(row["p50_latency_ms"]),
        "p99_ms": float(row["p99_latency_ms"]),
        "max_ms": float(row["max_latency_ms"]),
        "cpu_us": cpu_during / requests * 1e6,
        "cpu_total_us": cpu_total / requests * 1e6,
    }


def medians(samples):
    """The median of each figure over the rounds."""
    return {name: statistics.median(sample[name] for sample in samples) for name in samples[0]}
