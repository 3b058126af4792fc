"""`storefront preview order|cart|product ID`: what would be sent, exactly, and
nothing is written."""
import base64
import hashlib
import json
import re

import pytest

from harness import Shop
from shop_kit import (Page, checkout, fill_cart, one, order_of, rows, state)
from test_onsite_server import CHROME, kla_id


def raw(shop, *words):
    """The bodies, as their bytes."""
    return shop.run("preview", *words, "--raw", secrets=False,
                    env={"KLAVIYO_PUBLIC_KEY": ""}).stdout[:-1].split("\n")


def pretty(shop, *words):
    """[(the line above, the body)]"""
    out = shop.run("preview", *words, secrets=False).stdout
    found = []
    for part in out.strip().split("\n\n"):
        head, body = part.split("\n", 1)
        found.append((head, json.loads(body)))
    return found


@pytest.fixture(scope="module")
def shop():
    with Shop("nginx", sandbox=["--rate", "off", "--record", "/dev/null"]) \
            as shop:
        shop.end("sandbox")
        shop.record = shop.path("record")
        shop.start_sandbox(["--rate", "off", "--record", shop.record])
        yield shop


def place(shop, **more):
    visitor = shop.visitor()
    fill_cart(visitor, shop, [("WINNIEPOOH", 2), ("MOBY-PB", 1)])
    return order_of(checkout(visitor, **more))


def test_an_order_as_it_is_received(shop):
    """Before and after it is sent: the same bytes, and the sandbox's."""
    order = place(shop)
    shop.run("order", "fulfill", order, "--line", "1:1", "--tracking", "T1")
    shop.run("order", "ship", order, "s1", "shipped")
    shop.run("order", "cancel", order, "--line", "2", "--reason", "Late")
    shop.run("order", "refund", order, "--amount", "1.50")
    before = state(shop)
    told = raw(shop, "order", order)
    assert len(told) == 3 + 4
    # Byte for byte what the outbox holds, joined.
    held = {json.loads(event)["unique_id"] + json.loads(event)["metric"]
            ["data"]["attributes"]["name"]: (event, profile)
            for event, profile in rows(
                shop, "SELECT event, profile FROM klaviyo_outbox")}
    for body in told:
        event = json.loads(body)["data"]["attributes"]
        text, profile = held.pop(event["unique_id"] + event["metric"]["data"]
                                 ["attributes"]["name"])
        assert body == ('{"data":{"type":"event","attributes":' + text[:-1]
                        + ',"profile":{"data":' + profile + "}}}}")
    assert not held
    heads = [head for head, _ in pretty(shop, "order", order)]
    assert f"POST /api/events: Placed Order, unique_id {order} (waiting)" \
        in heads
    assert f"POST /api/events: Shipping Update, unique_id {order}:s1:Shipped" \
        " (waiting)" in heads
    assert state(shop) == before
    # What the sandbox receives is what was shown.
    shop.run("worker", "--once")
    received = [json.loads(line)["body"] for line in open(shop.record)]
    shown = [json.loads(body) for body in told]
    for body in received:
        assert body in shown
    assert len(received) == len(shown)
    # Sent and emptied: made anew, by the same code, and the same.
    assert one(shop, "SELECT MAX(event) FROM klaviyo_outbox") == ""
    before = state(shop)
    assert raw(shop, "order", order) == told
    assert all(head.endswith("(sent)")
               for head, _ in pretty(shop, "order", order))
    assert state(shop) == before
    # As history it says so, and nothing else differs.
    past = raw(shop, "order", order, "--history")
    assert [b.replace(',"backfill":true', "") for b in past] == told
    assert all('"backfill":true' in b for b in past)


def test_what_waits_is_shown_as_it_waits(shop):
    """With what only the checkout knew: the visitor's exchange id."""
    visitor = shop.visitor()
    cookie = base64.b64encode(json.dumps(
        {"$exchange_id": "kx-0123456789.ABC123"}).encode()).decode()
    visitor.cookies["__kla_id"] = cookie
    fill_cart(visitor, shop, [("WINNIEPOOH", 1)])
    order = order_of(checkout(visitor))
    profile = json.loads(one(
        shop, "SELECT profile FROM klaviyo_outbox WHERE id = ?",
        f"Placed Order/{order}"))
    assert profile["attributes"]["_kx"]
    for body in raw(shop, "order", order):
        assert json.loads(body)["data"]["attributes"]["profile"]["data"] \
            == profile


