"""What somebody has who has only installed: no source, no build, pkg-config.

    with Installed() as usr:              # `make install` into a directory
        usr.path("bin", "storefront")
        usr.cc("shop.c", "shop", "-lsqlite3")           # or usr.cxx
        with usr.sandbox("--rate", "off") as sandbox:   # sandbox_fixture's
            with serve_cgi(program, env) as url: ..
        check_nothing_to_fault(browser, sandbox, "Placed Order", ..)

The build is copied: another PREFIX must not remake the one that other tests
run.
"""
import contextlib
import http.server
import os
import shutil
import subprocess
import tempfile
import threading

import sandbox_fixture
from harness import BUILD, PATIENCE, TREE, wait_for

PREFIX = "/usr"
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"]


def run(*command, env=None, check=True, **more):
    done = subprocess.run(command, capture_output=True, text=True,
                          timeout=PATIENCE * 5, check=False,
                          env={**os.environ, **(env or {})}, **more)
    assert not check or done.returncode == 0, \
        f"{' '.join(map(str, command))}:\n{done.stdout}{done.stderr}"
    return done


def sanitizers():
    """The build's own -fsanitize, which its users must link with too."""
    names = {"__asan_init": "address", "__tsan_init": "thread",
             "__ubsan_handle_type_mismatch_v1": "undefined"}
    symbols = run("nm", "-D", os.path.join(BUILD, "libklaviyo.so")).stdout
    used = [flag for symbol, flag in names.items() if symbol in symbols]
    return ["-fsanitize=" + ",".join(used)] if used else []


def make(target, build, *variables):
    # A make above us would pass its flags on: BUILD, SAN, a jobserver.
    env = {name: "" for name in ("MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES")}
    san = [flag.replace("-fsanitize", "SAN") for flag in sanitizers()]
    return run("make", "-C", TREE, target, f"BUILD={build}", *san, *variables,
               env=env)


class Installed:
    def __init__(self, prefix=PREFIX):
        self.prefix = prefix
        self.build = tempfile.mkdtemp(prefix="build-")
        self.stage = tempfile.mkdtemp(prefix="stage-")
        os.chmod(self.stage, 0o755)
        shutil.copytree(BUILD, self.build, dirs_exist_ok=True, symlinks=True,
                        ignore=shutil.ignore_patterns(
                            "tests", "replay", "fuzz", "lint", "deb"))
        self.make("install")

    def make(self, target):
        return make(target, self.build, f"PREFIX={self.prefix}",
                    f"DESTDIR={self.stage}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.build, ignore_errors=True)
        shutil.rmtree(self.stage, ignore_errors=True)

    def path(self, *names):
        return os.path.join(self.stage, self.prefix.lstrip("/"), *names)

    def files(self):
        """Files and links, relative to the prefix."""
        return {os.path.relpath(os.path.join(folder, name), self.path())
                for folder, _, names in os.walk(self.stage) for name in names}

    @property
    def pkg_config_env(self):
        return {
            "PKG_CONFIG_SYSROOT_DIR": self.stage, "PKG_CONFIG_LIBDIR": "",
            "PKG_CONFIG_PATH": self.path("lib", "pkgconfig") + ":" +
            run("pkg-config", "--variable", "pc_path",
                "pkg-config").stdout.strip(),
            "PKG_CONFIG_ALLOW_SYSTEM_CFLAGS": "1",
            "PKG_CONFIG_ALLOW_SYSTEM_LIBS": "1"}

    def pkg_config(self, *arguments):
        return run("pkg-config", *arguments, "klaviyo",
                   env=self.pkg_config_env).stdout.split()

    def cc(self, source, program, *libraries, compiler=("cc", "-std=c11")):
        """In the folder of ${program}, which need have nothing of ours."""
        run(*compiler, "-D_GNU_SOURCE", *WARNINGS, *sanitizers(), source,
            "-o", program, *self.pkg_config("--cflags"),
            *self.pkg_config("--libs"), *libraries,
            cwd=os.path.dirname(program))
        return program

    def cxx(self, source, program, *libraries):
        return self.cc(source, program, *libraries,
                       compiler=("c++", "-std=c++17"))

    @property
    def env(self):
        """For programs that are linked with the library."""
        return {"LD_LIBRARY_PATH": self.path("lib")}

    @contextlib.contextmanager
    def sandbox(self, *options):
        """The installed klaviyo-sandbox."""
        ours = sandbox_fixture.PROGRAM
        sandbox_fixture.PROGRAM = self.path("bin", "klaviyo-sandbox")
        try:
            with sandbox_fixture.Sandbox(*options) as sandbox:
                yield sandbox
        finally:
            sandbox_fixture.PROGRAM = ours


@contextlib.contextmanager
def serve_cgi(program, env, folder=None):
    """A web server that runs ${program} for each request, in the folder, as
    RFC 3875 says: its address."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self):
            length = int(self.headers.get("Content-Length") or 0)
            path, _, query = self.path.partition("?")
            done = subprocess.run(
                [program], input=self.rfile.read(length), cwd=folder,
                capture_output=True, timeout=PATIENCE * 5, check=False, env={
                    **os.environ, **env, "GATEWAY_INTERFACE": "CGI/1.1",
                    "REQUEST_METHOD": self.command, "DOCUMENT_URI": path,
                    "PATH_INFO": path, "QUERY_STRING": query,
                    "CONTENT_LENGTH": str(length), "CONTENT_TYPE":
                    self.headers.get("Content-Type") or ""})
            head, _, body = done.stdout.partition(b"\r\n\r\n")
            lines = [line.split(": ", 1) for line in
                     head.decode().splitlines() if ": " in line]
            status = dict(lines).get("Status", "200")
            if done.returncode != 0:
                status, body = "500", done.stderr
            self.send_response(int(status.split()[0]))
            for name, value in lines:
                if name != "Status":
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
        do_GET = do_POST = answer

        def log_message(self, *_):
            pass
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def check_nothing_to_fault(browser, sandbox, *metrics):
    """The sandbox has these metrics, all accepted, and its own page, in the
    browser, says of each of them: as the guide says."""
    state = sandbox.state
    told = {e["metric"] for e in state["events"]} - {"Active on Site"}
    assert told == set(metrics), told
    remarks = [(e["metric"], e["remarks"]) for e in state["events"]
               if e.get("remarks")]
    assert remarks == [], remarks
    # Two pages within one second are one "Active on Site": klaviyo.js's own.
    others = [e for other in ("refused", "duplicates", "dropped")
              for e in state.get(other, ())
              if e.get("metric") != "Active on Site"]
    assert not others, others
    browser.get(sandbox.url + "/")
    find = ("return Object.fromEntries([...document.querySelectorAll("
            "'#guide details')].map(d => [d.dataset.metric, "
            "d.querySelector('summary .badge').textContent]))")

    def shown():
        browser.execute_script(
            "document.getElementById('tab-guide').click()")
        cards = browser.execute_script(find)
        return cards if all("no such" not in cards.get(m, "no such")
                            for m in metrics) else None
    cards = wait_for(shown, "the page's verdicts")
    for metric in metrics:
        assert cards[metric] == "as the guide says", (metric, cards[metric])
