"""Clips of a Lepton on disk: ``.npz`` with ``frames``, ``uptime_s`` and ``last_ffc_s``, read and written.

Everything is measured before it is allocated: a clip says how large it is before it is believed.
"""

import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from typing import IO, Any, cast

import numpy as np
import numpy.typing as npt

from drivers.api import DeviceMisconfigured, RawFrame, ThermalFrameCaptured
from drivers.thermal.lepton.decode import HEIGHT, WIDTH

MEMBER_BYTES_MAX = 256 * 1024 * 1024
"""Of one array: 12 minutes of frames."""
CLIPS_MAX = 1000
_UNREADABLE = (
    OSError,
    zipfile.BadZipFile,
    zlib.error,
    ValueError,
    KeyError,
    EOFError,
    RuntimeError,  # encrypted, or compressed in a way that is not known
    SyntaxError,
    TokenError,  # these two for an array's header, which is parsed as an expression
)
"""What reading an archive raises."""
Times = npt.NDArray[np.float64]
Header = tuple[tuple[int, ...], bool, np.dtype[Any]]
_READ_HEADER: Mapping[tuple[int, int], Callable[[IO[bytes]], Header]] = {
    (1, 0): cast("Callable[[IO[bytes]], Header]", np.lib.format.read_array_header_1_0),
    (2, 0): cast("Callable[[IO[bytes]], Header]", np.lib.format.read_array_header_2_0),
}


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """Frames in a row."""

    frames: npt.NDArray[np.uint16]
    """Shape (n, 120, 160), counts of 0.01 K."""
    uptime_s: Times
    """Shape (n,), of the camera, never falling."""
    last_ffc_s: Times
    """Shape (n,), uptime of the last flat-field correction."""


def clips_of(path: Path) -> list[Path]:
    """The clip, or the folder's clips by name, at most ``CLIPS_MAX``.

    Raises:
        DeviceMisconfigured: there is none.
    """
    found = sorted(path.glob("*.npz"))[:CLIPS_MAX] if path.is_dir() else [path]
    if not found or not found[0].is_file():
        raise DeviceMisconfigured(f"{path}: no clip (.npz) is here")
    return found


def read_clip(path: Path) -> Clip:
    """A clip, checked.

    Raises:
        DeviceMisconfigured: it cannot be read, or is no clip; one line saying what is wrong.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            frames, uptime_s, last_ffc_s = (
                _member(archive, name) for name in ("frames", "uptime_s", "last_ffc_s")
            )
    except _UNREADABLE as error:
        raise DeviceMisconfigured(f"{path}: is no clip of a Lepton: {error}") from error
    count = frames.shape[0] if frames.ndim else 0
    if frames.dtype != np.uint16 or frames.shape != (count, HEIGHT, WIDTH) or not count:
        raise DeviceMisconfigured(f"{path}: frames must be uint16 (n, {HEIGHT}, {WIDTH}), n at least 1")
    for name, times in (("uptime_s", uptime_s), ("last_ffc_s", last_ffc_s)):
        if times.dtype != np.float64 or times.shape != (count,) or not np.isfinite(times).all():
            raise DeviceMisconfigured(f"{path}: {name} must be {count} finite float64")
    if (np.diff(uptime_s) < 0).any():
        raise DeviceMisconfigured(f"{path}: uptime_s must never fall")
    return Clip(frames, uptime_s, last_ffc_s)


def write_clip(path: Path, frames: Sequence[ThermalFrameCaptured]) -> None:
    """Frames as a clip. Those that a camera made without telemetry get the gateway's time as their uptime.

    Raises:
        ValueError: no frames, or not of one Lepton's shape.
        OSError: the disk does not take it.
    """
    pictures: list[RawFrame] = [frame.raw for frame in frames]
    if not pictures or any(raw.shape != (HEIGHT, WIDTH) for raw in pictures):
        raise ValueError(f"a clip needs frames of {HEIGHT} x {WIDTH}")
    uptime_s = [frame.at.mono_s if frame.uptime_s is None else frame.uptime_s for frame in frames]
    since_s = [0.0 if frame.since_flat_field_s is None else frame.since_flat_field_s for frame in frames]
    np.savez_compressed(
        path,
        frames=np.stack(pictures),
        uptime_s=np.array(uptime_s, np.float64),
        last_ffc_s=np.array(uptime_s, np.float64) - np.array(since_s, np.float64),
    )


def _member(archive: zipfile.ZipFile, name: str) -> npt.NDArray[Any]:
    """One array of the archive; ValueError when it is larger than it says, or than ``MEMBER_BYTES_MAX``."""
    with archive.open(f"{name}.npy") as file:
        read_header = _READ_HEADER.get(np.lib.format.read_magic(file))
        if read_header is None:
            raise ValueError(f"{name}: an unknown version of the array format")
        shape, by_column, dtype = read_header(file)
        size = dtype.itemsize
        for length in shape:
            size *= length
        if by_column or dtype.hasobject or not 0 <= size <= MEMBER_BYTES_MAX:
            raise ValueError(f"{name}: at most {MEMBER_BYTES_MAX} bytes of plain numbers, row by row")
        content = file.read(size)
    if len(content) < size:
        raise ValueError(f"{name}: ends too early")
    return np.frombuffer(content, dtype).reshape(shape)
