"""The outcome table of the default policy, generated from the rules: ``python -m edge.decide.outcomes``.

``docs/outcomes.md`` is what this prints; a test compares the two, so that no rule changes unseen.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from cardea.contract.orders import StatusColour
from cardea.contract.policy import Degrade, FaceRequirement, PortalPolicy
from cardea.contract.records import CredentialKind, ScreeningState, Side, Subject
from edge.decide.decide import decide
from edge.decide.decision import RaiseAlert
from edge.decide.evidence import (
    NOT_SEEN,
    Credential,
    Evidence,
    FaceCheck,
    FireInput,
    Fresh,
    Item,
    Missing,
    PassbackFinding,
    Screening,
    Stale,
    Standing,
    Why,
    ZoneStatus,
)

POLICY = PortalPolicy(require_screening=True)
"""The defaults of SAFETY.md, at a portal that screens."""
_SOMEBODY = Subject("site", "1", "00")
_AGE_S, _OLD_S, _HOUR_S = 0.5, 60.0, 3600.0


def _card(standing: Standing, tries: int = 0) -> Credential:
    return Credential(CredentialKind.CARD, standing, _SOMEBODY, tries)


CREDENTIALS: Mapping[str, Item[Credential]] = {
    "missing": NOT_SEEN,
    "valid, stale": Stale(_card(Standing.VALID), _OLD_S),
    **{standing.value.replace("_", " "): Fresh(_card(standing), _AGE_S) for standing in Standing},
}
_STATES: Mapping[str, ScreeningState] = {state.value.replace("_", " "): state for state in ScreeningState}
SCREENINGS: Mapping[str, Item[Screening]] = {
    **{name: Fresh(Screening(state), _AGE_S) for name, state in _STATES.items()},
    "missing": Missing(Why.DEVICE_OFFLINE),
    **{f"{name}, stale": Stale(Screening(state), _OLD_S) for name, state in _STATES.items()},
}
COLOURS: Mapping[str, Item[StatusColour]] = {
    "unknown": NOT_SEEN,
    **{colour.value: Fresh(colour, _AGE_S) for colour in StatusColour},
    **{f"{colour.value}, stale": Stale(colour, _OLD_S) for colour in StatusColour},
}
GOOD = Evidence(
    side=Side.INGRESS,
    credential=Fresh(_card(Standing.VALID), _AGE_S),
    screening=Fresh(Screening(ScreeningState.NORMAL), _AGE_S),
)
"""Everything in order."""
_RED = replace(GOOD, colour=Fresh(StatusColour.RED, _AGE_S))
_ALARM: Item[FireInput] = Fresh(FireInput.ALARM, _AGE_S)
_FACE = Fresh(Credential(CredentialKind.FACE, Standing.VALID, _SOMEBODY), _AGE_S)
_FACE_LIVE = Fresh(
    Credential(CredentialKind.FACE, Standing.VALID, _SOMEBODY, verified_by_terminal=True), _AGE_S
)
_ADVISORY = Screening(ScreeningState.ELEVATED, compliant=False)
_RETEST = replace(GOOD, screening=Fresh(Screening(ScreeningState.RETEST), _AGE_S))

SITUATIONS: Mapping[str, Evidence] = {
    "everything in order": GOOD,
    "somebody leaves": Evidence(side=Side.EGRESS),
    "somebody leaves: red, lockdown, revoked": replace(
        _RED,
        side=Side.EGRESS,
        lockdown=Fresh(value=True, age_s=_AGE_S),
        credential=Fresh(_card(Standing.REVOKED), _AGE_S),
    ),
    "fire alarm": replace(_RED, fire=_ALARM, lockdown=Fresh(value=True, age_s=_AGE_S)),
    "fire alarm, last reading old": replace(GOOD, fire=Stale(FireInput.ALARM, _OLD_S)),
    "fire loop in trouble": replace(GOOD, fire=Fresh(FireInput.TROUBLE, _AGE_S)),
    "lockdown": replace(_RED, lockdown=Fresh(value=True, age_s=_AGE_S)),
    "told from a device's history": replace(GOOD, backfilled=True),
    "zone behind is busy": replace(GOOD, zone=Fresh(ZoneStatus.BUSY, _AGE_S)),
    "third try with an unknown credential": replace(
        GOOD, credential=Fresh(_card(Standing.UNKNOWN, tries=2), _AGE_S)
    ),
    "outside the schedule": replace(GOOD, schedule=Fresh(value=False, age_s=_AGE_S)),
    "schedule unknown": replace(GOOD, schedule=Missing(Why.UNAVAILABLE)),
    "second person": replace(GOOD, second_person=True),
    "face matched by a camera only": replace(GOOD, credential=_FACE),
    "face matched by the terminal, alive": replace(GOOD, credential=_FACE_LIVE),
    "elevated, NON-COMPLIANT thermometer": replace(GOOD, screening=Fresh(_ADVISORY, _AGE_S)),
    "retest for the fourth time": replace(_RETEST, retests=3),
    **{
        f"face {found.value.replace('_', ' ')}": replace(GOOD, face=Fresh(found, _AGE_S))
        for found in FaceCheck
    },
    "face not seen": replace(GOOD, face=Missing(Why.NOT_SEEN)),
    "face of somebody without a template": replace(GOOD, face=Missing(Why.NOT_ENROLLED)),
}
"""What is above the table, and beside it."""

FACES: Mapping[str, Item[FaceCheck]] = {
    "agrees": Fresh(FaceCheck.AGREES, _AGE_S),
    "uncertain": Fresh(FaceCheck.UNCERTAIN, _AGE_S),
    "not seen": Missing(Why.NOT_SEEN),
    "no model": Missing(Why.UNAVAILABLE),
    "agreed long ago": Stale(FaceCheck.AGREES, _OLD_S),
    "somebody without a template": Missing(Why.NOT_ENROLLED),
}

PARTICULAR: Mapping[str, tuple[PortalPolicy, Evidence]] = {
    "masks required, none worn": (
        PortalPolicy(require_mask=True),
        replace(GOOD, mask=Fresh(value=False, age_s=_AGE_S)),
    ),
    "masks required, not known": (PortalPolicy(require_mask=True), GOOD),
    "zone required, not known": (PortalPolicy(require_zone=True), GOOD),
    "capacity 100, 100 inside": (PortalPolicy(capacity=100), replace(GOOD, occupancy=Fresh(100, _AGE_S))),
    "capacity 100, not known": (PortalPolicy(capacity=100), GOOD),
    **{
        f"face required, {name}": (PortalPolicy(face=FaceRequirement.REQUIRED), replace(GOOD, face=face))
        for name, face in FACES.items()
    },
    **{
        f"anti-passback {mode.value}, entered twice": (
            PortalPolicy(anti_passback=mode),
            replace(GOOD, passback=Fresh(PassbackFinding.VIOLATED, _AGE_S)),
        )
        for mode in type(POLICY.anti_passback)
    },
}
"""Where a portal's policy asks for more than the defaults."""

