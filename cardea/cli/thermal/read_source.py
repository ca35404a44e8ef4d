"""Frames of a file to be read, whoever made it: FLIR's kinds, or a clip of a Lepton."""

import datetime as dt
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cardea.cli.errors import CommandError
from cardea.contract.time import ClockQuality, Instant
from drivers.api import DeviceIdentified, DeviceMisconfigured, ThermalFrameCaptured
from drivers.thermal.flir_file.content import Content, NotRadiometric
from drivers.thermal.flir_file.opened import opened
from drivers.thermal.flir_file.recording import Recording, recording
from drivers.thermal.lepton.decode import TLINEAR
from drivers.thermal.lepton.fitness import Fitness
from drivers.thermal.lepton.recording import Clip, read_clip
from drivers.thermal.lepton.settings import LeptonSettings

CLIP_START = b"PK\x03\x04"
READ_AT = Instant(0.0, dt.datetime(1970, 1, 1, tzinfo=dt.UTC), ClockQuality.UNSYNCHRONISED)
"""Frames of files are not of now; when they were taken, they say themselves or not at all."""
_WHY: Mapping[str, str] = {
    "no_fff_header": "is no radiometric file (JPEG, FFF, SEQ, CSQ, TIFF) and no clip (.npz)",
    "no_thermal_data": "is an ordinary picture: there is no thermal data of FLIR's kind in it",
    "segment_missing": "a part of its thermal data is missing",
    "record_outside_the_file": "ends too early",
    "directory_outside_the_file": "ends too early",
    "frame_cut_short": "ends too early",
    "raw_data_too_short": "ends too early",
    "bytes_between_frames": "something unknown lies before the next frame",
    "too_many_frames": "the frames from here on are too many to be read",
    "no_raw_data": "says what camera it is of, but holds no counts",
    "no_camera_info": "holds counts, but not what they mean",
    "counts_without_a_scale": "does not say what its counts mean; give --gain-k-per-count, often 0.04 or 0.4",
    "counts_not_linear_in_temperature": "says that its counts are not linear in temperature",
    "gain_impossible": "--gain-k-per-count must be above 0 up to 10",
    "tiff_of_another_kind": "is a TIFF, but not of 16-bit counts or of temperatures",
    "tiff_packed_in_an_unknown_way": "is a TIFF that is packed in a way that is not known here",
}


@dataclass(frozen=True, slots=True)
class Damage:
    """A frame that cannot be read, or what lies between frames."""

    why: str


@dataclass(frozen=True, slots=True)
class Named:
    """A camera's own words; empty where it says nothing."""

    model: str = ""
    serial: str = ""
    firmware: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """An open file."""

    kind: str
    assumed: Sequence[str]
    total: int
    """At most so many frames."""
    frames: Iterator[Named | ThermalFrameCaptured | Damage]


@contextmanager
def open_source(path: Path, gain_k: float | None) -> Generator[Source]:
    """The file's frames, while it is open.

    Raises:
        CommandError: it cannot be read, or there are none in it.
    """
    try:
        with opened(path) as content:
            yield _source(path, content, gain_k)
    except NotRadiometric as why:
        raise CommandError(f"{path}: {said(why)}") from why
    except DeviceMisconfigured as error:
        raise CommandError(str(error)) from error


def said(why: NotRadiometric) -> str:
    """A refusal in words."""
    word = str(why)
    return _WHY.get(word, f"cannot be read: {word.replace('_', ' ')}")


def _source(path: Path, content: Content, gain_k: float | None) -> Source:
    if content[: len(CLIP_START)] == CLIP_START:
        _refuse_gain(path, gain_k)
        clip = read_clip(path)
        return Source("clip", (), len(clip.frames), _clip_frames(clip))
    found = recording(content, gain_k)
    if found.kind != "tiff":
        _refuse_gain(path, gain_k)
    return Source(found.kind, found.assumed, len(found), _frames(found))


def _refuse_gain(path: Path, gain_k: float | None) -> None:
    if gain_k is not None:
        raise CommandError(f"{path}: says itself what its counts mean; --gain-k-per-count is for TIFF files")


def _frames(found: Recording) -> Iterator[Named | ThermalFrameCaptured | Damage]:
    for number in range(len(found)):
        try:
            events = found.shown(number, READ_AT)
        except NotRadiometric as why:
            yield Damage(said(why))
            continue
        for event in events:
            if isinstance(event, DeviceIdentified):
                yield Named(event.model, event.serial, event.firmware)
            else:
                yield event


def _clip_frames(clip: Clip) -> Iterator[ThermalFrameCaptured]:
    fitness = Fitness(LeptonSettings.model_fields["frozen_frames"].default)
    for raw, up, corrected in zip(clip.frames, clip.uptime_s, clip.last_ffc_s, strict=True):
        yield ThermalFrameCaptured(
            at=READ_AT,
            raw=raw,
            scale=TLINEAR,
            uptime_s=float(up),
            since_flat_field_s=max(0.0, float(up - corrected)),
            unfit=fitness.judge(raw, None),
        )
