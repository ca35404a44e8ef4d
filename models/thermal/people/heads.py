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
from models.thermal.people.bodies import Up, areas, is_chest, is_colder, is_hand, pointing
from models.thermal.people.face_shape import AROUND, Mask, Shape, faces, widest
from models.thermal.people.warm_regions import SKIN_C, Group, Known, Scene, groups, scene_of
from models.thermal.radiometry import Radiometer
from models.thermal.reference.disc import Circle
from models.thermal.roi import ENDS

SIDE_PX_MIN = 8
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
UP_PX_MIN = 8.0
"""Smaller faces do not say where up is."""
NECK = 0.2
"""By so many radii at least the middle of a person's warm pixels lies below that of the face: a bare neck,
about a radius wide and long, moves it by a quarter, a warm chest by more."""
HEADS_MAX = 4
"""In one piece of warm pixels."""
GROUP_PX_MIN = 20
HOUSING_RADII = 3.0
"""What comes nearer to a reference than this is its warm housing."""


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
        scene = scene_of(raw, meter, offset_c, skin_c, known or Known())
        if scene is None:
            return ()
        discs = scene.known.discs
        found = [head for head in _people(scene) if not _is_housing(head.circle, discs)]
    return tuple(replace(head, circle=scene.in_frame(head.circle)) for head in found)


def _people(scene: Scene) -> list[Head]:
    """Face by face: what belongs to a person is taken out, then what is left is looked at again."""
    found: list[Head] = []
    for group in groups(scene):
        together: list[Head] = []
        for _ in range(HEADS_MAX):
            head = _head(scene, group)
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


def _head(scene: Scene, group: Group) -> Head | None:
    """What has the shape of a face among these pixels, cut out at one level after another."""
    warm = group.skin & group.mine
    values = group.counts[warm > 0]
    if values.size < GROUP_PX_MIN:
        return None
    warmest = np.partition(values, values.size - 5)[-5:-1].mean(dtype=np.float64)
    if not warmest >= scene.least:
        return None
    warmest_c = float(scene.meter.celsius(warmest))
    *levels, alike = scene.meter.counts(warmest_c - np.array((*DROPS_C, ALIKE_C))).tolist()
    at, frame = (group.top, group.left), scene.skin.shape
    cuts = (warm & (group.counts >= level).view(np.uint8) for level in levels)
    like_faces = (shape for cut in cuts for shape in faces(group.counts, cut, group.hot, alike, at, frame))
    circle = _chosen(like_faces, scene.known)
    if circle is not None:
        face_c = scene.warmest_c(circle)
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


def _up(circle: Circle, group: Group, warm: Mask) -> Up | None:
    """Away from the middle of all that is warm of a person, when that is another place than the face."""
    if circle.radius_px < UP_PX_MIN:
        return None
    moments = cv2.moments(warm, binaryImage=True)
    down = circle.row - group.top - moments["m01"] / moments["m00"]
    right = circle.column - group.left - moments["m10"] / moments["m00"]
    return pointing(down, right) if math.hypot(down, right) >= NECK * circle.radius_px else None


def _is_housing(circle: Circle, discs: Iterable[Circle]) -> bool:
    return any(disc.away_px(circle) <= circle.radius_px + HOUSING_RADII * disc.radius_px for disc in discs)


def _take_out(scene: Scene, circle: Circle) -> None:
    """A head and the body below it are no other person."""
    if scene.known.up is None:
        middle = round(circle.column), round(circle.row)
        cv2.circle(scene.skin, middle, math.ceil(AROUND * circle.radius_px), 0, cv2.FILLED)
        return
    for area in areas(circle, scene.known.up):
        scene.skin[area] = 0
