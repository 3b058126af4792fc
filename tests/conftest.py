"""pytest's part of harness.py and sanitize.py: finds them, shows the logs of
failed tests, fails those that a sanitizer reported something of, and leaves out
what sanitize/left_out.py says."""
import os
import sys

import pytest

HERE = os.path.dirname(__file__)
sys.path[:0] = [HERE, os.path.join(HERE, "sanitize")]
# Two processes of pytest, that of each other's programs they do not answer for.
MINE = os.environ.get("PYTEST_XDIST_WORKER", "main") + "."
REPORTS = os.environ.get("STOREFRONT_REPORTS")
import sanitize  # noqa: E402
if REPORTS:
    os.environ.update(sanitize.options(REPORTS, MINE[:-1]))
import harness  # noqa: E402
import left_out  # noqa: E402

told = set()  # files of reports


@pytest.fixture(autouse=True)
def unreported():
    """Of a shop that lives longer than a test, the next test may tell it."""
    yield
    if REPORTS:
        texts = {file: text for file, text in
                 sanitize.found(REPORTS, MINE).items() if file not in told}
        told.update(texts)
        assert not texts, "a sanitizer's report:\n" + "\n".join(
            f"--- {file}\n{text}" for file, text in texts.items())


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed:
        for shop in list(harness.running):
            shop.keep = True
            report.sections.append((f"logs in {shop.dir}", shop.logs()))


def pytest_collection_modifyitems(items):
    for item in items:
        reason = left_out.why(item.nodeid)
        if reason:
            item.add_marker(pytest.mark.skip(reason=reason))
