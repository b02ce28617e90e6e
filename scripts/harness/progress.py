"""Progress for people: a bar in a terminal, a line now and then elsewhere."""

import sys
import time


class Progress:
    """Counts towards a total. `step` is cheap enough to be called per item."""

    def __init__(self, what, total, stream=None):
        self.what = what
        self.total = total
        self.stream = stream or sys.stderr
        self.done = 0
        self.is_terminal = self.stream.isatty()
        self.interval_seconds = 0.1 if self.is_terminal else 5.0
        self.began = time.monotonic()
        self.shown = self.began

    def step(self, count=1):
        self.done += count
        now = time.monotonic()
        if now - self.shown >= self.interval_seconds:
            self.shown = now
            self._show()

    def finish(self):
        """Shows the final state and ends the line."""
        seconds = time.monotonic() - self.began
        if self.is_terminal:
            self._show()
            self.stream.write("\n")
        else:
            self.stream.write(f"{self.what}: {self.done:,} of {self.total:,} in {seconds:.1f} s\n")
        self.stream.flush()

    def clear(self):
        """Leaves no trace in a terminal."""
        if self.is_terminal:
            self.stream.write("\r\x1b[K")
            self.stream.flush()

    def _show(self):
        share = self.done / self.total if self.total else 1.0
        if self.is_terminal:
            filled = int(share * 30)
            bar = "#" * filled + "." * (30 - filled)
            self.stream.write(f"\r{self.what} [{bar}] {self.done:,} of {self.total:,}\x1b[K")
        else:
            self.stream.write(f"{self.what}: {self.done:,} of {self.total:,} ({share:.0%})\n")
        self.stream.flush()
