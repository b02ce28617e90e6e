"""DUMP and RESTORE move values between DiskDB and Redis, in both directions."""

import contextlib
import random

import pytest

from harness.process import Server

VALUES = {
    "empty": b"",
    "short": b"hello",
    "8 bits": b"-5",
    "16 bits": b"12345",
    "32 bits": b"-1234567890",
    "64 bits": b"9223372036854775807",
    "not a number": b"007",
    "binary": bytes(range(256)),
    "compressible": b"abcabcabd" * 5_000,
    "incompressible": random.Random(1).randbytes(100_000),
}


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory):
    """A Redis without persistence."""
    directory = tmp_path_factory.mktemp("redis")
    with contextlib.closing(Server(["--save", ""], binary="redis-server", directory=directory)) as server:
        server.start()
        yield server


def move(name, value, source, target):
    with source.client() as from_client, target.client() as to_client:
        from_client.call("SET", name, value)
        payload = from_client.call("DUMP", name)
        assert to_client.call("RESTORE", name, 0, payload, "REPLACE") == b"OK"
        assert to_client.call("GET", name) == value
        assert to_client.call("DUMP", name)[:-10] == payload[:-10]  # but for version and checksum


@pytest.mark.parametrize("name", VALUES)
def test_from_redis(server, redis_server, name):
    move(name, VALUES[name], redis_server, server)


@pytest.mark.parametrize("name", VALUES)
def test_to_redis(server, redis_server, name):
    move(name, VALUES[name], server, redis_server)


def test_damaged_payload(server, redis_server):
    with redis_server.client() as redis, server.client() as diskdb:
        redis.call("SET", "key", "value")
        payload = bytearray(redis.call("DUMP", "key"))
        payload[2] ^= 1
        replies = [client.pipeline([("RESTORE", "copy", 0, bytes(payload))])[0] for client in (redis, diskdb)]
    assert str(replies[0]) == str(replies[1]) == "ERR DUMP payload version or checksum are wrong"
