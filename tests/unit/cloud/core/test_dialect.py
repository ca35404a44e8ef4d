"""Both stores: every statement that the ledger uses compiles for SQLite and for PostgreSQL."""

import pytest
from sqlalchemy import create_engine, insert, inspect, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from cloud.ledger import Ledger
from cloud.ledger import tables as t
from cloud.ledger.dialect import UnknownStore, insert_new, insert_or_set, writer_engine
from cloud.ledger.failure import LedgerFailed, first_line
from cloud.ledger.migrations import MIGRATIONS, SCHEMA, LedgerTooNew, inspect_ledger, version_of
from cloud.ledger.tables import METADATA

DIALECTS = {"sqlite": sqlite.dialect(), "postgresql": postgresql.dialect()}


@pytest.mark.parametrize("name", DIALECTS)
def test_the_schema_compiles(name):
    for table in METADATA.sorted_tables:
        assert str(CreateTable(table).compile(dialect=DIALECTS[name]))
        for index in table.indexes:
            assert str(CreateIndex(index).compile(dialect=DIALECTS[name]))


@pytest.mark.parametrize("name", DIALECTS)
@pytest.mark.parametrize("table", METADATA.sorted_tables, ids=lambda table: table.name)
def test_every_table_can_be_inserted_into_without_doubling(name, table):
    keys = [column.name for column in table.primary_key]
    assert "DO NOTHING" in str(insert_new(name, table, keys).compile(dialect=DIALECTS[name]))
    if len(keys) < len(table.columns):
        assert "DO UPDATE" in str(insert_or_set(name, table).compile(dialect=DIALECTS[name]))


@pytest.mark.parametrize("name", DIALECTS)
def test_newer_values_win_by_comparing_rows(name):
    text = str(insert_or_set(name, t.devices, ("epoch_number", "seq")).compile(dialect=DIALECTS[name]))
    assert "(excluded.epoch_number, excluded.seq) > (devices.epoch_number, devices.seq)" in text


def test_serial_keys_count_up_in_both():
    made = str(CreateTable(t.decisions).compile(dialect=DIALECTS["postgresql"]))
    assert "n BIGSERIAL" in made
    assert "n INTEGER" in str(CreateTable(t.decisions).compile(dialect=DIALECTS["sqlite"]))


@pytest.mark.parametrize("url", ["mysql://host/db", "oracle://host/db"])
def test_other_stores_are_refused_in_one_line(url):
    with pytest.raises(UnknownStore, match="sqlite or postgresql"):
        writer_engine(url)


def test_a_missing_driver_is_named():
    with pytest.raises(UnknownStore, match="pg8000"):
        writer_engine("postgresql+pg8000://host/db", "password")


def test_a_failure_is_one_line_without_values():
    assert first_line(OSError(5, "Input/output error")) == "OSError: [Errno 5] Input/output error"
    assert first_line(ValueError("first\nsecond")) == "ValueError: first"
    assert first_line(ValueError()) == "ValueError: "


# --- Migrations -----------------------------------------------------------------------------------


async def test_an_empty_store_gets_the_schema_once(url, clock):
    for _ in range(2):
        ledger = await Ledger.open(url, clock)
        versions = await ledger.read(lambda c: c.execute(select(t.schema_version.c.version)).scalars().all())
        tables = await ledger.read(lambda c: set(inspect(c).get_table_names()))
        await ledger.close()
        assert versions == list(range(1, SCHEMA + 1))
        assert tables == set(METADATA.tables)
    assert inspect_ledger(url) == len(MIGRATIONS)


async def test_a_newer_ledger_is_refused_and_left_alone(url, clock):
    ledger = await Ledger.open(url, clock)
    await ledger.write(lambda c: c.execute(insert(t.schema_version).values(version=99, at=clock.now().utc)))
    await ledger.close()
    with pytest.raises(LedgerTooNew, match="schema 99"):
        await Ledger.open(url, clock)
    with pytest.raises(LedgerTooNew, match="install the version that wrote it"):
        inspect_ledger(url)


def test_looking_at_a_ledger_makes_none(tmp_path):
    assert inspect_ledger(f"sqlite:///{tmp_path / 'none.sqlite'}") == 0
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "bad.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(LedgerFailed, match="not a database"):
        inspect_ledger(f"sqlite:///{tmp_path / 'bad.sqlite'}")


def test_a_store_without_the_version_table_is_empty():
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        assert version_of(connection) == 0
    engine.dispose()
