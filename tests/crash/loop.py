"""
loop.py - the kill -9 loop: a shop under load and faults whose programs are
killed at random moments, and the books that must balance afterwards.

    with Loop(seed=7) as loop:
        loop.run(rounds=25)          # load, faults, kill -9, restart ..
        loop.drain()                 # all up, no faults, until nothing waits
        assert loop.check() == {}    # {assertion: what is wrong}
        loop.counts                  # how much of everything there was

Visitors fill carts and check out through nginx by the shop's own forms, and
send a form again until they are answered.  An order counts as confirmed once
the redirect to its thank-you page was read.  The sandbox keeps what it received
over its own kill -9 (--record, --data).

Promises: all chance comes from the seed (the moments within a program do not:
they are the machine's); each program is killed by its own pid.

Does not cut the power: what a program wrote before it was killed stays written.
That is the power-cut replay's business.
"""
import csv
import http.client
import io
import json
import os
import random
import shutil
import threading
import time

from harness import TREE, Shop, free_port, wait_for

OUTAGE = (502, 503, 504)  # what nginx says while the shop is down
HANDLES = ("winnie-the-pooh", "a-tale-of-two-cities", "canvas-book-bag")
FORM = {"phone": "+15005550006", "first_name": "Sarah", "last_name": "Mason",
        "address1": "125 Summer St", "city": "Boston", "zip": "02110",
        "region": "Massachusetts", "country": "US", "action": "order"}
# What may happen between the worker and Klaviyo, and how often at most.
FAULTS = {"reset": .08, "record+reset": .08, "record+500": .08, "5xx": .08,
          "record+hang/1200": .04, "hang/600": .02, "truncated": .06,
          "truncated/body": .04, "slow/200": .1, "429/1": .01}
PAUSE = .12  # a visitor's, at most, between two orders


