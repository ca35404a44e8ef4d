"""What a camera assumes of object and air, from its ``pixelToPixelParam``. Pure."""

import math
from collections.abc import Mapping

from drivers.api import Conditions
from drivers.thermal.hikvision.documents import Document

_METRES: Mapping[str, float] = {"meter": 1.0, "feet": 0.3048, "centimeter": 0.01, "": 0.01}
"""Of a unit of distance; a camera that names none means centimetres."""
DISTANCE_M_MAX = 1000.0
REFLECTED_C_MIN, REFLECTED_C_MAX = -100.0, 1000.0


def conditions_of(document: Document) -> Conditions | None:
    """``None`` when the camera does not say, or says nothing believable. Its air it never tells."""
    emissivity = document.number("emissivity")
    distance = document.number("distance")
    metres = _METRES.get(document.word("distanceUnit").lower())
    if emissivity is None or not 0.0 < emissivity <= 1.0 or distance is None or metres is None:
        return None
    distance_m = distance * metres
    if not 0.0 <= distance_m <= DISTANCE_M_MAX:
        return None
    reflected_c = _reflected_c(document)
    if reflected_c is None:
        return Conditions(emissivity=emissivity, distance_m=distance_m)
    return Conditions(emissivity=emissivity, distance_m=distance_m, reflected_c=reflected_c)


def _reflected_c(document: Document) -> float | None:
    if not document.flag("reflectiveEnable"):
        return None
    reflected_c = document.number("reflectiveTemperature")
    believable = REFLECTED_C_MIN <= (math.nan if reflected_c is None else reflected_c) <= REFLECTED_C_MAX
    return reflected_c if believable else None
