"""People at four face terminals and one QR reader, a process of its own; run by test_nothing_lost.py.

usage: terminals.py FOLDER. In FOLDER stand ``people.jsonl``, ``passes.pem`` and the secret ``linkage``; there
``journal.jsonl`` is written: before an event can leave, a line with its id and the hash of what the ledger
must hold; after HTTP 200 or the reader's beep, a line that it was acknowledged. Each line is on the disk
before anything goes on. Says the ports on standard output, then a line for each acknowledgement. A line on
standard input ends the presenting; the end of it ends the process.
"""

import asyncio
import datetime as dt
import hashlib
import hmac
import json
import os
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from cardea.runtime.clock import SystemClock, SystemEntropy
from cardea.runtime.signing_keys import read_signing_key
from drivers.sim.hikvision import HikvisionTerminal
from drivers.sim.hikvision_push import Message, Pusher
from drivers.sim.qr_tcp import QrTcpSim
from models import passes
from models.passes import PassClaims

GATEWAY, DOMAIN = "tower-1", "demo"
ACCEPTED = b"\x06"
BEEP_S_MAX = 1.5
CUT_OFF_EVERY = 12
"""So many presentations the terminal ``past`` pushes, then as many stand in its history alone."""
RESEND_S = 0.2
CLOCK, ENTROPY = SystemClock(), SystemEntropy()


def say(**told):
    os.write(1, json.dumps(told).encode() + b"\n")


class Journal:
    """Lines that are on the disk when ``write`` returns."""

    def __init__(self, path):
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._acknowledged = 0

    def write(self, **entry):
        os.write(self._file, json.dumps(entry).encode() + b"\n")
        os.fsync(self._file)

    def sent(self, event_id, portal, subject, kind):
        expected = hashlib.sha256(f"{portal}|{subject}|{kind}".encode()).hexdigest()
        self.write(what="sent", id=event_id, sha256=expected)

    def acknowledged(self, event_id):
        self.write(what="acknowledged", id=event_id)
        self._acknowledged += 1
        say(acknowledged=self._acknowledged)


class JournalledPusher(Pusher):
    """Tells of each message for which HTTP 200 came."""

    def __init__(self, acknowledged: Callable[[Message], None]):
        super().__init__(CLOCK, RESEND_S)
        self._acknowledged = acknowledged

    async def _deliver(self, message: Message) -> bool:
        before = self.delivered
        done = await super()._deliver(message)
        if self.delivered > before:
            self._acknowledged(message)
        return done


class JournalledTerminal(HikvisionTerminal):
    """A terminal whose events are journalled before they can leave it."""

    def __init__(self, name: str, journal: Journal, subjects: dict[str, str], *, asks: bool):
        super().__init__(
            CLOCK, ENTROPY, password="password", serial_number=name, remote_check=asks, verdict_s_max=2.0
        )
        self.pusher = JournalledPusher(self._acknowledged)
        self.name = name
        self._journal = journal
        self._subjects = subjects
        self._ids: dict[int, str] = {}

    def send(self, event, *, time=None):
        time = time or self.time_text()
        person = str(event.get("employeeNoString", ""))
        repeated = event.get("remoteCheckResult") in {"success", "failed"}
        if person and not repeated:
            serial = int(str(event["serialNo"]))
            self._ids[serial] = row_id(self.name, serial, time)
            self._journal.sent(self._ids[serial], self.name, self._subjects[person], "face")
        super().send(event, time=time)

    def _acknowledged(self, message: Message) -> None:
        inner = json.loads(message.body).get("AccessControllerEvent", {})
        event_id = self._ids.get(inner.get("serialNo"))
        if event_id is not None:
            self._journal.acknowledged(event_id)


def row_id(device: str, serial: int, time: str) -> str:
    """The id that the row of a numbered event has (edge/ids.py)."""
    utc = dt.datetime.fromisoformat(time).astimezone(dt.UTC).isoformat(timespec="seconds")
    return hashlib.sha256(f"{GATEWAY}/{device}/{serial}/{utc}".encode()).hexdigest()[:32]


