"""Gaps and notes: what the policy needs and nobody knows (SAFETY.md L7), and what a grant should mention."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from cardea.contract.policy import AntiPassback, FaceRequirement, PortalPolicy
from cardea.contract.reasons import Reason
from cardea.contract.records import ScreeningState
from edge.decide.evidence import (
    NOT_FITTED,
    Evidence,
    FaceCheck,
    FireInput,
    Fresh,
    Item,
    Missing,
    PassbackFinding,
    Screening,
    Stale,
    Why,
)

HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Need:
    """An item that must be known and young, when it must, and the reasons that say it is not."""

    needed: Callable[[Evidence, PortalPolicy], bool]
    item: Callable[[Evidence], Item[Any]]
    when_missing: Reason
    when_stale: Reason


def _screening(evidence: Evidence) -> Item[Screening]:
    """A screening that says "not screened" is none."""
    match evidence.screening:
        case Fresh(Screening(state=ScreeningState.NOT_SCREENED)):
            return NOT_FITTED
        case item:
            return item


def _face_uncertain(evidence: Evidence) -> bool:
    return isinstance(evidence.face, Fresh) and evidence.face.value is FaceCheck.UNCERTAIN


def _face_needed(evidence: Evidence, policy: PortalPolicy) -> bool:
    """Of somebody without a template no face is needed: there is a way without one (SAFETY.md, item 21)."""
    return policy.face is FaceRequirement.REQUIRED and evidence.face != Missing(Why.NOT_ENROLLED)


NEEDS = (
    Need(
        lambda _evidence, policy: policy.require_screening,
        _screening,
        Reason.SCREENING_MISSING,
        Reason.SCREENING_STALE,
    ),
    Need(
        lambda _evidence, policy: policy.require_mask,
        lambda evidence: evidence.mask,
        Reason.MASK_UNKNOWN,
        Reason.MASK_UNKNOWN,
    ),
    Need(
        lambda evidence, _policy: evidence.schedule != NOT_FITTED,
        lambda evidence: evidence.schedule,
        Reason.SCHEDULE_UNKNOWN,
        Reason.SCHEDULE_UNKNOWN,
    ),
    Need(
        lambda _evidence, policy: policy.capacity is not None,
        lambda evidence: evidence.occupancy,
        Reason.OCCUPANCY_UNKNOWN,
        Reason.OCCUPANCY_UNKNOWN,
    ),
    Need(
        lambda evidence, policy: _face_needed(evidence, policy) and not _face_uncertain(evidence),
        lambda evidence: evidence.face,
        Reason.FACE_UNCHECKED,
        Reason.FACE_UNCHECKED,
    ),
    Need(
        lambda evidence, policy: _face_needed(evidence, policy) and _face_uncertain(evidence),
        lambda _evidence: NOT_FITTED,
        Reason.FACE_UNCERTAIN,
        Reason.FACE_UNCERTAIN,
    ),
)


def gaps(evidence: Evidence, policy: PortalPolicy) -> tuple[Reason, ...]:
    """The reasons for every needed item that is missing or stale; empty when all is known."""
    return tuple(_gaps(evidence, policy))


def _gaps(evidence: Evidence, policy: PortalPolicy) -> Iterator[Reason]:
    for need in NEEDS:
        if need.needed(evidence, policy):
            match need.item(evidence):
                case Fresh():
                    pass
                case Stale():
                    yield need.when_stale
                case _:
                    yield need.when_missing


def good_enough_lately(evidence: Evidence, policy: PortalPolicy) -> bool:
    """Whether ``cached_for`` admits this person.

    It does when the person's last grant with all evidence at hand (mode ``live``) is younger than
    ``degrade_cached_h`` and, where screening is required, rested on a normal screening. Grants under a
    degrade policy do not count, so that one good check can never be stretched from grant to grant.
    """
    match evidence.last_granted:
        case Fresh(screening, age_s) | Stale(screening, age_s):
            normal = screening is ScreeningState.NORMAL or not policy.require_screening
            return normal and 0.0 <= age_s < policy.degrade_cached_h * HOUR_S
        case _:
            return False


def _soft_passback(evidence: Evidence, policy: PortalPolicy) -> bool:
    match evidence.passback:
        case Fresh(PassbackFinding.VIOLATED) | Stale(PassbackFinding.VIOLATED):
            return policy.anti_passback is AntiPassback.SOFT
        case _:
            return False


def _advisory(evidence: Evidence, policy: PortalPolicy) -> bool:
    match evidence.screening:
        case Fresh(Screening(compliant=False)):
            return policy.require_screening
        case _:
            return False


def _fire_trouble(evidence: Evidence, _policy: PortalPolicy) -> bool:
    match evidence.fire:
        case Fresh(FireInput.NORMAL):
            return False
        case item:
            return item != NOT_FITTED


def _face_unchecked(evidence: Evidence, policy: PortalPolicy) -> bool:
    """It was to be had, and nobody got it."""
    match evidence.face:
        case Missing(why):
            return policy.face is FaceRequirement.ASKED and why not in (Why.NOT_FITTED, Why.NOT_ENROLLED)
        case item:
            return policy.face is FaceRequirement.ASKED and isinstance(item, Stale)


def _face_unsure(evidence: Evidence, policy: PortalPolicy) -> bool:
    return policy.face is FaceRequirement.ASKED and _face_uncertain(evidence)


NOTES: tuple[tuple[Reason, Callable[[Evidence, PortalPolicy], bool]], ...] = (
    (Reason.ANTI_PASSBACK, _soft_passback),
    (Reason.SCREENING_ADVISORY, _advisory),
    (Reason.FIRE_TROUBLE, _fire_trouble),
    (Reason.FACE_UNCHECKED, _face_unchecked),
    (Reason.FACE_UNCERTAIN, _face_unsure),
)
"""What does not stand against a grant but belongs beside it."""


def notes(evidence: Evidence, policy: PortalPolicy) -> tuple[Reason, ...]:
    """The remarks that go with a grant."""
    return tuple(reason for reason, applies in NOTES if applies(evidence, policy))
