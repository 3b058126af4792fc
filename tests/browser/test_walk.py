"""
The main job in a real browser: home, product, cart, checkout, thanks, and what
has reached the sandbox by then: each event complete, each once, one person.
"""
import json
import os
import subprocess
import sys

import pytest

from browser import Browser
from harness import TREE, Shop, wait_for

CONTRACT = os.environ.get("KLAVIYO_CONTRACT") or os.path.join(
    TREE, "..", "shared", "klaviyo", "contract.py")
APPAREL = os.path.join(TREE, "..", "shared", "data", "apparel.csv")
HEAD = ("Handle,Title,Body (HTML),Vendor,Type,Tags,Published,Option1 Name,"
        "Option1 Value,Variant SKU,Variant Inventory Qty,Variant Price,"
        "Image Src\n")
ROWS = HEAD + (
    'blue-shirt,Blue Shirt,"Cotton, <b>blue</b>.",demo,,men,true,Title,'
    'Default Title,,1,50,https://pictures.invalid/a.jpg\n'
    'varsity-top,Varsity Top,Grey.,demo,,women,true,Size,Small,,1,60,\n'
    'varsity-top,,,,,,,,Large,,1,60,\n')
METRICS = ("Viewed Product", "Added to Cart", "Started Checkout",
           "Placed Order")


