"""Holds the codec for payloads of DUMP (src/encoding/rdb) against real servers.

    cargo build --no-default-features --features server --example rdb_payload
    python3 scripts/rdb_check.py [--server PATH]... [--rounds 20] [--damaged 2000] [--seed N]

Every server makes values of every type and encoding, small, large and random. Of each:
- what the codec reads of its DUMP is what the server tells of the value;
- what the codec writes of that, the server restores: the same value, in the same encoding. What redis-server 7.0
  wrote, the codec writes byte for byte.
And payloads that were damaged, with a checksum that is right: what the server refuses when it sanitizes, the
codec refuses, and what both take means the same to both.

The first server is redis-server 7.0 and has to restore what is written of any server's values. `--server` adds
others, of any version from 6.2 on. Standard library only.
"""

import argparse
import collections
import json
import os
import random
import shutil
import subprocess
import sys
import time

from harness.process import Server, target_directory
from harness.resp import ServerError

DEFAULTS = {
    "list-max-listpack-size": -2,
    "hash-max-listpack-entries": 128,
    "hash-max-listpack-value": 64,
    "set-max-intset-entries": 512,
    "zset-max-listpack-entries": 128,
    "zset-max-listpack-value": 64,
    "stream-node-max-bytes": 4096,
    "stream-node-max-entries": 100,
}
DIRECTIVES = [
    {},
    {
        "list-max-listpack-size": 3,
        "hash-max-listpack-entries": 2,
        "hash-max-listpack-value": 10,
        "set-max-intset-entries": 3,
        "zset-max-listpack-entries": 2,
        "zset-max-listpack-value": 10,
        "stream-node-max-bytes": 200,
        "stream-node-max-entries": 5,
    },
    {"list-max-listpack-size": -1, "stream-node-max-entries": 0, "stream-node-max-bytes": 0},
]
OLD_NAMES = {name: name.replace("listpack", "ziplist") for name in DEFAULTS if "listpack" in name}
# The highest number of a type that a version knows.
NEWEST_TYPES = {(7, 0): 19, (7, 2): 21, (7, 4): 25, (8, 0): 25, (8, 2): 25, (8, 4): 25, (8, 6): 26}
DEADLINE_MS = 33_177_117_420_000


def crc64(data, table=[]):
    """Redis' CRC-64, bit by bit into a table once."""
    if not table:
        for byte in range(256):
            for _ in range(8):
                byte = byte >> 1 ^ (0x95AC9329AC4BC9B5 if byte & 1 else 0)
            table.append(byte)
    crc = 0
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc


def sealed(body, version=10):
    checked = body + version.to_bytes(2, "little")
    return checked + crc64(checked).to_bytes(8, "little")


