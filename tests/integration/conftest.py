"""A real release server for the integration tests: its own data directory, free ports, ended by its
process id."""

import contextlib
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))

from harness.process import Server, free_port  # noqa: E402

outcomes = {"passed": 0, "failed": 0}


def pytest_runtest_logreport(report):
    if report.failed:
        outcomes["failed"] += 1
    elif report.passed and report.when == "call":
        outcomes["passed"] += 1


def pytest_unconfigure():
    print(f"{outcomes['passed']} passed, {outcomes['failed']} failed")


def run(*words, stdin=None, timeout=30):
    """Runs a program; returns what it printed."""
    return subprocess.run(
        [str(word) for word in words], input=stdin, capture_output=True, timeout=timeout, check=True
    ).stdout


def _certificate(directory, name, authority=None):
    """A key and a certificate for localhost, signed by `authority` or by itself."""
    key, certificate, request = (directory / f"{name}.{end}" for end in ("key", "crt", "csr"))
    subject = ["-subj", f"/O=DiskDB tests/CN={name}"]
    new_key = ["-newkey", "rsa:2048", "-nodes", "-keyout", key]
    if authority is None:
        # openssl's default configuration makes this one an authority.
        run("openssl", "req", "-x509", *new_key, "-out", certificate, "-days", "2", *subject)
        return
    extensions = directory / "extensions"
    extensions.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    run("openssl", "req", *new_key, "-out", request, *subject)
    ca = ["-CA", directory / f"{authority}.crt", "-CAkey", directory / f"{authority}.key", "-CAcreateserial"]
    run("openssl", "x509", "-req", "-in", request, *ca, "-out", certificate, "-days", "2",
        "-extfile", extensions)  # fmt: skip


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    """A directory with ca, server and client certificates and keys."""
    directory = tmp_path_factory.mktemp("tls")
    _certificate(directory, "ca")
    _certificate(directory, "server", "ca")
    _certificate(directory, "client", "ca")
    return directory


@pytest.fixture(scope="session")
def server(tmp_path_factory, certificates):
    """A server with every kind of listener."""
    directory = tmp_path_factory.mktemp("server")
    server = Server(directory=directory)
    server.text_port, server.tls_port = free_port(), free_port()
    server.unix_socket = directory / "diskdb.sock"
    server.arguments = [
        "--text-port", str(server.text_port), "--unixsocket", str(server.unix_socket),
        "--tls-port", str(server.tls_port), "--tls-ca-cert-file", str(certificates / "ca.crt"),
        "--tls-cert-file", str(certificates / "server.crt"),
        "--tls-key-file", str(certificates / "server.key"),
    ]  # fmt: skip
    with contextlib.closing(server):
        server.start()
        yield server


@pytest.fixture
def own_server(tmp_path):
    """A server that a test may start and kill as it likes; not started."""
    with contextlib.closing(Server(directory=tmp_path)) as server:
        yield server


@pytest.fixture(autouse=True)
def empty(request):
    """Every test on the shared server begins with empty databases."""
    if "server" in request.fixturenames:
        with request.getfixturevalue("server").client() as client:
            client.call("FLUSHALL")
