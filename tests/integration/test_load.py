"""
Load: mixed traffic at the rate the machine carries, and nothing grows.

The real shop behind nginx with its worker and the sandbox, whose rate windows
are lifted, so that it is the machine that limits; closed-loop visitors
(load_traffic.py) without a pause; an operator and a few signals beside them.
load_samples.py looks at every program, and judges.

Short form: so many requests, some twenty seconds here.  SOAK=1: half an hour on
SQLite and ten minutes on PostgreSQL, or LOAD_MINUTES each.

The last tests show that what leaks is found: storefronts built with a leak
(tests/crash/wrong), and series made up.
"""
import contextlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
import urllib.request

import pytest

import harness
from harness import BUILD, PATIENCE, SANITIZED, wait_for
from load_samples import (PROGRAMS, Stalls, Watch, complaints, heap_told, holds,
                          quarters)

sys.path.insert(0, os.path.join(harness.TREE, "tests", "crash"))
from loop import Crashing  # noqa: E402

SOAK = os.environ.get("SOAK") == "1"
HERE = os.path.dirname(os.path.abspath(__file__))
ENGINES = {"sqlite": 30, "postgresql": 10} if SOAK else {"sqlite": 0}
PRODUCTS = 3000 if SOAK else 300
GENERATORS, VISITORS = 2, 4  # one for each processor; visitors each
WARM, JUDGED = 4000, 5000    # requests of the short form; each page is kept
LATER = .1                   # of the long form's time is for warming up,
AT_LEAST = 30000             # .. and so many requests: caches are full then
# What the samples may grow by; kB, descriptors, threads, rows.  A leak of 1 KB
# a request is 3,700 kB between the quarters of JUDGED: allocated; the resident
# pages may long have had room for it.
LIMITS = {("storefront", "heap"): 2000, ("worker", "heap"): 500,
          ("worker", "rss"): 2500, ("worker", "private"): 2500,
          ("nginx", "rss"): 1500, ("nginx", "private"): 1500,
          ("storefront", "descriptors"): 8, ("nginx", "descriptors"): 8,
          ("storefront", "threads"): 0, ("worker", "threads"): 0,
          # The worker keeps Klaviyo's minute, 3,500; what is more waits until
          # it is a backlog of 500, which goes in bulk.
          ("outbox", "waiting"): 1000}
if SOAK:  # a few samples may all have met a password being hashed, 64 MiB
    LIMITS |= {("storefront", "rss"): 2500, ("storefront", "private"): 2500}
if SANITIZED:
    # What a sanitizer keeps by itself grows.
    LIMITS = {what: n for what, n in LIMITS.items()
              if what[1] not in ("heap", "rss", "private")}
CONNECTIONS = 64        # that worker and sandbox may keep to each other
LOG_MB = 24             # SQLite's log: db_wal.c begins it anew at 8, or 16
# A shop that has waited 5 s for its database asks to come again.  It may, if the
# machine let others wait for so long, too.
STALL_SECONDS = 2.5
SAYS = {"storefront": r"storefront: (confined by|serving on|templates loaded "
                      r"anew from) .*",
        "worker": r"storefront: (warning: )?worker: (delivering( again)?|\d+ "
                  r"sent, 0 to be tried again, 0 refused|the account's rate "
                  r"limit is reached)",
        "sandbox": r"klaviyo-sandbox: listening on .*", "nginx": "",
        # A long feed to a slow visitor: nginx's own note.
        "error": r"(.* \[warn\] .*an upstream response is buffered to a "
                 r"temporary file .*\"GET /feed/.*)?"}
if SANITIZED:
    SAYS["storefront"] += "|storefront: warning: not confined: .*"
WAITED = ("the database is busy|the database answers again|to be tried again"
          "|Klaviyo cannot be reached")


def catalogue(shop):
    """A CSV file of products, and their handles.  One of twenty is counted, so
    that the feed does not change with every order."""
    handles = [f"product-{i}" for i in range(PRODUCTS)]
    words = "<p>" + "A page and a line and a word and no end to it. " * 12
    with open(shop.path("many.csv"), "w") as f:
        f.write("Handle,Title,Body (HTML),Vendor,Type,Tags,Published,"
                "Variant SKU,Variant Inventory Tracker,Variant Inventory Qty,"
                "Variant Price,Image Src\n")
        for i, handle in enumerate(handles):
            f.write(f"{handle},Product {i},{words * (1 + i % 3)},"
                    f"Vendor {i % 50},{('Fiction', 'Stationery')[i % 2]},"
                    f"tag{i % 9},TRUE,SKU{i},{'' if i % 20 else 'shopify'},"
                    f"100000000,{i % 90 + 1}.50,"
                    f"https://images.klaviyo-demo.com/{i}.png\n")
    return f.name, handles


