"""One person coming to one side of one portal."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardea.contract.policy import FaceRequirement, PortalPolicy
from cardea.contract.reasons import Reason
from cardea.contract.records import CredentialKind, Outcome, ScreeningState, Side, Subject
from edge.decide.approach import (
    Approach,
    CredentialChecked,
    FaceCompared,
    MaskSeen,
    SecondPersonSeen,
    Sensed,
    Surroundings,
    TemperatureScreened,
    TerminalDecided,
    person_key,
    same_person,
)
from edge.decide.decide import decide
from edge.decide.evidence import (
    NOT_FITTED,
    Credential,
    FaceCheck,
    Fresh,
    Missing,
    PassCheck,
    Screening,
    Stale,
    Standing,
    Why,
)

SCREENED = PortalPolicy(require_screening=True, face=FaceRequirement.OFF)
LOOKED_AT = PortalPolicy(face=FaceRequirement.ASKED)
ANN, BOB = Subject("site", "1", "aa"), Subject("site", "1", "bb")
CARD = Credential(CredentialKind.CARD, Standing.VALID, ANN)
CAMERA = Credential(CredentialKind.FACE, Standing.VALID, ANN)
UNKNOWN = Credential(CredentialKind.CARD, Standing.UNKNOWN)
NORMAL = TemperatureScreened(Screening(ScreeningState.NORMAL, 36.4))
NONE = Surroundings()


def approach(*observed, side=Side.INGRESS, at_s=100.0):
    found = Approach(id="a", side=side, opened_s=at_s)
    for one in observed:
        found = found.observe(one, at_s)
    return found


def test_it_waits_for_what_the_policy_asks():
    masked = PortalPolicy(require_screening=True, require_mask=True, face=FaceRequirement.OFF)
    found = approach()
    assert found.awaited(masked, {}) == (Sensed.CREDENTIAL, Sensed.SCREENING, Sensed.MASK)
    for observation, left in (
        (CredentialChecked(CARD), (Sensed.SCREENING, Sensed.MASK)),
        (NORMAL, (Sensed.MASK,)),
        (MaskSeen(worn=True), ()),
    ):
        found = found.observe(observation, 100.0)
        assert found.awaited(masked, {}) == left
    assert found.ready(masked, {})


def test_it_does_not_wait_for_what_cannot_come():
    found = approach(CredentialChecked(CARD))
    assert not found.ready(SCREENED, {})
    assert found.ready(SCREENED, {Sensed.SCREENING: Why.DEVICE_OFFLINE})
    evidence = found.freeze(SCREENED, Surroundings(unable={Sensed.SCREENING: Why.DEVICE_OFFLINE}), 100.0)
    assert evidence.screening == Missing(Why.DEVICE_OFFLINE)


@pytest.mark.parametrize(
    "found",
    [
        approach(side=Side.EGRESS),
        approach(SecondPersonSeen()),
        approach(CredentialChecked(UNKNOWN)),
        approach(CredentialChecked(CARD, PassCheck(Standing.FORGED))),
        approach(TerminalDecided(Outcome.GRANT)),
        replace(approach(), backfilled=True),
    ],
    ids=["leaving", "second person", "refused anyway", "forged pass", "terminal", "history"],
)
def test_it_is_ready_when_waiting_could_change_nothing(found):
    assert found.ready(SCREENED, {})
    assert found.due(SCREENED, {}, 100.0)


def test_it_is_due_at_its_deadline_with_what_there_is():
    found = approach(NORMAL)
    assert found.deadline_s(SCREENED) == 108.0
    assert not found.due(SCREENED, {}, 107.9)
    assert found.due(SCREENED, {}, 108.0)
    decision = decide(found.freeze(SCREENED, NONE, 108.0), SCREENED, 1)
    assert (decision.outcome, decision.reasons) == (Outcome.RETEST, (Reason.CREDENTIAL_MISSING,))


def test_ages_are_counted_and_old_readings_are_stale():
    found = approach(NORMAL, FaceCompared(FaceCheck.AGREES)).observe(CredentialChecked(CARD), 105.0)
    evidence = found.freeze(PortalPolicy(require_screening=True, screening_s_max=4.0), NONE, 106.0)
    assert evidence.screening == Stale(NORMAL.screening, 6.0)
    assert evidence.credential == Fresh(CARD, 1.0)
    assert evidence.face == Fresh(FaceCheck.AGREES, 6.0)
    assert evidence.mask == Missing(Why.NOT_SEEN)
    assert evidence.pass_check == NOT_FITTED


def test_a_clock_that_steps_back_makes_nothing_younger_than_now():
    evidence = approach(CredentialChecked(CARD, PassCheck(Standing.VALID))).freeze(SCREENED, NONE, 99.0)
    assert evidence.credential == Fresh(CARD, 0.0)
    assert evidence.pass_check == Fresh(PassCheck(Standing.VALID), 0.0)


def test_surroundings_come_along():
    around = Surroundings(retests=2, occupancy=Fresh(5, 0.0), schedule=Fresh(value=True, age_s=0.0))
    evidence = approach(TerminalDecided(Outcome.DENY)).freeze(SCREENED, around, 100.0)
    assert (evidence.retests, evidence.occupancy, evidence.terminal) == (2, Fresh(5, 0.0), Outcome.DENY)


# --- the face -----------------------------------------------------------------------------------


@pytest.mark.parametrize("asks", [FaceRequirement.ASKED, FaceRequirement.REQUIRED])
def test_a_face_is_waited_for_once_somebody_has_said_who_they_are(asks):
    policy = PortalPolicy(face=asks)
    assert approach().awaited(policy, {}) == (Sensed.CREDENTIAL,)
    named = approach(CredentialChecked(CARD))
    assert named.awaited(policy, {}) == (Sensed.FACE,)
    assert not named.ready(policy, {})
    assert named.observe(FaceCompared(FaceCheck.UNCERTAIN), 100.5).ready(policy, {})
    assert named.ready(policy, {Sensed.FACE: Why.NOT_ENROLLED})
    assert named.ready(PortalPolicy(face=FaceRequirement.OFF), {})


@pytest.mark.parametrize(
    "credential",
    [UNKNOWN, CAMERA, Credential(CredentialKind.QR, Standing.VALID)],
    ids=["unknown", "camera only", "names nobody"],
)
def test_nobody_is_looked_at_who_has_not_said_who_they_are(credential):
    assert Sensed.FACE not in approach(CredentialChecked(credential)).awaited(LOOKED_AT, {})


def test_for_a_face_alone_nobody_waits_longer_than_the_policy_says():
    named = approach().observe(CredentialChecked(CARD), 101.0)
    assert named.due_s(LOOKED_AT, {}) == 104.0
    assert not named.due(LOOKED_AT, {}, 103.9)
    assert named.due(LOOKED_AT, {}, 104.0)
    late = approach().observe(CredentialChecked(CARD), 107.0)
    assert late.due_s(LOOKED_AT, {}) == late.deadline_s(LOOKED_AT) == 108.0
    screened = PortalPolicy(require_screening=True, face=FaceRequirement.REQUIRED)
    assert named.due_s(screened, {}) == 108.0, "while something else is waited for"
    assert named.observe(NORMAL, 102.0).due_s(screened, {}) == 104.0
    assert approach().due_s(LOOKED_AT, {}) == 108.0


# --- two credentials ----------------------------------------------------------------------------


def test_a_card_is_the_second_factor_of_a_camera_face():
    face = approach(CredentialChecked(CAMERA))
    assert face.awaited(PortalPolicy(), {}) == (Sensed.CREDENTIAL,)
    both = face.observe(CredentialChecked(CARD), 101.0)
    assert both.ready(PortalPolicy(), {Sensed.FACE: Why.NOT_FITTED})
    assert decide(both.freeze(PortalPolicy(), NONE, 101.0), PortalPolicy(), 1).outcome is Outcome.GRANT


def test_a_camera_face_does_not_weaken_a_card():
    both = approach(CredentialChecked(CARD), CredentialChecked(CAMERA))
    assert both.credential is not None
    assert both.credential.value is CARD
    assert not both.second_person


def test_the_credential_of_somebody_else_is_a_second_person():
    other = approach(CredentialChecked(CAMERA), CredentialChecked(replace(CARD, subject=BOB)))
    assert other.second_person
    decision = decide(other.freeze(PortalPolicy(), NONE, 100.0), PortalPolicy(), 1)
    assert (decision.outcome, decision.reasons) == (Outcome.REFER, (Reason.SECOND_PERSON,))


def test_a_repeated_read_is_the_same_person():
    again = approach(CredentialChecked(UNKNOWN), CredentialChecked(replace(UNKNOWN, tries=1)))
    assert not again.second_person
    assert same_person(CARD, CAMERA)
    assert not same_person(UNKNOWN, replace(UNKNOWN, kind=CredentialKind.QR))
    assert not same_person(UNKNOWN, CARD)


def test_people_are_counted_by_subject_or_kind():
    assert person_key(CARD) == "aa"
    assert person_key(UNKNOWN) == "unknown-card"


@given(
    st.lists(
        st.sampled_from(
            [
                CredentialChecked(CARD),
                CredentialChecked(UNKNOWN),
                NORMAL,
                MaskSeen(worn=False),
                SecondPersonSeen(),
            ]
        ),
        max_size=6,
    ),
    st.floats(0, 100),
)
def test_any_approach_is_decided_by_its_deadline(observed, wait_s):
    found = approach(*observed)
    now_s = 100.0 + wait_s
    assert found.due(SCREENED, {}, now_s) or now_s < found.deadline_s(SCREENED)
    decide(found.freeze(SCREENED, NONE, now_s), SCREENED, 1)
