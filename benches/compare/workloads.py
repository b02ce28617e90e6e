"""What is measured: redis-benchmark's own tests, and what the project promised to reach in them."""

from dataclasses import dataclass

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

# Throughput relative to Redis with the same appendfsync: (policy, test, pipeline, size) -> least ratio.
TARGETS = {
    (EVERYSEC, "SET", 1, 3): 0.9,
    (EVERYSEC, "GET", 1, 3): 0.9,
    (EVERYSEC, "SET", 16, 3): 0.85,
    (EVERYSEC, "GET", 16, 3): 1.1,
    (ALWAYS, "SET", 1, 3): 0.8,
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
        return f"{self.test} {self.size} B, P={self.pipeline}{tail}"

    @property
    def target(self):
        if self.after_restart or self.clients != CLIENTS:
            return None
        return TARGETS.get((self.policy, self.test, self.pipeline, self.size))

    def requests(self, scale):
        table = REQUESTS
        if self.policy == ALWAYS:
            table = ALWAYS_REQUESTS
        elif self.test == "MSET":
            table = HEAVY_REQUESTS
        return max(10_000, int(table[self.pipeline] * scale))

    def benchmark_words(self, port, scale):
        """The call of redis-benchmark."""
        test = {"PING": "ping_mbulk"}.get(self.test, self.test.lower())
        return [
            "redis-benchmark", "-h", "127.0.0.1", "-p", str(port), "-t", test, "--csv",
            "-n", str(self.requests(scale)), "-c", str(self.clients), "-P", str(self.pipeline),
            "-d", str(self.size), "-r", str(self.keys),
        ]  # fmt: skip


def everysec_cells(size, tests, keys):
    """Warm cells for one value size, writes first."""
    sized = ["SET", "GET", "MSET"]
    unsized = ["PING", "INCR"] if size == SIZES[0] else []
    chosen = [test for test in unsized + sized if test in tests]
    return [Cell(EVERYSEC, test, pipeline, size, keys=keys) for test in chosen for pipeline in PIPELINES]


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
