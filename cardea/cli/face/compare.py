"""``cardea face compare``: whether two pictures show the same person (1:1)."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.face.look import Look

SAME, UNCERTAIN, DIFFERENT, NOT_COMPARABLE = "same", "uncertain", "different", "not_comparable"
_SENTENCES = {
    SAME: "the same person",
    UNCERTAIN: "nobody can tell",
    DIFFERENT: "not the same person",
    NOT_COMPARABLE: "cannot be compared",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("pictures", type=Path, nargs=2, metavar="PICTURE", help="one person in each")
    parser.add_argument(
        "--thresholds", type=Path, metavar="FILE", help="a site's own, as cardea face calibrate writes them"
    )
    parser.add_argument("--json", action="store_true", help="the answer as JSON")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    """An answer is an answer, whatever it says: exit status 0; only bad input is 2."""
    from cardea.cli.face.faces import look_at, pipeline, thresholds_of
    from models.face.gallery import Answer, answer, score

    networks = pipeline()
    thresholds = thresholds_of(args.thresholds, networks.model_sha256)
    looks = [look_at(networks, path) for path in args.pictures]
    first, second = (look.embedding for look in looks)
    found = None if first is None or second is None else score(first, second)
    states = {Answer.MATCH: SAME, Answer.UNCERTAIN: UNCERTAIN, Answer.NO_MATCH: DIFFERENT}
    state = NOT_COMPARABLE if found is None else states[answer(found, thresholds)]
    report: dict[str, object] = {
        "state": state,
        "same": None if state in {UNCERTAIN, NOT_COMPARABLE} else state == SAME,
        "score": None if found is None else round(found, 6),
        "verify_min": thresholds.verify_min,
        "uncertain_min": thresholds.uncertain_min,
        "pictures": [picture(path, look) for path, look in zip(args.pictures, looks, strict=True)],
        "model_sha256": networks.model_sha256,
    }
    print(
        json.dumps(report, indent=2, ensure_ascii=False) if args.json else _text(report, looks, args.pictures)
    )
    return 0


def picture(path: Path, look: "Look") -> dict[str, object]:
    """What is said of one picture."""
    face = look.face
    return {
        "path": str(path),
        "faces": len(look.faces),
        "usable": look.embedding is not None,
        "poor": None if look.poor is None else look.poor.value,
        "width_px": None if face is None else round(face.width, 1),
        "box": None
        if face is None
        else [round(each, 1) for each in (face.x, face.y, face.width, face.height)],
    }


def _text(report: dict[str, object], looks: "list[Look]", paths: list[Path]) -> str:
    from cardea.cli.face.faces import shortcoming

    lines = [_SENTENCES[str(report["state"])]]
    if report["score"] is not None:
        lines.append(f"  similarity {report['score']:.3f}; the same from {report['verify_min']:.2f} on")
    for path, look in zip(paths, looks, strict=True):
        if look.poor is not None:
            lines.append(f"  {path}: {shortcoming(look.poor)}")
    return "\n".join(lines)
