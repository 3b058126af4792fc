"""That `make sanitize` would find what there is to find: planted.c's faults, in
programs that nobody looks at, and in the shop behind every web server."""
import os
import re
import shutil
import subprocess
import sys

import pytest

import harness
import left_out
import sanitize
from harness import BUILD, PATIENCE, TREE, Shop, wait_for

HERE = os.path.dirname(os.path.abspath(__file__))
# The storefront with planted.c in it.  Sanitized in every build.
PLANTED = os.path.join(BUILD, "replay", "tests", "sanitize")
SAID = {"heap": "AddressSanitizer: heap-buffer-overflow",
        "sum": "runtime error: signed integer overflow",
        "leak": "LeakSanitizer: detected memory leaks",
        "race": "ThreadSanitizer: data race"}


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    """planted.c alone, by what it is sanitized with."""
    where, made = tmp_path_factory.mktemp("planted"), {}
    # A make above us would pass its flags on.
    env = {n: v for n, v in os.environ.items() if n not in (
        "MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES")}
    for tool in ("address,undefined", "thread"):
        build = where / tool.partition(",")[0]
        made[tool] = build / "tests" / "sanitize" / "alone"
        subprocess.run(["make", "-s", "-C", TREE, f"SAN={tool}",
                        f"BUILD={build}", made[tool]], check=True, env=env)
    return made


def run(*words):
    return subprocess.run(
        [sys.executable, os.path.join(HERE, "sanitize.py"), *map(str, words)],
        capture_output=True, text=True, timeout=PATIENCE)


@pytest.mark.parametrize("fault", SAID)
def test_a_report_that_nobody_read(programs, fault):
    """Neither what it says on stderr, nor how it ends."""
    program = programs["thread" if fault == "race" else "address,undefined"]
    done = run("sh", "-c", '"$0" "$1" 2>&- || :', program, fault, "---",
               "echo", "and on")
    assert done.returncode == 1 and done.stdout == "and on\n"
    assert SAID[fault] in done.stderr
    assert done.stderr.endswith("sanitized: 1 reports\n"), done.stderr


def test_nothing_to_report(programs):
    """Not of the programs; and of the runs, which one failed."""
    every = [word for program in programs.values()
             for word in (program, "no", "fault", "---")]
    done = run(*every[:-1])
    assert (done.returncode, done.stderr) == (0, "sanitized: no report\n")
    done = run(*every, "false")
    assert (done.returncode, done.stderr) == (1, "sanitized: false: 1\n")


# Where Apache starts the storefront, it does not wait for LeakSanitizer to look.
@pytest.mark.parametrize("way, fault", [
    ("nginx", "heap"), ("nginx", "sum"), ("nginx", "leak"),
    ("apache-fcgid", "heap"), ("apache-fcgid", "sum"),
    ("apache-cgi", "heap"), ("apache-cgi", "sum")])
def test_a_report_of_the_shop(way, fault):
    """Though a web server cleans its environment, and reads its stderr."""
    reports = sanitize.directory()
    try:
        with Shop(way, serve=False,
                  env=sanitize.options(reports, "planted")) as shop:
            shop.binaries = shop.reach(PLANTED, ("storefront",))
            shop.start()
            assert shop.get("/search?q=ink").status == 200
            assert sanitize.found(reports) == {}
            if fault == "leak":
                assert shop.get("/search?q=leak").status == 200
            else:
                assert shop.get(f"/search?q={fault}").status >= 500
            if "storefront" in shop.programs:
                shop.end("storefront", expect=(sanitize.EXIT,))
            wait_for(lambda: SAID[fault] in "".join(
                sanitize.found(reports).values()), "the report")
    finally:
        shutil.rmtree(reports)


def test_what_is_left_out_is_said():
    """In left_out.py; and no entry of it is of a test that is gone."""
    partly = {name for where, _, names in os.walk(os.path.join(TREE, "tests"))
              for name in names if re.fullmatch("test_.*[.]py", name)
              and name != os.path.basename(__file__)
              and "SANITIZED" in open(os.path.join(where, name)).read()}
    # A sanitized run may not leave out what nobody has written down.
    assert not harness.SANITIZED or partly <= set(left_out.PARTLY)
    for name in left_out.LEFT_OUT:
        file, _, test = name.partition("::")
        path, = [os.path.join(where, file) for where, _, files in os.walk(
            os.path.join(TREE, "tests")) if file in files]
        with open(path) as f:
            assert not test or f"def {test}(" in f.read(), name


@pytest.mark.parametrize("build, every, confined", [
    ("", False, False), ("address", False, True), ("thread", True, True)])
def test_each_build_leaves_out_its_own(monkeypatch, build, every, confined):
    monkeypatch.setattr(harness, "SANITIZED", build)
    monkeypatch.setattr(harness, "WRAP", [])
    for test, out in (("crash/test_every.py::test_a[sqlite]", every),
                      ("integration/test_confine.py::test_a", confined),
                      ("integration/test_checkout.py::test_a", False)):
        assert bool(left_out.why("tests/" + test)) is out, test
