"""The outputs of a zone's unit: leases renewed one at a time, cuts said again until they are confirmed.

Nothing here keeps an output on: a renewal that does not come in time is a lease that ends (SAFETY.md D3).
"""

import asyncio
from collections.abc import Callable

from cardea.contract.reasons import RefusalReason
from cardea.runtime.clock import Clock, Entropy
from cardea.runtime.logs import get_logger
from drivers.api import Executed, LeaseOutput
from edge.configuration.references import ChannelRef
from edge.decide.interlock_events import Output
from edge.portal.actuation import Submit

RENEW_S = 0.4
CUT_S = 0.5
"""Renewals and cuts of one output begin no closer together."""
SOUND_LEASE_S = 1.5
_LOG = get_logger("zone")


class ZoneOutputs:
    """Emitter, contactor and sounder of one zone."""

    def __init__(
        self,
        unit: str,
        sounder: ChannelRef | None,
        submit: Submit,
        clock: Clock,
        entropy: Entropy,
        confirmed: Callable[[Output], None],
    ) -> None:
        self._confirmed = confirmed
        self._lines = {output: _Line(unit, output.value, submit, clock, entropy) for output in Output}
        self._sounder = sounder and _Line(sounder.device, sounder.channel, submit, clock, entropy)

    def renew(self, output: Output, lease_s: float) -> None:
        """Keep an output on for so long more; says it once in ``RENEW_S``, however often it is asked."""
        self._lines[output].renew(lease_s, lambda: self._confirmed(output))

    def cut(self, output: Output) -> None:
        """Off, before anything else that this output was to do."""
        self._lines[output].cut()

    def sound(self) -> None:
        """The warning, for a little longer."""
        if self._sounder is not None:
            self._sounder.renew(SOUND_LEASE_S, _nobody_asks)

    async def close(self) -> None:
        """Nothing more is said: leases end by themselves."""
        lines = [*self._lines.values(), *([self._sounder] if self._sounder else [])]
        await asyncio.gather(*(line.close() for line in lines))


class _Line:
    """One output of one device, with at most one command on its way."""

    def __init__(self, device: str, channel: int, submit: Submit, clock: Clock, entropy: Entropy) -> None:
        self._device = device
        self._channel = channel
        self._submit = submit
        self._clock = clock
        self._entropy = entropy
        self._task: asyncio.Task[None] | None = None
        self._cutting = False
        self._said_s = -CUT_S
        self._failing = False

    def renew(self, lease_s: float, confirmed: Callable[[], None]) -> None:
        busy = self._task is not None and not self._task.done()
        if busy or self._clock.monotonic_s() - self._said_s < RENEW_S:
            return
        self._start(lease_s, confirmed, cutting=False)

    def cut(self) -> None:
        busy = self._task is not None and not self._task.done()
        if self._cutting and (busy or self._clock.monotonic_s() - self._said_s < CUT_S):
            return
        if busy and self._task is not None:
            self._task.cancel()
        self._start(0.0, _nobody_asks, cutting=True)

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _start(self, lease_s: float, confirmed: Callable[[], None], *, cutting: bool) -> None:
        self._cutting = cutting
        self._said_s = self._clock.monotonic_s()
        self._task = asyncio.get_running_loop().create_task(self._say(lease_s, confirmed))

    async def _say(self, lease_s: float, confirmed: Callable[[], None]) -> None:
        receipt = await self._submit(
            self._device, LeaseOutput(self._entropy.new_id(), self._channel, lease_s)
        )
        if isinstance(receipt, Executed):
            self._failing = False
            confirmed()
        elif not self._failing and not (self._cutting and receipt.reason is RefusalReason.UNREACHABLE):
            self._failing = True
            _LOG.warning(
                "output_not_switched",
                device=self._device,
                channel=self._channel,
                lease_s=lease_s,
                reason=receipt.reason.value,
                detail=receipt.detail,
            )


def _nobody_asks() -> None:
    """Whether an output went off is read from the unit, not from its answer; that a unit cannot be reached is
    the supervisor's to say."""
