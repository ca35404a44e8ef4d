"""Where a day begins: the house's time zone says so, not the server's."""

import datetime as dt


def midnight_before(now: dt.datetime, zone: dt.tzinfo) -> dt.datetime:
    """The midnight at which the day of ``now`` began in ``zone``."""
    return now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
