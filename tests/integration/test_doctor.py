"""`storefront doctor`: each finding is provoked, and seen in one line."""
import datetime
import json
import os
import re
import shutil
import time
import urllib.request

import pytest

from clock import LIBRARY
from harness import PATIENCE, PRIVATE_KEY, PUBLIC_KEY, TREE, Shop
from shop_kit import state


@pytest.fixture(scope="module")
def shop():
    with Shop(serve=False) as shop:
        shop.start_sandbox(["--public-key", PUBLIC_KEY])
        yield shop


def doctor(shop, *options, code=None, secrets=True, **env):
    """The lines below the settings: [(word, what, why)]"""
    run = shop.run("doctor", *options, check=False, secrets=secrets, env=env)
    assert run.returncode in (0, 1) and run.stderr == "", run
    lines = [re.fullmatch(r"(ok   |WRONG|note ) "
                          r"(scope \w+:\w+|[^:]+)(?:: (.*))?", line)
             for line in run.stdout.split("\n\n", 1)[1].splitlines()]
    assert all(lines), run.stdout
    found = [(m[1].strip(), m[2], m[3] or "") for m in lines]
    wrong = any(word == "WRONG" for word, _, _ in found)
    assert run.returncode == (1 if wrong else 0)
    assert code is None or run.returncode == code, run.stdout
    return found


def told(found, word, what):
    """What is said under this word; there is one such line."""
    why, = [w for a, b, w in found if (a, b) == (word, what)]
    return why


def fault(shop, spec):
    urllib.request.urlopen(shop.sandbox_url + "/sandbox/fault",
                           spec.encode(), timeout=PATIENCE).read()


def events_and_people(shop):
    """What the sandbox has taken in."""
    with urllib.request.urlopen(shop.sandbox_url + "/sandbox/state",
                                timeout=PATIENCE) as reply:
        state = json.load(reply)
    return state["events"] + state["profiles"]


CHECKS = ["templates", "secret file", "private key file", "socket directory",
          "clock", "currency", "outbox", "revision", "Klaviyo answers",
          "Klaviyo's clock", "keys", "scope events:write",
          "scope profiles:write", "scope subscriptions:write",
          "scope catalogs:write", "scope profiles:read", "scope metrics:read",
          "scope events:read", "scope catalogs:read"]


def test_a_healthy_shop(shop):
    before = state(shop)
    found = doctor(shop, code=0)
    ok = [what for word, what, _ in found if word == "ok"]
    assert set(CHECKS) <= set(ok), found
    assert any(what.startswith(("SQLite 3", "PostgreSQL 1")) for what in ok)
    if shop.engine == "sqlite":
        assert {"database file", "database directory"} <= set(ok)
    assert [what for word, what, _ in found if word == "note"] == []
    # Nothing is written: not here, and not there, though writing is asked for.
    assert state(shop) == before
    assert not events_and_people(shop)
    # Nobody is asked, and it says so.
    found = doctor(shop, "--offline", code=0)
    assert "not asked" in told(found, "note", "Klaviyo")
    assert "keys" not in [what for _, what, _ in found]
    for wrong in (("--now",), ("--offline", "x")):
        run = shop.run("doctor", *wrong, check=False)
        assert run.returncode == 2 and "--offline" in run.stderr


def modes(shop):
    yield "secret file", shop.path("secret"), 0o644, "chmod 0600"
    yield "private key file", shop.path("private.key"), 0o440, "chmod 0400"
    if shop.engine == "sqlite":
        yield "database file", shop.db, 0o640, "chmod 0600"
    yield "socket directory", shop.dir, 0o777, "chmod o-w"
    if shop.engine == "sqlite":
        yield "database directory", shop.dir, 0o777, "chmod o-w"


