"""NiceGUI's table with a typed way to fill it."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from nicegui import ui

from cardea.runtime.i18n import Translator


def make_table(say: Translator, titles: Mapping[str, str], *, sortable: bool) -> ui.table:
    """An empty table with a column for each of ``titles`` (name → message id), keyed by ``id``."""
    columns = [
        {"name": name, "label": say.text(title), "field": name, "align": "left", "sortable": sortable}
        for name, title in titles.items()
    ]
    return ui.table(columns=columns, rows=[], row_key="id").classes("w-full").props("dense flat")


def show_rows(table: ui.table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Replace what a table shows."""
    cast("Any", table).update_rows(list(rows), clear_selection=False)  # its stub leaves the dicts' types open
