"""`vitreous search MODEL DATA IMAGE`: images like this one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from vitreous.cli.loading import loading
from vitreous.cli.network import is_path
from vitreous.errors import unknown
from vitreous.files import json_text

if TYPE_CHECKING:
    from vitreous.retrieval import Search


def search(
    model: str,
    data: str,
    image: Path,
    /,
    *,
    top: int = 12,
    out: Path | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
    quiet: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Find the images of a data set that are most like one image, by what a network sees in them.

    Where the data have classes, it is also measured how well that works: do images find others of
    their class?

    Parameters
    ----------
    model
        a run folder, a model file, or a network that comes with its weights: `efficientnet_lite0`
    data
        as for `vitreous train`, or a folder of images without class folders
    image
        the image whose like are looked for
    top
        how many images to find
    out
        write a contact sheet to this file, .html or .png
    json
        print one JSON object
    quiet
        no progress
    """
    with loading():
        from vitreous.atomic import write_bytes
        from vitreous.data.formats.collection import collection
        from vitreous.models import MODELS
        from vitreous.progress.choose import progress
        from vitreous.retrieval import search as find
        from vitreous.retrieval.sheet import check, sheet

    if out is not None:
        check(out)
    if model not in MODELS and not is_path(model):
        raise unknown("model", model, MODELS)
    dataset = collection(data)
    with progress(style="none" if quiet else "auto") as shown:
        found = find(model, dataset, image, top=top, progress=shown)
    if out is not None:
        write_bytes(out, sheet(found, dataset, image, out))
    print(json_text(found.to_json()) if json else text(found, out))


def text(found: Search, out: Path | None) -> str:
    """A line an image: rank, similarity, class, path; then how good such answers are."""
    from vitreous.formats import counted, percent

    width = max((len(match.label) + 2 for match in found.matches if match.label), default=0)
    lines = [
        f"{rank:4}  {match.score:6.3f}  {match.label:{width}}{match.path}"
        for rank, match in enumerate(found.matches, 1)
    ]
    facts = [("model", found.model), ("data", f"{found.data}, {counted(found.count, 'image')}")]
    if found.votes:
        facts.append(("labels", ", ".join(f"{label} {count}" for label, count in found.votes)))
    if found.scores is not None:
        sure = found.scores.interval
        told = f", 95 % interval {percent(sure[0])} to {percent(sure[1])}" if sure else ""
        facts += [
            (
                f"map@{found.scores.k}",
                f"{percent(found.scores.map)}   mean average precision{told}",
            ),
            ("first", f"{percent(found.scores.first)}   of the nearest images are of the class"),
            ("", f"measured on {found.measured}"),
        ]
    facts += [("note", note) for note in found.notes]
    if out is not None:
        facts.append(("sheet", str(out)))
    return "\n".join([*lines, "", *(f"{name:<10}{said}" for name, said in facts)])
