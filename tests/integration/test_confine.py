"""
What a process that serves pages can still do once somebody else decides what it
does: tests/confine/probe.c tries it, confined as `storefront serve` is; and the
real programs are looked at from outside.
"""
import os
import re
import socket
import stat
import subprocess
import tempfile
import warnings

import pytest

import harness
from harness import PRIVATE_KEY, Shop, wait_for
from shop_kit import checkout, fill_cart

# What is forbidden: by seccomp and landlock together, by landlock alone, by
# seccomp alone.  None: not that one's business.
KILLED = ("SIGSYS", None, "SIGSYS")
DENIED = ("EPERM", None, "EPERM")
FILE = ("EACCES", "EACCES", None)
BOTH = ("EPERM", "EACCES", "EPERM")
ALLOWED = ("done", "done", "done")
FORBIDDEN = {
    # other programs
    "exec": ("SIGSYS", "EACCES", "SIGSYS"),
    "execveat": ("SIGSYS", "EACCES", "SIGSYS"),
    "spawn": ("SIGSYS", "EACCES", "SIGSYS"),
    "fork": KILLED, "libc_fork": KILLED, "vfork": KILLED,
    "exec_memory": DENIED, "exec_page": DENIED, "memfd": DENIED,
    # other processes
    "ptrace": ("SIGSYS", "EPERM", "SIGSYS"),
    "read_memory": ("SIGSYS", "EPERM", "SIGSYS"),
    "kill": ("EPERM", "EPERM", "EPERM"),
    "tgkill": ("EPERM", "EPERM", "EPERM"),
    "environ_of_parent": FILE,
    "own_environ": ("EACCES", "EACCES", "EACCES"),
    # the kernel
    **{name: KILLED for name in (
        "mount", "umount2", "unshare", "setns", "chroot", "pivot_root", "bpf",
        "perf_event_open", "userfaultfd", "io_uring_setup", "init_module",
        "kexec_load")},
    **{name: DENIED for name in (
        "keyctl", "add_key", "setuid", "setresuid", "capset", "personality",
        "reboot", "syslog", "prctl", "core_files")},
    # the net
    **{name: DENIED for name in (
        "socket_unix", "socket_inet", "socket_inet6", "socket_netlink",
        "socket_packet", "socket_vsock", "socket_alg", "connect_unix",
        "send_udp")},
    "connect_tcp": BOTH, "bind_tcp": BOTH,
    # files that are not the shop's, or not any more
    **{name: FILE for name in (
        "private_key", "secret", "passwd", "root_folder",
        "tmp_folder", "null_device", "beside", "outside",
        "remove_outside")},
    **{name: BOTH for name in (
        "link", "symlink", "rename", "mkdir", "truncate")},
    "chmod": DENIED,
}
POSSIBLE = {
    **{name: ALLOWED for name in (
        "template",  # SIGHUP reads them anew
        "page", "feed", "write_database", "checkpoint", "sync_folder",
        "scratch", "random", "thread", "password")},
    "abort": ("SIGABRT", "SIGABRT", "SIGABRT"),
}
# A shop on PostgreSQL must be able to connect again: so it may open sockets,
# read what finding hosts and libpq's files take, and connect to that port.
ON_POSTGRESQL = {
    **{name: ALLOWED for name in (
        "socket_unix", "socket_inet", "socket_inet6", "socket_netlink",
        "connect_unix", "connect_again", "find_host", "passwd",
        "exec_memory")},
    "connect_tcp": ("EACCES", "EACCES", None),
    "bind_tcp": ("EACCES", "EACCES", None),
    "send_udp": ALLOWED,
}
# Rows about the files of SQLite.
OF_SQLITE = {"beside", "sync_folder", "checkpoint", "link", "symlink",
             "rename", "mkdir"}
