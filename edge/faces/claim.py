"""One person's claim to be somebody: what pictures have said of it so far, and what a portal asks of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from edge.decide.evidence import Why
from models.face.look import Embedding
from models.face.opinion import Finding, Opinion


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Reference:
    """Whom a claim is measured by."""

    template: Embedding
    protect: Callable[[Embedding], Embedding]
    """Turns a picture's embedding as the template has been turned. Raises ValueError for one of another
    model."""


@dataclass(slots=True, kw_only=True, eq=False, repr=False)
class Claim:
    """Opened by a valid credential; ended by the decision, or by the verdict where that comes after it."""

    portal: str
    person: str
    cameras: frozenset[str]
    since_s: float
    """Older pictures show somebody else."""
    heard: Callable[[], None]
    """Something has changed; called on the loop."""
    still_suffices: bool = False
    """Whether a terminal's picture that agrees need not wait for cameras: it has judged liveness itself."""
    decision: str | None = None
    """The decision that has been made already; ``None`` where it waits for the claim."""
    why: Why | None = None
    """Why nothing can be said of this person."""
    read: bool = field(default=False, init=False)
    """Whether it is known if this person has a template."""
    reference: Reference | None = field(default=None, init=False)
    opinion: Opinion | None = field(default=None, init=False)
    """What the cameras' pictures say."""
    snapshot: bytes | None = field(default=None, init=False)
    """A terminal's JPEG that has not been looked at."""
    judging: bool = field(default=False, init=False)
    """Whether a terminal's picture is being looked at."""
    still: Finding | None = field(default=None, init=False)
    """What a terminal's picture has said."""
    seen_s: float = field(default=0.0, init=False)
    """When the last picture was taken that says anything."""
    verdict: Finding | None = field(default=None, init=False)
    """What no further picture changes; ``None`` = go on looking."""
    finding: Finding | None = field(default=None, init=False)
    """What it is when no more pictures come; ``None`` where none has been looked at."""
    told: bool = field(default=False, init=False)
    """Whether the person has been asked to step back."""

    @property
    def place(self) -> tuple[str, str | None]:
        """Where no other claim can stand."""
        return self.portal, self.decision

    @property
    def waits(self) -> bool:
        """Whether a camera's picture could still say something."""
        return self.reference is not None and self.verdict is None

    @property
    def awaits_snapshot(self) -> bool:
        """Whether a terminal's picture is still to say something."""
        return self.snapshot is not None or self.judging

    @property
    def too_close(self) -> bool:
        """Whether it would help to step back."""
        return self.verdict is None and self.finding is Finding.TOO_CLOSE

    def conclude(self, seen_s: float) -> None:
        """Think again, after a picture taken at ``seen_s``.

        A still that contradicts ends it, and so does any where there is no camera. One that agrees does so
        only where it suffices; else it counts where cameras see nothing either way.
        """
        self.seen_s = seen_s
        agrees = self.still is Finding.AGREES
        ended = self.still is Finding.CONTRADICTS or not self.cameras or (agrees and self.still_suffices)
        if self.still is not None and ended:
            self.verdict = self.finding = self.still
        elif self.opinion is None:
            self.finding = self.still
        else:
            found = self.opinion.at_the_end()
            self.finding = Finding.AGREES if agrees and found is Finding.UNCERTAIN else found
            self.verdict = None if self.opinion.verdict is None else self.finding

    def forget(self) -> None:
        """Let go of everything that is about a face; what was concluded stays."""
        self.reference = self.opinion = self.snapshot = None


class Opinions(Protocol):
    """What a portal asks of the second opinion."""

    @property
    def unavailable(self) -> bool:
        """Whether it is known that nobody can be compared now."""
        ...

    def open(self, claim: Claim) -> None:
        """Look at pictures for ``claim`` from now on."""
        ...

    def offer(self, claim: Claim, snapshot: bytes) -> None:
        """A terminal's picture of the person."""
        ...

    def unable(self, claim: Claim) -> Why | None:
        """Why pictures can say nothing of it; ``None`` while they can."""
        ...

    def withdraw(self, claim: Claim) -> None:
        """Forget it."""
        ...


class NoOpinion:
    """Where no face is ever compared."""

    unavailable = True

    def open(self, claim: Claim) -> None:
        """Nothing looks."""

    def offer(self, claim: Claim, snapshot: bytes) -> None:
        """Nothing looks."""

    def unable(self, claim: Claim) -> Why | None:  # noqa: ARG002  # the same for everybody
        """Nothing looks."""
        return Why.UNAVAILABLE

    def withdraw(self, claim: Claim) -> None:
        """Nothing was kept."""
