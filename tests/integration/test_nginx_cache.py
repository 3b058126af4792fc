"""The shipped nginx settings with its cache turned on: anonymous pages come from
nginx, and nobody is shown what is another's.

That an answer comes from nginx is seen by a price that was changed behind it:
what is kept is up to a minute old.  Each test has a product of its own, which
nobody has asked for before, and so the whole minute."""
import os
import re

import pytest

from harness import Shop, wait_for
from shop_kit import (Page, add, check_page, checkout, execute, fill_cart,
                      rows)

class Cached(Shop):
    """${life}: seconds that a page is kept; None = as the shop says."""

    def __init__(self, life=None, **more):
        self.life = life
        super().__init__("nginx", **more)

    def conf(self, name):
        path = super().conf(name)
        text = open(path).read()
        assert text.count("fastcgi_cache off;") == 1
        text = text.replace("fastcgi_cache off;", "fastcgi_cache pages;")
        if self.life is not None:
            text = text.replace(
                "X-Accel-Charset Vary;", "X-Accel-Charset Vary Cache-Control;"
                f" fastcgi_cache_valid 200 {self.life}s;")
        return self.write(name, text)


@pytest.fixture(scope="module")
def shop():
    with Cached() as s:
        yield s


prices, used = iter(range(2001, 2999)), set()


@pytest.fixture
def page(shop):
    handle = next(h for h, in rows(
        shop, "SELECT p.handle FROM product p JOIN variant v ON v.product = "
        "p.id WHERE p.published = 1 AND p.handle NOT IN ('pride-and-prejudice'"
        ", 'frankenstein', 'jane-eyre') GROUP BY p.handle HAVING COUNT(*) = 1 "
        "ORDER BY p.handle") if h not in used)
    used.add(handle)
    return "/products/" + handle


def reprice(shop, page):
    """Another price, as a page shows it."""
    price = next(prices)
    execute(shop, "UPDATE variant SET price = ?, compare_at = 0 WHERE product "
            "= (SELECT id FROM product WHERE handle = ?)",
            price, page.rpartition("/")[2])
    return "$%d.%02d" % divmod(price, 100)


def shown(reply):
    assert reply.status == 200, reply
    return Page(reply).texts("span", data_shown_price=None)[0]


def kept(shop, page):
    """The price that nginx keeps of it, and will show until it is old."""
    price = shown(shop.get(page))
    reprice(shop, page)
    assert shown(shop.get(page)) == price
    return price


def test_anonymous_pages_come_from_nginx(shop, page):
    old = kept(shop, page)
    reply = shop.get(page)
    assert shown(reply) == old
    # It is tracked as ever, by the same bytes.
    told = check_page(reply)
    assert len(told.calls("Viewed Product")) == 1
    assert len(told.viewed_items()) == 1
    assert reply.header("cache-control") == "public, max-age=60"
    assert reply.header("vary") == "Cookie"
    assert reply.header("x-content-type-options") == "nosniff"


def test_head_and_not_modified(shop, page):
    whole = shop.get(page)
    for _ in range(2):
        head = shop.request("HEAD", "/products/jane-eyre")
        assert head.status == 200 and not head.body
        assert shop.get("/products/jane-eyre").body
        assert shop.request("HEAD", page).status == 200
        assert shop.get(page).body == whole.body
    same = shop.get(page, {"If-None-Match": whole.header("etag")})
    assert same.status == 304 and not same.body
    assert shop.get(page, {"If-None-Match": '"another"'}).status == 200


@pytest.mark.parametrize("cookie", [
    "consent=yes", "consent=no", "__kla_off=true", "__kla_id=eyJjaWQiOiJ4In0=",
    "sid=junk", "__Host-sid=junk", "a=b; consent=no", "a=b;consent=no",
    "a=b, sid=junk"])
def test_who_has_a_page_of_their_own_gets_it(shop, page, cookie):
    old = kept(shop, page)
    new = reprice(shop, page)
    assert shown(shop.get(page, {"Cookie": cookie})) == new
    # Theirs is not what others are shown from now on.
    assert shown(shop.get(page)) == old


