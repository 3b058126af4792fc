"""kill -9 of web process, workers and Klaviyo at random moments, under load and
faults: every confirmed order arrives, in effect once, and nothing else does."""
import os
import random

import pytest

from harness import BUILD
from loop import Loop

SOAK = bool(os.environ.get("SOAK"))
SEED = int(os.environ.get("SEED", random.randrange(10 ** 9)))


def variant(name):
    return os.path.join(BUILD, "tests", "crash", "wrong", name)


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
@pytest.mark.parametrize("part", range(20 if SOAK else 1))
def test_nothing_is_lost(part, engine, catalog):
    with Loop(SEED + part, catalog=catalog, engine=engine) as loop:
        loop.run(rounds=50 if SOAK else 20 if engine == "sqlite" else 10)
        loop.drain()
        assert loop.check() == {}
        print(loop.counts)
        # It was a storm: otherwise nothing was shown.
        assert loop.counts["confirmed"] > loop.counts["rounds"]
        assert loop.counts["rounds"] < 20 or (
            loop.counts["duplicates"] > 0 and loop.counts["faults"] > 0)


@pytest.mark.parametrize("part", range(5 if SOAK else 1))
def test_nothing_is_lost_in_bulk(part, catalog):
    with Loop(SEED + part, variant("soon_a_backlog"), catalog=catalog) as loop:
        loop.run(rounds=50 if SOAK else 8)
        loop.drain()
        assert loop.check() == {}
        print(loop.counts)
        assert loop.counts["jobs"] > 0


@pytest.mark.parametrize("wrong, sees", [
    ("errors_are_done", "what is sent was received"),
    ("sent_before_sending", "what is sent was received"),
    ("fresh_id_each_time", "what was received is committed"),
    ("sent_within_the_order", "what was received is committed"),
    ("queued_after_the_order", "each order has exactly its events"),
])
def test_a_wrong_design_is_caught(wrong, sees, catalog):
    # Confined, the web process cannot even do the wrong thing of the fourth.
    with Loop(SEED, variant(wrong), catalog=catalog,
              env={"STOREFRONT_CONFINE": "off"}) as loop:
        for _ in range(25):
            loop.run(rounds=3)
            loop.drain()
            found = loop.check()
            if sees in found:
                break
        print(wrong, loop.counts, found)
        assert sees in found
