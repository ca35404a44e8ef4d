"""The documents, their examples and their links."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NAMED = re.compile(r"\A# file: (\S+)\n")


@dataclass(frozen=True)
class Example:
    """A fenced block: its language, the file that its first line names, and its text."""

    language: str
    file: str | None
    text: str


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def examples() -> Callable[[str], list[Example]]:
    def of(document: str) -> list[Example]:
        return list(_examples((ROOT / document).read_text(encoding="utf-8")))

    return of


def _examples(text: str) -> Iterator[Example]:
    for language, body in _FENCE.findall(text):
        named = _NAMED.match(body)
        yield Example(language, named[1] if named else None, body)
