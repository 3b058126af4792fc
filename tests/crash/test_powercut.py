"""The power goes at any moment: an order that was confirmed is there.

A real shop takes orders from several customers at once while a worker delivers
them; powercut.so logs every write and sync of the database's files, the test adds
to the same log when an order was confirmed and when Klaviyo received an event.
Then the disk is rebuilt as it may have been at random points of that log, in
five ways (powercut.py), and opened.

What must hold at each point: SQLite finds nothing wrong; every order confirmed
before it is there, with its lines and its events, and every order that is there
is whole; no event was received of an order that is not there; no event is
marked as sent that was not received.

That the check can fail is shown by the same run with synchronous=NORMAL, and on
a disk that lies about a flush: both must lose confirmed orders.
"""
import gc
import http.client
import http.server
import json
import os
import sqlite3
import threading
import urllib.parse

import pytest

import powercut
from faultkit import (SOAK, Customers, check_whole, data_file, intact, outbox,
                      sandbox, seeded, shims, stocked, whole)
from harness import Shop

ORDERS, POINTS = (600, 400) if SOAK else (60, 80)


class Tap:
    """Stands between the worker and the sandbox: says when which event came."""

    def __init__(self, target, came):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                for i in ids(json.loads(body)):
                    came(i)
                connection = http.client.HTTPConnection(
                    urllib.parse.urlsplit(target).netloc, timeout=60)
                connection.request("POST", self.path, body, {
                    n: v for n, v in self.headers.items()
                    if n.lower() in ("authorization", "revision",
                                     "content-type", "accept")})
                answer = connection.getresponse()
                text = answer.read()
                connection.close()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower().startswith(("ratelimit", "retry-after",
                                                "content-type")):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0),
                                                      Handler)
        self.server.daemon_threads = True
        self.url = "http://127.0.0.1:%d" % self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def ids(body):
    """"Metric/unique_id" of every event in a body, single or bulk."""
    if isinstance(body, list):
        for item in body:
            yield from ids(item)
    elif isinstance(body, dict):
        if "unique_id" in body and "metric" in body:
            name = body["metric"]["data"]["attributes"]["name"]
            yield f"{name}/{body['unique_id']}"
        else:
            for value in body.values():
                yield from ids(value)


