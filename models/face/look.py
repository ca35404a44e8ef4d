"""What one picture says of the face in front: the data that the face checks hand to each other."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from drivers.api import FaceBox

Embedding = npt.NDArray[np.float32]
"""Shape (d,), of length 1: the cosine of two is their dot product. Only those of one model compare."""


class Poor(StrEnum):
    """Why a face cannot be compared in this picture."""

    NO_FACE = "no_face"
    SEVERAL_FACES = "several_faces"
    TOO_SMALL = "too_small"
    CUT_OFF = "cut_off"
    """Part of the face lies outside the picture."""
    BLURRED = "blurred"
    DARK = "dark"
    FLAT = "flat"
    """Too little contrast."""
    TILTED = "tilted"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Look:
    """One look at one picture; nothing in it can be turned back into the picture."""

    faces: tuple[FaceBox, ...]
    """Everybody in the picture."""
    face: FaceBox | None
    """The widest: who stands in front."""
    poor: Poor | None = None
    """Why there is no embedding."""
    embedding: Embedding | None = None
    live: float | None = None
    """0..1, mean of both networks (basic, uncertified); ``None`` without a look at liveness."""
    too_close: bool = False
    """The face fills the picture: no liveness can be told before somebody steps back."""
    masked: bool | None = None
    """Whether a mask is worn; ``None`` where nobody looked or cannot tell."""
