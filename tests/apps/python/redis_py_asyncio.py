"""redis-py with asyncio and hiredis' parser, in both protocols."""

import asyncio

import redis.asyncio as redis
from checks import URL, run
from redis.utils import HIREDIS_AVAILABLE

assert HIREDIS_AVAILABLE


def both(body):
    """A check that runs in RESP2 and RESP3."""

    def check():
        async def all_of_it():
            for protocol in (2, 3):
                async with redis.from_url(URL, protocol=protocol, decode_responses=True) as client:
                    await client.flushall()
                    await asyncio.wait_for(body(client), 30)

        asyncio.run(all_of_it())

    check.__doc__ = body.__doc__
    return check


@both
async def side_by_side(client):
    """tasks side by side, each on a connection of its own"""
    replies = await asyncio.gather(*(client.incr("n") for _ in range(80)))
    assert sorted(replies) == list(range(1, 81))


@both
async def pipelines(client):
    """pipelines, transactions, optimistic locks"""
    async with client.pipeline(transaction=True) as pipe:
        replies = await pipe.set("k", 1).incr("k").hset("h", "f", "v").hgetall("h").execute()
    assert replies == [True, 2, 1, {"f": "v"}]

    async def step(pipe):
        value = int(await pipe.get("k"))
        pipe.multi()
        pipe.set("k", value + 1)

    await asyncio.gather(*(client.transaction(step, "k") for _ in range(20)))
    assert await client.get("k") == "22"


@both
async def channels(client):
    """channels and patterns"""
    async with client.pubsub() as subscriber:
        await subscriber.subscribe("news")
        await subscriber.psubscribe("n*")
        got = []
        while len(got) < 2:
            message = await subscriber.get_message(timeout=5)
            if message and message["type"] == "psubscribe":
                assert await client.publish("news", "hello") == 2
            elif message and message["type"].endswith("message"):
                got.append((message["type"], message["data"]))
        assert sorted(got) == [("message", "hello"), ("pmessage", "hello")]


@both
async def blocking(client):
    """blocking commands and streams"""
    waiting = asyncio.create_task(client.blpop(["queue"], timeout=10))
    await asyncio.sleep(0.05)
    await client.rpush("queue", "x")
    assert list(await waiting) == ["queue", "x"]
    entry = await client.xadd("stream", {"f": "v"})
    await client.xgroup_create("stream", "group", "0")
    assert entry in str(await client.xreadgroup("group", "me", {"stream": ">"}))
    assert await client.xack("stream", "group", entry) == 1


@both
async def walks(client):
    """SCAN as an asynchronous iterator"""
    await client.mset({f"key:{number}": number for number in range(2000)})
    assert len({key async for key in client.scan_iter("key:*")}) == 2000


run([side_by_side, pipelines, channels, blocking, walks])
