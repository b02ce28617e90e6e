"""redis-py without asyncio, in RESP2 and RESP3, with hiredis' parser and with its own."""

import contextlib
import threading

import redis
from checks import URL, each, needs, raises, run, until


@contextlib.contextmanager
def soon(call, *arguments):
    """The call happens while the body waits."""
    timer = threading.Timer(0.05, call, arguments)
    timer.start()
    yield
    timer.join()


@each
def strings(client, _):
    """strings, numbers, bits"""
    assert client.set("s", "ünïcode ☃", ex=100, nx=True) is True and client.set("s", "x", nx=True) is None
    assert client.getrange("s", 0, 2) == "ün" and 90 < client.ttl("s") <= 100
    assert client.set("s", "new", get=True, keepttl=True) == "ünïcode ☃" and client.ttl("s") > 90
    assert client.incrbyfloat("f", 10.5) == 10.5 and client.incr("n", 5) == 5 and client.getdel("n") == "5"
    assert client.mset({"a": 1, "b": 2}) and client.mget("a", "none", "b") == ["1", None, "2"]
    assert client.setbit("bits", 7, 1) == 0 and client.bitcount("bits") == 1
    assert client.bitfield("bits").incrby("u8", 8, 250).overflow("SAT").incrby("u8", 8, 250).execute() == [250, 255]
    assert client.bitop("NOT", "not", "bits") == 2 and client.bitpos("not", 0) == 7
    assert client.lcs("s", "s", len=True) == 3
    raises(redis.ResponseError, "value is not an integer or out of range", client.incr, "s")


@each
def lists(client, _):
    """lists"""
    assert client.rpush("l", *range(10)) == 10 and client.lrange("l", -3, -1) == ["7", "8", "9"]
    assert client.lpos("l", "4") == 4 and client.linsert("l", "BEFORE", "4", "x") == 11 and client.lrem("l", 0, "x") == 1
    assert client.lpop("l", 2) == ["0", "1"] and client.lmove("l", "l2", "RIGHT", "LEFT") == "9"
    assert client.lmpop(2, "none", "l", direction="LEFT", count=2) == ["l", ["2", "3"]]
    assert client.ltrim("l", 1, 2) and client.lrange("l", 0, -1) == ["5", "6"]
    assert client.sort("l", desc=True) == ["6", "5"]
    raises(redis.ResponseError, "WRONGTYPE", client.hget, "l", "f")


@each
def sets_and_hashes(client, _):
    """sets and hashes"""
    assert client.sadd("s1", "a", "b", "c") == 3 and client.sadd("s2", "b", "c", "d") == 3
    assert client.sinter("s1", "s2") == {"b", "c"} and client.sdiff("s1", "s2") == {"a"}
    assert client.sintercard(2, ["s1", "s2"]) == 2 and client.smismember("s1", ["a", "z"]) == [1, 0]
    assert client.spop("s1") in "abc" and client.sunionstore("s3", "s1", "s2") == client.scard("s3")
    assert client.hset("h", mapping={"f": "v", "n": 1}) == 2 and client.hgetall("h") == {"f": "v", "n": "1"}
    assert client.hincrby("h", "n", 41) == 42 and client.hincrbyfloat("h", "n", 0.5) == 42.5
    assert client.hmget("h", "f", "none") == ["v", None] and client.hstrlen("h", "f") == 1
    assert set(client.hrandfield("h", 2)) == {"f", "n"} and dict(client.hscan_iter("h")) == {"f": "v", "n": "42.5"}
    client.hset("big", mapping={f"field {number}": number for number in range(2000)})
    assert len(dict(client.hscan_iter("big", count=50))) == 2000 and client.hlen("big") == 2000


@each
def sorted_sets(client, protocol):
    """sorted sets: scores, ranks, ranges, stores"""
    assert client.zadd("z", {"one": 1, "two": 2, "two and a half": 2.5, "last": float("inf")}) == 4
    pairs = client.zrange("z", 0, 2, withscores=True)
    assert [tuple(pair) for pair in pairs] == [("one", 1.0), ("two", 2.0), ("two and a half", 2.5)]
    assert client.zrangebyscore("z", "(1", 2.5) == ["two", "two and a half"]
    assert client.zrevrank("z", "one") == 3 and client.zscore("z", "last") == float("inf")
    assert client.zadd("z", {"one": 5}, gt=True, ch=True) == 1 and client.zincrby("z", 1.5, "one") == 6.5
    assert client.zmscore("z", ["two", "none"]) == [2.0, None]
    client.zadd("y", {"two": 10})
    assert client.zunionstore("u", {"z": 1, "y": 2}, aggregate="SUM") == 4 and client.zscore("u", "two") == 22
    assert [list(pair) for pair in client.zpopmin("z", 1)] == [["two", 2.0]]
    client.zadd("lex", dict.fromkeys("abcde", 0))
    assert client.zrangebylex("lex", "[b", "(d") == ["b", "c"] and client.zlexcount("lex", "-", "+") == 5
    assert client.zrangestore("stored", "lex", 0, 1) == 2 and client.zcard("stored") == 2


