"""Thermal pictures for the console. Shown, never stored.

A scene without people shows things as they are: only a device that no portal and no zone uses may send one
(docs/decisions/0008). A position, before which people stand, shows people as coarse blocks only; as they are
on a topic of its own, for as long as an order by entitled staff runs (docs/decisions/0015).
"""

from enum import StrEnum
from typing import Annotated

import msgspec

from cardea.contract.records import ScreeningState
from cardea.contract.screening import NotScreened, ScreeningTerms
from cardea.contract.time import WireTime

SCENE_PIXELS_MAX = 160 * 120


class Showing(StrEnum):
    """What a picture shows of people."""

    THINGS = "things"
    """There are none in it."""
    BLURRED = "blurred"
    """Blocks too coarse to know anybody by."""
    CLEAR = "clear"
    """All of it: for whoever ordered it, and nobody else."""


class MarkKind(StrEnum):
    """What a mark in a scene shows."""

    ROI = "roi"
    REFERENCE = "reference"
    SPOT = "spot"
    """Where a person's temperature was taken."""


class Mark(msgspec.Struct, frozen=True):
    """A rectangle in a scene, as fractions of its width and height, and the temperature found in it."""

    kind: MarkKind
    left: float
    top: float
    width: float
    height: float
    temp_c: float | None = None


class SceneReading(msgspec.Struct, frozen=True):
    """What a position said last of somebody who stands before it."""

    state: ScreeningState
    surface_temp_c: float | None = None
    terms: ScreeningTerms | None = None
    reason: NotScreened | None = None
    """Why there is no temperature."""


class Scene(msgspec.Struct, frozen=True):
    """Temperatures of a scene: ``grid`` is a byte a pixel, row by row, 0 = ``min_c``, 255 = ``max_c``."""

    device: str
    at: WireTime
    width: Annotated[int, msgspec.Meta(ge=1, le=640)]
    height: Annotated[int, msgspec.Meta(ge=1, le=640)]
    min_c: float
    max_c: float
    grid: Annotated[bytes, msgspec.Meta(max_length=SCENE_PIXELS_MAX)]
    marks: Annotated[tuple[Mark, ...], msgspec.Meta(max_length=16)] = ()
    showing: Showing = Showing.THINGS
    readings: Annotated[tuple[SceneReading, ...], msgspec.Meta(max_length=8)] = ()
    condition: NotScreened | None = None
    """Why nobody can be measured there now."""
    lease: str | None = None
    """The order that a clear picture obeys."""