def endless_stock(path):
    """The demo catalogue with enough of everything for a long soak."""
    with open(os.path.join(TREE, "src", "storefront", "demo.csv")) as f:
        rows = list(csv.DictReader(f))
    out = io.StringIO()
    writer = csv.DictWriter(out, rows[0].keys(), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({**row, "Variant Inventory Qty": "100000000"})
    with open(path, "w") as f:
        f.write(out.getvalue())
    return path


class Crashing(Shop):
    """A shop whose storefront may be another program, of the same name."""

    def __init__(self, program=None, **more):
        self.program = None
        super().__init__("nginx", serve=False, **more)
        if program:
            self.program = self.path("other-storefront")
            shutil.copy2(program, self.program)

    def storefront(self, *arguments):
        command = super().storefront(*arguments)
        return [self.program or command[0], *command[1:]]


class Loop:
    def __init__(self, seed, program=None, visitors=3, workers=2, catalog=None,
                 **more):
        print(f"seed {seed}")
        self.seed, self.rng = seed, random.Random(seed)
        self.confirmed, self.wrong = [], []
        self.counts = {"rounds": 0, "kills": 0, "again": 0}
        self.closing, self.threads = threading.Event(), []
        self.sending = threading.Event()  # somebody sends an order
        # They go on from one run() to the next: who ordered twenty times at
        # once would be asked to come again later.
        self.visitors = [random.Random(f"{seed}/{n}") for n in range(visitors)]
        self.port = free_port()
        self.shop = Crashing(program, catalog=catalog, **more)
        self.record = self.shop.path("received.jsonl")
        self.data = self.shop.path("klaviyo.jsonl")
        self.programs = ["storefront", "sandbox"] + [
            f"worker{n}" for n in range(1, workers + 1)]

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.close_doors()
        self.shop.__exit__(kind)

    # ---------------------------------------------------------- programs

    def faults(self):
        some = self.rng.sample(sorted(FAULTS), self.rng.randint(3, 6))
        return "; ".join(f"{f}={self.rng.uniform(0, FAULTS[f]):.3f}"
                         for f in some)

    def start(self, name, faults=True):
        if name == "storefront":
            self.shop.start_serve()
        elif name == "sandbox":
            self.shop.start_sandbox([
                "--listen", f"127.0.0.1:{self.port}", "--rate", "off",
                "--record", self.record, "--data", self.data,
                "--seed", str(self.rng.randrange(10 ** 9)),
                *(["--fault", self.faults()] if faults else [])])
        else:
            self.shop.start_worker(name)

    def start_missing(self, faults=True):
        missing = [p for p in self.programs if p not in self.shop.programs]
        self.rng.shuffle(missing)
        # The addresses of the sandbox are part of the others' environment.
        missing.sort(key=lambda p: p != "sandbox"
                     and not self.shop.sandbox_url)
        for name in missing:
            self.start(name, faults)

    def kill(self, name):
        self.shop.kill(name)
        self.counts["kills"] += 1

    # ---------------------------------------------------------- visitors

    def step(self, ask, *fine):
        """Asks until the shop answers: (its answer, was one lost before)."""
        def answered():
            nonlocal lost
            try:
                reply = ask()
            except (OSError, http.client.HTTPException):
                reply = None
            if reply and reply.status not in OUTAGE:
                assert reply.status in fine, reply
                return reply
            lost += 1
            return None
        lost = 0
        reply = wait_for(answered, "the shop to answer", pause=.03)
        return reply, lost

    def send(self, visitor, form):
        self.sending.set()
        return visitor.post("/checkout", form, follow=False)

    def check_out(self, rng, email):
        visitor = self.shop.visitor()
        for handle in rng.sample(HANDLES, rng.randint(1, len(HANDLES))):
            self.step(lambda: visitor.get("/products/" + handle), 200)
            form = visitor.form("/cart/add")
            form["quantity"] = str(rng.randint(1, 3))
            self.step(lambda: visitor.post("/cart/add", form, follow=False),
                      303)
        self.step(lambda: visitor.get("/checkout"), 200)
        form = {**visitor.form("/checkout"), **FORM, "email": email}
        reply, lost = self.step(lambda: self.send(visitor, form), 303)
        order = reply.header("location").rpartition("/orders/")[2]
        assert len(order) == 16, reply
        self.confirmed.append((order, email))
        self.counts["again"] += bool(lost)
        if rng.random() < .1:  # a second click
            reply, _ = self.step(lambda: self.send(visitor, form), 303)
            assert reply.header("location").endswith(order), reply
        self.step(lambda: visitor.get("/orders/" + order), 200)

    def visit(self, n, rng):
        try:
            while not self.closing.is_set():
                self.check_out(rng, f"visitor{n}.{rng.randrange(40)}"
                                    "@klaviyo-demo.com")
                self.closing.wait(rng.uniform(0, PAUSE))
        except Exception as error:  # noqa: BLE001
            self.wrong.append(f"visitor {n}: {error!r}")

    def open_doors(self):
        self.closing.clear()
        self.threads = [threading.Thread(target=self.visit, args=each)
                        for each in enumerate(self.visitors)]
        for thread in self.threads:
            thread.start()

    def close_doors(self):
        self.closing.set()
        for thread in self.threads:
            thread.join()
        self.threads = []

    # ------------------------------------------------------------ rounds

    def round(self):
        victims = self.rng.sample(
            self.programs, self.rng.randint(1, len(self.programs)))
        moments = sorted((self.rng.uniform(.05, .6), v) for v in victims)
        begun = time.monotonic()
        for moment, victim in moments:
            time.sleep(max(0, begun + moment - time.monotonic()))
            if victim == "storefront":  # often while it takes an order
                self.sending.clear()
                self.sending.wait(self.rng.choice((0, .2, .2)))
                time.sleep(self.rng.uniform(0, .008))
            self.kill(victim)
        self.start_missing()
        if self.rng.random() < .3:  # an operator, in the middle of it
            self.shop.run("outbox", "retry", "--all")
        self.counts["rounds"] += 1

    def run(self, rounds):
        self.start_missing()
        if "nginx" not in self.shop.programs:
            self.shop.start_nginx()
        self.open_doors()
        for _ in range(rounds):
            if self.wrong:
                break
            self.round()

    def drain(self):
        """Every program up, no faults, until nothing waits any more."""
        if "sandbox" in self.shop.programs:
            self.kill("sandbox")
        self.start_missing(faults=False)
        self.close_doors()
        self.counts["dead"], = self.shop.query(
            "SELECT count(*) FROM klaviyo_outbox WHERE due_at IS NULL"
            " AND sent_at IS NULL")[0]

        def empty():
            if not self.shop.query("SELECT 1 FROM klaviyo_outbox"
                             " WHERE sent_at IS NULL LIMIT 1"):
                return True
            self.shop.run("outbox", "retry", "--all")
            return False
        wait_for(empty, "the outbox to be delivered", pause=.3)
        for name in reversed(self.programs):
            self.shop.end(name)

    # --------------------------------------------------------- the books

    def received(self):
        """All that Klaviyo took: [(key, what, was it answered 202)], a key
        being (address, metric, unique_id).  And what it kept: [(key, what)],
        which it writes first."""
        recorded = lines(self.record)
        self.counts["requests"] = len(recorded)
        self.counts["faults"] = sum("fault" in line for line in recorded)
        self.counts["jobs"] = sum("/api/event-bulk" in line["path"]
                                  for line in recorded)
        return ([(*event, line["sent"] == 202) for line in recorded
                 if line["status"] == 202 for event in events_of(line)],
                [event_of(line["attributes"], line["profile"])
                 for line in lines(self.data) if line["kind"] == "event"])

    def check(self):
        """What is wrong: {assertion: examples}, {} if the books balance."""
        wrong = {}

        def each(assertion, bad):
            bad = sorted(map(str, bad))
            if bad:
                wrong[assertion] = f"{len(bad)}, such as {bad[:3]}"

        each("visitors are served", self.wrong)
        each("the database is whole", self.integrity())
        orders = {i: (email, total) for i, email, total in self.shop.query(
            "SELECT id, email, total FROM orders")}
        each("each confirmed order is there",
             [c for c in self.confirmed if c[0] not in orders
              or orders[c[0]][0] != c[1]])
        expected = {(email, "Placed Order", i)
                    for i, (email, _) in orders.items()}
        expected |= {(orders[i][0], "Ordered Product", f"{i}:{line}")
                     for i, line in self.shop.query(
                         "SELECT orders, line FROM order_line")}
        outbox = self.shop.query("SELECT id, sent_at IS NOT NULL"
                           " FROM klaviyo_outbox")
        each("each order has exactly its events",
             {f"{m}/{u}" for _, m, u in expected} ^ {i for i, _ in outbox})
        each("each event is sent", [i for i, sent in outbox if not sent])
        takes, kept = self.received()
        both = kept + [take[:2] for take in takes]
        keys = {key for key, _ in both}
        each("what is sent was received",
             {i for i, sent in outbox if sent}
             - {f"{m}/{u}" for _, m, u in keys})
        each("what was received is committed", keys - expected)
        first = {}
        each("what was received again is the same",
             [key for key, what in both
              if first.setdefault(key, what) != what])
        each("the sandbox lost nothing",
             {key for key, _, answered in takes if answered}
             - {key for key, _ in kept})
        each("the value is the order's total",
             [key for key, what in first.items() if key in expected
              and key[1] == "Placed Order"
              and round(100 * json.loads(what)[0]["value"])
              != orders[key[2]][1]])
        each("nothing is refused", ["dead"] * self.counts.get("dead", 0))
        self.counts.update(
            confirmed=len(self.confirmed), orders=len(orders),
            events=len(outbox), received=len(takes),
            duplicates=len(takes) - len({take[0] for take in takes}))
        return wrong

    def integrity(self):
        if self.shop.engine != "sqlite":
            return []
        found = [row[0] for row in self.shop.query("PRAGMA integrity_check")]
        return [] if found == ["ok"] else found


def lines(path):
    """The lines of JSON in a file; one that a kill cut short is none."""
    found = []
    with open(path, errors="replace") as f:
        for line in f:
            try:
                found.append(json.loads(line))
            except ValueError:
                pass
    return found


def event_of(attributes, profile):
    attributes = {n: v for n, v in attributes.items() if n != "profile"}
    key = (profile["attributes"]["email"],
           attributes["metric"]["data"]["attributes"]["name"],
           attributes["unique_id"])
    return key, json.dumps([attributes, profile], sort_keys=True)


def events_of(line):
    """The events of one recorded request, single or bulk."""
    attributes = line["body"]["data"]["attributes"]
    if line["path"].partition("?")[0].rstrip("/") == "/api/events":
        return [event_of(attributes, attributes["profile"]["data"])]
    return [event_of(event["attributes"], group["attributes"]["profile"]["data"])
            for group in attributes["events-bulk-create"]["data"]
            for event in group["attributes"]["events"]["data"]]
