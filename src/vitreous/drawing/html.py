"""HTML pages of one style: each is one file that needs no script, no network and no server.

A page is a template that extends `page.html.j2`, such as the report. Everything that comes from
outside (names of classes, files, reasons) is escaped.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from vitreous.formats import binary, duration, moment, percent, plain, quantity, times
from vitreous.version import __version__

FORMATS = (binary, duration, moment, percent, plain, quantity, times)


def page(
    package: str, template: str, *, title: str, sections: Sequence[tuple[str, str]], **values: Any
) -> str:
    """The text of an HTML file.

    package   with a folder `templates` that holds the template, such as "vitreous.report"
    sections  (anchor, name) of each section, for the table of contents
    values    for the template
    """
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("vitreous.drawing")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {form.__name__: form for form in FORMATS} | {"sentence": sentence}
    text = environment.get_template(template).render(
        title=title, sections=sections, version=__version__, **values
    )
    # A file name that is no UTF-8 holds lone surrogates, which no file could be written with.
    return text.lstrip().encode("utf-8", "backslashreplace").decode("utf-8")


def sentence(words: str) -> str:
    """With a capital in front, and all else as it is: macro F1 becomes Macro F1."""
    return words[:1].upper() + words[1:]
