"""Consent comes before a template (SAFETY.md, item 23)."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.vault.consent import Consent, ConsentMissing, consent

TODAY = dt.date(2026, 11, 26)
DAY = dt.timedelta(days=1)


def test_item_23_a_document_of_today_or_before_counts():
    for given_on in (TODAY, TODAY - DAY):
        assert consent("C-17", given_on, TODAY) == Consent(id="C-17", given_on=given_on)


@pytest.mark.parametrize("document", ["", " ", "C 17", "C-17\n", "同意", "x" * 65])
def test_item_23_without_a_document_there_is_no_consent(document):
    with pytest.raises(ConsentMissing, match="nobody is enrolled without their consent"):
        consent(document, TODAY, TODAY)


def test_item_23_the_longest_name_of_a_document():
    assert consent("x" * 64, TODAY, TODAY).id == "x" * 64


@pytest.mark.parametrize("given_on", [None, TODAY + DAY])
def test_item_23_no_date_or_one_of_the_future_is_no_consent(given_on):
    with pytest.raises(ConsentMissing, match="C-17: say when it was given"):
        consent("C-17", given_on, TODAY)


@pytest.mark.parametrize("guardian", ["", "  "])
def test_item_23_somebody_under_14_needs_their_guardian(guardian):
    with pytest.raises(ConsentMissing, match="under 14 needs their guardian"):
        consent("C-17", TODAY, TODAY, guardian=guardian, under_14=True)


def test_item_23_the_guardian_stands_in_the_consent_and_not_in_logs():
    found = consent("C-17", TODAY, TODAY, guardian=" Mother of Ada ", under_14=True)
    assert found.guardian == "Mother of Ada"
    assert repr(found) == "Consent(C-17)"


@given(st.text(max_size=70), st.none() | st.dates(), st.text(max_size=5), st.booleans())
def test_item_23_whatever_is_said_it_counts_or_one_line_says_why_not(document, given_on, guardian, young):
    try:
        found = consent(document, given_on, TODAY, guardian=guardian, under_14=young)
    except ConsentMissing as error:
        found, said = None, str(error)
    else:
        said = ""
    assert len(said.splitlines()) == (found is None)
    if found is not None:
        assert found.given_on <= TODAY
        assert 1 <= len(found.id) <= 64
        assert found.id.isascii()
        assert found.guardian or not young
