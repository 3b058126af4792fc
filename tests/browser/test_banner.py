"""The banner in a real browser: nothing of Klaviyo before a yes, nothing after a
no, and nothing left of it once it is taken back."""
import json
import os

import pytest

from browser import Browser
from harness import Shop, wait_for

SARAH = "sarah.mason@klaviyo-demo.com"
DECLINED = "status of 402"  # what Chromium says of that page


@pytest.fixture
def shop():
    with Shop("nginx", serve=False,
              env={"KLAVIYO_CONSENT": "required"}) as shop:
        shop.start_sandbox(["--record", shop.path("requests.jsonl")])
        shop.start()
        shop.start_worker()
        yield shop


@pytest.fixture
def b(shop):
    with Browser(shop) as browser:
        yield browser


def cookies(b):
    return {c["name"]: c["value"] for c in b.driver.get_cookies()}


def stored(b):
    return b.js("return Object.keys(localStorage)"
                ".concat(Object.keys(sessionStorage))"
                ".filter(k => k !== 'watch')")


def asked_klaviyo(b):
    """What the open page has fetched from Klaviyo."""
    return b.js("return performance.getEntriesByType('resource')"
                ".map(e => e.name).filter(n => n.startsWith(arguments[0]))",
                b.shop.sandbox_url)


def requests(shop):
    path = shop.path("requests.jsonl")
    return [json.loads(line) for line in open(path)] \
        if os.path.exists(path) else []


def walk(b):
    """A visit with everything that could be tracked, but no order."""
    for path in ("/", "/products/winnie-the-pooh"):
        b.open(path)
        assert asked_klaviyo(b) == []
    b.add(2)
    assert b.text(".drawer-sum strong") == "$19.98"
    b.open("/checkout")
    b.fill(SARAH)
    b.click("input[name=payment][value=decline]")
    b.click("[data-order]")
    b.one("[data-errors]")
    assert asked_klaviyo(b) == []
    b.open("/products/moby-dick")
    # klaviyo.js would have had its turn by now.
    wait_for(lambda: b.js("return document.readyState") == "complete", "load")


def nothing(b):
    assert asked_klaviyo(b) == []
    assert b.js("return typeof window.klaviyo") == "undefined"
    assert "__kla_id" not in cookies(b) and stored(b) == []
    assert requests(b.shop) == [] and b.events() == []
    assert b.shop.query("SELECT * FROM klaviyo_outbox") == []


def test_before_an_answer(b):
    b.open("/")
    assert b.one(".consent").is_displayed()
    assert cookies(b) == {}
    walk(b)
    nothing(b)
    assert b.one(".consent").is_displayed()
    b.check_quiet(DECLINED)


def test_no(b):
    b.open("/")
    b.click(".consent [value=no]")
    wait_for(lambda: not b.all(".consent"), "the banner to go")
    assert cookies(b) == {"consent": "no"}
    walk(b)
    assert not b.all(".consent")
    nothing(b)
    # An order is no consent's business.
    b.open("/checkout")
    b.fill(SARAH)
    b.order()
    assert len(b.wait_events("Placed Order")) == 1
    assert {e["metric"] for e in b.events()} == {"Placed Order",
                                                 "Ordered Product"}
    assert not [r for r in requests(b.shop)
                if r["path"].startswith("/client")]
    b.check_quiet(DECLINED)


