"""A page of training images before and after augmentation, as one HTML file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitreous.drawing.html import page
from vitreous.drawing.thumbnail import Thumbnail, thumbnail

if TYPE_CHECKING:
    from vitreous.runs.first_batch import FirstBatch

SIDE = 320  # pixels of the longer side of a picture


def batch_sheet(found: FirstBatch) -> str:
    """One file without script or request, in the style of the report."""
    setup = found.setup
    recipe, contract = setup.recipe, setup.contract
    return page(
        "vitreous.cli",
        "batch.html.j2",
        title=f"What {recipe.model or 'the network'} sees of {setup.dataset.name}",
        sections=[("batch", "First batch")],
        window=f"{contract.channels} × {contract.height} × {contract.width}",
        recipe=recipe,
        frozen=recipe.freeze == "backbone",
        mirrored=setup.augment.flip > 0,
        rows=[
            (each, *(Thumbnail(thumbnail(image, SIDE)) for image in (each.before, each.after)))
            for each in found.sights
        ],
    )
