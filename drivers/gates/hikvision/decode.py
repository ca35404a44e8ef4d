"""The channels of a terminal, as payloads of device events. Pure; cut anywhere, the events are the same."""

from collections.abc import Sequence

from cardea.contract.time import Instant
from drivers.api import DeviceEvent, Reject
from drivers.gates.hikvision.access import SAMPLE_BYTES, told
from drivers.gates.hikvision.multipart import Broken, Found, Keep, Multipart, Still, is_multipart, parts_of
from drivers.gates.hikvision.snapshots import Joining, Payload, Told

PUSH_BYTES_MAX = 8 * 1024 * 1024


class StreamDecoder:
    """Channel ``stream``: the body of ``alertStream``; ``keep`` and room for pictures as in `Multipart`."""

    def __init__(self, keep: Keep | None = None, still_bytes_max: int = 0) -> None:
        self._multipart = Multipart(keep, still_bytes_max)
        self._joining = Joining(still_bytes_max)

    def feed(self, chunk: bytes, at: Instant) -> Sequence[DeviceEvent]:
        """The next bytes of the stream."""
        return _flat(self.payloads(chunk, at))

    def finish(self, at: Instant) -> Sequence[DeviceEvent]:
        """The stream has ended."""
        return _flat(self.end(at))

    def payloads(self, chunk: bytes, at: Instant) -> list[Payload]:
        """As ``feed``, payload by payload."""
        return _joined(self._joining, self._multipart.feed(chunk), at)

    def end(self, at: Instant) -> list[Payload]:
        """As ``finish``, payload by payload."""
        return [*_joined(self._joining, self._multipart.finish(), at), *self._joining.rest()]


class PushDecoder:
    """Channel ``push``: one HTTP entity: ``Content-Type: …``, an empty line, the body."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes, at: Instant) -> Sequence[DeviceEvent]:
        """More of the entity; it is read at its end."""
        del at
        self._size += len(chunk)
        if self._size <= PUSH_BYTES_MAX:
            self._pieces.append(chunk)
        else:
            self._pieces.clear()
        return ()

    def finish(self, at: Instant) -> Sequence[DeviceEvent]:
        """The entity is whole."""
        entity, size = b"".join(self._pieces), self._size
        self._pieces, self._size = [], 0
        if size > PUSH_BYTES_MAX:
            return (Reject(at=at, reason="entity_too_long"),)
        if not size:
            return ()
        head, gap, body = entity.partition(b"\r\n\r\n")
        if not gap:
            return (Reject(at=at, reason="no_head", sample=entity[:SAMPLE_BYTES]),)
        kind = b""
        for line in head.split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name.strip().lower() == b"content-type":
                kind = value.strip()
        return _flat(pushed(kind.decode("latin-1"), body, at))


def pushed(
    content_type: str, body: bytes, at: Instant, keep: Keep | None = None, still_bytes_max: int = 0
) -> list[Payload]:
    """The payloads of one pushed HTTP body; ``keep`` and room for pictures as in :class:`Multipart`."""
    if is_multipart(content_type):
        joining = Joining(still_bytes_max)
        return [*_joined(joining, parts_of(body, keep, still_bytes_max), at), *joining.rest()]
    if keep:
        keep(body)
    return [told(body, at).payload] if body.strip() else []


def _joined(joining: Joining, parts: Sequence[Found], at: Instant) -> list[Payload]:
    payloads: list[Payload] = []
    for part in parts:
        match part:
            case Still(body):
                payloads += joining.still(body)
            case Broken(reason, sample):
                payloads += joining.told(Told((Reject(at=at, reason=reason, sample=sample),)))
            case _:
                payloads += joining.told(told(part.body, at))
    return payloads


def _flat(payloads: list[Payload]) -> Sequence[DeviceEvent]:
    return [event for events in payloads for event in events]
