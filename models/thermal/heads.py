"""Faces in one thermal frame, found by their warmth and shape; no model, no background, no training.

Skin is the warmest of a person: pixels within a few degrees of their warmest make up the face, whose cold
parts (glasses, a nose, a beard) are closed where they are no larger than glasses are on a face. The largest
circle within is the face's width; a face ends there on all sides but the neck's, a chest does not. Every
length is a share of that width, every temperature a difference from the person's own warmest, so neither the
distance nor the frame's size nor which way the camera is turned has to be known.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np

from drivers.api import RawFrame
from models.thermal.bodies import Up, areas, is_chest, is_colder, is_hand, pointing
from models.thermal.disc import Circle
from models.thermal.face_shape import AROUND, CLOSINGS_PX, Counts, Mask, Shape, faces, round_kernel, widest
from models.thermal.presence import BELIEVABLE_C_MAX
from models.thermal.radiometry import Radiometer
from models.thermal.roi import ENDS

PIXELS = 160 * 120
"""Faces are looked for in about so many: a larger frame is made smaller first."""
SIDE_PX_MIN = 8
SKIN_C = 33.0
"""The warmest point of a face is warmer, °C."""
BELOW_C = 1.0
"""The rest of it may be colder by so much, while it hangs together with what is warm."""
ABOVE_ROOM_C = 1.0
"""In a warm room, skin is what is warmer than it by so much."""
SPARSE = 4
"""Every so many-th row and column is enough for the room's temperature."""
DROPS_C = (3.0, 2.2, 1.5)
"""How far below its warmest a face is cut out: the first that gives something of a face's shape. Skin of a
face differs by 2 to 3 °C; a smaller cut parts it from a warm shirt."""
ALIKE_C = 1.5
"""The warmest of a face lies in it: no colder than the warmest around by more than this."""
WIDE_MAX = 0.6
"""A face wider than this share of the frame's shorter side does not fit into it with forehead and chin."""
ERROR_C_MAX = 50.0
"""No sensor is so wrong."""
GROWN_MAX = 1.3
"""Within a second nobody who stands there comes so much nearer."""
HOT_EDGE_PX = 7
"""Around what is too hot for a person its edge is as warm as one."""
UP_PX_MIN = 8.0
"""Smaller faces do not say where up is."""
GROUPS_MAX = 6
HEADS_MAX = 4
"""In one piece of warm pixels."""
GROUP_PX_MIN = 20
_SQUARE: Mask = np.ones((CLOSINGS_PX[0], CLOSINGS_PX[0]), np.uint8)
DISC_RADII = 1.8
"""A reference is left out with its edge…"""
HOUSING_RADII = 3.0
"""…and what comes nearer to it than this is its warm housing."""


@dataclass(frozen=True, slots=True)
class Known:
    """What was found out before, in pixels of the frame."""

    discs: tuple[Circle, ...] = ()
    """References, which are no people."""
    up: Up | None = None
    """``None``: what hangs together with a face may be another person as well as its body."""
    faces: tuple[Circle, ...] = ()
    """Where people were last, as large as they have been lately: two who touch are not one twice as large."""


@dataclass(frozen=True, slots=True)
class Head:
    """A face in a frame, pixels of the frame."""

    circle: Circle
    """The largest within the face."""
    warmest_c: float
    """As the sensor reads it."""
    whole: bool
    """Whether it lies in the frame as a whole."""
    up: Up | None
    """Where up seems to be, judged by where the rest of the person is."""


@dataclass(frozen=True, slots=True)
class _Scene:
    """A frame made small enough, and what of it may be skin."""

    counts: Counts
    skin: Mask
    hot: Mask | None
    """What is warmer than any person, with its edge."""
    meter: Radiometer
    known: Known


def heads(
    raw: RawFrame,
    meter: Radiometer,
    offset_c: float,
    skin_c: float = SKIN_C,
    known: Known | None = None,
) -> tuple[Head, ...]:
    """The faces in a frame, the person with most warm pixels first; ``offset_c`` is what has to be added to
    its readings.
    """
    if raw.ndim != 2 or raw.dtype not in ENDS or min(raw.shape) < SIDE_PX_MIN:
        return ()
    if not abs(offset_c) <= ERROR_C_MAX:
        return ()
    with np.errstate(over="ignore", invalid="ignore"):
        return _heads(raw, meter, offset_c, skin_c, known or Known())


