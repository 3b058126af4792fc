"""
Attackers that nobody here wrote, against the running shop through nginx: wapiti,
sqlmap and slowhttptest, of Debian.  They find nothing, the shop stays up, and
afterwards all is as it should be.  Each is first shown a site with such holes,
which it must find.

It takes an hour and packages of its own: SOAK=1, `make soak`.  Without it, only
that every route has something here that attacks it.
"""
import collections
import contextlib
import json
import os
import re
import sqlite3

import pytest

from attack_kit import (BROWSER, POOH, SHOP, Slow, Target, answered, cookies,
                        few_products, fields_of, log_end, route_of, sqlmap,
                        wapiti)
from harness import PATIENCE, TREE, Shop, wait_for
from shop_kit import checkout, fill_cart, order_of, rows
from test_forged import routes
from vulnerable import Endpoint, Vulnerable

SOAK = bool(os.environ.get("SOAK"))
DBMS = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
# What a request is answered with that gets to where it is judged: an id that is
# none is a 400.  Not a wall before that: 403, 413, 429.
JUDGED = {200, 303, 304, 400, 404, 409, 410, 422}


def soak(test):
    """As if it were not there, but in `make soak`."""
    return test if SOAK else None


def test_every_route_is_attacked():
    """With a shop, but without the attackers: that the addresses and forms they
    are given are the shop's, all of them, and are answered as they should."""
    with Shop("nginx", env=SHOP) as shop:
        target = Target(shop)
        since = log_end(shop)
        for visitor, path in target.links:
            # Nobody delivers here.
            assert visitor.get(path, follow=False).status == (
                503 if path.startswith("/readyz") else 200), path
        for visitor, path, fields in target.forms:
            if path != "/account/logout":
                assert visitor.post(path, fields, follow=False).status in (
                    303, 422, 409), path
        target.member.post("/account/logout", target.form("/account/logout"))
        # nginx logs what it has answered already.
        wait_for(lambda: {route_of(method, path) for method, path, _ in
                          answered(shop, since)} == set(routes()),
                 "every route in the log")
        # Twice in a row, no limit stands in the way.
        for _ in range(15):
            assert target.stranger.post(
                "/account/forgot", target.form("/account/forgot"),
                follow=False).status == 303


# ------------------------------------------------------------------ afterwards

def sums(shop):
    """Every order has its events once, each event is in one state, and the
    sums are those that `outbox status` has."""
    orders = rows(shop, "SELECT o.id, count(l.line) FROM orders o JOIN "
                  "order_line l ON l.orders = o.id GROUP BY o.id")
    events = collections.Counter(id.partition(":")[0] for id, in rows(
        shop, "SELECT id FROM klaviyo_outbox WHERE id LIKE 'Placed Order/%' "
        "OR id LIKE 'Ordered Product/%'"))
    expected = collections.Counter()
    for order, lines in orders:
        expected["Placed Order/" + order] = 1
        expected["Ordered Product/" + order] = lines
    assert events == expected
    status = json.loads(shop.run("outbox", "status", "--json").stdout)
    states = ("waiting", "claimed", "sent", "dead", "dropped")
    assert sum(status[state] for state in states) == rows(
        shop, "SELECT count(*) FROM klaviyo_outbox")[0][0]
    assert status["waiting"] == status["claimed"] == 0
    return status


def buys(shop):
    """A customer, from the first page to the order's."""
    visitor = shop.visitor()
    for path in ("/", "/products/winnie-the-pooh", "/search?q=pooh"):
        assert visitor.get(path).status == 200, path
    fill_cart(visitor, shop, [(POOH, 1)])
    return order_of(checkout(visitor))


def open_files(shop):
    return len(os.listdir(
        f"/proc/{shop.programs['storefront'].pid}/fd"))


def threads(shop):
    """How many the storefront has; None while one of them is at work."""
    folder = f"/proc/{shop.programs['storefront'].pid}/task"
    states = []
    for task in os.listdir(folder):
        with open(f"{folder}/{task}/stat") as f:
            states.append(f.read().rpartition(")")[2].split()[0])
    return len(states) if set(states) == {"S"} else None


