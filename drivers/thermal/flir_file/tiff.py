"""Pictures and tags of a TIFF. Pure.

Source: TIFF 6.0; tifffile finds pages and tags. Packed strips and tiles are put into a file of their own for
OpenCV's decoder, which never unpacks more than the page is large. Sizes are checked before anything is read.
"""

import datetime as dt
import logging
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import cast

import numpy as np
import tifffile

from cardea.contract.time import YEARS, Instant
from drivers.api import Counts, DeviceIdentified, RawFrame
from drivers.thermal.flir_file.content import Content, NotRadiometric, possible, stream
from drivers.thermal.flir_file.tiff_packed import PACKED, Page, unpack

logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # what is wrong with a file is told by the refusal
SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_MODEL, _SOFTWARE, _XMP, _EXIF, _CAMERA_SERIAL = 272, 305, 700, 34665, 50735
_XMP_BYTES_MAX = 65_536
_UNPACKED = 1
_SLACK_BYTES = 1 << 20
"""A small picture may stand in one large tile."""
_KINDS = (np.dtype(np.uint16), np.dtype(np.float32), np.dtype(np.float64))


class TiffPages:
    """The pages of a TIFF, each read when it is asked for."""

    def __init__(self, content: Content) -> None:
        """Look at the first page and count the others.

        Raises:
            NotRadiometric: it is no TIFF, or damaged.
        """
        with _damage():
            self._file = tifffile.TiffFile(stream(content))
            self._count = len(self._file.pages)
        if not self._count:
            raise NotRadiometric("tiff_without_pages")

    def __len__(self) -> int:
        return self._count

    def is_preview(self, number: int) -> bool:
        """Whether a page is only a smaller copy of another."""
        with _damage():
            return bool(self._page(number).is_reduced)

    def picture(self, number: int) -> RawFrame:
        """A page's numbers, shape (h, w): counts, or whatever is measured as float32.

        Raises:
            NotRadiometric: the page is damaged, too large, or a picture of another kind.
        """
        with _damage():
            page = self._page(number)
            height, width = page.imagelength, page.imagewidth
            if not possible(height, width):
                raise NotRadiometric("raw_size_impossible")
            if page.shape != (height, width) or page.dtype not in _KINDS:
                raise NotRadiometric("tiff_of_another_kind")
            self._measure(page)
            read = page.asarray() if page.compression == _UNPACKED else unpack(self._packed(page))
        return read.astype(np.uint16 if page.dtype == np.uint16 else np.float32, copy=False)

    def xmp(self, number: int) -> bytes:
        """What a page's XMP says, as it stands there; empty when there is none."""
        with _damage():
            said = self._tag(number, _XMP)
        return said[:_XMP_BYTES_MAX] if isinstance(said, bytes) else b""

    def camera(self, number: int, at: Instant, model: str) -> DeviceIdentified | None:
        """The camera, by a page's tags or, in default of the tag, by ``model``."""
        with _damage():
            tags = (self._tag(number, code) for code in (_MODEL, _CAMERA_SERIAL, _SOFTWARE))
            said = [_text(tag) for tag in tags]
        name, serial = said[0] or model, said[1]
        if not (name or serial):
            return None
        firmware = said[2] if said[0] else ""  # without a model by tag, some other software wrote the tags
        return DeviceIdentified(at=at, model=name, serial=serial, firmware=firmware)

    def taken(self, number: int) -> dt.datetime | None:
        """When a page was taken, UTC; ``None`` where the file does not say by which clock."""
        with _damage():
            exif = self._tag(number, _EXIF)
        if not isinstance(exif, Mapping):
            return None
        fields = cast("Mapping[str, object]", exif)
        said = f"{fields.get('DateTimeOriginal')} {fields.get('OffsetTimeOriginal')}"
        try:
            moment = dt.datetime.strptime(said, "%Y:%m:%d %H:%M:%S %z")
            return moment.astimezone(dt.UTC) if moment.year in YEARS else None
        except (ValueError, OverflowError):
            return None

    def _page(self, number: int) -> tifffile.TiffPage:
        return cast("tifffile.TiffPage", self._file.pages[number])

    def _tag(self, number: int, code: int) -> object:
        return cast("object", self._page(number).tags.valueof(code))

    def _measure(self, page: tifffile.TiffPage) -> None:
        """Strips and tiles lie in the file and are about as long together as the picture: tifffile takes
        what is missing for black, and reads whatever a page says."""
        size = self._file.filehandle.size
        parts = list(zip(page.dataoffsets, page.databytecounts, strict=True))
        if not all(length > 0 and offset + length <= size for offset, length in parts):
            raise NotRadiometric("record_outside_the_file")
        together = sum(page.databytecounts)
        least = page.nbytes if page.compression == _UNPACKED else 1
        if not least <= together <= 2 * page.nbytes + _SLACK_BYTES:
            raise NotRadiometric("tiff_damaged")

    def _packed(self, page: tifffile.TiffPage) -> Page:
        if int(page.compression) not in PACKED:
            raise NotRadiometric("tiff_packed_in_an_unknown_way")
        file = self._file.filehandle
        parts: list[bytes] = []
        for offset, size in zip(page.dataoffsets, page.databytecounts, strict=True):
            file.seek(offset)
            parts.append(file.read(size))
        tall, wide = (page.tilelength, page.tilewidth) if page.is_tiled else (page.rowsperstrip, 0)
        return Page(
            order=self._file.byteorder,
            height=page.imagelength,
            width=page.imagewidth,
            floats=page.dtype != np.uint16,
            bits=page.bitspersample,
            compression=int(page.compression),
            predictor=int(page.predictor),
            part_height=tall if wide else min(tall, page.imagelength),
            part_width=wide,
            parts=tuple(parts),
        )


def decode_counts(content: bytes) -> Counts:
    """The counts of the first page, shape (h, w).

    Raises:
        NotRadiometric: it is damaged, too large, or of another kind.
    """
    found = TiffPages(content).picture(0)
    if found.dtype != np.uint16:
        raise NotRadiometric("raw_tiff_of_another_kind")
    return cast("Counts", found)


@contextmanager
def _damage() -> Generator[None]:
    """Every other error is the file's fault but one of the disk."""
    try:
        yield
    except (NotRadiometric, OSError):
        raise
    except Exception as error:  # tifffile raises a dozen kinds on damage: none of its own, by contract
        raise NotRadiometric("tiff_damaged") from error


def _text(said: object) -> str:
    text = said.strip() if isinstance(said, str) else ""
    return text[:64] if text.isprintable() else ""
