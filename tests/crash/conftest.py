"""Fixtures of the crash tests."""
import pytest

from loop import endless_stock


@pytest.fixture(scope="session")
def catalog(tmp_path_factory):
    """A CSV file: the demo catalogue, with enough in stock for a soak."""
    return endless_stock(tmp_path_factory.mktemp("crash") / "catalog.csv")
