"""redis-py with what Redis has got since 7.2: does a client of today understand the replies? Debian's redis-server has
none of it, so this runs on DiskDB alone."""

import redis
from checks import URL, each, raises, run, until
from redis.cache import CacheConfig
from redis.commands.core import ArrayAggregateOperations


@each
def fields(client, _):
    """fields of hashes that expire"""
    client.hset("h", mapping={"a": 1, "b": 2, "c": 3})
    assert client.hexpire("h", 100, "a", "none") == [1, -2] and client.httl("h", "a", "b", "none") == [100, -1, -2]
    assert client.hpersist("h", "a", "b") == [1, -1]
    assert client.hgetex("h", "a", "none", ex=10) == ["1", None] and client.httl("h", "a") == [10]
    assert client.hgetdel("h", "a", "none") == ["1", None] and client.hlen("h") == 2
    assert client.hsetex("h", mapping={"x": 1}, px=20) == 1
    until(lambda: client.hgetall("h") == {"b": "2", "c": "3"}, "the field expires")


@each
def strings(client, _):
    """strings that are compared, counters with bounds, many strings with a deadline"""
    client.set("s", "one")
    assert client.set("s", "two", ifeq="other") is None and client.set("s", "two", ifeq="one") is True
    digest = client.digest("s")
    assert (client.delex("s", ifdne=digest), client.delex("s", ifdeq=digest)) == (0, 1)
    assert client.msetex({"a": 1, "b": 2}, ex=10) == 1 and client.ttl("b") == 10
    assert client.increx("n", byint=5, ubound=7, ex=10) == [5, 5]
    assert client.increx("n", byint=5, ubound=7, saturate=True) == [7, 2] and client.ttl("n") == 10


@each
def arrays(client, _):
    """arrays"""
    assert client.arset("ar", 5, "x", "y") == 2 and client.armset("ar", {0: "zero", 1_000_000: "far"}) == 2
    assert (client.arget("ar", 5), client.arget("ar", 7)) == ("x", None)
    assert client.argetrange("ar", 4, 7) == [None, "x", "y", None]
    assert client.arscan("ar", 0, 2_000_000) == [[0, "zero"], [5, "x"], [6, "y"], [1_000_000, "far"]]
    assert (client.arcount("ar"), client.arlen("ar"), client.arinfo("ar")["count"]) == (4, 1_000_001, 4)
    assert [client.arring("ring", 3, value) for value in "abcde"] == [0, 1, 2, 0, 1]
    assert client.arlastitems("ring", 3) == ["c", "d", "e"]
    client.arset("numbers", 0, 1, 2, 3)
    assert client.arop("numbers", 0, 2, ArrayAggregateOperations.SUM) == "6"
    raises(redis.ResponseError, "WRONGTYPE", client.get, "ar")


@each
def streams(client, _):
    """streams: entries that go with their references, producers that may repeat themselves, claims of a reader"""
    ids = [client.xadd("x", {"n": number}) for number in range(4)]
    client.xgroup_create("x", "g", "0")
    client.xreadgroup("g", "me", {"x": ">"})
    assert client.xackdel("x", "g", *ids[:2], ref_policy="DELREF") == [1, 1]
    assert client.xdelex("x", ids[2], "1-1", ref_policy="ACKED") == [2, -1]
    assert client.xcfgset("x", idmp_duration=100) in ("OK", True)
    assert client.xadd("x", {"f": 1}, idmp=("me", b"1")) == client.xadd("x", {"f": 1}, idmp=("me", b"1"))
    read = client.xreadgroup("g", "other", {"x": ">"}, claim_min_idle_time=0)
    entries = read["x"][0] if isinstance(read, dict) else read[0][1]
    assert [entry[1] for entry in entries] == [{"n": "2"}, {"n": "3"}, {"f": "1"}]
    assert client.xpending("x", "g")["consumers"] == [{"name": "other", "pending": 3}]


@each
def counts(client, _):
    """how many members a union and a difference have, ranks with scores"""
    client.sadd("s1", 1, 2, 3)
    client.sadd("s2", 2, 3, 4)
    assert (client.sunioncard(2, ["s1", "s2"]), client.sdiffcard(2, ["s1", "s2"])) == (4, 1)
    client.zadd("z", {"m": 1.5})
    assert client.zrank("z", "m", withscore=True) == [0, 1.5]


@each
def imports(client, _):
    """hashes of a prepared set of fields"""
    client.himport_prepare("fields", ["name", "age"])
    assert client.himport_set("h", "fields", ["Ada", 36]) is True
    assert client.hgetall("h") == {"name": "Ada", "age": "36"}
    assert client.himport_discard("fields") == 1


def caching():
    """client-side caching: what others change is read again"""
    with redis.Redis.from_url(URL, protocol=3, cache_config=CacheConfig(max_size=100), decode_responses=True) as cached:
        with redis.Redis.from_url(URL, decode_responses=True) as other:
            other.set("k", "one")
            assert [cached.get("k"), cached.get("k"), cached.get_cache().size] == ["one", "one", 1]
            other.set("k", "two")
            until(lambda: cached.get("k") == "two", "the change is told", 3)
            other.flushall()
            until(lambda: cached.get("k") is None, "the flush is told", 3)


run([fields, strings, arrays, streams, counts, imports, caching])
