"""The shop on PostgreSQL: many at once, a server that goes away, a COMMIT whose
answer is lost.  What holds on both engines is tested by the other files, under
TEST_ENGINE=postgresql."""
import json
import os
import signal
import threading
import time
import urllib.request

import pytest

from harness import Shop, wait_for
from postgres import Server
from postgres_proxy import Proxy
from shop_kit import (ADDRESS, add, cart_lines, fill_cart, one, order_of,
                      rows, stock, variant)

SOAK = os.environ.get("SOAK") == "1"


@pytest.fixture(scope="module")
def server():
    with Server() as server:
        yield server


@pytest.fixture(scope="module")
def shop(server):
    with Shop("nginx", engine="postgresql", server=server,
              env={"STOREFRONT_THREADS": "24"}) as shop:
        yield shop


def at_once(calls):
    """Runs all at the same moment; their results."""
    results, barrier = [None] * len(calls), threading.Barrier(len(calls))

    def run(i):
        barrier.wait()
        results[i] = calls[i]()
    threads = [threading.Thread(target=run, args=(i,))
               for i in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def set_stock(shop, sku, n):
    shop.execute("UPDATE variant SET stock = ?, oversell = 0 WHERE sku = ?",
                 n, sku)


def order_form(visitor):
    """The checkout page's form, filled in."""
    page = visitor.get("/checkout")
    assert page.status == 200 and visitor.path == "/checkout", page
    return {**visitor.form("/checkout"), **ADDRESS, "action": "order"}


def balanced(shop, orders=None):
    """Each order has its event and one for each line; ${orders}, if given, are
    all that there are."""
    there = {i for i, in rows(shop, "SELECT id FROM orders")}
    assert orders is None or there == set(orders)
    assert {i for i, in rows(shop, "SELECT id FROM klaviyo_outbox")} == {
        f"Placed Order/{order}" for order in there} | {
        f"Ordered Product/{order}:{line}" for order, line in rows(
            shop, "SELECT orders, line FROM order_line")}
    assert one(shop, "SELECT COUNT(*) FROM order_line") >= len(there)
    return there


# ------------------------------------------------------------- many at once

def test_50_buyers_of_10_units(server, shop):
    """Of two articles, half of the carts in the other order: nobody is sold
    what is not there, and nobody waits for another in a circle."""
    set_stock(shop, "WINNIEPOOH", 10)
    set_stock(shop, "TALEOFTWO", 10)
    before = balanced(shop)
    forms = []
    for i in range(50):
        visitor = shop.visitor()
        lines = [("WINNIEPOOH", 1), ("TALEOFTWO", 1)]
        fill_cart(visitor, shop, lines[::-1] if i % 2 else lines)
        forms.append((visitor, order_form(visitor)))
    replies = at_once([lambda v=v, f=f: v.post("/checkout", f, follow=False)
                       for v, f in forms])
    placed = [order_of(r) for r in replies if r.status == 303]
    assert sorted(r.status for r in replies) == [303] * 10 + [409] * 40
    assert balanced(shop) - before == set(placed) and len(set(placed)) == 10
    assert stock(shop, "WINNIEPOOH") == stock(shop, "TALEOFTWO") == 0


def test_20_posts_of_one_key(shop):
    set_stock(shop, "WINNIEPOOH", 100)
    before = balanced(shop)
    for _ in range(10 if SOAK else 2):
        visitor = shop.visitor()
        fill_cart(visitor, shop, [("WINNIEPOOH", 2)])
        form = order_form(visitor)
        cookie = {"Cookie": "sid=" + visitor.cookies["sid"]}
        replies = at_once([lambda: shop.post("/checkout", form, cookie)] * 20)
        assert {r.status for r in replies} == {303}
        assert len({order_of(r) for r in replies}) == 1
        now = balanced(shop)
        assert now - before == {order_of(replies[0])}
        before = now


def test_one_key_from_two_carts(shop):
    """A key is worth one order, whoever else writes it into a form."""
    before = balanced(shop)
    visitors = [shop.visitor() for _ in range(8)]
    for visitor in visitors:
        fill_cart(visitor, shop, [("WINNIEPOOH", 1)])
    # A key names the cart's revision, and that is the second of its last
    # change: another cart, as it was in another second, would be a 409.
    shop.execute("UPDATE cart SET revision = "
                 "(SELECT MAX(revision) FROM cart)")
    forms = [order_form(visitor) for visitor in visitors]
    replies = at_once([
        lambda v=v, f=f: v.post("/checkout", {**f, "key": forms[0]["key"]},
                                follow=False)
        for v, f in zip(visitors, forms)])
    assert {r.status for r in replies} == {303}
    assert len(balanced(shop) - before) == 1


def test_20_adds_to_one_cart(shop):
    set_stock(shop, "WINNIEPOOH", 100)
    visitor = shop.visitor()
    fill_cart(visitor, shop, [("WINNIEPOOH", 1)])
    article = variant(shop, "WINNIEPOOH")
    cookie = {"Cookie": "sid=" + visitor.cookies["sid"],
              "Origin": shop.url}
    replies = at_once([lambda: shop.post(
        "/cart/add", {"variant": article, "quantity": 1}, cookie)] * 20)
    assert {r.status for r in replies} == {303}
    assert cart_lines(shop, visitor) == [("WINNIEPOOH", 21)]


def test_two_inits_at_once(server):
    with Shop(engine="postgresql", server=server, serve=False) as shop:
        fresh = server.url(server.create())
        done = at_once([lambda: shop.run(
            "init", env={"STOREFRONT_DB": fresh}, check=False)] * 3)
        assert [d.returncode for d in done] == [0, 0, 0], done


def test_the_password_is_not_shown(server):
    with Shop(engine="postgresql", server=server, serve=False) as shop:
        for address in (shop.db.replace("shop@", "shop:geheim@"),
                        "postgresql://shop:geheim@127.0.0.1:1/shop",
                        "postgresql://shop:ge@heim@127.0.0.1:1/shop",
                        "postgresql://shop:ge/heim@127.0.0.1:1/shop",
                        "postgresql://shop:ge?user=heim@127.0.0.1:1/shop",
                        "postgresql://shop:ge@:heim@127.0.0.1:1/shop",
                        "postgresql://shop:geheim@[127/shop",
                        "postgresql://127.0.0.1:1/shop?password=geheim"):
            for command in (["doctor"], ["init"], ["worker"], ["serve"]):
                if command == ["serve"] and address.startswith(
                        shop.db.split("shop@")[0] + "shop:geheim@/"):
                    continue
                if command == ["worker"] and "host=" in address:
                    continue
                done = shop.run(*command, check=False,
                                env={"STOREFRONT_DB": address})
                said = done.stdout + done.stderr
                assert said and "heim" not in said, said
        assert "PostgreSQL 1" in shop.run("doctor", "--offline").stdout


# -------------------------------------------------- a COMMIT without answer

@pytest.fixture
def lossy(server):
    """A shop that talks to its database through a proxy."""
    proxy = Proxy(server)
    shop = Shop("nginx", engine="postgresql", server=server, serve=False)
    try:
        with shop:
            shop.env["STOREFRONT_DB"] = proxy.url(shop.database)
            shop.start()
            shop.proxy = proxy
            yield shop
    finally:
        proxy.close()


def visitor_with(shop, *lines):
    visitor = shop.visitor()
    fill_cart(visitor, shop, lines)
    return visitor, order_form(visitor)


def test_the_answer_of_a_commit_is_lost(lossy):
    """It was done: the order is found by its key, and shown."""
    visitor, form = visitor_with(lossy, ("WINNIEPOOH", 2), ("TALEOFTWO", 1))
    lossy.proxy.trap("answer")
    reply = visitor.post("/checkout", form, follow=False)
    assert lossy.proxy.trapped.is_set()
    assert reply.status == 303, reply
    order = order_of(reply)
    assert order_of(visitor.get("/orders/" + order)) == order
    again = visitor.post("/checkout", form, follow=False)
    assert again.status == 303 and order_of(again) == order
    balanced(lossy, [order])
    assert one(lossy, "SELECT COUNT(*) FROM klaviyo_outbox") == 3


def test_a_commit_is_lost(lossy):
    """It was not done, and is not done unasked: the form can be sent again."""
    left = stock(lossy, "WINNIEPOOH")
    visitor, form = visitor_with(lossy, ("WINNIEPOOH", 2))
    lossy.proxy.trap("question")
    reply = visitor.post("/checkout", form, follow=False)
    assert lossy.proxy.trapped.is_set()
    assert reply.status == 503 and "We cannot do that" in reply.text
    balanced(lossy, [])
    assert stock(lossy, "WINNIEPOOH") == left
    again = visitor.post("/checkout", form, follow=False)
    assert again.status == 303
    balanced(lossy, [order_of(again)])
    assert stock(lossy, "WINNIEPOOH") == left - 2


def test_a_refund_of_which_nobody_knows(lossy):
    """Whoever typed it is told to look before they do it again: it would be a
    second one."""
    visitor, form = visitor_with(lossy, ("WINNIEPOOH", 2))
    order = order_of(visitor.post("/checkout", form, follow=False))
    for kind, done in (("question", 0), ("answer", 1)):
        lossy.proxy.trap(kind)
        run = lossy.run("order", "refund", order, "--amount", "5",
                        check=False)
        assert lossy.proxy.trapped.is_set()
        assert run.returncode == 1 and run.stderr.count("\n") == 1
        assert "nobody knows whether it is done: look with `storefront order " \
            f"show {order}` before you do it again" in run.stderr
        assert lossy.run("order", "show", order).stdout.count(
            "  refund  $5.00") == done
    assert one(lossy, "SELECT COUNT(*) FROM klaviyo_outbox "
               "WHERE id LIKE 'Refunded Order/%'") == 1


def test_a_commit_arrives_late(lossy):
    """The server still has the transaction open when it is asked by another
    connection: the answer waits for its end."""
    visitor, form = visitor_with(lossy, ("WINNIEPOOH", 2))
    lossy.proxy.trap("late")
    replies = []
    post = threading.Thread(target=lambda: replies.append(
        visitor.post("/checkout", form, follow=False)))
    post.start()
    wait_for(lossy.proxy.trapped.is_set, "the COMMIT")
    wait_for(lambda: replies or lossy.query(
        "SELECT 1 FROM pg_locks WHERE NOT granted"), "somebody to wait")
    lossy.proxy.release.set()
    post.join()
    assert replies[0].status == 303, replies
    balanced(lossy, [order_of(replies[0])])


def test_nobody_can_say_yet(lossy):
    """The answer is lost, and the database cannot be asked: the page does not
    pretend to know.  The same form, later, makes no second order."""
    visitor, form = visitor_with(lossy, ("WINNIEPOOH", 2))
    lossy.proxy.trap("answer")
    lossy.proxy.open = False
    reply = visitor.post("/checkout", form, follow=False)
    assert reply.status == 503 and "We cannot tell" in reply.text
    lossy.proxy.open = True
    again = wait_for(lambda: ok(visitor.post("/checkout", form, follow=False)),
                     "the database to be asked again")
    assert again.status == 303
    balanced(lossy, [order_of(again)])


def ok(reply):
    return reply if reply.status < 500 else None


@pytest.mark.parametrize("words", [
    b"BEGIN", b"UPDATE cart SET revision = revision + 1",
    b"INSERT INTO orders", b"UPDATE variant", b"INSERT INTO order_line",
    b"SAVEPOINT", b"INSERT INTO klaviyo_outbox", b"UPDATE session"])
def test_lost_within_the_transaction(lossy, words):
    """Nothing was committed: all of it is done again, on a new connection."""
    left = stock(lossy, "WINNIEPOOH")
    visitor, form = visitor_with(lossy, ("WINNIEPOOH", 2), ("TALEOFTWO", 1))
    lossy.proxy.trap("question", words)
    reply = visitor.post("/checkout", form, follow=False)
    assert lossy.proxy.trapped.is_set()
    assert reply.status == 303, reply
    balanced(lossy, [order_of(reply)])
    assert one(lossy, "SELECT COUNT(*) FROM order_line") == 2
    assert stock(lossy, "WINNIEPOOH") == left - 2


def test_a_cart_whose_commit_is_lost(lossy):
    visitor = lossy.visitor()
    fill_cart(visitor, lossy, [("WINNIEPOOH", 1)])
    lossy.proxy.trap("question")
    assert add(visitor, lossy, "WINNIEPOOH").status == 503
    assert cart_lines(lossy, visitor) == [("WINNIEPOOH", 1)]
    assert add(visitor, lossy, "WINNIEPOOH").status == 200
    assert cart_lines(lossy, visitor) == [("WINNIEPOOH", 2)]


# --------------------------------------------------- the server is restarted

class Customer(threading.Thread):
    """Buys until told to stop; sends a form that was answered by 5xx again, as
    it is, until there is an answer."""

    def __init__(self, shop, articles, stop):
        super().__init__()
        self.shop, self.articles, self.stop = shop, articles, stop
        self.confirmed, self.refused, self.error = [], [], None
        self.start()

    def step(self, visitor, method, path, form=None):
        while True:
            begun = time.monotonic()
            reply = visitor.request(method, path, form, follow=False)
            if reply.status < 500:
                return reply
            self.refused.append((begun, time.monotonic(), reply.status))

    def buy(self):
        visitor = self.shop.visitor()
        for article in self.articles:
            assert self.step(visitor, "POST", "/cart/add", {
                "variant": article, "quantity": 1}).status == 303
        assert self.step(visitor, "GET", "/checkout").status == 200
        form = {**visitor.form("/checkout"), **ADDRESS, "action": "order"}
        # One address's orders are counted.
        form["email"] = form["key"][:20] + "@klaviyo-demo.com"
        reply = self.step(visitor, "POST", "/checkout", form)
        assert reply.status == 303, reply
        self.confirmed.append(order_of(reply))

    def run(self):
        try:
            while not self.stop.is_set():
                self.buy()
        except Exception as error:  # shown by the test
            self.error = error


def test_a_restart_that_nobody_noticed():
    """Each thread's connection is dead, and no visitor hears of it."""
    with Server() as server, Shop("nginx", engine="postgresql",
                                  server=server) as shop:
        visitors = [shop.visitor() for _ in range(16)]
        for visitor in visitors:
            fill_cart(visitor, shop, [("WINNIEPOOH", 1)])
        article = variant(shop, "WINNIEPOOH")
        for request in (lambda v: v.get("/cart"),
                        lambda v: v.post("/cart/add", {"variant": article,
                                                       "quantity": 1})):
            server.stop()
            server.start()
            replies = at_once([lambda v=v: request(v) for v in visitors])
            assert {r.status for r in replies} == {200}
        assert one(shop, "SELECT SUM(quantity) FROM cart_line") == 32


def received(shop):
    with urllib.request.urlopen(shop.sandbox_url
                                + "/sandbox/state") as reply:
        return json.load(reply)["events"]


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGQUIT])
@pytest.mark.parametrize("path", ["/", "/cart/add"])
def test_restarted_while_nobody_came(sig, path):
    """Nobody notices, though the connection has the server's last words still
    to be read when the next statement is sent."""
    with Server() as server, Shop("nginx", engine="postgresql",
                                  server=server) as shop:
        visitor = shop.visitor()
        article = {"variant": variant(shop, "WINNIEPOOH"), "quantity": "1"}
        shop.execute("UPDATE variant SET stock = 1000")

        def ask():
            if path == "/":
                return shop.get("/").status
            return visitor.post(path, article, follow=False).status
        threads = 8
        for _ in range(3 * threads):
            assert ask() in (200, 303)
        server.stop(sig)
        server.start()
        assert [ask() for _ in range(3 * threads)] == [
            200 if path == "/" else 303] * 3 * threads


