"""`storefront reconcile`: what Klaviyo does not hold of the shop's orders, and
how it gets there after all."""
import json
import os
import re
import subprocess
import time
import urllib.request

import pytest

from harness import SANITIZED, WRAP, Shop
from shop_kit import checkout, fill_cart, one, order_of, rows
from test_history import add_orders

COUNT = 40
HOUR = 3600
# From a whole page of Klaviyo's answers on.
FEW = ((1200, 3600) if os.environ.get("TEST_ENGINE") == "postgresql"
       else (1500, 6000))


def export(shop):
    with urllib.request.urlopen(shop.sandbox_url
                                + "/sandbox/export") as reply:
        return json.load(reply)["events"]


def held(shop):
    return sorted((e["metric"], e["unique_id"]) for e in export(shop))


def reconcile(shop, *options):
    """(exit code, the missing ones, what is said in sum)"""
    run = shop.run("reconcile", "--json", *options, check=False)
    assert run.returncode in (0, 1), run
    missing = [json.loads(line) for line in run.stdout.splitlines()]
    assert (run.returncode == 1) == bool(missing), run
    return missing, run.stderr


def names(missing):
    return sorted((m["metric"], m["unique_id"]) for m in missing)


def send(shop):
    shop.run("worker", "--once")


def age(shop, seconds):
    """It was sent that long ago."""
    shop.execute("UPDATE klaviyo_outbox SET sent_at = sent_at - "
                 f"{seconds} WHERE sent_at IS NOT NULL")


def forget(shop):
    """Klaviyo loses everything: another one answers there."""
    shop.end("sandbox")
    shop.start_sandbox(["--rate", "off"])


@pytest.fixture
def shop():
    with Shop("nginx", sandbox=["--rate", "off"]) as shop:
        model = add_orders(shop, COUNT)
        # Not of this minute: Klaviyo has had its time.
        shop.execute(f"UPDATE orders SET time = time - {HOUR}")
        shop.execute("DELETE FROM klaviyo_outbox")
        shop.model = model
        yield shop


def test_what_is_missing_and_again(shop):
    total = 4 * (COUNT + 1) + 8
    # Nothing was ever queued: all of it is absent.
    missing, said = reconcile(shop)
    assert len(missing) == total and f"misses {total}" in said
    assert {m["outbox"] for m in missing} == {"absent"}
    assert {m["requeued"] for m in missing} == {False}
    before = rows(shop, "SELECT * FROM klaviyo_outbox")
    assert before == []
    # All of it is there.
    shop.run("history", "sync")
    missing, _ = reconcile(shop)
    assert {m["outbox"] for m in missing} == {"waiting"}
    send(shop)
    missing, said = reconcile(shop)
    assert missing == [] and f"holds {total}" in said
    assert "misses 0" in said
    # Klaviyo has lost it; it was sent just now: on its way.
    everything = held(shop)
    forget(shop)
    missing, said = reconcile(shop)
    assert missing == [] and f"{total} were sent in the last 10 min" in said
    age(shop, HOUR)
    missing, _ = reconcile(shop)
    assert len(missing) == total
    assert {m["outbox"] for m in missing} == {"sent"}
    assert names(missing) == everything
    by_id = {m["unique_id"]: m for m in missing}
    assert by_id["old7:r2"]["order"] == "old7"
    assert by_id["old7:r2"]["time"] == "2025-01-01T00:00:00Z"
    # Again, each once, with its own time and as what it is.
    missing, said = reconcile(shop, "--requeue")
    assert all(m["requeued"] for m in missing)
    assert f"{total} are queued again" in said
    send(shop)
    assert held(shop) == everything
    # Those of the last two hours as of today, and all others as past ones.
    recent = {id for id, in rows(shop, "SELECT id FROM orders WHERE time > "
                                 f"{int(time.time()) - 2 * HOUR}")}
    assert shop.model in recent and len(recent) < 4
    for event in export(shop):
        old = event["unique_id"].split(":")[0] not in recent
        assert bool(event.get("backfill")) is old, event
    missing, _ = reconcile(shop)
    assert missing == []


