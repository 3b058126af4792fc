"""
klaviyo.py - orders while Klaviyo answers at once, after two seconds, never, and
while nobody is there: no request waits for it, so that nobody notices.

Each is a storefront with a worker that delivers, and a sandbox that is Klaviyo.
"""
import signal

from checkout import Buyers
from loads import interleaved, ratio, words
from table import goal, head, told

CONNECTIONS = 16
# name: the sandbox's arguments; None: the port is closed.
WAYS = {"at once": [], "after 2 s": ["--latency", "2000"],
        "never": ["--fault", "hang/600000"], "is down": None}


class Watched(Buyers):
    """Orders at one shop, while the other shops' workers stand still: what they
    have still to deliver is not this one's."""

    def before(self, seconds):
        for other in self.others:
            hold(other.shop, other is not self)
        return super().before(seconds)


def hold(shop, still):
    for name in ("worker", "sandbox"):
        if name in shop.programs:
            shop.programs[name].send_signal(
                signal.SIGSTOP if still else signal.SIGCONT)


def start(stage, name, sandbox):
    shop = stage.another("klaviyo " + name)
    if sandbox is not None:
        shop.start_sandbox(sandbox)
    shop.start()
    shop.start_worker()
    return Watched(name, stage, shop, stage.sign, lambda: [
        shop.programs["storefront"].pid])


def rows(stage):
    buyers = [start(stage, name, sandbox) for name, sandbox in WAYS.items()]
    for one in buyers:
        one.others = buyers
    results = interleaved(buyers, CONNECTIONS)
    for one in buyers:
        hold(one.shop, False)
    yield head(f"Checkout, {CONNECTIONS} connections, while Klaviyo answers "
               "late or not at all")
    yield told("it answers at once", "", words(results, "at once"))
    for name in WAYS:
        if name == "at once":
            continue
        what = name if name == "is down" else "answers " + name
        yield goal(f"it {what}: p50", ratio(results, name, "at once", "p50"),
                   at_most=1.1, note=words(results, name))
        yield goal(f"it {what}: p99", ratio(results, name, "at once", "p99"),
                   at_most=1.1)
    for name in WAYS:
        stage.end("klaviyo " + name)
