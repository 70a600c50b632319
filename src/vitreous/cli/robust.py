"""`vitreous robust MODEL [DATA]`: what is left of a score when images are attacked or corrupted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from vitreous.cli.loading import loading
from vitreous.cli.network import must_exist
from vitreous.files import json_text


def robust(
    model: Path,
    data: str | None = None,
    /,
    *,
    attack: str = "pgd",
    eps: tuple[str, ...] = (),
    norm: str | None = None,
    steps: int | None = None,
    restarts: int = 1,
    corruptions: Annotated[bool, Parameter(negative="")] = False,
    split: Literal["train", "validation", "test", "all"] = "test",
    images: int | None = None,
    seed: int = 0,
    reject: str | None = None,
    refused: float = 0.05,
    against: tuple[str, ...] = (),
    out: Path | None = None,
    open: bool = False,
    json: Annotated[bool, Parameter(negative="")] = False,
    quiet: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Attack a network within a small change of its images, and see what is left of its score. Of a
    run, the curve becomes a section of its report.

    Parameters
    ----------
    model
        a run folder or a model file
    data
        as for `vitreous train`; default: what the run was trained on
    attack
        pgd, fgsm, momentum_pgd, deepfool, minimal_distortion, universal, patch, random_search; or
        none
    eps
        the largest change in gray levels of 255, such as 8 or 8/255; of a patch, percent of the
        pixels; may be given several times. One gives parts of it as well; default: 8 for inf, as
        much a pixel for other norms
    norm
        how a change is measured: inf, 2 or 1; default: the attack's own
    steps
        of the attack
    restarts
        random points that pgd starts from; the worst end counts
    corruptions
        try noise, blur, weather, digital losses, light, pose and occlusion as well
    split
        the part whose images are tried; each use of the test part is written into the run's journal
    images
        how many of them; default: all that the attack has time for
    seed
        of all that is random
    reject
        choose when `vitreous predict --reject` refuses an image: by energy or by neighbors; it is
        written into the model file, and nothing is attacked
    refused
        share of the validation images that may be refused
    against
        other data that should be refused: a folder, a set, noise or inverted; may be given several
        times. How well each score tells them from the own is measured, and nothing is attacked
    out
        write robustness.html and robustness.json into this folder; default: the run folder
    open
        show the page in the browser
    json
        print one JSON object
    quiet
        no progress
    """
    must_exist(model)

    with loading():
        from vitreous.progress.choose import progress
        from vitreous.runs.robustness import robustness, write

    if reject is not None or against:
        from vitreous.runs.rejection_choice import choose_rejection

        with progress(style="none" if quiet else "auto") as shown:
            choice = choose_rejection(
                model,
                data,
                score=reject or "energy",
                share=refused,
                against=against,
                keep=reject is not None,
                progress=shown,
            )
        print(json_text({"rejection": choice.to_json()}) if json else choice)
        return
    with progress(style="none" if quiet else "auto") as shown:
        found, pictured = robustness(
            model,
            data,
            attack=attack,
            eps=eps,
            norm=norm,
            steps=steps,
            restarts=restarts,
            corruptions=corruptions,
            split=split,
            images=images,
            seed=seed,
            progress=shown,
        )
    page = write(found, pictured, model, out, own=data is None)
    if json:
        print(json_text({**found.to_json(), "page": str(page) if page else None}))
    else:
        print(found)
        if page is not None:
            print(page)
    if open and page is not None:
        import webbrowser

        webbrowser.open(page.resolve().as_uri())