def test_one_that_is_missing_in_words(shop):
    """Of all only one; and each state that the outbox may have of it."""
    shop.run("history", "sync")
    shop.execute("DELETE FROM klaviyo_outbox WHERE id = "
                 "'Ordered Product/old5:2'")
    send(shop)
    age(shop, HOUR)
    when = one(shop, "SELECT time FROM orders WHERE id = 'old5'")
    iso = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(when))
    run = shop.run("reconcile", check=False)
    line, sums = run.stdout.splitlines()
    assert run.returncode == 1
    assert re.fullmatch(iso + r"  absent   Ordered Product  order old5  "
                        "old5:2", line)
    assert "misses 1" in sums
    # Its day and no other.
    day = time.strftime("%Y-%m-%d", time.gmtime(when))
    after = time.strftime("%Y-%m-%d", time.gmtime(when + 86400))
    assert len(reconcile(shop, "--since", day, "--until", after)[0]) == 1
    assert len(reconcile(shop, "--since", after)[0]) == 0
    assert len(reconcile(shop, "--until", day)[0]) == 0
    # What the operator has dropped, or Klaviyo has refused, stays so.
    insert = ("INSERT INTO klaviyo_outbox (id, kind, lane, profile, event, "
              "created_at, due_at, attempts, error) VALUES "
              "('Ordered Product/old5:2', 'event', 1, '{}', %s, 1, NULL, 1, "
              "'HTTP 400')")
    for event, state in (("''", "dropped"), ("'{}'", "dead")):
        shop.execute(insert % event)
        before = rows(shop, "SELECT * FROM klaviyo_outbox ORDER BY id")
        missing, said = reconcile(shop, "--requeue")
        assert [m["outbox"] for m in missing] == [state]
        assert "0 are queued again" in said
        assert rows(shop, "SELECT * FROM klaviyo_outbox ORDER BY id") \
            == before
        shop.execute("DELETE FROM klaviyo_outbox WHERE id = "
                     "'Ordered Product/old5:2'")
    missing, _ = reconcile(shop, "--requeue")
    assert names(missing) == [("Ordered Product", "old5:2")]
    send(shop)
    assert reconcile(shop)[0] == []


def test_what_is_of_this_minute_is_on_its_way(shop):
    shop.run("history", "sync")
    send(shop)
    visitor = shop.visitor()
    fill_cart(visitor, shop, [("WINNIEPOOH", 1)])
    order = order_of(checkout(visitor))
    assert reconcile(shop)[0] == []
    # Half an hour later it is missed, and then told as of today.
    shop.execute("UPDATE orders SET time = time - 1800 WHERE id = ?", order)
    missing, _ = reconcile(shop)
    assert names(missing) == [("Ordered Product", f"{order}:1"),
                              ("Placed Order", order)]
    assert {m["outbox"] for m in missing} == {"waiting"}
    shop.execute("DELETE FROM klaviyo_outbox WHERE sent_at IS NULL")
    assert len(reconcile(shop, "--requeue")[0]) == 2
    lanes = rows(shop, "SELECT lane FROM klaviyo_outbox "
                 "WHERE sent_at IS NULL")
    assert lanes == [(0,), (0,)]


@pytest.mark.parametrize("email", ["john@example.com", "A.B@Test.Com"])
def test_of_an_address_that_klaviyo_drops(shop, email):
    """It took them (202) and keeps none: that is said, not missed, and not
    sent again and again; of another address they are missed as ever."""
    shop.execute("UPDATE orders SET email = ? WHERE id = 'old5'", email)
    shop.execute("UPDATE orders SET email = ? WHERE id = 'old6'",
                 email + ".klaviyo-demo.com")
    shop.run("history", "sync")
    shop.execute("DELETE FROM klaviyo_outbox WHERE id = 'Placed Order/old6'")
    send(shop)
    age(shop, HOUR)
    run = shop.run("reconcile", "--json", "--requeue", check=False)
    told = [json.loads(line) for line in run.stdout.splitlines()]
    never = {(m["metric"], m["unique_id"]) for m in told if not m["kept"]}
    assert {id.split(":")[0] for _, id in never} == {"old5"}
    assert ("Placed Order", "old5") in never and len(never) >= 4
    assert not any(m["requeued"] for m in told if not m["kept"])
    assert run.returncode == 1 and "misses 1;" in run.stderr
    assert f"; {len(never)} are of addresses" in run.stderr
    assert [m["unique_id"] for m in told if m["requeued"]] == ["old6"]
    # With these alone all is well.
    send(shop)
    age(shop, HOUR)
    run = shop.run("reconcile", check=False)
    assert run.returncode == 0 and "misses 0;" in run.stdout
    assert run.stdout.count("Klaviyo keeps nothing of this address") \
        == len(never)


