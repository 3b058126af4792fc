"""
`make run` as a newcomer types it: from a clean copy, with Ctrl-C, again, with
ports taken, and with settings that do not fit.
"""
import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import urllib.parse

import pytest

from harness import BUILD, TREE, answers, free_port, wait_for

CLEAN = {k: v for k, v in os.environ.items()
         if not k.startswith(("KLAVIYO_", "STOREFRONT_", "MAKE", "MFLAGS"))
         and k not in ("BUILD", "SAN")}  # what `make sanitize` was called with


class Run:
    """One `make run` in ${tree}; lines of its output as they come."""

    def __init__(self, tree, port, sandbox_port, status_port=None, **env):
        self.out = open(os.path.join(tree, "..", "run.out"), "w+")
        self.port, self.sandbox_port = port, sandbox_port
        self.status_port = status_port or free_port()
        self.process = subprocess.Popen(
            ["make", "run", f"PORT={port}", f"SANDBOX_PORT={sandbox_port}",
             f"STATUS_PORT={self.status_port}"],
            cwd=tree, stdout=self.out, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL, env={**CLEAN, **env},
            start_new_session=True)

    def text(self):
        with open(self.out.name) as f:
            return f.read()

    def ready(self):
        def look():
            assert self.process.poll() is None, self.text()
            return "Ctrl-C" in self.text()
        wait_for(look, "make run to say where the shop is")

    def interrupt(self):
        """Ctrl-C: the terminal sends SIGINT to the whole group."""
        os.killpg(self.process.pid, signal.SIGINT)
        self.process.wait(60)

    def end(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(60)
        self.out.close()


@pytest.fixture
def tree(tmp_path):
    """What a clone holds, with the programs built already."""
    tree = tmp_path / "clone"
    for name in ("src", "templates", "www", "Makefile"):
        source = os.path.join(TREE, name)
        if os.path.isdir(source):
            shutil.copytree(source, tree / name)
        else:
            shutil.copy2(source, tree / name)
    shutil.copytree(BUILD, tree / "build", symlinks=True,
                    ignore=shutil.ignore_patterns("tests"))
    return str(tree)


def get(port, path, method="GET", body=None, cookie=""):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Cookie": cookie} if cookie else {}
    if body:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        headers["Sec-Fetch-Site"] = "same-origin"
    connection.request(method, path, body, headers)
    reply = connection.getresponse()
    text = reply.read().decode()
    connection.close()
    return reply, text


def test_run_stop_and_run_again(tree):
    run = Run(tree, free_port(), free_port())
    try:
        run.ready()
        assert f"http://127.0.0.1:{run.port}/" in run.text()
        assert f"http://127.0.0.1:{run.sandbox_port}/" in run.text()
        assert "Winnie the Pooh" in get(run.port, "/search?q=pooh")[1]
        assert get(run.sandbox_port, "/")[0].status == 200
        assert f"http://127.0.0.1:{run.status_port}/" in run.text()
        assert get(run.status_port, "/")[0].status == 401
        page = get(run.port, "/products/winnie-the-pooh")[1]
        variant = re.search(r'name="variant" value="(\d+)"', page).group(1)
        reply, _ = get(run.port, "/cart/add", "POST",
                       urllib.parse.urlencode({"variant": variant,
                                               "quantity": 3}))
        assert reply.status == 303
        cookie = reply.getheader("Set-Cookie").partition(";")[0]
        again_port = run.port
        run.interrupt()
        assert not answers(("127.0.0.1", run.port))
        assert not answers(("127.0.0.1", run.sandbox_port))
        left = subprocess.run(["pgrep", "-f", tree], capture_output=True,
                              text=True).stdout.split()
        assert left == [], "still running after Ctrl-C"
    finally:
        run.end()
    run = Run(tree, again_port, free_port())
    try:
        run.ready()
        cart = get(run.port, "/cart", cookie=cookie)[1]
        assert 'value="3"' in cart and "Winnie the Pooh" in cart
    finally:
        run.end()
    assert {os.stat(os.path.join(where, name), follow_symlinks=False).st_uid
            for where, dirs, files in os.walk(tree)
            for name in dirs + files} == {os.stat(tree).st_uid}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be sudo's make")
def test_run_as_root_leaves_nothing_of_root(tree):
    """sudo make run in somebody's tree."""
    os.chmod(os.path.dirname(tree), 0o755)
    for where, dirs, files in os.walk(tree):
        for name in dirs + files + ["."]:
            os.chown(os.path.join(where, name), 65534, 65534,
                     follow_symlinks=False)
    parent = os.path.dirname(tree)
    while parent != "/":
        os.chmod(parent, os.stat(parent).st_mode | 0o011)
        parent = os.path.dirname(parent)
    run = Run(tree, free_port(), free_port())
    try:
        run.ready()
        assert get(run.port, "/")[0].status == 200
        run.interrupt()
    finally:
        run.end()
    owners = {os.stat(os.path.join(where, name), follow_symlinks=False).st_uid
              for where, dirs, files in os.walk(tree)
              for name in dirs + files}
    assert owners == {65534}


@pytest.mark.parametrize("setting", ["PORT", "SANDBOX_PORT", "STATUS_PORT"])
def test_a_port_taken_names_its_setting(tree, setting):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        run = Run(tree, *(port if setting == name else free_port() for name
                          in ("PORT", "SANDBOX_PORT", "STATUS_PORT")))
        run.process.wait(120)
        text = run.text()
        run.end()
    assert run.process.returncode != 0
    assert f"port {port} is taken" in text
    assert f"make run {setting}=" in text
    assert not os.path.exists(os.path.join(tree, ".demo", "shop.db"))


def test_half_a_key_pair_is_refused(tree):
    run = Run(tree, free_port(), free_port(), KLAVIYO_PUBLIC_KEY="AbC123")
    run.process.wait(120)
    text = run.text()
    run.end()
    assert run.process.returncode != 0
    assert "set both KLAVIYO_PUBLIC_KEY and KLAVIYO_PRIVATE_KEY_FILE" in text
