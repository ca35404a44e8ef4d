"""Appends rows to an outbox and says of each when it is durable; run under strace by test_outbox_disk.py.

usage: outbox_writer.py FOLDER SYNCHRONOUS ROWS
"""

import asyncio
import os
import sys
from pathlib import Path

from cardea.contract.batches import Ack, Lane
from cardea.runtime.clock import SystemClock, SystemEntropy
from cardea.runtime.disk import SqliteDatabase, StoreFailed, StoreFull, SystemDisk
from edge.outbox import Outbox


def say(text: str) -> None:
    os.write(1, f"{text}\n".encode())


async def write(folder: Path, synchronous: str, rows: int) -> int:
    try:
        outbox = await Outbox.open(SystemDisk(folder), SystemClock(), SystemEntropy())
    except StoreFailed:
        say("FAILED")
        return 3
    database = outbox._database  # pyright: ignore[reportPrivateUsage]  # to choose its synchronous level
    assert isinstance(database, SqliteDatabase)
    connection = database._connection  # pyright: ignore[reportPrivateUsage]  # to choose its synchronous level
    connection.execute(f"PRAGMA synchronous={synchronous}")
    connection.execute("PRAGMA wal_autocheckpoint=12")
    say("ACK 0")
    for n in range(rows):
        try:
            (seq,) = await outbox.append(
                Lane.RECORD, b'{"n":%d,"pad":"%s"}' % (n, os.urandom(150).hex().encode())
            )
            say(f"ACK {seq}")
            if n % 10 == 9:
                await outbox.forget(Ack(Lane.RECORD, outbox.epoch, ((seq - 9, seq - 7),)))
        except StoreFull:
            say("FULL")
        except StoreFailed:
            say("FAILED")
            return 3
    return 0


if __name__ == "__main__":
    status = asyncio.run(write(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
    os._exit(status)
