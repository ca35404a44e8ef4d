"""``cardea thermal read``: temperatures out of a radiometric file or a clip."""

import argparse
import json
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from cardea.cli.errors import CommandError
from cardea.cli.thermal import overrides

if TYPE_CHECKING:
    from cardea.cli.thermal.npy import NpyFile
    from cardea.cli.thermal.read_report import Report
    from cardea.cli.thermal.read_source import Source
    from drivers.api import ThermalFrameCaptured
    from models.thermal.overrides import Overrides
    from models.thermal.radiometry import Air

TOLD_MAX = 10
"""Lines on frames that cannot be read; JSON has them all."""
PROGRESS_FRAMES = 25
AS_SKIN = "the file's temperatures are a blackbody's, and what was not given is as for skin at 1 m"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "file", type=Path, help="JPEG, FFF, SEQ, CSQ or TIFF of a FLIR camera, or a clip (.npz)"
    )
    parser.add_argument(
        "--npy",
        type=Path,
        metavar="OUT",
        help="write °C as float32: (h, w), of several frames (frames, h, w)",
    )
    parser.add_argument("--json", action="store_true", help="the answer as JSON")
    parser.add_argument(
        "--gain-k-per-count", type=float, metavar="K", help="kelvins of a count of a TIFF, whatever it says"
    )
    overrides.add_arguments(parser)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    asked, air = overrides.asked(args)
    try:
        _keep_input(args.file, args.npy)
        report = _read(args.file, args.npy, args.gain_k_per_count, asked, air)
    except OSError as error:
        raise CommandError(f"{error.filename or args.file}: {error.strerror or error}") from error

    from cardea.cli.thermal.read_report import document, text

    for after, what in report.problems[:TOLD_MAX]:
        print(f"{args.file}: after {after} frames: {what}", file=sys.stderr)
    if len(report.problems) > TOLD_MAX:
        print(f"{args.file}: and {len(report.problems) - TOLD_MAX} more problems", file=sys.stderr)
    print(json.dumps(document(report), indent=2, ensure_ascii=False) if args.json else text(report))
    return 0


def _keep_input(file: Path, out: Path | None) -> None:
    if out is not None and out.exists() and file.exists() and out.samefile(file):
        raise CommandError(f"{out}: is the file that is read; write to another")


def _read(file: Path, out: Path | None, gain_k: float | None, asked: "Overrides", air: "Air") -> "Report":
    from cardea.cli.thermal.npy import NpyFile
    from cardea.cli.thermal.read_source import open_source

    with ExitStack() as stack:
        source = stack.enter_context(open_source(file, gain_k))
        written = stack.enter_context(NpyFile(out)) if out is not None else None
        report = _report(source, asked, air, written)
        if not report.frames:
            what = report.problems[0][1] if report.problems else "holds no frame"
            raise CommandError(f"{file}: {what}")
        if written is not None:
            written.finish()
    return report


def _report(source: "Source", asked: "Overrides", air: "Air", written: "NpyFile | None") -> "Report":
    from cardea.cli.thermal.read_report import Report
    from cardea.cli.thermal.read_source import Damage, Named

    report = Report(source.kind, source.assumed)
    shows = sys.stderr.isatty() and source.total > PROGRESS_FRAMES
    for each in source.frames:
        if isinstance(each, Damage):
            report.problems.append((len(report.frames), each.why))
        elif isinstance(each, Named):
            report.camera = each if not report.frames else report.camera
        else:
            _add(report, each, asked, air, written)
            if shows and len(report.frames) % PROGRESS_FRAMES == 0:
                print(f"\r{len(report.frames)} of {source.total} frames", end="", file=sys.stderr, flush=True)
    if shows:
        print(file=sys.stderr)
    return report


def _add(
    report: "Report", frame: "ThermalFrameCaptured", asked: "Overrides", air: "Air", written: "NpyFile | None"
) -> None:
    from cardea.cli.thermal.read_figures import celsius, figures

    height, width = frame.raw.shape
    if not report.frames:
        report.height, report.width = height, width
    elif (height, width) != (report.height, report.width):
        report.problems.append(
            (len(report.frames), f"a frame of another size, {width} x {height}, is left out")
        )
        return
    try:
        temps_c, used = celsius(frame, asked, air)
    except ValueError as error:
        report.problems.append((len(report.frames), f"has no temperatures: {error}"))
        return
    if written is not None:
        written.add(temps_c)
    if report.used is None:
        report.used = used
        if frame.conditions is None and used.conditions is not None:
            report.assumed = (*report.assumed, AS_SKIN)
    elif used != report.used and report.changed_at is None:
        report.changed_at = len(report.frames)
    report.frames.append(figures(temps_c, frame))
