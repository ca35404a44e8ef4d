"""Recorded door clips of the external test data, where they are there: real frames instead of drawn ones.

They show real people, so they are played where they stand and never copied. Which of them fit a camera is
said by their index: the reference's disc must stand where the drawn scene has it, at that temperature.
"""

from pathlib import Path

import msgspec

from cardea.runtime.logs import get_logger
from drivers.sim.plant_settings import LeptonCamera
from drivers.sim.settings import TowerSettings
from drivers.sim.thermal_scene import DISC

FOLDER = Path("thermal") / "lepton_screening"
INDEX = Path("thermal") / "expected.json"
NEAR_PX = 2


class Disc(msgspec.Struct, frozen=True):
    """Where the reference was found."""

    center_rc: tuple[int, int]


class Recorded(msgspec.Struct, frozen=True):
    """What the index says of a clip."""

    people_truth: int
    reference_calibrated_C: float  # noqa: N815  # the index's own name
    reference_disc: Disc


class Index(msgspec.Struct, frozen=True):
    """The part of the index that is about clips, by file name."""

    lepton_screening: dict[str, Recorded]


_LOG = get_logger("sim")


def with_recordings(settings: TowerSettings, data: Path | None) -> TowerSettings:
    """``settings`` with clips for every thermal camera that names none and that some below ``data`` fit."""
    if data is None or not (data / INDEX).is_file():
        return settings
    index = _read(data / INDEX).lepton_screening
    found = {
        name: one.model_copy(update={"clips": data / FOLDER, "clip_names": names})
        for name, one in settings.thermometers.items()
        if isinstance(one, LeptonCamera) and one.clips is None and (names := fitting(index, one.reference_c))
    }
    for name, one in found.items():
        _LOG.info("recordings_played", device=name, clips=len(one.clip_names))
    return settings.model_copy(update={"thermometers": {**settings.thermometers, **found}})


def fitting(index: dict[str, Recorded], reference_c: float) -> tuple[str, ...]:
    """The clips (names without ``.npz``) that show somebody before a reference like the drawn scene's."""
    row, column, _ = DISC
    return tuple(
        name.removesuffix(".npz")
        for name, clip in sorted(index.items())
        if clip.people_truth
        and clip.reference_calibrated_C == reference_c
        and abs(clip.reference_disc.center_rc[0] - row) <= NEAR_PX
        and abs(clip.reference_disc.center_rc[1] - column) <= NEAR_PX
    )


def _read(path: Path) -> Index:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Index)
    except (OSError, msgspec.MsgspecError) as error:
        _LOG.warning("recordings_unusable", file=str(path), why=str(error))
        return Index({})
