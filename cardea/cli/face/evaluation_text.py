"""The report of ``cardea face evaluate`` on recognition, for reading."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

BAR = 30
FAILURES_SHOWN = 10


def told(report: Mapping[str, Any]) -> str:
    """The report in lines."""
    return "\n".join(_lines(report))


def _lines(report: Mapping[str, Any]) -> Iterator[str]:
    yield f"{report['pictures']} pictures of {report['identities']} people"
    yield f"model {report['model']['name']}, SHA-256 {report['model']['sha256']}"
    yield from _failures(report["failure_to_acquire"])
    yield ""
    yield from _one_to_one(report["verification"])
    yield ""
    yield from _one_to_many(report["identification"])
    yield ""
    yield from _histogram(report["verification"]["histogram"])
    yield ""
    yield from _extremes("least alike of one person", report["verification"]["least_alike_of_one_person"])
    yield from _extremes("most alike of two people", report["verification"]["most_alike_of_two_people"])
    yield ""
    how = report["intervals"]
    drawn = f"{how['replicates']} draws, seed {how['seed']}"
    yield f"limits: {100 * how['confidence']:g} %; {how['method']}; {drawn}"


def _failures(failures: Mapping[str, Any]) -> Iterator[str]:
    rate = _with(failures["rate"], failures["rate_ci"])
    reasons = ", ".join(f"{count} {words(reason)}" for reason, count in failures["reasons"].items())
    yield f"failure to acquire: {failures['count']}, {rate}{': ' if reasons else ''}{reasons}"
    for each in failures["pictures"][:FAILURES_SHOWN]:
        yield f"  line {each['line']}: {each['path']}: {words(each['reason'])}"
    if len(failures["pictures"]) > FAILURES_SHOWN:
        yield f"  and {len(failures['pictures']) - FAILURES_SHOWN} more, which --json lists"


def _one_to_one(found: Mapping[str, Any]) -> Iterator[str]:
    yield f"1:1, {found['genuine_pairs']} genuine and {found['impostor_pairs']} impostor pairs"
    yield f"  EER {_with(found['eer'], found['eer_ci'])} at {found['eer_threshold']:.3f}"
    yield f"  {'FMR at most':<14}{'threshold':<11}{'TAR':<28}{'FRR':<9}{'false matches'}"
    for each in found["tar_at_fmr"]:
        yield f"  {each['fmr_max']:<14g}{_row(each)}"
    here = found["at_verify_min"]
    yield f"  {'as set':<14}{_row(here)}, FMR {_with(here['fmr'], here['fmr_ci'], 3)}"
    for each in found["tar_at_fmr"]:
        if not each["supported"]:
            yield (
                f"  FMR {each['fmr_max']:g} is not supported: without any false match it takes "
                f"{each['impostor_pairs_needed']} impostor pairs to believe it (3 / N)"
            )
    yield "  FRR counts failures to acquire as rejections"


def _row(each: Mapping[str, Any]) -> str:
    tar = _with(each["tar"], each["tar_ci"])
    return f"{each['threshold']:<11.3f}{tar:<28}{_percent(each['frr']):<9}{each['false_matches']}"


def _one_to_many(found: Mapping[str, Any]) -> Iterator[str]:
    if not found["told"]:
        yield f"1:N cannot be told: {found['why']}"
        return
    yield (
        f"1:N, {found['gallery']} enrolled by 3 pictures each, {found['mated_searches']} mated and "
        f"{found['non_mated_searches']} non-mated searches; {_percent(found['rank_one'])} first in rank"
    )
    for each in found["failure_to_enrol"]:
        yield f"  failure to enrol: {each['identity']}: {each['odd_picture']} is not like the others"
    yield f"  {'FPIR at most':<14}{'threshold':<11}{'FNIR':<28}{'FPIR'}"
    for each in found["fnir_at_fpir"]:
        yield f"  {each['fpir_max']:<14g}{_search_row(each)}"
    here = found["at_thresholds"]
    yield f"  {'as set':<14}{_search_row(here)}, margin {here['margin']:g}"
    for each in found["fnir_at_fpir"]:
        if not each["supported"]:
            least = _percent(found["fpir_supported_min"])
            yield f"  FPIR {each['fpir_max']:g} is not supported: so many searches speak for {least} (3 / N)"


def _search_row(each: Mapping[str, Any]) -> str:
    fnir = _with(each["fnir"], each["fnir_ci"])
    return f"{each['threshold']:<11.3f}{fnir:<28}{_with(each['fpir'], each['fpir_ci'])}"


def _histogram(bins: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Logarithmic, since a handful of impostor pairs among thousands decides."""
    most = {side: max(each[side] for each in bins) for side in ("impostor", "genuine")}
    yield f"{'score':>6}  {'impostor pairs':<{BAR + 8}}genuine pairs (bars are logarithmic)"
    for each in bins:
        impostor, genuine = (_bar(each[side], most[side]) for side in ("impostor", "genuine"))
        left = f"{each['impostor'] or '':>7} {impostor}"
        yield f"{each['from']:>6.2f} {left:<{BAR + 9}}{each['genuine'] or '':>7} {genuine}".rstrip()


def _bar(count: int, most: int) -> str:
    return "" if count == 0 else "#" * max(1, round(BAR * math.log1p(count) / math.log1p(most)))


def _extremes(title: str, pairs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield f"{title} (a wrong label shows here first):"
    for each in pairs:
        yield f"  {each['score']:.3f}  {'  '.join(each['pictures'])}"


def _with(value: float, limits: Sequence[float], digits: int = 2) -> str:
    low, high = (f"{100 * each:.{digits}f}" for each in limits)
    return f"{100 * value:.{digits}f} % ({low}…{high})"


def _percent(value: float) -> str:
    return f"{100 * value:.2f} %"


def words(reason: str) -> str:
    """A reason as a reader has it."""
    return reason.replace("_", " ")
