"""Product pages that are kept: the same as one that is made, never older than
the last commit, whoever's; and what is the visitor's is in no other's page.
Changes are made by another process, in plain SQL."""
import re
import threading

import pytest

from harness import Shop
from shop_kit import (Page, add, check_page, checkout, execute, fill_cart, one,
                      rows)

PAGE = "/products/moby-dick"


@pytest.fixture(scope="module")
def shop():
    with Shop("nginx") as s:
        yield s


def product(shop, handle="moby-dick"):
    return one(shop, "SELECT id FROM product WHERE handle = ?", handle)


def seen(shop, path=PAGE):
    """The page twice: made, and, if it was not changed, kept."""
    first, second = shop.get(path), shop.get(path)
    assert first.status == second.status
    assert first.text == second.text
    assert first.header("etag") == second.header("etag")
    return check_page(second)


def count(page):
    shown = page.all("span", class_="cart-count")[0]
    number = page.texts("span", data_cart_number=None)[0]
    return 0 if "hidden" in shown["attrs"] else int(number)


# ------------------------------------------------------------ never too old

@pytest.mark.parametrize("sql, shown", [
    ("UPDATE variant SET price = 4321 WHERE product = ?", "$43.21"),
    ("UPDATE variant SET compare_at = 98765 WHERE product = ?", "$987.65"),
    ("UPDATE variant SET name = 'In whale skin' WHERE id = (SELECT MIN(id) "
     "FROM variant WHERE product = ?)", "In whale skin"),
    ("UPDATE variant SET oversell = 0, stock = 3 WHERE product = ?",
     "Only 3 left"),
    ("UPDATE variant SET oversell = 0, stock = 0 WHERE product = ?",
     "Sold out"),
    ("UPDATE variant SET oversell = 1 WHERE product = ?",
     "Sent within two weeks"),
    ("UPDATE product SET title = 'The Wale' WHERE id = ?", "The Wale"),
    ("UPDATE product SET body = 'Call me.' WHERE id = ?", "Call me."),
    ("UPDATE product SET vendor = 'Nantucket' WHERE id = ?", "Nantucket"),
    ("INSERT INTO product_category (product, slug, name, position) "
     "VALUES (?, 'whales', 'Whales <b>', 9)", "Whales <b>"),
])
def test_a_change_shows_at_the_next_request(shop, sql, shown):
    before = seen(shop)
    assert shown not in before.text
    execute(shop, sql, product(shop))
    after = seen(shop)
    assert shown in after.text
    assert before.reply.header("etag") != after.reply.header("etag")
    # On the page that a visitor with a cart is shown, too.
    visitor = shop.visitor()
    fill_cart(visitor, shop, [("PRIDE-PB", 1)])
    assert shown in Page(visitor.get(PAGE)).text


def test_a_new_collection_is_in_the_menu_of_all_pages(shop):
    assert "Harpoons" not in seen(shop).text
    assert "Harpoons" not in Page(shop.get("/cart")).text
    execute(shop, "INSERT INTO product_category (product, slug, name, "
                  "position) VALUES (?, 'harpoons', 'Harpoons', 8)",
            product(shop, "pride-and-prejudice"))
    for path in (PAGE, "/cart", "/", "/search"):
        assert "/collections/harpoons" in Page(shop.get(path)).links(), path
    execute(shop, "DELETE FROM product_category WHERE slug = 'harpoons'")
    for path in (PAGE, "/cart", "/", "/search"):
        assert "Harpoons" not in shop.get(path).text, path


def test_its_neighbours_too(shop):
    page = seen(shop)
    card = page.all("a", class_="card-link")[0]["attrs"]["href"]
    id = product(shop, card.rpartition("/")[2])
    execute(shop, "UPDATE product SET title = 'A neighbour' WHERE id = ?", id)
    assert "A neighbour" in seen(shop).text
    execute(shop, "UPDATE variant SET price = 7654 WHERE product = ?", id)
    assert "$76.54" in seen(shop).text
    execute(shop, "UPDATE variant SET stock = 0, oversell = 0 "
                  "WHERE product = ?", id)
    assert "Sold out" in re.search(
        r"A neighbour.*?</li>", shop.get(PAGE).text, re.S)[0]
    execute(shop, "UPDATE product SET published = 0 WHERE id = ?", id)
    assert "A neighbour" not in seen(shop).text
    execute(shop, "UPDATE product SET published = 1 WHERE id = ?", id)
    execute(shop, "UPDATE variant SET stock = 20 WHERE product = ?", id)
    assert "A neighbour" in seen(shop).text


