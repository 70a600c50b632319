"""`vitreous lab`: the experiments of the course, each one command."""

from __future__ import annotations

from pathlib import Path

from vitreous.errors import unknown


def lab(name: str = "list", image: Path | None = None, /, *, out: Path | None = None) -> None:
    """Run an experiment of the course, or list them.

    Parameters
    ----------
    name
        an experiment, or `list`
    image
        for experiments that take one
    out
        where to write the picture that it makes
    """
    from vitreous.labs.table import LABS, needs_image

    if name == "list":
        for known, experiment in LABS.items():
            print(f"{known:<12}{experiment.claims}")
        return
    if name not in LABS:
        raise unknown("experiment", name, LABS)
    experiment = LABS[name]
    if experiment.image and image is None:
        raise needs_image(name)
    target = out or Path(experiment.picture or name)
    print(experiment.claims)
    for line in experiment.run(image, target):
        print(line, flush=True)
    if experiment.picture:
        print(target)
