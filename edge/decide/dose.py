"""Dose of ultraviolet: efficacy from its lower bound, safety from its upper one (SAFETY.md D11).

H = Σ E·Δt; µW/cm² · s = µJ/cm². The unit's own sensor tells how much of its output at commissioning the lamp
still gives; the commissioning record says what arrives at the worst point and where a person could stand.
"""

from dataclasses import dataclass, replace

from edge.decide.hazards import T_FRESH_S

END_OF_LIFE = 0.7
"""Share of its output that a lamp whose sensor says nothing is credited with: the end of its rated life."""
BUDGET_S = 8 * 3600.0
BUCKET_S = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Optics:
    """What was measured at commissioning, µW/cm², with a new lamp."""

    e_max_uw_cm2: float
    """At the nearest point where a person can stand with the doors closed."""
    e_worst_uw_cm2: float
    """At the worst point of what is to be disinfected."""
    reference_uw_cm2: float | None = None
    """What the unit's own sensor read then; ``None``: it has none."""


@dataclass(frozen=True, slots=True)
class Dose:
    """What has been emitted in one cycle."""

    emitted_s: float = 0.0
    lower_mj_cm2: float = 0.0
    """Aged lamp, worst point."""
    upper_mj_cm2: float = 0.0
    """At least a new lamp, nearest point."""
    seen_uw_cm2: float | None = None
    """The sensor at the look before; ``None``: it was not to be believed."""


NOTHING_EMITTED = Dose()


def advanced(dose: Dose, optics: Optics | None, span_s: float, *, seen: float | None, lit: bool) -> Dose:
    """The dose after ``span_s`` more of emission.

    ``seen`` is the sensor's reading now, ``lit`` whether the unit confirms that it emits. A gap in what is
    known adds nothing to the lower bound and everything to the upper one.
    """
    dose = replace(dose, emitted_s=dose.emitted_s + span_s)
    if optics is None:
        return replace(dose, seen_uw_cm2=seen)
    known = [each for each in (dose.seen_uw_cm2, seen) if each is not None]
    lower = _share_min(optics, known) * optics.e_worst_uw_cm2 if lit and span_s <= T_FRESH_S else 0.0
    upper = _share_max(optics, known) * optics.e_max_uw_cm2
    return replace(
        dose,
        lower_mj_cm2=dose.lower_mj_cm2 + lower * span_s / 1000,
        upper_mj_cm2=dose.upper_mj_cm2 + upper * span_s / 1000,
        seen_uw_cm2=seen,
    )


def _share_min(optics: Optics, known: list[float]) -> float:
    if optics.reference_uw_cm2 is None:
        return END_OF_LIFE
    return min(1.0, *(each / optics.reference_uw_cm2 for each in known)) if len(known) > 1 else 0.0


def _share_max(optics: Optics, known: list[float]) -> float:
    if optics.reference_uw_cm2 is None:
        return 1.0
    return max(1.0, *(each / optics.reference_uw_cm2 for each in known)) if known else 1.0


Spent = tuple[tuple[float, float], ...]
"""What people may have received lately: (monotonic s of the bucket's beginning, mJ/cm²), oldest first."""


def spend(spent: Spent, mj_cm2: float, now_s: float) -> Spent:
    """One more share of the 8-hour budget; what lies further back is forgotten."""
    kept = tuple(bucket for bucket in spent if _counts(bucket, now_s))
    if mj_cm2 <= 0:
        return kept
    if kept and now_s < kept[-1][0] + BUCKET_S:
        began_s, before = kept[-1]
        return (*kept[:-1], (began_s, before + mj_cm2))
    return (*kept, (now_s, mj_cm2))


def total(spent: Spent, now_s: float) -> float:
    """mJ/cm² within the last 8 h; a bucket counts until all of it is older."""
    return sum(bucket[1] for bucket in spent if _counts(bucket, now_s))


def _counts(bucket: tuple[float, float], now_s: float) -> bool:
    return bucket[0] + BUCKET_S > now_s - BUDGET_S