@each
def other_types(client, _):
    """HyperLogLogs, places, keys of any type"""
    client.pfadd("hll", *range(1000))
    assert 950 < client.pfcount("hll") < 1050
    client.geoadd("places", (13.361389, 38.115556, "Palermo", 15.087269, 37.502669, "Catania"))
    assert abs(client.geodist("places", "Palermo", "Catania", unit="km") - 166.2742) < 0.001
    assert client.geosearch("places", longitude=15, latitude=37, radius=100, unit="km") == ["Catania"]
    assert client.type("places") == "zset" and client.copy("places", "copy") and client.rename("copy", "moved")
    with redis.Redis.from_url(URL) as binary:
        binary.restore("restored", 0, binary.dump("places"))
    assert client.zrange("restored", 0, -1) == client.zrange("places", 0, -1) == ["Palermo", "Catania"]
    assert client.object("encoding", "places") == "listpack"
    client.mset({f"key:{number}": number for number in range(3000)})
    assert len(set(client.scan_iter("key:*", count=100))) == 3000
    assert set(client.scan_iter(_type="zset")) == {"places", "moved", "restored"}


@each
def streams(client, _):
    """streams, groups and their pending entries"""
    ids = [client.xadd("x", {"number": number}) for number in range(10)]
    assert client.xlen("x") == 10 and client.xrange("x", ids[8], "+") == [(i, {"number": str(8 + n)}) for n, i in enumerate(ids[8:])]
    assert client.xgroup_create("x", "g", "0")
    assert "number" in str(client.xreadgroup("g", "me", {"x": ">"}, count=4))
    assert client.xack("x", "g", ids[0]) == 1
    pending = client.xpending("x", "g")
    assert (pending["pending"], pending["min"], pending["consumers"]) == (3, ids[1], [{"name": "me", "pending": 3}])
    assert [entry["message_id"] for entry in client.xpending_range("x", "g", "-", "+", 10)] == ids[1:4]
    claimed = client.xautoclaim("x", "g", "other", min_idle_time=0, count=2)
    assert claimed[0] == ids[3] and [entry[0] for entry in claimed[1]] == ids[1:3]
    groups = client.xinfo_groups("x")
    assert (groups[0]["name"], groups[0]["pending"], groups[0]["entries-read"], groups[0]["lag"]) == ("g", 3, 4, 6)
    information = client.xinfo_stream("x", full=True)
    assert information["length"] == 10 and information["groups"][0]["pel-count"] == 3
    assert client.xtrim("x", maxlen=5, approximate=False) == 5 and client.xdel("x", ids[9]) == 1
    raises(redis.ResponseError, "BUSYGROUP", client.xgroup_create, "x", "g")


