"""Requests that no page of the shop has made: forms of other sites and other
sessions, hidden fields with something else in them, a Host of somebody else,
payloads that would be a header, cookies that were tampered with."""
import http.client
import os
import re
import urllib.parse

import pytest

from account_kit import (NEXT, PASSWORD, Client, address, customer, register,
                         reset_token)
from harness import PATIENCE, TREE, WAYS, Shop
from shop_kit import (ADDRESS, Page, add, checkout, execute, fill_cart, one,
                      order_of, rows, send, state, variant)

POOH = "WINNIEPOOH"
# The forms without a token, and why.  They insist on a header that names this
# shop.
FREE = {
    "/cart/add": "on public pages; adds to the cart of who asks, no more",
    "/back-in-stock": "on public pages; takes any address, a few times an hour",
    "/consent": "on public pages; an answer is a cookie of the browser's",
}
# The same, for one who has no session yet; with a session it needs its token.
OF_NOBODY = {
    "/cart/restore": "a signed link's page; there is no cart to be replaced",
}


def routes():
    """(method, path) of each, off the table that the shop goes by."""
    with open(os.path.join(TREE, "src", "storefront", "pages.c")) as f:
        table = re.search(r"routes\[\] = \{\n(.*?)\n\};", f.read(), re.S)[1]
    found = re.findall(r'\{"(\w+)", "([^"]+)", \w+\},', table)
    assert len(found) == len(table.splitlines()) > 30
    return found


POSTS = [path for method, path in routes() if method == "POST"]


@pytest.fixture(scope="module")
def shop():
    with Shop("nginx", env={"STOREFRONT_LEADS_EMAIL":
                            "sales@klaviyo-demo.com"}) as shop:
        yield shop


@pytest.fixture(autouse=True)
def no_throttle(shop):
    execute(shop, "DELETE FROM throttle")


def everything(shop):
    """What a request could have changed."""
    return state(shop), [rows(shop, f"SELECT * FROM {table} ORDER BY 1")
                         for table in ("account", "account_order", "lead",
                                       "reset_request")]


def whole_form(shop):
    """Every field that some form has, filled in."""
    return {**ADDRESS, "password": PASSWORD, "new_password": "battery staple",
            "message": "Hello", "choice": "yes", "quantity": "1", "action":
            "order", "variant": variant(shop, POOH), "key": "a" * 26,
            "reset": "x", "restore": "x", "seen": "0"}


@pytest.fixture(scope="module")
def buyer(shop):
    """(visitor, its token): logged in, something in the cart."""
    visitor, _ = customer(shop)
    fill_cart(visitor, shop, [(POOH, 1)])
    visitor.get("/cart")
    return visitor, visitor.form("/cart/update")["token"]


