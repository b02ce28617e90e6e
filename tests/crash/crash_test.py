#!/usr/bin/env python3
"""Kills a real server with -9 under concurrent load, again and again on the same data directory, and looks
whether every acknowledged write is there and nothing is there by half."""

import argparse
import contextlib
import pathlib
import random
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))

from harness.process import Server, diskdb_binary  # noqa: E402
from harness.resp import ServerError, encode  # noqa: E402
from model import EXPIRE_SECONDS, Connection  # noqa: E402
from power_loss import SyncLog  # noqa: E402

SHARED_COUNTER = b"shared:counter"
SHARED_MEMBERS = 2_000
SHARED_PAIR = (b"shared:pair:a", b"shared:pair:b")
# Written by transactions and scripts: a string, a hash and a list, always of the same value.
SHARED_STRING, SHARED_HASH, SHARED_LIST = b"shared:exec:string", b"shared:exec:hash", b"shared:exec:list"
# Writes them as well, the list without saying so before.
SCRIPT = b"""
redis.call('SET', KEYS[1], ARGV[1])
redis.call('HSET', KEYS[2], 'field', ARGV[1])
redis.call('DEL', ARGV[2])
redis.call('RPUSH', ARGV[2], ARGV[1])
return redis.status_reply('OK')
"""
READ_BATCH = 500


class Shared:
    """Keys that every connection writes. Who was last is unknown; what holds is that the counter lost no
    acknowledged INCR, and that the keys which are only written together are always equal."""

    def __init__(self):
        self.lock = threading.Lock()
        self.base = 0
        self.sent = 0
        self.acknowledged = 0

    def commands(self, connection):
        value = f"{connection.name}:{connection.sent}".encode()
        with self.lock:
            self.sent += 1
        return [
            (b"INCR", SHARED_COUNTER), (b"MSET", SHARED_PAIR[0], value, SHARED_PAIR[1], value),
            (b"MULTI",), (b"SET", SHARED_STRING, value), (b"HSET", SHARED_HASH, b"field", value),
            (b"DEL", SHARED_LIST), (b"RPUSH", SHARED_LIST, value), (b"EXEC",),
            (b"EVAL", SCRIPT, b"2", SHARED_STRING, SHARED_HASH, value + b":script", SHARED_LIST),
        ]  # fmt: skip

    def acknowledge(self, replies):
        if replies[1:] and replies[1] != b"OK":
            raise AssertionError(f"MSET was answered {replies[1]!r}")
        if replies[7:] and not (isinstance(replies[7], list) and len(replies[7]) == 4):
            raise AssertionError(f"EXEC was answered {replies[7]!r}")
        if replies[8:] and replies[8] != b"OK":
            raise AssertionError(f"EVAL was answered {replies[8]!r}")
        if replies:
            if not isinstance(replies[0], int):
                raise AssertionError(f"INCR was answered {replies[0]!r}")
            with self.lock:
                self.acknowledged += 1

    def verify(self, client):
        """A problem, or none."""
        pair = client.call(b"MGET", *SHARED_PAIR)
        if pair[0] != pair[1]:
            return f"an MSET is half there: {pair}"
        calls = [(b"GET", SHARED_STRING), (b"HGET", SHARED_HASH, b"field"), (b"LINDEX", SHARED_LIST, b"-1")]
        values = client.pipeline([*calls, (b"LLEN", SHARED_LIST)])
        if len(set(values[:3])) != 1 or values[3] != int(values[0] is not None):
            return f"a transaction or a script is half there: {values}"
        count = int(client.call(b"GET", SHARED_COUNTER) or 0)
        least, most = self.base + self.acknowledged, self.base + self.sent
        if not least <= count <= most:
            return f"the shared counter is {count}, not between {least} and {most}"
        self.base, self.sent, self.acknowledged = count, 0, 0
        return None


