"""``cardea safety``: is every door's machine free of breaches, in every state it can reach?"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge.decide.events import Event
    from edge.decide.lock import Fitting

SOUND, BROKEN = 0, 1


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command."""
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    prove = commands.add_parser(
        "prove", help="search every reachable state of the portal machine for a breach of the L rules"
    )
    prove.add_argument("--json", action="store_true", help="the findings as JSON")
    prove.set_defaults(run=_prove)


def _prove(arguments: argparse.Namespace) -> int:
    from edge.decide.proof import prove

    findings: list[Mapping[str, object]] = []
    for name, fitting, alphabet in _cases():
        if not arguments.json:
            print(f"{name} … ", end="", flush=True, file=sys.stderr)
        proof = prove(fitting, alphabet)
        law = None if proof.breach is None else proof.breach.law
        findings.append({"case": name, "states": proof.states, "steps": proof.steps, "breach": law})
        if not arguments.json:
            print(f"{proof.states} states, {proof.steps} steps: {law or 'no breach'}")
    if arguments.json:
        print(json.dumps(findings, indent=2))
    return BROKEN if any(found["breach"] for found in findings) else SOUND


def _cases() -> "Sequence[tuple[str, Fitting, tuple[Event, ...]]]":
    """The machine as doors are built: fire release wired or not, fire input fitted or not."""
    from edge.decide import proof
    from edge.decide.lock import Fitting

    wired = Fitting(hardwired_fire_release=True, fire_fitted=True)
    unwired = Fitting(hardwired_fire_release=False, fire_fitted=True)
    unfitted = Fitting(hardwired_fire_release=True, fire_fitted=False)
    return (
        ("lock, fire release wired", wired, proof.LOCK),
        ("lock, fire release by software alone", unwired, proof.LOCK),
        ("vestibule, fire release wired", wired, proof.VESTIBULE),
        ("vestibule, fire release by software alone", unwired, proof.VESTIBULE),
        ("leaf, drills and store", unfitted, proof.LEAF),
        ("lock without fire input", unfitted, proof.LOCK),
    )