def test_files(shop):
    for what, path, mode, advice in modes(shop):
        had = os.stat(path).st_mode & 0o777
        os.chmod(path, mode)
        try:
            assert advice in told(doctor(shop, "--offline", code=1), "WRONG",
                                  what)
        finally:
            os.chmod(path, had)
    found = doctor(shop, "--offline", code=1,
                   STOREFRONT_SECRET_FILE=shop.path("none"),
                   STOREFRONT_TEMPLATES=shop.path("none"))
    assert "none" in told(found, "WRONG", "secret file")
    assert "none" in told(found, "WRONG", "templates")
    found = doctor(shop, "--offline", code=0,
                   STOREFRONT_LISTEN="unix:/nowhere/at/all.sock")
    assert "/nowhere/at is not there" in told(found, "note",
                                              "socket directory")


def test_each_template_is_needed(shop):
    """Without it a page would fail when somebody comes to it."""
    pages = shop.path("pages")
    shutil.copytree(os.path.join(TREE, "templates"), pages)
    names = [os.path.relpath(os.path.join(where, name), pages)
             for where, _, files in os.walk(pages) for name in files]
    assert len(names) > 20
    for name in names:
        os.rename(os.path.join(pages, name), shop.path("away"))
        why = told(doctor(shop, "--offline", code=1,
                          STOREFRONT_TEMPLATES=pages), "WRONG", "templates")
        os.rename(shop.path("away"), os.path.join(pages, name))
        assert why.startswith(f"{pages}/{name}: not there") and "copy" in why
    assert ("ok", "templates", "") in doctor(shop, "--offline",
                                             STOREFRONT_TEMPLATES=pages)
    # And broken, it is named, with the line.
    with open(os.path.join(pages, "product.tpl"), "a") as file:
        file.write('<a formaction="{{TITLE}}">x</a>')
    why = told(doctor(shop, "--offline", code=1, STOREFRONT_TEMPLATES=pages),
               "WRONG", "templates")
    assert re.match(r"product\.tpl:\d+: ", why), why
    shutil.rmtree(pages)


def test_the_database(shop):
    found = doctor(shop, "--offline", code=1, STOREFRONT_DB=shop.path("no.db"))
    assert "no.db" in told(found, "WRONG", "database")
    assert told(found, "note", "clock, outbox") == "not checked without it"
    assert ("ok", "revision", "") in found  # the others run


def test_keys(shop):
    found = doctor(shop, secrets=False, code=1)
    assert "is not set" in told(found, "WRONG", "private key file")
    assert "not asked without the private key" in told(found, "note",
                                                       "Klaviyo")
    assert ("ok", "outbox", "") in found
    found = doctor(shop, code=1, KLAVIYO_PUBLIC_KEY="XYZ789")
    assert f"account {PUBLIC_KEY}, and KLAVIYO_PUBLIC_KEY is XYZ789" in told(
        found, "WRONG", "keys")
    found = doctor(shop, code=0, KLAVIYO_PUBLIC_KEY="")
    assert "pages carry no tracking" in told(found, "note", "public key")
    assert PUBLIC_KEY in told(found, "note", "keys")
    # A key that Klaviyo does not know.
    url = shop.env["KLAVIYO_API_URL"]
    shop.end("sandbox")
    shop.start_sandbox(["--private-key", "pk_another"])
    try:
        found = doctor(shop, code=1)
        assert "401" in told(found, "WRONG", "Klaviyo")
        assert told(found, "note", "keys, scopes") == "not checked"
        assert "pk_" not in str(found)
    finally:
        shop.end("sandbox")
        assert url  # another port from here on
        shop.start_sandbox(["--public-key", PUBLIC_KEY])


