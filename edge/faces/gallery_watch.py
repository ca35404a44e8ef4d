"""How many people have a face template: from a number on, that is a duty to file (SAFETY.md, item 22)."""

from collections.abc import Mapping

from cardea.contract.records import AlertKind, Severity
from edge.alerts import Alarm
from edge.faces.availability import Raises
from models.face.gallery import GallerySize, gallery_size

_ALARMS: Mapping[GallerySize, Alarm] = {
    GallerySize.WARN: Alarm(alert=AlertKind.GALLERY_LARGE, severity=Severity.MINOR),
    GallerySize.FILING: Alarm(alert=AlertKind.GALLERY_FILING, severity=Severity.MAJOR),
}


class GalleryWatch:
    """Raises and clears; one duty stands at a time."""

    def __init__(self, alerts: Raises) -> None:
        self._alerts = alerts
        self._stands: GallerySize | None = None
        self._counted = False

    def counted(self, people: int) -> None:
        """So many people have one now."""
        size = gallery_size(people)
        if self._counted and size is self._stands:
            return
        for each, alarm in _ALARMS.items():  # one may stand from before a restart
            if each is not size:
                self._alerts.clear(alarm, f"{people} people are enrolled")
        if size is not None:
            self._alerts.raise_(_ALARMS[size])
        self._stands, self._counted = size, True
