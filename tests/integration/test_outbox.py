"""`storefront outbox` and the one active sender, as an operator meets them."""
import json
import re
import socket
import time
import urllib.request

import pytest

from harness import Shop, wait_for
from shop_kit import checkout, execute, fill_cart, order_of, rows


def status(shop, *args, code=0):
    run = shop.run("outbox", "status", "--json", *args, check=False)
    assert run.returncode == code, run.stderr
    return json.loads(run.stdout), run.stderr


def buy(shop, **fields):
    visitor = shop.visitor()
    fill_cart(visitor, shop, [("WINNIEPOOH", 2)])
    return order_of(checkout(visitor, **fields))


def received(shop):
    with urllib.request.urlopen(shop.sandbox_url
                                + "/sandbox/events?after=0") as reply:
        return json.load(reply)["events"]


def age(shop, seconds):
    """As if the orders had been queued so long ago."""
    execute(shop, "UPDATE klaviyo_outbox SET created_at = created_at - "
                 f"{seconds}")


def test_status_for_people_and_monitors():
    with Shop("nginx", sandbox=True) as shop:
        told, _ = status(shop)
        assert told["waiting"] == 0 and told["sender"] == ""
        order = buy(shop)
        told, _ = status(shop)
        assert told["waiting"] == 2 and told["oldest"] == \
            told["oldest_realtime"] > 0
        # Older than the abandoned-cart mail may find it: an alarm.
        age(shop, 31 * 60)
        told, words = status(shop, code=1)
        assert told["oldest_realtime_age"] >= 31 * 60
        assert "30 min" in words and "no worker is running" in words
        assert order not in words
        status(shop, "--max-age", "32", code=0)
        # History may take its time.
        execute(shop, "UPDATE klaviyo_outbox SET lane = 1")
        assert status(shop)[0]["oldest_realtime"] == 0
        execute(shop, "UPDATE klaviyo_outbox SET lane = 0")
        shop.start_worker()
        shop.wait_delivered(2)
        told, _ = status(shop)
        assert told["sent"] == told["sent_last_minute"] == 2
        assert re.fullmatch(r".+ pid \d+", told["sender"])
        assert 0 <= told["now"] - told["heartbeat"] < 60
        text = shop.run("outbox", "status").stdout
        assert "sent     2" in text and "sending: " + told["sender"] in text
        # One that ends as it should leaves at once.
        shop.end("worker")
        assert status(shop)[0]["sender"] == ""
        assert "nobody" in shop.run("outbox", "status").stdout


def test_drop_erase_prune():
    with Shop("nginx", sandbox=True) as shop:
        first, second = buy(shop), buy(shop, email="bert@klaviyo-demo.com")
        text = shop.run("outbox", "drop", f"Ordered Product/{first}:1").stdout
        assert "1 dropped" in text
        assert "2 emptied" in shop.run(
            "outbox", "erase", "BERT@klaviyo-demo.com", "c17").stdout
        assert not rows(shop, "SELECT 1 FROM klaviyo_outbox WHERE profile "
                        "LIKE '%bert@%' OR event LIKE '%bert@%'")
        assert len(shop.run("outbox", "list", "dropped").stdout.split(
            "dropped")) == 4
        shop.start_worker()
        shop.wait_delivered(1)
        told, _ = status(shop)
        assert (told["sent"], told["dropped"]) == (1, 3)
        assert [e["metric"] for e in received(shop)] == ["Placed Order"]
        shop.end("worker")  # it prunes, too
        age(shop, 500 * 86400)
        execute(shop, "UPDATE klaviyo_outbox SET sent_at = sent_at - "
                     "500 * 86400 WHERE sent_at IS NOT NULL")
        assert "4 ids" in shop.run("outbox", "prune").stdout
        assert second and not rows(shop, "SELECT 1 FROM klaviyo_outbox")


