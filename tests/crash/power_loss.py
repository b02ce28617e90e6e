"""What a loss of power takes away: everything that was written and not forced to the disk."""

import os
import pathlib
import subprocess

SOURCE = pathlib.Path(__file__).with_name("sync_log.c")


class SyncLog:
    """Watches a server's fsyncs; takes away what they did not cover."""

    def __init__(self, directory):
        self.library = directory / "sync_log.so"
        self.path = directory / "sync.log"
        compiler = os.environ.get("CC", "cc")
        subprocess.run(
            [compiler, "-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o", self.library, SOURCE, "-ldl"],
            check=True,
        )

    def environment(self):
        return {"LD_PRELOAD": str(self.library), "SYNC_LOG": str(self.path)}

    def lose_power(self, data):
        """Cuts every file below `data` to what was synced; returns how many bytes were lost."""
        synced = {}
        for line in self.path.read_text().splitlines():
            inode, size = line.split()
            synced[int(inode)] = int(size)
        lost = 0
        for path in data.rglob("*"):
            if not path.is_file():
                continue
            found = path.stat()
            safe = min(synced.get(found.st_ino, 0), found.st_size)
            if safe < found.st_size:
                lost += found.st_size - safe
                os.truncate(path, safe)
        # What is left counts as safe for the next time.
        lines = (f"{path.stat().st_ino} {path.stat().st_size}\n" for path in data.rglob("*") if path.is_file())
        self.path.write_text("".join(lines))
        return lost
