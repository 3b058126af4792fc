"""A sold-out product takes a subscription: by hand, from the page."""
import json
import re

import pytest

from harness import Shop, wait_for
from shop_kit import Page, check_page, execute, fill_cart, one, rows

MAIL = "sarah.mason@klaviyo-demo.com"
ONLY = "/products/moby-dick"


@pytest.fixture(scope="module")
def shop():
    with Shop("nginx") as shop:
        yield shop


@pytest.fixture(autouse=True)
def fresh(request):
    if "shop" in request.fixturenames:
        shop = request.getfixturevalue("shop")
        for table in ("klaviyo_outbox", "throttle"):
            execute(shop, f"DELETE FROM {table}")
        execute(shop, "UPDATE variant SET stock = 5, oversell = 0")


def sell_out(shop, handle, name=None):
    execute(shop, "UPDATE variant SET stock = 0 WHERE product = (SELECT id "
            "FROM product WHERE handle = ?)"
            + (" AND name = ?" if name is not None else ""),
            handle, *([name] if name is not None else []))


def handle_of(shop, several):
    """Of a product with one variant, or with several: (handle, names)."""
    having = "> 1" if several else "= 1"
    handle = one(shop, "SELECT p.handle FROM product p JOIN variant v "
                 "ON v.product = p.id WHERE p.published = 1 "
                 "GROUP BY p.handle HAVING COUNT(*) " + having
                 + " ORDER BY p.handle LIMIT 1")
    return handle, [name for name, in rows(
        shop, "SELECT v.name FROM variant v JOIN product p "
        "ON p.id = v.product WHERE p.handle = ? ORDER BY v.position", handle)]


def id_of(shop, handle, name):
    return str(one(shop, "SELECT v.id FROM variant v JOIN product p "
                   "ON p.id = v.product WHERE p.handle = ? AND v.name = ?",
                   handle, name))


def post(shop, variant, email=MAIL, visitor=None, follow=True, **more):
    visitor = visitor or shop.visitor()
    return visitor.post("/back-in-stock", {"variant": variant,
                                           "email": email},
                        follow=follow, **more)


def queued(shop):
    """The bodies of what waits: [(profile, event)]."""
    return [(json.loads(profile), json.loads(event)) for profile, event in
            rows(shop, "SELECT profile, event FROM klaviyo_outbox "
                 "WHERE id LIKE 'Back in Stock/%' ORDER BY created_at")]


def test_only_a_sold_out_one_has_the_form(shop):
    handle, _ = handle_of(shop, several=False)
    page = check_page(shop.get("/products/" + handle))
    assert not page.all("form", action="/back-in-stock#notify")
    sell_out(shop, handle)
    reply = shop.get("/products/" + handle)
    page = check_page(reply)
    form = page.all("form", action="/back-in-stock#notify")
    assert len(form) == 1 and form[0]["attrs"]["method"] == "post"
    assert page.value("email") == ""
    # The same for everyone: cached, no cookie, no token.
    assert reply.header("Cache-Control").startswith("public")
    assert not reply.all("Set-Cookie")
    assert not page.all("input", name="token")
    # What is sold without stock is not sold out.
    execute(shop, "UPDATE variant SET oversell = 1")
    page = Page(shop.get("/products/" + handle))
    assert not page.all("form", action="/back-in-stock#notify")


def test_of_several_those_that_are_sold_out(shop):
    handle, names = handle_of(shop, several=True)
    sell_out(shop, handle, names[-1])
    page = Page(shop.get("/products/" + handle))
    options = page.all("option")
    assert [o["text"] for o in options] == [names[-1]]
    assert options[0]["attrs"]["value"] == id_of(shop, handle, names[-1])
    sell_out(shop, handle)
    page = Page(shop.get("/products/" + handle))
    assert page.texts("option") == names


@pytest.mark.parametrize("way", ["feed", "api"])
def test_subscribed(way):
    """The variant as Klaviyo knows it: with a feed, that is the product."""
    with Shop("nginx", env={"KLAVIYO_CATALOG": way,
                            "KLAVIYO_PUBLIC_KEY": ""}) as shop:
        handle, names = handle_of(shop, several=True)
        sell_out(shop, handle)
        visitor = shop.visitor()
        reply = post(shop, id_of(shop, handle, names[1]), visitor=visitor)
        assert reply.status == 200
        assert visitor.path.startswith(f"/products/{handle}?notified=yes")
        page = check_page(reply)
        assert "We will write to you" in page.text
        assert not page.all("form", action="/back-in-stock#notify")
        product = one(shop, "SELECT id FROM product WHERE handle = ?", handle)
        (profile, event), = queued(shop)
        told = json.dumps(profile) + json.dumps(event)
        name = product if way == "feed" else f"{product}:{names[1]}"
        assert f'"$custom:::$default:::{name}"' in told
        assert f'"email": "{MAIL}"' in told and '"EMAIL"' in told
        # The row's id tells nobody who it is.
        assert re.fullmatch(r"Back in Stock/\d{4}-\d\d-\d\d:[\w-]+", one(
            shop, "SELECT id FROM klaviyo_outbox"))


