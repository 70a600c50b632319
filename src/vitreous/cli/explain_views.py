"""Views into a network, in place of heatmaps: plates of pictures that `vitreous explain` draws."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vitreous.errors import UsageError
from vitreous.files import json_text

if TYPE_CHECKING:
    from vitreous.explain.plate import Plate
    from vitreous.inference.model_file import Bundle
    from vitreous.progress.progress import Progress


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is to be seen.

    model   as it was named: a run folder or a model file; bundle: what it holds
    paths   of images
    value   of the flag that chose the view: a layer, where it takes one
    method, layer, unit, target  as for an explanation
    """

    model: Path
    bundle: Bundle
    paths: Sequence[Path]
    value: str = ""
    method: str = "auto"
    layer: str | None = None
    unit: int | None = None
    target: str = ""
    progress: Progress | None = None

    def check(self, flag: str, **needless: object) -> None:
        """Raises UsageError for options that mean nothing here."""
        method = self.method if self.method != "auto" else ""
        for name, value in {"method": method, **needless}.items():
            if value:
                raise UsageError(
                    f"has no effect with {flag}", where=f"--{name}", remedy="Leave it out."
                )

    def images(self, flag: str) -> Sequence[Path]:
        """Raises UsageError where none are given."""
        if not self.paths:
            raise UsageError(
                f"{flag} looks at images, and none are given",
                remedy="Name image files, or folders of them.",
            )
        return self.paths


View = Callable[[Asked], Iterator["Plate"]]


def filters(asked: Asked) -> Iterator[Plate]:
    from vitreous.explain.first_filters import filter_plate

    asked.check("--filters", layer=asked.layer, unit=asked.unit is not None, target=asked.target)
    height, width, channels = asked.bundle.contract.shape
    yield filter_plate(asked.bundle.model, (channels, height, width))


def maps(asked: Asked) -> Iterator[Plate]:
    from vitreous.explain.feature_maps import feature_maps, layers_with_maps
    from vitreous.explain.plate import named

    asked.check("--maps", layer=asked.layer, unit=asked.unit is not None, target=asked.target)
    model = asked.bundle.model
    for path in asked.images("--maps"):
        images = asked.bundle.images([path]).to(asked.bundle.device)
        for layer in layers_with_maps(model, images, asked.value):
            yield named(feature_maps(model, images, layer, path.name), path.stem)


VIEWS: dict[str, View] = {"filters": filters, "maps": maps}
"""By the flag that chooses each."""


def one_view(**flags: bool | str | None) -> str | None:
    """The flag that is given. Raises UsageError for two, which are two questions."""
    given = [name for name, value in flags.items() if value]
    if len(given) > 1:
        raise UsageError(
            f"--{given[0]} and --{given[1]} are two questions",
            remedy="Ask one after the other.",
        )
    return given[0] if given else None


def show(view: str, asked: Asked, out: Path | None, json: bool) -> None:
    """Write the plates of a view into a folder, and say where.

    out  None is the folder `explained` in the run, or beside the model file
    """
    from vitreous.atomic import write_bytes, write_text
    from vitreous.explain.plate_sheet import plate_sheet

    run = asked.model if asked.model.is_dir() else asked.model.parent
    folder = run / "explained" if out is None else out
    found: list[Plate] = []
    for plate in VIEWS[view](asked):
        folder.mkdir(parents=True, exist_ok=True)
        write_bytes(folder / f"{plate.name}.png", plate.png())
        found.append(plate)
        if not json:
            print(plate.text, f"  {folder / plate.name}.png", sep="\n")
    page = folder / f"{view}.html"
    name = asked.bundle.architecture or "a network"
    write_text(page, plate_sheet(found, f"Inside {name}: {view}"))
    if json:
        print(json_text({view: [plate.to_json() for plate in found], "page": str(page)}))
    else:
        print(f"\nsheet     {page}")
