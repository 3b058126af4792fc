"""
The systemd units that are shipped.  systemd itself is not started: it says how
exposed they are, and knows every line of them; and the programs run within the
system calls that they leave.
"""
import os
import re
import subprocess

import pytest

import harness
from harness import TREE, Shop, wait_for
from shop_kit import checkout, fill_cart
from test_status import Desk, fill

WWW = os.path.join(TREE, "www")
SERVICES = ("storefront.service", "storefront-worker.service",
            "storefront-batch.service", "storefront-status.service")
UNITS = (*SERVICES, "storefront.socket", "storefront-batch.timer",
         "storefront-status.socket")


def settings(unit):
    """Its lines: [(name, value)]."""
    with open(os.path.join(WWW, unit)) as file:
        return [tuple(line.strip().split("=", 1)) for line in file
                if re.match(r"\w+=", line)]


def values(unit, name):
    return [value for key, value in settings(unit) if key == name]


@pytest.mark.parametrize("unit", SERVICES)
def test_exposure_is_below_one(unit):
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager",
         "--threshold=9", os.path.join(WWW, unit)],
        capture_output=True, text=True, timeout=harness.PATIENCE)
    overall = re.search(r"Overall exposure level for \S+: ([\d.]+)",
                        done.stdout)
    assert overall and float(overall[1]) < 1.0, done.stdout
    assert done.returncode == 0, done.stderr


def test_what_fails_is_started_again_for_ever():
    """By itself systemd gives up after five times in ten seconds: a shop whose
    database was away for that long would stay away."""
    restarted = [unit for unit in SERVICES if values(unit, "Restart")]
    assert restarted == ["storefront.service", "storefront-worker.service",
                         "storefront-status.service"]
    for unit in restarted:
        assert values(unit, "Restart") == ["always"]
        assert values(unit, "StartLimitIntervalSec") == ["0"]


@pytest.mark.parametrize("unit", UNITS)
def test_systemd_knows_every_line(unit, tmp_path):
    """As it is installed, but for where the program is."""
    for name in UNITS:
        with open(os.path.join(WWW, name)) as file:
            text = file.read().replace("/usr/local/bin/storefront",
                                       "/bin/true")
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / unit)],
        capture_output=True, text=True, timeout=harness.PATIENCE,
        env={**os.environ, "SYSTEMD_UNIT_PATH":
             f"{tmp_path}:/lib/systemd/system"})
    said = [line for line in done.stderr.splitlines()
            if "storefront" in line]
    assert done.returncode == 0 and said == [], done.stderr


def test_the_lines_are_not_just_any(tmp_path):
    """A line that systemd does not know is seen."""
    path = tmp_path / "storefront.service"
    path.write_text("[Service]\nExecStart=/bin/true\nProtectSytem=strict\n")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(path)],
        capture_output=True, text=True, timeout=harness.PATIENCE)
    assert "Unknown key" in done.stderr


def test_only_the_worker_gets_the_key():
    for unit in SERVICES[1:3]:
        assert values(unit, "LoadCredential") == [
            "klaviyo.key:/etc/storefront/klaviyo.key"]
        assert "KLAVIYO_PRIVATE_KEY_FILE=%d/klaviyo.key" in values(
            unit, "Environment")
        # Nor any other file of theirs, within the root that they see.
        assert values(unit, "RootDirectory")
        assert values(unit, "InaccessiblePaths") == ["-+/etc/storefront"]
    for unit in ("storefront.service", "storefront-status.service"):
        web = settings(unit)
        assert ("InaccessiblePaths", "-/etc/storefront/klaviyo.key") in web
        assert not any("KLAVIYO_PRIVATE_KEY" in value or "Credential" in name
                       for name, value in web)


def test_the_operators_page_is_this_machines_only():
    assert values("storefront-status.socket", "ListenStream") == [
        "127.0.0.1:8081"]


def test_the_web_server_and_nobody_else_is_let_in():
    assert values("storefront.socket", "SocketMode") == ["0660"]
    assert values("storefront.socket", "SocketGroup") == ["www-data"]
    path, = values("storefront.socket", "ListenStream")
    with open(os.path.join(WWW, "nginx.conf")) as file:
        assert f"unix:{path}" in file.read()
    for unit in SERVICES:
        assert values(unit, "User") == ["storefront"]
        assert values(unit, "StateDirectoryMode") == ["0700"]
        assert values(unit, "UMask") == ["0077"]


# ------------------------------------------- the system calls that are left

def members(name):
    """The calls of one of systemd's sets, sets within it included."""
    done = subprocess.run(["systemd-analyze", "syscall-filter", name],
                          capture_output=True, text=True, check=True)
    calls = set()
    for line in done.stdout.splitlines()[1:]:
        word = line.strip()
        if word.startswith("@"):
            calls |= members(word)
        elif re.fullmatch(r"\w+", word):
            calls.add(word)
    return calls


def calls_left(unit):
    """What SystemCallFilter= comes to: later lines take from it, or add."""
    left = set()
    for value in values(unit, "SystemCallFilter"):
        take = value.startswith("~")
        for word in value.lstrip("~").split():
            calls = members(word) if word.startswith("@") else {word}
            left = left - calls if take else left | calls
    return left


@pytest.fixture
def filtered(monkeypatch, tmp_path):
    """Runs storefront serve and worker within a unit's system calls."""
    with Shop(serve=False) as shop:
        where = shop.reach(os.path.join(harness.BUILD, "tests", "confine"),
                           ("lacking",))

        def within(unit):
            calls = calls_left(unit)
            assert 100 < len(calls) < 400
            path = shop.write("calls", "\n".join(sorted(calls)))
            monkeypatch.setattr(harness, "WRAP", [
                os.path.join(where, "lacking"), path])
        yield within


def test_the_web_unit_leaves_what_the_shop_needs(filtered):
    """What it confines itself with included."""
    assert not {"mount", "ptrace", "bpf", "setuid", "keyctl", "reboot"
                } & calls_left("storefront.service")
    filtered("storefront.service")
    with Shop("nginx") as shop:
        log = shop.log("storefront")
        assert "not confined" not in log and "confined by" in log
        visitor = shop.visitor()
        fill_cart(visitor, shop, [("INK-SAGE", 1)])
        assert checkout(visitor).status == 200
        assert shop.get("/feed/catalog.json").status == 200
        assert shop.get("/account/login").status == 200


def test_the_status_unit_leaves_what_it_needs(filtered):
    filtered("storefront-status.service")
    with Shop("direct", serve=False) as shop:
        desk = Desk(shop, wrap=harness.WRAP)
        assert desk.ask().status == 200
        fill(shop)
        assert desk.retry(all="1").status == 303
        assert "not confined" not in shop.log("status")


def test_the_workers_unit_leaves_what_it_needs(filtered):
    filtered("storefront-worker.service")
    with Shop("nginx", sandbox=True, worker=True) as shop:
        visitor = shop.visitor()
        fill_cart(visitor, shop, [("INK-SAGE", 1)])
        assert checkout(visitor).status == 200
        wait_for(lambda: "0 waiting" in shop.run("outbox", "status").stdout
                 or re.search(r"waiting +0\b",
                              shop.run("outbox", "status").stdout),
                 "the order to be delivered")


def test_both_services_leave_the_same():
    assert calls_left(SERVICES[1]) == calls_left(SERVICES[2])
