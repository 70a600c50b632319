"""Pages beside the report, in its style: one HTML file that needs no script and no network.

A page is a template that extends `page.html.j2`. Everything that comes from outside is escaped.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from vitreous.formats import binary, percent, quantity
from vitreous.version import __version__


def page(
    package: str, template: str, *, title: str, sections: Sequence[tuple[str, str]], **values: Any
) -> str:
    """The text of an HTML file.

    package   with a folder `templates` that holds the template, such as "vitreous.cli"
    sections  (anchor, name) of each section, for the table of contents
    values    for the template
    """
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("vitreous.report")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"quantity": quantity, "percent": percent, "binary": binary}
    text = environment.get_template(template).render(
        title=title, sections=sections, version=__version__, **values
    )
    # A file name that is no UTF-8 holds lone surrogates, which no file could be written with.
    return text.lstrip().encode("utf-8", "backslashreplace").decode("utf-8")
