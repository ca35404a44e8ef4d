"""SAFETY.md items 18, 20, 24 and 39: after 1,000 passages no face is on the disk, on the bus or in a log."""

import asyncio
import base64
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import structlog

from cardea.contract.batches import Lane
from cardea.contract.records import CredentialKind, DecisionRecord, Outcome
from drivers.api import CredentialPresented, PictureCaptured
from edge.gateway import Gateway
from tests.unit.edge.face_door import PLAIN, Door, looks_like

PASSAGES = 1000
_DRAW = np.random.default_rng(7)
PICTURES = [_DRAW.integers(0, 256, (32, 48, 3), np.uint8) for _ in range(4)]
STILLS = [cv2.imencode(".jpg", picture)[1].tobytes() for picture in PICTURES]
_DIRECTION = _DRAW.normal(size=256)
FACE = (_DIRECTION / np.linalg.norm(_DIRECTION)).astype(np.float32)


def canaries() -> Iterator[bytes]:
    """Pieces of every picture, still and face that was before the gateway, as they could be written."""
    for whole in (*(picture.tobytes() for picture in PICTURES), *STILLS, FACE.tobytes()):
        for at in (len(whole) // 3, len(whole) // 2, len(whole) - 64):
            piece = whole[at : at + 24]
            yield from (piece, piece.hex().encode(), repr(piece)[2:-1].encode())
            yield base64.b64encode(whole)[at : at + 32]


async def passes(t: Door, number: int) -> None:
    """Somebody with a card before the camera, or with their face before a terminal, which may let them in."""
    fields: dict[str, Any] = {"kind": CredentialKind.CARD, "value": "1001"}
    if number % 2:
        still = STILLS[number % len(STILLS)]
        fields = {"kind": CredentialKind.FACE, "value": "e1", "verified": True, "snapshot": still}
        fields |= {"granted": True} if number % 4 == 3 else {}
    waiting = asyncio.create_task(t.devices["reader"].say(CredentialPresented, **fields))
    await asyncio.sleep(0.05)
    while not waiting.done():
        picture = PICTURES[number % len(PICTURES)]
        await t.devices["camera"].say(PictureCaptured, picture=picture)
        await asyncio.sleep(0.1)
    await waiting


def test_items_18_20_24_39_no_face_leaves_or_stays_after_a_thousand_passages(
    sim: ModuleType, tmp_path: Path
) -> None:
    heard: list[bytes] = []

    async def main() -> tuple[Door, list[DecisionRecord]]:
        door = Door(sim.SimClock(), sim.SimEntropy(5), tmp_path)
        await door._people()
        await door.enrol(vector=FACE)
        door.pipeline.says = looks_like(FACE)

        async def listen() -> None:
            session = await door.broker.bus("listener").connect()
            await session.subscribe("#")
            messages = session.messages()
            while True:
                message = await anext(messages)
                heard.append(message.topic.encode() + b" " + message.payload)

        async def scene(gateway: Gateway) -> None:
            await asyncio.sleep(2)
            for number in range(PASSAGES):
                await passes(door, number)
            assert gateway.picture()["sight"]["compared"] >= PASSAGES * 3

        listening = asyncio.create_task(listen())
        await door.serve(scene, PLAIN)
        listening.cancel()
        rows = await door.rows(Lane.RECORD)
        return door, [row for row in rows if isinstance(row, DecisionRecord)]

    with structlog.testing.capture_logs() as logs:
        door, decisions = sim.simulate(main)
    assert len(decisions) == PASSAGES
    assert {decision.outcome for decision in decisions} == {Outcome.GRANT}
    assert sum(b"grant" in message for message in heard) > 0, "records were on the bus"
    files = {path: path.read_bytes() for path in (door.path / "data").rglob("*") if path.is_file()}
    assert any(b"lobby" in content for content in files.values()), "what is searched is what was written"
    said = repr(logs).encode()
    for piece in canaries():
        assert not [path for path, content in files.items() if piece in content]
        assert not [message for message in heard if piece in message]
        assert piece not in said
    encoded = (b"\xff\xd8\xff\xe0", b"\x89PNG")
    assert not [path for path, content in files.items() for mark in encoded if mark in content]
