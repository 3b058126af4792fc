"""klaviyo-sandbox's klaviyo.js in a real browser, on a page of another origin."""
import base64
import http.server
import json
import threading
import time
import urllib.parse

from sandbox_fixture import profile, until


# ---- in a browser

SHIM = """!function(){if(!window.klaviyo){window._klOnsite=window._klOnsite||[];
try{window.klaviyo=new Proxy({},{get:function(n,i){return"push"===i?function(){
var n;(n=window._klOnsite).push.apply(n,arguments)}:function(){for(var n=
arguments.length,o=new Array(n),w=0;w<n;w++)o[w]=arguments[w];var t="function"==
typeof o[o.length-1]?o.pop():void 0,e=new Promise((function(n){
window._klOnsite.push([i].concat(o,[function(i){t&&t(i),n(i)}]))}));return e}}})}
catch(n){window.klaviyo=window.klaviyo||[],window.klaviyo.push=function(){
var n;(n=window._klOnsite).push.apply(n,arguments)}}}}();"""


class Shop:
    """A page of another origin, with the shim, klaviyo.js and a script."""

    def __init__(self, sandbox, script):
        html = (f"<!DOCTYPE html><meta charset=utf-8><title>Shop</title>"
                f"<script>{SHIM}</script><script async src='{sandbox.url}"
                f"/onsite/js/ABC123/klaviyo.js'></script>"
                f"<script>window.said=[];{script}</script>").encode()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200 if self.path[:5] == "/shop" else 404)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                if self.path[:5] == "/shop":
                    self.wfile.write(html)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/shop"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def cookie(browser):
    text = browser.get_cookie("__kla_id")
    return text and json.loads(base64.b64decode(urllib.parse.unquote(text["value"])))


def metrics(state):
    return sorted(e["metric"] for e in state["events"])


def test_identify_then_track(sandbox, browser):
    hostile = "Pooh </script><script>said.push('attack')</script> \u2028 ☃ '\""
    shop = Shop(sandbox, """
        klaviyo.identify({email: 'thomas@klaviyo-demo.com', $first_name: 'Thomas',
            $city: 'Boston', Vip: true}, function (who) {
            said.push(who.email);
            klaviyo.track('Viewed Product', {ProductName: %s, Price: 9.99})
                .then(function (ok) { said.push(ok) });
            klaviyo.track('Started Checkout', {$event_id: 'cart_1', $value: 9.99,
                $value_currency: 'USD', time: '2026-07-01T00:00:00Z', ItemNames: ['a']});
            klaviyo.push(['isIdentified', function (yes) { said.push(yes) }]);
        });""" % json.dumps(hostile).replace("<", "\\u003c"))
    browser.get(shop.url)
    state = sandbox.until(lambda s: len(s["events"]) == 3)
    assert metrics(state) == ["Active on Site", "Started Checkout", "Viewed Product"]
    assert not state["refused"]
    by = {e["metric"]: e for e in state["events"]}
    assert by["Viewed Product"]["attributes"]["properties"]["ProductName"] == hostile
    checkout = by["Started Checkout"]
    assert checkout["unique_id"] == "cart_1" and checkout["value"] == 9.99
    assert checkout["value_currency"] == "USD" and checkout["side"] == "browser"
    assert checkout["time"].startswith("2026-07-01")
    assert not {"$event_id", "$value", "time"} & set(checkout["attributes"]["properties"])
    [p] = state["profiles"]
    assert p["who"] == "thomas@klaviyo-demo.com" and p["events"] == 3
    assert p["attributes"]["first_name"] == "Thomas"
    assert p["attributes"]["location"] == {"city": "Boston"}
    assert p["attributes"]["properties"]["Vip"] is True
    said = until(lambda: len(s := browser.execute_script("return said")) == 3 and s)
    assert sorted(map(str, said)) == ["True", "True", "thomas@klaviyo-demo.com"]

    # the server's event finds the browser's visitor by the cookie
    who = cookie(browser)
    assert who["cid"] and "$email" not in who
    sandbox.event(who=profile(_kx=who["$exchange_id"]))
    assert sandbox.state["profiles"][0]["events"] == 4
    assert len(sandbox.state["profiles"]) == 1

    # and on the next page he is known from the start (events without a
    # unique_id are told apart by their second)
    second = int(time.time())
    until(lambda: time.time() >= second + 1)
    browser.get(shop.url.replace("/shop", "/shop2"))
    sandbox.until(lambda s: metrics(s).count("Active on Site") == 2)


