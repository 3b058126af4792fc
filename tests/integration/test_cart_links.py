"""CheckoutURL: the link that brings a cart back on another device.  Signed,
expiring, nothing personal in it; opening it changes nothing, and asks."""
import re
import threading
import time

import pytest

from harness import Shop
from shop_kit import (Page, add, cart_lines, check_page, checkout, execute,
                      fill_cart, one, rows, send, signed, state, variant)

POOH, TALE = "WINNIEPOOH", "TALEOFTWO"
DAY = 86400


@pytest.fixture(scope="module")
def shop():
    with Shop("nginx") as shop:
        yield shop


@pytest.fixture
def visitor(shop):
    return shop.visitor()


def link(shop, visitor, sku=POOH, quantity=3):
    """The path of the link to a cart that is made for it."""
    told, = Page(add(visitor, shop, sku, quantity)).calls("Added to Cart")
    assert told["CheckoutURL"].startswith(shop.url + "/cart/restore/")
    return told["CheckoutURL"][len(shop.url):]


def cart_of(shop, visitor):
    return re.match(r"/cart/restore/([^.]+)", link(shop, visitor))[1]


def buttons(page):
    return [b["attrs"]["value"] for b in page.all("button", name="how")]


def make_link(shop, cart, expires, purpose="restore"):
    payload = f"{cart}.{expires}"
    return f"/cart/restore/{payload}.{signed(shop, purpose, payload)}"


# ----------------------------------------------------------- opening it

def test_opening_changes_nothing(shop, visitor):
    path = link(shop, visitor)
    other = shop.visitor()
    # Added by a form, and not yet told by a page: it stays so.
    add(other, shop, TALE, 1, follow=False)
    before = state(shop)
    for who in (other, shop.visitor()):
        for method in ("GET", "HEAD"):
            reply = who.request(method, path)
            assert reply.status == 200
            assert reply.header("referrer-policy") == "no-referrer"
            assert reply.header("x-robots-tag").startswith("noindex")
            assert reply.header("cache-control") == "private, no-store"
            assert not reply.all("set-cookie")
        page = check_page(who.get(path))
        assert "Winnie the Pooh" in page.text and "$29.97" in page.text
        for metric in ("Added to Cart", "Started Checkout", "Viewed Product"):
            assert not page.calls(metric)
        assert not page.started_checkout()
    assert state(shop) == before
    # The other pages' headers are as ever.
    assert shop.get("/").header("referrer-policy") == \
        "strict-origin-when-cross-origin"
    assert not shop.get("/").header("x-robots-tag")


def test_it_holds_nothing_personal(shop, visitor):
    fill_cart(visitor, shop, [(POOH, 1)])
    visitor.get("/checkout")
    assert send(visitor, zip="").status == 422  # known from now on
    path = link(shop, visitor)
    cart, expires, check = path.rsplit("/", 1)[1].split(".")
    assert re.fullmatch(r"[0-9a-hjkmnp-tv-z]{26}", cart)
    assert re.fullmatch(r"[A-Za-z0-9_-]{22}", check)
    assert abs(int(expires) - time.time() - 30 * DAY) < DAY
    # Nor has the page, for another visitor: neither names nor the session's.
    page = shop.visitor().get(path).text
    for secret in ("sarah", "mason", "Sarah", "Mason", visitor.cookies["sid"]):
        assert secret not in page


def test_ones_own_cart(shop, visitor):
    path = link(shop, visitor)
    before = state(shop)
    reply = visitor.get(path, follow=False)
    assert reply.status == 303
    assert reply.header("location") == shop.url + "/checkout"
    assert state(shop) == before


# ------------------------------------------------------------- the answer

def test_without_a_cart_there_is_one_button(shop, visitor):
    path = link(shop, visitor)
    other = shop.visitor()
    page = check_page(other.get(path))
    assert buttons(page) == ["replace"]
    other.submit("/cart/restore", how="replace")
    assert other.path == "/cart"
    assert cart_lines(shop, other) == [(POOH, 3)]
    # A copy: each goes their own way.
    add(other, shop, TALE, 1)
    assert cart_lines(shop, visitor) == [(POOH, 3)]


def test_instead_of_ones_own(shop, visitor):
    path = link(shop, visitor)
    other = shop.visitor()
    fill_cart(other, shop, [(TALE, 2)])
    page = check_page(other.get(path))
    assert buttons(page) == ["merge", "replace"]
    assert "are 2 articles in your present cart" in page.text
    assert cart_lines(shop, other) == [(TALE, 2)]
    other.submit("/cart/restore", how="replace")
    assert cart_lines(shop, other) == [(POOH, 3)]


