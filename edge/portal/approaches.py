"""The approach that is gathering on the ingress side of one portal, and who waits for what becomes of it."""

import asyncio
from dataclasses import dataclass, field, replace

from cardea.contract.reasons import RefusalReason
from cardea.contract.records import Outcome, Side
from drivers.api import Accepted, CredentialPresented, Observed, Refused
from edge.decide.approach import Approach, MaskSeen, TerminalDecided
from edge.faces.claim import Claim
from edge.portal.actuation import Ask
from edge.portal.credentials import Checked, PassUse
from edge.vault import Holder


@dataclass(frozen=True, slots=True)
class Presented:
    """A credential in the portal's inbox."""

    device: str
    event: CredentialPresented
    """Without the terminal's picture."""
    checked: Checked
    answer: "asyncio.Future[Accepted | Refused]"
    snapshot: bytes | None = field(default=None, repr=False)
    """The terminal's picture, which nothing keeps that is written down or decided on."""


@dataclass(slots=True, kw_only=True)
class Case:
    """One approach with what the portal needs to act on it and to answer for it."""

    approach: Approach
    device: str
    """Where it began; the last reader that was used, once one was."""
    event: Observed
    """What it began with; the last credential, once one was presented."""
    holder: Holder | None = None
    use: PassUse | None = None
    claim: Claim | None = None
    """That they are the person whom the credential names, for cameras to judge."""
    asks: list[Ask] = field(default_factory=list[Ask])
    answers: list["asyncio.Future[Accepted | Refused]"] = field(
        default_factory=list["asyncio.Future[Accepted | Refused]"]
    )

    @property
    def backfilled(self) -> bool:
        """Whether this is history."""
        return self.approach.backfilled

    def refuse(self, reason: RefusalReason) -> None:
        """Whoever brought an event of this approach must not acknowledge it."""
        for answer in self.answers:
            if not answer.done():
                answer.set_result(Refused(reason))

    def present(self, presented: Presented, now_s: float) -> None:
        """Somebody presented a credential: to a fresh approach, or as one more of it."""
        event, checked = presented.event, presented.checked
        self.approach = self.approach.observe(checked.observation, now_s)
        seen = self.approach.credential
        if seen is not None and seen.value is checked.observation.credential:
            self.holder = checked.holder
        self.use = checked.use or self.use
        self.device, self.event = presented.device, event
        self.answers.append(presented.answer)
        if event.mask is not None:
            self.approach = self.approach.observe(MaskSeen(event.mask), now_s)
        if event.granted is not None:
            outcome = Outcome.GRANT if event.granted else Outcome.DENY
            self.approach = self.approach.observe(TerminalDecided(outcome), now_s)
        if event.ask is not None:
            self.asks.append(Ask(presented.device, event.ask, event.door))


def without_picture(event: CredentialPresented) -> CredentialPresented:
    """The event as it may be kept for as long as an approach takes."""
    return event if event.snapshot is None else replace(event, snapshot=None)


def opened(approach_id: str, side: Side, now_s: float, device: str, event: Observed) -> Case:
    """A fresh approach, begun by ``event``."""
    approach = Approach(id=approach_id, side=side, opened_s=now_s, backfilled=event.offline)
    return Case(approach=approach, device=device, event=event)
