"""Hikvision's matrices: answers taken apart by what they declare, whatever else stands in them."""

import datetime as dt
import json
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardea.contract.time import ClockQuality, Instant
from drivers.api import CELSIUS, Conditions, DeviceEvent, Reject, ThermalFrameCaptured, Unfit
from drivers.sim.hikvision_thermal import FACE
from drivers.sim.hikvision_thermal_answers import Style, multipart
from drivers.thermal.hikvision.compensation import OFF, compensates
from drivers.thermal.hikvision.conditions import conditions_of
from drivers.thermal.hikvision.decode import ANSWER_BYTES_MAX, event_of
from drivers.thermal.hikvision.documents import Document, NotADocument
from drivers.thermal.hikvision.redaction import BEGINNING_BYTES_MAX, without_pictures
from drivers.thermal_camera.answers import AnswerDecoder

AT = Instant(1000.0, dt.datetime(2026, 5, 4, 3, 2, 1, tzinfo=dt.UTC), ClockQuality.SYNCHRONISED)
HEAT = b"\xff\xd8\xff\xe0 heat \r\n--boundary\r\nContent-Type: image/jpeg\r\n\r\n \xff\xd9"
JSON, PICTURE, OCTETS = "application/json", "image/pjpeg", "application/octet-stream"
STYLES = st.builds(
    Style,
    line_end=st.sampled_from([b"\r\n", b"\n"]),
    lengths=st.booleans(),
    upper=st.booleans(),
    preamble=st.sampled_from([b"", b"\r\n", b"This is a multipart answer\r\n\r\n"]),
    closes=st.booleans(),
)


def celsius(event):
    return event.raw.astype(np.float64) * event.scale.gain_c + event.scale.offset_c


def declared(raw, **changes):
    height, width = raw.shape
    said = {
        "jpegPicLen": len(HEAT),
        "jpegPicWidth": width,
        "jpegPicHeight": height,
        "p2pDataLen": raw.nbytes,
        "isFreezedata": False,
        "temperatureDataLength": raw.itemsize,
        "scale": 64,
        "offset": 0,
        "visiblePicLen": len(FACE),
    }
    inner = {name: value for name, value in {**said, **changes}.items() if value is not ...}
    return json.dumps({"JpegPictureWithAppendData": inner}, indent=1).encode()


def answer(raw, style=None, **changes):
    parts = [(JSON, declared(raw, **changes)), (PICTURE, HEAT), (OCTETS, raw.tobytes()), (PICTURE, FACE)]
    return multipart(parts, style or Style())


def temperatures(height=6, width=8, seed=0):
    return (np.random.default_rng(seed).normal(30, 3, (height, width))).astype("<f4")


def captured(content) -> ThermalFrameCaptured:
    event = event_of(content, AT)
    assert isinstance(event, ThermalFrameCaptured)
    return event


def reason_of(event: DeviceEvent) -> str:
    assert isinstance(event, Reject)
    assert b"face" not in event.sample
    return event.reason


def reason(content):
    return reason_of(event_of(content, AT))


@given(style=STYLES, seed=st.integers(0, 2**16))
def test_floats_are_degrees_to_the_last_bit(style, seed):
    temps_c = temperatures(seed=seed)
    event = event_of(answer(temps_c, style), AT)
    assert isinstance(event, ThermalFrameCaptured)
    assert (event.scale, event.unfit, event.conditions) == (CELSIUS, None, None)
    assert event.raw.dtype == np.float32
    assert np.array_equal(event.raw, temps_c)


@given(
    values=st.lists(st.integers(-32768, 32767), min_size=6, max_size=6),
    scale=st.sampled_from([1, 10, 50, 64, 100, 128.0]),
    offset=st.sampled_from([0, 273.15, -40, 100]),
)
def test_int16_counts_are_undone_by_their_scale(values, scale, offset):
    raw = np.array(values, "<i2").reshape(2, 3)
    event = event_of(answer(raw, scale=scale, offset=offset), AT)
    assert isinstance(event, ThermalFrameCaptured)
    assert event.raw.dtype == np.uint16
    assert celsius(event) == pytest.approx(raw / scale + offset - 273.15, abs=1e-9)
    assert (np.diff(event.raw.astype(int).ravel()) == np.diff(raw.astype(int).ravel())).all()


@given(style=STYLES, place=st.integers(0, 500))
def test_a_boundary_within_pixels_is_pixels(style, place):
    """The reason why answers are never searched for it."""
    temps_c = temperatures(16, 16)
    content = bytearray(temps_c.tobytes())
    planted = (
        b"\r\n--boundary\r\nContent-Type: image/pjpeg\r\nContent-Length: 4\r\n\r\n\xff\xd8\xff\xd9"
        b"\r\n--boundary--"
    )
    content[place : place + len(planted)] = planted
    content = content[: temps_c.nbytes]
    raw = np.frombuffer(bytes(content), "<f4").reshape(16, 16)
    event = event_of(answer(raw, style), AT)
    assert isinstance(event, ThermalFrameCaptured)
    assert event.raw.tobytes() == bytes(content)


