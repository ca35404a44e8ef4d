"""``cardea face forget``: a person's template destroyed; how consent is withdrawn."""

import argparse
import json
from pathlib import Path

from cardea.cli.face.stored import with_templates


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="gateway.toml")
    parser.add_argument("--person", required=True, metavar="ID", help="whose template is destroyed")
    parser.add_argument("--json", action="store_true", help="the answer as JSON")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    forgotten = with_templates(args.config, lambda templates: templates.forget(args.person))
    if args.json:
        print(json.dumps({"person": args.person, "forgotten": forgotten}))
    else:
        print(f"{args.person}: {'forgotten' if forgotten else 'had no template'}")
    return 0
