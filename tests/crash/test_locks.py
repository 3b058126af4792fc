"""The database is locked by somebody else, for longer than anybody waits; and
four workers at once.

Somebody: another process that holds the write gate (the .lock file), or one that
knows nothing of the gate and holds SQLite's own write lock.  A checkout then
answers 503 with Retry-After while the lock is still held, pages are served all
the while, and the same form sent again later is one order.  The worker says so
and goes on by itself.
"""
import fcntl
import json
import re
import sqlite3
import threading

import pytest

from faultkit import (SOAK, Customers, Placed, fill, order, orders, outbox,
                      rows, sandbox, seeded, send, somebody, stocked, whole)
from harness import Shop, wait_for


@pytest.fixture
def shop():
    with Shop("nginx", sandbox=True, serve=False) as shop:
        stocked(shop)
        shop.start_serve()
        shop.start_nginx()
        yield shop


class Gate:
    """Holds the write gate."""

    def __init__(self, shop):
        self.file = open(shop.db + ".lock", "r+")
        fcntl.flock(self.file, fcntl.LOCK_EX)

    def release(self):
        self.file.close()


class Writer:
    """Holds SQLite's write lock, by a transaction that is in no hurry."""

    def __init__(self, shop):
        self.db = sqlite3.connect(shop.db, isolation_level=None, timeout=30)
        self.db.execute("BEGIN IMMEDIATE")

    def release(self):
        self.db.execute("ROLLBACK")
        self.db.close()


class Posts:
    """Checkouts that are sent at the same moment."""

    def __init__(self, visitors):
        self.replies, self.forms = {}, {v: (v.page, v.path) for v in visitors}
        self.threads = [threading.Thread(target=self.send, args=(v,))
                        for v in visitors]
        for thread in self.threads:
            thread.start()

    def send(self, visitor):
        reply = send(visitor, follow=False, email=somebody(visitor))
        visitor.page, visitor.path = self.forms[visitor]
        self.replies[visitor] = reply

    def wait(self):
        wait_for(lambda: len(self.replies) == len(self.forms), "the answers")
        for thread in self.threads:
            thread.join()
        return self.replies


@pytest.mark.parametrize("holder", [Gate, Writer])
def test_locked_for_longer_than_the_wait(shop, holder):
    rng = seeded("locks")
    first = order(shop.visitor(), shop, rng)
    visitors = {v: fill(v, shop, rng) for v in
                [shop.visitor() for _ in range(3)]}
    looking = shop.visitor()
    lock = holder(shop)
    try:
        shop.start_worker()
        posts = Posts(visitors)
        for path in ("/", "/products/moby-dick", "/search?q=tea"):
            assert looking.get(path).status == 200
        assert not posts.replies, "they are to wait for a while"
        for reply in posts.wait().values():  # while it is locked
            assert reply.status == 503 and reply.header("retry-after"), reply
        wait_for(lambda: re.search("busy|locked", shop.log("worker")),
                 "the worker to say that it waits")
        assert orders(shop) == {first.id}
    finally:
        lock.release()
    replies = Posts(visitors).wait()
    placed = [Placed(replies[v], lines) for v, lines in visitors.items()]
    again = Posts(visitors).wait()
    assert [Placed(again[v], lines).id for v, lines in visitors.items()] == [
        p.id for p in placed]
    whole(shop, [first, *placed])
    assert orders(shop) == {first.id} | {p.id for p in placed}
    shop.wait_delivered()
    assert set(sandbox(shop)) == outbox(shop)
    assert not sandbox(shop, "duplicates")
    # The reason in the log is this one, not an older one.
    assert shop.log("storefront").count("busy") + shop.log(
        "storefront").count("locked") == 3


# -------------------------------------------------------------- four workers

def status(shop):
    return json.loads(shop.run("outbox", "status", "--json").stdout)


def sender(shop, names):
    """The name of the worker that is sending."""
    pid = re.search(r"pid (\d+)", json.dumps(status(shop)))
    found = [n for n in names
             if pid and shop.programs[n].pid == int(pid[1])]
    return found[0] if found else None


def test_four_workers_one_sends(shop):
    rng = seeded("four-workers")
    names = ["worker1", "worker2", "worker3", "worker4"]
    for name in names:
        shop.start_worker(name)
    customers = Customers(shop, rng, 4)
    try:
        for turn in range(4 if SOAK else 2):
            count = len(customers.placed) + (200 if SOAK else 15)
            wait_for(lambda: len(customers.placed) >= count or
                     customers.over.is_set(), "orders")
            active = wait_for(lambda: sender(shop, names), "a sender")
            others = [n for n in names if n != active]
            for name in others:
                wait_for(lambda: "stands by" in shop.log(name),
                         f"{name} to stand by")
            if turn == 0:  # it leaves in order: another one at once
                shop.end(active)
                names.remove(active)
    finally:
        placed = customers.stop()
    assert not customers.refused, "a checkout found no turn to write"
    shop.wait_delivered()
    whole(shop, placed)
    received = sandbox(shop)
    assert set(received) == outbox(shop) and len(placed) >= 15
    assert not sandbox(shop, "duplicates"), "an event was sent twice"
    assert {n for n, in rows(shop, "SELECT attempts FROM klaviyo_outbox")} == {
        1}
