"""The audit chain: any change, gap, swap or cut is found, and where."""

import datetime as dt
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardea.contract import chain
from cardea.contract.chain import EMPTY, Break, Head
from cardea.contract.encoding import RECORD, Undecodable, encode
from cardea.contract.records import AuditRecord
from cardea.contract.time import ClockQuality, WireTime

AT = WireTime(dt.datetime(2024, 2, 3, tzinfo=dt.UTC), ClockQuality.SYNCHRONISED)


def _chain(length: int) -> list[AuditRecord]:
    links: list[AuditRecord] = []
    head = EMPTY
    for i in range(length):
        link = chain.append(head, f"{i:032x}", AT, "order_executed", "ops", {"order": str(i), "门": "x"})
        links.append(link)
        head = chain.head_of(link)
    return links


def _head(links: Sequence[AuditRecord]) -> Head:
    head = chain.verify(links)
    assert isinstance(head, Head)
    return head


def test_an_untouched_chain_leads_to_its_head() -> None:
    links = _chain(5)
    assert _head(links) == Head(5, links[-1].hash)
    assert chain.verify(links, end=_head(links)) == _head(links)
    assert chain.verify(links[2:], start=_head(links[:2])) == _head(links)
    assert chain.verify(links, end=_head(links[:3])) == _head(links)
    assert chain.verify([]) == EMPTY


def test_a_link_keeps_its_hash_over_the_wire() -> None:
    (link,) = _chain(1)
    back = RECORD.decode(encode(link))
    assert isinstance(back, AuditRecord)
    assert chain.link_hash(back) == link.hash


@given(st.integers(0, 4), st.integers(0, 400), st.integers(1, 255))
def test_a_flipped_byte_is_found(which: int, place: int, flip: int) -> None:
    links = _chain(5)
    raw = bytearray(encode(links[which]))
    raw[place % len(raw)] ^= flip
    touched = RECORD.decode(bytes(raw))
    if isinstance(touched, Undecodable) or touched == links[which]:
        return  # no link any more, or the same one (white space for white space)
    if not isinstance(touched, AuditRecord):
        pytest.fail("one byte made another record of it")
    found = chain.verify([*links[:which], touched, *links[which + 1 :]], end=_head(links))
    assert isinstance(found, Break)
    assert found.index in {which, which + 1}


@pytest.mark.parametrize(
    ("name", "value"),
    [("event", "x"), ("actor", "x"), ("detail", {}), ("id", "x"), ("hash", "0" * 64), ("prev", "1" * 64)],
)
def test_every_field_is_bound(name: str, value: object) -> None:
    links = _chain(3)
    links[1] = msgspec.structs.replace(links[1], **{name: value})
    assert isinstance(chain.verify(links), Break)


def test_breaks_say_where_and_why() -> None:
    links = _chain(4)
    other = _chain(2)
    other[1] = chain.append(chain.head_of(other[0]), "x", AT, "forged", "nobody", {})
    assert chain.verify([links[0], links[2]]) == Break(1, "link 2 stands where 1 belongs")
    assert chain.verify([links[0], links[0]]) == Break(1, "link 0 stands where 1 belongs")
    swapped = [links[0], msgspec.structs.replace(links[1], prev="f" * 64)]
    assert chain.verify(swapped) == Break(1, "does not follow the link before it")
    changed = [msgspec.structs.replace(links[0], actor="x")]
    assert chain.verify(changed) == Break(0, "was changed after it was written")
    assert chain.verify(links[:3], end=_head(links)) == Break(
        3, "the chain ends here, the head kept elsewhere has 4 links"
    )
    assert chain.verify(other, end=_head(links[:2])) == Break(1, "differs from the head kept elsewhere")
