"""SQLite files: a commit that returned is on the disk, and everything else is said."""

import asyncio
import shutil
import sqlite3
import stat
import subprocess
import sys
import textwrap
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import pytest

from cardea.runtime import disk as module
from cardea.runtime.disk import Database, FileReserve, StoreFailed, StoreFull, SystemDisk

SCHEMA = """
    CREATE TABLE IF NOT EXISTS parent (id INTEGER PRIMARY KEY);
    CREATE TABLE IF NOT EXISTS rows (id INTEGER PRIMARY KEY, body BLOB, parent REFERENCES parent);
"""


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = SystemDisk(tmp_path / "data").open("rows", SCHEMA)
    yield opened
    await opened.close()


def insert(body: bytes = b"x"):
    def work(connection: sqlite3.Connection) -> int:
        return connection.execute("INSERT INTO rows (body) VALUES (?)", (body,)).lastrowid or 0

    return work


def count(connection: sqlite3.Connection) -> int:
    return connection.execute("SELECT count(*) FROM rows").fetchone()[0]


def pragma(name: str):
    return lambda connection: connection.execute(f"PRAGMA {name}").fetchone()[0]


async def test_commits_are_full_and_foreign_keys_hold(database):
    assert await database.run(pragma("synchronous")) == 2  # FULL
    assert await database.run(pragma("journal_mode")) == "wal"
    assert await database.run(pragma("foreign_keys")) == 1
    assert await database.run(pragma("journal_size_limit")) == 16 * 1024 * 1024


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed; `make test` installs it")
def test_every_commit_reaches_the_disk_before_run_returns(tmp_path):
    """Counted as the kernel sees it: five commits, five fsyncs of the log at the least."""
    code = f"""
        import asyncio, os
        from pathlib import Path
        from cardea.runtime.disk import SystemDisk
        async def main():
            database = SystemDisk(Path({str(tmp_path)!r})).open("rows", {SCHEMA!r})
            for number in range(5):
                await database.run(lambda c: c.execute("INSERT INTO rows (body) VALUES ('x')"))
                print("returned", number, flush=True)
            await database.close()
        asyncio.run(main())
    """
    log = tmp_path / "log"
    subprocess.run(
        ["strace", "-f", "-y", "-e", "trace=fsync,fdatasync,write", "-o", str(log), sys.executable, "-c",
         textwrap.dedent(code)],
        check=True,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    synced = 0
    synced_at: list[int] = []
    for line in log.read_text().splitlines():
        if "sync(" in line and "rows.sqlite-wal" in line:
            synced += 1
        if '"returned' in line:
            synced_at.append(synced)
    assert len(synced_at) == 5
    assert all(later > earlier for earlier, later in zip([0, *synced_at], synced_at, strict=False))


async def test_files_are_their_owners_only(database, tmp_path):
    await database.run(insert())
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "data").iterdir()} == {0o600}


async def test_a_transaction_returns_what_its_work_returns(database):
    assert await database.run(insert()) == 1
    assert await database.run(count) == 1


async def test_what_was_committed_is_there_for_the_next_process(tmp_path):
    first = SystemDisk(tmp_path).open("rows", SCHEMA)
    await first.run(insert(b"kept"))
    await first.close()
    second = SystemDisk(tmp_path).open("rows", SCHEMA)
    assert await second.run(count) == 1
    await second.close()


async def test_an_exception_in_the_work_undoes_all_of_it(database):
    def work(connection: sqlite3.Connection) -> None:
        insert()(connection)
        raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        await database.run(work)
    assert await database.run(count) == 0


@pytest.mark.parametrize(
    "statement", ["INSERT INTO rows (id) VALUES (1)", "INSERT INTO rows (parent) VALUES (9)"]
)
async def test_a_broken_constraint_undoes_all_and_is_the_callers_own(database, statement):
    await database.run(insert())

    def work(connection: sqlite3.Connection) -> None:
        insert()(connection)
        connection.execute(statement)

    with pytest.raises(sqlite3.IntegrityError):
        await database.run(work)
    assert await database.run(count) == 1


async def test_a_misuse_of_the_connection_undoes_all_and_is_the_callers_own(database):
    def work(connection: sqlite3.Connection) -> None:
        insert()(connection)
        connection.execute("SELECT ?", (1, 2))

    with pytest.raises(sqlite3.ProgrammingError):
        await database.run(work)
    assert await database.run(count) == 0


