#!/usr/bin/env python3
"""Redis' own test suite (7.0.15, Tcl, external-server mode) against DiskDB: N of M by test name.

M is what redis-server 7.0.15 itself passes here; that is measured once and kept beside the suite. A test
that cannot hold for DiskDB stands in skip.tsv with its reason, and counts as not passed."""

import argparse
import hashlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

from suite import DENIED_TAGS, CappedServer, UnitRunner

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

from harness.process import diskdb_binary, target_directory  # noqa: E402
from harness.progress import Progress  # noqa: E402

# Servers of their own are what these test, or replication: nothing in them runs in external mode.
NO_UNITS = ("unit/moduleapi", "unit/printver")
# Sets and lists as listpacks came with Redis 7.2; the suite of 7.0 expects a hash table and a quicklist.
AS_REDIS_7_0 = ("--set-max-listpack-entries", "0", "--list-listpack", "no")
# What this milestone answers for; the others are counted apart.
DATA_UNITS = """unit/dump unit/protocol unit/keyspace unit/scan unit/info unit/info-command unit/type/string
unit/type/incr unit/type/list unit/type/list-2 unit/type/list-3 unit/type/set unit/type/zset unit/type/hash
unit/type/stream unit/type/stream-cgroups unit/sort unit/expire unit/other unit/quit unit/slowlog
unit/introspection unit/introspection-2 unit/bitops unit/bitfield unit/geo unit/hyperloglog unit/lazyfree
unit/querybuf unit/violations""".split()


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("units", nargs="*", help="such as unit/type/string; all of them when none is named")
    parser.add_argument("--cache", type=pathlib.Path, default=target_directory() / "conformance",
                        help="where the suite and redis-server's result are kept")  # fmt: skip
    parser.add_argument("--json", type=pathlib.Path, help="where the result goes (default: result.json in the cache)")
    parser.add_argument("--megabytes", type=int, default=6144, help="the cap on a server's address space")
    parser.add_argument("--seconds", type=int, default=900, help="the longest that one run of a file may take")
    parser.add_argument("--diskdb-args", default="", help="further directives for DiskDB")
    parser.add_argument("--baseline-only", action="store_true", help="measure redis-server and stop")
    parser.add_argument("--failures", action="store_true", help="print what fails, with the reason")
    return parser.parse_args()


def fetch_suite(cache):
    """The folder of redis' source, fetched from Debian when it is not there yet."""
    tests = subprocess.run(
        [ROOT / "scripts" / "redis-source.sh", cache], check=True, stdout=subprocess.PIPE, text=True
    ).stdout.strip()
    return pathlib.Path(tests).parent


def all_units(source):
    files = sorted((source / "tests" / "unit").rglob("*.tcl"))
    units = [str(file.relative_to(source / "tests").with_suffix("")) for file in files]
    return [unit for unit in units if not unit.startswith(NO_UNITS)]


def skip_reasons():
    """(unit, test) → why it is not asked of DiskDB."""
    reasons = {}
    for line in (HERE / "skip.tsv").read_text().splitlines():
        if line:
            unit, test, reason = line.split("\t")
            reasons[unit, test] = reason
    return reasons


def measure_of(source):
    """What the result of redis-server depends on: its version, the suite as it was changed, the tags."""
    version = subprocess.run(["redis-server", "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout
    if "v=7.0.15" not in version:
        sys.exit(f"the measure is redis-server 7.0.15, this is {version}")
    changed = ["test_helper.tcl", "support/server.tcl", "support/survive.tcl"]
    suite = hashlib.sha256(b"".join((source / "tests" / name).read_bytes() for name in changed)).hexdigest()
    return {"server": version.strip(), "suite": suite, "denied": DENIED_TAGS}


def baseline(options, source, units):
    """What redis-server passes, by unit: measured once for each unit, then kept."""
    kept = options.cache / "redis-server.json"
    known = json.loads(kept.read_text()) if kept.exists() else {}
    measure = measure_of(source)
    if known.get("measure") != measure:
        known = {"measure": measure, "units": {}}
    runner = UnitRunner(source, lambda: CappedServer(("--save", ""), "redis-server", megabytes=options.megabytes),
                        options.seconds)  # fmt: skip
    for unit in units:
        if unit not in known["units"]:
            outcome = runner.run(unit)
            known["units"][unit] = sorted(outcome.passed)
            print(f"redis-server: {unit}: {len(outcome.passed)} passed, {len(outcome.failed)} failed", flush=True)
            kept.write_text(json.dumps(known, indent=1))
    return {unit: known["units"][unit] for unit in units if known["units"][unit]}


def measure(options, runner, unit, expected, reasons):
    """One unit against DiskDB: a row of the result."""
    began = time.monotonic()
    progress = Progress(unit, len(expected))
    runner.passed = progress.step
    outcome = runner.run(unit)
    progress.clear()
    skipped = {test: reasons[unit, test] for test in expected if (unit, test) in reasons}
    passed = sorted(test for test in expected if test in outcome.passed and test not in skipped)
    stale = [f"passes, and stands in skip.tsv: {test}" for test in skipped if test in outcome.passed]
    missed = [test for test in expected if test not in outcome.passed and test not in skipped]
    row = {
        "unit": unit, "passed": len(passed), "of": len(expected), "skipped": skipped,
        "failed": {test: outcome.failed.get(test, "not reached") for test in missed},
        "notes": outcome.notes + stale, "seconds": round(time.monotonic() - began, 1),
        "peak_megabytes": outcome.peak_bytes >> 20,
    }  # fmt: skip
    print(f"{unit:28} {len(passed):4} of {len(expected):4}   {row['seconds']:6.1f} s {row['peak_megabytes']:5} MB",
          flush=True)  # fmt: skip
    if options.failures:
        for test, reason in row["failed"].items():
            print(f"    {test}\n        {reason[:400]}")
        for note in row["notes"]:
            print(f"    {note[:400]}")
    return row


def total(name, rows):
    passed, of = sum(row["passed"] for row in rows), sum(row["of"] for row in rows)
    skipped = sum(len(row["skipped"]) for row in rows)
    share = f"{100 * passed / of:.1f} %" if of else "nothing to pass"
    print(f"{name}: {passed} of {of} ({share}), {skipped} skipped with a reason")
    return {"passed": passed, "of": of, "skipped": skipped}


def main():
    options = arguments()
    # The servers end with their context managers, and those with an exception.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    options.cache.mkdir(parents=True, exist_ok=True)
    source = fetch_suite(options.cache)
    units = options.units or all_units(source)
    expected = baseline(options, source, units)
    if options.baseline_only:
        print(f"redis-server 7.0.15 passes {sum(map(len, expected.values()))} tests")
        return
    directives = [*AS_REDIS_7_0, *options.diskdb_args.split()]
    runner = UnitRunner(source, lambda: CappedServer(directives, diskdb_binary(), megabytes=options.megabytes),
                        options.seconds)  # fmt: skip
    reasons = skip_reasons()
    rows = [measure(options, runner, unit, tests, reasons) for unit, tests in expected.items()]
    result = {
        "suite": "redis 7.0.15", "time": int(time.time()), "units": rows,
        "data": total("data types and keys", [row for row in rows if row["unit"] in DATA_UNITS]),
        "all": total("everything", rows),
    }  # fmt: skip
    path = options.json or options.cache / "result.json"
    path.write_text(json.dumps(result, indent=1) + os.linesep)
    print(f"in full: {path}")
    print(f"{result['all']['passed']} of {result['all']['of']}")


if __name__ == "__main__":
    main()