def collection_commands(chance):
    """Commands on collections that every connection writes. What they answer does not matter, nor what is
    left of them; `diskdb check` says whether it holds together."""
    member, other = (b"member%d" % chance.randrange(SHARED_MEMBERS) for _ in range(2))
    number = chance.randrange(1000)
    long_value = b"x" * chance.choice((1, 10, 100, 2_000))
    return chance.sample([
        (b"SADD", b"shared:set", member, other), (b"SPOP", b"shared:set"), (b"SREM", b"shared:set", member),
        (b"HSET", b"shared:hash", member, long_value), (b"HDEL", b"shared:hash", other),
        (b"HEXPIRE", b"shared:hash", 1, b"FIELDS", 1, member),
        (b"ZADD", b"shared:zset", number, member, number + 1, other), (b"ZPOPMIN", b"shared:zset"),
        (b"ZREMRANGEBYRANK", b"shared:zset", number, number + 3),
        (b"LPUSH", b"shared:list", member, long_value), (b"RPOP", b"shared:list"),
        (b"LINSERT", b"shared:list", b"BEFORE", member, other), (b"LTRIM", b"shared:list", 0, 3_000),
        (b"XADD", b"shared:stream", b"MAXLEN", b"~", 1_000, b"*", b"field", long_value),
        (b"COPY", b"shared:set", b"shared:copy", b"REPLACE"), (b"RENAME", b"shared:copy", b"shared:renamed"),
        (b"DEL", chance.choice([b"shared:renamed", b"shared:list", b"shared:hash"])),
        (b"EXPIRE", b"shared:copy", 1),
    ], 4)  # fmt: skip


def write_until_killed(server, connection, shared, problems):
    """Load of one connection. Ends when the server does."""
    try:
        with server.client() as client:
            while True:
                batch = connection.batch()
                with_shared = shared.commands(connection) if connection.random.random() < 0.2 else []
                collections = collection_commands(connection.random)
                client.send(b"".join(encode(*words) for words in [*batch, *with_shared, *collections]))
                for _ in range(len(batch)):
                    connection.acknowledge(client.read())
                replies = []
                try:
                    for _ in with_shared:
                        replies.append(client.read())
                finally:
                    shared.acknowledge(replies)
                for _ in collections:
                    client.read()
    except OSError:
        pass  # the server is gone, as it should be
    except Exception as problem:  # reported by the main thread
        problems.append(f"{connection.name}: {problem}")


def read_back(client, keys):
    """Every key's value and whether it has a deadline."""
    keys = list(keys)
    found = {}
    for start in range(0, len(keys), READ_BATCH):
        part = keys[start : start + READ_BATCH]
        replies = client.pipeline(words for key in part for words in ((b"GET", key), (b"TTL", key)))
        for key, value, seconds in zip(part, replies[::2], replies[1::2], strict=True):
            for reply in (value, seconds):
                if isinstance(reply, ServerError):
                    raise AssertionError(f"reading {key!r}: {reply}")
            if seconds > EXPIRE_SECONDS or (value is None) != (seconds == -2):
                raise AssertionError(f"{key!r} is {value!r} with a time to live of {seconds}")
            found[key] = (value, seconds >= 0)
    return found


