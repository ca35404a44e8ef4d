"""``cardea thermal register``: where a visible camera's picture lies in a thermal one, from pairs of both."""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from cardea.cli.errors import CommandError

if TYPE_CHECKING:
    from models.thermal.registration.register import Fit

SHARE_MAX = 0.25
"""Of a canthus box's side: a registration that errs by more misses the warm spot."""
NOT_GOOD = 1


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "pairs",
        type=Path,
        help="CSV with the columns visible_x,visible_y,thermal_x,thermal_y,interocular_px (one point of a "
        "face in both pictures, and how far apart the eyes are in the visible one), or visible,thermal "
        "(a picture, and a frame of °C as cardea thermal read --npy writes it, of somebody without glasses "
        "who looks at the cameras; taken at the same moment, at several distances)",
    )
    parser.add_argument("--out", type=Path, help="write the registration as TOML for gateway.toml")
    parser.add_argument("--json", action="store_true", help="the answer as JSON")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from cardea.cli.thermal.register_pairs import read_pairs
    from models.thermal.registration.register import NotRegistrable, fit

    found = read_pairs(args.pairs)
    for line in found.left_out:
        print(f"left out: {line}", file=sys.stderr)
    try:
        made = fit(found.pairs)
    except NotRegistrable as error:
        raise CommandError(f"{args.pairs}: {error}") from None
    report = _report(made, len(found.pairs), len(found.left_out))
    if args.out is not None:
        _write(args.out, _toml(made))
    print(json.dumps(report, indent=2) if args.json else _text(made, report))
    return 0 if report["good"] else NOT_GOOD


def _report(made: "Fit", pairs: int, left_out: int) -> dict[str, object]:
    from models.thermal.registration.canthi import BOX_MM, INTEROCULAR_MM

    registration = made.registration
    low, high = registration.interocular_px
    box_px = BOX_MM / INTEROCULAR_MM * low * registration.scale
    right_mm, below_mm = registration.baseline_mm
    return {
        "good": made.left_out_px <= SHARE_MAX * box_px,
        "pairs": pairs,
        "pictures_left_out": left_out,
        "outliers": [at + 1 for at in made.outliers],
        "residual_px": round(registration.residual_px, 3),
        "left_out_px": round(made.left_out_px, 3),
        "left_out_px_max": round(SHARE_MAX * box_px, 3),
        "worst_px": round(made.worst_px, 3),
        "scale": round(registration.scale, 5),
        "thermal_camera_mm": {"right": round(right_mm, 1), "below": round(below_mm, 1)},
        "interocular_px": [round(low, 2), round(high, 2)],
        "registration": {"x": list(registration.x), "y": list(registration.y)},
    }


def _text(made: "Fit", report: Mapping[str, object]) -> str:
    registration = made.registration
    right_mm, below_mm = registration.baseline_mm
    low, high = registration.interocular_px
    verdict = "good" if report["good"] else "not good enough: add pairs, above all near and far ones"
    rows = f" (rows {', '.join(str(at + 1) for at in made.outliers)})" if made.outliers else ""
    most = f"at most {report['left_out_px_max']}"
    beside = f"{right_mm:.0f} mm to the right of the visible one and {below_mm:.0f} mm below it"
    lines = [
        f"{report['pairs']} pairs, of which {len(made.outliers)} do not agree with the others{rows}",
        f"error at a pair left out: {made.left_out_px:.2f} thermal px ({most}); worst {made.worst_px:.2f}",
        f"one visible pixel is {registration.scale:.3f} thermal ones; the thermal camera stands {beside}",
        f"valid for eyes {low:.0f} to {high:.0f} pixels apart",
        f"the registration is {verdict}",
    ]
    return "\n".join(lines)


def _toml(made: "Fit") -> str:
    registration = made.registration
    rows = {
        "x": registration.x,
        "y": registration.y,
        "interocular_px": registration.interocular_px,
        "residual_px": registration.residual_px,
    }
    lines = (f"{key} = {json.dumps(value)}" for key, value in rows.items())
    return "# [thermometers.<device>.registration]: copy into gateway.toml\n" + "\n".join(lines) + "\n"


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{path}: cannot be written: {error.strerror}") from error
