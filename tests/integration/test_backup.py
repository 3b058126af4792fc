"""`storefront backup`: under load, restored elsewhere, and what Klaviyo makes of
it: nothing that was sent is swallowed or doubled in effect."""
import json
import random
import os
import sqlite3
import stat
import subprocess
import threading
import time
import urllib.request

import pytest

from harness import PATIENCE, Shop, wait_for
from shop_kit import checkout, execute, fill_cart, one, order_of, rows


def buy(shop, sku="WINNIEPOOH"):
    visitor = shop.visitor()
    fill_cart(visitor, shop, [(sku, 1)])
    # An address's orders are counted.
    return order_of(checkout(visitor, email=f"c{random.randrange(10 ** 9)}"
                                            "@klaviyo-demo.com"))


class Load:
    """Visitors who buy without end; the orders confirmed to them."""

    def __init__(self, shop, visitors=3):
        self.shop, self.orders, self.errors = shop, [], []
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=self.run)
                        for _ in range(visitors)]

    def run(self):
        try:
            while not self.stop.is_set():
                self.orders.append(buy(self.shop))
        except BaseException as error:
            self.errors.append(error)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join(PATIENCE)

    def more(self, n):
        enough = len(self.orders) + n
        wait_for(lambda: len(self.orders) >= enough or self.errors,
                 "more orders")
        assert not self.errors, self.errors


def export(shop):
    with urllib.request.urlopen(shop.sandbox_url
                                + "/sandbox/export") as reply:
        return json.load(reply)


def events_of(shop, orders):
    return {(metric, unique_id) for id in orders for metric, unique_id in (
        ("Placed Order", id), ("Ordered Product", f"{id}:1"))}


def whole(path):
    """What is in a backup: its orders, after all checks."""
    with sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        orders = {id for id, in db.execute("SELECT id FROM orders")}
        for metric in ("Placed Order/", "Ordered Product/"):
            assert orders == {
                id[len(metric):].split(":")[0] for id, in db.execute(
                    "SELECT id FROM klaviyo_outbox WHERE id LIKE ?",
                    (metric + "%",))}
        assert db.execute("SELECT COUNT(*) FROM order_line").fetchone() == \
            (len(orders),)
    return orders


def test_under_load_and_restored():
    with Shop("nginx", sandbox=True, worker=True, engine="sqlite") as shop:
        execute(shop, "UPDATE variant SET stock = 100000")
        folder = shop.mkdir("backups")
        with Load(shop) as load:
            load.more(5)
            for n in range(4):
                before = list(load.orders)
                path = os.path.join(folder, f"{n}.db")
                told = shop.run("backup", path).stdout
                assert "checked" in told
                assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
                # Confirmed before it began: there, whole.
                assert whole(path) >= set(before)
                load.more(2)
        assert sorted(os.listdir(folder)) == [f"{n}.db" for n in range(4)]
        shop.wait_delivered()
        first = set(load.orders)

        # The shop is lost; the second backup takes its place.
        for name in ("worker", "storefront"):
            shop.end(name)
        kept = whole(os.path.join(folder, "1.db"))
        assert kept < first
        for suffix in ("", "-wal", "-shm"):
            if os.path.exists(shop.db + suffix):
                os.unlink(shop.db + suffix)
        os.rename(os.path.join(folder, "1.db"), shop.db)
        shop.start_serve()
        shop.start_worker()
        assert one(shop, "PRAGMA journal_mode") == "wal"
        later = {buy(shop) for _ in range(5)}
        shop.wait_delivered()
        assert {id for id, in rows(shop, "SELECT id FROM orders")} == \
            kept | later
        told = export(shop)
        received = [(e["metric"], e["unique_id"]) for e in told["events"]]
        assert len(received) == len(set(received))
        assert set(received) == events_of(shop, first | later)
        # What was sent again after the restore was dropped as known.
        assert {(e["metric"], e["unique_id"])
                for e in told["duplicates"]} <= events_of(shop, kept)
        assert not told["refused"]


