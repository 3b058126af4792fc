"""
faultkit.py - what the tests of faults below the program share.

    SOAK                                 the long form is asked for
    rng = seeded("powercut")             prints its seed; SEED=N replays it
    shims(shop, "powercut", SHIM_LOG=..) the environment that preloads a shim
    stocked(shop)                        nothing is ever sold out
    customers = Customers(shop, rng, 4); customers.stop()   orders, concurrently
    Persistent(..)                       .. and again after an error page
    order(visitor, shop, rng)            one order: Placed, or the reply
    somebody(visitor)                    an address for the checkout that is open
    whole(shop, placed)                  it is there, with lines and events
    sandbox(shop)                        what the sandbox has seen, by event id
"""
import hashlib
import json
import os
import random
import re
import sqlite3
import sys
import threading
import urllib.request

import harness

sys.path.insert(0, os.path.join(harness.TREE, "tests", "integration"))
from shop_kit import (add, order_of, rows, send, variant)  # noqa: E402,F401

SOAK = os.environ.get("SOAK") == "1"
SKUS = ("WINNIEPOOH", "TALEOFTWO", "MOBY-PB", "PENCIL-HB", "BOOKMARKS",
        "INK-SAGE", "MUG-WHITE", "NOTE-A5-RUST")


def seeded(name):
    """A generator of random numbers whose seed is told."""
    seed = int(os.environ.get("SEED") or random.randrange(1 << 32))
    print(f"{name}: SEED={seed}")
    return random.Random(hashlib.sha256(f"{name} {seed}".encode()).digest())


