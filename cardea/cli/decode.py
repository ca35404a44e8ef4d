"""``cardea decode``: print the events in what a device sent, a capture of ours or any file of its bytes."""

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from cardea.cli.errors import CommandError

if TYPE_CHECKING:
    from drivers.api import Decoder, DeviceEvent, DeviceSettings, Driver
    from drivers.links.replay import Captured

PERSONAL = {"CredentialPresented": "value", "Reject": "sample"}
"""What ``--redact`` leaves out, by event: a reject may hold anything the device said."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("file", type=Path, help="a capture (JSON lines) or a file of raw bytes")
    parser.add_argument("--driver", help="driver name, e.g. gates.hikvision; a capture names its own")
    parser.add_argument("--channel", help="only this channel; needed for raw bytes when there are several")
    parser.add_argument("--config", type=Path, help="gateway.toml that has the device's settings")
    parser.add_argument("--device", help="the device's name in --config")
    parser.add_argument("--redact", action="store_true", help="leave out credentials and raw bytes")
    parser.add_argument("--json", action="store_true", help="one JSON object for each event")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from drivers.api import DeviceMisconfigured, Reject
    from drivers.links.replay import CaptureUnreadable

    try:
        events = rejects = 0
        for event in _events(args):
            events += 1
            rejects += isinstance(event, Reject)
            print(_line(event, redact=args.redact) if args.json else _text(event, redact=args.redact))
    except (CaptureUnreadable, DeviceMisconfigured) as error:
        raise CommandError(str(error)) from error
    print(f"{events} events, {rejects} of them rejects", file=sys.stderr)
    return 0


def _events(args: argparse.Namespace) -> "Iterator[DeviceEvent]":
    from drivers.links.replay import capture_driver, read_capture, read_raw

    configured = _configured(args)
    recorded = capture_driver(args.file)
    driver = _driver(args.driver or configured.get("driver") or recorded)
    channel: str | None = args.channel
    if channel is not None and channel not in driver.decoders:
        raise CommandError(f"no channel {channel!r}; this driver has: {', '.join(driver.decoders)}")
    if recorded is None:
        channel = channel or _only_channel(driver)
        return _decoded(driver, _settings(args, driver, configured), read_raw(args.file, channel), None)
    return _decoded(driver, _settings(args, driver, configured), read_capture(args.file), channel)


def _decoded(
    driver: "Driver[Any]", settings: "DeviceSettings", pieces: "Iterable[Captured]", channel: str | None
) -> "Iterator[DeviceEvent]":
    decoders: dict[str, Decoder] = {}
    last: Captured | None = None
    for piece in pieces:
        if channel is not None and piece.channel != channel:
            continue
        if piece.channel not in driver.decoders:
            raise CommandError(f"channel {piece.channel!r} in the capture is not one of this driver")
        if piece.channel not in decoders:
            decoders[piece.channel] = driver.decoders[piece.channel](settings)
        yield from decoders[piece.channel].feed(piece.data, piece.at)
        if piece.end:
            yield from decoders[piece.channel].finish(piece.at)
        last = piece
    if last is not None:
        for decoder in decoders.values():
            yield from decoder.finish(last.at)


def _driver(name: str | None) -> "Driver[Any]":
    from drivers import catalog

    if name is None:
        raise CommandError(f"say which driver: --driver NAME, one of: {', '.join(catalog.names())}")
    return catalog.find(name)


def _only_channel(driver: "Driver[Any]") -> str:
    if len(driver.decoders) != 1:
        raise CommandError(f"say which channel the bytes are of: --channel {' | '.join(driver.decoders)}")
    return next(iter(driver.decoders))


def _configured(args: argparse.Namespace) -> Mapping[str, Any]:
    """The device's table in the configuration, if one is named."""
    if args.config is None:
        return {}
    from pydantic import TypeAdapter, ValidationError

    from cardea.runtime.config import ConfigInvalid, read_toml

    try:
        devices = TypeAdapter(dict[str, dict[str, Any]]).validate_python(
            read_toml(args.config).get("devices")
        )
    except ConfigInvalid as error:
        raise CommandError(str(error)) from error
    except ValidationError:
        raise CommandError(f"{args.config}: has no devices") from None
    if args.device not in devices:
        raise CommandError(f"say which device of {args.config}: --device {' | '.join(devices)}")
    return devices[args.device]


def _settings(
    args: argparse.Namespace, driver: "Driver[Any]", configured: Mapping[str, Any]
) -> "DeviceSettings":
    from cardea.runtime.config import ConfigInvalid, check

    if configured:
        at = f"devices.{args.device}.settings"
        try:
            return check(driver.settings, configured.get("settings", {}), file=args.config, at=at)
        except ConfigInvalid as error:
            raise CommandError(str(error)) from error
    if driver.example:
        print(
            "decoding with the driver's example settings; --config and --device take yours", file=sys.stderr
        )
    return driver.settings.model_validate(driver.example)


def _fields(event: "DeviceEvent", *, redact: bool) -> dict[str, Any]:
    """The event's fields that say something, without the gateway's own clock."""
    from dataclasses import MISSING, fields

    personal = PERSONAL.get(type(event).__name__) if redact else None
    shown: dict[str, Any] = {}
    for each in fields(event):
        value = getattr(event, each.name)
        unset = each.default is not MISSING and value == each.default
        if each.name == "at" or unset:
            continue
        if each.name == personal:
            value = f"({len(value)} left out)"
        shown[each.name] = _shown(value)
    return shown


def _shown(value: object) -> object:
    """Frames and pictures by their measures: nobody reads thousands of numbers, and faces are not printed."""
    import numpy as np  # which the events bring anyway

    if isinstance(value, np.ndarray):
        array = cast("np.ndarray[tuple[int, ...], np.dtype[np.number[Any]]]", value)
        extremes = {"min": array.min().item(), "max": array.max().item()} if array.size else {}
        return {"shape": list(array.shape), "dtype": str(array.dtype), **extremes}
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _line(event: "DeviceEvent", *, redact: bool) -> str:
    import msgspec

    shown = {"event": type(event).__name__, "at": event.at.utc, **_fields(event, redact=redact)}
    return msgspec.json.encode(shown).decode()


def _text(event: "DeviceEvent", *, redact: bool) -> str:
    fields = _fields(event, redact=redact).items()
    pairs = (f"{name}={value!r}" if type(value) is str else f"{name}={value}" for name, value in fields)
    when = event.at.utc.isoformat(sep=" ", timespec="milliseconds")
    return f"{when}  {type(event).__name__}  {' '.join(pairs)}".rstrip()
