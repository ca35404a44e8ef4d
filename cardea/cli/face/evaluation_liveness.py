"""What ``cardea face evaluate --liveness`` finds out: one report of plain values."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cardea.cli.errors import CommandError
from cardea.cli.face.evaluation_pictures import TOO_CLOSE, looked_at, why_not
from cardea.cli.face.labels import Labelled, is_living
from models.binomial import CONFIDENCE
from models.face import LIVENESS
from models.face.evaluation.liveness import BONA_FIDE, Kind, Presentation, liveness_rates
from models.face.liveness import Liveness
from models.registry import ModelProblem, find, manifest

if TYPE_CHECKING:
    from drivers.api import Picture
    from models.face.look import Look
    from models.face.pipeline import FacePipeline

CALLED = "basic, uncertified"


def liveness(
    labels: Path, labelled: Sequence[Labelled], networks: "FacePipeline", live_min: float
) -> dict[str, Any]:
    """The report: what the networks say of every face, and what a door makes of it.

    Raises CommandError where a network fails or is not here, or no picture shows a face.
    """
    try:
        alone = Liveness([find(name) for name in LIVENESS])
    except ModelProblem as error:
        raise CommandError(str(error)) from error

    def look(picture: "Picture") -> "tuple[Look, float | None]":
        found = networks.look(picture)
        return found, None if found.face is None else alone.live(picture, found.face)

    shown = [(each, *_presentations(each, seen)) for each, seen in looked_at(labelled, look)]
    if all(said.live is None for _, said, _ in shown):
        raise CommandError(f"{labels}: no picture shows a face")
    return {
        "labels": str(labels),
        "evaluation": "liveness",
        "liveness": CALLED,
        "models": [{"name": name, "sha256": manifest()[name].sha256} for name in LIVENESS],
        "live_min": live_min,
        "pictures": len(shown),
        "networks": _rates([said for _, said, _ in shown], live_min),
        "at_the_door": _rates([taken for _, _, taken in shown], live_min),
        "confidence": CONFIDENCE,
        "scores": [
            {
                "line": each.line,
                "path": each.shown,
                "kind": said.kind,
                "live": _rounded(said.live),
                "no_answer_at_the_door": taken.reason,
            }
            for each, said, taken in shown
        ],
    }


def _presentations(
    each: Labelled, seen: "tuple[Look, float | None] | str"
) -> tuple[Presentation, Presentation]:
    """What the networks say by themselves, and what a door, which does not ask them of every face, takes."""
    name = BONA_FIDE if is_living(each.label) else each.label
    if isinstance(seen, str):
        nothing = Presentation(name, None, seen)
        return nothing, nothing
    look, live = seen
    reason = why_not(look)
    said = Presentation(name, live, reason if live is None else None)
    if reason is None and look.live is None:
        reason = TOO_CLOSE
    return said, Presentation(name, look.live if reason is None else None, reason)


def _rates(shown: Sequence[Presentation], live_min: float) -> Mapping[str, Any]:
    told = liveness_rates(shown, live_min)
    worst = told.worst
    return {
        "bona_fide": None if told.bona_fide is None else _kind(told.bona_fide, "bpcer", "bpnrr"),
        "attacks": [_kind(each, "apcer", "apnrr") for each in told.attacks],
        "worst": None if worst is None else {"species": worst.name, "apcer": _rounded(worst.rate)},
    }


def _kind(kind: Kind, rate: str, non_response: str) -> Mapping[str, Any]:
    return {
        "name": kind.name,
        "presentations": kind.presentations,
        "answered": kind.answered,
        "errors": kind.errors,
        rate: _rounded(kind.rate),
        f"{rate}_ci": None if kind.rate_ci is None else [_rounded(each) for each in kind.rate_ci],
        non_response: _rounded(kind.non_response),
        f"{non_response}_ci": [_rounded(each) for each in kind.non_response_ci],
        "non_responses": dict(kind.reasons),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
