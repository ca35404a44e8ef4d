"""What the console sees of one thermal position: a frame, what it led to, and who was measured. Pure."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import msgspec

from cardea.contract.records import ScreeningState
from cardea.contract.scenes import Mark, Scene, SceneReading, Showing
from cardea.contract.time import wire_time
from drivers.api import ThermalFrameCaptured
from edge.thermal.positions import overrides_of, region_of
from edge.thermal.post import Said
from edge.thermal.settings import Thermometer
from models.thermal.overrides import meter_of
from models.thermal.people.people import face_region
from models.thermal.picture import ThermalPicture, marks, spot
from models.thermal.position_picture import blurred_picture, clear_picture
from models.thermal.radiometry import Radiometer
from models.thermal.station import Step

WORST_FIRST = (
    ScreeningState.ELEVATED,
    ScreeningState.RETEST,
    ScreeningState.NOT_SCREENED,
    ScreeningState.NORMAL,
)
PEOPLE_MAX = 8
MARKS_MAX = 16
"""A picture says nothing of more people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One look at a position."""

    device: str
    frame: ThermalFrameCaptured
    step: Step
    said: tuple[Said, ...]
    """The newest of each who stands there now."""
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
    raw, step = view.frame.raw, view.step
    found = marks(raw, meter, region_of(view.settings), step.references, step.offset_c or 0.0)
    if step.offset_c is None:
        return tuple(msgspec.structs.replace(mark, temp_c=None) for mark in found)
    return (*found, *_spots(view))[:MARKS_MAX]


def _spots(view: View) -> Iterator[Mark]:
    """Where each was measured who is still in the picture."""
    raw, there = view.frame.raw, {sight.number: sight for sight in view.step.people}
    for said in view.said:
        measured, sight = said.reading.measurement, there.get(said.reading.presence)
        if measured is not None and sight is not None:
            here = spot(raw, face_region(sight.circle, raw.shape), measured.surface_temp_c)
            if here is not None:
                yield here


def _readings(view: View) -> tuple[SceneReading, ...]:
    """The one that asks most of staff first."""
    screenings = sorted((said.screening for said in view.said), key=lambda one: WORST_FIRST.index(one.state))
    return tuple(
        SceneReading(one.state, one.surface_temp_c, one.terms, one.reason) for one in screenings[:PEOPLE_MAX]
    )
