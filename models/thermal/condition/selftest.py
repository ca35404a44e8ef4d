"""Whether a position meets the clauses: each with the figure behind it and where that figure comes from.

A figure that nobody knows is no figure: its clause is UNKNOWN, and a position with one is not compliant.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from models.thermal.condition.clauses import CLAUSES, Clause, Figure


class Origin(StrEnum):
    """Where a figure comes from."""

    DECLARED = "declared"
    """By whoever installed the position."""
    CONFIGURED = "configured"
    """What the gateway does."""
    COMPUTED = "computed"
    """From other figures."""
    DATASHEET = "datasheet"
    MEASURED = "measured"


class Verdict(StrEnum):
    """What a clause, or the whole position, comes to."""

    COMPLIANT = "COMPLIANT"
    NON_COMPLIANT = "NON-COMPLIANT"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Known:
    """A figure, in the unit of its clause."""

    values: tuple[float, ...]
    origin: Origin


Figures = Mapping[Figure, Known]


@dataclass(frozen=True, slots=True)
class Finding:
    """One clause."""

    clause: Clause
    verdict: Verdict
    known: Known | None
    overruled: Known | None = None
    """Another figure that was given, and which ``known`` contradicts."""


@dataclass(frozen=True, slots=True)
class Report:
    """All clauses."""

    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> Verdict:
        """COMPLIANT when every clause is."""
        return Verdict.NON_COMPLIANT if self.failing else Verdict.COMPLIANT

    @property
    def failing(self) -> tuple[Finding, ...]:
        """Those that are not met, or of which that is not known."""
        return tuple(one for one in self.findings if one.verdict is not Verdict.COMPLIANT)


def selftest(*sources: Figures) -> Report:
    """The clauses, judged by the figures of all sources; a later source overrules those before it."""
    return Report(tuple(_finding(clause, sources) for clause in CLAUSES))


def _finding(clause: Clause, sources: tuple[Figures, ...]) -> Finding:
    said = list(_said(clause.figure, sources))
    if not said:
        return Finding(clause, Verdict.UNKNOWN, None)
    known = said[-1]
    met = len(known.values) == len(clause.bounds) and all(
        bound.holds(value) for bound, value in zip(clause.bounds, known.values, strict=True)
    )
    others = [one for one in said if one.values != known.values]
    return Finding(
        clause,
        Verdict.COMPLIANT if met else Verdict.NON_COMPLIANT,
        known,
        others[-1] if others else None,
    )


def _said(figure: Figure, sources: tuple[Figures, ...]) -> Iterator[Known]:
    for figures in sources:
        if figure in figures:
            yield figures[figure]
