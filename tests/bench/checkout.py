"""
checkout.py - orders: beside PHP-FPM and Node, and while Klaviyo is slow, hangs
or is gone.

Each order is of a visitor of its own, with three lines in the cart; carts and
forms are made by SQL before each round, so that POST /checkout alone is timed.
Afterwards the orders are counted, and so are their events: what was answered
and is not there ends the bench.
"""
import os
import re
import sqlite3
import time
from contextlib import closing

import fixture
import peers
from loads import SECONDS, Target, interleaved, median, ratio, words
from stage import PRODUCTS
from table import goal, head, told

HERE = os.path.dirname(os.path.abspath(__file__))
CONNECTIONS = (16, 64)
MOST = 9_000  # orders a second that the visitors suffice for
EVENTS = 4    # of an order of three lines


def counted(shop):
    with closing(sqlite3.connect(f"file:{shop.db}?mode=ro", uri=True,
                                 timeout=60)) as db:
        return db.execute(
            "SELECT (SELECT COUNT(*) FROM orders), (SELECT COUNT(*) FROM "
            "order_line), (SELECT COUNT(*) FROM klaviyo_outbox)").fetchone()


def settled(shop):
    """The same, when what was still being done is done."""
    found = None
    while found != (found := counted(shop)):
        time.sleep(0.1)
    return found


class Buyers(Target):
    """Orders at one shop; how many there were is checked round by round."""

    def __init__(self, name, stage, shop, sign, pids, products=PRODUCTS):
        super().__init__(name, shop.url + "/checkout", pids)
        self.stage, self.shop, self.sign = stage, shop, sign
        self.products = products  # the first so many are bought
        self.most, self.had, self.made = MOST, None, 0

    def before(self, seconds):
        self.made = int(self.most * seconds)
        made = self.stage.visitors(self.shop, self.sign, self.made,
                                   self.products)
        path = self.shop.write("visitors.txt", "".join(
            " ".join(visitor) + "\n" for visitor in made))
        self.had = settled(self.shop)
        return (["-s", os.path.join(HERE, "checkout.lua")], ["--", path])

    def after(self, done, connections):
        """Orders that were answered are there, with lines and events; at most
        those that wrk did not wait for are there besides."""
        orders, lines, events = (now - then for now, then in zip(
            settled(self.shop), self.had))
        if orders >= self.made - connections:
            self.most *= 2  # too few: the round had nothing to do at its end
            return False
        assert done.requests <= orders <= done.requests + connections, (
            self.name, done.requests, orders)
        assert lines == 3 * orders and events == EVENTS * orders, (
            self.name, orders, lines, events)
        self.most = max(200, int(done.rate * 1.6))
        return True


def buyers(stage):
    """Ours, PHP's, Node's."""
    theirs = fixture.Theirs(peers.SECRET)
    php, node = stage.peer("php"), stage.peer("node")
    return [Buyers("ours", stage, stage.ours, stage.sign, stage.ours_pids),
            Buyers("php", stage, php, theirs, php.pids),
            Buyers("node", stage, node, theirs, node.pids)]


def order(buyers):
    """One order by the first visitor; its rows, what is random aside."""
    shop = buyers.shop
    token, form, key = buyers.stage.visitors(shop, buyers.sign, 1)[0]
    reply = shop.post("/checkout", {
        "token": form, "key": key, "action": "order", "phone": "+15005550006",
        "email": "ada@klaviyo-demo.com", "first_name": "Ada",
        "last_name": "Lovelace", "address1": "12 Beacon Street",
        "address2": "", "city": "Boston", "region": "MA", "zip": "02108",
        "country": "US", "billing_same": "1", "discount": "",
        "shipping": "standard", "payment": "approve"},
        {"Cookie": "sid=" + token, "Origin": shop.url,
         "Sec-Fetch-Site": "same-origin"})
    name = reply.header("location").rpartition("/")[2]
    assert reply.status == 303 and name, (buyers.name, reply, shop.logs())
    rows = [shop.query(f"SELECT {columns} FROM {table} {where}")
            for columns, table, where in (
                ("status, email, phone, shipping_address, billing_address, "
                 "shipping_name, discount_code, subtotal, discount, shipping, "
                 "total", "orders", ""),
                ("line, variant, product, handle, title, variant_name, sku, "
                 "vendor, image, categories, price, quantity", "order_line",
                 "ORDER BY line"),
                ("id, kind, lane, profile, event", "klaviyo_outbox",
                 "ORDER BY id"),
                ("id, stock", "variant", "WHERE stock % 1000 <> 0 "
                 "ORDER BY id"))]
    return re.sub(r"\d{4}-\d\d-\d\dT[\d:]+Z", "TIME",
                  repr(rows).replace(name, "ORDER"))


def beside_peers(stage, connections):
    results = interleaved(buyers(stage), connections)
    yield head(f"Checkout, {connections} connections: order, three lines, four "
               "events, WAL, synchronous=FULL")
    yield told("ours", "", words(results, "ours"))
    for name in ("php", "node"):
        yield goal(f"orders/s of {name}",
                   ratio(results, "ours", name, "rate"), at_least=2.5,
                   note=words(results, name))
        yield goal(f"p99 of {name}", ratio(results, "ours", name, "p99"),
                   at_most=0.25)


def rows(stage):
    # Before anything is measured: they write the same rows.
    all_of_them = buyers(stage)
    stage.level([one.shop for one in all_of_them])
    first, *others = [order(one) for one in all_of_them]
    for other in others:
        assert first == other, (first, other)
    for connections in CONNECTIONS:
        yield from beside_peers(stage, connections)
