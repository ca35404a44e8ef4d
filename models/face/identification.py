"""Who stands at a door, of several looks (1:N).

Only a suggestion of who it may be: liveness is not judged here, and nothing here opens a door (SAFETY.md
L13). An opinion on the person named (:mod:`models.face.opinion`) and their credential do the rest.
"""

from dataclasses import dataclass, replace

from models.face.gallery import Gallery, Identification, Outcome
from models.face.look import Look, Poor
from models.face.thresholds import Thresholds

_ANEW = frozenset({Poor.NO_FACE, Poor.SEVERAL_FACES})
"""After these it may be somebody else."""


@dataclass(frozen=True, slots=True)
class Sightings:
    """The last ``frames_min`` searches of one stay; what the looks before them said is forgotten."""

    thresholds: Thresholds
    recent: tuple[Identification, ...] = ()

    def seen(self, look: Look, gallery: Gallery) -> "Sightings":
        """With one more look; a poor one says nothing. Raises GalleryMismatch."""
        if look.poor in _ANEW:
            return replace(self, recent=())
        if look.poor is not None or look.embedding is None:
            return self
        found = gallery.identify(look.embedding, self.thresholds)
        return replace(self, recent=(*self.recent, found)[-self.thresholds.frames_min :])

    def agreed(self) -> Identification | None:
        """What the last looks say together, with the lowest score and the highest runner-up among them;
        ``None`` before there are enough.

        Identified when each of them identified the same person. A second factor is needed when all name the
        same person and one was not sure. Uncertain when they differ.
        """
        if len(self.recent) < self.thresholds.frames_min:
            return None
        outcome, person = _together(self.recent)
        return Identification(
            outcome=outcome,
            person=person,
            score=min((one.score for one in self.recent if one.score is not None), default=None),
            runner_up=max((one.runner_up for one in self.recent if one.runner_up is not None), default=None),
        )


def _together(found: tuple[Identification, ...]) -> tuple[Outcome, str | None]:
    outcomes, people = {one.outcome for one in found}, {one.person for one in found}
    if len(people) > 1:
        return Outcome.UNCERTAIN, None
    (person,) = people
    if len(outcomes) == 1:
        return outcomes.pop(), person
    return (Outcome.UNCERTAIN if person is None else Outcome.SECOND_FACTOR), person
