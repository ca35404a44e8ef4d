"""FLIR's file format: a header, a directory of records, the raw counts and what the camera says. Pure.

Source: the field tables of ExifTool's FLIR module; files of six cameras. Header and records each have a byte
order of their own. The directory is walked: ``FFF`` and a zero can stand inside pixel data, too.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from drivers.thermal.flir_file.content import Content, NotRadiometric

START = (b"FFF\0", b"AFF\0")
HEADER_BYTES, ENTRY_BYTES = 64, 32
RECORDS_MAX = 256
RECORD_BYTES_MAX = 64 * 1024 * 1024
"""Twice the largest picture that is read."""
CAMERA_INFO, RAW_DATA = 0x20, 0x01
VERSIONS = range(100, 200)
"""Read in the wrong byte order it is none of these."""
_VERSION_AT, _DIRECTORY_AT = 0x14, 0x18
_UNUSED = 0
"""Kind of an entry of the directory that means nothing; cameras leave room for more records."""
_MARK = 2
"""The first word of a record, in its own byte order: bytes a pixel."""


@dataclass(frozen=True, slots=True)
class Header:
    """Where a file begins, and its directory."""

    at: int
    order: str
    directory_at: int
    records: int

    @property
    def directory_end(self) -> int:
        """Behind the directory."""
        return self.directory_at + self.records * ENTRY_BYTES


@dataclass(frozen=True, slots=True)
class Entry:
    """A record's place in the whole content."""

    kind: int
    at: int
    size: int

    @property
    def end(self) -> int:
        """Behind the record."""
        return self.at + self.size


@dataclass(frozen=True, slots=True)
class Record:
    """One record and how its words stand: ``<`` or ``>``."""

    content: bytes
    order: str

    def numbers(self, form: str, at: int) -> tuple[float, ...]:
        """Numbers at a place of the record, which the caller knows to be inside."""
        return struct.unpack_from(self.order + form, self.content, at)


def header(content: Content, at: int = 0) -> Header:
    """The header of the file that begins at ``at``.

    Raises:
        NotRadiometric: none begins there.
    """
    head = content[at : at + HEADER_BYTES]
    if not head.startswith(START) and not any(start.startswith(head) for start in START if at):
        raise NotRadiometric("no_fff_header")
    if len(head) < HEADER_BYTES:
        raise NotRadiometric("frame_cut_short" if at else "no_fff_header")
    for order in "<>":
        version, directory, records = struct.unpack_from(f"{order}III", head, _VERSION_AT)
        if version in VERSIONS:
            return Header(at, order, at + directory, records)
    raise NotRadiometric("unknown_version")


def entries(content: Content, head: Header) -> Iterator[Entry]:
    """The directory's entries that mean something.

    Raises:
        NotRadiometric: the directory is not in the file.
    """
    if head.records > RECORDS_MAX or head.directory_end > len(content):
        raise NotRadiometric("directory_outside_the_file")
    directory = content[head.directory_at : head.directory_end]
    for place in range(0, len(directory) - ENTRY_BYTES + 1, ENTRY_BYTES):
        kind, _, _, _, at, size = struct.unpack_from(f"{head.order}HHIIII", directory, place)
        if kind != _UNUSED and size:
            yield Entry(kind, head.at + at, size)


def records(content: Content, head: Header) -> dict[int, Record]:
    """The first record of each kind that is needed, by kind.

    Raises:
        NotRadiometric: the directory or such a record is not in the file.
    """
    found: dict[int, Record] = {}
    for entry in entries(content, head):
        if entry.kind in {CAMERA_INFO, RAW_DATA} and entry.kind not in found:
            found[entry.kind] = _record(content, entry)
    return found


def _record(content: Content, entry: Entry) -> Record:
    if entry.end > len(content) or entry.size > RECORD_BYTES_MAX:
        raise NotRadiometric("record_outside_the_file")
    record = content[entry.at : entry.end]
    own = next((mark for mark in "<>" if record[:2] == struct.pack(f"{mark}H", _MARK)), None)
    if own is None or len(record) < entry.size:
        raise NotRadiometric("record_without_byte_order")
    return Record(record, own)
