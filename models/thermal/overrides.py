"""What turns a frame's counts into temperatures here: the camera's word, and what the site overrules."""

from dataclasses import dataclass, replace
from functools import lru_cache

from drivers.api import Conditions, ThermalFrameCaptured
from models.thermal.radiometry import Radiometer, radiometer
from models.thermal.roi import ENDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """What a site knows better than its camera; ``None`` leaves the camera's word."""

    emissivity: float | None = None
    distance_m: float | None = None
    reflected_c: float | None = None
    atmosphere_c: float | None = None
    humidity: float | None = None
    window_c: float | None = None
    window_transmission: float | None = None

    def over(self, assumed: Conditions | None) -> Conditions | None:
        """The conditions that hold; ``None`` when nothing is overruled."""
        given = {name: value for name in self.__slots__ if (value := getattr(self, name)) is not None}
        return replace(assumed or Conditions(), **given) if given else None


def meter_of(frame: ThermalFrameCaptured, overrides: Overrides) -> Radiometer | None:
    """What turns this frame's counts into temperatures; ``None`` when nothing does."""
    if frame.raw.dtype not in ENDS or frame.raw.ndim != 2:
        return None
    try:
        return _made(frame.scale, frame.conditions, overrides.over(frame.conditions))
    except ValueError:
        return None


_made = lru_cache(maxsize=32)(radiometer)
