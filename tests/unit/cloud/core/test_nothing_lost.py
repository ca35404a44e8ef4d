"""SAFETY.md "Nothing lost", on the aggregator's side: the oracle, and the faults that it must catch.

A gateway sends seeded batches in any order, several times, and deletes what is acknowledged. The process
"dies" (no clean-up, the store refuses from some commit on) and starts again on the same ledger. Afterwards:
lost = acknowledged without being stored, doubled = stored twice, phantom = stored without being sent.
"""

import asyncio
import random
from dataclasses import dataclass

import pytest
from sqlalchemy import select

from cardea.contract.batches import Lane
from cardea.contract.ranges import Ranges, contains, of
from cardea.runtime.memory_bus import MemoryBroker
from cloud.aggregator import Aggregator
from cloud.ingest import group as ingest_group
from cloud.ledger import Ledger
from cloud.ledger import tables as t
from cloud.ledger.dialect import insert_new
from cloud.ledger.failure import LedgerFailed
from cloud.ledger.writer import Writer

ROWS = 60
LIVES = 4


class AcknowledgesFirst(Aggregator):
    """The fault: the gateway is told before the commit."""

    async def _settle(self, group, found):
        self._owe(group)
        await asyncio.sleep(0.02)
        await self._store(group, found)


@dataclass
class Verdict:
    lost: set[int]
    doubled: list[str]
    phantom: set[str]
    complete: bool


async def _live(seed, run, url, clock, make, variant, monkeypatch):
    """Several lives of an aggregator under one gateway that never stops sending."""
    rng = random.Random(seed)
    acked: Ranges = ()
    deaths = 0
    for life in range(LIVES):
        ledger = await Ledger.open(url, clock)
        if life < LIVES - 1:
            _die_at(monkeypatch, rng.randint(1, 5) if life else 1)
        async with run(variant, on=ledger, broker=MemoryBroker(clock)) as house:
            gateway = await house.gateway()
            gateway.acked = {(Lane.RECORD, "e1"): acked}
            for _ in range(400):
                left = [seq for seq in range(1, ROWS + 1) if not contains(_acked(gateway), seq)]
                if not left or house.running.done():
                    break
                first = rng.choice(left)
                count = min(rng.randint(1, 5), ROWS - first + 1)
                rows = [make.decision(f"d{seq}", seq) for seq in range(first, first + count)]
                for _ in range(rng.choice((1, 1, 2, 3))):
                    await gateway.send(Lane.RECORD, make.batch(Lane.RECORD, first, *rows))
                await asyncio.sleep(0.001)
            if life == LIVES - 1:
                await gateway.wait_acked(Lane.RECORD, ((1, ROWS),))
            elif house.running.done():
                deaths += 1
                assert isinstance(house.running.exception(), LedgerFailed)
            acked = _acked(gateway)
        monkeypatch.undo()
        await ledger.close()
    assert deaths, "a run in which nothing fails proves nothing"
    return acked


def _acked(gateway):
    return gateway.acked.get((Lane.RECORD, "e1"), ())


def _die_at(monkeypatch, commit_number):
    """The power goes before a commit: whoever waits for it gets nothing, and the file has nothing of it."""
    commits = iter(range(1, 10**6))
    real = Writer._swiftly

    def swiftly(self, connection, group, found, received_at):
        if next(commits) >= commit_number:
            raise OSError(5, "Input/output error")
        return real(self, connection, group, found, received_at)

    monkeypatch.setattr(Writer, "_swiftly", swiftly)


async def _judge(url, clock, acked) -> Verdict:
    ledger = await Ledger.open(url, clock)
    rows = await ledger.read(lambda c: c.execute(select(t.decisions.c.seq, t.decisions.c.id)).all())
    await ledger.close()
    seqs = [row.seq for row in rows]
    ids = [row.id for row in rows]
    return Verdict(
        lost={seq for seq in range(1, ROWS + 1) if contains(acked, seq)} - set(seqs),
        doubled=[name for name in set(ids) if ids.count(name) > 1],
        phantom=set(ids) - {f"d{seq}" for seq in range(1, ROWS + 1)},
        complete=of(seqs) == ((1, ROWS),),
    )


@pytest.mark.parametrize("seed", range(6))
async def test_nothing_is_lost_or_doubled_over_several_lives(seed, run, url, clock, make, monkeypatch):
    acked = await _live(seed, run, url, clock, make, Aggregator, monkeypatch)
    assert await _judge(url, clock, acked) == Verdict(set(), [], set(), complete=True)


@pytest.mark.parametrize("seed", range(2))
async def test_the_oracle_catches_an_acknowledgement_before_the_commit(
    seed, run, url, clock, make, monkeypatch
):
    acked = await _live(seed, run, url, clock, make, AcknowledgesFirst, monkeypatch)
    assert (await _judge(url, clock, acked)).lost


async def test_the_oracle_catches_missing_dedupe(run, url, clock, make, monkeypatch):
    """Without the known ranges and the unique keys a repeated batch would be stored twice."""
    ledger = await Ledger.open(url, clock)
    await ledger.write(_without_unique_keys)
    real = ingest_group.take
    monkeypatch.setattr(ingest_group, "take", lambda delivery, number, held: real(delivery, number, ()))
    monkeypatch.setattr("cloud.ledger.writer.insert_new", _insert_decisions_again)
    forgetful = await Ledger.open(url, clock)
    async with run(on=forgetful) as house:
        gateway = await house.gateway()
        batch = make.batch(Lane.RECORD, 1, make.decision("d1"))
        for _ in range(2):
            await gateway.send(Lane.RECORD, batch)
        await gateway.send(Lane.RECORD, make.batch(Lane.RECORD, 2, make.decision("d2")))
        async with asyncio.timeout(5):
            while not contains(_acked(gateway), 2):
                gateway.heard.clear()
                await gateway.heard.wait()
    await forgetful.close()
    await ledger.close()
    assert (await _judge(url, clock, ())).doubled == ["d1"]


def _insert_decisions_again(dialect, table, keys):
    return table.insert() if table is t.decisions else insert_new(dialect, table, keys)


def _without_unique_keys(connection):
    connection.exec_driver_sql("DROP TABLE decisions")
    columns = ", ".join(c.name for c in t.decisions.columns if c.name != "n")
    connection.exec_driver_sql(f"CREATE TABLE decisions (n INTEGER PRIMARY KEY, {columns})")
