"""From a picture to a :class:`Look`: faces, quality, alignment, embedding, liveness.

Nothing of a picture is kept. Used by one thread at a time, which it blocks.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from drivers.api import FaceBox, Picture
from models.face import DETECTORS, EMBEDDER, LIVENESS, company, quality
from models.face.align import aligned
from models.face.detect import FaceDetector
from models.face.embed import Embedder
from models.face.liveness import Liveness, too_close
from models.face.look import Look, Poor
from models.face.quality import MATCHING, Gates
from models.registry import find, first_of

SIDE_PX_MAX = 16_384
"""Neither side of a picture may be longer."""


class FacePipeline:
    """The networks that a look needs, ready; that of masks is apart (``models.face.mask``)."""

    def __init__(self, detector: FaceDetector, embedder: Embedder, liveness: Liveness) -> None:
        self._detector = detector
        self._embedder = embedder
        self._liveness = liveness

    @property
    def model_sha256(self) -> str:
        """Of the file of the network that makes embeddings; stands in every template."""
        return self._embedder.model_sha256

    def detect(self, picture: Picture) -> tuple[FaceBox, ...]:
        """The faces in ``picture`` (h, w, 3; BGR, uint8), the surest first.

        Raises:
            ValueError: it is no such picture.
            ModelUnusable: the network failed.
        """
        _require_picture(picture)
        return self._detector.detect(picture)

    def look(self, picture: Picture, gates: Gates = MATCHING) -> Look:
        """What ``picture`` (h, w, 3; BGR, uint8) says of the face in front, if it passes ``gates``.

        Raises:
            ValueError: it is no such picture.
            ModelUnusable: a network failed.
        """
        faces = self.detect(picture)
        face = company.front(faces)
        if face is None:
            return Look(faces=faces, face=None, poor=Poor.NO_FACE)
        tight = too_close(picture, face)
        poor = Poor.SEVERAL_FACES if company.several(faces) else quality.poor_box(face, picture, gates)
        chip = aligned(picture, face.landmarks) if poor is None else None
        if chip is None:
            return Look(faces=faces, face=face, poor=poor or Poor.TILTED, too_close=tight)
        poor = quality.poor_chip(chip, gates)
        if poor is not None:
            return Look(faces=faces, face=face, poor=poor, too_close=tight)
        return Look(
            faces=faces,
            face=face,
            embedding=self._embedder.embed(chip),
            live=None if tight else self._liveness.live(picture, face),
            too_close=tight,
        )

    def live(self, picture: Picture, face: FaceBox) -> float:
        """What both liveness networks say of ``face`` in ``picture``, 0..1, poor or too tight as it may be.

        For measuring them; :meth:`look` knows when it says nothing.

        Raises:
            ModelUnusable: a network failed.
        """
        return self._liveness.live(picture, face)


def load(where: Sequence[Path] | None = None) -> FacePipeline:
    """The pipeline, of the models in the folders ``where`` (the user's by default); takes a second or so.

    Raises:
        ModelProblem: one is not here, is not what it should be, or fails its self-test.
    """
    return FacePipeline(
        FaceDetector(first_of(DETECTORS, where)),
        Embedder(find(EMBEDDER, where)),
        Liveness([find(name, where) for name in LIVENESS]),
    )


def _require_picture(picture: Picture) -> None:
    """Whatever a caller has been handed, a network only gets pictures."""
    shape, dtype = np.shape(picture), getattr(picture, "dtype", None)
    if (
        dtype != np.uint8
        or len(shape) != 3
        or shape[2] != 3
        or not all(1 <= side <= SIDE_PX_MAX for side in shape)
    ):
        raise ValueError(
            f"not a picture of (height, width, 3) bytes with sides up to {SIDE_PX_MAX}: {shape}, {dtype}"
        )
