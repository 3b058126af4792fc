"""A worker that is stopped (SIGSTOP) past its lease, with requests under way and
more of them claimed: another one takes over, and the first, when it wakes,
settles nothing and sends nothing more."""
import os
import random
import signal
import time
import urllib.request

import pytest

from harness import BUILD, wait_for
from loop import Loop, lines

SOAK = bool(os.environ.get("SOAK"))
OLD = "2026-04-15"  # the revision by which Klaviyo tells the first worker
STANDS_BY = "stands by"


def program(name):
    return os.path.join(BUILD, "tests", "crash", "wrong", name)


class Two(Loop):
    """Two workers, each started when it is wanted; visitors on demand."""

    def __init__(self, program, **more):
        super().__init__(random.randrange(10 ** 9), program, workers=0, **more)
        self.shop.env["CRASH_CLOCK"] = str(int(time.time()))
        self.start_missing(faults=False)
        self.shop.start_nginx()

    def orders(self, n):
        for _ in range(n):
            # An address's orders are counted.
            self.check_out(self.rng, f"sarah{self.rng.randrange(10 ** 9)}"
                                     "@klaviyo-demo.com")

    def faults_are(self, spec):
        urllib.request.urlopen(self.shop.sandbox_url + "/sandbox/fault",
                               spec.encode()).close()

    def requests_of_first(self):
        return len([line for line in lines(self.record)
                    if line["headers"].get("revision") == OLD])

    def outbox(self, ids=None):
        return {row[0]: row for row in self.shop.query(
            "SELECT id, due_at, claim, attempts, sent_at, error"
            " FROM klaviyo_outbox") if not ids or row[0] in ids}

    def delivered(self):
        wait_for(lambda: not self.shop.query(
            "SELECT 1 FROM klaviyo_outbox WHERE sent_at IS NULL LIMIT 1"),
            "everything to be sent", seconds=90)


def stop_and_wake(two):
    """What the woken worker did: (it says so, requests, rows it changed)."""
    two.orders(15)
    two.faults_are("slow/2000")
    first = two.shop.start_worker("first", {"KLAVIYO_REVISION": OLD})
    wait_for(lambda: two.requests_of_first() >= 20, "requests under way")
    first.send_signal(signal.SIGSTOP)
    claimed = len([row for row in two.outbox().values() if row[2]])
    assert claimed > 0
    two.faults_are("none")
    two.start("second")
    two.delivered()
    before, sent = two.outbox(), two.requests_of_first()
    status = two.shop.run("outbox", "status").stdout
    assert f"pid {two.shop.programs['second'].pid}" in status, status

    first.send_signal(signal.SIGCONT)
    woke = wait_for(
        lambda: STANDS_BY in two.shop.log("first") and "it stands by"
        or two.outbox(before) != before and "it settles"
        or two.requests_of_first() > sent and "it sends",
        "a sign of life of the woken worker")
    two.orders(5)
    two.delivered()
    after = two.outbox(before)
    changed = [i for i in before if after[i] != before[i]]
    return woke, two.requests_of_first() - sent, changed


def test_a_stopped_worker_that_wakes_does_nothing(catalog):
    with Two(program("only_in_a_hurry"), catalog=catalog) as two:
        assert stop_and_wake(two) == ("it stands by", 0, [])
        # The other way round, it is the first one's turn again.
        two.shop.end("second")
        two.orders(1)
        two.delivered()
        two.shop.end("first")
        assert two.check() == {}


def test_one_that_is_sure_of_its_lease_is_caught(catalog):
    with Two(program("sure_of_its_lease"), catalog=catalog) as two:
        woke, _, changed = stop_and_wake(two)
        assert woke == "it settles" and changed


if SOAK:  # it waits for a lease of 30 s
    @pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
    def test_the_same_by_the_real_clock(engine, catalog):
        with Two(None, engine=engine, catalog=catalog) as two:
            assert stop_and_wake(two) == ("it stands by", 0, [])
            two.shop.end("second")
            two.shop.end("first")
            assert two.check() == {}
