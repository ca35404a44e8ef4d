"""The approaches on the ingress side of one portal: a bounded inbox, and the one task that empties it.

Credentials beyond the inbox are refused aloud, temperatures are latest-wins: those that terminals report and
those of thermal positions come in by one door. What is aside of the way in (leaving, history) never waits for
the person at the front.
"""

import asyncio
from dataclasses import dataclass, replace

from cardea.contract.policy import PortalPolicy
from cardea.contract.reasons import RefusalReason
from cardea.contract.records import Outcome, Side
from cardea.runtime.logs import get_logger
from drivers.api import Accepted, CredentialPresented, FaceSeen, Observed, Refused, TemperatureMeasured
from edge.configuration.settings import Portal
from edge.decide.approach import MaskSeen, SecondPersonSeen, Sensed, TemperatureScreened, person_key
from edge.decide.evidence import Screening
from edge.decide.screening import ScreeningLimits, screen
from edge.ids import record_id
from edge.portal.approaches import Case, Presented, opened, without_picture
from edge.portal.credentials import Checked
from edge.portal.face_asked import FaceAsked
from edge.portal.judge import Judge
from edge.portal.means import Means
from edge.portal.memory import Memory
from edge.portal.verdicts import Verdicts
from models.face.company import several

INBOX_MAX = 16
_LOG = get_logger("portal")
AFTERGLOW_S = 1.0
"""A temperature this soon after a decision belongs to the person who is just leaving."""
STAY_S = 2.5
"""A position tells each second of whoever stays before it: nothing for this long, and they have left."""
LEAVING_S = 4.0
"""Who was let in may stand before the position for this long; what it says meanwhile is about them."""

Verdict = Accepted | Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonScreened:
    """Somebody's temperature, whoever took it."""

    device: str
    event: Observed
    """What the device said or saw, without pictures."""
    screening: Screening
    opens: bool = True
    """Whether it may begin an approach; else it waits for its person."""
    presence: int | None = None
    """Which stay before the device it belongs to, 0 when nobody was made out; ``None``: it cannot tell."""

    @property
    def at_s(self) -> float:
        """When it was taken."""
        return self.event.at.mono_s

    def of_now(self, now_s: float, s_max: float) -> bool:
        """Whether it can be about who is there now."""
        return now_s - self.at_s <= (s_max if self.presence is None else min(s_max, STAY_S))


