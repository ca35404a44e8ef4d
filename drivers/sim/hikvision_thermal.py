"""A Hikvision thermal camera on real sockets: ISAPI with Digest, its configuration, its matrices.

It is built from PROTOCOLS.md and public descriptions alone and shares nothing with the driver.
"""

import zlib
from enum import StrEnum
from types import TracebackType
from typing import Self

import msgspec
import numpy as np

from cardea.runtime.clock import Clock, Entropy
from drivers.sim.broken_answers import Broken, broken
from drivers.sim.digest import Digest, Proof
from drivers.sim.hikvision_thermal_answers import (
    Style,
    compensation,
    documents,
    multipart,
    root_name,
    status,
)
from drivers.sim.thermal_matrix import Celsius, Matrix
from drivers.sim.web import Answer, Asked, WebServer

COMPENSATION_C = 0.6
"""What its compensation adds."""
FACE = b"\xff\xd8\xff\xe0 somebody's face \xff\xd9"
"""What stands for the visible picture; whoever finds it anywhere has kept a face."""
_HEAT = b"\xff\xd8\xff\xe0 heat \r\n--boundary\r\n of a picture \xff\xd9"


class ThermalFault(StrEnum):
    """What goes wrong with matrices until told otherwise."""

    WRONG_LENGTH = "wrong_length"
    """A row more is declared than comes."""
    STUCK = "stuck"
    DEAD = "dead"
    """Absolute zero everywhere."""
    HOLED = "holed"
    """Some pixels are no numbers."""
    BUSY = "busy"
    """The device says that it is busy."""
    DECLINES = "declines"
    """The user may not read them."""
    GARBAGE = "garbage"


