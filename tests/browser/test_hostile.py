"""
What people type, and what catalogues say, that wants to be markup, a script, a
template, SQL or a format: in every text of the shop, shown on every page of it
and on the sandbox's, in a real browser.  No script runs, the pages' policy has
nothing to say, and Klaviyo is told the same text byte for byte.
"""
import csv
import io
import json
import os
import sys
import urllib.parse

import pytest

from browser import Browser
from harness import TREE, Shop, wait_for

sys.path.insert(0, os.path.join(TREE, "tests", "integration"))
import test_history_import as past  # noqa: E402
from account_kit import login, register, save  # noqa: E402
from shop_kit import checkout, fill_cart, order_of  # noqa: E402

RUN = "window.pwned=1"
HOSTILE = [
    f"</script><!--<script>\"'&\u2028<img src=x onerror={RUN}>",
    f"<img src=x onerror={RUN}>",
    f"\"><svg/onload={RUN}>",
    f"\" autofocus onfocus=\"{RUN}",
    f"' autofocus onfocus='{RUN}",
    f"</title></textarea></style></noscript><script>{RUN}</script>",
    f"</option></select><img src=x onerror={RUN}>",
    f"<!--<script>{RUN}//--></script>]]>",
    f"javascript:{RUN}",
    f"\\\";{RUN};//\\",
    f"';{RUN};//",
    f"${{{RUN}}}`+({RUN})+`",
    "{{TITLE}}{{#X}}{{SCRIPTS:none}}{{!{{%AUTOESCAPE context=\"TEXT\"}}",
    f"<a href=\"javascript:{RUN}\">x</a><form action=javascript:{RUN}>",
    f"<iframe srcdoc=\"<script>parent.{RUN[7:]}</script>\">",
    f"<math><mtext><mglyph><style><img src=x onerror={RUN}>",
    "<base href=//evil.example/><meta http-equiv=refresh content=0>",
    "&lt;script&gt;&#60;img src=x&#62;&amp;amp;&quot;&apos;&nbsp",
    f"%3Cscript%3E{RUN}%3C/script%3E\\u003cscript\\u003e\\x3c",
    f"\u202e\u2066<script>\u2029{RUN}</script>\u200d\ufeff.",
    f"<scr\u0130pt>\U0001f4a9<img/src='x'onerror={RUN}>",
    "=cmd|' /C calc'!A0",
    "' OR '1'='1'; DROP TABLE orders; --",
    "$(touch pwned)`id`;|%s%n%x%d$1",
    "__proto__",
    "}</style><style>*{background:url(//evil.example/)}",
]


def catalogue():
    """A product for each, all of whose texts it is."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        "Handle,Title,Body (HTML),Vendor,Type,Tags,Published,Option1 Name,"
        "Option1 Value,Variant SKU,Variant Inventory Qty,Variant Price,"
        "Image Src".split(","))
    for n, text in enumerate(HOSTILE):
        for size in ("", "2"):
            writer.writerow([
                f"evil-{n}", text, text, text, text.replace(",", ""),
                text.replace(",", ""), "true", text, text + size, text + size,
                "0" if size else "9", "10",
                f"https://pictures.invalid/{urllib.parse.quote(text)}"])
    return out.getvalue()


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    path = tmp_path_factory.mktemp("hostile") / "catalogue.csv"
    path.write_text(catalogue())
    with Shop("nginx", catalog=str(path), sandbox=True, worker=True, env={
            "STOREFRONT_LEADS_EMAIL": "sales@klaviyo-demo.com"}) as shop:
        shop.execute("UPDATE variant SET oversell = 0, stock = 0 "
                     "WHERE sku LIKE '%2'")  # to be waited for
        yield shop


def customer(shop, n, text):
    """Somebody all of whose words are ${text}: (visitor, order)."""
    shop.execute("DELETE FROM throttle")
    visitor, email = shop.visitor(), f"person.{n}@klaviyo-demo.com"
    register(visitor, email, first_name=text, last_name=text)
    login(visitor, email)
    where = {"address1": text, "address2": text, "city": text, "region": text,
             "zip": text[:20].strip(), "country": "US"}
    assert save(visitor, "details", first_name=text, last_name=text,
                **where).status == 200
    assert visitor.path == "/account?done=details"
    visitor.get("/contact")
    visitor.submit("/contact", first_name=text, last_name=text, email=email,
                   message=text)
    assert visitor.path == "/contact?done=1"
    fill_cart(visitor, shop, [(text, 1)])
    order = order_of(checkout(visitor, email=email, first_name=text,
                              last_name=text, **where, phone=""))
    fill_cart(visitor, shop, [(text, 1)])
    return visitor, order


def adopt(b, visitor):
    """The browser is that visitor from here on."""
    b.driver.delete_all_cookies()
    for name, value in visitor.cookies.items():
        b.driver.add_cookie({"name": name, "value": value, "path": "/"})


FILL = """
var text = arguments[1], form = document.querySelector(
    'form[action^="' + arguments[0] + '"]');
