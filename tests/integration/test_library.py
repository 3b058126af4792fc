"""libklaviyo as a stranger finds it: installed, found by pkg-config; its header
alone, its symbols, and all of it gone again."""
import os
import re

import pytest

from harness import TREE
from installed import PREFIX, WARNINGS, Installed, run, sanitizers


@pytest.fixture(scope="module")
def usr():
    with Installed() as installed:
        yield installed


@pytest.fixture(scope="module")
def stage(usr):
    return usr.stage


@pytest.fixture(scope="module")
def pkg_config(usr):
    return usr.pkg_config


def inside(stage, *path):
    return os.path.join(stage, PREFIX.lstrip("/"), *path)


# ------------------------------------------------------------ what is there


def test_programs_library_header(usr, stage):
    assert usr.files() >= {
        "bin/storefront", "bin/klaviyo-sandbox", "include/klaviyo.h",
        "lib/libklaviyo.a", "lib/libklaviyo.so", "lib/libklaviyo.so.0",
        "lib/pkgconfig/klaviyo.pc", "share/man/man3/klaviyo.3",
        "share/man/man8/storefront.8", "share/man/man1/klaviyo-sandbox.1",
        "lib/sysusers.d/storefront.conf", *("lib/systemd/system/" + unit
            for unit in ("storefront.service", "storefront.socket",
                         "storefront-worker.service",
                         "storefront-batch.service",
                         "storefront-batch.timer",
                         "storefront-status.service",
                         "storefront-status.socket"))}
    version = run(inside(stage, "bin", "storefront"), "--version").stdout
    name = f"lib/libklaviyo.so.{version.split()[-1]}"
    assert name in usr.files()
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


def test_configurations_and_the_file_to_copy(usr):
    share = {"share/storefront/" + name for name in
             ("nginx.conf", "nginx-site.conf", "apache.conf")}
    assert share <= usr.files()
    assert any(name.endswith("/tracking.c") for name in usr.files())


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


def test_what_is_configured_names_where_things_are(usr):
    """As they are installed, and nothing of another place."""
    for name in usr.files():
        if re.search(r"\.(conf|service|socket|timer|cron)$", name):
            with open(usr.path(name), encoding="utf-8") as file:
                text = file.read()
            assert "/usr/local" not in text, name
            for place in re.findall(r"/usr/(?:share|bin)/[\w./-]+\w", text):
                assert os.path.exists(usr.stage + place), (name, place)


def test_uninstall_takes_what_install_has_put_there():
    """And nothing else, were it among it."""
    with Installed("/opt/shop") as usr:
        mine = {"lib/libother.so", "share/storefront/templates/mine.tpl",
                "share/storefront/htdocs/images/mine.png",
                "lib/systemd/system/other.service", "bin/other"}
        assert len(usr.files()) > 80
        for name in mine:
            os.makedirs(os.path.dirname(usr.path(name)), exist_ok=True)
            with open(usr.path(name), "w", encoding="utf-8") as file:
                file.write("mine")
        usr.make("uninstall")
        assert usr.files() == mine
        for name in mine:
            os.unlink(usr.path(name))
        usr.make("install")
        usr.make("uninstall")
        assert usr.files() == set()
        assert not os.path.exists(usr.path("share", "storefront", "templates",
                                           "klaviyo"))


# ------------------------------------------------------------------- header

@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("language, standard", [
    ("c", "c11"), ("c", "c99"), ("c", "c2x"), ("c++", "c++11"),
    ("c++", "c++17"), ("c++", "c++20")])
def test_header_alone(stage, tmp_path, compiler, language, standard):
    source = tmp_path / "alone"
    # Twice: the guard; used: the types are complete.
    source.write_text('#include <klaviyo.h>\n#include <klaviyo.h>\n'
                      'int main(void) { struct klaviyo_order order;\n'
                      '  (void)sizeof order; return 0; }\n')
    run(compiler, "-x", language, f"-std={standard}", *WARNINGS,
        "-Wsign-conversion", "-Wundef",
        *(["-Wstrict-prototypes", "-Wmissing-prototypes"]
          if language == "c" else ["-Wold-style-cast"]),
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
