"""What ``cardea face calibrate`` found, for reading."""

from collections.abc import Iterator, Mapping
from typing import Any


def told(report: Mapping[str, Any]) -> str:
    """The report in lines."""
    return "\n".join(_lines(report))


def _lines(report: Mapping[str, Any]) -> Iterator[str]:
    known = report["confidence"]
    yield (
        f"{known['pictures']} pictures of {known['people']} people, "
        f"{known['failed_to_acquire']} more without a usable face: "
        f"{known['genuine_pairs']} genuine and {known['impostor_pairs']} impostor pairs"
    )
    yield f"model SHA-256 {report['model_sha256']}"
    yield ""
    yield (
        f"verify_min    {report['verify_min']:<8g}FMR at most {known['fmr_upper']:.2g}, 95 % sure (asked for "
        f"{known['fmr_max']:g}, counted {known['fmr']:.2g}); TAR {100 * known['tar']:.2f} % "
        f"({100 * known['tar_low']:.2f}…{100 * known['tar_high']:.2f})"
    )
    yield (
        f"identify_min  {report['identify_min']:<8g}FPIR at most {known['fpir_upper']:.2g} among "
        f"{known['gallery_people']} people, 95 % sure (asked for {known['fpir_max']:g}); {_tried(known)}"
    )
    yield f"uncertain_min {report['uncertain_min']:<8g}somebody else below; up to verify_min nobody can tell"
    yield f"margin_min    {report['margin_min']:<8g}by which the first must lead the next"
    yield f"live_min      {report['live_min']:<8g}as it was: liveness, basic, uncertified, is not calibrated"
    yield ""
    yield (
        "give --out FILE to write them for the gateway"
        if report["written"] is None
        else f"written to {report['written']}"
    )


def _tried(known: Mapping[str, Any]) -> str:
    if known["non_mated_searches"] == 0:
        return "no search was tried out: nobody has 4 pictures that agree"
    return (
        f"{known['false_positives']} of {known['non_mated_searches']} searches for strangers found somebody"
    )
