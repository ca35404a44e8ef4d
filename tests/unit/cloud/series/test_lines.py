"""Line protocol, read back by a parser of the test's own."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.ingest.catalogue import Catalogue
from cloud.ingest.readings import NO_READINGS, Block
from cloud.series.lines import LineEncoder, NotALine, place_of
from cloud.series.prometheus import selector

SPECIAL = ",= "


def parse(line):
    """Measurement, tags, fields and time of one line."""
    assert "\n" not in line
    head, fields, moment = _split(line, " ")
    measurement, *tags = _split(head, ",")
    pairs = [tuple(map(_plain, _split(tag, "="))) for tag in tags]
    values = [_split(field, "=") for field in _split(fields, ",")]
    return measurement, dict(pairs), {_plain(key): float(value) for key, value in values}, int(moment)


def _split(text, at):
    """Split where ``at`` stands unescaped (InfluxDB's documentation, "Special characters")."""
    parts, current, position = [], "", 0
    while position < len(text):
        if text[position] == "\\" and position + 1 < len(text) and text[position + 1] in SPECIAL:
            current += text[position : position + 2]
            position += 2
            continue
        if text[position] == at:
            parts.append(current)
            current = ""
        else:
            current += text[position]
        position += 1
    return [*parts, current]


def _plain(text):
    for character in SPECIAL:
        text = text.replace("\\" + character, character)
    return text


names = st.builds("{}/{}".format, st.text(max_size=8), st.text(max_size=8))
rows = st.lists(
    st.tuples(names, st.integers(0, 5), st.floats(allow_nan=False, allow_infinity=False)), max_size=30
)


def _block(catalogue, readings):
    good = [(n, t, v) for name, t, v in readings if (n := catalogue.number("g1", name)) is not None]
    if not good:
        return NO_READINGS, {}
    number, t_ms, value = zip(*good, strict=True)
    block = Block(np.array(number, np.int32), np.array(t_ms, np.int64), np.array(value, np.float64))
    return block, {(catalogue.named(n)[1], t): v for n, t, v in good}


@given(rows)
def test_every_reading_comes_back_and_nothing_else(readings):
    catalogue = Catalogue()
    block, expected = _block(catalogue, readings)
    encoded = LineEncoder(catalogue).encode(block)
    found, lines = {}, set()
    for line in encoded.lines:
        measurement, tags, fields, moment = parse(line)
        assert (measurement, tags["gateway"]) == ("cardea", "g1")
        device = tags.get("device", "")
        assert (device, moment) not in lines
        lines.add((device, moment))
        for metric, value in fields.items():
            found[f"{device}/{metric}", moment] = value
    refused = {catalogue.named(int(n))[1] for n in encoded.refused.series}
    assert all("\\" in name or name.endswith("/") for name in refused)
    assert found == {key: value for key, value in expected.items() if key[0] not in refused}
    assert len(encoded.series) == len(encoded.lines)


def test_metrics_of_one_moment_are_one_line():
    catalogue = Catalogue()
    block, _ = _block(catalogue, [("gate-1/b_c", 7, 2.5), ("gate-1/a_c", 7, 36.5), ("gate-1/a_c", 8, 1.0)])
    encoder = LineEncoder(catalogue)
    assert encoder.encode(block).lines == (
        "cardea,gateway=g1,device=gate-1 b_c=2.5,a_c=36.5 7",
        "cardea,gateway=g1,device=gate-1 a_c=1.0 8",
    )
    more, _ = _block(catalogue, [("loose", 9, 1e22)])
    assert encoder.encode(more).lines == ("cardea,gateway=g1 loose=1e+22 9",)


@pytest.mark.parametrize("name", ["gate-1/", "a\\/b", "a/b\\", "a\n/b", "a/b\nc,x=1 y=2"])
def test_what_line_protocol_cannot_name_is_no_line(name):
    with pytest.raises(NotALine):
        place_of(("g1", name))


def test_numbers_that_are_none_are_left_out():
    catalogue = Catalogue()
    number = catalogue.number("g1", "a/x")
    values = np.array([1.0, float("nan"), float("inf")])
    block = Block(np.array([number] * 3, np.int32), np.arange(3, dtype=np.int64), values)
    encoded = LineEncoder(catalogue).encode(block)
    assert len(encoded.lines) == 1
    assert len(encoded.refused) == 2


def test_a_selector_quotes_what_it_names():
    assert selector(("g1", 'ga"te/t_c')) == '{__name__="cardea_t_c",gateway="g1",device="ga\\"te"}'
