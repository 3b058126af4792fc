"""
A backlog: it drains through the bulk endpoint as fast as Klaviyo's limits let
it, in bounded memory, and no order waits behind it.

Time is the sandbox's: when its first and its last event arrived, by its own
clock.  Short form: worker and sandbox both live three times faster
(libfaketime), so that a minute's window passes in 20 seconds; SOAK=1: a million
events in real time.
"""
import datetime
import json
import os
import re
import time
import urllib.request

import pytest

from clock import fast_clock
from contract_kit import check_contract
from feeder import DEAD, SENT, WAITING, Feeder, profile
from harness import SANITIZED, Shop, wait_for
from shop_kit import checkout, fill_cart

SOAK = os.environ.get("SOAK") == "1"
RATE = 1 if SOAK or SANITIZED else 3
# Three jobs more than a minute takes: the next minute must have begun.
EVENTS = 1000000 if SOAK else 153000
MINUTE = 150 * 1000  # Klaviyo's limit: jobs a minute, events a job
SECOND = 10 * 1000
# What the rate windows need at least: a burst as each minute begins.
LEAST_SECONDS = EVENTS // MINUTE * 60 + EVENTS % MINUTE / SECOND
MEMORY_KB = 128 * 1024  # src/klaviyo/route.c says 100 MB, and the program


def history(unique_id, more=None):
    """An event of the usual size, as the library freezes them."""
    return json.dumps({
        "properties": {
            **(more or {}), "OrderId": unique_id, "ProductID": "1111", "SKU": "WINNIEPOOH",
            "ProductName": "Winnie the Pooh", "Quantity": 1,
            "ProductURL": "https://shop.klaviyo-demo.com/products/"
                          "winnie-the-pooh?variant=1111",
            "ImageURL": "https://shop.klaviyo-demo.com/images/"
                        "winnie-the-pooh.png",
            "Categories": ["Fiction", "Classics", "Children"],
            "ProductBrand": "Kids Books",
            "BillingAddress": {
                "FirstName": "Sarah", "LastName": "Mason", "Company": "Shop",
                "Address1": "125 Summer St", "Address2": "5th floor",
                "City": "Boston", "Region": "Massachusetts",
                "CountryCode": "US", "Zip": "02110", "Phone": "+15005550006"}},
        "time": "2026-07-01T12:00:00Z", "value": 9.99, "value_currency": "USD",
        "unique_id": unique_id, "metric": {"data": {
            "type": "metric", "attributes": {"name": "Ordered Product"}}},
        "backfill": True}, separators=(",", ":"))


def fill(feeder, n, lane=1, more=None):
    """Three lines an order, three orders a customer."""
    now = int(time.time()) - 1000
    for first in range(0, n, 20000):
        feeder.do((
            "INSERT INTO klaviyo_outbox (id, kind, lane, profile, event,"
            " created_at, due_at) VALUES (?, 'event', ?, ?, ?, ?, ?)",
            [(f"Ordered Product/h{i}", lane,
              profile(email=f"p{i // 9}@klaviyo-demo.com", first_name="Sarah",
                      last_name="Mason"),
              history(f"h{i}", more), now, now)
             for i in range(first, min(n, first + 20000))]))


def ask(shop, path):
    with urllib.request.urlopen(shop.sandbox_url + path, timeout=60) as reply:
        return json.load(reply)


def accepted(shop):
    """By metric, in one look."""
    metrics = ask(shop, "/sandbox/status")["metrics"]
    return {m["name"]: m["accepted"] for m in metrics}


def received(shop, n):
    """When the n-th entry arrived, by the sandbox's clock."""
    entry, = ask(shop, f"/sandbox/events?after={n - 1}&max=1")["events"]
    assert entry["n"] == n
    return datetime.datetime.fromisoformat(
        entry["received"].replace("Z", "+00:00")).timestamp()


def memory(shop, name):
    with open(f"/proc/{shop.programs[name].pid}/status") as f:
        return int(re.search(r"VmHWM:\s+(\d+) kB", f.read())[1])


class Orders:
    """Orders of now, and how much history came before them."""

    def __init__(self, shop, feeder):
        self.shop, self.feeder, self.n = shop, feeder, 0

    def place(self, n):
        before = accepted(self.shop).get("Ordered Product", 0)
        self.feeder.add("order", n, first=self.n)
        self.n += n

        def arrived():
            seen = accepted(self.shop)
            return seen.get("Placed Order") == self.n and seen
        return before, wait_for(arrived, "orders")["Ordered Product"]


def test_backlog():
    """A machine that stood still for half a second is no slow worker's: a slow
    one is slow in each of three rounds."""
    assert any(backlog() >= 0.95 for _ in range(3))


