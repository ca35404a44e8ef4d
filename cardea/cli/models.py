"""``cardea models``: which models the gateway's own checks need, whether they are here, and how to get them.

The gateway never fetches one by itself, and nothing makes it take one that the manifest has not pinned.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cardea.cli.errors import CommandError

if TYPE_CHECKING:
    from cardea.cli.model_download import Progress
    from models.registry import FoundModel, Model, Published

WRONG = 2
INTERRUPTED = 130
_COMMANDS = {
    "list": "every model that this version knows, and where it is",
    "verify": "compare the models that are here with their pinned SHA-256, and have each prove itself",
    "pull": "get models from their publishers' own addresses; a download that was cut off goes on",
}
_SHOWN = (
    "purpose",
    "licence",
    "size_bytes",
    "sha256",
    "inputs",
    "preprocessing",
    "made_of",
    "path",
    "problem",
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the commands."""
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, text in _COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text)
        if name != "list":
            command.add_argument(
                "names", nargs="*", metavar="NAME", help="only these; see: cardea models list"
            )
        if name == "pull":
            command.add_argument(
                "--from",
                dest="source",
                type=Path,
                metavar="FOLDER",
                help="take the published files from a folder instead: for a site without internet",
            )
        command.add_argument("--json", action="store_true", help="the answer as JSON")
        command.set_defaults(run=_RUNS[name])


def _list(args: argparse.Namespace) -> int:
    from models.registry import manifest

    found = [_report(model) for model in manifest().values()]
    if args.json:
        print(json.dumps(found, indent=2))
        return 0
    for entry in found:
        print(f"{entry['name']}: {entry['state']}")
        for key in _SHOWN:
            if entry[key] is not None:
                print(f"  {key}: {entry[key]}")
    return 0


def _verify(args: argparse.Namespace) -> int:
    """All that are here; those that were named must be."""
    from models.face.selftest import self_test

    found = [_report(model, self_test) for model in _asked_for(args.names)]
    looked_at = found if args.names else [entry for entry in found if entry["state"] != "missing"]
    wrong = [str(entry["problem"]) for entry in looked_at if entry["problem"] is not None]
    if not looked_at:
        wrong = ["no model is here; run: cardea models pull"]
    if args.json:
        print(json.dumps({"ok": not wrong, "models": looked_at, "problems": wrong}, indent=2))
        return WRONG if wrong else 0
    for entry in looked_at:
        if entry["problem"] is None:
            print(f"{entry['name']}: is what it should be ({entry['path']})")
    if wrong:
        raise CommandError("\n".join(wrong), WRONG)
    return 0


def _pull(args: argparse.Namespace) -> int:
    from cardea.cli.model_download import PullFailed, pull, take
    from models.registry import FOLDER_VARIABLE, folders

    wanted = _asked_for(args.names) if args.names else [m for m in _asked_for(()) if m.default]
    where = folders()
    if not where:
        raise CommandError(f"there is no home folder here; set {FOLDER_VARIABLE} to a folder for models")
    done: list[dict[str, object]] = []
    for model in wanted:
        before = _report(model)
        if before["state"] == "here":
            done.append({"name": model.name, "path": before["path"], "pulled": False})
            continue
        try:
            if args.source is None:
                path = pull(model, where[0], _progress())
            else:
                path = take(model, where[0], args.source)
        except PullFailed as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            raise CommandError(
                "interrupted; what has come is kept: run it again to go on", INTERRUPTED
            ) from None
        done.append({"name": model.name, "path": str(path), "pulled": True})
    if args.json:
        print(json.dumps(done, indent=2))
        return 0
    for entry in done:
        print(f"{entry['name']}: {'pulled to' if entry['pulled'] else 'is here already:'} {entry['path']}")
    return 0


def _asked_for(names: Sequence[str]) -> "list[Model]":
    from models.registry import manifest

    known = manifest()
    unknown = [name for name in names if name not in known]
    if unknown:
        raise CommandError(f"there is no model {unknown[0]!r}; there are: {', '.join(known)}")
    return [known[name] for name in names or known]


def _report(model: "Model", test: "Callable[[FoundModel], None] | None" = None) -> dict[str, object]:
    """The manifest's entry with ``state`` (here, missing, refused), ``path`` and ``problem``.

    One that is here must pass ``test``, too.
    """
    import msgspec

    from models.registry import ModelProblem, ModelUnavailable, find

    made_of = [published.file for published in model.derived_from] or None
    entry: dict[str, object] = {**msgspec.to_builtins(model), "made_of": made_of}
    try:
        found = find(model.name)
        path = str(found.path)
        if test is not None:
            test(found)
    except ModelUnavailable as error:
        return {**entry, "state": "missing", "path": None, "problem": str(error)}
    except ModelProblem as error:
        return {**entry, "state": "refused", "path": None, "problem": str(error)}
    return {**entry, "state": "here", "path": path, "problem": None}


def _progress() -> "Progress":
    """On a terminal, how far it has come."""

    def show(file: "Published", size_bytes: int) -> None:
        end = "\n" if size_bytes == file.size_bytes else ""
        share = 100 * size_bytes // file.size_bytes
        print(f"\r{file.file}: {share} % of {file.size_bytes} bytes", end=end, file=sys.stderr, flush=True)

    def say_nothing(_file: "Published", _size_bytes: int) -> None:
        return

    return show if sys.stderr.isatty() else say_nothing


_RUNS: dict[str, Callable[[argparse.Namespace], int]] = {"list": _list, "verify": _verify, "pull": _pull}