def test_the_worker_prunes_by_itself():
    with Shop("nginx", sandbox=True) as shop:
        execute(
            shop, "INSERT INTO klaviyo_outbox (id, kind, lane, profile, event,"
            " created_at, sent_at) VALUES ('A/1', 'event', 0, '', '', 1, 1)")
        shop.start_worker()
        wait_for(lambda: not rows(shop, "SELECT 1 FROM klaviyo_outbox"),
                 "the worker to delete an old id")
        shop.end("worker")
        # So does the cron batch, where there is nothing else.
        execute(
            shop, "INSERT INTO klaviyo_outbox (id, kind, lane, profile, event,"
            " created_at, sent_at) VALUES ('A/1', 'event', 0, '', '', 1, 1)")
        shop.run("worker", "--once", secrets=True)
        assert not rows(shop, "SELECT 1 FROM klaviyo_outbox")


def test_odd_ids_and_words():
    """What others wrote moves no cursor and makes no line of its own."""
    with Shop(serve=False) as shop:
        odd = "A/\x1b[2J'; --\nB/\u009b2J\u00fc"
        for i, name in enumerate((odd, "C/1")):
            execute(shop, "INSERT INTO klaviyo_outbox (id, kind, lane, "
                    "profile, event, created_at, error) VALUES ('"
                    + name.replace("'", "''") + "', 'event', 0, '{}', '{}', "
                    + str(i) + ", 'so\x1b[1m\nit is')")
        lines = shop.run("outbox", "list", "dead").stdout.split("\n")
        assert len(lines) == 5 and not any(
            ord(c) < 32 or 127 <= ord(c) < 160 for c in "".join(lines))
        assert lines[0].endswith("A/?[2J'; --?B/?2J\u00fc")
        assert "event:   {}" in shop.run("outbox", "show", odd).stdout
        assert "1 dropped" in shop.run("outbox", "drop", odd).stdout


def test_rows_that_are_no_events():
    """They are listed as all are; shown, they say what they are."""
    with Shop(serve=False) as shop:
        for at, (name, kind, event) in enumerate((
                ("Updated Email/c7:1", "email",
                 '{"email":"new@klaviyo-demo.com"}'),
                ("Reset Password/r1", "reset", '{"properties":{}}'),
                ("Wrote Review/1", "event", '{"properties":{}}'))):
            execute(
                shop, "INSERT INTO klaviyo_outbox (id, kind, lane, profile, "
                f"event, created_at, due_at) VALUES ('{name}', '{kind}', 0, "
                "'{\"type\":\"profile\",\"attributes\":{\"email\":"
                f"\"a{at}@klaviyo-demo.com\"}}}}', '{event}', {at}, {at})")
            text = shop.run("outbox", "show", name).stdout
            assert f"event:   {event}\n" in text
            assert ("kind:    " + kind in text) == (kind != "event")
        listed = shop.run("outbox", "list", "waiting").stdout.split("\n")
        assert [line.split("  ")[-1] for line in listed if line] == [
            "Updated Email/c7:1", "Reset Password/r1", "Wrote Review/1"]
        assert "1 emptied" in shop.run(
            "outbox", "erase", "New@klaviyo-demo.com").stdout
        assert "1 emptied" in shop.run(
            "outbox", "erase", "a1@klaviyo-demo.com").stdout
        assert "body was emptied" in shop.run(
            "outbox", "show", "Updated Email/c7:1").stdout


def test_a_clock_that_was_ahead():
    """No negative age, no alarm that never ends."""
    with Shop(serve=False) as shop:
        execute(
            shop, "INSERT INTO klaviyo_outbox (id, kind, lane, profile, event,"
            " created_at, due_at) VALUES ('A/1', 'event', 0, '{}', '{}',"
            " 4000000000, 4000000000)")
        told, _ = status(shop, "--max-age", "0")
        assert told["oldest_age"] == told["oldest_realtime_age"] == 0
        assert told["oldest"] == 4000000000
        run = shop.run("worker", "--dry-run", secrets=True)
        assert run.stdout.startswith("1 due")


@pytest.mark.parametrize("args", [
    ("status", "--max-age"), ("status", "--max-age", "x"), ("drop",),
    ("erase",), ("prune", "--days", "-1"), ("prune", "7"), ("list", "x"),
    ("retry", "--dead"), ("drop", "--all"), ("show", "--json"),
    ("erase", "+1 500 555 0006"), ("erase", "a@klaviyo-demo.com", "")])
def test_wrong_calls(args, idle_shop):
    run = idle_shop.run("outbox", *args, check=False)
    assert run.returncode == 2 and "outbox takes" in run.stderr


