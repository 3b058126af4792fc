"""
stage.py - the storefront of the bench, and its peers, each started once.

    with Stage() as stage:
        stage.ours                 # 10,000 products behind nginx
        stage.peer("php")          # made when first asked for
        stage.page                 # path of the page that is measured

Promises: before anything is measured, a peer's pages are the storefront's, byte
for byte and header for header (the ETag's text is each one's own); all that was
started is ended.
"""
import os
import shutil
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
import fixture  # noqa: E402
import peers  # noqa: E402
from harness import Shop  # noqa: E402

PRODUCTS = 10_000
MEASURED = 5  # its page has 12 KB
# One variant, several, reduced, sold out, the first and a late one.
COMPARED = (0, 1, 2, 3, 5, 8, 15, 36, 9_999)


def path_of(i):
    return "/products/" + fixture.product(i)[1]


class Uncached(Shop):
    """The storefront behind an nginx that keeps no answers."""

    def conf(self, name):
        path = super().conf(name)
        with open(path) as f:
            text = f.read()
        return self.write(name, "\n".join(
            line for line in text.split("\n")
            if not line.lstrip().startswith("fastcgi_cache ")))


class Stage:
    def __init__(self):
        self.shops, self.page = {}, path_of(MEASURED)
        self.csv = tempfile.NamedTemporaryFile("w", suffix=".csv")
        fixture.write_csv(self.csv.name, PRODUCTS)
        self.ours = self.shops["ours"] = Uncached(
            "nginx", catalog=self.csv.name, engine="sqlite")
        self.sign = fixture.Ours(self.ours.path("secret"))
        self.pristine = self.ours.path("pristine.db")
        self.ours.execute(f"VACUUM INTO '{self.pristine}'")
        self.size = len(self.ours.get(self.page).body)
        self.first = {}  # number of each shop's next visitor

    def peer(self, name):
        """"fixed", "fixed closed", "php", "node", "php parts", "node parts"."""
        if name not in self.shops:
            kind, _, keep = name.partition(" ")
            if kind == "fixed":
                shop = peers.fixed(self.ours.get(self.page),
                                   closed=bool(keep))
            else:
                shop = getattr(peers, kind)(self.ours, keep or "page")
            self.shops[name] = shop
            self.compare(name, shop,
                         (MEASURED,) if kind == "fixed" else COMPARED)
        return self.shops[name]

    def compare(self, name, shop, numbers):
        for i in numbers:
            ours, theirs = self.ours.get(path_of(i)), shop.get(path_of(i))
            assert ours.status == theirs.status == 200, (name, theirs)
            assert ours.body == theirs.body, (name, path_of(i), theirs.text)
            ours, theirs = ({n: v for n, v in reply.headers
                             if n not in ("date", "etag", "x-request-id")}
                            for reply in (ours, theirs))
            assert ours == theirs, (name, ours, theirs)

    def another(self, name, change=None, kind=Uncached):
        """A storefront with the catalogue as it was at first, after change(db);
        to be started by start()."""
        shop = self.shops[name] = kind("nginx", serve=False, init=False,
                                       engine="sqlite")
        shutil.copyfile(self.pristine, shop.db)
        shutil.copyfile(self.ours.path("secret"), shop.path("secret"))
        with fixture.writing(shop.db) as db:
            db.execute("PRAGMA journal_mode = WAL")
            if change:
                change(db)
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for file in ("shop.db", "shop.db.lock", "secret"):
            shop._own(shop.path(file))
        return shop

    def visitors(self, shop, sign, n, products=PRODUCTS):
        """New ones with carts: fixture.visitors()."""
        with fixture.writing(shop.db) as db:
            first = self.first.get(shop.db, 0)
            self.first[shop.db] = first + n
            return fixture.visitors(db, first, n, sign, products=products)

    def level(self, shops):
        """From here on they have the same visitors, who buy the same."""
        first = max(self.first.get(shop.db, 0) for shop in shops)
        self.first.update((shop.db, first) for shop in shops)

    def ours_pids(self):
        return peers.nginx_pids(self.ours, "storefront")

    def end(self, name):
        """A peer that is not needed any more."""
        shop = self.shops.pop(name)
        shop.stop(quietly=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            for shop in self.shops.values():
                print(f"--- {shop.dir}\n{shop.logs()}", file=sys.stderr)
        for name in list(self.shops):
            self.end(name)
        self.csv.close()