def test_a_cart_as_the_page_tells_it(shop):
    visitor = shop.visitor()
    fill_cart(visitor, shop, [("TALEOFTWO", 1)])
    visitor.post("/cart/add", {"variant": one(
        shop, "SELECT id FROM variant WHERE sku = 'WINNIEPOOH'"),
        "quantity": 2}, follow=False)
    added, = Page(visitor.get("/cart")).calls("Added to Cart")
    started, = Page(visitor.get("/checkout")).started_checkout()
    cart = one(shop, "SELECT cart FROM cart_line l JOIN variant v "
               "ON v.id = l.variant WHERE v.sku = 'TALEOFTWO'")
    before = state(shop)
    (call, body), (other, second) = pretty(shop, "cart", cart)
    assert call == 'klaviyo.track("Added to Cart", ..)' and body == added
    assert other == 'klaviyo.track("Started Checkout", ..)'
    assert second == started
    assert state(shop) == before


@pytest.mark.parametrize("how", ("address", "account"))
def test_a_cart_as_the_server_tells_it(how):
    """KLAVIYO_ONSITE=server: of a visitor who is known, what the outbox holds
    of it, byte for byte; of another, what the page tells."""
    with Shop("nginx", env={"KLAVIYO_ONSITE": "server",
                            "STOREFRONT_THREADS": "1"}) as shop:
        visitor = shop.visitor()

        def see(method, path, body=None):
            reply = visitor.request(method, path, body,
                                    headers={"User-Agent": CHROME})
            shop.get("/healthz")  # what is told after an answer is told by now
            return reply
        see("POST", "/cart/add", {"variant": one(
            shop, "SELECT id FROM variant WHERE sku = 'WINNIEPOOH'"),
            "quantity": 2})
        cart = one(shop, "SELECT DISTINCT cart FROM cart_line")
        heads = [head for head, _ in pretty(shop, "cart", cart)]
        assert heads == ['klaviyo.track("Added to Cart", ..)',
                         'klaviyo.track("Started Checkout", ..)']
        # Now they are known, by the checkout's form or by an account.
        page = "/checkout" if how == "address" else "/account/register"
        see("GET", page)
        form = visitor.form(page)
        see("POST", page, {
            **form, "email": "sarah@klaviyo-demo.com", "first_name": "Sarah",
            "last_name": "Mason", "phone": "+15005550006",
            **({"action": "order"} if how == "address"
               else {"password": "in the evening"})})
        if how == "account":
            see("GET", "/account/login")
            see("POST", "/account/login", {
                **visitor.form("/account/login"),
                "email": "sarah@klaviyo-demo.com",
                "password": "in the evening"})
        shop.execute("DELETE FROM klaviyo_outbox")
        shop.execute("UPDATE cart SET changed_at = changed_at - 100")
        see("POST", "/cart/add", {"variant": one(
            shop, "SELECT id FROM variant WHERE sku = 'TALEOFTWO'"),
            "quantity": 3})
        see("GET", "/checkout")
        cart = one(shop, "SELECT DISTINCT cart FROM cart_line")
        before = state(shop)
        told = raw(shop, "cart", cart)
        heads = [head.split(", unique_id")[0]
                 for head, _ in pretty(shop, "cart", cart)]
        assert heads == ["POST /api/events: Added to Cart",
                         "POST /api/events: Started Checkout"]
        assert state(shop) == before
        held = [f'{{"data":{{"type":"event","attributes":{event[:-1]}'
                f',"profile":{{"data":{profile}}}}}}}}}'
                for event, profile in rows(
                    shop, "SELECT event, profile FROM klaviyo_outbox "
                    "ORDER BY id")]
        assert told == held and len(held) == 2
        assert all('"sarah@klaviyo-demo.com"' in body for body in told)
        # Before they are queued the same, but for the time.
        shop.execute("DELETE FROM klaviyo_outbox")

        def timeless(bodies):
            return [re.sub(r'"time":"[^"]+"', "", body) for body in bodies]
        assert timeless(raw(shop, "cart", cart)) == timeless(held)


