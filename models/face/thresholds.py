"""What scores must reach; defaults as measured on easy sets, to be calibrated at the site."""

import math
from collections.abc import Callable
from dataclasses import dataclass

FRAMES_MAX = 10
"""No rule can ask for more looks: people stand before a camera for seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """Cosines, counts of frames, and a size of gallery.

    Raises ValueError that names the first rule which does not hold.
    """

    verify_min: float = 0.40
    """1:1: the person that a credential names."""
    identify_min: float = 0.50
    """1:N: surely one of the gallery."""
    uncertain_min: float = 0.40
    """Below is somebody else; from here to ``identify_min`` (1:N) or ``verify_min`` (1:1) nobody can tell."""
    margin_min: float = 0.08
    """1:N: by how much the nearest must lead the next person."""
    frames_min: int = 3
    """Looks that must agree."""
    live_min: float = 0.8
    """Mean of the liveness of all looks."""
    live_frames_min: int = 5
    """Over at least so many."""
    one_to_many_max: int = 500
    """Among more people 1:N never suffices: see :func:`fpir`."""

    def __post_init__(self) -> None:
        for rule, holds in _RULES:
            if not holds(self):
                raise ValueError(f"face thresholds: must hold: {rule}")


_RULES: tuple[tuple[str, Callable[[Thresholds], bool]], ...] = (
    (
        "0 < uncertain_min <= verify_min <= identify_min <= 1",
        lambda it: 0.0 < it.uncertain_min <= it.verify_min <= it.identify_min <= 1.0,
    ),
    ("0 < margin_min <= 1", lambda it: 0.0 < it.margin_min <= 1.0),
    ("0 < live_min <= 1", lambda it: 0.0 < it.live_min <= 1.0),
    (f"1 <= frames_min <= {FRAMES_MAX}", lambda it: 1 <= it.frames_min <= FRAMES_MAX),
    (f"1 <= live_frames_min <= {FRAMES_MAX}", lambda it: 1 <= it.live_frames_min <= FRAMES_MAX),
    ("1 <= one_to_many_max", lambda it: it.one_to_many_max >= 1),
)


def fpir(fmr: float, people: int) -> float:
    """How often a stranger is taken for one of ``people``: 1 - (1 - FMR)^N, each comparison by itself
    (ISO/IEC 19795-1; false positive identification rate). At FMR 1e-4: 5 % of 500, 63 % of 10,000.

    Raises ValueError unless ``0 <= fmr <= 1`` and ``people >= 0``.
    """
    if not (0.0 <= fmr <= 1.0 and people >= 0):
        raise ValueError("must hold: 0 <= fmr <= 1, people >= 0")
    if fmr == 1.0:
        return 1.0 if people else 0.0
    return -math.expm1(people * math.log1p(-fmr))
