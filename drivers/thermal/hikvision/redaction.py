"""An answer as a capture may hold it: without its pictures. Pure.

An answer brings a picture of the face in visible light, and a thermal one into which the camera may have
mixed the other. Both are left out, and their lengths are 0 in the JSON: what stays is an answer.
"""

import json

from drivers.thermal.hikvision.declared import NAME, Declared, Unreadable
from drivers.thermal.hikvision.parts import answer_of
from drivers.thermal_camera.answers import PICTURE

BEGINNING_BYTES_MAX = 2048
"""The declaration is in it."""
_BOUNDARY = b"--boundary"


def without_pictures(content: bytes) -> bytes:
    """The answer anew; of one that is not understood its beginning, up to the first picture."""
    try:
        answer = answer_of(content)
    except Unreadable:
        return content[:BEGINNING_BYTES_MAX].partition(PICTURE)[0]
    parts = (
        ("application/json", json.dumps({NAME: _said(answer.declared)}).encode()),
        ("application/octet-stream", bytes(answer.matrix)),
    )
    written = [_part(kind, body) for kind, body in parts]
    return b"".join([*written, _BOUNDARY, b"--\r\n"])


def _part(kind: str, body: bytes) -> bytes:
    head = f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return b"".join([_BOUNDARY, b"\r\n", head.encode(), body, b"\r\n"])


def _said(declared: Declared) -> dict[str, object]:
    said: dict[str, object] = {
        "jpegPicLen": 0,
        "jpegPicWidth": declared.width,
        "jpegPicHeight": declared.height,
        "p2pDataLen": declared.matrix_bytes,
        "isFreezedata": declared.frozen,
        "temperatureDataLength": declared.pixel_bytes,
        "visiblePicLen": 0,
    }
    if declared.pixel_bytes == 2:
        said |= {"scale": declared.scale, "offset": declared.offset_k}
    return said
