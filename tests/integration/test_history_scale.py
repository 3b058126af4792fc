"""`storefront history sync` at size: three years of orders reach the sandbox by
bulk, sync and worker killed three times each on the way, each event once, in
order of time; memory that does not grow; the progress bar of a terminal.

Short form: 3,000 orders, worker and sandbox on a clock that runs five times
faster, so that Klaviyo's minutes pass sooner.  SOAK=1: 100,000 orders, real
time."""
import json
import os
import pty
import random
import re
import select
import signal
import subprocess
import time
import urllib.request

from clock import fast_clock
from harness import PATIENCE, SANITIZED, WRAP, Shop, wait_for
from shop_kit import one
from test_history import add_orders

SOAK = os.environ.get("SOAK") == "1"
COUNT = 100000 if SOAK else 3000
SERVER = os.environ.get("TEST_ENGINE") == "postgresql"
# Unsent events that the queue holds; history is refused from half of it on.
LIMIT = 200000 if SOAK else 4000
# What add_orders() makes: an order and its three lines; five shipments, a
# cancellation, two refunds; and the model order, which was queued as of today.
EVENTS = 4 * COUNT + 8
KILLS = 3


def start(shop, *arguments, **more):
    """A command that runs beside the test."""
    if shop.user:
        more |= {"user": shop.user.pw_uid, "group": shop.user.pw_gid,
                 "extra_groups": []}
    return subprocess.Popen(shop.storefront(*arguments), cwd=shop.dir,
                            env=shop.env, **more)


def peak(pid):
    """kB, the most so far."""
    try:
        with open(f"/proc/{pid}/status") as f:
            return int(re.search(r"VmHWM:\s+(\d+) kB", f.read())[1])
    except (OSError, TypeError):
        return 0  # has ended


def ask(shop, path):
    with urllib.request.urlopen(shop.sandbox_url + path, timeout=60) as reply:
        return json.load(reply)


