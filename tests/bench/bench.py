#!/usr/bin/python3
"""
bench.py - measures the goals, and prints each with its figure, pass or short.

    make bench                      # all of it, in less than 15 minutes
    make bench BENCH="pages checkout"    # these parts
    BENCH_LONG=1 make bench         # with an outbox of 10,000,000 rows

Everything on one machine, side by side in one run, with real nginx: a part is a
module beside this one with rows(stage), which yields the lines of its tables as
they come (table.py).  What is compared is measured in turn, round by round, and each
figure is a ratio (loads.py); peers do the same work on the same data, and give
the same page to the byte (stage.py, peers.py).

Ends with 0 when it ran to its end, whatever it found: the tables are the result.
"""
import importlib
import os
import platform
import re
import subprocess
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
import peers  # noqa: E402
import table  # noqa: E402
from stage import Stage  # noqa: E402

# In this order, then what else has rows().
ORDER = ("pages", "checkout", "klaviyo", "growth", "deliver", "history", "feed",
         "memory", "by_host")


def parts_there():
    """The modules beside this one that have rows()."""
    found = []
    for file in sorted(os.listdir(HERE)):
        if file.endswith(".py"):
            with open(os.path.join(HERE, file)) as f:
                if re.search(r"(?m)^def rows\(", f.read()):
                    found.append(file[:-3])
    return sorted(found, key=lambda name: (
        ORDER.index(name) if name in ORDER else len(ORDER)))


PARTS = parts_there()


def rows_of(part, stage):
    """A part's rows.  One that needs no stage gives (what, goal, figure,
    passed), below a heading of its first line."""
    module = importlib.import_module(part)
    if module.rows.__code__.co_argcount:
        yield from module.rows(stage)
        return
    first = " ".join(module.__doc__.split("\n\n")[0].split())
    yield table.head(first.partition(" - ")[2].partition(":")[0].rstrip("."))
    for what, limit, figure, passed in module.rows():
        yield table.Row(what, limit, figure, "pass" if passed else "short", "")


def said(*command):
    """The first line that a program says of itself."""
    try:
        done = subprocess.run(command, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
    except FileNotFoundError:
        return "none"
    return done.stdout.strip().split("\n")[0]


def machine():
    with open("/proc/cpuinfo") as f:
        model = re.search(r"model name\s*: (.*)", f.read())
    with open("/proc/meminfo") as f:
        memory = int(re.search(r"MemTotal:\s+(\d+)", f.read()).group(1))
    load = " ".join(f"{n:.2f}" for n in os.getloadavg())
    return (f"{os.cpu_count()} cores ({model.group(1) if model else '?'}), "
            f"{memory / 2**20:.0f} GiB, Linux {platform.release()}; "
            f"{said('nginx', '-v').replace('nginx version: ', '')}, "
            f"{said('php', '--version').split(' (')[0]}, "
            f"Node {said('node', '--version')}, "
            f"{' '.join(said('wrk', '--version').split()[:2])}; "
            f"load before: {load}")


def run(parts):
    """Prints the parts' tables; returns (all rows, the parts that broke)."""
    rows, broken = [], []
    for name in sorted(os.listdir(HERE)):
        if os.path.exists(os.path.join(HERE, name, "package.json")):
            peers.install(name)
    with Stage() as stage:
        for part in parts:
            try:
                for row in rows_of(part, stage):
                    rows.append(row)
                    print(table.line(row), flush=True)
            except Exception:
                traceback.print_exc()
                broken.append(part)
    return rows, broken


def main():
    begun = time.monotonic()
    parts = sys.argv[1:] or PARTS
    unknown = [part for part in parts if part not in PARTS]
    if unknown:
        sys.exit(f"bench.py: no part {unknown[0]}; there are "
                 f"{', '.join(PARTS)}")
    print(machine(), flush=True)
    rows, broken = run(parts)
    passed, short = table.count(rows)
    print(f"\n{passed} goals passed, {short} short, in "
          f"{(time.monotonic() - begun) / 60:.1f} minutes")
    if broken:
        sys.exit(f"bench.py: did not run to its end: {', '.join(broken)}")


if __name__ == "__main__":
    main()
