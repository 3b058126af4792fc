"""SIGTERM ends each process within five seconds with exit status 0, whoever it
waits for, and loses nothing.  No time is measured here: others hang for ever,
and only the program's own limit can end it; that limit is read off the source.
"""
import base64
import contextlib
import os
import re
import signal
import socket
import threading

import pytest

import fcgi
import harness
from harness import TREE, Shop, free_port, wait_for
from postgres_proxy import Proxy
from shop_kit import add, checkout, order_of, rows
from test_answers import fault, received

ENGINES = pytest.mark.parametrize("engine", ["sqlite", "postgresql"])


def told_to_end(shop, name):
    """SIGTERM, twice as an impatient operator's; its exit status."""
    process = shop.programs[name]
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGTERM)
    wait_for(lambda: process.poll() is not None, f"{name} to end")
    return shop.end(name)


def number(file, pattern):
    with open(os.path.join(TREE, "src", file), encoding="utf-8") as text:
        return int(re.search(pattern, text.read(), re.M)[1])


def test_the_limits_are_five_seconds():
    end = number("storefront/storefront.h", r"^#define END_SECONDS (\d+)")
    assert end <= 5
    assert number("klaviyo/deliver.c", r"\bGRACE_MS = (\d+),") < end * 1000
    assert number("storefront/serve.c",
                  r"^#define JOIN_SECONDS \(END_SECONDS - (\d+)\)") >= 1
    for file, handler in (("serve.c", "stop"), ("worker.c", "on_signal"),
                          ("status_serve.c", "stop")):
        with open(os.path.join(TREE, "src/storefront", file)) as text:
            assert re.search(rf"^{handler}\(int \w+\)\n\{{[^}}]*"
                             r"\bend_begin\(\);", text.read(), re.M), file


# --------------------------------------------------------------- the web process

def drip(shop, stop):
    """A form that comes a byte at a time, and never ends."""
    given = fcgi.variables("POST", "/cart/add", CONTENT_TYPE=fcgi.FORM,
                           CONTENT_LENGTH="60000",
                           HTTP_SEC_FETCH_SITE="same-origin")
    with fcgi.connect(shop.fcgi) as s, contextlib.suppress(OSError):
        s.sendall(fcgi.begin() + fcgi.stream(fcgi.PARAMS,
                                             fcgi.pairs(given.items())))
        while not stop.wait(0.05):
            s.sendall(fcgi.record(fcgi.STDIN, b"a"))


def buy(shop, n, answered, stop):
    """Orders until no more are taken; those that were answered."""
    with contextlib.suppress(OSError, AssertionError, TypeError):
        for i in range(1000):
            if stop.is_set():
                return
            visitor = shop.visitor()
            add(visitor, shop, "PENCIL-HB", 1, follow=False)
            reply = checkout(visitor, follow=False,
                             email=f"c{n}.{i}@klaviyo-demo.com")
            if reply.status == 303:
                answered.append(order_of(reply))


@ENGINES
def test_web(engine):
    """Somebody drips for ever; others order: who was answered has an order."""
    with Shop("nginx", engine=engine) as shop:
        shop.execute("UPDATE variant SET stock = 100000")
        answered, stop = [], threading.Event()
        threads = [threading.Thread(target=drip, args=(shop, stop))] + [
            threading.Thread(target=buy, args=(shop, n, answered, stop))
            for n in range(3)]
        try:
            for thread in threads:
                thread.start()
            wait_for(lambda: len(answered) > 5, "orders")
            assert told_to_end(shop, "storefront") == 0
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        placed = {i for i, in rows(shop, "SELECT id FROM orders")}
        told = {i for i, in rows(shop, "SELECT id FROM klaviyo_outbox")}
        assert set(answered) <= placed
        assert {f"Placed Order/{i}" for i in placed} <= told
        # The next one takes what is left of them.
        shop.start_serve()
        assert fcgi.status(shop.fcgi) == 200


# ------------------------------------------------------------------- the worker