class Codec:
    """The example program. It runs with little memory: no payload may make it take more."""

    def __init__(self, memory_bytes):
        binary = os.environ.get("CODEC_BINARY", target_directory() / "debug" / "examples" / "rdb_payload")
        limit = ["prlimit", f"--as={memory_bytes}"]
        self.process = subprocess.Popen(
            [*limit, str(binary)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def close(self):
        self.process.stdin.close()
        if self.process.wait() != 0:
            raise SystemExit("the codec died")

    def read(self, payload, directives):
        """What is in the payload, and the payload as the codec writes it; or an error."""
        words = [payload.hex(), *(f"{name}={value}" for name, value in directives.items())]
        self.process.stdin.write(" ".join(words) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            return None, answer["error"]
        return answer["value"], bytes.fromhex(answer["payload"])


class Subject:
    """A server, and what it can do."""

    def __init__(self, server):
        self.server = server
        self.client = server.client()
        info = self.client.call("INFO", "server").decode()
        self.name = info.split("redis_version:")[1].split("\r")[0]
        self.version = tuple(map(int, self.name.split(".")))

    def restart(self):
        """After its death."""
        self.server.kill()
        self.server.start()
        self.client = self.server.client()
        self.ok("CONFIG", "SET", "sanitize-dump-payload", "yes")

    def ok(self, *words):
        return not isinstance(self.client.pipeline([words])[0], ServerError)

    def configure(self, directives):
        for name, value in (DEFAULTS | directives).items():
            self.ok("CONFIG", "SET", name, value) or self.ok("CONFIG", "SET", OLD_NAMES.get(name, name), value)

    def configured(self, names):
        """The directives in force, those that the codec knows."""
        found = {}
        for name in names:
            pair = self.client.call("CONFIG", "GET", name) or self.client.call("CONFIG", "GET", OLD_NAMES[name])
            found[name] = pair[1].decode()
        return found

    def told(self, key):
        """The value by the server's ordinary commands, in the shape the codec shows values in."""
        call = self.client.call
        kind = call("TYPE", key).decode()
        if kind == "string":
            return {kind: call("GET", key).hex()}
        if kind == "list":
            return {kind: [item.hex() for item in call("LRANGE", key, 0, -1)]}
        if kind == "set":
            return {kind: sorted(member.hex() for member in call("SMEMBERS", key))}
        if kind == "zset":
            flat = call("ZRANGE", key, 0, -1, "WITHSCORES")
            return {kind: sorted([member.hex(), float(score)] for member, score in zip(flat[::2], flat[1::2]))}
        if kind == "hash":
            return {kind: sorted(self.fields(key))}
        return {kind: self.stream(key)}

    def fields(self, key):
        flat = self.client.call("HGETALL", key)
        for field, value in zip(flat[::2], flat[1::2]):
            expire = None
            if self.version >= (7, 4):
                expire = self.client.call("HPEXPIRETIME", key, "FIELDS", 1, field)[0]
            yield [field.hex(), value.hex(), None if expire in (None, -1) else expire]

    def stream(self, key):
        whole = pairs(self.client.call("XINFO", "STREAM", key, "FULL", "COUNT", 0))
        groups = []
        for group in map(pairs, whole["groups"]):
            consumers = [pairs(consumer) for consumer in group["consumers"]]
            groups.append({
                "name": group["name"].hex(),
                "last": group["last-delivered-id"].decode(),
                "read": group.get("entries-read"),
                "pending": [[e[0].decode(), e[1].hex(), e[2], e[3]] for e in group["pending"]],
                "consumers": sorted([c["name"].hex(), c["seen-time"], active(c)] for c in consumers),
            })
        entries = whole["entries"]
        first = entries[0][0].decode() if entries else "0-0"
        return {
            "entries": [[entry[0].decode(), [text.hex() for text in entry[1]]] for entry in entries],
            "groups": groups,
            "last": whole["last-generated-id"].decode(),
            "first": whole.get("recorded-first-entry-id", first.encode()).decode(),
            "deleted": whole.get("max-deleted-entry-id", b"0-0").decode(),
            "added": whole.get("entries-added", len(entries)),
        }


def active(consumer):
    time = consumer.get("active-time", consumer["seen-time"])
    return None if time == -1 else time


def pairs(flat):
    return {name.decode(): value for name, value in zip(flat[::2], flat[1::2])}


def in_order(value):
    """What the codec shows, in the order that `told` has."""
    [(kind, value)] = value.items()
    if kind in ("set", "hash"):
        value = sorted(value)
    elif kind == "zset":
        value = sorted([member, float(score)] for member, score in value)
    elif kind == "stream":
        for group in value["groups"]:
            group["consumers"].sort()
    return {kind: value}


def texts(dice, count):
    """Strings of all lengths and kinds, each once."""
    makers = [
        lambda: str(dice.randrange(-(2 ** dice.randrange(1, 63)), 2 ** dice.randrange(1, 63))).encode(),
        lambda: dice.randbytes(dice.choice([0, 1, 5, 20, 63, 64, 65, 300])),
        lambda: bytes([dice.randrange(256)]) * dice.choice([1, 10, 64, 100, 5000]),
    ]
    found = {}
    while len(found) < count:
        found[dice.choice(makers)()] = None
    return list(found)


def score(dice):
    makers = [
        lambda: dice.randrange(-(10**18), 10**18),
        lambda: dice.uniform(-10, 10),
        lambda: dice.uniform(-1, 1) * 10.0 ** dice.randrange(-300, 300),
        lambda: dice.choice(["inf", "-inf", 0, "-0.0", 5e-324]),
    ]
    return dice.choice(makers)()


def make_values(subject, dice, count):
    """Fills the server with a value of `count` of every type; returns the keys."""
    call = subject.client.call
    call("FLUSHALL")
    some = texts(dice, count)
    for text in some:
        call("RPUSH", "list", text, text)
        call("SADD", "set", text)
        call("SADD", "integers", dice.randrange(-(2 ** dice.choice([7, 15, 31, 62])), 2**7))
        call("ZADD", "zset", score(dice), text)
        call("ZADD", "small-zset", score(dice), text[:64])
        call("HSET", "hash", text, dice.choice(some))
        call("HSET", "small-hash", text[:64], dice.choice(some)[:64])
    call("SET", "string", dice.choice(some))
    keys = ["string", "list", "set", "integers", "zset", "small-zset", "hash", "small-hash"]
    if subject.version >= (7, 4):
        for text in some:
            for key, cut in (("expiring", 5000), ("small-expiring", 64)):
                call("HSET", key, text[:cut], dice.choice(some)[:cut])
                if dice.random() < 0.7:
                    call("HPEXPIREAT", key, DEADLINE_MS + dice.randrange(1000), "FIELDS", 1, text[:cut])
        keys += ["expiring", "small-expiring"]
    return keys + make_streams(subject, dice, count, some)


def make_streams(subject, dice, count, some):
    call = subject.client.call
    for key in ("stream", "groups"):
        names = some[:3]
        ms = 1
        for _ in range(count):
            ms += dice.randrange(3)
            if dice.random() < 0.2:
                names = dice.choices(some, k=dice.randrange(1, 4))
            flat = [text for name in names for text in (name, dice.choice(some))]
            last = call("XADD", key, f"{ms}-*" if subject.version >= (7,) else "*", *flat)
            if dice.random() < 0.1:
                call("XDEL", key, last)
    call("XGROUP", "CREATE", "unused", "group", "$", "MKSTREAM")
    for group in texts(dice, 3):
        call("XGROUP", "CREATE", "groups", group, dice.choice(["0", "$", "2-1"]))
        for consumer in texts(dice, 3):
            call("XREADGROUP", "GROUP", group, consumer, "COUNT", dice.randrange(1, 5), "STREAMS", "groups", ">")
    for entry in call("XRANGE", "groups", "-", "+"):
        if dice.random() < 0.1:
            call("XDEL", "groups", entry[0])
    return ["stream", "groups", "unused"]


def without_activity(value):
    """Redis 7.0 cannot be told when a consumer was active."""
    if "stream" in value:
        for group in value["stream"]["groups"]:
            group["consumers"] = [consumer[:2] for consumer in group["consumers"]]
    return value


def check(condition, text):
    if not condition:
        raise SystemExit(f"FAILED {text[:3000]}")


def exchange(subject, judge, codec, key, directives, counts):
    """One value, to the codec and back, and to the judge. Returns the payload without its end."""
    what = f"{subject.version} {key} {directives}"
    payload = subject.client.call("DUMP", key)
    value, ours = codec.read(payload, directives)
    check(value is not None, f"{what}: {ours} of {payload.hex()}")
    value = in_order(value)
    told = subject.told(key)
    if subject.version < (7,):  # it does not tell, and the codec estimates
        value = without_estimates(value)
    check(value == told, f"{what}: read as {value}, is {told}")
    counts[f"type {payload[0]:2} read"] += 1
    counts[f"type {ours[0]:2} written"] += 1
    # Deleted entries stay in Redis' nodes; whatever else it wrote is the same to the byte.
    if subject is judge and value.get("stream", {}).get("deleted", "0-0") == "0-0":
        check(payload == ours, f"{what}: written {ours.hex()}, was {payload.hex()}")
        counts[f"type {ours[0]:2} written as {judge.name} had written it"] += 1
    for target in dict.fromkeys([subject, judge]):
        if target.version < (7,) or (ours[0] > 19 and target is judge):
            counts[f"too new for {target.name}"] += 1
            continue
        target.client.call("RESTORE", "copy", 0, ours, "REPLACE")
        copy = target.told("copy")
        if subject.version < (7,):
            copy = without_estimates(copy)
        check(without_activity(copy) == without_activity(told), f"{what}: restored as {copy}, was {told}")
        if target is subject:
            digests = target.client.call("DEBUG", "DIGEST-VALUE", key, "copy")
            check(digests[0] == digests[1], f"{what}: {digests}")
        if subject is judge:
            encodings = [target.client.call("OBJECT", "ENCODING", name) for name in (key, "copy")]
            check(encodings[0] == encodings[1], f"{what}: {encodings}")
        counts[f"restored by {target.name}"] += 1
    return payload[:-10]


def without_estimates(value):
    if "stream" in value:
        for group in value["stream"]["groups"]:
            group["read"] = None
    return value


def refuse_bombs(codec):
    """Few bytes that speak of many: answered at once, in little memory."""
    for kind in range(34):
        for number in (2**64 - 1, 2**40):
            number = b"\x81" + number.to_bytes(8, "big")
            for front in range(12):
                codec.read(sealed(bytes([kind]) + bytes(front) + number + bytes(100)), {})
        for length in (2**29, 2**40):
            claimed = b"\x81" + length.to_bytes(8, "big")
            value, _ = codec.read(sealed(bytes([kind, 0xC3, 3]) + claimed + b"\x20aa"), {})
            check(value is None, f"a bomb of type {kind} is read")


def damage(dice, body):
    body = bytearray(body)
    for _ in range(dice.choice([1, 1, 1, 2, 3])):
        at = dice.randrange(1, len(body))
        change = dice.randrange(5)
        if change == 0:
            body[at] ^= 1 << dice.randrange(8)
        elif change == 1:
            body[at] = dice.choice([0, 1, 0x7F, 0x80, 0x81, 0xC0, 0xF0, 0xFF, body[at] + 1 & 0xFF])
        elif change == 2:
            del body[at:at + dice.randrange(1, 4)]
        elif change == 3:
            body[at:at] = dice.randbytes(dice.randrange(1, 4))
        else:
            body[at:at] = body[at:at + dice.randrange(1, 9)]
        if len(body) < 2:
            return bytes(body) + b"\0"
    return bytes(body)


def compare_damaged(subject, codec, dice, bodies, count, counts):
    directives = subject.configured(DEFAULTS)
    for _ in range(count):
        payload = sealed(damage(dice, dice.choice(bodies)))
        value, ours = codec.read(payload, directives)
        try:
            reply = subject.client.pipeline([("RESTORE", "damaged", 0, payload, "REPLACE")])[0]
        except ConnectionError:
            counts[f"damaged: {'refused' if value is None else 'taken'}, {subject.name} dies"] += 1
            print(f"{subject.name} died of {payload.hex()}; the codec says {value or ours}")
            subject.restart()
            continue
        is_taken = not isinstance(reply, ServerError)
        what = f"{subject.name} {payload.hex()}: {reply}, {value or ours}"
        is_known = payload[0] <= NEWEST_TYPES[subject.version[:2]]
        if value is not None and is_known:
            check(is_taken, f"the codec takes what the server refuses: {what}")
            told = comparable(subject.told("damaged"), payload[0])
            check(comparable(in_order(value), payload[0]) == told, f"read as another value: {what}, is {told}")
        ours = "taken" if value is not None else "refused"
        theirs = "takes" if is_taken else "refuses" if is_known else "does not know"
        counts[f"damaged: {ours}, {subject.name} {theirs}"] += 1


def comparable(value, kind):
    """A hash without what is dead. A stream without what is estimated. Of an empty one Redis 7.0 takes the first id for the last there is, and
    of one of Redis 5.0 it takes whatever number for entries that were added."""
    if "hash" in value:
        value["hash"] = [field for field in value["hash"] if field[2] is None or field[2] > time.time() * 1000]
    if "stream" in value:
        stream = value["stream"]
        if not stream["entries"]:
            stream["first"] = None
        if kind == 15:
            stream["added"] = None
        stream["groups"].sort(key=lambda group: group["name"])
        for group in stream["groups"]:
            group["read"] = None
            group["consumers"] = [consumer[:1] for consumer in group["consumers"]]
    return value


def run(arguments, servers):
    subjects = [Subject(server) for server in servers]
    judge = subjects[0]
    for subject in subjects:
        subject.ok("CONFIG", "SET", "sanitize-dump-payload", "yes")
    check((7, 0) <= judge.version < (7, 1), f"the first server is {judge.version}")
    dice = random.Random(arguments.seed)
    codec = Codec(arguments.memory)
    refuse_bombs(codec)
    counts = collections.Counter()
    for subject in subjects:
        bodies = []
        for number in range(arguments.rounds):
            directives = DIRECTIVES[number % len(DIRECTIVES)]
            subject.configure(directives)
            in_force = subject.configured(DEFAULTS)
            count = dice.choice([1, 3, 10, 60]) if number % 10 else 1500
            for key in make_values(subject, dice, count):
                body = exchange(subject, judge, codec, key, in_force, counts)
                if len(body) < 1500:
                    bodies.append(body)
        if subject.version >= (7,):  # Redis 6.2 hangs or dies
            compare_damaged(subject, codec, dice, bodies, arguments.damaged, counts)
    codec.close()
    for what, count in sorted(counts.items()):
        print(f"{count:7} {what}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", action="append", default=[], help="one more server's program")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--damaged", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--memory", type=int, default=512 << 20, help="bytes of address space for the codec")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    servers = []
    try:
        for binary in [shutil.which("redis-server"), *arguments.server]:
            version = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout
            extra = [] if "v=6." in version else ["--enable-debug-command", "yes"]
            servers.append(Server(["--save", "", *extra], binary=binary))
            servers[-1].start()
        run(arguments, servers)
    finally:
        for server in servers:
            server.close()


if __name__ == "__main__":
    sys.exit(main())
