"""Text for people: complete catalogues, a sentence for every enum member, numbers in the local way."""

import datetime as dt
import inspect
import re
import string
from enum import StrEnum
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardea.contract import batches, orders, policy, reasons, records, screening, time, zones
from cardea.contract.reasons import Reason
from cardea.contract.records import AlertKind, Outcome
from cardea.runtime import catalogue
from cardea.runtime.i18n import OWN_NAME, Language, negotiate, translator
from cardea.runtime.phrases import AT_TERMINAL, AT_TERMINAL_FOR, PHRASES, phrase, terminal_phrase

ROOT = Path(__file__).parents[3]
SHANGHAI = ZoneInfo("Asia/Shanghai")
TERMINAL_CHARACTERS_MAX = 42


def _places(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}


def test_the_chinese_catalogue_says_everything_the_source_says_with_the_same_places() -> None:
    wanted = catalogue.extract(ROOT)
    chinese = catalogue.read(Language.ZH_CN)
    said = {message.id: message for message in catalogue.entries(chinese)}
    found = {message.id: message for message in catalogue.entries(wanted)}
    assert sorted(found.keys() - said.keys(), key=str) == [], "run: python -m cardea.runtime.catalogue"
    assert sorted(said.keys() - found.keys(), key=str) == [], "run: python -m cardea.runtime.catalogue"
    for identity, message in said.items():
        assert not message.fuzzy, identity
        sentences = (identity,) if isinstance(identity, str) else identity
        for form in catalogue.forms(message):
            assert form.strip(), f"no translation: {identity}"
            assert _places(form) == _places(sentences[-1]), identity
            assert re.search(r"[\u4e00-\u9fff]", form) or form == sentences[-1], f"not Chinese: {identity}"


def test_the_english_catalogue_is_the_identity() -> None:
    assert list(catalogue.entries(catalogue.read(Language.EN))) == []
    assert translator("en").text("Please come in") == "Please come in"


def test_every_enum_of_the_contract_that_people_see_has_a_sentence_for_each_member() -> None:
    unseen = {"Leaf"}
    modules = (batches, orders, policy, reasons, records, screening, time, zones)
    enums = {
        value
        for module in modules
        for _, value in inspect.getmembers(module, inspect.isclass)
        if issubclass(value, StrEnum) and value is not StrEnum and value.__name__ not in unseen
    }
    assert enums == set(PHRASES)
    for enum in enums:
        assert {id(member) for member in PHRASES[enum]} == {id(member) for member in enum}


def test_members_that_share_a_value_keep_their_own_sentences() -> None:
    assert phrase(Reason.FIRE) != phrase(AlertKind.FIRE)


@pytest.mark.parametrize("language", list(Language))
def test_a_terminal_shows_a_short_line_for_every_outcome_and_reason(language: Language) -> None:
    say = translator(language).text
    for outcome in Outcome:
        for reason in Reason:
            assert 0 < len(say(terminal_phrase(outcome, reason))) <= TERMINAL_CHARACTERS_MAX


def test_bystanders_never_read_why_somebody_is_sent_to_the_staff() -> None:
    private = (Reason.STATUS_RED, Reason.STATUS_YELLOW, Reason.SCREENING_ELEVATED, Reason.FACE_CONTRADICTS)
    for reason in private:
        for outcome in (Outcome.REFER, Outcome.DENY):
            assert terminal_phrase(outcome, reason) == AT_TERMINAL[outcome]
    assert not {outcome for outcome, _ in AT_TERMINAL_FOR} & {Outcome.REFER}


def test_text_fills_its_places_and_falls_back_to_english() -> None:
    say = translator("zh_CN").text
    assert say("Please come in") == "请进"
    assert say("There is no such sentence about {thing}", thing="doors").endswith("about doors")
    with pytest.raises(KeyError):
        say("There is no such sentence about {thing}")


def test_values_are_never_read_as_sentences() -> None:
    assert translator("en").text("Name: {name}", name="{__class__}") == "Name: {__class__}"


def test_plural_forms() -> None:
    english = translator("en")
    assert english.plural("{n} gate of {site}", "{n} gates of {site}", 1, site="A") == "1 gate of A"
    assert english.plural("{n} gate of {site}", "{n} gates of {site}", 1200, site="A") == "1,200 gates of A"


