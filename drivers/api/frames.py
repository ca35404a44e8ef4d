"""Frames and what gives them meaning: raw counts, radiometric scales, conditions, pictures, faces.

Arrays are handed over, never copied: whoever made one does not write to it again.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.uint16]
RawFrame = npt.NDArray[np.uint16 | np.float32]
"""Shape (h, w): counts as the sensor gave them; or °C as float32, with the scale ``CELSIUS``, of a device
that does its own radiometry. Both rise with temperature, and everything is finite in a frame that is fit."""
Picture = npt.NDArray[np.uint8]
"""Shape (h, w, 3), BGR, 0..255."""


class Unfit(StrEnum):
    """Why a frame or spot is no measurement."""

    WARMING_UP = "warming_up"
    FLAT_FIELD = "flat_field"
    """A flat-field correction is due, under way or too fresh."""
    OUT_OF_RANGE = "out_of_range"
    FROZEN = "frozen"
    """The same frame again and again."""
    SENSOR_FAULT = "sensor_fault"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearScale:
    """°C = raw · ``gain_c`` + ``offset_c``; a Lepton's TLinear counts are 0.01 and -273.15."""

    gain_c: float
    offset_c: float


CELSIUS = LinearScale(gain_c=1.0, offset_c=0.0)
"""Of frames that hold °C."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planck:
    """A camera's calibration, by the names of FLIR's metadata (THERMIMAGE, ``raw2temp``).

    T = b / ln(r1 / (r2 · (S + o)) + f) - 273.15 °C for the object's signal S in counts; the other
    members describe the transmission of air.
    """

    r1: float
    r2: float
    b: float
    f: float
    o: float
    alpha_1: float = 0.006569
    alpha_2: float = 0.01262
    beta_1: float = -0.002276
    beta_2: float = -0.00667
    x: float = 1.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What lies between object and camera."""

    emissivity: float = 0.98
    distance_m: float = 1.0
    reflected_c: float = 22.0
    atmosphere_c: float = 22.0
    humidity: float = 0.5
    """Relative, as a fraction of 1."""
    window_c: float = 22.0
    window_transmission: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceBox:
    """A face in a picture: pixels from the top left corner; right eye, left eye, nose, mouth corners."""

    x: float
    y: float
    width: float
    height: float
    landmarks: tuple[tuple[float, float], ...]
    score: float
