"""/readyz: how the shop and its delivery are, for whoever asks from this host,
and for nobody else."""
import os
import re

import pytest

import fcgi
from account_kit import Client
from harness import WAYS, Shop, wait_for
from shop_kit import checkout, execute, fill_cart

LINES = [r"database", r"worker: \w.*", r"oldest pending: \d+ s; \d+ waiting, "
         r"\d+ dead", r"paused: \w.*", r"disk: \w.*"]


def ready(shop, **headers):
    """(status, {line's first word: (is it ok, line)}) of an answer."""
    reply = shop.get("/readyz", headers)
    assert reply.status in (200, 503), reply
    assert reply.header("content-type") == "text/plain; charset=utf-8"
    assert reply.header("cache-control") == "no-store"
    assert not reply.all("set-cookie")
    found = {}
    for line in reply.text.splitlines():
        state, text = line[:6], line[6:]
        assert state in ("ok    ", "WRONG "), line
        found[text.split(":")[0].split(" ")[0]] = (state == "ok    ", text)
    assert (reply.status == 200) == all(ok for ok, _ in found.values())
    return reply.status, found


def wrong(shop):
    return {name for name, (ok, _) in ready(shop)[1].items() if not ok}


def test_a_worker_comes_and_goes():
    """And an order that it could not deliver; the process that answers is
    confined as always."""
    with Shop("nginx", sandbox=True) as shop:
        status, lines = ready(shop)
        assert status == 503 and wrong(shop) == {"worker"}
        text = shop.get("/readyz").text
        assert "".join(f"(ok    |WRONG ){line}\n" for line in LINES) and \
            re.fullmatch("".join(rf"(?:ok    |WRONG ){line}\n"
                                 for line in LINES), text), text
        if shop.engine == "sqlite":
            room = os.statvfs(shop.dir)
            said = re.fullmatch(r"disk: (\d+) % free, (\d+) MiB",
                                lines["disk"][1])
            # Others fill and empty it meanwhile.
            assert abs(int(said[1]) - 100 * room.f_bavail // room.f_blocks
                       ) < 25
        else:
            assert lines["disk"][1] == "disk: the database server's"
        buyer = shop.visitor()
        fill_cart(buyer, shop, [("WINNIEPOOH", 1)])
        assert checkout(buyer).status == 200
        assert "; 0 waiting" not in ready(shop)[1]["oldest"][1]
        shop.start_worker()
        wait_for(lambda: ready(shop)[0] == 200, "the worker to be seen")
        shop.wait_delivered()
        assert ready(shop)[1]["oldest"][1] == (
            "oldest pending: 0 s; 0 waiting, 0 dead")
        assert shop.request("HEAD", "/readyz").body == b""
        shop.end("worker")
        assert wrong(shop) == {"worker"}
        # Nothing of who bought, of this host, of what runs here.
        fill_cart(buyer, shop, [("WINNIEPOOH", 1)])
        assert checkout(buyer).status == 200
        execute(shop, "UPDATE klaviyo_outbox SET created_at = created_at - "
                "1801 WHERE sent_at IS NULL")
        assert wrong(shop) == {"worker", "oldest"}
        text = shop.get("/readyz").text
        for word in ("mason", "@", os.uname().nodename, shop.dir, "0.1.0",
                     "SQLite", "PostgreSQL", "Order/"):
            assert word.lower() not in text.lower(), word


def test_a_pause():
    """Its reason is said, as `outbox status` says it."""
    with Shop("nginx", sandbox=["--private-key", "pk_" + "f" * 34],
              worker=True) as shop:
        wait_for(lambda: ready(shop)[0] == 200, "the worker to be seen")
        buyer = shop.visitor()
        fill_cart(buyer, shop, [("WINNIEPOOH", 1)])
        assert checkout(buyer).status == 200
        wait_for(lambda: wrong(shop) == {"paused"}, "the queue to pause")
        said = ready(shop)[1]["paused"][1]
        assert re.match(r"paused: for \d+ s: Klaviyo refuses the private key",
                        said), said


def test_batches():
    with Shop("nginx", sandbox=True,
              env={"KLAVIYO_DELIVERY": "batch"}) as shop:
        assert wrong(shop) == {"worker"}
        shop.run("worker", "--once")
        status, lines = ready(shop)
        assert status == 200
        assert re.match(r"worker: last batch \d+ s ago", lines["worker"][1])


def test_no_database():
    with Shop("nginx") as shop:
        execute(shop, "ALTER TABLE klaviyo_lease RENAME TO away")
        status, lines = ready(shop)
        assert status == 503
        assert lines["database"] == (False, "database: it does not answer")
        assert set(lines) == {"database", "disk"}
        execute(shop, "ALTER TABLE away RENAME TO klaviyo_lease")
        assert wrong(shop) == {"worker"}


@pytest.mark.parametrize("way", WAYS)
def test_by_every_web_server(way):
    """To others it is as if there were nothing."""
    with Shop(way) as shop:
        assert wrong(shop) == {"worker"}
        nothing = Client(shop, "127.0.3.4").get("/nowhere")
        assert nothing.status == 404
        for visitor, headers in (
                (Client(shop, "127.0.3.4"), {}),
                # A proxy on this host asks for somebody.
                (shop.visitor(), {"X-Forwarded-For": "192.0.2.1"}),
                (shop.visitor(), {"X-Forwarded-For": ""}),
                (shop.visitor(), {"Forwarded": "for=192.0.2.1"}),
                (shop.visitor(), {"Via": "1.1 proxy"}),
                # Nor is what he says himself believed.
                (Client(shop, "127.0.3.5"), {"X-Real-IP": "127.0.0.1"}),
                (Client(shop, "127.0.3.5"), {"X-Forwarded-For":
                                             "127.0.0.1"})):
            reply = visitor.get("/readyz", headers=headers)
            assert reply.status == 404, headers
            assert reply.body == nothing.body


def test_who_is_here():
    """As the web server says, to the letter."""
    with Shop() as shop:
        for client, status in (("127.0.0.1", 503), ("::1", 503),
                               ("::ffff:127.0.0.1", 503), ("unix:", 503),
                               ("", 404), ("127.0.0.10", 404),
                               ("127.0.0.1 ", 404), ("192.0.2.1", 404),
                               ("::2", 404), ("localhost", 404)):
            assert fcgi.status(shop.fcgi, path="/readyz",
                               REMOTE_ADDR=client) == status, client
        assert fcgi.status(shop.fcgi, path="/readyz") == 404
        assert fcgi.status(shop.fcgi, path="/healthz") == 200
        # Said twice, it is still said.
        given = [*fcgi.variables(path="/readyz",
                                 REMOTE_ADDR="127.0.0.1").items()]
        for more, status in ([], 503), ([("HTTP_VIA", "a")] * 2, 404), (
                [("HTTP_X_FORWARDED_FOR", "192.0.2.1")] * 2, 404):
            assert fcgi.status_of(fcgi.talk(
                shop.fcgi, fcgi.begin() + fcgi.stream(
                    fcgi.PARAMS, fcgi.pairs(given + more))
                + fcgi.stream(fcgi.STDIN, b""))) == status, more
