"""From one round of readings to facts: what cannot be believed is left out, and told now and then. Pure."""

import math
from collections.abc import Mapping
from enum import StrEnum

from cardea.contract.time import Instant
from drivers.api import DeviceEvent, Reject, UnitReported
from drivers.disinfection.uv_modbus.registers import Words, cells, is_on, number
from drivers.disinfection.uv_modbus.settings import (
    LAMP_H,
    LAMP_LIFE_H,
    LAMP_LIFE_PCT,
    WATCHDOG,
    Register,
    Table,
    UvSettings,
)

REJECT_S = 10.0
"""A value that stays unbelievable is told again after this time."""


class Doubt(StrEnum):
    """Why a value is left out: for an interlock it is then missing, which is as "occupied" (SAFETY.md D2)."""

    UNREADABLE = "unreadable"
    NOT_A_NUMBER = "not_a_number"
    OUT_OF_RANGE = "out_of_range"


class Readings:
    """The map of a unit, and what was last said against its values."""

    def __init__(self, settings: UvSettings) -> None:
        self._settings = settings
        self._rejected_s: dict[tuple[str, Doubt], float] = {}

    def take(self, words: Words, at: Instant) -> list[DeviceEvent]:
        """What a round of readings says; cells that could not be read are not in ``words``."""
        values: dict[str, float] = {}
        rejects: list[DeviceEvent] = []
        for metric, found in self._found(words).items():
            if not isinstance(found, Doubt):
                values[metric] = found
            elif self._due(metric, found, at):
                rejects.append(Reject(at=at, reason=found.value, sample=metric.encode()))
        _add_life(values, self._settings)
        return [*rejects, *([UnitReported(at=at, values=values)] if values else [])]

    def _found(self, words: Words) -> Mapping[str, float | Doubt]:
        found: dict[str, float | Doubt] = {
            register.metric: _believed(register, words) for register in self._settings.registers
        }
        for signal in self._settings.signals:
            word = words.get((signal.table, signal.address))
            found[signal.metric] = Doubt.UNREADABLE if word is None else float(is_on(signal, word))
        if (watchdog := self._settings.watchdog) is not None:
            word = words.get((Table.HOLDING, watchdog.address))
            found[WATCHDOG] = Doubt.UNREADABLE if word is None else float(word)
        return found

    def _due(self, metric: str, doubt: Doubt, at: Instant) -> bool:
        said_s = self._rejected_s.get((metric, doubt))
        if said_s is not None and at.mono_s - said_s < REJECT_S:
            return False
        self._rejected_s[metric, doubt] = at.mono_s
        return True


def _believed(register: Register, words: Words) -> float | Doubt:
    stands = [words.get(cell) for cell in cells(register)]
    read = [word for word in stands if word is not None]
    if len(read) < len(stands):
        return Doubt.UNREADABLE
    value = number(register, read)
    if not math.isfinite(value):
        return Doubt.NOT_A_NUMBER
    least, greatest = register.plausible
    return value if least <= value <= greatest else Doubt.OUT_OF_RANGE


def _add_life(values: dict[str, float], settings: UvSettings) -> None:
    """What is left of the lamp's life, where the unit tells hours and life but not that."""
    told = any(register.metric == LAMP_LIFE_PCT for register in settings.registers)
    burned_h, life_h = values.get(LAMP_H), values.get(LAMP_LIFE_H)
    if not told and burned_h is not None and life_h:
        values[LAMP_LIFE_PCT] = min(100.0, max(0.0, 100.0 * (1 - burned_h / life_h)))
