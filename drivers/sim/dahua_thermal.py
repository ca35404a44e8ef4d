"""A Dahua thermal camera on real sockets: CGI with Digest, its configuration, heat maps, spots.

It is built from PROTOCOLS.md and public descriptions alone and shares nothing with the driver.
"""

import gzip
import re
import struct
import zlib
from collections.abc import Callable, Mapping
from enum import StrEnum
from types import TracebackType
from typing import Self

import numpy as np

from cardea.runtime.clock import Clock, Entropy
from drivers.sim.broken_answers import Broken, broken
from drivers.sim.digest import Digest, Proof
from drivers.sim.thermal_matrix import Celsius, Matrix
from drivers.sim.web import Answer, Asked, WebServer

FACE = b"\xff\xd8\xff\xe0 somebody's face \xff\xd9"
"""What a heat map of another format is: a picture."""
EMISSIVITY, DISTANCE_M, AMBIENT_C, HUMIDITY_PCT = 0.97, 1.5, 23.0, 45.0
_TEXT = "text/plain"
_PLACE = re.compile(r"coordinate\[0\]=(\d+)&coordinate\[1\]=(\d+)$")
_CONFIG = "HeatImagingThermometry"
_PACKINGS: Mapping[str, tuple[str, Callable[[bytes], bytes]]] = {
    "zlib": ("deflate", zlib.compress),
    "raw": ("deflate", lambda body: zlib.compress(body, wbits=-zlib.MAX_WBITS)),
    "plain": ("deflate", bytes),
    "gzip": ("gzip", gzip.compress),
}


class HeatMapFault(StrEnum):
    """What goes wrong until told otherwise."""

    WRONG_SIZE = "wrong_size"
    """The header tells of one row more than there is."""
    STUCK = "stuck"
    DEAD = "dead"
    """The same everywhere."""
    ERROR = "error"
    """An error under HTTP 200, as for a while after power-on."""
    NAMELESS = "nameless"
    """It does not say who it is."""
    LOCKED_OUT = "locked_out"
    """The password is not accepted, which is said under HTTP 200."""


