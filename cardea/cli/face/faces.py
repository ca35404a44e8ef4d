"""The networks, thresholds and looks that the face commands share; every failure is one clear line."""

from pathlib import Path
from typing import TYPE_CHECKING

from cardea.cli.bounded_file import read_bounded
from cardea.cli.errors import CommandError
from cardea.cli.face.pictures import read_picture

if TYPE_CHECKING:
    from models.face.look import Look, Poor
    from models.face.pipeline import FacePipeline
    from models.face.quality import Gates
    from models.face.thresholds import Thresholds


def pipeline() -> "FacePipeline":
    """Every network. Raises CommandError where a model is not here or is refused."""
    from models.face.pipeline import load
    from models.registry import ModelProblem

    try:
        return load()
    except ModelProblem as error:
        raise CommandError(str(error)) from error


def thresholds_of(file: Path | None, model_sha256: str) -> "Thresholds":
    """A site's own thresholds, or the published ones without a ``file``.

    Raises:
        CommandError: the file is not what ``cardea face calibrate`` writes, or for another model.
    """
    from models.face.calibrated import BYTES_MAX, CalibrationInvalid, read_calibrated
    from models.face.thresholds import Thresholds

    if file is None:
        return Thresholds()
    try:
        found = read_calibrated(read_bounded(file, BYTES_MAX).decode(errors="replace"))
    except CalibrationInvalid as error:
        raise CommandError(f"{file}: {error}") from error
    if found.model_sha256 != model_sha256:
        raise CommandError(f"{file}: was calibrated for another model; calibrate again")
    return found.thresholds()


def look_at(networks: "FacePipeline", path: Path, gates: "Gates | None" = None) -> "Look":
    """A still, looked at. Raises CommandError where it cannot be read or a network fails."""
    from models.face.quality import MATCHING
    from models.face.stills import look_at_still
    from models.registry import ModelProblem

    picture = read_picture(path)
    try:
        return look_at_still(networks, picture, gates or MATCHING)
    except ValueError as error:
        raise CommandError(f"{path}: {error}") from error
    except ModelProblem as error:
        raise CommandError(str(error)) from error


def shortcoming(poor: "Poor") -> str:
    """Why a face cannot be compared, and what would help."""
    return _SHORTCOMINGS[poor.value]


_SHORTCOMINGS = {
    "no_face": "no face is found; use a picture of one person, from the front",
    "several_faces": "several people stand in front; use a picture of one",
    "too_small": "the face is too small; take the picture from nearer, or at a higher resolution",
    "cut_off": "part of the face lies outside the picture; leave room around it",
    "blurred": "the face is blurred; hold still, and clean the lens",
    "dark": "the face is too dark; bring light to it",
    "flat": "the face has too little contrast; avoid light from behind",
    "tilted": "the head is tilted; hold it upright",
}
"""By ``models.face.look.Poor``."""