LAST_GRANTED: Mapping[str, Item[ScreeningState]] = {
    "never": NOT_SEEN,
    "1 h ago, screened normal": Stale(ScreeningState.NORMAL, _HOUR_S),
    "1 h ago, not screened": Stale(ScreeningState.NOT_SCREENED, _HOUR_S),
    "13 h ago, screened normal": Stale(ScreeningState.NORMAL, 13 * _HOUR_S),
}


def outcome(evidence: Evidence, policy: PortalPolicy = POLICY) -> str:
    """A cell: the outcome, the alerts, and the reasons."""
    decision = decide(evidence, policy, 1)
    alerts = "".join(" + alert" for effect in decision.effects if isinstance(effect, RaiseAlert))
    return f"{decision.outcome.value}{alerts}: {', '.join(decision.reasons)}"


def document() -> str:
    """All tables as Markdown."""
    return "\n".join(
        [
            "# What the rules say",
            "",
            "Generated by `python -m edge.decide.outcomes` from the rules and the default policy; a test",
            "holds this page to them. Each cell is the outcome with its reasons, the deciding one first.",
            "",
            "## Situations",
            "",
            *_table(("situation", "outcome"), ((name, outcome(e)) for name, e in SITUATIONS.items())),
            "",
            "## What a portal's policy can ask for",
            "",
            *_table(
                ("policy and evidence", "outcome"),
                ((name, outcome(e, policy)) for name, (policy, e) in PARTICULAR.items()),
            ),
            "",
            "## No screening at a portal that requires one, by degrade policy",
            "",
            *_table(("last full grant", *Degrade), _degraded()),
            "",
            *(line for colour in COLOURS for line in _by_colour(colour)),
        ]
    )


def _degraded() -> Iterator[Sequence[str]]:
    blind = replace(GOOD, screening=Missing(Why.DEVICE_OFFLINE))
    for name, last in LAST_GRANTED.items():
        known = replace(blind, last_granted=last)
        yield (
            name,
            *(outcome(known, PortalPolicy(require_screening=True, degrade=degrade)) for degrade in Degrade),
        )


def _by_colour(colour: str) -> Iterator[str]:
    yield f"## Credential × screening, colour {colour}"
    yield ""
    rows = (
        (name, *(outcome(_evidence(credential, screening, colour)) for screening in SCREENINGS.values()))
        for name, credential in CREDENTIALS.items()
    )
    yield from _table(("credential", *SCREENINGS), rows)
    yield ""


def _evidence(credential: Item[Credential], screening: Item[Screening], colour: str) -> Evidence:
    return replace(GOOD, credential=credential, screening=screening, colour=COLOURS[colour])


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)


if __name__ == "__main__":
    sys.stdout.write(document())
