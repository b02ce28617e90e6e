"""Servers as processes: a free port, a data directory of their own, ended by their process id."""

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from .resp import Client, ServerError

ROOT = pathlib.Path(__file__).resolve().parents[2]
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def target_directory():
    """Where cargo puts what it builds."""
    return pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))


def diskdb_binary():
    """The server under test: $SERVER_BINARY, or the release build."""
    return os.environ.get("SERVER_BINARY", str(target_directory() / "release" / "diskdb"))


def free_port():
    """A TCP port nobody listens on at present."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A DiskDB or Redis server. `arguments` are directives: `--name value`."""

    def __init__(self, arguments=(), binary=None, directory=None, port=None, config_file=None):
        self.binary = binary or diskdb_binary()
        self.owns_directory = directory is None
        self.directory = pathlib.Path(directory or tempfile.mkdtemp(prefix="diskdb-"))
        self.data = self.directory / "data"
        self.data.mkdir(parents=True, exist_ok=True)
        self.port = port or free_port()
        self.config_file = config_file
        self.arguments = [str(argument) for argument in arguments]
        self.process = None
        self.environment = {}

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def log(self):
        return self.directory / "server.log"

    def command(self):
        words = [self.binary]
        if self.config_file:
            words.append(str(self.config_file))
        words += ["--port", str(self.port), "--dir", str(self.data), "--bind", "127.0.0.1"]
        return words + self.arguments

    def start(self, timeout=60.0):
        """Starts the process and waits until it answers PING; returns how many seconds that took."""
        if self.is_running():
            raise RuntimeError("the server runs already")
        began = time.monotonic()
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DISKDB_")}
        environment |= self.environment
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment
            )
        while time.monotonic() - began < timeout:
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended with {self.process.returncode}:\n{self.log_tail()}")
            if self._answers(timeout):
                return time.monotonic() - began
            time.sleep(0.002)
        self.kill()
        raise RuntimeError(f"the server did not answer within {timeout} s:\n{self.log_tail()}")

    def _answers(self, timeout):
        try:
            with Client(self.port, timeout=timeout) as client:
                client.call("PING")
        except OSError:
            return False
        except ServerError as error:  # NOAUTH comes from a server that is ready
            return not str(error).startswith("LOADING")
        return True

    def log_tail(self, lines=20):
        text = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(text[-lines:])

    def client(self, timeout=30.0):
        return Client(self.port, timeout=timeout)

    @property
    def pid(self):
        return self.process.pid

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        """kill -9, and waits for the end."""
        if self.is_running():
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def terminate(self, timeout=60.0):
        """SIGTERM; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def close(self):
        """Ends the process; deletes the directory if it was made here."""
        self.kill()
        if self.owns_directory:
            shutil.rmtree(self.directory, ignore_errors=True)

    def cpu_seconds(self, with_children=False):
        """User and system time that the process, and its children that have ended, used so far."""
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        times = fields[11:15] if with_children else fields[11:13]
        return sum(int(field) for field in times) / TICKS_PER_SECOND

    def rss_bytes(self):
        """Resident memory now."""
        return self._status_bytes("VmRSS")

    def peak_rss_bytes(self):
        """The most resident memory so far."""
        return self._status_bytes("VmHWM")

    def _status_bytes(self, name):
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1]) * 1024
        raise RuntimeError(f"no {name} for process {self.pid}")

    def disk_bytes(self):
        """Bytes the data directory takes, by blocks."""
        total = 0
        for path in self.data.rglob("*"):
            with contextlib.suppress(FileNotFoundError):
                total += path.lstat().st_blocks * 512
        return total
