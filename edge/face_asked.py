"""At one portal: whose face is asked for, what was found of it, and why nothing can be."""

from collections.abc import Callable

from cardea.contract.policy import FaceRequirement, PortalPolicy
from cardea.contract.records import Side
from edge.approaches import Case
from edge.decide.approach import FaceCompared, alone_opens_nothing
from edge.decide.evidence import FaceCheck, Standing, Why
from edge.face_claim import Claim
from edge.means import Means
from edge.settings import Portal


class FaceAsked:
    """The face of who is at the front. Nobody is asked for it before they have said who they are."""

    def __init__(self, name: str, portal: Portal, means: Means, step_back: Callable[[Case], None]) -> None:
        self._name = name
        self._cameras = frozenset(portal.ingress.cameras)
        self._means = means
        self._step_back = step_back

    def claim(
        self, case: Case, policy: PortalPolicy, snapshot: bytes | None, heard: Callable[[], None]
    ) -> None:
        """Somebody has just presented something, and a terminal may have given a picture of them.

        ``heard`` is called whenever there is something to :meth:`take`.
        """
        person = None if policy.face is FaceRequirement.OFF else _claimed(case)
        if person is None or not (self._cameras or snapshot):
            return
        if case.claim is None:
            since_s = self._means.clock.monotonic_s()
            case.claim = Claim(
                portal=self._name, person=person, cameras=self._cameras, since_s=since_s, heard=heard
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
        """Why the face of this person cannot be seen here and now; ``None`` while it can."""
        if case.claim is not None:
            why = self._means.opinions.unable(case.claim)
            return None if why is None and case.claim.awaits_snapshot else why or self._no_camera()
        if not self._cameras:
            return Why.NOT_FITTED
        if case.approach.credential is not None:
            return Why.NOT_ENROLLED
        return Why.UNAVAILABLE if self._means.opinions.unavailable else self._no_camera()

    def _no_camera(self) -> Why | None:
        return self._means.why_none(self._cameras)


def _claimed(case: Case) -> str | None:
    """Whom the credential names, where it could open: a face that only a camera saw names nobody (L13)."""
    approach, seen, checked = case.approach, case.approach.credential, case.approach.pass_check
    decided = approach.side is Side.EGRESS or approach.backfilled or approach.terminal is not None
    bad_pass = checked is not None and checked.value.standing is not Standing.VALID
    if decided or approach.second_person or bad_pass or seen is None or case.holder is None:
        return None
    if seen.value.standing is not Standing.VALID or alone_opens_nothing(seen.value):
        return None
    return case.holder.person


def _observe(case: Case, claim: Claim) -> None:
    found = claim.verdict or claim.finding
    if found is not None:
        check = FaceCompared(FaceCheck(found.value))
        case.approach = case.approach.observe(check, claim.seen_s)
