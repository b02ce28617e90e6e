"""Locks of several libraries, and Pottery's containers."""

import threading
import time
import warnings

import redis
from checks import HOST, PORT, URL, needs, run
from pottery import BloomFilter, HyperLogLog, NextID, RedisCounter, RedisDeque, RedisDict, RedisSet, redis_cache
from pottery import Redlock as PotteryRedlock
from pottery.exceptions import InefficientAccessWarning
from redis.exceptions import LockError, LockNotOwnedError
from redlock import Redlock

warnings.simplefilter("ignore", InefficientAccessWarning)
client = redis.Redis.from_url(f"{URL}/8")


def one_at_a_time(lock_of):
    """A counter that is read and written under the lock, by threads."""
    client.set("counter", 0)

    def work():
        for _ in range(10):
            with lock_of():
                value = int(client.get("counter"))
                time.sleep(0.001)
                client.set("counter", value + 1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert int(client.get("counter")) == 40


def redis_py():
    """redis-py's lock: one at a time, extended, lost"""
    needs("EVALSHA")
    one_at_a_time(lambda: client.lock("py", timeout=10, sleep=0.001))
    lock = client.lock("mine", timeout=1)
    assert lock.acquire() and not client.lock("mine", timeout=1).acquire(blocking=False)
    assert lock.extend(10) and 10000 < client.pttl("mine") <= 11000
    assert lock.reacquire() and client.pttl("mine") <= 1000
    client.set("mine", "somebody else")
    try:
        lock.release()
    except LockNotOwnedError:
        pass
    else:
        raise AssertionError("it released the lock of somebody else")
    assert client.get("mine") == b"somebody else"
    try:
        client.lock("mine", blocking_timeout=0.1).__enter__()
    except LockError:
        return
    raise AssertionError("it got the lock of somebody else")


def redlock_py():
    """redlock-py: a lock holds until it is released or expires"""
    needs("EVALSHA")
    manager = Redlock([{"host": HOST, "port": PORT, "db": 8}], retry_count=1)
    lock = manager.lock("red", 10000)
    assert lock and manager.lock("red", 10000) is False
    manager.unlock(lock)
    assert manager.lock("red", 100)
    time.sleep(0.2)
    assert manager.lock("red", 100)


def pottery():
    """Pottery's Redlock: one at a time, extended, released"""
    needs("EVALSHA")
    one_at_a_time(lambda: PotteryRedlock(key="pottery", masters={client}, auto_release_time=10))
    lock = PotteryRedlock(key="pottery", masters={client}, auto_release_time=10)
    assert lock.acquire() and 9 < lock.locked() <= 10
    lock.extend()
    lock.release()
    assert not lock.locked()


def identifiers():
    """Pottery's NextID: numbers that only grow"""
    needs("EVALSHA")
    numbers = NextID(key="tweets", masters={client})
    assert [next(numbers) for _ in range(20)] == list(range(1, 21))


def containers():
    """Pottery's dict, set, counter, deque, HyperLogLog, Bloom filter and cache"""
    values = RedisDict({"a": [1, 2], "b": None}, redis=client, key="dict")
    values["c"] = {"deep": 1.5}
    assert values.to_dict() == {"a": [1, 2], "b": None, "c": {"deep": 1.5}}
    members = RedisSet(range(10), redis=client, key="set")
    members.discard(3)
    assert members.to_set() == set(range(10)) - {3}
    assert RedisCounter("abracadabra", redis=client, key="counts").most_common(1) == [("a", 5)]
    deque = RedisDeque([1, 2, 3], maxlen=3, redis=client, key="deque")
    deque.append(4)
    deque.appendleft(0)
    assert list(deque) == [0, 2, 3]
    seen = HyperLogLog(range(1000), redis=client, key="seen")
    assert 950 < len(seen) < 1050
    filtered = BloomFilter(num_elements=100, false_positives=0.01, redis=client, key="bloom")
    filtered.update({"rate", "dirty"})
    assert "rate" in filtered and "clean" not in filtered
    calls = []

    @redis_cache(redis=client, key="cache")
    def cached(number):
        calls.append(number)
        return number * 2

    assert [cached(4), cached(4), calls] == [8, 8, [4]]


run([redis_py, redlock_py, pottery, identifiers, containers])
