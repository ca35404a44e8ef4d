"""Stills that people hand in: often small, or cut tightly around a face, as no camera at a door sees one.

A still is looked at as it is. If that gives no embedding, it is looked at again with a border around it and,
where it is small, at twice its size. Where the head leans, which the detector's landmarks follow only in
part, it is turned upright if the detector is surer of it then. Only these tools do that, nothing at a door.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np

from drivers.api import FaceBox, Picture
from models.face import company
from models.face.detect import fitted
from models.face.look import Look, Poor
from models.face.pipeline import SIDE_PX_MAX, FacePipeline
from models.face.quality import MATCHING, Gates, inside
from models.face.turned import Turn

SMALL_SIDE_PX = 160
"""A picture with no longer side is small."""
BORDER_PX = 60
BORDER_RATIO = 0.25
"""Of the longer side of a picture that is not small."""
INSIDE_MIN = 0.6
"""Of a face's box in the still itself, border or not."""
TURNS = (Turn(-20.0), Turn(20.0))
SURER_MIN = 0.02
"""By so much must the detector's score of a turned still be higher."""
_WORTH_ANOTHER_LOOK = frozenset({Poor.NO_FACE, Poor.TOO_SMALL, Poor.CUT_OFF, Poor.BLURRED})


@dataclass(frozen=True, slots=True)
class _View:
    """A still, enlarged and with a black border."""

    scale: int
    border_px: int

    def of(self, picture: Picture) -> Picture:
        edge = self.border_px
        size = (picture.shape[1] * self.scale, picture.shape[0] * self.scale)
        enlarged = cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR) if self.scale > 1 else picture
        bordered = cv2.copyMakeBorder(enlarged, edge, edge, edge, edge, cv2.BORDER_CONSTANT)
        return bordered.astype(np.uint8, copy=False)

    def back(self, face: FaceBox) -> FaceBox:
        """``face`` in pixels of the still."""
        return FaceBox(
            x=(face.x - self.border_px) / self.scale,
            y=(face.y - self.border_px) / self.scale,
            width=face.width / self.scale,
            height=face.height / self.scale,
            landmarks=tuple(
                ((x - self.border_px) / self.scale, (y - self.border_px) / self.scale)
                for x, y in face.landmarks
            ),
            score=face.score,
        )


_DOUBLED = _View(2, BORDER_PX)


def prepared(picture: Picture) -> Picture:
    """A small ``picture`` (h, w, 3) at twice its size with a border of 60 px; any other as it is."""
    return _DOUBLED.of(picture) if _is_small(picture) else picture


def look_at_still(pipeline: FacePipeline, picture: Picture, gates: Gates = MATCHING) -> Look:
    """What a still (h, w, 3; BGR, uint8) says of the face in front; faces in its own pixels.

    ``gates`` hold for the view that is taken: of a small still, pixels may count twice. With a border there
    is no liveness.

    Raises:
        ValueError: it is no such picture.
        ModelUnusable: a network failed.
    """
    look = _looked(pipeline, picture, gates, _views(picture))
    if look.face is None or look.poor not in {None, Poor.TILTED}:
        return look
    return _upright(pipeline, picture, gates, look) or look


def _looked(pipeline: FacePipeline, picture: Picture, gates: Gates, views: Iterable[_View]) -> Look:
    first = pipeline.look(picture, gates)
    if first.poor not in _WORTH_ANOTHER_LOOK:
        return first
    for view in views:
        look = _taken_back(pipeline.look(view.of(picture), gates), view)
        if look.embedding is not None and look.face is not None and inside(look.face, picture) >= INSIDE_MIN:
            return look
    return first


def _upright(pipeline: FacePipeline, picture: Picture, gates: Gates, look: Look) -> Look | None:
    """The look at the turned still of which the detector is surest; ``None`` unless it is surer than before.

    Of liveness it says what ``look`` says.
    """
    if math.hypot(*picture.shape[:2]) > SIDE_PX_MAX:
        return None
    surest, turn = 0.0 if look.face is None else look.face.score + SURER_MIN, None
    reduced, _ = fitted(picture, None)
    for each in TURNS:
        face = company.front(pipeline.detect(each.of(reduced)))
        if face is not None and face.score > surest:
            surest, turn = face.score, each
    if turn is None:
        return None
    found = _looked(pipeline, turn.of(picture), gates, _views(picture))
    faces = tuple(turn.back(each, picture) for each in found.faces)
    face = None if found.face is None else turn.back(found.face, picture)
    if found.embedding is None or face is None or inside(face, picture) < INSIDE_MIN:
        return None
    return replace(found, faces=faces, face=face, live=look.live, too_close=look.too_close)


def _views(picture: Picture) -> Iterator[_View]:
    if _is_small(picture):
        yield _View(1, BORDER_PX)
        yield _DOUBLED
    else:
        yield _View(1, round(BORDER_RATIO * max(picture.shape[:2])))


def _taken_back(look: Look, view: _View) -> Look:
    face = None if look.face is None else view.back(look.face)
    return replace(look, faces=tuple(map(view.back, look.faces)), face=face, live=None, too_close=True)


def _is_small(picture: Picture) -> bool:
    return max(picture.shape[:2]) <= SMALL_SIDE_PX
