"""A thermal picture of a scene without people, for the console. Shown, never stored.

Only a device that no portal and no zone uses may send one; the gateway's lint refuses any other
(docs/decisions/0008).
"""

from enum import StrEnum
from typing import Annotated

import msgspec

from cardea.contract.time import WireTime

SCENE_PIXELS_MAX = 160 * 120


class MarkKind(StrEnum):
    """What a mark in a scene shows."""

    ROI = "roi"
    REFERENCE = "reference"


class Mark(msgspec.Struct, frozen=True):
    """A rectangle in a scene, as fractions of its width and height, and the temperature found in it."""

    kind: MarkKind
    left: float
    top: float
    width: float
    height: float
    temp_c: float | None = None


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
