"""
growth.py - what a page, an order and a delivery pass cost when the shop has
grown: 100, 10,000 and 1,000,000 products; an outbox of 0, 100,000 and 1,000,000
rows, and with BENCH_LONG=1 of 10,000,000.

Costs are processor time, which says the same on a machine that does other
things.  Of the costs at all sizes the largest is held against the smallest.
"""
import itertools
import math
import os
import statistics
import subprocess
import time

import fixture
import peers
from checkout import Buyers
from loads import FEW, Target, interleaved, median, nanoseconds
from stage import PRODUCTS
from table import goal, head

HERE = os.path.dirname(os.path.abspath(__file__))
LONG = bool(os.environ.get("BENCH_LONG"))
CONNECTIONS = 16
PAGES = 20   # products that are looked at, spread over the catalogue
FIRST = 400  # or for the first time, at most
WARM = 20    # of these, before it is measured
PASS = 300   # events of a delivery pass: fewer than Klaviyo's window holds
TURNS = 9    # of what takes milliseconds: a passing slowness is not the median
HOMES = 100  # requests for the home page in a turn
WITHIN = 1.20
SIZES = {"100": 100, f"{PRODUCTS:,}": PRODUCTS, "1,000,000": 1_000_000}
OUTBOXES = {"0": 0, "100,000": 100_000, "1,000,000": 1_000_000,
            **({"10,000,000": 10_000_000} if LONG else {})}


def pids_of(shop):
    return lambda: peers.nginx_pids(shop, "storefront")


