"""``cardea thermal evaluate``: how well methods tell fever, on a table of face and oral temperatures.

Thresholds are chosen and judged on the same visits, as publications do, and judged once more on days that
they were not chosen on; the second figures are the ones to expect at a door. The mean of a visit's rounds is
what a thermometer has that looks several times; its first round alone and the oral thermometer's fast mode
give an area of 0.967 for FLIR_group1's canthiMax, the mean 0.981.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from cardea.cli.errors import CommandError

METHODS = ("absolute", "reference", "flir", "median30", "combined")
ROUNDS = ("mean", *map(str, range(1, 10)))
RUNS_MAX = 10_000
T = TypeVar("T", int, float)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "file", type=Path, help="the table, CSV, of the layout of PhysioNet's face-oral-temp-data"
    )
    parser.add_argument(
        "--site", default="canthiMax", help="whose temperatures, e.g. canthiMax, T_Max, T_FHC_Max"
    )
    parser.add_argument(
        "--oral", type=_oral, default=37.5, help="a fever from this oral temperature on, °C (37.5)"
    )
    parser.add_argument(
        "--oral-column",
        help="aveOralF (the oral thermometer's fast mode; default) or aveOralM (its slower monitor mode)",
    )
    parser.add_argument(
        "--round",
        choices=ROUNDS,
        default="mean",
        help="one round of pictures, or the mean of all that a visit has (default)",
    )
    parser.add_argument(
        "--method",
        action="extend",
        type=_methods,
        metavar="NAME[,NAME]",
        help=f"only these of: {', '.join(METHODS)}",
    )
    parser.add_argument(
        "--drift-sd",
        type=_number(0, 10),
        default=0.0,
        help="simulate a sensor that differs by so much from day to day, °C",
    )
    parser.add_argument(
        "--residual-sd",
        type=_number(0, 10),
        help="what a reference source leaves of a drift, °C (0.1)",
    )
    parser.add_argument("--seed", type=_whole(0, 2**63 - 1), default=0, help="of the simulated drift (0)")
    parser.add_argument(
        "--runs", type=_whole(1, RUNS_MAX), default=1, help="simulate so many times, with seeds in a row"
    )
    parser.add_argument(
        "--prevalence",
        type=_number(1e-6, 0.999999),
        default=0.005,
        help="share of people with a fever at the door (0.005)",
    )
    parser.add_argument(
        "--specificity",
        type=_number(0, 1),
        default=0.9,
        help="the operating point is the most sensitive one that has at least this specificity (0.9)",
    )
    parser.add_argument(
        "--fpr",
        type=_number(1e-5, 0.5),
        help="take the threshold instead whose false-positive rate is at most this, with 95 %% confidence",
    )
    parser.add_argument(
        "--baseline-people",
        type=_whole(3, 1000),
        default=30,
        help="people that make an adaptive baseline (30)",
    )
    parser.add_argument(
        "--readings",
        metavar="COLUMN",
        help="tell only the threshold for --fpr, from a site's own readings: this column of any CSV file",
    )
    parser.add_argument("--json", action="store_true", help="the answer as JSON")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    if args.readings is not None:
        return _site_threshold(args)
    from cardea.cli.thermal.clinical_table import read_table
    from cardea.cli.thermal.evaluation import Asked, evaluated
    from cardea.cli.thermal.evaluation_text import told
    from models.thermal.evaluation.drift import RESIDUAL_SD_C

    table = read_table(args.file)
    asked = Asked(
        site=args.site,
        oral_c=args.oral,
        oral_column=args.oral_column,
        round=args.round,
        methods=tuple(dict.fromkeys(args.method or METHODS)),
        drift_sd_c=args.drift_sd,
        residual_sd_c=RESIDUAL_SD_C if args.residual_sd is None else args.residual_sd,
        seed=args.seed,
        runs=args.runs if args.drift_sd > 0.0 else 1,
        prevalence=args.prevalence,
        sp_min=args.specificity,
        fpr=args.fpr,
        people=args.baseline_people,
    )
    report = evaluated(table, asked, _progress(asked.runs))
    print(json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False) if args.json else told(report))
    return 0


def _site_threshold(args: argparse.Namespace) -> int:
    from cardea.cli.thermal.site_threshold import site_threshold, told

    if args.fpr is None:
        raise CommandError("--readings needs the false-positive rate that is wanted: --fpr 0.01")
    report = site_threshold(args.file, args.readings, args.fpr)
    print(json.dumps(report, indent=2, ensure_ascii=False) if args.json else told(report))
    return 0


def _progress(runs: int) -> Callable[[int], None]:
    """On a terminal, how many runs are done."""

    def show(done: int) -> None:
        print(f"\rrun {done} of {runs}", end="\n" if done == runs else "", file=sys.stderr, flush=True)

    def say_nothing(_done: int) -> None:
        return

    return show if runs > 1 and sys.stderr.isatty() else say_nothing


def _methods(text: str) -> Sequence[str]:
    asked = METHODS if text == "all" else tuple(each.strip() for each in text.split(","))
    for unknown in set(asked) - set(METHODS):
        raise argparse.ArgumentTypeError(f"there is no {unknown!r}; there are: {', '.join(METHODS)}")
    return asked


def _within(kind: Callable[[str], T], what: str, least: float, most: float) -> Callable[[str], T]:
    def read(text: str) -> T:
        try:
            value = kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not {what}") from None
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"must lie within {least} and {most}")
        return value

    return read


def _number(least: float, most: float) -> Callable[[str], float]:
    return _within(float, "a number", least, most)


def _whole(least: int, most: int) -> Callable[[str], int]:
    return _within(int, "a whole number", least, most)


def _oral(text: str) -> float:
    return _number(30, 45)(text)
