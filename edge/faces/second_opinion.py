"""The gateway's second opinion on who somebody says they are: the open claims.

At each portal at most one stands that its decision waits for.

Faces are compared only while somebody has claimed, by a valid credential, to be a person who has a template;
of everybody else no more is known than that a face is there. A template is read for its claim and forgotten
with it, a terminal's picture is forgotten as soon as it has been looked at (SAFETY.md items 18, 20).
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace

from cardea.contract.time import Instant
from cardea.runtime.logs import get_logger
from edge.decide.evidence import Why
from edge.faces.checks import FaceChecks
from edge.faces.claim import Claim, Reference
from models.face.look import Look
from models.face.opinion import begin, of_snapshot

_LOG = get_logger("second_opinion")


ReadTemplate = Callable[[str, str], Awaitable[Reference | None]]
"""Of a person, made by a model (SHA-256); ``None`` when there is none. Raises what its store does."""


class SecondOpinion:
    """The open claims."""

    def __init__(self, checks: FaceChecks, read: ReadTemplate) -> None:
        self._checks = checks
        self._read = read
        self._claims: dict[tuple[str, str | None], Claim] = {}
        self._reading: set[asyncio.Task[None]] = set()
        self.refused: Counter[str] = Counter()
        """Snapshots that could not be looked at, by reason."""

    # --- what portals ask ---------------------------------------------------------------------------

    @property
    def unavailable(self) -> bool:
        """Whether it is known that nobody can be compared now."""
        return self._checks.reason is not None

    def open(self, claim: Claim) -> None:
        """Look at pictures for ``claim`` from now on, in place of an older one at its place."""
        before = self._claims.get(claim.place)
        if before is not None:
            self.withdraw(before)
        self._claims[claim.place] = claim
        reading = asyncio.get_running_loop().create_task(self._read_reference(claim))
        self._reading.add(reading)
        reading.add_done_callback(self._reading.discard)

    def offer(self, claim: Claim, snapshot: bytes) -> None:
        """A terminal's picture of the person; the newest counts."""
        if claim.why is not None or self._claims.get(claim.place) is not claim:
            return
        claim.snapshot = snapshot
        self._checks.concern(claim.portal)
        self._checks.arrived.set()

    def unable(self, claim: Claim) -> Why | None:
        """Why pictures can say nothing of it; ``None`` while they can."""
        if claim.why is not None or not claim.read:
            return claim.why
        return Why.UNAVAILABLE if self.unavailable else None

    def withdraw(self, claim: Claim) -> None:
        """Forget it, template and picture too."""
        if self._claims.get(claim.place) is claim:
            del self._claims[claim.place]
        claim.forget()

    # --- what looks at pictures asks ----------------------------------------------------------------

    @property
    def wanted(self) -> bool:
        """Whether somebody who has a template waits to be compared with it."""
        return any(claim.waits for claim in self._claims.values())

    def at(self, camera: str, at: Instant) -> tuple[Claim, ...]:
        """The claims that a picture which ``camera`` took ``at`` that time can speak for."""
        if self._checks.grounds is None:
            return ()
        return tuple(
            claim
            for claim in self._claims.values()
            if camera in claim.cameras and at.mono_s >= claim.since_s and claim.waits
        )

    def seen(self, claims: Collection[Claim], look: Look, at: Instant) -> None:
        """What a camera's picture says to ``claims``; those that were withdrawn meanwhile are left alone."""
        for claim in claims:
            grounds, reference = self._checks.grounds, claim.reference
            if grounds is None or reference is None:
                continue
            try:
                opinion = claim.opinion or begin(reference.template, grounds.thresholds)
                claim.opinion = opinion.seen(_protected(look, reference))
                claim.conclude(at.mono_s)
            except ValueError as error:
                self._cannot(claim, error)
            claim.heard()

    def take_snapshot(self) -> tuple[Claim, bytes] | None:
        """The next snapshot that can be judged; from now on it is the caller's alone."""
        if self._checks.grounds is None:
            return None
        for claim in self._claims.values():
            if claim.snapshot is not None and claim.reference is not None:
                snapshot, claim.snapshot, claim.judging = claim.snapshot, None, True
                return claim, snapshot
        return None

    def judged(self, claim: Claim, look: Look | str, at: Instant) -> None:
        """What became of a snapshot: a look at it, or why there is none."""
        claim.judging = False
        grounds, reference = self._checks.grounds, claim.reference
        if isinstance(look, str):
            self.refused[look] += 1
            _LOG.warning("snapshot_refused", portal=claim.portal, reason=look)
            claim.why = claim.why if claim.cameras else Why.NOT_SEEN
        elif reference is not None and grounds is not None:
            try:
                claim.still = of_snapshot(reference.template, _protected(look, reference), grounds.thresholds)
                claim.conclude(at.mono_s)
            except ValueError as error:
                self._cannot(claim, error)
        claim.heard()

    def changed(self) -> None:
        """Comparing became possible, or impossible: whoever waits thinks again."""
        for claim in self._claims.values():
            claim.judging = False
            claim.heard()

    async def _read_reference(self, claim: Claim) -> None:
        try:
            reference = await self._read(claim.person, self._checks.model_sha256)
        except Exception as error:  # noqa: BLE001  # whatever a store does to us, doors are served
            reference = None
            self._cannot(claim, error)
        if self._claims.get(claim.place) is not claim:
            return
        claim.reference, claim.read = reference, True
        if reference is None:
            claim.why = claim.why or Why.NOT_ENROLLED
            claim.snapshot = None
        claim.heard()
        self._checks.arrived.set()

    def _cannot(self, claim: Claim, error: Exception) -> None:
        claim.why = Why.UNAVAILABLE
        _LOG.warning("face_not_compared", portal=claim.portal, reason=str(error))


def _protected(look: Look, reference: Reference) -> Look:
    """The look as the template is kept: turned by the same secret."""
    if look.embedding is None:
        return look
    return replace(look, embedding=reference.protect(look.embedding))
