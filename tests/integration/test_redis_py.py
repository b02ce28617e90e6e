"""What programs do: redis-py in both protocols, over every kind of listener."""

import threading
import time

import pytest
import redis


def connect(server, protocol=2, **options):
    return redis.Redis(port=server.port, protocol=protocol, **options)


@pytest.fixture(params=[2, 3], ids=["RESP2", "RESP3"])
def client(request, server):
    with connect(server, request.param) as client:
        yield client


def test_values(client):
    assert client.set("key", "value") is True
    assert client.get("key") == b"value"
    assert client.set("key", "other", nx=True) is None
    assert client.set("key", "other", xx=True, get=True) == b"value"
    assert client.incrby("count", 5) == 5
    assert client.append("key", "!") == 6
    assert client.mget("key", "nothing", "count") == [b"other!", None, b"5"]


def test_expiry(client):
    client.set("key", "value", px=60_000)
    assert 59_000 < client.pttl("key") <= 60_000
    assert client.persist("key") is True
    assert client.ttl("key") == -1
    client.set("short", "value", px=20)
    assert client.exists("key", "short") == 2
    threading.Event().wait(0.2)
    assert client.exists("key", "short") == 1
    assert client.dbsize() == 1


def test_errors(client):
    client.set("text", "not a number")
    with pytest.raises(redis.ResponseError, match="value is not an integer or out of range"):
        client.incr("text")


def test_pipeline(client):
    with client.pipeline(transaction=False) as pipeline:
        for number in range(5_000):
            pipeline.set(f"key:{number}", number)
            pipeline.get(f"key:{number}")
        replies = pipeline.execute()
    assert replies[1::2] == [b"%d" % number for number in range(5_000)]


def test_transactions(client):
    with client.pipeline(transaction=True) as pipeline:
        pipeline.set("key", "1").incr("key").lpush("key", "x").get("key")
        replies = pipeline.execute(raise_on_error=False)
    assert replies[:2] == [True, 2] and replies[3] == b"2"
    assert isinstance(replies[2], redis.ResponseError)
    with client.pipeline() as pipeline:
        pipeline.watch("key")
        client.incr("key")
        pipeline.multi()
        pipeline.set("key", "lost")
        with pytest.raises(redis.WatchError):
            pipeline.execute()
    assert client.get("key") == b"3"


def test_monitor(client):
    with client.monitor() as monitor:
        client.set("key", "a b")
        # redis-py opens a connection for it, and says hello on that one first.
        heard = (monitor.next_command()["command"] for _ in range(10))
        assert "SET key a b" in heard


def test_large_values(client):
    value = bytes(range(256)) * (20 * 4096)  # 20 MB
    client.set("large", value)
    assert client.strlen("large") == len(value)
    assert client.getrange("large", 1_000_000, 1_000_299) == value[1_000_000:1_000_300]
    assert client.get("large") == value


def test_scan(client):
    client.mset({f"key:{number}": number for number in range(1_000)})
    assert len(set(client.scan_iter(match="key:*", count=100))) == 1_000


def test_dump_and_restore(client):
    client.set("key", "value")
    payload = client.dump("key")
    client.restore("copy", 0, payload)
    assert client.get("copy") == b"value"


def test_info_and_config(client):
    info = client.info()
    assert info["redis_version"] and info["connected_clients"] >= 1
    assert client.config_get("appendfsync") == {"appendfsync": "everysec"}
    client.config_set("timeout", 300)
    assert client.config_get("timeout") == {"timeout": "300"}
    client.config_set("timeout", 0)


def test_hello_and_names(client):
    assert client.client_setname("tester") is True
    assert client.client_getname() in (b"tester", "tester")
    assert client.client_id() > 0


def test_unix_socket(server):
    with redis.Redis(unix_socket_path=str(server.unix_socket)) as client:
        assert client.set("key", "value")
        assert client.get("key") == b"value"


@pytest.mark.parametrize("protocol", [2, 3])
def test_tls(server, certificates, protocol):
    options = {
        "ssl": True,
        "ssl_ca_certs": str(certificates / "ca.crt"),
        "ssl_certfile": str(certificates / "client.crt"),
        "ssl_keyfile": str(certificates / "client.key"),
    }
    with redis.Redis(host="localhost", port=server.tls_port, protocol=protocol, **options) as client:
        assert client.set("key", b"x" * 100_000)
        assert client.get("key") == b"x" * 100_000


def test_tls_wants_a_client_certificate(server, certificates):
    options = {"ssl": True, "ssl_ca_certs": str(certificates / "ca.crt")}
    with redis.Redis(host="localhost", port=server.tls_port, **options) as client:
        with pytest.raises(redis.ConnectionError):
            client.ping()


def test_concurrent_increments(server):
    def work():
        with connect(server) as client:
            for _ in range(200):
                client.incr("count")

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with connect(server) as client:
        assert client.get("count") == b"1600"


def test_password(own_server):
    own_server.arguments = ["--requirepass", "secret"]
    own_server.start()  # PING is answered with NOAUTH, which is an answer
    with connect(own_server) as client:
        with pytest.raises(redis.AuthenticationError):
            client.get("key")
    with connect(own_server, protocol=3, password="secret") as client:
        assert client.set("key", "value")


def next_message(pubsub):
    message = pubsub.get_message(timeout=5)
    assert message is not None
    return message["type"], message["channel"], message["data"]


