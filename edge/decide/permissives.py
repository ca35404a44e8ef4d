"""What must hold for emission, by hazard class, and which inputs say so (SAFETY.md, permissive P)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cardea.contract.zones import Hazard, Permissive, Standing
from edge.decide.samples import Expects, Sample, standing

P: Mapping[Hazard, frozenset[Permissive]] = {
    Hazard.EXCLUSION: frozenset(
        {
            Permissive.ESTOP,
            Permissive.DOORS,
            Permissive.OCCUPANCY,
            Permissive.FIRE,
            Permissive.GAS,
            Permissive.WATCHDOG,
            Permissive.ORDER,
            Permissive.LEASE,
        }
    ),
    Hazard.DOSE_LIMITED: frozenset(
        {
            Permissive.ESTOP,
            Permissive.DOORS,
            Permissive.FIRE,
            Permissive.GAS,
            Permissive.WATCHDOG,
            Permissive.ORDER,
            Permissive.LEASE,
            Permissive.DOSE_METER,
            Permissive.DOSE_BUDGET,
            Permissive.COMMISSIONED,
        }
    ),
    Hazard.ENCLOSED: frozenset(
        {
            Permissive.ESTOP,
            Permissive.FIRE,
            Permissive.ENCLOSURE,
            Permissive.WATCHDOG,
            Permissive.LEASE,
        }
    ),
}
"""As SAFETY.md has it."""
ALWAYS = frozenset({Permissive.UNIT, Permissive.ORDER, Permissive.ARM, Permissive.COMMISSIONED})
"""Beyond P, for every unit: it does as commanded (D6), it was started by order and armed on site (D7), and
somebody has commissioned it (D4)."""

DIVERSE_MIN = 2
"""So many occupancy sensors, each of another technology."""

Readings = Mapping[str, Sample]
"""The latest sample of each input, by its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """An input that a permissive rests on."""

    permissive: Permissive
    input: str
    expects: Expects
    technology: str = ""
    """How it senses, where that matters."""


def needed(hazard: Hazard) -> frozenset[Permissive]:
    """Everything that must hold for a unit of this hazard."""
    return P[hazard] | ALWAYS


def sensed(
    needs: Sequence[Need], readings: Readings, now_s: float, lit_s: float | None
) -> dict[Permissive, Standing]:
    """How the permissives that rest on inputs stand; each as its worst input does."""
    standings: dict[Permissive, list[Standing]] = {}
    for need in needs:
        found = standing(need.expects, readings.get(need.input), now_s, lit_s)
        standings.setdefault(need.permissive, []).append(found)
    watching = {need.technology for need in needs if need.permissive is Permissive.OCCUPANCY}
    if Permissive.OCCUPANCY in standings and len(watching) < DIVERSE_MIN:
        standings[Permissive.OCCUPANCY].append(Standing.MISSING)
    return {permissive: worst(found) for permissive, found in standings.items()}


_BADNESS = (Standing.NOT_OK, Standing.IMPLAUSIBLE, Standing.MISSING, Standing.STALE, Standing.OK)


def worst(found: Sequence[Standing]) -> Standing:
    """What several inputs together say; of none: missing."""
    return min(found, key=_BADNESS.index, default=Standing.MISSING)
