"""KLAVIYO_ONSITE=server: who the server can name is told of by the server, once,
and their pages carry no track call; everybody else stays the browser's.  With
the same walks in both modes, each event comes from exactly one side."""
import base64
import fcntl
import json
import subprocess
import urllib.parse
import urllib.request

import pytest

from contract_kit import check_contract
from harness import PATIENCE, Shop, Visitor, wait_for
from shop_kit import (Page, add, check_page, checkout, fill_cart, one,
                      order_of, rows, send, variant)

POOH, TALE = "WINNIEPOOH", "TALEOFTWO"
SARAH = "sarah.mason@klaviyo-demo.com"
ONSITE = ("Viewed Product", "Added to Cart", "Started Checkout")
CHROME = ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 "
          "(KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36")
PRODUCT = "/products/winnie-the-pooh"
JSON = {"Accept": "application/json"}
ALONE = {"STOREFRONT_THREADS": "1"}


class Person(Visitor):
    """A visitor whose browser says what it is; keeps the pages they saw."""

    def __init__(self, shop, **headers):
        super().__init__(shop)
        self.headers = {"User-Agent": CHROME, **headers}

    def request(self, method, path, body=None, headers=None, follow=True):
        reply = super().request(method, path, body,
                                {**self.headers, **(headers or {})}, follow)
        # A page's events are queued when its answer is out; of one thread, the
        # next request's answer comes after that.
        self.shop.get("/healthz")
        return reply

    def known(self):
        """By an address typed at the checkout."""
        fill_cart(self, self.shop, [(TALE, 1)])
        self.get("/checkout")
        assert send(self, zip="").status == 422
        return self

    def cookied(self, exchange_id="abcDEF_-."):
        self.cookies["__kla_id"] = kla_id(**{"$exchange_id": exchange_id})
        return self


def kla_id(**members):
    return quoted(json.dumps(members).encode())


def quoted(data):
    return urllib.parse.quote(base64.b64encode(data).decode(), safe="")


@pytest.fixture(scope="module", params=["browser", "server"])
def either(request):
    with Shop("nginx", env={"KLAVIYO_ONSITE": request.param, **ALONE}) as shop:
        yield shop


@pytest.fixture(scope="module")
def shop():
    with Shop("nginx", env={"KLAVIYO_ONSITE": "server", **ALONE}) as shop:
        yield shop


@pytest.fixture(autouse=True)
def empty(request):
    for name in ("shop", "either"):
        if name in request.fixturenames:
            request.getfixturevalue(name).execute("DELETE FROM klaviyo_outbox")


def queued(shop, metric=None):
    """The browsing events in the outbox: [(metric, event, profile)]."""
    found = []
    for i, event, profile in rows(
            shop, "SELECT id, event, profile FROM klaviyo_outbox "
            "ORDER BY created_at, id"):
        name = i.split("/")[0]
        if name in ONSITE and metric in (None, name):
            found.append((name, json.loads(event),
                          json.loads(profile)["attributes"]))
    return found


def calls(reply):
    """The track calls of a page, by metric."""
    page = check_page(reply)
    return {metric: page.started_checkout() if metric == ONSITE[2]
            else page.calls(metric) for metric in ONSITE}


def silent(reply):
    assert not any(calls(reply).values()), calls(reply)
    assert "/onsite/js" in reply.text, "klaviyo.js is there all the same"
    return Page(reply)


def server(shop):
    return shop.env["KLAVIYO_ONSITE"] == "server"


# ------------------------------------------------------- one side, each time

def told_once(shop, reply, metric, count):
    """By the page or by the queue, as the mode says; what was told."""
    by_page, by_server = calls(reply)[metric], queued(shop, metric)
    assert len(by_server) == (count if server(shop) else 0), metric
    assert len(by_page) == (0 if server(shop) else 1), metric
    return by_page or [event for _, event, _ in by_server]


