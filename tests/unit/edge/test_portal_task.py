"""The portal's task with real outbox and vault, scripted devices and virtual time."""

import asyncio
import datetime as dt
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import ModuleType
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from cardea.contract.batches import Lane
from cardea.contract.encoding import ALERT, RECORD
from cardea.contract.orders import OrderResult, Status, StatusColour, Statuses
from cardea.contract.policy import AntiPassback, Degrade, Policy, PortalPolicy
from cardea.contract.reasons import Reason, RefusalReason
from cardea.contract.records import (
    AlertCleared,
    AlertKind,
    AlertRaised,
    Authority,
    CredentialKind,
    DecisionRecord,
    DeviceState,
    Mode,
    Outcome,
    PassageRecord,
    ScreeningState,
    Side,
)
from cardea.runtime.disk import Database, StoreFailed, StoreFull, SystemDisk
from cardea.runtime.i18n import translator
from drivers.api import (
    Accepted,
    AnswerCheck,
    Command,
    CredentialPresented,
    DeviceEvent,
    DeviceSettings,
    DoorMoved,
    Driver,
    Executed,
    HoldOpen,
    InputChanged,
    InputKind,
    NotExecuted,
    OpenDoor,
    PassageObserved,
    Receipt,
    Refused,
    ShowText,
    TemperatureMeasured,
)
from edge.alerts import Alerts
from edge.configuration.settings import ChannelRef, DoorRef, Egress, Ingress, Lock, Portal
from edge.decide.decision import LogDrill
from edge.notes import Notes
from edge.outbox import Outbox
from edge.portal.credentials import CredentialDesk
from edge.portal.gathering import INBOX_MAX
from edge.portal.means import Means
from edge.portal.portal import PortalTask
from edge.recorder import Recorder
from edge.vault import Person, PersonStatus, Vault
from models import passes

PEOPLE = (
    Person(person="p-1", name="Ada", card="1001", employee_no="e1"),
    Person(person="p-2", name="Bo", card="1002", employee_no="e2"),
    Person(person="p-3", name="Cy", card="1003", status=PersonStatus.REVOKED),
    Person(person="p-4", name="Di", card="1004", schedule="sun 03:00-04:00"),
)
ISSUER = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


class Keys:
    """The vault's key, in memory."""

    place = "memory"

    def __init__(self) -> None:
        self._key: bytes | None = None

    def load(self) -> bytes | None:
        return self._key

    def store(self, key: bytes) -> None:
        self._key = key


