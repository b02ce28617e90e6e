"""Django's cache framework on django-redis."""

import time

import django
from checks import URL, needs, run
from django.conf import settings

settings.configure(
    CACHES={
        "default": {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": f"{URL}/4",
            "OPTIONS": {"COMPRESSOR": "django_redis.compressors.zlib.ZlibCompressor"},
            "KEY_PREFIX": "site",
        }
    },
    SESSION_ENGINE="django.contrib.sessions.backends.cache",
)
django.setup()
from django.core.cache import cache  # noqa: E402


def values():
    """values of any type, with and without deadlines"""
    value = {"list": [1, 2.5, None], "text": "ünïcode", "big": "x" * 100_000}
    cache.set("key", value, timeout=60)
    assert cache.get("key") == value
    assert 58 < cache.ttl("key") <= 60
    cache.set("short", 1, timeout=0.1)
    cache.set("forever", 1, timeout=None)
    assert cache.ttl("forever") is None
    time.sleep(0.3)
    assert cache.get("short", "gone") == "gone"


def counters():
    """add, incr, decr, touch"""
    assert cache.add("n", 5) is True and cache.add("n", 6) is False
    assert cache.decr("n") == 4
    assert cache.touch("n", 100) is True and cache.ttl("n") > 90
    assert cache.get_or_set("made", lambda: "once") == "once"


def many():
    """many at once, patterns, versions"""
    cache.set_many({f"many:{number}": number for number in range(500)})
    assert cache.get_many(f"many:{number}" for number in range(500)) == {f"many:{n}": n for n in range(500)}
    assert len(list(cache.iter_keys("many:*"))) == 500
    assert cache.delete_pattern("many:*") == 500
    cache.set("versioned", "one", version=1)
    cache.set("versioned", "two", version=2)
    assert (cache.get("versioned", version=1), cache.get("versioned", version=2)) == ("one", "two")


def sessions():
    """sessions live in the cache"""
    from django.contrib.sessions.backends.cache import SessionStore

    session = SessionStore()
    session["user"] = 42
    session.save()
    assert SessionStore(session.session_key)["user"] == 42
    session.delete()
    assert "user" not in SessionStore(session.session_key)


def locks():
    """a lock of the cache"""
    needs("EVALSHA")
    with cache.lock("lock", timeout=10):
        assert cache.lock("lock", timeout=10).acquire(blocking=False) is False
    assert cache.lock("lock", timeout=10).acquire(blocking=False) is True


def clear():
    """clear leaves nothing"""
    cache.clear()
    assert cache.get("forever") is None


run([values, counters, many, sessions, locks, clear])