@pytest.mark.parametrize("how", ["known", "cookied"])
def test_each_event_from_one_side(either, how):
    person = getattr(Person(either), how)()
    either.execute("DELETE FROM klaviyo_outbox")
    reply = person.get(PRODUCT)
    told_once(either, reply, "Viewed Product", 1)
    # The list of viewed items is the browser's, in both modes.
    item, = Page(reply).viewed_items()
    assert item["Title"] == "Winnie the Pooh"
    told_once(either, add(person, either, POOH, 2), "Added to Cart", 1)
    either.execute("DELETE FROM klaviyo_outbox")
    person.get("/cart")
    line = "quantity_" + variant(either, POOH)
    told_once(either, person.submit("/cart/update", **{line: "5"}),
              "Added to Cart", 1)
    told_once(either, person.get("/checkout"), "Started Checkout", 1)
    answer = json.loads(add(person, either, POOH, 1, headers=JSON).text)
    if server(either):
        assert set(answer) == {"count", "subtotal"}
        assert len(queued(either, "Added to Cart")) == 2
        # Identified all the same.
        assert bool(Page(reply).identified()) == (how == "known")
    else:
        assert answer["AddedItemProductName"] == "Winnie the Pooh"
    # Nothing is told late by another page.
    assert not calls(person.get("/cart"))["Added to Cart"]
    # A reload is another view.
    before = len(queued(either, "Viewed Product"))
    told_once(either, person.get(PRODUCT), "Viewed Product", before + 1)
    told_once(either, person.get(PRODUCT), "Viewed Product",
              before + 2 if server(either) else 0)


def test_who_is_not_known_is_the_browsers(either):
    person = Person(either)
    for wrong in ({}, {"cid": "abc"}, {"$email": SARAH, "email": SARAH}):
        person.cookies["__kla_id"] = kla_id(**wrong)
        reply = person.get(PRODUCT)
        assert len(calls(reply)["Viewed Product"]) == 1
    assert len(calls(add(person, either, POOH))["Added to Cart"]) == 1
    assert "Items" in json.loads(add(person, either, POOH,
                                     headers=JSON).text)
    assert len(calls(person.get("/checkout"))["Started Checkout"]) == 1
    assert queued(either) == []


def test_the_same_on_both_sides():
    """What the server tells has what the snippet has."""
    told = {}
    for mode in ("browser", "server"):
        with Shop("nginx", env={"KLAVIYO_ONSITE": mode, **ALONE}) as shop:
            person = Person(shop).cookied()
            pages = {"Viewed Product": person.get(PRODUCT),
                     "Added to Cart": add(person, shop, POOH, 2),
                     "Started Checkout": person.get("/checkout")}
            for metric, reply in pages.items():
                if mode == "browser":
                    p, = calls(reply)[metric]
                    value = p.pop("$value", None)
                    currency = p.pop("$value_currency", None)
                    p.pop("$event_id", None)
                else:
                    (_, event, _), = queued(shop, metric)
                    p, value = event["properties"], event.get("value")
                    currency = event.get("value_currency")
                    assert event["unique_id"] and event["time"][-1] == "Z"
                told[mode, metric] = json.loads(json.dumps(
                    [p, value, currency]).replace(shop.url, "SHOP"))
                # The link's signature is another.
                for x in (told[mode, metric][0],):
                    if "CheckoutURL" in x:
                        assert x.pop("CheckoutURL").startswith("SHOP/cart/")
    for metric in ONSITE:
        assert told["browser", metric] == told["server", metric], metric


# -------------------------------------------------------------- who it is

def log_in(shop, email):
    """Somebody with an account, logged in."""
    who, password = Person(shop), "in the evening"
    who.get("/account/register")
    who.submit("/account/register", first_name="Sarah", last_name="Mason",
               email=email, password=password)
    who.get("/account/login")
    assert who.submit("/account/login", email=email,
                      password=password).status == 200
    return who


def test_by_the_account(shop):
    person = log_in(shop, "account@klaviyo-demo.com")
    silent(person.get(PRODUCT))
    (_, _, who), = queued(shop)
    assert who["email"] == "account@klaviyo-demo.com"
    # A new address that Klaviyo does not have yet: the library holds the
    # event back, the browser does not identify.
    person.get("/account/email")
    person.submit("/account/email", email="new@klaviyo-demo.com",
                  password="in the evening")
    reply = person.get(PRODUCT)
    assert not silent(reply).identified()
    assert [w["email"] for _, _, w in queued(shop, "Viewed Product")
            ].count("new@klaviyo-demo.com") == 1


