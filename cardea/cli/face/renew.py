"""``cardea face renew``: every template turned by a new secret; what leaked of the old ones is void."""

import argparse
import json
from pathlib import Path

from cardea.cli.face.stored import with_templates


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="gateway.toml")
    parser.add_argument("--json", action="store_true", help="the answer as JSON")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    renewed = with_templates(args.config, lambda templates: templates.renew())
    if args.json:
        print(json.dumps({"renewed": renewed}))
    else:
        print(f"{renewed} {'template' if renewed == 1 else 'templates'} renewed; no picture was needed")
    return 0
