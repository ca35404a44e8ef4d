"""Owns links and device sessions: one task each, kept going, kept apart.

The three errors of ``drivers.api`` say what happens next: DeviceLost → retry with full jitter,
DeviceRefused → retry slowly and tell staff, DeviceMisconfigured → give up and tell staff. Anything else that
a driver raises stays its own: logged once with its traceback, then as DeviceLost.
"""

import asyncio
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from cardea.contract.reasons import RefusalReason
from cardea.contract.records import DeviceState
from cardea.runtime.backoff import Backoff
from cardea.runtime.clock import Clock, Entropy
from cardea.runtime.logs import get_logger
from drivers.api import (
    Accepted,
    Command,
    Device,
    DeviceContext,
    DeviceEvent,
    DeviceIdentified,
    DeviceLost,
    DeviceMisconfigured,
    DeviceRefused,
    DoorMoved,
    HeartbeatSeen,
    InputChanged,
    Link,
    NotExecuted,
    Receipt,
    Refused,
    Reject,
)
from edge.admission import Admission
from edge.configuration.loading import FittedDevice
from edge.device_facts import DeviceDescribed, DeviceStateChanged, Tell
from edge.garbage import GarbageWatch
from edge.notes import Notes
from edge.place import Place

RETRY_S_MAX = 30.0
REFUSED_S_MIN = 30.0
"""Devices lock an account after a few wrong passwords: never knock faster than this."""
REFUSED_S_MAX = 600.0
STEADY_S = 10.0
"""A session that lasted this long starts the delays afresh."""
COMMAND_S_MAX = 5.0
WATCH_S = 5.0

Take = Callable[[str, DeviceEvent], Awaitable[Accepted | Refused]]
"""Hand a device's event to the gateway; returns after the commit."""