def test_a_guests_cart_that_is_joined(shop):
    """Only the account's cart can be ordered; nothing waits of the other."""
    email = "joins@klaviyo-demo.com"
    owner = log_in(shop, email)
    add(owner, shop, TALE)
    guest = Person(shop).cookied()
    add(guest, shop, POOH)
    guest.get("/checkout")
    assert len(queued(shop, "Started Checkout")) == 1
    guest.get("/account/login")
    guest.submit("/account/login", email=email, password="in the evening")
    waiting = [i for i, _, _ in queued_unsent(shop)]
    assert len(waiting) == 1 and waiting[0].startswith("Added to Cart/")
    order_of(checkout(guest))
    assert queued_unsent(shop) == []


def test_pages_with_secrets_tell_nothing(shop):
    person = log_in(shop, "secret@klaviyo-demo.com")
    add(person, shop, POOH)
    before = rows(shop, "SELECT id FROM klaviyo_outbox ORDER BY id")
    for path in ("/account/password", "/account/email"):
        assert "/onsite/js" not in person.get(path).text
    assert rows(shop, "SELECT id FROM klaviyo_outbox ORDER BY id") == before



def test_by_the_address(shop):
    person = Person(shop).known().cookied()
    (_, event, who), = queued(shop, "Started Checkout")
    assert who == {"email": SARAH, "phone_number": "+15005550006",
                   "first_name": "Sarah", "last_name": "Mason"}
    assert event["value"] == 19.99
    person.get(PRODUCT)
    assert queued(shop, "Viewed Product")[0][2]["email"] == SARAH
    assert Page(person.page).identified()[0]["email"] == SARAH


def test_by_the_cookie(shop):
    Person(shop).cookied("abcDEF_-.").get(PRODUCT)
    (_, _, who), = queued(shop)
    assert who == {"_kx": "abcDEF_-."}


DEEP = b'{"$exchange_id":"abc","a":' + b"[" * 2000 + b"]" * 2000 + b"}"


@pytest.mark.parametrize("cookie", [
    "", "x", "%", "%zz", "....", quoted(b""), quoted(b"{"), quoted(b"[]"),
    quoted(b"null"), quoted(b'"abc"'), quoted(b"\xff\xfe{}"),
    quoted(b'{"$exchange_id":""}'), quoted(b'{"$exchange_id":5}'),
    quoted(b'{"$exchange_id":null}'), quoted(b'{"$exchange_id":["a"]}'),
    quoted(b'{"$exchange_id":"' + b"a" * 3000 + b'"}'), quoted(DEEP),
    quoted(b'{"$exchange_id":"a b"}'),
    quoted(b'{"$exchange_id":"\\u0000"}'), quoted(b'{"$email":"a@b.cd"}'),
    quoted(b'{"$exchange_id":"abc"}')[:-7] + "!!", "A" * 5000])
def test_hostile_cookies(shop, cookie):
    reply = Person(shop).get(PRODUCT, headers={"Cookie": "__kla_id=" + cookie})
    assert len(calls(reply)["Viewed Product"]) == 1
    assert queued(shop) == []


# ----------------------------------------------------------- who it is not

@pytest.mark.parametrize("headers", [
    {"User-Agent": ""}, {"User-Agent": "curl/8.0"},
    {"User-Agent": CHROME + " (compatible; Googlebot/2.1)"},
    {"User-Agent": CHROME.replace("Chrome", "HeadlessChrome")},
    {"User-Agent": "x" * 2000},
    {"Sec-Purpose": "prefetch"}, {"Sec-Purpose": "prefetch;prerender"},
    {"Purpose": "prefetch"}, {"X-Moz": "prefetch"}])
