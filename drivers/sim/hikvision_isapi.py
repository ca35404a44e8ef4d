"""The simulated terminal's ISAPI: one function an endpoint, a table of paths."""

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast
from xml.etree.ElementTree import Element, ParseError

import msgspec
from defusedxml import ElementTree

from drivers.sim import hikvision_payloads as payloads
from drivers.sim.digest import Proof
from drivers.sim.hikvision_push import Host
from drivers.sim.web import Answer, Asked

if TYPE_CHECKING:
    from drivers.sim.hikvision import HikvisionTerminal

ENTRIES_MAX = 30
_DOOR = re.compile(r"/ISAPI/AccessControl/RemoteControl/door/(\d{1,3})")
_OK = Answer(200, payloads.status(1, "OK", "ok"), payloads.JSON)
_BAD = Answer(400, payloads.status(6, "Invalid Content", "badJsonFormat"), payloads.JSON)
_BAD_XML = Answer(400, payloads.status(5, "Invalid XML Format", "badXmlFormat"), payloads.JSON)
_NOT_THERE = Answer(404, payloads.status(4, "Invalid Operation", "notSupport"), payloads.JSON)
_NOBODY_WAITS = Answer(400, payloads.status(6, "Invalid Content", "remoteCheckTimeout"), payloads.JSON)

Endpoint = Callable[[Asked], Answer]


