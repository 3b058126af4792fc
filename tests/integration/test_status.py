"""`storefront status`: the operator's page and Prometheus' figures, on a
listener that the shop's web server does not know."""
import base64
import http.client
import os
import re
import stat
import time
import urllib.parse

import pytest

from feeder import Feeder
from harness import Shop, free_port, wait_for
from shop_kit import Page, checkout, execute, fill_cart, order_of, rows

REFUSED = "400 Invalid input: <b>Klaviyo's</b> words & more"


class Desk:
    """The status page of a shop, asked as a browser or Prometheus would."""

    def __init__(self, shop, wrap=()):
        self.shop, self.port = shop, free_port()
        path = shop.path("storefront.password")
        self.password = open(path).read().strip()
        shop.spawn("status", [*wrap, *shop.storefront("status")],
                   lambda: "status page on" in shop.log("status"),
                   env={"STOREFRONT_STATUS_LISTEN":
                        f"127.0.0.1:{self.port}"})

    def ask(self, path="/", method="GET", body=None, user="operator",
            password=None, headers=None):
        password = self.password if password is None else password
        word = base64.b64encode(f"{user}:{password}".encode()).decode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port,
                                                timeout=60)
        connection.request(method, path, body, {
            **({"Authorization": "Basic " + word} if user else {}),
            **({"Content-Type": "application/x-www-form-urlencoded"}
               if body is not None else {}), **(headers or {})})
        reply = connection.getresponse()
        reply.text = reply.read().decode()
        connection.close()
        return reply

    def page(self):
        reply = self.ask()
        assert reply.status == 200, reply.text
        return Page(reply)

    def metrics(self):
        reply = self.ask("/metrics")
        assert reply.status == 200
        assert reply.headers["Content-Type"].startswith(
            "text/plain; version=0.0.4")
        told = {}
        for line in reply.text.splitlines():
            if not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                assert re.fullmatch(r'[a-z_]+(\{[a-z]+="[\w.]+"\})?', name)
                assert name not in told
                told[name] = int(value)
        for name in {re.sub(r"\{.*", "", n) for n in told}:
            assert reply.text.count(f"# TYPE {name} ") == 1
            assert reply.text.count(f"# HELP {name} ") == 1
        return told

    def token(self):
        return re.search(r'name="token" value="([0-9a-f]{64})"',
                         self.ask().text)[1]

    def retry(self, token=None, **fields):
        return self.ask("/retry", "POST", urllib.parse.urlencode(
            {"token": self.token() if token is None else token, **fields}))


def figures(page):
    """The numbers at the top, by their names."""
    words = page.text
    return {name: int(value.replace(",", "")) for name, value in re.findall(
        r"(Waiting|Sent in the last minute|Dead|Dropped|Orders without "
        r"events) ([\d,]+)", words)}


def buy(shop, **fields):
    visitor = shop.visitor()
    fill_cart(visitor, shop, [("WINNIEPOOH", 2)])
    return order_of(checkout(visitor, **fields))


def fill(shop):
    """Waiting, retried, dead and sent events, of different ages."""
    now = int(time.time())
    with Feeder(shop) as feed:
        feed.add("sent", 40)
        feed.do(f"UPDATE klaviyo_outbox SET due_at = NULL, sent_at = {now},"
                f" created_at = {now - 45}, profile = '', event = ''")
        feed.add("waits", 3)
        feed.add("late", 2)
        feed.do("UPDATE klaviyo_outbox SET created_at = created_at - 2400,"
                " attempts = 4, error = '503 try later' WHERE id LIKE '%late%'")
        feed.add("bad", 2)
        said = REFUSED.replace("'", "''")
        feed.do("UPDATE klaviyo_outbox SET due_at = NULL, attempts = 1,"
                f" error = '{said}' WHERE id LIKE '%bad%'")
        feed.add("bad<script>alert(1)</script>", 1)
        feed.do("UPDATE klaviyo_outbox SET due_at = NULL, error = 'x'"
                " WHERE id LIKE '%<script>%'")


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_the_page_and_the_metrics(engine):
    with Shop("nginx", sandbox=True, engine=engine) as shop:
        desk = Desk(shop)
        page = desk.page()
        assert "Nobody delivers" in page.text
        assert "has refused no event" in page.text
        order = buy(shop)
        shop.start_worker()
        shop.wait_delivered(2)
        page = wait_for(lambda: "All is well" in desk.page().text and
                        desk.page(), "all to be well")
        assert figures(page)["Dead"] == 0
        told = desk.metrics()
        assert told["klaviyo_sender_up"] == 1
        assert told['klaviyo_outbox_events{state="sent"}'] == 2
        assert told["storefront_orders_without_events"] == 0
        shop.end("worker")

        # The page's spans of five minutes: all is seen in the one it was sent.
        wait_for(lambda: time.time() % 300 < 290, "the span to end")
        fill(shop)
        execute(shop, "DELETE FROM klaviyo_outbox WHERE id = "
                      f"'Placed Order/{order}'")
        page = desk.page()
        assert figures(page) == {
            "Waiting": 5, "Sent in the last minute": 41, "Dead": 3,
            "Dropped": 0, "Orders without events": 1}
        for words in ("3 events were refused for good", "Nobody delivers",
                      "1 order has no event", "waiting for 40 min",
                      "503 try later", REFUSED, order,
                      "bad1@klaviyo-demo.com", '"OrderId": "bad0"'):
            assert words in page.text, words
        # Text stays text.
        assert "<b>Klaviyo's" not in page.reply.text
        assert "<script>alert" not in page.reply.text
        told = desk.metrics()
        assert told['klaviyo_outbox_events{state="waiting"}'] == 5
        assert told['klaviyo_outbox_events{state="dead"}'] == 3
        assert told["klaviyo_sender_up"] == 0
        assert 2400 <= told[
            'klaviyo_outbox_oldest_age_seconds{lane="realtime"}'] < 4000
        assert told["storefront_orders_without_events"] == 1
        # 45 s is what the sent ones took: a bar, and its words.
        assert "Slowest delivery: now 45 s, at most 45 s" in page.reply.text
        assert page.reply.text.count("<rect") >= 3


