"""KLAVIYO_ONSITE=server in a real browser: each event once, from one side; with
an ad blocker none is lost."""
import pytest

from browser import Browser
from harness import Shop, wait_for

SARAH = "sarah.mason@klaviyo-demo.com"
DECLINED = "status of 402"  # what Chromium says of that page
CHROME = ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 "
          "(KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36")
ONSITE = ("Viewed Product", "Added to Cart", "Started Checkout")


@pytest.fixture(params=["browser", "server"])
def either(request):
    with Shop("nginx", sandbox=True, worker=True,
              env={"KLAVIYO_ONSITE": request.param}) as shop, \
            Browser(shop, agent=CHROME) as b:
        yield b


@pytest.fixture
def b():
    with Shop("nginx", sandbox=True, worker=True,
              env={"KLAVIYO_ONSITE": "server"}) as shop, \
            Browser(shop, agent=CHROME) as browser:
        yield browser


def sides(b, metric):
    return [e["side"] for e in b.events(metric)]


def known(b, blocked=False):
    """By an address typed at the checkout, in a form that was sent.  Where the
    server tells what no browser has, the browser has told it first."""
    b.open("/products/a-tale-of-two-cities")
    b.add()
    b.open("/checkout")
    b.fill(SARAH)
    b.click("input[name=payment][value=decline]")
    if not blocked and b.shop.env.get("KLAVIYO_ONSITE") == "server":
        wait_for(lambda: "told=" in b.js("return document.cookie"), "the mark")
    b.click("[data-order]")
    b.one("[data-errors]")


def once(b, metric, side):
    b.wait_events(metric)
    b.shop.wait_delivered()
    # Whatever the other side would tell has been told by the time that a
    # later page's events are here.  A browser's two views within a second are
    # one, for Klaviyo: then once more.
    b.open("/products/moby-dick")
    wait_for(lambda: "Moby-Dick; or, The Whale" in [
        e["attributes"]["properties"].get("ProductName")
        for e in b.events("Viewed Product")] or b.driver.refresh(),
        "the next view", pause=2)
    assert sides(b, metric) == [side], metric


def test_each_event_once(either):
    b, server = either, either.shop.env["KLAVIYO_ONSITE"] == "server"
    # The first checkout is the browser's, in both modes: typed, then sent.
    known(b)
    b.wait_events("Started Checkout")
    b.shop.wait_delivered()
    assert set(sides(b, "Started Checkout")) == {"browser"}
    b.open("/products/winnie-the-pooh")
    side = "server" if server else "browser"
    wait_for(lambda: sides(b, "Viewed Product") == [side], "the view")
    b.add(2)
    assert b.text(".drawer-sum strong") == "$39.97"
    assert b.text("[data-cart-number]") == "3"
    once(b, "Added to Cart", side)
    added, = b.events("Added to Cart")
    assert added["who"] == SARAH and added["value"] == 39.97
    people = {e["person"] for e in b.events()}
    assert len(people) == 1, "browser and server know one person"
    assert "$viewed_items" in str(b.state()["profiles"])
    b.check_quiet(DECLINED)


def test_the_second_checkout_is_the_servers(b):
    known(b)
    b.open("/products/winnie-the-pooh")
    b.add()
    b.open("/checkout")
    wait_for(lambda: "server" in sides(b, "Started Checkout"), "the checkout")
    b.driver.refresh()
    b.one("#email")
    b.shop.wait_delivered()
    assert sides(b, "Started Checkout").count("server") == 1
    b.check_quiet(DECLINED)


def test_known_by_klaviyos_cookie(b):
    """Typed, but never sent: the session knows nobody, the cookie does.  The
    checkout that the browser has told of is not told again."""
    b.open("/products/winnie-the-pooh")
    b.add()
    b.open("/checkout")
    b.type("#email", SARAH)
    b.wait_events("Started Checkout")
    wait_for(lambda: b.js("return document.cookie").find("told=") >= 0,
             "the mark")
    b.driver.refresh()
    b.one("#email")
    b.open("/products/moby-dick")
    wait_for(lambda: sides(b, "Viewed Product") == ["server"], "the view")
    b.shop.wait_delivered()
    assert sides(b, "Started Checkout") == ["browser"]
    assert {e["who"] for e in b.events()} == {SARAH}


@pytest.mark.parametrize("blocked", [
    ("*/onsite/*", "*/client/*"), ("*/client/*",)])
def test_with_an_ad_blocker(b, blocked):
    b.block(*blocked)
    known(b, blocked=True)
    b.wait_events("Started Checkout")
    b.open("/products/winnie-the-pooh")
    b.add(2)
    b.open("/cart")
    b.open("/checkout")
    wait_for(lambda: len(b.events("Started Checkout")) == 2, "the second")
    b.shop.wait_delivered()
    for metric, count in zip(ONSITE, (1, 1, 2)):
        assert sides(b, metric) == ["server"] * count, metric
    assert {e["who"] for e in b.events()} == {SARAH}
    b.fill(SARAH)
    b.order()
    assert len(b.wait_events("Placed Order")) == 1


def test_with_an_ad_blocker_the_browser_loses_all():
    with Shop("nginx", sandbox=True, worker=True) as shop, \
            Browser(shop, agent=CHROME) as b:
        b.block("*/onsite/*", "*/client/*")
        known(b)
        b.open("/products/winnie-the-pooh")
        b.add()
        b.open("/checkout")
        b.fill(SARAH)
        b.order()
        b.wait_events("Ordered Product", 2)
        assert {e["metric"] for e in b.events()} == {"Placed Order",
                                                     "Ordered Product"}


def test_a_headless_checker_is_the_browsers():
    with Shop("nginx", sandbox=True, worker=True,
              env={"KLAVIYO_ONSITE": "server"}) as shop, Browser(shop) as b:
        known(b)
        b.open("/products/winnie-the-pooh")
        b.wait_events("Viewed Product")
        assert sides(b, "Viewed Product") == ["browser"]
