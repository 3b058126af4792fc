"""
load_samples.py - what the programs of a shop hold while it is under load, and
whether that is flat.

    shop.start_serve(env=heap_told(shop)) # so that "heap" is among it
    watch = Watch(shop, requests, .5)     # a thread that takes samples
    watch.stop()                          # [{"n": requests, "storefront": ..}]
    complaints(samples, LIMITS)           # what grew, in words; [] = nothing

A sample has, for each program, its resident and private memory in kB, its
descriptors and its threads; for those with tests/crash/heap.c what they have
allocated; the outbox by state; the sizes of the database and
its write-ahead log; and the number of requests so far, which is what growth is
judged by: a slow machine makes fewer of them, and a leak is of each.

Grown is what rose by more than a limit from the first quarter to the last, and still rises: so says the robust slope of the second half
(Theil and Sen: the median of the slopes of pairs).  Passwords
being hashed, 64 MiB each, are peaks in the series, and medians do not see them.
"""
import os
import random
import re
import statistics
import sys
import threading
import time

from harness import BUILD, SANITIZED

PROGRAMS = ("storefront", "worker", "nginx", "sandbox")


def process(pid):
    with open(f"/proc/{pid}/smaps_rollup") as f:
        rollup = f.read()
    with open(f"/proc/{pid}/status") as f:
        status = f.read()

    def of(name, text):
        return sum(int(n) for n in re.findall(rf"(?m)^{name}:\s+(\d+)", text))
    return {"rss": of("Rss", rollup),
            "private": of("Private_Clean", rollup) + of("Private_Dirty",
                                                        rollup),
            "descriptors": len(os.listdir(f"/proc/{pid}/fd")),
            "threads": of("Threads", status)}


def pids(shop, name):
    """Of a program; nginx's are its workers."""
    pid = shop.programs[name].pid
    if name != "nginx":
        return [pid]
    with open(f"/proc/{pid}/task/{pid}/children") as f:
        return [int(p) for p in f.read().split()]


def heap_told(shop):
    """The environment in which a program tells what it has allocated."""
    if SANITIZED:  # its own functions allocate
        return {}
    library = os.path.join(shop.reach(os.path.join(
        BUILD, "tests", "crash"), ("heap.so",)), "heap.so")
    assert os.path.exists(library), f"{library}: `make shims` makes it"
    # Without a cache of freed memory for each thread: nobody can count what lies
    # in them, and it is megabytes, more for each thread that is busy for once.
    return {"LD_PRELOAD": library, "HEAP_DIR": shop.mkdir("heap"),
            "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0"}


def heap(path):
    """kB allocated and not freed, as heap.c has it; {}: nobody tells."""
    try:
        with open(path, "rb") as f:
            return {"heap": int.from_bytes(f.read(8), sys.byteorder) >> 10}
    except FileNotFoundError:
        return {}


def holds(shop, name):
    all_of_them = None
    while all_of_them is None:
        try:
            all_of_them = [process(pid) | heap(shop.path(f"heap/{pid}"))
                           for pid in pids(shop, name)]
        except (FileNotFoundError, ProcessLookupError):
            if name != "nginx":  # whose cache loader ends by itself
                raise
    return {key: sum(p[key] for p in all_of_them) for key in all_of_them[0]}


def outbox(shop):
    waiting, claimed = shop.query(
        "SELECT count(*), count(claim) FROM klaviyo_outbox"
        " WHERE due_at IS NOT NULL")[0]
    dead, = shop.query("SELECT count(*) FROM klaviyo_outbox"
                       " WHERE due_at IS NULL AND sent_at IS NULL"
                       " AND error IS NOT NULL")[0]
    return {"waiting": waiting, "claimed": claimed, "dead": dead}


class Stalls:
    """The longest that a small file's sync took beside the shop's: what the
    machine itself made everybody wait."""

    def __init__(self, shop):
        self.path, self.longest = shop.path("sync"), 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        with open(self.path, "wb", buffering=0) as f:
            before = time.monotonic()
            while not self.over.wait(.2):
                f.write(b"x")
                os.fsync(f.fileno())
                now = time.monotonic()
                self.longest = max(self.longest, now - before - .2)
                before = now

    def stop(self):
        self.over.set()
        self.thread.join()
        return self.longest


def size(path):
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0


class Watch:
    """Takes a sample every so many seconds; what it raises, stop() raises."""

    def __init__(self, shop, requests, seconds):
        self.shop, self.requests, self.seconds = shop, requests, seconds
        self.samples, self.wrong, self.over = [], None, threading.Event()
        self.begun = time.monotonic()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def take(self):
        sample = {"seconds": time.monotonic() - self.begun,
                  "n": self.requests(),
                  **{name: holds(self.shop, name) for name in PROGRAMS
                     if name in self.shop.programs}}
        if not self.shop.server:
            sample["files"] = {"database": size(self.shop.db),
                               "wal": size(self.shop.db + "-wal")}
        sample["outbox"] = outbox(self.shop)
        return sample

    def run(self):
        try:
            while not self.over.wait(self.seconds):
                self.samples.append(self.take())
        except Exception as error:  # noqa: BLE001
            self.wrong = error

    def stop(self):
        self.over.set()
        self.thread.join()
        if self.wrong:
            raise self.wrong
        return self.samples


# ---------------------------------------------------------------- judgement

def slope(points):
    """Theil and Sen's, of some hundreds of all pairs."""
    rng, slopes = random.Random(1), []
    for _ in range(2000):
        (x1, y1), (x2, y2) = rng.sample(points, 2)
        if x1 != x2:
            slopes.append((y2 - y1) / (x2 - x1))
    return statistics.median(slopes)


def series(samples, program, what):
    return [(s["n"], s[program][what]) for s in samples]


def quarters(samples, program, what):
    """The medians of the first and of the last quarter; of what is allocated the
    lowest, for that is what no request in flight has a part in."""
    usual = min if what == "heap" else statistics.median
    values = [value for _, value in series(samples, program, what)]
    quarter = len(values) // 4
    assert quarter >= 4, f"{len(values)} samples are too few"
    return usual(values[:quarter]), usual(values[-quarter:])


def complaints(samples, limits):
    """${limits}: {(program, what): how much it may grow}."""
    found = []
    for (program, what), limit in limits.items():
        if program not in samples[0]:
            continue
        points = series(samples, program, what)
        first, last = quarters(samples, program, what)
        requests = points[-1][0] - points[0][0]
        by_slope = slope(points[len(points) // 2:]) * requests
        # Both: what was made once in the first half is over, and a slope
        # without a rise is noise.
        if last - first > limit and by_slope > limit / 2:
            found.append(
                f"{program}: {what} grew from {first:.0f} to {last:.0f} in "
                f"{requests} requests, by {by_slope:.0f} as its second half "
                f"goes; the limit is {limit}: {[v for _, v in points]}")
    return found