_LOG = get_logger("supervisor")
_UNREACHABLE = NotExecuted(RefusalReason.UNREACHABLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What every session needs of the gateway."""

    clock: Clock
    entropy: Entropy
    notes: Notes
    take: Take
    tell: Tell
    context: Callable[[str], DeviceContext]
    """The context of a device, made afresh for each session."""


class Supervisor:
    """All links and devices of a gateway."""

    def __init__(
        self, devices: Mapping[str, FittedDevice], links: Mapping[str, Link], around: Surroundings
    ) -> None:
        self._around = around
        self._links = {name: _KeptLink(name, link, around) for name, link in links.items()}
        self._sessions = {
            name: DeviceSession(name, fitted, self._links.get(fitted.device.link or ""), around)
            for name, fitted in devices.items()
        }

    async def run(self) -> None:
        """Keep everything going until cancelled."""
        async with asyncio.TaskGroup() as group:
            for name, link in self._links.items():
                group.create_task(link.run(), name=f"link {name}")
            for name, session in self._sessions.items():
                group.create_task(session.run(), name=f"device {name}")
            group.create_task(self._watch(), name="device watch")

    async def submit(self, device: str, command: Command) -> Receipt:
        """Have a device do ``command``; answers within ``COMMAND_S_MAX`` and never raises."""
        session = self._sessions.get(device)
        if session is None:
            return NotExecuted(RefusalReason.UNKNOWN_DEVICE)
        return await session.submit(command)

    @property
    def sessions(self) -> Mapping[str, "DeviceSession"]:
        """Every device's session by name, for the health readings."""
        return self._sessions

    async def _watch(self) -> None:
        while True:
            await self._around.clock.sleep(WATCH_S)
            for session in self._sessions.values():
                session.time_passed()


class _KeptLink:
    """One link, run again whenever it breaks."""

    def __init__(self, name: str, link: Link, around: Surroundings) -> None:
        self._name = name
        self._link = link
        self._around = around
        self.given_up: str | None = None
        """Why nobody tries this link any more."""

    async def run(self) -> None:
        backoff = Backoff(self._around.clock, self._around.entropy, s_max=RETRY_S_MAX)
        log = _LOG.bind(link=self._name)
        down = False
        while True:
            started_s = self._around.clock.monotonic_s()
            reason = "ended"
            try:
                with _cancellation_stands():
                    await self._link.run()
            except DeviceMisconfigured as error:
                self.given_up = f"link {self._name}: {error}"
                log.warning("link_given_up", reason=str(error))
                return
            except DeviceLost as error:
                reason = str(error)
            except Exception as error:  # a link's own fault must not end its neighbours
                reason = type(error).__name__
                if not down:
                    log.exception("link_failed_unexpectedly")
            steady = self._around.clock.monotonic_s() - started_s >= STEADY_S
            if steady:
                backoff.reset()
            if steady or not down:
                log.warning("link_down", reason=reason)
            down = True
            await backoff.wait()


class DeviceSession:
    """One device: its session, run again as its errors say, and what is known of it."""

    def __init__(self, name: str, fitted: FittedDevice, link: _KeptLink | None, around: Surroundings) -> None:
        self._name = name
        self._fitted = fitted
        self._link = link
        self._around = around
        self._admission = Admission(around.clock, fitted.device.events_per_s_max)
        self._place = Place(around.notes, name, around.clock)
        self._garbage = GarbageWatch(name, around.clock, around.tell)
        self._device: Device | None = None
        self._deadline: asyncio.Timeout | None = None
        self._described: tuple[str, float | None] | None = None
        self._crashed = False
        self._log = _LOG.bind(device=name, driver=fitted.device.driver)
        self.state: DeviceState | None = None
        """``None`` until the first session has succeeded or failed."""
        self.restarts = 0
        self.heard_s: float | None = None
        """Monotonic time of the last event."""
        speaks = {HeartbeatSeen, InputChanged} & set(fitted.driver.events)
        self._silence_s_max = fitted.device.silent_s_max if speaks else None

    @property
    def rejects(self) -> int:
        """Unreadable messages since the gateway started."""
        return self._garbage.rejects

    @property
    def refused(self) -> int:
        """Events refused because there were too many, since the gateway started."""
        return self._admission.refused

    def picture(self, now_s: float) -> Mapping[str, object]:
        """For ``cardea edge status``."""
        return {
            "driver": self._fitted.device.driver,
            "state": self.state.value if self.state else "starting",
            "heard_s_ago": None if self.heard_s is None else round(now_s - self.heard_s, 1),
            "restarts": self.restarts,
            "rejects": self.rejects,
            "refused": self.refused,
        }

    async def run(self) -> None:
        """Keep the session going until cancelled or given up."""
        clock, entropy = self._around.clock, self._around.entropy
        lost = Backoff(clock, entropy, s_max=RETRY_S_MAX)
        refused = Backoff(clock, entropy, base_s=REFUSED_S_MIN, s_max=REFUSED_S_MAX)
        while True:
            started_s = clock.monotonic_s()
            try:
                with _cancellation_stands():
                    reason = await self._one_session()
            except DeviceMisconfigured as error:
                self._enter(DeviceState.MISCONFIGURED, str(error))
                return
            except DeviceRefused as error:
                self._enter(DeviceState.REFUSED, str(error))
                await clock.sleep(REFUSED_S_MIN)
                await refused.wait()
                continue
            if self._link is not None and self._link.given_up is not None:
                self._enter(DeviceState.MISCONFIGURED, self._link.given_up)
                return
            self._enter(DeviceState.OFFLINE, reason)
            refused.reset()
            if clock.monotonic_s() - started_s >= STEADY_S:
                lost.reset()
            self.restarts += 1
            await lost.wait()

    async def submit(self, command: Command) -> Receipt:
        """Hand ``command`` to the session; answers within ``COMMAND_S_MAX`` and never raises."""
        device = self._device
        if device is None:
            return _UNREACHABLE
        try:
            async with asyncio.timeout(COMMAND_S_MAX):
                return await device.submit(command)
        except (TimeoutError, DeviceLost):
            return _UNREACHABLE
        except Exception as error:  # noqa: BLE001  # a driver's fault must not end the portal that asked
            self._say_crash("command_failed_unexpectedly", error)
            return NotExecuted(RefusalReason.DEVICE_REFUSED, type(error).__name__)

    def time_passed(self) -> None:
        """The device may have become readable again, and its place in its history may be noted."""
        self._garbage.tick()
        self._place.tick()

    async def _one_session(self) -> str:
        """One session from its start to its loss; returns why it ended."""
        self._place.session_began()
        try:
            async with asyncio.timeout(self._silence_s_max) as self._deadline:
                context = self._around.context(self._name)
                self._device = self._fitted.driver.open(self._fitted.settings, context)
                await self._device.run(self._emit)
        except (DeviceMisconfigured, DeviceRefused):
            raise
        except DeviceLost as error:
            return str(error)
        except TimeoutError:
            return f"silent for {self._silence_s_max:g} s" if self._silence_s_max else "timed out"
        except asyncio.CancelledError:
            if _being_cancelled():
                raise
            return "session cancelled itself"
        except Exception as error:  # noqa: BLE001  # whatever a driver raises, its neighbours go on
            self._say_crash("driver_failed_unexpectedly", error)
            return f"driver failed: {type(error).__name__}"
        finally:
            self._device = self._deadline = None
        return "session ended"

    async def _emit(self, event: DeviceEvent) -> Accepted | Refused:
        if self._device is None:
            return Refused(RefusalReason.UNREACHABLE)
        self._heard()
        verdict = await self._taken(event)
        if isinstance(verdict, Accepted) and event.cursor is not None:
            self._place.passed(event.cursor, offline=event.offline)
        return verdict

    async def _taken(self, event: DeviceEvent) -> Accepted | Refused:
        match event:
            case Reject():
                self._garbage.note(event.reason)
            case HeartbeatSeen():
                pass
            case DeviceIdentified():
                self._describe(event)
            case InputChanged() | DoorMoved():
                return await self._around.take(self._name, event)
            case _:
                return await self._admission.admit(event, self._hand_on)
        return Accepted()

    async def _hand_on(self, event: DeviceEvent) -> Accepted | Refused:
        return await self._around.take(self._name, event)

    def _heard(self) -> None:
        self.heard_s = self._around.clock.monotonic_s()
        if self._deadline is not None and self._silence_s_max is not None:
            self._deadline.reschedule(asyncio.get_running_loop().time() + self._silence_s_max)
        self._enter(DeviceState.ONLINE, "")

    def _describe(self, event: DeviceIdentified) -> None:
        said = (event.firmware, event.clock_skew_s and round(event.clock_skew_s))
        if said != self._described:
            self._described = said
            self._around.tell(DeviceDescribed(self._name, event.firmware, event.clock_skew_s))

    def _say_crash(self, event: str, error: Exception) -> None:
        if not self._crashed:
            self._log.error(event, exc_info=error)
        self._crashed = True

    def _enter(self, state: DeviceState, reason: str) -> None:
        """Tell a change of state once; a device that stays as it is makes no noise."""
        if state is self.state:
            return
        self.state = state
        if state is DeviceState.ONLINE:
            self._log.info("device_online")
        else:
            self._log.warning(f"device_{state.value}", reason=reason)
        self._around.tell(DeviceStateChanged(self._name, state, reason))


@contextmanager
def _cancellation_stands() -> Generator[None]:
    """A cancellation is not lost, whatever fails or is caught at the same moment.

    A driver's clean-up may raise another error in its place, and before Python 3.13 a task group whose child
    fails just then drops it; the retry loop would go on for ever.
    """
    try:
        yield
    finally:
        if _being_cancelled():
            raise asyncio.CancelledError


def _being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
