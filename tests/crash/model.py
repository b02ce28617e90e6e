"""What one connection wrote, and what may be there after a crash.

A connection's commands take effect in the order in which it sent them, each whole or not at all. So after
a crash its keys look as they did after the first k commands, for one k between the number of commands
that were acknowledged and the number that were sent. Nothing else is right: fewer means a lost write, a
half-applied MSET matches no k."""

import random

EXPIRE_SECONDS = 100_000
LARGE_BYTES = 40_000


class State:
    """Keys, values and whether they have a deadline."""

    def __init__(self):
        self.values = {}
        self.deadlines = set()

    def apply(self, words):
        """Runs one command; returns the reply a server must give."""
        return getattr(self, "_" + words[0].decode().lower())(*words[1:])

    def _set(self, key, value, *options):
        if options:  # PX 1: gone by the time anybody looks
            self._del(key)
        else:
            self.values[key] = value
            self.deadlines.discard(key)
        return b"OK"

    def _mset(self, *words):
        for key, value in zip(words[::2], words[1::2], strict=True):
            self._set(key, value)
        return b"OK"

    def _incr(self, key):
        number = int(self.values.get(key, b"0")) + 1
        self.values[key] = b"%d" % number
        return number

    def _append(self, key, value):
        self.values[key] = self.values.get(key, b"") + value
        return len(self.values[key])

    def _del(self, key):
        self.deadlines.discard(key)
        return 1 if self.values.pop(key, None) is not None else 0

    def _expire(self, key, _seconds):
        if key not in self.values:
            return 0
        self.deadlines.add(key)
        return 1

    def seen(self, key):
        """A key as `read_back` reports it."""
        return self.values.get(key), key in self.deadlines


class Connection:
    """The commands of one connection in one round."""

    def __init__(self, name, seed):
        self.name = name
        self.random = random.Random(seed)
        self.state = State()  # after every acknowledged command
        self.keys = set()
        self.pending = []  # sent, not acknowledged
        self.sent = 0
        self.acknowledged = 0

    def key(self, name):
        key = f"{self.name}:{name}".encode()
        self.keys.add(key)
        return key

    def next_command(self):
        """A random command on this connection's keys."""
        self.sent += 1
        number = b"%d" % self.sent
        hot = self.random.randrange(8)
        kind = self.random.choices(
            ("new", "set", "mset", "incr", "append", "del", "expire", "short", "large"),
            weights=(30, 10, 15, 15, 10, 8, 8, 3, 1),
        )[0]
        if kind == "new":  # written once, never again: a lost write can't hide behind a later one
            return (b"SET", self.key(f"new:{self.sent}"), number * self.random.randrange(1, 60))
        if kind == "set":
            return (b"SET", self.key(f"hot:{hot}"), number)
        if kind == "mset":
            pair = [word for side in "abc" for word in (self.key(f"pair:{hot}:{side}"), number)]
            return (b"MSET", *pair)
        if kind == "incr":
            return (b"INCR", self.key(f"count:{hot}"))
        if kind == "append":
            return (b"APPEND", self.key(f"text:{hot}"), number + b",")
        if kind == "del":
            return (b"DEL", self.key(f"{self.random.choice(('hot', 'text', 'large'))}:{hot}"))
        if kind == "expire":
            name = f"{self.random.choice(('hot', 'count', 'text', 'large'))}:{hot}"
            return (b"EXPIRE", self.key(name), b"%d" % EXPIRE_SECONDS)
        if kind == "short":
            return (b"SET", self.key(f"short:{self.sent}"), number, b"PX", b"1")
        return (b"SET", self.key(f"large:{hot}"), (number * LARGE_BYTES)[:LARGE_BYTES])

    def batch(self):
        """Commands to send at once; they count as sent from here on."""
        self.pending = [self.next_command() for _ in range(self.random.choice((1, 1, 2, 8, 16)))]
        return self.pending

    def acknowledge(self, reply):
        """The reply to the oldest pending command."""
        words = self.pending.pop(0)
        expected = self.state.apply(words)
        if reply != expected:
            raise AssertionError(f"{show(words)} was answered {reply!r}, not {expected!r}")
        self.acknowledged += 1

    def verify(self, found):
        """Compares what is there with every state that may be; `found` maps keys to `State.seen`.

        On success `state` is what was found, and the problem is none."""
        wrong = self._differences(found)
        for words in self.pending:
            if not wrong:
                break
            self.state.apply(words)
            wrong = self._differences(found)
        self.pending = []
        if wrong:
            key = wrong[0]
            return f"{len(wrong)} keys of {self.name} are wrong; {key!r} is {short(found[key])}"
        return None

    def _differences(self, found):
        return [key for key in self.keys if self.state.seen(key) != found[key]]


def show(words):
    return b" ".join(word[:40] for word in words).decode(errors="replace")


def short(seen):
    value, has_deadline = seen
    shown = None if value is None else (value[:40], f"{len(value)} bytes")
    return f"{shown}, deadline: {has_deadline}"
