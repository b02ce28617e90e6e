"""RQ, with workers as processes: results, dependencies, retries, deadlines, schedules, and a job whose process is killed."""

import datetime
import os
import pathlib
import subprocess
import sys

import redis
from checks import URL, needs, run, until
from rq import Callback, Queue, Repeat, Retry, Worker
from rq.command import send_stop_job_command
from rq.group import Group
from rq.job import Job, JobStatus
from rq.registry import FailedJobRegistry, FinishedJobRegistry, ScheduledJobRegistry
from rq_tasks import add, dies_once, effects, endless, fails, fails_before, note, on_failure, on_success, progress

ENDS = {JobStatus.FINISHED, JobStatus.FAILED, JobStatus.STOPPED, JobStatus.CANCELED}
connection = redis.Redis.from_url(f"{URL}/5")
queue = Queue(connection=connection)
urgent = Queue("urgent", connection=connection)


def start_worker(*options):
    command = [str(pathlib.Path(sys.executable).parent / "rq"), "worker", "--url", f"{URL}/5", "--logging_level", "WARNING",
               *options, "urgent", "default"]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(pathlib.Path(__file__).parent)}
    workers.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, env=environment))


def ended(job, seconds=20):
    """The status of a job that has ended; the job is as the server has it."""
    until(lambda: job.get_status() in ENDS, f"the end of {job}", seconds)
    job.refresh()
    return job.get_status()


def order():
    """jobs of the urgent queue run before others, the first first"""
    names = [f"job {number}" for number in range(10)]
    jobs = queue.enqueue_many([Queue.prepare_data(note, (name,)) for name in names])
    jobs.append(urgent.enqueue(note, "urgent"))
    assert queue.job_ids == [job.id for job in jobs[:10]]
    start_worker()
    assert [ended(job) for job in jobs] == [JobStatus.FINISHED] * 11
    with effects() as client:
        assert client.lrange("ran", 0, -1) == ["urgent", *names]


def results():
    """a job runs, and its result is kept"""
    job = queue.enqueue(add, 2, 40, result_ttl=100)
    assert ended(job) == JobStatus.FINISHED
    assert job.return_value() == 42
    assert Job.fetch(job.id, connection).latest_result().return_value == 42
    assert 90 < connection.ttl(job.key) <= 100
    assert job.id in FinishedJobRegistry(queue=queue)


def failures():
    """an exception is kept, and the job is requeued"""
    job = queue.enqueue(fails, "no way", on_failure=Callback(on_failure))
    assert ended(job) == JobStatus.FAILED
    assert "ValueError: no way" in job.latest_result().exc_string
    registry = FailedJobRegistry(queue=queue)
    assert job.id in registry
    with effects() as client:
        assert client.get("failure") == "ValueError no way"
    registry.requeue(job)
    until(lambda: len(job.results()) == 2, "it fails again")


def retries():
    """retries, and a callback on success"""
    job = queue.enqueue(fails_before, 3, "retried", retry=Retry(max=3), on_success=Callback(on_success))
    until(lambda: job.get_status() == JobStatus.FINISHED, "the third try")
    with effects() as client:
        assert until(lambda: client.get("success"), "the callback") == f"{job.id} at last"


def dependencies():
    """a job that depends on others waits for all of them"""
    first = [queue.enqueue(add, number, 1) for number in range(3)]
    last = queue.enqueue(note, "last", depends_on=first)
    assert ended(last) == JobStatus.FINISHED
    assert [job.get_status() for job in first] == [JobStatus.FINISHED] * 3
    broken = queue.enqueue(fails, "x")
    never = queue.enqueue(note, "never", depends_on=broken)
    ended(broken)
    assert never.get_status() == JobStatus.DEFERRED


def metadata():
    """metadata, groups of jobs, jobs that are cancelled"""
    job = queue.enqueue(progress)
    ended(job)
    assert job.get_meta() == {"percent": 50}
    group = Group.create(connection=connection)
    group.enqueue_many(queue, [Queue.prepare_data(add, (number, 1)) for number in range(5)])
    until(lambda: all(member.is_finished for member in group.get_jobs()), "the group")
    waiting = Queue("nobody", connection=connection).enqueue(add, 1, 1)
    waiting.cancel()
    assert waiting.get_status() == JobStatus.CANCELED
    assert Queue("nobody", connection=connection).count == 0


def deadlines():
    """a job that takes too long is ended, and one that is told to stop"""
    assert ended(queue.enqueue(endless, job_timeout=1)) == JobStatus.FAILED
    job = queue.enqueue(endless)
    until(lambda: Job.fetch(job.id, connection).worker_name and job.get_status() == JobStatus.STARTED, "it runs")
    send_stop_job_command(connection, job.id)
    assert ended(job) == JobStatus.STOPPED


def killed():
    """a job whose process is killed runs again"""
    job = queue.enqueue(dies_once, "deaths", retry=Retry(max=1))
    until(lambda: job.get_status() == JobStatus.FINISHED, "the second run")
    with effects() as client:
        assert client.get("deaths") == "2"


def unique():
    """a job that is enqueued twice under one id is there once"""
    needs("EVALSHA")
    waiting = Queue("waiting", connection=connection)
    assert waiting.enqueue(add, 1, 1, job_id="one", unique=True).id == "one"
    try:
        waiting.enqueue(add, 1, 1, job_id="one", unique=True)
    except Exception as error:
        assert "one" in str(error), error
    else:
        raise AssertionError("it was enqueued twice")
    assert waiting.job_ids == ["one"]


def schedules():
    """jobs at a time and repeated ones"""
    needs("EVALSHA")
    start_worker("--with-scheduler")
    moment = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0) + datetime.timedelta(seconds=2)
    job = queue.enqueue_at(moment, add, 1, 1)
    assert job.id in ScheduledJobRegistry(queue=queue)
    assert ended(job) == JobStatus.FINISHED
    assert job.started_at.replace(tzinfo=datetime.timezone.utc) >= moment
    with effects() as client:
        client.delete("ran")
        queue.enqueue(note, "tick", repeat=Repeat(times=2, interval=1))
        until(lambda: client.llen("ran") == 3, "three ticks")


def registered():
    """workers are known, and gone after their shutdown"""
    assert len(Worker.all(connection)) == len(workers)
    for worker in workers:
        worker.terminate()
    for worker in workers:
        assert worker.wait(timeout=20) == 0
    assert Worker.all(connection) == []


workers = []
try:
    run([order, results, failures, retries, dependencies, metadata, deadlines, killed, unique, schedules, registered])
finally:
    for worker in workers:
        worker.kill()
