"""The series that have been heard of, each with a small number that columns carry instead of its name."""

from collections.abc import Iterable, Sequence

Named = tuple[str, str]
"""Gateway and series."""

NAME_LENGTH_MAX = 200
SERIES_MAX = 10_000
"""Series of one gateway at the most; its own telemetry stops at fewer."""


class Catalogue:
    """Numbers from 0 without gaps, given once and kept. Grows by what is heard, and is bounded."""

    def __init__(self, named: Iterable[Named] = ()) -> None:
        self._named: list[Named] = []
        self._numbers: dict[str, dict[str, int]] = {}
        for gateway, name in named:
            self._add(gateway, name)

    def __len__(self) -> int:
        return len(self._named)

    def number(self, gateway: str, name: str) -> int | None:
        """The series' number, a new one if need be; ``None`` for a name that is none or is one too many."""
        numbers = self._numbers.get(gateway)
        found = None if numbers is None else numbers.get(name)
        if found is not None:
            return found
        if not _is_name(name) or (numbers is not None and len(numbers) >= SERIES_MAX):
            return None
        return self._add(gateway, name)

    def find(self, gateway: str, name: str) -> int | None:
        """The series' number, if it has one."""
        return self._numbers.get(gateway, {}).get(name)

    def of(self, gateway: str, prefix: str = "") -> Sequence[tuple[str, int]]:
        """The series of a gateway whose names begin so, by name, with their numbers."""
        numbers = self._numbers.get(gateway, {})
        return sorted((name, number) for name, number in numbers.items() if name.startswith(prefix))

    def named(self, number: int) -> Named:
        """Gateway and series behind a number."""
        return self._named[number]

    def since(self, number: int) -> Sequence[Named]:
        """Those with this number or a higher one, in order."""
        return self._named[number:]

    def _add(self, gateway: str, name: str) -> int:
        number = len(self._named)
        self._named.append((gateway, name))
        self._numbers.setdefault(gateway, {})[name] = number
        return number


def _is_name(name: str) -> bool:
    return 0 < len(name) <= NAME_LENGTH_MAX and name.isprintable()