def test_restarted_under_load():
    """Twice, once as an orderly restart and once as a crash, while customers
    buy and the worker delivers."""
    with Server() as server, Shop(
            "nginx", engine="postgresql", server=server, worker=True,
            sandbox=["--rate", "off"]) as shop:
        shop.execute("UPDATE variant SET oversell = 1")
        articles = [variant(shop, "WINNIEPOOH"), variant(shop, "TALEOFTWO")]
        stop, outages = threading.Event(), []
        customers = [Customer(shop, articles, stop) for _ in range(4)]

        def bought():
            assert not [c.error for c in customers if c.error]
            return sum(len(c.confirmed) for c in customers)

        for sig in (signal.SIGINT, signal.SIGQUIT) * (10 if SOAK else 1):
            enough = bought() + 20
            wait_for(lambda: bought() >= enough, "orders")
            down = time.monotonic()
            server.stop(sig)
            met = sum(len(c.refused) for c in customers)
            wait_for(lambda: sum(len(c.refused) for c in customers) > met,
                     "customers to notice")
            server.start()
            outages.append((down, time.monotonic()))
        enough = bought() + 20
        wait_for(lambda: bought() >= enough, "orders after the outage")
        stop.set()
        for customer in customers:
            customer.join()
        bought()
        # What was refused, was while the server was away.
        refused = [r for c in customers for r in c.refused]
        assert refused and not [
            (begun, end, status) for begun, end, status in refused
            if not any(begun < up and end > down for down, up in outages)]
        assert {status for _, _, status in refused} == {503}
        # Every customer was told the truth, and Klaviyo all of it, once.
        confirmed = [order for c in customers for order in c.confirmed]
        balanced(shop, confirmed)
        shop.wait_delivered(3 * len(confirmed))
        events = [(e["metric"], e["unique_id"]) for e in received(shop)]
        assert len(events) == len(set(events))
        assert set(events) == {("Placed Order", order)
                               for order in confirmed} | {
            ("Ordered Product", f"{order}:{line}")
            for order in confirmed for line in (1, 2)}
