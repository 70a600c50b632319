"""`vitreous show DATA`: the first batch that training would see, before and after augmentation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from vitreous.errors import UsageError
from vitreous.recipes.recipe import Recipe


def show(
    data: str,
    /,
    recipe: Annotated[Recipe | None, Parameter(name="*")] = None,
    *,
    count: int = 24,
    out: Path = Path("batch.html"),
    quiet: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Show the first images of a training, with their targets, before and after augmentation.

    Nothing is trained. The flags are those of `vitreous train`: what is shown is what it would see.

    Parameters
    ----------
    data
        as for `vitreous train`
    count
        how many images
    out
        the page, a file that ends in .html
    quiet
        no progress
    """
    from vitreous.atomic import check_ending, write_text
    from vitreous.cli.batch_sheet import batch_sheet
    from vitreous.progress.choose import progress
    from vitreous.runs.first_batch import first_batch

    if count < 1:
        raise UsageError(f"{count} is out of range", where="--count", remedy="Give 1 or more.")
    check_ending(out, (".html", ".htm"), "a page")
    with progress(style="none" if quiet else "auto") as shown:
        found = first_batch(data, recipe, count, shown)
    write_text(out, batch_sheet(found))
    print(out)
