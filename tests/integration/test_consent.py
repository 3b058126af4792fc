"""KLAVIYO_CONSENT=required by HTTP through nginx: before a yes, and after a no,
nothing of Klaviyo is on any page, in any cookie, header or queue; what belongs
to an order goes all the same."""
import base64
import json
import urllib.parse
import urllib.request

import pytest

from harness import Shop
from shop_kit import (Page, add, check_page, checkout, fill_cart, one,
                      order_of, policy, rows, send)

POOH, TALE = "WINNIEPOOH", "TALEOFTWO"
PAGES = ("/", "/products/winnie-the-pooh", "/collections/fiction", "/search",
         "/search?q=moby", "/nowhere", "/cart", "/consent")
YEAR = 365 * 86400


@pytest.fixture(scope="module")
def shop():
    with Shop("nginx", env={"KLAVIYO_CONSENT": "required"}) as shop:
        yield shop


@pytest.fixture(scope="module")
def implied():
    with Shop("nginx") as shop:
        yield shop


def kla_id(**members):
    """klaviyo.js's cookie."""
    text = base64.b64encode(json.dumps(members).encode()).decode()
    return urllib.parse.quote(text, safe="")


def nothing(reply):
    """A page without a trace of Klaviyo in what a browser runs or asks."""
    page = check_page(reply)
    for script in page.scripts:
        assert "/onsite/js" not in script["text"]
        assert "identify" not in script["text"]
        assert "klaviyo.track" not in script["text"]
        assert "_klOnsite" not in script["text"]
    for words in policy(reply).values():
        assert not [w for w in words if "klaviyo" in w or "127.0.0.1" in w
                    or "cloudfront" in w], words
    for cookie in reply.all("set-cookie"):
        name, value = cookie.split(";")[0].split("=", 1)
        assert name == "sid" or (name == "__kla_id" and value == ""), cookie
    return page


def tracked(reply):
    page = check_page(reply)
    assert [s for s in page.scripts if "/onsite/js" in s["text"]]
    assert [w for w in policy(reply)["connect-src"] if "klaviyo" in w]
    return page


def banner(page):
    return bool(page.all("form", class_="consent"))


def say(visitor, choice, follow=True, **fields):
    return visitor.post("/consent", {"choice": choice, **fields},
                        follow=follow)


# ------------------------------------------------------------------ before

@pytest.mark.parametrize("path", PAGES)
def test_before_a_yes(shop, path):
    for cookie in (None, "consent=maybe", "consent=", "__kla_id=" + kla_id(
            **{"$exchange_id": "abc", "$email": "sarah@klaviyo-demo.com"})):
        reply = shop.get(path, {"Cookie": cookie} if cookie else None)
        page = nothing(reply)
        assert banner(page) == (path != "/consent")
        assert "consent=" not in str(reply.all("set-cookie"))
        assert "Cookie settings" in page.texts("a")


def test_the_first_page_is_the_same_for_all(shop):
    first = shop.get("/products/winnie-the-pooh")
    assert first.header("cache-control").startswith("public")
    assert first.header("vary") == "Cookie"
    again = shop.get("/products/winnie-the-pooh",
                     {"If-None-Match": first.header("etag")})
    assert again.status == 304
    for cookie in ("consent=yes", "consent=no", "__kla_off=true"):
        own = shop.get("/products/winnie-the-pooh",
                       {"Cookie": cookie,
                        "If-None-Match": first.header("etag")})
        assert own.status == 200, cookie
        assert own.header("cache-control") == "private, no-store", cookie
        assert not own.header("etag")


def test_shopping_before_a_yes(shop):
    visitor = shop.visitor()
    page = nothing(add(visitor, shop, POOH, 2))
    assert banner(page) and not page.calls("Added to Cart")
    assert rows(shop, "SELECT * FROM cart_added") == []
    answer = json.loads(add(visitor, shop, POOH, 1, headers={
        "Accept": "application/json"}).text)
    assert answer == {"count": 3, "subtotal": "$29.97"}
    # Nor is it kept to be told by a later page.
    add(visitor, shop, POOH, 1, follow=False)
    assert rows(shop, "SELECT * FROM cart_added") == []
    visitor.get("/checkout")
    page = nothing(visitor.post("/checkout", {
        **visitor.form("/checkout"), "action": "order",
        "email": "sarah@klaviyo-demo.com"}))
    assert "need another look" in page.text
    # Known by now, and still nothing; and nothing is told later.
    nothing(visitor.get("/products/winnie-the-pooh"))
    assert rows(shop, "SELECT * FROM klaviyo_outbox") == []
    say(visitor, "yes")
    assert not tracked(visitor.get("/cart")).calls("Added to Cart")


