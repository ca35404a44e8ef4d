"""``cardea face calibrate``: a site's face thresholds from its own labelled pictures."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cardea.cli.errors import CommandError
from cardea.cli.face.bounds import number, whole
from cardea.cli.face.evaluate import SEED_MAX, require_pairs

if TYPE_CHECKING:
    from cardea.cli.face.evaluation_pictures import Acquired
    from models.face.calibrated import Calibrated
    from models.face.evaluation.calibration import Calibration, Target
    from models.face.evaluation.comparisons import Comparisons
    from models.face.evaluation.identification import Searches

PEOPLE_MAX = 1_000_000


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "labels",
        type=Path,
        help="CSV with the columns path,identity: pictures as the site's cameras take them, one person in "
        "each; paths relative to the table's folder",
    )
    parser.add_argument(
        "--fmr",
        type=number(1e-6, 1e-2),
        default=1e-3,
        help="how often a stranger may match the person of a card (0.001)",
    )
    parser.add_argument(
        "--fpir",
        type=number(1e-4, 0.2),
        default=0.05,
        help="how often a stranger may be found in the gallery (0.05)",
    )
    parser.add_argument(
        "--people",
        type=whole(2, PEOPLE_MAX),
        help="in a gallery of so many people (as many as are in the table)",
    )
    parser.add_argument(
        "--live-min",
        type=number(0.5, 0.99),
        default=0.8,
        help="taken over as it is: comparisons say nothing of liveness (0.8)",
    )
    parser.add_argument("--seed", type=whole(0, SEED_MAX), help="of the people drawn (19795)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the thresholds as TOML")
    parser.add_argument("--json", action="store_true", help="the answer as JSON")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from cardea.cli.face.calibration_text import told
    from cardea.cli.face.evaluation_pictures import acquired
    from cardea.cli.face.labels import IDENTITY, read_labels
    from models.face.calibrated import as_toml
    from models.face.evaluation.calibration import Target

    labelled = read_labels(args.labels, IDENTITY)
    require_pairs(args.labels, [each.label for each in labelled])
    found = acquired(labelled)
    target = Target(fmr=args.fmr, fpir=args.fpir, people=args.people, live_min=args.live_min)
    result = _calibrated(args, found, target)
    if args.out is not None:
        _write(args.out, as_toml(result))
    report = _report(args, result)
    print(json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False) if args.json else told(report))
    return 0


def _calibrated(args: argparse.Namespace, found: "Acquired", target: "Target") -> "Calibrated":
    from models.face.evaluation.calibration import CannotCalibrate, LikelyMislabelled, calibrated
    from models.face.evaluation.comparisons import NotComparable, compared
    from models.face.evaluation.subjects import SEED

    try:
        pairs = compared(found.embeddings, found.people)
        searches = _searches(found)
        made = calibrated(pairs, searches, target, SEED if args.seed is None else args.seed)
    except LikelyMislabelled as error:
        odd = found.pictures[error.picture]
        raise CommandError(f"{args.labels}: line {odd.line}: {odd.shown} {error}") from None
    except (CannotCalibrate, NotComparable) as error:
        raise CommandError(f"{args.labels}: {error}{found.remark}") from None
    return _with_confidence(found, pairs, target, made)


def _searches(found: "Acquired") -> "Searches | None":
    """``None`` where too few people can be enrolled; who cannot for a picture's sake is told."""
    from models.face.evaluation.comparisons import NotComparable
    from models.face.evaluation.identification import searched

    try:
        searches = searched(found.embeddings, found.people)
    except NotComparable:
        return None
    for each in searches.failed:
        odd = found.pictures[each.picture]
        print(
            f"line {odd.line}: {odd.shown} is not like the first pictures of {odd.label}: check its label",
            file=sys.stderr,
        )
    return searches


def _with_confidence(
    found: "Acquired", pairs: "Comparisons", target: "Target", made: "Calibration"
) -> "Calibrated":
    from cardea.runtime.clock import SystemClock
    from models.face.calibrated import Calibrated, Confidence

    limits = made.thresholds
    return Calibrated(
        model_sha256=found.model_sha256,
        verify_min=limits.verify_min,
        identify_min=limits.identify_min,
        uncertain_min=limits.uncertain_min,
        margin_min=limits.margin_min,
        live_min=limits.live_min,
        confidence=Confidence(
            calibrated_utc=SystemClock().now().utc.isoformat(timespec="seconds"),
            pictures=len(found.pictures),
            failed_to_acquire=len(found.failures),
            people=len(found.names),
            genuine_pairs=int(pairs.genuine.size),
            impostor_pairs=int(pairs.impostor.size),
            fmr_max=target.fmr,
            fmr=round(made.fmr, 7),
            fmr_upper=round(made.fmr_upper, 7),
            tar=round(made.tar, 6),
            tar_low=round(made.tar_ci[0], 6),
            tar_high=round(made.tar_ci[1], 6),
            gallery_people=made.gallery_people,
            fpir_max=target.fpir,
            fpir_upper=round(made.fpir_upper, 6),
            non_mated_searches=made.non_mated_searches,
            false_positives=made.false_positives,
        ),
    )


def _report(args: argparse.Namespace, result: "Calibrated") -> dict[str, Any]:
    import msgspec

    return {
        "labels": str(args.labels),
        **msgspec.to_builtins(result),
        "written": None if args.out is None else str(args.out),
    }


def _write(path: Path, text: str) -> None:
    """Whole or not at all: a gateway may be reading it."""
    from cardea.runtime.private_files import write_whole

    try:
        write_whole(path, text.encode())
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else "it has no name"
        raise CommandError(f"{path}: cannot be written: {said}") from error