def test_yes_and_taken_back(b):
    b.open("/products/winnie-the-pooh")
    b.click(".consent [value=yes]")
    # The page comes again with what was not there before.
    wait_for(lambda: asked_klaviyo(b), "klaviyo.js")
    assert not b.all(".consent")
    b.add()
    b.open("/checkout")
    b.type("#email", SARAH)
    assert b.wait_events("Started Checkout")[0]["who"] == SARAH
    assert "__kla_id" in cookies(b)
    b.open("/products/winnie-the-pooh")
    b.wait_events("Viewed Product")
    assert "__kla_viewed" in stored(b)
    # Whatever else it may have put there.
    b.js("localStorage.setItem('kl-post-identification-sync', '[]');"
         "sessionStorage.setItem('klaviyoPagesVisitCount', '3');"
         "localStorage.setItem('mine', '1')")

    b.click(".foot-links a[href='/consent']")
    b.at("/consent")
    assert "At present we do" in b.text(".choose")
    b.click(".choose [value=no]")
    wait_for(lambda: "You said no" in b.driver.page_source, "the answer")
    assert cookies(b)["consent"] == "no" and "__kla_id" not in cookies(b)
    assert stored(b) == ["mine"]
    sent = len(requests(b.shop))
    b.open("/products/moby-dick")
    b.add()
    # Back to a page that the browser has kept with klaviyo.js in it.
    for _ in range(4):
        b.driver.back()
    wait_for(lambda: b.js("return document.readyState") == "complete", "load")
    wait_for(lambda: b.js("return typeof window.klaviyo") == "undefined",
             "a page without klaviyo.js")
    assert asked_klaviyo(b) == [] and "__kla_id" not in cookies(b)
    assert len([r for r in requests(b.shop)
                if r["path"].startswith("/client")]) == len(
        [r for r in requests(b.shop)[:sent]
         if r["path"].startswith("/client")])
    b.check_quiet(DECLINED)


def test_a_form_half_filled_in_is_kept(b):
    b.open("/products/winnie-the-pooh")
    b.add()
    b.open("/checkout")
    b.type("#first_name", "Sarah")
    for choice in ("yes", "no"):
        b.driver.delete_cookie("consent")
        if choice == "no":
            b.open("/checkout")
            b.type("#first_name", "Sarah")
        b.click(f".consent [value={choice}]")
        wait_for(lambda: not b.all(".consent"), "the banner to go")
        assert cookies(b)["consent"] == choice
        assert b.one("#first_name").get_attribute("value") == "Sarah"


def test_by_the_keyboard(b):
    """The banner is reached first, and named."""
    b.open("/")
    focus = b.js(
        "return [...document.querySelectorAll('a[href], button, input:not("
        "[type=hidden])')].slice(0, 3).map(e => e.closest('.consent') !== null)")
    assert focus == [True, True, True]
    form = b.one(".consent")
    assert form.aria_role == "form" and "measure" in form.accessible_name
    assert b.js("return getComputedStyle(document.querySelector('.consent'))"
                ".position") == "sticky"


def test_without_javascript(shop):
    with Browser(shop, javascript=False) as b:
        b.open("/products/winnie-the-pooh")
        b.click(".consent [value=no]")
        b.at("/products/winnie-the-pooh")
        wait_for(lambda: not b.all(".consent"), "the banner to go")
        assert cookies(b) == {"consent": "no"}
        b.open("/consent")
        b.click(".choose [value=yes]")
        wait_for(lambda: cookies(b).get("consent") == "yes", "the answer")


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_nothing_overflows(shop, width):
    with Browser(shop, size=(max(width, 500), 900)) as b:
        b.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": 800, "deviceScaleFactor": 1,
            "mobile": width < 700})
        for path in ("/", "/consent", "/checkout", "/account/register"):
            if path == "/checkout":
                b.open("/products/moby-dick")
                b.add()
            b.open(path)
            assert b.js("return document.documentElement.scrollWidth") <= \
                width, path
            if path == "/":
                # It covers less than a third, and the foot is not under it.
                height = b.js("return document.querySelector('.consent')"
                              ".getBoundingClientRect().height")
                assert height < 800 * (0.4 if width < 390 else 0.34)
                b.js("window.scrollTo(0, document.body.scrollHeight)")
                assert b.js(
                    "return document.querySelector('.foot')"
                    ".getBoundingClientRect().bottom <= document"
                    ".querySelector('.consent').getBoundingClientRect().top"
                    " + 1")
