"""`storefront history sync`: three years of orders, killed on the way, each
event once, and what is of today not held up."""
import json
import os
import random
import signal
import subprocess
import time
import urllib.request

import pytest

from harness import PATIENCE, SANITIZED, Shop, wait_for
from shop_kit import checkout, execute, fill_cart, one, order_of, rows

COUNT = 100000 if os.environ.get("SOAK") else 3000
YEAR = 365 * 86400


def add_orders(shop, count):
    """As many orders as that, of three lines, over three years, the first ones
    fulfilled, canceled and refunded: copies of one order."""
    visitor = shop.visitor()
    fill_cart(visitor, shop, [("WINNIEPOOH", 2), ("TALEOFTWO", 1),
                              ("MOBY-PB", 1)])
    model = order_of(checkout(visitor))
    begin = int(time.time()) - 3 * YEAR
    numbers = ("(WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 "
               f"FROM c WHERE n < {count}) SELECT n FROM c) AS c")
    execute(shop, "INSERT INTO orders (id, session, key, body_hash, time, "
            "currency, status, email, phone, shipping_address, "
            "billing_address, shipping_name, discount_code, subtotal, "
            "discount, shipping, total) SELECT 'old' || n, '', 'k' || n, '', "
            f"{begin} + n * {3 * YEAR // count - 1}, currency, status, "
            "'c' || (n - n / 997 * 997) || '@klaviyo-demo.com', phone, "
            "shipping_address, billing_address, shipping_name, "
            "discount_code, subtotal, discount, shipping, total "
            f"FROM orders, {numbers} WHERE id = '{model}'")
    execute(shop, "INSERT INTO order_line (orders, line, variant, product, "
            "handle, title, variant_name, sku, vendor, image, categories, "
            "price, quantity) SELECT 'old' || n, line, variant, product, "
            "handle, title, variant_name, sku, vendor, image, categories, "
            f"price, quantity FROM order_line, {numbers} "
            f"WHERE orders = '{model}'")
    for n in range(1, 6):
        shop.run("order", "fulfill", f"old{n}", "--line", "1:1")
    shop.run("order", "cancel", "old6", "--reason", "Late")
    shop.run("order", "refund", "old7", "--amount", "1.00")
    shop.run("order", "refund", "old7", "--line", "2")
    execute(shop, "UPDATE order_change SET time = 1735689600")
    # Those were queued as of today.
    execute(shop, "DELETE FROM klaviyo_outbox WHERE id LIKE '%/old%'")
    return model


@pytest.fixture(scope="module")
def shop():
    with Shop("nginx", sandbox=["--keep", "1000000"]) as shop:
        shop.model = add_orders(shop, COUNT)
        yield shop


def test_dry_run_and_spans(shop):
    before = rows(shop, "SELECT * FROM klaviyo_outbox")
    told = shop.run("history", "sync", "--dry-run").stdout
    assert f"{COUNT + 1} orders and 8 changes" in told
    day = time.strftime("%Y-%m-%d", time.gmtime(time.time() - YEAR))
    later = int(shop.run("history", "sync", "--dry-run", "--since",
                         day).stdout.split()[0])
    sooner = int(shop.run("history", "sync", "--dry-run", "--until",
                          day).stdout.split()[0])
    assert later + sooner == COUNT + 1 and later > COUNT // 4
    assert rows(shop, "SELECT * FROM klaviyo_outbox") == before
    for wrong in ((), ("send",), ("sync", "all")):
        run = shop.run("history", *wrong, check=False)
        assert run.returncode == 2 and "history takes" in run.stderr


