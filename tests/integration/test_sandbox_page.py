"""The live page of klaviyo-sandbox, in a real browser: events, people, limits and
faults, consent, who waits for what, and the catalogue's jobs."""
import re

from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from sandbox_fixture import (back_in_stock, consent, event, job, merge, profile,
                             thing, until)

HOSTILE = "<img src=x onerror=document.title='attack'>"


def post(s, path, body):
    answer = s.call("POST", "/api/" + path, body)
    assert answer.status in (200, 201, 202), answer.text
    return answer.json if answer.text else None


def rows(browser):
    return browser.execute_script("""
        return [...document.querySelectorAll('#stream .row')].map(r =>
            [...r.querySelectorAll('.what, .value, .who')].map(c => c.textContent))
        """)


def text(browser, selector):
    return browser.execute_script(
        "return Array.from(document.querySelectorAll(arguments[0]))"
        ".map(function (e) { return e.textContent })", selector)


def test_live_page(sandbox, browser):
    browser.get(sandbox.url + "/")
    until(lambda: any(sandbox.url in t for t in text(browser, "#hint-env")))
    until(lambda: browser.execute_script(
        "return !document.getElementById('empty').hidden"))

    sandbox.event(who=profile(email="a@klaviyo-demo.com", first_name=HOSTILE),
                  properties={"OrderID": HOSTILE})
    sandbox.event(who=profile(email="a@klaviyo-demo.com"))
    sandbox.event(value="1")
    sandbox.event(metric=HOSTILE, who=profile(email="a@example.com"))
    until(lambda: len(text(browser, "#stream .row")) == 4)
    assert text(browser, "#stream .badge") == [
        "dropped", "refused", "duplicate", "accepted"]
    assert any("/data/attributes/value" in t for t in text(browser, ".why"))
    assert "$29.98" in text(browser, "#stream .value")

    rows = "document.querySelectorAll('#stream .row')"
    browser.execute_script(rows + "[3].click()")
    assert HOSTILE in text(browser, ".detail pre")[0]
    assert any("should be spelled OrderId" in t for t in text(browser, ".remarks li"))
    # News draw it anew, and closed.
    until(lambda: browser.execute_script(
        "document.querySelector('.detail details').open = true")
        or any("Klaviyo-API-Key" in t for t in text(browser, ".detail pre")))

    browser.execute_script("document.querySelector('#people button').click()")
    assert text(browser, "#profile h2") == ["a@klaviyo-demo.com"]
    assert len(text(browser, "#stream .row")) == 2
    ActionChains(browser).send_keys(Keys.ESCAPE).perform()
    until(lambda: len(text(browser, "#stream .row")) == 4)
    ActionChains(browser).send_keys("/", "refused").perform()
    until(lambda: len(text(browser, "#stream .row")) == 1)
    ActionChains(browser).send_keys(Keys.ESCAPE, "p").perform()
    sandbox.event(unique_id="later")
    until(lambda: "1 new" in text(browser, "#live")[0])
    assert len(text(browser, "#stream .row")) == 4
    ActionChains(browser).send_keys("p").perform()
    until(lambda: len(text(browser, "#stream .row")) == 5)

    browser.execute_script("document.getElementById('tab-guide').click()")
    until(lambda: "spelled OrderID" in text(browser, "#guide .badge"))
    browser.execute_script("document.getElementById('tab-limits').click()")
    until(lambda: any("/ 3,500" in t for t in text(browser, ".meter")))
    browser.execute_script("document.querySelectorAll('#fault-presets button')[1].click()")
    until(lambda: sandbox.state["fault"] == "5xx=0.1")
    browser.execute_script("document.getElementById('clear').click()")
    until(lambda: sandbox.counts["accepted"] == 0)
    browser.execute_script("document.getElementById('tab-stream').click()")
    until(lambda: not text(browser, "#stream .row"))
    assert browser.title == "klaviyo-sandbox"


