"""A disk without room: writes get an error, reads go on, and writes resume when there is room again."""

import contextlib
import pathlib
import shlex
import time

import pytest

from harness.process import Server, diskdb_binary
from harness.resp import ServerError

DISK_MB = 96


@pytest.fixture
def small_disk(tmp_path):
    """A server that sees its data directory as a small tmpfs, in a mount namespace of its own."""
    data = tmp_path / "data"
    script = f'mount -t tmpfs -o size={DISK_MB}m tmpfs {data} && exec {diskdb_binary()} "$@"'
    wrapper = tmp_path / "server"
    wrapper.write_text(
        f"#!/bin/sh\nexec unshare --map-root-user --mount sh -c {shlex.quote(script)} diskdb \"$@\"\n"
    )
    wrapper.chmod(0o755)
    arguments = ["--min-free-disk-space", "0"]
    with contextlib.closing(Server(arguments, binary=str(wrapper), directory=tmp_path)) as server:
        server.start()
        yield server


def test_full_disk(small_disk):
    # The same directory, as the server sees it.
    filler = pathlib.Path(f"/proc/{small_disk.pid}/root{small_disk.data}/filler")
    with small_disk.client() as client:
        client.call("SET", "before", "value")
        with contextlib.suppress(OSError), open(filler, "wb") as file:
            while True:
                file.write(bytes(1 << 16))
        acknowledged, refused = 0, None
        for number in range(2_000):
            reply = client.pipeline([("SET", f"key:{number}", b"x" * 50_000)])[0]
            if isinstance(reply, ServerError):
                refused = str(reply)
                break
            acknowledged += 1
        assert refused and refused.startswith("MISCONF"), refused
        assert client.call("GET", "before") == b"value"
        assert [client.call("STRLEN", f"key:{number}") for number in range(acknowledged)] == [50_000] * acknowledged
        assert client.call("EXISTS", f"key:{acknowledged}") == 0

        filler.unlink()
        deadline = time.monotonic() + 20
        while isinstance(reply := client.pipeline([("SET", "after", "value")])[0], ServerError):
            assert time.monotonic() < deadline, f"still refused: {reply}"
            time.sleep(0.1)
        assert client.call("GET", "after") == b"value"
        assert client.call("DBSIZE") == acknowledged + 2
