"""The system's clock is set back and forward under a running shop and worker.

libfaketime shows both a clock that the test sets; the sandbox's stays right, as
Klaviyo's does.  What is due, claimed, leased or paused is kept as clock time, and
a jump must hold nothing of it back: a time further ahead than the library ever
writes counts as now.  Waits within a process go by the monotonic clock, which no
jump touches.

Klaviyo takes no event whose time is more than a year ahead of its own clock.  An
order's time is frozen when it is placed, so the events of a shop whose clock is
further ahead than that are refused: dead letters, kept and shown, while all
others go on.
"""
import fcntl
import glob
import os
import sqlite3
import threading
import time

import pytest

from faultkit import (Placed, fill, order, orders, outbox, preload, rows,
                      sandbox, sandbox_fault, seeded, send,
                      somebody, stocked, whole)
from harness import Shop, wait_for

DAY = 86400


class Clock:
    """What time it is to the programs that are started with .env."""

    def __init__(self, shop):
        library, = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
        self.path = shop.path("clock")
        self.set(0)
        self.env = preload(
            library,
            FAKETIME_TIMESTAMP_FILE=self.path, FAKETIME_NO_CACHE="1",
            NO_FAKE_STAT="1", FAKETIME_DONT_FAKE_MONOTONIC="1",
            DONT_FAKE_MONOTONIC="1",
            # The clock's file is read for ever, and is none of the shop's.
            STOREFRONT_CONFINE="off")

    def set(self, ahead):
        self.ahead = ahead
        with open(self.path + ".new", "w") as f:
            f.write(f"{ahead:+d}\n")
        os.chmod(self.path + ".new", 0o644)
        os.rename(self.path + ".new", self.path)

    @property
    def now(self):
        return time.time() + self.ahead


@pytest.fixture
def shop():
    with Shop("nginx", sandbox=True, serve=False) as shop:
        stocked(shop)
        shop.clock = Clock(shop)
        shop.start_serve(env=shop.clock.env)
        shop.start_nginx()
        yield shop


def all_once(shop):
    """Every event was received, and counted once."""
    received = sandbox(shop)
    assert set(received) == outbox(shop)
    assert not [i for i, e in received.items() if len(e) > 1]


@pytest.mark.parametrize("workers", [1, 2])
def test_events_flow_whatever_the_clock_does(shop, workers):
    """With two workers the one that stands by may take a jump for the end of the
    other's lease: events may be sent twice then, and count once."""
    rng = seeded("clock-flow")
    for n in range(workers):
        shop.start_worker(f"worker{n}", env=shop.clock.env)
    placed = [order(shop.visitor(), shop, rng)]
    shop.wait_delivered()
    for ahead in (-DAY, 0, 364 * DAY, 0, -DAY, 364 * DAY, -DAY):
        visitor = shop.visitor()
        lines = fill(visitor, shop, rng)  # under the former clock
        shop.clock.set(ahead)
        if ahead < 364 * DAY:  # a session does not live for a year
            placed.append(Placed(send(
                visitor, follow=False, email=somebody(visitor)), lines))
        placed.append(order(shop.visitor(), shop, rng))
        when, = rows(shop, "SELECT time FROM orders WHERE id = ?",
                     placed[-1].id)
        assert abs(when[0] - shop.clock.now) < 60, "the clock is not ours"
        shop.wait_delivered()
        whole(shop, placed)
    all_once(shop)
    assert len(orders(shop)) == len(placed)


@pytest.mark.parametrize("ahead", [-DAY, 364 * DAY])
def test_what_waits_for_another_attempt_is_not_held_back(shop, ahead):
    """Rows in backoff, written under one clock, read under another; and then
    the clock is put right again."""
    rng = seeded("clock-backoff")
    shop.start_worker(env=shop.clock.env)
    sandbox_fault(shop, "500")
    first = order(shop.visitor(), shop, rng)
    tried(shop, first)
    shop.clock.set(ahead)
    second = order(shop.visitor(), shop, rng)
    tried(shop, second)
    shop.clock.set(0)
    sandbox_fault(shop, "none")
    shop.wait_delivered()
    all_once(shop)


def tried(shop, placed):
    wait_for(lambda: rows(shop, "SELECT 1 FROM klaviyo_outbox WHERE "
                          "attempts > 0 AND error IS NOT NULL AND claim IS "
                          "NULL AND id LIKE ?", f"%{placed.id}%"),
             "a first attempt")


