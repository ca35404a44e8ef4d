"""A self-test's report for people and for programs."""

import math
from collections.abc import Mapping

from models.thermal.condition.clauses import YES, Bound, Clause
from models.thermal.condition.clip_facts import ClipFacts
from models.thermal.condition.selftest import Finding, Known, Report, Verdict

MARKS: Mapping[Verdict, str] = {
    Verdict.COMPLIANT: "✓",
    Verdict.NON_COMPLIANT: "✗",
    Verdict.UNKNOWN: "?",
}


def as_json(report: Report, clip: ClipFacts | None) -> dict[str, object]:
    """The whole report; figures are numbers, pairs of numbers, or true and false."""
    return {
        "verdict": report.verdict.value,
        "clauses": [_entry(finding) for finding in report.findings],
        "clip": None if clip is None else _clip(clip),
    }


def as_text(report: Report, clip: ClipFacts | None) -> str:
    """A table and one line that closes it."""
    rows = [
        (
            MARKS[one.verdict],
            one.clause.text,
            _figure(one),
            _limit(one.clause),
            one.clause.source,
        )
        for one in report.findings
    ]
    head = (" ", "clause", "figure", "limit", "source")
    widths = [max(len(row[at]) for row in (head, *rows)) for at in range(len(head))]
    lines = [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in (head, *rows)
    ]
    if clip is not None:
        lines += ["", "clip: " + ", ".join(f"{name} {value}" for name, value in _clip(clip).items())]
    return "\n".join([*lines, "", _closing(report)])


def _closing(report: Report) -> str:
    missed = sum(one.verdict is Verdict.NON_COMPLIANT for one in report.failing)
    unknown = len(report.failing) - missed
    if not report.failing:
        return f"{report.verdict.value}: all {len(report.findings)} clauses are met."
    parts = {"not met": missed, "without a figure": unknown}
    told = ", ".join(f"{count} {what}" for what, count in parts.items() if count)
    return f"{report.verdict.value}: of {len(report.findings)} clauses {told}."


def _entry(finding: Finding) -> dict[str, object]:
    clause, known, overruled = finding.clause, finding.known, finding.overruled
    return {
        "clause": clause.figure.value,
        "text": clause.text,
        "verdict": finding.verdict.value,
        "figure": None if known is None else _plain(clause, known),
        "unit": clause.unit,
        "origin": None if known is None else known.origin.value,
        "overruled": None if overruled is None else _plain(clause, overruled),
        "limit": _limit(clause),
        "source": clause.source,
    }


def _plain(clause: Clause, known: Known) -> object:
    if clause.bounds is YES:
        return known.values[0] == 1.0
    rounded = [round(value, 3) for value in known.values]
    return rounded[0] if len(rounded) == 1 else rounded


def _figure(finding: Finding) -> str:
    if finding.known is None:
        return "not known"
    shown = f"{_shown(finding.clause, finding.known)}, {finding.known.origin.value}"
    if finding.overruled is None:
        return shown
    other = _shown(finding.clause, finding.overruled)
    return f"{shown} (overrules {other}, {finding.overruled.origin.value})"


def _shown(clause: Clause, known: Known) -> str:
    if clause.bounds is YES:
        return "yes" if known.values[0] == 1.0 else "no"
    between = " to " if math.isfinite(clause.bounds[0].low + clause.bounds[0].high) else " × "
    values = dict.fromkeys(_number(value) for value in known.values)
    joined = between.join(values if between == " to " else (_number(value) for value in known.values))
    return f"{joined} {_unit(clause)}".rstrip()


def _limit(clause: Clause) -> str:
    if clause.bounds is YES:
        return "yes"
    first = clause.bounds[0]
    if math.isfinite(first.low) and math.isfinite(first.high):
        return f"{first.low:g} to {first.high:g} {_unit(clause)}".rstrip()
    sign = "≥" if math.isfinite(first.low) else "≤"
    return f"{sign} {' × '.join(f'{_end(bound):g}' for bound in clause.bounds)} {_unit(clause)}".rstrip()


def _end(bound: Bound) -> float:
    return bound.low if math.isfinite(bound.low) else bound.high


def _number(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def _unit(clause: Clause) -> str:
    return "" if clause.unit == "1" else clause.unit


def _clip(clip: ClipFacts) -> dict[str, object]:
    return {
        "frames": clip.frames,
        "columns_px": clip.columns_px,
        "rows_px": clip.rows_px,
        "uptime_s": round(clip.uptime_s, 1),
        "noise_c": _rounded(clip.noise_c),
        "reference_stability_c": _rounded(clip.reference_stability_c),
        "face_px": None if clip.face_px is None else list(clip.face_px),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
