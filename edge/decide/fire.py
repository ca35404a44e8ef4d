"""The fire-panel contact of a portal, debounced: what counts as alarm, normal, or trouble (SAFETY.md L4).

Two agreeing samples settle a reading. Devices report a contact on change and then once a second, so an alarm
or an open loop that nothing contradicts for ``DEBOUNCE_S`` is settled as well; only ``normal``, which may
relock, always takes two samples. A contact that flickers for ``FLICKER_S`` contradicts itself: trouble.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from edge.decide.evidence import FireInput

DEBOUNCE_S = 0.3
FLICKER_S = 0.4
"""Both leave room within the 500 ms of L4 for polling and actuation."""

READING: Mapping[bool | None, FireInput] = {
    True: FireInput.ALARM,
    False: FireInput.NORMAL,
    None: FireInput.TROUBLE,
}
"""A sample; ``None`` is an open loop or a reading that contradicts itself."""


@dataclass(frozen=True, slots=True)
class FireLoop:
    """What is known of the contact. Times are monotonic seconds."""

    read_s: float
    """Last sample; before the first one, when waiting for it began."""
    settled: FireInput | None = None
    """What the portal acts on; ``None`` until the first reading after a start has settled."""
    last: FireInput | None = None
    run_s: float = 0.0
    """Since when the samples agree with ``last``."""
    unsettled_s: float = 0.0
    """Since when samples have followed each other without a run of ``DEBOUNCE_S``."""


NOTHING_READ = FireLoop(read_s=0.0)


def read(loop: FireLoop, active: bool | None, now_s: float) -> FireLoop:  # noqa: FBT001  # a contact is a boolean
    """Take in a sample."""
    sample = READING[active]
    if sample is loop.last:
        return replace(loop, read_s=now_s, settled=sample, unsettled_s=now_s)
    rested = loop.last is None or now_s >= loop.run_s + DEBOUNCE_S
    return replace(
        loop,
        read_s=now_s,
        last=sample,
        run_s=now_s,
        unsettled_s=now_s if rested else loop.unsettled_s,
    )


def lost(loop: FireLoop) -> FireLoop:
    """The contact can no longer be read; if the last that was heard of it is an alarm, that stands."""
    alarm = loop.last is FireInput.ALARM and loop.settled is not FireInput.ALARM
    return replace(loop, settled=FireInput.ALARM if alarm else FireInput.TROUBLE, last=None)


def aged(loop: FireLoop, now_s: float, inputs_s_max: float) -> FireLoop:
    """What time alone does to the reading: one thing at a time, the earliest first."""
    if _waits_quietly(loop) and now_s >= loop.run_s + DEBOUNCE_S:
        return replace(loop, settled=loop.last)
    if now_s >= loop.read_s + inputs_s_max:
        return lost(loop)
    if _may_flicker(loop) and now_s >= loop.unsettled_s + FLICKER_S:
        return replace(loop, settled=FireInput.TROUBLE)
    return loop


def due_s(loop: FireLoop, inputs_s_max: float) -> float | None:
    """When :func:`aged` has something to say next; ``None``: not before the next sample."""
    waits = [] if _is_lost(loop) else [loop.read_s + inputs_s_max]
    if _waits_quietly(loop):
        waits.append(loop.run_s + DEBOUNCE_S)
    if _may_flicker(loop):
        waits.append(loop.unsettled_s + FLICKER_S)
    return min(waits, default=None)


def quiet(loop: FireLoop) -> bool:
    """Normal for certain: settled so, and the latest sample agrees."""
    return loop.settled is FireInput.NORMAL and loop.last is FireInput.NORMAL


def _is_lost(loop: FireLoop) -> bool:
    return loop.settled is FireInput.TROUBLE and loop.last is None


def _waits_quietly(loop: FireLoop) -> bool:
    return loop.last in (FireInput.ALARM, FireInput.TROUBLE) and loop.last is not loop.settled


def _may_flicker(loop: FireLoop) -> bool:
    """Whether the latest sample disagrees, and came before the ones before it had rested."""
    disagrees = loop.last not in (None, loop.settled) and loop.settled is not FireInput.TROUBLE
    return disagrees and loop.unsettled_s + FLICKER_S < loop.run_s + DEBOUNCE_S