def test_spans_that_are_none(shop):
    """Each refused with one line that says why, before anything is opened."""
    tomorrow = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 2 * 86400))
    for wrong, why in (
            (("--since",), "--since needs a day"),
            (("--until", ""), '--until: "" is no day'),
            (("--since", "1.1.2024"), '"1.1.2024" is no day'),
            (("--since", "2024-02-30"), '"2024-02-30" is no day'),
            (("--until", "2024-13-01"), "is no day"),
            (("--until", "24-01-01"), "is no day"),
            (("--since", "2024-01-01x"), "is no day"),
            (("--since", "2024-02-01", "--until", "2024-01-01"),
             "--until must be a later day than --since"),
            (("--since", "2024-01-01", "--until", "2024-01-01"),
             "--until must be a later day"),
            (("--since", tomorrow), "yet to come")):
        run = shop.run("history", "sync", *wrong, check=False)
        assert run.returncode == 2, wrong
        assert why in run.stderr and run.stderr.count("\n") == 1, run.stderr
        assert "write it like 2024-01-31" in run.stderr \
            or "no day" not in run.stderr


def sync_and_kill(shop, generator):
    """Starts a sync and kills it at a random moment; whether it had ended."""
    done = one(shop, "SELECT COUNT(*) FROM klaviyo_outbox")
    process = subprocess.Popen(
        shop.storefront("history", "sync"), cwd=shop.dir, env=shop.env,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        user=shop.user.pw_uid if shop.user else None)
    try:
        wait_for(lambda: process.poll() is not None or one(
            shop, "SELECT COUNT(*) FROM klaviyo_outbox") > done,
            "the sync to begin")
        time.sleep(generator.random() * 0.05)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    return process.returncode == 0


def test_killed_and_resumed_each_once(shop):
    seed = random.randrange(10 ** 9)
    print("seed", seed)
    generator = random.Random(seed)
    killed = sum(not sync_and_kill(shop, generator) for _ in range(3))
    place = rows(shop, "SELECT value FROM meta WHERE name = 'history'")
    run = shop.run("history", "sync")
    if place:
        assert "going on after order" in run.stderr
        assert int(run.stdout.split()[0]) < COUNT
    assert killed or not place
    # Again: nothing new.
    shop.run("history", "sync")
    assert not rows(shop, "SELECT 1 FROM meta WHERE name = 'history'")
    # 4 events an order; 5 shipments, a cancellation, two refunds; today's own.
    queued = one(shop, "SELECT COUNT(*) FROM klaviyo_outbox")
    assert queued == 4 * COUNT + 8 + 4
    assert one(shop, "SELECT COUNT(*) FROM klaviyo_outbox WHERE lane = 1") \
        == 4 * COUNT + 8
    body = json.loads(one(shop, "SELECT event FROM klaviyo_outbox "
                          "WHERE id = 'Placed Order/old1'"))
    when = one(shop, "SELECT time FROM orders WHERE id = 'old1'")
    assert body["backfill"] is True
    assert body["time"] == time.strftime("%Y-%m-%dT%H:%M:%SZ",
                                         time.gmtime(when))
    body = json.loads(one(shop, "SELECT event FROM klaviyo_outbox "
                          "WHERE id = 'Refunded Order/old7:r2'"))
    assert body["time"] == "2025-01-01T00:00:00Z" and body["backfill"]
    assert body["properties"]["Items"][0]["SKU"] == "TALEOFTWO"


def counts(shop):
    with urllib.request.urlopen(shop.sandbox_url
                                + "/sandbox/status") as reply:
        return json.load(reply)


def test_delivered_by_bulk_each_once(shop):
    """Behind what is of today, at Klaviyo's own rate."""
    visitor = shop.visitor()
    fill_cart(visitor, shop, [("WINNIEPOOH", 1)])
    today = order_of(checkout(visitor))
    shop.start_worker()
    # 150,000 a minute is what Klaviyo takes.
    wait_for(lambda: one(shop, "SELECT COUNT(*) FROM klaviyo_outbox "
                         "WHERE sent_at IS NULL") == 0,
             "the history to be delivered", PATIENCE * 10, 0.2)
    with urllib.request.urlopen(shop.sandbox_url
                                + "/sandbox/export") as reply:
        told = json.load(reply)
    ids = [(event["metric"], event["unique_id"])
           for event in told["events"]]
    assert len(ids) == len(set(ids)) == 4 * COUNT + 8 + 6
    assert not told["refused"]
    assert SANITIZED or not told["duplicates"]
    # Today's order is among the first, though it was queued last.
    assert ("Placed Order", today) in ids[:12]
