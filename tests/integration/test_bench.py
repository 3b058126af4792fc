"""
The bench's own parts, without its peers: what is pass and what is short, how
wrk's words are read, what a peer's data is like.  `make bench` is the rest.
"""
import importlib
import math
import os
import sys

import pytest

from harness import Shop

BENCH = os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), "bench")


@pytest.fixture(autouse=True)
def beside(monkeypatch):
    """The bench's modules find each other as they do in `make bench`."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(BENCH)
    yield
    for name in set(sys.modules) - before:
        path = getattr(sys.modules[name], "__file__", None) or ""
        if path.startswith(BENCH):
            del sys.modules[name]


def test_the_parts_import():
    bench = importlib.import_module("bench")
    for part in bench.PARTS:
        assert callable(importlib.import_module(part).rows), part


@pytest.mark.parametrize("figure, limits, verdict", [
    (0.90, {"at_least": 0.90}, "pass"),
    (0.8999, {"at_least": 0.90}, "short"),
    (1.25, {"at_most": 1.25}, "pass"),
    (1.2501, {"at_most": 1.25}, "short"),
    (float("nan"), {"at_most": 1}, "short"),
    (None, {"at_least": 1}, "short"),
])
def test_pass_or_short(figure, limits, verdict):
    table = importlib.import_module("table")
    row = table.goal("what", figure, **limits)
    assert row.verdict == verdict
    assert f"| {verdict} |" in table.line(row)
    assert table.count([row, table.told("x", "1"), table.head("y")]) == (
        (1, 0) if verdict == "pass" else (0, 1))


def test_what_wrk_says():
    loads = importlib.import_module("loads")
    said = """Running 2s test @ http://127.0.0.1/
  1 threads and 16 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.79ms    1.86ms   9.48ms   91.84%
    Req/Sec     1.00k     0.00     1.00k    100.00%
  Latency Distribution
     50%  812.00us
     75%    1.20ms
     90%    2.00ms
     99%    1.50s
  2000 requests in 2.00s, 14.16MB read
Requests/sec:    999.50
Transfer/sec:     14.16MB
"""
    assert loads.parse(said) == (2000, 999.5, pytest.approx(0.812), 1500)
    with pytest.raises(AssertionError, match="Non-2xx"):
        loads.parse(said + "Non-2xx or 3xx responses: 3\n")
    with pytest.raises(AssertionError, match="Socket errors"):
        loads.parse(said + "Socket errors: connect 0, read 1, write 0\n")


def test_ratios_are_of_neighbours():
    loads = importlib.import_module("loads")

    def rounds(*rates):
        return [loads.Load(rate, 1, 1, 1, 1) for rate in rates]
    # A machine that was busy in one round: the ratio stays.
    results = {"a": rounds(200, 20, 200), "b": rounds(100, 10, 100)}
    assert loads.ratio(results, "a", "b", "rate") == 2
    assert not math.isnan(loads.median(results, "a", "rate"))


@pytest.fixture
def shop(tmp_path):
    fixture = importlib.import_module("fixture")
    fixture.write_csv(tmp_path / "bench.csv", 40)
    with Shop("nginx", engine="sqlite", catalog=tmp_path / "bench.csv") as made:
        yield made


def test_visitors_made_by_sql_can_order(shop):
    """The fixture's sessions, carts and forms are what the shop takes."""
    checkout = importlib.import_module("checkout")
    fixture = importlib.import_module("fixture")

    class Stage:
        @staticmethod
        def visitors(shop, sign, n):
            with fixture.writing(shop.db) as db:
                return fixture.visitors(db, 0, n, sign, products=40)
    buyers = checkout.Buyers("ours", Stage, shop,
                             fixture.Ours(shop.path("secret")), list)
    assert "Placed Order/ORDER" in checkout.order(buyers)
    assert checkout.counted(shop) == (1, 3, 4)


def test_products_made_by_sql_are_those_of_init(shop):
    """Growth by SQL gives what the same products by init are."""
    fixture = importlib.import_module("fixture")

    def rows():
        return [shop.query(f"SELECT {columns} FROM {table} ORDER BY 1, 2")
                for columns, table in (
                    ("id, handle, title, body, vendor, image, image_alt, "
                     "published, position", "product"),
                    ("product, name, sku, price, compare_at, stock, oversell, "
                     "position", "variant"),
                    ("product, slug, name, position", "product_category"))]
    made = rows()
    assert [len(table) for table in made] == [40, 92, 80]
    with fixture.writing(shop.db) as db:
        for table in ("product_category", "variant", "product"):
            db.execute(f"DELETE FROM {table}")
        db.commit()
        fixture.grow(db, 40)
        fixture.outbox(db, 300)
    assert rows() == made
    assert shop.query("SELECT COUNT(*), COUNT(due_at), COUNT(sent_at) "
                      "FROM klaviyo_outbox") == [(300, 3, 297)]
