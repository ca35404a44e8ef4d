"""The seeded people of a simulated tower: who they are, what they carry, how warm they run."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random  # noqa: TID251  # seeded by the world: the same people every time, no secrets

PEOPLE_MIN = 12
PEOPLE_MAX = 50_000
ORGANISATIONS = (
    "Harbour Bank",
    "远东物流有限公司",
    "Lumen Biotech",
    "清源律师事务所",
    "Meridian Architects",
    "云帆软件",
    "Tower Facilities",
    "安康诊所",
)
_FAMILY = (
    "王",
    "李",
    "张",
    "刘",
    "陈",
    "杨",
    "赵",
    "黄",
    "周",
    "吴",
    "徐",
    "孙",
    "胡",
    "朱",
    "高",
    "林",
    "何",
    "郭",
)
_GIVEN = (
    "伟",
    "芳",
    "娜",
    "敏",
    "静",
    "丽",
    "强",
    "磊",
    "军",
    "洋",
    "勇",
    "艳",
    "杰",
    "涛",
    "明",
    "超",
    "秀英",
    "霞",
)
_FIRST = (
    "Anna",
    "Zoë",
    "José",
    "Fatima",
    "Oluwaseun",
    "Siobhán",
    "Łukasz",
    "Priya",
    "Haruto",
    "Ingrid",
    "Mehmet",
)
_LAST = (
    "Müller",
    "O'Brien",
    "García",
    "Al-Sayed",
    "Adeyemi",
    "Ní Dhomhnaill",
    "Wójcik",
    "Iyer",
    "Satō",
    "Østby",
)
_CHINESE_SHARE = 0.7
_MASKED_SHARE = 0.9
_CARD_SHARE = 0.35
_BASELINE_C, _BASELINE_SD_C, _BASELINE_SPAN_C = 36.2, 0.45, 0.55
"""Healthy people differ by more than terminals that normalise let them (see ``decision.compensation``)."""
_LONG_AGO = "2024-12-31"
COLUMNS = (
    "person",
    "name",
    "organisation",
    "employee_no",
    "card",
    "valid_from",
    "valid_until",
    "schedule",
    "status",
)


@dataclass(frozen=True, slots=True)
class Resident:
    """Somebody who works in the tower."""

    person: str
    name: str
    organisation: str
    employee_no: str
    card: str
    baseline_c: float
    """What a forehead terminal reads of this person on a normal day, °C."""
    masked: bool
    prefers_card: bool
    valid_until: str = ""
    status: str = "active"

    def __repr__(self) -> str:
        """Without the name: logs and tracebacks show this."""
        return f"Resident({self.person})"


@dataclass(frozen=True, slots=True)
class Population:
    """Everyone: those who come and go as they should, and two whose cards still work nowhere."""

    welcome: tuple[Resident, ...]
    revoked: Resident
    expired: Resident

    @property
    def everyone(self) -> tuple[Resident, ...]:
        """All of them, by person id."""
        return (*self.welcome, self.revoked, self.expired)


def populate(seed: int, count: int) -> Population:
    """``count`` people; the same seed gives the same people.

    Raises:
        ValueError: ``count`` outside ``PEOPLE_MIN``…``PEOPLE_MAX``.
    """
    if not PEOPLE_MIN <= count <= PEOPLE_MAX:
        raise ValueError(f"{count} people: give {PEOPLE_MIN} to {PEOPLE_MAX}")
    dice = Random(f"people {seed}")  # noqa: S311  # no secrets
    cards = dice.sample(range(10**9, 10**10), count)
    people = [_resident(dice, number, f"{card:010d}") for number, card in enumerate(cards, 1)]
    *welcome, revoked, expired = people
    return Population(
        tuple(welcome), replace(revoked, status="revoked"), replace(expired, valid_until=_LONG_AGO)
    )


def people_csv(people: Sequence[Resident]) -> str:
    """The file that ``cardea edge import-people`` takes in."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(COLUMNS)
    for one in people:
        rows.writerow(
            (
                one.person,
                one.name,
                one.organisation,
                one.employee_no,
                one.card,
                "",
                one.valid_until,
                "",
                one.status,
            )
        )
    return text.getvalue()


def _resident(dice: Random, number: int, card: str) -> Resident:
    spread = dice.gauss(0.0, _BASELINE_SD_C)
    return Resident(
        person=f"p-{number:04d}",
        name=_name(dice),
        organisation=dice.choice(ORGANISATIONS),
        employee_no=f"{100_000 + number}",
        card=card,
        baseline_c=_BASELINE_C + max(-_BASELINE_SPAN_C, min(_BASELINE_SPAN_C, spread)),
        masked=dice.random() < _MASKED_SHARE,
        prefers_card=dice.random() < _CARD_SHARE,
    )


def _name(dice: Random) -> str:
    if dice.random() < _CHINESE_SHARE:
        return dice.choice(_FAMILY) + dice.choice(_GIVEN)
    return f"{dice.choice(_FIRST)} {dice.choice(_LAST)}"
