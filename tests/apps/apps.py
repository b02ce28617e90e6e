#!/usr/bin/env python3
"""Runs the programs of tests/apps, each on a server of its own: DiskDB, and redis-server to show that the
check is fair. Ends with a table, and a line that counts the checks that DiskDB passed and failed.

    apps.py [--only bullmq,ioredis] [--servers diskdb,redis] [--together 2]

A program gets the server's address as APP_HOST and APP_PORT, and ends with `N passed, N failed`; a check
whose command the server lacks is skipped, and counted. What the programs need was installed by scripts/apps.sh. Standard library only."""

import argparse
import concurrent.futures
import contextlib
import dataclasses
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "scripts"))

from harness.process import Server, target_directory  # noqa: E402

INSTALLED = target_directory().resolve() / "apps"
ENDS = []
CLOSING_LINE = re.compile(r"(\d+) passed, (\d+) failed(?:, (\d+) skipped)?")


@dataclasses.dataclass
class Program:
    """A program: the words that start it, how many seconds it may take, and the servers it runs on."""

    name: str
    language: str
    command: list
    seconds: int = 90
    environment: dict = dataclasses.field(default_factory=dict)
    servers: tuple = ("diskdb", "redis")


def javascript(name, **options):
    command = ["node", str(HERE / "javascript" / f"{name}.js")]
    return Program(name, "javascript", command, environment={"NODE_PATH": str(INSTALLED / "node_modules")}, **options)


def python(name, **options):
    # -B: the caches of compiled modules would lie in the work tree.
    command = [str(INSTALLED / "venv" / "bin" / "python"), "-B", str(HERE / "python" / f"{name}.py")]
    return Program(name, "python", command, environment={"PYTHONDONTWRITEBYTECODE": "1"}, **options)


def rust(name):
    return Program(name, "rust", [str(INSTALLED / "rust" / "debug" / name)])


def java(name, main):
    installed = INSTALLED / "java"
    return Program(name, "java", ["java", "-cp", f"{installed}/classes:{installed}/jars/*", main])


PROGRAMS = [
    javascript("bullmq", seconds=240),
    javascript("ioredis"),
    javascript("node_redis"),
    javascript("socketio"),
    javascript("redlock"),
    python("redis_py_sync"),
    python("redis_py_newer", servers=("diskdb",)),
    python("redis_py_asyncio"),
    python("celery_app", seconds=150),
    python("rq_app"),
    python("django_cache"),
    python("redis_om_models"),
    python("locks"),
    Program("go_redis", "go", [str(INSTALLED / "go_redis")]),
    rust("redis_rs"),
    rust("fred"),
    java("jedis", "JedisApp"),
    java("lettuce", "LettuceApp"),
    Program("sidekiq", "ruby", ["ruby", str(HERE / "ruby" / "sidekiq_app.rb")]),
    Program("hiredis", "c", [str(INSTALLED / "hiredis")]),
]


@dataclasses.dataclass
class Outcome:
    passed: int
    failed: int
    skipped: int
    seconds: float
    output: str

    def __str__(self):
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} of {self.passed + self.failed}{skipped}, {self.seconds:.0f} s"


def skipped_languages():
    """The languages that scripts/apps.sh could not install, and why."""
    lines = (INSTALLED / "skipped").read_text().splitlines()
    return dict(line.split(": ", 1) for line in lines)


def server_of(kind):
    """A server with an empty data directory."""
    if kind == "redis":
        return Server(["--save", "", "--appendonly", "no"], binary=shutil.which("redis-server"))
    return Server()


@contextlib.contextmanager
def to_end(end):
    """Has `end` called if a signal ends this runner meanwhile."""
    ENDS.append(end)
    try:
        yield
    finally:
        ENDS.remove(end)


def end_everything(number, _):
    """For signals: nothing that was started here stays behind."""
    for end in list(ENDS):
        end()
    os._exit(128 + number)


def run_program(program, kind):
    """Runs one program on one kind of server."""
    began = time.monotonic()
    with server_of(kind) as server, to_end(server.kill):
        environment = {**os.environ, **program.environment, "APP_HOST": "127.0.0.1", "APP_PORT": str(server.port)}
        process = subprocess.Popen(
            program.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env=environment, text=True, errors="replace", start_new_session=True,
        )  # fmt: skip
        with to_end(lambda: end_group(process)):
            try:
                output, _ = process.communicate(timeout=program.seconds)
            except subprocess.TimeoutExpired:
                end_group(process)
                output = process.communicate()[0] + f"\nended after {program.seconds} s\n"
            finally:
                end_group(process)
        if not server.is_running():
            output += f"\nthe server has ended:\n{server.log_tail()}\n"
    return outcome_of(output, process.returncode, time.monotonic() - began)


def end_group(process):
    """Ends the program with the workers that it started: it is the leader of their group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def outcome_of(output, returncode, seconds):
    """Only the last line counts, and only if the program's exit code agrees with it."""
    lines = output.strip().splitlines()
    match = CLOSING_LINE.fullmatch(lines[-1].strip()) if lines else None
    passed, failed, skipped = (int(number or 0) for number in match.groups()) if match else (0, 1, 0)
    if (returncode != 0 and failed == 0) or passed + failed + skipped == 0:
        failed += 1
        output += f"\nthe program ended with {returncode}, after {passed} checks\n"
    return Outcome(passed, failed, skipped, seconds, output)


def table(programs, kinds, outcomes):
    """One line for each program, one column for each kind of server."""
    rows = [["program", *kinds]]
    rows += [[program.name, *(str(outcomes.get((program.name, kind), "-")) for kind in kinds)] for program in programs]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="names of programs, with commas between them")
    parser.add_argument("--servers", default="diskdb,redis")
    parser.add_argument("--together", type=int, default=2, help="how many run at a time")
    options = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end_everything)
    kinds = options.servers.split(",")
    wanted = options.only.split(",") if options.only else [program.name for program in PROGRAMS]
    programs = [program for program in PROGRAMS if program.name in wanted]
    if len(programs) != len(wanted) or not set(kinds) <= {"diskdb", "redis"}:
        parser.error("no such program or server")

    outcomes = {}
    reasons = skipped_languages()
    missing = [program for program in programs if program.language in reasons]
    for program in missing:
        print(f"-- {program.name} is skipped: {reasons[program.language]}")
    runnable = [program for program in programs if program not in missing]
    with concurrent.futures.ThreadPoolExecutor(options.together) as pool:
        runs = {
            pool.submit(run_program, program, kind): (program.name, kind)
            for program in runnable for kind in kinds if kind in program.servers
        }  # fmt: skip
        for run in concurrent.futures.as_completed(runs):
            name, kind = runs[run]
            try:
                outcome = run.result()
            except (RuntimeError, OSError) as error:
                outcome = Outcome(0, 1, 0, 0.0, str(error))
            outcomes[name, kind] = outcome
            print(f"-- {name} with {kind}: {outcome}", flush=True)
            if outcome.failed:
                print(outcome.output, flush=True)

    print(table(programs, kinds, outcomes))
    unfair = sum(outcome.failed + outcome.skipped for (_, kind), outcome in outcomes.items() if kind == "redis")
    if unfair:
        print(f"{unfair} checks fail with redis-server, or are skipped there: they are not fair")
    ours = [outcome for (_, kind), outcome in outcomes.items() if kind == "diskdb"]
    failed = sum(outcome.failed for outcome in ours) + unfair
    skipped = sum(outcome.skipped for outcome in ours) + len(missing)
    passed = sum(outcome.passed for outcome in ours)
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
