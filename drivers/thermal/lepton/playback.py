"""Frames from clips on disk, played as if they were live."""

import asyncio
from pathlib import Path

from drivers.api import DeviceContext, DeviceLost, Emit, ThermalFrameCaptured
from drivers.thermal.lepton.decode import TLINEAR
from drivers.thermal.lepton.fitness import Fitness
from drivers.thermal.lepton.recording import Clip, clips_of, read_clip
from drivers.thermal.lepton.settings import LeptonSettings

FRAME_S = 1 / 9
"""Before the first frame of a clip."""
GAP_S_MAX = 1.0
"""A longer gap inside a clip is played as one of this length."""


class Recording:
    """Clips, played at the pace at which they were recorded."""

    def __init__(self, settings: LeptonSettings, context: DeviceContext, path: Path) -> None:
        self._settings = settings
        self._context = context
        self._path = path
        self._number = 0

    async def run(self, emit: Emit) -> None:
        """Play the clips, over and over or once (DeviceLost at the end)."""
        clips = await asyncio.to_thread(clips_of, self._path)
        while True:
            for path in clips:
                await self._play(await asyncio.to_thread(read_clip, path), emit)
            if not self._settings.loop:
                raise DeviceLost(f"{self._context.device}: {self._path} has ended")

    async def _play(self, clip: Clip, emit: Emit) -> None:
        clock = self._context.clock
        fitness = Fitness(self._settings.frozen_frames)
        due_s = clock.monotonic_s()
        before_s = float(clip.uptime_s[0]) - FRAME_S
        for raw, up, corrected in zip(clip.frames, clip.uptime_s, clip.last_ffc_s, strict=True):
            uptime_s, since_s = float(up), float(up - corrected)
            due_s += min(uptime_s - before_s, GAP_S_MAX)
            before_s = uptime_s
            await clock.sleep(max(0.0, due_s - clock.monotonic_s()))
            self._number += 1
            await emit(
                ThermalFrameCaptured(
                    at=clock.now(),
                    raw=raw,
                    scale=TLINEAR,
                    number=self._number,
                    uptime_s=uptime_s,
                    since_flat_field_s=since_s if since_s >= 0 else None,
                    unfit=fitness.judge(raw, None),
                )
            )