async def test_a_full_store_says_so_and_keeps_what_it_has(database):
    pages = await database.run(pragma("page_count"))
    await database.run(lambda c: c.execute(f"PRAGMA max_page_count = {pages + 4}").fetchone())
    await database.run(insert())

    def work(connection: sqlite3.Connection) -> None:
        insert()(connection)
        insert(b"x" * 100_000)(connection)

    with pytest.raises(StoreFull):
        await database.run(work)
    assert await database.run(count) == 1
    await database.run(insert(b"a small one still fits"))
    assert await database.run(count) == 2


async def test_a_failing_disk_fails_the_store(tmp_path):
    """A real error of write(2): the file may not grow any more (EFBIG, an I/O error for SQLite)."""
    code = f"""
        import asyncio, resource
        from pathlib import Path
        from cardea.runtime.disk import StoreFailed, SystemDisk
        async def main():
            database = SystemDisk(Path({str(tmp_path)!r})).open("rows", {SCHEMA!r})
            await database.run(lambda c: c.execute("INSERT INTO rows (body) VALUES ('kept')"))
            resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, resource.RLIM_INFINITY))
            try:
                await database.run(lambda c: c.execute("INSERT INTO rows (body) VALUES (zeroblob(500000))"))
            except StoreFailed as error:
                print("failed:", error)
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
            print(await database.run(lambda c: c.execute("SELECT count(*) FROM rows").fetchone()[0]))
            await database.close()
        asyncio.run(main())
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", textwrap.dedent(code), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    assert said.decode().splitlines() == ["failed: disk I/O error", "1"]


async def test_a_damaged_file_fails_the_store(tmp_path):
    first = SystemDisk(tmp_path).open("rows", SCHEMA)
    await first.run(lambda c: [insert(b"y" * 3000)(c) for _ in range(40)])
    await first.close()
    file = tmp_path / "rows.sqlite"
    content = bytearray(file.read_bytes())
    content[4096 * 2 :] = b"\xa5" * (len(content) - 4096 * 2)
    file.write_bytes(content)
    second = SystemDisk(tmp_path).open("rows", SCHEMA)
    with pytest.raises(StoreFailed):
        await second.run(lambda c: c.execute("SELECT sum(length(body)) FROM rows").fetchall())
    await second.close()


async def test_complaints_of_the_module_itself_fail_the_store_too(database):
    """They carry no error code of SQLite's."""

    def work(connection: sqlite3.Connection) -> None:
        connection.execute("SELECT CAST(X'ff' AS TEXT)").fetchone()

    with pytest.raises(StoreFailed, match="UTF-8"):
        await database.run(work)
    assert await database.run(count) == 0


async def test_a_transaction_that_cannot_be_undone_fails_the_store(database):
    class Connection:
        in_transaction = True

        def execute(self, statement: str) -> None:
            if statement == "ROLLBACK":
                raise sqlite3.OperationalError("disk I/O error")

    real, database._connection = database._connection, Connection()

    def work(connection: object) -> None:
        raise RuntimeError("half way")

    with pytest.raises(StoreFailed, match="disk I/O error"):
        await database.run(work)
    database._connection = real


def test_a_file_that_is_no_database_is_said(tmp_path):
    (tmp_path / "rows.sqlite").write_bytes(b"this is no database, however long it may be" * 200)
    with pytest.raises(StoreFailed, match=r"rows\.sqlite: file is not a database"):
        SystemDisk(tmp_path).open("rows", SCHEMA)


def test_a_file_that_cannot_be_opened_is_said(tmp_path):
    (tmp_path / "rows.sqlite").mkdir()
    with pytest.raises(StoreFailed, match=r"rows\.sqlite: unable to open database file"):
        SystemDisk(tmp_path).open("rows", SCHEMA)


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "data").write_text("a file where a folder belongs")
    with pytest.raises(StoreFailed, match="data: File exists"):
        SystemDisk(tmp_path / "data").open("rows", SCHEMA)


