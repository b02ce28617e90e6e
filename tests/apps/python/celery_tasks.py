"""The tasks of the Celery program, and how it reaches the server."""

import time

import redis
from celery import Celery
from checks import URL

app = Celery("tasks", broker=f"{URL}/1", backend=f"{URL}/2")
app.conf.update(
    broker_connection_retry_on_startup=True,
    # A message that a killed worker held goes back into its queue after three seconds; by default it is an hour.
    broker_transport_options={
        "visibility_timeout": 3, "unacked_restore_interval": 0.5, "unacked_restore_throttle": 1,
    },
    worker_prefetch_multiplier=2,
)  # fmt: skip


def effects():
    """What the tasks count in."""
    return redis.Redis.from_url(f"{URL}/3", decode_responses=True)


@app.task
def add(a, b):
    return a + b


@app.task
def total(numbers):
    return sum(numbers)


@app.task(bind=True, max_retries=3)
def third_time(self):
    if self.request.retries < 2:
        raise self.retry(countdown=0.1)
    return self.request.retries


@app.task
def fails():
    raise ValueError("no way")


@app.task
def when():
    return time.time()


@app.task
def slow(name):
    """Takes a while, and counts how often it has begun."""
    with effects() as client:
        client.hincrby("slow", name, 1)
    time.sleep(0.3)
    return name


@app.task(acks_late=True)
def survives(key):
    """Takes long the first time, quick the second."""
    with effects() as client:
        tries = client.incr(key)
    if tries == 1:
        time.sleep(60)
    return tries