class Gathering:
    """One approach at a time."""

    def __init__(
        self,
        name: str,
        portal: Portal,
        judge: Judge,
        face: FaceAsked,
        verdicts: Verdicts,
        memory: Memory,
        means: Means,
    ) -> None:
        self._name = name
        self._portal = portal
        self._judge = judge
        self._face = face
        self._verdicts = verdicts
        self._memory = memory
        self._means = means
        self._inbox: asyncio.Queue[Presented] = asyncio.Queue(INBOX_MAX)
        limits = portal.screening
        self._limits = ScreeningLimits(retest_c=limits.retest_c, elevated_c=limits.elevated_c)
        self._measured: PersonScreened | None = None
        self._bound: PersonScreened | None = None
        """The temperature that the present approach has."""
        self._let_in: tuple[str, int | None] | None = None
        """Device and stay of the person who was let in last."""
        self._arrived = asyncio.Event()
        self._decided_s = -AFTERGLOW_S
        self._case: Case | None = None

    async def run(self) -> None:
        """Gather and decide, until cancelled."""
        while True:
            await self._wait()
            self._gather()
            case = self._case
            if case is None:
                continue
            self._face.take(case)
            if self._due(case):
                self._case = None
                self._face.end(case)
                await self._settle(case)

    def measured(self, device: str, event: TemperatureMeasured) -> None:
        """A terminal took a temperature by itself."""
        screening = screen(event, self._limits, compliant=self._portal.thermometer_compliant)
        self.screened(PersonScreened(device=device, event=event, screening=screening))

    def screened(self, screened: PersonScreened) -> None:
        """A temperature was taken; the newest that nobody has looked at counts."""
        if screened.event.offline or screened.device not in self._portal.ingress.thermometers:
            return
        since_s = self._means.clock.monotonic_s() - self._decided_s
        stays = bool(screened.presence) and (screened.device, screened.presence) == self._let_in
        if (stays and since_s < LEAVING_S) or (self._case is None and since_s < AFTERGLOW_S):
            return
        self._measured = screened
        self._arrived.set()

    def faces_seen(self, device: str, event: FaceSeen) -> None:
        """Two people while an approach is open: nobody can say whose evidence is whose. One, with a mask?"""
        case, at_s = self._case, event.at.mono_s
        if case is None or event.offline or device not in self._portal.ingress.cameras:
            return
        if at_s < case.approach.opened_s:
            return
        if several(event.faces):
            case.approach = case.approach.observe(SecondPersonSeen(), at_s)
            self._arrived.set()
        elif event.mask is not None:
            case.approach = case.approach.observe(MaskSeen(event.mask), at_s)
            self._arrived.set()

    def awaits_mask(self, camera: str) -> bool:
        """Whether somebody stands before this camera of whom it is to be told whether they wear a mask."""
        case = self._case
        if case is None or camera not in self._portal.ingress.cameras:
            return False
        return Sensed.MASK in case.approach.awaited(self._policy(), self._judge.unable(case))

    async def presented(self, device: str, event: CredentialPresented) -> Verdict:
        """Somebody wants to come in; returns once the decision is durable."""
        answer: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        kept, snapshot = without_picture(event), event.snapshot
        try:
            self._inbox.put_nowait(Presented(device, kept, self._checked(kept), answer, snapshot))
        except asyncio.QueueFull:
            return Refused(RefusalReason.QUEUE_FULL)
        self._arrived.set()
        return await answer

    async def aside(self, device: str, event: CredentialPresented, side: Side) -> Verdict:
        """Somebody leaves, or the device tells of the past: decided at once, beside everything else."""
        answer: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        kept = without_picture(event)
        case = self._opened(side, device, kept)
        case.present(Presented(device, kept, self._checked(kept), answer), self._means.clock.monotonic_s())
        await self._settle(case)
        return await answer

    async def _wait(self) -> None:
        """Until something arrives or the approach falls due."""
        self._arrived.clear()
        if not self._inbox.empty():
            return
        wait_s = None
        if self._case is not None:
            due_s = self._case.approach.due_s(self._policy(), self._judge.unable(self._case))
            wait_s = max(0.0, due_s - self._means.clock.monotonic_s())
        try:
            async with asyncio.timeout(wait_s):
                await self._arrived.wait()
        except TimeoutError:
            return

    def _gather(self) -> None:
        """Take in what has arrived: the temperature, then one credential."""
        measured, self._measured = self._measured, None
        presented = None if self._inbox.empty() else self._inbox.get_nowait()
        now_s = self._means.clock.monotonic_s()
        if self._case is None and presented is not None:
            self._case = self._opened(Side.INGRESS, presented.device, presented.event)
        if measured is not None:
            self._take_measured(measured)
        if presented is not None and self._case is not None:
            self._forget_who_left(self._case, now_s)
            self._case.present(presented, now_s)
            self._face.claim(self._case, self._policy(), presented.snapshot, self._arrived.set)

    def _take_measured(self, measured: PersonScreened) -> None:
        """A temperature opens an approach only where one is asked for; else it waits for its person."""
        if self._case is None:
            if not self._policy().require_screening or not measured.opens:
                self._measured = measured
                return
            self._case = self._opened(Side.INGRESS, measured.device, measured.event)
        if measured.of_now(self._means.clock.monotonic_s(), self._policy().approach_s_max):
            self._bound = measured
            observed = self._case.approach.observe(TemperatureScreened(measured.screening), measured.at_s)
            self._case.approach = observed

    def _forget_who_left(self, case: Case, now_s: float) -> None:
        """A credential is not judged by the temperature of somebody who has gone."""
        bound = self._bound
        if bound is not None and not bound.of_now(now_s, self._policy().approach_s_max):
            case.approach = replace(case.approach, screening=None)
            self._bound = None

    def _due(self, case: Case) -> bool:
        now_s = self._means.clock.monotonic_s()
        return case.approach.due(self._policy(), self._judge.unable(case), now_s)

    async def _settle(self, case: Case) -> None:
        try:
            judged = await self._verdicts.give(case)
        except Exception as error:  # noqa: BLE001  # an approach that fails must not end the portal
            _LOG.error("approach_failed", portal=self._name, decision=case.approach.id, exc_info=error)
            case.refuse(RefusalReason.STORE_FAILED)
            self._bound = None
            return
        now_s = self._means.clock.monotonic_s()
        self._memory.decided(judged.evidence, case.approach, judged.decision, now_s)
        if case.approach.side is Side.INGRESS and not case.backfilled:
            self._done_with(judged.decision.outcome, now_s)

    def _done_with(self, outcome: Outcome, now_s: float) -> None:
        """The next temperature is the next person's: what was taken during the commit is not."""
        bound, waiting = self._bound, self._measured
        self._bound = self._measured = None
        self._decided_s = now_s
        last = waiting or bound
        self._let_in = (last.device, last.presence) if last and outcome is Outcome.GRANT else None

    def _opened(self, side: Side, device: str, event: Observed) -> Case:
        means = self._means
        row_id = record_id(means.gateway, device, event, means.entropy)
        return opened(row_id, side, means.clock.monotonic_s(), device, event)

    def _checked(self, event: CredentialPresented) -> Checked:
        now = self._means.clock.now()
        checked = self._means.desk.check(event, self._name, now)
        credential = checked.observation.credential
        tries = self._memory.tries(person_key(credential), self._policy(), now.mono_s)
        observation = replace(checked.observation, credential=replace(credential, tries=tries))
        return replace(checked, observation=observation)

    def _policy(self) -> PortalPolicy:
        return self._means.policy().of(self._name)
