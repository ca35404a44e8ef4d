"""The gateway: everything put together under one roof, started and ended in order."""

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from cardea.contract.orders import ShowFaces
from cardea.contract.reasons import RefusalReason
from cardea.contract.records import DeviceState
from cardea.contract.topics import Leaf
from cardea.runtime.i18n import translator
from cardea.runtime.logs import get_logger
from drivers.api import (
    Accepted,
    DeviceContext,
    DeviceEvent,
    Driver,
    FaceSeen,
    Link,
    Refused,
    SpotMeasured,
    ThermalFrameCaptured,
)
from edge.alerts import Alerts
from edge.audit import Audit
from edge.configuration.loading import Configuration
from edge.configuration.topology import thresholds
from edge.decide.decision import LogDrill
from edge.device_facts import DeviceFact
from edge.device_log import DeviceLog
from edge.downlink import Hands
from edge.faces.side import FaceNeeds, FaceSide
from edge.health import RULES, Health, StatusFile, online
from edge.hosting import Host
from edge.orders import Orders, Outcome
from edge.picture import Parts, picture_of
from edge.place import DeviceCursor
from edge.portal.means import Means
from edge.portal.portal import PortalTask
from edge.recorder import Recorder
from edge.router import Router
from edge.storage import Stores
from edge.supervisor import Supervisor, Surroundings
from edge.telemetry import Telemetry
from edge.thermal.advice import Advised, Compliances
from edge.thermal.compensation import Compensation
from edge.uplink import Uplink
from edge.zone.settings import Zone
from edge.zone.site_socket import SiteSocket
from edge.zone.zone import ZoneTask

if TYPE_CHECKING:
    from edge.thermal.side import ThermalSide

OPEN_S_MAX = 10.0
"""Doors are served after this time in any case, with or without a store."""
DRAIN_S_MAX = 3.0
_LOG = get_logger("gateway")