[].forEach.call(form.elements, function (e) {
  if (/^(text|email|tel|password|search|textarea)$/.test(e.type))
    e.value = text;
});
window.sent = true;
HTMLFormElement.prototype.submit.call(form);
"""


def refused(b, path, action, text):
    """A form with ${text} in every field comes back with what was typed."""
    b.open(path)
    b.one(f"form[action^='{action}']")
    b.js(FILL, action, text)
    wait_for(lambda: b.js("return !window.sent && document.readyState "
                          "=== 'complete'"), "the answer")
    assert b.js("return [...document.querySelectorAll('main input, "
                "main textarea')].some(e => e.value === arguments[0])", text)


def look(b, where):
    """No script ran, nothing was stopped from running, and nothing of a page's
    own was made into something else."""
    assert b.js("return window.pwned") is None, where
    assert b.js("return document.querySelectorAll('main iframe, main base, "
                "main svg[onload], [onerror], [onfocus], [onload], math, "
                "main style, [srcdoc], [formaction]').length") == 0, where
    assert b.js("return [...document.querySelectorAll('a, form')].every(e => "
                "!/^(javascript|data|vbscript):/i.test(e.href || e.action))")
    assert b.js("return document.scripts.length === document.querySelectorAll("
                "'script').length && document.title !== ''"), where


def events(state):
    """{(metric, unique_id): (profile's words, properties)}"""
    return {(e["metric"], e["unique_id"]): e["attributes"]["properties"]
            for e in state["events"] if e.get("unique_id")}


def link_back(state, order_text):
    """The CheckoutURL that Klaviyo was given for a cart with this text."""
    for e in state["events"]:
        p = e["attributes"]["properties"]
        if e["metric"] == "Started Checkout" and \
                p.get("ItemNames") == [order_text]:
            return p["CheckoutURL"]
    return None


def test_every_text_on_every_page(shop):
    with Browser(shop) as b:
        b.open("/")
        orders = []
        for n, text in enumerate(HOSTILE):
            visitor, order = customer(shop, n, text)
            orders.append(order)
            shop.run("order", "refund", order, "--amount", "1", "--reason",
                     text)
            shop.run("order", "payment-failed", order, "--reason", text,
                     "--next-steps", text)
            shop.run("order", "invoice", order, "--missing", text)
            shop.run("order", "fulfill", order, "--company", text,
                     "--tracking", text)
            adopt(b, visitor)
            product = f"/products/evil-{n}"
            collection = shop.query(
                "SELECT slug FROM product_category WHERE name = ?",
                text.replace(",", ""))[0][0]
            for path, selector in (
                    (product, "h1"), ("/cart", ".line-title"),
                    ("/search?q=" + urllib.parse.quote(text), "#q"),
                    ("/collections/" + urllib.parse.quote(collection), "h1"),
                    ("/account", ".wrap-any"), ("/account/details", None),
                    ("/orders/" + order, ".summary-title"),
                    ("/contact", None), ("/checkout", ".summary-title")):
                b.open(path)
                look(b, (path, text))
                if selector == "#q":
                    assert b.one("#q").get_attribute("value") == text
                elif selector == ".wrap-any":
                    assert b.text(selector) == f"{text} {text}".strip()
                elif selector == "h1" and path != product:
                    # Of names that differ in punctuation only, one.
                    assert (b.text("h1"),) in shop.query(
                        "SELECT name FROM product_category WHERE slug = ?",
                        collection)
                elif selector:
                    assert b.text(selector) == text, path
                if path == "/account/details":
                    for field in ("first_name", "address1", "city"):
                        assert b.one("#" + field).get_attribute(
                            "value") == text
            b.wait_events("Started Checkout", n + 1)
            link = link_back(b.state(), text)
            assert link.startswith(shop.url + "/cart/restore/")
            # Somebody with another cart opens it, then types the same.
            stranger = shop.visitor()
            fill_cart(stranger, shop, [(HOSTILE[n - 1], 1)])
            adopt(b, stranger)
            b.driver.get(link)
            assert b.text(".summary-title") == text
            look(b, (link, text))
            shop.execute("DELETE FROM throttle")
            for path, action in (
                    ("/contact", "/contact"), ("/checkout", "/checkout"),
                    ("/account/register", "/account/register"),
                    ("/account/login", "/account/login"),
                    (product, "/back-in-stock")):
                if action.startswith("/account") and n % 4 or (
                        action == "/back-in-stock" and n % 2):
                    continue  # of one make with /contact, and slow
                refused(b, path, action, text)
                look(b, (path, text))
        for path in ("/", "/search", "/consent", "/nowhere"):
            b.open(path)
            look(b, path)
        b.check_quiet("status of 4", "pictures.invalid")
        told(shop, b, orders)
        sandbox_page(shop, b)
    assert not os.path.exists(shop.path("pwned"))
    assert shop.query("SELECT COUNT(*) FROM orders")[0][0] == len(HOSTILE)


def told(shop, b, orders):
    """Each text is in the events as it was typed."""
    wait_for(lambda: shop.query("SELECT COUNT(*) FROM klaviyo_outbox WHERE "
                                "sent_at IS NULL")[0][0] == 0, "delivery")
    state = b.state()
    assert state["refused"] == []
    found = events(state)
    profiles = json.dumps(state["profiles"], ensure_ascii=False)
    leads = [e["attributes"]["properties"].get("LeadFirstName")
             for e in state["events"] if e["metric"] == "New Lead"]
    assert sorted(leads) == sorted(HOSTILE)
    viewed = {e["attributes"]["properties"]["ProductName"]: e for e in
              state["events"] if e["metric"] == "Viewed Product"}
    assert set(viewed) <= set(HOSTILE) and len(viewed) > len(HOSTILE) / 2
    for order, text in zip(orders, HOSTILE):
        plain = text.replace(",", "")
        placed = found["Placed Order", order]
        item, = placed["Items"]
        assert item["ProductName"] == item["SKU"] == item["Brand"] == text
        assert item["Categories"] == [plain], item
        for name in ("FirstName", "LastName", "Address1", "Address2", "City"):
            assert placed["BillingAddress"][name] == text, name
        assert found["Ordered Product", order + ":1"]["ProductName"] == text
        assert found["Refunded Order", order]["Reason"] == text
        failed = found["Failed Payment", order + ":p1"]
        assert failed["PaymentFailure"] == failed["PaymentNextSteps"] == text
        if text in viewed:  # a tab that goes on at once tells less
            assert viewed[text]["attributes"]["properties"]["Brand"] == text
        assert json.dumps(text, ensure_ascii=False) in profiles
    # Orders of before, by a file.
    content = past.text(*(past.order(n, ({
        **past.UNKNOWN, "Lineitem name": text, "Lineitem sku": f"O-{n}",
        "Vendor": text},), Email=f"old.{n}@klaviyo-demo.com",
        Subtotal="10.00", Total="17.10", Discount_Amount="0",
        Discount_Code=text, Billing_City=text, Billing_Address1=text)
        for n, text in enumerate(HOSTILE)))
    loaded = past.load(shop, content)
    assert loaded.stdout, loaded
    shop.run("history", "sync")
    wait_for(lambda: shop.query("SELECT COUNT(*) FROM klaviyo_outbox WHERE "
                                "sent_at IS NULL")[0][0] == 0, "history")
    names = [e["attributes"]["properties"]["ProductName"]
             for e in b.state()["events"] if e["metric"] == "Ordered Product"]
    assert sorted(names) == sorted(HOSTILE * 2)
    shop.execute("DELETE FROM orders WHERE id NOT IN (%s)" % ", ".join(
        f"'{order}'" for order in orders))
    for command in (["order", "list"], ["leads"], ["outbox", "list"],
                    *(["order", "show", order] for order in orders),
                    *(["preview", "order", order] for order in orders[:3])):
        text = shop.run(*command).stdout
        assert "\x1b" not in text


def sandbox_page(shop, b):
    """Its page shows all of it, and is as calm."""
    b.driver.get(shop.sandbox_url + "/")
    wait_for(lambda: b.js("return document.querySelectorAll('#stream .row')"
                          ".length") > 50, "the events")
    wait_for(lambda: b.js("return document.querySelectorAll('#people button')"
                          ".length") > 0, "the people")
    for selector in ("#stream .row", "#people button"):
        for n in range(min(60, len(b.all(selector)))):
            b.js("var e = document.querySelectorAll(arguments[0])"
                 "[arguments[1]]; if (e) e.click()", selector, n)
    assert b.js("return window.pwned") is None
    assert b.js("return document.querySelectorAll('[onerror], [onfocus], "
                "[onload], iframe, base, math').length") == 0
    # Of the person pressed last perhaps nothing is told; of all of them much.
    b.js("var e = document.querySelector('#people [aria-pressed=true]');"
         "if (e) e.click()")
    wait_for(lambda: any(text in b.js("return document.body.textContent")
                         for text in HOSTILE), "a hostile text in the stream")
    b.check_quiet()


def test_the_watch_can_fail(shop):
    """Markup that comes through is seen, whether the policy stops it or not."""
    with Browser(shop) as b:
        b.open("/contact")
        b.js("document.querySelector('main').insertAdjacentHTML('beforeend', "
             "arguments[0])", HOSTILE[1])
        wait_for(lambda: b.js("return sessionStorage.getItem('watch')"),
                 "the policy to say so")
        with pytest.raises(AssertionError):
            b.check_quiet("status of 4")
        with pytest.raises(AssertionError):
            look(b, "here")


def test_a_policy_that_only_reports():
    """STOREFRONT_CSP=report: what would be stopped runs, and is told of."""
    for csp, runs in (("enforce", None), ("report", 1)):
        with Shop("nginx", sandbox=True, env={"STOREFRONT_CSP": csp}) as shop, \
                Browser(shop) as b:
            b.open("/products/winnie-the-pooh")
            b.add()  # the shop's own scripts are at work, quietly
            b.check_quiet()
            b.js("document.querySelector('main').insertAdjacentHTML("
                 "'beforeend', arguments[0])", HOSTILE[1])
            wait_for(lambda: "CSP script-src" in (b.js(
                "return sessionStorage.getItem('watch')") or ""), "a report")
            if runs:
                wait_for(lambda: b.js("return window.pwned") == runs, "it")
            else:
                b.open("/")
                assert b.js("return window.pwned") is None
            # Nobody may frame it, reported only or not.
            reply = shop.get("/")
            assert "frame-ancestors 'none'" in reply.header(
                "content-security-policy")
