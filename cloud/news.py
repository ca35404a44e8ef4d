"""From a committed group to feed events, with the names that people see. Pure."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from cardea.contract.records import DecisionRecord, DeviceRecord, PassageRecord
from cardea.contract.zones import ZoneRecord
from cloud.feed import (
    AlertChanged,
    DeviceChanged,
    EntryDecided,
    EpochFenced,
    FeedEvent,
    OrderAnswered,
    PassageSeen,
    PresenceChanged,
    ZoneChanged,
)
from cloud.ingest.group import Group
from cloud.ingest.rows import Row
from cloud.ledger.views import Entry, Passage
from cloud.ledger.writer import Committed
from cloud.settings import CloudSettings


@dataclass(frozen=True, slots=True)
class Place:
    """Where something happened, as people call it."""

    site: str
    site_name: str
    portal_name: str


def news(
    settings: CloudSettings, group: Group, committed: Committed, received_at: dt.datetime
) -> Iterator[FeedEvent]:
    """What a committed group tells listeners. Rows that went to quarantine are no news."""
    refused = {(p.gateway, p.channel, p.epoch, p.seq) for p in committed.poison}
    for row in group.rows:
        if (row.gateway, row.lane, row.epoch, row.seq) not in refused:
            event = _of_row(settings, row, received_at)
            if event is not None:
                yield event
    for gateway, heard in group.presences.items():
        yield PresenceChanged(settings.gateways[gateway].site, heard.presence)
    for gateway, receipt in group.receipts:
        yield OrderAnswered(settings.gateways[gateway].site, gateway, receipt)
    for gateway, epoch in group.fenced:
        yield EpochFenced(settings.gateways[gateway].site, gateway, epoch)
    for alert in committed.alerts:
        yield AlertChanged(alert)


def _of_row(settings: CloudSettings, row: Row, received_at: dt.datetime) -> FeedEvent | None:
    body = row.body
    if isinstance(body, DecisionRecord):
        return EntryDecided(
            _entry(_place(settings, row.gateway, body.portal), row.gateway, body, received_at)
        )
    if isinstance(body, PassageRecord):
        place = _place(settings, row.gateway, body.portal)
        return PassageSeen(_passage(place, row.gateway, body, received_at))
    if isinstance(body, DeviceRecord):
        return DeviceChanged(settings.gateways[row.gateway].site, row.gateway, body)
    if isinstance(body, ZoneRecord):
        return ZoneChanged(settings.gateways[row.gateway].site, row.gateway, body)
    return None


def _place(settings: CloudSettings, gateway: str, portal: str) -> Place:
    declared = settings.gateways[gateway]
    return Place(declared.site, settings.sites[declared.site].name, declared.portals.get(portal, portal))


def _entry(place: Place, gateway: str, r: DecisionRecord, received_at: dt.datetime) -> Entry:
    return Entry(
        id=r.id,
        site=place.site,
        site_name=place.site_name,
        gateway=gateway,
        portal=r.portal,
        portal_name=place.portal_name,
        at=r.at.utc,
        clock=r.at.quality,
        received_at=received_at,
        side=r.side,
        outcome=r.outcome,
        reasons=r.reasons,
        policy_version=r.policy_version,
        mode=r.mode,
        authority=r.authority,
        device=r.device,
        subject=r.subject,
        credential=r.credential,
        screening=r.screening,
        surface_temp_c=r.surface_temp_c,
        input_age_s=r.input_age_s,
        effects=r.effects,
        passed_at=None,
        screening_terms=r.screening_terms,
        not_screened=r.not_screened,
    )


def _passage(place: Place, gateway: str, r: PassageRecord, received_at: dt.datetime) -> Passage:
    return Passage(
        id=r.id,
        site=place.site,
        gateway=gateway,
        portal=r.portal,
        portal_name=place.portal_name,
        at=r.at.utc,
        clock=r.at.quality,
        received_at=received_at,
        side=r.side,
        device=r.device,
        decision=r.decision,
        backfilled=r.backfilled,
    )