ELSEWHERE = (
    {"Origin": "https://evil.example", "Sec-Fetch-Site": ""},
    {"Origin": "http://127.0.0.1", "Sec-Fetch-Site": ""},
    {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "same-origin-not"},
    {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"})


@pytest.mark.parametrize("path", POSTS)
def test_posts_from_elsewhere(shop, buyer, path):
    visitor, token = buyer
    before = everything(shop)
    for headers in ELSEWHERE:
        reply = visitor.post(path, {**whole_form(shop), "token": token},
                             headers=headers, follow=False)
        assert reply.status == 403 and not reply.all("set-cookie"), headers
    assert everything(shop) == before


@pytest.mark.parametrize("path", POSTS)
def test_posts_without_a_token(shop, buyer, path):
    """Of nobody knows where: without a token, or with another session's."""
    visitor, token = buyer
    other = shop.visitor()
    fill_cart(other, shop, [(POOH, 1)])
    strange = other.form("/cart/update")["token"]
    assert strange != token
    before = everything(shop)
    nowhere = {"Origin": "", "Sec-Fetch-Site": ""}
    nobody = {"Origin": "null", "Sec-Fetch-Site": ""}
    if path in FREE:
        for headers in (nowhere, nobody):
            reply = visitor.post(path, {**whole_form(shop), "token": token},
                                 headers=headers, follow=False)
            assert reply.status == 403 and not reply.all("set-cookie")
    else:
        for headers in ({}, nowhere, nobody):
            for wrong in (None, "", strange, token[:-1], token + "x",
                          token.swapcase(), "\u0131" * len(token)):
                fields = whole_form(shop)
                if wrong is not None:
                    fields["token"] = wrong
                reply = visitor.post(path, fields, headers=headers,
                                     follow=False)
                assert reply.status == 403, (wrong, headers)
        assert everything(shop) == before
        # Nor does one without a session have one: 403, or to the login.
        for headers in (nowhere, nobody) + (
                () if path in OF_NOBODY else ({},)):
            reply = shop.visitor().post(path, {
                **whole_form(shop), "token": token}, headers=headers,
                follow=False)
            assert reply.status == 403 or reply.header(
                "location").startswith(shop.url + "/account/login"), headers
        del before[0]["session"]
    after = everything(shop)
    assert {name: after[0][name] for name in before[0]} == before[0]
    assert after[1] == before[1]


def test_who_needs_no_token_is_named():
    """In pages.c and here; both only name routes."""
    with open(os.path.join(TREE, "src", "storefront", "pages.c")) as f:
        table = re.search(r"without\[\] = \{(.*?)\};", f.read(), re.S)[1]
    assert set(re.findall(r'"([^"]+)"', table)) == {*FREE, *OF_NOBODY}
    assert {*FREE, *OF_NOBODY} <= set(POSTS)


@pytest.mark.parametrize("path", [p for m, p in routes() if m == "GET"])
def test_gets_change_nothing(shop, buyer, path):
    """However much a link says; and HEAD no more than GET."""
    visitor, token = buyer
    query = "?" + urllib.parse.urlencode({**whole_form(shop), "token": token})
    visitor.get("/")  # takes what was added
    before = everything(shop)
    for method in ("GET", "HEAD"):
        reply = visitor.request(method, path + ("x" if path.endswith("/")
                                                and path != "/" else "")
                                + query, follow=False)
        # Nobody delivers here: /readyz says so.
        assert reply.status in (200, 303, 404, 405, 410) or (
            reply.status == 503 and path == "/readyz"), reply
    assert everything(shop) == before


def test_there_is_no_back_door():
    """Nothing is administered by the web: each route is a customer's.  A new
    one has to be put down here by somebody who has thought about it."""
    assert {path for _, path in routes()} == {
        "/", "/products/", "/collections/", "/search", "/cart/add", "/cart",
        "/cart/update", "/cart/restore/", "/cart/restore", "/checkout",
        "/orders/", "/consent", "/account", "/account/login",
        "/account/logout", "/account/register", "/account/details",
        "/account/email", "/account/password", "/account/forgot",
        "/account/reset/", "/account/reset", "/back-in-stock", "/contact",
        "/feed/catalog.json", "/feed/catalog.xml", "/healthz",
        "/readyz"}


def test_health_needs_no_database_and_tells_nothing(shop):
    execute(shop, "ALTER TABLE session RENAME TO session_away")
    try:
        reply = shop.get("/healthz")
        assert shop.get("/cart", {"Cookie": "sid=x"}).status in (200, 503)
    finally:
        execute(shop, "ALTER TABLE session_away RENAME TO session")
    assert reply.status == 200 and reply.body == b"ok\n"
    assert not reply.all("x-powered-by") and not reply.all("set-cookie")
    assert not re.search(r"\d", reply.header("server"))


# ---------------------------------------------------------------- hidden fields

FUZZ = ("", "0", "1", "-1", "0.01", "9" * 30, "true", "x", "../x", "1e3",
        "' OR 1=1 --", "a" * 200)
PRICES = ("price", "total", "subtotal", "amount", "row_total", "shipping_price",
          "discount_value", "tax", "currency", "unit_price", "item_price")


def hidden(reply):
    return {e["attrs"]["name"] for e in Page(reply).all("input", type="hidden")}


def test_no_hidden_field_changes_a_price(shop):
    """Each in turn says something else: the order is the same, or there is
    none."""
    product = shop.visitor()
    names = hidden(product.get("/products/winnie-the-pooh"))
    fill_cart(product, shop, [(POOH, 1)])
    names |= hidden(product.get("/cart")) | hidden(product.get("/checkout"))
    assert {"token", "key", "variant"} <= names
    ordered = 0
    for name in sorted(names):
        for value in FUZZ:
            visitor = shop.visitor()
            fill_cart(visitor, shop, [(POOH, 1)])
            execute(shop, "UPDATE variant SET stock = 100 WHERE sku = ?", POOH)
            visitor.get("/checkout")
            before = one(shop, "SELECT COUNT(*) FROM orders")
            reply = send(visitor, follow=False, **{name: value})
            if "/orders/" in reply.header("location"):
                ordered += 1
                assert rows(shop, "SELECT subtotal, discount, total FROM "
                            "orders WHERE id = ?", order_of(reply)) == [
                    (999, 0, 1494)], (name, value)
            else:
                assert reply.status in (303, 400, 403, 409, 422), reply
                assert one(shop, "SELECT COUNT(*) FROM orders") == before
    assert ordered > 0


def test_no_made_up_field_changes_a_price(shop):
    visitor = shop.visitor()
    execute(shop, "UPDATE variant SET stock = 100 WHERE sku = ?", POOH)
    made_up = {name: "1" for name in PRICES}
    visitor.post("/cart/add", {"variant": variant(shop, POOH), "quantity": 1,
                               **made_up})
    visitor.get("/cart")
    visitor.submit("/cart/update", **made_up, **{
        f"price_{variant(shop, POOH)}": "1"})
    order = order_of(checkout(visitor, **made_up))
    assert rows(shop, "SELECT subtotal, discount, shipping, total FROM orders "
                "WHERE id = ?", order) == [(999, 0, 495, 1494)]


# -------------------------------------------------------------------- addresses

def test_each_next_leads_only_to_the_shop(shop):
    """Wherever a form or a page is told where to go on."""
    assert len(NEXT) >= 40
    visitor, _ = customer(shop)
    known = "x" + address()
    register(shop.visitor(), known)
    for n in NEXT:
        query = urllib.parse.urlencode({"next": n})
        stranger = shop.visitor()
        for path in ("/account/login?", "/account/register?"):
            reply = stranger.get(path + query, follow=False)
            if reply.status == 400:
                continue
            # What it hands on is nothing.
            assert Page(reply).value("next") == "", repr(n)
            assert "evil" not in "".join(Page(reply).links()), repr(n)
            reply = visitor.get(path + query, follow=False)
            assert (reply.status, reply.header("location")) == (
                303, shop.url + "/account"), repr(n)
        stranger.get("/account/register")
        reply = stranger.post("/account/register", {
            **stranger.form("/account/register"), "first_name": "S",
            "last_name": "M", "email": known, "password": PASSWORD,
            "next": n}, follow=False)
        assert reply.status in (303, 400, 429), repr(n)
        if reply.status == 303:
            assert reply.header("location") == \
                shop.url + "/account/login?done=new", repr(n)
        reply = stranger.post("/consent", {"choice": "yes", "return": n},
                              follow=False)
        assert reply.status in (303, 400)
        if reply.status == 303:
            assert reply.header("location") == shop.url + (
                n if n == "/x" * 300 else "/"), repr(n)


SPLIT = ("\r\nX-Evil: 1", "\nX-Evil: 1", "\rX-Evil: 1",
         "\r\n\r\n<script>window.pwned=1</script>", "\x00", "\x0b", "\x7f",
         "\u2028X-Evil: 1", "%0d%0aX-Evil: 1", "\u560a\u560dX-Evil: 1")


def test_nothing_typed_becomes_a_header(shop):
    """In whatever is printed back into one: Location, Set-Cookie, Allow."""
    visitor, email = customer(shop)
    for payload in SPLIT:
        quoted = urllib.parse.quote("a" + payload)
        replies = [shop.get(path + quoted) for path in (
            "/", "/products/", "/collections/", "/search?q=", "/orders/",
            "/account/reset/", "/cart/restore/", "/account/login?next=/",
            "/search?page=", "/products/winnie-the-pooh?notified=")]
        replies += [
            visitor.post("/consent", {"choice": "yes",
                                      "return": "/a" + payload},
                         follow=False),
            Client(shop).post("/consent", {"choice": "yes" + payload},
                              follow=False),
            add(shop.visitor(), shop, POOH, "1" + payload, follow=False)]
        visitor.get("/account/details")
        replies.append(visitor.submit("/account/details", city="a" + payload))
        for reply in replies:
            names = {name for name, _ in reply.headers}
            assert "x-evil" not in names, (payload, reply)
            assert all(name in (
                "server", "date", "content-type", "content-length",
                "connection", "location", "set-cookie", "allow",
                "cache-control", "vary", "etag", "x-content-type-options",
                "referrer-policy", "content-security-policy", "x-robots-tag",
                "retry-after", "transfer-encoding", "x-request-id")
                for name in names), names
            for name, value in reply.headers:
                assert "x-evil" not in value.lower() or name == "location", value


HOSTS = {"Host": "evil.example", "X-Forwarded-Host": "evil.example",
         "X-Forwarded-Server": "evil.example", "Forwarded":
         "host=evil.example", "X-Original-URL": "http://evil.example/",
         "X-Rewrite-URL": "/evil.example", "X-Forwarded-Proto": "evil.example"}


@pytest.mark.parametrize("way", WAYS)
def test_the_host_is_in_nothing(way):
    """Neither a page nor a redirect, an event, a link or a row."""
    with Shop(way) as shop:
        visitor = shop.visitor()

        def ask(method, path, body=None):
            reply = visitor.request(method, path, body, headers=HOSTS,
                                    follow=False)
            text = reply.body + repr(reply.headers).encode()
            assert b"evil.example" not in text, (method, path)
            return reply
        _, email = customer(shop)
        for _, path in (r for r in routes() if r[0] == "GET"):
            ask("GET", path)
        ask("GET", "/products/winnie-the-pooh")
        reply = ask("POST", "/cart/add", {"variant": variant(shop, POOH),
                                          "quantity": 1})
        assert reply.header("location") == shop.url + "/cart"
        ask("GET", "/cart")
        ask("GET", "/checkout")
        reply = ask("POST", "/checkout", {**visitor.form("/checkout"),
                                          **ADDRESS, "action": "order"})
        order = order_of(reply)
        assert reply.header("location") == f"{shop.url}/orders/{order}"
        ask("GET", "/orders/" + order)
        ask("GET", "/account/forgot")
        ask("POST", "/account/forgot", {**visitor.form("/account/forgot"),
                                        "email": email})
        ask("GET", "/account/reset/" + reset_token(shop, email))
        queued = rows(shop, "SELECT id, profile, event FROM klaviyo_outbox")
        assert {f"Placed Order/{order}", "Created Account/"} <= {
            i if "Order" in i else i.partition("/")[0] + "/"
            for i, _, _ in queued}
        assert "evil.example" not in repr(queued)
        for table in ("cart", "session", "orders", "reset_request"):
            assert "evil.example" not in repr(
                rows(shop, f"SELECT * FROM {table}")), table


# ---------------------------------------------------------------------- cookies

FLAGS = {"HttpOnly", "SameSite=Lax", "Path=/"}


@pytest.mark.parametrize("url, prefix, more", [
    (None, "", set()), ("https://shop.example", "__Host-", {"Secure"})])
def test_every_set_cookie(url, prefix, more):
    """Of every page, and of every form, as a visitor and as a customer."""
    env = {"STOREFRONT_URL": url} if url else {}
    with Shop("nginx", env={**env, "KLAVIYO_CONSENT": "required"}) as shop:
        origin = {"Origin": url} if url else {}
        seen = {}
        for who in (shop.visitor(), shop.visitor()):
            def ask(method, path, body=None):
                reply = who.request(method, path, body, headers=origin
                                    if method == "POST" else None,
                                    follow=False)
                for cookie in reply.all("set-cookie"):
                    name, _, rest = cookie.partition("=")
                    seen.setdefault(name, []).append(
                        set(rest.split("; ")[1:]))
                return reply
            for method, path in routes():
                if method == "GET":
                    ask("GET", path)
            ask("POST", "/consent", {"choice": "yes"})
            ask("POST", "/cart/add", {"variant": variant(shop, POOH),
                                      "quantity": 1})
            ask("POST", "/consent", {"choice": "no"})
        sids = seen.pop(prefix + "sid")
        assert len(sids) >= 2
        for flags in sids:
            assert FLAGS | more <= flags
            assert not [f for f in flags if f.startswith("Domain")]
        # A yes or a no is nobody's secret: but as narrow.
        for name, all_flags in seen.items():
            for flags in all_flags:
                if "Max-Age=0" in flags:
                    continue  # klaviyo.js's own, taken away
                assert {"SameSite=Lax", "Path=/"} | more <= flags, name


def test_every_bit_of_a_session(shop):
    """All eight of each character, where a header can carry it."""
    visitor, _ = customer(shop)
    cookie = visitor.cookies["sid"]
    accepted = tried = 0
    connection = http.client.HTTPConnection("127.0.0.1", shop.port,
                                            timeout=PATIENCE)
    for i in range(len(cookie)):
        for bit in range(8):
            other = chr(ord(cookie[i]) ^ 1 << bit)
            if other in "\r\n\x00" or ord(other) < 32 or ord(other) == 127:
                continue  # no header
            tried += 1
            connection.request("GET", "/account", headers={
                "Cookie": "sid=" + cookie[:i] + other + cookie[i + 1:]})
            answer = connection.getresponse()
            answer.read()
            accepted += answer.status == 200
    connection.request("GET", "/account", headers={"Cookie": "sid=" + cookie})
    answer = connection.getresponse()
    assert answer.status == 200 and b"Log out" in answer.read()
    connection.close()
    assert tried > 4 * len(cookie) and accepted == 0
