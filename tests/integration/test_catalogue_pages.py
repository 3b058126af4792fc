"""Home, collections, search, products: what they show, what they tell Klaviyo,
how they may be cached.  Through nginx."""
import re
import urllib.parse

import pytest

from harness import Shop
from shop_kit import Page, add, check_page, one, policy, rows, signed, variant


@pytest.fixture(scope="module")
def shop():
    with Shop("nginx") as s:
        yield s


def found(shop, words, page=1):
    """Titles that a search finds, in order."""
    reply = shop.get("/search?" + urllib.parse.urlencode(
        {"q": words, "page": page}))
    assert reply.status == 200
    check_page(reply)
    return titles(Page(reply))


def titles(page):
    return page.texts("span", class_="card-title")


# --------------------------------------------------------------------- home

def test_home(shop):
    page = check_page(shop.get("/"))
    assert page.title == "Books and paper · Pilcrow"
    assert titles(page)[:2] == ["Winnie the Pooh", "A Tale of Two Cities"]
    assert "$9.99" in page.text
    links = page.links()
    for slug in ("fiction", "classics", "children", "poetry"):
        assert f"/collections/{slug}" in links
    assert not page.calls("Viewed Product")


def test_every_link_of_the_shop_leads_somewhere(shop):
    """From the home page on: every page, every picture, every style."""
    seen, waiting = set(), ["/"]
    while waiting:
        path = waiting.pop()
        reply = shop.get(path)
        if path == "/account":  # of nobody: first log in
            reply = shop.visitor().get(path)
        assert reply.status == 200, path
        if not reply.header("content-type").startswith("text/html"):
            continue
        page = check_page(reply)
        targets = page.links() + [
            e["attrs"][name] for e in page.elements for name in ("src", "href")
            if e["tag"] in ("img", "link") and name in e["attrs"]]
        for target in targets:
            target = urllib.parse.urljoin(shop.url + path, target)
            target = target.partition("#")[0]
            assert target.startswith(shop.url + "/"), target
            target = target[len(shop.url):]
            if target not in seen:
                seen.add(target)
                waiting.append(target)
    handles = {h for h, in rows(shop, "SELECT handle FROM product")}
    assert {f"/products/{h}" for h in handles} <= seen
    assert len(handles) >= 40


# -------------------------------------------------------------- collections

def test_collection(shop):
    page = check_page(shop.get("/collections/poetry"))
    assert page.texts("h1") == ["Poetry"]
    expected = one(shop, "SELECT count(*) FROM product_category "
                         "WHERE slug = 'poetry'")
    assert len(titles(page)) == expected
    assert f"{expected} products" in page.text
    assert [e["attrs"]["href"] for e in page.all("a", aria_current="page")] \
        == ["/collections/poetry"]


def test_collection_pages(shop):
    total = one(shop, "SELECT count(*) FROM product_category "
                      "WHERE slug = 'classics' OR slug = 'gifts'")
    assert total > 24, "the demo catalogue has no collection of two pages"
    slug, n = rows(shop, "SELECT slug, count(*) FROM product_category "
                   "GROUP BY slug ORDER BY 2 DESC LIMIT 1")[0]
    seen = []
    path = f"/collections/{slug}"
    while path:
        page = check_page(shop.get(path))
        seen += titles(page)
        more = [e["attrs"]["href"] for e in page.all("a", rel="next")]
        path = more[0] if more else None
    assert len(seen) == len(set(seen)) == n


@pytest.mark.parametrize("path", [
    "/collections/nothing", "/products/nothing", "/nothing", "/products/",
    "/collections/", "/products/moby-dick/", "/products/Moby-Dick",
    "/orders/", "/cart/restore/", "/products/%00", "/products/..%2f..",
    "/products/%ff%fe"])
def test_not_found(shop, path):
    reply = shop.get(path)
    assert reply.status in (400, 404), reply
    if reply.status == 404:
        page = check_page(reply)
        assert "no-store" in reply.header("cache-control")
        assert page.all("meta", name="robots", content="noindex")


