"""Disinfection units by kind: what people would be exposed to, and the limits that no setting loosens.

The kinds are a closed list, and none of them sprays people: WHO does not recommend that under any
circumstances, so it cannot be said here (SAFETY.md).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from cardea.contract.zones import Hazard

T_FRESH_S = 1.0
"""No input is believed for longer (SAFETY.md, permissive P)."""
REACTION_SHARE_MAX = 0.1
"""Share of the exposure limit that may be used up before the output is off (D4)."""


class UnitKind(StrEnum):
    """What a unit is."""

    H2O2_FOG = "h2o2_fog"
    HOCL_FOG = "hocl_fog"
    OZONE = "ozone"
    UV254_OPEN = "uv254_open"
    """An open luminaire or a robot."""
    UV254_UPPER_ROOM = "uv254_upper_room"
    UV222 = "uv222"
    """Far-UVC."""
    UV254_ENCLOSED = "uv254_enclosed"
    """Handrail, conveyor, cabinet."""
    AIR_PURIFIER = "air_purifier"


@dataclass(frozen=True, slots=True)
class Gas:
    """What a unit leaves in the air."""

    name: str
    limit_ppm: float
    """Exposure limit: a floor that settings may only tighten."""
    mg_m3_per_ppm: float

    def limit(self, metric: str) -> float | None:
        """The limit in the unit that the metric's name ends in; ``None`` when it ends in neither."""
        if metric.endswith("_ppm"):
            return self.limit_ppm
        return self.limit_ppm * self.mg_m3_per_ppm if metric.endswith("_mg_m3") else None


H2O2 = Gas("H2O2", 1.0, 1.39)
O3 = Gas("O3", 0.1, 1.96)
CL2 = Gas("Cl2", 1.0 / 2.90, 2.90)
"""1 mg/m³."""
UV254_MJ_CM2 = 6.0
"""Per 8 h (ICNIRP, actinic, at 254 nm)."""
UV222_MJ_CM2 = 23.0


@dataclass(frozen=True, slots=True)
class Kind:
    """What a kind of unit is to people, and through which stages its cycle goes."""

    hazard: Hazard
    gas: Gas | None = None
    uv_mj_cm2: float | None = None
    """Exposure limit per 8 h; ``None``: no ultraviolet reaches anybody."""
    dwells: bool = False
    """Whether what was emitted must first take effect."""

    @property
    def aerates(self) -> bool:
        """Whether the zone must be aired and measured before anybody enters (D8)."""
        return self.gas is not None

    @property
    def two_people(self) -> bool:
        """Chemical and ozone starts need two people (D7)."""
        return self.gas is not None


KINDS: Mapping[UnitKind, Kind] = {
    UnitKind.H2O2_FOG: Kind(Hazard.EXCLUSION, gas=H2O2, dwells=True),
    UnitKind.HOCL_FOG: Kind(Hazard.EXCLUSION, gas=CL2, dwells=True),
    UnitKind.OZONE: Kind(Hazard.EXCLUSION, gas=O3, dwells=True),
    UnitKind.UV254_OPEN: Kind(Hazard.EXCLUSION, uv_mj_cm2=UV254_MJ_CM2),
    UnitKind.UV254_UPPER_ROOM: Kind(Hazard.DOSE_LIMITED, uv_mj_cm2=UV254_MJ_CM2),
    UnitKind.UV222: Kind(Hazard.DOSE_LIMITED, uv_mj_cm2=UV222_MJ_CM2),
    UnitKind.UV254_ENCLOSED: Kind(Hazard.ENCLOSED, uv_mj_cm2=UV254_MJ_CM2),
    UnitKind.AIR_PURIFIER: Kind(Hazard.ENCLOSED),
}


def reaction_s_max(limit_mj_cm2: float, e_max_uw_cm2: float) -> float:
    """How long the output may stay on after a permissive was lost (D4); mJ/cm², µW/cm² → s.

    With 3.3 s in all, 254 nm must stay at or below 182 µW/cm².
    """
    if e_max_uw_cm2 <= 0:
        return float("inf")
    return REACTION_SHARE_MAX * limit_mj_cm2 * 1000 / e_max_uw_cm2
