"""What a camera says of itself, of its calibration and of the surroundings: one record of an FFF file. Pure.

Source: the field table of ExifTool's FLIR module (CameraInfo).
"""

import datetime as dt

from cardea.contract.time import YEARS, Instant
from drivers.api import Conditions, DeviceIdentified, Planck
from drivers.thermal.flir_file.content import NotRadiometric
from drivers.thermal.flir_file.fff import Record

KELVIN_C = 273.15
_SHARE = (0.001, 1.0)
_SHARE_OR_NONE = (0.0, 1.0)
_DISTANCE_M = (0.0, 1e5)
_KELVIN = (1.0, 5000.0)
_KELVIN_OR_NONE = (0.0, 5000.0)
_PERCENT = (0.0, 100.0)
_POSITIVE = (1e-9, 1e9)
_ANY = (-1e9, 1e9)
"""What the camera's numbers can be; not-a-number is never inside."""
_INFO_BYTES_MIN = 0x310
_TAKEN_AT = 0x384
"""Seconds since 1970 (UTC) and milliseconds."""
TEXTS = {"model": (0xD4, 32), "serial": (0x104, 16), "firmware": (0x114, 16)}


def calibration(info: Record) -> tuple[Planck, Conditions]:
    """The camera's constants and what it was told of the surroundings.

    Raises:
        NotRadiometric: the record is too short, or a number in it cannot be.
    """
    if len(info.content) < _INFO_BYTES_MIN:
        raise NotRadiometric("camera_info_too_short")
    emissivity, distance_m, reflected_k, atmosphere_k, window_k, transmission = info.numbers("6f", 0x20)
    (humidity,) = info.numbers("f", 0x3C)
    r1, b, f = info.numbers("3f", 0x58)
    alpha_1, alpha_2, beta_1, beta_2, x = info.numbers("5f", 0x70)
    o, r2 = info.numbers("if", 0x308)
    said = (
        ((emissivity,), _SHARE),
        ((transmission,), _SHARE_OR_NONE),
        ((distance_m,), _DISTANCE_M),
        ((reflected_k, atmosphere_k), _KELVIN),
        ((window_k,), _KELVIN_OR_NONE),
        ((humidity,), _PERCENT),
        ((r1, r2, b), _POSITIVE),
        ((f, o, alpha_1, alpha_2, beta_1, beta_2, x), _ANY),
    )
    if not all(low <= number <= high for numbers, (low, high) in said for number in numbers):
        raise NotRadiometric("camera_info_without_meaning")
    planck = Planck(
        r1=r1, r2=r2, b=b, f=f, o=float(o),
        alpha_1=alpha_1, alpha_2=alpha_2, beta_1=beta_1, beta_2=beta_2, x=x,
    )  # fmt: skip
    conditions = Conditions(
        emissivity=emissivity,
        distance_m=distance_m,
        reflected_c=reflected_k - KELVIN_C,
        atmosphere_c=atmosphere_k - KELVIN_C,
        humidity=humidity / 100 if humidity > 1 else humidity,
        window_c=(window_k or atmosphere_k) - KELVIN_C,
        window_transmission=transmission or 1.0,  # one that lets nothing through was never set
    )
    return planck, conditions


def camera(info: Record, at: Instant) -> DeviceIdentified | None:
    """The camera, unless it keeps that to itself."""
    model, serial, firmware = (_text(info, name) for name in TEXTS)
    if not (model or serial or firmware):
        return None
    return DeviceIdentified(at=at, model=model, serial=serial, firmware=firmware)


def taken(info: Record) -> dt.datetime | None:
    """When the picture was taken, UTC."""
    if len(info.content) < _TAKEN_AT + 8:
        return None
    seconds, milliseconds = info.numbers("II", _TAKEN_AT)
    moment = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(
        seconds=seconds, milliseconds=int(milliseconds) & 0xFFFF
    )
    return moment if seconds and moment.year in YEARS else None


def _text(info: Record, name: str) -> str:
    at, size = TEXTS[name]
    said = info.content[at : at + size].partition(b"\0")[0].decode("latin-1").strip()
    return said if said.isprintable() else ""