def test_a_file_that_holds_no_key(shop):
    """One clear line, and no ok: the worker could not deliver with it."""
    def why(text, mode=0o400, **env):
        path = shop.write("other.key", text, mode)
        try:
            found = doctor(shop, code=1, KLAVIYO_PRIVATE_KEY_FILE=path, **env)
            # What the worker says is the same.
            run = shop.run("worker", "--once", check=False, env={
                "KLAVIYO_PRIVATE_KEY_FILE": path, **env})
            said = told(found, "WRONG", "Klaviyo")
            assert run.returncode == 1
            assert said == "not asked: " + run.stderr.strip().split(": ", 1)[1]
            return said
        finally:
            os.unlink(path)
    for text, words in (("", "nothing in it"), ("\n \n", "nothing in it"),
                        (PUBLIC_KEY + "\n", "no private key in it"),
                        ("PK_" + PRIVATE_KEY[3:], "no private key in it"),
                        ("pk_" + "a" * 300, "no private key in it")):
        said = why(text)
        assert words in said and "Settings > API keys" in said, said
        assert "KLAVIYO_PRIVATE_KEY_FILE" in said
        assert text.strip() == "" or text.strip() not in said
    said = why(PRIVATE_KEY, KLAVIYO_CA_FILE=shop.path("no.pem"))
    assert "no.pem: No such file" in said and "KLAVIYO_CA_FILE" in said
    # Blanks and lines around it are no part of it.
    path = shop.write("other.key", f" \n{PRIVATE_KEY} \r\n\n", 0o400)
    doctor(shop, code=0, KLAVIYO_PRIVATE_KEY_FILE=path)
    os.unlink(path)
    found = doctor(shop, code=1, KLAVIYO_PRIVATE_KEY_FILE=shop.mkdir("keys"))
    assert told(found, "WRONG", "private key file").endswith("is no file")


def test_another_currency(shop):
    found = doctor(shop, "--offline", code=1, STOREFRONT_CURRENCY="EUR")
    why = told(found, "WRONG", "currency")
    assert "in USD since `storefront init`" in why and "set it to USD" in why
    run = shop.run("init", check=False, env={"STOREFRONT_CURRENCY": "EUR"})
    assert run.returncode == 1 and "set it to USD" in run.stderr


def test_scopes(shop):
    shop.end("sandbox")
    shop.start_sandbox(["--public-key", PUBLIC_KEY, "--scopes",
                        "events:write,profiles:write,metrics:read"])
    try:
        found = doctor(shop, code=1)
        assert "accounts:read" in told(found, "note", "keys")
        assert ("ok", "scope events:write", "") in found
        assert ("ok", "scope profiles:write", "") in found
        assert "or lists:write" in told(found, "WRONG",
                                        "scope subscriptions:write")
        assert "back in stock" in told(found, "WRONG", "scope catalogs:write")
        assert ("ok", "scope metrics:read", "") in found
        assert "change of address" in told(found, "WRONG",
                                           "scope profiles:read")
        assert "`reconcile`" in told(found, "note", "scope events:read")
        assert "`catalog push`" in told(found, "note", "scope catalogs:read")
        found = doctor(shop, code=1, KLAVIYO_CATALOG="api")
        assert "`catalog push`" in told(found, "WRONG", "scope catalogs:read")
        # Klaviyo's refusal of the body is no fault of the key's; any other
        # is told as it is.
        for status, word in ((422, "ok"), (500, "WRONG"), (415, "WRONG")):
            fault(shop, f"/api/events {status}")
            found = doctor(shop, code=1)
            assert [w for w, what, _ in found
                    if what == "scope events:write"] == [word], status
        # A key that may only read tells Klaviyo nothing.
        shop.end("sandbox")
        shop.start_sandbox(["--public-key", PUBLIC_KEY, "--scopes",
                            "accounts:read,profiles:read,catalogs:read"])
        found = doctor(shop, code=1)
        for scope in ("events", "profiles", "subscriptions", "catalogs"):
            why = told(found, "WRONG", f"scope {scope}:write")
            assert "make a new key with it" in why
    finally:
        shop.end("sandbox")
        shop.start_sandbox(["--public-key", PUBLIC_KEY])


def test_klaviyo_that_is_not_there(shop):
    begun = time.monotonic()
    found = doctor(shop, code=1, KLAVIYO_API_URL="http://127.0.0.1:9")
    assert "cannot be reached" in told(found, "WRONG", "Klaviyo")
    assert told(found, "note", "keys, scopes") == "not checked"
    assert ("ok", "outbox", "") in found
    # It is asked once; a doctor is waited for.
    assert time.monotonic() - begun < 30


