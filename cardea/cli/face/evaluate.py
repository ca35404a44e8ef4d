"""``cardea face evaluate``: how well faces are told apart, or the living from pictures of them."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from cardea.cli.errors import CommandError
from cardea.cli.face.bounds import number, whole

if TYPE_CHECKING:
    from models.face.thresholds import Thresholds

SEED_MAX = 2**63 - 1


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "labels",
        type=Path,
        help="CSV with the columns path,identity (one person in each picture; paths relative to the table's "
        "folder); with --liveness path,kind, where kind is bona_fide or the name of a species of attack",
    )
    parser.add_argument(
        "--liveness",
        action="store_true",
        help="evaluate the liveness check, which is basic and uncertified, instead of recognition",
    )
    parser.add_argument(
        "--thresholds", type=Path, metavar="FILE", help="a site's own, as cardea face calibrate writes them"
    )
    parser.add_argument(
        "--live-min", type=number(0.01, 1.0), help="the living are taken for alive from here on (0.8)"
    )
    parser.add_argument(
        "--seed", type=whole(0, SEED_MAX), help="of the people drawn for confidence intervals (19795)"
    )
    parser.add_argument("--json", action="store_true", help="the answer as JSON")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    run = _liveness if args.liveness else _recognition
    report, text = run(args)
    print(json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False) if args.json else text)
    return 0


def _recognition(args: argparse.Namespace) -> tuple[dict[str, object], str]:
    from cardea.cli.face.evaluation_pictures import acquired
    from cardea.cli.face.evaluation_report import recognition
    from cardea.cli.face.evaluation_text import told
    from cardea.cli.face.labels import IDENTITY, read_labels
    from models.face.evaluation.comparisons import NotComparable
    from models.face.evaluation.subjects import SEED

    labelled = read_labels(args.labels, IDENTITY)
    require_pairs(args.labels, [each.label for each in labelled])
    found = acquired(labelled)
    thresholds = _thresholds(args, found.model_sha256)
    try:
        report = recognition(args.labels, found, thresholds, SEED if args.seed is None else args.seed)
    except NotComparable as error:
        raise CommandError(f"{args.labels}: {error}{found.remark}") from None
    return report, told(report)


def _liveness(args: argparse.Namespace) -> tuple[dict[str, object], str]:
    from cardea.cli.face.evaluation_liveness import liveness
    from cardea.cli.face.evaluation_text_liveness import told
    from cardea.cli.face.faces import pipeline
    from cardea.cli.face.labels import read_kinds

    labelled = read_kinds(args.labels)
    networks = pipeline()
    report = liveness(args.labels, labelled, networks, _thresholds(args, networks.model_sha256).live_min)
    return report, told(report)


def require_pairs(file: Path, names: list[str]) -> None:
    """Before anything slow is done."""
    if len(set(names)) < 2:
        raise CommandError(f"{file}: all pictures are of one person: false matches need at least two people")
    if len(set(names)) == len(names):
        raise CommandError(f"{file}: nobody has two pictures: true matches need two pictures of one person")


def _thresholds(args: argparse.Namespace, model_sha256: str) -> "Thresholds":
    """The usual ones or a site's own; ``--live-min`` goes before both."""
    from dataclasses import replace

    from cardea.cli.face.faces import thresholds_of

    thresholds = thresholds_of(args.thresholds, model_sha256)
    return thresholds if args.live_min is None else replace(thresholds, live_min=args.live_min)
