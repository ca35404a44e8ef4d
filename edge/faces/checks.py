"""Whether faces can be compared here and now, and what comparing rests on."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from drivers.api import FaceBox, Picture
from edge.faces.availability import Availability
from models.face.look import Look
from models.face.thresholds import Thresholds


class Detector(Protocol):
    """Finds faces; used by one thread."""

    def detect(self, picture: Picture) -> Sequence[FaceBox]:
        """The faces in ``picture`` (h, w, 3; BGR, uint8)."""
        ...


class Pipeline(Detector, Protocol):
    """Looks at faces in full; used by one thread."""

    @property
    def model_sha256(self) -> str:
        """Of the model that makes embeddings."""
        ...

    def look(self, picture: Picture) -> Look:
        """Everything that ``picture`` says of the face in front."""
        ...


@dataclass(frozen=True, slots=True)
class Grounds:
    """What comparing rests on."""

    pipeline: Pipeline
    thresholds: Thresholds


OpenDetector = Callable[[], Detector]
"""Blocks; raises ModelProblem when there is none."""
OpenGrounds = Callable[[], Grounds]
"""Blocks; raises ModelProblem when a model is missing or refused, or the thresholds are another model's."""


class FaceChecks:
    """What the look at pictures knows and open claims ask."""

    def __init__(self, pinned_sha256: str, availability: Availability) -> None:
        """``pinned_sha256``: of the model whose templates count while none is open."""
        self._pinned_sha256 = pinned_sha256
        self._availability = availability
        self.grounds: Grounds | None = None
        """``None`` while nothing can be compared."""
        self.arrived = asyncio.Event()
        """There may be something to look at."""

    @property
    def model_sha256(self) -> str:
        """Of the model whose templates count."""
        return self._pinned_sha256 if self.grounds is None else self.grounds.pipeline.model_sha256

    @property
    def reason(self) -> str | None:
        """Why nobody can be compared; ``None`` while they can, and before it has been tried."""
        return self._availability.reason

    def concern(self, portal: str) -> None:
        """Comparing matters at ``portal`` too: its people are told when it is unavailable."""
        self._availability.concern(portal)

    def opened(self, grounds: Grounds) -> None:
        """Everything is there."""
        self.grounds = grounds
        self._availability.back()

    def not_needed(self) -> None:
        """There is nobody to compare with."""
        self._availability.not_needed()

    def lost(self, error: Exception) -> None:
        """Something is missing, refused or has failed."""
        self.grounds = None
        self._availability.lost(error)
