"""Whose rows a login may see. Every read takes a scope, so that tenant isolation cannot be forgotten."""

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import ColumnElement, Select, select

from cloud.ledger.tables import gateways, sites


class Role(StrEnum):
    """What a login is for."""

    DISTRICT = "district"
    MANAGER = "manager"
    FACILITY = "facility"


@dataclass(frozen=True, slots=True)
class Scope:
    """A district sees the sites of its district; everybody else the sites of their own organisation."""

    organisation: str
    role: Role

    def covers_site(self) -> ColumnElement[bool]:
        """The condition on ``sites``."""
        owner = sites.c.district if self.role is Role.DISTRICT else sites.c.organisation
        return owner == self.organisation

    def gateway_ids(self) -> Select[tuple[str]]:
        """The gateways of the sites in scope."""
        return select(gateways.c.id).join(sites, gateways.c.site == sites.c.id).where(self.covers_site())
