"""The audit chain: whole across restarts, and every cut or change shows (SAFETY.md 29, 30; L10)."""

import asyncio
import json
import shutil
import sqlite3
from contextlib import closing

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardea.cli.main import main as cardea
from cardea.contract import chain
from cardea.contract.batches import Ack, Lane
from cardea.contract.chain import Break, Head
from cardea.contract.encoding import RECORD, encode
from cardea.contract.records import AuditRecord
from cardea.contract.time import wire_time
from cardea.runtime.clock import SystemClock, SystemEntropy
from cardea.runtime.disk import StoreFailed, StoreFull, SystemDisk
from edge import audit as audit_module
from edge.audit import UNWRITTEN, Audit
from edge.audit_check import ChainUnreadable, check
from edge.outbox import Outbox


async def opened(path):
    outbox = await Outbox.open(SystemDisk(path), SystemClock(), SystemEntropy())
    return outbox, Audit(outbox, SystemClock(), SystemEntropy())


async def write_chain(path, links):
    outbox, audit = await opened(path)
    written = [await audit.note("policy_swapped", "cloud", {"version": str(n)}) for n in range(links)]
    await outbox.close()
    assert None not in written
    return [link for link in written if link is not None]


@pytest.fixture
def data(tmp_path):
    """A gateway's data folder with a chain of ten links."""
    asyncio.run(write_chain(tmp_path / "data", 10))
    return tmp_path / "data"


def alter(data, sql, *values):
    with closing(sqlite3.connect(data / "outbox.sqlite")) as connection:
        connection.execute(sql, values)
        connection.commit()


def links_of(data):
    with closing(sqlite3.connect(data / "outbox.sqlite")) as connection:
        return [body for (body,) in connection.execute("SELECT link FROM audit ORDER BY idx")]


async def test_the_chain_goes_on_after_a_restart_and_travels_on_the_record_lane(tmp_path):
    first = await write_chain(tmp_path, 3)
    second = await write_chain(tmp_path, 2)
    links = [*first, *second]
    assert [link.index for link in links] == [0, 1, 2, 3, 4]
    assert chain.verify(links) == chain.head_of(links[-1])
    outbox, _ = await opened(tmp_path)
    sent = [RECORD.decode(body) for _, body in await outbox.take(Lane.RECORD)]
    assert sent == links
    await outbox.forget(Ack(Lane.RECORD, outbox.epoch, ((1, 5),)))
    await outbox.close()
    assert check(tmp_path).result == chain.head_of(links[-1]), "delivered links stay on the gateway"


async def test_links_written_side_by_side_form_one_chain(tmp_path):
    outbox, audit = await opened(tmp_path)
    await asyncio.gather(*(audit.note("order_answered", "cloud", {"n": str(n)}) for n in range(50)))
    await outbox.close()
    result = check(tmp_path).result
    assert isinstance(result, Head)
    assert result.length == 50


async def test_a_crash_leaves_link_head_and_row_together(tmp_path):
    outbox, audit = await opened(tmp_path / "live")
    notes = [asyncio.create_task(audit.note("e", "a", {"n": str(n)})) for n in range(20)]
    await asyncio.sleep(0.001)
    shutil.copytree(tmp_path / "live", tmp_path / "killed", ignore=shutil.ignore_patterns("*.reserve"))
    answered = sum(note.done() for note in notes)
    await asyncio.gather(*notes)
    await outbox.close()
    again, audit = await opened(tmp_path / "killed")
    link = await audit.note("restarted", "gateway", {})
    assert link is not None
    assert answered <= link.index <= 20
    assert again.pending[Lane.RECORD] == link.index + 1
    await again.close()
    assert check(tmp_path / "killed").result == chain.head_of(link)


@pytest.mark.parametrize("error", [StoreFull("no room"), StoreFailed("disk I/O error")])
async def test_a_store_that_cannot_take_a_link_holds_nothing_up_and_the_next_link_says_so(
    tmp_path, monkeypatch, error
):
    outbox, audit = await opened(tmp_path)

    async def unable(*_):
        raise error

    monkeypatch.setattr(outbox, "append_composed", unable)
    assert await audit.note("door_opened", "portal", {}) is None
    assert await audit.note("door_opened", "portal", {}) is None
    assert audit.unwritten == 2
    monkeypatch.undo()
    link = await audit.note("door_opened", "portal", {"portal": "lobby-a"})
    assert link is not None
    assert link.detail == {"portal": "lobby-a", UNWRITTEN: "2"}
    assert audit.unwritten == 0
    after = await audit.note("door_opened", "portal", {})
    assert after is not None
    assert after.detail == {}
    await outbox.close()
    assert check(tmp_path).result == chain.head_of(after)


async def test_old_links_are_let_go_but_the_rest_still_checks(tmp_path, monkeypatch):
    monkeypatch.setattr(audit_module, "LINKS_KEPT", 4)
    monkeypatch.setattr("edge.audit_check.LINKS_KEPT", 4)
    written = await write_chain(tmp_path, 10)
    checked = check(tmp_path)
    assert checked.first == 6
    assert checked.result == chain.head_of(written[-1])
    assert check(tmp_path, chain.head_of(written[7])).result == checked.result
    assert check(tmp_path, chain.head_of(written[5])).result == checked.result
    forged = Head(6, "0" * 63 + "1")
    assert check(tmp_path, forged).result == Break(6, "differs from the head kept elsewhere")
    with pytest.raises(ChainUnreadable, match="not kept any more"):
        check(tmp_path, chain.head_of(written[2]))


