"""The approach: one person coming to one side of one portal. Pure; the portal's task keeps one per side.

It opens on the first observation, gathers until the policy has what it asks for, and is then frozen into
evidence: after ``approach_s_max``, or at once when a second person appears, with what there is by then.
Times are the gateway's monotonic seconds, handed in.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Generic, TypeVar

from cardea.contract.orders import StatusColour
from cardea.contract.policy import FaceRequirement, PortalPolicy
from cardea.contract.records import CredentialKind, Outcome, ScreeningState, Side
from edge.decide.evidence import (
    NOT_FITTED,
    NOT_SEEN,
    Credential,
    Evidence,
    FaceCheck,
    FireInput,
    Fresh,
    Item,
    Missing,
    PassbackFinding,
    PassCheck,
    Screening,
    Stale,
    Standing,
    Why,
    ZoneStatus,
)

T = TypeVar("T")

# --- what is observed: facts about the person, already looked up or checked --------------------


@dataclass(frozen=True, slots=True)
class CredentialChecked:
    """Something was presented, and vault and verifier have said what it is worth."""

    credential: Credential
    pass_check: PassCheck | None = None


@dataclass(frozen=True, slots=True)
class TemperatureScreened:
    """The person's temperature was taken (``edge.decide.screening``)."""

    screening: Screening


@dataclass(frozen=True, slots=True)
class MaskSeen:
    """A device saw whether a mask is worn."""

    worn: bool


@dataclass(frozen=True, slots=True)
class FaceCompared:
    """The gateway's own look at the face."""

    check: FaceCheck


@dataclass(frozen=True, slots=True)
class SecondPersonSeen:
    """More than one person is in front of the portal."""


@dataclass(frozen=True, slots=True)
class TerminalDecided:
    """A terminal with its own authority has opened (``GRANT``) or refused by itself."""

    outcome: Outcome


Observation = (
    CredentialChecked | TemperatureScreened | MaskSeen | FaceCompared | SecondPersonSeen | TerminalDecided
)


class Sensed(StrEnum):
    """What devices can say of a person; the names are those of the evidence."""

    CREDENTIAL = "credential"
    SCREENING = "screening"
    MASK = "mask"
    FACE = "face"


