"""What a Lepton's clip shows of a position; its reference is looked for where it is said, or found."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cardea.cli.errors import CommandError
from cardea.contract.time import ClockQuality, Instant
from drivers.api import DeviceMisconfigured, LinearScale, ThermalFrameCaptured
from drivers.thermal.lepton.recording import Clip, read_clip
from models.thermal.condition.clip_facts import ClipFacts, Footage, look_at
from models.thermal.radiometry import radiometer
from models.thermal.reference.reference import Blackbody, Reference
from models.thermal.reference.search import located

KIND = "lepton"
"""Clips of this layout are of no other camera."""
TLINEAR = LinearScale(gain_c=0.01, offset_c=-273.15)
CORRECTED_S = 0.5
"""By so much the uptime of the last flat-field correction moves when there was one."""
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Place:
    """What is said of the reference; without a set temperature it is not looked at."""

    set_c: float | None = None
    row: float | None = None
    column: float | None = None
    radius_px: float | None = None


def facts(path: Path, place: Place) -> ClipFacts:
    """What the clip shows.

    Raises:
        CommandError: it is no clip.
    """
    try:
        clip = read_clip(path)
    except DeviceMisconfigured as error:
        raise CommandError(str(error)) from error
    footage = Footage(
        frames=clip.frames,
        uptime_s=float(clip.uptime_s[0]),
        corrected=np.diff(clip.last_ffc_s, prepend=clip.last_ffc_s[0]) > CORRECTED_S,
    )
    return look_at(footage, radiometer(TLINEAR, None), _reference(clip, place))


def _reference(clip: Clip, place: Place) -> Reference | None:
    if place.set_c is None:
        return None
    if place.row is not None and place.column is not None and place.radius_px is not None:
        return Reference(temp_c=place.set_c, row=place.row, column=place.column, radius_px=place.radius_px)
    found = located(_frames(clip), (Blackbody(temp_c=place.set_c),))
    return None if found is None else found[0]


def _frames(clip: Clip) -> Iterator[ThermalFrameCaptured]:
    for raw, uptime_s in zip(clip.frames, clip.uptime_s, strict=True):
        at = Instant(float(uptime_s), _EPOCH, ClockQuality.UNSYNCHRONISED)
        yield ThermalFrameCaptured(at=at, raw=raw, scale=TLINEAR, uptime_s=float(uptime_s))
