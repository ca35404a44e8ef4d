"""Who the terminal is, how far its clock is off, and whether it can do what the configuration asks."""

import datetime as dt

import msgspec

from cardea.runtime.clock import Clock
from drivers.api import DeviceIdentified, DeviceMisconfigured
from drivers.gates.hikvision.client import Isapi
from drivers.gates.hikvision.payload import (
    Fields,
    Unreadable,
    fields_of,
    inner,
    moment,
    name_of,
    text,
    xml_root,
)
from drivers.gates.hikvision.settings import HikvisionSettings, Transport, Verdict
from drivers.links.http_client import JSON, Declined, Unsupported

_ACS_CFG = "/ISAPI/AccessControl/AcsCfg?format=json"
_CHANNEL = {Transport.PUSH: "ISAPIListen", Transport.STREAM: "ISAPI"}
_SNAPSHOT = "uploadCapPic"
_PICTURES = (_SNAPSHOT, "saveCapPic", "uploadVerificationPic", "saveVerificationPic", "saveFacePic")
"""Pictures of everybody who passes: switched off where the terminal can (SAFETY.md, item 18)."""


async def identify(isapi: Isapi, settings: HikvisionSettings, clock: Clock) -> DeviceIdentified:
    """Ask the terminal who it is and what time it has.

    Raises:
        DeviceMisconfigured: no ISAPI device, no access terminal, or not the one with this serial number.
    """
    base = settings.base_url
    try:
        answer = await isapi.get("/ISAPI/System/deviceInfo")
        info = fields_of(answer)
        if name_of(xml_root(answer)) != "DeviceInfo":
            raise Unreadable("not_a_device_info")
        await isapi.get("/ISAPI/AccessControl/capabilities")
    except Unreadable as error:
        raise DeviceMisconfigured(f"{base}: answers, but is no Hikvision device") from error
    except Declined as error:
        raise DeviceMisconfigured(f"{base}: is no access terminal: {error}") from error
    serial = text(info, "serialNumber")
    if settings.serial is not None and serial != settings.serial:
        raise DeviceMisconfigured(f"{base}: is terminal {serial!r}, expected is {settings.serial!r}")
    shown = await shown_time(isapi)
    at = clock.now()
    return DeviceIdentified(
        at=at,
        model=text(info, "model"),
        firmware=text(info, "firmwareVersion"),
        serial=serial,
        clock_skew_s=None if shown is None else round((shown - at.utc).total_seconds(), 1),
    )


async def shown_time(isapi: Isapi) -> dt.datetime | None:
    """What the terminal's clock shows; ``None`` when it tells no time with an offset."""
    try:
        return moment(text(fields_of(await isapi.get("/ISAPI/System/time")), "localTime"))
    except (Unreadable, Declined):
        return None


async def prepare(isapi: Isapi, settings: HikvisionSettings) -> None:
    """Set who decides as the configuration asks, and switch off pictures, but for the one that is asked for;
    writes only what differs.

    Raises:
        DeviceMisconfigured: the gateway is to decide, but the terminal cannot ask it.
    """
    try:
        has = inner(fields_of(await isapi.get(_ACS_CFG)), "AcsCfg")
        changes = _changes(has, settings)
        if changes:
            await isapi.put(_ACS_CFG, msgspec.json.encode({"AcsCfg": changes}), JSON)
    except (Unsupported, Declined, Unreadable) as error:
        if settings.verdict is Verdict.GATEWAY:
            raise DeviceMisconfigured(
                f"{settings.base_url}: this terminal cannot ask for a verdict: {error}; "
                'set verdict = "terminal" and authority = "terminal"'
            ) from error


def _changes(has: Fields, settings: HikvisionSettings) -> dict[str, object]:
    wanted: dict[str, object] = {name: False for name in _PICTURES if name in has}
    if settings.snapshots and _SNAPSHOT in has:
        wanted[_SNAPSHOT] = True
    if settings.verdict is not Verdict.AS_SET:
        wanted["remoteCheckDoorEnabled"] = settings.verdict is Verdict.GATEWAY
    if settings.verdict is Verdict.GATEWAY:
        wanted["checkChannelType"] = _CHANNEL[settings.transport]
        wanted["remoteCheckTimeout"] = int(settings.verdict_s_max)
    return {name: value for name, value in wanted.items() if has.get(name) != value}