def test_robots_and_pages_fetched_ahead(shop, headers):
    person = Person(shop).known().cookied()
    shop.execute("DELETE FROM klaviyo_outbox")
    person.headers.update(headers)
    # The page's scripts tell of it, if it ever is shown to somebody.
    assert len(calls(person.get(PRODUCT))["Viewed Product"]) == 1
    assert len(calls(person.get("/checkout"))["Started Checkout"]) == 1
    assert len(calls(add(person, shop, POOH))["Added to Cart"]) == 1
    assert queued(shop) == []


def test_head_is_no_view(shop):
    person = Person(shop).known().cookied()
    shop.execute("DELETE FROM klaviyo_outbox")
    for path in (PRODUCT, "/checkout", "/cart"):
        person.request("HEAD", path)
    assert queued(shop) == []


def test_refused_pages_are_no_views(shop):
    person = Person(shop).cookied()
    person.get("/products/nowhere")
    add(person, shop, POOH, 0)
    add(person, shop, POOH, 1000)
    assert queued(shop) == []


def test_opted_out(shop):
    for cookie in ("__kla_off", "consent"):
        person = Person(shop).known().cookied()
        shop.execute("DELETE FROM klaviyo_outbox")
        person.cookies[cookie] = {"__kla_off": "true", "consent": "no"}[cookie]
        for reply in (person.get(PRODUCT), add(person, shop, POOH),
                      person.get("/checkout")):
            assert not any(calls(reply).values())
            assert not Page(reply).viewed_items()
            assert not Page(reply).identified()
            assert "/onsite/js" not in reply.text
        assert set(json.loads(add(person, shop, POOH, headers=JSON).text)) \
            == {"count", "subtotal"}
        assert queued(shop) == []
        # An order is another matter.
        order = order_of(checkout(person))
        assert one(shop, "SELECT COUNT(*) FROM klaviyo_outbox "
                   "WHERE id = ?", "Placed Order/" + order) == 1
        assert queued(shop) == []


def test_before_a_yes_the_server_tells_nothing():
    """KLAVIYO_CONSENT=required: known or not, by whatever way."""
    with Shop("nginx", env={"KLAVIYO_ONSITE": "server",
                            "KLAVIYO_CONSENT": "required", **ALONE}) as shop:
        person = Person(shop).known().cookied()

        def visit():
            pages = [person.get(PRODUCT), add(person, shop, POOH)]
            # Times of a second: each checkout is another one.
            shop.execute("UPDATE cart SET changed_at = changed_at - 100")
            pages.append(person.get("/checkout"))
            return pages, {metric for metric, _, _ in queued(shop)}
        for no in (False, True):
            if no:
                person.post("/consent", {"choice": "no"})
                person.cookied()
            pages, told = visit()
            assert told == set()
            for page in pages:
                assert not any(calls(page).values())
                assert "/onsite/js" not in page.text
        person.post("/consent", {"choice": "yes"})
        pages, told = visit()
        assert told == set(ONSITE)
        for page in pages:
            silent(page)


def test_taken_back(shop):
    """What waits of the visitor's cart goes; an order's events stay."""
    person = Person(shop).known()
    order = order_of(checkout(person))
    add(person, shop, POOH)
    # All within a second: then the id would be the dropped one's.
    shop.execute("UPDATE cart SET changed_at = changed_at - 100")
    person.get("/checkout")
    other = Person(shop).known()
    waiting = "SELECT COUNT(*) FROM klaviyo_outbox WHERE due_at IS NOT NULL " \
              "AND id LIKE ?"
    assert one(shop, waiting, "Added to Cart/%") == 1
    assert one(shop, waiting, "Started Checkout/%") == 2
    before = one(shop, waiting, "Placed Order/" + order)
    person.post("/consent", {"choice": "no"})
    assert one(shop, waiting, "Placed Order/" + order) == before == 1
    cart, = [c for c, in rows(
        shop, "SELECT cart FROM orders o JOIN session s ON s.id = o.session "
        "WHERE o.id = ?", order)]
    assert one(shop, waiting, f"%/{cart}%") == 0
    assert one(shop, waiting, "Started Checkout/%") == 1, "the other's"
    assert other.get("/cart").status == 200