@pytest.fixture
def csv(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text(ROWS)
    return str(path)


def start(catalog=None):
    """A shop behind nginx; its sandbox writes requests.jsonl."""
    shop = Shop("nginx", catalog=catalog, serve=False)
    shop.start_sandbox(["--record", shop.path("requests.jsonl")])
    shop.start()
    shop.start_worker()
    return shop


def walk(b, first, second, email="sarah.mason@klaviyo-demo.com"):
    """Buys two of ${first} and one of ${second}, as an unknown visitor."""
    b.open("/")
    b.open("/products/" + first)
    b.add(2)
    b.open("/products/" + second)
    b.add()
    b.open("/cart")
    b.click("a[href='/checkout']")
    b.at("/checkout")
    b.fill(email)
    b.wait_events("Started Checkout")
    b.order()
    # Known now: this view counts, once.
    b.wait_events("Ordered Product", 2)
    b.open("/products/" + second)
    b.wait_events("Viewed Product")
    b.check_quiet()


def contract(shop):
    """Klaviyo's own description of its API, where it is at hand."""
    if not os.path.exists(CONTRACT):
        print("contract.py is not here: bodies not checked against it",
              file=sys.stderr)
        return
    path = shop.write("api.jsonl", "".join(
        line for line in open(shop.path("requests.jsonl"))
        if json.loads(line)["path"].startswith("/api")))
    done = subprocess.run(["/usr/bin/python3", CONTRACT, path],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def check_common(b):
    state = b.state()
    assert state["refused"] == [], state["refused"]
    # Two page loads within a second are one Active on Site, for Klaviyo too.
    assert [e for e in state["duplicates"]
            if e["metric"] != "Active on Site"] == []
    assert state["dropped"] == []
    for metric in METRICS[1:]:
        wanted = 1 if metric != "Added to Cart" else 0
        assert len(b.events(metric)) == wanted, metric
    events = {e["metric"]: e for e in b.events()}
    people = {e["person"] for e in b.events()}
    assert len(people) == 1, "browser and server know one person"
    assert events["Placed Order"]["side"] != events["Viewed Product"]["side"]
    for e in b.events():
        if e.get("value"):
            assert e["value_currency"] == "USD"
    return events


def test_the_walk():
    with start() as shop, Browser(shop) as b:
        walk(b, "winnie-the-pooh", "a-tale-of-two-cities")
        events = check_common(b)
        # Added while unknown: lost, as with Klaviyo.  Known: reported once.
        assert b.events("Added to Cart") == []
        b.open("/products/winnie-the-pooh")
        b.add(2)
        added, = b.wait_events("Added to Cart")
        p = added["attributes"]["properties"]
        assert p["AddedItemProductName"] == "Winnie the Pooh"
        assert p["AddedItemQuantity"] == 2 and added["value"] == 19.98
        assert p["AddedItemCategories"] == ["Fiction", "Children"]
        assert p["Items"][0]["RowTotal"] == 19.98
        # A form post, two more: reported by the next page, and not again.
        b.js("HTMLFormElement.prototype.submit.call(document.querySelector("
             "'form[data-add-to-cart]'))")
        b.at("/cart")
        b.wait_events("Added to Cart", 2)
        b.driver.refresh()
        b.driver.back()
        b.driver.forward()
        b.one("[data-cart]")
        assert "Added to Cart" not in b.driver.page_source
        assert [e["attributes"]["properties"]["AddedItemQuantity"]
                for e in b.events("Added to Cart")] == [2, 2]

        viewed = events["Viewed Product"]["attributes"]["properties"]
        assert {k: viewed[k] for k in (
            "ProductName", "ProductID", "SKU", "Categories", "Brand",
            "Price", "URL", "ImageURL")} == {
            "ProductName": "A Tale of Two Cities", "ProductID": "1112",
            "SKU": "TALEOFTWO", "Categories": ["Fiction", "Classics"],
            "Brand": "Harcourt Classics", "Price": 19.99,
            "URL": shop.url + "/products/a-tale-of-two-cities",
            "ImageURL": shop.url + "/images/a-tale-of-two-cities.png"}
        checkout = events["Started Checkout"]
        assert checkout["value"] == 39.97
        assert checkout["attributes"]["properties"]["ItemNames"] == [
            "Winnie the Pooh", "A Tale of Two Cities"]
        placed = events["Placed Order"]
        # 2 x 9.99 + 19.99, and 4.95 for delivery below 50.
        assert placed["value"] == 44.92
        order = placed["unique_id"]
        assert placed["attributes"]["properties"]["OrderId"] == order
        assert {(e["unique_id"], e["value"]) for e in
                b.events("Ordered Product")} == {
            (order + ":1", 19.98), (order + ":2", 19.99)}
        profile, = b.state()["profiles"]
        assert "sarah.mason@klaviyo-demo.com" in json.dumps(profile)
        assert "$viewed_items" in json.dumps(profile)
        contract(shop)


def test_the_walk_with_a_csv(csv):
    with start(csv) as shop, Browser(shop) as b:
        b.open("/products/varsity-top")
        b.js("document.querySelectorAll('[name=variant]')[1].click()")
        b.add(2)
        b.open("/checkout")
        b.fill("sarah.mason@klaviyo-demo.com")
        b.wait_events("Started Checkout")
        b.order()
        line, = b.wait_events("Ordered Product")
        assert line["value"] == 120
        assert line["attributes"]["properties"]["Quantity"] == 2
        contract(shop)


def test_the_walk_with_a_real_export():
    if not os.path.exists(APPAREL):
        pytest.skip("../shared/data/apparel.csv is not here")
    with start(APPAREL) as shop, Browser(shop) as b:
        b.open("/products/ocean-blue-shirt")
        b.add(2)
        b.open("/products/led-high-tops")
        b.add()
        b.open("/checkout")
        b.fill("sarah.mason@klaviyo-demo.com")
        b.wait_events("Started Checkout")
        b.order()
        b.wait_events("Ordered Product", 2)
        b.open("/products/zipped-jacket")
        b.add()
        b.wait_events("Viewed Product")
        b.wait_events("Added to Cart")
        events = check_common_of_export(b)
        assert events["Placed Order"]["value"] == 180
        contract(shop)


def check_common_of_export(b):
    state = b.state()
    assert state["refused"] == []
    events = {e["metric"]: e for e in b.events()}
    for metric in METRICS:
        assert len(b.events(metric)) == 1, metric
    assert len(b.events("Ordered Product")) == 2
    return events


HOSTILE = "</script><!--<script>\"'&\u2028<img src=x onerror=window.pwned=1>"


def test_hostile_product(tmp_path):
    def cell(text):
        return '"' + text.replace('"', '""') + '"'
    path = tmp_path / "hostile.csv"
    path.write_text(HEAD + ",".join([
        "evil", cell(HOSTILE), cell(HOSTILE), cell(HOSTILE), "",
        cell(HOSTILE.replace(",", "")), "true", "Title", "Default Title",
        cell(HOSTILE), "9", "10", ""]) + "\n")
    with start(str(path)) as shop, Browser(shop) as b:
        b.open("/products/evil")
        assert b.text("h1") == HOSTILE
        b.add()
        b.open("/cart")
        assert b.text(".line-title") == HOSTILE
        b.open("/checkout")
        b.fill("sarah.mason@klaviyo-demo.com", first_name=HOSTILE[:20],
               address1=HOSTILE[:24].replace("\u2028", ""))
        b.wait_events("Started Checkout")
        b.order()
        assert b.text(".summary-title") == HOSTILE
        b.open("/products/evil")
        b.add()
        b.wait_events("Added to Cart")
        b.wait_events("Viewed Product")
        b.open("/search?q=onerror")
        assert b.text(".card-title") == HOSTILE
        b.open("/")
        assert b.text(".card-title") == HOSTILE
        for metric, name in (
                ("Viewed Product", lambda p: p["ProductName"]),
                ("Added to Cart", lambda p: p["AddedItemProductName"]),
                ("Started Checkout", lambda p: p["ItemNames"][0]),
                ("Placed Order", lambda p: p["Items"][0]["ProductName"]),
                ("Ordered Product", lambda p: p["ProductName"])):
            event, = b.wait_events(metric)
            assert name(event["attributes"]["properties"]) == HOSTILE, metric
        assert b.js("return window.pwned") is None
        b.check_quiet()


def test_without_javascript():
    with start() as shop, Browser(shop, javascript=False) as b:
        b.open("/products/winnie-the-pooh")
        b.click("[data-buy]")
        b.at("/cart")
        b.click("a[href='/checkout']")
        b.fill("sarah.mason@klaviyo-demo.com")
        b.order()
        assert len(b.wait_events("Ordered Product")) == 1
        assert {e["metric"] for e in b.events()} == {
            "Placed Order", "Ordered Product"}


PAGES = ("/", "/collections/fiction", "/products/winnie-the-pooh", "/search",
         "/search?q=zzz", "/cart", "/checkout", "/nowhere", "/account/login",
         "/account/register", "/account/forgot", "/contact")


@pytest.mark.parametrize("width", [320, 768, 1280])
def test_nothing_overflows(width):
    with start() as shop, Browser(shop, size=(max(width, 500), 900)) as b:
        b.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": 900, "deviceScaleFactor": 1,
            "mobile": width < 700})
        b.open("/products/a-tale-of-two-cities")
        b.add()
        for page in PAGES:
            b.open(page)
            assert b.js("return document.documentElement.scrollWidth") <= \
                width, page
            wait_for(lambda: b.js(
                "return [...document.images].every(i => i.loading === 'lazy'"
                " || (i.complete && i.naturalWidth > 0))"), "pictures")
            assert b.js(
                "return [...document.querySelectorAll('input:not([type="
                "hidden]), select, textarea')].filter(e => !e.labels || !e.labels"
                ".length).map(e => e.name)") == [], page
