"""What gateway.toml says of the gateway's own face check."""

from pathlib import Path

from pydantic import Field

from cardea.runtime.config import RelativePath, Settings
from models.face.calibrated import BYTES_MAX, CalibrationInvalid, read_calibrated
from models.face.thresholds import Thresholds
from models.registry import ModelUnusable


class Faces(Settings):
    """The gateway's second opinion on faces; who is looked at is said by each portal's policy."""

    thresholds: RelativePath | None = Field(
        default=None,
        description="Thresholds of this site, as `cardea face calibrate` writes them; published ones without",
    )


def thresholds_of(file: Path | None, model_sha256: str) -> Thresholds:
    """A site's own thresholds, or the published ones without a ``file``.

    Raises:
        ModelUnusable: the file cannot be read, holds none, or was calibrated for another model.
    """
    if file is None:
        return Thresholds()
    try:
        with file.open("rb") as content:
            found = read_calibrated(content.read(BYTES_MAX).decode(errors="replace"))
    except OSError as error:
        raise ModelUnusable(f"{file}: cannot be read: {error.strerror}") from error
    except CalibrationInvalid as error:
        raise ModelUnusable(f"{file}: {error}") from error
    if found.model_sha256 != model_sha256:
        raise ModelUnusable(f"{file}: was calibrated for another model; run: cardea face calibrate")
    return found.thresholds()
