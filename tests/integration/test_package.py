"""The Debian packages: made by one target, lintian without errors, installed by
dpkg into a root of their own, where the programs run: a shop behind nginx with
the site that the package brings, an order that arrives in the sandbox."""
import glob
import json
import os
import re
import shutil
import tempfile

import pytest

import fcgi
import harness
from harness import BUILD, TREE, Shop, wait_for
from installed import make, run
from shop_kit import checkout, fill_cart

PACKAGES = ("libklaviyo0", "libklaviyo-dev", "klaviyo-storefront",
            "klaviyo-sandbox")
UNITS = ("storefront.socket", "storefront.service",
         "storefront-worker.service", "storefront-batch.service",
         "storefront-batch.timer", "storefront-status.service",
         "storefront-status.socket")


@pytest.fixture(scope="module")
def debs():
    """{package: file}, of a copy of the build."""
    with tempfile.TemporaryDirectory(prefix="deb-") as folder:
        os.chmod(folder, 0o755)
        build = os.path.join(folder, "build")
        shutil.copytree(BUILD, build, symlinks=True,
                        ignore=shutil.ignore_patterns(
                            "tests", "replay", "fuzz", "lint", "deb"))
        make("debs", build)
        make("all", build)  # which packages are not in the way of
        files = {os.path.basename(path).split("_")[0]: path for path in
                 glob.glob(os.path.join(build, "deb", "*.deb"))}
        assert set(files) == set(PACKAGES)
        yield files


def content(deb):
    """{path: mode and owner}, of files and links."""
    lines = run("dpkg-deb", "-c", deb).stdout.splitlines()
    rows = [line.split(None, 5) for line in lines]
    return {row[5].split(" -> ")[0][1:]: row[0] + " " + row[1]
            for row in rows if not row[0].startswith("d")}


def dpkg(root, *arguments):
    # Files are root's: who is not, plays it.
    return run(*([] if os.geteuid() == 0 else ["fakeroot"]), "dpkg",
               f"--root={root}", "--force-script-chrootless",
               "--force-depends", "--force-not-root", "--force-bad-path",
               "--force-confold", *arguments, env={"DEBIAN_FRONTEND":
                                                   "noninteractive"})


@pytest.fixture(scope="module")
def root(debs):
    with tempfile.TemporaryDirectory(prefix="root-") as path:
        os.chmod(path, 0o755)
        for folder in ("updates", "info", "triggers"):
            os.makedirs(os.path.join(path, "var/lib/dpkg", folder))
        for name in ("status", "available"):
            open(os.path.join(path, "var/lib/dpkg", name), "w").close()
        dpkg(path, "-i", *debs.values())
        yield path


# ------------------------------------------------------------ what is in them

def test_libraries(debs):
    multi = "/usr/lib/" + run("dpkg-architecture",
                              "-qDEB_HOST_MULTIARCH").stdout.strip()
    doc = "/usr/share/doc/{}/"
    papers = ("copyright", "changelog.gz", "changelog.Debian.gz")

    def paper(package):
        return {doc.format(package) + name for name in papers}
    assert set(content(debs["libklaviyo0"])) == paper("libklaviyo0") | {
        multi + "/libklaviyo.so.0", multi + "/libklaviyo.so.0.1.0"}
    assert set(content(debs["libklaviyo-dev"])) == paper("libklaviyo-dev") | {
        multi + "/libklaviyo.so", multi + "/libklaviyo.a",
        multi + "/pkgconfig/klaviyo.pc", "/usr/include/klaviyo.h",
        "/usr/share/man/man3/klaviyo.3.gz"}
    assert set(content(debs["klaviyo-sandbox"])) == \
        paper("klaviyo-sandbox") | {"/usr/bin/klaviyo-sandbox",
                                    "/usr/share/man/man1/klaviyo-sandbox.1.gz"}


