"""CBOR as a pass may use it: deterministic lengths, no tag inside, no duplicate key, nothing left over."""

import io
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

import cbor2

DEPTH_MAX = 6


class CborInvalid(ValueError):
    """Not CBOR, or more than a pass may use of it."""


class _RefuseEveryTag(Mapping[int, Callable[[Any, bool], Any]]):
    """Decoders by tag number. cbor2 would build dates, regular expressions and shared cycles by itself."""

    def __getitem__(self, tag: int) -> Callable[[Any, bool], Any]:
        return _refuse

    def __iter__(self) -> Iterator[int]:
        return iter(())

    def __len__(self) -> int:
        return 0


def _refuse(_value: object, _immutable: object = None) -> NoReturn:
    raise CborInvalid("a tag stands where none may")


_TAGS = _RefuseEveryTag()


def encode(value: object) -> bytes:
    """``value`` in the deterministic encoding (RFC 8949, 4.2)."""
    return cbor2.dumps(value, canonical=True)


def decode(raw: bytes) -> object:
    """The one item that ``raw`` holds.

    Raises:
        CborInvalid: anything else.
    """
    stream = io.BytesIO(raw)
    try:
        item: object = cbor2.CBORDecoder(
            stream,
            max_depth=DEPTH_MAX,
            allow_indefinite=False,
            allow_duplicate_keys=False,
            semantic_decoders=_TAGS,
        ).decode()
    except cbor2.CBORDecodeError as error:
        raise CborInvalid(str(error)) from error
    if stream.read(1):
        raise CborInvalid("bytes are left over after the item")
    return item
