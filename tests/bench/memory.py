"""
memory.py - what the storefront holds after all that the bench has asked of it.

That it is flat over 1,000,000 requests, and the worker over 1,000,000 events, is
tests/integration/test_million.py's.
"""
import re

from loads import served
from table import goal, head


def rows(stage):
    pid = stage.ours.programs["storefront"].pid
    with open(f"/proc/{pid}/status") as f:
        resident = int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1)) / 1024
    yield head("Memory")
    yield goal("the web process, resident, after this bench", resident,
               at_most=64, unit="MiB",
               note=f"{served.get(stage.ours.url, 0):,} requests")
