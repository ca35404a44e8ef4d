"""The supervisor: what each error of a device leads to, and that neighbours never suffer. In virtual time."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from cardea.contract.reasons import RefusalReason
from cardea.contract.records import CredentialKind, DeviceState
from cardea.runtime.disk import SystemDisk
from drivers.api import (
    Accepted,
    Command,
    CredentialPresented,
    DeviceContext,
    DeviceEvent,
    DeviceIdentified,
    DeviceLost,
    DeviceMisconfigured,
    DeviceRefused,
    DeviceSettings,
    Driver,
    Emit,
    Executed,
    HeartbeatSeen,
    InputChanged,
    InputKind,
    LinkKind,
    NotExecuted,
    OpenDoor,
    Receipt,
    Refused,
    Reject,
)
from edge.admission import BURST_S, IN_HAND_MAX
from edge.configuration.loading import FittedDevice
from edge.configuration.settings import Device
from edge.device_facts import DeviceDescribed, DeviceFact, DeviceStateChanged, GarbageBegan, GarbageEnded
from edge.garbage import QUIET_S, REJECTS
from edge.notes import Notes
from edge.place import SETTLE_S, DeviceCursor
from edge.supervisor import COMMAND_S_MAX, REFUSED_S_MIN, RETRY_S_MAX, Supervisor, Surroundings

Session = Callable[["Scripted", Emit], Awaitable[None]]


class Plain(DeviceSettings):
    pass


class Scripted:
    """A device whose sessions follow a script; the last line of the script repeats."""

    def __init__(self, context: DeviceContext, session: Session) -> None:
        self.context = context
        self._session = session
        self.commands: list[Command] = []

    async def run(self, emit: Emit) -> None:
        await self._session(self, emit)

    async def submit(self, command: Command) -> Receipt:
        self.commands.append(command)
        return Executed()


class Line:
    """A link that follows a script."""

    kind = LinkKind.TCP

    def __init__(self, *errors: Exception) -> None:
        self._errors = list(errors)
        self.runs = 0

    async def run(self) -> None:
        self.runs += 1
        if self._errors:
            raise self._errors.pop(0)
        await asyncio.Event().wait()


class Bench:
    """A supervisor over scripted devices."""

    def __init__(self, sim: ModuleType, path: Path, **links: Line) -> None:
        self.clock = sim.SimClock()
        self.entropy = sim.SimEntropy(7)
        self.notes = Notes(self.clock)
        self._disk = SystemDisk(path)
        self.facts: list[DeviceFact] = []
        self.taken: list[tuple[str, DeviceEvent]] = []
        self.opened: dict[str, list[float]] = {}
        self.take: Callable[[str, DeviceEvent], Awaitable[Accepted | Refused]] = self._take
        self._devices: dict[str, FittedDevice] = {}
        self._links = links

    async def _hand_on(self, device: str, event: DeviceEvent) -> Accepted | Refused:
        return await self.take(device, event)

    async def _take(self, device: str, event: DeviceEvent) -> Accepted | Refused:
        self.taken.append((device, event))
        return Accepted()

    def add(self, name: str, *script: Session, events: tuple[type, ...] = (), **entry: Any) -> None:
        sessions = list(script)
        self.opened[name] = []

        def opened(_: Plain, context: DeviceContext) -> Scripted:
            self.opened[name].append(self.clock.monotonic_s())
            return Scripted(context, sessions.pop(0) if len(sessions) > 1 else sessions[0])

        driver = Driver(Plain, opened, {}, LinkKind.TCP, events)
        self._devices[name] = FittedDevice(Device(driver="test.scripted", **entry), driver, Plain())

    async def run(self, main: Callable[[Supervisor], Awaitable[None]]) -> None:
        await self.notes.attach(self._disk)
        around = Surroundings(
            clock=self.clock,
            entropy=self.entropy,
            notes=self.notes,
            take=self._hand_on,
            tell=self.facts.append,
            context=lambda name: DeviceContext(
                name, self.clock, self.entropy, str, None, DeviceCursor(self.notes, name)
            ),
        )
        supervisor = Supervisor(self._devices, self._links, around)
        task = asyncio.create_task(supervisor.run())
        try:
            await main(supervisor)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self.notes.close()

    def states(self, device: str) -> list[tuple[DeviceState, str]]:
        return [
            (fact.state, fact.reason)
            for fact in self.facts
            if isinstance(fact, DeviceStateChanged) and fact.device == device
        ]

    def heartbeat(self) -> HeartbeatSeen:
        return HeartbeatSeen(at=self.clock.now())

    def card(self, *, offline: bool = False, cursor: int | None = None) -> CredentialPresented:
        return CredentialPresented(
            at=self.clock.now(), kind=CredentialKind.CARD, value="1", offline=offline, cursor=cursor
        )


@pytest.fixture
def bench(sim: ModuleType, tmp_path: Path) -> Callable[..., Bench]:
    return lambda **links: Bench(sim, tmp_path, **links)


def raising(error: BaseException) -> Session:
    async def session(_: Scripted, __: Emit) -> None:
        raise error

    return session


async def quiet(device: Scripted, emit: Emit) -> None:
    await emit(HeartbeatSeen(at=device.context.clock.now()))
    await asyncio.Event().wait()


def test_a_lost_device_is_tried_again_and_told_once_down_once_up(
    sim: ModuleType, bench: Callable[..., Bench]
) -> None:
    async def main() -> None:
        b = bench()
        b.add("qr", *[raising(DeviceLost("no route"))] * 6, quiet)

        async def watch(_: Supervisor) -> None:
            await asyncio.sleep(300)

        with structlog.testing.capture_logs() as logs:
            await b.run(watch)
        assert b.states("qr") == [(DeviceState.OFFLINE, "no route"), (DeviceState.ONLINE, "")]
        assert [line["event"] for line in logs] == ["device_offline", "device_online"]
        waits = [later - earlier for earlier, later in zip(b.opened["qr"], b.opened["qr"][1:], strict=False)]
        assert len(waits) == 6
        assert all(0 <= wait <= min(RETRY_S_MAX, 0.5 * 2**n) for n, wait in enumerate(waits))

    sim.simulate(main)


def test_a_device_that_refuses_us_is_knocked_at_slowly(sim: ModuleType, bench: Callable[..., Bench]) -> None:
    async def main() -> None:
        b = bench()
        b.add("gate", raising(DeviceRefused("wrong password")))

        async def watch(_: Supervisor) -> None:
            await asyncio.sleep(3600)

        await b.run(watch)
        assert b.states("gate") == [(DeviceState.REFUSED, "wrong password")]
        assert 3 <= len(b.opened["gate"]) <= 1 + 3600 / REFUSED_S_MIN
        gaps = [b - a for a, b in zip(b.opened["gate"], b.opened["gate"][1:], strict=False)]
        assert min(gaps) >= REFUSED_S_MIN

    sim.simulate(main)


def test_a_misconfigured_device_is_given_up_and_its_neighbour_goes_on(
    sim: ModuleType, bench: Callable[..., Bench]
) -> None:
    async def main() -> None:
        b = bench()
        b.add("gate", raising(DeviceMisconfigured("answers as a camera")))
        b.add("qr", quiet)

        async def watch(_: Supervisor) -> None:
            await asyncio.sleep(3600)

        await b.run(watch)
        assert b.states("gate") == [(DeviceState.MISCONFIGURED, "answers as a camera")]
        assert len(b.opened["gate"]) == 1
        assert b.states("qr") == [(DeviceState.ONLINE, "")]

    sim.simulate(main)


@pytest.mark.parametrize(
    "error",
    [ZeroDivisionError("a bug"), TimeoutError(), asyncio.CancelledError(), ExceptionGroup("g", [OSError()])],
)
def test_whatever_a_driver_raises_stays_its_own(
    sim: ModuleType, bench: Callable[..., Bench], error: BaseException
) -> None:
    async def main() -> None:
        b = bench()
        b.add("bad", raising(error))
        b.add("good", quiet)

        async def watch(_: Supervisor) -> None:
            await asyncio.sleep(120)

        with structlog.testing.capture_logs() as logs:
            await b.run(watch)
        assert [state for state, _ in b.states("bad")] == [DeviceState.OFFLINE]
        assert len(b.opened["bad"]) > 3
        assert b.states("good") == [(DeviceState.ONLINE, "")]
        assert sum("exc_info" in line for line in logs) == isinstance(
            error, ZeroDivisionError | ExceptionGroup
        )

    sim.simulate(main)


def test_silence_counts_as_loss_only_where_heartbeats_are_heard(
    sim: ModuleType, bench: Callable[..., Bench]
) -> None:
    async def main() -> None:
        b = bench()
        b.add("gate", quiet, events=(HeartbeatSeen,), silent_s_max=20)
        b.add("mute", quiet, events=(CredentialPresented,), silent_s_max=20)

        async def watch(_: Supervisor) -> None:
            await asyncio.sleep(21)
            assert b.states("gate")[1] == (DeviceState.OFFLINE, "silent for 20 s")
            assert b.states("mute") == [(DeviceState.ONLINE, "")]

        await b.run(watch)

    sim.simulate(main)


def test_a_device_that_speaks_in_time_is_never_silent(sim: ModuleType, bench: Callable[..., Bench]) -> None:
    async def ticking(device: Scripted, emit: Emit) -> None:
        while True:
            await emit(HeartbeatSeen(at=device.context.clock.now()))
            await asyncio.sleep(15)

    async def main() -> None:
        b = bench()
        b.add("gate", ticking, events=(HeartbeatSeen,), silent_s_max=20)

        async def watch(_: Supervisor) -> None:
            await asyncio.sleep(600)

        await b.run(watch)
        assert b.states("gate") == [(DeviceState.ONLINE, "")]

    sim.simulate(main)


def test_garbage_is_counted_and_told_above_a_rate_and_its_end_too(
    sim: ModuleType, bench: Callable[..., Bench]
) -> None:
    async def babbling(device: Scripted, emit: Emit) -> None:
        for _ in range(REJECTS + 5):
            assert await emit(Reject(at=device.context.clock.now(), reason="not a frame")) == Accepted()
            await asyncio.sleep(1)
        await asyncio.Event().wait()

    async def main() -> None:
        b = bench()
        b.add("line", babbling)

        async def watch(supervisor: Supervisor) -> None:
            await asyncio.sleep(30)
            assert [f for f in b.facts if isinstance(f, GarbageBegan)] == [
                GarbageBegan("line", REJECTS, "not a frame")
            ]
            assert supervisor.sessions["line"].rejects == REJECTS + 5
            await asyncio.sleep(QUIET_S + 30)
            assert [type(f) for f in b.facts][-1] is GarbageEnded

        await b.run(watch)

    sim.simulate(main)


def test_a_stray_unreadable_message_now_and_then_is_no_garbage(
    sim: ModuleType, bench: Callable[..., Bench]
) -> None:
    async def hiccup(device: Scripted, emit: Emit) -> None:
        while True:
            await emit(Reject(at=device.context.clock.now(), reason="parity"))
            await asyncio.sleep(30)

    async def main() -> None:
        b = bench()
        b.add("line", hiccup)

        async def watch(_: Supervisor) -> None:
            await asyncio.sleep(3600)

        await b.run(watch)
        assert not [f for f in b.facts if isinstance(f, GarbageBegan)]

    sim.simulate(main)


def test_a_flood_is_refused_aloud_and_neighbours_keep_their_speed(
    sim: ModuleType, bench: Callable[..., Bench]
) -> None:
    answers: list[Accepted | Refused] = []
    slowest_s: list[float] = []

    async def main() -> None:
        b = bench()

        async def flood(_: Scripted, emit: Emit) -> None:
            while True:
                answers.append(await emit(b.card()))
                await asyncio.sleep(0.001)

        async def calm(_: Scripted, emit: Emit) -> None:
            while True:
                before_s = b.clock.monotonic_s()
                assert await emit(b.card()) == Accepted()
                slowest_s.append(b.clock.monotonic_s() - before_s)
                await asyncio.sleep(1)

        async def committing(device: str, event: DeviceEvent) -> Accepted | Refused:
            await asyncio.sleep(0.005)
            return Accepted()

        b.take = committing
        b.add("flood", flood, events_per_s_max=10)
        b.add("calm", calm)

        async def watch(supervisor: Supervisor) -> None:
            await asyncio.sleep(15)
            assert supervisor.sessions["flood"].refused > 1000

        await b.run(watch)
        accepted = sum(isinstance(answer, Accepted) for answer in answers)
        assert accepted <= 10 * (15 + BURST_S) + 1
        assert Refused(RefusalReason.QUEUE_FULL) in answers
        assert max(slowest_s) < 0.02

    sim.simulate(main)


def test_an_inbox_is_bounded_while_the_gateway_does_not_answer(
    sim: ModuleType, bench: Callable[..., Bench]
) -> None:
    answers: list[Accepted | Refused] = []

    async def main() -> None:
        b = bench()

        async def never(device: str, event: DeviceEvent) -> Accepted | Refused:
            if isinstance(event, InputChanged):
                return Accepted()
            await asyncio.Event().wait()
            return Accepted()

        b.take = never

        async def eager(_: Scripted, emit: Emit) -> None:
            async with asyncio.TaskGroup() as group:
                for _n in range(IN_HAND_MAX + 3):
                    group.create_task(keep(emit))

        async def keep(emit: Emit) -> None:
            answers.append(await emit(b.card()))
            fire = InputChanged(at=b.clock.now(), kind=InputKind.FIRE, active=True)
            answers.append(await emit(fire))

        b.add("gate", eager)

        async def watch(_: Supervisor) -> None:
            await asyncio.sleep(10)

        await b.run(watch)
        assert answers.count(Refused(RefusalReason.QUEUE_FULL)) == 3
        assert answers.count(Accepted()) == 3, "an input passes a full inbox"

    sim.simulate(main)


def test_backfilled_events_wait_instead_of_being_refused(
    sim: ModuleType, bench: Callable[..., Bench]
) -> None:
    answers: list[Accepted | Refused] = []

    async def main() -> None:
        b = bench()

        async def backfill(_: Scripted, emit: Emit) -> None:
            answers.extend([await emit(b.card(offline=True, cursor=n)) for n in range(100)])
            await asyncio.Event().wait()

        b.add("gate", backfill, events_per_s_max=5)

        async def watch(_: Supervisor) -> None:
            await asyncio.sleep(60)

        await b.run(watch)
        assert answers == [Accepted()] * 100

    sim.simulate(main)


def test_a_cursor_advances_with_what_was_accepted_and_survives(
    sim: ModuleType, bench: Callable[..., Bench]
) -> None:
    seen: list[int | None] = []

    def build(*cards: tuple[int, bool]) -> Bench:
        b = bench()

        async def numbered(device: Scripted, emit: Emit) -> None:
            seen.append(await device.context.cursor.load())
            for number, offline in cards:
                await emit(b.card(cursor=number, offline=offline))
            await asyncio.Event().wait()

        b.add("gate", numbered)
        return b

    async def main() -> None:
        async def long(_: Supervisor) -> None:
            await asyncio.sleep(SETTLE_S + 10)

        async def short(_: Supervisor) -> None:
            await asyncio.sleep(1)

        await build((41, False)).run(long)
        await build((50, False), (42, True)).run(short)
        refusing = build((60, True))

        async def refused(device: str, event: DeviceEvent) -> Accepted | Refused:
            return Refused(RefusalReason.STORE_FAILED)

        refusing.take = refused
        await refusing.run(long)
        await build().run(short)

    sim.simulate(main)
    assert seen == [None, 41, 42, 42], "a live number is no proof that what was before it is committed"


def test_a_device_describes_itself_and_only_news_are_told(
    sim: ModuleType, bench: Callable[..., Bench]
) -> None:
    async def main() -> None:
        b = bench()

        async def describing(device: Scripted, emit: Emit) -> None:
            for skew_s in (0.2, 0.3, 7.0):
                await emit(DeviceIdentified(at=b.clock.now(), firmware="V1.2", clock_skew_s=skew_s))
            await asyncio.Event().wait()

        b.add("gate", describing)

        async def watch(_: Supervisor) -> None:
            await asyncio.sleep(1)

        await b.run(watch)
        told = [fact for fact in b.facts if isinstance(fact, DeviceDescribed)]
        assert told == [DeviceDescribed("gate", "V1.2", 0.2), DeviceDescribed("gate", "V1.2", 7.0)]

    sim.simulate(main)


def test_commands_reach_the_session_or_are_answered_as_not_executed(
    sim: ModuleType, bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        b = bench()
        b.add("gate", quiet)
        b.add("gone", raising(DeviceLost("no route")))
        command = OpenDoor("c-1", 1, 5.0)

        async def hang(_: Scripted, __: Command) -> Receipt:
            await asyncio.Event().wait()
            raise AssertionError

        async def explode(_: Scripted, __: Command) -> Receipt:
            raise KeyError("a bug")

        async def watch(supervisor: Supervisor) -> None:
            await asyncio.sleep(1)
            assert await supervisor.submit("gate", command) == Executed()
            assert await supervisor.submit("gone", command) == NotExecuted(RefusalReason.UNREACHABLE)
            assert await supervisor.submit("nobody", command) == NotExecuted(RefusalReason.UNKNOWN_DEVICE)
            monkeypatch.setattr(Scripted, "submit", hang)
            before_s = b.clock.monotonic_s()
            assert await supervisor.submit("gate", command) == NotExecuted(RefusalReason.UNREACHABLE)
            assert b.clock.monotonic_s() - before_s == pytest.approx(COMMAND_S_MAX)
            monkeypatch.setattr(Scripted, "submit", explode)
            with structlog.testing.capture_logs() as logs:
                for _ in range(2):
                    assert await supervisor.submit("gate", command) == NotExecuted(
                        RefusalReason.DEVICE_REFUSED, "KeyError"
                    )
            assert [line["event"] for line in logs] == ["command_failed_unexpectedly"]

        await b.run(watch)

    sim.simulate(main)


def test_a_link_that_breaks_is_run_again_and_one_that_cannot_be_is_told_for_its_devices(
    sim: ModuleType, bench: Callable[..., Bench]
) -> None:
    async def main() -> None:
        shaky = Line(DeviceLost("cable"), DeviceLost("cable"), RuntimeError("bug"))
        wrong = Line(DeviceMisconfigured("port 0 is taken"))
        b = bench(shaky=shaky, wrong=wrong)
        b.add("qr", quiet, link="shaky")
        b.add("gate", raising(DeviceLost("link is down")), link="wrong")

        async def watch(_: Supervisor) -> None:
            await asyncio.sleep(120)

        with structlog.testing.capture_logs() as logs:
            await b.run(watch)
        assert shaky.runs == 4
        assert wrong.runs == 1
        assert b.states("gate") == [(DeviceState.MISCONFIGURED, "link wrong: port 0 is taken")]
        assert b.states("qr") == [(DeviceState.ONLINE, "")]
        assert [line["event"] for line in logs].count("link_down") == 1

    sim.simulate(main)


def test_an_event_of_a_session_that_has_ended_is_refused(
    sim: ModuleType, bench: Callable[..., Bench]
) -> None:
    async def main() -> None:
        b = bench()
        kept: list[Emit] = []

        async def leaving(device: Scripted, emit: Emit) -> None:
            kept.append(emit)
            raise DeviceMisconfigured("gone for good")

        b.add("gate", leaving)

        async def watch(_: Supervisor) -> None:
            await asyncio.sleep(1)
            assert await kept[0](b.heartbeat()) == Refused(RefusalReason.UNREACHABLE)

        await b.run(watch)
        assert b.states("gate") == [(DeviceState.MISCONFIGURED, "gone for good")]

    sim.simulate(main)


ENDS = {
    "lost": DeviceLost("x"),
    "refused": DeviceRefused("x"),
    "bug": ValueError("x"),
    "cancelled": asyncio.CancelledError(),
}


@settings(max_examples=20)
@given(script=st.lists(st.sampled_from([*ENDS, "alive"]), max_size=5), seed=st.integers(0, 2**16))
def test_states_alternate_and_the_last_is_true(
    sim: ModuleType, tmp_path_factory: pytest.TempPathFactory, script: list[str], seed: int
) -> None:
    """Whatever a device does, a state is told exactly when it changes, and it ends online when it can."""

    async def main() -> None:
        b = Bench(sim, tmp_path_factory.mktemp("bench"))

        def session(end: str) -> Session:
            async def run(device: Scripted, emit: Emit) -> None:
                if end != "alive":
                    raise ENDS[end]
                await emit(b.heartbeat())
                await asyncio.sleep(5)
                raise DeviceLost("later")

            return run

        b.add("d", *map(session, script), quiet)
        b.add("neighbour", quiet)

        async def watch(_: Supervisor) -> None:
            await asyncio.sleep(5 * 640)

        await b.run(watch)
        states = [state for state, _ in b.states("d")]
        assert all(a is not b for a, b in itertools.pairwise(states))
        assert states[-1] is DeviceState.ONLINE
        assert b.states("neighbour") == [(DeviceState.ONLINE, "")]

    sim.simulate(main, seed=seed)


@pytest.mark.parametrize("instead", [DeviceLost("socket closed"), DeviceRefused("no"), ValueError("torn")])
def test_a_stop_is_not_lost_to_what_a_driver_raises_in_its_place(
    sim: ModuleType, bench: Callable[..., Bench], instead: Exception
) -> None:
    async def torn(device: Scripted, emit: Emit) -> None:
        try:
            await quiet(device, emit)
        except asyncio.CancelledError:
            raise instead from None

    class TornLine(Line):
        async def run(self) -> None:
            try:
                await super().run()
            except asyncio.CancelledError:
                raise DeviceLost("line torn") from None

    async def main() -> None:
        tower = bench(line=TornLine())
        tower.add("torn", torn)

        async def stop(_: Supervisor) -> None:
            await tower.clock.sleep(1.0)

        async with asyncio.timeout(RETRY_S_MAX / 2):
            await tower.run(stop)
        assert len(tower.opened["torn"]) == 1

    sim.simulate(main)