class Gateway:
    """One gateway in one process."""

    def __init__(self, configuration: Configuration, host: Host) -> None:
        self._configuration = configuration
        self._host = host
        settings = configuration.settings
        self._name = settings.gateway.id
        self._notes_under_way: set[asyncio.Task[object]] = set()
        self._portals: dict[str, PortalTask] = {}
        self._zones: dict[str, ZoneTask] = {}
        self._recorder = Recorder(host.clock, host.entropy)
        self._telemetry = Telemetry(host.clock, RULES)
        self._stores = Stores(host, settings.gateway, configuration.policy, self._recorder, self._telemetry)
        self._orders = Orders(settings, self._stores.desk, self._portals, self._zones, self._show_faces)
        self.started = asyncio.Event()
        """Set once doors are served."""

    async def run(self) -> None:
        """Serve until cancelled; then devices first, records after, stores last.

        Raises:
            ExceptionGroup: holding StoreFailed when the disk failed: the process must end.
        """
        try:
            await self._open()
            async with asyncio.TaskGroup() as stores:
                stores.create_task(self._stores.run(self._hands), name="stores")
                try:
                    await self._serve()
                finally:
                    await self._recorder.drain(DRAIN_S_MAX)
        finally:
            await self._stores.close()
            _LOG.info("gateway_stopped", gateway=self._name)

    async def _open(self) -> None:
        """Whatever opens in time is there before the first decision; the rest is tried again beside."""
        for opening in (
            self._stores.open_notes,
            lambda: self._stores.open_outbox(self._hands),
            self._stores.open_vault,
        ):
            try:
                async with asyncio.timeout(OPEN_S_MAX):
                    await opening()
            except TimeoutError:
                _LOG.error("store_slow_to_open", waited_s=OPEN_S_MAX)

    async def _serve(self) -> None:
        host, settings = self._host, self._configuration.settings
        alerts = Alerts(self._name, host.clock, host.entropy, self._recorder, self._stores.notes)
        fitted = self._configuration.devices
        log = DeviceLog(
            host.clock,
            host.entropy,
            self._recorder,
            alerts,
            {name: device.device.driver for name, device in fitted.items()},
            settings.portals,
        )
        links = {name: host.open_link(name, link, host.clock) for name, link in settings.links.items()}
        supervisor = Supervisor(fitted, links, self._around(log.tell, links))
        report, policy = self._report, lambda: self._stores.policy
        needs = FaceNeeds(
            alerts=alerts,
            policy=policy,
            report=report,
            seen=self._faces_seen,
            mask_awaited=self._mask_awaited,
        )
        self._faces = FaceSide(settings, host, needs)
        means = Means(
            gateway=self._name,
            clock=host.clock,
            entropy=host.entropy,
            recorder=self._recorder,
            alerts=alerts,
            notes=self._stores.notes,
            desk=self._stores.desk,
            policy=policy,
            submit=supervisor.submit,
            translator=translator(settings.gateway.language),
            drivers={name: device.driver for name, device in fitted.items()},
            state_of=lambda device: _state_of(supervisor, device),
            drilled=self._drilled,
            zone_seen=lambda zone: self._zones[zone].seen(),
            opinions=self._faces.opinions,
            why_no_mask=self._faces.why_no_mask,
        )
        self._portals |= {name: PortalTask(name, portal, means) for name, portal in settings.portals.items()}
        self._zones |= {name: self._zone(name, zone, means) for name, zone in settings.zones.items()}
        thermometers, names = settings.thermometers, {name: one.device.driver for name, one in fitted.items()}
        self._compliances = Compliances(thermometers, names, host.clock)
        advised = {name: Advised(task, self._compliances) for name, task in self._portals.items()}
        self._thermal = self._thermal_side(means.drivers, advised, alerts)
        self._router = Router(
            settings.portals,
            self._portals,
            report,
            self._faces.take,
            self._measure,
            tuple(self._zones.values()),
            Compensation(alerts).seen,
        )
        log.news = self._router.device_changed
        self._supervisor = supervisor
        health = Health(
            self._name,
            host.clock,
            self._recorder,
            alerts,
            self._telemetry,
            self._numbers,
            thresholds(settings.portals),
        )
        async with asyncio.TaskGroup() as live:
            for name, portal in self._portals.items():
                live.create_task(portal.run(), name=f"portal {name}")
            for name, zone in self._zones.items():
                live.create_task(zone.run(), name=f"zone {name}")
            if host.site_socket is not None and self._zones:
                site = SiteSocket(host.site_socket, self._zones)
                live.create_task(site.run(), name="site socket")
            live.create_task(supervisor.run(), name="supervisor")
            live.create_task(health.run(), name="health")
            live.create_task(self._faces.run(), name="faces")
            if self._thermal is not None:
                live.create_task(self._thermal.run(), name="thermal side")
            if host.status_file is not None:
                status = StatusFile(host.status_file, host.clock, self.picture)
                live.create_task(status.run(), name="status")
            self.started.set()
            _LOG.info(
                "gateway_started",
                gateway=self._name,
                devices=len(fitted),
                portals=len(self._portals),
                policy_version=self._stores.policy.version,
            )

    def _thermal_side(
        self, drivers: Mapping[str, Driver[Any]], tasks: Mapping[str, Advised], alerts: Alerts
    ) -> "ThermalSide | None":
        """Its checks bring OpenCV, so it is loaded only where a device gives frames or spots."""
        if not any({ThermalFrameCaptured, SpotMeasured} & set(driver.events) for driver in drivers.values()):
            return None
        from edge.thermal.side import Around, ThermalSide

        settings = self._configuration.settings
        around = Around(
            clock=self._host.clock,
            zone=ZoneInfo(settings.gateway.time_zone),
            alerts=alerts,
            report=self._report,
            publish=self._publish,
            note=self._note,
        )
        return ThermalSide(drivers, settings.thermometers, settings.scenes, settings.portals, tasks, around)

    def _around(self, tell: Callable[[DeviceFact], None], links: Mapping[str, Link]) -> Surroundings:
        host, notes = self._host, self._stores.notes

        def context(name: str) -> DeviceContext:
            device = self._configuration.devices[name].device
            return DeviceContext(
                device=name,
                clock=host.clock,
                entropy=host.entropy,
                secrets=host.secrets,
                link=None if device.link is None else links[device.link],
                cursor=DeviceCursor(notes, name),
                capture=host.capture(name, device.driver) if device.capture else None,
            )

        return Surroundings(
            clock=host.clock,
            entropy=host.entropy,
            notes=notes,
            take=self._take,
            tell=tell,
            context=context,
        )

    async def _take(self, device: str, event: DeviceEvent) -> Accepted | Refused:
        return await self._router.take(device, event)

    def _measure(self, device: str, event: ThermalFrameCaptured | SpotMeasured) -> None:
        if self._thermal is not None:
            self._thermal.take(device, event)

    async def _faces_seen(self, camera: str, event: FaceSeen) -> Accepted | Refused:
        if self._thermal is not None:
            self._thermal.faces_seen(camera, event)
        return await self._take(camera, event)

    def _mask_awaited(self, camera: str) -> bool:
        return any(portal.awaits_mask(camera) for portal in self._portals.values())

    def _report(self, series: str, value: float) -> None:
        """A number: into the telemetry, and to the positions whose room it measures."""
        self._compliances.note(series, value)
        self._telemetry.report(series, value)

    async def _publish(self, leaf: Leaf, payload: bytes) -> bool:
        """A picture: to whoever looks now, and to nobody later."""
        uplink = self._stores.uplink
        return uplink is not None and await uplink.tell(leaf, payload)

    def _drilled(self, portal: str, drill: LogDrill) -> None:
        """Into the log at once, and into the audit chain when there is one (SAFETY.md L11)."""
        proven = "leaf opened" if drill.opened else "not proven"
        _LOG.info("release_drill", portal=portal, proven=proven, after_s=round(drill.after_s, 2))
        detail = {"portal": portal, "proven": proven, "after_s": f"{drill.after_s:.2f}"}
        note = asyncio.get_running_loop().create_task(self._note("release_drill", "portal", detail))
        self._notes_under_way.add(note)
        note.add_done_callback(self._notes_under_way.discard)

    def _zone(self, name: str, zone: Zone, means: Means) -> ZoneTask:
        portals = self._configuration.settings.portals
        behind = tuple(each for each, portal in portals.items() if portal.zone == name)
        return ZoneTask(name, zone, behind, means, self._note, lambda portal: self._portals[portal].inside())

    async def _note(self, event: str, actor: str, detail: dict[str, str]) -> object | None:
        """Into the audit chain; ``None`` while there is none, or it cannot be written."""
        audit = self._stores.audit
        return None if audit is None else await audit.note(event, actor, detail)

    # --- what comes down ----------------------------------------------------------------------------

    def _hands(self, audit: Audit, uplink: Uplink) -> Hands:
        return Hands(
            execute=self._orders.execute,
            apply=self._orders.apply,
            faults=self._orders.faults,
            note=audit.note,
            publish=uplink.publish,
        )

    async def _show_faces(self, order: str, action: ShowFaces) -> Outcome:
        if self._thermal is None:
            return RefusalReason.UNKNOWN_DEVICE
        return await self._thermal.show_faces(order, action)

    # --- what is told of it -------------------------------------------------------------------------

    def _numbers(self) -> Mapping[str, float]:
        outbox = self._stores.outbox
        rows = 0 if outbox is None else sum(outbox.pending.values())
        states = {name: session.state for name, session in self._supervisor.sessions.items()}
        return {"outbox_rows": float(rows), "devices_online": float(online(states))}

    def picture(self) -> Mapping[str, Any]:
        """The whole gateway for ``cardea edge status``."""
        return picture_of(
            Parts(
                gateway=self._name,
                host=self._host,
                stores=self._stores,
                recorder=self._recorder,
                supervisor=self._supervisor,
                faces=self._faces,
                thermal=self._thermal,
                positions=self._compliances,
                portals=self._portals,
                zones=self._zones,
            )
        )


def _state_of(supervisor: Supervisor, device: str) -> DeviceState | None:
    session = supervisor.sessions.get(device)
    return None if session is None else session.state
