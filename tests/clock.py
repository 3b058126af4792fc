"""
clock.py - clocks that run faster, for the programs under test.

    shop.start_worker(env=fast_clock(150))     # wall clock only
    fast_clock(6, monotonic=True)              # all of a program's time
"""
import os

from harness import SANITIZED

LIBRARY = f"/usr/lib/{os.uname().machine}-linux-gnu/faketime/" \
          "libfaketimeMT.so.1"


def fast_clock(rate, monotonic=False):
    """The environment in which a program's clock runs ${rate} times faster;
    sleeps and timeouts of poll are as much shorter."""
    assert os.path.exists(LIBRARY), "Debian's faketime is missing"
    if SANITIZED and not monotonic:
        # So slow a program's requests would outlast their lease.
        rate = 1 + (rate - 1) / 10
    env = {"LD_PRELOAD": LIBRARY, "FAKETIME": f"+0 x{rate}",
           # A sanitizer insists on being the first library.
           "ASAN_OPTIONS": ":".join(filter(None, (
               os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0")))}
    if not monotonic:
        env |= {"DONT_FAKE_MONOTONIC": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    return env
