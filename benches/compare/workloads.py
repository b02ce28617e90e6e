"""What is measured: redis-benchmark's own tests, and what the project promised to reach in them."""

from dataclasses import dataclass, replace

KEYS = 1_000_000
CLIENTS = 50
PIPELINES = (1, 16)
SIZES = (3, 128, 1024)

# Requests per run, by pipeline depth, for about two seconds of work on one core.
REQUESTS = {1: 150_000, 16: 1_000_000}
# An MSET sets ten keys.
HEAVY_REQUESTS = {1: 60_000, 16: 150_000}
# With appendfsync always every turn waits for the disk.
ALWAYS_REQUESTS = {1: 60_000, 16: 200_000}

EVERYSEC, ALWAYS = "everysec", "always"
# Not another policy (it is everysec) but a table of its own.
COLLECTIONS = "collections"

# As redis-benchmark calls them, and a few of our own: the command, and what is run unmeasured before each
# run so that there is something to take out.
COLLECTION_COMMANDS = {
    "LPUSH": ("LPUSH mylist xxx", None),
    "RPUSH": ("RPUSH mylist xxx", None),
    "LPOP": ("LPOP mylist", "RPUSH"),
    "RPOP": ("RPOP mylist", "RPUSH"),
    "LPUSH on many lists": ("LPUSH list:__rand_int__ xxx", None),
    "SADD": ("SADD myset element:__rand_int__", None),
    "SPOP": ("SPOP myset", "SADD"),
    "HSET": ("HSET myhash element:__rand_int__ xxx", None),
    "HGETALL": ("HGETALL hash:__rand_int__", None),
    "ZADD": ("ZADD myzset __rand_int__ element:__rand_int__", None),
    "ZPOPMIN": ("ZPOPMIN myzset", "ZADD"),
    "LRANGE_100": ("LRANGE range 0 99", None),
    "LRANGE_300": ("LRANGE range 0 299", None),
    "LRANGE_500": ("LRANGE range 0 499", None),
    "LRANGE_600": ("LRANGE range 0 599", None),
    "XADD": ("XADD mystream * myfield xxx", None),
}
# What the servers hold before: small hashes, and a list to read from.
COLLECTION_FILL = "HSET hash:__rand_int__ a 1 b 2 c 3 d 4 e 5"
COLLECTION_LIST = ("RPUSH", "range", *["xxx"] * 600)

# Throughput relative to Redis with the same appendfsync: (policy, test, pipeline, size) -> least ratio.
TARGETS = {
    (EVERYSEC, "SET", 1, 3): 0.9,
    (EVERYSEC, "GET", 1, 3): 0.9,
    (EVERYSEC, "SET", 16, 3): 0.85,
    (EVERYSEC, "GET", 16, 3): 1.1,
    (ALWAYS, "SET", 1, 3): 0.8,
    **{(COLLECTIONS, test, 1, 3): 0.9 for test in COLLECTION_COMMANDS if test != "LPUSH on many lists"},
    **{(COLLECTIONS, test, 16, 3): 0.4 for test in ("LPUSH", "RPUSH", "LPOP", "RPOP")},
    **{(COLLECTIONS, test, 16, 3): 0.6 for test in ("SADD", "HSET", "XADD")},
    **{(COLLECTIONS, test, 16, 3): 1.0 for test in ("LRANGE_100", "HGETALL")},
    (COLLECTIONS, "LPUSH on many lists", 16, 3): 0.7,
    (COLLECTIONS, "ZADD", 16, 3): 0.8,
}
TARGET_START_SECONDS = 2.0
TARGET_RSS_MB = 600


@dataclass(frozen=True)
class Cell:
    """One line of the table."""

    policy: str  # the appendfsync of the durable contenders
    test: str
    pipeline: int
    size: int
    after_restart: bool = False
    clients: int = CLIENTS
    keys: int = KEYS

    @property
    def name(self):
        tail = ", after restart" if self.after_restart else ""
        size = "" if self.policy == COLLECTIONS else f" {self.size} B"
        return f"{self.test}{size}, P={self.pipeline}{tail}"

    @property
    def target(self):
        if self.after_restart or self.clients != CLIENTS:
            return None
        return TARGETS.get((self.policy, self.test, self.pipeline, self.size))

    def requests(self, scale):
        table = REQUESTS
        if self.policy == ALWAYS:
            table = ALWAYS_REQUESTS
        elif self.test == "MSET" or self.test.startswith("LRANGE"):
            table = HEAVY_REQUESTS
        return max(10_000, int(table[self.pipeline] * scale))

    def benchmark_words(self, port, scale):
        """The call of redis-benchmark."""
        if self.policy == COLLECTIONS:
            words = COLLECTION_COMMANDS[self.test][0].split()
            return [*self.common_words(port, scale), *words]
        test = {"PING": "ping_mbulk"}.get(self.test, self.test.lower())
        return [*self.common_words(port, scale), "-t", test, "-d", str(self.size)]

    def common_words(self, port, scale):
        return [
            "redis-benchmark", "-h", "127.0.0.1", "-p", str(port), "--csv",
            "-n", str(self.requests(scale)), "-c", str(self.clients), "-P", str(self.pipeline),
            "-r", str(self.keys),
        ]  # fmt: skip

    def fill_words(self, port, scale):
        """What is run before, if there is something: as many requests, pipelined."""
        fill = COLLECTION_COMMANDS[self.test][1] if self.policy == COLLECTIONS else None
        if fill is None:
            return None
        words = replace(self, pipeline=16).common_words(port, scale)
        words[words.index("-n") + 1] = str(self.requests(scale))
        return [*words, *COLLECTION_COMMANDS[fill][0].split()]


def everysec_cells(size, tests, keys):
    """Warm cells for one value size, writes first."""
    sized = ["SET", "GET", "MSET"]
    unsized = ["PING", "INCR"] if size == SIZES[0] else []
    chosen = [test for test in unsized + sized if test in tests]
    return [Cell(EVERYSEC, test, pipeline, size, keys=keys) for test in chosen for pipeline in PIPELINES]


def collection_cells(keys):
    """Warm cells on collections, redis-benchmark's and a few more."""
    return [
        Cell(COLLECTIONS, test, pipeline, SIZES[0], keys=keys)
        for test in COLLECTION_COMMANDS
        for pipeline in PIPELINES
    ]


def restart_cells(size, tests, keys):
    """Cells right after a restart."""
    if "GET" not in tests:
        return []
    return [Cell(EVERYSEC, "GET", pipeline, size, after_restart=True, keys=keys) for pipeline in PIPELINES]


def always_cells(tests, keys):
    """Cells in which every write waits for the disk."""
    if "SET" not in tests:
        return []
    return [Cell(ALWAYS, "SET", pipeline, SIZES[0], keys=keys) for pipeline in PIPELINES]
