"""A list of checks that run one after the other, and the closing line `N passed, N failed`."""

import functools
import os
import sys
import time
import traceback

import redis
from redis._parsers import _HiredisParser, _RESP2Parser, _RESP3Parser

HOST = os.environ.get("APP_HOST", "127.0.0.1")
PORT = int(os.environ.get("APP_PORT", "6379"))
URL = f"redis://{HOST}:{PORT}"
VARIANTS = [(2, _HiredisParser), (3, _HiredisParser), (2, _RESP2Parser), (3, _RESP3Parser)]


def until(condition, what, seconds=20.0):
    """Waits until `condition` gives something true, and returns that."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"did not happen within {seconds} s: {what}")
        time.sleep(0.02)
    return value


class Skip(Exception):
    """The server lacks a command."""


def needs(*commands):
    """Skips the check that calls this, unless the server has the commands."""
    with redis.Redis(HOST, PORT, protocol=2) as client:
        client.response_callbacks.clear()
        for command, information in zip(commands, client.execute_command("COMMAND INFO", *commands)):
            if not information:
                raise Skip(f"the server has no {command}")


def each(body):
    """A check of redis-py that runs in both protocols with both parsers."""

    @functools.wraps(body)
    def check():
        for protocol, parser in VARIANTS:
            pool = redis.ConnectionPool.from_url(URL, protocol=protocol, parser_class=parser, decode_responses=True)
            with redis.Redis(connection_pool=pool) as client:
                client.flushall()
                body(client, protocol)
            pool.disconnect()

    return check


def raises(kind, words, call, *arguments):
    """Fails unless the call raises this."""
    try:
        call(*arguments)
    except kind as error:
        assert words in str(error), error
    else:
        raise AssertionError(f"no {kind.__name__}")


def run(checks, commands=()):
    """Runs functions, named by their first line of documentation, all of which need `commands`; ends the process."""
    failed = skipped = 0
    for check in checks:
        began = time.monotonic()
        try:
            needs(*commands)
            check()
            print(f"ok      {check.__doc__} ({(time.monotonic() - began) * 1000:.0f} ms)", flush=True)
        except Skip as reason:
            skipped += 1
            print(f"skipped {check.__doc__}: {reason}", flush=True)
        except Exception:
            failed += 1
            print(f"FAILED  {check.__doc__}\n{traceback.format_exc()}", flush=True)
    told = f", {skipped} skipped" if skipped else ""
    print(f"{len(checks) - failed - skipped} passed, {failed} failed{told}", flush=True)
    sys.exit(1 if failed else 0)
