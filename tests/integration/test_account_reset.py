"""A forgotten password: what the link does, to whom it goes, and when it is over."""
import concurrent.futures
import json
import os
import time
import urllib.request

import pytest

from account_kit import (NEW, PASSWORD, Client, account_id, address, ask,
                         customer, forgot, login, reset_token,
                         save, wrong)
from harness import PUBLIC_KEY, Shop, wait_for
from shop_kit import Page, check_page, execute, rows

pytestmark = pytest.mark.usefixtures("no_throttle")


# ----------------------------------------------------------- forgotten passwords

def choose(visitor, path, password=NEW, status=200):
    page = visitor.get(path)
    assert page.status == 200, page
    reply = visitor.submit("/account/reset", password=password)
    assert reply.status == status, reply
    return reply


def test_reset(shop):
    visitor, email = customer(shop)
    forgot(shop.visitor(), email)
    path = "/account/reset/" + reset_token(shop, email)
    fresh = shop.visitor()
    reply = fresh.get(path)
    check_page(reply)
    assert reply.header("referrer-policy") == "no-referrer"
    assert reply.header("cache-control") == "private, no-store"
    choose(fresh, path)
    assert fresh.path == "/account/login?done=reset"
    assert "new password is set" in Page(fresh.page).text
    # All logins are over.
    assert visitor.get("/account", follow=False).status == 303
    wrong(shop.visitor(), email, password=PASSWORD)
    login(fresh, email, NEW)
    # It works once; and the page that says so is as quiet.
    gone = fresh.get(path)
    assert gone.status == 410
    assert gone.header("referrer-policy") == "no-referrer"
    assert PUBLIC_KEY not in gone.text
    account = account_id(shop, email)
    told, = rows(shop, "SELECT event FROM klaviyo_outbox WHERE id LIKE ?",
                 f"Updated Account/{account}:%")
    assert '"UpdatedProperties":["Password"]' in told[0]


def test_a_browser_that_does_not_say_where_it_is(shop):
    """The link's page has no referrer, so its form has the origin "null"; where
    there is no Sec-Fetch-Site either, the token is enough."""
    for headers in ({"Origin": "null", "Sec-Fetch-Site": ""},
                    {"Origin": "", "Sec-Fetch-Site": ""}):
        email, path = ask(shop)
        visitor = shop.visitor()
        visitor.get(path)
        form = {**visitor.form("/account/reset"), "password": NEW}
        assert visitor.post("/account/reset", {**form, "token": "x"},
                            headers=headers, follow=False).status == 403
        assert visitor.post("/account/reset", form, headers=headers,
                            follow=False).status == 303
        login(visitor, email, NEW)


def test_two_at_once_with_one_link(shop):
    for _ in range(3):
        email, path = ask(shop)
        visitors = [Client(shop) for _ in range(2)]
        for visitor in visitors:
            assert visitor.get(path).status == 200

        def send(n):
            return visitors[n].submit("/account/reset",
                                      password=f"{NEW} {n}")
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            states = [a.status for a in pool.map(send, range(2))]
        assert sorted(states) == [200, 410]
        login(Client(shop), email, f"{NEW} {states.index(200)}")
        wrong(Client(shop), email, password=f"{NEW} {states.index(410)}")


def test_a_link_has_its_time(shop):
    email, path = ask(shop)
    visitor = shop.visitor()
    visitor.get(path)
    created, expires = rows(
        shop, "SELECT created_at, expires_at FROM reset_request WHERE "
        "account = ?", account_id(shop, email))[0]
    assert 30 * 60 <= expires - created <= 60 * 60
    # The row says so ..
    execute(shop, "UPDATE reset_request SET expires_at = ? WHERE account = ?",
            int(time.time()) - 1, account_id(shop, email))
    assert visitor.submit("/account/reset", password=NEW).status == 410
    # .. and so does the token itself.
    old = "/account/reset/" + reset_token(shop, email)
    execute(shop, "UPDATE reset_request SET expires_at = ? WHERE account = ?",
            int(time.time()) + 1000, account_id(shop, email))
    assert shop.get(old).status == 410
    login(shop.visitor(), email)


def test_a_link_ends_with_another_change(shop):
    for page, fields in (("password", {"new_password": NEW}),
                         ("email", {"email": address()})):
        visitor, email = customer(shop)
        forgot(shop.visitor(), email)
        path = "/account/reset/" + reset_token(shop, email)
        assert shop.get(path).status == 200
        assert save(visitor, page, password=PASSWORD, **fields).status == 200
        assert shop.get(path).status == 410


def test_other_links_end_with_a_reset(shop):
    email, first = ask(shop)
    execute(shop, "UPDATE reset_request SET created_at = created_at - 5")
    forgot(Client(shop), email)
    second = "/account/reset/" + reset_token(shop, email)
    assert first != second
    choose(shop.visitor(), first)
    assert shop.get(second).status == 410


