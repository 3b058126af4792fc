"""
klaviyo.py - orders while Klaviyo answers at once, after two seconds, never, and
while nobody is there: no request waits for it, so that nobody notices.

Each is a storefront with a worker that delivers, and a sandbox that is Klaviyo.
"""
from checkout import Buyers
from loads import interleaved, ratio, words
from table import goal, head, told

CONNECTIONS = 16
# name: the sandbox's arguments; None: the port is closed.
WAYS = {"at once": [], "after 2 s": ["--latency", "2000"],
        "never": ["--fault", "hang/600000"], "is down": None}


def start(stage, name, sandbox):
    shop = stage.another("klaviyo " + name)
    if sandbox is not None:
        shop.start_sandbox(sandbox)
    shop.start()
    shop.start_worker()
    return Buyers(name, stage, shop, stage.sign, lambda: [
        shop.programs["storefront"].pid])


def rows(stage):
    buyers = [start(stage, name, sandbox) for name, sandbox in WAYS.items()]
    results = interleaved(buyers, CONNECTIONS)
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
