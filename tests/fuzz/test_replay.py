"""
The fuzz targets with every input of tests/fuzz/corpus, under AddressSanitizer,
UBSan and LeakSanitizer: those that make something of it and those that once
broke something.  And targets with a fault planted in the product, which the same
way must be told.
"""
import os
import re
import subprocess

import pytest

from harness import BUILD, PATIENCE, REPORTS, TREE

HERE = os.path.join(TREE, "tests", "fuzz")
CORPUS = os.path.join(HERE, "corpus")
REPLAY = os.path.join(BUILD, "replay", "tests", "fuzz")
TARGETS = sorted(name[:-2] for name in os.listdir(HERE)
                 if name.endswith(".c") and name != "replay.c")
WRONG = sorted(name[:-2] for name in os.listdir(os.path.join(HERE, "wrong")))


# What libfcgi still does wrong: fastcgi.c says more.
KNOWN = {"names-and-values-of-1-gib": b"Malloc: Assertion",
         "name-of-nearly-2-gib": b"Malloc: Assertion",
         "values-asked-for-of-1-gib": b"Malloc: Assertion",
         "record-of-no-request": b"48 byte.s. leaked in 2 allocation"}


def replay(program, inputs, tmp_path, **env):
    """What it reports is expected, of a part of them, and told on stderr."""
    ours = {name: "" for name in os.environ if name.endswith("SAN_OPTIONS")}
    return subprocess.run(
        [os.path.join(REPLAY, program), inputs],
        capture_output=True, timeout=PATIENCE, check=False,
        env={**os.environ, "TMPDIR": str(tmp_path), **ours,
             "STOREFRONT_TEMPLATES": os.path.join(TREE, "templates"), **env})


def test_every_target_has_inputs():
    assert TARGETS == sorted(os.listdir(CORPUS))
    for target in TARGETS:
        assert len(os.listdir(os.path.join(CORPUS, target))) >= 5, target


@pytest.mark.parametrize("target", TARGETS)
def test_replay(target, tmp_path):
    done = replay(target, os.path.join(CORPUS, target), tmp_path)
    said = done.stderr.decode(errors="replace")[-4000:]
    assert done.returncode == 0, said
    assert not REPORTS.search(done.stderr), said
    inputs = len(os.listdir(os.path.join(CORPUS, target)))
    assert done.stdout.decode() == f"{inputs} inputs\n"


@pytest.mark.parametrize("wrong", WRONG)
def test_a_planted_fault_is_told(wrong, tmp_path):
    with open(os.path.join(HERE, "wrong", wrong + ".c")) as file:
        head = dict(re.findall(r"^ \* (\w+): (.*)$", file.read(), re.M))
    done = replay(os.path.join("wrong", wrong),
                  os.path.join(CORPUS, head["Target"]), tmp_path)
    said = done.stderr.decode(errors="replace")
    assert done.returncode != 0
    assert re.search(head["Report"], said), said[-4000:]


@pytest.mark.parametrize("known", KNOWN)
def test_libfcgi_is_no_better(known, tmp_path):
    """Once it is, fastcgi.c need not pass over these any more."""
    inputs = os.path.join(HERE, "known", "fastcgi", known)
    assert replay("fastcgi", inputs, tmp_path).returncode == 0
    done = replay("fastcgi", inputs, tmp_path, FUZZ_KNOWN="1",
                  ASAN_OPTIONS="allocator_may_return_null=1")
    assert done.returncode != 0
    assert re.search(KNOWN[known], done.stderr), done.stderr[-4000:]


def test_all_that_is_known_is_tried():
    assert sorted(KNOWN) == sorted(os.listdir(os.path.join(
        HERE, "known", "fastcgi")))