class CrashTest:
    """Rounds of load, kill -9, restart and check on one data directory."""

    def __init__(self, server, options):
        self.server = server
        self.options = options
        self.random = random.Random(options.seed)
        self.shared = Shared()
        self.finished = []  # connections of earlier rounds, looked at once more at the end
        self.acknowledged = 0
        self.problems = []
        self.lost_bytes = 0
        self.sync_log = SyncLog(server.directory) if options.power_loss else None
        if self.sync_log:
            server.environment = self.sync_log.environment()

    def crash(self):
        """Ends the process; with --power-loss, what it had not forced to the disk goes with it."""
        self.server.kill()
        if self.sync_log:
            self.lost_bytes += self.sync_log.lose_power(self.server.data)

    def run_round(self, number, policy):
        self.server.arguments = [*self.options.server_args.split(), "--appendfsync", policy]
        self.server.start()
        connections = [
            Connection(f"{policy}:{number}:{index}", f"{self.options.seed}:{policy}:{number}:{index}")
            for index in range(self.options.connections)
        ]
        threads = [
            threading.Thread(
                target=write_until_killed,
                args=(self.server, connection, self.shared, self.problems),
                daemon=True,
            )
            for connection in connections
        ]
        for thread in threads:
            thread.start()
        time.sleep(self.random.uniform(0.05, 2 * self.options.seconds))
        if not self.server.is_running():
            self.problems.append(f"the server ended by itself:\n{self.server.log_tail()}")
        self.crash()
        for thread in threads:
            thread.join()
        self.check(connections)

    def check(self, connections):
        if not self.sync_log and self.random.random() < 0.2:
            self.interrupt_recovery()
        self.server.start()
        with self.server.client() as client:
            self.verify(client, connections)
            problem = self.shared.verify(client)
        if problem:
            self.problems.append(problem)
        self.acknowledged += sum(connection.acknowledged for connection in connections)
        self.finished += connections
        # Half of the rounds go on from a clean end, half from another crash.
        if self.random.random() < 0.5:
            self.crash()
        elif (code := self.server.terminate()) != 0:
            self.problems.append(f"the server ended with {code} after SIGTERM")

    def interrupt_recovery(self):
        """A start that is killed before, or just after, it is ready."""
        starting = Server(
            self.server.arguments, self.server.binary, self.server.directory, self.server.port
        )
        thread = threading.Thread(target=self._start_to_be_killed, args=(starting,))
        thread.start()
        time.sleep(self.random.uniform(0.0, 0.1))
        starting.kill()
        thread.join()
        starting.kill()

    @staticmethod
    def _start_to_be_killed(server):
        try:
            server.start(timeout=5)
        except (RuntimeError, OSError):
            pass

    def verify(self, client, connections):
        for connection in connections:
            try:
                problem = connection.verify(read_back(client, connection.keys))
            except AssertionError as wrong:
                problem = str(wrong)
            if problem:
                self.problems.append(problem)

    def check_everything_again(self):
        self.server.start()
        with self.server.client() as client:
            self.verify(client, self.finished)
        self.server.kill()
        self.check_what_is_stored()

    def check_what_is_stored(self):
        """Nothing is there by half: no member without its position, no count that is wrong."""
        words = [self.server.binary, "check", "--dir", str(self.server.data)]
        result = subprocess.run(words, capture_output=True, text=True, timeout=600)
        print("check: " + result.stdout.strip().splitlines()[-1] if result.stdout.strip() else result.stderr)
        if result.returncode != 0:
            self.problems.append(f"diskdb check: {result.stdout[:2000]}{result.stderr}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20, help="rounds with each appendfsync")
    parser.add_argument("--seconds", type=float, default=0.3, help="mean length of a round's load")
    parser.add_argument("--connections", type=int, default=6)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--binary", default=diskdb_binary(), help="the server to kill")
    parser.add_argument("--server-args", default="", help="further directives for it")
    parser.add_argument("--power-loss", action="store_true", help="lose what was not synced; always only")
    options = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)
    print(f"seed {options.seed}; {options.connections} connections; data kept from round to round")
    with contextlib.closing(Server(binary=options.binary)) as server:
        test = CrashTest(server, options)
        for number in range(1, options.rounds + 1):
            for policy in ("always",) if options.power_loss else ("always", "everysec"):
                test.run_round(number, policy)
            if test.problems:
                break
            if number % 5 == 0 or number == options.rounds:
                print(f"round {number} of {options.rounds}: {test.acknowledged:,} acknowledged writes checked")
        if not test.problems:
            test.check_everything_again()
        if options.power_loss and not test.lost_bytes:
            test.problems.append("no unsynced byte was ever lost: the test tests nothing")
        for problem in test.problems:
            print(f"FAILED: {problem}")
        if test.problems:
            print(f"the server's last words:\n{server.log_tail()}")
    kind = "always and with everysec each"
    if options.power_loss:
        kind = f"always and a loss of power each, {test.lost_bytes:,} bytes lost"
    print(
        f"crash test: {number} rounds with {kind}, {test.acknowledged:,} acknowledged "
        f"writes checked, {len(test.problems)} problems (seed {options.seed})"
    )
    sys.exit(1 if test.problems else 0)


if __name__ == "__main__":
    main()