def test_wrong_method(shop):
    for method, path, allowed in (("POST", "/cart", "GET"),
                                  ("GET", "/cart/add", "POST")):
        reply = shop.request(method, path, {} if method == "POST" else None)
        assert reply.status == 405
        assert reply.header("allow").startswith(allowed)


@pytest.mark.parametrize("page", ["0", "-1", "x", "", "99999999999999999999",
                                  "1e3", "1001"])
def test_page_number_is_never_an_error(shop, page):
    reply = shop.get(f"/collections/fiction?page={page}")
    assert reply.status == 200
    assert titles(Page(reply)) == titles(Page(shop.get(
        "/collections/fiction")))


# ------------------------------------------------------------------- search

def test_search(shop):
    assert found(shop, "moby") == ["Moby-Dick; or, The Whale"]
    assert "Winnie the Pooh" in found(shop, "POOH")
    assert "Winnie the Pooh" in found(shop, "   pooh  ")


def test_search_folds_case_of_any_script(shop):
    """Full Unicode case folding, both ways."""
    title = "Travels with a Donkey in the Cévennes"
    for words in ("cévennes", "CÉVENNES", "Cévennes"):
        assert title in found(shop, words)
    # Decomposed, as some keyboards type it.
    assert title in found(shop, "ce\u0301vennes")


@pytest.mark.parametrize("words", [
    "%", "_", "%%%", "m_by", "mo%dick", "'", "''", "\"", "\\", "\\%", "*",
    "moby'; DROP TABLE product; --", "' OR '1'='1", "moby\" OR \"1",
    "<script>alert(1)</script>", "{{TITLE}}", "\u2028", "😀", "x" * 90])
def test_search_takes_words_as_they_are(shop, words):
    reply = shop.get("/search?" + urllib.parse.urlencode({"q": words}))
    assert reply.status == 200
    page = check_page(reply)
    wanted = words.casefold()
    expected = [t for t, s in rows(
        shop, "SELECT title, search FROM product WHERE published = 1 "
              "ORDER BY position") if all(w in s for w in wanted.split(" ") if w)]
    assert titles(page) == expected[:24]
    assert page.value("q") == words.lstrip(" \t\r\n")


@pytest.mark.parametrize("query", ["q=%ff", "q=%00", "q=%zz", "q=%e2%80"])
def test_search_refuses_what_is_no_text(shop, query):
    assert shop.get("/search?" + query).status == 400


def test_search_empty(shop):
    for path in ("/search", "/search?q=", "/search?q=%20%20"):
        page = check_page(shop.get(path))
        assert "What are you looking for?" in page.text
        assert not titles(page)
    page = check_page(shop.get("/search?q=zzzzz"))
    assert "Nothing on our shelves answers to that." in page.text


def test_search_pages_keep_the_words(shop):
    page = Page(shop.get("/search?q=the"))
    following = page.all("a", rel="next")
    assert following, "no second page for 'the'"
    second = Page(shop.get(following[0]["attrs"]["href"]))
    assert second.value("q") == "the"
    assert titles(second) and not set(titles(second)) & set(titles(page))


# ----------------------------------------------------------------- products

def test_product(shop):
    page = check_page(shop.get("/products/winnie-the-pooh"))
    assert page.texts("h1") == ["Winnie the Pooh"]
    assert page.texts("span", data_shown_price=None) == ["$9.99"]
    assert page.value("variant") == variant(shop, "WINNIEPOOH")
    assert page.value("quantity") == "1"
    assert "WINNIEPOOH" in page.text and "In stock" in page.text
    assert not page.all("input", name="token")
    assert page.all("link", rel="canonical")[0]["attrs"]["href"] == \
        shop.url + "/products/winnie-the-pooh"


def test_product_tells_klaviyo(shop):
    page = Page(shop.get("/products/winnie-the-pooh"))
    url = shop.url
    assert page.calls("Viewed Product") == [{
        "ProductName": "Winnie the Pooh", "ProductID": "1111",
        "SKU": "WINNIEPOOH", "Categories": ["Fiction", "Children"],
        "ImageURL": url + "/images/winnie-the-pooh.png",
        "URL": url + "/products/winnie-the-pooh", "Brand": "Kids Books",
        "Price": 9.99}]
    assert page.viewed_items() == [{
        "Title": "Winnie the Pooh", "ItemId": "1111",
        "Categories": ["Fiction", "Children"],
        "ImageUrl": url + "/images/winnie-the-pooh.png",
        "Url": url + "/products/winnie-the-pooh",
        "Metadata": {"Brand": "Kids Books", "Price": 9.99}}]
    assert not page.identified()


