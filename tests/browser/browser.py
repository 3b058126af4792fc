"""
browser.py - headless Chromium for the tests of the shop.

    with Browser(shop) as b:
        b.open("/products/winnie-the-pooh"); b.click("[data-buy]")
        b.state()          # the sandbox's /sandbox/state
        b.check_quiet()    # no CSP violation, no script error so far

Nothing but 127.0.0.1 is reached.  Every page is watched from before its first
script for policy violations and errors.
"""
import json
import shutil
import tempfile
import urllib.request

from selenium import webdriver
from selenium.common.exceptions import SessionNotCreatedException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from harness import PATIENCE, wait_for

FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic",
         "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--no-proxy-server",
         "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
# Kept in the tab's storage: pages come and go.
WATCH = """
(function () {
  function note(what) {
    var list = JSON.parse(sessionStorage.getItem("watch") || "[]");
    list.push(location.pathname + ": " + what);
    sessionStorage.setItem("watch", JSON.stringify(list));
  }
  document.addEventListener("securitypolicyviolation", function (e) {
    note("CSP " + e.violatedDirective + " " + e.blockedURI);
  });
  window.addEventListener("error", function (e) {
    if (e.message) note(e.message);
  });
  window.addEventListener("unhandledrejection", function (e) {
    note("rejected: " + e.reason);
  });
})();
"""
ADDRESS = {
    "phone": "+1 500 555-0006", "first_name": "Sarah", "last_name": "Mason",
    "address1": "125 Summer St", "city": "Boston", "region": "MA",
    "zip": "02110"}


def started(options, folder, tries=3):
    """Chromium, which on a busy machine sometimes is not there in time: no
    test is about that."""
    while True:
        options.add_argument(f"--user-data-dir={folder}/{tries}")
        tries -= 1
        try:
            return webdriver.Chrome(
                service=Service("/usr/bin/chromedriver"), options=options)
        except SessionNotCreatedException:
            if tries == 0:
                raise


class Browser:
    def __init__(self, shop, javascript=True, size=(1280, 900), agent=None):
        self.shop, self.dir = shop, tempfile.mkdtemp(prefix="chromium-")
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for flag in FLAGS + ("--window-size=%d,%d" % size,):
            options.add_argument(flag)
        if not javascript:
            options.add_experimental_option("prefs", {
                "profile.managed_default_content_settings.javascript": 2})
        self.driver = started(options, self.dir)
        self.driver.set_page_load_timeout(max(60, PATIENCE))
        if javascript:
            self.driver.execute_cdp_cmd(
                "Page.addScriptToEvaluateOnNewDocument", {"source": WATCH})
        if agent:
            self.driver.execute_cdp_cmd(
                "Network.setUserAgentOverride", {"userAgent": agent})

    def block(self, *patterns):
        """As an ad blocker does: nothing is fetched of these addresses."""
        self.driver.execute_cdp_cmd("Network.enable", {})
        self.driver.execute_cdp_cmd(
            "Network.setBlockedURLs", {"urls": list(patterns)})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.driver.quit()
        shutil.rmtree(self.dir, ignore_errors=True)

    def open(self, path):
        self.driver.get(self.shop.url + path)

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector):
        return wait_for(lambda: self.all(selector), selector)[0]

    def text(self, selector):
        return self.one(selector).get_attribute("textContent").strip()

    def click(self, selector):
        element = self.one(selector)
        self.js("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def js(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def type(self, selector, text):
        element = self.one(selector)
        element.clear()
        element.send_keys(text, Keys.TAB)

    def at(self, path):
        """Waits until the tab shows ${path} or something below it."""
        wait_for(lambda: self.driver.current_url.startswith(
            self.shop.url + path), path)

    def add(self, count=1):
        """Adds the open product, and waits for the shop to say so."""
        self.type("#quantity", str(count))
        self.click("[data-buy]")
        wait_for(lambda: self.all(".drawer.open"), "the drawer")

    def fill(self, email, **fields):
        self.type("#email", email)
        for name, value in {**ADDRESS, **fields}.items():
            self.type("#" + name, value)

    def order(self):
        self.click("[data-order]")
        self.at("/orders/")

    def state(self):
        with urllib.request.urlopen(
                self.shop.sandbox_url + "/sandbox/state",
                timeout=max(60, PATIENCE)) as f:
            return json.load(f)

    def events(self, metric=None):
        return [e for e in self.state()["events"]
                if metric in (None, e["metric"])]

    def wait_events(self, metric, count=1):
        wait_for(lambda: len(self.events(metric)) >= count, metric)
        return self.events(metric)

    def check_quiet(self, *expected):
        """But for messages with one of ${expected} in them."""
        noted = json.loads(self.js(
            "return sessionStorage.getItem('watch')") or "[]")
        assert noted == [], noted
        severe = [entry for entry in self.driver.get_log("browser")
                  if entry["level"] == "SEVERE" and not any(
                      text in entry["message"] for text in expected)]
        assert severe == [], severe
