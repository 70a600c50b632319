"""Pages beside the report, in its style: one HTML file that needs no script and no network.

A page is a template that extends `page.html.j2`. Everything that comes from outside is escaped.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from vitreous import __version__
from vitreous.experiment.axis import percent
from vitreous.experiment.wording import quantity


def page(
    package: str, template: str, *, title: str, sections: Sequence[tuple[str, str]], **values: Any
) -> str:
    """The text of an HTML file.

    package   with a folder `templates` that holds the template, such as "vitreous.cli"
    sections  (anchor, name) of each section, for the table of contents
    values    for the template
    """
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("vitreous.experiment")]),
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


def binary(count: float) -> str:
    """A number of bytes: 28 B, 3.1 KiB, 58.1 MiB, 1.21 GiB."""
    for power, prefix in ((30, "Gi"), (20, "Mi"), (10, "Ki")):
        if count >= 0.9995 * 2**power:
            value = count / 2**power
            return f"{value:.{2 if value < 10 else 1 if value < 1000 else 0}f}\u202f{prefix}B"
    return f"{count:g}\u202fB"
