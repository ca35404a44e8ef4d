"""What an instrument's registers say. Pure; remembers only since when the temperatures stand still."""

import math
import struct
from collections.abc import Mapping

from cardea.contract.time import Instant
from drivers.api import SpotMeasured, Unfit
from drivers.thermal.modbus_spot.registers import (
    EmissivityRegister,
    Register,
    StatusRegister,
    Table,
    TemperatureRegister,
)
from drivers.thermal.modbus_spot.settings import SpotSettings

Place = tuple[Table, int]
Words = Mapping[Place, int]
_FORM = {"int16": ">h", "uint16": ">H", "int32": ">i", "uint32": ">I", "float32": ">f"}


class Instrument:
    """One pyrometer's readings in a row."""

    def __init__(self, settings: SpotSettings) -> None:
        self._settings = settings
        registers = self._registers = settings.registers
        self._emissivity = _in_force(settings)
        temperatures = [each for each in (registers.surface, registers.sensor) if each is not None]
        self._temperatures = tuple(place for each in temperatures for place in each.places)
        others: list[Place] = []
        if self._emissivity is not None:
            others += self._emissivity.places
        if registers.status is not None:
            others.append((registers.status.table, registers.status.address))
        self.places = frozenset({*self._temperatures, *others})
        """The registers that a reading must hold."""
        self._stood: tuple[int, ...] = ()
        self._stood_s = 0.0

    def read(self, words: Words, at: Instant) -> SpotMeasured:
        """The measurement in ``words``, which holds at least ``places``."""
        registers = self._registers
        surface_temp_c = _temperature(registers.surface, words)
        unfit = (
            (None if registers.status is None else _said(registers.status, words))
            or self._range(surface_temp_c)
            or self._frozen(words, at)
        )
        return SpotMeasured(
            at=at,
            surface_temp_c=None if unfit else surface_temp_c,
            sensor_temp_c=None if registers.sensor is None else _temperature(registers.sensor, words),
            emissivity=None if self._emissivity is None else _emissivity(self._emissivity, words),
            unfit=unfit,
        )

    def _range(self, surface_temp_c: float | None) -> Unfit | None:
        settings = self._settings
        inside = surface_temp_c is not None and (
            settings.surface_c_min <= surface_temp_c <= settings.surface_c_max
        )
        return None if inside else Unfit.OUT_OF_RANGE

    def _frozen(self, words: Words, at: Instant) -> Unfit | None:
        now = tuple(words[place] for place in self._temperatures)
        if now != self._stood:
            self._stood, self._stood_s = now, at.mono_s
        return Unfit.FROZEN if at.mono_s - self._stood_s >= self._settings.frozen_s else None


def _in_force(settings: SpotSettings) -> EmissivityRegister | None:
    """The register of the emissivity that counts: the one that was written, where one is."""
    written = settings.registers.emissivity_written
    if settings.emissivity_set is not None and written is not None:
        return written.read_back
    return settings.registers.emissivity


def _said(status: StatusRegister, words: Words) -> Unfit | None:
    word = words[status.table, status.address]
    return next((each.unfit for each in status.meanings if word & each.mask == each.value), None)


def _temperature(register: TemperatureRegister, words: Words) -> float | None:
    number = _number(register, words)
    temp_c = number * register.scale_c + register.offset_c
    return round(temp_c, 4) if math.isfinite(temp_c) else None


def _emissivity(register: EmissivityRegister, words: Words) -> float | None:
    emissivity = _number(register, words) / register.counts_at_1
    return round(emissivity, 4) if 0 < emissivity <= 1 else None


def _number(register: Register, words: Words) -> float:
    stand = [words[place] for place in register.places]
    if register.word_order == "low_first":
        stand.reverse()
    content = b"".join(word.to_bytes(2, "big") for word in stand)
    return float(struct.unpack(_FORM[register.type], content)[0])
