"""
Places at work: there are more threads than take requests at a time, and who
waits for something else than the processor keeps nobody else from its turn.
In each test one more waits than there are places; a page is asked for after
them, and answered before.
"""
import contextlib
import fcntl
import os
import re
import select

import psycopg2
import pytest

import fcgi
from fcgi import PARAMS, STDIN, begin, pairs, record, stream, variables
from harness import Shop, wait_for
from shop_kit import execute, one, variant
from test_onsite_server import CHROME, kla_id

PAGE = "/products/moby-dick"


@contextlib.contextmanager
def one_core():
    """What is started here has one, however many the machine has."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


@pytest.fixture(scope="module")
def shop():
    with one_core():
        shop = Shop(env={"KLAVIYO_ONSITE": "server"})
    with shop:
        assert fcgi.status(shop.fcgi, path=PAGE) == 200
        yield shop


@pytest.fixture
def more(shop):
    """One more than places; there is a thread for each, and one for the page."""
    threads, places = map(int, re.search(
        r"(\d+) threads, (\d+) at work at a time",
        shop.log("storefront")).groups())
    assert places == 4 and places + 1 < threads
    return places + 1


@contextlib.contextmanager
def nobody_writes(shop):
    """Another process holds what is needed to write: nobody's turn comes."""
    if shop.engine == "sqlite":
        with open(shop.db + ".lock", "r+b") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        return
    connection = psycopg2.connect(shop.server.url(shop.database))
    try:
        connection.cursor().execute(
            "LOCK TABLE cart, klaviyo_outbox IN EXCLUSIVE MODE")
        yield
    finally:
        connection.close()


def all_say(shop, n, data):
    """So many peers that are connected before anybody else, and say this."""
    peers = [fcgi.connect(shop.fcgi) for _ in range(n)]
    for peer in peers:
        peer.sendall(data)
    return peers


def answered_meanwhile(shop, peers):
    """A page, while none of them has heard anything."""
    assert fcgi.status(shop.fcgi, path="/") == 200
    assert select.select(peers, [], [], 0)[0] == []


def close(peers):
    for peer in peers:
        peer.close()


def a_form(shop):
    body = f"variant={variant(shop, 'PRIDE-HB')}&quantity=1".encode()
    return body, variables("POST", "/cart/add", body=body,
                           HTTP_ORIGIN=shop.url,
                           HTTP_SEC_FETCH_SITE="same-origin")


def test_forms_that_wait_for_their_turn_to_write(shop, more):
    body, given = a_form(shop)
    with nobody_writes(shop):
        peers = all_say(shop, more, fcgi.whole(given, body))
        answered_meanwhile(shop, peers)
    assert [fcgi.status_of(fcgi.read_all(p)) for p in peers] == [303] * more
    close(peers)


def test_what_is_told_after_the_answer(shop, more):
    """These have had their page, and their threads wait."""
    before = one(shop, "SELECT COUNT(*) FROM klaviyo_outbox")
    given = variables(
        path=PAGE, HTTP_USER_AGENT=CHROME,
        HTTP_COOKIE="__kla_id=" + kla_id(**{"$exchange_id": "abcDEF_-."}))
    with nobody_writes(shop):
        peers = all_say(shop, more, fcgi.whole(given))
        for peer in peers:
            assert fcgi.status_of(fcgi.read_all(peer)) == 200
        answered_meanwhile(shop, [])
    # None has waited so long that it gave up.
    wait_for(lambda: one(shop, "SELECT COUNT(*) FROM klaviyo_outbox")
             == before + more, "what all of them tell")
    close(peers)


def test_peers_that_say_nothing(shop, more):
    peers = all_say(shop, more, b"")
    answered_meanwhile(shop, peers)
    close(peers)


def test_bodies_that_are_still_to_come(shop, more):
    body, given = a_form(shop)
    peers = all_say(shop, more, begin() + stream(PARAMS, pairs(given.items()))
                    + record(STDIN, body[:5]))
    answered_meanwhile(shop, peers)
    for peer in peers:
        peer.sendall(record(STDIN, body[5:]) + record(STDIN))
        assert fcgi.status_of(fcgi.read_all(peer)) == 303
    close(peers)


@pytest.mark.parametrize("path", [PAGE, "/feed/catalog.json"])
def test_answers_that_are_not_taken(shop, more, path):
    """Longer than what the system holds of them."""
    execute(shop, "UPDATE product SET body = ? WHERE handle = 'moby-dick'",
            "whale " * 100000)
    peers = all_say(shop, more, fcgi.whole(variables(path=path)))
    begun = [peer.recv(8) for peer in peers]
    assert fcgi.status(shop.fcgi) == 200
    for peer, data in zip(peers, begun):
        out, ended = fcgi.stdout_of(data + fcgi.read_all(peer))
        assert ended and len(out) > 600000
    close(peers)