def test_parts_are_found_by_length_when_their_types_lie():
    temps_c = temperatures()
    for kinds in [(OCTETS, OCTETS, OCTETS), (OCTETS, PICTURE, OCTETS), ("", "", "")]:
        parts = zip(kinds, (HEAT, temps_c.tobytes(), FACE), strict=True)
        content = multipart([(JSON, declared(temps_c)), *parts], Style(lengths=False))
        assert np.array_equal(captured(content).raw, temps_c)


def test_parts_may_come_in_another_order():
    temps_c = temperatures()
    parts = [(JSON, declared(temps_c)), (OCTETS, temps_c.tobytes()), (PICTURE, FACE), (PICTURE, HEAT)]
    assert np.array_equal(captured(multipart(parts, Style())).raw, temps_c)


def test_pictures_that_are_not_declared_are_not_needed():
    temps_c = temperatures()
    for absent in (0, ...):
        told = declared(temps_c, jpegPicLen=absent, visiblePicLen=absent)
        content = multipart([(JSON, told), (OCTETS, temps_c.tobytes())], Style())
        assert np.array_equal(captured(content).raw, temps_c)


def test_a_length_that_is_the_pictures_too_goes_by_type():
    temps_c = temperatures(1, 8)
    twin = b"\xff\xd8" + bytes(temps_c.nbytes - 4) + b"\xff\xd9"
    told = declared(temps_c, jpegPicLen=len(twin), visiblePicLen=0)
    content = multipart([(JSON, told), (PICTURE, twin), (OCTETS, temps_c.tobytes())], Style(lengths=False))
    assert np.array_equal(captured(content).raw, temps_c)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"jpegPicWidth": 9}, "p2p_data_len_does_not_fit_width_and_height"),
        ({"p2pDataLen": 188}, "p2p_data_len_does_not_fit_width_and_height"),
        ({"temperatureDataLength": 2}, "p2p_data_len_does_not_fit_width_and_height"),
        ({"jpegPicHeight": 5, "p2pDataLen": 160}, "p2p_data_len_does_not_fit"),
        ({"jpegPicHeight": 7, "p2pDataLen": 224}, "p2p_data_len_does_not_fit"),
        ({"jpegPicLen": len(HEAT) - 1}, "jpeg_pic_len_does_not_fit"),
        ({"visiblePicLen": len(FACE) + 9}, "visible_pic_len_does_not_fit"),
        ({"temperatureDataLength": 3}, "temperature_data_length_unknown"),
        ({"temperatureDataLength": "4"}, "temperature_data_length_unbelievable"),
        ({"temperatureDataLength": ...}, "temperature_data_length_unbelievable"),
        ({"jpegPicWidth": 0, "p2pDataLen": 0}, "jpeg_pic_width_or_height_unbelievable"),
        ({"jpegPicWidth": 4096, "jpegPicHeight": 4096}, "jpeg_pic_width_or_height_unbelievable"),
        ({"jpegPicWidth": 10**9}, "jpeg_pic_width_unbelievable"),
        ({"jpegPicHeight": -6}, "jpeg_pic_height_unbelievable"),
        ({"jpegPicHeight": True}, "jpeg_pic_height_unbelievable"),
        ({"visiblePicLen": 1.5}, "visible_pic_len_unbelievable"),
        ({"p2pDataLen": ...}, "p2p_data_len_unbelievable"),
    ],
)
def test_lengths_that_lie_are_named(changes, expected):
    assert reason(answer(temperatures(), **changes)) == expected


@pytest.mark.parametrize("wrong", [0, -64, "64", None, True, float("nan"), float("inf"), 10**400])
@pytest.mark.parametrize("name", ["scale", "offset"])
def test_scales_that_are_none(name, wrong):
    raw = np.array([[19000, 20000]], "<i2")
    event = event_of(answer(raw, **{name: wrong}), AT)
    if name == "offset" and wrong in {0, -64} and wrong is not True:
        assert isinstance(event, ThermalFrameCaptured)
    else:
        assert reason_of(event) == f"{name}_unbelievable"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", None),
        (b"<ResponseStatus/>", "no_parts"),
        (b"--boundary\r\n", "json_unreadable"),
        (b"--boundary\r\nno header\r\n\r\n{}", "part_head_unreadable"),
        (b"--boundary\r\n\r\n" + b"[" * 9000, "json_unreadable"),
        (b"--boundary\r\n\r\n[1]\r\n--boundary--", "temperature_data_length_unbelievable"),
        (b'--boundary\r\n\r\n{"JpegPictureWithAppendData": 1}', "json_unreadable"),
        (b"--boundary\r\n" + b"a: b\r\n" * 3000, "part_head_unreadable"),
    ],
)
def test_what_is_no_answer(content, expected):
    decoder = AnswerDecoder(event_of, ANSWER_BYTES_MAX)
    assert decoder.feed(content, AT) == []
    assert [reason_of(event) for event in decoder.finish(AT)] == ([expected] if expected else [])


