"""A position's figures: what its installer declares, what the gateway does, what follows from both. Pure."""

import datetime as dt
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from edge.thermal.position_settings import CameraFacts, PositionFacts
from edge.thermal.settings import Thermometer
from models.thermal.condition.clauses import Figure
from models.thermal.condition.clip_facts import ClipFacts
from models.thermal.condition.selftest import Figures, Known, Origin
from models.thermal.geometry import Sensor, face_px, longer_first, sensor_of, spot_mm, spot_through_lens_mm
from models.thermal.uncertainty import expanded_c

Values = tuple[float, ...]
Said = Iterator[tuple[Figure, Values | None]]
NOTHING: Figures = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What is known of a position besides its own description."""

    today: dt.date
    driver: str = ""
    thermometer: Thermometer | None = None
    """As the gateway measures with it."""
    clip: ClipFacts | None = None

    def sensor(self, camera: CameraFacts) -> Sensor | None:
        """What a datasheet says, where the name of camera or driver is known."""
        return sensor_of(camera.model or "", self.driver)


def known(said: Said, origin: Origin) -> Figures:
    """Figures out of pairs, without those that nobody knows."""
    found: Mapping[Figure, Known] = {
        figure: Known(values, origin) for figure, values in said if values is not None
    }
    return found


def values(*given: float | None) -> Values | None:
    """All of them, or ``None`` when one is missing."""
    found = tuple(float(value) for value in given if value is not None)
    return found if len(found) == len(given) else None


def declared(position: PositionFacts, today: dt.date) -> Figures:
    """What the installer says."""
    return known(_declared(position, today), Origin.DECLARED)


def configured(thermometer: Thermometer | None) -> Figures:
    """What the gateway itself does with the device."""
    return NOTHING if thermometer is None else known(_configured(thermometer), Origin.CONFIGURED)


def by_datasheet(position: PositionFacts, around: Around) -> Figures:
    """Nobody can declare more pixels than a sensor has."""
    sensor = around.sensor(position.camera)
    if sensor is None:
        return NOTHING
    pixels = longer_first(sensor.columns_px, sensor.rows_px)
    return {Figure.SENSOR: Known(pixels, Origin.DATASHEET)}


def computed(position: PositionFacts, around: Around) -> Figures:
    """What follows."""
    return known(_computed(position, around), Origin.COMPUTED)


def _declared(position: PositionFacts, today: dt.date) -> Said:
    camera, reference, site = position.camera, position.reference, position.site
    sides = values(camera.columns_px, camera.rows_px)
    yield Figure.SENSOR, None if sides is None else longer_first(*sides)
    yield Figure.CAMERA, values(camera.accuracy_c)
    yield Figure.MRTD, values(camera.mrtd_c)
    yield Figure.DRIFT, values(camera.drift_compensated)
    yield Figure.REFERENCE, _sum(reference.stability_c, reference.drift_c)
    yield Figure.REFERENCE_U, _expanded(reference.uncertainty_c)
    yield Figure.CALIBRATION, _left_d(reference.calibrated_on, reference.calibration_interval_d, today)
    yield Figure.WARM_UP, values(camera.warm_up_min)
    yield Figure.EMISSIVITY, values(camera.emissivity)
    yield Figure.DISPLAY, values(camera.display_resolution_c)
    yield Figure.ROOM, values(site.room_c_min, site.room_c_max)
    yield Figure.HUMIDITY, values(_percent(site.humidity_min), _percent(site.humidity_max))
    yield Figure.ONE_PERSON, values(site.one_person_at_a_time)
    yield Figure.NO_DRAUGHT, values(site.no_draught)
    yield Figure.NO_SUN, values(site.no_sun)
    yield Figure.NO_REFLECTION, values(site.no_reflective_background)
    yield Figure.ACCLIMATISED, values(site.acclimatisation_min)
    yield Figure.FACE_BARE, values(site.no_glasses_or_mask)
    yield Figure.CONFIRMED, values(site.clinical_thermometer)


def _configured(thermometer: Thermometer) -> Said:
    yield Figure.WARM_UP, (thermometer.warm_up_s / 60.0,)
    yield Figure.EMISSIVITY, values(thermometer.conditions.emissivity)
    yield Figure.DRIFT, (1.0,) if thermometer.references else None
    yield Figure.REFERENCE_U, _expanded(_reference_c(thermometer))


def _computed(position: PositionFacts, around: Around) -> Said:
    sensor = around.sensor(position.camera)
    sides = _columns_and_rows(position.camera, sensor, around.clip)
    fov_deg = (sensor.fov_horizontal_deg if sensor else None) or position.camera.fov_horizontal_deg
    spot = _spot_mm(position.camera, _distance_m(position, around), sides, fov_deg)
    yield Figure.SPOT_SIZE, values(spot)
    yield Figure.FACE, None if spot is None or sides is None else face_px(spot, *sides)
    yield Figure.LABORATORY, _laboratory(position, around.thermometer)


def _columns_and_rows(
    camera: CameraFacts, sensor: Sensor | None, clip: ClipFacts | None
) -> tuple[int, int] | None:
    """As the sensor really has them, as far as that is known."""
    if clip is not None:
        return clip.columns_px, clip.rows_px
    if sensor is not None:
        return sensor.columns_px, sensor.rows_px
    if camera.columns_px is None or camera.rows_px is None:
        return None
    return camera.columns_px, camera.rows_px


def _distance_m(position: PositionFacts, around: Around) -> float | None:
    """The greater one, where the gateway reckons with another than was declared."""
    configured = None if around.thermometer is None else around.thermometer.conditions.distance_m
    return max((m for m in (position.camera.distance_m, configured) if m), default=None)


def _spot_mm(
    camera: CameraFacts, distance_m: float | None, sides: tuple[int, int] | None, fov_deg: float | None
) -> float | None:
    """The larger of what the field of view and the lens make it."""
    if distance_m is None:
        return None
    spots: list[float] = []
    if fov_deg is not None and sides is not None:
        spots.append(spot_mm(distance_m, fov_deg, sides[0]))
    if camera.focal_length_mm is not None and camera.pixel_pitch_um is not None:
        spots.append(spot_through_lens_mm(distance_m, camera.focal_length_mm, camera.pixel_pitch_um))
    return max(spots, default=None)


def _laboratory(position: PositionFacts, thermometer: Thermometer | None) -> Values | None:
    terms = position.uncertainty
    configured_c = None if thermometer is None else _reference_c(thermometer)
    reference_c = position.reference.uncertainty_c if configured_c is None else configured_c
    if reference_c is None or terms.drift_c is None or terms.spot_size_c is None:
        return None
    combined_c = math.hypot(
        reference_c, terms.emissivity_c, terms.reflected_c, terms.drift_c, terms.spot_size_c
    )
    return (expanded_c(combined_c),)


def _reference_c(thermometer: Thermometer) -> float | None:
    """Standard uncertainty of the references; of two the worse one's."""
    return max((one.uncertainty_c for one in thermometer.references), default=None)


def _left_d(calibrated_on: dt.date | None, interval_d: int | None, today: dt.date) -> Values | None:
    """Days until the next calibration; one that is still to come says nothing."""
    if calibrated_on is None or interval_d is None or calibrated_on > today:
        return None
    return (float(interval_d - (today - calibrated_on).days),)


def _sum(*parts: float | None) -> Values | None:
    found = values(*parts)
    return None if found is None else (sum(found),)


def _expanded(standard_c: float | None) -> Values | None:
    return None if standard_c is None else (expanded_c(standard_c),)


def _percent(fraction: float | None) -> float | None:
    return None if fraction is None else 100.0 * fraction