# ------------------------------------------------------------ the checkout

def test_a_checkout_is_started_once_a_cart(shop):
    person = Person(shop).known()
    assert len(queued(shop, "Started Checkout")) == 1
    for _ in range(3):
        silent(person.get("/checkout"))
        assert send(person, city="").status == 422
        silent(person.page)
    assert len(queued(shop, "Started Checkout")) == 1
    # Times of a second: a changed cart in the same one is not another.
    shop.execute("UPDATE cart SET changed_at = changed_at - 100")
    person.get("/checkout")
    started = queued(shop, "Started Checkout")
    assert len(started) == 2
    assert len({e["unique_id"] for _, e, _ in started}) == 2


def test_the_form_that_names_the_visitor(shop):
    """Unknown on arrival: the browser's.  Sent with an address: the server's,
    but where the browser has said that it has told of this very cart."""
    for told in (False, True):
        shop.execute("DELETE FROM klaviyo_outbox")
        person = Person(shop)
        fill_cart(person, shop, [(POOH, 1)])
        page = person.get("/checkout")
        assert len(calls(page)["Started Checkout"]) == 1
        mark = json.loads(page.text.split("var mark = ")[1].split(";")[0])
        if told:
            person.cookies["told"] = mark
        send(person, zip="")
        silent(person.page)
        silent(person.get("/checkout"))
        assert len(queued(shop, "Started Checkout")) == (0 if told else 1)
        if told:
            # Of another cart nobody has told.
            shop.execute("UPDATE cart SET changed_at = changed_at - 100")
            person.get("/checkout")
            assert len(queued(shop, "Started Checkout")) == 1


def test_the_mark_is_for_the_server_only(either):
    person = Person(either)
    fill_cart(person, either, [(POOH, 1)])
    page = person.get("/checkout").text
    assert ('var mark = "";' in page) != server(either)


def test_two_tabs(shop):
    """An order, and a checkout page read before it and shown after it: the
    cart is none any more."""
    person = Person(shop).known()
    checkout(person)
    assert queued_unsent(shop) == []
    reply = person.get("/checkout", follow=False)
    assert reply.status == 303
    assert queued_unsent(shop) == []


def queued_unsent(shop):
    return [(i, None, None) for i, in rows(
        shop, "SELECT id FROM klaviyo_outbox WHERE due_at IS NOT NULL "
        "AND (id LIKE 'Added to Cart/%' OR id LIKE 'Started Checkout/%')")]


# -------------------------------------------------------------- every way in

@pytest.mark.parametrize("way", ["apache", "apache-fcgid", "apache-cgi"])
def test_the_headers_arrive(way):
    with Shop(way, env={"KLAVIYO_ONSITE": "server", **ALONE}) as shop:
        person = Person(shop).cookied()
        silent(person.get(PRODUCT))
        for name in ("Sec-Purpose", "Purpose", "X-Moz"):
            assert calls(person.get(PRODUCT, headers={
                name: "prefetch"}))["Viewed Product"]
        assert calls(person.get(PRODUCT, headers={
            "User-Agent": "curl/8"}))["Viewed Product"]
        wait_for(lambda: queued(shop), "what is told after the answer")
        assert len(queued(shop)) == 1


def test_apache_ends_a_cgi_program_that_has_answered():
    """It takes the end of the answer for the end; what there is to tell is
    told all the same."""
    with Shop("direct", serve=False, engine="sqlite",
              env={"KLAVIYO_ONSITE": "server", **ALONE}) as shop:
        user = {"user": shop.user.pw_uid, "group": shop.user.pw_gid,
                "extra_groups": []} if shop.user else {}
        with open(shop.db + ".lock", "r+b") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # so there is time to end it
            process = subprocess.Popen(
                shop.storefront(), env={
                    **shop.env, "GATEWAY_INTERFACE": "CGI/1.1",
                    "REQUEST_METHOD": "GET", "REQUEST_URI": PRODUCT,
                    "DOCUMENT_URI": PRODUCT, "SERVER_PROTOCOL": "HTTP/1.1",
                    "HTTP_USER_AGENT": CHROME, "HTTP_COOKIE": "__kla_id="
                    + Person(shop).cookied().cookies["__kla_id"]},
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, **user)
            try:
                page = process.stdout.read()  # to its end
                assert b"Winnie the Pooh" in page
                assert process.poll() is None
                process.terminate()
                fcntl.flock(lock, fcntl.LOCK_UN)
                assert process.wait(PATIENCE) == 0
            finally:
                process.kill()
                process.stdout.close()
        assert [name for name, _, _ in queued(shop)] == ["Viewed Product"]


