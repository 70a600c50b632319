"""Views into a network, in place of heatmaps: plates of pictures that `vitreous explain` draws."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from vitreous.errors import UsageError
from vitreous.files import json_text

if TYPE_CHECKING:
    from vitreous.explain.plate import Plate
    from vitreous.inference.model_file import Bundle
    from vitreous.progress.progress import Progress
    from vitreous.shapes import Images

COUNT = 4  # images that are sought, or inverted, together
MANY = 32  # that are explained together
MOST = 480  # that are searched for shortcuts


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

    def check(self, flag: str, *, free: bool = False, **needless: object) -> None:
        """Raises UsageError for options that mean nothing here; free: any method does."""
        method = self.method if self.method != "auto" and not free else ""
        for name, value in {"method": method, **needless}.items():
            if value:
                where = "images" if name == "images" else f"--{name}"
                raise UsageError(f"has no effect with {flag}", where=where, remedy="Leave it out.")

    def images(self, flag: str) -> Sequence[Path]:
        """Raises UsageError where none are given."""
        if not self.paths:
            raise UsageError(
                f"{flag} looks at images, and none are given",
                remedy="Name image files, or folders of them.",
            )
        return self.paths


View = Callable[[Asked], Iterator["Plate"]]


class Source(Protocol):
    """Images to be searched, as the network sees them."""

    def __len__(self) -> int: ...
    def batches(self) -> Iterator[Images]: ...
    def some(self, numbers: Sequence[int]) -> Images: ...
    def name(self, number: int) -> str: ...


@dataclass(frozen=True)
class Named:
    """Those that were named on the command line."""

    bundle: Bundle
    paths: Sequence[Path]

    def __len__(self) -> int:
        return len(self.paths)

    def batches(self) -> Iterator[Images]:
        for first in range(0, len(self.paths), MANY):
            yield self.some(range(first, min(first + MANY, len(self.paths))))

    def some(self, numbers: Sequence[int]) -> Images:
        found = self.bundle.images([self.paths[number] for number in numbers])
        return found.to(self.bundle.device)

    def name(self, number: int) -> str:
        return self.paths[number].name


def _source(asked: Asked) -> Source:
    """The images that were named, or else those of the run."""
    from vitreous.runs.run_images import run_images

    if asked.paths:
        return Named(asked.bundle, asked.paths)
    return run_images(asked.model, asked.bundle, progress=asked.progress)


def filters(asked: Asked) -> Iterator[Plate]:
    from vitreous.explain.first_filters import filter_plate

    asked.check("--filters", layer=asked.layer, unit=asked.unit is not None, target=asked.target)
    height, width, channels = asked.bundle.contract.shape
    yield filter_plate(asked.bundle.model, (channels, height, width))


def maps(asked: Asked) -> Iterator[Plate]:
    from vitreous.explain.feature_maps import feature_maps, layers_with_maps

    asked.check("--maps", layer=asked.layer, unit=asked.unit is not None, target=asked.target)
    model = asked.bundle.model
    for path in asked.images("--maps"):
        images = asked.bundle.images([path]).to(asked.bundle.device)
        for layer in layers_with_maps(model, images, asked.value):
            plate = feature_maps(model, images, layer, path.name)
            yield replace(plate, name=f"{plate.name}-{path.stem}")


def patches(asked: Asked) -> Iterator[Plate]:
    from vitreous.explain.activating_patches import activating_patches, patch_plate

    asked.check("--patches", layer=asked.layer, target=asked.target)
    source = _source(asked)
    units = () if asked.unit is None else (asked.unit,)
    found = activating_patches(asked.bundle.model, source.batches(), asked.value, units=units)
    yield patch_plate(found, asked.value, lambda n: source.some([n])[0], source.name, len(source))


def maximize(asked: Asked) -> Iterator[Plate]:
    from vitreous.explain.activation_maximization import maximize as ascend
    from vitreous.explain.activation_maximization import maximized_plate
    from vitreous.explain.objective import answer, channel

    asked.check("--maximize", images=asked.paths)
    height, width, channels = asked.bundle.contract.shape
    shape, model = (channels, height, width), asked.bundle.model
    if asked.unit is not None and asked.layer and not asked.target:
        objective, what = channel(asked.layer, asked.unit), f"{asked.layer}, unit {asked.unit}"
    elif asked.target and asked.unit is None and not asked.layer:
        gray = asked.bundle.images([np.full((height, width, channels), 128, np.uint8)] * COUNT)
        aim = asked.bundle.task.aim(asked.bundle.outputs(gray).clone(), asked.target)
        objective, what = answer(aim.scalar), asked.target
    else:
        raise UsageError(
            "what is to be made large?",
            where="--maximize",
            remedy="Name --target CLASS, or --layer LAYER and --unit NUMBER.",
        )
    found = ascend(model, shape, objective, count=COUNT)
    yield maximized_plate(found, f"maximized-{what.replace(', unit ', '-')}", what)


def perceive(asked: Asked) -> Iterator[Plate]:
    from vitreous.explain.perception import perceive as see
    from vitreous.explain.perception import perception_plate

    asked.check("--perceive", unit=asked.unit is not None)
    paths, done = asked.images("--perceive"), 0
    for first in range(0, len(paths), COUNT):
        # One batch, or one for each image where each keeps its own size.
        for images, _, frames, _ in asked.bundle.seen([*paths[first : first + COUNT]]):
            images = images.to(asked.bundle.device)
            aim = asked.bundle.task.aim(asked.bundle.outputs(images).clone(), asked.target, frames)
            found = see(asked.bundle.model, images, aim.scalar, layer=asked.layer)
            names = [path.name for path in paths[done : done + len(images)]]
            plate = perception_plate(images, found, names, [*aim.names])
            yield replace(plate, name=f"{plate.name}-{done + 1}")
            done += len(images)


def boxes(asked: Asked) -> Iterator[Plate]:
    from vitreous.explain.heat_box import box_plate

    asked.check("--boxes", unit=asked.unit is not None, free=True)
    asked.images("--boxes")
    for first in range(0, len(asked.paths), MANY):
        paths = asked.paths[first : first + MANY]
        found = asked.bundle.explain(
            [*paths], method=asked.method, layer=asked.layer, target=asked.target
        )
        plate = box_plate(found, [str(path) for path in paths])
        yield replace(plate, name=f"{plate.name}-{first + 1}")


def shortcuts(asked: Asked) -> Iterator[Plate]:
    import torch

    from vitreous.explain.shortcut_plate import answered, shortcut_plate
    from vitreous.explain.shortcut_search import find_shortcuts
    from vitreous.runs.run_images import spread

    asked.check("--shortcuts", layer=asked.layer, unit=asked.unit is not None, target=asked.target)
    source = _source(asked)
    images = source.some(spread(np.arange(len(source)), MOST).tolist())
    # Some at a time: the maps of hundreds of photos at once would fill the memory.
    labels = torch.cat(
        [
            answered(asked.bundle.task, asked.bundle.outputs(part))
            for part in torch.split(images, MANY)
        ]
    )
    found = find_shortcuts(asked.bundle.model, images, labels)
    yield shortcut_plate(found, images, labels, asked.bundle.classes)


def convert(asked: Asked) -> Iterator[Plate]:
    from vitreous.explain.plate import Picture, Plate
    from vitreous.runs.cam_conversion import convert as make

    asked.check("--convert", unit=asked.unit is not None)
    done = make(asked.model, asked.bundle, asked.layer, asked.progress)
    found = []
    for path in asked.paths:
        each = done.predictor.explain(path, method="cam", target=asked.target)
        found.append(Picture(each.overlay, f"{each.target}, answer {each.answer.text}", False))
    yield Plate(
        name="converted",
        title=done.text,
        says=["Below: class activation maps, whose mean and the bias are the logit."] * bool(found),
        pictures=found,
        facts={
            "layer": done.layer,
            "part": done.part,
            "before": done.before.headline.value,
            "after": done.after.headline.value,
        },
    )


VIEWS: dict[str, View] = {
    "filters": filters,
    "maps": maps,
    "patches": patches,
    "maximize": maximize,
    "perceive": perceive,
    "boxes": boxes,
    "shortcuts": shortcuts,
    "convert": convert,
}
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
        found.append(plate)
        lines = [plate.text]
        if plate.pictures:
            place = folder / f"{file_name(plate.name)}.png"
            write_bytes(place, plate.png())
            lines.append(f"  {place}")
        if not json:
            print(*lines, sep="\n")
    page = folder / f"{view}.html"
    name = asked.bundle.architecture or "a network"
    write_text(page, plate_sheet(found, f"Inside {name}: {view}"))
    if json:
        print(json_text({view: [plate.to_json() for plate in found], "page": str(page)}))
    else:
        print(f"\nsheet     {page}")


def file_name(name: str) -> str:
    """A name without what folders or shells would read in it."""
    return "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in name)
