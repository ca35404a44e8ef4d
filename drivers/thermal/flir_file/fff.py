"""FLIR's file format: a header, a directory of records, the raw counts and what the camera says. Pure.

Source: the field tables of ExifTool's FLIR module; files of six cameras. Header and records each have a byte
order of their own. The directory is walked: ``FFF`` and a zero can stand inside pixel data, too.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from drivers.api import Conditions, Planck
from drivers.thermal.flir_file.jpeg import NotRadiometric

START = (b"FFF\0", b"AFF\0")
RECORDS_MAX = 256
CAMERA_INFO, RAW_DATA = 0x20, 0x01
_HEADER_BYTES, _ENTRY_BYTES = 64, 32
_VERSION_AT, _DIRECTORY_AT = 0x14, 0x18
_VERSION_MAX = 200
"""A larger one was read in the wrong byte order."""
_MARK = 2
"""The first word of a record, in its own byte order."""
_KELVIN_C = 273.15

_SHARE = (0.001, 1.0)
_DISTANCE_M = (0.0, 1e5)
_KELVIN = (1.0, 5000.0)
_PERCENT = (0.0, 100.0)
_POSITIVE = (1e-9, 1e9)
_ANY = (-1e9, 1e9)
"""What the camera's numbers can be; not-a-number is never inside."""
_INFO_BYTES_MIN = 0x310
TEXTS = {"model": (0xD4, 32), "serial": (0x104, 16), "firmware": (0x114, 16)}


@dataclass(frozen=True, slots=True)
class Record:
    """One record and how its words stand: ``<`` or ``>``."""

    content: bytes
    order: str

    def numbers(self, form: str, at: int) -> tuple[float, ...]:
        """Numbers at a place of the record, which the caller knows to be inside."""
        return struct.unpack_from(self.order + form, self.content, at)


def records(content: bytes) -> dict[int, Record]:
    """The first record of each kind.

    Raises:
        NotRadiometric: no FFF file, or its directory points outside.
    """
    if len(content) < _HEADER_BYTES or not content.startswith(START):
        raise NotRadiometric("no_fff_header")
    (version,) = struct.unpack_from("<I", content, _VERSION_AT)
    order = "<" if version <= _VERSION_MAX else ">"
    directory, count = struct.unpack_from(f"{order}II", content, _DIRECTORY_AT)
    if count > RECORDS_MAX or directory + count * _ENTRY_BYTES > len(content):
        raise NotRadiometric("directory_outside_the_file")
    found: dict[int, Record] = {}
    for kind, record in _records(content, order, directory, count):
        found.setdefault(kind, record)
    return found


def _records(content: bytes, order: str, directory: int, count: int) -> Iterator[tuple[int, Record]]:
    for number in range(count):
        entry = struct.unpack_from(f"{order}HHIIII", content, directory + number * _ENTRY_BYTES)
        kind, _, _, _, at, size = entry
        if kind not in {CAMERA_INFO, RAW_DATA}:
            continue
        if at + size > len(content):
            raise NotRadiometric("record_outside_the_file")
        record = content[at : at + size]
        own = next((mark for mark in "<>" if record[:2] == struct.pack(f"{mark}H", _MARK)), None)
        if own is None:
            raise NotRadiometric("record_without_byte_order")
        yield kind, Record(record, own)


def calibration(info: Record) -> tuple[Planck, Conditions]:
    """The camera's constants and what it was told of the surroundings.

    Raises:
        NotRadiometric: the record is too short, or a number in it cannot be.
    """
    if len(info.content) < _INFO_BYTES_MIN:
        raise NotRadiometric("camera_info_too_short")
    emissivity, distance_m, *kelvin, transmission = info.numbers("6f", 0x20)
    (humidity,) = info.numbers("f", 0x3C)
    r1, b, f = info.numbers("3f", 0x58)
    alpha_1, alpha_2, beta_1, beta_2, x = info.numbers("5f", 0x70)
    o, r2 = info.numbers("if", 0x308)
    said = (
        ((emissivity, transmission), _SHARE),
        ((distance_m,), _DISTANCE_M),
        (kelvin, _KELVIN),
        ((humidity,), _PERCENT),
        ((r1, r2, b), _POSITIVE),
        ((f, o, alpha_1, alpha_2, beta_1, beta_2, x), _ANY),
    )
    if not all(low <= number <= high for numbers, (low, high) in said for number in numbers):
        raise NotRadiometric("camera_info_without_meaning")
    reflected_c, atmosphere_c, window_c = (k - _KELVIN_C for k in kelvin)
    planck = Planck(
        r1=r1, r2=r2, b=b, f=f, o=float(o),
        alpha_1=alpha_1, alpha_2=alpha_2, beta_1=beta_1, beta_2=beta_2, x=x,
    )  # fmt: skip
    conditions = Conditions(
        emissivity=emissivity,
        distance_m=distance_m,
        reflected_c=reflected_c,
        atmosphere_c=atmosphere_c,
        humidity=humidity / 100 if humidity > 1 else humidity,
        window_c=window_c,
        window_transmission=transmission,
    )
    return planck, conditions


def text(info: Record, name: str) -> str:
    """A text of the camera's, by its name in ``TEXTS``; empty when it says nothing printable."""
    at, size = TEXTS[name]
    said = info.content[at : at + size].partition(b"\0")[0].decode("latin-1").strip()
    return said if said.isprintable() else ""
