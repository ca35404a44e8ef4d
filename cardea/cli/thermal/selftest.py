"""``cardea thermal selftest``: whether a position meets the standards, and whether a terminal is honest."""

import argparse
import datetime as dt
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cardea.cli.errors import CommandError

if TYPE_CHECKING:
    from edge.thermal.position_figures import Around
    from edge.thermal.position_settings import PositionFacts

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
    if args.device is not None and args.config is None:
        raise CommandError("--device is a name in --config; give that as well")
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
    from edge.thermal.compliance import judged
    from models.thermal.condition.selftest import Verdict

    facts, around = _described(args)
    report = judged(facts, around)
    if args.json:
        print(json.dumps(as_json(report, around.clip), indent=2, ensure_ascii=False))
    else:
        print(as_text(report, around.clip))
    return 0 if report.verdict is Verdict.COMPLIANT else NOT_COMPLIANT


def _described(args: argparse.Namespace) -> "tuple[PositionFacts, Around]":
    """The position and what is known besides."""
    from cardea.runtime.config import ConfigInvalid

    if args.position is None and args.config is None:
        raise CommandError("name the position: POSITION.toml, or --config and --device; see --template")
    try:
        return _by_itself(args) if args.config is None else _in_a_gateway(args)
    except ConfigInvalid as error:
        raise CommandError(str(error)) from error


def _by_itself(args: argparse.Namespace) -> "tuple[PositionFacts, Around]":
    """A clip makes its camera a Lepton."""
    from cardea.runtime.config import load
    from edge.thermal.position_figures import Around
    from edge.thermal.position_settings import PositionFacts

    facts = load(args.position, PositionFacts)
    if args.clip is None:
        return facts, Around(today=_today(args))
    from cardea.cli.thermal import position_clip

    said = facts.reference
    place = position_clip.Place(said.set_c, said.row, said.column, said.radius_px)
    clip = position_clip.facts(args.clip, place)
    return facts, Around(today=_today(args), driver=position_clip.KIND, clip=clip)


def _in_a_gateway(args: argparse.Namespace) -> "tuple[PositionFacts, Around]":
    from drivers import catalog
    from edge.configuration.loading import load
    from edge.thermal.position_figures import Around
    from edge.thermal.position_settings import PositionFacts
    from edge.thermal.settings import Thermometer

    configuration = load(args.config, catalog.find)
    device = configuration.devices.get(args.device)
    if device is None:
        raise CommandError(f"say which device of {args.config}: --device {' | '.join(configuration.devices)}")
    thermometer = configuration.settings.thermometers.get(args.device) or Thermometer()
    around = Around(today=_today(args), driver=device.device.driver, thermometer=thermometer)
    if args.clip is not None:
        from cardea.cli.thermal import position_clip

        places = [
            position_clip.Place(one.temp_c, one.row, one.column, one.radius_px)
            for one in thermometer.references
        ]
        place = places[0] if places else position_clip.Place()
        around = replace(around, clip=position_clip.facts(args.clip, place))
    return thermometer.position or PositionFacts(), around


def _today(args: argparse.Namespace) -> dt.date:
    from cardea.runtime.clock import SystemClock

    asked: dt.date | None = args.on
    return asked or SystemClock().now().utc.date()
