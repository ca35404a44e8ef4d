"""kill -9 of gateway, broker and aggregator while people keep coming loses and doubles nothing acknowledged.

SAFETY.md, "Nothing lost". A generator in its own process (terminals.py) journals what it sends and what is
acknowledged to it; afterwards the oracle compares the journal with the ledger. The same harness must find
the faults of ``mutants/``; ``synchronous=NORMAL`` is told from FULL in test_outbox_disk.py.
"""

import asyncio
import contextlib
import dataclasses
import hashlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cardea.cli.tower.children import Child, Running, cardea
from cardea.cli.tower.layout import Layout
from cardea.cli.tower.provision import provision
from cardea.runtime.clock import SystemClock, SystemEntropy
from edge.status import read_status

HERE = Path(__file__).parent
DEMO = HERE.parents[1] / "configs" / "demo"
CLOCK, ENTROPY = SystemClock(), SystemEntropy()
COMMANDS = {"broker": ("broker", "run"), "cloud": ("cloud", "run"), "gateway": ("edge", "run")}
UP = {"broker": "broker_ready", "cloud": "console_ready", "gateway": "gateway_started"}
PEOPLE = 6000
COME = 15
"""So many more people are acknowledged between two kills."""
UP_S_MAX = 5.0
STEP_S_MAX = 30.0
HISTORY_S_MAX = 25.0
MUTANT_HISTORY_S_MAX = 5.0
"""A fault may have lost it for ever."""
NUMBERED = 32
"""Characters of the id of an event that its terminal numbers; a scan is known by its person's pseudonym."""


# --- the oracle ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Verdict:
    """Ids of what went wrong."""

    lost: frozenset[str] = frozenset()
    duplicates: frozenset[str] = frozenset()
    phantom: frozenset[str] = frozenset()
    mismatched: frozenset[str] = frozenset()


def judge(
    sent: Mapping[str, str], acknowledged: Collection[str], stored: Sequence[tuple[str, str]]
) -> Verdict:
    """``sent``: id → hash of what must be stored; ``stored``: id and hash of each row."""
    ids = [row_id for row_id, _ in stored]
    return Verdict(
        lost=frozenset(acknowledged) - frozenset(ids),
        duplicates=frozenset(row_id for row_id in ids if ids.count(row_id) > 1)
        if len(ids) != len(set(ids))
        else frozenset(),
        phantom=frozenset(ids) - frozenset(sent),
        mismatched=frozenset(row_id for row_id, said in stored if sent.get(row_id, said) != said),
    )


@pytest.mark.parametrize(
    ("acknowledged", "stored", "verdict"),
    [
        ("ab", ["aA", "bB"], Verdict()),
        ("", [], Verdict()),
        ("a", ["aA", "bB", "cC"], Verdict()),
        ("ab", ["aA"], Verdict(lost=frozenset("b"))),
        ("a", ["aA", "aA"], Verdict(duplicates=frozenset("a"))),
        ("a", ["aA", "xX"], Verdict(phantom=frozenset("x"))),
        ("a", ["aB"], Verdict(mismatched=frozenset("a"))),
        ("ab", ["aA", "aB", "xX"], Verdict(*map(frozenset, "baxa"))),
    ],
)
def test_the_oracle(acknowledged, stored, verdict):
    sent = {"a": "A", "b": "B", "c": "C"}
    assert judge(sent, acknowledged, [(row[0], row[1]) for row in stored]) == verdict


# --- the tower and the people -------------------------------------------------------------------