def test_storefront(debs):
    files = content(debs["klaviyo-storefront"])
    assert set(files) >= {
        "/usr/bin/storefront", "/usr/share/man/man8/storefront.8.gz",
        "/etc/storefront/web.env", "/etc/storefront/worker.env",
        "/usr/lib/sysusers.d/storefront.conf",
        *("/lib/systemd/system/" + unit for unit in UNITS),
        *("/usr/share/storefront/" + name for name in
          ("nginx.conf", "nginx-site.conf", "apache.conf"))}
    for source, target in (("templates", "templates"),
                           ("www/htdocs", "htdocs")):
        top = os.path.join(TREE, source)
        for folder, _, names in os.walk(top):
            for name in names:
                path = os.path.relpath(os.path.join(folder, name), top)
                assert f"/usr/share/storefront/{target}/{path}" in files


def test_everything_is_roots(debs):
    for deb in debs.values():
        for path, how in content(deb).items():
            assert how.endswith("root/root"), (path, how)
            assert how[5] != "w" and how[8] != "w" or how[0] == "l", path


def test_what_they_need(debs):
    def field(package, name):
        return run("dpkg-deb", "-f", debs[package], name).stdout
    assert "libcurl4" in field("libklaviyo0", "Depends")
    assert "libklaviyo0 (= " in field("libklaviyo-dev", "Depends")
    assert "libfcgi0ldbl" in field("klaviyo-storefront", "Depends")
    assert "libmicrohttpd12" in field("klaviyo-sandbox", "Depends")


