"""The canthi of one person in a visible and a thermal picture that were taken at the same moment."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import numpy.typing as npt

from cardea.cli.bounded_file import read_bounded
from cardea.cli.errors import CommandError
from drivers.api import Picture
from models.face import detect
from models.face.detect import FaceDetector
from models.registry import ModelProblem
from models.thermal.radiometry import Temperatures
from models.thermal.registration.canthi import Point, canthi
from models.thermal.registration.eye_corners import eye_corners
from models.thermal.registration.register import Pair

BYTES_MAX = 64 * 1024 * 1024
Find = Callable[[Path, Path], Sequence[Pair]]


class PictureUnusable(Exception):
    """One picture gives no canthi; says which and why."""


def canthi_of() -> Find:
    """What finds them, with the detector loaded once.

    Raises:
        CommandError: the detector's model is not here.
    """
    try:
        detector = detect.load()
    except ModelProblem as error:
        raise CommandError(f"{error}; or give points instead of pictures") from error

    def find(visible: Path, thermal: Path) -> Sequence[Pair]:
        corners, interocular_px = _visible(detector, visible)
        return [
            Pair(*seen, *warm, interocular_px) for seen, warm in zip(corners, _thermal(thermal), strict=True)
        ]

    return find


def _visible(detector: FaceDetector, path: Path) -> tuple[tuple[Point, Point], float]:
    faces = detector.detect(_picture(path))
    if len(faces) != 1:
        raise PictureUnusable(f"{path}: {len(faces)} faces are found in it, not one")
    found = canthi(faces[0])
    if found is None:
        raise PictureUnusable(f"{path}: the face is too small, or looks aside")
    return found.points, found.interocular_px


def _picture(path: Path) -> Picture:
    content = np.frombuffer(_content(path), np.uint8)
    decoded = cv2.imdecode(content, cv2.IMREAD_COLOR) if content.size else None
    if decoded is None:
        raise PictureUnusable(f"{path}: is no picture")
    return decoded.astype(np.uint8, copy=False)


def _thermal(path: Path) -> tuple[Point, Point]:
    found = eye_corners(_temperatures(path))
    if found is None:
        raise PictureUnusable(f"{path}: no inner corners of eyes can be made out")
    return found


def _temperatures(path: Path) -> Temperatures:
    """°C, shape (h, w), as ``cardea thermal read --npy`` writes them."""
    try:
        loaded: object = np.load(io.BytesIO(_content(path)), allow_pickle=False)
    except (ValueError, EOFError):
        raise PictureUnusable(
            f"{path}: is no array of °C; write one with cardea thermal read --npy"
        ) from None
    if not isinstance(loaded, np.ndarray):
        raise PictureUnusable(f"{path}: holds no single frame of °C")
    array = cast("npt.NDArray[Any]", loaded)
    if array.ndim != 2 or array.dtype.kind not in "fiu":
        raise PictureUnusable(f"{path}: holds no single frame of °C")
    return array.astype(np.float64)


def _content(path: Path) -> bytes:
    try:
        return read_bounded(path, BYTES_MAX)
    except CommandError as error:
        raise PictureUnusable(str(error)) from error