def test_a_restored_cart_gives_out_no_revision_again():
    """Added to Cart's $event_id is cart:revision.  The same cart after a
    restored backup is filled otherwise: a new id, or Klaviyo drops it."""
    with Shop("nginx", engine="sqlite") as shop:
        path = os.path.join(shop.mkdir("backups"), "shop.db")
        visitor = shop.visitor()
        fill_cart(visitor, shop, [("WINNIEPOOH", 1)])
        shop.run("backup", path)
        before = one(shop, "SELECT revision FROM cart")
        for _ in range(3):
            fill_cart(visitor, shop, [("TALEOFTWO", 1)])
        lost = one(shop, "SELECT revision FROM cart")
        assert lost >= before + 3
        shop.end("storefront")
        os.rename(path, shop.db)
        for suffix in ("-wal", "-shm"):
            if os.path.exists(shop.db + suffix):
                os.unlink(shop.db + suffix)
        assert one(shop, "SELECT revision FROM cart") == before
        shop.start_serve()
        # The clock has gone on by as much as the carts changed a second.
        wait_for(lambda: time.time() >= lost + 1,
                 "the clock to pass the lost revisions")
        fill_cart(visitor, shop, [("MOBY-PB", 1)])
        assert one(shop, "SELECT revision FROM cart") > lost


@pytest.fixture(scope="module")
def idle():
    with Shop(serve=False, engine="sqlite") as shop:
        shop.folder = shop.mkdir("backups")
        yield shop


def refuse(shop, *words, code=1, says):
    files = sorted(os.listdir(shop.folder))
    run = shop.run("backup", *words, check=False)
    assert run.returncode == code and says in run.stderr, run
    assert len(run.stderr.splitlines()) == 1 or code == 2
    assert sorted(os.listdir(shop.folder)) == files
    return run


def test_what_is_refused(idle):
    path = os.path.join(idle.folder, "a.db")
    idle.run("backup", path)
    before = open(path, "rb").read()
    refuse(idle, path, says="--force")
    refuse(idle, idle.folder, "--force", says="no plain file")
    refuse(idle, idle.db, "--force", says="database itself")
    refuse(idle, "/nonexistent/a.db", says="/nonexistent/a.db")
    for words in ((), ("--force",), ("a", "b"), ("a", "--force", "c")):
        refuse(idle, *words, code=2, says="To restore one")
    assert open(path, "rb").read() == before
    execute(idle, "UPDATE variant SET stock = stock + 1")
    # The log of somebody who looked into the old one and was killed.
    for suffix in ("-wal", "-shm"):
        with open(path + suffix, "wb") as file:
            file.write(b"old")
    idle.run("backup", path, "--force")
    assert open(path, "rb").read() != before
    assert not [name for name in os.listdir(idle.folder) if "-" in name]


def test_no_room_for_it(idle):
    """FILE stays what it was, and nothing is left beside it."""
    path = os.path.join(idle.folder, "b.db")
    idle.run("backup", path)
    before = open(path, "rb").read()
    files = sorted(os.listdir(idle.folder))
    user = idle.user.pw_uid if idle.user else None
    run = subprocess.run(
        ["prlimit", "--fsize=65536", *idle.storefront(
            "backup", path, "--force")], env=idle.env, cwd=idle.dir,
        user=user, capture_output=True, text=True)
    assert run.returncode == 1 and "no backup was made" in run.stderr, run
    assert open(path, "rb").read() == before
    assert sorted(os.listdir(idle.folder)) == files


def test_on_postgresql():
    with Shop(serve=False, engine="postgresql") as shop:
        run = shop.run("backup", shop.path("b.db"), check=False)
        assert run.returncode == 1 and "pg_dump" in run.stderr
        assert not os.path.exists(shop.path("b.db"))
