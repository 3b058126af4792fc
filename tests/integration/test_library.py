"""libklaviyo as a stranger finds it: installed, found by pkg-config, linked
both ways into the CGI shop of tests/cgi-shop, whose order arrives."""
import json
import os
import re
import shutil
import sqlite3
import subprocess

import pytest

from harness import BUILD, PATIENCE, TREE
from sandbox_fixture import Sandbox

PREFIX = "/usr"
FLAGS = ["-Wall", "-Wextra", "-pedantic", "-Werror"]


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


def make(target, stage, build):
    # A make above us would pass its flags on: BUILD, SAN, a jobserver.
    env = {name: "" for name in ("MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES")}
    san = [flag.replace("-fsanitize", "SAN") for flag in sanitizers()]
    return run("make", "-C", TREE, target, f"BUILD={build}", *san,
               f"PREFIX={PREFIX}", f"DESTDIR={stage}", env=env)


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """A staging directory with everything installed.  The build is copied:
    another PREFIX must not remake the one that other tests run."""
    build = str(tmp_path_factory.mktemp("build"))
    shutil.copytree(BUILD, build, dirs_exist_ok=True, symlinks=True,
                    ignore=shutil.ignore_patterns("tests"))
    path = str(tmp_path_factory.mktemp("stage"))
    make("install", path, build)
    yield path
    make("uninstall", path, build)
    left = [os.path.join(folder, name)
            for folder, _, names in os.walk(path) for name in names]
    assert not left


def inside(stage, *path):
    return os.path.join(stage, PREFIX.lstrip("/"), *path)


@pytest.fixture(scope="module")
def pkg_config(stage):
    def ask(*arguments):
        return run("pkg-config", *arguments, "klaviyo", env={
            "PKG_CONFIG_SYSROOT_DIR": stage, "PKG_CONFIG_LIBDIR": "",
            "PKG_CONFIG_PATH": inside(stage, "lib", "pkgconfig") + ":" +
            run("pkg-config", "--variable", "pc_path",
                "pkg-config").stdout.strip(),
            "PKG_CONFIG_ALLOW_SYSTEM_CFLAGS": "1",
            "PKG_CONFIG_ALLOW_SYSTEM_LIBS": "1"}).stdout.split()
    return ask


# ------------------------------------------------------------ what is there

def installed(stage):
    return {os.path.relpath(os.path.join(folder, name), inside(stage))
            for folder, _, names in os.walk(stage) for name in names}


def test_programs_library_header(stage):
    assert installed(stage) >= {
        "bin/storefront", "bin/klaviyo-sandbox", "include/klaviyo.h",
        "lib/libklaviyo.a", "lib/libklaviyo.so", "lib/libklaviyo.so.0",
        "lib/pkgconfig/klaviyo.pc"}
    version = run(inside(stage, "bin", "storefront"), "--version").stdout
    name = f"lib/libklaviyo.so.{version.split()[-1]}"
    assert name in installed(stage)
    assert os.path.realpath(inside(stage, "lib", "libklaviyo.so")) == \
        os.path.realpath(inside(stage, *name.split("/")))


@pytest.mark.parametrize("source, target", [
    ("templates", "templates"), ("www/htdocs", "htdocs")])
def test_every_page_and_picture_is_installed(stage, source, target):
    top = os.path.join(TREE, source)
    share = inside(stage, "share", "storefront", target)
    names = [os.path.relpath(os.path.join(folder, name), top)
             for folder, _, files in os.walk(top) for name in files]
    assert names
    for name in names:
        with open(os.path.join(top, name), "rb") as a, \
                open(os.path.join(share, name), "rb") as b:
            assert a.read() == b.read(), name
        assert os.stat(os.path.join(share, name)).st_mode & 0o444 == 0o444


def test_configurations_and_the_file_to_copy(stage):
    share = {"share/storefront/" + name for name in
             ("nginx.conf", "apache.conf")}
    assert share <= installed(stage)
    assert any(name.endswith("/tracking.c") for name in installed(stage))


