"""cloud.toml: whose buildings the aggregator serves, and where broker, ledger and console are."""

import ipaddress
from collections.abc import Collection
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, cast

from pydantic import AfterValidator, ConfigDict, Discriminator, Field, StringConstraints, Tag

from cardea.runtime.config import ConfigInvalid, Problem, RelativePath, Settings, TimeZoneName, load

Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
"""As MQTT topics allow it (``cardea.contract.topics``)."""
Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]

GATEWAYS_MAX = 10_000
PORTALS_MAX = 256


def _loopback(address: str) -> str:
    try:
        loopback = ipaddress.ip_address(address).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise ValueError(
            "must be a loopback address such as 127.0.0.1: nothing is served beyond it without TLS"
        )
    return address


class OrganisationKind(StrEnum):
    """What an organisation is."""

    PROPERTY = "property"
    ENTERPRISE = "enterprise"
    DISTRICT = "district"


class SiteKind(StrEnum):
    """What a site is."""

    WORKPLACE = "workplace"
    RESIDENCE = "residence"
    CHECKPOINT = "checkpoint"


class Cloud(Settings):
    """The aggregator itself."""

    model_config = ConfigDict(validate_default=True)  # so that default folders are beside the file, too

    data_dir: RelativePath = Field(default=Path("data"), description="Folder of the ledger")
    secrets_dir: RelativePath = Field(
        default=Path("secrets"), description="Folder of the files (mode 0600) that settings name as secrets"
    )
    gateway_silent_s: float = Field(
        default=35.0,
        ge=5,
        le=3600,
        description="A gateway not heard of for so long raises gateway_silent; seconds",
    )


class Broker(Settings):
    """The MQTT broker."""

    host: str = Field(min_length=1, max_length=253, description="Host name or address of the broker")
    port: int = Field(default=8883, ge=1, le=65535, description="TLS port of the broker")
    ca_file: RelativePath = Field(description="Certificate of the authority that signed the broker's")
    cert_file: RelativePath = Field(description="The aggregator's certificate")
    key_file: RelativePath = Field(description="Private key of that certificate, mode 0600")


class LedgerSettings(Settings):
    """Where the ledger is."""

    url: str | None = Field(
        default=None,
        pattern=r"^(sqlite:///[^?]+|postgresql(\+\w+)?://.+)$",
        description="SQLAlchemy address; without one, the SQLite file ledger.sqlite in data_dir",
    )
    password_secret: str | None = Field(
        default=None, description="Name of the secret that holds the password"
    )


class _Series(Settings):
    commit_s: float = Field(
        default=0.5,
        ge=0.0,
        le=10.0,
        description="Readings are collected for so long and then stored together; seconds",
    )


class EmbeddedSeries(_Series):
    """Time series in DuckDB files of the aggregator's own: nothing to install, each reading stored once."""

    kind: Literal["embedded"] = Field(default="embedded", description="embedded")
    folder: RelativePath | None = Field(
        default=None, description="Folder of the day files; without one, series in data_dir"
    )
    retention_days: int = Field(
        default=400, ge=1, le=10_000, description="Days with readings that are kept; older ones are removed"
    )
    memory_mb: int = Field(
        default=128, ge=64, le=16_384, description="Memory that DuckDB may take; megabytes"
    )
    threads: int = Field(default=1, ge=1, le=16, description="Threads of one question or commit in DuckDB")


class LineProtocolSeries(_Series):
    """Time series in a store that takes InfluxDB's line protocol at ``/api/v2/write``."""

    kind: Literal["line_protocol"] = Field(description="line_protocol")
    url: str = Field(
        pattern=r"^https?://[^\s]+$", description="Address of the store, e.g. http://127.0.0.1:8428"
    )
    org: str = Field(default="-", min_length=1, max_length=200, description="Organisation; InfluxDB asks")
    bucket: str = Field(default="cardea", min_length=1, max_length=200, description="Bucket or database")
    token_secret: str | None = Field(
        default=None, description="Name of the secret that holds the token; without one, none is sent"
    )
    gzip: bool = Field(default=False, description="Whether to compress what is sent; for a slow network")
    write_s_max: float = Field(
        default=10.0, ge=1.0, le=120.0, description="The store must have answered within; seconds"
    )
    hold_s: float = Field(
        default=10.0,
        ge=0.0,
        le=120.0,
        description="Readings are acknowledged so long after they were written, since a store that dies may "
        "lose its last seconds (VictoriaMetrics: 7); seconds",
    )
    query_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s]+$",
        description="Address of a Prometheus API that answers for the store; without one, no history",
    )


def _kind_of_series(given: object) -> str:
    """Of a table that is not checked yet, or of settings."""
    if isinstance(given, dict):
        return str(cast("dict[str, object]", given).get("kind", "embedded"))
    return str(getattr(given, "kind", "embedded"))