def test_product_with_variants(shop):
    page = check_page(shop.get("/products/on-the-origin-of-species"))
    choices = page.all("input", name="variant")
    assert [c["attrs"]["value"] for c in choices] == [
        variant(shop, "ORIGIN-PB"), variant(shop, "ORIGIN-HB")]
    assert ["checked" in c["attrs"] for c in choices] == [True, False]
    assert choices[1]["attrs"]["data-price"] == "$29.00"
    assert choices[1]["attrs"]["data-was"] == "$34.00"
    # The page opens on the paperback, which costs what it always did.
    assert "CompareAtPrice" not in page.calls("Viewed Product")[0]
    sale = Page(shop.get("/products/twelve-islands-on-foot"))
    assert sale.calls("Viewed Product")[0]["CompareAtPrice"] == 17.5
    assert sale.viewed_items()[0]["Metadata"]["CompareAtPrice"] == 17.5
    assert "$17.50" in sale.text


def test_product_opens_on_what_can_be_bought(shop):
    page = check_page(shop.get("/products/cloth-notebook"))
    gone = variant(shop, "NOTE-A6-RUST")
    for choice in page.all("input", name="variant"):
        sold_out = "data-sold-out" in choice["attrs"]
        assert sold_out == (choice["attrs"]["value"] == gone)
    assert page.calls("Viewed Product")[0]["SKU"] == "NOTE-A6-INK"


def test_sold_out_product(shop):
    page = check_page(shop.get("/products/wuthering-heights"))
    assert "disabled" in page.all("button", data_buy=None)[0]["attrs"]
    assert "Sold out" in page.text
    assert len(page.calls("Viewed Product")) == 1
    visitor = shop.visitor()
    reply = add(visitor, shop, "WUTHERING")
    assert reply.status == 409
    assert "There are not that many left." in check_page(reply).text
    assert not visitor.cookies
    # The refused form is not another view.
    assert not Page(reply).calls("Viewed Product")


def test_sold_without_stock(shop):
    page = check_page(shop.get("/products/laid-letter-paper"))
    assert "Sent within two weeks" in page.text
    assert add(shop.visitor(), shop, "LETTERSET", 30).status == 200


def test_few_left(shop):
    page = check_page(shop.get("/products/tidewords"))
    assert "Only 2 left" in page.text
    assert page.all("input", name="quantity")[0]["attrs"]["max"] == "2"


# ------------------------------------------------------------------ caching

PUBLIC = ["/", "/collections/fiction", "/products/moby-dick", "/search?q=sea"]


@pytest.mark.parametrize("path", PUBLIC)
def test_the_same_page_for_everyone(shop, path):
    a, b = shop.get(path), shop.get(path, {"User-Agent": "other"})
    assert a.body == b.body
    assert re.fullmatch(r"public, max-age=\d+", a.header("cache-control"))
    assert a.header("vary") == "Cookie"
    assert not a.header("set-cookie")
    tag = a.header("etag")
    assert tag == b.header("etag") and re.fullmatch(r'"[\w-]{22}"', tag)
    again = shop.get(path, {"If-None-Match": tag})
    assert (again.status, again.body) == (304, b"")
    assert again.header("etag") == tag
    assert again.header("cache-control") == a.header("cache-control")
    assert shop.get(path, {"If-None-Match": f'"x", W/{tag}'}).status == 304
    assert shop.get(path, {"If-None-Match": '"x"'}).status == 200
    assert not Page(a).all("input", name="token")


@pytest.mark.parametrize("path", PUBLIC)
def test_with_a_session_it_is_private(shop, path):
    visitor = shop.visitor()
    add(visitor, shop, "MOBY-PB")
    reply = visitor.get(path)
    assert reply.header("cache-control") == "private, no-store"
    assert not reply.header("etag")
    public = shop.get(path)
    tag = public.header("etag")
    assert visitor.get(path, headers={"If-None-Match": tag}).status == 200


