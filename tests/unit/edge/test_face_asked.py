"""Whose face a portal asks for, by itself: who has said who they are, and why nothing can be seen."""

import datetime as dt
from types import SimpleNamespace
from typing import Any, cast

import pytest

from cardea.contract.policy import FaceRequirement, PortalPolicy
from cardea.contract.records import CredentialKind, Outcome, Side, Subject
from cardea.contract.time import ClockQuality, Instant
from drivers.api import CredentialPresented
from edge.configuration.settings import Ingress, Portal
from edge.decide.approach import CredentialChecked, SecondPersonSeen, TerminalDecided
from edge.decide.evidence import Credential, PassCheck, Standing, Why
from edge.faces.claim import Claim, NoOpinion
from edge.portal.approaches import Case, opened
from edge.portal.face_asked import FaceAsked
from edge.portal.means import Means

ASKED = PortalPolicy()
REQUIRED = PortalPolicy(face=FaceRequirement.REQUIRED)
SUBJECT = Subject("demo", "k", "s")
NOW = Instant(10.0, dt.datetime(2026, 11, 26, tzinfo=dt.UTC), ClockQuality.SYNCHRONISED)


class Opinions(NoOpinion):
    unavailable = False

    def __init__(self) -> None:
        self.opened: list[Claim] = []
        self.offered: list[bytes] = []

    def open(self, claim: Claim) -> None:
        self.opened.append(claim)

    def offer(self, claim: Claim, snapshot: bytes) -> None:
        assert claim is self.opened[-1]
        self.offered.append(snapshot)


def asked(*cameras: str, let_in: Any = lambda *_: None) -> tuple[FaceAsked, Opinions]:
    opinions = Opinions()
    means = SimpleNamespace(
        opinions=opinions,
        clock=SimpleNamespace(monotonic_s=lambda: 11.0),
        why_none=lambda devices: None if devices else Why.NOT_FITTED,
    )
    portal = cast("Portal", SimpleNamespace(ingress=Ingress(cameras=cameras)))
    return FaceAsked("lobby", portal, cast("Means", means), lambda _: None, let_in), opinions


def case(*more: Any, known: bool = True, **credential: Any) -> Case:
    event = CredentialPresented(at=NOW, kind=CredentialKind.CARD, value="1")
    made = opened("x", Side.INGRESS, NOW.mono_s, "reader", event)
    said: dict[str, Any] = {"kind": CredentialKind.CARD, "standing": Standing.VALID, "subject": SUBJECT}
    shown = Credential(**(said | credential))
    made.approach = made.approach.observe(CredentialChecked(shown), NOW.mono_s)
    for observation in more:
        made.approach = made.approach.observe(observation, NOW.mono_s)
    made.holder = cast("Any", SimpleNamespace(person="p")) if known else None
    return made


BAD_PASS = CredentialChecked(
    Credential(CredentialKind.QR, Standing.VALID, SUBJECT), PassCheck(Standing.REPLAYED, "1")
)


@pytest.mark.parametrize(
    ("made", "claims"),
    [
        (case(), True),
        (case(kind=CredentialKind.FACE, verified_by_terminal=True), True),
        (case(kind=CredentialKind.FACE), False),
        (case(known=False), False),
        (case(standing=Standing.EXPIRED), False),
        (case(BAD_PASS), False),
        (case(SecondPersonSeen()), False),
        (case(TerminalDecided(Outcome.GRANT)), False),
        (case(TerminalDecided(Outcome.DENY)), False),
    ],
    ids=[
        "a card",
        "a face with its terminal's liveness",
        "a face that a camera saw (L13)",
        "nobody in the vault",
        "expired",
        "a pass used before",
        "two people",
        "let in already",
        "refused already",
    ],
)
def test_who_claims_to_be_somebody(made: Case, *, claims: bool) -> None:
    face, opinions = asked("camera")
    face.claim(made, ASKED, b"jpeg", lambda: None)
    assert bool(opinions.opened) is claims
    assert opinions.offered == ([b"jpeg"] if claims else [])
    assert made.claim is (opinions.opened[0] if claims else None)


@pytest.mark.parametrize(
    ("made", "policy", "snapshot", "looked_at"),
    [
        (case(TerminalDecided(Outcome.GRANT)), ASKED, b"jpeg", True),
        (case(TerminalDecided(Outcome.GRANT)), ASKED, None, False),
        (case(TerminalDecided(Outcome.GRANT)), PortalPolicy(face=FaceRequirement.OFF), b"jpeg", False),
        (case(TerminalDecided(Outcome.DENY)), ASKED, b"jpeg", False),
        (case(TerminalDecided(Outcome.GRANT), known=False), ASKED, b"jpeg", False),
        (case(TerminalDecided(Outcome.GRANT), standing=Standing.EXPIRED), ASKED, b"jpeg", False),
        (case(), ASKED, b"jpeg", False),
    ],
    ids=["let in", "no picture", "off", "refused", "nobody in the vault", "expired", "not yet decided"],
)
def test_whose_picture_is_looked_at_afterwards(
    made: Case, policy: PortalPolicy, snapshot: bytes | None, *, looked_at: bool
) -> None:
    looked: list[Any] = []
    face, _ = asked("camera", let_in=lambda *these: looked.append(these))
    face.claim(made, policy, snapshot, lambda: None)
    assert looked == ([(made, "p", snapshot)] if looked_at else [])


def test_a_second_factor_adds_a_picture_to_the_same_claim() -> None:
    face, opinions = asked("camera")
    made = case()
    face.claim(made, ASKED, None, lambda: None)
    face.claim(made, ASKED, b"jpeg", lambda: None)
    assert len(opinions.opened) == 1
    assert opinions.opened[0].since_s == 11.0
    assert opinions.offered == [b"jpeg"]


@pytest.mark.parametrize(
    ("policy", "cameras", "snapshot", "opens"),
    [
        (ASKED, (), None, False),
        (ASKED, (), b"jpeg", True),
        (ASKED, ("camera",), None, True),
        (REQUIRED, (), None, True),
        (PortalPolicy(face=FaceRequirement.OFF), ("camera",), b"jpeg", False),
    ],
)
def test_nobody_is_asked_where_nothing_shows_a_face_unless_it_is_required(
    policy: PortalPolicy, cameras: tuple[str, ...], snapshot: bytes | None, *, opens: bool
) -> None:
    face, opinions = asked(*cameras)
    face.claim(case(), policy, snapshot, lambda: None)
    assert bool(opinions.opened) is opens


@pytest.mark.parametrize("cameras", [(), ("camera",)])
def test_item_21_who_is_not_in_the_vault_has_no_template(cameras: tuple[str, ...]) -> None:
    face, _ = asked(*cameras)
    made = case(known=False)
    face.claim(made, REQUIRED, None, lambda: None)
    assert face.unable(made) is Why.NOT_ENROLLED


def test_why_there_is_none_before_anybody_claims_anything() -> None:
    made = opened(
        "x", Side.INGRESS, 10.0, "reader", CredentialPresented(at=NOW, kind=CredentialKind.CARD, value="1")
    )
    face, opinions = asked("camera")
    assert face.unable(made) is None, "it can still come"
    opinions.unavailable = True
    assert face.unable(made) is Why.UNAVAILABLE
    nothing, _ = asked()
    assert nothing.unable(made) is Why.NOT_FITTED
    assert nothing.unable(case()) is Why.NOT_FITTED