def test_nothing_of_the_tree_is_named_in_what_is_installed(stage):
    """DESTDIR is where it is put together, never where it runs."""
    for name in ("lib/pkgconfig/klaviyo.pc", "bin/storefront"):
        with open(inside(stage, *name.split("/")), "rb") as f:
            assert stage.encode() not in f.read(), name


def test_installed_program_finds_its_templates(stage):
    """PREFIX is compiled in: the default of STOREFRONT_TEMPLATES."""
    done = run(inside(stage, "bin", "storefront"), "doctor", check=False,
               env={"STOREFRONT_DB": "/nowhere/shop.db"})
    line = [one for one in done.stdout.splitlines()
            if one.startswith("STOREFRONT_TEMPLATES")]
    assert line[0].split()[-1] == f"{PREFIX}/share/storefront/templates"


def test_only_klaviyo_symbols_are_exported(stage):
    lines = run("nm", "-D", "--defined-only", "--extern-only",
                inside(stage, "lib", "libklaviyo.so")).stdout.splitlines()
    names = {line.split()[-1] for line in lines}
    # A sanitizer's own are not ours.
    names = {n for n in names if not re.match(r"__\w*(san|odr)", n)}
    assert names and all(n.startswith("klaviyo_") for n in names), names
    with open(inside(stage, "include", "klaviyo.h"), encoding="utf-8") as f:
        declared = set(re.findall(r"KLAVIYO_API [^;(]*?(klaviyo_\w+)\(",
                                  f.read()))
    assert names == declared


def test_static_library_shares_no_name_with_a_host(stage):
    """What the .a defines begins with klaviyo_ or kl_."""
    lines = run("nm", "--defined-only", "--extern-only",
                inside(stage, "lib", "libklaviyo.a")).stdout.splitlines()
    names = {line.split()[-1] for line in lines if len(line.split()) == 3}
    names = {n for n in names if not n.startswith("_")}
    assert names and not {n for n in names
                          if not n.startswith(("klaviyo_", "kl_"))}


# ------------------------------------------------------------------- header

@pytest.mark.parametrize("compiler, language, standard", [
    ("cc", "c", "c11"), ("cc", "c", "c99"), ("c++", "c++", "c++17"),
    ("c++", "c++", "c++11")])
def test_header_alone(stage, tmp_path, compiler, language, standard):
    source = tmp_path / "alone"
    # Twice: the guard; used: the types are complete.
    source.write_text('#include <klaviyo.h>\n#include <klaviyo.h>\n'
                      'int main(void) { struct klaviyo_order order;\n'
                      '  (void)sizeof order; return 0; }\n')
    run(compiler, "-x", language, f"-std={standard}", *FLAGS,
        "-Wstrict-prototypes" if language == "c" else "-Wextra",
        "-I", inside(stage, "include"), "-c", str(source),
        "-o", str(tmp_path / "alone.o"))


def test_every_declared_function_links_from_cxx(stage, tmp_path, pkg_config):
    """extern "C" holds for all of them."""
    with open(inside(stage, "include", "klaviyo.h"), encoding="utf-8") as f:
        names = re.findall(r"KLAVIYO_API [^;(]*?(klaviyo_\w+)\(", f.read())
    source = tmp_path / "all.cc"
    source.write_text("#include <klaviyo.h>\n#include <cstdio>\nint main() {\n"
                      + "".join(f'  std::printf("%d\\n", &{n} != nullptr);\n'
                                for n in names) + "}\n")
    run("c++", "-std=c++17", "-Wno-address", str(source), "-o",
        str(tmp_path / "all"), *sanitizers(), *pkg_config("--cflags"),
        *pkg_config("--libs"))


# ------------------------------------------------------------------ CGI shop

