"""A checkout and a delivery pass that are cut off at every SQL statement, and
that are refused every allocation: the programs every_*.c say what holds."""
import os
import subprocess

import pytest

from harness import BUILD, PATIENCE, REPORTS, TREE, server


SOAK = bool(os.environ.get("SOAK"))


def run(name, *arguments):
    done = subprocess.run(
        [os.path.join(BUILD, "tests", "crash", name), *arguments],
        text=True, capture_output=True, timeout=PATIENCE * 5,
        # Our malloc stands before a sanitizer's, which is what is wanted.
        env={**os.environ, "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "")
             + ":verify_asan_link_order=0:detect_leaks=0",
             "STOREFRONT_TEMPLATES": os.path.join(TREE, "templates")})
    print(done.stdout)
    assert done.returncode == 0, done.stderr
    assert not REPORTS.search(done.stderr.encode()), done.stderr
    return done.stdout


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request):
    """The arguments that name a new database; none: the program makes one."""
    if request.param == "sqlite":
        yield []
        return
    name = server().create()
    yield [server().url(name)]
    server().drop(name)


def test_every_statement(address):
    """All of them, a pass's by half as many ways to end as in the soak."""
    brief = [] if SOAK else ["short"]
    assert "came again" in run("every_statement", *brief, *address)


def test_every_statement_of_an_account(address):
    brief = [] if SOAK else ["short"]
    assert "log in ended after" in run("every_account", *brief, *address)


def test_every_allocation(address):
    """All of them in the soak; here some hundred of each kind."""
    assert "pass in bulk: " in run("every_allocation", "1" if SOAK else "24", *address)
