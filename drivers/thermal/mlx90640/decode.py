"""Frames out of reads of an MLX90640's memory: EEPROM, then control, status and RAM for each sub-page. Pure.

A sub-page is half of the pixels. Two that follow each other make a frame; a half that has been waiting for
longer than the other one can take is not mixed with it. A control register that is not as the settings want
it means that the sensor has just been powered: from then on it warms up.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from cardea.contract.time import Instant
from drivers.api import (
    CELSIUS,
    Conditions,
    DeviceEvent,
    DeviceIdentified,
    Reject,
    ThermalFrameCaptured,
    UnitReported,
)
from drivers.thermal.mlx90640.blocks import Block, Blocks, Garbage
from drivers.thermal.mlx90640.calibration import Calibration, Plane, Uncalibrated, restore
from drivers.thermal.mlx90640.fitness import Fitness
from drivers.thermal.mlx90640.pixels import fill
from drivers.thermal.mlx90640.registers import (
    CONTROL,
    EEPROM,
    NEW_DATA,
    RAM,
    Control,
    Words,
    pages_of,
    read_control,
    sub_page,
)
from drivers.thermal.mlx90640.settings import Mlx90640Settings
from drivers.thermal.mlx90640.temperature import Sensor, Unbelievable, read_sensor, temperatures

CHANNEL = "memory"
MODEL = "MLX90640"
SAMPLE_BYTES_MAX = 120
STALE_PERIODS = 2.0
"""The other half comes after one period of a sub-page; when it was missed, not before three."""
STUCK_PAGES = 8
"""So many of the same sub-page in a row: it does not change any more."""
REFLECTED_BELOW_C = 8.0
"""By how much the surroundings are taken to be colder than the sensor (datasheet, 11.2.2.9)."""


@dataclass(frozen=True, slots=True, eq=False)
class _Half:
    page: int
    temps_c: Plane
    at_s: float


class MemoryDecoder:
    """One sensor's memory, read over and over."""

    def __init__(self, settings: Mlx90640Settings) -> None:
        self._settings = settings
        self._start()

    def feed(self, chunk: bytes, at: Instant) -> list[DeviceEvent]:
        """The next bytes."""
        return [event for item in self._blocks.feed(chunk) for event in self._take(item, at)]

    def finish(self, at: Instant) -> list[DeviceEvent]:
        """The session has ended."""
        events = [event for item in self._blocks.finish() for event in self._take(item, at)]
        self._start()
        return events

    def _start(self) -> None:
        self._blocks = Blocks()
        self._fitness = Fitness(self._settings.frozen_frames)
        self._eeprom: Words = np.empty(0, np.uint16)
        self._calibration: Calibration | None = None
        self._control: Control | None = None
        self._status: int | None = None
        self._powered_s: float | None = None
        """Since when the sensor has been powered at the most, where that was seen."""
        self._half: _Half | None = None
        self._same_pages = 0

    def _take(self, item: Block | Garbage, at: Instant) -> Iterator[DeviceEvent]:
        if isinstance(item, Garbage):
            yield Reject(at=at, reason="bytes_of_no_read", sample=item.content[:SAMPLE_BYTES_MAX])
            return
        if item.register == EEPROM:
            yield from self._take_eeprom(item.words, at)
        elif item.register == RAM:
            yield from self._take_page(item.words, at)
        elif item.register == CONTROL:
            self._take_control(int(item.words[0]), at)
        else:
            self._status = int(item.words[0])

    def _take_eeprom(self, words: Words, at: Instant) -> Iterator[DeviceEvent]:
        if self._calibration is not None and np.array_equal(words, self._eeprom):
            return
        self._eeprom, self._half, self._calibration = words, None, None
        try:
            found = restore(words)
        except Uncalibrated:
            yield _reject("eeprom_uncalibrated", words, at)
            return
        self._calibration = found
        yield DeviceIdentified(at=at, model=MODEL, serial=found.serial)
        counts = {"broken_pixels": found.broken, "outlier_pixels": found.outliers}
        yield UnitReported(at=at, values={key: float(mask.sum()) for key, mask in counts.items()})

    def _take_control(self, word: int, at: Instant) -> None:
        control = read_control(word)
        wanted = (self._settings.pattern, self._settings.refresh_hz)
        if (control.pattern, control.refresh_hz) != wanted:
            self._powered_s = at.mono_s
        if control != self._control:
            self._half = None
        self._control = control

    def _take_page(self, ram: Words, at: Instant) -> Iterator[DeviceEvent]:
        status, self._status = self._status, None
        calibration, control = self._calibration, self._control
        if calibration is None or control is None or status is None or not status & NEW_DATA:
            yield _reject("page_out_of_place", ram, at)
            return
        try:
            sensor = read_sensor(calibration, control, ram)
        except Unbelievable:
            yield _reject("page_unbelievable", ram, at)
            return
        reflected_c = self._reflected_c(sensor)
        temps_c = temperatures(
            calibration,
            control,
            ram,
            sensor,
            emissivity=self._settings.emissivity,
            reflected_c=reflected_c,
        )
        other, half = self._half, _Half(sub_page(status), temps_c, at.mono_s)
        if other is not None and self._belong_together(other, half, control):
            self._half, self._same_pages = None, 0
            yield self._frame(calibration, control, sensor, other, half, at)
            return
        self._half = half
        yield from self._stuck(other, half, ram, at)

    def _stuck(self, other: _Half | None, half: _Half, ram: Words, at: Instant) -> Iterator[DeviceEvent]:
        same = other is not None and other.page == half.page
        self._same_pages = self._same_pages + 1 if same else 0
        if self._same_pages == STUCK_PAGES:
            self._same_pages = 0
            yield _reject("sub_page_stuck", ram, at)

    def _belong_together(self, other: _Half, half: _Half, control: Control) -> bool:
        fresh = half.at_s - other.at_s <= STALE_PERIODS / control.refresh_hz
        return fresh and {other.page, half.page} == {0, 1}

    def _frame(
        self,
        calibration: Calibration,
        control: Control,
        sensor: Sensor,
        other: _Half,
        half: _Half,
        at: Instant,
    ) -> ThermalFrameCaptured:
        temps_c = np.where(pages_of(control.pattern) == half.page, half.temps_c, other.temps_c)
        doubtful = calibration.doubtful
        fill(temps_c, doubtful)
        raw = temps_c.astype(np.float32)
        uptime_s = None if self._powered_s is None else at.mono_s - self._powered_s
        return ThermalFrameCaptured(
            at=at,
            raw=raw,
            scale=CELSIUS,
            conditions=Conditions(
                emissivity=self._settings.emissivity,
                distance_m=0.0,
                reflected_c=round(self._reflected_c(sensor), 2),
            ),
            uptime_s=uptime_s,
            sensor_temp_c=round(sensor.ta_c, 2),
            unfit=self._fitness.judge(raw, doubtful, sensor, uptime_s),
        )

    def _reflected_c(self, sensor: Sensor) -> float:
        told_c = self._settings.reflected_c
        return sensor.ta_c - REFLECTED_BELOW_C if told_c is None else told_c


def _reject(reason: str, words: Words, at: Instant) -> Reject:
    return Reject(at=at, reason=reason, sample=words[: SAMPLE_BYTES_MAX // 2].astype(">u2").tobytes())
