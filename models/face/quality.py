"""Whether a face can be compared in this picture; a look that cannot says why, and what would help."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from drivers.api import FaceBox, Picture
from models.face.align import Point
from models.face.look import Poor


@dataclass(frozen=True, slots=True, kw_only=True)
class Gates:
    """What a face must have."""

    width_px_min: float = 60.0
    """Of its box, in the picture."""
    inside_min: float = 0.9
    """Of its box's area, in the picture."""
    roll_deg_max: float = 30.0
    """By how much the line of the eyes may slope."""
    sharpness_min: float = 60.0
    """Variance of the Laplacian of the chip's grey values; below ``CONTRAST_USUAL``, as if it had that."""
    brightness_min: float = 40.0
    """Mean of the chip's grey values."""
    contrast_min: float = 20.0
    """Their standard deviation."""


CONTRAST_USUAL = 50.0
"""Standard deviation of the grey values of a chip lit as usual. The Laplacian's variance falls with the
square of the contrast: less light is no blur."""

MATCHING = Gates()
ENROLMENT = Gates(width_px_min=112.0)


def poor_box(face: FaceBox, picture: Picture, gates: Gates) -> Poor | None:
    """What is wrong with where ``face`` is in ``picture``; ``None`` = nothing."""
    if face.width < gates.width_px_min:
        return Poor.TOO_SMALL
    if inside(face, picture) < gates.inside_min:
        return Poor.CUT_OFF
    return None if abs(roll_deg(face.landmarks)) <= gates.roll_deg_max else Poor.TILTED


def poor_chip(chip: Picture, gates: Gates) -> Poor | None:
    """What is wrong with how the aligned ``chip`` (h, w, 3; BGR, uint8) looks; ``None`` = nothing."""
    grey = cv2.cvtColor(chip, cv2.COLOR_BGR2GRAY).astype(np.uint8, copy=False)
    if grey.mean() < gates.brightness_min:
        return Poor.DARK
    contrast = float(grey.std())
    if contrast < gates.contrast_min:
        return Poor.FLAT
    usual = max(CONTRAST_USUAL, contrast)
    return None if sharpness(grey) * usual**2 >= gates.sharpness_min * contrast**2 else Poor.BLURRED


def inside(face: FaceBox, picture: Picture) -> float:
    """How much of the box of ``face`` is in ``picture``, 0..1."""
    height, width = picture.shape[:2]
    columns = min(face.x + face.width, width) - max(face.x, 0.0)
    rows = min(face.y + face.height, height) - max(face.y, 0.0)
    return max(columns, 0.0) * max(rows, 0.0) / (face.width * face.height)


def sharpness(grey: Picture) -> float:
    """Variance of the Laplacian of ``grey`` (h, w)."""
    return float(cv2.Laplacian(grey, cv2.CV_64F).var())


def roll_deg(landmarks: Sequence[Point]) -> float:
    """By how much the line from the right eye (on the left in a picture) to the left eye slopes down."""
    (right_x, right_y), (left_x, left_y) = landmarks[:2]
    return math.degrees(math.atan2(left_y - right_y, left_x - right_x))
