"""Thermal frames and spots out of a camera's answers. Pure; garbage becomes a counted ``Reject``."""

from cardea.contract.time import Instant
from drivers.api import Reject, SpotMeasured, ThermalFrameCaptured, Unfit
from drivers.thermal.dahua.heat_map import (
    HEADER_BYTES,
    PIXELS_MAX,
    TAIL_BYTES_MAX,
    Meaning,
    Unreadable,
    content_bytes,
    heat_map_of,
)
from drivers.thermal.dahua.texts import is_error, value_of, values_of
from drivers.thermal.dahua.units import DEGREES, LABELS, Unit
from drivers.thermal_camera.answers import Read, sample_of
from drivers.thermal_fitness import TempRange, unfit_temperatures

HEAT_MAPS, SPOTS = "heat_maps", "spots"
"""Channels: answers of either kind, each a message of its own."""
ANSWER_BYTES_MAX = HEADER_BYTES + 2 * PIXELS_MAX + TAIL_BYTES_MAX
POSSIBLE = TempRange(-60.0, 1600.0)
"""What the widest of the cameras' ranges reaches."""


def frames(meaning: Meaning) -> Read:
    """Of heat maps."""

    def read(content: bytes, at: Instant) -> ThermalFrameCaptured | Reject:
        if is_error(content):
            return Reject(at=at, reason="camera_says_error", sample=sample_of(content))
        try:
            found = heat_map_of(content, meaning.unit)
        except Unreadable as error:
            return Reject(at=at, reason=str(error), sample=sample_of(content))
        unfit = unfit_temperatures(found.counts, meaning.scale, POSSIBLE)
        return ThermalFrameCaptured(
            at=at, raw=found.counts, scale=meaning.scale, conditions=found.conditions, unfit=unfit
        )

    return read


def spots(unit: Unit | None) -> Read:
    """Of single points; without ``unit`` each says what its degrees are. 0 sharp was not measured."""

    def read(content: bytes, at: Instant) -> SpotMeasured | Reject:
        if is_error(content):
            return Reject(at=at, reason="camera_says_error", sample=sample_of(content))
        values = values_of(content)
        try:
            degrees = float(value_of(values, "TemperAver"))
        except ValueError:
            return Reject(at=at, reason="spot_unreadable", sample=sample_of(content))
        meant = unit or LABELS.get((value_of(values, "TemperatureUnit") or "celsius").lower())
        if meant is None:
            return Reject(at=at, reason="unit_unknown", sample=sample_of(content))
        if degrees == 0.0:
            return SpotMeasured(at=at, surface_temp_c=None, unfit=Unfit.SENSOR_FAULT)
        temp_c = DEGREES[meant].celsius(degrees)
        if not POSSIBLE.least_c <= temp_c <= POSSIBLE.most_c:
            return SpotMeasured(at=at, surface_temp_c=None, unfit=Unfit.OUT_OF_RANGE)
        return SpotMeasured(at=at, surface_temp_c=round(temp_c, 4))

    return read


def kept(content: bytes) -> bytes:
    """A heat map as a capture may hold it: of a picture, or what is no heat map, only the beginning."""
    try:
        return content[: content_bytes(content)]
    except Unreadable:
        return sample_of(content)
