"""The feed as it is fetched: its first bytes while the last are not written
yet, nginx's copy of it, and what is seen of one that was cut off."""
import contextlib
import http.client
import json

import psycopg2
import pytest

import fcgi
from harness import PATIENCE, Shop, wait_for
from shop_kit import execute, rows
from test_feed import JSON, XML, many

PRODUCTS = 2600  # six batches, and some pieces of 64 KB
LOCK = 4711


class Told(Shop):
    """nginx says what its cache had to do with an answer."""

    def conf(self, name):
        text = open(super().conf(name)).read()
        if name == "nginx.conf":
            assert text.count("fastcgi_cache feeds;") == 1
            text = text.replace(
                "fastcgi_cache feeds;", "fastcgi_cache feeds; "
                "add_header X-Cache $upstream_cache_status always;")
        return self.write(name, text)


def reprice(shop):
    """Another price of some product: the feed is another one."""
    execute(shop, "UPDATE variant SET price = price + 100 WHERE id = "
                  "(SELECT MAX(id) FROM variant)")


# ----------------------------------------------------- what nginx has of it

@pytest.fixture(scope="module")
def shop():
    with Told("nginx") as s:
        yield s


def from_nginx(reply):
    """Was the body nginx's own?  The shop may have been asked whether it is
    the same still."""
    assert reply.status == 200, reply
    return reply.header("X-Cache") in ("HIT", "REVALIDATED", "UPDATING")


def test_unchanged_it_comes_from_nginx(shop):
    for path, kind in ((JSON, "json"), (XML, "xml")):
        first = shop.get(path)
        for headers, query in (({}, ""), ({"Cookie": "sid=x; a=b"}, ""),
                               ({}, "?x=1"), ({"Host": "evil.example"}, "")):
            reply = shop.get(path + query, headers)
            assert from_nginx(reply)
            assert reply.body == first.body and b"evil.example" not in reply.body
            assert reply.header("ETag") == first.header("ETag")
            assert reply.header("Content-Type") == \
                f"application/{kind}; charset=utf-8"
            assert not reply.all("Set-Cookie")
            assert "public" in reply.header("Cache-Control")
        assert first.body.decode() == shop.run("feed", kind).stdout


def test_a_change_shows(shop):
    """At once or, after a fetch within the same second, in a second."""
    for path, kind in ((JSON, "json"), (XML, "xml"), (JSON, "json")):
        shop.get(path)
        reprice(shop)
        new = shop.run("feed", kind).stdout
        wait_for(lambda: shop.get(path).body.decode() == new, "the new price")
        assert from_nginx(shop.get(path))


def test_not_modified_by_nginx(shop):
    tag = shop.get(JSON).header("ETag")
    reply = shop.get(JSON, {"If-None-Match": tag})
    assert reply.status == 304 and not reply.body
    assert from_nginx(shop.get(JSON, {"If-None-Match": '"another"'}))


def test_head_is_no_feed(shop):
    reprice(shop)
    head = shop.request("HEAD", JSON)
    assert head.status == 200 and not head.body
    whole = wait_for(lambda: [r for r in [shop.get(JSON)] if
                              r.header("ETag") == head.header("ETag")],
                     "the feed that HEAD told of")[0]
    assert len(json.loads(whole.body)) > 40
    assert not shop.request("HEAD", JSON).body
    assert shop.get(JSON).body == whole.body


def test_nothing_else_is_kept(shop):
    assert shop.get("/feed/none.json").status == 404
    assert shop.post(JSON, {"a": "1"}).status == 405
    assert shop.get("/feed/none.json").header("X-Cache") != "HIT"
    with Told("nginx", env={"KLAVIYO_CATALOG": "api"}) as other:
        for _ in range(3):
            reply = other.get(JSON)
            assert reply.status == 410
            assert reply.header("X-Cache") == "MISS"


# --------------------------------------------------- a feed under way, or cut

@contextlib.contextmanager
def category(shop, product, name):
    """That product's categories have this name, an expression."""
    execute(shop, "ALTER TABLE product_category RENAME TO category_kept")
    execute(shop, "CREATE VIEW product_category AS SELECT product, slug, "
                  f"position, CASE WHEN product = '{product}' THEN {name} "
                  "ELSE name END AS name FROM category_kept")
    try:
        yield
    finally:
        execute(shop, "DROP VIEW product_category")
        execute(shop, "ALTER TABLE category_kept RENAME TO product_category")


def failing(shop):
    """An expression that no database can tell the value of."""
    return ("CAST(1 / (position - position) AS TEXT)" if shop.server
            else "CAST(abs(-9223372036854775807 - 1) AS TEXT)")


