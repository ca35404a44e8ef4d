"""Samples of a zone's inputs, and what each of them is worth (SAFETY.md D2).

Everything that is not known for certain and freshly counts as "somebody is there": missing, stale, not a
number, out of range, contradictory, frozen.
"""

import math
from dataclasses import dataclass

from cardea.contract.zones import Standing
from edge.decide.hazards import T_FRESH_S

Value = float | bool | None


@dataclass(frozen=True, slots=True)
class Sample:
    """The latest reading of one input. Times are monotonic seconds."""

    value: Value
    """``None``: the input contradicts itself."""
    at_s: float
    since_s: float
    """Since when it has read the same."""
    moved: bool = False
    """Whether it has ever been seen to change."""
    witness: float | None = None
    """Another number of the same instrument that moves with each measurement, where one is named."""


def sampled(before: Sample | None, value: Value, at_s: float, witness: float | None = None) -> Sample:
    """The sample after one more reading."""
    if before is None:
        return Sample(value, at_s, at_s, witness=witness)
    same = value == before.value and witness == before.witness
    return Sample(value, at_s, before.since_s if same else at_s, before.moved or not same, witness)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A dry contact or switching sensor."""

    good: bool
    """The level at which nothing is in the way."""
    frozen_s: float | None = None
    """Without a change for so long it counts as frozen, and so it does until its first; ``None``: a contact
    that rightly rests for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge:
    """An instrument."""

    low: float
    high: float
    """Outside of this it is not plausible."""
    good_low: float = -math.inf
    good_high: float = math.inf
    frozen_s: float | None = None
    """Reading the very same for so long it counts as frozen."""
    lit_only: bool = False
    """Whether it need move only while the unit emits (a meter in the dark rests at its zero)."""


Expects = Contact | Gauge


def standing(expects: Expects, sample: Sample | None, now_s: float, lit_s: float | None) -> Standing:
    """What the sample says. ``lit_s`` is since when the unit has emitted; ``None``: it does not."""
    if sample is None:
        return Standing.MISSING
    if not 0 <= now_s - sample.at_s <= T_FRESH_S:
        return Standing.STALE
    if isinstance(expects, Contact):
        return _contact(expects, sample, now_s)
    return _gauge(expects, sample, now_s, lit_s)


def _contact(expects: Contact, sample: Sample, now_s: float) -> Standing:
    if not isinstance(sample.value, bool):
        return Standing.IMPLAUSIBLE
    if sample.value is not expects.good:
        return Standing.NOT_OK
    never = expects.frozen_s is not None and not sample.moved
    frozen = expects.frozen_s is not None and now_s - sample.since_s > expects.frozen_s
    return Standing.IMPLAUSIBLE if never or frozen else Standing.OK


def _gauge(expects: Gauge, sample: Sample, now_s: float, lit_s: float | None) -> Standing:
    value = sample.value
    if value is None or isinstance(value, bool) or not expects.low <= value <= expects.high:
        return Standing.IMPLAUSIBLE
    since_s = sample.since_s
    if expects.lit_only:
        since_s = now_s if lit_s is None else max(since_s, lit_s)
    if expects.frozen_s is not None and now_s - since_s > expects.frozen_s:
        return Standing.IMPLAUSIBLE
    return Standing.OK if expects.good_low <= value <= expects.good_high else Standing.NOT_OK


def level(sample: Sample | None, now_s: float) -> bool | None:
    """A read-back of 0 or 1, if there is a fresh one."""
    if sample is None or not 0 <= now_s - sample.at_s <= T_FRESH_S or sample.value not in (0, 1):
        return None
    return bool(sample.value)
