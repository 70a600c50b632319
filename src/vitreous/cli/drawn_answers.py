"""Answers as pictures: each drawn on its image, and masks as files of their own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vitreous.errors import UsageError

if TYPE_CHECKING:
    from vitreous.tasks import Answer


def drawn_names(paths: Sequence[Path]) -> dict[Path, str]:
    """What the pictures of each image are called, without endings: by its name, or its path below
    the folder that all have in common where names occur twice.

    Raises UsageError where even these are alike.
    """
    common = Path(os.path.commonpath([path.absolute().parent for path in paths]))
    alone = len({path.stem for path in paths}) == len(paths)
    names = {
        path: path.stem if alone else str(path.absolute().relative_to(common).with_suffix(""))
        for path in paths
    }
    taken: dict[str, Path] = {}
    for path, name in names.items():
        if name in taken:
            raise UsageError(
                f"{taken[name]} and {path} would be drawn in one file",
                where="--out",
                remedy="Predict them one after the other, into two folders.",
            )
        taken[name] = path
    return names


def draw(folder: Path, name: str, path: Path, answer: Answer, *, channels: int) -> None:
    """Write NAME.jpg, the answer on its image; where the answer is an image itself NAME.png; and
    where it is real numbers NAME.npy.
    """
    from PIL import Image

    from vitreous.atomic import replacing, write_bytes
    from vitreous.data.images.decode import decode
    from vitreous.tasks.answer import Exact, Kept

    place = folder / name
    place.parent.mkdir(parents=True, exist_ok=True)
    drawn = answer.draw(decode(path, channels=channels))
    if drawn.shape[2] not in (1, 3):
        drawn = drawn[:, :, :1] if drawn.shape[2] == 2 else drawn[:, :, :3]
    picture = Image.fromarray(drawn[:, :, 0] if drawn.shape[2] == 1 else drawn)
    with replacing(place.with_name(f"{place.name}.jpg")) as file:
        picture.save(file, "JPEG", quality=92)
    if isinstance(answer, Kept):
        write_bytes(place.with_name(f"{place.name}.png"), answer.png())
    if isinstance(answer, Exact):
        write_bytes(place.with_name(f"{place.name}.npy"), answer.npy())