class Run:
    """A shop's busy days, logged; each ends with all programs ended in order,
    so that the last connection's checkpoint and the end of the -wal are there,
    too."""

    def __init__(self, shop, rng, orders, days=1, **variant):
        self.shop, self.placed = shop, {}
        stocked(shop)
        log = data_file(shop, "disk.data")
        self.start = {"shop.db": content(shop.db)}
        self.fd = os.open(log, os.O_WRONLY | os.O_APPEND)
        env = shims(shop, "powercut", SHIM_LOG=log, **variant)
        for _ in range(days):
            self.day(env, rng, orders // days)
        os.close(self.fd)
        self.records = powercut.read(log)

    def day(self, env, rng, orders):
        shop = self.shop
        tap = Tap(shop.sandbox_url, lambda i: powercut.note(
            self.fd, powercut.SEEN, i))
        shop.start_serve(env=env)
        shop.start_nginx()
        shop.start_worker(env={**env, "KLAVIYO_API_URL": tap.url})
        try:
            customers = Customers(shop, rng, 4, self.confirmed, orders)
            customers.wait()
            assert not customers.refused, customers.refused
            shop.wait_delivered()
        finally:
            gc.collect()  # connections of the test's own
            for name in ("worker", "nginx", "storefront"):
                shop.end(name)
            tap.close()

    def confirmed(self, placed):
        self.placed[placed.id] = placed
        powercut.note(self.fd, powercut.ACK, placed.id)

    def cuts(self, rng, count):
        """(position, way, files, confirmed, seen) at random points."""
        disk = powercut.Disk(os.stat(self.shop.dir).st_ino, self.start)
        at = set(rng.sample(range(len(self.records)),
                            min(count, len(self.records))))
        confirmed, seen = set(), set()
        for position, record in enumerate(self.records):
            if record[0] == powercut.ACK:
                confirmed.add(record[4].decode())
            elif record[0] == powercut.SEEN:
                seen.add(record[4].decode())
            else:
                disk.apply(record)
            if position in at:
                way = rng.choice(powercut.WAYS)
                yield (position, way, disk.image(way, rng),
                       [self.placed[i] for i in confirmed], set(seen))


def fault_of(path, confirmed, seen):
    """What is wrong with a database after the cut; None: nothing."""
    try:
        found = intact(path)
        if found != "ok":
            return found
        db = sqlite3.connect(path)
        try:
            check_whole(db, confirmed)
            sent = {i: s for i, s in db.execute(
                "SELECT id, sent_at FROM klaviyo_outbox")}
        finally:
            db.close()
    except (sqlite3.DatabaseError, AssertionError) as error:
        return str(error)
    lost = seen - set(sent)
    if lost:
        return f"Klaviyo knows events of no order: {sorted(lost)[:3]}"
    false = {i for i, s in sent.items() if s is not None} - seen
    if false:
        return f"sent and never received: {sorted(false)[:3]}"
    return None


def content(path):
    with open(path, "rb") as f:
        return os.fstat(f.fileno()).st_ino, f.read()


def lay(path, files, owner=None):
    """Puts the files of an image where ${path} names the database."""
    for end in ("", "-wal", "-shm", "-journal"):
        if os.path.exists(path + end):
            os.remove(path + end)
    for name, data in files.items():
        name = path + name[name.index(".db") + 3:]
        with open(name, "wb") as f:
            f.write(data)
        if owner:
            os.chown(name, owner.pw_uid, owner.pw_gid)


@pytest.fixture
def shop():
    with Shop("nginx", sandbox=True, serve=False) as shop:
        yield shop


def test_what_was_confirmed_survives(shop, tmp_path):
    rng = seeded("powercut")
    run = Run(shop, rng, ORDERS, 2)
    kinds = [r[0] for r in run.records]
    assert kinds.count(powercut.SYNCED) > ORDERS, "the log has no syncs"
    assert powercut.SEEN in kinds
    assert kinds.count(powercut.UNLINK) == 2, "the -wal was not removed"
    whole(shop, run.placed.values())
    path, wrong, count = str(tmp_path / "shop.db"), [], 0
    for position, way, files, confirmed, seen in run.cuts(rng, POINTS):
        count += 1
        lay(path, files)
        fault = fault_of(path, confirmed, seen)
        if fault:
            wrong.append(f"record {position} of {len(kinds)}, {way}: {fault}")
    print(f"{len(run.placed)} orders, {len(kinds)} records, {count} cuts")
    assert not wrong, "\n".join(wrong)
    assert count >= POINTS


def test_a_shop_goes_on_after_the_cut(shop):
    """The real programs on what the cut left: all is delivered, and what was
    delivered before is a duplicate to Klaviyo, no more."""
    rng = seeded("powercut-goes-on")
    run = Run(shop, rng, ORDERS // 3)
    for position, way, files, confirmed, _ in run.cuts(rng, 12 if SOAK else 3):
        print(f"record {position}, {way}")
        lay(shop.db, files, shop.user)
        shop.run("worker", "--once")
        whole(shop, confirmed)
        assert all(s == "sent" for s in states(shop))
        assert outbox(shop) <= set(sandbox(shop))
    twice = {i: e for i, e in sandbox(shop).items() if len(e) > 1}
    assert not twice, twice


def test_init_is_there_or_can_be_done_again(shop):
    rng = seeded("powercut-init")
    db, log = shop.path("other.db"), data_file(shop, "disk.data")
    shop.run("init", env={**shims(shop, "powercut", SHIM_LOG=log,
                                  SHIM_DB=db), "STOREFRONT_DB": db})
    gc.collect()
    records = powercut.read(log)
    again = set(rng.sample(range(len(records)), 40 if SOAK else 8))
    disk = powercut.Disk(os.stat(shop.dir).st_ino, {})
    for position, record in enumerate(records):
        disk.apply(record)
        if position in again:
            lay(db, disk.image(rng.choice(powercut.WAYS), rng), shop.user)
            shop.run("init", env={"STOREFRONT_DB": db})
            assert intact(db) == "ok"
    for way in powercut.WAYS:  # once it has said that it is done
        lay(db, disk.image(way, rng), shop.user)
        assert shop.run("order", "list", env={"STOREFRONT_DB": db},
                        check=False).returncode == 0, f"lost: {way}"


def states(shop):
    listed = shop.run("outbox", "list").stdout.splitlines()
    return [line.split()[0] for line in listed if "Order" in line]


@pytest.mark.parametrize("variant", ["SHIM_NORMAL", "SHIM_DISK_LIES"])
def test_the_check_can_fail(shop, tmp_path, variant):
    """synchronous=NORMAL, and a disk that lies, must be caught."""
    rng = seeded("powercut-" + variant)
    run = Run(shop, rng, 40, **{variant: "1"})
    path, lost = str(tmp_path / "shop.db"), 0
    for _, _, files, confirmed, seen in run.cuts(rng, 40):
        lay(path, files)
        fault = fault_of(path, confirmed, seen)
        lost += bool(fault) and bool(confirmed)
    print(f"{variant}: {lost} of 40 cuts lost something that was promised")
    assert lost > 5
