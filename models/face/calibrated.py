"""A site's face thresholds as a TOML file: what ``cardea face calibrate`` writes and the gateway reads."""

import tomllib
from typing import Annotated

import msgspec

from models.face.thresholds import Thresholds

VERIFY_MIN = (0.30, 0.90)
"""Whatever a site measures: on public sets one stranger in fifty reaches 0.30, and few people 0.90."""
IDENTIFY_MIN = (0.40, 0.95)
UNCERTAIN_MIN = (0.20, 0.90)
MARGIN_MIN = (0.05, 0.30)
LIVE_MIN = (0.50, 0.99)

BYTES_MAX = 64 * 1024
"""The longest file that is read."""

_Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
_Count = Annotated[int, msgspec.Meta(ge=0, le=10_000_000)]


class CalibrationInvalid(ValueError):
    """The text holds no usable thresholds; one line that says what is wrong with it."""


class Confidence(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the thresholds rest on; limits are those of 95 %."""

    calibrated_utc: str
    pictures: _Count
    failed_to_acquire: _Count
    people: _Count
    genuine_pairs: _Count
    impostor_pairs: _Count
    fmr_max: _Share
    """What was asked for."""
    fmr: _Share
    """What was counted at ``verify_min``."""
    fmr_upper: _Share
    tar: _Share
    """At ``verify_min``."""
    tar_low: _Share
    tar_high: _Share
    gallery_people: Annotated[int, msgspec.Meta(ge=1, le=10_000_000)]
    """The size of the gallery that ``identify_min`` is for."""
    fpir_max: _Share
    fpir_upper: _Share
    """In such a gallery, from the FMR at ``identify_min``."""
    non_mated_searches: _Count
    """Searches tried out, in a gallery of the people measured; 0 where too few could be enrolled."""
    false_positives: _Count
    """How many of them reached ``identify_min``."""


class Calibrated(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The thresholds of one model at one site."""

    model_sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    """Of the network that makes embeddings: with another one the thresholds mean nothing."""
    verify_min: Annotated[float, msgspec.Meta(ge=VERIFY_MIN[0], le=VERIFY_MIN[1])]
    identify_min: Annotated[float, msgspec.Meta(ge=IDENTIFY_MIN[0], le=IDENTIFY_MIN[1])]
    uncertain_min: Annotated[float, msgspec.Meta(ge=UNCERTAIN_MIN[0], le=UNCERTAIN_MIN[1])]
    margin_min: Annotated[float, msgspec.Meta(ge=MARGIN_MIN[0], le=MARGIN_MIN[1])]
    live_min: Annotated[float, msgspec.Meta(ge=LIVE_MIN[0], le=LIVE_MIN[1])]
    confidence: Confidence

    def thresholds(self) -> Thresholds:
        """As the checks take them; counts of frames are not calibrated. Raises ValueError as they do.

        In a gallery larger than the one calibrated for, 1:N asks for a second factor.
        """
        usual = Thresholds()
        return Thresholds(
            one_to_many_max=min(usual.one_to_many_max, self.confidence.gallery_people),
            verify_min=self.verify_min,
            identify_min=self.identify_min,
            uncertain_min=self.uncertain_min,
            margin_min=self.margin_min,
            live_min=self.live_min,
        )


def read_calibrated(text: str) -> Calibrated:
    """What ``text`` (TOML) holds.

    Raises:
        CalibrationInvalid: it is no TOML, lacks something, or a value lies outside its bounds.
    """
    try:
        found = msgspec.convert(tomllib.loads(text), Calibrated)
        found.thresholds()
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise CalibrationInvalid(f"is no TOML: {_one_line(error)}") from None
    except ValueError as error:  # what msgspec raises is one too
        raise CalibrationInvalid(_one_line(error)) from None
    return found


def as_toml(calibrated: Calibrated) -> str:
    """The text that :func:`read_calibrated` reads."""
    built: dict[str, object] = msgspec.to_builtins(calibrated)
    confidence = built.pop("confidence")
    assert isinstance(confidence, dict), "a struct becomes a dict"
    lines = [
        "# Face thresholds of this site: written by cardea face calibrate",
        *(_line(name, value) for name, value in built.items()),
        "",
        "[confidence]",
        *(_line(str(name), value) for name, value in confidence.items()),  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]  # of msgspec, which tells no types
    ]
    return "\n".join(lines) + "\n"


def _line(name: str, value: object) -> str:
    return f"{name} = {msgspec.json.encode(value).decode()}"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
