"""What an answer's JSON declares of the parts that follow it. Pure.

Source: Hikvision, *ISAPI Developer Guide (Thermal)*, ``JSON_JpegPictureWithAppendData``. With 4 bytes a pixel
is a float32 of °C; with 2 an int16, °C = value / scale + offset - 273.15.
"""

import json
import math
from dataclasses import dataclass
from typing import cast

NAME = "JpegPictureWithAppendData"
TEXT_BYTES_MAX = 16 * 1024
SIDE_MAX = 4096
PIXELS_MAX = 2048 * 1536
PICTURE_BYTES_MAX = 16 * 1024 * 1024


class Unreadable(Exception):
    """The answer does not hold together; the message is the reason that is counted."""


@dataclass(frozen=True, slots=True)
class Declared:
    """Lengths in bytes, the matrix's shape, and what an int16 means."""

    width: int
    height: int
    pixel_bytes: int
    thermal_bytes: int
    visible_bytes: int
    frozen: bool
    """Somebody has frozen the camera's picture."""
    scale: float
    offset_k: float
    ends_at: int
    """Where the JSON ends in the answer."""

    @property
    def matrix_bytes(self) -> int:
        """Of width x height pixels."""
        return self.width * self.height * self.pixel_bytes


def declared_at(content: bytes, begins_at: int) -> Declared:
    """The declaration that begins at ``begins_at`` or after blanks there.

    Raises:
        Unreadable: no JSON object of that name, or one that contradicts itself.
    """
    text = content[begins_at : begins_at + TEXT_BYTES_MAX].decode("latin-1")  # a character is a byte
    blank = len(text) - len(text.lstrip("\xef\xbb\xbf \t\r\n"))
    try:
        found, end = json.JSONDecoder().raw_decode(text, blank)
    except (ValueError, RecursionError) as error:
        raise Unreadable("json_unreadable") from error
    fields = cast("dict[str, object]", found) if isinstance(found, dict) else {}
    inner = fields.get(NAME, fields)
    if not isinstance(inner, dict):
        raise Unreadable("json_unreadable")
    return _checked(cast("dict[str, object]", inner), begins_at + end)


def _checked(fields: dict[str, object], ends_at: int) -> Declared:
    pixel_bytes = _whole(fields, "temperatureDataLength", 4)
    if pixel_bytes not in {2, 4}:
        raise Unreadable("temperature_data_length_unknown")
    scale, offset_k = 1.0, 0.0
    if pixel_bytes == 2:
        scale, offset_k = _number(fields, "scale"), _number(fields, "offset")
    if not scale > 0:
        raise Unreadable("scale_unbelievable")
    width, height = _whole(fields, "jpegPicWidth", SIDE_MAX), _whole(fields, "jpegPicHeight", SIDE_MAX)
    if width * height > PIXELS_MAX or not width * height:
        raise Unreadable("jpeg_pic_width_or_height_unbelievable")
    found = Declared(
        width=width,
        height=height,
        pixel_bytes=pixel_bytes,
        thermal_bytes=_whole(fields, "jpegPicLen", PICTURE_BYTES_MAX, absent=0),
        visible_bytes=_whole(fields, "visiblePicLen", PICTURE_BYTES_MAX, absent=0),
        frozen=fields.get("isFreezedata") is True,
        scale=scale,
        offset_k=offset_k,
        ends_at=ends_at,
    )
    if _whole(fields, "p2pDataLen", 4 * PIXELS_MAX) != found.matrix_bytes:
        raise Unreadable("p2p_data_len_does_not_fit_width_and_height")
    return found


def _whole(fields: dict[str, object], name: str, most: int, *, absent: int | None = None) -> int:
    value = fields.get(name, absent)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise Unreadable(f"{_snake(name)}_unbelievable")
    return value


def _number(fields: dict[str, object], name: str) -> float:
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unreadable(f"{name}_unbelievable")
    number = float(value) if abs(value) < 1e6 else math.nan
    if not math.isfinite(number):
        raise Unreadable(f"{name}_unbelievable")
    return number


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