@given(cut=st.integers(0, 10_000))
def test_a_cut_answer_is_no_measurement(cut):
    content = answer(temperatures(20, 20))
    whole = len(content) - len(b"\r\n--boundary--\r\n")
    event = event_of(content[: cut % whole], AT)
    assert isinstance(event, Reject)


@given(content=st.binary(max_size=300), place=st.integers(0, 3000), drop=st.integers(0, 50))
def test_damage_makes_a_frame_of_the_declared_shape_or_a_reject(content, place, drop):
    whole = answer(temperatures(20, 20))
    place %= len(whole)
    event = event_of(whole[:place] + content + whole[place + drop :], AT)
    if isinstance(event, ThermalFrameCaptured):
        assert event.raw.ndim == 2
        assert event.unfit is not None or np.isfinite(event.raw).all()
    without_pictures(whole[:place] + content + whole[place + drop :])


@pytest.mark.parametrize(
    ("temps_c", "unfit"),
    [
        (np.full((4, 4), -273.15), Unfit.SENSOR_FAULT),
        (np.full((4, 4), 36.6), Unfit.SENSOR_FAULT),
        (np.where(np.eye(4), np.nan, 30.0), Unfit.SENSOR_FAULT),
        (np.where(np.eye(4), -np.inf, 30.0), Unfit.SENSOR_FAULT),
        (np.where(np.eye(4), -272.0, -273.15), Unfit.OUT_OF_RANGE),
        (np.where(np.eye(4), 30.0, 2000.0), Unfit.OUT_OF_RANGE),
        (np.where(np.eye(4), 2000.0, 30.0), None),
    ],
)
def test_what_cannot_be_is_unfit(temps_c, unfit):
    assert captured(answer(temps_c.astype("<f4"))).unfit is unfit


def test_counts_that_cannot_be_are_unfit():
    assert captured(answer(np.zeros((3, 3), "<i2"))).unfit is Unfit.SENSOR_FAULT
    assert captured(answer(np.eye(3, dtype="<i2"))).unfit is Unfit.OUT_OF_RANGE


def test_a_picture_that_somebody_has_frozen():
    assert captured(answer(temperatures(), isFreezedata=True)).unfit is Unfit.FROZEN


