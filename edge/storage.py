"""The gateway's stores: opened before the doors are served, and tried again while they cannot be.

A store that cannot be opened is said in one line; decisions go on by the degrade policy, what happens waits
in memory (SAFETY.md R6). A store that fails once it was open ends the process (R1).
"""

import asyncio
from collections.abc import Callable
from zoneinfo import ZoneInfo

from cardea.contract.policy import Policy
from cardea.contract.topics import Leaf
from cardea.runtime.backoff import Backoff
from cardea.runtime.bus import Message
from cardea.runtime.disk import StoreFailed, StoreFull
from cardea.runtime.logs import get_logger
from edge.audit import Audit
from edge.configuration.settings import Gateway
from edge.downlink import Downlink, Hands
from edge.hosting import Host
from edge.notes import Notes
from edge.outbox import Outbox
from edge.portal.credentials import CredentialDesk
from edge.recorder import Recorder
from edge.telemetry import Telemetry
from edge.uplink import Uplink
from edge.vault import Vault, VaultUnusable

RETRY_S_MAX = 30.0
REFRESH_S = 5.0
"""How often the vault looks whether another process has put people into it."""
_LOG = get_logger("storage")

MakeHands = Callable[[Audit, Uplink], Hands]
"""What the downlink has done by others, once audit and uplink are there."""


class Stores:
    """Notes, outbox with what hangs on it, and vault."""

    def __init__(
        self, host: Host, gateway: Gateway, first: Policy, recorder: Recorder, telemetry: Telemetry
    ) -> None:
        self._host = host
        self._gateway = gateway
        self._first = first
        self._recorder = recorder
        self._telemetry = telemetry
        self.notes = Notes(host.clock)
        self.desk = CredentialDesk(None, host.pass_keys, host.code_root)
        self.outbox: Outbox | None = None
        self.audit: Audit | None = None
        self.uplink: Uplink | None = None
        self.downlink: Downlink | None = None

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self._first if self.downlink is None else self.downlink.policy

    async def open_notes(self) -> None:
        """What was noted before the last stop; without it the contacts alone tell of fire and lockdown."""
        try:
            await self.notes.attach(self._host.disk)
        except StoreFailed as error:
            _LOG.error("notes_unusable", reason=str(error))

    async def open_outbox(self, make_hands: MakeHands) -> bool:
        """Open the outbox and attach everything that needs it; False when it cannot be opened."""
        host = self._host
        try:
            outbox = await Outbox.open(host.disk, host.clock, host.entropy)
        except (StoreFailed, StoreFull) as error:
            _LOG.error("outbox_unusable", reason=str(error))
            return False
        audit = Audit(outbox, host.clock, host.entropy)
        uplink = Uplink(
            self._gateway.id,
            outbox,
            host.clock,
            host.entropy,
            version=host.version,
            policy_version=lambda: self.policy.version,
            receive=self._receive,
        )
        hands = make_hands(audit, uplink)
        try:
            downlink = await Downlink.open(
                host.disk, outbox, host.clock, host.entropy, host.order_keys, self._first, hands
            )
        except (StoreFailed, StoreFull) as error:
            _LOG.error("downlink_unusable", reason=str(error))
            await outbox.close()
            return False
        self.outbox, self.audit, self.uplink, self.downlink = outbox, audit, uplink, downlink
        self._recorder.attach(outbox)
        self._telemetry.attach(outbox)
        return True

    def _receive(self, leaf: Leaf, message: Message) -> None:
        if self.downlink is not None:
            self.downlink.receive(leaf, message)

    async def open_vault(self) -> bool:
        """Open the vault; False when it cannot be: then nobody is known."""
        host, gateway = self._host, self._gateway
        try:
            self.desk.vault = await Vault.open(
                host.disk,
                host.vault_keys,
                host.clock,
                host.entropy,
                domain=gateway.linkage_domain,
                zone=ZoneInfo(gateway.time_zone),
                linkage_key=host.linkage_key,
            )
        except (VaultUnusable, StoreFailed, StoreFull) as error:
            _LOG.error("vault_unusable", reason=str(error))
            return False
        _LOG.info("vault_open", people=self.desk.vault.people)
        return True

    async def run(self, make_hands: MakeHands) -> None:
        """Keep the stores working until cancelled; raises StoreFailed (in a group) when a disk fails."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._recorder.run(), name="recorder")
            group.create_task(self.notes.run(), name="notes")
            group.create_task(self._telemetry.run(), name="telemetry")
            group.create_task(self._keep_vault(), name="vault")
            group.create_task(self._keep_outbox(make_hands, group), name="outbox")

    async def close(self) -> None:
        """Close what is open, the outbox last."""
        for store in (self.desk.vault, self.downlink, self.notes, self.outbox):
            if store is None:
                continue
            try:
                await store.close()
            except (StoreFailed, StoreFull) as error:
                _LOG.error("store_not_closed", store=type(store).__name__, reason=str(error))

    async def _keep_outbox(self, make_hands: MakeHands, group: asyncio.TaskGroup) -> None:
        backoff = Backoff(self._host.clock, self._host.entropy, s_max=RETRY_S_MAX)
        while self.outbox is None:
            await backoff.wait()
            await self.open_outbox(make_hands)
        assert self.downlink is not None
        assert self.uplink is not None
        assert self.audit is not None
        started = {"version": self._host.version, "policy_version": str(self.policy.version)}
        group.create_task(self.audit.note("gateway_started", "gateway", started), name="audit start")
        group.create_task(self.outbox.run(), name="outbox watch")
        group.create_task(self.downlink.run(), name="downlink")
        group.create_task(self.uplink.run(self._host.bus), name="uplink")

    async def _keep_vault(self) -> None:
        backoff = Backoff(self._host.clock, self._host.entropy, s_max=RETRY_S_MAX)
        while self.desk.vault is None:
            await backoff.wait()
            await self.open_vault()
        while True:
            await self._host.clock.sleep(REFRESH_S)
            try:
                if await self.desk.vault.refresh():
                    _LOG.info("people_changed", people=self.desk.vault.people)
            except StoreFull:
                continue
