"""The operator's page in a browser: it keeps itself fresh, a dead letter is read
and tried again, and nothing on it is refused by its own policy."""
import base64
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "integration"))
from selenium.common.exceptions import (  # noqa: E402
    StaleElementReferenceException)

from browser import Browser  # noqa: E402
from feeder import Feeder  # noqa: E402
from harness import Shop, wait_for  # noqa: E402
from shop_kit import rows  # noqa: E402
from test_status import Desk, fill  # noqa: E402


def log_in(b, desk):
    word = base64.b64encode(f"operator:{desk.password}".encode()).decode()
    b.driver.execute_cdp_cmd("Network.enable", {})
    b.driver.execute_cdp_cmd("Network.setExtraHTTPHeaders", {
        "headers": {"Authorization": "Basic " + word}})


def says(b, words):
    try:
        return words in b.text("main")
    except StaleElementReferenceException:  # the next page just came
        return False


def test_an_operator_looks_and_mends():
    with Shop("direct", serve=False) as shop:
        desk = Desk(shop)
        with Browser(shop) as b:
            log_in(b, desk)
            b.driver.get(f"http://127.0.0.1:{desk.port}/")
            assert "has refused no event" in b.text("main")
            b.js("window.kept = 1")
            fill(shop)
            wait_for(lambda: b.js("return document.querySelectorAll("
                                  "'.letters li').length") == 3, "news")
            assert b.js("return window.kept") == 1  # the same document
            assert b.js("return document.querySelectorAll('rect').length") > 1
            for width in (1280, 390):
                b.driver.set_window_size(width, 900)
                assert b.js("return document.documentElement.scrollWidth <= "
                            "document.documentElement.clientWidth"), width
            b.click(".letters summary")
            assert "bad0@klaviyo-demo.com" in b.text("details[open] pre")
            b.click("details[open] button")
            wait_for(lambda: says(b, "1 to be tried again"),
                     "the form's answer")
            b.check_quiet()
        assert rows(shop, "SELECT COUNT(*) FROM klaviyo_outbox WHERE "
                          "due_at IS NULL AND sent_at IS NULL") == [(2,)]


def test_without_a_script():
    with Shop("direct", serve=False) as shop:
        desk = Desk(shop)
        fill(shop)
        with Browser(shop, javascript=False) as b:
            log_in(b, desk)
            b.driver.get(f"http://127.0.0.1:{desk.port}/")
            b.click("form.all button")
            wait_for(lambda: says(b, "3 to be tried again"),
                     "the form's answer")
        with Feeder(shop) as feed:
            assert feed.count("due_at IS NULL AND sent_at IS NULL") == 0
