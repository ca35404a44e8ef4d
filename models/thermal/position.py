"""How one device measures people: where in its frames, against what, and how sure that is."""

from dataclasses import dataclass, field

from models.thermal.correction import APART_C_MIN
from models.thermal.overrides import Overrides
from models.thermal.people.presence import Manner
from models.thermal.reference.reference import Blackbody
from models.thermal.roi import Region
from models.thermal.uncertainty import Budget

REFERENCES_MAX = 2
SITE_C_MAX = 1.0
"""More is no site's term but a fault of the set-up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """How one device measures people.

    Raises:
        ValueError: references that give no correction, or a site's term beyond ``SITE_C_MAX``.
    """

    region: Region
    references: tuple[Blackbody, ...]
    """One or two; those whose place is told are :class:`Reference`, the others are searched for."""
    reference_gone_s_max: float = 10.0
    """The references' last word counts for so long, as when somebody's shoulder hides one."""
    site_c: float = 0.0
    """Added to every temperature; a constant."""
    overrides: Overrides = field(default_factory=Overrides)
    presence_px_min: int = 300
    """A face near enough to be measured holds a circle of so many pixels, 20 across: 7 mm of face a pixel,
    three of them on the inner corner of an eye and what is as warm around it (20 mm)."""
    warm_up_s: float = 1800.0
    """A sensor powered for less measures nobody; one that does not say for how long is not held to it."""
    manner: Manner = field(default_factory=Manner)
    budget: Budget = field(default_factory=Budget)

    def __post_init__(self) -> None:
        set_c = sorted(one.temp_c for one in self.references)
        if len(set_c) > REFERENCES_MAX or (
            len(set_c) == REFERENCES_MAX and set_c[1] - set_c[0] < APART_C_MIN
        ):
            raise ValueError(f"at most {REFERENCES_MAX} references, {APART_C_MIN:g} °C apart")
        if not abs(self.site_c) <= SITE_C_MAX:
            raise ValueError(f"a site's term is at most {SITE_C_MAX:g} °C")
