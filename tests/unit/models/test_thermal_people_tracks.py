"""Who is who from frame to frame: who stands, who walks, who is hidden, who comes back."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.thermal.people.bodies import UPS, Up
from models.thermal.people.heads import Head
from models.thermal.people.track import Track
from models.thermal.people.tracks import AWAY_S, HIDDEN_S, LEFT_S, TRACKS_MAX, VOTES_MAX, Tracks
from models.thermal.reference.disc import Circle

FPS = 9.0


def head(
    row: float, column: float, radius_px: float = 17.0, *, whole: bool = True, up: Up | None = None
) -> Head:
    return Head(Circle(row, column, radius_px), 34.0, whole, up)


class Street:
    """Tracks, and the frames that they are shown."""

    def __init__(self, fps: float = FPS) -> None:
        self.tracks = Tracks()
        self.fps = fps
        self.now_s = 50.0

    def show(self, *heads: Head, n: int = 1) -> tuple[Track, ...]:
        for _ in range(n):
            self.now_s += 1 / self.fps
            self.tracks = self.tracks.step(heads, self.now_s)
        return self.tracks.people

    def walk(self, n: int, rows: float, columns: float = 0.0, grows: float = 1.0) -> Track:
        for step in range(n):
            self.show(head(20.0 + step * rows, 60.0 + step * columns, 17.0 * grows**step))
        return self.tracks.people[0]


def test_who_keeps_still_stands_after_half_a_second() -> None:
    street = Street()
    assert [street.show(head(60, 70))[0].standing for _ in range(6)] == [False] * 5 + [True]


@pytest.mark.parametrize("fps", [3.0, 4.5, 9.0, 25.0, 50.0])
def test_it_takes_as_long_at_any_frame_rate_but_three_looks(fps: float) -> None:
    street = Street(fps)
    looks = next(n for n in itertools.count(1) if street.show(head(60, 70))[0].standing)
    assert looks >= 3
    assert max(0.5, 2 / fps) <= (looks - 1) / fps + 1e-9 <= max(0.5, 2 / fps) + 1 / fps


WAYS: dict[str, tuple[dict[str, Any], bool]] = {
    "sways": ({"rows": 0.2}, True),
    "walks past": ({"rows": 5.0}, False),
    "walks along": ({"rows": 0.0, "columns": 5.0}, False),
    "comes nearer": ({"rows": 0.0, "grows": 1.08}, False),
    "leans nearer": ({"rows": 0.0, "grows": 1.02}, True),
}


@pytest.mark.parametrize("way", WAYS)
def test_who_walks_does_not_stand(way: str) -> None:
    how, stands = WAYS[way]
    assert Street().walk(8, **how).standing is stands


def test_who_stops_stands_a_moment_later() -> None:
    street = Street()
    street.walk(8, 5.0)
    assert [street.show(head(55, 60))[0].standing for _ in range(6)][-1]


def test_a_long_gap_between_looks_says_nothing() -> None:
    street = Street(fps=0.9)
    for _ in range(4):
        (track,) = street.show(head(60, 70))
        assert not track.standing


def test_somebody_keeps_their_number_while_they_move() -> None:
    street = Street()
    track = street.walk(20, 4.0)
    assert (track.number, street.tracks.count) == (1, 1)
    assert track.stirred


def test_a_face_is_usually_as_large_as_it_was_lately() -> None:
    street = Street()
    street.show(head(60, 70, 17.0), n=6)
    (track,) = street.show(head(62, 71, 27.0))
    assert track.usual == Circle(62, 71, 17.0)
    (track,) = street.show(head(62, 71, 27.0), n=6)
    assert track.usual.radius_px == 27.0


def test_what_never_moves_never_stirs() -> None:
    (track,) = Street().show(head(60, 70), n=100)
    assert not track.stirred


def test_who_vanishes_within_the_frame_may_come_back_for_a_while() -> None:
    street = Street()
    street.show(head(60, 70), n=6)
    street.now_s += AWAY_S - 0.2
    assert [track.number for track in street.show(head(62, 74))] == [1]
    street.now_s += AWAY_S
    assert [track.number for track in street.show(head(62, 74))] == [2]


def test_who_left_at_the_edge_has_left() -> None:
    street = Street()
    street.show(head(10, 70, whole=False), n=6)
    street.now_s += LEFT_S
    assert [track.number for track in street.show(head(12, 70, whole=False))] == [2]


def test_who_is_somewhere_else_is_somebody_else() -> None:
    street = Street()
    street.show(head(30, 40), n=3)
    assert {track.number for track in street.show(head(90, 130))} == {1, 2}


def test_another_size_is_somebody_else_but_the_same_place_is_not() -> None:
    """A hand before the face leaves a small piece of it for a moment."""
    street = Street()
    street.show(head(60, 70), n=6)
    street.show(head(62, 74, 6.0), n=3)
    assert {track.number for track in street.tracks.people} == {1}
    (track,) = street.show(head(60, 70))
    assert (track.number, street.tracks.count) == (1, 3)
    assert track.began_as == 3


def test_two_people_cross_without_exchanging_numbers() -> None:
    street = Street()
    for step in range(12):
        street.show(head(40, 30 + 3 * step), head(80, 130 - 3 * step))
    by_row = {track.last.head.circle.row: track.number for track in street.tracks.people}
    assert by_row == {40: 1, 80: 2}


def test_faces_that_touch_overlap() -> None:
    street = Street()
    apart = street.show(head(60, 40), head(60, 100))
    assert [track.overlapped for track in apart] == [False, False]
    touching = street.show(head(60, 50), head(60, 90))
    assert [track.overlapped for track in touching] == [True, True]


def test_a_face_that_vanished_beside_another_is_hidden_by_it_for_a_while() -> None:
    street = Street()
    street.show(head(60, 50), head(60, 105), n=4)
    street.show(head(60, 50), head(60, 88))
    assert [track.overlapped for track in street.show(head(60, 50))] == [True, False]
    people = street.show(head(60, 50), n=round(HIDDEN_S * FPS) + 2)
    assert [track.overlapped for track in people] == [False]


def test_a_glimpse_hides_nobody() -> None:
    street = Street()
    street.show(head(60, 50), n=4)
    street.show(head(60, 50), head(60, 88))
    assert not street.show(head(60, 50))[0].overlapped


def test_up_is_what_most_faces_say() -> None:
    tracks = Tracks()
    assert tracks.up is None
    for number in range(10):
        tracks = tracks.step((head(60, 70, up=(0, -1)), head(60, 120, up=None)), number / FPS)
    assert tracks.up == (0, -1)
    for number in range(10, 20):
        tracks = tracks.step((head(60, 70, up=(-1, 0)),), number / FPS)
    assert tracks.up is None
    for number in range(20, 20 + 2 * VOTES_MAX):
        tracks = tracks.step((head(60, 70, up=(-1, 0)),), number / FPS)
    assert tracks.up == (-1, 0)
    assert sum(tracks.votes) <= VOTES_MAX


def test_faces_that_the_frame_cuts_do_not_say_where_up_is() -> None:
    assert Tracks().step((head(5, 70, whole=False, up=(0, -1)),), 1.0).votes == (0, 0, 0, 0)


def test_a_crowd_is_bounded() -> None:
    street = Street()
    street.show(*(head(60 * row, 60 * column, 10.0) for row in range(6) for column in range(6)))
    assert len(street.tracks.people) == TRACKS_MAX


any_head = st.builds(
    head,
    row=st.floats(0, 119),
    column=st.floats(0, 159),
    radius_px=st.floats(4.5, 60),
    whole=st.booleans(),
    up=st.none() | st.sampled_from(UPS),
)


@given(frames=st.lists(st.tuples(st.lists(any_head, max_size=4), st.floats(-2.0, 5.0)), max_size=25))
def test_whoever_comes_and_goes_numbers_are_never_given_twice(frames: list[tuple[list[Head], float]]) -> None:
    tracks, now_s, given_before = Tracks(), 100.0, 0
    for heads, wait_s in frames:
        later_s = now_s + wait_s
        again, now_s = later_s == now_s, later_s
        known = {track.number for track in tracks.people}
        tracks = tracks.step(tuple(heads), now_s)
        numbers = [track.number for track in tracks.people]
        assert len(set(numbers)) == len(numbers)
        assert all(number in known or number > given_before for number in numbers)
        assert max((*numbers, 0)) <= tracks.count
        seen = sum(track.last.at_s == now_s for track in tracks.people)
        assert again or seen == len(heads)
        given_before = tracks.count
        for track in tracks.people:
            assert isinstance(track.standing, bool)
            assert isinstance(track.stirred, bool)