def test_again_is_nothing_new(shop):
    handle, names = handle_of(shop, several=True)
    sell_out(shop, handle)
    variants = [id_of(shop, handle, name) for name in names[:2]]
    for email in (MAIL, MAIL.upper(), " " + MAIL):
        assert "We will write to you" in Page(
            post(shop, variants[0], email)).text
    assert len(queued(shop)) == 1
    post(shop, variants[1])
    post(shop, variants[0], "other@klaviyo-demo.com")
    assert len(queued(shop)) == 3
    # Another day it may be another shortage.
    execute(shop, "UPDATE klaviyo_outbox SET id = 'Back in Stock/2020-01-01:'"
            " || substr(id, 26)")
    post(shop, variants[0])
    assert len(queued(shop)) == 4


def test_there_again(shop):
    """Restocked between the page and the click."""
    handle, names = handle_of(shop, several=False)
    reply = post(shop, id_of(shop, handle, names[0]))
    assert "It is here again" in Page(reply).text
    assert not queued(shop)


def test_wrong_addresses(shop):
    handle, names = handle_of(shop, several=True)
    sell_out(shop, handle)
    chosen = id_of(shop, handle, names[1])
    for email, why in (("", "Please give an e-mail address"),
                       ("sarah", "This is no e-mail address"),
                       ("a@b@c.de", "This is no e-mail address"),
                       ("x" * 100 + "@a.de", "This is too long"),
                       ("\"><script>@a.de", "This is no e-mail address")):
        reply = post(shop, chosen, email, follow=False)
        assert reply.status == 422, email
        page = check_page(reply)
        assert page.texts("p", id="notify-error") == [why]
        assert page.value("email") == email
        assert [o["attrs"]["value"] for o in page.all("option")
                if "selected" in o["attrs"]] == [chosen]
        assert "no-store" in reply.header("Cache-Control")
    assert not queued(shop)
    for variant in ("", "0", "-1", "999999", "x", "1e3"):
        assert post(shop, variant, follow=False).status == 404
    assert shop.visitor().post("/back-in-stock", {}).status == 404
    assert shop.get("/back-in-stock").status == 405


def test_from_another_site(shop):
    handle, names = handle_of(shop, several=False)
    sell_out(shop, handle)
    variant = id_of(shop, handle, names[0])
    for headers in ({"Sec-Fetch-Site": "cross-site"},
                    {"Sec-Fetch-Site": "same-site",
                     "Origin": shop.url}):
        reply = post(shop, variant, follow=False, headers=headers)
        assert reply.status == 403
    assert not queued(shop)


def test_not_too_often(shop):
    """An address gets ten of them, whoever asks, and more with time."""
    handle, names = handle_of(shop, several=False)
    sell_out(shop, handle)
    variant = id_of(shop, handle, names[0])
    statuses = [post(shop, variant, follow=False).status for _ in range(12)]
    assert statuses == [303] * 10 + [429] * 2
    reply = post(shop, variant, follow=False)
    assert int(reply.header("Retry-After")) > 0
    assert "try again later" in check_page(reply).text
    # Another address, from the same client: until that one has had enough.
    statuses = [post(shop, variant, f"a{i}@klaviyo-demo.com",
                     follow=False).status for i in range(10)]
    assert statuses[0] == 303 and statuses[-1] == 429


def test_who_is_known_need_not_type(shop):
    handle, names = handle_of(shop, several=False)
    sell_out(shop, handle)
    visitor = shop.visitor()
    fill_cart(visitor, shop, [("WINNIEPOOH", 1)])
    execute(shop, "UPDATE session SET email = ?", MAIL)
    page = Page(visitor.get("/products/" + handle))
    assert page.value("email") == MAIL


def test_the_answer_is_no_other_view(shop):
    handle, names = handle_of(shop, several=False)
    sell_out(shop, handle)
    variant = id_of(shop, handle, names[0])
    assert Page(shop.get("/products/" + handle)).calls("Viewed Product")
    assert not Page(post(shop, variant)).calls("Viewed Product")
    assert not Page(post(shop, variant, "x", follow=False)).calls(
        "Viewed Product")


def test_reaches_klaviyo():
    with Shop("nginx", sandbox=True, worker=True) as shop:
        handle, names = handle_of(shop, several=False)
        sell_out(shop, handle)
        post(shop, id_of(shop, handle, names[0]))
        wait_for(lambda: one(shop, "SELECT COUNT(*) FROM klaviyo_outbox "
                             "WHERE sent_at IS NOT NULL") == 1,
                 "the subscription to be sent")
