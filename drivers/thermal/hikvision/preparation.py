"""Who a camera is, and how it must be set before it is believed."""

from cardea.runtime.clock import Clock
from cardea.runtime.logs import get_logger
from drivers.api import Conditions, DeviceIdentified, DeviceMisconfigured
from drivers.links.http_client import Declined
from drivers.thermal.hikvision.client import CameraIsapi
from drivers.thermal.hikvision.compensation import OFF, compensates
from drivers.thermal.hikvision.conditions import conditions_of
from drivers.thermal.hikvision.documents import Document, NotADocument, name_of
from drivers.thermal.hikvision.settings import HikvisionThermalSettings

_CAPABILITIES = "/ISAPI/Thermal/capabilities"
_NO_VISIBLE = {"visiblePicEnable": "false", "visiblePicEnabled": "false"}
_log = get_logger("thermal.hikvision")


async def identify(isapi: CameraIsapi, settings: HikvisionThermalSettings, clock: Clock) -> DeviceIdentified:
    """Ask the camera who it is.

    Raises:
        DeviceMisconfigured: no ISAPI device, or not the one with this serial number.
    """
    base = settings.base_url
    try:
        info = await isapi.document("/ISAPI/System/deviceInfo")
    except (NotADocument, Declined) as error:
        raise DeviceMisconfigured(f"{base}: answers, but is no Hikvision device") from error
    if name_of(info.root) != "DeviceInfo":
        raise DeviceMisconfigured(f"{base}: answers, but is no Hikvision device")
    serial = info.word("serialNumber")
    if settings.serial is not None and serial != settings.serial:
        raise DeviceMisconfigured(f"{base}: is camera {serial!r}, expected is {settings.serial!r}")
    model, firmware = info.word("model"), info.word("firmwareVersion")
    return DeviceIdentified(at=clock.now(), model=model, firmware=firmware, serial=serial)


class Compensation:
    """A camera's body temperature compensation, which must be off: a surface is measured as it is."""

    def __init__(self, isapi: CameraIsapi, settings: HikvisionThermalSettings) -> None:
        self._isapi = isapi
        self._settings = settings
        self._path = f"/ISAPI/Thermal/channels/{settings.channel}/bodyTemperatureCompensation"
        self._readable = True

    async def switch_off(self) -> None:
        """Switch it off where it is on.

        Raises:
            DeviceMisconfigured: it stays on, or cannot be read although the camera has it.
        """
        expected = await self._expected()
        self._readable = expected is not False
        if not self._readable:
            return
        document = await self._document(needed=expected is True)
        for values in OFF:
            if document is None or not compensates(document):
                return
            try:
                await self._isapi.write(self._path, document.with_values(values))
            except Declined as error:
                raise self._stays_on(str(error)) from error
            _log.warning("body_temperature_compensation_was_on", camera=self._settings.base_url)
            document = await self._document(needed=True)
        if document is not None and compensates(document):
            raise self._stays_on("it does not take the setting")

    async def is_on(self) -> bool:
        """Whether somebody has switched it on meanwhile."""
        document = await self._document(needed=False) if self._readable else None
        return document is not None and compensates(document)

    async def _expected(self) -> bool | None:
        """Whether the camera says that it has this; ``None`` when it does not say what it has."""
        try:
            capabilities = await self._isapi.document(_CAPABILITIES)
        except (NotADocument, Declined):
            return None
        if capabilities.flag("isSupportThermalBlackBody"):
            _log.info("camera_can_use_a_blackbody_of_its_own", camera=self._settings.base_url)
        return capabilities.flag("isSupportBodyTemperatureCompensation") is True

    async def _document(self, *, needed: bool) -> Document | None:
        try:
            return await self._isapi.document(self._path)
        except (NotADocument, Declined) as error:
            if needed and self._settings.compensation == "switch_off":
                raise DeviceMisconfigured(
                    f"{self._settings.base_url}: has body temperature compensation, but does not tell "
                    'whether it is on: see that it is off on its own page, then set compensation = "seen_off"'
                ) from error
            return None

    def _stays_on(self, why: str) -> DeviceMisconfigured:
        return DeviceMisconfigured(
            f"{self._settings.base_url}: body temperature compensation is on and cannot be switched off from "
            f"here ({why}): switch it off on the camera's page, under temperature measurement"
        )


async def without_visible_picture(isapi: CameraIsapi, channel: int) -> Conditions | None:
    """Ask the camera to leave the picture of the face out of its answers, where it can; what it assumes.

    A camera that cannot goes on sending it: nothing of it is kept (SAFETY.md, item 18).
    """
    path = f"/ISAPI/Thermal/channels/{channel}/thermometry/pixelToPixelParam"
    try:
        document = await isapi.document(path)
    except (NotADocument, Declined):
        return None
    if any(document.flag(name) for name in _NO_VISIBLE):
        try:
            await isapi.write(path, document.with_values(_NO_VISIBLE))
        except Declined as error:
            _log.info("camera_goes_on_sending_visible_pictures", reason=str(error))
    return conditions_of(document)