class DahuaThermalSim:
    """``async with DahuaThermalSim(…) as camera: …``; ``port`` 0 = any free one."""

    def __init__(  # the whole set-up of a device, by keyword
        self,
        clock: Clock,
        entropy: Entropy,
        *,
        password: str,
        user: str = "cardea",
        port: int = 0,
        channel: int = 2,
        shape: tuple[int, int] = (48, 64),
        seed: int = 0,
    ) -> None:
        self.scene = Matrix(*shape, seed)
        self.digest = Digest(user, password, clock, entropy)
        self.faults: set[HeatMapFault] = set()
        self.breaks: Broken | None = None
        self.missing: set[str] = set()
        """Parts of targets that this firmware does not have."""
        self.packing = ""
        """How bodies are packed, of ``_PACKINGS``; the header says so even of plain ones."""
        self.means_fahrenheit = False
        """Its numbers are °F, whatever it calls them."""
        self.asked: list[str] = []
        """Targets so far, of requests whose password was right."""
        self.takes_formats = True
        self.config = {
            f"{_CONFIG}.HeatMapFormat": "IR-SGCC",
            f"{_CONFIG}.TemperatureUnit": "Centigrade",
            f"{_CONFIG}.ObjectEmissivity": str(EMISSIVITY),
        }
        self._channel = channel
        self._last_c: Celsius | None = None
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

    async def reboot(self) -> None:
        """It cuts all connections and forgets its nonces."""
        await self._web.close()
        self.digest.expire()
        await self._web.open()

    def _serve(self, asked: Asked) -> Answer:
        proof = self.digest.check(asked.method, asked.target, asked.headers.get("authorization", ""))
        if HeatMapFault.LOCKED_OUT in self.faults and asked.headers.get("authorization"):
            return Answer(200, b"Error\r\nErrorID=0, Detail=Invalid Authority!\r\n", _TEXT)
        if proof is not Proof.GOOD:
            return Answer(401, b"", headers={"WWW-Authenticate": self.digest.challenge(proof)})
        target = asked.target.removeprefix("/cgi-bin/")
        self.asked.append(target)
        if any(part in target for part in self.missing):
            return Answer(501, b"Error\r\nNot Implemented!\r\n", _TEXT)
        return self._answer(target)

    def _answer(self, target: str) -> Answer:
        thermal = f"channel={self._channel}"
        match target.partition("?"):
            case ("magicBox.cgi", _, "action=getSystemInfo"):
                if HeatMapFault.NAMELESS in self.faults:
                    return Answer(200, b"<html/>")
                about = b"appAutoStart=true\r\ndeviceType=TPC-BF2241-T\r\nserialNumber=6G03A7EPAZ00156\r\n"
                return self._packed(about, _TEXT)
            case ("magicBox.cgi", _, "action=getSoftwareVersion"):
                return self._packed(b"version=2.630.0000000.9.R,build:2020-06-22\r\n", _TEXT)
            case ("configManager.cgi", _, query):
                return self._configure(query)
            case ("RadiometryManager.cgi", _, query) if thermal in query and (place := _PLACE.search(query)):
                return self._spot(int(place[1]), int(place[2]))
            case (path, _, _) if path == f"RPC_Loadfile/RadiometryHeatMap.jpg&{thermal}":
                return self._heat_map()
            case _:
                return Answer(400, b"Error\r\nBad Request!\r\n", _TEXT)

    def _configure(self, query: str) -> Answer:
        if query == f"action=getConfig&name={_CONFIG}":
            lines = [f"table.{key}={value}\r\n" for key, value in self.config.items()]
            return self._packed("".join(lines).encode(), _TEXT)
        setting = query.removeprefix("action=setConfig&")
        key, equals, value = setting.partition("=")
        if setting == query or not equals or key not in self.config or not self.takes_formats:
            return Answer(200, b"Error\r\nErrorID=2, Detail=Invalid Request!\r\n", _TEXT)
        self.config[key] = value
        return self._packed(b"OK\r\n", _TEXT)

    def _spot(self, x: int, y: int) -> Answer:
        if HeatMapFault.ERROR in self.faults:
            return Answer(200, b"Error\r\nErrorID=3, Detail=Server internal error!\r\n", _TEXT)
        temps_c = self._temperatures()
        row, column = (place * (size - 1) // 8191 for place, size in zip((y, x), temps_c.shape, strict=True))
        lines = (
            f"pointTempInfo.TemperAver={self._degrees(temps_c[row, column]):.6f}",
            f"pointTempInfo.TemperatureUnit={self._label()}",
            "pointTempInfo.Type=Spot",
        )
        return self._packed("\r\n".join([*lines, ""]).encode(), _TEXT)

    def _heat_map(self) -> Answer:
        if HeatMapFault.ERROR in self.faults:
            return Answer(200, b"Error\r\nErrorID=3, Detail=Server internal error!\r\n", _TEXT)
        format_key = next(key for key in self.config if key.endswith("HeatMapFormat"))
        fits = self.config[format_key] == "IR-SGCC-FIR64"
        body = self._fir() if fits else FACE
        if self.breaks is not None:
            return broken(self.breaks, body, "image/jpeg")
        return self._packed(body, "image/jpeg")

    def _fir(self) -> bytes:
        temps_c = self._temperatures()
        height, width = temps_c.shape
        longer = 1 if HeatMapFault.WRONG_SIZE in self.faults else 0
        told = (
            1.0,
            EMISSIVITY,
            DISTANCE_M,
            self._degrees(AMBIENT_C),
            HUMIDITY_PCT,
            height + longer,
            width,
            1,
        )
        head = struct.pack("<4s5f2HB", b"FIR\0", *told)
        pixels = np.round(self._degrees(temps_c) * 10).astype("<i2").tobytes()
        return head.ljust(64, b"\0") + pixels

    def _temperatures(self) -> Celsius:
        if HeatMapFault.DEAD in self.faults:
            return np.zeros((self.scene.height, self.scene.width))
        if self._last_c is None or HeatMapFault.STUCK not in self.faults:
            self._last_c = self.scene.celsius()
        return self._last_c

    def _degrees(self, temp_c: Celsius | float) -> Celsius:
        fahrenheit = self.means_fahrenheit or self._label() == "Fahrenheit"
        return np.asarray(temp_c, np.float64) * 1.8 + 32 if fahrenheit else np.asarray(temp_c, np.float64)

    def _label(self) -> str:
        return next(value for key, value in self.config.items() if key.endswith("TemperatureUnit"))

    def _packed(self, body: bytes, kind: str) -> Answer:
        if not self.packing:
            return Answer(200, body, kind)
        encoding, pack = _PACKINGS[self.packing]
        return Answer(200, pack(body), kind, {"Content-Encoding": encoding})