@pytest.fixture(scope="module", params=["shared", "static"])
def cgi_shop(request, stage, pkg_config, tmp_path_factory):
    """tests/cgi-shop/shop.c built as its own header comment says."""
    program = str(tmp_path_factory.mktemp("cgi") / "shop")
    if request.param == "shared":
        libraries = pkg_config("--libs")
    else:
        # The .a, and what pkg-config says a static link needs besides.
        libraries = ["-Wl,-Bstatic", "-L" + inside(stage, "lib"), "-lklaviyo",
                     "-Wl,-Bdynamic"] + [
            flag for flag in pkg_config("--libs", "--static")
            if flag.startswith("-l") and flag != "-lklaviyo"]
        # Of curl's own needs only curl is there to link with.
        libraries = [flag for flag in libraries if not flag.startswith("-l")
                     or flag in ("-lklaviyo", "-lcurl", "-lcjson",
                                 "-lsqlite3", "-lpq", "-lsodium")]
    run("cc", "-std=c11", "-D_GNU_SOURCE", *FLAGS, *sanitizers(),
        os.path.join(TREE, "tests", "cgi-shop", "shop.c"), "-o", program,
        *pkg_config("--cflags"), *libraries, "-lsqlite3")
    needed = run("readelf", "-d", program).stdout
    assert ("libklaviyo.so.0" in needed) == (request.param == "shared")

    def call(*arguments, body="", **env):
        return run(program, *arguments, input=body, env={
            "LD_LIBRARY_PATH": inside(stage, "lib"),
            "SHOP_DB": program + ".db", **env})
    call.db = program + ".db"
    return call


def test_cgi_shop_page(cgi_shop):
    page = cgi_shop(REQUEST_METHOD="GET", GATEWAY_INTERFACE="CGI/1.1").stdout
    head, _, body = page.partition("\n\n")
    assert "Content-Type: text/html" in head
    call = re.search(r'klaviyo\.track\("Viewed Product", (.*)\)</script>',
                     body)
    assert json.loads(call[1]) == {
        "ProductName": "Winnie the Pooh", "ProductID": "1111",
        "SKU": "WINNIEPOOH", "Categories": ["Fiction", "Children"],
        "ImageURL": "https://books.klaviyo-demo.com/pooh.png",
        "URL": "https://books.klaviyo-demo.com/pooh", "Brand": "Kids Books",
        "Price": 9.99}


def test_cgi_shop_order_arrives(cgi_shop):
    email = "sarah.mason@klaviyo-demo.com"
    body = f"email={email}"
    with Sandbox("--rate", "off") as sandbox:
        reply = cgi_shop(body=body, REQUEST_METHOD="POST",
                         GATEWAY_INTERFACE="CGI/1.1",
                         CONTENT_TYPE="application/x-www-form-urlencoded",
                         CONTENT_LENGTH=str(len(body))).stdout
        order = re.search(r"Thank you: ([0-9a-f]{32})", reply)[1]
        with sqlite3.connect(cgi_shop.db) as db:
            assert [(order,)] == db.execute("SELECT id FROM orders").fetchall()
            assert db.execute("SELECT count(*) FROM klaviyo_outbox "
                              "WHERE due_at IS NOT NULL").fetchone() == (2,)
        sent = cgi_shop("deliver", KLAVIYO_API_URL=sandbox.url,
                        DEMO_KEY="pk_sandbox").stdout
        assert sent.split()[:2] == ["2", "sent"]
        events = {e["metric"]: e for e in sandbox.state["events"]}
        assert set(events) == {"Placed Order", "Ordered Product"}
        assert events["Placed Order"]["unique_id"] == order
        assert events["Ordered Product"]["unique_id"] == order + ":1"
        # A second pass sends nothing.
        assert cgi_shop("deliver", KLAVIYO_API_URL=sandbox.url,
                        DEMO_KEY="pk_sandbox").stdout.startswith("0 sent")
        assert len(sandbox.state["events"]) == 2
        assert not sandbox.state["duplicates"]
        assert not sandbox.state["refused"]


def test_cgi_shop_bad_order_changes_nothing(cgi_shop):
    before = count_rows(cgi_shop.db)
    reply = cgi_shop(body="email=%22nobody", REQUEST_METHOD="POST",
                     GATEWAY_INTERFACE="CGI/1.1").stdout
    assert reply.startswith("Status: 400")
    assert count_rows(cgi_shop.db) == before


def count_rows(path):
    with sqlite3.connect(path) as db:
        return [db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
                for table in ("orders", "klaviyo_outbox")]