class IsapiServer:
    """Answers one terminal's clients."""

    def __init__(self, terminal: "HikvisionTerminal") -> None:
        self._terminal = terminal
        self.missing: set[str] = set()
        """Paths that this model does not have, or cannot do one method on: ``/path`` or ``/path-GET``."""
        self.knows_first_serial = True
        """Whether the history search heeds ``beginSerialNo``."""
        self._endpoints: Mapping[tuple[str, str], Endpoint] = {
            ("GET", "/ISAPI/System/deviceInfo"): self._device_info,
            ("GET", "/ISAPI/System/time"): self._time,
            ("GET", "/ISAPI/AccessControl/capabilities"): self._capabilities,
            ("GET", "/ISAPI/AccessControl/AcsCfg"): self._read_config,
            ("PUT", "/ISAPI/AccessControl/AcsCfg"): self._write_config,
            ("GET", "/ISAPI/AccessControl/DeployInfo"): self._deployed,
            ("PUT", "/ISAPI/AccessControl/remoteCheck"): self._remote_check,
            ("POST", "/ISAPI/AccessControl/AcsEvent"): self._history,
            ("GET", "/ISAPI/Event/notification/httpHosts"): self._read_hosts,
            ("PUT", "/ISAPI/Event/notification/httpHosts"): self._write_hosts,
            ("GET", "/ISAPI/Event/notification/alertStream"): self._alert_stream,
        }
        self.config: dict[str, Any] = {
            "remoteCheckDoorEnabled": terminal.remote_check,
            "checkChannelType": "PrivateSDK",
            "remoteCheckTimeout": terminal.verdict_s_max,
            "uploadCapPic": True,
            "saveCapPic": True,
        }

    def serve(self, asked: Asked) -> Answer:
        """Digest first, then the endpoint."""
        digest = self._terminal.digest
        proof = digest.check(asked.method, asked.target, asked.headers.get("authorization", ""))
        if proof is not Proof.GOOD:
            return Answer(401, b"", headers={"WWW-Authenticate": digest.challenge(proof)})
        if self.missing & {asked.path, f"{asked.path}-{asked.method}"}:
            return _NOT_THERE
        if (door := _DOOR.fullmatch(asked.path)) and asked.method == "PUT":
            return self._door(asked, int(door[1]))
        endpoint = self._endpoints.get((asked.method, asked.path))
        return endpoint(asked) if endpoint else _NOT_THERE

    def _device_info(self, _asked: Asked) -> Answer:
        terminal = self._terminal
        said = {
            "deviceName": "Access Controller",
            "model": terminal.model,
            "serialNumber": terminal.serial_number,
            "firmwareVersion": "V3.2.30",
            "deviceType": "ACS",
        }
        return Answer(200, payloads.xml("DeviceInfo", said))

    def _time(self, _asked: Asked) -> Answer:
        said = {"timeMode": "manual", "localTime": self._terminal.time_text(), "timeZone": "CST-8:00:00"}
        return Answer(200, payloads.xml("Time", said))

    def _capabilities(self, _asked: Asked) -> Answer:
        return Answer(200, payloads.xml("AccessControl", {"isSupportRemoteControlDoor": True}))

    def _read_config(self, _asked: Asked) -> Answer:
        return Answer(200, msgspec.json.encode({"AcsCfg": self.config}), payloads.JSON)

    def _write_config(self, asked: Asked) -> Answer:
        changes = _object(asked.body).get("AcsCfg")
        if not isinstance(changes, dict):
            return _BAD
        self.config |= cast("dict[str, Any]", changes)
        self._terminal.remote_check = self.config["remoteCheckDoorEnabled"] is True
        self._terminal.verdict_s_max = float(self.config["remoteCheckTimeout"])
        return _OK

    def _deployed(self, _asked: Asked) -> Answer:
        host = self._terminal.pusher.host
        if host is None or self._terminal.faults.silent:
            return Answer(200, b'<DeployInfo version="2.0"><DeployList size="0"></DeployList></DeployInfo>')
        content = {"Content": {"deployNo": 1, "deployType": 1, "ipAddr": host.address}}
        return Answer(200, payloads.xml("DeployInfo", {"DeployList": content}))

    def _remote_check(self, asked: Asked) -> Answer:
        check = _object(asked.body).get("RemoteCheck")
        match check:
            case {"serialNo": int(serial), "checkResult": "success" | "failed"}:
                said = cast("dict[str, object]", check)
                granted, info = said["checkResult"] == "success", str(said.get("info", ""))
                known = self._terminal.answer(serial, granted=granted, info=info)
                return _OK if known else _NOBODY_WAITS
            case _:
                return _BAD

    def _door(self, asked: Asked, door: int) -> Answer:
        root = _root(asked.body)
        order = "" if root is None else _field(root, "cmd")
        return _OK if self._terminal.command_door(door, order) else _BAD_XML

    def _history(self, asked: Asked) -> Answer:
        match _object(asked.body).get("AcsEventCond"):
            case {
                "searchID": str(search_id),
                "searchResultPosition": int(position),
                "maxResults": int(most),
                "major": int(major),
                "minor": int(minor),
                "startTime": str(),
                "endTime": str(),
            } as condition:
                said = cast("dict[str, object]", condition)
                first = said.get("beginSerialNo", 0) if self.knows_first_serial else 0
            case _:
                return _BAD
        wanted = [
            entry
            for entry in self._terminal.history
            if major in {0, entry["major"]}
            and minor in {0, entry["minor"]}
            and cast("int", entry["serialNo"]) >= cast("int", first)
        ]
        page = payloads.searched(wanted, position, min(most, ENTRIES_MAX), len(wanted), search_id)
        return Answer(200, msgspec.json.encode(page), payloads.JSON)

    def _read_hosts(self, _asked: Asked) -> Answer:
        host = self._terminal.pusher.host
        said = {"id": 1} if host is None else {"id": 1, "url": host.url, "portNo": host.port}
        return Answer(200, payloads.xml("HttpHostNotificationList", {"HttpHostNotification": said}))

    def _write_hosts(self, asked: Asked) -> Answer:
        root = _root(asked.body)
        said = "" if root is None else _field(root, "portNo")
        if root is None or not said.isdigit():
            return _BAD_XML
        beat_s = float(_field(root, "heartbeat") or 30)
        address = _field(root, "ipAddress") or _field(root, "ipv6Address")
        self._terminal.pusher.host = Host(address, int(said), _field(root, "url"), beat_s)
        self._terminal.push_armed.set()
        return _OK

    def _alert_stream(self, _asked: Asked) -> Answer:
        kind = "multipart/mixed; boundary=MIME_boundary"
        return Answer(200, b"", kind, stream=self._terminal.open_stream)


def _object(body: bytes) -> dict[str, object]:
    try:
        return msgspec.json.decode(body, type=dict[str, object])
    except msgspec.MsgspecError:
        return {}


def _root(body: bytes) -> Element | None:
    try:
        return ElementTree.fromstring(body, forbid_dtd=True)
    except (ParseError, ValueError):
        return None


def _field(root: Element, name: str) -> str:
    found = next((element for element in root.iter() if element.tag.rpartition("}")[2] == name), None)
    return (found.text or "") if found is not None else ""
