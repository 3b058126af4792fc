"""
loads.py - puts load on a server and says what it took.

    target = Target("PHP", url, pids)          # pids(): whose processor time
    load(target, 16, 2)                        # one round: a Load
    interleaved([a, b, c], 16)                 # rounds of each in turn
    ratio(results, "ours", "PHP", "rate")      # median of the rounds' ratios

wrk with one thread makes the requests; it is not counted.  Processor time is
that of the web server's workers and of the program behind it, from /proc.
Ratios are taken round by round, between neighbours, so that what else the
machine does falls on both; of them the median counts.

Promises: an answer that is an error, or a connection that broke, ends the
bench: what fails fast is not fast.
"""
import contextlib
import glob
import os
import re
import statistics
import subprocess
import time
import urllib.request
from collections import namedtuple

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
FEW = 3  # rounds, of what is far from its goal
SECONDS = float(os.environ.get("BENCH_SECONDS", "2"))
TICK = os.sysconf("SC_CLK_TCK")

served = {}  # requests that each server has answered, by its address

Load = namedtuple("Load", "rate micro p50 p99 requests")


class Target:
    """What is asked for, and by whom; pids(): whose processor time it is."""

    def __init__(self, name, url, pids, cookie=""):
        self.name, self.url, self.pids = name, url, pids
        self.cookie = cookie

    def before(self, seconds):
        """Ahead of a round: wrk's further options, and its script's words."""
        return (["-H", "Cookie: " + self.cookie] if self.cookie else []), []

    def after(self, done, connections):
        """After a round: checks what came of it; False: it does not count."""
        return True


def processor(pids):
    """Seconds of processor time that processes have used."""
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/stat") as f:
                fields = f.read().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
        except FileNotFoundError:
            pass  # nginx's cache loader ends by itself after a minute
    return total / TICK


def nanoseconds(pids):
    """The same of threads that are there, to the nanosecond."""
    total = 0
    for pid in pids:
        for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
            try:
                with open(path) as f:
                    total += int(f.read().split()[0])
            except (FileNotFoundError, ProcessLookupError):
                pass  # it has ended, as PostgreSQL's autovacuum does
    return total


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as f:
        return [int(p) for p in f.read().split()]


def milliseconds(text):
    value, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(value) * {"us": 1e-3, "ms": 1, "s": 1e3, "m": 6e4}[unit]


def parse(said):
    """(requests, rate, p50, p99) of wrk's words; fails on any error."""
    bad = re.search(r"Non-2xx.*|Socket errors.*", said)
    assert not bad, bad.group(0)
    requests = int(re.search(r"(\d+) requests in", said).group(1))
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", said).group(1))
    p50, p99 = (milliseconds(re.search(rf"(?m)^\s+{n}%\s+(\S+)",
                                       said).group(1)) for n in (50, 99))
    return requests, rate, p50, p99


def calm(url):
    """Until a page is answered again, or for a minute."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            with urllib.request.urlopen(url, timeout=60):
                return


def load(target, connections, seconds=SECONDS):
    """One round."""
    seconds = max(1, round(seconds))
    while True:
        options, script = target.before(seconds)
        pids = target.pids()
        used = -processor(pids)
        said = subprocess.run(
            ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout",
             "60s", "--latency", *options, target.url, *script],
            capture_output=True, text=True, check=True).stdout
        used += processor(pids)
        requests, rate, p50, p99 = parse(said)
        server = "/".join(target.url.split("/")[:3])
        served[server] = served.get(server, 0) + requests
        if requests == 0:  # slower than the round is long
            rate, p50, p99 = 1 / seconds, seconds * 1e3, seconds * 1e3
            calm(target.url)  # what is being done is not the next one's
        done = Load(rate, used / max(1, requests) * 1e6, p50, p99, requests)
        if target.after(done, connections):
            return done


def interleaved(targets, connections, rounds=ROUNDS, seconds=SECONDS):
    """{name: [Load of each round]}; a first one, not counted, warms up."""
    results = {target.name: [] for target in targets}
    for target in targets:
        load(target, connections, 1)
    for _ in range(rounds):
        for target in targets:
            results[target.name].append(load(target, connections, seconds))
    return results


def median(results, name, what):
    return statistics.median(getattr(r, what) for r in results[name])


def ratio(results, one, other, what):
    return statistics.median(
        getattr(a, what) / getattr(b, what)
        for a, b in zip(results[one], results[other]))


def words(results, name):
    """A target's medians, to be read."""
    rate, micro, p50, p99 = (median(results, name, what) for what in
                             ("rate", "micro", "p50", "p99"))
    return (f"{rate:,.0f}/s, {micro:.0f} µs, p50 {p50:.2f} ms, "
            f"p99 {p99:.2f} ms")
