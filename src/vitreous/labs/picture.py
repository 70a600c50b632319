"""Figures of the demonstrations, by Matplotlib, with the look of the pages; written atomically."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitreous.atomic import REMEDIES, check_ending, replacing
from vitreous.errors import StorageError, missing

if TYPE_CHECKING:
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

PAPER, RULE, INK, QUIET = "#fbfaf7", "#dfded7", "#18222a", "#5c6a72"
RIGHT, WRONG, FIRST, THIRD = "#0e6c82", "#b83e16", "#8b98a0", "#b98318"
"""Colors of the pages by day, as their style sheet has them: a test holds both together."""

THEME: dict[Any, Any] = {
    "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "axes.facecolor": PAPER,
    "axes.edgecolor": RULE,
    "axes.labelcolor": QUIET,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlepad": 10,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "grid.color": RULE,
    "grid.linewidth": 0.8,
    "text.color": INK,
    "xtick.color": RULE,
    "ytick.color": RULE,
    "xtick.labelcolor": QUIET,
    "ytick.labelcolor": QUIET,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "legend.labelcolor": INK,
    "lines.linewidth": 2,
    "svg.fonttype": "none",
}
"""The look of the pages in the words of Matplotlib, which names each key."""

DRAWINGS = (".pdf", ".png", ".svg")  # that a figure can be written as; a film is a GIF


def check(path: Path, usual: str) -> None:
    """Can a picture be written under this name?

    usual  the name that it has by default: a film stays one

    Raises UsageError for another ending or where Matplotlib is missing, StorageError where there is
    no such folder.
    """
    film = usual.endswith(".gif")
    check_ending(path, (".gif",) if film else DRAWINGS, "this picture")
    if not film and find_spec("matplotlib") is None:
        raise missing("matplotlib", "plots", "this picture")
    if not path.parent.is_dir():
        raise StorageError(
            f"there is no folder {path.parent}", where=str(path), remedy=REMEDIES[errno.ENOENT]
        )


@contextmanager
def canvas(path: str | Path, width: float, height: float, dpi: int) -> Iterator[Figure]:
    """An empty figure with the look of the house; what the block drew is written when it ends.

    path           the file's ending decides on its format
    width, height  in inches

    Raises UsageError where Matplotlib is missing, StorageError where it cannot be written.
    """
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError as error:
        raise missing("matplotlib", "plots", "a figure") from error
    path = Path(path)
    with rc_context(THEME):
        drawn = Figure(figsize=(width, height), layout="constrained")
        yield drawn
        with replacing(path) as file:
            drawn.savefig(file, format=path.suffix[1:].lower(), dpi=dpi)


def shades() -> Colormap:
    """From the paper to the house's blue, for maps of numbers from 0 on."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("house", [PAPER, RIGHT])