class Disk(SystemDisk):
    """A disk that can stall before or within a transaction, be full, or fail."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.before = asyncio.Event()
        self.within = asyncio.Event()
        self.error: Exception | None = None
        self.before.set()
        self.within.set()

    def open(self, name: str, schema: str) -> Database:
        return Faulty(super().open(name, schema), self)


class Faulty:
    def __init__(self, inner: Database, disk: Disk) -> None:
        self._inner = inner
        self._disk = disk

    async def run(self, work: Callable[[sqlite3.Connection], Any]) -> Any:
        await self._disk.before.wait()
        if self._disk.error is not None:
            raise self._disk.error
        result = await self._inner.run(work)
        await self._disk.within.wait()
        return result

    async def empty_log(self) -> bool:
        return await self._inner.empty_log()

    async def close(self) -> None:
        await self._inner.close()


class NoSettings(DeviceSettings):
    pass


def driver(*commands: type) -> Driver[Any]:
    def never(*_: object) -> Any:
        raise AssertionError

    return Driver(NoSettings, never, {}, None, (), commands)


DRIVERS = {
    "gate": driver(AnswerCheck, OpenDoor, ShowText),
    "relay": driver(OpenDoor, HoldOpen),
    "exit": driver(ShowText),
}
GATEWAY_DECIDES = Portal(
    name="Lobby",
    lock=Lock.FAIL_SAFE,
    mechanical_free_egress=False,
    hardwired_fire_release=True,
    ingress=Ingress(readers=("gate",), thermometers=("gate",), actuator=DoorRef(device="relay", door=1)),
    egress=Egress(
        readers=("exit",),
        actuator=DoorRef(device="relay", door=2),
        rex=ChannelRef(device="relay", channel=1),
    ),
    fire=ChannelRef(device="relay", channel=0),
    lockdown=ChannelRef(device="relay", channel=2),
    door=DoorRef(device="relay", door=1),
)
NO_FIRE_INPUT = GATEWAY_DECIDES.model_copy(update={"fire": None})
TERMINAL_DECIDES = GATEWAY_DECIDES.model_copy(update={"authority": Authority.TERMINAL})
ADMITS = PortalPolicy(degrade=Degrade.ADMIT_AND_FLAG)
STAFF = PortalPolicy(degrade=Degrade.STAFF_CHECK)
CLOSED = PortalPolicy(degrade=Degrade.CLOSED)
SCREENS = PortalPolicy(require_screening=True, degrade=Degrade.STAFF_CHECK)


class Bench:
    """One portal on a real store."""

    def __init__(self, sim: ModuleType, path: Path) -> None:
        self.sim = sim
        self.clock = sim.SimClock()
        self.entropy = sim.SimEntropy(11)
        self.disk = Disk(path)
        self.keys = Keys()
        self.commands: list[tuple[float, str, Command]] = []
        self.states: dict[str, DeviceState] = {}
        self.drills: list[LogDrill] = []
        self.hang: set[str] = set()
        self.receipt: Receipt = Executed()
        self.tasks: list[asyncio.Task[Any]] = []

    async def start(self, portal: Portal = GATEWAY_DECIDES, policy: PortalPolicy = STAFF) -> "Bench":
        self.notes = Notes(self.clock)
        await self.notes.attach(self.disk)
        self.outbox = await Outbox.open(self.disk, self.clock, self.entropy)
        self.vault = await Vault.open(
            self.disk, self.keys, self.clock, self.entropy, domain="demo", zone=ZoneInfo("Asia/Shanghai")
        )
        await self.vault.put_people(PEOPLE)
        self.recorder = Recorder(self.clock, self.entropy)
        self.recorder.attach(self.outbox)
        self.policy = Policy(target="t", version=7, default=policy)
        means = Means(
            gateway="tower-1",
            clock=self.clock,
            entropy=self.entropy,
            recorder=self.recorder,
            alerts=Alerts("tower-1", self.clock, self.entropy, self.recorder, self.notes),
            notes=self.notes,
            desk=CredentialDesk(self.vault, passes.keyring([ISSUER.public_key()])),
            policy=lambda: self.policy,
            submit=self._submit,
            translator=translator("en"),
            drivers=DRIVERS,
            state_of=self.states.get,
            drilled=lambda _, drill: self.drills.append(drill),
        )
        self.portal = PortalTask("lobby", portal, means)
        loop = asyncio.get_running_loop()
        self.tasks = [
            loop.create_task(work) for work in (self.portal.run(), self.recorder.run(), self.notes.run())
        ]
        await asyncio.sleep(0.01)
        return self

    async def stop(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.disk.error = None
        self.disk.before.set()
        self.disk.within.set()
        for store in (self.vault, self.notes, self.outbox):
            await store.close()

    async def _submit(self, device: str, command: Command) -> Receipt:
        self.commands.append((self.clock.monotonic_s(), device, command))
        if device in self.hang:
            await asyncio.sleep(5)
            return NotExecuted(RefusalReason.UNREACHABLE)
        return self.receipt

    # --- events -----------------------------------------------------------------------------------

    def event(self, event_type: type, /, **fields: Any) -> Any:
        return event_type(at=self.clock.now(), **fields)

    async def take(self, device: str, event: DeviceEvent) -> Accepted | Refused:
        return await self.portal.take(device, event)

    async def card(self, value: str = "1001", device: str = "gate", **fields: Any) -> Accepted | Refused:
        event = self.event(CredentialPresented, kind=CredentialKind.CARD, value=value, **fields)
        return await self.take(device, event)

    async def measure(self, value_c: float = 36.4, **fields: Any) -> Accepted | Refused:
        return await self.take("gate", self.event(TemperatureMeasured, value_c=value_c, **fields))

    async def contact(self, kind: InputKind, active: Any, channel: int, **fields: Any) -> None:
        await self.take(
            "relay", self.event(InputChanged, kind=kind, active=active, channel=channel, **fields)
        )

    async def fire(self, active: Any = True) -> None:
        """Two agreeing samples, as a device that polls sends them."""
        for _ in range(2):
            await self.contact(InputKind.FIRE, active, 0)
            await asyncio.sleep(0.1)

    async def leaf(self, *, is_open: bool, **fields: Any) -> None:
        await self.take("relay", self.event(DoorMoved, open=is_open, **fields))

    # --- what came of it ----------------------------------------------------------------------------

    def done(self, kind: type) -> list[Any]:
        return [command for _, _, command in self.commands if isinstance(command, kind)]

    async def rows(self, lane: Lane = Lane.RECORD) -> list[Any]:
        await asyncio.sleep(0.2)
        codec = RECORD if lane is Lane.RECORD else ALERT
        return [codec.decode(bytes(body)) for _, body in await self.outbox.take(lane, limit=1000)]

    async def decisions(self) -> list[DecisionRecord]:
        return [row for row in await self.rows() if isinstance(row, DecisionRecord)]

    async def passages(self) -> list[PassageRecord]:
        return [row for row in await self.rows() if isinstance(row, PassageRecord)]

    async def alerts(self) -> list[tuple[str, AlertKind]]:
        raised = {AlertRaised: "raised", AlertCleared: "cleared"}
        return [
            (
                raised[type(row)],
                row.alert if isinstance(row, AlertRaised) else AlertKind(row.fingerprint.partition("/")[0]),
            )
            for row in await self.rows(Lane.ALERT)
        ]


Play = Callable[[Callable[[Bench], Awaitable[None]]], None]


@pytest.fixture
def play(sim: ModuleType, tmp_path: Path) -> Play:
    """Run a scene on a fresh bench in virtual time."""

    def run(scene: Callable[[Bench], Awaitable[None]]) -> None:
        async def main() -> None:
            bench = Bench(sim, tmp_path)
            try:
                await scene(bench)
            finally:
                await bench.stop()

        sim.simulate(main)

    return run


def reasons(record: DecisionRecord) -> list[Reason]:
    return list(record.reasons)


# --- the way in -----------------------------------------------------------------------------------


def test_a_known_card_is_recorded_first_and_then_let_in(play: Play) -> None:
    async def scene(b: Bench) -> None:
        await b.start()
        with structlog.testing.capture_logs() as logs:
            assert await b.card() == Accepted()
        (command,) = b.done(OpenDoor)
        assert (command.door, command.release_s) == (1, STAFF.release_s)
        (record,) = await b.decisions()
        assert (record.outcome, record.side, record.mode) == (Outcome.GRANT, Side.INGRESS, Mode.LIVE)
        assert (record.policy_version, record.device, record.portal) == (7, "gate", "lobby")
        assert record.subject == b.vault.subject_of("p-1")
        assert record.credential is CredentialKind.CARD
        assert record.input_age_s["credential"] is not None
        (line,) = [line for line in logs if line["event"] == "passage_decided"]
        assert line["decision"] == record.id
        assert "Ada" not in str(logs)
        assert "1001" not in str(logs)

    play(scene)


def test_the_commit_precedes_the_release(play: Play) -> None:
    async def scene(b: Bench) -> None:
        await b.start()
        b.disk.before.clear()
        waiting = asyncio.ensure_future(b.card())
        await asyncio.sleep(0.1)
        assert b.done(OpenDoor) == []
        b.disk.before.set()
        await waiting
        assert len(b.done(OpenDoor)) == 1

    play(scene)


def test_a_terminal_that_asks_is_answered_with_a_line_and_opens_by_itself(play: Play) -> None:
    async def scene(b: Bench) -> None:
        own = DoorRef(device="gate", door=1)
        ingress = GATEWAY_DECIDES.ingress.model_copy(update={"actuator": own})
        await b.start(GATEWAY_DECIDES.model_copy(update={"ingress": ingress}))
        await b.card(ask=5)
        await b.card("9999", ask=6)
        answers = b.done(AnswerCheck)
        assert [(a.ask, a.granted, a.text) for a in answers] == [
            (5, True, "Please come in"),
            (6, False, "Not registered"),
        ]
        assert b.done(OpenDoor) == []

    play(scene)


def test_a_credential_at_a_terminal_that_only_opens_this_portal_opens_nothing_here(play: Play) -> None:
    """A terminal's second door may be another portal's; who stands there wants through its own."""

    async def scene(b: Bench) -> None:
        ingress = Ingress(readers=("exit",), actuator=DoorRef(device="gate", door=2))
        await b.start(GATEWAY_DECIDES.model_copy(update={"ingress": ingress, "egress": Egress()}))
        assert await b.card() == Accepted()
        assert b.done(OpenDoor) == []
        assert await b.decisions() == []

    play(scene)


def test_who_is_refused_is_told_and_the_door_stays_shut(play: Play) -> None:
    async def scene(b: Bench) -> None:
        await b.start()
        for value in ("9999", "1003", "1004"):
            await b.card(value)
        assert b.done(OpenDoor) == []
        assert [record.reasons[0] for record in await b.decisions()] == [
            Reason.CREDENTIAL_UNKNOWN,
            Reason.CREDENTIAL_REVOKED,
            Reason.OUT_OF_SCHEDULE,
        ]
        assert [command.text for command in b.done(ShowText)] == [
            "Not registered",
            "Pass not valid",
            "Not at this time",
        ]
        assert await b.alerts() == [("raised", AlertKind.CREDENTIAL_REVOKED)]

    play(scene)


def test_the_third_refused_try_sees_staff(play: Play) -> None:
    async def scene(b: Bench) -> None:
        await b.start()
        for _ in range(3):
            await b.card("1004")
        outcomes = [record.outcome for record in await b.decisions()]
        assert outcomes == [Outcome.DENY, Outcome.DENY, Outcome.REFER]

    play(scene)


def test_the_same_alert_is_said_once_a_minute(play: Play) -> None:
    async def scene(b: Bench) -> None:
        await b.start(NO_FIRE_INPUT)
        await b.card("1003")
        await b.card("1003")
        await asyncio.sleep(61)
        await b.card("1003")
        rows = await b.rows(Lane.ALERT)
        assert len(rows) == 2
        assert len({row.fingerprint for row in rows}) == 1
        assert rows[0].fingerprint.startswith("credential_revoked/tower-1/lobby/")

    play(scene)


def test_a_temperature_before_or_after_the_card_belongs_to_the_person(play: Play) -> None:
    async def scene(b: Bench) -> None:
        await b.start(policy=SCREENS)
        await b.measure()
        await b.card()
        await asyncio.sleep(3)
        waiting = asyncio.ensure_future(b.card("1002"))
        await asyncio.sleep(2)
        assert not waiting.done()
        await b.measure(38.4)
        await waiting
        first, second = await b.decisions()
        assert (first.outcome, first.screening, first.surface_temp_c) == (
            Outcome.GRANT,
            ScreeningState.NORMAL,
            36.4,
        )
        assert (second.outcome, second.screening) == (Outcome.REFER, ScreeningState.ELEVATED)
        assert len(b.done(OpenDoor)) == 1

    play(scene)


def test_l7_a_dead_thermometer_gives_not_screened_and_nobody_waits_for_it(play: Play) -> None:
    async def scene(b: Bench) -> None:
        await b.start(policy=SCREENS)
        b.states["gate"] = DeviceState.OFFLINE
        before_s = b.clock.monotonic_s()
        await b.card()
        assert b.clock.monotonic_s() - before_s < 1
        (record,) = await b.decisions()
        assert record.outcome is Outcome.REFER
        assert reasons(record) == [Reason.DEGRADED_STAFF, Reason.SCREENING_MISSING]
        assert record.screening is ScreeningState.NOT_SCREENED

    play(scene)


def test_a_missing_temperature_is_waited_for_and_then_the_degrade_policy_decides(play: Play) -> None:
    async def scene(b: Bench) -> None:
        await b.start(policy=SCREENS)
        before_s = b.clock.monotonic_s()
        await b.card()
        assert SCREENS.approach_s_max <= b.clock.monotonic_s() - before_s < SCREENS.approach_s_max + 0.5
        (record,) = await b.decisions()
        assert (record.outcome, record.mode) == (Outcome.REFER, Mode.DEGRADED)

    play(scene)


def test_somebody_who_shows_nothing_is_asked_for_the_pass(play: Play) -> None:
    async def scene(b: Bench) -> None:
        await b.start(policy=SCREENS)
        await b.measure()
        await asyncio.sleep(SCREENS.approach_s_max + 1)
        (record,) = await b.decisions()
        assert (record.outcome, reasons(record)) == (Outcome.RETEST, [Reason.CREDENTIAL_MISSING])
        assert [command.text for command in b.done(ShowText)] == ["Present your pass"]

    play(scene)


def test_a_temperature_where_none_is_asked_for_opens_no_approach(play: Play) -> None:
    async def scene(b: Bench) -> None:
        await b.start()
        await b.measure()
        await asyncio.sleep(20)
        assert await b.decisions() == []
        await b.card()
        (record,) = await b.decisions()
        assert record.surface_temp_c is None, "a reading of 20 s ago belongs to nobody"

    play(scene)


def test_two_people_at_once_see_staff(play: Play) -> None:
    async def scene(b: Bench) -> None:
        await b.start(policy=SCREENS)
        both = asyncio.gather(b.card("1001"), b.card("1002"))
        await both
        (record,) = await b.decisions()
        assert (record.outcome, reasons(record)) == (Outcome.REFER, [Reason.SECOND_PERSON])

    play(scene)


def test_red_in_the_vault_or_at_the_terminal_sees_staff(play: Play) -> None:
    async def scene(b: Bench) -> None:
        await b.start()
        until = b.clock.now().utc + dt.timedelta(days=1)
        red = Status(b.vault.subject_of("p-1"), StatusColour.RED, until)
        await b.vault.apply(Statuses(target="tower-1", version=1, base=0, set=(red,)))
        await b.card("1001")
        await b.card("1002", colour=StatusColour.YELLOW)
        first, second = await b.decisions()
        assert (first.outcome, reasons(first)) == (Outcome.REFER, [Reason.STATUS_RED])
        assert (second.outcome, reasons(second)) == (Outcome.REFER, [Reason.STATUS_YELLOW])
        assert await b.alerts() == [("raised", AlertKind.STATUS_RED)]

    play(scene)


def test_a_full_inbox_refuses_aloud(play: Play) -> None:
    async def scene(b: Bench) -> None:
        await b.start()
        b.disk.before.clear()
        first = asyncio.ensure_future(b.card())
        await asyncio.sleep(0.01)
        others = [asyncio.ensure_future(b.card()) for _ in range(INBOX_MAX + 2)]
        await asyncio.sleep(0.01)
        assert [task.result() for task in others if task.done()] == [Refused(RefusalReason.QUEUE_FULL)] * 2
        b.disk.before.set()
        await asyncio.gather(first, *others)

    play(scene)


def test_anti_passback_and_capacity_count_those_who_went_through(play: Play) -> None:
    async def scene(b: Bench) -> None:
        policy = PortalPolicy(degrade=Degrade.CLOSED, anti_passback=AntiPassback.HARD, capacity=2)
        await b.start(policy=policy)
        await b.card("1001")
        await b.card("1001")
        await b.leaf(is_open=False)
        await b.leaf(is_open=True)
        await b.leaf(is_open=False)
        await b.card("1001")
        await b.card("1002")
        await b.leaf(is_open=True)
        await b.card("1002")
        outcomes = [(record.outcome, record.reasons[0]) for record in await b.decisions()]
        assert outcomes == [
            (Outcome.GRANT, Reason.GRANTED),
            (Outcome.GRANT, Reason.GRANTED),
            (Outcome.DENY, Reason.ANTI_PASSBACK),
            (Outcome.GRANT, Reason.GRANTED),
            (Outcome.DENY, Reason.CAPACITY_REACHED),
        ]

    play(scene)


# --- passes ---------------------------------------------------------------------------------------


def a_pass(b: Bench, **claims: Any) -> str:
    issued = b.clock.now().utc.replace(microsecond=0)
    said: dict[str, Any] = {
        "person": "p-1",
        "pass_id": "ab" * 16,
        "issued": issued,
        "expires": issued + dt.timedelta(hours=1),
    }
    return passes.issue(ISSUER, passes.PassClaims(**{**said, **claims}))


async def show(b: Bench, text: str, **fields: Any) -> Accepted | Refused:
    return await b.take("gate", b.event(CredentialPresented, kind=CredentialKind.QR, value=text, **fields))


def test_a_single_use_pass_opens_once_and_its_copy_raises_an_alert(play: Play) -> None:
    async def scene(b: Bench) -> None:
        await b.start()
        text = a_pass(b, uses=passes.Uses.ONCE)
        await show(b, text)
        await show(b, text)
        first, second = await b.decisions()
        assert first.outcome is Outcome.GRANT
        assert (second.outcome, reasons(second)) == (Outcome.DENY, [Reason.CREDENTIAL_REPLAYED])
        assert await b.alerts() == [("raised", AlertKind.CREDENTIAL_REPLAYED)]

    play(scene)


def test_a_refused_try_does_not_burn_a_single_use_pass(play: Play) -> None:
    async def scene(b: Bench) -> None:
        await b.start()
        text = a_pass(b, uses=passes.Uses.ONCE)
        await b.contact(InputKind.LOCKDOWN, True, 2)
        await show(b, text)
        await b.contact(InputKind.LOCKDOWN, False, 2)
        await show(b, text)
        assert [record.outcome for record in await b.decisions()] == [Outcome.DENY, Outcome.GRANT]

    play(scene)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"portals": ("garage",)}, Reason.CREDENTIAL_UNKNOWN),
        ({"person": "p-3"}, Reason.CREDENTIAL_REVOKED),
        ({"person": "visitor-9"}, Reason.GRANTED),
        ({"person": "p-4"}, Reason.OUT_OF_SCHEDULE),
    ],
)
def test_what_a_pass_is_worth(play: Play, change: dict[str, Any], reason: Reason) -> None:
    async def scene(b: Bench) -> None:
        await b.start()
        await show(b, a_pass(b, **change))
        (record,) = await b.decisions()
        assert record.reasons[0] is reason

    play(scene)


def test_a_revoked_pass_and_garbage_open_nothing(play: Play) -> None:
    async def scene(b: Bench) -> None:
        await b.start()
        await b.vault.apply(Statuses(target="tower-1", version=1, base=0, revoke=("ab" * 16,)))
        for text in (a_pass(b), "CDA1:NOT A PASS", "", "x" * 5000):
            await show(b, text)
        assert [record.reasons[0] for record in await b.decisions()] == [
            Reason.CREDENTIAL_REVOKED,
            *[Reason.CREDENTIAL_UNKNOWN] * 3,
        ]

    play(scene)


# --- the store ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "outcome", "opened"),
    [(ADMITS, Outcome.GRANT, 1), (STAFF, Outcome.REFER, 0), (CLOSED, Outcome.DENY, 0)],
)
@pytest.mark.parametrize("where", ["before", "within"])
def test_l10_r6_a_stalled_disk_lets_the_degrade_policy_decide_in_time(
    play: Play, policy: PortalPolicy, outcome: Outcome, opened: int, where: str
) -> None:
    """``before``: the row still waits and is put right; ``within``: a second row says what was done."""

    async def scene(b: Bench) -> None:
        await b.start(policy=policy)
        getattr(b.disk, where).clear()
        before_s = b.clock.monotonic_s()
        waiting = asyncio.ensure_future(b.card())
        await asyncio.sleep(policy.commit_ms_max / 1000 + 0.02)
        assert len(b.done(OpenDoor)) == opened
        assert len(b.done(ShowText)) == 1, "the person is told"
        assert b.clock.monotonic_s() - before_s < 0.2
        assert not waiting.done(), "the device may not acknowledge what is not durable"
        getattr(b.disk, where).set()
        assert await waiting == Accepted()
        records = await b.decisions()
        assert records[-1].outcome is outcome
        if where == "before" or outcome is not Outcome.GRANT:
            assert records[-1].mode is Mode.LATE
            assert Reason.STORE_STALLED in records[-1].reasons
        assert len(records) == (2 if where == "within" and outcome is not Outcome.GRANT else 1)
        assert len({record.id for record in records}) == len(records)
        await b.card("1002")
        assert (await b.decisions())[-1].mode is Mode.LIVE
        assert await b.alerts() == [("raised", AlertKind.STORE_STALLED), ("cleared", AlertKind.STORE_STALLED)]

    play(scene)


def test_r6_while_the_disk_is_stalled_nobody_waits_for_it_again(play: Play) -> None:
    async def scene(b: Bench) -> None:
        await b.start(policy=ADMITS)
        b.disk.before.clear()
        waiting = [asyncio.ensure_future(b.card())]
        await asyncio.sleep(0.2)
        for value in ("1001", "1002", "9999"):
            waiting.append(asyncio.ensure_future(b.card(value)))
            before = len(b.commands)
            await asyncio.sleep(0.01)
            assert len(b.commands) > before
        assert len(b.done(OpenDoor)) == 3
        b.disk.before.set()
        assert set(await asyncio.gather(*waiting)) == {Accepted()}
        assert [record.mode for record in await b.decisions()] == [Mode.LATE] * 4

    play(scene)


def test_r6_a_full_disk_blocks_neither_decision_nor_egress(play: Play) -> None:
    async def scene(b: Bench) -> None:
        await b.start(policy=ADMITS)
        b.disk.error = StoreFull("no room")
        waiting = [asyncio.ensure_future(b.card()), asyncio.ensure_future(b.card(device="exit"))]
        await asyncio.sleep(0.3)
        assert sorted(command.door for command in b.done(OpenDoor)) == [1, 2]
        assert b.recorder.full
        b.disk.error = None
        assert await asyncio.gather(*waiting) == [Accepted(), Accepted()]
        assert len(await b.decisions()) == 2

    play(scene)


def test_r6_a_failed_disk_ends_the_recorder_and_not_the_egress(play: Play) -> None:
    async def scene(b: Bench) -> None:
        await b.start(policy=CLOSED)
        b.disk.error = StoreFailed("EIO")
        answers = await asyncio.gather(b.card(), b.card(device="exit"))
        assert answers == [Refused(RefusalReason.STORE_FAILED)] * 2
        assert [command.door for command in b.done(OpenDoor)] == [2]
        with pytest.raises(StoreFailed):
            await b.tasks[1]

    play(scene)


def test_a_device_is_not_kept_waiting_for_ever(play: Play) -> None:
    async def scene(b: Bench) -> None:
        await b.start(policy=ADMITS)
        b.disk.before.clear()
        before_s = b.clock.monotonic_s()
        assert await b.card() == Refused(RefusalReason.STORE_FAILED)
        assert b.clock.monotonic_s() - before_s == pytest.approx(5.15, abs=0.1)

    play(scene)


def test_a_pass_whose_use_cannot_be_marked_in_time_is_decided_by_the_degrade_policy(play: Play) -> None:
    async def scene(b: Bench) -> None:
        await b.start(policy=STAFF)
        b.disk.before.clear()
        waiting = asyncio.ensure_future(show(b, a_pass(b, uses=passes.Uses.ONCE)))
        await asyncio.sleep(0.2)
        assert b.done(OpenDoor) == []
        b.disk.before.set()
        await waiting
        (record,) = await b.decisions()
        assert (record.outcome, record.mode) == (Outcome.REFER, Mode.LATE)

    play(scene)


# --- the way out, fire, lockdown --------------------------------------------------------------------


def test_l2_leaving_is_released_first_and_recorded_afterwards(play: Play) -> None:
    async def scene(b: Bench) -> None:
        await b.start()
        b.disk.before.clear()
        waiting = asyncio.ensure_future(b.card("9999", device="exit"))
        await b.contact(InputKind.REX, True, 1)
        await asyncio.sleep(0.01)
        assert [command.door for command in b.done(OpenDoor)] == [2, 2]
        b.disk.before.set()
        assert await waiting == Accepted()
        records = await b.decisions()
        assert {(record.side, record.outcome) for record in records} == {(Side.EGRESS, Outcome.GRANT)}
        assert len(records) == 2

    play(scene)


def test_request_to_exit_releases_as_long_as_it_is_pressed_and_is_recorded_once(play: Play) -> None:
    async def scene(b: Bench) -> None:
        await b.start(NO_FIRE_INPUT)
        for active in (True, True, True, False, None, True):
            await b.contact(InputKind.REX, active, 1)
            await asyncio.sleep(1)
        assert len(b.done(OpenDoor)) == 4
        assert len(await b.decisions()) == 2

    play(scene)


def test_l3_lockdown_restricts_ingress_only(play: Play) -> None:
    async def scene(b: Bench) -> None:
        await b.start()
        await b.contact(InputKind.LOCKDOWN, True, 2)
        await b.card()
        await b.card(device="exit")
        assert await b.portal.release_once() is RefusalReason.UNSAFE
        assert [command.door for command in b.done(OpenDoor)] == [2]
        await b.contact(InputKind.LOCKDOWN, False, 2)
        await b.card()
        assert [command.door for command in b.done(OpenDoor)] == [2, 1]

    play(scene)


def test_an_ordered_lockdown_outlives_a_restart_and_the_switch_has_its_own_say(play: Play) -> None:
    async def scene(b: Bench) -> None:
        await b.start()
        assert b.portal.order_lockdown(on=True) is OrderResult.EXECUTED
        await asyncio.sleep(1)
        await b.stop()
        await b.start()
        await b.contact(InputKind.LOCKDOWN, False, 2)
        await b.card()
        assert b.done(OpenDoor) == []
        b.portal.order_lockdown(on=False)
        await b.card()
        assert len(b.done(OpenDoor)) == 1

    play(scene)


FIRE_S_MAX = 0.5


@pytest.mark.parametrize("trouble", ["none", "stalled", "full inbox", "hanging reader", "hanging door"])
def test_l4_fire_is_released_within_500_ms_whatever_else_hangs(play: Play, trouble: str) -> None:
    async def scene(b: Bench) -> None:
        await b.start(policy=SCREENS)
        waiting: list[asyncio.Future[Any]] = []
        if trouble in ("stalled", "full inbox"):
            b.disk.before.clear()
        if trouble == "full inbox":
            waiting = [asyncio.ensure_future(b.card()) for _ in range(INBOX_MAX + 5)]
            await asyncio.sleep(0.05)
        if trouble == "hanging reader":
            b.hang = {"gate", "exit"}
            waiting = [asyncio.ensure_future(b.card("9999"))]
            await asyncio.sleep(0.05)
        began_s = b.clock.monotonic_s()
        if trouble == "hanging door":
            b.hang = {"relay"}
        await b.fire()
        held = [at_s for at_s, _, command in b.commands if isinstance(command, HoldOpen) and command.on]
        assert sorted({command.door for command in b.done(HoldOpen)}) == [1, 2]
        assert max(held[:2]) - began_s <= FIRE_S_MAX
        b.disk.before.set()
        await asyncio.gather(*waiting)

    play(scene)


def test_l4_a_fire_outlives_a_restart_and_ends_only_by_manual_reset(play: Play) -> None:
    async def scene(b: Bench) -> None:
        await b.start()
        await b.fire()
        await asyncio.sleep(1)
        await b.stop()
        b.commands.clear()
        await b.start()
        assert {command.on for command in b.done(HoldOpen)} == {True}
        await b.card("9999")
        assert b.portal.clear_fire() is RefusalReason.UNSAFE, "the contact has not been read since the start"
        await b.fire(False)
        assert not [command for command in b.done(HoldOpen) if not command.on]
        assert b.portal.clear_fire() is OrderResult.EXECUTED
        await asyncio.sleep(0.1)
        assert [command.on for command in b.done(HoldOpen)][-2:] == [False, False]
        (record,) = await b.decisions()
        assert (record.outcome, record.reasons[0]) == (Outcome.GRANT, Reason.FIRE)
        assert await b.alerts() == [("raised", AlertKind.FIRE), ("cleared", AlertKind.FIRE)]

    play(scene)


def test_l4_a_held_door_is_told_again_until_it_confirms_and_when_it_comes_back(play: Play) -> None:
    async def scene(b: Bench) -> None:
        await b.start()
        b.receipt = NotExecuted(RefusalReason.UNREACHABLE)
        await b.fire()
        await asyncio.sleep(3.05)
        tried = len(b.done(HoldOpen))
        assert tried >= 6
        b.receipt = Executed()
        await asyncio.sleep(2)
        settled = len(b.done(HoldOpen))
        await asyncio.sleep(5)
        assert len(b.done(HoldOpen)) == settled
        b.portal.device_changed("relay", DeviceState.ONLINE)
        await asyncio.sleep(0.1)
        assert len(b.done(HoldOpen)) == settled + 2

    play(scene)


def test_l4_a_silent_fire_input_is_trouble_after_five_seconds(play: Play) -> None:
    async def scene(b: Bench) -> None:
        await b.start()
        await b.fire(False)
        await asyncio.sleep(5.5)
        assert await b.alerts() == [("raised", AlertKind.FIRE_TROUBLE)]
        assert b.done(HoldOpen) == [], "the hard-wired release stands"
        await b.fire(False)
        assert (await b.alerts())[-1] == ("cleared", AlertKind.FIRE_TROUBLE)

    play(scene)


def test_l6_starting_and_stopping_pulse_no_lock(play: Play) -> None:
    async def scene(b: Bench) -> None:
        for _ in range(2):
            await b.start()
            await b.fire(False)
            await b.stop()
        await b.start()
        assert b.commands == []

    play(scene)


@pytest.mark.parametrize("portal", [GATEWAY_DECIDES, TERMINAL_DECIDES])
def test_l12_backfilled_events_are_recorded_and_never_open(play: Play, portal: Portal) -> None:
    async def scene(b: Bench) -> None:
        await b.start(portal)
        long_ago = dt.datetime(2026, 3, 1, 8, tzinfo=dt.UTC)
        past: dict[str, Any] = {"offline": True, "device_utc": long_ago}
        await b.card(cursor=4, granted=True, **past)
        await b.card("9999", cursor=5, **past)
        await b.contact(InputKind.FIRE, True, 0, **past)
        await b.contact(InputKind.REX, True, 1, **past)
        await b.leaf(is_open=True, **past)
        await b.take("relay", b.event(PassageObserved, side=Side.INGRESS, **past))
        await b.measure(39.0, **past)
        await asyncio.sleep(20)
        assert b.commands == []
        first, second = await b.decisions()
        assert (first.mode, second.mode) == (Mode.BACKFILLED, Mode.BACKFILLED)
        assert first.at.utc == long_ago
        (passage,) = await b.passages()
        assert passage.backfilled
        assert passage.decision is None
        await b.card(cursor=4, granted=True, **past)
        assert (await b.decisions())[-1].id == first.id, "told again, it is the same row"

    play(scene)


# --- terminals with their own authority, passages, doors --------------------------------------------


def test_a_terminal_that_opened_by_itself_is_recorded_and_cross_checked(play: Play) -> None:
    async def scene(b: Bench) -> None:
        await b.start(TERMINAL_DECIDES, SCREENS)
        b.disk.before.clear()
        await b.measure(38.5)
        waiting = asyncio.ensure_future(b.card("1003", granted=True))
        await asyncio.sleep(0.05)
        assert b.done(OpenDoor) == []
        b.disk.before.set()
        assert await waiting == Accepted()
        (record,) = await b.decisions()
        assert (record.authority, record.outcome) == (Authority.TERMINAL, Outcome.GRANT)
        assert reasons(record)[:2] == [Reason.DECIDED_BY_TERMINAL, Reason.CREDENTIAL_REVOKED]
        assert await b.alerts() == [("raised", AlertKind.CREDENTIAL_REVOKED)]
        await b.leaf(is_open=False)
        await b.leaf(is_open=True)
        (passage,) = await b.passages()
        assert passage.decision == record.id
        assert ("raised", AlertKind.DOOR_FORCED) not in await b.alerts()

    play(scene)


def test_a_passage_belongs_to_its_decision_once(play: Play) -> None:
    async def scene(b: Bench) -> None:
        await b.start()
        await b.leaf(is_open=False)
        await b.card()
        await b.leaf(is_open=True)
        assert await b.take("relay", b.event(PassageObserved, side=Side.INGRESS)) == Accepted()
        await b.take("relay", b.event(PassageObserved, side=Side.INGRESS))
        (decision,) = await b.decisions()
        first, second = await b.passages()
        assert first.decision == decision.id
        assert second.decision is None, "a second person behind the first"

    play(scene)


def test_a_forced_and_a_held_door_raise_alerts(play: Play) -> None:
    async def scene(b: Bench) -> None:
        await b.start(NO_FIRE_INPUT)
        await b.leaf(is_open=False)
        await b.leaf(is_open=True)
        await asyncio.sleep(STAFF.door_held_s_max + 1)
        await b.leaf(is_open=False)
        await b.leaf(is_open=True)
        assert await b.alerts() == [
            ("raised", AlertKind.DOOR_FORCED),
            ("raised", AlertKind.DOOR_HELD),
            ("cleared", AlertKind.DOOR_HELD),
        ], "forced again within a minute is the same issue"
        await asyncio.sleep(60)
        await b.leaf(is_open=False)
        await b.leaf(is_open=True)
        assert [kind for _, kind in await b.alerts()].count(AlertKind.DOOR_FORCED) == 2

    play(scene)


def test_tamper_is_an_alert_until_the_contact_closes(play: Play) -> None:
    async def scene(b: Bench) -> None:
        await b.start()
        await b.contact(InputKind.TAMPER, True, 9)
        await b.contact(InputKind.TAMPER, True, 9)
        await b.contact(InputKind.TAMPER, False, 9)
        assert await b.alerts() == [("raised", AlertKind.TAMPER), ("cleared", AlertKind.TAMPER)]

    play(scene)


def test_l11_a_release_is_proven_by_the_leaf(play: Play) -> None:
    async def scene(b: Bench) -> None:
        await b.start()
        await b.leaf(is_open=False)
        await b.fire()
        await b.leaf(is_open=True)
        assert [drill.opened for drill in b.drills] == [True]

    play(scene)


def test_staff_open_once_by_order(play: Play) -> None:
    async def scene(b: Bench) -> None:
        await b.start()
        assert await b.portal.release_once() is OrderResult.EXECUTED
        b.receipt = NotExecuted(RefusalReason.UNREACHABLE)
        assert await b.portal.release_once() is RefusalReason.DEVICE_REFUSED
        b.receipt = Executed()
        await b.fire()
        assert await b.portal.release_once() is OrderResult.EXECUTED, "it is open already"

    play(scene)


# --- any order of events ----------------------------------------------------------------------------

STEPS = st.sampled_from(
    [
        "card", "unknown", "exit", "rex", "fire", "no fire", "open loop", "lockdown", "no lockdown",
        "leaf open", "leaf shut", "passage", "warm", "cold", "stall", "resume", "second", "minute",
    ]
)  # fmt: skip


@settings(max_examples=25)
@given(script=st.lists(STEPS, max_size=25), seed=st.integers(0, 2**16))
def test_l2_l3_l6_r6_in_any_order_of_events(
    sim: ModuleType, tmp_path_factory: pytest.TempPathFactory, script: list[str], seed: int
) -> None:
    """Whoever wants out gets out at once; nothing is asked twice of the ledger; every record is kept."""
    waiting: list[asyncio.Future[Any]] = []

    async def main() -> None:
        b = await Bench(sim, tmp_path_factory.mktemp("portal")).start(policy=SCREENS)
        steps: dict[str, Callable[[], Awaitable[Any]]] = {
            "card": b.card,
            "unknown": lambda: b.card("9999"),
            "fire": b.fire,
            "no fire": lambda: b.fire(False),
            "open loop": lambda: b.fire(None),
            "lockdown": lambda: b.contact(InputKind.LOCKDOWN, True, 2),
            "no lockdown": lambda: b.contact(InputKind.LOCKDOWN, False, 2),
            "leaf open": lambda: b.leaf(is_open=True),
            "leaf shut": lambda: b.leaf(is_open=False),
            "passage": lambda: b.take("relay", b.event(PassageObserved, side=Side.INGRESS)),
            "warm": lambda: b.measure(37.1),
            "cold": b.measure,
            "second": lambda: asyncio.sleep(1),
            "minute": lambda: asyncio.sleep(60),
        }
        leaving = 0
        for step in script:
            if step == "stall":
                b.disk.before.clear()
            elif step == "resume":
                b.disk.before.set()
            elif step in ("exit", "rex"):
                leaving += 1
                before = len(b.done(OpenDoor)) + len(b.done(HoldOpen))
                if step == "exit":
                    waiting.append(asyncio.ensure_future(b.card("9999", device="exit")))
                else:
                    await b.contact(InputKind.REX, False, 1)
                    await b.contact(InputKind.REX, True, 1)
                await asyncio.sleep(0.001)
                assert len(b.done(OpenDoor)) + len(b.done(HoldOpen)) > before, step
            elif step in ("second", "minute"):
                await steps[step]()
            else:
                waiting.append(asyncio.ensure_future(steps[step]()))
                await asyncio.sleep(0.001)
        b.disk.before.set()
        await asyncio.gather(*waiting)
        await asyncio.sleep(SCREENS.approach_s_max + 1)
        records = await b.decisions()
        out = [record for record in records if record.side is Side.EGRESS]
        assert len(out) == leaving
        assert {record.outcome for record in out} <= {Outcome.GRANT}
        assert len({record.id for record in records}) == len(records)
        await b.stop()

    waiting.clear()
    sim.simulate(main, seed=seed)
