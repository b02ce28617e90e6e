#!/usr/bin/env python3
"""Loads real data through `redis-cli --pipe`, kills the server with -9, starts it again and counts how
much of it is there.

The data: the words of Debian's wamerican-insane (word -> its letters backwards, about 660,000 keys) and
the JSON documents of Debian's iso-codes: each file (iso:3166-1) and each entry (iso:3166-1:DE)."""

import argparse
import json
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))

from harness.process import Server, diskdb_binary  # noqa: E402
from harness.progress import Progress  # noqa: E402
from harness.resp import encode  # noqa: E402

WORDS = pathlib.Path("/usr/share/dict/american-english-insane")
ISO_CODES = pathlib.Path("/usr/share/iso-codes/json")
# What an entry of an iso-codes list is called by, best first.
ENTRY_NAMES = ("code", "alpha_2", "alpha_3", "alpha_4", "numeric")
BATCH = 1000


def words():
    """Every word and its letters backwards."""
    for line in WORDS.read_text(encoding="utf-8").splitlines():
        yield line.encode(), line[::-1].encode()


def iso_documents():
    """Every iso-codes file as it is, and every entry of every list as JSON of its own."""
    for path in sorted(ISO_CODES.glob("*.json")):
        name = re.sub(r"^iso_", "", path.stem)
        content = path.read_bytes()
        yield f"iso:{name}".encode(), content
        if path.name.startswith("schema"):
            continue
        for entries in json.loads(content).values():
            for entry in entries:
                code = next(entry[field] for field in ENTRY_NAMES if field in entry)
                yield f"iso:{name}:{code}".encode(), json.dumps(entry, ensure_ascii=False).encode()


def batches(pairs):
    for start in range(0, len(pairs), BATCH):
        yield pairs[start : start + BATCH]


def load(server, pairs):
    """Sends every pair as a SET through redis-cli --pipe; returns the line in which it counts errors."""
    command = ["redis-cli", "-h", "127.0.0.1", "-p", str(server.port), "--pipe"]
    progress = Progress("loading", len(pairs))
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as pipe:
        for batch in batches(pairs):
            pipe.stdin.write(b"".join(encode(b"SET", key, value) for key, value in batch))
            progress.step(len(batch))
        output, _ = pipe.communicate()
    progress.finish()
    summary = output.decode().strip().splitlines()[-1]
    if pipe.returncode != 0 or f"errors: 0, replies: {len(pairs)}" not in summary:
        raise SystemExit(f"redis-cli --pipe failed: {summary}")
    return summary


def count_right(server, pairs):
    """How many keys have their value."""
    right = 0
    progress = Progress("reading back", len(pairs))
    with server.client() as client:
        for batch in batches(pairs):
            replies = client.pipeline((b"GET", key) for key, _ in batch)
            right += sum(reply == value for reply, (_, value) in zip(replies, batch, strict=True))
            progress.step(len(batch))
    progress.finish()
    return right


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--binary", default=diskdb_binary(), help="the server to start")
    parser.add_argument("--server-args", default="", help="further directives for it")
    options = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)
    for source in (WORDS, ISO_CODES):
        if not source.exists():
            raise SystemExit(f"{source} is missing: apt-get install wamerican-insane iso-codes")

    # A code may stand in more than one list of a file; as in the server, the last one counts.
    pairs = list(dict([*words(), *iso_documents()]).items())
    with Server(binary=options.binary, arguments=options.server_args.split()) as server:
        print(f"server on port {server.port}, process {server.pid}")
        print(f"redis-cli --pipe: {load(server, pairs)}")
        server.kill()
        seconds = server.start()
        print(f"killed with -9 and started again; it answered after {seconds:.2f} s")
        with server.client() as client:
            keys = client.call("DBSIZE")
        right = count_right(server, pairs)
        print(f"DBSIZE {keys:,}; on disk {server.disk_bytes() / 1e6:.1f} MB")
        print(f"{right:,} of {len(pairs):,} right")
    sys.exit(0 if right == keys == len(pairs) else 1)


if __name__ == "__main__":
    main()
