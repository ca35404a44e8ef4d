"""At one portal: whose face is asked for, what was found of it, and why nothing can be.

Where the terminal has decided by itself, its picture is looked at afterwards (``edge.faces.afterwards``).
"""

from collections.abc import Callable
from dataclasses import dataclass

from cardea.contract.policy import FaceRequirement, PortalPolicy
from cardea.contract.records import CredentialKind, Outcome
from edge.configuration.settings import Portal
from edge.decide.approach import FaceCompared, alone_opens_nothing
from edge.decide.evidence import FaceCheck, Standing, Why
from edge.faces.claim import Claim
from edge.portal.approaches import Case
from edge.portal.means import Means


class FaceAsked:
    """The face of who is at the front. Nobody is asked for it before they have said who they are."""

    def __init__(
        self,
        name: str,
        portal: Portal,
        means: Means,
        step_back: Callable[[Case], None],
        let_in: Callable[[Case, str, bytes], None],
    ) -> None:
        """``let_in``: a terminal has let a person in by itself, and gave this picture of them."""
        self._name = name
        self._let_in = let_in
        self._cameras = frozenset(portal.ingress.cameras)
        self._means = means
        self._step_back = step_back

    def claim(
        self, case: Case, policy: PortalPolicy, snapshot: bytes | None, heard: Callable[[], None]
    ) -> None:
        """Who wants to come in has just presented something; a terminal may have given a picture of them.

        ``heard`` is called whenever there is something to :meth:`take`.
        """
        if policy.face is FaceRequirement.OFF:
            return
        if case.approach.terminal is Outcome.GRANT:
            person = _named(case)
            if person is not None and snapshot is not None:
                self._let_in(case, person, snapshot)
            return
        claimed = _claimed(case)
        if claimed is None or not (self._cameras or snapshot or policy.face is FaceRequirement.REQUIRED):
            return
        if case.claim is None:
            case.claim = Claim(
                portal=self._name,
                person=claimed.person,
                cameras=self._cameras,
                since_s=self._means.clock.monotonic_s(),
                heard=heard,
                still_suffices=claimed.alive,
            )
            self._means.opinions.open(case.claim)
        if snapshot is not None:
            self._means.opinions.offer(case.claim, snapshot)

    def take(self, case: Case) -> None:
        """What has been found by now, if it is final; somebody who is too close is told at once, once."""
        claim = case.claim
        if claim is None:
            return
        if claim.verdict is not None:
            _observe(case, claim)
        elif claim.too_close and not claim.told:
            claim.told = True
            self._step_back(case)

    def end(self, case: Case) -> None:
        """No more pictures come: it is what it is."""
        if case.claim is not None:
            _observe(case, case.claim)
            self._means.opinions.withdraw(case.claim)

    def unable(self, case: Case) -> Why | None:
        """Why the face of this person cannot be seen here and now; ``None`` while it can.

        Whether they have a template comes first: of who has none no face is needed (SAFETY.md, item 21).
        """
        claim = case.claim
        if claim is not None:
            why = self._means.opinions.unable(claim)
            waits = claim.awaits_snapshot or not claim.read
            return why if why is not None or waits else self._no_camera()
        if case.approach.credential is not None and (self._cameras or case.holder is None):
            return Why.NOT_ENROLLED
        unavailable = self._cameras and self._means.opinions.unavailable
        return Why.UNAVAILABLE if unavailable else self._no_camera()

    def _no_camera(self) -> Why | None:
        return self._means.why_none(self._cameras)


@dataclass(frozen=True, slots=True)
class _Claimed:
    """Whom somebody says they are."""

    person: str
    alive: bool
    """Whether a terminal has matched the face by itself, with its own liveness check."""


def _claimed(case: Case) -> _Claimed | None:
    """Whom the credential names, where it could open."""
    approach, person = case.approach, _named(case)
    if person is None or approach.terminal is not None or approach.second_person:
        return None
    seen = approach.credential
    return _Claimed(person, seen is not None and seen.value.kind is CredentialKind.FACE)


def _named(case: Case) -> str | None:
    """Whom a valid credential names: a face that only a camera saw names nobody (L13)."""
    seen, checked = case.approach.credential, case.approach.pass_check
    bad_pass = checked is not None and checked.value.standing is not Standing.VALID
    if bad_pass or seen is None or case.holder is None:
        return None
    if seen.value.standing is not Standing.VALID or alone_opens_nothing(seen.value):
        return None
    return case.holder.person


def _observe(case: Case, claim: Claim) -> None:
    found = claim.verdict or claim.finding
    if found is not None:
        check = FaceCompared(FaceCheck(found.value))
        case.approach = case.approach.observe(check, claim.seen_s)
