"""One unit file of Redis' Tcl suite against one server: what passed, what failed, and why."""

import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))

from harness.process import Server  # noqa: E402

DENIED_TAGS = "-needs:debug -needs:repl -needs:save -needs:config-maxmemory -cli -large-memory"
# A test that does not move for so long hangs; the suite's own watchdog ends it.
QUIET_SECONDS = 60
# After one that hung or aborted a block, the file runs again without it.
MAX_RUNS = 6

LINE = re.compile(r"^\[(ok|err|skip|ignore|exception)\]: (.*)$")
# Whoever is started ends with the runner, even if that is killed.
WITH_US = ["setpriv", "--pdeathsig", "KILL", "--"]
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
ELAPSED = re.compile(r" \(\d+ ms\)$")
FAILED = re.compile(r"^(.*) in tests/\S+\.tcl$", re.DOTALL)
HANGING = re.compile(r"\(IN PROGRESS\) (.*)$")


class CappedServer(Server):
    """A server whose address space has a limit, so that a client's number cannot take the machine's memory."""

    def __init__(self, *arguments, megabytes, **named):
        super().__init__(*arguments, **named)
        self.megabytes = megabytes

    def command(self):
        return [*WITH_US, "prlimit", f"--as={self.megabytes << 20}", "--", *super().command()]


@dataclass
class Outcome:
    """Tests by name. A name that occurs twice passes when all of its tests pass."""

    passed: set = field(default_factory=set)
    failed: dict = field(default_factory=dict)
    notes: list = field(default_factory=list)
    peak_bytes: int = 0  # of the server's resident memory

    def note_failure(self, name, reason):
        self.failed.setdefault(name, reason.strip())
        self.passed.discard(name)

    def note_pass(self, name):
        if name not in self.failed:
            self.passed.add(name)


@dataclass
class Run:
    """What one run of the file said, in the order it said it."""

    events: list = field(default_factory=list)  # (status, text) with the lines that follow an error
    hanging: str = ""
    finished: bool = False


def parse(text):
    run = Run()
    for line in COLOUR.sub("", text).splitlines():
        found = LINE.match(line)
        if found:
            run.events.append([found[1], found[2]])
        elif line.startswith("[") and " done]:" in line:
            run.finished = True
        elif line.strip() == "The End":
            break
        elif HANGING.search(line):
            run.hanging = HANGING.search(line)[1]
        elif run.events and run.events[-1][0] in ("err", "exception") and not line.startswith("["):
            run.events[-1][1] += "\n" + line
    return run


class UnitRunner:
    """Runs unit files; `start` makes a server for each run, `passed` is called for each test that passes."""

    def __init__(self, source, start, seconds, passed=lambda: None):
        self.source = source
        self.start = start
        self.seconds = seconds
        self.passed = passed

    def run(self, unit):
        """The outcome of a unit file: run again without what hung it, killed the server or aborted a block."""
        outcome, skipped = Outcome(), []
        for _ in range(MAX_RUNS):
            run, dead = self._once(unit, skipped, outcome)
            culprit = self._read(run, dead, outcome)
            if culprit is None or culprit in skipped:
                break
            skipped.append(culprit)
            # What came after the culprit counts as of the next run.
            outcome.failed = {name: why for name, why in outcome.failed.items() if name in skipped}
        return outcome

    def _once(self, unit, skipped, outcome):
        with self.start() as server:
            output = self._output(self._command(unit, skipped, server.port))
            dead = server.log_tail(5) if not server.is_running() else None
            if dead is None:
                outcome.peak_bytes = max(outcome.peak_bytes, server.peak_rss_bytes())
        run = parse(output)
        if not run.events and not run.finished:
            raise RuntimeError(f"the suite did not run {unit}:\n{output[-2000:]}")
        return run, dead

    def _command(self, unit, skipped, port):
        command = [
            *WITH_US, "tclsh", "tests/test_helper.tcl", "--host", "127.0.0.1", "--port", str(port),
            "--baseport", str(random.randrange(20000, 28000)), "--single", unit, "--durable", "--clients", "1",
            "--timeout", str(QUIET_SECONDS), "--tags", DENIED_TAGS,
        ]  # fmt: skip
        for name in skipped:
            command += ["--skiptest", name]
        return command

    def _output(self, command):
        """What the suite says until it ends, or until its time is up."""
        suite = subprocess.Popen(
            command, cwd=self.source, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, errors="replace", start_new_session=True,
        )  # fmt: skip
        watchdog = threading.Timer(self.seconds, kill_group, [suite.pid])
        watchdog.start()
        lines = []
        try:
            for line in suite.stdout:
                lines.append(line)
                if COLOUR.sub("", line).startswith("[ok]"):
                    self.passed()
        finally:
            watchdog.cancel()
            kill_group(suite.pid)
            suite.wait()
        return "".join(lines)

    def _read(self, run, dead, outcome):
        """Adds a run to the outcome; returns the test without which the file should run again, if any."""
        last_failure, first_io_error, aborted = None, None, None
        for status, text in run.events:
            name = text
            if status == "ok":
                outcome.note_pass(ELAPSED.sub("", text))
                continue
            if status not in ("err", "exception"):
                continue
            first, _, rest = text.partition("\n")
            found = FAILED.match(first)
            if status == "err" and found:
                name = found[1]
                outcome.note_failure(name, rest)
                last_failure = name
                if first_io_error is None and re.search(r"I/O error|connection refused", rest):
                    first_io_error = name
            else:
                outcome.notes.append(f"block aborted: {text[:600]}")
                aborted = aborted or last_failure
        if run.hanging:
            outcome.note_failure(run.hanging, f"hangs: nothing happened for {QUIET_SECONDS} s")
            return run.hanging
        if dead is not None:
            outcome.notes.append(f"the server ended: {dead}")
            return first_io_error or last_failure
        return aborted


def kill_group(pid):
    """Ends what is left of a run: the suite starts clients of its own."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
