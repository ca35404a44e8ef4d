"""What a clip of a position shows of it: noise, how steady its reference is, how large a face appears."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.thermal.condition.clauses import CLAUSES, Figure
from models.thermal.condition.selftest import Figures, Known, Origin
from models.thermal.geometry import longer_first
from models.thermal.radiometry import Radiometer
from models.thermal.reference.reference import Reference, look
from models.thermal.uncertainty import COVERAGE

FRAMES_MIN = 10
"""Fewer show nothing of noise or steadiness."""
QUIET = 0.25
"""Of all pixels the quieter quarter lies still, whoever walks through the rest of the picture."""
STILL_C = 0.1
"""A pixel that moves by more against the others sees something move."""
FACE_PX_MIN = 50
"""A smaller warm spot is no face."""
SKIN_C_MIN = 33.0
_TO_SD = 1.4826
"""A normal distribution's standard deviation by its median absolute deviation."""
Celsius = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Footage:
    """Frames of one position in their order."""

    frames: npt.NDArray[np.uint16]
    """Shape (n, h, w), n at least 1."""
    uptime_s: float
    """Of the sensor at the first frame."""
    corrected: npt.NDArray[np.bool_]
    """Shape (n,): there was a flat-field correction between this frame and the one before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipFacts:
    """What was measured; ``None`` where the clip does not show it."""

    frames: int
    columns_px: int
    rows_px: int
    uptime_s: float
    noise_c: float | None
    """NETD: standard deviation of one pixel from frame to frame, where nothing moves."""
    reference_stability_c: float | None
    """Expanded (k = 2), against what surrounds the reference; the sensor's own drift is common to both."""
    face_px: tuple[int, int] | None
    """Width and height of the largest spot as warm as skin; without a reference nothing is known to be."""

    def figures(self, declared: Figures, reference_drift_c: float | None) -> Figures:
        """What overrules ``declared``.

        Nothing finer than the noise can be resolved, so the noise overrules an MRTD that is said to be
        smaller and, where none is said, one as small as the standard asks. A clip is too short to show what
        a reference drifts in 14 d: without a word on that, only one that is unsteady already is judged.
        """
        found: dict[Figure, tuple[float, ...]] = {
            Figure.SENSOR: longer_first(self.columns_px, self.rows_px),
            Figure.WARM_UP: (self.uptime_s / 60.0,),
        }
        if self.face_px is not None:
            found[Figure.FACE] = longer_first(*self.face_px)
        said = declared.get(Figure.MRTD)
        if self.noise_c is not None and self.noise_c > (said.values[0] if said else _c_max(Figure.MRTD)):
            found[Figure.MRTD] = (self.noise_c,)
        stability_c = self.reference_stability_c
        if stability_c is not None and (
            reference_drift_c is not None or stability_c > _c_max(Figure.REFERENCE)
        ):
            found[Figure.REFERENCE] = (stability_c + (reference_drift_c or 0.0),)
        return {figure: Known(values, Origin.MEASURED) for figure, values in found.items()}


def _c_max(figure: Figure) -> float:
    return next(clause.bounds[0].high for clause in CLAUSES if clause.figure is figure)


def look_at(footage: Footage, meter: Radiometer, reference: Reference | None) -> ClipFacts:
    """Everything that the clip shows."""
    frames = footage.frames
    rows, columns = frames.shape[1:]
    contrasts_c, errors_c = _looks(frames, meter, reference)
    spots: Iterable[tuple[int, int, int]] = ()
    if reference is not None and errors_c:
        spots = _faces(frames, meter, SKIN_C_MIN - float(np.median(errors_c)), reference)
    return ClipFacts(
        frames=len(frames),
        columns_px=columns,
        rows_px=rows,
        uptime_s=footage.uptime_s,
        noise_c=_noise_c(footage, meter),
        reference_stability_c=_stability_c(contrasts_c),
        face_px=_largest(spots),
    )


def _noise_c(footage: Footage, meter: Radiometer) -> float | None:
    """From differences between frames that follow each other: drift is no noise."""
    total: Celsius = np.zeros(footage.frames.shape[1:])
    pairs = 0
    before_c = meter.celsius(footage.frames[0])
    for raw, corrected in zip(footage.frames[1:], footage.corrected[1:], strict=True):
        now_c = meter.celsius(raw)
        if not corrected:
            total += _moved_c(before_c, now_c) ** 2
            pairs += 1
        before_c = now_c
    if pairs < FRAMES_MIN:
        return None
    return float(np.quantile(np.sqrt(total / (2.0 * pairs)), QUIET))


def _moved_c(before_c: Celsius, now_c: Celsius) -> Celsius:
    """By how much each pixel differs, without what most of them have in common."""
    moved_c = now_c - before_c
    common = moved_c[np.abs(moved_c - np.median(moved_c)) <= STILL_C]
    return moved_c - common.mean()


def _looks(
    frames: npt.NDArray[np.uint16], meter: Radiometer, reference: Reference | None
) -> tuple[list[float], list[float]]:
    """How far the reference stands out from its surroundings, and its error, wherever it is seen."""
    contrasts_c: list[float] = []
    errors_c: list[float] = []
    if reference is None:
        return contrasts_c, errors_c
    for raw in frames:
        seen = look(raw, reference, meter)
        if seen is not None and seen.there:
            contrasts_c.append(seen.median_c - seen.ring_c)
            errors_c.append(seen.error_c(reference))
    return contrasts_c, errors_c


def _stability_c(contrasts_c: list[float]) -> float | None:
    if len(contrasts_c) < FRAMES_MIN:
        return None
    away_c = np.abs(np.array(contrasts_c) - np.median(contrasts_c))
    return COVERAGE * _TO_SD * float(np.median(away_c))


def _faces(
    frames: npt.NDArray[np.uint16], meter: Radiometer, from_c: float, reference: Reference
) -> Iterator[tuple[int, int, int]]:
    """Of each frame's largest spot as warm as skin: area, width and height."""
    import cv2  # which a gateway that only names these facts need not load

    middle = round(reference.column), round(reference.row)
    for raw in frames:
        warm = (meter.celsius(raw) >= from_c).astype(np.uint8)
        cv2.circle(warm, middle, round(2.0 * reference.radius_px), (0,), cv2.FILLED)
        _, _, stats, _ = cv2.connectedComponentsWithStats(warm, connectivity=8)
        if len(stats) > 1:
            spot = stats[1:][int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))]
            yield int(spot[cv2.CC_STAT_AREA]), int(spot[cv2.CC_STAT_WIDTH]), int(spot[cv2.CC_STAT_HEIGHT])


def _largest(spots: Iterable[tuple[int, int, int]]) -> tuple[int, int] | None:
    area, width, height = max(spots, default=(0, 0, 0))
    return (width, height) if area >= FACE_PX_MIN else None