@pytest.mark.parametrize(
    ("language", "moment", "day", "length"),
    [
        ("en", "3 Feb 2024, 12:05:06", "3 Feb 2024", "3 minutes"),
        ("zh_CN", "2024年2月3日 12:05:06", "2024年2月3日", "3分钟"),
    ],
)
def test_dates_and_lengths(language: str, moment: str, day: str, length: str) -> None:
    say = translator(language)
    at = dt.datetime(2024, 2, 3, 4, 5, 6, tzinfo=dt.UTC)
    assert say.moment(at, SHANGHAI) == moment
    assert say.date(at.date()) == day
    assert say.duration(190) == length
    assert say.time_of_day(at, dt.UTC) == "04:05:06"


@pytest.mark.parametrize("language", list(Language))
def test_numbers_and_temperatures(language: Language) -> None:
    say = translator(language)
    assert say.temperature_c(36.46) == "36.5°C"
    assert say.number(12345.678, 2) == "12,345.68"
    assert say.number(12) == "12"
    assert OWN_NAME[language]


@pytest.mark.parametrize(
    ("wanted", "spoken"),
    [
        (["zh-Hans-CN", "en"], Language.ZH_CN),
        (["zh"], Language.ZH_CN),
        (["zh_CN"], Language.ZH_CN),
        (["fr", "en-GB", "zh"], Language.EN),
        (["fr"], Language.EN),
        ([], Language.EN),
    ],
)
def test_the_best_language_we_speak(wanted: list[str], spoken: Language) -> None:
    assert negotiate(wanted) is spoken


@given(st.lists(st.text(max_size=12), max_size=3))
def test_any_wish_gives_a_language(wanted: list[str]) -> None:
    assert negotiate(wanted) in Language


def test_an_unknown_language_is_an_error_and_translators_are_shared() -> None:
    with pytest.raises(ValueError, match="tlh"):
        translator("tlh")
    assert translator("en") is translator("en")


def _tree(root: Path, source: str) -> Path:
    (root / "edge").mkdir()
    (root / "edge" / "said.py").write_text(source)
    return root


def test_the_extractor_finds_marked_and_translated_sentences(tmp_path: Path) -> None:
    source = (
        'A = msg("One")\nt.text("Two {n}", n=1)\nt.plural("{n} three", "{n} threes", 3)\n'
        'sa.text("SELECT 1")\ntext("no")\nt.text(variable)\nf()(1)\nt.text()\n'
    )
    found = [message.id for message in catalogue.entries(catalogue.extract(_tree(tmp_path, source)))]
    assert found == ["One", "Two {n}", ("{n} three", "{n} threes")]


@pytest.mark.parametrize("source", ['t.text(f"Two {n}")', 't.text("Two " + n)'])
def test_sentences_built_from_pieces_are_refused(tmp_path: Path, source: str) -> None:
    with pytest.raises(catalogue.NotLiteral, match=r"edge/said\.py:1"):
        catalogue.extract(_tree(tmp_path, source))


def test_a_catalogue_is_brought_up_to_date_from_the_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "LOCALE", tmp_path)
    header = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'
    old = tmp_path / "zh_CN.po"
    old.write_text(header + 'msgid "One"\nmsgstr "一"\n\nmsgid "Gone"\nmsgstr "去"\n')
    root = _tree(tmp_path, 'A = (msg("One"), msg("New"), t.plural("{n} a", "{n} as", 2))')
    assert catalogue.update(root) == 2
    first = old.read_text()
    assert "Gone" not in first
    assert 'msgid "One"\nmsgstr "一"' in first
    assert 'msgid "New"\nmsgstr ""' in first
    assert catalogue.update(root) == 2
    assert old.read_text() == first


def test_the_command_says_how_much_is_left_to_translate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(catalogue, "LOCALE", tmp_path)
    (tmp_path / "zh_CN.po").write_text('msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n')
    monkeypatch.chdir(_tree(tmp_path, 'A = msg("New")'))
    assert catalogue.main() == 0
    assert "1 entries want a translation" in capsys.readouterr().err