class HikvisionThermalSim:
    """``async with HikvisionThermalSim(…) as camera: …``; ``port`` 0 = any free one."""

    def __init__(  # noqa: PLR0913  # the whole set-up of a device, by keyword
        self,
        clock: Clock,
        entropy: Entropy,
        *,
        password: str,
        user: str = "cardea",
        port: int = 0,
        channel: int = 2,
        pixel_bytes: int = 4,
        shape: tuple[int, int] = (48, 64),
        seed: int = 0,
    ) -> None:
        self.scene = Matrix(*shape, seed)
        self.digest = Digest(user, password, clock, entropy)
        self.faults: set[ThermalFault] = set()
        self.breaks: Broken | None = None
        self.style = Style()
        self.missing: set[str] = set()
        """Ends of paths that this firmware does not have, or cannot do one method on: ``PUT /path``."""
        self.locked = False
        """Its compensation cannot be changed from outside."""
        self.forgetful = False
        """It says that it has changed its compensation, and has not."""
        self.packed = False
        """Answers are compressed, whether they were asked for so or not."""
        self.asked: list[str] = []
        """``METHOD path`` so far, of requests whose password was right."""
        self._pixel_bytes = pixel_bytes
        self._last_c: Celsius | None = None
        self._thermal = f"/ISAPI/Thermal/channels/{channel}"
        self.documents = documents(self._thermal)
        """Its configuration by path."""
        self._web = WebServer(self._serve, "127.0.0.1", port)

    async def __aenter__(self) -> Self:
        await self._web.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._web.close()

    @property
    def base_url(self) -> str:
        """Where the camera answers."""
        return f"http://127.0.0.1:{self._web.port}"

    @property
    def compensates(self) -> bool:
        """Whether its readings are bent."""
        return (
            b"<temperatureCompensation>true" in self.documents[f"{self._thermal}/bodyTemperatureCompensation"]
        )

    def switch_compensation_on(self) -> None:
        """Somebody does so on the camera's own page."""
        path = f"{self._thermal}/bodyTemperatureCompensation"
        self.documents[path] = compensation(on=True)

    async def reboot(self) -> None:
        """It cuts all connections and forgets its nonces."""
        await self._web.close()
        self.digest.expire()
        await self._web.open()

    def _serve(self, asked: Asked) -> Answer:
        proof = self.digest.check(asked.method, asked.target, asked.headers.get("authorization", ""))
        if proof is not Proof.GOOD:
            return Answer(401, b"", headers={"WWW-Authenticate": self.digest.challenge(proof)})
        self.asked.append(f"{asked.method} {asked.path}")
        if any(self.asked[-1].endswith(end) for end in self.missing):
            return status(asked, 404, "notSupport")
        if asked.path == f"{self._thermal}/thermometry/jpegPicWithAppendData":
            return self._matrix(asked)
        if asked.path not in self.documents:
            return status(asked, 404, "notSupport")
        return self._document(asked)

    def _document(self, asked: Asked) -> Answer:
        if asked.method == "GET":
            return Answer(200, self.documents[asked.path])
        if self.locked and asked.path.endswith("bodyTemperatureCompensation"):
            return status(asked, 403, "lowPrivilege")
        if root_name(asked.body) != root_name(self.documents[asked.path]):
            return status(asked, 400, "badXmlContent")
        if not self.forgetful:
            self.documents[asked.path] = asked.body
        return status(asked, 200, "ok")

    def _matrix(self, asked: Asked) -> Answer:
        if ThermalFault.BUSY in self.faults:
            return status(asked, 503, "deviceBusy")
        if ThermalFault.DECLINES in self.faults:
            return status(asked, 403, "lowPrivilege")
        kind, body = "multipart/form-data; boundary=boundary", self._parts()
        if ThermalFault.GARBAGE in self.faults:
            body = body[::-1]
        if self.breaks is not None:
            return broken(self.breaks, body, kind)
        if self.packed:
            return Answer(200, zlib.compress(body), kind, {"Content-Encoding": "deflate"})
        return Answer(200, body, kind)

    def _temperatures(self) -> Celsius:
        if ThermalFault.DEAD in self.faults:
            return np.full((self.scene.height, self.scene.width), -273.15)
        if self._last_c is None or ThermalFault.STUCK not in self.faults:
            self._last_c = self.scene.celsius() + (COMPENSATION_C if self.compensates else 0.0)
        if ThermalFault.HOLED in self.faults:
            holed_c = self._last_c.copy()
            holed_c[0, :3] = np.nan, np.inf, -np.inf
            return holed_c
        return self._last_c

    def _parts(self) -> bytes:
        temps_c = self._temperatures()
        said: dict[str, object] = {
            "channel": 2,
            "isFreezedata": False,
            "temperatureDataLength": self._pixel_bytes,
        }
        if self._pixel_bytes == 4:
            matrix = temps_c.astype("<f4").tobytes()
        else:
            said |= {"scale": 64, "offset": 0}
            matrix = (
                np.round((np.nan_to_num(temps_c, posinf=0.0, neginf=0.0) + 273.15) * 64)
                .astype("<i2")
                .tobytes()
            )
        visible = FACE if self._sends_visible() else b""
        longer = self.scene.width * self._pixel_bytes if ThermalFault.WRONG_LENGTH in self.faults else 0
        said |= {
            "jpegPicLen": len(_HEAT),
            "jpegPicWidth": self.scene.width,
            "jpegPicHeight": self.scene.height + (1 if longer else 0),
            "p2pDataLen": len(matrix) + longer,
            "visiblePicLen": len(visible),
        }
        declared = msgspec.json.format(msgspec.json.encode({"JpegPictureWithAppendData": said}))
        parts = [("application/json", declared), ("image/pjpeg", _HEAT), ("application/octet-stream", matrix)]
        return multipart([*parts, *([("image/pjpeg", visible)] if visible else [])], self.style)

    def _sends_visible(self) -> bool:
        document = self.documents[f"{self._thermal}/thermometry/pixelToPixelParam"]
        return b"<visiblePicEnabled>true" in document
