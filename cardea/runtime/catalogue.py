"""Message catalogues from the source: ``python -m cardea.runtime.catalogue`` adds what they lack.

Found are ``msg("…")``, ``….text("…", …)`` and ``….plural("…", "…", …)`` with literal sentences.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages import Catalog, Message
from babel.messages.pofile import read_po, write_po

from cardea.runtime.i18n import Language

SOURCES = ("cardea", "edge", "drivers", "models", "cloud")
LOCALE = Path(__file__).parent / "locale"
_MARKER = "msg"
_SENTENCES = {"text": 1, "plural": 2}
"""How many of its first arguments a translator's method takes as message ids."""
_NOT_TRANSLATORS = frozenset({"sa", "sqlalchemy", "sql"})
"""Modules whose ``text(…)`` is something else."""


_HEADER = """# Messages of Cardea.
msgid ""
msgstr ""
"Project-Id-Version: Cardea\\n"
"Language: {language}\\n"
"Plural-Forms: {plural}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"

"""


class NotLiteral(Exception):
    """A sentence is built from pieces where it should stand whole."""


def extract(root: Path) -> Catalog:
    """All message ids of the source tree below ``root``, with the places where they stand.

    Raises:
        NotLiteral: a marked or translated sentence is an f-string or is put together.
    """
    found = Catalog(project="Cardea")
    for package in SOURCES:
        for path in sorted((root / package).rglob("*.py")):
            place = path.relative_to(root).as_posix()
            for line, ids in _message_ids(ast.parse(path.read_bytes()), place):
                found.add(ids[0] if len(ids) == 1 else ids, locations=[(place, line)])
    return found


def update(root: Path) -> int:
    """Bring every catalogue up to date with the source; returns how many entries want a translation.

    English needs none: its sentences are the message ids.
    """
    found = extract(root)
    wanting = 0
    for language in Language:
        if language is not Language.EN:
            catalogue = read(language)
            catalogue.update(found, no_fuzzy_matching=True, update_creation_date=False)
            catalogue.obsolete.clear()
            write(catalogue, language)
            wanting += sum(1 for message in entries(catalogue) if not all(forms(message)))
    return wanting


def read(language: Language) -> Catalog:
    """The catalogue of a language as it stands."""
    with _path(language).open("rb") as file:
        return read_po(file, locale=language.value)


def write(catalogue: Catalog, language: Language) -> None:
    """Put the catalogue in its place, sorted by message id, with places but no line numbers."""
    with _path(language).open("wb") as file:
        file.write(_HEADER.format(language=language.value, plural=catalogue.plural_forms).encode())
        write_po(file, catalogue, width=110, omit_header=True, include_lineno=False, sort_output=True)


def entries(catalogue: Catalog) -> Iterator[Message]:
    """The sentences of a catalogue, without its header."""
    return (message for message in catalogue if message.id)


def forms(message: Message) -> tuple[str, ...]:
    """What the catalogue says for a message: one sentence, or one for each plural form."""
    return (message.string,) if isinstance(message.string, str) else tuple(message.string or ("",))


def _path(language: Language) -> Path:
    return LOCALE / f"{language.value}.po"


def _message_ids(tree: ast.AST, place: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (count := _sentences(node.func)):
            ids = tuple(_literals(node.args[:count], place))
            if len(ids) == count:
                yield node.lineno, ids


def _sentences(function: ast.expr) -> int:
    if isinstance(function, ast.Name):
        return 1 if function.id == _MARKER else 0
    if not isinstance(function, ast.Attribute):
        return 0
    if isinstance(function.value, ast.Name) and function.value.id in _NOT_TRANSLATORS:
        return 0
    return _SENTENCES.get(function.attr, 0)


def _literals(arguments: list[ast.expr], place: str) -> Iterator[str]:
    for argument in arguments:
        if isinstance(argument, ast.JoinedStr | ast.BinOp):
            raise NotLiteral(f"{place}:{argument.lineno}: write the sentence whole, with {{places}}")
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
            yield argument.value


def main() -> int:
    """Update all catalogues from the source tree in the current folder."""
    sys.stderr.write(f"{update(Path.cwd())} entries want a translation\n")
    return 0


if __name__ == "__main__":  # pragma: no cover
    sys.exit(main())