def at(when):
    """The environment of a clock that shows another time."""
    return {"LD_PRELOAD": LIBRARY, "FAKETIME": when,
            "DONT_FAKE_MONOTONIC": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            # A sanitizer insists on being the first library.
            "ASAN_OPTIONS": ":".join(filter(None, (
                os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0")))}


@pytest.mark.parametrize("ahead", (3600, -3600))
def test_klaviyos_clock(shop, ahead):
    found = doctor(shop, code=1, **at(f"{ahead:+d}"))
    why = told(found, "WRONG", "Klaviyo's clock")
    seconds, way = re.match(r"this host's is (\d+) s (ahead|behind)",
                            why).groups()
    assert abs(int(seconds) - 3600) < 60
    assert way == ("ahead" if ahead > 0 else "behind")


def test_the_clock(shop):
    had = shop.query("SELECT id, changed_at FROM product LIMIT 1")[0]
    shop.execute("UPDATE product SET changed_at = changed_at + 100000 "
                 f"WHERE id = '{had[0]}'")
    try:
        found = doctor(shop, "--offline", code=1)
        assert "newest entry is" in told(found, "WRONG", "clock")
    finally:
        shop.execute(f"UPDATE product SET changed_at = {had[1]} "
                     f"WHERE id = '{had[0]}'")


def test_a_clock_of_long_ago(shop):
    found = doctor(shop, "--offline", code=1, **at("@1990-01-01 00:00:00"))
    assert "long past" in told(found, "WRONG", "clock")


def day(years=0, days=0):
    return (datetime.datetime.utcnow() - datetime.timedelta(
        days=365 * years - days)).strftime("%Y-%m-%d")


def test_the_revision(shop):
    def why(word, revision):
        return told(doctor(shop, "--offline", KLAVIYO_REVISION=revision),
                    word, "revision")
    assert why("ok", day(0.9)) == ""
    assert "deprecated" in why("note", day(1.1))
    assert "retired" in why("WRONG", day(2.1))
    assert "yet to come" in why("WRONG", day(days=3))
    assert "is no day" in why("WRONG", "2026-13-01")


def test_the_outbox(shop):
    now = int(time.time())
    insert = ("INSERT INTO klaviyo_outbox (id, kind, lane, profile, event, "
              "created_at, due_at) VALUES ('Placed Order/%s', 'event', %d, "
              "'{}', '{}', %d, %s)")
    try:
        # The past may wait as long as it takes.
        shop.execute(insert % ("h", 1, now - 7200, now))
        assert ("ok", "outbox", "") in doctor(shop, "--offline", code=0)
        shop.execute(insert % ("w", 0, now - 7200, now))
        why = told(doctor(shop, "--offline", code=1), "WRONG", "outbox")
        assert "waited for 120 min: nobody sends" in why
        shop.execute("DELETE FROM klaviyo_outbox")
        shop.execute(insert % ("d", 0, now, "NULL"))
        why = told(doctor(shop, "--offline", code=1), "WRONG", "outbox")
        assert "1 dead letters: `storefront outbox list dead`" in why
        shop.execute("DELETE FROM klaviyo_outbox")
        shop.execute(f"UPDATE klaviyo_sender SET paused_until = {now + 300}, "
                     "reason = 'HTTP 401: the key'")
        why = told(doctor(shop, "--offline", code=1), "WRONG", "outbox")
        assert re.match(r"paused for \d+ s: HTTP 401: the key", why)
        shop.execute("UPDATE klaviyo_sender SET paused_until = 0, "
                     "reason = ''")
        shop.execute("UPDATE klaviyo_bound SET refused = 7")
        found = doctor(shop, "--offline", code=0)
        assert "7 events were not queued" in told(found, "note", "outbox")
    finally:
        shop.execute("DELETE FROM klaviyo_outbox")
        shop.execute("UPDATE klaviyo_sender SET paused_until = 0, "
                     "reason = ''")
        shop.execute("UPDATE klaviyo_bound SET refused = 0")


def test_settings_first(shop):
    run = shop.run("doctor", check=False, env={"STOREFRONT_THREADS": "many"})
    assert run.returncode == 1
    assert "WRONG       must be a number" in run.stdout
    assert "templates" not in run.stdout.split("STOREFRONT_SECRET_FILE")[1]
