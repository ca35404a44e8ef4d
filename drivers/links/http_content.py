"""What an HTTP answer's body holds, whatever its Content-Encoding says of it. Pure.

Devices label bodies wrongly: raw deflate without zlib's frame (RFC 1951 for RFC 1950), or bytes that are not
compressed at all. A body that is not what its label says is taken as it stands.
"""

import zlib
from collections.abc import Mapping

_ZLIB, _RAW, _GZIP = zlib.MAX_WBITS, -zlib.MAX_WBITS, zlib.MAX_WBITS | 16
_FORMS: Mapping[str, tuple[int, ...]] = {
    "deflate": (_ZLIB, _RAW),
    "gzip": (_GZIP,),
    "x-gzip": (_GZIP,),
}


class ContentTooLong(Exception):
    """It would be longer than what anybody wants of this device."""


def content_of(body: bytes, encoding: str, bytes_max: int) -> bytes:
    """``body``, unpacked where it is packed as ``encoding`` (the header's value) says.

    Raises:
        ContentTooLong: unpacked it is longer than ``bytes_max``; no more than that is ever unpacked.
    """
    for form in _FORMS.get(encoding.strip().lower(), ()):
        content = _unpacked(body, form, bytes_max)
        if content is not None:
            return content
    return body


def _unpacked(body: bytes, form: int, bytes_max: int) -> bytes | None:
    """``None`` when ``body`` is not one whole stream of this form, with nothing after it."""
    unpacker = zlib.decompressobj(form)
    try:
        content = unpacker.decompress(body, bytes_max + 1)
    except zlib.error:
        return None
    if len(content) > bytes_max:
        raise ContentTooLong
    return content if unpacker.eof and not unpacker.unused_data else None
