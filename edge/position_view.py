"""What the console sees of one thermal position: a frame, what it led to, and who was measured. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from cardea.contract.scenes import Mark, Scene, SceneReading, Showing
from cardea.contract.time import wire_time
from drivers.api import ThermalFrameCaptured
from edge.thermal_evidence import screening_of
from edge.thermometer_settings import Thermometer
from edge.thermometry_positions import overrides_of, region_of
from models.thermal.overrides import meter_of
from models.thermal.picture import ThermalPicture, marks, spot
from models.thermal.position_picture import blurred_picture, clear_picture
from models.thermal.radiometry import Radiometer
from models.thermal.reading import Reading
from models.thermal.station import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One look at a position."""

    device: str
    frame: ThermalFrameCaptured
    step: Step
    reading: Reading | None
    """The newest of whoever stands there now."""
    threshold_c: float
    settings: Thermometer


def blurred_scene(view: View) -> Scene | None:
    """People as blocks that nobody can be known by; ``None`` where there are no temperatures in the frame."""
    frame, step = view.frame, view.step
    return _scene(
        view,
        Showing.BLURRED,
        lambda meter: blurred_picture(frame.raw, meter, step.references, step.offset_c),
    )


def clear_scene(view: View, order: str) -> Scene | None:
    """All of it, under the order that asked for it; ``None`` as above."""
    raw, offset_c = view.frame.raw, view.step.offset_c
    return _scene(view, Showing.CLEAR, lambda meter: clear_picture(raw, meter, offset_c), order)


def _scene(
    view: View,
    showing: Showing,
    picture: Callable[[Radiometer], ThermalPicture | None],
    order: str | None = None,
) -> Scene | None:
    meter = meter_of(view.frame, overrides_of(view.settings))
    shown = None if meter is None else picture(meter)
    if meter is None or shown is None:
        return None
    return Scene(
        device=view.device,
        at=wire_time(view.frame.at),
        width=shown.width,
        height=shown.height,
        min_c=shown.min_c,
        max_c=shown.max_c,
        grid=shown.grid,
        marks=_marks(view, meter),
        showing=showing,
        readings=_readings(view),
        condition=view.step.condition,
        lease=order,
    )


def _marks(view: View, meter: Radiometer) -> tuple[Mark, ...]:
    """A region's temperature is told only while the sensor's error is known."""
    raw, step, region = view.frame.raw, view.step, region_of(view.settings)
    found = marks(raw, meter, region, step.references, step.offset_c or 0.0)
    if step.offset_c is None:
        found = tuple(msgspec.structs.replace(mark, temp_c=None) for mark in found)
    measured = None if view.reading is None else view.reading.measurement
    if measured is None or region is None:
        return found
    here = spot(raw, region, measured.surface_temp_c)
    return found if here is None else (*found, here)


def _readings(view: View) -> tuple[SceneReading, ...]:
    if view.reading is None:
        return ()
    said = screening_of(view.reading, view.threshold_c, compliant=True)
    return (SceneReading(said.state, said.surface_temp_c, said.terms, said.reason),)