def test_an_order_is_no_consents_business(shop):
    for choice in (None, "no"):
        visitor = shop.visitor()
        # Whom Klaviyo takes them for is none of ours.
        visitor.cookies["__kla_id"] = kla_id(**{"$exchange_id": "abcdef"})
        fill_cart(visitor, shop, [(POOH, 1)])
        if choice:
            say(visitor, choice)
            visitor.cookies["__kla_id"] = kla_id(**{"$exchange_id": "abcdef"})
        order = order_of(checkout(visitor))
        nothing(visitor.page)
        queued = rows(shop, "SELECT id, profile FROM klaviyo_outbox "
                      "WHERE id LIKE ?", f"%/{order}%")
        assert [i for i, _ in queued if i == "Placed Order/" + order]
        assert not [p for _, p in queued if "abcdef" in p]


# ------------------------------------------------------------- the answers

def test_yes(shop):
    visitor = shop.visitor()
    visitor.get("/products/winnie-the-pooh")
    reply = visitor.submit("/consent", choice="yes")
    assert visitor.path == "/products/winnie-the-pooh"
    page = tracked(reply)
    assert not banner(page) and page.calls("Viewed Product")
    first = shop.request("POST", "/consent", {"choice": "yes"},
                         {"Sec-Fetch-Site": "same-origin"})
    assert first.status == 303
    assert first.all("set-cookie") == [
        f"consent=yes; Path=/; Max-Age={YEAR}; SameSite=Lax"]
    told, = Page(add(visitor, shop, POOH, 2)).calls("Added to Cart")
    assert told["AddedItemQuantity"] == 2


def test_no(shop):
    visitor = shop.visitor()
    visitor.get("/search?q=moby+dick&page=1&_kx=secret.ABC123")
    reply = visitor.submit("/consent", choice="no")
    assert visitor.path == "/search?q=moby%20dick&page=1"
    assert not banner(nothing(reply))
    for path in PAGES:
        assert not banner(nothing(visitor.get(path)))


def test_back_to_a_name_in_any_letters(shop):
    shop.execute("UPDATE product SET handle = ? WHERE handle = ?",
                 "käse & brot\u2028", "moby-dick")
    path = "/products/k%C3%A4se%20%26%20brot%E2%80%A8"
    visitor = shop.visitor()
    assert visitor.get(path).status == 200
    assert visitor.submit("/consent", choice="no").status == 200
    assert visitor.path == path
    shop.execute("UPDATE product SET handle = ? WHERE id = (SELECT id FROM "
                 "product WHERE handle LIKE ?)", "moby-dick", "k%brot%")


def test_taken_back(shop):
    visitor = shop.visitor()
    say(visitor, "yes")
    visitor.cookies["__kla_id"] = kla_id(**{"$exchange_id": "abcdef"})
    page = tracked(visitor.get("/consent"))
    assert "At present we do" in page.text
    reply = say(visitor, "no", follow=False)
    assert [c.split(";")[0] for c in reply.all("set-cookie")] == [
        "consent=no", "told=", "__kla_id="]
    assert "__kla_id" not in visitor.cookies
    page = nothing(visitor.get("/consent"))
    assert "You said no" in page.text
    # What klaviyo.js has stored goes with the next page.
    assert [s for s in page.scripts if "localStorage" in s["text"]]
    assert tracked(say(visitor, "yes"))


@pytest.mark.parametrize("choice", [None, "", "maybe", "YES", "yes "])
def test_no_answer(shop, choice):
    visitor = shop.visitor()
    reply = visitor.post("/consent", {} if choice is None
                         else {"choice": choice})
    assert reply.status == 400 and not visitor.cookies
    nothing(reply)


@pytest.mark.parametrize("back, to", [
    ("/cart", "/cart"), ("/search?q=a%20b&page=2", "/search?q=a%20b&page=2"),
    ("//evil.invalid/", "/"), ("/\\evil.invalid", "/"), ("evil", "/"),
    ("https://evil.invalid/", "/"), ("@evil.invalid", "/"), ("", "/"),
    (".evil.invalid", "/"), ("/a\nSet-Cookie: b=c", "/"), ("/ä", "/"),
    ("/a b", "/"), ("/" + "a" * 3000, "/"), ("/a\\..\\b", "/")])
def test_back_to_this_shop_only(shop, back, to):
    reply = say(shop.visitor(), "no", follow=False, **{"return": back})
    assert reply.status == 303
    assert reply.header("location") == shop.url + to


def test_other_sites_cannot_answer(shop):
    visitor = shop.visitor()
    for headers in ({"Sec-Fetch-Site": "cross-site"},
                    {"Sec-Fetch-Site": "", "Origin": "https://evil.invalid"}):
        assert visitor.post("/consent", {"choice": "yes"},
                            headers=headers).status == 403
    assert not visitor.cookies
    visitor.get("/consent?choice=yes")
    assert not visitor.cookies