def preload(library, **more):
    env = {"LD_PRELOAD": library, **more}
    # A sanitizer's library wants to be first; the shim only passes calls on.
    env["ASAN_OPTIONS"] = ":".join(filter(None, (
        os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0")))
    return env


def shim(shop, name):
    where = shop.reach(os.path.join(harness.BUILD, "tests", "crash"),
                       ("powercut.so", "diskfault.so"))
    library = os.path.join(where, name + ".so")
    assert os.path.exists(library), f"{library}: `make shims` makes it"
    return library


def shims(shop, name, **more):
    return preload(shim(shop, name), **{"SHIM_DB": shop.db, **more})


def data_file(shop, name, content=b""):
    """A file in the shop's directory that its programs may write."""
    path = shop.write(name, "", 0o666)
    with open(path, "wb") as f:
        f.write(content)
    return path


def stocked(shop):
    with sqlite3.connect(shop.db) as db:
        db.execute("UPDATE variant SET stock = 1000000")
    db.close()


# ---------------------------------------------------------------- customers

class Placed:
    """An order whose thank-you page the customer was sent to."""

    def __init__(self, reply, lines):
        self.id, self.lines = order_of(reply), lines

    @property
    def events(self):
        return {f"Placed Order/{self.id}"} | {
            f"Ordered Product/{self.id}:{n + 1}"
            for n in range(len(self.lines))}


def fill(visitor, shop, rng, most=3):
    lines = [(sku, rng.randint(1, 3)) for sku in
             rng.sample(SKUS, rng.randint(1, most))]
    for sku, quantity in lines:
        reply = add(visitor, shop, sku, quantity, follow=False)
        assert reply.status == 303, reply
    assert visitor.get("/checkout").status == 200
    return lines


def somebody(visitor):
    """Another one for each form: an address's orders are counted."""
    return f"c{visitor.form('/checkout')['key'][:20]}@klaviyo-demo.com"


def order(visitor, shop, rng, most=3):
    """Placed, or the reply that was none."""
    lines = fill(visitor, shop, rng, most)
    reply = send(visitor, follow=False, email=somebody(visitor))
    return Placed(reply, lines) if reply.status == 303 else reply


class Customers:
    """Threads of visitors, each with order after order until told to stop.

    placed() is called, by the customer's thread, the moment an order is
    confirmed; an error page is noted in .refused; anything else, and whatever
    is raised, fails stop().
    """

    def __init__(self, shop, rng, count, placed=None, most=None):
        self.shop, self.notify, self.most = shop, placed, most
        self.placed, self.refused, self.wrong = [], [], []
        self.lock, self.over = threading.Lock(), threading.Event()
        self.threads = [threading.Thread(
            target=self.run, args=(random.Random(rng.random()),))
            for _ in range(count)]
        for thread in self.threads:
            thread.start()

    def run(self, rng):
        try:
            while not self.over.is_set():
                self.one(rng)
        except Exception as error:
            self.wrong.append(error)
            self.over.set()

    def one(self, rng):
        result = order(self.shop.visitor(), self.shop, rng)
        if isinstance(result, Placed) and self.notify:
            self.notify(result)
        with self.lock:
            (self.placed if isinstance(result, Placed)
             else self.refused).append(result)
            if self.most and len(self.placed) >= self.most:
                self.over.set()

    def wait(self):
        """Until enough orders are placed."""
        harness.wait_for(self.over.is_set, "orders", 900)
        return self.stop()

    def stop(self):
        self.over.set()
        for thread in self.threads:
            thread.join(harness.PATIENCE)
            assert not thread.is_alive(), "a customer is stuck"
        if self.wrong:
            raise self.wrong[0]
        return self.placed


class Persistent(Customers):
    """Customers who, shown an error page, send the same form again until they
    have their order.  Errors are counted in .errors."""

    errors = 0

    def one(self, rng):
        visitor = self.shop.visitor()
        try:
            lines = fill(visitor, self.shop, rng)
        except (AssertionError, OSError):
            self.errors += 1
            return
        page, path = visitor.page, visitor.path
        while True:
            try:
                reply = send(visitor, follow=False, email=somebody(visitor))
            except OSError:
                reply = None
            visitor.page, visitor.path = page, path
            if reply and reply.status == 303:
                break
            assert reply is None or reply.status in (502, 503, 504), reply
            self.errors += 1
        placed = Placed(reply, lines)
        with self.lock:
            self.placed.append(placed)


# ------------------------------------------------------------------- checks

def check_whole(db, placed):
    """Of an open database: every order is whole, those placed are there."""
    lines = dict(db.execute("SELECT orders, count(*) FROM order_line "
                            "GROUP BY orders"))
    events = {}
    for i, in db.execute("SELECT id FROM klaviyo_outbox"):
        events.setdefault(re.split("[/:]", i)[1], set()).add(i)
    orders = {i for i, in db.execute("SELECT id FROM orders")}
    for i in orders:
        n = lines.get(i, 0)
        assert n > 0, f"order {i} has no lines"
        assert events.get(i) == {f"Placed Order/{i}"} | {
            f"Ordered Product/{i}:{line + 1}" for line in range(n)}, (
            f"order {i} of {n} lines has the events {events.get(i)}")
    assert set(events) <= orders, "events of no order"
    assert set(lines) <= orders, "lines of no order"
    for p in placed:
        assert p.id in orders, f"the confirmed order {p.id} is lost"
        assert lines[p.id] == len(p.lines), f"order {p.id} lost lines"


def intact(path):
    """The database's integrity_check, "ok"."""
    db = sqlite3.connect(path)
    try:
        return "\n".join(r for r, in db.execute("PRAGMA integrity_check"))
    finally:
        db.close()


def whole(shop, placed=()):
    db = sqlite3.connect(f"file:{shop.db}?mode=ro", uri=True)
    try:
        check_whole(db, placed)
    finally:
        db.close()


def outbox(shop):
    """Every event's id."""
    return {i for i, in rows(shop, "SELECT id FROM klaviyo_outbox")}


def orders(shop):
    return {i for i, in rows(shop, "SELECT id FROM orders")}


def sandbox(shop, what="events"):
    """What the sandbox took ("duplicates", "refused": that), by event id."""
    with urllib.request.urlopen(shop.sandbox_url + "/sandbox/state") as f:
        state = json.load(f)
    found = {}
    for event in state[what]:
        found.setdefault(f"{event['metric']}/{event['unique_id']}",
                         []).append(event)
    return found


def sandbox_fault(shop, spec):
    urllib.request.urlopen(urllib.request.Request(
        shop.sandbox_url + "/sandbox/fault", spec.encode(),
        method="POST")).close()
