"""The ledger's schema (SQLAlchemy Core), the same for SQLite and PostgreSQL.

A row that came over the wire is unique by (gateway, epoch, seq) within its lane and by (gateway, id);
``n`` is the order of arrival and pages the lists. Moments are UTC microseconds (:mod:`cloud.ledger.types`).
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from cloud.ledger.types import Json, Moment, Serial

METADATA = MetaData()

schema_version = Table(
    "schema_version",
    METADATA,
    Column("version", Integer, primary_key=True),
    Column("at", Moment, nullable=False),
)

# --- Who and where: declared by cloud.toml at every start ---------------------------------------

organisations = Table(
    "organisations",
    METADATA,
    Column("id", String(63), primary_key=True),
    Column("name", Text, nullable=False),
    Column("kind", String(16), nullable=False),  # cloud.settings.OrganisationKind
)

sites = Table(
    "sites",
    METADATA,
    Column("id", String(63), primary_key=True),
    Column("name", Text, nullable=False),
    Column("kind", String(16), nullable=False),  # cloud.settings.SiteKind
    Column("organisation", String(63), ForeignKey("organisations.id"), nullable=False, index=True),
    Column("district", String(63), ForeignKey("organisations.id"), nullable=True, index=True),
)

gateways = Table(
    "gateways",
    METADATA,
    Column("id", String(63), primary_key=True),
    Column("name", Text, nullable=False),
    Column("site", String(63), ForeignKey("sites.id"), nullable=False, index=True),
)

portals = Table(
    "portals",
    METADATA,
    Column("gateway", String(63), ForeignKey("gateways.id"), nullable=False),
    Column("portal", String(63), nullable=False),
    Column("name", Text, nullable=False),
    PrimaryKeyConstraint("gateway", "portal"),
)

# --- What makes rows exactly-once ---------------------------------------------------------------

epochs = Table(
    "epochs",
    METADATA,
    Column("gateway", String(63), ForeignKey("gateways.id"), nullable=False),
    Column("epoch", String(64), nullable=False),
    Column("number", Integer, nullable=False),  # orders a gateway's epochs
    Column("standing", String(16), nullable=False),  # cloud.ingest.epochs.Standing
    Column("first_heard_at", Moment, nullable=False),
    Column("last_heard_at", Moment, nullable=False),
    PrimaryKeyConstraint("gateway", "epoch"),
)

stored_ranges = Table(
    "stored_ranges",
    METADATA,
    Column("gateway", String(63), nullable=False),
    Column("lane", String(16), nullable=False),
    Column("epoch", String(64), nullable=False),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    PrimaryKeyConstraint("gateway", "lane", "epoch", "first"),
)

# --- Rows of the record lane --------------------------------------------------------------------


def _row_columns() -> tuple[Column[Any], ...]:
    """What every row of a lane has."""
    return (
        Column("n", Serial, primary_key=True),
        Column("gateway", String(63), ForeignKey("gateways.id"), nullable=False),
        Column("epoch", String(64), nullable=False),
        Column("seq", BigInteger, nullable=False),
        Column("id", String(64), nullable=False),
        Column("at", Moment, nullable=False),
        Column("clock", String(16), nullable=False),
        Column("received_at", Moment, nullable=False),
    )


decisions = Table(
    "decisions",
    METADATA,
    *_row_columns(),
    Column("portal", Text, nullable=False),
    Column("side", String(16), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("reason", String(32), nullable=False),  # the first of the reasons, for filters and counts
    Column("reasons", Json, nullable=False),
    Column("policy_version", BigInteger, nullable=False),
    Column("mode", String(16), nullable=False),
    Column("authority", String(16), nullable=False),
    Column("device", Text, nullable=False),
    Column("subject_domain", Text),
    Column("subject_key_id", Text),
    Column("subject_value", Text),
    Column("credential", String(16)),
    Column("screening", String(16), nullable=False),
    Column("surface_temp_c", Float),
    Column("input_age_s", Json, nullable=False),
    Column("effects", Json, nullable=False),
    Column("screening_terms", Json),
    Column("not_screened", String(32)),
    UniqueConstraint("gateway", "epoch", "seq"),
    UniqueConstraint("gateway", "id"),
    Index("decisions_by_time", "at", "n"),
    Index("decisions_by_portal", "gateway", "portal", "at"),
)

passages = Table(
    "passages",
    METADATA,
    *_row_columns(),
    Column("portal", Text, nullable=False),
    Column("side", String(16), nullable=False),
    Column("device", Text, nullable=False),
    Column("decision", Text),
    Column("backfilled", Boolean, nullable=False),
    UniqueConstraint("gateway", "epoch", "seq"),
    UniqueConstraint("gateway", "id"),
    Index("passages_by_time", "at", "n"),
    Index("passages_by_decision", "gateway", "decision"),
)

device_events = Table(
    "device_events",
    METADATA,
    *_row_columns(),
    Column("device", Text, nullable=False),
    Column("driver", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("portal", Text),
    Column("firmware", Text),
    Column("clock_skew_s", Float),
    Column("rejects", BigInteger, nullable=False),
    UniqueConstraint("gateway", "epoch", "seq"),
    UniqueConstraint("gateway", "id"),
    Index("device_events_by_device", "gateway", "device", "n"),
)

devices = Table(
    "devices",
    METADATA,
    Column("gateway", String(63), ForeignKey("gateways.id"), nullable=False),
    Column("device", Text, nullable=False),
    Column("driver", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("portal", Text),
    Column("firmware", Text),
    Column("clock_skew_s", Float),
    Column("rejects", BigInteger, nullable=False),
    Column("at", Moment, nullable=False),
    Column("epoch_number", Integer, nullable=False),
    Column("seq", BigInteger, nullable=False),
    PrimaryKeyConstraint("gateway", "device"),
)
"""The newest of ``device_events`` by (epoch, seq), never by clock."""


def _zone_columns() -> tuple[Column[Any], ...]:
    """What a zone's record says."""
    return (
        Column("zone", Text, nullable=False),
        Column("title", Text, nullable=False),
        Column("state", String(16), nullable=False),  # cardea.contract.zones
        Column("hazard", String(16), nullable=False),
        Column("monitor_only", Boolean, nullable=False),
        Column("two_people", Boolean, nullable=False),
        Column("since", Moment, nullable=False),
        Column("unit", Text, nullable=False),
        Column("permissives", Json, nullable=False),
        Column("portals", Json, nullable=False),
        Column("cycle", Text),
        Column("stopped", String(32)),
        Column("last", Json),
    )


