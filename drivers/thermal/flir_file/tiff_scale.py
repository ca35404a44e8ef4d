"""What the numbers of a TIFF mean: °C, kelvin, so many kelvin a count, or a calibrated camera's counts. Pure.

Source: ``Camera:TlinearGain`` in the XMP of FLIR's TIFFs (file format 102-9012-01) is the kelvins of a count,
0 where counts are not linear in temperature. FLIR Duo Pro R user guide, 6.2.2: 0.04 K a count from -25 to
135 °C, 0.40 K from -40 to 550 °C; FLIR Duo user guide: 0.01 K. Planck constants by ExifTool's names. Files
that have lost their XMP are common; the ranges do not overlap, so the counts tell which it must be.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from drivers.api import CELSIUS, Conditions, LinearScale, Planck, RawFrame
from drivers.thermal.flir_file.camera_info import KELVIN_C
from drivers.thermal.flir_file.content import NotRadiometric

GAIN_K_MAX = 10.0
_TLINEAR_GAINS_K: tuple[tuple[float, float, float], ...] = (
    (0.01, 220.0, 450.0),
    (0.04, 220.0, 450.0),
    (0.4, 220.0, 850.0),
)
"""Kelvins of a count, and the coldest and hottest that such cameras tell, K."""
_COLD_C_MAX = 150.0
"""Where even the coldest pixels lie above, °C cannot be meant."""
_CELSIUS_FROM = -150.0
_PLANCK: Mapping[str, str] = {
    "PlanckR1": "r1", "PlanckR2": "r2", "PlanckB": "b", "PlanckF": "f", "PlanckO": "o",
    "AtmosphericTransAlpha1": "alpha_1", "AtmosphericTransAlpha2": "alpha_2",
    "AtmosphericTransBeta1": "beta_1", "AtmosphericTransBeta2": "beta_2", "AtmosphericTransX": "x",
}  # fmt: skip
_PLANCK_LEAST = {"r1", "r2", "b", "f", "o"}
_FIELD = re.compile(
    rb"(?<![/:\w])(?:[A-Za-z]\w*:)?(" + "|".join(("TlinearGain", "cameraModel", *_PLANCK)).encode() + rb")"
    rb"\s*(?:=\s*[\"']|>)\s*([^<\"']{1,64})"
)
"""An element or an attribute of any namespace; XMP is padded, cut and copied too often to be read as XML."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What makes temperatures of a page's numbers."""

    scale: LinearScale | Planck
    conditions: Conditions | None
    assumed: str | None = None
    """What the file does not say and had to be supposed."""


def fields(xmp: bytes) -> dict[str, str]:
    """What an XMP says of the camera and its scale, by name."""
    return {name.decode(): value.decode("utf-8", "replace").strip() for name, value in _FIELD.findall(xmp)}


def said_meaning(said: Mapping[str, str], picture: RawFrame) -> Meaning | None:
    """What the file itself says; ``None`` when it says nothing.

    Raises:
        NotRadiometric: it says that its counts are not linear in temperature, and not how they are.
    """
    if picture.dtype != np.uint16:
        return None
    gain_k = _number(said.get("TlinearGain"))
    if gain_k is not None and 0 < gain_k <= GAIN_K_MAX:
        return Meaning(kelvins(gain_k), None)
    planck = {member: _number(said.get(name)) for name, member in _PLANCK.items()}
    known = {member: value for member, value in planck.items() if value is not None}
    if known.keys() >= _PLANCK_LEAST and min(known[member] for member in ("r1", "r2", "b")) > 0:
        return Meaning(Planck(**known), Conditions(), "object and air as for skin at 1 m")
    if gain_k is not None:
        raise NotRadiometric("counts_not_linear_in_temperature")
    return None


def supposed_meaning(picture: RawFrame) -> Meaning:
    """What the numbers must be by themselves.

    Raises:
        NotRadiometric: they could be anything.
    """
    numbers = picture[np.isfinite(picture)]
    if not numbers.size:
        raise NotRadiometric("no_number_in_the_picture")
    if picture.dtype != np.uint16:
        return _of_floats(numbers)
    low, high = np.percentile(numbers, (1, 99))
    for gain_k, coldest_k, hottest_k in _TLINEAR_GAINS_K:
        if coldest_k <= low * gain_k and high * gain_k <= hottest_k:
            return Meaning(kelvins(gain_k), None, f"{gain_k} K a count, by the range of the counts")
    raise NotRadiometric("counts_without_a_scale")


def kelvins(gain_k: float) -> LinearScale:
    """Counts of ``gain_k`` K from absolute zero."""
    return LinearScale(gain_c=gain_k, offset_c=-KELVIN_C)


def _of_floats(numbers: npt.NDArray[Any]) -> Meaning:
    low = float(np.percentile(numbers, 1))
    if low > _COLD_C_MAX:
        return Meaning(kelvins(1.0), None, f"numbers are kelvin: as °C all would lie above {_COLD_C_MAX:g}")
    if low < _CELSIUS_FROM:
        raise NotRadiometric("counts_without_a_scale")
    return Meaning(CELSIUS, None, "numbers are °C")


def _number(text: str | None) -> float | None:
    """A number as XMP writes it, also as a fraction."""
    above, _, below = (text or "").partition("/")
    try:
        number = float(above) / float(below or 1)
    except (ValueError, ZeroDivisionError):
        return None
    return number if np.isfinite(number) and abs(number) < 1e9 else None