@contextlib.contextmanager
def attacked(engine="sqlite"):
    """A shop to attack: (shop, target); checked when the attack is over."""
    with few_products() as catalog, \
            Shop("nginx", sandbox=True, worker=True, env=SHOP, engine=engine,
                 catalog=catalog) as shop:
        target = Target(shop)
        buys(shop)
        # Whose files are kept open from then on.
        for kind in ("json", "xml"):
            assert shop.get("/feed/catalog." + kind).status == 200
        shop.wait_delivered()
        before = {name: p.pid for name, p in shop.programs.items()}
        tasks = wait_for(lambda: threads(shop), "threads to be at rest")
        files = open_files(shop)
        yield shop, target
        assert shop.get("/healthz").body == b"ok\n"
        assert {name: p.pid for name, p in shop.programs.items()
                if p.poll() is None} == before
        wait_for(lambda: open_files(shop) <= files, "connections to close")
        wait_for(lambda: threads(shop) == tasks, "threads to be free")
        last = buys(shop)
        # Thousands of orders, at so many events a minute.
        wait_for(lambda: not rows(shop, "SELECT 1 FROM klaviyo_outbox WHERE "
                                  "due_at IS NOT NULL LIMIT 1"),
                 "all to be delivered", PATIENCE * 30, 0.5)
        assert sums(shop)["dead"] == 0, shop.run("outbox", "list", "dead")
        assert rows(shop, "SELECT id FROM orders WHERE id = ?", last)
        if engine == "sqlite":
            with contextlib.closing(sqlite3.connect(
                    f"file:{shop.db}?mode=ro", uri=True, timeout=60)) as db:
                assert db.execute("PRAGMA integrity_check").fetchall() == [
                    ("ok",)]
        for name in ("storefront", "worker"):
            for line in shop.log(name).splitlines():
                assert re.match(r"storefront: ((warning: )?(confined by|"
                                r"serving on|worker: (delivering|sending|"
                                r"the account's rate limit is reached|"
                                r"\d+ sent, 0 to be tried again, 0 refused))|"
                                r"error: [A-Z]+ \S+: the database is busy)",
                                line), line
        for line in shop.log("error").splitlines():
            assert not re.search(r"\[(error|crit|alert|emerg)\]", line) or \
                re.search(WEB_SERVER, line), line
        log = answered(shop)
        failed = [each for each in log if each[2] >= 500
                  and each[1] != "/readyz"]
        # A machine that stalls for five seconds is no hole: "the database is
        # busy" is said, and it may be sent again.
        assert {status for _, _, status in failed} <= {503}, failed
        assert len(failed) <= len(log) / 100, failed


# What nginx itself says no to.
WEB_SERVER = "client (intended to send too large body|sent)"


# --------------------------------------------------------------------- wapiti

# Findings that are none, and why.
TASTE = [
    ("HTTP Secure Headers", r"Strict-Transport-Security is not set",
     "this is http on loopback; it belongs to who ends the TLS"),
    ("HTTP Secure Headers", r"X-XSS-Protection is not set",
     "browsers have dropped it, and it was a hole itself; there is a CSP"),
    ("HTTP Secure Headers", r"X-Frame-Options is not set",
     "the CSP's frame-ancestors 'none' says it, and overrules it"),
    ("Secure Flag cookie", r"in the cookie : (sid|consent)$",
     "this is http; with an https URL the cookie is __Host- and Secure"),
]
# Forms without a token: they insist on Sec-Fetch-Site or Origin, which the
# attacker gives (test_forged.py names them).
NO_TOKEN = {"/cart/add", "/back-in-stock", "/consent"}


def real(found):
    """What is left of the findings: [(kind, method, path, parameter, info)]."""
    left = []
    for kind, each in found.items():
        for method, path, parameter, info in each:
            if kind == "Cross Site Request Forgery" and (
                    path.partition("#")[0] in NO_TOKEN):
                continue
            if not any(kind == k and re.search(words, info)
                       for k, words, _ in TASTE):
                left.append((kind, method, path, parameter, info))
    return left


@soak
def test_wapiti_finds_holes(tmp_path):
    with Vulnerable() as site, Endpoint() as endpoint:
        found, _, _ = wapiti(str(tmp_path), site.url + "/", endpoint.url)
    holes = {(kind, path, parameter)
             for kind, _, path, parameter, _ in real(found)}
    assert holes >= {("SQL Injection", "/find", "id"),
                     ("Cross Site Scripting", "/echo", "q"),
                     ("Cross Site Request Forgery", "/find", "")}, holes
    assert [path for path in endpoint.asked if path.startswith("/ssrf/")]