@each
def transactions(client, _):
    """pipelines with errors inside, WATCH by threads"""
    pipe = client.pipeline(transaction=False)
    for number in range(5000):
        pipe.set(f"k{number}", number)
    pipe.lpush("k1", "x").get("k4999")
    replies = pipe.execute(raise_on_error=False)
    assert isinstance(replies[5000], redis.ResponseError) and replies[5001] == "4999"
    pipe = client.pipeline().set("a", 1).lpush("a", 2).incr("a")
    raises(redis.ResponseError, "WRONGTYPE", pipe.execute)
    assert client.get("a") == "2"

    def add(pipe):
        value = int(pipe.get("n") or 0)
        pipe.multi()
        pipe.set("n", value + 1)

    threads = [threading.Thread(target=lambda: [client.transaction(add, "n") for _ in range(20)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert client.get("n") == "80"


@each
def channels(client, _):
    """channels, patterns, sharded channels, a thread of messages"""
    got = []
    subscriber = client.pubsub(ignore_subscribe_messages=True)
    subscriber.subscribe(news=lambda message: got.append((message["type"], message["data"])))
    subscriber.psubscribe(**{"n*": lambda message: got.append((message["type"], message["data"]))})
    subscriber.ssubscribe(shard=lambda message: got.append((message["type"], message["data"])))
    thread = subscriber.run_in_thread(sleep_time=0.01)
    until(lambda: client.pubsub_numpat() == 1 and client.pubsub_shardchannels() == ["shard"], "it subscribes")
    assert client.publish("news", "hello") == 2 and client.spublish("shard", "hi") == 1
    until(lambda: len(got) == 3, "three messages")
    assert sorted(got) == [("message", "hello"), ("pmessage", "hello"), ("smessage", "hi")]
    assert client.pubsub_numsub("news", "none") == [("news", 1), ("none", 0)]
    thread.stop()
    thread.join()
    subscriber.close()


@each
def notifications(client, _):
    """keyspace notifications"""
    client.config_set("notify-keyspace-events", "KEA")
    with client.pubsub() as subscriber:
        subscriber.psubscribe("__keyevent@0__:*")
        assert subscriber.get_message(timeout=5)["type"] == "psubscribe"
        client.set("k", "v", px=20)
        events = [subscriber.get_message(timeout=5)["channel"].split(":")[1] for _ in range(3)]
        assert events == ["set", "expire", "expired"]
    client.config_set("notify-keyspace-events", "")


@each
def blocking(client, _):
    """blocking commands, and their deadlines"""
    assert client.blpop("none", timeout=0.05) is None and client.bzpopmin("none", timeout=0.05) is None
    with soon(client.rpush, "l", "x"):
        assert list(client.blpop(["none", "l"], timeout=5)) == ["l", "x"]
    with soon(client.zadd, "z", {"m": 1}):
        assert list(client.bzpopmax("z", timeout=5)) == ["z", "m", 1.0]
    with soon(client.xadd, "x", {"f": "v"}):
        assert "'f': 'v'" in str(client.xread({"x": "$"}, block=5000))


@each
def scripts(client, _):
    """scripts that are registered"""
    needs("EVAL")
    client.script_flush()
    multiply = client.register_script("return redis.call('GET', KEYS[1]) * ARGV[1]")
    client.set("n", 6)
    assert multiply(keys=["n"], args=[7]) == 42
    pipe = client.pipeline().set("n", 7)
    multiply(keys=["n"], args=[7], client=pipe)
    assert pipe.execute() == [True, 49]
    assert client.script_exists(multiply.sha) == [True]
    raises(redis.ResponseError, "no good", client.eval, "return redis.error_reply('no good')", 0)
    raises(redis.exceptions.NoScriptError, "No matching script", client.evalsha, "f" * 40, 0)
    with client.lock("lock", timeout=5):
        assert client.lock("lock").acquire(blocking=False) is False


@each
def functions(client, _):
    """functions"""
    needs("FUNCTION")
    code = "#!lua name=mylib\nredis.register_function('plus', function(keys, args) return redis.call('INCRBY', keys[1], args[1]) end)"
    assert client.function_load(code, replace=True) == "mylib"
    assert client.fcall("plus", 1, "n", 5) == 5 and client.fcall("plus", 1, "n", 5) == 10
    assert "plus" in str(client.function_list()) and client.function_delete("mylib")


@each
def users(client, protocol):
    """users, what they may not, and their log"""
    client.acl_setuser("ann", enabled=True, reset=True, passwords=["+secret"], keys=["ann:*"], commands=["+@all", "-@dangerous"])
    assert "~ann:*" in client.acl_getuser("ann")["keys"]
    with redis.Redis.from_url(URL, protocol=protocol, username="ann", password="secret", decode_responses=True) as ann:
        assert ann.set("ann:x", 1) and ann.acl_whoami() == "ann"
        raises(redis.exceptions.NoPermissionError, "keys used as arguments", ann.get, "bob:x")
        raises(redis.exceptions.NoPermissionError, "flushall", ann.flushall)
    assert client.acl_log()[0]["object"] == "flushall" and client.acl_log_reset()
    wrong = redis.Redis.from_url(URL, protocol=protocol, username="ann", password="no")
    raises(redis.AuthenticationError, "invalid username-password pair", wrong.ping)
    assert client.acl_deluser("ann") == 1 and client.acl_users() == ["default"]


@each
def servers(client, protocol):
    """what the server says of itself, its clients and its configuration"""
    assert client.ping() and client.echo("x") == "x" and client.dbsize() == 0
    assert client.info("server")["tcp_port"] and client.info("keyspace") == {}
    client.client_setname("me")
    assert client.client_getname() == "me" and client.client_info()["resp"] == str(protocol)
    assert any(entry["name"] == "me" for entry in client.client_list())
    assert client.config_get("maxmemory*")["maxmemory"] == "0"
    assert client.command_count() > 200 and "get" in client.command()
    assert client.time()[0] > 1_700_000_000 and client.memory_usage("none") is None
    with client.monitor() as monitor:
        client.set("watched", "x")
        until(lambda: monitor.next_command()["command"] == "SET watched x", "the command is told")


run([strings, lists, sets_and_hashes, sorted_sets, other_types, streams, transactions, channels, notifications, blocking,
     scripts, functions, users, servers])  # fmt: skip
