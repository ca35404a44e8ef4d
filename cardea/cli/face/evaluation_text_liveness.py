"""The report of ``cardea face evaluate --liveness`` for reading."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cardea.cli.face.evaluation_text import words

SECTIONS = (
    ("the networks, asked of every face", "networks"),
    ("a door, which asks them of faces that are good and far enough away only", "at_the_door"),
)
HEAD = f"{'':<24}{'rate':<7}{'answered':<10}{'errors':<8}{'95 %':<26}no answer"


def told(report: Mapping[str, Any]) -> str:
    """The report in lines."""
    return "\n".join(_lines(report))


def _lines(report: Mapping[str, Any]) -> Iterator[str]:
    yield f"{report['pictures']} presentations; alive from {report['live_min']:g} on"
    yield f"the liveness check is {report['liveness']}: a reason to look twice, never a reason to open"
    for each in report["models"]:
        yield f"model {each['name']}, SHA-256 {each['sha256']}"
    for title, key in SECTIONS:
        yield ""
        yield f"{title}:"
        yield from _section(report[key])
    yield ""
    yield "APCER, BPCER: shares of those answered (ISO/IEC 30107-3); one picture each, a door takes five"


def _section(found: Mapping[str, Any]) -> Iterator[str]:
    bona_fide, attacks, worst = found["bona_fide"], found["attacks"], found["worst"]
    yield HEAD
    if bona_fide is not None:
        yield _row(bona_fide, "bpcer", "bpnrr")
    for each in attacks:
        yield _row(each, "apcer", "apnrr")
    if bona_fide is None:
        yield "no bona fide presentation: BPCER cannot be told"
    if not attacks:
        yield "no attack: APCER cannot be told"
    if worst is not None:
        yield f"worst species: {worst['species']}, APCER {_percent(worst['apcer'])}"


def _row(each: Mapping[str, Any], rate: str, non_response: str) -> str:
    name = words(each["name"])[:23]
    shown = f"{name:<24}{rate.upper():<7}{each['answered']:<10}{each['errors']:<8}"
    silent = (
        f"{each['presentations'] - each['answered']}, {non_response.upper()} {_percent(each[non_response])}"
    )
    reasons = ", ".join(f"{count} {words(reason)}" for reason, count in each["non_responses"].items())
    told = "cannot be told" if each[rate] is None else _with(each[rate], each[f"{rate}_ci"])
    return f"{shown}{told:<26}{silent}{f' ({reasons})' if reasons else ''}"


def _with(value: float, limits: Sequence[float]) -> str:
    return f"{_percent(value)} ({100 * limits[0]:.1f}…{100 * limits[1]:.1f})"


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"