def test_together_with_ones_own(shop, visitor):
    path = link(shop, visitor)
    add(visitor, shop, TALE, 1)
    other = shop.visitor()
    fill_cart(other, shop, [("MOBY-PB", 1), (POOH, 2)])
    other.get(path)
    opened = other.page
    reply = other.submit("/cart/restore", how="merge")
    assert other.path == "/cart" and "put together" not in Page(reply).text
    assert cart_lines(shop, other) == [("MOBY-PB", 1), (POOH, 5), (TALE, 1)]
    # The same form once more adds nothing: it asks again.
    before = state(shop)
    other.page = opened
    reply = other.submit("/cart/restore", how="merge")
    assert reply.status == 409 and "look again" in check_page(reply).text
    assert reply.header("referrer-policy") == "no-referrer"
    assert state(shop) == before
    other.submit("/cart/restore", how="merge")
    assert cart_lines(shop, other) == [("MOBY-PB", 1), (POOH, 8), (TALE, 2)]


def test_together_twice_at_once(shop, visitor):
    # Many lines, so that it takes a while.
    skus = [sku for sku, in rows(
        shop, "SELECT sku FROM variant WHERE stock > 9 AND sku NOT IN ('', ?) "
        "ORDER BY id LIMIT 25", POOH)]
    fill_cart(visitor, shop, [(sku, 1) for sku in skus])
    path = link(shop, visitor)
    other = shop.visitor()
    fill_cart(other, shop, [(POOH, 2)])
    other.get(path)
    form = {**other.form("/cart/restore"), "how": "merge"}
    cookies, replies = dict(other.cookies), []

    def send():
        replies.append(shop.request(
            "POST", "/cart/restore", form,
            {"Sec-Fetch-Site": "same-origin",
             "Cookie": "sid=" + cookies["sid"]}).status)
    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(replies) == [303] + [409] * 5
    assert dict(cart_lines(shop, other)) == {POOH: 5, **dict.fromkeys(skus, 1)}


def test_the_kept_cart_changed_meanwhile(shop, visitor):
    path = link(shop, visitor)
    other = shop.visitor()
    other.get(path)
    add(visitor, shop, TALE, 1)
    assert other.submit("/cart/restore", how="replace").status == 409
    assert "A Tale of Two Cities" in Page(other.page).text
    other.submit("/cart/restore", how="replace")
    assert cart_lines(shop, other) == [(POOH, 3), (TALE, 1)]


def test_stock_and_limits_are_respected(shop, visitor):
    sku, left = rows(shop, "SELECT sku, stock FROM variant WHERE oversell = 0 "
                     "AND stock BETWEEN 2 AND 9 AND sku <> '' ORDER BY id")[0]
    many = one(shop, "SELECT sku FROM variant WHERE oversell = 1 "
               "AND sku <> '' ORDER BY id")
    path = link(shop, visitor, sku, left)
    add(visitor, shop, many, 600)
    other = shop.visitor()
    fill_cart(other, shop, [(sku, 1), (many, 500)])
    other.get(path)
    reply = other.submit("/cart/restore", how="merge")
    assert "Not everything could be put together" in Page(reply).text
    assert cart_lines(shop, other) == [(sku, left), (many, 999)]
    # Sold out meanwhile: what one has stays.
    execute(shop, "UPDATE variant SET stock = 0 WHERE sku = ?", sku)
    third = shop.visitor()
    fill_cart(third, shop, [(TALE, 1)])
    third.get(path)
    third.submit("/cart/restore", how="merge")
    assert cart_lines(shop, third) == [(TALE, 1), (many, 600)]
    execute(shop, "UPDATE variant SET stock = ? WHERE sku = ?", left, sku)


def test_a_hundred_lines_and_no_more(tmp_path):
    head = ("Handle,Title,Body (HTML),Vendor,Type,Published,Option1 Name,"
            "Option1 Value,Variant SKU,Variant Inventory Qty,Variant Price\n")
    path = tmp_path / "many.csv"
    path.write_text(head + "".join(
        f"book-{i},Book {i},.,demo,,true,Title,Default Title,SKU-{i},50,1\n"
        for i in range(120)))
    with Shop("nginx", catalog=str(path)) as shop:
        ids = [str(i) for i, in rows(shop, "SELECT id FROM variant "
                                     "ORDER BY id")]
        visitor, other = shop.visitor(), shop.visitor()
        for i in ids[:60]:
            visitor.post("/cart/add", {"variant": i, "quantity": "1"},
                         follow=False)
        for i in ids[50:110]:
            other.post("/cart/add", {"variant": i, "quantity": "1"},
                       follow=False)
        told = Page(visitor.get("/cart")).calls("Added to Cart")
        other.get(told[-1]["CheckoutURL"][len(shop.url):])
        reply = other.submit("/cart/restore", how="merge")
        assert "Not everything could be put together" in Page(reply).text
        lines = cart_lines(shop, other)
        assert len(lines) == 100
        assert dict(lines)["SKU-55"] == 2 and dict(lines)["SKU-109"] == 1


