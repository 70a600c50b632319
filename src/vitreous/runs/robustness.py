"""Robustness of a trained network, measured: adversarial attacks and corruptions on a part of data.

Images are changed in the pixels that the network sees, before its own normalization, and stay in
[0, 1]; what they are answered is heard through the `Predictor`, as everywhere. An attack of size 0
changes no bit, and so gives the clean score.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from vitreous.atomic import write_text
from vitreous.errors import UsageError
from vitreous.files import write_json
from vitreous.inference.model_file import Bundle, load
from vitreous.progress.choose import following
from vitreous.progress.progress import Progress
from vitreous.report.build import write_report
from vitreous.robust.corruptions import CORRUPTIONS, SEVERITIES, corrupted
from vitreous.robust.masked_gradients import Suspicion, suspicions
from vitreous.robust.robust_page import Pictured, robust_page
from vitreous.robust.robust_scores import NAME, Corrupted, Robustness
from vitreous.runs.attack_curve import Curve
from vitreous.runs.attack_plan import Plan
from vitreous.runs.evaluate import run_of, use_test
from vitreous.runs.robust_subject import Subject, open_subject
from vitreous.tasks.task import Ids

CHECKED = 100  # images on which an attack is doubted


def robustness(
    model: str | Path | Bundle,
    data: object = None,
    *,
    attack: str = "pgd",
    eps: str | float | Sequence[str | float] = (),
    norm: str | None = None,
    steps: int | None = None,
    restarts: int = 1,
    corruptions: bool = False,
    split: str = "test",
    images: int | None = None,
    seed: int = 0,
    progress: Progress | bool | None = None,
) -> tuple[Robustness, list[Pictured]]:
    """What is left of a network's score when its images are attacked, or corrupted.

    model        a run folder, a model file, or a loaded one
    data         whatever `vt.open` takes; None is what the run was trained on
    attack       a key of `vitreous.robust.ATTACKS`, or "none"
    eps          the largest size of a change in gray levels of 255, such as 8 or "8/255"; of a
                 patch, percent of the pixels. Several give as many points of the curve; one gives
                 parts of it as well. Default: 8 for L∞, as much a pixel for other norms
    norm         "inf", "2", "1"; None is the attack's own
    steps        of the attack; None is its own number
    restarts     random points that PGD starts from; the worst end counts
    corruptions  try noise, blur, weather and the like as well
    split        train, validation, test or all
    images       how many are looked at; None is all, as far as the attack is quick enough
    seed         of everything random

    Returns the numbers, and some attacked images. Raises UsageError for what there is not or what
    cannot be attacked, ModelError for a network without gradients, and as `evaluate` does.
    """
    with following(progress) as shown_progress:
        if attack == "none" and not corruptions:
            raise UsageError(
                "nothing is attacked and nothing corrupted",
                where="--attack none",
                remedy="Add --corruptions, or choose an attack.",
            )
        plan = Plan.of(attack, eps, norm, steps, restarts, images, seed)
        bundle = model if isinstance(model, Bundle) else load(model)
        if bundle.task.pretext("measuring") is not None:
            raise UsageError(
                f"the task {bundle.task.name} makes its question of the images: a changed image "
                "is asked another one",
                remedy="Train a task on these weights (--pretrained RUN), and attack that.",
            )
        if plan.row is not None:  # a wrong size is said before the images are read
            plan.sizes(int(np.prod(bundle.contract.shape)))
        wanted = plan.wanted(corruptions)
        subject = open_subject(model, data, split, shown_progress, wanted, bundle)
        return measured(subject, plan, corruptions, shown_progress)


def write(
    found: Robustness,
    pictured: Sequence[Pictured],
    model: str | Path,
    out: str | Path | None = None,
    *,
    own: bool = True,
) -> Path | None:
    """Write robustness.html and robustness.json; returns the page's path.

    out  a folder; None is that of the run, whose report then has a section about it, if `own`: if
         the data are its own. None for a model file alone: nothing is written
    """
    run = run_of(Path(model))
    folder = Path(out) if out is not None else run.path if run is not None and own else None
    if folder is None:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / NAME, found.to_json())
    page = folder / Path(NAME).with_suffix(".html")
    title = f"Robustness: {run.path.resolve().name if run else found.model}"
    write_text(page, robust_page(found, pictured, title))
    if run is not None and folder == run.path and run.finished:
        write_report(run.path)
    return page


def measured(
    subject: Subject, plan: Plan, corruptions: bool, progress: Progress
) -> tuple[Robustness, list[Pictured]]:
    decides = subject.decides()
    if plan.row is not None and plan.row.wrong and not decides:
        raise UsageError(
            f"answers of the task '{subject.bundle.task.name}' are more or less right, and there "
            f"is no boundary that {plan.name} could cross",
            where="--attack",
            remedy="Choose pgd, which makes their loss large.",
        )
    values = int(np.prod(subject.bundle.contract.shape))
    sizes = plan.sizes(values) if plan.row is not None else (0.0,)
    curve = Curve(subject, plan, sizes, decides)
    curve.run(progress.task("attacking" if plan.row is not None else "measuring"))
    clean = subject.score(curve.meters[0], decides)
    found = Robustness(
        model=subject.bundle.architecture or type(subject.bundle.model).__name__,
        task=subject.bundle.task.name,
        data=subject.dataset.name,
        part=subject.part,
        images=len(subject.ids),
        of=subject.of,
        score=clean.name,
        title=clean.title,
        better=clean.better,
        unit=clean.unit,
        clean=clean.value,
        interval=clean.bounds,
        seed=plan.seed,
        notes=subject.notes,
    )
    if plan.row is not None:
        found = replace(
            found,
            attack=plan.name,
            norm=plan.norm,
            steps=plan.steps,
            restarts=plan.restarts,
            curve=tuple(curve.points()),
            median=curve.median(),
            doubts=tuple(doubts(subject, plan, sizes[-1], curve.right, progress)),
        )
        if plan.row.kind == "shared" and np.isin(subject.other, subject.ids).any():
            said = "there are no other images: the change was found on those that it is tried on"
            found = replace(found, notes=(*found.notes, said))
        better = (found.curve[-1].value - found.clean) * (-1 if found.better == "lower" else 1)
        if better > 0:
            said = f"the attack makes the loss large, and the {found.title} became better by it"
            found = replace(found, notes=(*found.notes, said))
    if corruptions:
        kinds, note = corruptible(subject)
        found = replace(
            found,
            corruptions=tuple(corrupted_scores(subject, kinds, plan.seed, decides, progress)),
            notes=(*found.notes, *note),
        )
    if subject.part == "test" and subject.parts is not None:
        scores = subject.bundle.task.scores(curve.meters[0])
        uses = use_test(subject.dataset, subject.parts, scores, subject.run)
        found = replace(found, notes=(*found.notes, *uses))
    return found, curve.pictures


def doubts(
    subject: Subject, plan: Plan, size: float, right: Ids, progress: Progress
) -> list[Suspicion]:
    """What speaks against an attack by gradients within a ball."""
    follows = plan.row is not None and plan.row.kind == "bounded" and plan.norm != "0"
    if not follows or not size or not len(right) or plan.name == "random_search":
        return []
    chosen = right[:CHECKED]
    return suspicions(
        subject.bundle.model,
        subject.images(chosen),
        subject.truth(chosen),
        subject.goal,
        eps=size,
        norm=plan.norm,
        steps=plan.steps if plan.name == "pgd" and plan.steps else 20,
        seed=plan.seed,
        progress=progress.task("doubting the gradients"),
    )


def corruptible(subject: Subject) -> tuple[list[str], list[str]]:
    """The kinds of corruption that leave targets true, and what is said of the others."""
    lie = any(column.moves for column in subject.targets.values())
    kinds = [name for name, kind in CORRUPTIONS.items() if not (lie and kind.moves)]
    left = [name for name in CORRUPTIONS if name not in kinds]
    if not left:
        return kinds, []
    return kinds, [f"left out, since targets lie in the image: {', '.join(left)}"]


def corrupted_scores(
    subject: Subject, kinds: Sequence[str], seed: int, decides: bool, progress: Progress
) -> Iterator[Corrupted]:
    """The score under each kind and severity."""
    shown, total = progress.task("corrupting"), len(kinds) * len(SEVERITIES)
    for number, kind in enumerate(kinds):
        for severity in SEVERITIES:
            meter = subject.bundle.task.meter()
            for chunk in subject.chunks():
                rows = corrupted(subject.rows[chunk], kind, severity, chunk, seed)
                meter.add(
                    subject.bundle.answers(subject.bundle.contract.images(rows)),
                    subject.truth(chunk),
                )
            score = subject.score(meter, decides)
            shown(number * len(SEVERITIES) + severity, total)
            yield Corrupted(kind=kind, severity=severity, value=score.value, interval=score.bounds)
