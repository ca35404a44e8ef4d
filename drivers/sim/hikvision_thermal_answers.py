"""What a simulated Hikvision thermal camera writes: its configuration in XML, its multipart answers."""

from dataclasses import dataclass

import msgspec
from defusedxml import ElementTree

from drivers.sim.web import Answer, Asked

_NAMESPACE = 'version="2.0" xmlns="http://www.isapi.org/ver20/XMLSchema"'


@dataclass(frozen=True, slots=True)
class Style:
    """How the camera writes its parts."""

    line_end: bytes = b"\r\n"
    lengths: bool = True
    """Whether parts have a Content-Length."""
    upper: bool = False
    """Whether header names are in upper case."""
    preamble: bytes = b""
    closes: bool = True
    """Whether the last boundary is there."""


def multipart(parts: list[tuple[str, bytes]], style: Style) -> bytes:
    """Parts with their types, as a camera of this style writes them."""
    end = style.line_end
    written = [style.preamble]
    for kind, body in parts:
        headers = {"Content-Type": kind, **({"Content-Length": str(len(body))} if style.lengths else {})}
        lines = [
            f"{name.upper() if style.upper else name}: {value}".encode() for name, value in headers.items()
        ]
        written += [b"--boundary", end, end.join(lines), end, end, body, end]
    return b"".join([*written, *((b"--boundary--", end) if style.closes else ())])


def documents(thermal: str) -> dict[str, bytes]:
    """Its configuration by path; ``thermal`` is the path of its thermal channel."""
    return {
        "/ISAPI/System/deviceInfo": _xml(
            "DeviceInfo",
            "<model>DS-2TD2617B-6/PA</model><serialNumber>DS-2TD2617B20200601</serialNumber>"
            "<firmwareVersion>V5.5.40</firmwareVersion>",
        ),
        "/ISAPI/Thermal/capabilities": _xml(
            "ThermalCap",
            "<isSupportThermalBlackBody>true</isSupportThermalBlackBody>"
            "<isSupportBodyTemperatureCompensation>true</isSupportBodyTemperatureCompensation>",
        ),
        f"{thermal}/bodyTemperatureCompensation": compensation(on=True),
        f"{thermal}/thermometry/pixelToPixelParam": _xml(
            "PixelToPixelParam",
            "<id>2</id><reflectiveEnable>true</reflectiveEnable>"
            "<reflectiveTemperature>24.00</reflectiveTemperature><emissivity>0.97</emissivity>"
            "<distance>150</distance><distanceUnit>centimeter</distanceUnit>"
            "<temperatureDataLength>4</temperatureDataLength><JpegPictureWithAppendData>"
            "<jpegPicEnabled>true</jpegPicEnabled><visiblePicEnabled>true</visiblePicEnabled>"
            "</JpegPictureWithAppendData>",
        ),
    }


def compensation(*, on: bool) -> bytes:
    """Its body temperature compensation."""
    block = (
        f"<compensationValue>0.6</compensationValue><smartCorrection>{0.4 if on else 0.0}</smartCorrection>"
        "<environmentalTemperature>22.0</environmentalTemperature>"
        f"<temperatureCompensation>{str(on).lower()}</temperatureCompensation>"
    )
    blocks = f"<AutoParam>{block}</AutoParam><ManualParam>{block}</ManualParam>"
    return _xml("BodyTemperatureCompensation", f"<type>auto</type>{blocks}")


def _xml(root: str, inner: str) -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} {_NAMESPACE}>{inner}</{root}>\n'.encode()


def status(asked: Asked, code: int, word: str) -> Answer:
    """What it says to a request other than by an answer to it; in JSON where that was asked for."""
    said = {"statusCode": 1 if code == 200 else 4, "subStatusCode": word}
    if asked.target.endswith("format=json"):
        return Answer(code, msgspec.json.encode(said), "application/json")
    return Answer(
        code, _xml("ResponseStatus", "".join(f"<{key}>{value}</{key}>" for key, value in said.items()))
    )


def root_name(content: bytes) -> str:
    """With its namespace; "" for what is no XML."""
    try:
        return str(ElementTree.fromstring(content, forbid_dtd=True).tag)
    except (ElementTree.ParseError, ValueError):
        return ""