_BY_CAMERA = frozenset({Sensed.MASK, Sensed.FACE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What is known at the moment of the decision without having been observed on the person."""

    unable: Mapping[Sensed, Why] = field(default_factory=dict[Sensed, Why])
    """What cannot be observed here and now, and why (not fitted, device offline): nobody waits for it."""
    colour: Item[StatusColour] = NOT_SEEN
    schedule: Item[bool] = NOT_FITTED
    passback: Item[PassbackFinding] = NOT_FITTED
    occupancy: Item[int] = NOT_FITTED
    zone: Item[ZoneStatus] = NOT_FITTED
    fire: Item[FireInput] = NOT_FITTED
    lockdown: Item[bool] = NOT_FITTED
    last_granted: Item[ScreeningState] = NOT_SEEN
    retests: int = 0
    """Retests that this person has been asked for already (``edge.portal.memory.Memory``)."""


@dataclass(frozen=True, slots=True)
class Seen(Generic[T]):
    """An observed value and when it was observed."""

    value: T
    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Approach:
    """What has been observed of one person so far."""

    id: str
    """From here to the ledger row."""
    side: Side
    opened_s: float
    backfilled: bool = False
    """Read from a device's history: an approach of its own, decided at once, opening nothing (L12)."""
    second_person: bool = False
    terminal: Outcome | None = None
    credential: Seen[Credential] | None = None
    pass_check: Seen[PassCheck] | None = None
    screening: Seen[Screening] | None = None
    mask: Seen[bool] | None = None
    face: Seen[FaceCheck] | None = None

    def observe(self, observation: Observation, now_s: float) -> "Approach":
        """The approach with one more observation; the newest of a kind counts."""
        match observation:
            case CredentialChecked(credential, pass_check):
                return self._presented(credential, pass_check, now_s)
            case TemperatureScreened(screening):
                return replace(self, screening=Seen(screening, now_s))
            case MaskSeen(worn):
                return replace(self, mask=Seen(worn, now_s))
            case FaceCompared(check):
                return replace(self, face=Seen(check, now_s))
            case SecondPersonSeen():
                return replace(self, second_person=True)
            case _:
                return replace(self, terminal=observation.outcome)

    def _presented(self, credential: Credential, pass_check: PassCheck | None, now_s: float) -> "Approach":
        """A second credential is a second factor of the same person, or a second person."""
        checked = Seen(pass_check, now_s) if pass_check is not None else self.pass_check
        presented = replace(self, credential=Seen(credential, now_s), pass_check=checked)
        if self.credential is None:
            return presented
        before = self.credential.value
        if not same_person(before, credential):
            return replace(presented, second_person=True)
        if alone_opens_nothing(credential) and not alone_opens_nothing(before):
            return self
        return presented

    def awaited(self, policy: PortalPolicy, unable: Mapping[Sensed, Why]) -> tuple[Sensed, ...]:
        """What the policy asks for, can still come, and has not come."""
        wanted = {
            Sensed.CREDENTIAL: self.credential is None or alone_opens_nothing(self.credential.value),
            Sensed.SCREENING: policy.require_screening and self.screening is None,
            Sensed.MASK: policy.require_mask and self.mask is None,
            Sensed.FACE: self._awaits_face(policy),
        }
        return tuple(sensed for sensed, wants in wanted.items() if wants and sensed not in unable)

    def _awaits_face(self, policy: PortalPolicy) -> bool:
        """Nobody is asked for their face before they have said who they are."""
        if policy.face is FaceRequirement.OFF or self.face is not None or self.credential is None:
            return False
        credential = self.credential.value
        named = credential.standing is Standing.VALID and credential.subject is not None
        return named and not alone_opens_nothing(credential)

    def ready(self, policy: PortalPolicy, unable: Mapping[Sensed, Why]) -> bool:
        """Whether more waiting could not change the decision.

        So it is for somebody leaving, for history, for a terminal that has decided already, for two people,
        and for a credential that is refused whatever the thermometer says.
        """
        settled = self.side is Side.EGRESS or self.backfilled or self.second_person
        refused = self.credential is not None and self.credential.value.standing is not Standing.VALID
        bad_pass = self.pass_check is not None and self.pass_check.value.standing is not Standing.VALID
        decided = settled or refused or bad_pass or self.terminal is not None
        return decided or not self.awaited(policy, unable)

    def deadline_s(self, policy: PortalPolicy) -> float:
        """When it is decided at the latest, with what there is."""
        return self.opened_s + policy.approach_s_max

    def due_s(self, policy: PortalPolicy, unable: Mapping[Sensed, Why]) -> float:
        """When it is decided at the latest while nothing more comes: for a camera alone nobody waits long."""
        deadline_s = self.deadline_s(policy)
        if self.credential is None or not _BY_CAMERA.issuperset(self.awaited(policy, unable)):
            return deadline_s
        return min(deadline_s, self.credential.at_s + policy.face_s_max)

    def due(self, policy: PortalPolicy, unable: Mapping[Sensed, Why], now_s: float) -> bool:
        """Whether to freeze and decide now."""
        return self.ready(policy, unable) or now_s >= self.due_s(policy, unable)

    def freeze(self, policy: PortalPolicy, around: Surroundings, now_s: float) -> Evidence:
        """Everything known at ``now_s``, with ages; what is older than the policy allows is stale."""

        def aged(seen: Seen[T] | None, sensed: Sensed, s_max: float) -> Item[T]:
            if seen is None:
                return Missing(around.unable.get(sensed, Why.NOT_SEEN))
            age_s = max(0.0, now_s - seen.at_s)
            return Fresh(seen.value, age_s) if age_s <= s_max else Stale(seen.value, age_s)

        checked: Item[PassCheck] = NOT_FITTED
        if self.pass_check is not None:
            checked = aged(self.pass_check, Sensed.CREDENTIAL, policy.approach_s_max)
        return Evidence(
            side=self.side,
            backfilled=self.backfilled,
            second_person=self.second_person,
            retests=around.retests,
            terminal=self.terminal,
            credential=aged(self.credential, Sensed.CREDENTIAL, policy.approach_s_max),
            pass_check=checked,
            screening=aged(self.screening, Sensed.SCREENING, policy.screening_s_max),
            mask=aged(self.mask, Sensed.MASK, policy.approach_s_max),
            face=aged(self.face, Sensed.FACE, policy.approach_s_max),
            colour=around.colour,
            schedule=around.schedule,
            passback=around.passback,
            occupancy=around.occupancy,
            zone=around.zone,
            fire=around.fire,
            lockdown=around.lockdown,
            last_granted=around.last_granted,
        )


def alone_opens_nothing(credential: Credential) -> bool:
    """A valid camera-only face, which needs a second factor (SAFETY.md L13)."""
    camera_only = credential.kind is CredentialKind.FACE and not credential.verified_by_terminal
    return camera_only and credential.standing is Standing.VALID


def same_person(one: Credential, other: Credential) -> bool:
    """Two reads of one approach belong together when vault and verifier name the same subject.

    Where neither names one, only a repeated read of the same kind is taken for the same person.
    """
    if one.subject is None and other.subject is None:
        return one.kind is other.kind
    return one.subject == other.subject


def person_key(credential: Credential) -> str:
    """Under what the tries and retests of a person are counted: the subject, else the kind presented."""
    return credential.subject.value if credential.subject is not None else f"unknown-{credential.kind.value}"
