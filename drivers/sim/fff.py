"""Writes what a FLIR camera writes: FFF files, recordings and radiometric JPEGs, in either byte order.

Source of the layout: the field table of ExifTool's FLIR module, and files of real cameras. The scene that
comes with it is an electrical cabinet: no person, on purpose.
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, cast

import cv2
import jpeg_ls
import numpy as np
import numpy.typing as npt

from drivers.api import Conditions, Planck, RawFrame

ByteOrder = Literal["little", "big"]
Payload = Literal["words", "png", "png_swapped", "jpegls", "tiff"]
"""How counts stand in a file: bare, as PNG, as PNG whose bytes stand the wrong way round, as JPEG-LS (CSQ),
or as a TIFF of their own."""
CABINET_PLANCK = Planck(r1=15000.0, r2=0.0125, b=1430.0, f=1.0, o=-6000.0)
CABINET_CONDITIONS = Conditions(emissivity=1.0, distance_m=1.0, reflected_c=23.0, atmosphere_c=23.0)
CABINET_HEIGHT, CABINET_WIDTH = 120, 160
BREAKERS = 8
Celsius = npt.NDArray[np.float64]
_SEGMENT_BYTES_MAX = 65_524
_KELVIN_C = 273.15
_RAW_DATA, _CAMERA_INFO = 1, 0x20
_CAMERA_INFO_BYTES = 2476


@dataclass(frozen=True, slots=True)
class Camera:
    """What the camera says it is."""

    model: str = "SIM-320"
    serial: str = "000001"
    software: str = "1.0.0"
    taken_utc_s: float = 1_772_438_400.0
    """Seconds since 1970."""


def fff(
    raw: RawFrame,
    planck: Planck = CABINET_PLANCK,
    conditions: Conditions = CABINET_CONDITIONS,
    *,
    order: ByteOrder = "big",
    payload: Payload = "words",
    camera: Camera = Camera(),
) -> bytes:
    """An FFF file of ``raw`` (h, w)."""
    mark = "<" if order == "little" else ">"
    records = (
        (_CAMERA_INFO, _camera_info(raw, planck, conditions, camera, mark)),
        (_RAW_DATA, _raw_data(raw, payload, mark)),
    )
    directory, content = b"", b""
    first = 64 + 32 * len(records)
    for kind, record in records:
        entry = (kind, 1, 0x64, 1, first + len(content), len(record), 0, 0, 0)
        directory += struct.pack(f"{mark}HHIIIIIII", *entry)
        content += record
    head = b"FFF\0" + b"SIM".ljust(16, b"\0") + struct.pack(f"{mark}III", 0x64, 64, len(records))
    return head.ljust(64, b"\0") + directory + content


def recording(
    raws: Sequence[RawFrame],
    planck: Planck = CABINET_PLANCK,
    conditions: Conditions = CABINET_CONDITIONS,
    *,
    orders: Sequence[ByteOrder] = ("little",),
    payload: Payload = "words",
    camera: Camera = Camera(),
    frames_per_s: float = 8.0,
    padding: int = 0,
) -> bytes:
    """FFF after FFF, byte ``orders`` in turn, ``padding`` zeros between: a SEQ, with JPEG-LS a CSQ."""
    frames = (
        fff(
            raw,
            planck,
            conditions,
            order=orders[number % len(orders)],
            payload=payload,
            camera=replace(camera, taken_utc_s=camera.taken_utc_s + number / frames_per_s),
        )
        for number, raw in enumerate(raws)
    )
    return bytes(padding).join(frames)


def radiometric_jpeg(content: bytes, visible: bytes | None = None) -> bytes:
    """A JPEG with ``content`` (an FFF file) in its APP1 segments; ``visible`` = the picture, a JPEG."""
    picture = visible if visible is not None else _grey_jpeg()
    parts = [content[at : at + _SEGMENT_BYTES_MAX] for at in range(0, len(content), _SEGMENT_BYTES_MAX)]
    segments = (b"FLIR\0\x01" + bytes((index, len(parts) - 1)) + part for index, part in enumerate(parts))
    return picture[:2] + b"".join(_app1(segment) for segment in segments) + picture[2:]


def test_scene(at_s: float) -> RawFrame:
    """An electrical cabinet ``at_s`` after it was switched on: counts (120, 160) of ``CABINET_PLANCK``.

    Eight breakers under load, warm by 5 to 20 °C; the third has a bad contact and nears 90 °C within minutes.
    """
    rows, columns = np.mgrid[0:CABINET_HEIGHT, 0:CABINET_WIDTH].astype(np.float64)
    seen_c: Celsius = 27.0 - 2.5 * rows / CABINET_HEIGHT
    warmed = 1.0 - np.exp(-at_s / 120.0)
    for breaker in range(BREAKERS):
        left = 10 + 18 * breaker
        body = (rows > 40) & (rows < 84) & (columns > left) & (columns < left + 13)
        seen_c[body] += (5.0 + (breaker * 5) % 16) * warmed
    seen_c += 55.0 * warmed * np.exp(-((rows - 44) ** 2 + (columns - 53) ** 2) / 18.0)
    noise_c = np.random.default_rng(round(at_s * 1000)).normal(0, 0.03, seen_c.shape)
    return counts(seen_c + noise_c, CABINET_PLANCK)


def counts(seen_c: Celsius, planck: Planck) -> RawFrame:
    """Counts of a black object of ``seen_c`` °C, in air that hides nothing."""
    signal = planck.r1 / (planck.r2 * (np.exp(planck.b / (seen_c + _KELVIN_C)) - planck.f)) - planck.o
    return np.clip(np.rint(signal), 0, 65535).astype(np.uint16)


def _raw_data(raw: RawFrame, payload: Payload, mark: str) -> bytes:
    height, width = raw.shape
    head = struct.pack(f"{mark}HHH", 2, width, height).ljust(32, b"\0")
    if payload == "words":
        return head + raw.astype(f"{mark}u2").tobytes()
    return head + _PACK[payload](raw)


def _image(suffix: str) -> Callable[[RawFrame], bytes]:
    def encode(raw: RawFrame) -> bytes:
        fit, content = cv2.imencode(suffix, raw)
        assert fit
        return content.tobytes()

    return encode


def _jpegls(raw: RawFrame) -> bytes:
    encode = cast("Callable[..., bytearray]", jpeg_ls.encode_pixel_data)  # pyright: ignore[reportUnknownMemberType]  # has no types
    rows, columns = raw.shape
    content = raw.astype("<u2").tobytes()
    return bytes(encode(content, rows=rows, columns=columns, samples_per_pixel=1, bits_stored=16))


_PACK: Mapping[Payload, Callable[[RawFrame], bytes]] = {
    "png": _image(".png"),
    "png_swapped": lambda raw: _image(".png")(raw.byteswap()),
    "jpegls": _jpegls,
    "tiff": _image(".tiff"),
}


def _camera_info(raw: RawFrame, planck: Planck, conditions: Conditions, camera: Camera, mark: str) -> bytes:
    record = bytearray(_CAMERA_INFO_BYTES)
    height, width = raw.shape
    kelvin = [c + _KELVIN_C for c in (conditions.reflected_c, conditions.atmosphere_c, conditions.window_c)]
    fields: tuple[tuple[int, str, tuple[float, ...]], ...] = (
        (0x00, "HHH", (2, width, height)),
        (0x20, "ff", (conditions.emissivity, conditions.distance_m)),
        (0x28, "fff", tuple(kelvin)),
        (0x34, "f", (conditions.window_transmission,)),
        (0x3C, "f", (conditions.humidity,)),
        (0x58, "fff", (planck.r1, planck.b, planck.f)),
        (0x70, "fffff", (planck.alpha_1, planck.alpha_2, planck.beta_1, planck.beta_2, planck.x)),
        (0x308, "if", (round(planck.o), planck.r2)),
        (0x310, "HH", (0, 65535)),
        (0x338, "HH", (int(np.median(raw)), int(np.ptp(raw)))),
        (0x384, "IIh", (int(camera.taken_utc_s), round(camera.taken_utc_s % 1 * 1000), 0)),
    )
    for at, form, values in fields:
        struct.pack_into(mark + form, record, at, *values)
    texts = ((0xD4, 32, camera.model), (0x104, 16, camera.serial), (0x114, 16, camera.software))
    for at, size, text in texts:
        record[at : at + size] = text.encode("ascii")[: size - 1].ljust(size, b"\0")
    return bytes(record)


def _app1(content: bytes) -> bytes:
    return b"\xff\xe1" + struct.pack(">H", len(content) + 2) + content


def _grey_jpeg() -> bytes:
    fit, content = cv2.imencode(".jpg", np.full((32, 32), 128, np.uint8))
    assert fit
    return content.tobytes()
