"""A second opinion: whether the looks at somebody agree with the person that their credential names (1:1).

Missing evidence never agrees and never contradicts: a poor look counts for nothing, and what cannot be told
is uncertain. Nothing here opens a door (SAFETY.md L13); liveness is basic and uncertified.
"""

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from models.face.gallery import Answer, answer, score, verify
from models.face.look import Embedding, Look, Poor
from models.face.thresholds import Thresholds

LOOKS_MAX = 60
"""After so many, poor ones too, an opinion is what it is: four seconds of fifteen frames each."""
_LIVENESS_SETTLED = 2
"""Liveness that is too low over so many times the looks it needs will not come."""


class Finding(StrEnum):
    """What the looks say of the claimed person."""

    AGREES = "agrees"
    CONTRADICTS = "contradicts"
    UNCERTAIN = "uncertain"
    NOT_LIVE = "not_live"
    TOO_CLOSE = "too_close"
    """The face filled the picture: no liveness before they step back."""


class Advice(StrEnum):
    """What somebody could do to be seen better."""

    FACE_CAMERA = "face_camera"
    ONE_AT_A_TIME = "one_at_a_time"
    COME_CLOSER = "come_closer"
    STEP_BACK = "step_back"
    HOLD_STILL = "hold_still"
    MORE_LIGHT = "more_light"


ADVICE: Mapping[Poor, Advice] = {
    Poor.NO_FACE: Advice.FACE_CAMERA,
    Poor.SEVERAL_FACES: Advice.ONE_AT_A_TIME,
    Poor.TOO_SMALL: Advice.COME_CLOSER,
    Poor.CUT_OFF: Advice.STEP_BACK,
    Poor.BLURRED: Advice.HOLD_STILL,
    Poor.DARK: Advice.MORE_LIGHT,
    Poor.FLAT: Advice.MORE_LIGHT,
    Poor.TILTED: Advice.FACE_CAMERA,
}


@dataclass(frozen=True, slots=True, eq=False)
class Opinion:
    """What the looks so far say; one with a verdict never changes."""

    template: Embedding
    thresholds: Thresholds
    looks: int = 0
    scores: tuple[float, ...] = ()
    """Of each good look with the template."""
    live: tuple[float, ...] = ()
    """Liveness of each good look from far enough."""
    too_close: int = 0
    """Looks that were too tight for liveness."""
    advised: tuple[Advice, ...] = ()

    def seen(self, look: Look) -> "Opinion":
        """With one more look. Raises GalleryMismatch if its embedding is not of the template's size."""
        if self.verdict is not None:
            return self
        scores, live = _good(look, self.template)
        return replace(
            self,
            looks=self.looks + 1,
            scores=self.scores + scores,
            live=self.live + live,
            too_close=self.too_close + look.too_close,
            advised=self.advised + _advised(look),
        )

    @property
    def score(self) -> float | None:
        """The median of the scores, the lower one of two."""
        return statistics.median_low(self.scores) if self.scores else None

    @property
    def liveness(self) -> float | None:
        """The mean, of enough looks to tell."""
        enough = len(self.live) >= self.thresholds.live_frames_min
        return math.fsum(self.live) / len(self.live) if enough else None

    @property
    def advice(self) -> Advice | None:
        """What would help most: the commonest shortcoming of the looks."""
        return max(Advice, key=self.advised.count) if self.advised else None

    @property
    def verdict(self) -> Finding | None:
        """What no further look changes; ``None`` = go on looking."""
        finding = self.at_the_end()
        return finding if self.looks >= LOOKS_MAX or self._settled(finding) else None

    def at_the_end(self) -> Finding:
        """What it is when no more looks come.

        Contradicts: at least ``frames_min`` good looks, and the best of them is below ``uncertain_min``.
        Not live: the mean over at least ``live_frames_min`` looks is below ``live_min``.
        Agrees: live, ``frames_min`` good looks match, and so do more than half of all good ones.
        Too close: what is missing of liveness was there, too tight.
        """
        if self._contradicts():
            return Finding.CONTRADICTS
        liveness = self.liveness
        if liveness is None:
            tight = self.too_close > 0 and len(self.live) + self.too_close >= self.thresholds.live_frames_min
            return Finding.TOO_CLOSE if tight else Finding.UNCERTAIN
        if liveness < self.thresholds.live_min:
            return Finding.NOT_LIVE
        return Finding.AGREES if self._matches() else Finding.UNCERTAIN

    def _contradicts(self) -> bool:
        enough = len(self.scores) >= self.thresholds.frames_min
        return enough and answer(max(self.scores), self.thresholds) is Answer.NO_MATCH

    def _matches(self) -> bool:
        matching = sum(answer(one, self.thresholds) is Answer.MATCH for one in self.scores)
        return matching >= self.thresholds.frames_min and 2 * matching > len(self.scores)

    def _settled(self, finding: Finding) -> bool:
        if finding is Finding.NOT_LIVE:
            return len(self.live) >= _LIVENESS_SETTLED * self.thresholds.live_frames_min
        return finding in {Finding.AGREES, Finding.CONTRADICTS}


def begin(template: Embedding, thresholds: Thresholds) -> Opinion:
    """Nothing seen yet of the person of ``template`` (d,)."""
    return Opinion(template, thresholds)


def of_snapshot(template: Embedding, look: Look, thresholds: Thresholds) -> Finding:
    """What one still of a terminal says; the terminal has judged liveness itself. Raises GalleryMismatch."""
    if look.poor is not None or look.embedding is None:
        return Finding.UNCERTAIN
    return _OF_ONE[verify(look.embedding, template, thresholds)]


_OF_ONE: Mapping[Answer, Finding] = {
    Answer.MATCH: Finding.AGREES,
    Answer.UNCERTAIN: Finding.UNCERTAIN,
    Answer.NO_MATCH: Finding.CONTRADICTS,
}


def _good(look: Look, template: Embedding) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The score and the liveness that a look adds, where it does."""
    if look.poor is not None or look.embedding is None:
        return (), ()
    scores = (score(look.embedding, template),)
    if look.too_close or look.live is None or not 0.0 <= look.live <= 1.0:
        return scores, ()
    return scores, (look.live,)


def _advised(look: Look) -> tuple[Advice, ...]:
    if look.poor is not None:
        return (ADVICE[look.poor],)
    return (Advice.STEP_BACK,) if look.too_close else ()
