"""What several tests here start: a shop, a klaviyo-sandbox, and a browser."""
import os
import re
import sys
import tempfile

import pytest

from account_kit import NEW, PASSWORD
from harness import PATIENCE, TREE, Shop
from sandbox_fixture import Sandbox
from shop_kit import execute

sys.path.append(os.path.join(TREE, "tests", "browser"))


@pytest.fixture(scope="module")
def shop():
    """Of a file that has no shop of its own: one that logs nothing of all that is
    typed into it; nor a token."""
    with Shop("nginx") as shop:
        yield shop
        for name in os.listdir(shop.dir):
            if name.endswith(".log"):
                log = shop.log(name[:-4])
                for canary in (PASSWORD, NEW, "klaviyo-demo", "Klaviyo-Demo",
                               "Mason"):
                    assert canary not in log, f"{canary} in {name}"
                assert not re.search(r"/account/reset/[^- ]", log), name


@pytest.fixture
def no_throttle(shop):
    """Tries of one test are not another's."""
    execute(shop, "DELETE FROM throttle")


@pytest.fixture
def sandbox():
    with Sandbox("--rate", "off") as s:
        yield s


@pytest.fixture(scope="module")
def driver():
    """A headless Chromium, for all tests of a file."""
    from browser import FLAGS, started
    from selenium import webdriver
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory:
        options = webdriver.ChromeOptions()
        for flag in FLAGS + ("--window-size=1280,900",):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        d = started(options, directory)
        d.set_script_timeout(PATIENCE)
        yield d
        d.quit()


@pytest.fixture
def browser(driver):
    """The driver, as a browser that was nowhere before."""
    driver.get("about:blank")
    driver.execute_cdp_cmd("Storage.clearDataForOrigin", {
        "origin": "*", "storageTypes": "all"})
    driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
    driver.get_log("browser")
    yield driver
    serious = [m for m in driver.get_log("browser") if m["level"] == "SEVERE"
               and "favicon" not in m["message"]]
    assert not serious