@soak
@pytest.mark.parametrize("who", ["stranger", "member"])
def test_wapiti(who):
    """Crawls the shop, begins at what is not linked too, and attacks all it
    has seen."""
    with attacked() as (shop, target), Endpoint() as endpoint:
        since = log_end(shop)
        headers = {**BROWSER, "Cookie": cookies(getattr(target, who))}
        found, anomalies, _ = wapiti(
            shop.dir, shop.url + "/", endpoint.url, headers=headers,
            start=[shop.url + path for _, path in target.links])
        assert real(found) == []
        assert anomalies == {}, anomalies
        assert endpoint.asked == []
        log = [(route_of(method, path), status)
               for method, path, status in answered(shop, since)]
        seen = collections.Counter(
            route for route, status in log if status in JUDGED)
        # No wall: the rest are tokens that are none, and bodies of other kinds.
        assert sum(seen.values()) > 0.5 * len(log), collections.Counter(
            status for _, status in log)
        # Who is logged in sees no forms to log in, and the other way round.
        mine = {"/account", "/account/details", "/account/email",
                "/account/password", "/account/logout"}
        not_mine = {"/account/login", "/account/register", "/account/forgot",
                    "/account/reset"}
        missed = {path for method, path in set(routes()) - set(seen)
                  if method == "POST"}
        assert missed <= (not_mine if who == "member" else mine), missed
        assert {path for method, path in set(routes()) - set(seen)
                if method == "GET"} <= {"/readyz"}
        for route, count in seen.items():
            assert route is None or count >= 5, (route, count)


@soak
def test_wapiti_guesses():
    """Names of files and directories, thirty thousand of them."""
    with attacked() as (shop, _), Endpoint() as endpoint:
        since = log_end(shop)
        found, anomalies, _ = wapiti(
            shop.dir, shop.url + "/", endpoint.url, modules=["buster"],
            headers=BROWSER, scope="url")
        assert real(found) == [] and anomalies == {}
        log = answered(shop, since)
        assert len(log) > 20000
        known = {path for _, path in routes()}
        for _, path, status in log:
            if status == 200 and path not in known:
                name = os.path.join(TREE, "www", "htdocs", path.lstrip("/"))
                assert os.path.exists(name), path


# --------------------------------------------------------------------- sqlmap

@soak
def test_sqlmap_finds_holes(tmp_path):
    found = []
    with Vulnerable() as site:
        # One by one: of a host with a hole it does not look for more.
        for request in (("", "/find?id=1", None), ("", "/find", {"id": "1"}),
                        ("", "/echo?q=1", None)):
            found += sqlmap(str(tmp_path), site.url, [request], {"id", "q"},
                            "SQLite", ["--technique=BEU"])
    assert found == [("/find?id=1", set(), {"id"}), ("/find", set(), {"id"}),
                     ("/echo?q=1", {"q"}, set())]


def asked(path):
    return {name for name in
            re.findall(r"[?&]([^=&]+)=", path)}


def nothing_found(shop, requests, parameters, more=(), reaches=0.8,
                  expect=None):
    """Runs it, and checks that each parameter was tested, that nothing was
    found, and that the answers were the shop's judgement of what was sent."""
    since = log_end(shop)
    found = sqlmap(shop.dir, shop.url, requests, parameters,
                   DBMS[shop.engine], more)
    for (_, path, fields), (url, nothing, bad) in zip(requests, found):
        assert url == path and not bad, (path, bad)
        expected = expect or (set(fields or ()) | asked(path)) & parameters
        assert nothing == expected, (path, nothing ^ expected)
    log = collections.defaultdict(list)
    for method, path, status in answered(shop, since):
        log[route_of(method, path)].append(status)
    for _, path, fields in requests:
        route = route_of("GET" if fields is None else "POST",
                         path.partition("?")[0].rstrip("*"))
        statuses = log[route]
        good = [status for status in statuses if status in JUDGED]
        assert len(statuses) > 50, (route, len(statuses))
        assert len(good) >= reaches * len(statuses), (
            route, collections.Counter(statuses))


ENGINES = pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
GUARDS = {"token", "key"}


@soak
@ENGINES
def test_sqlmap_on_queries(engine):
    """Every field that an address can have."""
    with attacked(engine) as (shop, target):
        requests = [(who, path, None) for who, path in target.links
                    if not path.startswith("/readyz")]
        nothing_found(shop, requests, set().union(
            *(asked(path) for _, path, _ in requests)))