def test_unknown_visitor_is_not_tracked(sandbox, browser):
    shop = Shop(sandbox, """
        klaviyo.isIdentified().then(function (is) { said.push(is) });
        klaviyo.track('Viewed Product', {a: 1}, function (ok) { said.push(ok) });
        klaviyo.identify({}).then(function (o) { said.push(JSON.stringify(o)) });
        klaviyo.account().then(function (id) { said.push(id) });
        klaviyo.openForm('x').then(function () { said.push('form') });
        klaviyo.cookieDomain().then(function (d) { said.push('domain' + d) });
        klaviyo.noSuch(function () { said.push('none') });""")
    browser.get(shop.url)
    until(lambda: browser.execute_script("return said.length") == 7)
    assert sorted(map(str, browser.execute_script("return said"))) == [
        "ABC123", "False", "False", "domain", "form", "none", "{}"]
    assert sandbox.state["last"] == 0
    assert set(cookie(browser)) == {"cid", "$referrer"}


def test_opt_out(sandbox, browser):
    shop = Shop(sandbox, """
        document.cookie = '__kla_off=true; path=/';
        klaviyo.identify({email: 'a@klaviyo-demo.com'}).then(function () {
            return klaviyo.track('Viewed Product', {}) }).then(function (ok) {
            said.push(ok) });""")
    browser.get(shop.url)
    until(lambda: browser.execute_script("return said.length") == 1)
    assert browser.execute_script("return said") == [False]
    assert sandbox.state["last"] == 0 and cookie(browser) is None


def test_viewed_items(sandbox, browser):
    shop = Shop(sandbox, """
        klaviyo.identify({email: 'a@klaviyo-demo.com'}).then(function () {
            for (var i = 0; i < 25; i++)
                klaviyo.trackViewedItem({Title: 'T' + i, ItemId: 'i' + i % 20,
                    Categories: ['c'], Metadata: {Price: i}});
        });""")
    browser.get(shop.url)
    state = sandbox.until(lambda s: s["profiles"] and "$viewed_items" in
                          s["profiles"][0]["attributes"].get("properties", {}))
    items = state["profiles"][0]["attributes"]["properties"]["$viewed_items"]
    assert len(items) == 20 and items[0]["ItemId"] == "i4" and items[0]["Views"] == 2
    assert len(browser.execute_script(
        "return JSON.parse(localStorage.__kla_viewed)")) == 20


def test_another_visitor_gets_another_identity(sandbox, browser):
    shop = Shop(sandbox, "")
    browser.get(shop.url)
    seen = []
    for name in "aba":
        browser.execute_async_script(
            "var done = arguments[1]; klaviyo.identify({email: arguments[0]})"
            ".then(function () { return klaviyo.track('Seen', {$event_id: '"
            + str(len(seen)) + "'}) }).then(done)", name + "@klaviyo-demo.com")
        seen.append(cookie(browser)["$exchange_id"])
    assert seen[0] != seen[1] != seen[2]
    state = sandbox.state
    assert [e["who"][0] for e in state["events"] if e["metric"] == "Seen"] == list("aba")
    assert len(state["profiles"]) == 2


def test_identity_from_the_address(sandbox, browser):
    sandbox.client("profiles", profile(_kx="k-1", email="a@klaviyo-demo.com"))
    shop = Shop(sandbox, "klaviyo.isIdentified(function (y) { said.push(y) })")
    browser.get(shop.url + "?_kx=other.XYZ999")
    assert until(lambda: browser.execute_script("return said")) == [False]
    assert "$exchange_id" not in cookie(browser)
    browser.get(shop.url + "?_kx=k-1.ABC123")
    state = sandbox.until(lambda s: s["events"])
    assert state["events"][0]["metric"] == "Active on Site"
    assert state["events"][0]["who"] == "a@klaviyo-demo.com"


def test_throttled_browser_tries_again(sandbox, browser):
    sandbox.fault("/client/profiles 429/1*1")
    shop = Shop(sandbox, "klaviyo.identify({email: 'a@klaviyo-demo.com'})")
    browser.get(shop.url)
    sandbox.until(lambda s: s["profiles"])
    browser.get_log("browser")  # the 429 itself is told there