zone_events = Table(
    "zone_events",
    METADATA,
    *_row_columns(),
    *_zone_columns(),
    UniqueConstraint("gateway", "epoch", "seq"),
    UniqueConstraint("gateway", "id"),
    Index("zone_events_by_zone", "gateway", "zone", "at", "n"),
    Index("zone_events_by_cycle", "gateway", "cycle"),
)

zones = Table(
    "zones",
    METADATA,
    Column("gateway", String(63), ForeignKey("gateways.id"), nullable=False),
    *_zone_columns(),
    Column("at", Moment, nullable=False),
    Column("epoch_number", Integer, nullable=False),
    Column("seq", BigInteger, nullable=False),
    PrimaryKeyConstraint("gateway", "zone"),
)
"""The newest of ``zone_events`` by (epoch, seq), never by clock."""

audit_links = Table(
    "audit_links",
    METADATA,
    *_row_columns(),
    Column("position", BigInteger, nullable=False),
    Column("event", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("detail", Json, nullable=False),
    Column("prev", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    UniqueConstraint("gateway", "epoch", "seq"),
    UniqueConstraint("gateway", "id"),
    Index("audit_links_by_position", "gateway", "epoch", "position"),
)

gaps = Table(
    "gaps",
    METADATA,
    *_row_columns(),
    Column("lane", Text, nullable=False),
    Column("gap_epoch", Text, nullable=False),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    UniqueConstraint("gateway", "epoch", "seq"),
    UniqueConstraint("gateway", "id"),
)

receipts = Table(
    "receipts",
    METADATA,
    *_row_columns(),
    Column("order_id", Text, nullable=False, index=True),
    Column("result", Text, nullable=False),
    Column("refusal", Text),
    UniqueConstraint("gateway", "epoch", "seq"),
    UniqueConstraint("gateway", "id"),
)

quarantine = Table(
    "quarantine",
    METADATA,
    Column("n", Serial, primary_key=True),
    Column("gateway", String(63), nullable=False, index=True),
    Column("lane", String(32), nullable=False),  # or the topic's leaf, for a message that names no rows
    Column("epoch", String(64), nullable=False),  # empty when it names no rows
    Column("seq", BigInteger, nullable=False),  # the checksum of the message when it names no rows
    Column("reason", Text, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("received_at", Moment, nullable=False),
    UniqueConstraint("gateway", "lane", "epoch", "seq"),
)
"""What could not be decoded or stored: kept raw, counted, acknowledged."""

presence = Table(
    "presence",
    METADATA,
    Column("gateway", String(63), ForeignKey("gateways.id"), primary_key=True),
    Column("online", Boolean, nullable=False),
    Column("epoch", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("policy_version", BigInteger, nullable=False),
    Column("pending", Json, nullable=False),
    Column("said_at", Moment, nullable=False),  # by the gateway's own clock
    Column("heard_at", Moment, nullable=False),  # by ours
)

# --- Alerts -------------------------------------------------------------------------------------

alerts = Table(
    "alerts",
    METADATA,
    Column("id", Serial, primary_key=True),
    Column("gateway", String(63), ForeignKey("gateways.id"), nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("alert", String(32), nullable=False),
    Column("severity", String(16), nullable=False),
    Column("portal", Text),
    Column("device", Text),
    Column("decision", Text),
    Column("detail", Json, nullable=False),
    Column("raised_at", Moment, nullable=False),
    Column("last_at", Moment, nullable=False),
    Column("times", BigInteger, nullable=False),
    Column("cleared_at", Moment),
    Column("cleared_evidence", Text),
    Column("acknowledged_at", Moment),
    Column("acknowledged_by", Text),
    Column("order_lane", String(16)),  # place of the newest evidence: later rows may arrive first
    Column("order_epoch", Integer),
    Column("order_seq", BigInteger),
    UniqueConstraint("gateway", "fingerprint"),
    Index("alerts_by_time", "last_at", "id"),
)

alert_events = Table(
    "alert_events",
    METADATA,
    Column("n", Serial, primary_key=True),
    Column("gateway", String(63), ForeignKey("gateways.id"), nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("change", String(16), nullable=False),  # cloud.ledger.alert_life.Change
    Column("at", Moment, nullable=False),
    Column("who", Text, nullable=False),  # gateway:<id>, rule:<name> or a login
    Column("note", Text, nullable=False),
    Column("severity", String(16)),
    Column("received_at", Moment, nullable=False),
    Column("lane", String(16)),  # the row that said so; null for what people did
    Column("epoch", String(64)),
    Column("epoch_number", Integer),
    Column("seq", BigInteger),
    UniqueConstraint("gateway", "lane", "epoch", "seq", "fingerprint"),
    Index("alert_events_by_alert", "gateway", "fingerprint", "n"),
)

# --- Intent that went down ----------------------------------------------------------------------

orders = Table(
    "orders",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("gateway", String(63), ForeignKey("gateways.id"), nullable=False, index=True),
    Column("action", Json, nullable=False),
    Column("issued_at", Moment, nullable=False),
    Column("deadline_at", Moment, nullable=False),
    Column("by", Text, nullable=False),
)

desired = Table(
    "desired",
    METADATA,
    Column("gateway", String(63), ForeignKey("gateways.id"), nullable=False),
    Column("leaf", String(32), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("envelope", LargeBinary, nullable=False),
    Column("at", Moment, nullable=False),
    Column("by", Text, nullable=False),
    PrimaryKeyConstraint("gateway", "leaf"),
)

# --- Accounts -----------------------------------------------------------------------------------

users = Table(
    "users",
    METADATA,
    Column("id", Serial, primary_key=True),
    Column("login", String(128), nullable=False, unique=True),
    Column("organisation", String(63), ForeignKey("organisations.id"), nullable=False),
    Column("role", String(16), nullable=False),  # cloud.ledger.scope.Role
    Column("password_hash", Text, nullable=False),  # argon2id, PHC string
    Column("language", String(16)),
    Column("created_at", Moment, nullable=False),
    Column("disabled_at", Moment),
)

sessions = Table(
    "sessions",
    METADATA,
    Column("token_hash", String(64), primary_key=True),  # SHA-256 of the cookie's value
    Column("user", Serial, ForeignKey("users.id"), nullable=False, index=True),
    Column("created_at", Moment, nullable=False),
    Column("seen_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
)
