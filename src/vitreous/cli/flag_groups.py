"""Flags in groups: the help of a verb that takes a recipe shows a panel for each heading."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cyclopts.help import DefaultFormatter, HelpEntry, HelpPanel

from vitreous.fields import field_types
from vitreous.recipes.recipe import HEADINGS, Recipe, flag

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions


class Grouped(DefaultFormatter):
    """The usual look; a panel that holds the flags of a recipe becomes several."""

    def __call__(self, console: Console, options: ConsoleOptions, panel: HelpPanel) -> None:
        for title, entries in grouped(panel.entries).items():
            super().__call__(
                console, options, panel.copy(title=title or panel.title, entries=entries)
            )


def grouped(entries: list[HelpEntry]) -> dict[str, list[HelpEntry]]:
    """The flags under their headings, in the order of the recipe; the rest last, as ""."""
    by_flag = {name: entry for entry in entries for name in entry.names}
    groups: dict[str, list[HelpEntry]] = {}
    for name in field_types(Recipe):
        if name in HEADINGS:
            group = groups.setdefault(HEADINGS[name], [])
        if flag(name) in by_flag:
            group.append(by_flag[flag(name)])
    told = {id(entry) for group in groups.values() for entry in group}
    if len(told) < len(field_types(Recipe)):  # no recipe: a flag of its name is the verb's own
        return {"": entries}
    return groups | {"": [entry for entry in entries if id(entry) not in told]}