def _heads(
    raw: RawFrame, meter: Radiometer, offset_c: float, skin_c: float, known: Known
) -> tuple[Head, ...]:
    coarse = max(1, round(math.sqrt(raw.size / PIXELS)))
    counts = _shrunk(raw, coarse)
    room_c = _room_c(counts, meter) + offset_c
    bounds_c = np.array((skin_c, max(skin_c - BELOW_C, room_c + ABOVE_ROOM_C), BELIEVABLE_C_MAX)) - offset_c
    warm, low, high = meter.counts(bounds_c).tolist()
    if not (math.isfinite(warm) and math.isfinite(low) and math.isfinite(high)):
        return ()
    discs, faces_before = (
        tuple(_coarser(circle, coarse) for circle in circles) for circles in (known.discs, known.faces)
    )
    scene = _scene(counts, (low, high), meter, Known(discs, known.up, faces_before))
    found = (head for head in _people(scene, warm) if not _is_housing(head.circle, discs))
    return tuple(replace(head, circle=_finer(head.circle, coarse)) for head in found)


def _room_c(counts: Counts, meter: Radiometer) -> float:
    """The colder quarter of a picture is no person, however near, as the sensor reads it."""
    sparse = counts[::SPARSE, ::SPARSE]
    quarter = np.partition(sparse, sparse.size // 4, axis=None)[sparse.size // 4]
    return float(meter.celsius(np.asarray(quarter, np.float64)))


def _shrunk(raw: RawFrame, coarse: int) -> Counts:
    if coarse == 1:
        return raw
    rows, columns = raw.shape[0] // coarse, raw.shape[1] // coarse
    return cv2.resize(raw[: rows * coarse, : columns * coarse], (columns, rows), interpolation=cv2.INTER_AREA)


def _coarser(circle: Circle, coarse: int) -> Circle:
    half = 0.5 * (coarse - 1)
    return Circle((circle.row - half) / coarse, (circle.column - half) / coarse, circle.radius_px / coarse)


def _finer(circle: Circle, coarse: int) -> Circle:
    half = 0.5 * (coarse - 1)
    return Circle(circle.row * coarse + half, circle.column * coarse + half, circle.radius_px * coarse)


def _scene(counts: Counts, skin: tuple[float, float], meter: Radiometer, known: Known) -> _Scene:
    low, high = skin
    mask = ((counts >= low) & (counts <= high)).view(np.uint8)
    hot: Mask | None = (counts > high).view(np.uint8)
    if cv2.countNonZero(hot):
        hot = cv2.dilate(hot, round_kernel(HOT_EDGE_PX))
        mask[hot > 0] = 0
    else:
        hot = None
    for disc in known.discs:
        middle = round(disc.column), round(disc.row)
        cv2.circle(mask, middle, round(DISC_RADII * disc.radius_px), 0, cv2.FILLED)
    return _Scene(counts, mask, hot, meter, known)


@dataclass(frozen=True, slots=True)
class _Group:
    """Warm pixels near each other: at least one person, or none."""

    top: int
    left: int
    counts: Counts
    skin: Mask
    """A view into the scene's: what is taken out of one is taken out of both."""
    hot: Mask | None
    mine: Mask


def _people(scene: _Scene, least: float) -> list[Head]:
    """Face by face: what belongs to a person is taken out, then what is left is looked at again."""
    found: list[Head] = []
    for group in _groups(scene):
        together: list[Head] = []
        for _ in range(HEADS_MAX):
            head = _head(scene, group, least)
            if head is None:
                break
            if not is_hand(head.circle, (one.circle for one in (*found, *together)), scene.known.up):
                together.append(head)
            _take_out(scene, head.circle)
        faces = _without_chests(together, scene.known.up)
        found += faces if len(faces) == 1 else [replace(head, up=None) for head in faces]
    return _without_chests(found, scene.known.up)


def _without_chests(found: list[Head], up: Up | None) -> list[Head]:
    """Where up is not known, what is clearly colder than a face near by is its body."""
    if up is None:
        faces_c = [(head.circle, head.warmest_c) for head in found]
        return [head for head in found if not is_colder(head.circle, head.warmest_c, faces_c)]
    circles = [head.circle for head in found]
    return [head for head in found if not is_chest(head.circle, circles, up)]


def _warmest_c(scene: _Scene, circle: Circle) -> float:
    """In the square within the circle."""
    row, column, reach = round(circle.row), round(circle.column), round(circle.radius_px / math.sqrt(2.0))
    part = scene.counts[max(0, row - reach) : row + reach + 1, max(0, column - reach) : column + reach + 1]
    warmest = np.partition(part, part.size - 5, axis=None)[-5:-1].mean(dtype=np.float64)
    return float(scene.meter.celsius(warmest))


def _groups(scene: _Scene) -> Iterator[_Group]:
    closed = cv2.morphologyEx(scene.skin, cv2.MORPH_CLOSE, _SQUARE)
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(closed, connectivity=4)
    told: list[list[int]] = np.asarray(boxes).tolist()
    largest = sorted(range(1, len(told)), key=lambda number: -told[number][cv2.CC_STAT_AREA])
    for number in largest[:GROUPS_MAX]:
        left, top, width, height, _ = told[number]
        part = slice(top, top + height), slice(left, left + width)
        hot = None if scene.hot is None else scene.hot[part]
        mine: Mask = (labels[part] == number).view(np.uint8)
        yield _Group(top, left, scene.counts[part], scene.skin[part], hot, mine)


def _head(scene: _Scene, group: _Group, least: float) -> Head | None:
    """What has the shape of a face among these pixels, cut out at one level after another."""
    warm = group.skin & group.mine
    values = group.counts[warm > 0]
    if values.size < GROUP_PX_MIN:
        return None
    warmest = np.partition(values, values.size - 5)[-5:-1].mean(dtype=np.float64)
    if not warmest >= least:
        return None
    warmest_c = float(scene.meter.celsius(warmest))
    *levels, alike = scene.meter.counts(warmest_c - np.array((*DROPS_C, ALIKE_C))).tolist()
    at, frame = (group.top, group.left), scene.skin.shape
    cuts = (warm & (group.counts >= level).view(np.uint8) for level in levels)
    like_faces = (shape for cut in cuts for shape in faces(group.counts, cut, group.hot, alike, at, frame))
    circle = _chosen(like_faces, scene.known)
    if circle is not None:
        face_c = _warmest_c(scene, circle)
        return Head(circle, face_c, _is_whole(circle, frame), _up(circle, group, warm))
    filling = widest(warm, at)
    too_wide = 2.0 * filling.radius_px > WIDE_MAX * min(frame)
    return Head(filling, warmest_c, whole=False, up=None) if too_wide else None


def _chosen(like_faces: Iterator[Shape], known: Known) -> Circle | None:
    """The first, which is the largest; but where it is larger than who was there, and has a face at the side
    of another in it, that one.
    """
    first = next(like_faces, None)
    if first is None or known.up is None or _believable(first.circle, known.faces):
        return None if first is None else first.circle
    up, before = known.up, known.faces
    parts = (one for one in like_faces if _believable(one.circle, before) and one.has_neighbour(up))
    return next(parts, first).circle


def _believable(circle: Circle, before: tuple[Circle, ...]) -> bool:
    there = [face.radius_px for face in before if face.away_px(circle) <= circle.radius_px]
    return not there or circle.radius_px <= GROWN_MAX * max(there)


def _is_whole(circle: Circle, frame: tuple[int, ...]) -> bool:
    """A face that the frame cuts has its circle at the frame's edge."""
    edges_px = circle.row, circle.column, frame[0] - 1 - circle.row, frame[1] - 1 - circle.column
    return min(edges_px) >= circle.radius_px + 0.5


def _up(circle: Circle, group: _Group, warm: Mask) -> Up | None:
    """Away from the middle of all that is warm of a person, when that is another place than the face."""
    if circle.radius_px < UP_PX_MIN:
        return None
    moments = cv2.moments(warm, binaryImage=True)
    down = circle.row - group.top - moments["m01"] / moments["m00"]
    right = circle.column - group.left - moments["m10"] / moments["m00"]
    return pointing(down, right) if math.hypot(down, right) >= 0.5 * circle.radius_px else None


def _is_housing(circle: Circle, discs: Iterable[Circle]) -> bool:
    return any(disc.away_px(circle) <= circle.radius_px + HOUSING_RADII * disc.radius_px for disc in discs)


def _take_out(scene: _Scene, circle: Circle) -> None:
    """A head and the body below it are no other person."""
    if scene.known.up is None:
        middle = round(circle.column), round(circle.row)
        cv2.circle(scene.skin, middle, math.ceil(AROUND * circle.radius_px), 0, cv2.FILLED)
        return
    for area in areas(circle, scene.known.up):
        scene.skin[area] = 0
