"""From a link's settings to the link. Each kind is imported only when a configuration has one."""

from collections.abc import Callable, Mapping
from typing import Any

from cardea.runtime.clock import Clock
from drivers.api import DeviceMisconfigured, Link, Secrets
from drivers.links.http_listener import HttpListener, HttpListenerSettings
from drivers.links.settings import (
    I2cSettings,
    LinkSettings,
    ModbusRtuSettings,
    ModbusTcpSettings,
    SerialSettings,
    TcpSettings,
    UdpSettings,
    VideoSettings,
)


def _no_secrets(name: str) -> str:
    raise DeviceMisconfigured(f"there are no secrets here, so none called {name!r}")


def open_link(name: str, settings: LinkSettings, clock: Clock, secrets: Secrets = _no_secrets) -> Link:
    """The link ``name``, not yet connected: the supervisor calls its ``run``."""
    if isinstance(settings, VideoSettings):
        from drivers.links.video import VideoLink

        return VideoLink(name, settings, clock, secrets)
    return _OPENERS[settings.kind](name, settings, clock)


def _http_listener(name: str, settings: HttpListenerSettings, _clock: Clock) -> Link:
    return HttpListener(name, settings)


def _tcp(name: str, settings: TcpSettings, _clock: Clock) -> Link:
    from drivers.links.tcp import TcpListener, TcpOutward

    return (TcpListener if settings.listen else TcpOutward)(name, settings)


def _serial(name: str, settings: SerialSettings, _clock: Clock) -> Link:
    from drivers.links.serial import SerialLink

    return SerialLink(name, settings)


def _udp(name: str, settings: UdpSettings, _clock: Clock) -> Link:
    from drivers.links.udp import UdpLink

    return UdpLink(name, settings)


def _modbus_tcp(name: str, settings: ModbusTcpSettings, clock: Clock) -> Link:
    from drivers.links.modbus import ModbusLink, tcp_client

    return ModbusLink(name, tcp_client(settings), settings, clock)


def _modbus_rtu(name: str, settings: ModbusRtuSettings, clock: Clock) -> Link:
    from drivers.links.modbus import ModbusLink, frame_gap_s, rtu_client

    return ModbusLink(name, rtu_client(settings), settings, clock, gap_s=frame_gap_s(settings.baud))


def _i2c(name: str, settings: I2cSettings, clock: Clock) -> Link:
    from drivers.links.i2c import open_i2c

    return open_i2c(name, settings, clock)


_OPENERS: Mapping[str, Callable[[str, Any, Clock], Link]] = {
    "http_listener": _http_listener,
    "tcp": _tcp,
    "serial": _serial,
    "udp": _udp,
    "modbus_tcp": _modbus_tcp,
    "modbus_rtu": _modbus_rtu,
    "i2c": _i2c,
}
