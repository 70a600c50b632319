"""`vitreous compare RUN RUN ...`: are runs different, or is it luck?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from vitreous.cli.loading import loading
from vitreous.files import json_text


def compare(
    *runs: Path,
    split: Literal["test", "validation"] = "test",
    out: Path | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Compare runs on the same images: "different" or "not shown to be different", with the number
    of images that would settle it. Runs of one recipe under several seeds are compared by their
    means as well.

    Parameters
    ----------
    runs
        two or more run folders of the same data
    split
        the part to compare them on: validation where one of them is to be chosen
    out
        also write a page with the differences as a picture, such as compare.html
    json
        print one JSON object
    """
    with loading():
        from vitreous.atomic import check_ending, write_text
        from vitreous.select.compare import compare as contrasted
        from vitreous.select.comparison_page import comparison_page

    if out is not None:
        check_ending(out, (".html", ".htm"), "a comparison")
    found = contrasted(*runs, split=split)
    if out is not None:
        write_text(out, comparison_page(found))
    print(json_text(found.to_json()) if json else found.text())
