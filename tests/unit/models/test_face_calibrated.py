"""The file of a site's thresholds: what is written is read, everything else is refused in one line."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.face.calibrated import (
    IDENTIFY_MIN,
    LIVE_MIN,
    MARGIN_MIN,
    UNCERTAIN_MIN,
    VERIFY_MIN,
    Calibrated,
    CalibrationInvalid,
    Confidence,
    as_toml,
    read_calibrated,
)

CONFIDENCE = Confidence(
    calibrated_utc="2026-11-26T11:00:00+00:00",
    pictures=259,
    failed_to_acquire=2,
    people=33,
    genuine_pairs=1033,
    impostor_pairs=32378,
    fmr_max=1e-3,
    fmr=2.5e-05,
    fmr_upper=9.7e-4,
    tar=0.9961,
    tar_low=0.9901,
    tar_high=1.0,
    gallery_people=200,
    fpir_max=0.05,
    fpir_upper=0.047,
    non_mated_searches=175,
    false_positives=0,
)
SITE = Calibrated(
    model_sha256="8f" * 32,
    verify_min=0.4274,
    identify_min=0.5,
    uncertain_min=0.3,
    margin_min=0.08,
    live_min=0.8,
    confidence=CONFIDENCE,
)
TEXT = as_toml(SITE)


def refused(text):
    with pytest.raises(CalibrationInvalid) as why:
        read_calibrated(text)
    assert "\n" not in str(why.value)
    return str(why.value)


def test_what_is_written_is_read():
    assert read_calibrated(TEXT) == SITE
    assert read_calibrated(TEXT).thresholds().verify_min == 0.4274
    assert read_calibrated(TEXT).thresholds().frames_min == 3


@pytest.mark.parametrize(("calibrated_for", "most"), [(1, 1), (200, 200), (500, 500), (100_000, 500)])
def test_a_gallery_larger_than_the_one_calibrated_for_asks_for_a_second_factor(calibrated_for, most):
    one = msgspec.structs.replace(
        SITE, confidence=msgspec.structs.replace(CONFIDENCE, gallery_people=calibrated_for)
    )
    assert one.thresholds().one_to_many_max == most


def within(bounds):
    return st.floats(*bounds)


@given(
    st.tuples(within(UNCERTAIN_MIN), within(VERIFY_MIN), within(IDENTIFY_MIN)).filter(
        lambda it: it[0] <= it[1] <= it[2]
    ),
    within(MARGIN_MIN),
    within(LIVE_MIN),
    st.floats(0, 1),
    st.integers(0, 10_000_000),
)
def test_every_calibration_survives_its_file(three, margin, live, share, count):
    uncertain, verify, identify = three
    one = msgspec.structs.replace(
        SITE,
        verify_min=verify,
        identify_min=identify,
        uncertain_min=uncertain,
        margin_min=margin,
        live_min=live,
        confidence=msgspec.structs.replace(CONFIDENCE, fmr=share, genuine_pairs=count),
    )
    assert read_calibrated(as_toml(one)) == one


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("verify_min = 0.4274", "verify_min = 0.29", "verify_min"),
        ("verify_min = 0.4274", "verify_min = nan", "verify_min"),
        ("verify_min = 0.4274", "verify_min = inf", "verify_min"),
        ("verify_min = 0.4274", "verify_min = '0.5'", "verify_min"),
        ("verify_min = 0.4274", "", "verify_min"),
        ("verify_min = 0.4274", "verify_min = 0.6", "uncertain_min <= verify_min <= identify_min"),
        ("identify_min = 0.5", "identify_min = nan", "identify_min"),
        ("margin_min = 0.08", "margin_min = 0.0", "margin_min"),
        ("live_min = 0.8", "live_min = 0.1", "live_min"),
        ("live_min = 0.8", "live_min = 0.8\nlife_min = 0.8", "life_min"),
        ("8f8f", "8F8F", "model_sha256"),
        ("people = 33", "people = -1", "people"),
        ("people = 33", "people = 1.5", "people"),
        ("gallery_people = 200", "gallery_people = 0", "gallery_people"),
        ("tar = 0.9961", "tar = nan", "tar"),
        ("[confidence]", "[confidences]", "confidence"),
        ("[confidence]", "[confidence", "TOML"),
    ],
)
def test_anything_else_is_refused_by_name(old, new, why):
    assert old in TEXT
    assert why in refused(TEXT.replace(old, new, 1))


@given(st.text())
def test_any_text_is_read_or_refused(text):
    refused(text)


def test_deep_nesting_is_refused():
    assert "TOML" in refused("a = " + "[" * 100_000)
