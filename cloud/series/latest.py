"""The newest readings as API and console show them."""

import datetime as dt
from collections.abc import Collection

from cloud.ingest.catalogue import Catalogue
from cloud.series.newest import Newest
from cloud.series.store import Latest

_UNIX = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def latest_of(
    catalogue: Catalogue, newest: Newest, gateways: Collection[str], device: str | None
) -> tuple[Latest, ...]:
    """Of every series of these gateways, or of one device there; by gateway and series."""
    prefix = "" if device is None else f"{device}/"
    found: list[Latest] = []
    for gateway in sorted(gateways):
        for name, number in catalogue.of(gateway, prefix):
            reading = newest.of(number)
            if reading is not None:
                at = _UNIX + dt.timedelta(milliseconds=reading[0])
                found.append(Latest(gateway=gateway, series=name, at=at, value=reading[1]))
    return tuple(found)
