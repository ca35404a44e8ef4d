"""Where a terminal decides by itself: its picture of whom it let in, compared with whom it says that was.

The door has long opened: a picture that contradicts raises an alert and changes nothing else. Only the
terminal's own picture counts, as it was taken of this person; cameras would show whoever comes next.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from cardea.runtime.logs import get_logger
from edge.decide.decision import RaiseAlert
from edge.decide.evidence import FaceCheck
from edge.decide.rules import against
from edge.faces.claim import Claim
from edge.portal.approaches import Case
from edge.portal.means import Means

WAITING_MAX = 8
"""So many pictures wait for a look at one portal; what comes beyond is not looked at."""
LOOK_S_MAX = 30.0
"""Models may have to be opened first."""
_LOG = get_logger("portal")


@dataclass(frozen=True, slots=True)
class _LetIn:
    case: Case
    person: str
    snapshot: bytes = field(repr=False)


class FaceAfterwards:
    """The people whom terminals of one portal have let in, one after the other."""

    def __init__(self, name: str, means: Means, alarm: Callable[[RaiseAlert, Case], None]) -> None:
        self._name = name
        self._means = means
        self._alarm = alarm
        self._waiting: asyncio.Queue[_LetIn] = asyncio.Queue(WAITING_MAX)

    def let_in(self, case: Case, person: str, snapshot: bytes) -> None:
        """A terminal has let ``person`` in by itself, and gave this picture (JPEG) of them; never waits."""
        try:
            self._waiting.put_nowait(_LetIn(case, person, snapshot))
        except asyncio.QueueFull:
            _LOG.warning("face_not_looked_at", portal=self._name, decision=case.approach.id)

    async def run(self) -> None:
        """Look at them, until cancelled; whatever fails, the portal is served."""
        while True:
            looking = self._offered(await self._waiting.get())
            try:
                await self._conclude(*looking)
            except Exception as error:  # noqa: BLE001  # a look must not end the door's task
                _LOG.error("face_look_failed", portal=self._name, exc_info=error)

    def _offered(self, one: _LetIn) -> tuple[Case, Claim, asyncio.Event]:
        """From here on the second opinion alone has the picture."""
        heard = asyncio.Event()
        claim = Claim(
            portal=self._name,
            person=one.person,
            cameras=frozenset(),
            since_s=one.case.approach.opened_s,
            heard=heard.set,
            decision=one.case.approach.id,
        )
        self._means.opinions.open(claim)
        self._means.opinions.offer(claim, one.snapshot)
        return one.case, claim, heard

    async def _conclude(self, case: Case, claim: Claim, heard: asyncio.Event) -> None:
        opinions = self._means.opinions
        try:
            async with asyncio.timeout(LOOK_S_MAX):
                while claim.verdict is None and opinions.unable(claim) is None:
                    await heard.wait()
                    heard.clear()
        except TimeoutError:
            _LOG.warning("face_not_looked_at", portal=self._name, decision=claim.decision)
        finally:
            opinions.withdraw(claim)
        if claim.verdict is not None:
            for alert in against(FaceCheck(claim.verdict.value)):
                self._alarm(alert, case)
