"""`vitreous lab`: the experiments of the course, each one command."""

from __future__ import annotations

from pathlib import Path

from vitreous.errors import unknown
from vitreous.labs.writing import Writing


def lab(
    name: str = "list",
    image: Path | None = None,
    /,
    *,
    out: Path | None = None,
    prompt: str = Writing.prompt,
    length: int = Writing.length,
    temperature: float = Writing.temperature,
    seed: int = Writing.seed,
) -> None:
    """Run an experiment of the course, or list them.

    Parameters
    ----------
    name
        an experiment, or `list`
    image
        for experiments that take one
    out
        where to write the picture that it makes
    prompt
        how the text of a language model begins
    length
        characters that it adds
    temperature
        0 for the likeliest text, 1 for what was learned
    seed
        of what it learns from and draws
    """
    from vitreous.labs.experiments import (
        LABS,
        Request,
        draws_nothing,
        needs_image,
        takes_no_image,
        writes_nothing,
    )
    from vitreous.labs.picture import check

    if name == "list":
        for known, experiment in LABS.items():
            print(f"{known:<12}{experiment.claims}")
        return
    if name not in LABS:
        raise unknown("experiment", name, LABS)
    experiment = LABS[name]
    if experiment.image and image is None:
        raise needs_image(name)
    if image is not None and not experiment.image:
        raise takes_no_image(name)
    writing = Writing(prompt, length, temperature, seed)
    if writing != Writing() and not experiment.writes:
        raise writes_nothing(name)
    if out is not None and experiment.picture is None:
        raise draws_nothing(name)
    target = out or Path(experiment.picture or name)
    if experiment.picture is not None:
        check(target, experiment.picture)
    print(experiment.claims)
    for line in experiment.run(Request(image, target, writing)):
        print(line, flush=True)
    if experiment.picture:
        print(target)