def test_answered_by_a_script(shop):
    visitor = shop.visitor()
    reply = visitor.post("/consent", {"choice": "yes"},
                         headers={"Accept": "application/json"})
    assert reply.status == 204 and visitor.cookies == {"consent": "yes"}


# --------------------------------------------------------- the newsletter

def subscriptions(shop, order):
    """Of an order: {who was subscribed: (by what, the request's data)}."""
    found = {}
    for profile, event in rows(
            shop, "SELECT profile, event FROM klaviyo_outbox "
            "WHERE id LIKE ?", f"Subscription/{order}:%"):
        who = json.loads(profile)
        who = who.get("attributes", who)
        found[who.get("email") or who["phone_number"]] = (
            list(who["subscriptions"]), event)
    return found


def test_the_boxes_are_not_ticked(shop):
    visitor = shop.visitor()
    fill_cart(visitor, shop, [(POOH, 1)])
    page = check_page(visitor.get("/checkout"))
    for name in ("newsletter", "newsletter_sms"):
        box, = page.all("input", name=name)
        assert "checked" not in box["attrs"]
    assert "from Pilcrow at the phone number" in page.text
    order = order_of(send(visitor))
    assert subscriptions(shop, order) == {}


@pytest.mark.parametrize("ticked, who", [
    (["newsletter"], ["sarah.mason@klaviyo-demo.com"]),
    (["newsletter_sms"], ["+15005550006"]),
    (["newsletter", "newsletter_sms"],
     ["+15005550006", "sarah.mason@klaviyo-demo.com"])])
def test_a_ticked_box(implied, ticked, who):
    visitor = implied.visitor()
    fill_cart(visitor, implied, [(POOH, 1)])
    visitor.get("/checkout")
    page = visitor.page
    order = order_of(send(visitor, **dict.fromkeys(ticked, "1")))
    found = subscriptions(implied, order)
    assert sorted(found) == who
    for to, (ways, event) in found.items():
        assert ways == (["email"] if "@" in to else ["sms"])
        assert '"Checkout"' in event and '"list"' not in event
    # The same form is the same order; with another tick it is not.
    before = rows(implied, "SELECT id FROM klaviyo_outbox ORDER BY id")
    visitor.page = page
    assert order_of(send(visitor, **dict.fromkeys(ticked, "1"))) == order
    for other in ([], ["newsletter"], ["newsletter_sms"],
                  ["newsletter", "newsletter_sms"]):
        if other != ticked:
            visitor.page = page
            assert send(visitor,
                        **dict.fromkeys(other, "1")).status == 409, other
    assert rows(implied, "SELECT id FROM klaviyo_outbox ORDER BY id") == before


@pytest.mark.parametrize("phone, why", [
    ("", "need a phone number"), ("5005550006", "with its country code"),
    ("030 1234567", "with its country code"), ("call me", "no phone number")])
def test_text_messages_need_a_number(shop, phone, why):
    visitor = shop.visitor()
    fill_cart(visitor, shop, [(POOH, 1)])
    visitor.get("/checkout")
    reply = send(visitor, phone=phone, newsletter_sms="1")
    assert reply.status == 422
    page = check_page(reply)
    (field, said), = page.errors()
    assert field == "phone" and why in said
    # Kept, and only it.
    assert "checked" in page.all("input", name="newsletter_sms")[0]["attrs"]
    assert "checked" not in page.all("input", name="newsletter")[0]["attrs"]
    # Without the box any number will do.
    if phone != "call me":
        form = {**visitor.form("/checkout"), "action": "order"}
        del form["newsletter_sms"]
        order_of(visitor.post("/checkout", form))


def register(shop, visitor, email, **fields):
    visitor.get("/account/register")
    return visitor.submit("/account/register", **{
        "first_name": "Sarah", "last_name": "Mason", "email": email,
        "phone": "+15005550006", "password": "in the evening", **fields})


def test_the_boxes_of_a_registration(shop):
    visitor = shop.visitor()
    page = check_page(visitor.get("/account/register"))
    for name in ("newsletter", "newsletter_sms"):
        box, = page.all("input", name=name)
        assert "checked" not in box["attrs"]
    assert "from Pilcrow at the phone number" in page.text
    # Refused: no account, and the box stays as it was.
    for phone, why in (("", "need a phone number"),
                       ("5005550006", "with its country code")):
        reply = register(shop, visitor, "a@klaviyo-demo.com", phone=phone,
                         newsletter_sms="1")
        assert reply.status == 422 and why in reply.text
        page = check_page(reply)
        assert "checked" in page.all("input",
                                     name="newsletter_sms")[0]["attrs"]
        assert "checked" not in page.all("input",
                                         name="newsletter")[0]["attrs"]
    for ticked, ways in (([], set()), (["newsletter"], {"email"}),
                         (["newsletter_sms"], {"sms"}),
                         (["newsletter", "newsletter_sms"],
                          {"email", "sms"})):
        email = "-".join(["who", *ticked]) + "@klaviyo-demo.com"
        register(shop, shop.visitor(), email, **dict.fromkeys(ticked, "1"))
        account, = rows(shop, "SELECT id FROM account WHERE email = ?", email)
        found = subscriptions(shop, account[0])
        assert {w for by, _ in found.values() for w in by} == ways
        assert all('"Registration"' in event for _, event in found.values())


