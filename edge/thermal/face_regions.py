"""Where in a thermal picture the canthi are of the face that a visible camera beside it has just seen.

A position that has such a camera measures canthi and nothing else: a forehead instead would be another body
site with another threshold, and nobody could tell which it was.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from drivers.api import FaceBox, FaceSeen, ThermalFrameCaptured
from edge.thermal.settings import Thermometer
from models.thermal.registration.canthi import canthi
from models.thermal.registration.parallax import Registration, canthus_regions
from models.thermal.roi import Region

TOGETHER_S_MAX = 0.7
"""Between the two pictures: a camera may see two a second, and only who stands still is measured."""


@dataclass(frozen=True, slots=True)
class _Beside:
    """The visible camera beside a thermal device."""

    camera: str
    registration: Registration


class FaceRegions:
    """Keeps what each camera saw last."""

    def __init__(self, thermometers: Mapping[str, Thermometer]) -> None:
        self._beside = {
            name: _Beside(settings.camera, settings.registration.registered)
            for name, settings in thermometers.items()
            if settings.camera is not None and settings.registration is not None
        }
        self._cameras = frozenset(beside.camera for beside in self._beside.values())
        self._seen: dict[str, FaceSeen] = {}

    @property
    def cameras(self) -> frozenset[str]:
        """The cameras whose faces are wanted."""
        return self._cameras

    def seen(self, camera: str, event: FaceSeen) -> None:
        """Take in what a camera has just seen."""
        if camera in self._cameras and not event.offline:
            self._seen[camera] = event

    def of(self, device: str, frame: ThermalFrameCaptured) -> tuple[Region, ...] | None:
        """The regions of the canthi in ``frame``: of the nearest face, the right eye first.

        ``None`` where no camera stands beside the device; empty when it sees no face that can be used, or saw
        it too long before or after.
        """
        beside = self._beside.get(device)
        if beside is None:
            return None
        event = self._seen.get(beside.camera)
        if event is None or abs(frame.at.mono_s - event.at.mono_s) > TOGETHER_S_MAX:
            return ()
        found = canthi(max(event.faces, key=_size)) if event.faces else None
        if found is None or frame.raw.ndim != 2:
            return ()
        return canthus_regions(found, beside.registration, *frame.raw.shape)


def _size(face: FaceBox) -> float:
    return face.width
