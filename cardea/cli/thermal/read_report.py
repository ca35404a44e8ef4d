"""What ``cardea thermal read`` tells: one JSON document, or a page of text."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from cardea.cli.thermal.read_figures import Figures, Parameters, told
from cardea.cli.thermal.read_source import Named
from drivers.api import LinearScale

SHOWN_FIRST, SHOWN_LAST = 12, 4
_ROW = "{:>7}  {:<23}  {:>8}  {:>8}  {:>8}  {}"


@dataclass(slots=True)
class Report:
    """Grows with the frames."""

    kind: str
    assumed: Sequence[str]
    camera: Named = field(default_factory=Named)
    width: int = 0
    height: int = 0
    used: Parameters | None = None
    changed_at: int | None = None
    """The first frame with other parameters than those of the first."""
    frames: list[Figures] = field(default_factory=list[Figures])
    problems: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    """After how many frames, and what is wrong there."""


def document(report: Report) -> dict[str, Any]:
    """The report for JSON; temperatures are °C, humidity is a fraction of 1."""
    camera = report.camera
    return {
        "camera": {
            "model": camera.model or None,
            "serial": camera.serial or None,
            "firmware": camera.firmware or None,
        },
        "format": report.kind,
        "width": report.width,
        "height": report.height,
        "frames": len(report.frames),
        "parameters": told(report.used) if report.used else None,
        "parameters_change_at": report.changed_at,
        "assumed": list(report.assumed),
        "problems": [{"after_frames": after, "what": what} for after, what in report.problems],
        "per_frame": [_frame(index, each) for index, each in enumerate(report.frames)],
    }


def text(report: Report) -> str:
    """The report for people; of many frames the first and the last."""
    named = report.camera
    camera = ", ".join(
        said
        for said in (
            named.model,
            named.serial and f"serial {named.serial}",
            named.firmware and f"firmware {named.firmware}",
        )
        if said
    )
    count = len(report.frames)
    lines = [
        f"camera      {camera or '–'}",
        f"file        {report.kind}, {report.width} x {report.height}, {count} frame{'s' * (count != 1)}",
        *_parameters(report),
        *(f"assumed     {each}" for each in report.assumed),
        "",
        _ROW.format("frame", "taken (UTC)", "min °C", "mean °C", "max °C", "").rstrip(),
    ]
    rows = list(enumerate(report.frames))
    if count > SHOWN_FIRST + SHOWN_LAST:
        lines += map(_row, rows[:SHOWN_FIRST])
        lines.append(_ROW.format("…", f"{count - SHOWN_FIRST - SHOWN_LAST} more", "", "", "", "").rstrip())
        lines += map(_row, rows[-SHOWN_LAST:])
    else:
        lines += map(_row, rows)
    return "\n".join(lines)


def _frame(index: int, each: Figures) -> dict[str, Any]:
    return {
        "index": index,
        "at": each.taken.isoformat() if each.taken else None,
        "min_c": each.min_c,
        "max_c": each.max_c,
        "mean_c": each.mean_c,
        "unfit": each.unfit.value if each.unfit else None,
    }


def _row(numbered: tuple[int, Figures]) -> str:
    index, each = numbered
    taken = each.taken.strftime("%Y-%m-%d %H:%M:%S.%f")[:23] if each.taken else "–"
    numbers = ("–" if value is None else f"{value:.2f}" for value in (each.min_c, each.mean_c, each.max_c))
    return _ROW.format(index, taken, *numbers, each.unfit.value if each.unfit else "").rstrip()


def _parameters(report: Report) -> list[str]:
    used = report.used
    if used is None:
        return []
    scale, conditions = used.scale, used.conditions
    if isinstance(scale, LinearScale):
        counts = f"{scale.gain_c:g} K a count, {scale.offset_c:g} °C at 0"
    else:
        counts = f"Planck R1 {scale.r1:g}, R2 {scale.r2:g}, B {scale.b:g}, F {scale.f:g}, O {scale.o:g}"
    lines = [f"scale       {counts}"]
    if conditions is None:
        lines.append("object      as the file has it")
    else:
        through = told(used)["air_transmission"]
        humidity = f"humidity {conditions.humidity:.0%}, lets through {through:.1%}"
        lines += [
            f"object      emissivity {conditions.emissivity:.3g}, reflected {conditions.reflected_c:.1f} °C",
            f"air         {conditions.distance_m:g} m of {conditions.atmosphere_c:.1f} °C, {humidity}",
            f"window      lets through {conditions.window_transmission:.1%}, {conditions.window_c:.1f} °C",
        ]
    if report.changed_at is not None:
        lines.append(f"            (others from frame {report.changed_at} on)")
    return lines
