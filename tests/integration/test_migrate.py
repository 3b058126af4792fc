"""`storefront migrate`: a shop moves from SQLite to PostgreSQL with all of its
rows, is cut and goes on, and no order is confirmed in the old place meanwhile."""
import json
import os
import random
import signal
import sqlite3
import subprocess
import time
import urllib.request

import pytest

from harness import Shop, wait_for
from shop_kit import checkout, execute, fill_cart, one, order_of, rows, \
    send

HOSTILE = "</script><!--<script>\"'\\ \u2028 \U0001f4d8 'x'); DROP TABLE orders"


def buy(shop, sku="WINNIEPOOH", **fields):
    visitor = shop.visitor()
    fill_cart(visitor, shop, [(sku, 1)])
    return order_of(checkout(visitor, **fields))


def fill(shop, many=0):
    """Orders sent, dead and waiting, changes of them, carts, hostile texts."""
    buy(shop)
    shop.run("worker", "--once")
    fault(shop, "/api 400*1")
    buy(shop, last_name="O'Brien \U0001f4d8")
    shop.run("worker", "--once", check=False)
    fault(shop, "none")
    order = buy(shop, "TALEOFTWO")
    shop.run("order", "fulfill", order)
    shop.run("order", "refund", order, "--amount", "1.00", "--reason",
             HOSTILE)
    execute(shop, "UPDATE product SET title = ?, body = ? "
            "WHERE handle = 'moby-dick'", HOSTILE, "")
    execute(shop, "DELETE FROM variant WHERE id = "
            "(SELECT MAX(id) FROM variant)")
    if many:
        execute(shop, "INSERT INTO klaviyo_outbox (id, kind, lane, profile, "
                "event, created_at, due_at, sent_at) WITH RECURSIVE c(n) AS "
                "(SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < ?) "
                "SELECT 'Old/' || n, 'event', 1, '', '', n, NULL, n FROM c",
                many)


def fault(shop, spec):
    urllib.request.urlopen(shop.sandbox_url + "/sandbox/fault",
                           spec.encode()).read()


def from_sqlite(path, sql):
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
        return db.execute(sql).fetchall()


def same(old, new):
    """The two shops have the same rows; of meta all but a move's marks.  The
    shelf's marks are chance, and each shop's own."""
    tables = [name for name, in old.query(
        "SELECT name FROM sqlite_schema WHERE type = 'table' "
        "AND name NOT LIKE 'sqlite_%' AND name <> 'shelf_mark'")]
    assert len(tables) > 15
    for table in tables:
        columns = ", ".join(name for name, in old.query(
            f"SELECT name FROM pragma_table_info('{table}')"))
        sql = f"SELECT {columns} FROM {table}" + (
            " WHERE substr(name, 1, 7) <> 'moving '"
            if table == "meta" else "")
        def key(row):
            return [(value is None, str(value)) for value in row]
        assert sorted(old.query(sql), key=key) == \
            sorted(map(tuple, new.query(sql)), key=key), table


class Pair:
    """A shop on SQLite, and the place on PostgreSQL where it goes."""

    def __init__(self, many=0, **more):
        self.old = Shop("nginx", sandbox=True, engine="sqlite", **more)
        try:
            fill(self.old, many)
            self.new = Shop("nginx", serve=False, engine="postgresql",
                            init=False)
        except BaseException:
            self.old.stop(quietly=True)
            raise

    def __enter__(self):
        return self.old, self.new

    def __exit__(self, kind, *_):
        for shop in (self.new, self.old):
            shop.keep = kind is not None
            shop.stop(quietly=kind is not None)


def start_new(old, new):
    """The shop in its new place, with its secret and the same Klaviyo."""
    new.write("secret", open(old.path("secret")).read(), 0o600)
    for name in ("KLAVIYO_API_URL", "KLAVIYO_ONSITE_URL"):
        new.env[name] = old.env[name]
    new.sandbox_url = old.sandbox_url
    new.start()


def export(shop):
    with urllib.request.urlopen(shop.sandbox_url
                                + "/sandbox/export") as reply:
        return json.load(reply)


def test_moved_and_served_as_before():
    with Pair() as (old, new):
        visitor = old.visitor()
        fill_cart(visitor, old, [("WINNIEPOOH", 2)])
        page = visitor.get("/cart").text
        last = one(old, "SELECT seq FROM sqlite_sequence")
        told = old.run("migrate", old.db, new.env["STOREFRONT_DB"]).stdout
        assert "compared" in told and "orders" in told
        same(old, new)
        # The ids that were given out are not given out again.
        assert one(new, "SELECT last_value FROM variant_id_seq") == last

        # The old place is closed, for whoever had it open and for all others.
        assert visitor.get("/").status == 200
        refused = checkout_or_503(visitor)
        assert refused.status == 503 and refused.header("Retry-After")
        run = old.run("outbox", "status", check=False)
        assert run.returncode == 1 and "has moved" in run.stderr
        assert len(run.stderr.splitlines()) == 1
        again = old.run("migrate", old.db, new.env["STOREFRONT_DB"]).stdout
        assert "already" in again
        run = old.run("migrate", "--cancel", old.db, check=False)
        assert run.returncode == 1 and "has moved" in run.stderr

        start_new(old, new)
        moved = new.visitor()
        moved.cookies = visitor.cookies
        assert moved.get("/cart").text.replace(new.url, old.url) == page
        assert moved.get("/products/moby-dick").status == 200
        order = order_of(checkout(moved))
        # What waited is delivered, once over both.
        new.start_worker()
        new.run("outbox", "retry", "--all")
        new.wait_delivered()
        told = export(old)
        ids = [(e["metric"], e["unique_id"]) for e in told["events"]]
        assert len(ids) == len(set(ids))
        assert {f"{metric}/{id}" for metric, id in ids} == {
            id for id, in new.query("SELECT id FROM klaviyo_outbox")}
        assert ("Placed Order", order) in ids