class Traffic:
    """The visitors, until end()."""

    def __init__(self, shop, products):
        self.counts, self.programs = [], []
        for seed in range(GENERATORS):
            count = shop.path(f"requests{seed}")
            with open(count, "wb") as f:
                f.write(bytes(8))
            self.counts.append(count)
            self.programs.append(subprocess.Popen(
                [sys.executable, os.path.join(HERE, "load_traffic.py"),
                 json.dumps({"port": shop.port, "url": shop.url,
                             "seed": seed, "visitors": VISITORS,
                             "count": count, "products": products})],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        self.begun, self.met = time.monotonic(), None

    def requests(self):
        total = 0
        for count in self.counts:
            with open(count, "rb") as f:
                total += int.from_bytes(f.read(8), sys.byteorder)
        return total

    def end(self):
        """What they met, put together."""
        if self.met:
            return self.met
        self.met = {"answers": {}, "orders": [], "wrong": [], "times": []}
        for program in self.programs:  # all at once
            program.stdin.close()
            program.stdin = None
        for program in self.programs:
            told = json.loads(program.communicate()[0])
            for what, n in told["answers"].items():
                self.met["answers"][what] = n + self.met["answers"].get(what, 0)
            for name in ("orders", "wrong", "times"):
                self.met[name] += told[name]
        self.met["times"].sort()
        self.seconds = time.monotonic() - self.begun
        return self.met


class Operator:
    """Who looks after the shop meanwhile, now and then."""

    def __init__(self, shop):
        self.shop, self.rng, self.turn = shop, random.Random(1), 0

    def act(self):
        self.turn += 1
        if SOAK:  # templates anew, and the pages that are kept
            self.shop.programs["storefront"].send_signal(signal.SIGHUP)
        self.shop.programs["nginx"].send_signal(signal.SIGUSR1)
        self.shop.run("outbox", "status")
        placed = self.shop.query("SELECT id FROM orders WHERE status = 'placed'"
                                 " ORDER BY time DESC LIMIT 5")
        if placed:
            run = self.shop.run("order", "fulfill",
                                self.rng.choice(placed)[0], check=False)
            assert run.returncode == 0 or re.search(WAITED, run.stderr), run
        if self.turn % 20 == 1 and not self.shop.server:
            self.shop.run("backup", self.shop.path("copy"), "--force")


def busy(shop, traffic, minutes):
    """The samples of a shop under load, without those of its warming up."""
    operator, pause = Operator(shop), .2 if not minutes else minutes
    end = time.monotonic() + minutes * 60
    begin = end - minutes * 60 * (1 - LATER)
    watch, moved = None, (0, time.monotonic())
    try:
        while True:
            time.sleep(pause)  # the load is what goes on meanwhile
            assert all(p.poll() is None for p in traffic.programs)
            requests, now = traffic.requests(), time.monotonic()
            if requests > moved[0]:
                moved = requests, now
            assert now < moved[1] + 2 * PATIENCE, "nobody is answered any more"
            if not watch and (
                    now > begin and requests > AT_LEAST if minutes
                    else requests > WARM):
                watch = Watch(shop, traffic.requests, pause / 4)
                first = requests
            if watch and len(watch.samples) >= 20 and (
                    now > end if minutes else requests > first + JUDGED):
                return watch.stop()
            operator.act()
    finally:
        if watch:
            watch.over.set()


@contextlib.contextmanager
def loaded(minutes=0, program=None, **more):
    """(shop, samples, traffic, what the programs held before), when the load is
    over and all is delivered."""
    with Crashing(program, **more) as shop:
        path, handles = catalogue(shop)
        shop.run("init", "--catalog", path)
        shop.start_sandbox(["--rate", "off", "--keep", "1000"])
        told = heap_told(shop)
        shop.start_serve(env=told)
        shop.start_nginx()
        shop.start_worker(env=told)
        for page in ("/", "/feed/catalog.json", "/feed/catalog.xml"):
            assert shop.get(page).status == 200
        before = {name: holds(shop, name) for name in PROGRAMS}
        stalls, traffic = Stalls(shop), Traffic(shop, handles)
        try:
            samples = busy(shop, traffic, minutes)
        finally:
            met = traffic.end()
            traffic.stall = stalls.stop()
            print("\n".join(met["wrong"]))
        shop.wait_delivered()
        yield shop, samples, traffic, before


def tell(shop, samples, traffic):
    """What there was, for who reads the long form's output."""
    met, times = traffic.met, traffic.met["times"]
    requests = traffic.requests()
    print(f"{requests} answers in {traffic.seconds:.0f} s, "
          f"{requests / traffic.seconds:.0f}/s; p50 "
          f"{times[len(times) // 2] * 1000:.0f} ms, p99 "
          f"{times[len(times) * 99 // 100] * 1000:.0f} ms, longest "
          f"{times[-1] * 1000:.0f} ms")
    print(json.dumps(dict(sorted(met["answers"].items()))))
    print(f"the machine's longest stall {traffic.stall:.1f} s")
    for program in PROGRAMS:
        for what in samples[0][program]:
            first, last = quarters(samples, program, what)
            print(f"{program} {what}: {first:.0f}, at last {last:.0f}")
    print("waiting at most", max(s["outbox"]["waiting"] for s in samples))
    if not shop.server:
        print("log at most", max(s["files"]["wal"] for s in samples) >> 10,
              "kB; database", samples[0]["files"]["database"] >> 10, "to",
              samples[-1]["files"]["database"] >> 10, "kB, with",
              len(met["orders"]), "orders")


def check_calm(shop, before):
    """With nobody there any more, the programs hold what they held."""
    def calm():
        now = {name: holds(shop, name) for name in PROGRAMS}
        return all(
            now[name][what] <= before[name][what]
            + (CONNECTIONS if name in ("worker", "sandbox") else 0)
            for name in PROGRAMS for what in ("descriptors", "threads"))
    wait_for(calm, "descriptors and threads to be those of before")


def check_books(shop, met, stalled):
    """Each confirmed order is there, and each event of it counts once; what was
    not answered in time is sent twice."""
    placed = dict(shop.query("SELECT orders, count(*) FROM order_line"
                             " GROUP BY orders"))
    assert len(placed) == shop.query("SELECT count(*) FROM orders")[0][0]
    for order, lines in met["orders"]:
        assert placed[order] == lines
    # The load is over: nobody ordered without reading the answer.
    assert len(met["orders"]) == len(placed) > 0
    queued = dict(shop.query(
        "SELECT substr(id, 1, instr(id, '/') - 1), count(*) FROM"
        " klaviyo_outbox WHERE kind = 'event' GROUP BY 1"
        if not shop.server else "SELECT split_part(id, '/', 1), count(*) FROM"
        " klaviyo_outbox WHERE kind = 'event' GROUP BY 1"))
    assert queued["Placed Order"] == len(placed)
    assert queued["Ordered Product"] == sum(placed.values())
    assert shop.query("SELECT count(*) FROM klaviyo_outbox"
                      " WHERE sent_at IS NULL") == [(0,)]
    with urllib.request.urlopen(shop.sandbox_url + "/sandbox/status") as f:
        status = json.load(f)
    accepted = {m["name"]: m["accepted"] for m in status["metrics"]
                if m["accepted"]}
    assert accepted == queued
    for outcome in ("dropped", "refused", "fault") + (
            () if stalled else ("duplicate",)):
        assert status["counts"][outcome] == 0, status


def check_logs(shop, stalled):
    for name, says in SAYS.items():
        for line in shop.log(name).splitlines():
            if stalled and re.search(WAITED, line):
                continue
            assert re.fullmatch(says, line), f"{name}.log: {line}"


@pytest.mark.parametrize("engine", ENGINES)
def test_load(engine):
    minutes = SOAK and float(os.environ.get("LOAD_MINUTES", ENGINES[engine]))
    with loaded(minutes, engine=engine) as (shop, samples, traffic, before):
        tell(shop, samples, traffic)
        assert not traffic.met["wrong"]
        stalled = traffic.stall > STALL_SECONDS
        assert stalled or "come again" not in traffic.met["answers"]
        assert not complaints(samples, LIMITS)
        check_calm(shop, before)
        check_books(shop, traffic.met, stalled)
        check_logs(shop, stalled)
        if not shop.server:
            assert max(s["files"]["wal"] for s in samples) < LOG_MB << 20


# ------------------------------------------------------- that it can be found

def leaking(name):
    program = os.path.join(BUILD, "tests", "crash", "wrong", name)
    assert os.path.exists(program), f"{program}: `make crash` makes it"
    with loaded(program=program) as (_, samples, traffic, _before):
        assert not traffic.met["wrong"]
        return complaints(samples, LIMITS)


def test_a_kilobyte_each_request():
    found = leaking("leaks_memory")
    assert found[0].startswith("storefront: heap grew")


def test_a_descriptor_each_fifty_requests():
    found = leaking("leaks_descriptors")
    assert [f.split(" grew")[0] for f in found] == ["storefront: descriptors"]


def made_up(value):
    rng = random.Random(5)
    return [{"n": n * 50, "storefront": {"rss": value(n) + rng.uniform(-9, 9)}}
            for n in range(100)]


@pytest.mark.parametrize("value, found", [
    (lambda n: 40000, False),
    (lambda n: 40000 + n * 40, True),
    # Passwords: 64 MiB for a moment, each tenth sample.
    (lambda n: 40000 + (65536 if n % 10 == 0 else 0), False),
    (lambda n: 40000 + n * 40 + (65536 if n % 10 == 0 else 0), True),
    # Something is made once, early on, and kept.
    (lambda n: 40000 if n < 20 else 48000, False),
    # Up and down.
    (lambda n: 40000 + 6000 * (n // 7 % 2), False),
    # It begins late, and goes on.
    (lambda n: 40000 + max(0, n - 60) * 150, True)])
def test_judgement(value, found):
    limits = {("storefront", "rss"): 2500}
    assert bool(complaints(made_up(value), limits)) == found
