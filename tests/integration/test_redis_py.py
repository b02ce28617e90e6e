"""What programs do: redis-py in both protocols, over every kind of listener."""

import threading

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
