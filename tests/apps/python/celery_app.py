"""Celery with the server as broker and result backend: results, retries, groups, chords, countdowns, and workers
that are shut down and killed."""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import time

from celery import chain, chord, group
from celery_tasks import add, app, effects, fails, slow, survives, third_time, total, when
from checks import run, until


def start_worker():
    command = [sys.executable, "-B", "-m", "celery", "-q", "-A", "celery_tasks", "worker", "--concurrency=2", "-l", "WARNING",
               "--without-gossip", "--without-mingle"]  # fmt: skip
    return subprocess.Popen(command, cwd=pathlib.Path(__file__).parent, stdin=subprocess.DEVNULL)


def kill(worker):
    """SIGKILL for the worker and its children, which are found by their parent."""
    children = pathlib.Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()
    worker.kill()
    for child in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(child), signal.SIGKILL)
    worker.wait()


def starting():
    """a worker starts"""
    global worker
    worker = start_worker()
    until(lambda: app.control.ping(timeout=1), "an answer")


def results():
    """a task's result arrives"""
    assert add.delay(2, 40).get(timeout=30) == 42


def many():
    """300 tasks of a group"""
    assert group(add.s(number, 1) for number in range(300)).apply_async().get(timeout=60) == list(range(1, 301))


def chords():
    """chains, and a chord whose callback gets every result"""
    assert chain(add.s(1, 2), add.s(3), add.s(4)).apply_async().get(timeout=30) == 10
    assert chord((add.s(number, 0) for number in range(50)), total.s()).apply_async().get(timeout=60) == 1225


def retries():
    """a task that retries itself"""
    assert third_time.delay().get(timeout=30) == 2


def failures():
    """an exception comes back as it was"""
    result = fails.delay()
    try:
        result.get(timeout=30)
    except ValueError as error:
        assert str(error) == "no way"
    else:
        raise AssertionError("it did not fail")
    assert result.status == "FAILURE"


def countdowns():
    """a task with a countdown is not early"""
    began = time.time()
    assert when.apply_async(countdown=1).get(timeout=30) >= began + 1


def forgotten():
    """results expire, and are forgotten when asked"""
    result = add.apply_async((1, 1), expires=60)
    assert result.get(timeout=30) == 2
    key = app.backend.get_key_for_task(result.id)
    assert 86000 < app.backend.client.ttl(key) <= 86400
    result.forget()
    assert app.backend.client.exists(key) == 0


def control():
    """the worker answers to remote control"""
    assert any("celery_tasks.add" in names for names in app.control.inspect().registered().values())


def shut_down():
    """a worker that is shut down gives back what it has not begun: every task begins once"""
    global worker
    names = [f"task {number}" for number in range(10)]
    running = [slow.delay(name) for name in names]
    with effects() as client:
        until(lambda: client.hlen("slow"), "a task begins")
        worker.send_signal(signal.SIGTERM)
        worker.wait(timeout=20)
        assert client.hlen("slow") < len(names)
        worker = start_worker()
        assert [result.get(timeout=30) for result in running] == names
        assert client.hgetall("slow") == {name: "1" for name in names}


def killed():
    """a task whose worker is killed runs again with the next one (acks_late)"""
    global worker
    result = survives.delay("tries")
    with effects() as client:
        until(lambda: client.get("tries"), "the task runs")
    kill(worker)
    worker = start_worker()
    assert result.get(timeout=30) == 2


worker = None
try:
    # A worker looks for messages to give back as it starts, under a lock that a script releases.
    run([starting, results, many, chords, retries, failures, countdowns, forgotten, control, shut_down, killed], ["EVALSHA"])
finally:
    if worker:
        kill(worker)
