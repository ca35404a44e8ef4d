"""Which store the settings name, and what a check finds of it without changing anything."""

from typing import Any

import duckdb
import pytest

from cardea.runtime.clock import SystemEntropy
from cardea.runtime.private_files import FileUnusable, write_private
from cloud.series.embedded import EmbeddedStore
from cloud.series.line_store import LineStore
from cloud.series.opening import inspect_series, series_store
from cloud.series.store import SeriesUnusable
from cloud.settings import CloudSettings

NOBODY: Any = None
"""The ledger that opening a store does not ask."""


@pytest.fixture
def settings(tmp_path):
    def make(**series):
        return CloudSettings.model_validate(
            {
                "cloud": {"data_dir": tmp_path, "secrets_dir": tmp_path / "secrets"},
                "broker": {"host": "h", "ca_file": "ca", "cert_file": "cert", "key_file": "key"},
                "series": series,
                "keys": {"order_key_file": "orders.pem"},
                "organisations": {"o": {"name": "O"}},
                "sites": {"s": {"name": "S", "organisation": "o"}},
                "gateways": {},
            }
        )

    return make


def test_by_default_it_is_embedded(settings, clock):
    assert isinstance(series_store(settings(), NOBODY, clock, SystemEntropy()), EmbeddedStore)


async def test_a_line_store_needs_its_token(settings, clock, tmp_path):
    named = settings(kind="line_protocol", url="http://127.0.0.1:1/", token_secret="influx")
    with pytest.raises(FileUnusable, match="influx"):
        inspect_series(named)
    with pytest.raises(FileUnusable, match="influx"):
        series_store(named, NOBODY, clock, SystemEntropy())
    (tmp_path / "secrets").mkdir()
    write_private(tmp_path / "secrets" / "influx", b"token")
    inspect_series(named)
    store = series_store(named, NOBODY, clock, SystemEntropy())
    assert isinstance(store, LineStore)
    await store.close()


async def test_a_check_looks_at_the_newest_file_and_makes_none(settings, clock, tmp_path):
    inspect_series(settings())
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "series").mkdir()
    inspect_series(settings())
    file = tmp_path / "series" / "000001-20261123.duckdb"
    duckdb.connect(str(file)).close()
    inspect_series(settings())
    file.write_bytes(b"no database" * 1000)
    with pytest.raises(SeriesUnusable, match=r"000001-20261123\.duckdb: damaged"):
        inspect_series(settings())
