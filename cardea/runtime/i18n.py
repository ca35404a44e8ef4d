"""Text for people: gettext catalogues, and numbers, dates and temperatures as the reader writes them.

A message id is the English sentence itself, with ``{named}`` places. Catalogues are the ``locale/*.po``
beside this module, read once per process. ``cardea.runtime.catalogue`` finds the message ids in the source.
"""

import datetime as dt
import gettext
import io
from collections.abc import Sequence
from enum import StrEnum
from functools import cache
from importlib import resources

from babel import Locale
from babel.dates import format_date, format_datetime, format_time, format_timedelta
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from babel.units import format_unit


class Language(StrEnum):
    """The languages there are catalogues for."""

    EN = "en"
    ZH_CN = "zh_CN"


OWN_NAME = {Language.EN: "English", Language.ZH_CN: "简体中文"}
"""What speakers of a language call it; never translated."""


_HABITS = {Language.EN: "en_GB", Language.ZH_CN: "zh_Hans_CN"}
"""Whose way of writing dates and times is meant; a duty log knows no a.m. and p.m."""


def msg(msgid: str) -> str:
    """Mark a message id in a table so that the extractor finds it; it is translated where it is shown."""
    return msgid


class Translator:
    """Says things in one language."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self._catalogue = _catalogue(language)
        self._locale = Locale.parse(_HABITS[language])

    def text(self, msgid: str, **values: object) -> str:
        """The sentence ``msgid`` with ``values`` in its places; English when the catalogue lacks it.

        Raises:
            KeyError: a place of the sentence has no value; the tests hold all catalogues to the same places.
        """
        return self._catalogue.gettext(msgid).format_map(values)

    def plural(self, one: str, many: str, n: int, **values: object) -> str:
        """The form of the sentence that fits ``n``, which is also the value of ``{n}``, in local digits."""
        chosen = self._catalogue.ngettext(one, many, n)
        return chosen.format_map({"n": self.number(n), **values})

    def number(self, value: float, decimals: int = 0) -> str:
        """A number with grouping, rounded to ``decimals``."""
        pattern = "#,##0" + ("." + "0" * decimals if decimals else "")
        return format_decimal(value, format=pattern, locale=self._locale)

    def temperature_c(self, value_c: float) -> str:
        """A temperature in °C with one decimal, e.g. ``36.5°C``."""
        return format_unit(value_c, "temperature-celsius", "short", format="0.0", locale=self._locale)

    def moment(self, at: dt.datetime, zone: dt.tzinfo) -> str:
        """Date and time of day to the second, in ``zone``."""
        return format_datetime(at, "medium", tzinfo=zone, locale=self._locale)

    def time_of_day(self, at: dt.datetime, zone: dt.tzinfo) -> str:
        """The time of day to the second, in ``zone``."""
        return format_time(at, "medium", tzinfo=zone, locale=self._locale)

    def date(self, day: dt.date) -> str:
        """A calendar day."""
        return format_date(day, "medium", locale=self._locale)

    def duration(self, length_s: float) -> str:
        """A length of time in its largest fitting unit, e.g. ``3 minutes``."""
        return format_timedelta(dt.timedelta(seconds=length_s), threshold=1.0, locale=self._locale)


@cache
def translator(language: Language | str) -> Translator:
    """The translator of a language, one per process.

    Raises:
        ValueError: there is no catalogue for it; :func:`negotiate` never asks for such a one.
    """
    return Translator(Language(language))


def negotiate(wanted: Sequence[str]) -> Language:
    """The first language of ``wanted`` (BCP 47 or POSIX names, best first) that we speak, else English.

    ``zh``, ``zh-Hans`` and ``zh-CN`` are all Simplified Chinese.
    """
    for name in wanted:
        spoken = name.replace("-", "_").partition("_")[0].lower()
        for language in Language:
            if language.value.partition("_")[0] == spoken:
                return language
    return Language.EN


@cache
def _catalogue(language: Language) -> gettext.NullTranslations:
    source = resources.files("cardea.runtime").joinpath("locale", f"{language.value}.po")
    with source.open("rb") as file:
        catalogue = read_po(file, locale=language.value)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)
