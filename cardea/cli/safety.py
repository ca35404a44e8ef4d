"""``cardea safety``: are the machines of doors and zones free of breaches, in every state they can reach?"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edge.decide.events import Event
    from edge.decide.lock import Fitting
    from edge.decide.search import Proof

SOUND, BROKEN = 0, 1


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command."""
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    prove = commands.add_parser(
        "prove", help="search every reachable state of portals and zones for a breach of the L and D rules"
    )
    prove.add_argument("--json", action="store_true", help="the findings as JSON")
    prove.set_defaults(run=_prove)


def _prove(arguments: argparse.Namespace) -> int:
    findings: list[Mapping[str, object]] = []
    for name, search in _searches():
        if not arguments.json:
            print(f"{name} … ", end="", flush=True, file=sys.stderr)
        proof = search()
        law = None if proof.breach is None else proof.breach.law
        findings.append({"case": name, "states": proof.states, "steps": proof.steps, "breach": law})
        if not arguments.json:
            print(f"{proof.states} states, {proof.steps} steps: {law or 'no breach'}")
    if arguments.json:
        print(json.dumps(findings, indent=2))
    return BROKEN if any(found["breach"] for found in findings) else SOUND


def _searches() -> "Iterator[tuple[str, Callable[[], Proof[Any]]]]":
    from edge.decide import interlock_proof, proof

    for name, fitting, alphabet in _cases():
        yield name, partial(proof.prove, fitting, alphabet)
    for name, unit in interlock_proof.CASES.items():
        yield name, partial(interlock_proof.prove, unit)


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