def test_a_wrong_schema_is_said_and_the_file_let_go(tmp_path):
    with pytest.raises(StoreFailed, match="syntax error"):
        SystemDisk(tmp_path).open("rows", "CREATE TABEL rows (id)")
    opened = [str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    assert not [path for path in opened if "rows.sqlite" in path]


async def test_all_work_of_a_file_is_done_on_its_own_thread_in_order(database):
    threads: set[str] = set()
    order: list[int] = []

    def work(number: int):
        def inner(connection: sqlite3.Connection) -> None:
            threads.add(threading.current_thread().name)
            order.append(number)

        return inner

    await asyncio.gather(*(database.run(work(number)) for number in range(20)))
    assert order == list(range(20))
    assert len(threads) == 1
    assert next(iter(threads)).startswith("rows")


async def test_closing_waits_for_everything_asked_before(tmp_path):
    database = SystemDisk(tmp_path).open("rows", SCHEMA)
    hold = threading.Event()

    def slow(connection: sqlite3.Connection) -> int:
        hold.wait(5)
        return insert()(connection)

    writing = [asyncio.create_task(database.run(work)) for work in (slow, insert(), insert())]
    await asyncio.sleep(0)
    closing = asyncio.create_task(database.close())
    await asyncio.sleep(0)
    assert not closing.done()
    hold.set()
    assert await asyncio.gather(*writing) == [1, 2, 3]
    await closing
    with pytest.raises(RuntimeError, match="shutdown"):
        await database.run(count)
    with sqlite3.connect(tmp_path / "rows.sqlite") as connection:
        assert count(connection) == 3
    connection.close()


# --- the log ------------------------------------------------------------------------------------


async def test_an_emptied_log_holds_nothing_of_what_was_deleted(database, tmp_path):
    log = tmp_path / "data" / "rows.sqlite-wal"
    await database.run(lambda c: c.execute("PRAGMA secure_delete=ON").fetchone())
    await database.run(insert(b"a canary"))
    await database.run(lambda c: c.execute("DELETE FROM rows"))
    assert b"a canary" in log.read_bytes()
    assert await database.empty_log()
    assert log.read_bytes() == b""
    assert b"a canary" not in (tmp_path / "data" / "rows.sqlite").read_bytes()
    await database.run(insert(b"another"))
    assert await database.run(count) == 1


async def test_a_log_that_somebody_reads_is_emptied_later(database, tmp_path):
    await database.run(insert())
    await database.run(lambda c: c.execute("PRAGMA busy_timeout=0").fetchone())
    reader = sqlite3.connect(tmp_path / "data" / "rows.sqlite", isolation_level=None)
    reader.execute("BEGIN")
    assert count(reader) == 1
    await database.run(insert())
    assert not await database.empty_log()
    assert count(reader) == 1
    reader.close()
    assert await database.empty_log()


async def test_a_log_that_cannot_be_emptied_fails_the_store(tmp_path):
    database = SystemDisk(tmp_path).open("rows", SCHEMA)
    with pytest.raises(sqlite3.ProgrammingError):
        await database.run(lambda c: c.close())
    with pytest.raises(StoreFailed, match="closed"):
        await database.empty_log()
    await database.close()


# --- the reserve --------------------------------------------------------------------------------


class Usage(NamedTuple):
    free: int


def test_a_reserve_takes_up_room_until_it_is_released(tmp_path):
    reserve = SystemDisk(tmp_path / "data").reserve("outbox", 1_000_000)
    file = tmp_path / "data" / "outbox.reserve"
    assert not reserve.held
    reserve.hold()
    assert reserve.held
    assert file.stat().st_blocks * 512 >= 1_000_000
    assert FileReserve(file, 1_000_000).held
    assert not FileReserve(file, 2_000_000).held
    reserve.release()
    reserve.release()
    assert not reserve.held
    assert not file.exists()


def test_a_disk_that_has_too_little_left_keeps_it(tmp_path, monkeypatch):
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: Usage(1_999_999))
    reserve = SystemDisk(tmp_path).reserve("outbox", 1_000_000)
    with pytest.raises(StoreFull, match="less than 2000000 bytes free"):
        reserve.hold()
    assert not (tmp_path / "outbox.reserve").exists()


def test_a_reserve_that_cannot_be_made_whole_is_not_left_half_made(tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.os, "posix_fallocate", full)
    reserve = SystemDisk(tmp_path).reserve("outbox", 1_000_000)
    with pytest.raises(StoreFull, match="No space left on device"):
        reserve.hold()
    assert list(tmp_path.iterdir()) == []