def test_an_answer_beyond_all_bounds_is_not_kept():
    decoder = AnswerDecoder(event_of, ANSWER_BYTES_MAX)
    for _ in range(4):
        decoder.feed(bytes(ANSWER_BYTES_MAX // 3), AT)
    (event,) = decoder.finish(AT)
    assert reason_of(event) == "answer_too_long"
    decoder.feed(answer(temperatures()), AT)
    assert isinstance(decoder.finish(AT)[0], ThermalFrameCaptured)


def test_nothing_of_an_answer_stays_alive_with_its_frame():
    event = captured(answer(temperatures()))
    assert event.raw.base is None or event.raw.base.base is None
    assert event.raw.nbytes == 6 * 8 * 4


# --- captures ------------------------------------------------------------------------------------


@pytest.mark.parametrize("raw", [temperatures(), np.arange(19000, 19012, dtype="<i2").reshape(3, 4)])
def test_a_capture_holds_the_measurement_and_no_picture(raw):
    content = answer(raw, Style(line_end=b"\n", upper=True))
    kept = without_pictures(content)
    assert b"face" not in kept
    assert b"heat" not in kept
    before, after = captured(content), captured(kept)
    assert np.array_equal(before.raw, after.raw)
    assert before.scale == after.scale
    assert without_pictures(kept) == kept


@given(cut=st.integers(0, 2000), bad=st.sampled_from(["jpegPicWidth", "p2pDataLen", "jpegPicLen"]))
def test_of_an_answer_that_is_not_understood_no_picture_is_kept(cut, bad):
    content = answer(temperatures(), **{bad: 3})
    kept = without_pictures(content[: cut % len(content)])
    assert b"face" not in kept
    assert b"\xff\xd8" not in kept
    assert len(kept) <= BEGINNING_BYTES_MAX
    assert content.startswith(kept)


def test_what_an_answer_declares_is_kept_even_if_it_does_not_fit():
    content = answer(temperatures(), p2pDataLen=3)
    assert b'"p2pDataLen": 3' in without_pictures(content)
    assert reason(without_pictures(content)) == reason(content)


# --- configuration -------------------------------------------------------------------------------


def document(inner, root="BodyTemperatureCompensation"):
    return Document.of(
        f'<?xml version="1.0"?><{root} xmlns="http://www.isapi.org/ver20/XMLSchema">{inner}</{root}>'.encode()
    )


def block(name, **values):
    return f"<{name}>{''.join(f'<{key}>{value}</{key}>' for key, value in values.items())}</{name}>"


OFF_BLOCK = {"temperatureCompensation": "false", "smartCorrection": "0.0", "compensationValue": "0.6"}


@pytest.mark.parametrize(
    ("inner", "on"),
    [
        ("<enabled>true</enabled>", True),
        ("<enabled>false</enabled><type>auto</type>" + block("AutoParam", smartCorrection="0.4"), False),
        ("<type>auto</type>" + block("AutoParam", **OFF_BLOCK), False),
        ("<type>Manual</type>" + block("ManualParam", **OFF_BLOCK), False),
        ("<type>auto</type>" + block("AutoParam", **{**OFF_BLOCK, "temperatureCompensation": "true"}), True),
        ("<type>auto</type>" + block("AutoParam", **{**OFF_BLOCK, "smartCorrection": "-0.4"}), True),
        ("<type>auto</type>" + block("AutoParam", compensationValue="0.6"), True),
        ("<type>auto</type>" + block("AutoParam", compensationValue="0.0"), False),
        (
            "<type>manual</type>"
            + block("AutoParam", temperatureCompensation="true")
            + block("ManualParam", **OFF_BLOCK),
            False,
        ),
        (
            block("Alarm", enabled="false") + "<type>auto</type>" + block("AutoParam", smartCorrection="1"),
            True,
        ),
        ("<type>somehow</type>", True),
        ("", True),
    ],
)
def test_whether_a_camera_compensates(inner, on):
    found = document(inner)
    assert compensates(found) is on
    if on and "<type>somehow" not in inner and inner:
        assert not compensates(Document.of(found.with_values(OFF[-1])))


def test_what_is_not_changed_stays_as_it_stood():
    content = (
        b'<?xml version="1.0"?>\r\n<h:A xmlns:h="urn:x"><!-- as it was -->\r\n'
        b'<h:on  opt="true,false">true</h:on >'
        b"<h:once>true</h:once>\t<on/></h:A>"
    )
    found = Document.of(content)
    assert found.flag("on") is True
    changed = found.with_values({"on": "false"})
    assert changed == content.replace(b">true</h:on >", b">false</h:on >")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"<a>",
        b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
        b"<a/>" + b" " * 300_000,
        b"\xff\xfe<a/>",
    ],
)
def test_what_is_no_document(content):
    with pytest.raises(NotADocument):
        Document.of(content)


@given(st.binary(max_size=200))
def test_garbage_is_no_document(content):
    try:
        found = Document.of(content)
    except NotADocument:
        return
    compensates(found)
    conditions_of(found)


def pixels(**values):
    told = {"emissivity": "0.97", "distance": "150", "distanceUnit": "centimeter", **values}
    return document(
        "".join(f"<{key}>{value}</{key}>" for key, value in told.items() if value), "PixelToPixelParam"
    )


def assumed(**values) -> Conditions:
    found = conditions_of(pixels(**values))
    assert found is not None
    return found


def test_what_a_camera_assumes():
    found = assumed(reflectiveEnable="true", reflectiveTemperature="24.5")
    assert (found.emissivity, found.distance_m, found.reflected_c) == (0.97, 1.5, 24.5)
    for unit, distance_m in {"meter": 150.0, "feet": 45.72, "": 1.5}.items():
        assert assumed(distanceUnit=unit).distance_m == pytest.approx(distance_m)
    for switched_off in ({}, {"reflectiveEnable": "false", "reflectiveTemperature": "30"}):
        assert assumed(**switched_off).reflected_c == 22.0
    assert assumed(reflectiveEnable="true", reflectiveTemperature="-300").reflected_c == 22.0
    assert assumed(reflectiveEnable="true").reflected_c == 22.0


@pytest.mark.parametrize(
    "wrong",
    [
        {"emissivity": "0"},
        {"emissivity": "1.2"},
        {"emissivity": "nan"},
        {"emissivity": ""},
        {"distance": "far"},
        {"distance": "-1"},
        {"distanceUnit": "parsec"},
        {"distance": "2000", "distanceUnit": "meter"},
    ],
)
def test_what_a_camera_cannot_assume(wrong):
    assert conditions_of(pixels(**wrong)) is None


def test_the_oldest_of_floats():
    """Byte order: a float32 of 36.5 °C, little end first."""
    raw = np.frombuffer(struct.pack("<2f", 36.5, 22.0), "<f4").reshape(1, 2)
    assert captured(answer(raw)).raw.tolist() == [[36.5, 22.0]]