@pytest.mark.parametrize("ahead", [-DAY, 364 * DAY])
def test_leases_of_the_dead_are_not_held_on_to(shop, ahead):
    """A worker is killed with claims in its hands, the clock jumps, and the
    next worker, as if of another host, has the lease and the claims at once."""
    rng = seeded("clock-lease")
    sandbox_fault(shop, "hang/30000")
    shop.start_worker(env=shop.clock.env)
    placed = order(shop.visitor(), shop, rng)
    wait_for(lambda: rows(shop, "SELECT 1 FROM klaviyo_outbox "
                          "WHERE claim IS NOT NULL"), "a claim")
    shop.kill("worker")
    forget_process(shop)
    shop.clock.set(ahead)
    sandbox_fault(shop, "none")
    began = time.monotonic()
    shop.start_worker(env=shop.clock.env)
    shop.wait_delivered()
    # Less than the lease, which nobody waits for after a jump.
    assert time.monotonic() - began < 25
    shop.clock.set(0)
    again = order(shop.visitor(), shop, rng)
    shop.wait_delivered()
    assert set(sandbox(shop)) == placed.events | again.events
    all_once(shop)


def forget_process(shop):
    """The lease's row says nothing that a process table could answer."""
    db = sqlite3.connect(shop.db)
    with db:
        db.execute("UPDATE klaviyo_lease SET process = 'elsewhere'")
    db.close()


@pytest.mark.parametrize("ahead", [-DAY, 364 * DAY])
def test_a_pause_does_not_outlive_the_jump(shop, ahead):
    rng = seeded("clock-pause")
    sandbox_fault(shop, "401")
    shop.start_worker(env=shop.clock.env)
    placed = order(shop.visitor(), shop, rng)
    wait_for(lambda: rows(shop, "SELECT 1 FROM klaviyo_sender "
                          "WHERE paused_until > 0"), "the pause")
    sandbox_fault(shop, "none")
    shop.clock.set(ahead)
    shop.wait_delivered()
    assert set(sandbox(shop)) == placed.events


def test_a_clock_too_far_ahead_makes_dead_letters_and_no_more(shop):
    """Klaviyo's limit: see above."""
    rng = seeded("clock-far")
    shop.start_worker(env=shop.clock.env)
    shop.clock.set(400 * DAY)
    far = order(shop.visitor(), shop, rng)
    wait_for(lambda: not rows(shop, "SELECT 1 FROM klaviyo_outbox WHERE "
                              "due_at IS NOT NULL"), "the refusal")
    shop.clock.set(0)
    near = order(shop.visitor(), shop, rng)
    shop.wait_delivered()
    whole(shop, [far, near])
    assert set(sandbox(shop)) == near.events
    dead = shop.run("outbox", "list", "dead").stdout
    assert all(i in dead for i in far.events), dead
    shown = shop.run("outbox", "show", sorted(far.events)[0]).stdout
    assert "time" in shown, shown


def test_waits_for_the_lock_go_by_no_clock(shop):
    """Customers queue for the lock while the clock jumps: no wait becomes a
    day, and none an error at once."""
    rng = seeded("clock-gate")
    visitors = [shop.visitor() for _ in range(4)]
    lines = [fill(v, shop, rng) for v in visitors]
    for ahead in (364 * DAY, -DAY):
        shop.clock.set(0)
        replies = []
        with open(shop.db + ".lock", "r+") as gate:
            fcntl.flock(gate, fcntl.LOCK_EX)
            threads = [threading.Thread(target=lambda v=v: replies.append(
                send(v, follow=False))) for v in visitors]
            for thread in threads:
                thread.start()
            polled(shop)
            shop.clock.set(ahead)
            polled(shop)
            assert not replies, "the jump ended the wait"
        for thread in threads:
            thread.join(60)
        assert [r.status for r in replies] == [303] * 4, replies
        shop.clock.set(0)
        visitors = [shop.visitor() for _ in range(4)]
        lines = [fill(v, shop, rng) for v in visitors]
    assert len(orders(shop)) == 8 and lines
    whole(shop)


def polled(shop):
    """Until somebody has looked at the lock file for a while."""
    before = switches(shop)
    wait_for(lambda: switches(shop) > before + 200, "a thread at the lock")


def switches(shop):
    """How often the shop's threads have gone to sleep so far."""
    pid, total = shop.programs["storefront"].pid, 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/status") as f:
            total += int(f.read().rsplit("\nvoluntary_ctxt_switches:", 1)[1]
                         .split()[0])
    return total
