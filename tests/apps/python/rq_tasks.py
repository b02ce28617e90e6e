"""The jobs of the RQ program."""

import os
import signal
import time

import redis
from checks import URL
from rq import get_current_job


def effects():
    """What the jobs count in."""
    return redis.Redis.from_url(f"{URL}/6", decode_responses=True)


def add(a, b):
    return a + b


def note(name):
    """Leaves its name behind, in the order of running."""
    with effects() as client:
        client.rpush("ran", name)
    return name


def fails(message):
    raise ValueError(message)


def fails_before(tries, key):
    """Fails until it has been tried so often."""
    with effects() as client:
        if client.incr(key) < tries:
            raise ValueError("not yet")
    return "at last"


def dies_once(key):
    """The process of its first run is killed."""
    with effects() as client:
        if client.incr(key) == 1:
            os.kill(os.getpid(), signal.SIGKILL)
    return "survived"


def endless():
    time.sleep(60)


def progress():
    job = get_current_job()
    job.meta["percent"] = 50
    job.save_meta()


def on_success(job, connection, result):
    with effects() as client:
        client.set("success", f"{job.id} {result}")


def on_failure(job, connection, kind, value, _):
    with effects() as client:
        client.set("failure", f"{kind.__name__} {value}")