@soak
@ENGINES
def test_sqlmap_on_forms(engine):
    """Every field of every form but its token and its key."""
    with attacked(engine) as (shop, target):
        requests = [form for form in target.forms
                    if set(form[2]) - GUARDS and form[1] != "/checkout"]
        nothing_found(shop, requests, set().union(
            *(fields_of(form) for form in requests)) - GUARDS)


FRESH = '''"""A cart with something in it, and the key of its form: what
sqlmap's --eval calls before each request."""
import re
import urllib.parse
import urllib.request

URL, COOKIE, VARIANT = %r, %r, %r


class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


opener = urllib.request.build_opener(
    urllib.request.ProxyHandler({}), Stay())


def ask(path, fields=None):
    request = urllib.request.Request(
        URL + path, fields and urllib.parse.urlencode(fields).encode(),
        {"Cookie": COOKIE, "Sec-Fetch-Site": "same-origin"})
    try:
        with opener.open(request, timeout=60) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError:
        return ""


def key():
    page = ask("/checkout")
    if 'name="key"' not in page:
        ask("/cart/add", {"variant": VARIANT, "quantity": "1"})
        page = ask("/checkout")
    return re.search(r'name="key" value="([^"]+)"', page)[1]
'''


@soak
@ENGINES
def test_sqlmap_orders(engine):
    """Every field of the checkout, of a cart that is there each time: what it
    sends is ordered, and its words stand in rows, events and bodies."""
    with attacked(engine) as (shop, target):
        form = target.form("/checkout")
        with open(os.path.join(shop.dir, "fresh_key.py"), "w") as f:
            f.write(FRESH % (shop.url, cookies(target.member),
                             target.variant))
        before = rows(shop, "SELECT count(*) FROM orders")[0][0]
        nothing_found(
            shop, [(target.member, "/checkout", form)],
            set(form) - GUARDS,
            ["--eval=import sys; sys.path.insert(0, %r); import fresh_key; "
             "key = fresh_key.key()" % shop.dir])
        assert rows(shop, "SELECT count(*) FROM orders")[0][0] > before + 200


@soak
@ENGINES
def test_sqlmap_on_guards(engine):
    """What a form proves itself by, and who one is: most of it is refused, at
    the door."""
    with attacked(engine) as (shop, target):
        nothing_found(shop, [form for form in target.forms
                             if GUARDS & set(form[2])], GUARDS, reaches=0)


@soak
@ENGINES
def test_sqlmap_on_paths(engine):
    with attacked(engine) as (shop, target):
        nothing_found(shop, [(target.member, path, None)
                             for path in target.paths], {"#1*"},
                      expect={"#1*"})


@soak
@ENGINES
def test_sqlmap_on_headers(engine):
    """Cookies, and what a browser says of itself, on every route."""
    with attacked(engine) as (shop, target):
        jar = cookies(target.member) + "; told=1; __kla_id=e30"
        names = {part.partition("=")[0] for part in jar.split("; ")}
        requests = [(jar, path, None) for _, path in target.links
                    if not path.startswith("/readyz")]
        nothing_found(shop, requests, names | {"user-agent", "referer"},
                      expect=names | {"User-Agent", "Referer"}, reaches=0.5)


# --------------------------------------------------------------- slowhttptest

@soak
def test_slowhttptest_finds_holes():
    """A server with one thread is not there for others."""
    with Vulnerable(threads=False) as site:
        seen = Slow("headers", site.url + "/", connections=20, seconds=15,
                    patience=3).end()
    assert seen and not all(there for _, there in seen), seen


@soak
@pytest.mark.parametrize("mode, path", [
    ("headers", "/"), ("headers", "/checkout"), ("body", "/cart/add"),
    ("body", "/checkout"), ("range", "/"), ("range", "/feed/catalog.json"),
    ("range", "/shop.css"), ("read", "/feed/catalog.xml"),
    ("read", "/checkout"), ("read", "/")])
def test_slowhttptest(mode, path):
    """Hundreds of connections that take their time: everybody else is served,
    and orders, meanwhile."""
    with attacked() as (shop, _):
        slow = Slow(mode, shop.url + path)
        bought = 0
        while slow.going():
            buys(shop)
            bought += 1
        seen = slow.end()
        assert bought >= 2
        assert all(there for _, there in seen), seen
        assert max(connected for connected, _ in seen) >= 100 or \
            mode == "range", seen
