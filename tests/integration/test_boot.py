"""The Debian packages on a machine of their own: an empty Debian 12 with systemd
as its first process, a real journal, the nginx and Apache sites as installed, and
what README's "Deploy safely" says.  The steps are tests/boot/inside.py's.

It is booted by systemd-nspawn, with no network; what is installed on it before
that comes from where this machine's own packages come from.  SOAK=1, as root:
`make soak`.
"""
import json
import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest

import harness
from harness import TREE
from installed import run
from test_package import debs  # noqa: F401, a fixture

SOAK = bool(os.environ.get("SOAK"))
sys.path.append(os.path.join(TREE, "tests", "boot"))
import inside  # noqa: E402

UNIT = """[Unit]
After=multi-user.target
[Service]
Type=oneshot
TimeoutStartSec=600
ExecStart=/usr/bin/python3 -B /tests/boot/inside.py
"""
INSTALL = """set -e
printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -qq -y \\
    --no-install-recommends nginx-light apache2 python3 /debs/*.deb
rm /usr/sbin/policy-rc.d
# Its own is not what is asked for here, and would take nginx's port 80.
systemctl disable apache2
"""


def soak(test):
    """As if it were not there, but in `make soak`, where root has it."""
    return test if SOAK and os.geteuid() == 0 else None


def source():
    """(address, name) of the Debian that this machine has."""
    rows = run("apt-get", "indextargets", "--format",
               "$(REPO_URI) $(CODENAME)", "Created-By: Packages").stdout
    return next(row.split() for row in rows.splitlines()
                if re.fullmatch(r"http\S+ \w+", row))


def nspawn(root, *more):
    with open(root + ".log", "a+") as log:
        done = subprocess.run(
            ["systemd-nspawn", "--quiet", "-D", root, "--register=no",
             "--keep-unit", *more], stdin=subprocess.DEVNULL, stdout=log,
            stderr=subprocess.STDOUT, timeout=harness.PATIENCE * 20)
        log.seek(0)
        return done.returncode, log.read()[-5000:]


@pytest.fixture(scope="module")
def outcome(debs, tmp_path_factory):  # noqa: F811
    """{step: "ok", or what went wrong}"""
    root = str(tmp_path_factory.mktemp("machine") / "root")
    address, name = source()
    done = subprocess.run(
        ["debootstrap", "--variant=minbase", "--include=systemd,systemd-sysv,"
         "dbus,ca-certificates", name, root, address], text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout[-3000:]
    os.mkdir(root + "/debs")
    for path in debs.values():
        shutil.copy(path, root + "/debs")
    for path, text in (("install.sh", INSTALL),
                       ("etc/systemd/system/inside.service", UNIT)):
        with open(os.path.join(root, path), "w") as f:
            f.write(text)
    status, said = nspawn(root, "--pipe", "/bin/sh", "/install.sh")
    assert status == 0, said
    wants = root + "/etc/systemd/system/graphical.target.wants"
    os.makedirs(wants, exist_ok=True)
    os.symlink("../inside.service", wants + "/inside.service")
    tests = os.path.join(TREE, "tests")
    status, said = nspawn(root, "--private-network", f"--bind-ro={tests}:/tests",
                          "--boot")
    assert os.path.exists(root + "/result.json"), said
    with open(root + "/result.json") as f:
        yield json.load(f)
    shutil.rmtree(root)


@soak
@pytest.mark.parametrize("step", [step.__name__ for step in inside.STEPS])
def test_on_a_machine_of_its_own(outcome, step):
    assert outcome.get(step, "not reached") == "ok", outcome["journal"]


def test_the_readme_has_the_command():
    """What the steps call by hand is what README tells an operator to call."""
    with open(os.path.join(TREE, "README.md")) as f:
        text = " ".join(f.read().replace("\\\n", " ").split())
    wanted = "shop() { " + shlex.join(inside.SHOP) + ' "$@"; }'
    assert wanted in text