class Past:
    """Sync and worker side by side, each killed now and then."""

    def __init__(self, shop, worker_env):
        self.shop, self.env = shop, worker_env
        self.memory = {"sync": 0, "worker": 0}
        self.sync, self.begun = None, time.monotonic()
        self.queued_after = None

    def queued(self):
        return one(self.shop, "SELECT COUNT(*) FROM klaviyo_outbox "
                   "WHERE lane = 1")

    def start_sync(self):
        self.sync = start(self.shop, "history", "sync", text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def start_worker(self):
        self.shop.start_worker(env=self.env)

    def look(self):
        self.memory["sync"] = max(self.memory["sync"], peak(self.sync.pid))
        self.memory["worker"] = max(
            self.memory["worker"],
            peak(self.shop.programs["worker"].pid))
        if self.queued_after is None and self.sync.poll() is not None:
            self.queued_after = time.monotonic() - self.begun

    def until(self, condition, what):
        def looked():
            self.look()
            return condition()
        wait_for(looked, what, PATIENCE * (60 if SOAK else 3), 0.05)

    def kill_sync(self):
        """Where it was goes on: never back, and nothing over again."""
        assert self.sync.poll() is None, self.sync.communicate()
        self.sync.send_signal(signal.SIGKILL)
        self.sync.communicate()
        (before,), = self.place()
        self.start_sync()
        seen = []

        def gone_on():
            seen[:] = self.place()
            return self.sync.poll() is not None or (
                seen and seen[0][0] != before)
        self.until(gone_on, "the sync to go on")
        if seen:  # it is none any more once it has come to the end
            (before, order), (after, last) = (
                place.split()[:2] for place in (before, seen[0][0]))
            assert (int(after), last) > (int(before), order)

    def place(self):
        """How far the sync has come: "time order since until", or nothing."""
        return self.shop.query("SELECT value FROM meta WHERE name = 'history'")

    def kill_worker(self):
        self.shop.kill("worker")
        self.start_worker()


def late(times):
    """How many come when more than a fiftieth of all are past their turn."""
    place = {when: n for n, when in enumerate(sorted(times))}
    count, furthest = 0, 0
    for when in times:
        count += place[when] < furthest - len(times) / 50
        furthest = max(furthest, place[when])
    return count


def check_order(events):
    """Oldest first.  What a kill took from the worker comes when its lease is
    over, and is all that is late: in the short form that is hardly less than
    everything, and there the oldest are before the newest."""
    times = [event["time"] for event in events
             if event["metric"] in ("Placed Order", "Ordered Product")]
    print(f"{late(times)} of {len(times)} events late")
    if SOAK:
        assert late(times) < len(times) / 2
        assert late(times[::-1]) > len(times) / 2  # which would be seen
    tenth = len(times) // 10
    arrived = sorted(range(len(times)), key=lambda n: times[n])
    assert sum(arrived[:tenth]) < sum(arrived[-tenth:])


def test_three_years_killed_on_the_way():
    seed = random.randrange(10 ** 9)
    print("seed", seed)
    generator = random.Random(seed)
    fast = {} if SOAK or SANITIZED else fast_clock(5, monotonic=True)
    # The sync waits for the worker, whose pace, in the short form, leaves time
    # to kill it: a thousand events a second, of a clock that runs faster.
    pace = {} if SOAK else {"KLAVIYO_RATES": "350/3500,1/150"}
    with Shop("nginx", env={"KLAVIYO_OUTBOX_LIMIT": str(LIMIT),
                            **pace}) as shop:
        add_orders(shop, COUNT)
        shop.start_sandbox(["--keep", "1000000"], env=fast)
        past = Past(shop, fast)
        past.start_sync()
        past.start_worker()
        most = 0
        # At six places, no two of them near each other, nor the end.
        for n in range(2 * KILLS):
            place = int(EVENTS * (n + generator.uniform(0.2, 0.8))
                        / (2 * KILLS + 3))
            past.until(lambda: past.queued() >= place, f"event {place}")
            most = max(most, one(shop, "SELECT COUNT(*) FROM klaviyo_outbox "
                                 "WHERE due_at IS NOT NULL"))
            past.kill_sync() if n % 2 == 0 else past.kill_worker()
        past.until(lambda: past.sync.poll() is not None, "the sync to end")
        out, err = past.sync.communicate()
        assert past.sync.returncode == 0, err
        assert "going on after order" in err
        assert int(out.split()[0]) < COUNT * 0.9
        past.until(lambda: one(shop, "SELECT COUNT(*) FROM klaviyo_outbox "
                               "WHERE due_at IS NOT NULL") == 0, "the rest")
        drained = time.monotonic() - past.begun
        memory = past.memory
        shop.end("worker")
        told = ask(shop, "/sandbox/export")
        print(f"{EVENTS} events of {COUNT} orders queued beside the worker in "
              f"{past.queued_after:.1f} s, all delivered after {drained:.1f} "
              f"s; peak kB {memory}; {len(told['duplicates'])} repeats; "
              f"at most {most} seen waiting")
        # It waited for the worker, and nothing was refused for good.
        assert most <= LIMIT * 0.6
        assert json.loads(shop.run("outbox", "status", "--json")
                          .stdout)["refused"] == 0
        check_everything(shop, told)
        if not (WRAP or SANITIZED):
            assert memory["sync"] < 64 * 1024
            assert memory["worker"] < 128 * 1024


def check_everything(shop, told):
    """What Klaviyo holds is the shop's past, each event of it once."""
    status = ask(shop, "/sandbox/status")
    for outcome in ("dropped", "fault"):
        assert status["counts"][outcome] == 0
    # A worker does not know what one that was killed has sent this minute.
    assert status["counts"]["refused"] == len(told["refused"])
    assert not [r for r in told["refused"] if r["status"] != 429]
    # Accepted once under each profile, metric and unique_id.
    assert {m["name"]: m["accepted"] for m in status["metrics"]} == {
        "Placed Order": COUNT + 1, "Ordered Product": 3 * COUNT + 3,
        "Fulfilled Order": 5, "Canceled Order": 1, "Refunded Order": 2}
    past = [e for e in told["events"] if e.get("backfill")]
    ids = {(e["metric"], e["unique_id"]) for e in past}
    assert len(ids) == len(past)
    # Its memory is bounded: of the long form it shows the last ones.
    if not SOAK:
        assert len(told["events"]) - len(past) == 4  # the model's, of today
        assert len(past) == EVENTS
    # The ids are the shop's, and so are the times.
    times = dict(shop.query("SELECT id, time FROM orders"))
    lines = {f"{o}:{n}" for o, n in shop.query(
        "SELECT orders, line FROM order_line") if o.startswith("old")}
    orders = {o for o in times if o.startswith("old")}
    for metric, all_of in (("Placed Order", orders),
                           ("Ordered Product", lines),
                           ("Refunded Order", {"old7", "old7:r2"})):
        seen = {u for m, u in ids if m == metric}
        assert seen <= all_of if SOAK else seen == all_of, metric
    for event in past:
        if event["metric"] in ("Placed Order", "Ordered Product"):
            when = times[event["unique_id"].split(":")[0]]
        else:
            when = 1735689600
        assert event["time"][:19] == time.strftime(
            "%Y-%m-%dT%H:%M:%S", time.gmtime(when)), event
    check_order(past)


def test_the_past_goes_out_oldest_first():
    """By the queue's own order: what waits longest is the oldest event."""
    with Shop("nginx") as shop:
        add_orders(shop, 300)
        shop.run("history", "sync")
        queue = shop.query("SELECT event FROM klaviyo_outbox WHERE lane = 1 "
                           "ORDER BY lane, due_at, created_at")
        times = [json.loads(event)["time"] for event, in queue]
        assert len(times) == 4 * 300 + 8 and times == sorted(times)
        # That it is of the past is no delay of today's queue.
        status = json.loads(shop.run("outbox", "status", "--json").stdout)
        assert status["oldest_age"] < 3600


def test_memory_and_rate():
    """The same peak for few orders and for many; and how fast."""
    peaks = []
    few = 10000 if SOAK else 1000 if SERVER else 5000
    for count in (few, few * (10 if SOAK else 4)):
        with Shop("nginx") as shop:
            add_orders(shop, count)
            begun = time.monotonic()
            process = start(shop, "history", "sync", stdout=subprocess.PIPE,
                            text=True)
            # Its own peak: what wait4() tells knows the test's, too.
            most = 0
            while process.poll() is None:
                most = max(most, peak(process.pid))
                time.sleep(0.01)
            seconds = time.monotonic() - begun
            out, _ = process.communicate()
            assert process.returncode == 0
            assert int(re.search(r", (\d+) orders/s$", out)[1]) > 0
            print(f"{count} orders in {seconds:.1f} s, "
                  f"{count / seconds:.0f}/s, peak {most} kB")
            peaks.append(most)
    if not (WRAP or SANITIZED):
        assert peaks[1] < peaks[0] * 1.2


def test_a_queue_smaller_than_a_batch():
    """It goes on in smaller steps, and never stands still."""
    with Shop("nginx", env={"KLAVIYO_OUTBOX_LIMIT": "40"},
              sandbox=["--rate", "off"]) as shop:
        add_orders(shop, 60)
        process = start(shop, "history", "sync", stdout=subprocess.PIPE,
                        stderr=subprocess.PIPE, text=True)
        try:
            # That it stands still, and why, is said where no bar is seen.
            assert select.select([process.stderr], [], [], PATIENCE)[0]
            assert process.stderr.readline() == \
                "storefront: the queue is half full: waiting for the worker " \
                "to deliver\n"
            shop.start_worker()
            said, more = process.communicate(timeout=PATIENCE * 10)
        finally:
            process.kill()
        assert process.returncode == 0 and said.startswith("61 orders")
        assert more == ""  # once
        shop.wait_delivered(4 * 60 + 8 + 4)


def read_terminal(process, terminal):
    """All that a terminal shows of a program, to its end."""
    shown = b""
    while True:
        ready, _, _ = select.select([terminal], [], [], PATIENCE)
        assert ready, "the program says nothing any more"
        try:
            more = os.read(terminal, 65536)
        except OSError:  # the other side is closed
            break
        if not more:
            break
        shown += more
    process.wait(PATIENCE)
    return shown.decode()


def test_progress_on_a_terminal():
    with Shop("nginx") as shop:
        add_orders(shop, 3000)
        terminal, theirs = pty.openpty()
        try:
            process = start(shop, "history", "sync", stdin=theirs,
                            stdout=subprocess.DEVNULL, stderr=theirs)
            os.close(theirs)
            shown = read_terminal(process, terminal)
        finally:
            os.close(terminal)
        assert process.returncode == 0, shown
        steps = [re.fullmatch(
            r"queueing \[(#*) *\] (\d+) of (\d+) orders, (\d+)/s, (\d+) s "
            r"left\x1b\[K\s*", step) for step in shown.strip().split("\r") if step]
        assert steps and all(steps), shown
        done = [int(step[2]) for step in steps]
        assert done == sorted(done) and done[0] < done[-1] == 3001
        assert len(steps[-1][1]) == 30 and steps[-1][5] == "0"
        assert all(int(step[3]) == 3001 for step in steps)
        assert len(steps) < 100 and shown.endswith("\n")
        # Not on anything else.
        assert shop.run("history", "sync").stderr == ""


def test_what_klaviyo_cannot_be_told_holds_up_nothing():
    """An order of nobody: said once, and the rest goes on."""
    with Shop("nginx") as shop:
        add_orders(shop, 20)
        shop.execute("UPDATE orders SET email = '', phone = '' "
                     "WHERE id IN ('old3', 'old12')")
        run = shop.run("history", "sync")
        assert run.stdout.startswith("21 orders")
        told = run.stderr.splitlines()
        assert len(told) == 3, told
        assert "order old12 has no events" in run.stderr
        assert "change s1 of order old3 has no event" in run.stderr
        assert one(shop, "SELECT COUNT(*) FROM klaviyo_outbox "
                   "WHERE lane = 1") == 4 * 18 + 7
