"""The operations on collections that are measured by size, as words. The collection is the key `k`; its
members are numbered."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass


def nothing(_number, _size):
    return ()


@dataclass(frozen=True)
class Operation:
    """`words` of a random number and the size; `undo` keeps the size, and is not measured."""

    name: str
    words: Callable
    undo: Callable = nothing


@dataclass(frozen=True)
class Family:
    name: str
    fill: Callable  # the commands that add members of these numbers
    operations: Sequence
    prepare: Sequence = ()


@dataclass(frozen=True)
class Whole:
    """On all of a collection. `before` and `after` are not measured."""

    name: str
    words: tuple
    before: tuple = ()
    after: tuple = ()


@dataclass(frozen=True)
class Queue:
    name: str
    push: Callable
    pop: Callable
    length: tuple


def new(number):
    """A member that is not there."""
    return b"n%x" % number


def old(number, size):
    """A member that is there."""
    return b"m%d" % (number % size)


def score(number, size):
    return number * 7919 % size


LIST = Family(
    "list",
    lambda numbers: [("RPUSH", "k", *(b"m%d" % number for number in numbers))],
    (
        Operation("LPUSH", lambda n, size: ("LPUSH", "k", new(n)), lambda n, size: [("LPOP", "k")]),
        # Found near the head, put in there, and taken out there: not the search is measured.
        Operation(
            "LINSERT near the head",
            lambda n, size: ("LINSERT", "k", "AFTER", "head", new(n)),
            lambda n, size: [("LREM", "k", 1, new(n))],
        ),
        Operation("RPOP", lambda n, size: ("RPOP", "k"), lambda n, size: [("RPUSH", "k", new(n))]),
        Operation("LINDEX anywhere", lambda n, size: ("LINDEX", "k", n % size)),
        Operation("LINDEX in the middle", lambda n, size: ("LINDEX", "k", size // 2)),
        Operation("LRANGE, 10 of the middle", lambda n, size: ("LRANGE", "k", size // 2, size // 2 + 9)),
        # Last: from here on the head may be another.
        Operation("LSET anywhere", lambda n, size: ("LSET", "k", n % size, new(n))),
    ),
    prepare=(("LSET", "k", 1, "head"),),
)

HASH = Family(
    "hash",
    lambda numbers: [("HSET", "k", *(word for n in numbers for word in (b"m%d" % n, b"value%d" % n)))],
    (
        Operation("HSET, new field", lambda n, size: ("HSET", "k", new(n), "value"),
                  lambda n, size: [("HDEL", "k", new(n))]),
        Operation("HSET, field that is there", lambda n, size: ("HSET", "k", old(n, size), new(n))),
        Operation("HGET", lambda n, size: ("HGET", "k", old(n, size))),
        Operation("HRANDFIELD", lambda n, size: ("HRANDFIELD", "k")),
        Operation("HDEL", lambda n, size: ("HDEL", "k", old(n, size)),
                  lambda n, size: [("HSET", "k", old(n, size), "value")]),
    ),
)  # fmt: skip

SET = Family(
    "set",
    lambda numbers: [("SADD", "k", *(b"m%d" % number for number in numbers))],
    (
        Operation("SADD", lambda n, size: ("SADD", "k", new(n)), lambda n, size: [("SREM", "k", new(n))]),
        Operation("SISMEMBER", lambda n, size: ("SISMEMBER", "k", old(n, size))),
        Operation("SRANDMEMBER", lambda n, size: ("SRANDMEMBER", "k")),
        Operation("SREM", lambda n, size: ("SREM", "k", old(n, size)),
                  lambda n, size: [("SADD", "k", old(n, size))]),
        # Last: from here on other members are there.
        Operation("SPOP", lambda n, size: ("SPOP", "k"), lambda n, size: [("SADD", "k", new(n))]),
    ),
)  # fmt: skip

SORTED_SET = Family(
    "sorted set",
    lambda numbers: [("ZADD", "k", *(word for n in numbers for word in (n * 31 % 1_000_003, b"m%d" % n)))],
    (
        Operation("ZADD, new member", lambda n, size: ("ZADD", "k", score(n, 1_000_003), new(n)),
                  lambda n, size: [("ZREM", "k", new(n))]),
        Operation("ZADD, new score", lambda n, size: ("ZADD", "k", score(n, 1_000_003), old(n, size))),
        Operation("ZSCORE", lambda n, size: ("ZSCORE", "k", old(n, size))),
        Operation("ZRANK", lambda n, size: ("ZRANK", "k", old(n, size))),
        Operation("ZRANGE, 10 of the middle", lambda n, size: ("ZRANGE", "k", size // 2, size // 2 + 9)),
        Operation("ZCOUNT", lambda n, size: ("ZCOUNT", "k", score(n, 500_000), 500_000 + score(n, 500_000))),
        Operation("ZPOPMIN", lambda n, size: ("ZPOPMIN", "k"),
                  lambda n, size: [("ZADD", "k", score(n, 1_000_003), new(n))]),
    ),
)  # fmt: skip

STREAM = Family(
    "stream",
    lambda numbers: [("XADD", "k", f"{number + 1}-1", "field", b"value%d" % number) for number in numbers],
    (
        Operation("XRANGE, 10 anywhere",
                  lambda n, size: ("XRANGE", "k", f"{n % size}-0", "+", "COUNT", 10)),
        Operation("XREAD, 10 anywhere",
                  lambda n, size: ("XREAD", "COUNT", 10, "STREAMS", "k", f"{n % size}-0")),
        Operation("XREADGROUP, history", lambda n, size: ("XREADGROUP", "GROUP", "g", "c", "COUNT", 10,
                                                          "STREAMS", "k", "0")),
        Operation("XADD", lambda n, size: ("XADD", "k", "*", "field", "value")),
    ),
    prepare=(("XGROUP", "CREATE", "k", "g", "0"),
             ("XREADGROUP", "GROUP", "g", "c", "COUNT", "10", "STREAMS", "k", ">")),
)  # fmt: skip

FAMILIES = (LIST, HASH, SET, SORTED_SET, STREAM)

# A copy is what is done away with, so that the collection is there for the next operation.
COPY = ("COPY", "k", "copy", "REPLACE")
WHOLE = (
    Whole("RENAME of all", ("RENAME", "k", "copy"), after=(("RENAME", "copy", "k"),)),
    Whole("EXPIRE of all", ("EXPIRE", "k", "100000"), after=(("PERSIST", "k"),)),
    Whole("DEL of all", ("DEL", "copy"), before=(COPY,)),
)

QUEUES = (
    Queue("list", lambda n: ("RPUSH", "k", b"m%d" % n), lambda n: ("LPOP", "k"), ("LLEN", "k")),
    Queue("set", lambda n: ("SADD", "k", b"m%d" % n), lambda n: ("SPOP", "k"), ("SCARD", "k")),
    Queue("sorted set", lambda n: ("ZADD", "k", n, b"m%d" % n), lambda n: ("ZPOPMIN", "k"), ("ZCARD", "k")),
    Queue("stream", lambda n: ("XADD", "k", f"{n + 1}-1", "field", b"value%d" % n),
          lambda n: ("XDEL", "k", f"{n + 1}-1"), ("XLEN", "k")),
)  # fmt: skip