def test_gone_and_back(shop):
    handle = "/products/pride-and-prejudice"
    assert shop.get(handle).status == 200
    execute(shop, "UPDATE product SET published = 0 "
                  "WHERE handle = 'pride-and-prejudice'")
    assert shop.get(handle).status == 404
    execute(shop, "UPDATE product SET published = 1, handle = 'pride' "
                  "WHERE handle = 'pride-and-prejudice'")
    assert shop.get(handle).status == 404
    assert shop.get("/products/pride").status == 200
    execute(shop, "UPDATE product SET handle = 'pride-and-prejudice' "
                  "WHERE handle = 'pride'")
    assert shop.get(handle).status == 200


def test_an_order_takes_from_the_stock(shop):
    execute(shop, "UPDATE variant SET stock = 5, oversell = 0 "
                  "WHERE sku = 'PRIDE-PB'")
    page = "/products/pride-and-prejudice"
    assert "Only 5 left" in seen(shop, page).text
    visitor = shop.visitor()
    fill_cart(visitor, shop, [("PRIDE-PB", 2)])
    checkout(visitor)
    assert "Only 3 left" in seen(shop, page).text


def test_an_import_of_another_process(shop):
    def catalogue(title):
        path = shop.write("more.csv",
                          "Handle,Title,Published,Variant Price\n"
                          f"kept-one,{title},true,5.55\n")
        shop.run("init", "--catalog", path)

    catalogue("Kept once")
    assert "Kept once" in seen(shop, "/products/kept-one").text
    catalogue("Kept twice")
    assert "Kept twice" in seen(shop, "/products/kept-one").text


# --------------------------------------------------------- whose page it is

def test_each_sees_their_own_cart_and_nobody_elses(shop):
    visitors = []
    execute(shop, "UPDATE variant SET stock = 99 WHERE sku = 'PRIDE-HB'")
    for units in (1, 2, 13):
        visitor = shop.visitor()
        fill_cart(visitor, shop, [("PRIDE-HB", units)])
        visitors.append((visitor, units))
    for _ in range(2):
        assert count(check_page(shop.get(PAGE))) == 0
        for visitor, units in visitors:
            reply = visitor.get(PAGE)
            assert count(check_page(reply)) == units
            assert reply.header("cache-control") == "private, no-store"
            assert reply.header("etag") == ""
            assert reply.header("vary") == ""
    reply = shop.get(PAGE)
    assert reply.header("cache-control") == "public, max-age=60"
    assert reply.header("vary") == "Cookie"
    assert reply.header("set-cookie") == ""


def test_but_for_the_number_it_is_the_same_page(shop):
    """Kept and put together, or rendered whole: no byte differs."""
    visitor = shop.visitor()
    fill_cart(visitor, shop, [("PRIDE-HB", 7)])
    visitor.get("/cart")  # what was added is told
    kept = visitor.get(PAGE).text
    assert visitor.get(PAGE).text == kept
    # A query that only looks like an answer's makes it whole.
    whole = visitor.get(PAGE + "?notified=").text
    calls = re.compile(r"<script>\n\(function \(\) \{\n    klaviyo\..*?"
                       r"</script>\n", re.S)
    notify = re.compile(r" *<section class=.notify.*?</section>\n", re.S)
    assert notify.sub("", calls.sub("", kept)) == \
        notify.sub("", calls.sub("", whole))
    none = shop.get(PAGE).text
    assert none == kept.replace("data-cart-count>", "data-cart-count hidden>"
                                ).replace("data-cart-number>7<",
                                          "data-cart-number>0<")


def test_what_was_added_is_told_once_and_only_to_them(shop):
    visitor = shop.visitor()
    seen(shop)
    visitor.get(PAGE)
    add(visitor, shop, "PRIDE-HB", follow=False)
    assert not Page(shop.get(PAGE)).calls("Added to Cart")
    page = check_page(visitor.get(PAGE))
    assert len(page.calls("Added to Cart")) == 1
    assert len(page.calls("Viewed Product")) == 1
    assert not check_page(visitor.get(PAGE)).calls("Added to Cart")


