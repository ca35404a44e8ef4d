"""One thermal position at work: a slot for its newest frame, the machine's memory, and whom it tells."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from cardea.contract.screening import NotScreened
from cardea.runtime.logs import get_logger
from drivers.api import Observed, SpotMeasured, ThermalFrameCaptured
from edge.configuration.settings import Screening as ScreeningSettings
from edge.decide.evidence import Screening
from edge.portal.gathering import PersonScreened
from edge.thermal.condition import ConditionAlarm
from edge.thermal.evidence import attributable, looked_at_twice, screening_of
from edge.thermal.positions import manner_of, position_of
from edge.thermal.screening_watch import ScreeningWatch
from edge.thermal.settings import Thermometer
from models.thermal import spot, station
from models.thermal.reading import Reading
from models.thermal.roi import Region
from models.thermal.station import Station, Step, blocked

Thermal = ThermalFrameCaptured | SpotMeasured
Report = Callable[[str, float], None]
"""A number of a series; never waits."""
Canthi = Callable[[str, ThermalFrameCaptured], tuple[Region, ...] | None]
"""Where a camera beside the device sees the canthi in its frame; ``None`` where there is no camera."""
Show = Callable[[str, ThermalFrameCaptured, Step, Sequence["Said"]], None]
"""A frame, what it led to, and what was said of whom, for whoever may look at it; never waits."""
DEFAULT_C = ScreeningSettings().elevated_c
"""For a picture of a position that no portal uses."""
_LOG = get_logger("thermometry")


class TakesScreenings(Protocol):
    """What thermometry needs of a portal."""

    def screened(self, screened: PersonScreened) -> None:
        """Somebody was looked at; never waits."""
        ...


@dataclass(frozen=True, slots=True)
class User:
    """A portal that measures with a device."""

    task: TakesScreenings
    threshold_c: float
    compliant: bool


@dataclass(frozen=True, slots=True)
class Said:
    """What a reading means where its threshold is lowest."""

    reading: Reading
    screening: Screening


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Whom a position tells what it finds."""

    users: tuple[User, ...]
    """The one with the lowest threshold first."""
    alarm: ConditionAlarm
    watch: ScreeningWatch
    report: Report
    show: Show
    canthi: Canthi


class Post:
    """One device's position."""

    def __init__(self, device: str, settings: Thermometer, told: Told) -> None:
        self._device = device
        self._settings = settings
        self._manner = manner_of(settings)
        self._position = position_of(settings)
        self._told = told
        self._newest: Thermal | None = None
        self._arrived = asyncio.Event()
        self._state = Station()
        self._last = Step()
        self._failing = False
        self._measured = self._dropped = 0

    def put(self, event: Thermal) -> None:
        """The newest counts."""
        self._dropped += self._newest is not None
        self._newest = event
        self._arrived.set()

    async def run(self, worker: ThreadPoolExecutor) -> None:
        """Look at one frame after another, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            while self._newest is None:
                self._arrived.clear()
                await self._arrived.wait()
            event, self._newest = self._newest, None
            canthi = None if isinstance(event, SpotMeasured) else self._told.canthi(self._device, event)
            self._state, step = await loop.run_in_executor(worker, self._step, event, canthi)
            self._measured += 1
            self._tell(event, step)
            del event

    def picture(self) -> Mapping[str, object]:
        """For ``cardea edge status``."""
        condition, offset_c = self._last.condition, self._last.offset_c
        return {
            "condition": condition.value if condition is not None else None,
            "reference_offset_c": None if offset_c is None else round(offset_c, 2),
            "looked_at": self._measured,
            "dropped": self._dropped,
            **self._told.watch.picture(),
        }

    def _step(self, event: Thermal, canthi: tuple[Region, ...] | None) -> tuple[Station, Step]:
        try:
            stepped = self._stepped(event, canthi)
        except Exception as error:  # noqa: BLE001  # a frame that fails a check must not end the gateway
            if not self._failing:
                _LOG.error("thermometry_failed", device=self._device, exc_info=error)
            self._failing = True
            state, reading = blocked(self._state, NotScreened.FRAME_UNFIT, event.at.mono_s)
            told = () if reading is None else (reading,)
            return state, Step(readings=told, condition=NotScreened.FRAME_UNFIT)
        self._failing = False
        return stepped

    def _stepped(self, event: Thermal, canthi: tuple[Region, ...] | None) -> tuple[Station, Step]:
        if isinstance(event, SpotMeasured):
            return spot.step(self._state, event, self._manner, self._settings.spot_uncertainty_c)
        if self._position is None:
            return self._state, Step()
        return station.step(self._state, event, self._position, canthi)

    def _tell(self, event: Thermal, step: Step) -> None:
        self._last = step
        self._told.alarm.told(step.condition, event.at.mono_s - self._state.since_s)
        self._told.watch.looked(step.condition, step.offset_c)
        for metric, value in _numbers(step).items():
            self._told.report(f"{self._device}/{metric}", value)
        said = [self._hand_on(event, reading) for reading in attributable(step)]
        if isinstance(event, ThermalFrameCaptured):
            self._told.show(self._device, event, step, said)

    def _hand_on(self, event: Thermal, reading: Reading) -> Said:
        """To each portal at its own threshold, after the second look; the picture does not go there."""
        users, watch = self._told.users, self._told.watch
        usual_c = watch.usual_c
        first = [reading.state(user.threshold_c) for user in users]
        said = Said(reading, screening_of(reading, DEFAULT_C, compliant=True))
        for user, state in zip(users, watch.judged(reading, first, event.at.utc), strict=True):
            found = screening_of(reading, user.threshold_c, compliant=user.compliant)
            screening = looked_at_twice(found, state, usual_c)
            user.task.screened(
                PersonScreened(
                    device=self._device,
                    event=Observed(at=event.at, device_utc=event.device_utc),
                    screening=screening,
                    opens=reading.first,
                    presence=reading.presence,
                )
            )
            if user is users[0]:
                said = Said(reading, screening)
        return said


def _numbers(step: Step) -> Mapping[str, float]:
    """By metric, what there is of them."""
    found = next((one.measurement for one in step.readings if one.measurement is not None), None)
    numbers = {
        "reference_offset_c": step.offset_c,
        "reference_spread_c": step.spread_c,
        "uncertainty_c": step.uncertainty_c,
        "surface_temp_c": None if found is None else found.surface_temp_c,
    }
    return {metric: value for metric, value in numbers.items() if value is not None}
