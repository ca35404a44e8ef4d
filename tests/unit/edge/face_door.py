"""A door whose camera and terminal show what a test says, in a gateway in virtual time."""

import asyncio
import datetime as dt
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np

from cardea.contract.batches import Lane
from cardea.contract.reasons import Reason
from cardea.contract.records import DecisionRecord
from cardea.runtime.disk import SystemDisk
from drivers.api import FaceBox, PictureCaptured
from edge.faces.checks import Grounds
from edge.gateway import Gateway
from edge.vault.consent import Consent
from edge.vault.template_rows import StoredTemplate
from edge.vault.templates import Templates
from models.face import EMBEDDER
from models.face.look import Look, Poor
from models.face.thresholds import Thresholds
from models.registry import manifest
from tests.unit.edge.camera_tower import CONFIG, Tower

SHA = manifest()[EMBEDDER].sha256
HOLDER, STRANGER = (np.eye(256, dtype=np.float32)[at] for at in (0, 1))
PLAIN = CONFIG.replace(", require_screening = true", "")
REQUIRED = PLAIN.replace('degrade = "closed"', 'degrade = "closed", face = "required"')
NO_CAMERA = PLAIN.replace(', cameras = ["camera"]', "")
FACE = FaceBox(x=100, y=100, width=120, height=150, landmarks=(), score=0.9)


def looks_like(embedding: Any, live: float = 0.99) -> Look:
    return Look(faces=(FACE,), face=FACE, embedding=embedding, live=live)


TIGHT = Look(faces=(FACE,), face=FACE, embedding=HOLDER, too_close=True)
NOBODY = Look(faces=(), face=None, poor=Poor.NO_FACE)


class Pipeline:
    """Sees what a test tells it to."""

    model_sha256 = SHA

    def __init__(self) -> None:
        self.says = NOBODY
        self.looked: list[Any] = []
        self.detected = 0
        self.problem: Exception | None = None

    def detect(self, picture: Any) -> tuple[FaceBox, ...]:
        del picture
        self.detected += 1
        return self.says.faces

    def look(self, picture: Any) -> Look:
        self.looked.append(picture.shape)
        if self.problem is not None:
            raise self.problem
        return self.says


class Door(Tower):
    """The tower, its pipeline and whoever is enrolled."""

    def __init__(self, clock: Any, entropy: Any, path: Path) -> None:
        super().__init__(clock, entropy, path)
        self.pipeline = Pipeline()
        self.grounds = Grounds(self.pipeline, Thresholds())

    async def enrol(self, person: str = "p-1", model: str = SHA, vector: Any = HOLDER) -> None:
        templates = await Templates.open(SystemDisk(self.path / "data"), self.keys, self.entropy)
        consent = Consent(id="c-1", given_on=dt.date(2026, 1, 1))
        await templates.put(
            StoredTemplate(
                person=person,
                model_sha256=model,
                vector=vector.tobytes(),
                consent=consent,
                pictures=3,
                enrolled_utc=self.clock.now().utc,
            )
        )
        await templates.close()

    async def film(self, look: Look, pictures: int) -> None:
        self.pipeline.says = look
        for _ in range(pictures):
            await self.devices["camera"].say(PictureCaptured, picture=np.zeros((480, 640, 3), np.uint8))
            await asyncio.sleep(0.2)


Play = Callable[..., tuple[Door, list[DecisionRecord], list[Any]]]


def player(sim: ModuleType, path: Path) -> Play:
    """Plays a scene at a door; the door, its decisions and its alerts."""

    def play(
        scene: Callable[[Door, Gateway], Any],
        text: str = PLAIN,
        *,
        enrolled: bool = True,
        arrange: Callable[[Door], None] = lambda _: None,
    ) -> Any:
        async def main() -> Any:
            door = Door(sim.SimClock(), sim.SimEntropy(5), path)
            arrange(door)
            await door._people()
            if enrolled:
                await door.enrol()

            async def with_door(gateway: Gateway) -> None:
                await asyncio.sleep(2)
                await scene(door, gateway)
                await asyncio.sleep(5)

            await door.serve(with_door, text)
            decisions = [row for row in await door.rows(Lane.RECORD) if isinstance(row, DecisionRecord)]
            return door, decisions, await door.rows(Lane.ALERT)

        return sim.simulate(main)

    return play


def jpeg() -> bytes:
    picture = np.random.default_rng(1).integers(0, 255, (60, 80, 3), np.uint8)
    return cv2.imencode(".jpg", picture)[1].tobytes()


def reasons(decision: DecisionRecord) -> list[Reason]:
    return list(decision.reasons)


async def comes(t: Door, look: Look, pictures: int = 12) -> None:
    """Somebody presents the holder's card and is filmed."""
    waiting = asyncio.create_task(t.present())
    await asyncio.sleep(0.1)
    await t.film(look, pictures)
    await waiting