class Log:
    """What the processes say, as it comes."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []
        self._more = asyncio.Event()

    def __call__(self, who: str, line: str) -> None:
        self.lines.append((who, line))
        self._more.set()

    async def until(self, who: str, event: str, since: int) -> None:
        said = (who, f'"event":"{event}"')
        while not any(name == said[0] and said[1] in line for name, line in self.lines[since:]):
            self._more.clear()
            await self._more.wait()


class Generator:
    """terminals.py while it runs."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._more = asyncio.Event()
        self.ports: dict[str, int] = {}
        self.acknowledged = 0
        self.quiet = self.ended = False

    async def listen(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            told = json.loads(line)
            self.ports = told.get("ports", self.ports)
            self.acknowledged = told.get("acknowledged", self.acknowledged)
            self.quiet = self.quiet or "quiet" in told
            self._more.set()
        self.ended = True
        self._more.set()

    async def until(self, reached: Callable[[], bool]) -> None:
        while not reached():
            assert not self.ended, "the generator has ended; its message stands above"
            self._more.clear()
            await self._more.wait()

    async def stop(self) -> None:
        """Nobody comes any more, and all that waits is delivered."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"enough\n")
        await self.until(lambda: self.quiet)


@dataclass
class Rig:
    """A tower of real processes under kills."""

    layout: Layout
    generator: Generator
    processes: dict[str, Running] = field(default_factory=dict)
    log: Log = field(default_factory=Log)
    kills: int = 0
    up_s: list[tuple[str, float]] = field(default_factory=list)

    def pid(self, name: str) -> int:
        """Of a process; ``mosquitto`` is the child of ``broker``."""
        if name != "mosquitto":
            pid = self.processes[name].pid
            assert pid is not None, f"{name} is not running"
            return pid
        broker = self.pid("broker")
        (child,) = Path(f"/proc/{broker}/task/{broker}/children").read_text().split()
        return int(child)

    async def kill(self, *names: str) -> None:
        """kill -9, at once one after the other; each must be up again by itself in time, and people go on."""
        since, loop = len(self.log.lines), asyncio.get_running_loop()
        pids = {name: self.pid(name) for name in names}
        began_s = loop.time()
        for pid in pids.values():
            os.kill(pid, signal.SIGKILL)
        self.kills += len(pids)
        died = dict.fromkeys("broker" if name == "mosquitto" else name for name in names)

        async def up(name: str) -> None:
            await self.log.until(name, UP[name], since)
            self.up_s.append((name, loop.time() - began_s))

        async with asyncio.timeout(STEP_S_MAX):
            await asyncio.gather(*(up(name) for name in died))
            if "broker" in died or "cloud" in died:
                await self.log.until("cloud", "broker_connected", since)
            if "broker" in died or "gateway" in died:
                await self.log.until("gateway", "uplink_up", since)
        await self.more_come()

    async def more_come(self) -> None:
        """People are served, and what is said to them is acknowledged."""
        wanted = self.generator.acknowledged + COME
        async with asyncio.timeout(STEP_S_MAX):
            await self.generator.until(lambda: self.generator.acknowledged >= wanted)

    @contextlib.asynccontextmanager
    async def frozen(self, name: str) -> AsyncGenerator[int]:
        """The process stands still meanwhile."""
        pid = self.pid(name)
        os.kill(pid, signal.SIGSTOP)
        try:
            yield pid
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    async def settle(self, history_s_max: float) -> None:
        """Nobody comes any more, the outbox is empty, and what only the history tells was asked for."""
        async with asyncio.timeout(STEP_S_MAX):
            await self.generator.stop()
            since = CLOCK.now().utc.isoformat()
            while not self._empty(since):  # noqa: ASYNC110  # another process's file
                await asyncio.sleep(0.1)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(history_s_max):
                while self.untold():  # noqa: ASYNC110  # another process's file
                    await asyncio.sleep(0.1)

    def _empty(self, since: str) -> bool:
        picture = read_status(self.layout.folder / "gateway" / "data")
        pending = picture["stores"]["pending"]
        return picture["at"] > since and pending["record"] == pending["alert"] == 0

    def untold(self) -> set[str]:
        """What stands in the log of a terminal, was never acknowledged, and is not in the ledger."""
        sent, acknowledged = self.journal()
        numbered = {row_id for row_id in sent if len(row_id) == NUMBERED}
        return numbered - acknowledged - {row_id for row_id, _ in self.stored()}

    def journal(self) -> tuple[dict[str, str], set[str]]:
        """What was sent (id → hash), and what was acknowledged."""
        lines = (self.layout.folder / "play" / "journal.jsonl").read_text().splitlines()
        entries = [json.loads(line) for line in lines]
        sent = {entry["id"]: entry["sha256"] for entry in entries if entry["what"] == "sent"}
        return sent, {entry["id"] for entry in entries if entry["what"] == "acknowledged"}

    def stored(self) -> list[tuple[str, str]]:
        """Id and hash of each decision; a scan has no number of its own, its person is its id."""
        file = self.layout.folder / "cloud" / "data" / "ledger.sqlite"
        with contextlib.closing(sqlite3.connect(file)) as connection:
            rows = connection.execute(
                "SELECT id, portal, subject_value, credential FROM decisions"
            ).fetchall()
        return [
            (subject if kind == "qr" else row_id, _sha256(f"{portal}|{subject}|{kind}"))
            for row_id, portal, subject, kind in rows
        ]


Plan = Callable[[Rig], Coroutine[Any, Any, None]]


async def under(plan: Plan, folder: Path, mutants: Mapping[str, str] | None = None) -> tuple[Rig, Verdict]:
    """Let people come, do what ``plan`` says, wait until all is quiet, and judge."""
    layout = Layout(folder)
    provision(layout, CLOCK, ENTROPY)
    _write_people(layout)
    async with contextlib.AsyncExitStack() as stack:
        generator = await _generator(layout, stack)
        _write_configs(layout, generator.ports)
        people = ("edge", "import-people", str(layout.folder / "people.csv"))
        command = cardea(*people, "--config", str(layout.config("gateway")))
        await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)
        rig = Rig(layout, generator)
        for name, command in COMMANDS.items():
            script = (mutants or {}).get(name)
            words = (*command, "--config", str(layout.config(name)))
            line = (
                (sys.executable, "-P", str(HERE / "mutants" / script), *words) if script else cardea(*words)
            )
            rig.processes[name] = Running(Child(name, line), CLOCK, ENTROPY, rig.log)
            stack.push_async_callback(rig.processes[name].stop)
            await rig.processes[name].start()
        await rig.more_come()
        await plan(rig)
        await rig.settle(MUTANT_HISTORY_S_MAX if mutants else HISTORY_S_MAX)
    sent, acknowledged = rig.journal()
    return rig, judge(sent, acknowledged, rig.stored())


async def _generator(layout: Layout, stack: contextlib.AsyncExitStack) -> Generator:
    play = layout.folder / "play"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", str(HERE / "terminals.py"), str(play)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    stack.push_async_callback(_end, process)
    generator = Generator(process)
    listening = asyncio.create_task(generator.listen())
    stack.callback(listening.cancel)
    async with asyncio.timeout(STEP_S_MAX):
        await generator.until(lambda: bool(generator.ports))
    return generator


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.wait()


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _write_people(layout: Layout) -> None:
    play = layout.folder / "play"
    play.mkdir()
    shutil.copy2(layout.folder / "sim" / "keys" / "passes.pem", play / "passes.pem")
    secret = ENTROPY.token(16).hex()
    for file in (play / "linkage", layout.folder / "gateway" / "secrets" / "linkage"):
        file.touch(0o600)
        file.write_text(secret)
    password = layout.folder / "gateway" / "secrets" / "terminals"
    password.touch(0o600)
    password.write_text("password")
    people = [{"person": f"n-{n:05}", "employee_no": str(n + 1)} for n in range(PEOPLE)]
    (play / "people.jsonl").write_text("".join(f"{json.dumps(person)}\n" for person in people))
    lines = (f"{p['person']},Person {p['employee_no']},,{p['employee_no']},,,,,\n" for p in people)
    (layout.folder / "people.csv").write_text(
        "person,name,organisation,employee_no,card,valid_from,valid_until,schedule,status\n" + "".join(lines)
    )


def _write_configs(layout: Layout, ports: Mapping[str, int]) -> None:
    broker = _free_port()
    for name in ("broker", "cloud"):
        text = (DEMO / f"{name}.toml").read_text().replace("${broker_port}", str(broker))
        layout.config(name).write_text(text.replace("${console_port}", str(_free_port())))
    terminals = "".join(
        f"""
[devices.{name}]
driver = "gates.hikvision"
link = "terminals"
events_per_s_max = 1000
settings = {{ base_url = "http://127.0.0.1:{port}", user = "cardea", password_secret = "terminals",
  transport = "push", heartbeat_s = 1, silence_s_max = 1.5 }}
[portals.{name}]
name = "{name}"
authority = "{"gateway" if name == "asks" else "terminal"}"
lock = "fail_safe"
mechanical_free_egress = true
hardwired_fire_release = true
ingress = {{ readers = ["{name}"], actuator = {{ device = "{name}", door = 1 }} }}
""".replace(",\n  ", ", ")
        for name, port in ports.items()
        if name != "reader"
    )
    layout.config("gateway").write_text(
        f"""
[gateway]
id = "tower-1"
site = "demo-tower"
linkage_domain = "demo"
linkage_secret = "linkage"
[broker]
host = "127.0.0.1"
port = {broker}
ca_file = "pki/ca.crt"
cert_file = "pki/tower-1.crt"
key_file = "pki/tower-1.key"
[trust]
order_keys = ["trust/orders.pub"]
pass_keys = ["trust/passes.pub"]
[links.terminals]
kind = "http_listener"
bind = "127.0.0.1"
port = {_free_port()}
[links.reader]
kind = "tcp"
host = "127.0.0.1"
port = {ports["reader"]}
[devices.reader]
driver = "readers.qr_tcp"
link = "reader"
events_per_s_max = 1000
settings = {{ accepted_reply = "06", refused_reply = "15" }}
{terminals}
[portals.scan]
name = "Scan"
lock = "fail_safe"
mechanical_free_egress = true
hardwired_fire_release = true
ingress = {{ readers = ["reader"], actuator = {{ device = "asks", door = 2 }} }}
[policy]
default = {{ require_screening = false, degrade = "admit_and_flag" }}
"""
    )


# --- what is done to it -------------------------------------------------------------------------


async def gateway_dies_before_it_hears(rig: Rig) -> None:
    """Rows are on their way to an aggregator that stands still; the next gateway sends them again."""
    async with rig.frozen("cloud"):
        await rig.more_come()
        await rig.kill("gateway")


async def everybody_dies_but_the_gateway(rig: Rig) -> None:
    """The broker has confirmed rows that nobody has read."""
    async with rig.frozen("cloud"):
        await rig.more_come()
        await rig.kill("cloud", "mosquitto")


async def kill_in_turn(rig: Rig) -> None:
    for name in ("gateway", "cloud", "mosquitto", "gateway", "broker", "cloud"):
        await rig.kill(name)
    await gateway_dies_before_it_hears(rig)
    await everybody_dies_but_the_gateway(rig)
    await rig.kill("gateway", "mosquitto", "cloud")


@pytest.mark.system
async def test_kill_nine_in_turn_loses_and_doubles_nothing(tmp_path):
    began_s = asyncio.get_running_loop().time()
    rig, verdict = await under(kill_in_turn, tmp_path / "tower")
    _, acknowledged = rig.journal()
    assert verdict == Verdict()
    assert rig.kills >= 8
    assert len(acknowledged) > 10 * COME
    assert rig.untold() == set()
    assert len({row_id for row_id in acknowledged if len(row_id) != NUMBERED}) > COME, "scans are among them"
    assert any(row_id not in acknowledged for row_id, _ in rig.stored()), "some the history alone has told"
    slow = [(name, round(s, 1)) for name, s in rig.up_s if s > UP_S_MAX]
    assert not slow, f"up again after more than {UP_S_MAX} s"
    assert asyncio.get_running_loop().time() - began_s < 60


async def aggregator_dies_before_it_commits(rig: Rig) -> None:
    """Somebody comes between the acknowledgement and the kill, so that the gateway has heard it."""
    async with asyncio.timeout(STEP_S_MAX):
        await rig.log.until("cloud", "acknowledged_first", len(rig.log.lines))
    await rig.more_come()
    await rig.kill("cloud")


@pytest.mark.system
@pytest.mark.parametrize(
    ("mutants", "plan", "found"),
    [
        ({"gateway": "forget_on_puback.py"}, everybody_dies_but_the_gateway, "lost"),
        ({"cloud": "acknowledge_first.py"}, aggregator_dies_before_it_commits, "lost"),
        ({"cloud": "store_twice.py"}, gateway_dies_before_it_hears, "duplicates"),
    ],
    ids=["rows deleted on PUBACK", "acknowledged before commit", "no dedupe"],
)
async def test_the_harness_finds_the_fault(tmp_path, mutants, plan, found):
    _, verdict = await under(plan, tmp_path / "tower", mutants)
    assert getattr(verdict, found), "a harness that does not see this fault proves nothing"
    assert dataclasses.replace(verdict, **{found: frozenset()}) == Verdict(), "and finds nothing else"
