"""
pages.py - the product page: beside what nginx and FastCGI can do at all, and
beside the same page by PHP-FPM and Node.

What is measured at once is measured interleaved.  Peers keep of a page what the
storefront keeps, and see a changed price at the next request, as it does; in the
last table they keep only the menu and the related products, and make the page
for each request.
"""
import peers
from harness import Shop
from loads import FEW, ROUNDS, Target, interleaved, median, ratio, words
from stage import Uncached
from table import goal, head, told

CONNECTIONS = (16, 64)


class Closed(Uncached):
    """The storefront behind an nginx that keeps no connections either."""

    def conf(self, name):
        path = super().conf(name)
        with open(path) as f:
            text = peers.closing(f.read())
        return self.write(name, text)


def closed(stage):
    if "closed" not in stage.shops:
        stage.another("closed", kind=Closed).start()
    return stage.shops["closed"]


def ours(stage, cookie=False, shop=None):
    made, shop = "", shop or stage.ours
    if cookie:
        token, _, _ = stage.visitors(shop, stage.sign, 1)[0]
        made = "sid=" + token
        page = shop.get(stage.page, {"Cookie": made})
        assert page.header("cache-control") == "private, no-store", page
        assert "<span data-cart-number>3<" in page.text, page.text
    return Target("ours, with a cart" if cookie else "ours",
                  shop.url + stage.page,
                  lambda: peers.nginx_pids(shop, "storefront"), made)


def peer(stage, name):
    shop = stage.peer(name)
    return Target(name, shop.url + stage.page, shop.pids)


def beside_fixed(stage, connections, kept):
    fixed = stage.peer("fixed" if kept else "fixed closed")
    shop = stage.ours if kept else closed(stage)
    results = interleaved([
        Target("fixed", fixed.url + "/x", fixed.pids),
        ours(stage, shop=shop), ours(stage, cookie=True, shop=shop)],
        connections, ROUNDS if kept else FEW)
    yield head(f"Product page of {stage.size:,} bytes, {connections} connections, "
               "beside a fixed answer; nginx's connections to both are " +
               ("kept, as shipped" if kept else "closed after each answer"))
    yield told("a FastCGI program that writes this answer, always", "",
               words(results, "fixed"))
    for name, least in (("ours", 0.90), ("ours, with a cart", 0.75)):
        yield goal(f"{name}: requests/s", ratio(results, name, "fixed",
                                                "rate"),
                   at_least=least, note=words(results, name))
        if name == "ours":
            yield goal("ours: processor time a request",
                       ratio(results, name, "fixed", "micro"), at_most=1.25)


def beside_peers(stage, connections, kept=""):
    php, node = "php" + kept, "node" + kept
    results = interleaved([ours(stage), peer(stage, php), peer(stage, node)],
                          connections, FEW)
    yield head(f"Product page, {connections} connections, beside PHP-FPM and "
               "Node, which keep " + ("the menu and the related products"
                                      if kept else "of it what we keep"))
    yield told("ours", "", words(results, "ours"))
    for name, least in ((php, 4.5), (node, 3)):
        yield goal(f"requests/s of {name}",
                   ratio(results, "ours", name, "rate"), at_least=least,
                   note=words(results, name))
    best = min((php, node), key=lambda name: median(results, name, "p99"))
    yield goal(f"p99 of {best}, the better one",
               ratio(results, "ours", best, "p99"), at_most=1)


class Kept(Shop):
    """The storefront behind an nginx that keeps pages: the shipped settings,
    with their one line turned on."""

    def conf(self, name):
        text = open(super().conf(name)).read()
        assert text.count("fastcgi_cache off;") == 1
        return self.write(name, text.replace("fastcgi_cache off;",
                                             "fastcgi_cache pages;"))


def beside_static(stage, connections):
    """With the shipped nginx settings and their cache."""
    shop = stage.shops.get("shipped")
    if shop is None:
        shop = stage.another("shipped", kind=Kept)
        shop.start()
    kept = Target("kept", shop.url + stage.page,
                  lambda: peers.nginx_pids(shop, "storefront"))
    fixed = stage.peer("fixed")
    results = interleaved([Target("static", fixed.url + "/fixed.html",
                                  fixed.pids), kept], connections)
    own_page(stage, shop)
    yield head(f"Product page, {connections} connections, with the shipped "
               "nginx settings and their cache, beside a static file")
    yield told("nginx, a file of the same size", "", words(results, "static"))
    yield goal("ours: requests/s", ratio(results, "kept", "static", "rate"),
               at_least=0.80, note=words(results, "kept"))


def own_page(stage, shop):
    """Who has a cart has a page of their own, and nobody else has it."""
    cookie = "sid=" + stage.visitors(shop, stage.sign, 1)[0][0]
    page = shop.get(stage.page, {"Cookie": cookie})
    assert page.header("cache-control") == "private, no-store", page
    assert "<span data-cart-number>3<" in page.text, page.text
    page = shop.get(stage.page)
    assert "<span data-cart-number>0<" in page.text, page.text
    assert "klaviyo.track(" in page.text, page.text


def rows(stage):
    for name in ("fixed", "php", "node", "php parts", "node parts"):
        stage.peer(name)
    for kept in (False, True):
        for connections in CONNECTIONS:
            yield from beside_fixed(stage, connections, kept)
    for name in ("fixed closed", "closed"):
        stage.end(name)
    for connections in CONNECTIONS:
        yield from beside_static(stage, connections)
    for connections in CONNECTIONS:
        yield from beside_peers(stage, connections)
    for connections in CONNECTIONS:
        yield from beside_peers(stage, connections, " parts")
    for name in ("php parts", "node parts", "shipped"):
        stage.end(name)
