"""``cardea thermal selftest``: whether a position meets the standards, and whether a terminal is honest."""

import argparse
import datetime as dt
import json
from pathlib import Path
from typing import TYPE_CHECKING

from cardea.cli.errors import CommandError

if TYPE_CHECKING:
    from edge.position_figures import Around
    from edge.position_settings import PositionFacts
    from models.thermal.clip_facts import ClipFacts

NOT_COMPLIANT = 1
"""Exit status; what cannot be read ends with 2."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "position", nargs="?", type=Path, metavar="POSITION.toml", help="description of the position"
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--template", action="store_true", help="print an empty description to fill in")
    what.add_argument("--config", type=Path, help="gateway.toml in which the position is described")
    what.add_argument(
        "--sweep", type=Path, metavar="CSV", help="test a terminal: columns reference_c,reading_c"
    )
    what.add_argument("--readings", type=Path, metavar="CSV", help="test a terminal: column reading_c")
    parser.add_argument("--device", help="the thermometer's name in --config")
    parser.add_argument("--clip", type=Path, metavar="CLIP.npz", help="a Lepton's clip of the position")
    parser.add_argument(
        "--on", type=dt.date.fromisoformat, metavar="YYYY-MM-DD", help="judge calibrations as of this day"
    )
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    terminal = args.sweep or args.readings
    if args.position is not None and (args.template or args.config or terminal):
        raise CommandError("name one thing to test: POSITION.toml, --config, --sweep or --readings")
    if args.clip is not None and (args.template or terminal):
        raise CommandError("--clip shows a position: give POSITION.toml or --config as well")
    if args.template:
        from cardea.cli.thermal.position_template import template

        print(template(), end="")
        return 0
    if terminal:
        from cardea.cli.thermal.compensation import judge_readings, judge_sweep

        judge = judge_sweep if args.sweep else judge_readings
        return judge(terminal, as_json=args.json)
    return _position(args)


def _position(args: argparse.Namespace) -> int:
    from cardea.cli.thermal.selftest_report import as_json, as_text
    from edge.thermometer_compliance import judged
    from models.thermal.selftest import Verdict

    facts, around = _described(args)
    report = judged(facts, around)
    if args.json:
        print(json.dumps(as_json(report, around.clip), indent=2, ensure_ascii=False))
    else:
        print(as_text(report, around.clip))
    return 0 if report.verdict is Verdict.COMPLIANT else NOT_COMPLIANT


def _described(args: argparse.Namespace) -> "tuple[PositionFacts, Around]":
    """The position and what is known besides; a clip makes its camera a Lepton."""
    from cardea.runtime.clock import SystemClock
    from cardea.runtime.config import ConfigInvalid, load
    from edge.position_figures import Around
    from edge.position_settings import PositionFacts

    today = args.on or SystemClock().now().utc.date()
    try:
        if args.config is not None:
            return _configured(args, today)
        if args.position is None:
            raise CommandError("name the position: POSITION.toml, or --config and --device; see --template")
        facts = load(args.position, PositionFacts)
    except ConfigInvalid as error:
        raise CommandError(str(error)) from error
    reference = facts.reference
    place = (reference.set_c, reference.row, reference.column, reference.radius_px)
    return facts, Around(today=today, clip=_clip(args.clip, *place))


def _configured(args: argparse.Namespace, today: dt.date) -> "tuple[PositionFacts, Around]":
    from drivers import catalog
    from edge.loading import load
    from edge.position_figures import Around
    from edge.position_settings import PositionFacts
    from edge.thermometer_settings import Thermometer

    configuration = load(args.config, catalog.find)
    if args.device not in configuration.devices:
        raise CommandError(f"say which device of {args.config}: --device {' | '.join(configuration.devices)}")
    thermometer = configuration.settings.thermometers.get(args.device) or Thermometer()
    known = thermometer.reference
    place = (None,) * 4 if known is None else (known.temp_c, known.row, known.column, known.radius_px)
    around = Around(
        today=today,
        driver=configuration.devices[args.device].device.driver,
        thermometer=thermometer,
        clip=_clip(args.clip, *place),
    )
    return thermometer.position or PositionFacts(), around


def _clip(
    path: Path | None,
    set_c: float | None,
    row: float | None,
    column: float | None,
    radius_px: float | None,
) -> "ClipFacts | None":
    """What the clip shows; of a reference only where it is said where that is."""
    if path is None:
        return None
    import numpy as np

    from drivers.api import DeviceMisconfigured, LinearScale
    from drivers.thermal.lepton.recording import read_clip
    from models.thermal.clip_facts import Footage, look_at
    from models.thermal.radiometry import radiometer
    from models.thermal.reference import Reference

    try:
        clip = read_clip(path)
    except DeviceMisconfigured as error:
        raise CommandError(str(error)) from error
    footage = Footage(
        frames=clip.frames,
        uptime_s=float(clip.uptime_s[0]),
        corrected=np.diff(clip.last_ffc_s, prepend=clip.last_ffc_s[0]) > 0.5,
    )
    reference = None
    if set_c is not None and row is not None and column is not None and radius_px is not None:
        reference = Reference(temp_c=set_c, row=row, column=column, radius_px=radius_px)
    return look_at(footage, radiometer(LinearScale(gain_c=0.01, offset_c=-273.15), None), reference)
