"""The server as a process: start, stop, death, and everything that may be wrong with how it is called."""

import shutil
import subprocess
import time

import pytest

from harness.process import Server, diskdb_binary


def fill(server, count=2_000):
    with server.client() as client:
        replies = client.pipeline(("SET", f"key:{number}", number) for number in range(count))
        assert replies == [b"OK"] * count
        client.call("SET", "large", b"x" * 1_000_000)
        client.call("SET", "dying", "soon", "EX", "10000")
        client.call("SELECT", 5)
        client.call("SET", "elsewhere", "value")


def check(server, count=2_000):
    with server.client() as client:
        assert client.call("DBSIZE") == count + 2
        values = client.pipeline(("GET", f"key:{number}") for number in range(count))
        assert values == [b"%d" % number for number in range(count)]
        assert client.call("GET", "large") == b"x" * 1_000_000
        assert 9_000 < client.call("TTL", "dying") <= 10_000
        client.call("SELECT", 5)
        assert client.call("GET", "elsewhere") == b"value"


@pytest.mark.parametrize("policy", ["always", "everysec", "no"])
def test_kill_9_and_restart(own_server, policy):
    own_server.arguments = ["--appendfsync", policy]
    own_server.start()
    fill(own_server)
    own_server.kill()
    own_server.start()
    check(own_server)


def test_sigterm_is_a_graceful_end(own_server):
    own_server.start()
    fill(own_server)
    assert own_server.terminate() == 0
    own_server.start()
    check(own_server)


def test_shutdown(own_server):
    own_server.start()
    fill(own_server)
    with own_server.client() as client:
        with pytest.raises(ConnectionError):
            client.call("SHUTDOWN")
    assert own_server.process.wait(30) == 0
    own_server.start()
    check(own_server)


def test_data_in_use_is_refused(own_server):
    own_server.start()
    second = Server(directory=own_server.directory)
    with pytest.raises(RuntimeError, match="in use|lock"):
        second.start(timeout=20)
    with own_server.client() as client:
        assert client.call("PING") == b"PONG"


@pytest.mark.parametrize("command", ["SAVE", "BGSAVE"])
def test_a_checkpoint_is_a_data_directory(own_server, command):
    """A server opens it, and finds nothing in it that was written later."""
    own_server.start()
    fill(own_server)
    with own_server.client() as client:
        before = client.call("LASTSAVE")
        client.call(command)
        deadline = time.monotonic() + 20
        while b"rdb_bgsave_in_progress:1" in client.call("INFO", "persistence"):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert client.call("LASTSAVE") >= before
        client.call("SET", "later", "x")
    [checkpoint] = (own_server.data / "checkpoints").iterdir()
    copy = Server(directory=own_server.directory / "copy")
    shutil.copytree(checkpoint, copy.data, dirs_exist_ok=True)
    with copy:
        check(copy)


def test_save_is_on_disk(own_server):
    """SAVE answers only when what it promises is on disk: the data is there after kill -9."""
    own_server.arguments = ["--appendfsync", "no"]
    own_server.start()
    fill(own_server)
    with own_server.client() as client:
        assert client.call("SAVE") == b"OK"
    own_server.kill()
    own_server.start()
    check(own_server)


def test_expiry_goes_on_over_a_restart(own_server):
    own_server.start()
    with own_server.client() as client:
        client.call("SET", "short", "value", "PX", 50)
        client.call("SET", "stays", "value")
    own_server.kill()
    time.sleep(0.1)
    own_server.start()
    with own_server.client() as client:
        assert client.call("GET", "short") is None
        assert client.call("DBSIZE") == 1


def refused(*words):
    """Starts the program with `words`; returns what it says when it refuses."""
    result = subprocess.run([diskdb_binary(), *map(str, words)], capture_output=True, timeout=20, text=True)
    assert result.returncode != 0
    return result.stdout + result.stderr


def test_bad_configuration_file(tmp_path):
    path = tmp_path / "bad.conf"
    path.write_text("port 0\n\nno-such-directive yes\n")
    message = refused(path, "--dir", tmp_path)
    assert str(path) in message and "3" in message and "no-such-directive" in message


def test_value_out_of_bounds(tmp_path):
    path = tmp_path / "bad.conf"
    path.write_text("port 70000\n")
    message = refused(path, "--dir", tmp_path)
    assert str(path) in message and "1" in message and "port" in message


def test_bad_directive_on_the_command_line(tmp_path):
    assert "no-such-directive" in refused("--no-such-directive", "yes", "--dir", tmp_path)


def test_missing_configuration_file(tmp_path):
    assert str(tmp_path / "none.conf") in refused(tmp_path / "none.conf")


def test_configuration_file_is_used(own_server):
    own_server.config_file = own_server.directory / "diskdb.conf"
    own_server.config_file.write_text("# a comment\ndatabases 4\ntimeout 77\n")
    own_server.start()
    with own_server.client() as client:
        assert client.call("CONFIG", "GET", "timeout") == [b"timeout", b"77"]
        assert "out of range" in str(client.pipeline([("SELECT", 4)])[0])


def test_help_and_version():
    for option in ("--help", "--version"):
        result = subprocess.run([diskdb_binary(), option], capture_output=True, timeout=20, text=True)
        assert result.returncode == 0
        assert "diskdb" in result.stdout.lower()