def edge(shop, which):
    """The first or the last product of the feed."""
    return rows(shop, f"SELECT {which}(p.id) FROM product p JOIN "
                "product_category c ON c.product = p.id "
                "WHERE p.published = 1")[0][0]


def fetch(shop, path):
    """What came, and whether that is said to be the whole."""
    connection = http.client.HTTPConnection("127.0.0.1", shop.port,
                                            timeout=PATIENCE)
    with contextlib.closing(connection):
        connection.request("GET", path)
        reply = connection.getresponse()
        assert reply.status == 200, reply.read()
        try:
            return reply.read(), True
        except http.client.IncompleteRead as broken:
            return broken.partial, False
        except ConnectionError:
            return b"", False


def well_formed(body):
    try:
        return json.loads(body) and True
    except ValueError:
        return False


@pytest.mark.parametrize("way", ["nginx", "apache"])
def test_cut_off(way):
    """What fails half way is not taken for the whole, nor kept."""
    with Told(way) as shop:
        shop.run("init", "--catalog", many(shop, PRODUCTS))
        with category(shop, edge(shop, "MAX"), failing(shop)):
            # Apache says so when it has waited for another request.
            for _ in range(2 if way == "nginx" else 1):
                body, whole = fetch(shop, JSON)
                assert body and not whole and not well_formed(body)
        assert "feed: cut off after" in shop.log("storefront")
        body, whole = fetch(shop, JSON)
        assert whole and len(json.loads(body)) > PRODUCTS


@pytest.mark.parametrize("way", ["nginx", "apache", "apache-cgi"])
def test_failed_at_once(way):
    """Nothing had gone out: then it is an error, and the former feed is none;
    of plain CGI, whenever it fails."""
    with Told(way) as shop:
        shop.run("init", "--catalog", many(shop, PRODUCTS))
        which = "MAX" if way == "apache-cgi" else "MIN"
        with category(shop, edge(shop, which), failing(shop)):
            for path in (JSON, XML):
                assert shop.get(path).status == 503
        for path in (JSON, XML):
            assert shop.get(path).status == 200
        assert len(json.loads(shop.get(JSON).body)) > PRODUCTS


@contextlib.contextmanager
def held(shop):
    """While a lock of the database is held; to be called to let it go."""
    connection = psycopg2.connect(shop.server.url(shop.database))
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
        yield lambda: cursor.execute("SELECT pg_advisory_unlock(%s)", (LOCK,))


@contextlib.contextmanager
def under_way(shop):
    """(an answer whose first products are there, what lets the last go on)"""
    connection = http.client.HTTPConnection("127.0.0.1", shop.port,
                                            timeout=PATIENCE)
    waits = f"name || pg_advisory_xact_lock_shared({LOCK})::TEXT"
    with contextlib.closing(connection), \
            category(shop, edge(shop, "MAX"), waits), held(shop) as let_go:
        connection.request("GET", JSON)
        reply = connection.getresponse()
        assert reply.status == 200 and not reply.getheader("Content-Length")
        yield reply, let_go


def test_first_bytes_before_the_last_are_written():
    """A lock holds the last products back in the database: the first are
    there, and for who comes while the feed is written, too."""
    with Shop("nginx", engine="postgresql") as shop:
        shop.run("init", "--catalog", many(shop, PRODUCTS))
        with under_way(shop) as (reply, let_go), \
                fcgi.connect(shop.fcgi, PATIENCE) as other:
            body = reply.read(100)
            assert b'{"id":' in body
            other.sendall(fcgi.whole(fcgi.variables(path=JSON)))
            data = b""
            while b'{"id":' not in data:
                more = other.recv(4096)
                assert more, data
                data += more
            let_go()
            data += fcgi.read_all(other)
            body += reply.read()
        said, ended = fcgi.stdout_of(data)
        assert ended and said.partition(b"\r\n\r\n")[2] == body
        assert len(json.loads(body)) > PRODUCTS


def test_killed_while_it_writes():
    """nginx does not keep what it had by then, of the very same feed."""
    with Shop("nginx", engine="postgresql") as shop:
        shop.run("init", "--catalog", many(shop, PRODUCTS))
        with under_way(shop) as (reply, let_go):
            assert b'{"id":' in reply.read(100)
            shop.kill("storefront")
            with pytest.raises((http.client.IncompleteRead,
                                ConnectionError)):
                reply.read()
            let_go()
        shop.start_serve()
        again = shop.get(JSON)
        assert again.header("ETag") == reply.getheader("ETag")
        assert len(json.loads(again.body)) > PRODUCTS