def test_lintian_has_no_errors(debs):
    done = run("lintian", "--allow-root", "--fail-on", "error",
               "--tag-display-limit", "0", *debs.values(), check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not re.search(r"^E: ", done.stdout, re.M), done.stdout


# ------------------------------------------------------------ where they lie

def test_installed_enabled_and_not_started(root):
    with open(os.path.join(root, "var/lib/dpkg/status"),
              encoding="utf-8") as file:
        assert file.read().count("Status: install ok installed") == 4
    with open(os.path.join(root, "etc/passwd"), encoding="utf-8") as file:
        assert re.search(r"^storefront:", file.read(), re.M)
    wants = os.path.join(root, "etc/systemd/system")
    for unit, target in (("storefront.socket", "sockets"),
                         ("storefront.service", "multi-user"),
                         ("storefront-worker.service", "multi-user")):
        link = os.path.join(wants, target + ".target.wants", unit)
        assert os.readlink(link) == "/lib/systemd/system/" + unit
        with open(os.path.join(root, "lib/systemd/system", unit),
                  encoding="utf-8") as file:
            assert "ConditionPathExists=" in file.read()
    # Delivery in batches is a choice.
    assert not os.path.lexists(os.path.join(
        wants, "timers.target.wants", "storefront-batch.timer"))


def test_no_path_of_a_local_install(root):
    """What is installed names what is installed."""
    places = set()
    for path in [*glob.glob(os.path.join(root, "lib/systemd/system/*")),
                 *glob.glob(os.path.join(root, "usr/share/storefront/*"))]:
        if os.path.isfile(path):
            with open(path, encoding="utf-8") as file:
                text = file.read()
            assert "/usr/local" not in text, path
            places.update(re.findall(r"/usr/(?:bin|share)/[\w./-]+\w", text))
    assert "/usr/bin/storefront" in places
    assert "/usr/share/storefront/htdocs" in places
    for place in places:
        assert os.path.exists(root + place), place


def test_a_changed_setting_stays_and_a_purge_ends_it(debs, root, tmp_path):
    other = str(tmp_path / "root")
    shutil.copytree(root, other, symlinks=True)
    settings = os.path.join(other, "etc/storefront/web.env")
    with open(settings, "a", encoding="utf-8") as file:
        file.write("KLAVIYO_PUBLIC_KEY=ABC123\n")
    dpkg(other, "-i", debs["klaviyo-storefront"])
    with open(settings, encoding="utf-8") as file:
        assert "KLAVIYO_PUBLIC_KEY=ABC123" in file.read()
    dpkg(other, "--purge", *PACKAGES)
    left = [path for path in glob.glob(other + "/**", recursive=True)
            if os.path.isfile(path) and ("storefront" in path
                                         or "klaviyo" in path)
            and "/var/lib/dpkg" not in path]
    assert left == []
    assert not glob.glob(other + "/etc/systemd/system/*/storefront*")


# ------------------------------------------------------------------ they run

class Packaged(Shop):
    """The harness's shop, with the programs, the templates, the pictures and
    the nginx site of the packages."""
    root = None

    def reach(self, source, names=None):
        usr = os.path.join(self.root, "usr")
        return {BUILD: usr + "/bin",
                os.path.join(TREE, "templates"):
                usr + "/share/storefront/templates"}.get(
                    source) or super().reach(source, names)

    def conf(self, name):
        """nginx's own configuration, which includes the site as it is but for
        where this root, and the test, have things."""
        with open(os.path.join(self.root, "usr/share/storefront",
                               "nginx-site.conf"), encoding="utf-8") as file:
            site = file.read()
        for old, new in (("127.0.0.1:8080", f"127.0.0.1:{self.port}"),
                         ("root /usr/share", f"root {self.root}/usr/share"),
                         ("unix:/run/storefront/storefront.sock",
                          self.env["STOREFRONT_LISTEN"]),
                         ("/var/log/nginx/", self.dir + "/"),
                         ("/var/lib/nginx/storefront ", self.dir + "/pages "),
                         ("/var/lib/nginx/storefront-feeds ",
                          self.dir + "/feeds ")):
            assert site.count(old) == 1 + old.startswith("unix:"), old
            site = site.replace(old, new)
        self.write("storefront", site)
        return self.write(name, """
            pid nginx.pid; error_log stderr; events {}
            http { include /etc/nginx/mime.types; include storefront;
              client_body_temp_path body; fastcgi_temp_path fastcgi;
              proxy_temp_path proxy; scgi_temp_path scgi;
              uwsgi_temp_path uwsgi; }""")


def test_a_shop_of_the_packages(root, monkeypatch):
    monkeypatch.setattr(Packaged, "root", root)
    with Packaged("nginx", sandbox=True, worker=True) as shop:
        assert shop.storefront()[0] == root + "/usr/bin/storefront"
        page = shop.get("/")
        assert page.status == 200
        feed = shop.get("/feed/catalog.json")
        assert json.loads(feed.body) and os.listdir(shop.path("feeds"))
        css = re.search(r'href="(/shop\.css[^"]*)"', page.text)[1]
        assert "text/css" in shop.get(css).header("Content-Type")
        visitor = shop.visitor()
        fill_cart(visitor, shop, [("WINNIEPOOH", 1)])
        checkout(visitor)
        shop.wait_delivered(2)
        assert "GET / 200" in open(
            shop.path("storefront.access.log"), encoding="utf-8").read()


def test_the_socket_is_systemds(root):
    """What systemd hands over is served, confined as ever."""
    with Shop("direct", serve=False, engine="sqlite") as shop:
        socket = shop.path("handed.sock")
        program = os.path.join(root, "usr/bin/storefront")
        environment = [f"--setenv={name}={value}" for name, value in {
            **shop.env, "STOREFRONT_LISTEN": "unix:/nowhere/at/all",
            "STOREFRONT_TEMPLATES":
            root + "/usr/share/storefront/templates"}.items()]
        shop.spawn("activate", ["systemd-socket-activate", "-l", socket,
                                *environment, program, "serve"],
                   lambda: harness.answers(socket))
        assert fcgi.status(socket, path="/healthz") == 200
        wait_for(lambda: "systemd's socket" in shop.log("activate"),
                 "the shop to say where it serves")
        pid = shop.programs["activate"].pid  # which has become the shop
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:
            assert re.search(r"^Seccomp:\s+2$", file.read(), re.M)
