"""What a temperature is made of: kept with its decision, also in ledgers that were made before."""

from sqlalchemy import create_engine, inspect, select

from cardea.contract.batches import Lane
from cardea.contract.records import ScreeningState
from cardea.contract.screening import Correction, NotScreened, ScreeningTerms
from cloud.ingest.rows import Row
from cloud.ledger import Ledger, migrations, reads
from cloud.ledger import tables as t
from cloud.ledger.row_values import row_values
from cloud.ledger.scope import Role, Scope
from cloud.ledger.views import EntryQuery
from tests.unit.cloud.core.conftest import T0

HARBOUR = Scope("harbour", Role.MANAGER)
TERMS = ScreeningTerms(34.91, 0.31, 1.02, 0.0, 0.21, Correction.TWO_POINT, 1.003, 0.4, 37.3)
ADDED = ("screening_terms", "not_screened")


async def test_terms_and_reasons_come_back_as_they_were_sent(run, ledger, make):
    rows = (
        make.decision("d1", screening_terms=TERMS, surface_temp_c=36.24),
        make.decision("d2", screening=ScreeningState.NOT_SCREENED, not_screened=NotScreened.TOO_FAR),
        make.decision("d3"),
    )
    async with run() as house:
        gateway = await house.gateway()
        await gateway.say(make.presence())
        await gateway.send(Lane.RECORD, make.batch(Lane.RECORD, 1, *rows))
        await gateway.wait_acked(Lane.RECORD, ((1, 3),))
    found = {e.id: e for e in (await ledger.read(reads.entries, HARBOUR, EntryQuery())).items}
    assert (found["d1"].screening_terms, found["d1"].not_screened) == (TERMS, None)
    assert (found["d2"].screening_terms, found["d2"].not_screened) == (None, NotScreened.TOO_FAR)
    assert (found["d3"].screening_terms, found["d3"].not_screened) == (None, None)


async def test_a_ledger_of_the_schema_before_is_given_the_columns_and_keeps_its_rows(tmp_path, clock, make):
    url = f"sqlite:///{tmp_path / 'old.sqlite'}"
    engine = create_engine(url)
    with engine.begin() as connection:
        t.METADATA.create_all(connection)
        record = make.decision("old", surface_temp_c=36.5)
        row = Row("g1", Lane.RECORD, "e1", 1, 1, record)
        table, values = row_values(row, record, T0)
        connection.execute(table.insert().values(**values))
        for column in ADDED:
            connection.exec_driver_sql(f"ALTER TABLE decisions DROP COLUMN {column}")
        connection.execute(t.schema_version.insert().values(version=3, at=T0))
    for _ in range(2):
        ledger = await Ledger.open(url, clock)
        await ledger.close()
    assert set(ADDED) <= {column["name"] for column in inspect(engine).get_columns("decisions")}
    with engine.connect() as connection:
        assert migrations.version_of(connection) == migrations.SCHEMA
        (kept,) = connection.execute(select(t.decisions)).all()
        assert (kept.id, kept.surface_temp_c, kept.screening_terms) == ("old", 36.5, None)
    engine.dispose()
