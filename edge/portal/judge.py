"""One decision of a portal: what is known around the approach, the pure decision, the use of a pass."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace

from cardea.contract.orders import StatusColour
from cardea.contract.policy import PortalPolicy
from cardea.contract.records import Side
from cardea.runtime.disk import StoreFailed, StoreFull
from drivers.api import CredentialPresented
from edge.configuration.settings import Portal
from edge.decide import portal as machine
from edge.decide.approach import Sensed, Surroundings
from edge.decide.decide import decide, releases
from edge.decide.decision import Decision
from edge.decide.evidence import NOT_FITTED, NOT_SEEN, Evidence, Fresh, Item, PassCheck, Standing, Why
from edge.portal.approaches import Case
from edge.portal.credentials import PassUse
from edge.portal.face_asked import FaceAsked
from edge.portal.lock import Lock
from edge.portal.means import Means
from edge.portal.memory import Memory


@dataclass(frozen=True, slots=True)
class Judged:
    """A decision with what it rests on."""

    evidence: Evidence
    decision: Decision
    use_unsure: bool = False
    """The pass could not be marked as used in time: act as for a record that could not be committed."""


class Judge:
    """Decides the approaches of one portal."""

    def __init__(
        self, name: str, portal: Portal, face: FaceAsked, lock: Lock, memory: Memory, means: Means
    ) -> None:
        self._name = name
        self._portal = portal
        self._face = face
        self._lock = lock
        self._memory = memory
        self._means = means

    async def judge(self, case: Case, policy: PortalPolicy, version: int, *, within_s: float) -> Judged:
        """Decide ``case``; waits only to mark the use of a pass that everything else has granted."""
        evidence = self.evidence(case, policy)
        decision = decide(evidence, policy, version)
        use = case.use
        if use is None or case.approach.side is Side.EGRESS or not releases(decision):
            return Judged(evidence, decision)
        first = await self._use(use, within_s)
        if first is None:
            return Judged(evidence, decision, use_unsure=True)
        if first:
            return Judged(evidence, decision)
        replayed = replace(evidence, pass_check=Fresh(PassCheck(Standing.REPLAYED, use.pass_id), 0.0))
        return Judged(replayed, decide(replayed, policy, version))

    def evidence(self, case: Case, policy: PortalPolicy) -> Evidence:
        """Everything known of the approach at this moment, frozen."""
        now = self._means.clock.now()
        around = Surroundings(
            unable=self.unable(case),
            colour=self._colour(case),
            schedule=Fresh(case.holder.scheduled(now.utc), 0.0) if case.holder else NOT_FITTED,
            passback=self._memory.passback(case.approach, policy, now.mono_s),
            occupancy=self._memory.occupancy(),
            zone=NOT_FITTED if self._portal.zone is None else self._means.zone_seen(self._portal.zone),
            fire=machine.fire_seen(self._lock.state, self._lock.fitting, now.mono_s),
            lockdown=machine.lockdown_seen(self._lock.state, now.mono_s),
            last_granted=self._memory.last_granted(case.approach, now.mono_s),
            retests=self._memory.retests(case.approach, now.mono_s),
        )
        return case.approach.freeze(policy, around, now.mono_s)

    def unable(self, case: Case) -> Mapping[Sensed, Why]:
        """What can not be observed here and now, and why."""
        missing = {
            Sensed.CREDENTIAL: self._means.why_none(self._portal.ingress.readers),
            Sensed.SCREENING: self._means.why_none(self._portal.ingress.thermometers),
            Sensed.MASK: self._why_no_mask(case),
            Sensed.FACE: self._face.unable(case),
        }
        return {sensed: why for sensed, why in missing.items() if why is not None}

    def _why_no_mask(self, case: Case) -> Why | None:
        """A terminal tells of the mask together with the credential, or not at all; a camera, when it can."""
        if case.approach.mask is not None or not isinstance(case.event, CredentialPresented):
            return None
        return self._means.why_none(self._portal.ingress.cameras) or self._means.why_no_mask()

    def _colour(self, case: Case) -> Item[StatusColour]:
        """What the vault was told of the person, else what the terminal was told."""
        credential = case.approach.credential
        subject = credential.value.subject if credential else None
        vault = self._means.desk.vault
        known = vault.colour(subject) if vault is not None and subject is not None else None
        if known is not None:
            age_s = max(0.0, self._means.clock.monotonic_s() - known.received_mono_s)
            return Fresh(known.colour, age_s)
        told = case.event.colour if isinstance(case.event, CredentialPresented) else None
        return NOT_SEEN if told is None else Fresh(told, 0.0)

    async def _use(self, use: PassUse, within_s: float) -> bool | None:
        """Whether this is the first use; ``None`` when the disk does not say in time."""
        try:
            async with asyncio.timeout(within_s):
                return await self._means.desk.use(use)
        except (TimeoutError, StoreFull, StoreFailed):
            return None