def test_other_cookies_and_hosts_share_a_page(shop, page):
    old = kept(shop, page)
    assert shown(shop.get(page, {"Cookie": "_ga=GA1.2.3; theme=dark"})) == old
    assert shown(shop.get(page, {"Cookie": "mysid=1; noconsent=1"})) == old
    assert shown(shop.get(page, {"Host": "evil.example"})) == old
    assert "evil.example" not in shop.get(page).text


def number(page):
    return int(page.texts("span", data_cart_number=None)[0])


def test_the_cart_is_its_owners(shop, page):
    kept(shop, page)
    first, second = shop.visitor(), shop.visitor()
    for visitor, sku, n in ((first, "PRIDE-PB", 2), (second, "PRIDE-HB", 5)):
        assert number(Page(visitor.get(page))) == 0
        add(visitor, shop, sku, n, follow=False)
        own = check_page(visitor.get(page))
        assert number(own) == n
        assert len(own.calls("Added to Cart")) == 1
    for _ in range(2):
        assert number(Page(first.get(page))) == 2
        assert number(Page(second.get(page))) == 5
        assert number(Page(shop.get(page))) == 0
        assert not Page(shop.get(page)).calls("Added to Cart")
    checkout(first, email="kept@klaviyo-demo.com")
    assert Page(first.get(page)).identified()
    assert not Page(shop.get(page)).identified()
    assert "kept@" not in shop.get(page).text


def test_nothing_private_is_kept(shop, page):
    """Each of these is another answer for the next who asks."""
    for path in ("/cart", "/checkout", "/account/login", "/contact"):
        visitor, other = shop.visitor(), shop.visitor()
        fill_cart(visitor, shop, [("PRIDE-PB", 1)])
        visitor.get(path)
        assert number(Page(other.get(path))) == 0, path
    tokens = {shop.visitor().get("/contact").text for _ in range(3)}
    assert len(tokens) == 3
    assert len({shop.get("/account/login").header("set-cookie")
                for _ in range(3)}) == 3
    assert shop.get("/products/nothing").status == 404
    execute(shop, "UPDATE product SET handle = 'nothing' "
                  "WHERE handle = 'frankenstein'")
    assert shop.get("/products/nothing").status == 200


def test_a_query_is_never_answered_from_what_is_kept(shop, page):
    old = kept(shop, page)
    new = reprice(shop, page)
    for query in ("?utm_source=x", "?page=2", "?notified=yes", "?%71=x"):
        assert shown(shop.get(page + query)) == new, query
    assert shown(shop.get(page)) == old
    assert Page(shop.get("/search?q=whale")).value("q") == "whale"
    for query in ("?q=ship", "?%71=poison", "?Q=poison", ""):
        asked = Page(shop.get("/search" + query)).value("q")
        assert asked == ("ship" if query == "?q=ship" else
                         "poison" if "%71" in query else ""), query


MOBY = "/products/moby-dick"


def test_it_is_not_kept_for_ever():
    with Cached(life=1) as s:
        shown(s.get(MOBY))
        new = reprice(s, MOBY)
        wait_for(lambda: shown(s.get(MOBY)) == new, "the new price")


def test_while_the_storefront_is_away():
    with Cached() as s:
        old = shown(s.get(MOBY))
        s.end("storefront")
        assert shown(s.get(MOBY)) == old
        assert s.get("/products/jane-eyre").status == 502
        assert s.visitor().get("/cart").status == 502


class WithFiles(Cached):
    """With files where nginx would look for them before it asks the shop."""

    def conf(self, name):
        text = open(super().conf(name)).read()
        for path in ("products/moby-dick", "own/file.txt"):
            self.mkdir(os.path.join("files", os.path.dirname(path)))
            self.write("files/" + path, "a file")
        text, n = re.subn(r"(?m)^(\s*root )\S+;$",
                          rf"\1{self.path('files')};", text)
        assert n == 1
        return self.write(name, text)


def test_no_file_is_looked_for_before_a_product():
    with WithFiles() as s:
        assert s.get("/own/file.txt").text == "a file"
        assert len(check_page(s.get(MOBY)).calls("Viewed Product")) == 1
        # The shop says what these are, not nginx by a redirect.
        for path in ("/products", "/products/"):
            reply = s.get(path)
            assert reply.status == 404 and "data-cart-number" in reply.text


def test_off_as_it_is_shipped():
    with Shop("nginx") as s:
        for _ in range(3):
            new = reprice(s, MOBY)
            assert shown(s.get(MOBY)) == new
