"""``cardea thermal screen``: the people in a clip, and what the screening says of each."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cardea.cli.errors import CommandError
from cardea.cli.thermal import overrides

if TYPE_CHECKING:
    from cardea.cli.thermal.screen_clip import Question

SET_C = (20.0, 60.0)
LIMIT_C = (30.0, 45.0)
WARM_UP_S_MAX = 14400.0
PROGRESS_FRAMES = 25


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "clip", type=Path, metavar="CLIP", help="a Lepton's clip (.npz), or a SEQ or CSQ file"
    )
    parser.add_argument(
        "--reference-c", type=float, required=True, metavar="T", help="what the blackbody in it is set to, °C"
    )
    parser.add_argument(
        "--reference-uncertainty-c",
        type=float,
        default=0.15,
        metavar="U",
        help="its standard uncertainty (k = 1), from its certificate; °C (default: 0.15)",
    )
    parser.add_argument(
        "--threshold-c",
        type=float,
        metavar="T",
        help="from this surface temperature on somebody counts as elevated, °C"
        " (default: 37.3, as a portal's screening.elevated_c)",
    )
    parser.add_argument(
        "--warm-up-s",
        type=float,
        default=1800.0,
        metavar="S",
        help="a sensor powered for less measures nobody, s (default: 1800)",
    )
    overrides.add_conditions(parser)
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    question = _question(args)
    try:
        return _answer(args, question)
    except OSError as error:
        raise CommandError(f"{error.filename or args.clip}: {error.strerror or error}") from error


def _answer(args: argparse.Namespace, question: "Question") -> int:
    from cardea.cli.thermal.screen_clip import screen
    from cardea.cli.thermal.screen_report import document, text

    screening = screen(args.clip, question, _shown)
    if sys.stderr.isatty():
        print("\r", end="", file=sys.stderr, flush=True)
    for after, what in screening.problems:
        print(f"{args.clip}: after {after} frames: {what}", file=sys.stderr)
    print(json.dumps(document(screening), indent=2, ensure_ascii=False) if args.json else text(screening))
    return 0


def _question(args: argparse.Namespace) -> "Question":
    from cardea.cli.thermal.screen_clip import Question
    from edge.configuration.settings import Screening

    threshold_c: float | None = args.threshold_c
    if threshold_c is None:
        threshold_c = Screening().elevated_c
    _check("--reference-c", args.reference_c, SET_C)
    _check("--reference-uncertainty-c", args.reference_uncertainty_c, (0.02, 2.0))
    _check("--threshold-c", threshold_c, LIMIT_C)
    _check("--warm-up-s", args.warm_up_s, (0.0, WARM_UP_S_MAX))
    return Question(
        reference_c=args.reference_c,
        reference_uncertainty_c=args.reference_uncertainty_c,
        threshold_c=threshold_c,
        warm_up_s=args.warm_up_s,
        overrides=overrides.conditions(args),
    )


def _check(flag: str, value: float, bounds: tuple[float, float]) -> None:
    low, high = bounds
    if not low <= value <= high:
        raise CommandError(f"{flag} must be from {low:g} to {high:g}, not {value:g}")


def _shown(done: int, total: int) -> None:
    if sys.stderr.isatty() and done % PROGRESS_FRAMES == 0:
        print(f"\r{done} of {total} frames", end="", file=sys.stderr, flush=True)