def test_no_cookie_before_a_cart(shop):
    for path in (*PUBLIC, "/cart", "/checkout", "/nothing", "/healthz",
                 "/orders/0123456789abcdef"):
        assert not shop.get(path).header("set-cookie"), path
    reply = shop.get("/cart", {"Cookie": "sid=junk"})
    assert reply.status == 200 and not reply.header("set-cookie")


def test_a_made_up_session_is_none(shop):
    """Junk, a forged check, and a right check over an unknown token."""
    token = "A" * 43
    for cookie in ("x", "." * 70, "a.b", token, token + "." + "B" * 22,
                   token + "." + signed(shop, "session", token),
                   "x" * 3000):
        reply = shop.get("/products/moby-dick", {"Cookie": f"sid={cookie}"})
        assert reply.header("cache-control").startswith("public"), cookie


def test_head_is_get_without_the_body(shop):
    for path in (*PUBLIC, "/cart", "/nothing"):
        get, head = shop.get(path), shop.request("HEAD", path)
        assert head.status == get.status and head.body == b""
        skip = ("date", "content-length", "transfer-encoding", "x-request-id")
        assert [h for h in head.headers if h[0] not in skip] == \
            [h for h in get.headers if h[0] not in skip]


# ------------------------------------------------------------------- policy

def test_policy_names_klaviyo_only_as_needed(shop):
    sandbox = {"KLAVIYO_ONSITE_URL": "http://127.0.0.1:9999"}
    allowed = policy(shop.get("/"))
    assert "https://static.klaviyo.com" in allowed["connect-src"]
    # By https from anywhere: hosts need no names.
    assert allowed["img-src"] == ["'self'", "data:", "https:"]
    assert allowed["form-action"] == ["'self'"]
    shop.end("storefront")
    shop.start_serve(env=sandbox)
    allowed = policy(shop.get("/"))
    assert allowed["connect-src"] == ["'self'", "http://127.0.0.1:9999"]
    assert allowed["img-src"][2:] == ["https:", "http://127.0.0.1:9999"]
    assert "http://127.0.0.1:9999/onsite/js/ABC123/klaviyo.js" in \
        shop.get("/").text


def test_tracking_off(shop):
    shop.end("storefront")
    shop.start_serve(env={"KLAVIYO_PUBLIC_KEY": ""})
    visitor = shop.visitor()
    assert add(visitor, shop, "MOBY-PB").status == 200
    for path in (*PUBLIC, "/cart", "/checkout", "/nothing"):
        reply = visitor.get(path)
        page = check_page(reply)
        assert "klaviyo" not in reply.text.lower(), path
        assert "klaviyo" not in str(reply.headers).lower(), path
        # The shop's own script is still there.
        assert len(page.scripts) == 1


def unhashed(policy):
    """Scripts name their shop's address."""
    return re.sub(r"'sha256-[^']+'", "'sha256'", policy)


def test_the_policy_is_a_setting():
    """Reported only, it says the same; and what no tracking can need to break
    stays forbidden."""
    with Shop("nginx") as strict, \
            Shop("nginx", env={"STOREFRONT_CSP": "report"}) as lax:
        for path in ("/", "/products/winnie-the-pooh", "/account/login",
                     "/nowhere"):
            reply = strict.get(path)
            wanted = unhashed(reply.header("content-security-policy"))
            assert "script-src" in wanted
            assert not reply.all("content-security-policy-report-only")
            reply = lax.get(path)
            assert unhashed(reply.header(
                "content-security-policy-report-only")) == wanted
            assert reply.header("content-security-policy") == \
                "base-uri 'none'; frame-ancestors 'none'"
            # Nobody is told of it over the net.
            assert "report-" not in wanted
        said = lax.run("doctor", "--offline", check=False).stdout
        assert re.search(r"STOREFRONT_CSP +environment report", said)
        assert "note  the pages' policy: only reported" in said
        assert "policy" not in strict.run("doctor", "--offline",
                                          check=False).stdout