@pytest.mark.parametrize("by", ("handle", "id"))
def test_a_product_as_page_and_feed_tell_it(shop, by):
    page = Page(shop.get("/products/winnie-the-pooh"))
    feed = json.loads(shop.run("feed", "json").stdout)
    id = one(shop, f"SELECT {by} FROM product WHERE handle = "
             "'winnie-the-pooh'")
    before = state(shop)
    viewed, item, entry = pretty(shop, "product", id)
    assert viewed == ('klaviyo.track("Viewed Product", ..)',
                      page.calls("Viewed Product")[0])
    assert item == ("klaviyo.trackViewedItem(..)", page.viewed_items()[0])
    assert entry[0] == "/feed/catalog.json" and entry[1] in feed
    assert entry[1]["link"].endswith("/products/winnie-the-pooh")
    assert state(shop) == before


def test_a_product_as_the_server_tells_it():
    """Of nobody in particular: the properties, and a word of whose they are."""
    with Shop("nginx", env={"KLAVIYO_ONSITE": "server",
                            "STOREFRONT_THREADS": "1"}) as shop:
        run = shop.run("preview", "product", "winnie-the-pooh", "--raw")
        assert run.stderr.count("\n") == 1
        assert "note: KLAVIYO_ONSITE is server" in run.stderr
        cookie = kla_id(**{"$exchange_id": "kx-0123456789.ABC123"})
        shop.get("/products/winnie-the-pooh", {
            "User-Agent": CHROME, "Cookie": "__kla_id=" + cookie})
        shop.get("/healthz")
        sent = json.loads(one(shop, "SELECT event FROM klaviyo_outbox"))
        viewed = json.loads(run.stdout.split("\n")[0])
        assert sent["properties"] == viewed and viewed["ProductName"]
        run = shop.run("preview", "product", "winnie-the-pooh",
                       env={"KLAVIYO_ONSITE": "browser"})
        assert run.stderr == ""


def test_nothing_of_that_name(shop):
    for words, why in (
            (("order", "nope"), "there is no order 'nope'"),
            (("cart", "nope"), "there is no cart 'nope'"),
            (("cart", ""), "there is no cart ''"),
            (("product", "nope"), "there is no product 'nope'")):
        run = shop.run("preview", *words, check=False)
        assert run.returncode == 1 and run.stdout == ""
        assert why in run.stderr and run.stderr.count("\n") == 1
    for words in ((), ("order",), ("shop", "x"), ("order", "x", "--what"),
                  ("cart", "x", "--history")):
        run = shop.run("preview", *words, check=False)
        assert run.returncode == 2 and "preview takes" in run.stderr


def test_not_a_byte_is_written():
    """The whole file, of a shop that nobody serves."""
    with Shop("nginx") as shop:
        order = place(shop)
        visitor = shop.visitor()
        fill_cart(visitor, shop, [("WINNIEPOOH", 1)])
        cart = one(shop, "SELECT cart FROM cart_line")
        shop.end("nginx")
        shop.end("storefront")
        if shop.engine != "sqlite":
            return
        before = hashlib.sha256(open(shop.db, "rb").read()).hexdigest()
        for words in (("order", order), ("cart", cart),
                      ("product", "moby-dick")):
            shop.run("preview", *words, secrets=False)
        assert hashlib.sha256(open(shop.db, "rb").read()).hexdigest() \
            == before


def test_hostile_names_stay_whole():
    """Quotes, markup and a comma in a text are no structure."""
    with Shop("nginx", env={"KLAVIYO_API_URL": "http://127.0.0.1:9"}) as shop:
        name = 'A "quoted", {[:]}\\ </script> name\u2028'
        shop.execute("UPDATE product SET title = ? "
                     "WHERE handle = 'winnie-the-pooh'", name)
        (_, viewed), _, (_, entry) = pretty(shop, "product",
                                            "winnie-the-pooh")
        assert viewed["ProductName"] == name
        order = place(shop)
        told = [json.loads(b) for b in raw(shop, "order", order)]
        assert [b for _, b in pretty(shop, "order", order)] == told
        assert name in json.dumps(told, ensure_ascii=False).replace(
            '\\"', '"').replace("\\\\", "\\")
        # Nothing of it can command a terminal.
        out = shop.run("preview", "order", order).stdout
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f]", out)
