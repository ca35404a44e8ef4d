"""``cardea face enrol``: a person's template from at least three pictures, on their consent."""

import argparse
import datetime as dt
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cardea.cli.errors import CommandError

if TYPE_CHECKING:
    from edge.faces.enrolment import Enrolled
    from edge.vault.consent import Consent
    from models.face.look import Embedding
    from models.face.pipeline import FacePipeline

PICTURES_MAX = 20
FAILED = 1


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "pictures", type=Path, nargs="+", metavar="PICTURE", help="three or more, of this person alone"
    )
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="gateway.toml")
    parser.add_argument(
        "--person", required=True, metavar="ID", help="as in the people's import, never a name"
    )
    parser.add_argument(
        "--consent", default="", metavar="ID", help="of the document in which the person agreed; needed"
    )
    parser.add_argument("--consent-date", type=_date, metavar="YYYY-MM-DD", help="when it was given; needed")
    parser.add_argument("--under-14", action="store_true", help="the person is under 14: a guardian consents")
    parser.add_argument("--guardian", default="", metavar="ID", help="who consented for somebody under 14")
    parser.add_argument("--json", action="store_true", help="the answer as JSON")
    parser.set_defaults(run=_run)


def _date(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date; write 2026-01-31") from None


def _run(args: argparse.Namespace) -> int:
    from cardea.cli.face.faces import pipeline
    from cardea.runtime.clock import SystemClock
    from edge.vault.consent import ConsentMissing, consent

    today = SystemClock().now().utc.date() + dt.timedelta(days=1)  # it may be tomorrow here already
    try:
        given = consent(
            args.consent, args.consent_date, today, guardian=args.guardian, under_14=args.under_14
        )
    except ConsentMissing as error:
        raise CommandError(str(error)) from error
    if len(args.pictures) > PICTURES_MAX:
        raise CommandError(f"{len(args.pictures)} pictures; {PICTURES_MAX} are enough")
    networks = pipeline()
    embeddings = _embeddings(networks, args.pictures)
    done = _enrolled(args, given, networks.model_sha256, embeddings)
    print(json.dumps(_report(done, networks.model_sha256)) if args.json else _text(done))
    _say_size(done)
    return 0


def _embeddings(networks: "FacePipeline", paths: list[Path]) -> "list[Embedding]":
    """Of every picture; raises CommandError that names each one that cannot be used."""
    from cardea.cli.face.faces import look_at, shortcoming
    from models.face.quality import ENROLMENT

    found: list[Embedding] = []
    wrong: list[str] = []
    seen: dict[bytes, Path] = {}
    for path in paths:
        look = look_at(networks, path, ENROLMENT)
        if look.poor is not None:
            wrong.append(f"{path}: {shortcoming(look.poor)}")
        elif look.embedding is not None:
            before = seen.setdefault(look.embedding.tobytes(), path)
            if before is not path:
                wrong.append(f"{path}: is the same picture as {before}; each must be another one")
            found.append(look.embedding)
    if wrong:
        raise CommandError("\n".join(wrong))
    return found


def _enrolled(
    args: argparse.Namespace, given: "Consent", model_sha256: str, embeddings: "list[Embedding]"
) -> "Enrolled":
    import asyncio

    from cardea.cli.site import load_configuration, opened_templates, opened_vault
    from cardea.runtime.clock import SystemClock
    from cardea.runtime.disk import StoreFailed, StoreFull
    from cardea.runtime.private_files import FileUnusable
    from edge.faces.enrolment import Enrolment, NotEnrolled, enrol
    from edge.vault import VaultUnusable
    from edge.vault.seal import SealBroken
    from models.face.template import PicturesDisagree, TooFewPictures
    from models.face.thresholds import Thresholds

    gateway = load_configuration(args.config).settings.gateway
    wanted = Enrolment(person=args.person, consent=given, model_sha256=model_sha256, embeddings=embeddings)

    async def run() -> "Enrolled":
        async with opened_vault(gateway) as vault, opened_templates(gateway) as templates:
            return await enrol(vault, templates, wanted, Thresholds(), SystemClock())

    try:
        return asyncio.run(run())
    except PicturesDisagree as error:
        raise CommandError(f"{args.pictures[error.picture]}: shows somebody else than the others") from error
    except TooFewPictures as error:
        raise CommandError(f"{error}; a template is made of three or more") from error
    except (NotEnrolled, VaultUnusable, SealBroken, FileUnusable) as error:
        raise CommandError(str(error)) from error
    except (StoreFailed, StoreFull) as error:
        raise CommandError(f"the templates cannot be written: {error}", FAILED) from error


def _report(done: "Enrolled", model_sha256: str) -> dict[str, object]:
    return {
        "person": done.person,
        "pictures": done.pictures,
        "replaced": done.replaced,
        "people": done.people,
        "size": None if done.size is None else done.size.value,
        "model_sha256": model_sha256,
    }


def _text(done: "Enrolled") -> str:
    what = "enrolled again" if done.replaced else "enrolled"
    people = "1 person has" if done.people == 1 else f"{done.people} people have"
    return f"{done.person}: {what} from {done.pictures} pictures; {people} a template"


def _say_size(done: "Enrolled") -> None:
    from models.face.gallery import FILING_PEOPLE, GallerySize

    if done.size is GallerySize.FILING:
        print(
            f"{FILING_PEOPLE} people or more are enrolled: file with the authority within 30 working days",
            file=sys.stderr,
        )
    elif done.size is GallerySize.WARN:
        print(f"from {FILING_PEOPLE} people on, the store must be filed with the authority", file=sys.stderr)