def checkout_or_503(visitor):
    page = visitor.get("/checkout")
    if page.status != 200:
        return page
    return send(visitor, follow=False)


def test_cut_anywhere_and_run_again():
    """kill -9 at random moments; then it ends with exactly the same rows."""
    seed = int(os.environ.get("TEST_SEED", random.randrange(10 ** 9)))
    print("seed", seed)
    generator = random.Random(seed)
    with Pair(many=200000 if os.environ.get("SOAK") else 20000) as (old, new):
        command = old.storefront("migrate", old.db,
                                 new.env["STOREFRONT_DB"])
        for n in range(6):
            process = subprocess.Popen(
                command, cwd=old.dir, env=old.env,
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                user=old.user.pw_uid if old.user else None)
            end = time.monotonic() + generator.random() * 0.6
            wait_for(lambda: time.monotonic() > end
                     or process.poll() is not None, "a random moment",
                     pause=0.001)
            process.send_signal(signal.SIGKILL)
            error = process.communicate()[1]
            assert process.returncode in (0, -signal.SIGKILL), error
            if process.returncode == 0 or done(old, new):
                break
            # Neither is a shop now, once the old one is closed.
            if closed(old):
                for shop in (old, new):
                    run = shop.run("outbox", "status", check=False)
                    assert run.returncode == 1
                with pytest.raises(Exception):
                    execute(old, "INSERT INTO discount VALUES "
                            "('X', 'percent', 1, 1)")
        old.run("migrate", old.db, new.env["STOREFRONT_DB"])
        same(old, new)
        assert not new.query("SELECT 1 FROM meta WHERE "
                             "substr(name, 1, 7) = 'moving '")


def done(old, new):
    """Killed when all was done, and it had only to end."""
    return (rows(old, "SELECT value FROM meta WHERE name = 'moving shop'")
            == [("gone",)] and not new.query(
                "SELECT 1 FROM meta WHERE substr(name, 1, 7) = 'moving '"))


def closed(shop):
    return one(shop, "SELECT COUNT(*) FROM sqlite_schema "
                     "WHERE type = 'trigger' AND name LIKE 'moved%'") > 0


def test_taken_back():
    """A move that was cut can be canceled: the old shop sells again."""
    with Pair(many=50000) as (old, new):
        process = subprocess.Popen(
            old.storefront("migrate", old.db, new.env["STOREFRONT_DB"]),
            cwd=old.dir, env=old.env, stdout=subprocess.DEVNULL,
            user=old.user.pw_uid if old.user else None)
        wait_for(lambda: closed(old), "the old shop to be closed")
        process.send_signal(signal.SIGKILL)
        process.wait()
        run = old.run("outbox", "status", check=False)
        assert run.returncode == 1 and "run it again" in run.stderr
        visitor = old.visitor()
        reply = visitor.get("/")
        assert reply.status == 200
        assert "open again" in old.run("migrate", "--cancel", old.db).stdout
        assert not closed(old) and buy(old)
        run = old.run("migrate", "--cancel", old.db, check=False)
        assert run.returncode == 1 and "not moving" in run.stderr


def test_a_table_that_is_not_the_shops():
    """Found out before anything is closed."""
    with Pair() as (old, new):
        execute(old, "CREATE TABLE odd (a TEXT PRIMARY KEY, b TEXT)")
        run = old.run("migrate", old.db, new.env["STOREFRONT_DB"],
                      check=False)
        assert run.returncode == 1 and "odd" in run.stderr
        assert not closed(old) and buy(old)


def test_what_is_refused(tmp_path):
    with Shop(serve=False, engine="sqlite") as shop, \
            Shop(serve=False, engine="postgresql") as other:
        execute(other, "UPDATE variant SET stock = stock")
        for words, says in (
                ((shop.db, other.env["STOREFRONT_DB"]), "is a shop already"),
                ((shop.db, shop.db), "the same"),
                ((shop.path("none.db"), shop.path("b.db")), "none.db"),
                ((shop.path("secret"), shop.path("b.db")), "secret"),
                ((other.env["STOREFRONT_DB"], shop.path("b.db")),
                 "not SQLite"),
                ((shop.db, "postgresql://u:hush@127.0.0.1:1/x"), "127.0.0.1")):
            run = shop.run("migrate", *words, check=False)
            assert run.returncode == 1 and says in run.stderr, run
            assert len(run.stderr.splitlines()) == 1
            assert "hush" not in run.stderr + run.stdout
        # Nothing of it has closed the shop.
        assert shop.run("outbox", "status").stdout
        for words in ((), ("a",), ("a", "b", "c"), ("--force", "b")):
            run = shop.run("migrate", *words, check=False)
            assert run.returncode == 2 and "migrate takes" in run.stderr


def test_to_another_sqlite_file():
    with Shop("nginx", sandbox=True, engine="sqlite") as shop:
        fill(shop)
        last = one(shop, "SELECT seq FROM sqlite_sequence")
        shop.run("migrate", shop.db, shop.path("new.db"))
        assert from_sqlite(shop.path("new.db"),
                           "SELECT seq FROM sqlite_sequence") == [(last,)]
        assert from_sqlite(shop.path("new.db"), "SELECT * FROM order_line") \
            == rows(shop, "SELECT * FROM order_line")
