"""Configuration of a camera as XML: values read without trust, and changed one by one. Pure.

A camera takes back its own document, so what is not changed stays as it stood, letter by letter.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Self
from xml.etree.ElementTree import Element, ParseError

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

DOCUMENT_BYTES_MAX = 256 * 1024


class NotADocument(Exception):
    """The bytes are no XML, or XML that tries something."""


@dataclass(frozen=True, slots=True)
class Document:
    """One configuration of a camera."""

    content: bytes
    root: Element

    @classmethod
    def of(cls, content: bytes) -> Self:
        """``content``, read.

        Raises:
            NotADocument: it cannot be.
        """
        if len(content) > DOCUMENT_BYTES_MAX:
            raise NotADocument
        try:
            root = ElementTree.fromstring(content.strip(b"\xef\xbb\xbf \t\r\n"), forbid_dtd=True)
        except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
            raise NotADocument from error
        return cls(content, root)

    def word(self, *path: str) -> str:
        """What stands at ``path``, which begins anywhere in the document; "" for nothing."""
        found = next(self._at(self.root.iter(), path), None)
        return "" if found is None else (found.text or "").strip()

    def _at(self, among: Iterable[Element], path: tuple[str, ...]) -> Iterator[Element]:
        for element in among:
            if name_of(element) == path[0]:
                yield from self._at(element, path[1:]) if path[1:] else (element,)

    def flag(self, *path: str) -> bool | None:
        """A yes or no; ``None`` where the camera says neither."""
        return {"true": True, "1": True, "false": False, "0": False}.get(self.word(*path).lower())

    def number(self, *path: str) -> float | None:
        """A number of a believable size; ``None`` where there is none."""
        try:
            number = float(self.word(*path))
        except ValueError:
            return None
        return number if abs(number) < 1e6 else None

    def with_values(self, values: Mapping[str, str]) -> bytes:
        """The document with other values in every element of these names that it has."""
        content = self.content
        for name, value in values.items():
            tag = rb"(?:[\w.-]+:)?" + re.escape(name.encode())
            element = re.compile(rb"(<(?P<tag>" + tag + rb")(?:\s[^<>]*)?>)[^<>]*(</(?P=tag)\s*>)")
            content = element.sub(rb"\g<1>" + value.encode() + rb"\g<3>", content)
        return content


def name_of(element: Element) -> str:
    """An element's name without its namespace."""
    return element.tag.rpartition("}")[2]
