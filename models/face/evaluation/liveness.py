"""How well the living are told from pictures of them: APCER by species of attack, and BPCER.

Names after ISO/IEC 30107-3. A presentation that got no answer (no face, too close, too poor) is counted as a
non-response, by species (APNRR) and for the living (BPNRR); APCER and BPCER are shares of those that were
answered, so that silence never looks like a good answer. One picture is one presentation: a door asks for
the mean of several. What is measured is a basic, uncertified liveness.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from models.binomial import Interval, interval

BONA_FIDE = "bona_fide"


@dataclass(frozen=True, slots=True)
class Presentation:
    """One picture."""

    kind: str
    """``BONA_FIDE``, or a species of attack."""
    live: float | None
    """0..1; ``None`` = no answer."""
    reason: str | None = None
    """Why there was none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """The presentations of one kind."""

    name: str
    presentations: int
    answered: int
    errors: int
    """Attacks taken for the living, or the living taken for an attack."""
    rate: float | None
    """APCER or BPCER; ``None`` where none was answered."""
    rate_ci: Interval | None
    """95 %, Clopper and Pearson."""
    non_response: float
    """APNRR or BPNRR."""
    non_response_ci: Interval
    reasons: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LivenessRates:
    """All that is told of it."""

    live_min: float
    bona_fide: Kind | None
    attacks: tuple[Kind, ...]
    """By species, in the order of their names."""

    @property
    def worst(self) -> Kind | None:
        """The species with the highest APCER, which is the one that counts."""
        answered = [each for each in self.attacks if each.rate is not None]
        return max(answered, key=lambda each: each.rate or 0.0, default=None)


def liveness_rates(presentations: Sequence[Presentation], live_min: float) -> LivenessRates:
    """Taken for the living from ``live_min`` on."""
    kinds = sorted({each.kind for each in presentations})
    counted = {
        name: _kind(name, [each for each in presentations if each.kind == name], live_min) for name in kinds
    }
    bona_fide = counted.pop(BONA_FIDE, None)
    return LivenessRates(live_min=live_min, bona_fide=bona_fide, attacks=tuple(counted.values()))


def _kind(name: str, presentations: Sequence[Presentation], live_min: float) -> Kind:
    answers = [each.live for each in presentations if each.live is not None]
    errors = sum((live >= live_min) != (name == BONA_FIDE) for live in answers)
    silent = len(presentations) - len(answers)
    reasons = [each.reason or "no answer" for each in presentations if each.live is None]
    return Kind(
        name=name,
        presentations=len(presentations),
        answered=len(answers),
        errors=errors,
        rate=errors / len(answers) if answers else None,
        rate_ci=interval(errors, len(answers)) if answers else None,
        non_response=silent / len(presentations),
        non_response_ci=interval(silent, len(presentations)),
        reasons=tuple((reason, reasons.count(reason)) for reason in sorted(set(reasons))),
    )
