"""A radiometric file of any kind as frames, each read when it is asked for. Pure but for the file itself."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from cardea.contract.time import Instant
from drivers.api import CELSIUS, DeviceIdentified, LinearScale, RawFrame, ThermalFrameCaptured, Unfit
from drivers.thermal.flir_file import fff, jpeg, tiff_scale
from drivers.thermal.flir_file.camera_info import calibration, camera, taken
from drivers.thermal.flir_file.content import Content, NotRadiometric
from drivers.thermal.flir_file.fff import CAMERA_INFO, RAW_DATA, Record
from drivers.thermal.flir_file.raw import packed_as_jpegls, raw_frame
from drivers.thermal.flir_file.sequence import FRAMES_MAX, Span, spans
from drivers.thermal.flir_file.tiff import SIGNATURES, TiffPages
from drivers.thermal.flir_file.tiff_scale import GAIN_K_MAX, Meaning

JPEG_BYTES_MAX = 64 * 1024 * 1024
PREVIEWS_MAX = 8
"""Pages of a TIFF without counts, before it is taken for one that has none."""
_HEAD_BYTES = 8
Shown = DeviceIdentified | ThermalFrameCaptured


class Recording(Protocol):
    """Frames of one file, in their order."""

    kind: str
    """jpeg, fff, seq, csq or tiff."""
    assumed: Sequence[str]
    """What the file does not say and was supposed."""

    def __len__(self) -> int:
        """How many frames there may be; some of them may be damaged, or previews of others."""
        ...

    def shown(self, number: int, at: Instant) -> list[Shown]:
        """The camera, unless it keeps that to itself, and the frame; nothing of a mere preview.

        Raises:
            NotRadiometric: this one cannot be read; others may.
            OSError: the disk.
        """
        ...


def recording(content: Content, gain_k: float | None = None) -> Recording:
    """The frames in a file. ``gain_k`` overrules what a TIFF says of its counts.

    Raises:
        NotRadiometric: there are none.
        OSError: the disk.
    """
    head = content[:_HEAD_BYTES]
    if head.startswith(SIGNATURES):
        return TiffRecording(content, gain_k)
    if head.startswith(jpeg.START):
        if len(content) > JPEG_BYTES_MAX:
            raise NotRadiometric("file_too_long")
        embedded = jpeg.embedded_file(content[:])
        fff.header(embedded)
        return FffRecording(embedded, "jpeg", [Span(0)])
    fff.header(content)
    found = spans(content)
    return FffRecording(content, _kind(content, found), found)


class FffRecording:
    """One FFF file, or several in a row."""

    def __init__(self, content: Content, kind: str, found: Sequence[Span]) -> None:
        self.kind = kind
        self.assumed: Sequence[str] = ()
        self._content = content
        self._spans = found

    def __len__(self) -> int:
        return len(self._spans)

    def shown(self, number: int, at: Instant) -> list[Shown]:
        """As the protocol says."""
        span = self._spans[number]
        if span.why is not None:
            raise NotRadiometric(span.why)
        found = fff.records(self._content, fff.header(self._content, span.at))
        info, raw_data = found.get(CAMERA_INFO), found.get(RAW_DATA)
        if info is None or raw_data is None:
            raise NotRadiometric("no_camera_info" if info is None else "no_raw_data")
        return _events(info, raw_data, at)


class TiffRecording:
    """The pages of a TIFF."""

    kind = "tiff"

    def __init__(self, content: Content, gain_k: float | None) -> None:
        if gain_k is not None and not 0 < gain_k <= GAIN_K_MAX:
            raise NotRadiometric("gain_impossible")
        self._pages = TiffPages(content)
        self._gain_k = gain_k
        self._start, picture = _first_picture(self._pages)
        self._said = tiff_scale.fields(self._pages.xmp(self._start))
        self._first = self._meaning(self._start, picture)
        self.assumed: Sequence[str] = (self._first.assumed,) if self._first.assumed else ()

    def __len__(self) -> int:
        return min(len(self._pages), FRAMES_MAX)

    def shown(self, number: int, at: Instant) -> list[Shown]:
        """As the protocol says."""
        if number < self._start or (number > self._start and self._pages.is_preview(number)):
            return []
        picture = self._pages.picture(number)
        meaning = self._meaning(number, picture) if number > self._start else self._first
        frame = replace(_frame(picture, meaning, at), device_utc=self._pages.taken(number))
        named = self._pages.camera(self._start, at, self._said.get("cameraModel", ""))
        return [frame] if named is None else [named, frame]

    def _meaning(self, number: int, picture: RawFrame) -> Meaning:
        """By the page's own word, that of the first, or by its numbers."""
        if self._gain_k is not None and picture.dtype == np.uint16:
            return Meaning(tiff_scale.kelvins(self._gain_k), None)
        later = number > self._start
        own = tiff_scale.fields(self._pages.xmp(number)) if later else self._said
        said = tiff_scale.said_meaning(own, picture)
        if said is not None:
            return said
        return self._first if later else tiff_scale.supposed_meaning(picture)


def _first_picture(pages: TiffPages) -> tuple[int, RawFrame]:
    """The first page with counts or temperatures: pictures for people may stand before it."""
    for number in range(min(len(pages), PREVIEWS_MAX)):
        try:
            return number, pages.picture(number)
        except NotRadiometric as why:
            if str(why) != "tiff_of_another_kind":
                raise
    raise NotRadiometric("tiff_of_another_kind")


def _events(info: Record, raw_data: Record, at: Instant) -> list[Shown]:
    planck, conditions = calibration(info)
    frame = ThermalFrameCaptured(
        at=at, device_utc=taken(info), raw=raw_frame(raw_data), scale=planck, conditions=conditions
    )
    named = camera(info, at)
    return [frame] if named is None else [named, frame]


def _frame(picture: RawFrame, meaning: Meaning, at: Instant) -> ThermalFrameCaptured:
    """Numbers that are no counts are °C in a frame, whatever they are in the file."""
    frame = ThermalFrameCaptured(at=at, raw=picture, scale=meaning.scale, conditions=meaning.conditions)
    if picture.dtype == np.uint16 or not isinstance(meaning.scale, LinearScale):
        return frame
    temps_c = picture.astype(np.float64) * meaning.scale.gain_c + meaning.scale.offset_c
    finite = bool(np.isfinite(temps_c).all())
    return replace(
        frame,
        raw=temps_c.astype(np.float32),
        scale=CELSIUS,
        unfit=None if finite else Unfit.OUT_OF_RANGE,
    )


def _kind(content: Content, found: Sequence[Span]) -> str:
    """By the first frame: its file alone, or many with bare or packed counts."""
    if len(found) == 1:
        return "fff"
    try:
        raw_data = fff.records(content, fff.header(content)).get(RAW_DATA)
    except NotRadiometric:
        return "seq"
    return "csq" if raw_data is not None and packed_as_jpegls(raw_data) else "seq"
