"""A list of checks that run one after the other, and the closing line `N passed, N failed`."""

import os
import sys
import time
import traceback

HOST = os.environ.get("APP_HOST", "127.0.0.1")
PORT = int(os.environ.get("APP_PORT", "6379"))
URL = f"redis://{HOST}:{PORT}"


def until(condition, what, seconds=20.0):
    """Waits until `condition` gives something true, and returns that."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"did not happen within {seconds} s: {what}")
        time.sleep(0.02)
    return value


def run(checks):
    """Runs functions, named by their first line of documentation; ends the process."""
    failed = 0
    for check in checks:
        began = time.monotonic()
        try:
            check()
            print(f"ok      {check.__doc__} ({(time.monotonic() - began) * 1000:.0f} ms)", flush=True)
        except Exception:
            failed += 1
            print(f"FAILED  {check.__doc__}\n{traceback.format_exc()}", flush=True)
    print(f"{len(checks) - failed} passed, {failed} failed", flush=True)
    sys.exit(1 if failed else 0)