def test_page_has_a_strict_policy(sandbox):
    policy = sandbox.call("GET", "/", headers={}).headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    page = sandbox.call("GET", "/", headers={}).text.decode()
    assert not re.search(r'(src|href)="https?:', page)


def test_consent_and_stock(sandbox, browser):
    post(sandbox, "profile-subscription-bulk-create-jobs", consent(
        {"email": "a@klaviyo-demo.com", "phone_number": "+15005550006",
         "subscriptions": ("email", "sms")}, list="L1", custom_source=HOSTILE))
    post(sandbox, "profile-subscription-bulk-delete-jobs", consent(
        {"phone_number": "+15005550006", "subscriptions": ("sms",)},
        subscribe=False))
    post(sandbox, "back-in-stock-subscriptions", back_in_stock(
        "tee-m", who=profile(email="a@klaviyo-demo.com")))
    browser.get(sandbox.url + "/")
    until(lambda: len(rows(browser)) == 3)
    assert rows(browser) == [
        ["Back in stock", "email", "a@klaviyo-demo.com"],
        ["Unsubscribe", "SMS", "a@klaviyo-demo.com"],
        ["Subscribe", "email, SMS", "a@klaviyo-demo.com"]]
    assert text(browser, "#stream .badge") == ["stock", "consent", "consent"]
    browser.execute_script("document.querySelector('#people button').click()")
    facts = text(browser, "#profile dd")
    assert any(f.startswith("subscribed") and HOSTILE in f for f in facts)
    assert any(f.startswith("unsubscribed") for f in facts)
    assert "L1" in facts and "tee-m" in facts
    browser.execute_script("document.getElementById('tab-catalog').click()")
    until(lambda: "tee-m" in text(browser, "#stock td"))
    assert "No job yet" in text(browser, "#jobs")[0]
    assert browser.title == "klaviyo-sandbox"


def test_two_profiles_made_one(sandbox, browser):
    for n in ("old", "new"):
        sandbox.call("POST", "/api/events", event(
            unique_id=n, who=profile(email=f"{n}@klaviyo-demo.com")))
    old, new = [p["id"] for p in sandbox.state["profiles"]]
    browser.get(sandbox.url + "/")
    until(lambda: len(text(browser, "#people button")) == 2)
    post(sandbox, "profile-merge", merge(new, old))
    until(lambda: len(text(browser, "#people button")) == 1)
    assert rows(browser)[0] == ["Merge profiles", "", "new@klaviyo-demo.com"]
    assert {r[2] for r in rows(browser)} == {"new@klaviyo-demo.com"}


def test_the_catalogues_jobs(sandbox, browser):
    path = "catalog-item-bulk-create-jobs"
    id = post(sandbox, path, job("item", "create", thing("item", "i1"), thing(
        "item", HOSTILE), thing("item", "i1")))["data"]["id"]
    browser.get(sandbox.url + "/")
    until(lambda: rows(browser) == [["Create 3 items", "queued", ""]])
    for _ in range(2):
        sandbox.get(f"/api/{path}/{id}")
    until(lambda: rows(browser) == [["Create 3 items", "1 failed", ""]])
    browser.execute_script("document.querySelector('#stream .row').click()")
    assert any("exists already" in t for t in text(browser, ".errors li"))
    browser.execute_script("document.getElementById('tab-catalog').click()")
    until(lambda: "complete" in text(browser, "#jobs .badge"))
    assert text(browser, "#counts b") == ["2", "0", "0", "0"]
    row = text(browser, "#jobs tbody td")
    assert row[1:6] == ["create 3 items", "complete", "2", "1", "2"]
    assert "exists already" in row[6]
    assert browser.title == "klaviyo-sandbox"


def test_limits_show_what_is_used(sandbox, browser):
    sandbox.event()
    browser.get(sandbox.url + "/")
    browser.execute_script("document.getElementById('tab-limits').click()")
    until(lambda: len(text(browser, "#windows .window")) == 1)
    assert text(browser, "#windows h3") == ["POST /api/events"]
    count = len(sandbox.state["windows"])
    assert text(browser, "#rest-count") == [f"The other {count - 1}"]