# ------------------------------------------------------------------- caches

def test_pages_of_the_known_are_theirs(shop):
    public = shop.get(PRODUCT, {"User-Agent": CHROME})
    assert public.header("cache-control").startswith("public")
    reply = Person(shop).cookied().get(
        PRODUCT, headers={"If-None-Match": public.header("etag")})
    assert reply.status == 200
    assert reply.header("cache-control") == "private, no-store"
    assert not reply.header("etag")


# ----------------------------------------------------------------- failures

def test_a_full_queue_costs_nothing():
    with Shop("nginx", env={"KLAVIYO_ONSITE": "server", **ALONE,
                            "KLAVIYO_OUTBOX_LIMIT": "4"}) as shop:
        person = Person(shop).cookied()
        for _ in range(6):
            assert person.get(PRODUCT).status == 200
        assert add(person, shop, POOH).status == 200
        assert person.get("/checkout").status == 200
        assert len(queued(shop)) == 2
        order_of(checkout(person))


def test_what_klaviyo_would_refuse_costs_nothing():
    with Shop("nginx", env={"KLAVIYO_ONSITE": "server", **ALONE}) as shop:
        # More than an event may hold in one text.
        shop.execute("UPDATE product SET title = ? WHERE handle = ?",
                     "B" * 110000, PRODUCT.rsplit("/", 1)[1])
        person = Person(shop).cookied()
        silent(person.get(PRODUCT))
        assert add(person, shop, POOH).status == 200
        assert one(shop, "SELECT COUNT(*) FROM cart_line") == 1
        assert person.get("/checkout").status == 200
        assert queued(shop) == []
        for what in ("a viewed product", "an addition to a cart",
                     "a started checkout"):
            assert what + " left out" in shop.log("storefront")


def test_a_queue_that_is_gone_costs_nothing(shop):
    with Shop("nginx", env={"KLAVIYO_ONSITE": "server", **ALONE}) as broken:
        person = Person(broken).cookied()
        fill_cart(person, broken, [(POOH, 1)])
        broken.execute("ALTER TABLE klaviyo_outbox RENAME TO gone")
        silent(person.get(PRODUCT))
        assert add(person, broken, TALE).status == 200
        assert json.loads(add(person, broken, TALE, headers=JSON).text) == {
            "count": 3, "subtotal": "$49.97"}
        silent(person.get("/checkout"))
        assert one(broken, "SELECT SUM(quantity) FROM cart_line") == 3
        # But no order without its events.
        orders = one(broken, "SELECT COUNT(*) FROM orders")
        assert send(person).status == 503
        assert one(broken, "SELECT COUNT(*) FROM orders") == orders
        broken.execute("ALTER TABLE gone RENAME TO klaviyo_outbox")
        order_of(checkout(person))
        assert "left out" in broken.log("storefront")


def test_no_page_waits_for_it():
    """The database is locked: the page comes all the same, and its events
    are queued when the lock is gone."""
    with Shop("nginx", engine="sqlite",
              env={"KLAVIYO_ONSITE": "server", **ALONE}) as shop:
        person = Person(shop).cookied()
        with open(shop.db + ".lock", "r+b") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            reply = shop.request("GET", PRODUCT, None, {
                "Cookie": "__kla_id=" + person.cookies["__kla_id"],
                **person.headers})
            assert reply.status == 200
            silent(reply)
            assert queued(shop) == []
        wait_for(lambda: queued(shop, "Viewed Product"), "its event")