CGI = {"GATEWAY_INTERFACE": "CGI/1.1", "REQUEST_METHOD": "POST",
       "SERVER_PROTOCOL": "HTTP/1.1", "REQUEST_URI": "/cart/add",
       "DOCUMENT_URI": "/cart/add", "CONTENT_LENGTH": "9",
       "CONTENT_TYPE": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    """Where anybody can run the probe from."""
    with Shop(serve=False) as shop:
        yield shop.reach(os.path.join(harness.BUILD, "tests", "confine"),
                         ("probe", "lacking"))


def user_of(shop):
    if not shop.user:
        return {}
    return {"user": shop.user.pw_uid, "group": shop.user.pw_gid,
            "extra_groups": []}


def landlock_here():
    """The version of landlock in this kernel; 0: none."""
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    return max(0, libc.syscall(444, None, ctypes.c_size_t(0), 1))


def probe(programs, *lacking, engine="sqlite", env=None):
    """What each row of the probe came to: {name: result}."""
    with Shop(serve=False, engine=engine) as shop, \
            socket.socket() as tcp, socket.socket(socket.AF_UNIX) as local, \
            tempfile.TemporaryDirectory(prefix="outside-") as outside:
        tcp.bind(("127.0.0.1", 0))
        tcp.listen(100)
        path = os.path.join(outside, "socket")
        local.bind(path)
        local.listen(100)
        open(os.path.join(outside, "kept"), "w").close()
        os.chmod(outside, 0o777)
        os.chmod(path, 0o777)
        done = subprocess.run(
            [*([os.path.join(programs, "lacking"), *lacking] if lacking
               else []), os.path.join(programs, "probe")],
            env={**shop.env, **shop.secrets,
                 **{name: value.format(db=shop.db,
                                       port=tcp.getsockname()[1])
                    for name, value in (env or {}).items()},
                 "PROBE_KEY": shop.path("private.key"),
                 "PROBE_PORT": str(tcp.getsockname()[1]),
                 "PROBE_SOCKET": path, "PROBE_OUTSIDE": outside},
            capture_output=True, text=True, timeout=harness.PATIENCE * 5,
            **user_of(shop))
    assert done.returncode == 0, done.stdout + done.stderr
    rows = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert set(rows) == set(FORBIDDEN) | set(POSSIBLE) | {
        "find_host", "connect_again"}
    return rows


@pytest.fixture(scope="module")
def here(programs):
    """Confined with all that this kernel has, on SQLite."""
    return probe(programs)


@pytest.fixture(scope="module")
def postgresql(programs):
    return probe(programs, engine="postgresql")


@pytest.fixture(scope="module")
def without(programs):
    """The same on kernels that lack something."""
    return {what: probe(programs, what)
            for what in ("landlock", "seccomp", "both")}


def expected(results):
    """Of (together, landlock, seccomp): what this kernel can do."""
    if landlock_here():
        return results[0]
    return results[2]


# Before this version landlock knows nothing of it; seccomp does.
SINCE = {"connect_tcp": 4, "bind_tcp": 4, "kill": 6, "tgkill": 6,
         "truncate": 3}

def test_what_this_kernel_has():
    """The other tests check what is there."""
    if landlock_here() == 0:
        warnings.warn("THIS KERNEL HAS NO LANDLOCK: what it forbids alone is "
                      "not tested here")
    assert not os.environ.get("CI") or landlock_here() >= 1
    assert "kill_process" in open(
        "/proc/sys/kernel/seccomp/actions_avail").read()


@pytest.mark.parametrize("name", FORBIDDEN)
def test_forbidden(here, name):
    want = expected(FORBIDDEN[name])
    assert want is None or here[name] == want


@pytest.mark.parametrize("name", POSSIBLE)
def test_still_possible(here, name):
    assert here[name] == expected(POSSIBLE[name])


@pytest.mark.parametrize("name", [*FORBIDDEN, *POSSIBLE])
def test_by_landlock_alone(without, name):
    want = {**FORBIDDEN, **POSSIBLE}[name][1]
    if landlock_here() >= SINCE.get(name, 1) and want is not None:
        assert without["seccomp"][name] == want


@pytest.mark.parametrize("name", [*FORBIDDEN, *POSSIBLE])
def test_by_seccomp_alone(without, name):
    want = {**FORBIDDEN, **POSSIBLE}[name][2]
    if want is not None:
        assert without["landlock"][name] == want


def test_the_probe_can_do_it_unconfined(without):
    """What is forbidden above is possible otherwise: it is not for want of a
    file or of rights that it fails."""
    rows = without["both"]
    for name in ("exec", "spawn", "exec_memory", "memfd", "kill",
                 "environ_of_parent", "unshare", "personality", "core_files",
                 "socket_unix", "socket_inet", "connect_tcp", "connect_unix",
                 "bind_tcp", "send_udp", "private_key", "secret",
                 "passwd", "beside", "outside", "link", "rename", "mkdir",
                 "ptrace", "read_memory", "find_host"):
        assert rows[name] == "done", name
    for name in POSSIBLE:
        assert rows[name] == POSSIBLE[name][0]


@pytest.mark.parametrize("name", [*FORBIDDEN, *POSSIBLE, "connect_again",
                                  "find_host"])
def test_on_postgresql(postgresql, name):
    want = expected({**FORBIDDEN, **POSSIBLE, **ON_POSTGRESQL}[name])
    if want is not None and name not in OF_SQLITE:
        assert postgresql[name] == want


def test_each_port_of_the_database(programs):
    """Of several servers, one of which is away."""
    rows = probe(programs, engine="postgresql", env={
        "STOREFRONT_DB": "{db},127.0.0.1&port=,{port}"})
    assert rows["connect_tcp"] == rows["connect_again"] == "done"


@pytest.mark.parametrize("lacking, missing", [
    ("", 0), ("landlock", 1), ("seccomp", 1), ("both", 2)])
def test_report(programs, lacking, missing):
    """What `storefront doctor` can say of the kernel."""
    done = subprocess.run(
        [*([os.path.join(programs, "lacking"), lacking] if lacking else []),
         os.path.join(programs, "probe"), "report"],
        capture_output=True, text=True, timeout=harness.PATIENCE)
    if landlock_here() == 0 and lacking in ("", "seccomp"):
        missing += 1
    assert done.returncode == done.stdout.count("note  no ") == missing
    assert done.stdout.count("\n") == 2
    if lacking not in ("landlock", "both") and landlock_here():
        assert f"ok    landlock, version {landlock_here()}\n" in done.stdout


def test_the_key_is_out_of_reach_though_its_name_is_known(programs):
    """A web process that was started with the worker's environment."""
    with Shop(serve=False) as shop:
        key = shop.path("private.key")
    rows = probe(programs, env={"KLAVIYO_PRIVATE_KEY_FILE": key})
    if landlock_here():
        assert rows["private_key"] == "EACCES"
    else:
        warnings.warn("no landlock: the key's file is only guarded by its "
                      "owner and mode")


def test_off(programs):
    rows = probe(programs, env={"STOREFRONT_CONFINE": "off"})
    assert rows["exec"] == rows["private_key"] == rows["own_environ"] == "done"


# ------------------------------------------------------ the real programs

def status(pid):
    """/proc/PID/status of all the threads."""
    threads = []
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/status") as file:
            threads.append(dict(line.strip().split(":\t", 1)
                                for line in file if ":\t" in line.strip()))
    return threads


def assert_confined(pid, least_threads=1):
    threads = status(pid)
    assert len(threads) >= least_threads
    for thread in threads:
        assert thread["NoNewPrivs"] == "1"
        assert thread["Seccomp"] == "2"
    assert_private(pid)


def assert_private(pid):
    """Another process of the same user sees neither memory nor environment,
    and there will be no core file."""
    assert os.stat(f"/proc/{pid}/environ").st_uid == 0
    limits = open(f"/proc/{pid}/limits").read()
    assert re.search(r"Max core file size +0 +0 ", limits)


def as_user(shop, *command):
    return subprocess.run(command, capture_output=True, **user_of(shop))


def test_serve_and_worker():
    """The whole shop: a walk through it, then a look at its processes."""
    with Shop("nginx", sandbox=True, worker=True) as shop:
        visitor = shop.visitor()
        fill_cart(visitor, shop, [("INK-SAGE", 1)])
        assert checkout(visitor).status == 200
        assert shop.get("/feed/catalog.json").status == 200
        log = shop.log("storefront")
        assert ("confined by landlock and seccomp" if landlock_here()
                else "confined by seccomp") in log
        web = shop.programs["storefront"].pid
        worker = shop.programs["worker"].pid
        assert_confined(web, least_threads=9)
        wait_for(lambda: "delivering" in shop.log("worker"), "the worker")
        assert_private(worker)
        for pid in (web, worker):
            for name in ("environ", "mem", "maps"):
                seen = as_user(shop, "cat", f"/proc/{pid}/{name}")
                assert seen.returncode != 0 and seen.stdout == b""
            for name in ("environ", "cmdline"):
                if os.geteuid() == 0:
                    text = open(f"/proc/{pid}/{name}", "rb").read()
                    assert text and PRIVATE_KEY.encode() not in text
        if os.geteuid() == 0:
            assert b"KLAVIYO_PRIVATE_KEY_FILE" not in open(
                f"/proc/{web}/environ", "rb").read()
        shop.end("worker")
        shop.end("storefront")
        # The last one out has put the log away.
        assert not os.path.exists(shop.db + "-wal")
        assert not os.path.exists(shop.socket)


def test_a_process_of_mod_fcgid():
    with Shop("apache-fcgid") as shop:
        assert shop.get("/").status == 200
        apache = shop.programs["apache"].pid
        children = [int(pid) for pid in os.listdir("/proc") if pid.isdigit()
                    and descends(int(pid), apache)
                    and comm(int(pid)) == "storefront"]
        assert children
        for pid in children:
            assert_confined(pid)


def comm(pid):
    try:
        return open(f"/proc/{pid}/comm").read().strip()
    except OSError:
        return ""


def descends(pid, ancestor):
    while pid > 1:
        if pid == ancestor:
            return True
        try:
            text = open(f"/proc/{pid}/stat").read()
        except OSError:
            return False
        pid = int(text[text.rindex(")") + 2:].split()[1])
    return False


def test_a_cgi_process():
    """One that waits for the rest of its form."""
    with Shop(serve=False) as shop:
        process = subprocess.Popen(
            shop.storefront(), env={**shop.env, **CGI}, cwd=shop.dir,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, **user_of(shop))
        try:
            wait_for(lambda: status(process.pid)[0]["Seccomp"] == "2",
                     "the process to be confined")
            assert_confined(process.pid)
            out, err = process.communicate(b"variant=1")
        finally:
            process.kill()
            process.wait()
        assert out.startswith(b"Status: ") and err == b""


@pytest.mark.parametrize("what, said, flag", [
    ("landlock", "not confined as it could be: no landlock in this kernel",
     "2"),
    ("seccomp", "not confined as it could be: no seccomp in this kernel",
     None)])
def test_kernels_that_lack_something(programs, monkeypatch, what, said, flag):
    """The shop serves, and says so once."""
    monkeypatch.setattr(harness, "WRAP",
                        [os.path.join(programs, "lacking"), what])
    with Shop("nginx") as shop:
        visitor = shop.visitor()
        fill_cart(visitor, shop, [("INK-SAGE", 1)])
        assert checkout(visitor).status == 200
        assert shop.get("/feed/catalog.xml").status == 200
        assert shop.log("storefront").count("not confined") == 1
        assert said in shop.log("storefront")
        if flag:
            assert_confined(shop.programs["storefront"].pid, 9)


def test_off_says_so():
    with Shop("nginx", env={"STOREFRONT_CONFINE": "off"}) as shop:
        assert shop.get("/").status == 200
        assert "not confined: STOREFRONT_CONFINE is off" in shop.log(
            "storefront")
        pid = shop.programs["storefront"].pid
        assert status(pid)[0]["NoNewPrivs"] == "0"
        assert os.stat(f"/proc/{pid}/environ").st_uid != 0


def test_a_wrong_word_is_refused():
    with Shop(serve=False) as shop:
        done = shop.run("serve", check=False,
                        env={"STOREFRONT_CONFINE": "no"})
        assert done.returncode == 2
        assert "STOREFRONT_CONFINE must be auto, or off" in done.stderr


def test_scratch_directory_of_another(tmp_path):
    """Somebody else has taken its name, or made it readable: another one."""
    os.chmod(tmp_path, 0o777)
    with Shop("nginx", serve=False,
              env={"TMPDIR": str(tmp_path)}) as shop:
        uid = shop.user.pw_uid if shop.user else os.geteuid()
        # pytest's directory is the tests' own: let the shop's user pass.
        if shop.user:
            for above in tmp_path.parents:
                if above.name.startswith(("pytest-", "popen-")):
                    os.chmod(above, 0o755)
        taken = tmp_path / f"storefront-{uid}"
        taken.mkdir(mode=0o755)
        shop.start()
        assert shop.get("/feed/catalog.json").status == 200
        assert shop.get("/feed/catalog.json").status == 200
        assert os.listdir(taken) == []
        others = [p for p in tmp_path.iterdir() if p != taken]
        assert len(others) == 1
        assert stat.S_IMODE(others[0].stat().st_mode) == 0o700
        assert os.listdir(others[0]) == []