def test_forms_of_other_visits(shop, visitor):
    path = link(shop, visitor)
    other = shop.visitor()
    fill_cart(other, shop, [(TALE, 1)])
    other.get(path)
    form = {**other.form("/cart/restore"), "how": "replace"}
    before = state(shop)
    for token in ("", "x", visitor.form("/cart/update")["token"]):
        assert other.post("/cart/restore",
                          {**form, "token": token}).status == 403
    assert other.post("/cart/restore", form, headers={
        "Sec-Fetch-Site": "cross-site"}).status == 403
    # Without what was shown it is asked again.
    assert other.post("/cart/restore",
                      {**form, "seen": "0-0"}).status == 409
    assert state(shop) == before
    assert other.post("/cart/restore", form).status == 200


# ------------------------------------------------- links that lead nowhere

def refused(shop, path):
    before = state(shop)
    visitor = shop.visitor()
    reply = visitor.get(path)
    assert reply.status == 410, path
    check_page(reply)
    assert reply.header("referrer-policy") == "no-referrer"
    token = path[len("/cart/restore/"):]
    for how in ("merge", "replace"):
        assert visitor.post("/cart/restore", {
            "restore": token, "how": how, "seen": "0-1"}).status == 410
    assert not visitor.cookies and state(shop) == before


def test_a_tampered_bit(shop, visitor):
    path = link(shop, visitor)
    start = len("/cart/restore/")
    for i in range(start, len(path)):
        for bit in (1, 2, 4, 8, 16, 32, 64):
            c = chr(ord(path[i]) ^ bit)
            if not (c.isascii() and (c.isalnum() or c in "-_.")):
                continue
            assert shop.get(path[:i] + c + path[i + 1:]).status == 410
    assert shop.get(path).status == 200


def test_one_that_has_expired(shop, visitor):
    cart, now = cart_of(shop, visitor), int(time.time())
    assert shop.get(make_link(shop, cart, now + 60)).status == 200
    refused(shop, make_link(shop, cart, now - 1))
    refused(shop, make_link(shop, cart, 0))
    refused(shop, make_link(shop, cart, -5))
    head, expires, check = make_link(shop, cart, now - 60).rsplit(".", 2)
    refused(shop, f"{head}.{int(expires) + DAY}.{check}")


@pytest.mark.parametrize("purpose", ["session", "form", "reset", "", "Restore",
                                     "restore\0"])
def test_another_purposes_signature(shop, visitor, purpose):
    refused(shop, make_link(shop, cart_of(shop, visitor),
                            int(time.time()) + DAY, purpose))


def test_a_cart_that_became_an_order(shop, visitor):
    path = link(shop, visitor)
    other = shop.visitor()
    other.get(path)
    checkout(visitor)
    reply = other.submit("/cart/restore", how="replace")
    assert reply.status == 410 and not other.cookies
    refused(shop, path)


def test_an_emptied_cart(shop, visitor):
    path = link(shop, visitor)
    visitor.get("/cart")
    visitor.submit("/cart/update", remove=variant(shop, POOH))
    refused(shop, path)


def test_a_cart_that_never_was(shop):
    refused(shop, make_link(shop, "0" * 26, int(time.time()) + DAY))
    refused(shop, make_link(shop, "", int(time.time()) + DAY))


@pytest.mark.parametrize("token", [
    "..x", "...", "a", "a.b", "a.b.c", "x" * 199, "x" * 200, "x" * 201,
    "x" * 1500, "." * 100, "a" * 150 + "." + "9" * 30 + "." + "b" * 22,
    "0.99999999999999999999999999.AAAAAAAAAAAAAAAAAAAAAA", "%C3%A4",
    "a.9999999999." + "A" * 22, "-", "'", "a%22b"])
def test_junk(shop, token):
    assert shop.get("/cart/restore/" + token).status == 410
    assert shop.post("/cart/restore", {"restore": token},
                     {"Sec-Fetch-Site": "same-origin"}).status == 410


def test_no_token_at_all(shop):
    assert shop.get("/cart/restore/").status == 404
    assert shop.get("/cart/restore/" + "x" * 3000).status == 414
    assert shop.post("/cart/restore", {},
                     {"Sec-Fetch-Site": "same-origin"}).status == 410