def test_dead_letters_are_tried_again():
    with Shop("direct", serve=False) as shop:
        desk = Desk(shop)
        fill(shop)
        dead = "due_at IS NULL AND sent_at IS NULL"
        count = f"SELECT COUNT(*) FROM klaviyo_outbox WHERE {dead}"
        assert rows(shop, count) == [(3,)]
        reply = desk.retry(id="Placed Order/bad1")
        assert reply.status == 303
        assert reply.headers["Location"] == "/?tried=1"
        assert rows(shop, count) == [(2,)]
        assert "1 to be tried again" in desk.ask("/?tried=1").text
        assert desk.retry(id="Placed Order/bad1", all="1").status == 400
        assert desk.retry().status == 400
        assert desk.retry(id="x" * 2000).status == 400
        assert desk.retry(token="", all="1").status == 403
        assert desk.retry(token="0" * 64, all="1").status == 403
        assert rows(shop, count) == [(2,)]
        assert desk.retry(all="1").status == 303
        assert rows(shop, count) == [(0,)]
        log = shop.log("status")
        assert "tried again (Placed Order/bad1)" in log
        assert "klaviyo-demo.com" not in log


def test_who_may_see_it():
    with Shop("nginx") as shop:
        desk = Desk(shop)
        path = shop.path("storefront.password")
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        assert len(desk.password) == 24
        for user, password in ((None, None), ("operator", ""),
                               ("operator", desk.password[:-1]),
                               ("operator", desk.password + "x"),
                               ("root", desk.password), ("", desk.password)):
            for method, target in (("GET", "/"), ("GET", "/metrics"),
                                   ("POST", "/retry"), ("GET", "/status.css"),
                                   ("GET", "/nowhere")):
                reply = desk.ask(target, method, user=user, password=password)
                assert reply.status == 401, (user, method, target)
                assert reply.headers["WWW-Authenticate"].startswith("Basic")
                assert desk.password not in reply.text
        for target, method, status in (
                ("/nowhere", "GET", 404), ("/retry", "GET", 404),
                ("/", "POST", 405), ("/", "PUT", 405), ("/", "HEAD", 200),
                ("/status.js", "GET", 200)):
            reply = desk.ask(target, method)
            assert reply.status == status, (target, method)
            assert reply.headers["Cache-Control"] == "no-store"
        policy = desk.ask().headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
        # Of the shop's own addresses none leads there.
        for target in ("/status", "/metrics", "/retry"):
            assert shop.get(target).status == 404
        assert "confined" in shop.log("status")


def test_it_says_what_is_wrong():
    with Shop("direct", serve=False) as shop:
        done = shop.run("status", "now", check=False)
        assert done.returncode == 2 and "outbox status" in done.stderr
        for text, words in (("short\n", "16 to 200"), ("", "16 to 200"),
                            ("x" * 300, "16 to 200")):
            shop.write("weak", text)
            done = shop.run("status", check=False, env={
                "STOREFRONT_STATUS_PASSWORD_FILE": shop.path("weak")})
            assert done.returncode == 1 and words in done.stderr
        done = shop.run("status", check=False, env={
            "STOREFRONT_STATUS_PASSWORD_FILE": shop.path("none")})
        assert done.returncode == 1 and "storefront init" in done.stderr
        desk = Desk(shop)
        done = shop.run("status", check=False, env={
            "STOREFRONT_STATUS_LISTEN": f"127.0.0.1:{desk.port}"})
        assert done.returncode == 1
        assert "STOREFRONT_STATUS_LISTEN" in done.stderr
        done = shop.run("status", check=False, env={
            "STOREFRONT_STATUS_LISTEN": "0.0.0.0:1"})
        assert done.returncode == 2
        # init does not write over a password.
        shop.run("init")
        assert open(shop.path("storefront.password")).read().strip() == \
            desk.password
        assert shop.end("status") == 0
