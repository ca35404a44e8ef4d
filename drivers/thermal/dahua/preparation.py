"""Who a camera is, and how it must be set before it gives heat maps that are understood."""

from collections.abc import Mapping

from cardea.runtime.clock import Clock
from drivers.api import DeviceIdentified, DeviceMisconfigured
from drivers.links.http_client import Declined
from drivers.thermal.dahua.client import CameraCgi
from drivers.thermal.dahua.heat_map import Meaning
from drivers.thermal.dahua.settings import DahuaThermalSettings
from drivers.thermal.dahua.texts import reason_of, value_of, values_of
from drivers.thermal.dahua.units import LABELS, Unit

FORMAT = "IR-SGCC-FIR64"
_CONFIG = "HeatImagingThermometry"
_FORMAT_KEY, _UNIT_KEY = "HeatMapFormat", "TemperatureUnit"


async def identify(cgi: CameraCgi, settings: DahuaThermalSettings, clock: Clock) -> DeviceIdentified:
    """Ask the camera who it is.

    Raises:
        DeviceMisconfigured: no such camera, or not the one with this serial number.
    """
    base = settings.base_url
    try:
        about = values_of(await cgi.ask("magicBox.cgi?action=getSystemInfo"))
    except Declined as error:
        raise DeviceMisconfigured(f"{base}: answers, but is no Dahua camera") from error
    serial = value_of(about, "serialNumber")
    if not serial:
        raise DeviceMisconfigured(f"{base}: answers, but is no Dahua camera")
    if settings.serial is not None and serial != settings.serial:
        raise DeviceMisconfigured(f"{base}: is camera {serial!r}, expected is {settings.serial!r}")
    model, firmware = value_of(about, "deviceType"), await _firmware(cgi)
    return DeviceIdentified(at=clock.now(), model=model, firmware=firmware, serial=serial)


async def _firmware(cgi: CameraCgi) -> str:
    try:
        return value_of(values_of(await cgi.ask("magicBox.cgi?action=getSoftwareVersion")), "version")
    except Declined:
        return ""


async def heat_maps_as_numbers(cgi: CameraCgi, settings: DahuaThermalSettings) -> Meaning:
    """Have heat maps made in the one format that is all numbers; what those mean. Writes only what differs.

    Raises:
        DeviceMisconfigured: the camera does not take the format, or measures in a unit that is not known.
    """
    config = await _config(cgi)
    key = _key(config, _FORMAT_KEY, settings.channel)
    if config.get(f"table.{key}") != FORMAT:
        await _write(cgi, settings, key)
    return Meaning(_unit(config, settings), settings.count_c)


async def _config(cgi: CameraCgi) -> Mapping[str, str]:
    """Nothing, where the camera does not let it be read."""
    try:
        return values_of(await cgi.ask(f"configManager.cgi?action=getConfig&name={_CONFIG}"))
    except Declined:
        return {}


async def _write(cgi: CameraCgi, settings: DahuaThermalSettings, key: str) -> None:
    try:
        answer = await cgi.ask(f"configManager.cgi?action=setConfig&{key}={FORMAT}")
        refused = "" if answer.strip().upper() == b"OK" else reason_of(answer) or "it does not say OK"
    except Declined as error:
        refused = str(error)
    if refused:
        raise DeviceMisconfigured(
            f"{settings.base_url}: does not give heat maps as {FORMAT} ({refused}): set that format on the "
            "camera's page, or measure a spot"
        )


def _unit(config: Mapping[str, str], settings: DahuaThermalSettings) -> Unit:
    if settings.unit is not None:
        return settings.unit
    label = config.get(f"table.{_key(config, _UNIT_KEY, settings.channel)}", "") or "celsius"
    unit = LABELS.get(label.lower())
    if unit is None:
        raise DeviceMisconfigured(f"{settings.base_url}: measures in {label[:40]!r}: set unit")
    return unit


def _key(config: Mapping[str, str], name: str, channel: int) -> str:
    """Where the camera keeps ``name``: for each channel, counted from 0, or once for all."""
    for place in (f"{_CONFIG}[{channel - 1}].{name}", f"{_CONFIG}.{name}"):
        if f"table.{place}" in config:
            return place
    return f"{_CONFIG}.{name}"