def test_a_known_visitor_is_named_to_nobody_else(shop):
    visitor = shop.visitor()
    fill_cart(visitor, shop, [("PRIDE-HB", 1)])
    checkout(visitor, email="known@klaviyo-demo.com")
    for _ in range(2):
        page = check_page(visitor.get(PAGE))
        assert page.identified()[0]["email"] == "known@klaviyo-demo.com"
        assert page.calls("Viewed Product") == \
            Page(shop.get(PAGE)).calls("Viewed Product")
        assert "known@" not in shop.get(PAGE).text


def test_an_address_is_filled_in_for_one_only(shop):
    """The form of a sold-out product holds the address of who is known."""
    page = "/products/pride-and-prejudice"
    visitor = shop.visitor()
    fill_cart(visitor, shop, [("PRIDE-HB", 1)])
    checkout(visitor, email="waits@klaviyo-demo.com")
    execute(shop, "UPDATE variant SET stock = 0, oversell = 0 "
                  "WHERE sku = 'PRIDE-PB'")
    for _ in range(2):
        assert Page(visitor.get(page)).value("email") == \
            "waits@klaviyo-demo.com"
        assert Page(shop.get(page)).value("email") == ""


def test_consent_is_everyones_own(shop):
    for _ in range(2):
        no = check_page(shop.get(PAGE, {"Cookie": "consent=no"}))
        assert not no.calls("Viewed Product")
        assert no.reply.header("cache-control") == "private, no-store"
        yes = check_page(shop.get(PAGE, {"Cookie": "consent=yes"}))
        assert yes.calls("Viewed Product")
        assert check_page(shop.get(PAGE)).calls("Viewed Product")
        off = check_page(shop.get(PAGE, {"Cookie": "__kla_off=true"}))
        assert not off.calls("Viewed Product")


def test_the_banner_leads_back_to_where_it_was_shown():
    with Shop("nginx", env={"KLAVIYO_CONSENT": "required"}) as s:
        for _ in range(2):
            for query in ("", "?page=2", "?page=3", "?q=x"):
                page = check_page(s.get(PAGE + query))
                assert page.value("return") == PAGE + query
                assert not page.calls("Viewed Product")
            assert check_page(s.get(PAGE, {"Cookie": "consent=yes"})
                              ).calls("Viewed Product")


# ------------------------------------------------------------ as an answer

def test_head_and_not_modified(shop):
    whole = shop.get(PAGE)
    head = shop.request("HEAD", PAGE)
    assert head.status == 200 and not head.body
    assert head.header("content-length") == str(len(whole.body))
    assert head.header("etag") == whole.header("etag")
    same = shop.get(PAGE, {"If-None-Match": whole.header("etag")})
    assert same.status == 304 and not same.body
    execute(shop, "UPDATE product SET body = body || '!' WHERE id = ?",
            product(shop))
    assert shop.get(PAGE, {"If-None-Match": whole.header("etag")}
                    ).status == 200


def test_a_page_longer_than_a_record(shop):
    """FastCGI's records hold 64 KB."""
    text = "\n\n".join(f"{n} " + "whale " * 150 for n in range(300))
    execute(shop, "UPDATE product SET body = ? WHERE id = ?", text,
            product(shop))
    page = seen(shop)
    assert len(page.reply.body) > 200000
    for n in (0, 150, 299):
        assert f"{n} whale" in page.text
    visitor = shop.visitor()
    fill_cart(visitor, shop, [("PRIDE-HB", 3)])
    assert count(check_page(visitor.get(PAGE))) == 3
    execute(shop, "UPDATE product SET body = 'Short.' WHERE id = ?",
            product(shop))


def test_many_at_once_while_it_changes(shop):
    """Whoever asks after a commit sees it, in whatever thread."""
    faults, done = [], threading.Event()

    def look():
        while not done.is_set() and not faults:
            least = newest[0]
            price = re.search(r"data-shown-price>\$([\d.]+)<",
                              shop.get(PAGE).text)[1]
            if round(float(price) * 100) < least:
                faults.append((price, least))

    execute(shop, "UPDATE variant SET price = 1000 WHERE product = ?",
            product(shop))
    newest = [1000]
    threads = [threading.Thread(target=look) for _ in range(6)]
    for thread in threads:
        thread.start()
    id = product(shop)
    for price in range(1001, 1061):
        execute(shop, "UPDATE variant SET price = ? WHERE product = ?",
                price, id)
        newest[0] = price
    done.set()
    for thread in threads:
        thread.join()
    assert not faults
    assert rows(shop, "SELECT DISTINCT price FROM variant WHERE product = ?",
                id) == [(1060,)]