def test_no_link_can_be_made_up(shop):
    email, path = ask(shop)
    for i in range(len("/account/reset/"), len(path)):
        other = "b" if path[i] != "b" else "c"
        changed = path[:i] + other + path[i + 1:]
        assert shop.get(changed).status in (404, 410), changed
    for path in ("/account/reset/x", "/account/reset/" + "x" * 300,
                 "/account/reset/a.b.c", "/account/reset/.."):
        assert shop.get(path).status in (400, 404, 410), path


def test_a_weak_new_password_does_not_use_up_the_link(shop):
    email, path = ask(shop)
    visitor = shop.visitor()
    choose(visitor, path, "short", 422)
    choose(visitor, path)
    login(shop.visitor(), email, NEW)


def test_an_unknown_address_gets_no_link(shop):
    forgot(shop.visitor(), address())
    execute(shop, "UPDATE reset_request SET created_at = 1 "
            "WHERE account IS NULL")
    id, expires = rows(shop, "SELECT id, expires_at FROM reset_request "
                       "WHERE account IS NULL")[0]
    assert not rows(shop, "SELECT 1 FROM klaviyo_outbox WHERE id = ?",
                    f"Reset Password/{id}")


def test_no_token_in_any_row(shop):
    email, path = ask(shop)
    mac = path.rpartition(".")[2]
    assert len(mac) == 22
    tables = [t for t, in rows(
        shop, "SELECT table_name FROM information_schema.tables WHERE "
        "table_schema = 'public'" if shop.engine == "postgresql" else
        "SELECT name FROM sqlite_schema WHERE type = 'table'")]
    for table in tables:
        assert mac not in repr(rows(shop, f"SELECT * FROM {table}")), table


# --------------------------------------------------- the link, when it is sent

def state(shop):
    with urllib.request.urlopen(shop.sandbox_url + "/sandbox/state") as f:
        return json.load(f)


def links(shop):
    """What the sandbox was given as links, in order."""
    return [e["attributes"]["properties"]["PasswordResetLink"]
            for e in state(shop)["events"] if e["metric"] == "Reset Password"]


def test_the_link_is_made_when_it_is_sent():
    with Shop("nginx", sandbox=True, worker=True) as shop:
        _, email = customer(shop)
        visitor = shop.visitor()
        visitor.get("/account/forgot")
        visitor.post("/account/forgot", {
            **visitor.form("/account/forgot"), "email": email},
            headers={"Host": "evil.example"})
        wait_for(lambda: links(shop), "the link")
        link, = links(shop)
        token = reset_token(shop, email)
        assert link == f"{shop.url}/account/reset/{token}"
        choose(shop.visitor(), link[len(shop.url):])
        login(shop.visitor(), email, NEW)
        secret = token.rpartition(".")[2]
        for name in os.listdir(shop.dir):
            path = shop.path(name)
            if os.path.isfile(path) and name != "sandbox.log":
                with open(path, "rb") as f:
                    assert secret.encode() not in f.read(), name
        if shop.engine == "postgresql":
            for table in ("klaviyo_outbox", "reset_request"):
                assert secret not in repr(rows(
                    shop, f"SELECT * FROM {table}"))


def test_a_link_that_is_over_is_not_sent():
    """Expired, or made useless, before there was somebody to send it."""
    with Shop("nginx", sandbox=True) as shop:
        visitor, email = customer(shop)
        forgot(Client(shop), email)
        save(visitor, "password", password=PASSWORD, new_password=NEW)
        visitor, other = customer(shop)
        forgot(Client(shop), other)
        execute(shop, "UPDATE reset_request SET expires_at = created_at - 1 "
                "WHERE account = ?", account_id(shop, other))
        _, third = customer(shop)
        forgot(Client(shop), third)
        shop.run("worker", "--once")
        assert [link.rpartition("/")[2] for link in links(shop)] == \
            [reset_token(shop, third)]


def test_without_the_secret_links_wait():
    """All else goes; the worker says what is missing."""
    with Shop("nginx", sandbox=True) as shop:
        _, email = customer(shop)
        forgot(Client(shop), email)
        away = {"STOREFRONT_SECRET_FILE": shop.path("nowhere")}
        run = shop.run("worker", "--once", env=away, check=False)
        assert "password resets wait" in run.stderr
        assert "STOREFRONT_SECRET_FILE" in run.stderr
        metrics = [e["metric"] for e in state(shop)["events"]]
        assert metrics == ["Created Account"]
        assert "secret file" in shop.run(
            "doctor", env=away, check=False).stdout
        shop.run("outbox", "retry", "--all")
        shop.run("worker", "--once")
        assert len(links(shop)) == 1
