"""``cardea face identify``: who of many a face is (1:N); a suggestion, and never a reason to open a door."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cardea.cli.errors import CommandError

if TYPE_CHECKING:
    from models.face.gallery import Gallery, Identification
    from models.face.look import Embedding, Look
    from models.face.protection import Protection
    from models.face.thresholds import Thresholds

NOT_COMPARABLE = "not_comparable"
_SENTENCES = {
    "identified": "{person}",
    "second_factor": "probably {person}: ask for a second factor",
    "uncertain": "nobody can tell: two people are too much alike, or the pictures differ",
    "unknown": "nobody who is enrolled",
    "empty": "nobody is enrolled",
    NOT_COMPARABLE: "cannot be compared",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "pictures",
        type=Path,
        nargs="+",
        metavar="PICTURE",
        help="of one person; of several pictures all must agree",
    )
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument(
        "--config", type=Path, metavar="FILE", help="gateway.toml: among who is enrolled there"
    )
    where.add_argument(
        "--gallery", type=Path, metavar="LABELS.csv", help="among labelled pictures: path,identity"
    )
    parser.add_argument(
        "--thresholds", type=Path, metavar="FILE", help="a site's own, as cardea face calibrate writes them"
    )
    parser.add_argument("--json", action="store_true", help="the answer as JSON")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from cardea.cli.face.compare import picture
    from cardea.cli.face.faces import look_at, pipeline, thresholds_of
    from models.face.thresholds import FRAMES_MAX

    if len(args.pictures) > FRAMES_MAX:
        raise CommandError(f"{len(args.pictures)} pictures; {FRAMES_MAX} are enough")
    networks = pipeline()
    thresholds = thresholds_of(args.thresholds, networks.model_sha256)
    looks = [look_at(networks, path) for path in args.pictures]
    gallery, protection = _gallery(args, networks.model_sha256)
    found = _found(looks, gallery, protection, thresholds)
    report: dict[str, object] = {
        "outcome": NOT_COMPARABLE if found is None else found.outcome.value,
        "person": None if found is None else found.person,
        "score": None if found is None else found.score,
        "runner_up": None if found is None else found.runner_up,
        "people": len(gallery),
        "identify_min": thresholds.identify_min,
        "uncertain_min": thresholds.uncertain_min,
        "margin_min": thresholds.margin_min,
        "one_to_many_max": thresholds.one_to_many_max,
        "pictures": [picture(path, look) for path, look in zip(args.pictures, looks, strict=True)],
        "model_sha256": networks.model_sha256,
    }
    print(
        json.dumps(report, indent=2, ensure_ascii=False) if args.json else _text(report, looks, args.pictures)
    )
    return 0


def _gallery(args: argparse.Namespace, model_sha256: str) -> "tuple[Gallery, Protection | None]":
    if args.gallery is not None:
        return _of_pictures(args.gallery), None
    from cardea.cli.face.stored import with_templates
    from edge.faces.enrolment import gallery_of

    everybody = with_templates(args.config, lambda templates: templates.everybody(model_sha256))
    return gallery_of(everybody, model_sha256), everybody.protection


def _of_pictures(file: Path) -> "Gallery":
    """Of labelled pictures: for each person the mean of those that can be used."""
    import numpy as np

    from cardea.cli.face.evaluation_pictures import acquired
    from cardea.cli.face.labels import IDENTITY, read_labels
    from models.face.gallery import Gallery

    found = acquired(read_labels(file, IDENTITY))
    if not found.names:
        raise CommandError(f"{file}: no picture in it shows a face that can be compared")
    rows, people = np.stack(found.embeddings), np.array(found.people)
    means = np.stack([rows[people == number].mean(axis=0) for number in range(len(found.names))])
    return Gallery(found.model_sha256, found.names, means / np.linalg.norm(means, axis=1, keepdims=True))


def _found(
    looks: "Sequence[Look]", gallery: "Gallery", protection: "Protection | None", thresholds: "Thresholds"
) -> "Identification | None":
    """What all pictures say together; ``None`` where none can be compared."""
    from dataclasses import replace

    from models.face.identification import Sightings

    usable = [look for look in looks if look.embedding is not None]
    if not usable:
        return None
    sightings = Sightings(replace(thresholds, frames_min=len(usable)))
    for look in usable:
        sightings = sightings.seen(replace(look, embedding=_turned(look.embedding, protection)), gallery)
    return sightings.agreed()


def _turned(embedding: "Embedding | None", protection: "Protection | None") -> "Embedding | None":
    return embedding if embedding is None or protection is None else protection.protect(embedding)


def _text(report: dict[str, object], looks: "Sequence[Look]", paths: Sequence[Path]) -> str:
    from cardea.cli.face.faces import shortcoming

    lines = [_SENTENCES[str(report["outcome"])].format(person=report["person"])]
    if report["score"] is not None:
        runner_up = "" if report["runner_up"] is None else f", the next person {report['runner_up']:.3f}"
        people = "one person" if report["people"] == 1 else f"{report['people']} people"
        lines.append(f"  similarity {report['score']:.3f}{runner_up}, among {people}")
    for path, look in zip(paths, looks, strict=True):
        if look.poor is not None:
            lines.append(f"  {path}: {shortcoming(look.poor)}")
    return "\n".join(lines)
