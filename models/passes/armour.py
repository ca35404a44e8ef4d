"""The text in the QR code: ``CDA1:`` and base45, whose 45 characters are those of the QR alphanumeric mode.

A message is compressed (zlib) only where that makes it shorter: a signature does not compress. The first byte
tells the two apart: 0x78 begins a zlib stream (RFC 1950), a COSE tag cannot.
"""

import zlib

import base45

from models.passes.cose import MESSAGE_BYTES_MAX

PREFIX = "CDA1:"
TEXT_CHARS_MAX = 1600
_ZLIB = b"\x78"


class ArmourInvalid(ValueError):
    """The text carries no message."""


def wrap(message: bytes) -> str:
    """The text for ``message``."""
    packed = zlib.compress(message, 9)
    shorter = min(message, packed, key=len)
    return PREFIX + base45.b45encode(shorter).decode("ascii")


def unwrap(text: str) -> bytes:
    """The message in ``text``, ``MESSAGE_BYTES_MAX`` at the most.

    Raises:
        ArmourInvalid: no prefix, too long, not base45, a broken zlib stream, or one that unpacks to too much.
    """
    if not text.startswith(PREFIX):
        raise ArmourInvalid(f"does not begin with {PREFIX}")
    if len(text) > TEXT_CHARS_MAX:
        raise ArmourInvalid(f"longer than {TEXT_CHARS_MAX} characters")
    try:
        carried = base45.b45decode(text.removeprefix(PREFIX))
    except ValueError as error:
        raise ArmourInvalid("not base45") from error
    return _unpacked(carried) if carried.startswith(_ZLIB) else carried


def _unpacked(carried: bytes) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        message = unpacker.decompress(carried, MESSAGE_BYTES_MAX + 1)
    except zlib.error as error:
        raise ArmourInvalid("a broken zlib stream") from error
    if len(message) > MESSAGE_BYTES_MAX:
        raise ArmourInvalid(f"unpacks to more than {MESSAGE_BYTES_MAX} bytes")
    if not unpacker.eof or unpacker.unused_data:
        raise ArmourInvalid("the zlib stream is cut or followed by something")
    return message