@pytest.mark.parametrize("args", [("drop", "x/1"), ("retry", "x/1")])
def test_no_such_event(args, idle_shop):
    run = idle_shop.run("outbox", *args, check=False)
    assert run.returncode == 1 and "x/1" in run.stderr


@pytest.fixture(scope="module")
def idle_shop():
    with Shop(serve=False) as shop:
        yield shop


def test_a_full_queue_refuses_browsing_never_orders():
    """The bound's own rules are unit tests; here: orders go on beyond it, and
    the setting is read."""
    with Shop("nginx", env={"KLAVIYO_OUTBOX_LIMIT": "3"}) as shop:
        for _ in range(4):
            buy(shop)
        told, _ = status(shop)
        assert told["waiting"] == 8 and told["refused"] == 0
        run = shop.run("doctor", env={"KLAVIYO_OUTBOX_LIMIT": "0"},
                       check=False)
        assert "WRONG" in run.stdout and "number of events" in run.stdout


def test_standing_by_and_taking_over():
    """Two workers: one sends.  It is killed: the other sends at once, for it
    sees that the process is gone."""
    with Shop("nginx", sandbox=True, worker=True) as shop:
        buy(shop)
        shop.wait_delivered(2)
        first = status(shop)[0]["sender"]
        assert first.endswith(f"pid {shop.programs['worker'].pid}")
        second = shop.start_worker("worker2")
        wait_for(lambda: "stands by" in shop.log("worker2"),
                 "the second worker to stand by")
        buy(shop)
        shop.wait_delivered(4)
        assert status(shop)[0]["sender"] == first
        shop.kill("worker")
        buy(shop)
        shop.wait_delivered(6)
        assert status(shop)[0]["sender"].endswith(f"pid {second.pid}")
        # A cron batch beside it has nothing to do, whatever waits.
        execute(
            shop, "INSERT INTO klaviyo_outbox (id, kind, lane, profile, event,"
            " created_at, due_at) VALUES ('A/1', 'event', 0, '{}', '{}', 1, "
            + str(int(time.time()) + 3000) + ")")
        once = shop.run("worker", "--once", secrets=True, check=False)
        assert once.returncode == 0 and "stands by" in once.stdout
        assert "1 waiting" in once.stdout
        assert len(received(shop)) == 6


def test_a_worker_without_network_lets_another_try():
    with Shop("nginx", sandbox=True) as shop:
        # A port that is bound, and that nobody listens on.
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            shop.start_worker("cut", env={
                "KLAVIYO_API_URL":
                f"http://127.0.0.1:{nobody.getsockname()[1]}"})
            wait_for(lambda: status(shop)[0]["sender"] != "",
                     "the worker to hold the lease")
            shop.start_worker("well")
            wait_for(lambda: "stands by" in shop.log("well"),
                     "the other worker to stand by")
            buy(shop)
            shop.wait_delivered(2)
            assert "cannot be reached" in shop.log("cut")
            assert status(shop)[0]["sender"].endswith(
                f"pid {shop.programs['well'].pid}")


def test_a_shop_of_the_version_before():
    with Shop("nginx", sandbox=True) as shop:
        buy(shop)
        execute(shop, "DROP TABLE klaviyo_lease")
        execute(shop, "DROP TABLE klaviyo_bound")
        for column in ("about", "held"):
            execute(shop, f"DROP INDEX klaviyo_outbox_{column}")
        for column in ("about", "held_by"):
            execute(shop, f"ALTER TABLE klaviyo_outbox DROP COLUMN {column}")
        execute(shop, "UPDATE meta SET value = '1' WHERE name = 'schema'")
        run = shop.run("outbox", "status", check=False)
        assert run.returncode == 1 and "storefront init" in run.stderr
        shop.run("init")
        assert "waiting  2" in shop.run("outbox", "status").stdout
        shop.start_worker()
        shop.wait_delivered(2)
        execute(shop, "UPDATE meta SET value = '99' WHERE name = 'schema'")
        for command in (("init",), ("outbox", "status")):
            run = shop.run(*command, check=False)
            assert run.returncode == 1 and "newer" in run.stderr