def test_many_in_one_second(shop):
    """More orders of one second than a window holds."""
    shop.execute("UPDATE orders SET time = 1700000000")
    count = 1300
    numbers = ("(WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 "
               f"FROM c WHERE n < {count}) SELECT n FROM c) AS c")
    shop.execute(
        "INSERT INTO orders (id, session, key, body_hash, time, currency, "
        "status, email, phone, shipping_address, billing_address, "
        "shipping_name, discount_code, subtotal, discount, shipping, total) "
        "SELECT 'x' || n, '', 'x' || n, '', time, currency, status, email, "
        "phone, shipping_address, billing_address, shipping_name, "
        f"discount_code, subtotal, discount, shipping, total FROM orders, "
        f"{numbers} WHERE id = 'old1'")
    shop.run("history", "sync")
    shop.execute("DELETE FROM klaviyo_outbox WHERE id IN "
                 "('Placed Order/x3', 'Placed Order/x1299')")
    send(shop)
    age(shop, HOUR)
    missing, _ = reconcile(shop)
    assert names(missing) == [("Placed Order", "x1299"),
                              ("Placed Order", "x3")]


def test_calls_that_are_wrong(shop):
    for words, why in ((("--since", "monday"), "is no day"),
                       (("--since", "2024-02-01", "--until", "2024-01-01"),
                        "--until must be a later day"),
                       (("all",), "reconcile takes"),
                       (("--requeue", "now"), "reconcile takes")):
        run = shop.run("reconcile", *words, check=False)
        assert run.returncode == 2 and why in run.stderr
    run = shop.run("reconcile", secrets=False, check=False)
    assert run.returncode == 1
    assert "KLAVIYO_PRIVATE_KEY_FILE is not set" in run.stderr
    shop.end("sandbox")
    shop.start_sandbox(["--rate", "off", "--scopes", "events:write"])
    run = shop.run("reconcile", check=False)
    assert run.returncode == 1 and run.stderr.count("\n") == 1
    assert "metrics:read" in run.stderr, run.stderr


def test_memory_does_not_grow_with_the_orders():
    peaks = []
    for count in (10000, 30000) if os.environ.get("SOAK") else FEW:
        with Shop("nginx", sandbox=["--rate", "off", "--keep",
                                    "1000000"]) as shop:
            add_orders(shop, count)
            shop.execute("UPDATE orders SET time = time - 7200")
            shop.execute("DELETE FROM klaviyo_outbox")
            shop.run("history", "sync")
            send(shop)
            begun = time.monotonic()
            process = subprocess.Popen(
                shop.storefront("reconcile"), cwd=shop.dir, text=True,
                env={**shop.env, **shop.secrets}, stdout=subprocess.PIPE,
                user=shop.user.pw_uid if shop.user else None)
            most = 0
            while process.poll() is None:
                with open(f"/proc/{process.pid}/status") as f:
                    found = re.search(r"VmHWM:\s+(\d+) kB", f.read())
                most = max(most, int(found[1]) if found else 0)
                time.sleep(0.01)
            said = process.communicate()[0]
            assert process.returncode == 0, said
            assert f"holds {4 * (count + 1) + 8}" in said
            print(f"{count} orders in {time.monotonic() - begun:.1f} s, peak "
                  f"{most} kB")
            peaks.append(most)
    if not (WRAP or SANITIZED):
        assert peaks[1] < peaks[0] * 1.3