def backlog():
    """What part of Klaviyo's pace it had; and all else about it."""
    env = fast_clock(RATE, monotonic=True) if RATE > 1 else {}
    with Shop(serve=False) as shop, Feeder(shop) as feeder:
        fill(feeder, EVENTS)
        shop.start_sandbox(["--keep", "50000"], env=env)
        shop.start_worker(env=env)
        wait_for(lambda: accepted(shop), "the first job")
        begin = received(shop, 1)
        orders = Orders(shop, feeder)

        # Orders do not wait for the history's end ..
        before, after = orders.place(50)
        print(f"orders placed at {before} historical events arrived by "
              f"{after}")
        assert after < MINUTE
        # .. nor for the bulk endpoint's next minute.
        wait_for(lambda: "rate limit is reached" in shop.log("worker"),
                 "the first minute's limit")
        before, after = orders.place(50)
        print(f"orders placed at {before} historical events arrived by "
              f"{after}")
        assert after - before <= SECOND

        wait_for(lambda: accepted(shop)["Ordered Product"] == EVENTS,
                 "the history", seconds=EVENTS / MINUTE * 60 * 5)
        status = ask(shop, "/sandbox/status")
        seconds = received(shop, status["last"]) - begin
        print(f"{EVENTS} events in {seconds:.1f} s of the sandbox's clock, "
              f"{LEAST_SECONDS / seconds:.1%} of what the limits allow")
        wait_for(lambda: feeder.count(SENT) == EVENTS + orders.n, "the rest")
        worker = memory(shop, "worker")
        print(f"worker {worker} kB, sandbox {memory(shop, 'sandbox')} kB")
        shop.end("worker")

        # All exactly once, and not one 429.
        assert status["counts"]["accepted"] == EVENTS + orders.n
        for outcome in ("refused", "duplicate", "dropped", "fault"):
            assert status["counts"][outcome] == 0
        if not SANITIZED:
            assert worker < MEMORY_KB
        return LEAST_SECONDS / seconds


@pytest.mark.parametrize("lane", (0, 1))
def test_large_events(lane):
    """A megabyte each, and answers that take their time: as many requests in
    flight as may be, single ones and jobs."""
    n = 120
    with Shop(serve=False) as shop, Feeder(shop) as feeder:
        fill(feeder, n, lane, {"Long": ["x" * 100000] * 10})
        shop.start_sandbox(["--keep", "1", "--latency", "500"])
        shop.start_worker()
        wait_for(lambda: feeder.count(SENT) == n, "the events")
        print(f"worker {memory(shop, 'worker')} kB")
        if not SANITIZED:
            assert memory(shop, "worker") < MEMORY_KB
        shop.end("worker")


@pytest.mark.parametrize("engine", ("sqlite", "postgresql"))
def test_one_poisoned(engine):
    """Of a backlog of real time events, the one that Klaviyo cannot read."""
    with Shop(serve=False, engine=engine) as shop, Feeder(shop) as feeder:
        fill(feeder, 3000, lane=0)
        feeder.do("UPDATE klaviyo_outbox SET event = replace(event,"
                  " '2026-07-01T', '2026-07-41T')"
                  " WHERE id = 'Ordered Product/h1234'")
        shop.start_sandbox(["--record", shop.path("record")])
        shop.start_worker()
        wait_for(lambda: feeder.count(WAITING) == 0, "the end")
        shop.end("worker")
        assert feeder.count(SENT) == 2999
        (dead, error), = feeder.rows("SELECT id, error FROM klaviyo_outbox "
                                     "WHERE " + DEAD)
        assert dead == "Ordered Product/h1234"
        assert error.startswith("HTTP 400")
        counts = ask(shop, "/sandbox/status")["counts"]
        assert counts["accepted"] == 2999 and counts["duplicate"] == 0
        with open(shop.path("record")) as f:
            paths = [json.loads(line)["path"] for line in f]
        # Some halves of the job, and those that were left one by one.
        assert paths.count("/api/event-bulk-create-jobs") < 30
        assert paths.count("/api/events") < 30


def test_what_klaviyo_describes():
    """Real orders of the shop, sent in bulk, as Klaviyo's own description has
    it: the sandbox's reading always, contract.py where it is at hand."""
    with Shop("nginx", sandbox=["--rate", "off"]) as shop:
        record = shop.path("record")
        shop.end("sandbox")
        shop.start_sandbox(["--record", record])
        for i in range(3):
            visitor = shop.visitor()
            fill_cart(visitor, shop, [("WINNIEPOOH", 2), ("TALEOFTWO", 1)])
            checkout(visitor, email=f"p{i % 2}@klaviyo-demo.com")
        with Feeder(shop) as feeder:
            queued = feeder.count(WAITING)
            feeder.do("UPDATE klaviyo_outbox SET lane = 1, event ="
                      " '{\"backfill\":true,' || substr(event, 2)")
            shop.start_worker()
            wait_for(lambda: feeder.count(SENT) == queued, "the events")
        counts = ask(shop, "/sandbox/status")["counts"]
        assert counts["accepted"] == queued and counts["refused"] == 0
        with open(record) as f:
            bodies = [json.loads(line) for line in f]
        assert {b["path"] for b in bodies} == {"/api/event-bulk-create-jobs"}
        groups = [g["attributes"] for b in bodies for g in b["body"]["data"]
                  ["attributes"]["events-bulk-create"]["data"]]
        assert sum(len(g["events"]["data"]) for g in groups) == queued
        assert len(groups) < queued
        check_contract(record)
