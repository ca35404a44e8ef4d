"""Organisations, sites, gateways and portals as cloud.toml declares them, brought into the ledger."""

from sqlalchemy import Connection

from cloud.ledger import tables as t
from cloud.ledger.dialect import insert_or_set
from cloud.settings import CloudSettings


def declare(connection: Connection, settings: CloudSettings) -> None:
    """Add or rename what the settings say. What they no longer name stays: its history does."""
    rows = {
        t.organisations: [
            {"id": key, "name": o.name, "kind": o.kind} for key, o in settings.organisations.items()
        ],
        t.sites: [
            {
                "id": key,
                "name": s.name,
                "kind": s.kind,
                "organisation": s.organisation,
                "district": s.district,
            }
            for key, s in settings.sites.items()
        ],
        t.gateways: [
            {"id": key, "name": g.name or key, "site": g.site} for key, g in settings.gateways.items()
        ],
        t.portals: [
            {"gateway": key, "portal": portal, "name": name}
            for key, g in settings.gateways.items()
            for portal, name in g.portals.items()
        ],
    }
    for table, values in rows.items():
        if values:
            connection.execute(insert_or_set(connection.dialect.name, table), values)