def subject(secret: str, person: str) -> str:
    """The person's pseudonym: HMAC under the domain's key, which is HKDF-SHA256 of the secret (RFC 5869)."""
    extracted = hmac.digest(bytes(32), secret.encode(), "sha256")
    key = hmac.digest(extracted, f"cardea vault 1/linkage/{DOMAIN}".encode() + b"\1", "sha256")
    return hmac.digest(key, person.encode(), "sha256").hex()


class Play:
    """Everybody comes once, to one of the devices, until it is said that it is enough."""

    def __init__(self, folder: Path):
        self._people: Iterator[dict[str, str]] = map(json.loads, (folder / "people.jsonl").open())
        self._secret = (folder / "linkage").read_text().strip()
        self._key = read_signing_key(folder / "passes.pem")
        self._journal = Journal(folder / "journal.jsonl")
        self._subjects: dict[str, str] = {}
        self._rng = random.Random(20260115)
        self._enough = asyncio.Event()
        self.terminals = [
            JournalledTerminal(name, self._journal, self._subjects, asks=name == "asks")
            for name in ("own-1", "own-2", "past", "asks")
        ]
        self.reader = QrTcpSim()

    async def run(self, lines: asyncio.StreamReader) -> None:
        async with asyncio.TaskGroup() as presenting:
            for terminal in self.terminals:
                presenting.create_task(self._at_terminal(terminal))
            presenting.create_task(self._at_reader())
            await lines.readline()
            self._enough.set()
        for terminal in self.terminals:
            while terminal.pusher.waiting:
                terminal.pusher.heard.clear()
                await terminal.pusher.heard.wait()
        say(quiet=True)
        await lines.read()

    async def _at_terminal(self, terminal: JournalledTerminal) -> None:
        """``own-…`` open from the start; to ask, or be cut off, somebody must be at the other end."""
        if terminal.name in {"asks", "past"}:
            await terminal.push_armed.wait()
        come = 0
        while person := await self._next():
            if terminal.name == "past" and come % CUT_OFF_EVERY == 0:
                await (terminal.go_offline() if come // CUT_OFF_EVERY % 2 else self._back(terminal))
            come += 1
            self._subjects[person["employee_no"]] = subject(self._secret, person["person"])
            await terminal.present(employee_no=person["employee_no"])
        if terminal.name == "past":
            await self._back(terminal)

    async def _back(self, terminal: JournalledTerminal) -> None:
        if not terminal.push_armed.is_set():
            await terminal.come_back()
            await terminal.push_armed.wait()

    async def _at_reader(self) -> None:
        while person := await self._next():
            pseudonym = subject(self._secret, person["person"])
            text = self._pass(person["person"])
            await self.reader.met()
            self._journal.sent(pseudonym, "scan", pseudonym, "qr")
            self.reader.present(text)
            try:
                async with asyncio.timeout(BEEP_S_MAX):
                    reply = await self.reader.replies.next()
            except TimeoutError:
                self.reader.hang_up()  # a late beep must not be taken for the next one's
                await asyncio.sleep(0)
                continue
            if reply == ACCEPTED:
                self._journal.acknowledged(pseudonym)

    def _pass(self, person: str) -> str:
        now = dt.datetime.now(dt.UTC).replace(microsecond=0)
        claims = PassClaims(
            person=person,
            pass_id=os.urandom(16).hex(),
            issued=now - dt.timedelta(hours=1),
            expires=now + dt.timedelta(hours=1),
        )
        return passes.issue(self._key, claims)

    async def _next(self) -> dict[str, str] | None:
        """The next person, after a while; nobody once it is enough."""
        try:
            async with asyncio.timeout(self._rng.uniform(0.02, 0.12)):
                await self._enough.wait()
        except TimeoutError:
            return next(self._people, None)
        return None


async def main(folder: Path) -> None:
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    play = Play(folder)
    async with play.terminals[0], play.terminals[1], play.terminals[2], play.terminals[3], play.reader:
        say(ports={t.name: t.port for t in play.terminals} | {"reader": play.reader.port})
        await play.run(lines)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