def test_channels(client):
    with client.pubsub() as pubsub:
        pubsub.subscribe("news")
        pubsub.psubscribe("n*")
        assert next_message(pubsub) == ("subscribe", b"news", 1)
        assert next_message(pubsub) == ("psubscribe", b"n*", 2)
        assert client.publish("news", "hello") == 2
        assert next_message(pubsub) == ("message", b"news", b"hello")
        assert next_message(pubsub) == ("pmessage", b"news", b"hello")
        assert client.pubsub_numsub("news") == [(b"news", 1)]
        pubsub.unsubscribe()
        pubsub.punsubscribe()
        assert next_message(pubsub) == ("unsubscribe", b"news", 1)
        assert next_message(pubsub) == ("punsubscribe", b"n*", 0)


def test_many_subscribers_hear_everything_in_order(client):
    listeners = [client.pubsub() for _ in range(50)]
    for listener in listeners:
        listener.subscribe("news")
        assert next_message(listener)[0] == "subscribe"
    with client.pipeline(transaction=False) as pipeline:
        for number in range(200):
            pipeline.publish("news", number)
        assert pipeline.execute() == [50] * 200
    for listener in listeners:
        assert [next_message(listener)[2] for _ in range(200)] == [b"%d" % number for number in range(200)]
        listener.close()


@pytest.fixture(params=[2, 3], ids=["RESP2", "RESP3"])
def admin(request, server):
    with connect(server, request.param, decode_responses=True) as admin:
        yield admin


@pytest.fixture
def user(admin):
    """The name of an ACL user that goes with the test."""
    yield "worker"
    admin.acl_deluser("worker")
    admin.acl_log_reset()


def test_acl_users(admin, user):
    assert admin.acl_whoami() == "default"
    assert admin.acl_getuser(user) is None
    assert admin.acl_setuser(
        user,
        enabled=True,
        passwords=["+secret", "+other"],
        categories=["+@read", "-@dangerous"],
        commands=["+set", "+config|get", "-mget"],
        keys=["job:*"],
        channels=["events:*"],
        selectors=[("+del", "%W~tmp:*")],
    )
    known = admin.acl_getuser(user)
    assert known["enabled"] is True and "on" in known["flags"]
    assert len(known["passwords"]) == 2 and len(known["selectors"]) == 1
    assert known["commands"] == ["+set", "+config|get", "-mget"]
    assert sorted(known["categories"]) == ["+@read", "-@all", "-@dangerous"]
    assert "~job:*" in known["keys"] and "&events:*" in known["channels"]
    assert admin.acl_setuser(user, passwords=["-other"], reset_keys=True, keys=["job:*", "run:*"])
    assert len(admin.acl_getuser(user)["passwords"]) == 1
    assert sorted(admin.acl_users()) == ["default", user]
    assert [line.split()[:2] for line in admin.acl_list()] == [["user", "default"], ["user", user]]
    assert admin.acl_dryrun(user, "SET", "job:1", "x") in ("OK", True)
    assert "no permissions" in admin.acl_dryrun(user, "SET", "other", "x")
    assert admin.acl_deluser(user, "nobody") == 1
    assert admin.acl_users() == ["default"]


def test_acl_is_enforced(server, admin, user):
    # redis-py introduces itself.
    rights = ["+get", "+set", "+publish", "+multi", "+exec", "+client|setinfo"]
    admin.acl_setuser(
        user, enabled=True, passwords=["+secret"], commands=rights, keys=["job:*"], channels=["events:*"]
    )
    with pytest.raises(redis.AuthenticationError):
        connect(server, username=user, password="wrong").ping()
    with connect(server, username=user, password="secret") as worker:
        assert worker.set("job:1", "x") is True
        assert worker.publish("events:1", "x") == 0
        for refused in [lambda: worker.get("other"), lambda: worker.publish("other", "x"), worker.flushall]:
            with pytest.raises(redis.exceptions.NoPermissionError):
                refused()
        with worker.pipeline(transaction=True) as pipeline, pytest.raises(redis.exceptions.NoPermissionError):
            pipeline.set("job:2", "x").set("another", "x").execute()
        assert worker.get("job:2") is None
    logged = admin.acl_log()
    denied = [(entry["reason"], entry["object"], entry["username"], entry["count"]) for entry in logged]
    assert denied[:4] == [
        ("key", "another", user, 1),
        ("command", "flushall", user, 1),
        ("channel", "other", user, 1),
        ("key", "other", user, 1),
    ]
    assert denied[4][0] == "auth" and user in str(logged[0]["client-info"])
    assert len(admin.acl_log(count=2)) == 2
    assert admin.acl_log_reset()
    assert admin.acl_log() == []


def test_acl_help_and_categories(admin):
    assert "read" in admin.acl_cat() and "get" in admin.acl_cat("read")
    assert len(admin.acl_genpass()) == 64 and len(admin.acl_genpass(5)) == 2
    assert admin.acl_help()[0].startswith("ACL <subcommand>")
    for without_a_file in [admin.acl_save, admin.acl_load]:
        with pytest.raises(redis.ResponseError, match="not configured to use an ACL file"):
            without_a_file()


def test_a_cache_of_ones_own_is_told_of_changes(server, client):
    def becomes(value):
        """What invalidates a key is on its way when the change is answered, on another connection."""
        deadline = time.monotonic() + 5
        while cached.get("kept") != value and time.monotonic() < deadline:
            time.sleep(0.01)
        return cached.get("kept") == value

    config = redis.cache.CacheConfig()
    with redis.Redis(port=server.port, protocol=3, cache_config=config) as cached:
        client.set("kept", "1")
        assert [cached.get("kept"), cached.get("kept")] == [b"1", b"1"]
        assert cached.get_cache().size == 1
        client.set("kept", "2")
        assert becomes(b"2")
        client.flushall()
        assert becomes(None)