def test_a_whole_chain_is_whole_while_the_gateway_runs(tmp_path):
    async def main():
        outbox, audit = await opened(tmp_path)
        link = await audit.note("e", "a", {})
        result = check(tmp_path).result
        await outbox.close()
        assert link is not None
        return link, result

    link, result = asyncio.run(main())
    assert result == chain.head_of(link)


@given(at=st.integers(0, 9), byte=st.integers(0, 400), flip=st.integers(1, 255))
def test_any_flipped_byte_shows(tmp_path_factory, at, byte, flip):
    data = tmp_path_factory.getbasetemp() / "flipped"
    if not data.exists():
        asyncio.run(write_chain(data, 10))
    body = bytearray(links_of(data)[at])
    before = bytes(body)
    body[byte % len(body)] ^= flip
    alter(data, "UPDATE audit SET link = ? WHERE idx = ?", bytes(body), at)
    try:
        result = check(data).result
        assert isinstance(result, Break)
        renumbered = at == 0 and result.why == "the links before the first are missing"
        assert renumbered or result.index in {at, at + 1}
    finally:
        alter(data, "UPDATE audit SET link = ? WHERE idx = ?", before, at)


@pytest.mark.parametrize(
    ("sql", "index"),
    [
        ("DELETE FROM audit WHERE idx = 9", 9),
        ("DELETE FROM audit WHERE idx = 4", 4),
        ("DELETE FROM audit WHERE idx < 3", 2),
        ("DELETE FROM audit", 0),
        ("DELETE FROM audit_head", 10),
        ("UPDATE audit_head SET hash = 'forged'", 10),
    ],
)
def test_cut_links_show(data, sql, index):
    alter(data, sql)
    result = check(data).result
    assert isinstance(result, Break)
    assert result.index == index


def test_a_cut_that_mends_the_head_shows_against_a_head_kept_elsewhere(data):
    kept = check(data).result
    assert isinstance(kept, Head)
    eighth = RECORD.decode(links_of(data)[7])
    assert isinstance(eighth, AuditRecord)
    head = chain.head_of(eighth)
    alter(data, "DELETE FROM audit WHERE idx > 7")
    alter(data, "UPDATE audit_head SET length = ?, hash = ?", head.length, head.hash)
    assert check(data).result == head, "the file by itself looks whole"
    assert isinstance(check(data, kept).result, Break)


def test_exported_links_are_checked_line_by_line(data, tmp_path):
    export = tmp_path / "links.jsonl"
    export.write_bytes(b"\n".join(links_of(data)) + b"\n\n")
    assert check(export).result == check(data).result
    export.write_bytes(b"\n".join([*links_of(data)[:5], b"{}"]))
    assert check(export).result == Break(5, "is no link of an audit chain")
    export.write_bytes(b"hello")
    assert check(export).result == Break(0, "is no link of an audit chain")
    export.write_bytes(b"")
    assert check(export).result == chain.EMPTY


def test_what_cannot_be_read_is_said(tmp_path):
    with pytest.raises(ChainUnreadable, match=r"outbox\.sqlite: No such file"):
        check(tmp_path)
    (tmp_path / "outbox.sqlite").write_bytes(b"SQLite format 3\0" + b"x" * 200)
    with pytest.raises(ChainUnreadable, match="no audit chain"):
        check(tmp_path)


def test_a_chain_link_is_what_the_contract_says(data):
    record = RECORD.decode(links_of(data)[0])
    assert isinstance(record, AuditRecord)
    assert record.prev == chain.GENESIS
    again = chain.append(chain.EMPTY, record.id, record.at, record.event, record.actor, record.detail)
    assert again == record
    assert encode(msgspec.structs.replace(again, at=wire_time(SystemClock().now()))) != encode(record)


class TestCommand:
    """``cardea audit verify``."""

    def test_a_whole_chain(self, data, capsys):
        assert cardea(["audit", "verify", str(data), "--json"]) == 0
        said = json.loads(capsys.readouterr().out)
        assert (said["whole"], said["first"], said["length"]) == (True, 0, 10)
        head = f"{said['length']}:{said['hash']}"
        assert cardea(["audit", "verify", str(data / "outbox.sqlite"), "--head", head]) == 0
        assert capsys.readouterr().out == f"whole: 10 links from 0 on, head {head}\n"

    def test_a_broken_chain(self, data, capsys):
        alter(data, "DELETE FROM audit WHERE idx = 4")
        assert cardea(["audit", "verify", str(data)]) == 1
        assert capsys.readouterr().out == "broken at link 4: link 5 stands where 4 belongs\n"
        assert cardea(["audit", "verify", str(data), "--json"]) == 1
        assert json.loads(capsys.readouterr().out)["broken_at"] == 4

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [(["nowhere"], "nowhere: No such file"), ([".", "--head", "10"], "--head '10': give LENGTH:HASH")],
    )
    def test_bad_input_is_one_line(self, arguments, says, capsys):
        assert cardea(["audit", "verify", *arguments]) == 2
        said = capsys.readouterr().err
        assert says in said
        assert said.count("\n") == 1