# ------------------------------------------------ never after Placed Order

@pytest.mark.parametrize("ordered", (False, True))
def test_a_page_read_before_the_order_tells_nothing_after_it(ordered):
    """Its events are queued when the lock is gone; by then another tab may
    have made an order of the cart."""
    with Shop("nginx", engine="sqlite",
              env={"KLAVIYO_ONSITE": "server", **ALONE}) as shop:
        person = Person(shop).known()
        shop.execute("DELETE FROM klaviyo_outbox")
        shop.execute("UPDATE cart SET changed_at = changed_at - 100")
        with open(shop.db + ".lock", "r+b") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            silent(shop.request("GET", "/checkout", None, {
                "Cookie": "sid=" + person.cookies["sid"], **person.headers}))
            if ordered:
                # What an order does to its cart.
                shop.execute("DELETE FROM cart_line")
                shop.execute("UPDATE cart SET revision = revision + 1")
        shop.get("/healthz")  # of one thread: after them
        assert [metric for metric, _, _ in queued(shop)] == (
            [] if ordered else ["Started Checkout"])


def sandbox_events(shop):
    with urllib.request.urlopen(shop.sandbox_url + "/sandbox/state",
                                timeout=PATIENCE) as f:
        return json.load(f)["events"]


def test_nothing_of_a_cart_follows_its_order():
    """Klaviyo answers 500 for a while: the cart's events wait; then the cart
    is ordered, and they are never sent."""
    with Shop("nginx", sandbox=["--fault", "500"], worker=True,
              env={"KLAVIYO_ONSITE": "server", **ALONE}) as shop:
        person = Person(shop).known()
        person.get(PRODUCT)
        add(person, shop, POOH, 2)
        person.get("/checkout")
        tried = "SELECT COUNT(*) FROM klaviyo_outbox WHERE attempts > 0"
        wait_for(lambda: one(shop, tried) >= 3, "attempts that fail")
        order = order_of(send(person, follow=False))
        assert queued_unsent(shop) == []
        urllib.request.urlopen(shop.sandbox_url + "/sandbox/fault",
                               b"none").read()
        shop.run("outbox", "retry", "--all")
        shop.wait_delivered()
        events = sandbox_events(shop)
        assert sorted(e["metric"] for e in events) == [
            "Ordered Product", "Ordered Product", "Placed Order",
            "Viewed Product"]
        assert [e for e in events if e["unique_id"] == order]
        # What the same visitor does next is told again.
        add(person, shop, TALE, 1)
        shop.execute("UPDATE cart SET changed_at = changed_at - 100")
        person.get("/checkout")
        shop.wait_delivered()
        after = [e["metric"] for e in sandbox_events(shop)]
        assert after.count("Added to Cart") == 1
        assert after.count("Started Checkout") == 1


def test_by_the_worker_to_klaviyo():
    """The three events arrive, on one profile with the order, in bodies as
    Klaviyo describes them; so do both ways to be known, and the boxes."""
    with Shop("nginx", serve=False,
              env={"KLAVIYO_ONSITE": "server", **ALONE}) as shop:
        record = shop.path("requests.jsonl")
        shop.start_sandbox(["--record", record])
        shop.start()
        shop.start_worker()
        person = Person(shop).known()
        person.get(PRODUCT)
        add(person, shop, POOH, 2)
        person.get("/checkout")
        shop.wait_delivered()
        order_of(checkout(person, newsletter="1", newsletter_sms="1"))
        shop.wait_delivered()
        events = sandbox_events(shop)
        assert {e["metric"] for e in events} == {
            *ONSITE, "Placed Order", "Ordered Product"}
        assert {e["who"] for e in events} == {SARAH}
        for e in events:
            if e.get("value"):
                assert e["value_currency"] == "USD"
        Person(shop).cookied().get(PRODUCT)
        shop.wait_delivered()
        with open(record) as f:
            requests = [json.loads(line) for line in f]
        assert all(r["status"] == 202 for r in requests)
        assert len([r for r in requests if "subscription" in r["path"]]) == 2
        check_contract(record)
