"""
When the onsite events go out: known by the session, known by klaviyo.js's
cookie only, not known yet; klaviyo.js late, absent, or switched off.
"""
import urllib.request

import pytest

from browser import Browser
from harness import Shop, wait_for

SARAH = "sarah.mason@klaviyo-demo.com"


@pytest.fixture
def b():
    with Shop("nginx", sandbox=True, worker=True) as shop, \
            Browser(shop) as browser:
        yield browser


def fault(b, spec):
    urllib.request.urlopen(b.shop.sandbox_url + "/sandbox/fault",
                           spec.encode()).read()


def fill_cart(b):
    b.open("/products/winnie-the-pooh")
    b.add()


def test_started_when_the_address_is_entered(b):
    fill_cart(b)
    b.open("/checkout")
    b.one("#email")
    assert b.events("Started Checkout") == []
    b.type("#email", "not an address")
    b.type("#email", SARAH)
    started, = b.wait_events("Started Checkout")
    assert started["who"] == SARAH
    # A corrected address is somebody else's checkout.
    b.type("#email", "sarah@klaviyo-demo.com")
    wait_for(lambda: {e["who"] for e in b.events("Started Checkout")} >=
             {"sarah@klaviyo-demo.com"}, "the corrected address")
    b.check_quiet()


def test_started_on_arrival_by_the_cookie_alone(b):
    fill_cart(b)
    b.js("klaviyo.identify({email: arguments[0]})", SARAH)
    wait_for(lambda: b.state()["profiles"], "the profile")
    b.open("/checkout")
    started, = b.wait_events("Started Checkout")
    assert started["who"] == SARAH
    b.check_quiet()


def test_started_on_arrival_by_the_session(b):
    fill_cart(b)
    b.open("/checkout")
    b.fill(SARAH)
    b.click("input[name=payment][value=decline]")
    # klaviyo.js forgets, the shop's session does not.
    b.js("document.cookie = '__kla_id=; Max-Age=0; Path=/'")
    b.click("[data-order]")
    b.one("[data-errors]")
    source = b.driver.page_source
    assert source.index("klaviyo.identify(") < source.index(
        'klaviyo.track("Started Checkout"')
    b.wait_events("Started Checkout")
    assert {e["who"] for e in b.events("Started Checkout")} == {SARAH}


def test_klaviyo_js_late(b):
    fault(b, "/onsite slow/1500")
    fill_cart(b)
    b.open("/checkout")
    b.type("#email", SARAH)
    assert len(b.wait_events("Started Checkout")) == 1
    b.check_quiet()


def test_without_klaviyo_js_the_shop_works(b):
    fault(b, "/onsite 503")
    fill_cart(b)
    b.open("/checkout")
    b.fill(SARAH)
    b.order()
    assert len(b.wait_events("Ordered Product")) == 1


def test_switched_off_by_the_visitor(b):
    b.open("/")
    b.js("document.cookie = '__kla_off=true; Path=/'")
    fill_cart(b)
    b.open("/checkout")
    b.fill(SARAH)
    b.order()
    b.wait_events("Ordered Product")
    assert {e["metric"] for e in b.events()} == {
        "Placed Order", "Ordered Product"}