def test_an_address_that_has_an_account_subscribes_nobody(shop):
    email = "taken@klaviyo-demo.com"
    register(shop, shop.visitor(), email)
    before = rows(shop, "SELECT id FROM klaviyo_outbox "
                  "WHERE id LIKE 'Subscription/%' ORDER BY id")
    register(shop, shop.visitor(), email, newsletter="1", newsletter_sms="1")
    assert rows(shop, "SELECT id FROM klaviyo_outbox "
                "WHERE id LIKE 'Subscription/%' ORDER BY id") == before


def test_to_the_list_and_past_a_refusal():
    """By the worker, to the list of the settings; and a consent that Klaviyo
    refuses for good costs no order and no other consent."""
    with Shop("nginx", sandbox=True, env={"KLAVIYO_LIST": "Y6nRLr"}) as shop:
        visitor = shop.visitor()
        fill_cart(visitor, shop, [(POOH, 1)])
        order = order_of(checkout(visitor, newsletter="1",
                                  newsletter_sms="1"))
        assert len(subscriptions(shop, order)) == 2
        for _, event in subscriptions(shop, order).values():
            assert '"Y6nRLr"' in event
        shop.start_worker()  # what is sent keeps nothing of it
        shop.wait_delivered()
        sent = "SELECT id FROM klaviyo_outbox WHERE sent_at IS NOT NULL " \
               "AND id LIKE 'Subscription/%' ORDER BY id"
        assert [i for i, in rows(shop, sent)] == [
            f"Subscription/{order}:email", f"Subscription/{order}:sms"]
        urllib.request.urlopen(
            shop.sandbox_url + "/sandbox/fault",
            b"/api/profile-subscription 400*1").read()
        fill_cart(visitor, shop, [(POOH, 1)])
        second = order_of(checkout(visitor, newsletter="1",
                                   newsletter_sms="1"))
        shop.wait_delivered()
        assert len(rows(shop, sent)) == 3
        assert one(shop, "SELECT COUNT(*) FROM klaviyo_outbox WHERE sent_at "
                   "IS NOT NULL AND id = ?", "Placed Order/" + second) == 1


# ----------------------------------------------------------- other settings

def test_implied(implied):
    page = tracked(implied.get("/products/winnie-the-pooh"))
    assert not banner(page)
    visitor = implied.visitor()
    # Nobody asks, but who says no is heard.
    say(visitor, "no")
    nothing(visitor.get("/products/winnie-the-pooh"))


def test_klaviyos_opt_out(implied, shop):
    for s, consent in ((implied, ""), (shop, "; consent=yes")):
        off = s.get("/products/winnie-the-pooh",
                    {"Cookie": "__kla_off=true" + consent})
        assert not banner(nothing(off))
        assert "no-store" in off.header("cache-control")
        tracked(s.get("/products/winnie-the-pooh",
                      {"Cookie": "__kla_off=false; consent=yes"}))


def test_without_a_public_key():
    with Shop("nginx", env={"KLAVIYO_CONSENT": "required",
                            "KLAVIYO_PUBLIC_KEY": ""}) as shop:
        page = nothing(shop.get("/"))
        assert not banner(page)
        assert "Cookie settings" not in page.texts("a")
        assert shop.get("/consent").status == 404
        assert shop.visitor().post("/consent", {"choice": "yes"}).status == 404


def test_settings_are_checked():
    with Shop("direct", serve=False) as shop:
        for name, good, bad in (
                ("KLAVIYO_CONSENT", ["implied", "required"], ["", "maybe"]),
                ("KLAVIYO_ONSITE", ["browser", "server"], ["", "both"]),
                ("KLAVIYO_LIST", ["", "Y6nRLr"], ["a b", "xy", "a/b"])):
            for value in good:
                done = shop.run("doctor", "--offline", env={name: value},
                                check=False)
                assert f"{name} " in done.stdout
                assert not [line for line in done.stdout.splitlines()
                            if "WRONG" in line], done.stdout
            for value in bad:
                done = shop.run("outbox", "status", env={name: value},
                                check=False)
                assert done.returncode == 2 and name in done.stderr
