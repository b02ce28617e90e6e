"""What people type."""

import json
import subprocess

from conftest import run


def cli(server, *words, stdin=None):
    return run("redis-cli", "-p", server.port, *words, stdin=stdin).decode()


def test_values_by_redis_cli(server):
    assert cli(server, "SET", "greeting", "hello world") == "OK\n"
    assert cli(server, "GET", "greeting") == "hello world\n"
    assert cli(server, "--no-raw", "GET", "greeting") == '"hello world"\n'
    assert cli(server, "--no-raw", "GET", "nothing") == "(nil)\n"
    assert cli(server, "--no-raw", "INCRBY", "count", "41") == "(integer) 41\n"


def test_errors_by_redis_cli(server):
    assert cli(server, "NOSUCH", "a").startswith("ERR unknown command 'NOSUCH', with args beginning with:")
    assert cli(server, "GET").startswith("ERR wrong number of arguments for 'get' command")


def test_databases_by_redis_cli(server):
    cli(server, "-n", "3", "SET", "key", "three")
    assert cli(server, "GET", "key") == "\n"
    assert cli(server, "-n", "3", "GET", "key") == "three\n"
    assert cli(server, "-n", "3", "DBSIZE") == "1\n"


def test_resp3_by_redis_cli(server):
    assert cli(server, "-3", "SET", "key", "value") == "OK\n"
    assert cli(server, "-3", "--json", "GET", "key") == '"value"\n'
    port = json.loads(cli(server, "-3", "--json", "CONFIG", "GET", "port"))
    assert port == {"port": str(server.port)}


def test_binary_value_by_redis_cli(server):
    value = bytes(range(256)) * 300
    run("redis-cli", "-p", server.port, "-x", "SET", "binary", stdin=value)
    assert run("redis-cli", "-p", server.port, "GET", "binary") == value + b"\n"


def test_pipe_mode(server):
    commands = b"".join(b"SET pipe:%d %d\r\n" % (number, number) for number in range(20_000))
    assert "errors: 0, replies: 20000" in cli(server, "--pipe", stdin=commands)
    assert cli(server, "DBSIZE") == "20000\n"


def test_scan_of_redis_cli(server):
    cli(server, "MSET", *[word for number in range(500) for word in (f"user:{number}", "x")], "other", "x")
    found = cli(server, "--scan", "--pattern", "user:*").split()
    assert sorted(found) == sorted(f"user:{number}" for number in range(500))


def test_redis_benchmark_runs(server):
    command = ["redis-benchmark", "-p", str(server.port), "-n", "20000", "-q", "-r", "1000", "-P", "4",
               "-t", "ping,set,get,incr,mset"]  # fmt: skip
    result = subprocess.run(command, capture_output=True, timeout=120, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("requests per second") >= 5
