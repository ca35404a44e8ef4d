"""One entry a person of a recording: who was screened, who only passed, and why there is no temperature."""

from collections.abc import Iterable
from typing import Any

from cardea.contract.screening import NotScreened
from models.thermal.people.people import Sight
from models.thermal.people.roll import LOOKS_MIN, Entry, Roll
from models.thermal.reading import Measurement
from models.thermal.reference.disc import Circle

FAR, NEAR = Circle(50.0, 60.0, 7.0), Circle(50.0, 60.0, 17.0)


def sight(number: int = 1, **what: Any) -> Sight:
    given: dict[str, Any] = {
        "began_as": number,
        "circle": NEAR,
        "refused": None,
        "stood": True,
        "stirred": True,
    } | what
    return Sight(number=number, **given)


def at(surface_temp_c: float) -> Measurement:
    return Measurement(raw_c=surface_temp_c, uncertainty_c=0.2)


def called(frames: Iterable[tuple[Sight, ...]], condition: NotScreened | None = None) -> Roll:
    roll = Roll()
    for number, sights in enumerate(frames):
        roll.take(sights, condition, 0.1 * number)
    return roll


def only(entries: tuple[Entry, ...]) -> Entry:
    (entry,) = entries
    return entry


def test_the_warmest_that_the_frames_agreed_on_is_a_persons_temperature() -> None:
    temps_c = (None, 35.0, 35.4, 35.2, None)
    roll = called((sight(steady=None if temp_c is None else at(temp_c)),) for temp_c in temps_c)
    entry = only(roll.people)
    assert entry.measurement == at(35.4)
    assert (entry.start_s, entry.at_s, round(entry.end_s, 1)) == (0.0, 0.2, 0.4)
    assert entry.reasons == ()
    assert entry.face_px == 34.0
    assert roll.others == ()


def test_who_passes_or_stays_away_was_only_seen() -> None:
    away = sight(circle=FAR, refused=NotScreened.TOO_FAR, stood=False)
    passing = sight(refused=NotScreened.NOT_STEADY, stood=False)
    roll = called([(away,)] * 6 + [(passing,)] * 3)
    assert roll.people == ()
    assert only(roll.others).reasons == (NotScreened.TOO_FAR, NotScreened.NOT_STEADY)
    assert only(roll.others).measurement is None


def test_a_glimpse_is_not_worth_a_line() -> None:
    glimpse = sight(stood=False, refused=NotScreened.TOO_FAR)
    assert called([(glimpse,)] * (LOOKS_MIN - 1)).others == ()


def test_what_never_stirred_is_nobody() -> None:
    roll = called([(sight(stirred=False, steady=at(36.0)),)] * 9)
    assert (roll.people, roll.others) == ((), ())


def test_who_stood_there_while_nobody_could_be_measured_is_told_why() -> None:
    roll = called([(sight(),)] * 9, NotScreened.REFERENCE_LOST)
    assert only(roll.people).reasons == (NotScreened.REFERENCE_LOST,)
    assert only(roll.people).measurement is None


def test_the_reasons_of_standing_there_come_first_and_the_most_frequent_first() -> None:
    near = (
        [sight(refused=NotScreened.OVERLAPPING)] * 3 + [sight(refused=NotScreened.TOO_NEAR)] * 2 + [sight()]
    )
    roll = called([(sight(stood=False, refused=NotScreened.NOT_STEADY),)] * 9 + [(one,) for one in near])
    assert only(roll.people).reasons == (
        NotScreened.OVERLAPPING,
        NotScreened.TOO_NEAR,
        NotScreened.NOT_STEADY,
    )


def test_a_condition_explains_who_stands_and_their_own_doing_who_does_not() -> None:
    far = sight(stood=False, refused=NotScreened.TOO_FAR)
    assert only(called([(far,)] * 9, NotScreened.WARMING_UP).others).reasons == (NotScreened.TOO_FAR,)


def test_a_person_who_was_recognised_late_is_one_person() -> None:
    first = sight(1, steady=at(35.0))
    apart = sight(2, circle=Circle(50.0, 60.0, 18.0), steady=at(35.6))
    joined = sight(1, began_as=2, steady=at(35.1))
    roll = called([(first,)] * 3 + [(apart,)] * 3 + [(joined,)] * 3)
    entry = only(roll.people)
    assert entry.measurement == at(35.6)
    assert (entry.start_s, round(entry.end_s, 1), entry.face_px) == (0.0, 0.8, 36.0)
    again = only(called([(apart,)] * 3 + [(joined,)] * 3).people)
    assert again.start_s == 0.0
    cold = sight(2, steady=None)
    assert only(called([(first,), (cold,), (joined,)]).people).measurement == at(35.1)


def test_people_are_told_in_the_order_of_their_coming() -> None:
    roll = called([(sight(2),), (sight(1), sight(2)), (sight(3, stood=False),)])
    assert [round(entry.start_s, 1) for entry in roll.people] == [0.0, 0.1]