Series = Annotated[
    Annotated[EmbeddedSeries, Tag("embedded")] | Annotated[LineProtocolSeries, Tag("line_protocol")],
    Discriminator(
        _kind_of_series,
        custom_error_type="series_kind",
        custom_error_message="must be 'embedded' or 'line_protocol'",
    ),
]


class Console(Settings):
    """API and console."""

    bind: Annotated[str, AfterValidator(_loopback)] = Field(
        default="127.0.0.1",
        description="Loopback address to listen on; beyond it, put a TLS proxy in front, named in hosts",
    )
    port: int = Field(default=8080, ge=0, le=65535, description="Port to listen on; 0 lets the system choose")
    time_zone: TimeZoneName = Field(
        default="UTC", description="IANA time zone in which people see times and days begin"
    )
    hosts: tuple[str, ...] = Field(
        default=(), max_length=16, description="Further names under which browsers reach the console"
    )
    admin_password_file: RelativePath | None = Field(
        default=None,
        description="Where to keep the first administrator's password, mode 0600; only for demos",
    )


class Clones(Settings):
    """When a second outbox under one gateway's name is a replacement, and when a clone."""

    takeover_s: float = Field(
        default=600.0,
        ge=60,
        le=7 * 86400,
        description="A new epoch takes over by itself once the old has been silent for so long; seconds",
    )


class Keys(Settings):
    """What the aggregator signs with."""

    order_key_file: RelativePath = Field(
        description="Ed25519 private key (PEM, mode 0600) for orders, policies and statuses"
    )


class Organisation(Settings):
    """A property company, an enterprise in a tower, or a district."""

    name: Name = Field(description="Name that people see")
    kind: OrganisationKind = Field(
        default=OrganisationKind.PROPERTY, description="property, enterprise or district"
    )


class Site(Settings):
    """A tower, a residential compound or a checkpoint."""

    name: Name = Field(description="Name that people see")
    kind: SiteKind = Field(default=SiteKind.WORKPLACE, description="workplace, residence or checkpoint")
    organisation: Id = Field(description="The organisation that runs it")
    district: Id | None = Field(default=None, description="The district it lies in; a key of [organisations]")


class Gateway(Settings):
    """The computer of a site."""

    site: Id = Field(description="The site it serves; a key of [sites]")
    name: Name | None = Field(default=None, description="Name that people see; the id by default")
    portals: dict[Id, Name] = Field(
        default_factory=dict[Id, Name], max_length=PORTALS_MAX, description="Names of its portals"
    )


class CloudSettings(Settings):
    """All of cloud.toml."""

    cloud: Cloud
    broker: Broker
    ledger: LedgerSettings = LedgerSettings()
    series: Series = EmbeddedSeries()
    console: Console = Console()
    clones: Clones = Clones()
    keys: Keys
    organisations: dict[Id, Organisation] = Field(min_length=1)
    sites: dict[Id, Site] = Field(min_length=1)
    gateways: dict[Id, Gateway] = Field(max_length=GATEWAYS_MAX)

    @property
    def ledger_url(self) -> str:
        """The SQLAlchemy address, without a password."""
        return self.ledger.url or f"sqlite:///{self.cloud.data_dir / 'ledger.sqlite'}"

    def series_folder(self, series: EmbeddedSeries) -> Path:
        """Where the embedded store's files are."""
        return series.folder or self.cloud.data_dir / "series"


def load_cloud(path: Path) -> CloudSettings:
    """The settings in ``path``.

    Raises:
        ConfigInvalid: all that is wrong, also what one table says of another.
    """
    settings = load(path, CloudSettings)
    problems = [Problem(str(path), *finding) for finding in _dangling(settings)]
    if problems:
        raise ConfigInvalid(problems)
    return settings


def _dangling(settings: CloudSettings) -> list[tuple[str, str, str]]:
    """Names that lead nowhere: key, value, what would be right."""
    districts = [i for i, o in settings.organisations.items() if o.kind is OrganisationKind.DISTRICT]
    found: list[tuple[str, str, str]] = []
    for site_id, site in settings.sites.items():
        if site.organisation not in settings.organisations:
            key = f"sites.{site_id}.organisation"
            found.append((key, repr(site.organisation), _one_of("organisations", settings.organisations)))
        if site.district is not None and site.district not in districts:
            found.append((f"sites.{site_id}.district", repr(site.district), _one_of("districts", districts)))
    for gateway_id, gateway in settings.gateways.items():
        if gateway.site not in settings.sites:
            key = f"gateways.{gateway_id}.site"
            found.append((key, repr(gateway.site), _one_of("sites", settings.sites)))
    return found


def _one_of(what: str, known: Collection[str]) -> str:
    shown = ", ".join(sorted(known)[:8])
    return f"must be one of the {what} in this file: {shown}" if shown else f"this file declares no {what}"