def handles(shop, products, pages):
    """Spread over the catalogue; of one form each, so that their pages are of
    one size: three variants, none reduced or sold out.  A copy's is that of
    what it is a copy of."""
    found = [handle for handle, _ in shop.query(
        "SELECT handle, MIN(position) FROM (SELECT handle, position, "
        "(CAST(id AS INTEGER) - ?1) % ?2 AS i FROM product) "
        "WHERE i % 3 > 0 AND i % 5 > 0 AND i % 7 <> 1 "
        "GROUP BY position / ?3 ORDER BY 2 LIMIT ?4",
        fixture.BASE, PRODUCTS, max(1, products // pages), pages)]
    assert found
    return found


class Pages(Target):
    """Looks at many products in turn."""

    def __init__(self, name, shop, products):
        super().__init__(name, shop.url + "/", pids_of(shop))
        self.path = shop.write("paths.txt", "".join(
            f"/products/{handle}\n"
            for handle in handles(shop, products, PAGES)))

    def before(self, seconds):
        return ["-s", os.path.join(HERE, "paths.lua")], ["--", self.path]


def spread(costs):
    if any(map(math.isnan, costs.values())):
        return math.nan
    return max(costs.values()) / min(costs.values())


def line(costs, unit):
    return ", ".join(f"{size}: {cost:,.0f} {unit}"
                     for size, cost in costs.items())


def costs(results, names, what="micro"):
    return {name: median(results, name, what) for name in names}


def processor_once(shop, *command):
    """Processor seconds of a storefront command that runs to its end."""
    more = {}
    if shop.user:
        more = {"user": shop.user.pw_uid, "group": shop.user.pw_gid,
                "extra_groups": []}
    process = subprocess.Popen(
        shop.storefront(*command), cwd=shop.dir, text=True,
        env={**shop.env, **shop.secrets}, stdout=subprocess.PIPE, **more)
    said = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, said
    return used.ru_utime + used.ru_stime, said


# ------------------------------------------------------------------- products

def start_anew(shop):
    """Milliseconds of processor time until it serves."""
    if "storefront" in shop.programs:
        shop.end("storefront")
    shop.start_serve()
    return cpu_ns(shop) / 1e6


def first_views(shop, handles):
    """Processor microseconds of a page that nobody has looked at since the
    start, once all threads have made some; NaN: it does not answer."""
    start_anew(shop)
    for handle in handles[:WARM]:
        shop.get(f"/products/{handle}")
    used = -cpu_ns(shop)
    for handle in handles[WARM:]:
        if shop.get(f"/products/{handle}").status != 200:
            return math.nan
    return (used + cpu_ns(shop)) / len(handles[WARM:]) / 1e3


def in_turn(shops, cost):
    """Of each the median of TURNS of cost(name, shop)."""
    took = {name: [] for name in shops}
    for _ in range(TURNS):
        for name, shop in shops.items():
            took[name].append(cost(name, shop))
    return {name: statistics.median(times) for name, times in took.items()}


def home_pages(shop):
    """Processor microseconds of the home page, which is made at each request."""
    shop.get("/")
    used = -cpu_ns(shop)
    for _ in range(HOMES):
        if shop.get("/").status != 200:
            return math.nan
    return (used + cpu_ns(shop)) / HOMES / 1e3


def cpu_ns(shop):
    return nanoseconds([shop.programs["storefront"].pid])


def products(stage):
    def change(db, products):
        if products < PRODUCTS:
            fixture.shrink(db, products)
        elif products > PRODUCTS:
            fixture.grow(db, products // PRODUCTS)
    shops = {name: stage.another("products " + name,
                                 lambda db, n=products: change(db, n))
             for name, products in SIZES.items()}
    started = in_turn(shops, lambda name, shop: start_anew(shop))
    pages = {}
    for name, shop in shops.items():
        shop.start_nginx()
        pages[name] = Pages(name, shop, SIZES[name])
    new = {name: handles(shop, SIZES[name], FIRST)
           for name, shop in shops.items()}
    first = in_turn(shops, lambda name, shop: first_views(shop, new[name]))
    homes = in_turn(shops, lambda name, shop: home_pages(shop))
    yield head("Growth: " + ", ".join(SIZES) + " products, the largest cost to "
               "the smallest")
    yield goal("start, until it serves: processor time", spread(started),
               at_most=WITHIN, note=line(started, "ms"))
    yield goal("a page that is looked at for the first time", spread(first),
               at_most=WITHIN, note=line(first, "µs"))
    yield goal("the home page", spread(homes), at_most=WITHIN,
               note=line(homes, "µs"))
    seen = costs(interleaved(pages.values(), CONNECTIONS, FEW), SIZES)
    yield goal("a page that was looked at before", spread(seen),
               at_most=WITHIN, note=line(seen, "µs"))
    orders = costs(interleaved(
        [Buyers(name, stage, shop, stage.sign, pids_of(shop), products=100)
         for name, shop in shops.items()], CONNECTIONS), SIZES)
    yield goal("an order", spread(orders), at_most=WITHIN,
               note=line(orders, "µs"))
    for name in SIZES:
        stage.end("products " + name)


# --------------------------------------------------------------------- outbox

def queue(shop, n, number):
    """Copies of an order's events, due now."""
    with fixture.writing(shop.db) as db, db:
        db.execute(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
            "WHERE i < ?1) INSERT INTO klaviyo_outbox (id, kind, lane, "
            "profile, event, created_at, due_at) SELECT 'Placed Order/pass' || "
            "?2 || 'n' || i, kind, lane, profile, REPLACE(event, "
            "SUBSTR(m.id, 14), 'pass' || ?2 || 'n' || i), ?3, ?3 FROM n, "
            "(SELECT * FROM klaviyo_outbox WHERE id LIKE 'Placed Order/%' "
            "AND event LIKE '%OrderId%' LIMIT 1) m",
            (n, number, int(time.time())))


def empty(shop):
    """What the orders queued is sent, for the outbox."""
    with fixture.writing(shop.db) as db, db:
        db.execute("UPDATE klaviyo_outbox SET due_at = NULL, sent_at = "
                   "created_at WHERE due_at < ?", (int(time.time()) + 60,))


def passes(shops):
    """Milliseconds of processor time of a pass with PASS events."""
    number = itertools.count()

    def one(_name, shop):
        queue(shop, PASS, next(number))
        used, said = processor_once(shop, "worker", "--once")
        assert said.startswith(f"{PASS} sent"), said
        return used * 1e3
    return in_turn(shops, one)


def outbox(stage):
    shops = {}
    for name, size in OUTBOXES.items():
        shops[name] = stage.another(
            "outbox " + name, lambda db, n=size: fixture.outbox(db, n))
        shops[name].start_sandbox(["--rate", "off"])
        shops[name].start()
    orders = costs(interleaved(
        [Buyers(name, stage, shop, stage.sign, pids_of(shop))
         for name, shop in shops.items()], CONNECTIONS), OUTBOXES)
    yield head("Growth: an outbox of " + ", ".join(OUTBOXES) + " rows" + (
        "" if LONG else " (with BENCH_LONG=1, of 10,000,000, too)"))
    yield goal("an order", spread(orders), at_most=WITHIN,
               note=line(orders, "µs"))
    for shop in shops.values():
        empty(shop)
    took = passes(shops)
    yield goal(f"a delivery pass of {PASS} events", spread(took),
               at_most=WITHIN, note=line(took, "ms"))
    for name in OUTBOXES:
        stage.end("outbox " + name)


def rows(stage):
    yield from products(stage)
    yield from outbox(stage)
