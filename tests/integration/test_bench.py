"""
The bench's own parts, without its peers: what is pass and what is short, how
wrk's words are read, what a peer's data is like.  `make bench` is the rest.
"""
import importlib
import json
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
        def visitors(shop, sign, n, products=40):
            with fixture.writing(shop.db) as db:
                return fixture.visitors(db, 0, n, sign, products=products)
    buyers = checkout.Buyers("ours", Stage, shop,
                             fixture.Ours(shop.path("secret")), list)
    assert "Placed Order/ORDER" in checkout.order(buyers)
    assert checkout.counted(shop) == (1, 3, 4)


def test_a_catalogue_that_has_grown(shop):
    """Copies are products like those of init; and the outbox's rows."""
    fixture = importlib.import_module("fixture")
    with fixture.writing(shop.db) as db:
        fixture.grow(db, 3)
        fixture.outbox(db, 300)
    counts = [shop.query(f"SELECT COUNT(*) FROM {table}")[0][0] for table in
              ("product", "variant", "product_category", "klaviyo_outbox")]
    assert counts == [120, 3 * 92, 3 * 80, 300]
    first, copy = (shop.get(f"/products/{fixture.product(5)[1]}{more}")
                   for more in ("", "-2"))
    assert first.status == copy.status == 200
    assert copy.text.count("SKU-5-0-2") == first.text.count("SKU-5-0") > 0
    counts = json.loads(shop.run("outbox", "status", "--json").stdout)
    assert (counts["sent"], counts["dead"]) == (297, 3)
    with fixture.writing(shop.db) as db:
        fixture.shrink(db, 20)
    assert shop.query("SELECT COUNT(*), MIN(id), MAX(id) FROM product") == [
        (20, "100000", "100019")]
