"""
The worker keeps Klaviyo's pace: of 3500 events a minute at least 95% for three
minutes, each request taking 100 ms, with no 429 in answer.

Short form: worker and sandbox both live six times faster (libfaketime), so that
their three minutes, their windows and the 100 ms pass in half a minute; SOAK=1:
three minutes of real time.
"""
import collections
import datetime
import json
import os
import threading
import time

from clock import fast_clock
from feeder import WAITING, Feeder
from harness import Shop, wait_for

SOAK = os.environ.get("SOAK") == "1"
RATE = 1 if SOAK else 6
LIMIT, MINUTES, SHIFT = 3500, 3, 10  # SHIFT: seconds
FEED = LIMIT * 1.05  # events a minute
MOST_DUE = 300  # more would be a backlog, for the bulk endpoint


class Feed(threading.Thread):
    """Queues a little more than may be sent, evenly, as orders come."""

    def __init__(self, feeder):
        super().__init__()
        self.feeder, self.n, self.stopping = feeder, 0, threading.Event()
        self.start()

    def run(self):
        begin, last = time.monotonic(), 0
        while not self.stopping.wait(0.05):
            at = (time.monotonic() - begin) * RATE
            want = round((at - last) * FEED / 60)
            room = MOST_DUE - self.feeder.count(WAITING)
            last = at
            if min(want, room) > 0:
                self.feeder.add("a", min(want, room), first=self.n)
                self.n += min(want, room)

    def stop(self):
        self.stopping.set()
        self.join()


def requests(path):
    """(time, path, status) of each request, by the sandbox's own clock."""
    with open(path) as f:
        for line in f:
            if line.endswith("\n"):
                seen = json.loads(line)
                yield (datetime.datetime.fromisoformat(
                    seen["at"].replace("Z", "+00:00")).timestamp(),
                    seen["path"], seen["sent"])


def per_minute(times, begin):
    count = collections.Counter(int((at - begin) // 60) for at in times)
    return [count[minute] for minute in range(MINUTES)]


def test_pace():
    env = fast_clock(RATE, monotonic=True) if RATE > 1 else {}
    with Shop(serve=False) as shop:
        record = shop.path("record")
        shop.start_sandbox(["--latency", "100", "--record", record], env=env)
        shop.start_worker(env=env)
        with Feeder(shop) as feeder:
            feed = Feed(feeder)
            try:
                wait_for(lambda: next(requests(record), None), "a request")
                begin = next(requests(record))[0]
                wait_for(lambda: list(requests(record))[-1][0] >=
                         begin + MINUTES * 60 + SHIFT, "three minutes to pass",
                         seconds=MINUTES * 60 * 2, pause=1)
            finally:
                feed.stop()
        shop.end("worker")
        # In the order of answers, not of arrival.
        begin = min(at for at, _, _ in requests(record))
        seen = [r for r in requests(record)
                if r[0] < begin + MINUTES * 60 + SHIFT]

    assert {status for _, _, status in seen} == {202}
    assert {path for _, path, _ in seen} == {"/api/events"}
    # Evenly: no minute made up for another.  A machine that stands still at the
    # end of one takes from it what comes in the next: then as of a little later.
    minutes = {shift: per_minute([at for at, _, _ in seen], begin + shift)
               for shift in range(SHIFT + 1)}
    print(f"events in each minute, by when they begin: {minutes}")
    assert max(min(n) for n in minutes.values()) >= 0.95 * LIMIT, minutes