@ENGINES
def test_worker(engine):
    """Klaviyo never answers: what was claimed is due again, untried, and the
    next worker sends it.  A worker that waits for its requests' own time limit
    would have counted the attempt, and noted why it failed."""
    with Shop("nginx", engine=engine, sandbox=["--rate", "off", "--fault",
                                               "/api hang/100000000"],
              worker=True) as shop:
        visitor = shop.visitor()
        add(visitor, shop, "PENCIL-HB", 3)
        order = order_of(checkout(visitor, follow=False))
        wait_for(lambda: len(rows(
            shop, "SELECT 1 FROM klaviyo_outbox WHERE claim IS NOT NULL AND "
            "attempts = 1")) == 2, "both events to be claimed")
        assert told_to_end(shop, "worker") == 0
        # Given back; or, by a machine so slow that the alarm ended it, left to
        # whoever sees that its process is gone.
        left = rows(shop, "SELECT claim IS NULL, attempts, error FROM "
                    "klaviyo_outbox")
        assert len(left) == 2
        for free, attempts, error in left:
            assert error is None and attempts == (0 if free else 1), left
        fault(shop, "none")
        shop.start_worker()
        shop.wait_delivered(2)
        assert order in received(shop) and len(received(shop)) == 2


# ---------------------------------------------- a database that falls silent

def one_question(shop, port):
    """Asks web or status page, and waits for an answer that does not come."""
    with contextlib.suppress(OSError):
        if port is None:
            fcgi.status(shop.fcgi, "GET", "/search", QUERY_STRING="q=a")
            return
        with open(shop.path("storefront.password")) as file:
            word = base64.b64encode(
                f"operator:{file.read().strip()}".encode()).decode()
        with socket.create_connection(("127.0.0.1", port), 60) as s:
            s.sendall("GET /metrics HTTP/1.1\r\nHost: a\r\nAuthorization: "
                      f"Basic {word}\r\n\r\n".encode())
            s.recv(1)


@pytest.mark.parametrize("name", ["storefront", "worker", "status"])
def test_a_database_that_never_answers(name):
    proxy = Proxy(harness.server())
    with Shop("direct", engine="postgresql", serve=False, sandbox=[
            "--rate", "off"]) as shop, contextlib.closing(proxy):
        port = free_port() if name == "status" else None
        env = {"STOREFRONT_DB": proxy.url(shop.database)}
        if name == "worker":
            shop.start_worker(env=env)
            wait_for(lambda: rows(shop, "SELECT 1 FROM klaviyo_lease WHERE "
                                  "token <> ''"), "the worker's lease")
        elif name == "storefront":
            shop.start_serve(env=env)
        else:
            shop.spawn(name, shop.storefront("status"),
                       lambda: "status page on" in shop.log(name), env={
                           **env, "STOREFRONT_STATUS_LISTEN":
                           f"127.0.0.1:{port}"})
        proxy.flows.clear()
        asks = threading.Thread(target=one_question, args=(shop, port))
        if name != "worker":
            asks.start()
        wait_for(proxy.held.is_set, f"{name} to ask the database")
        assert told_to_end(shop, name) == 0
        if name != "worker":
            asks.join()
        proxy.flows.set()
        # Another goes on where it was.
        if name == "worker":
            shop.start_worker()
            wait_for(lambda: rows(
                shop, "SELECT 1 FROM klaviyo_lease WHERE name LIKE ?",
                f"% pid {shop.programs['worker'].pid}"), "the next worker")


# ------------------------------------------------------------ the status page

def test_status_with_somebody_who_asks_for_ever():
    with Shop(serve=False) as shop:
        port = free_port()
        shop.spawn("status", shop.storefront("status"),
                   lambda: "status page on" in shop.log("status"),
                   env={"STOREFRONT_STATUS_LISTEN": f"127.0.0.1:{port}"})
        with socket.create_connection(("127.0.0.1", port)) as s:
            s.sendall(b"POST /retry HTTP/1.1\r\nHost: a\r\nContent-Length: 9")
            with socket.create_connection(("127.0.0.1", port), 60) as other:
                other.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                assert other.recv(12) == b"HTTP/1.1 401"
                assert told_to_end(shop, "status") == 0
