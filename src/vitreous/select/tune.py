"""Hyper-parameter search: which settings of the recipe does the validation part like best?

The first trial is the recipe as it is. Each one is a run without a test part, so nothing that a
search does has ever seen it; trials that fall behind are broken off after an epoch (pruning). At
the end the best settings and the usual ones are trained once more and measured on the test part.
The search is Optuna's: a tree of Parzen estimators, in a file, or in any storage that several
machines share. Akiba et al. (2019), "Optuna", arXiv:1907.10902.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Unpack

from vitreous.data.dataset import Part
from vitreous.data.splits.split import Split
from vitreous.data.splits.split import split as assign
from vitreous.errors import DivergedError, UsageError, unknown
from vitreous.fields import Between, checked
from vitreous.files import read_json, write_json
from vitreous.progress.choose import following
from vitreous.progress.progress import Progress
from vitreous.recipes.keywords import RecipeFields
from vitreous.recipes.recipe import Recipe, seconds
from vitreous.recipes.resolved import ResolvedRecipe
from vitreous.runs.job import prepare
from vitreous.runs.run import Run, train
from vitreous.select.search_folder import begin, run_once, taken_up
from vitreous.select.search_space import SPACE, Bounds
from vitreous.select.study import (
    Watched,
    complete,
    ended,
    library,
    opened_study,
    stop_after,
    told_apart,
)
from vitreous.select.study_page import study_page
from vitreous.tasks.asked import opened


@dataclass(frozen=True)
class Tuned:
    """What a search has found.

    folder    with `study.log`, `tune.json`, `tune.html`, and the runs `best` and `usual`
    settings  those of the best trial, by the names of the recipe
    best      the run with them, measured on the test part
    usual     that with the recipe as it was
    """

    folder: Path
    settings: dict[str, Any]
    best: Run
    usual: Run

    def summary(self) -> dict[str, Any]:
        """What `--json` prints."""
        found: dict[str, Any] = read_json(self.folder / "tune.json")
        return found


def tune(
    data: object = "digits",
    recipe: Recipe | None = None,
    *,
    model: str | None = None,
    trials: int = 30,
    search: Sequence[str] = (),
    storage: str | None = None,
    out: str | Path | None = None,
    progress: Progress | bool | None = None,
    **fields: Unpack[RecipeFields],
) -> Tuned:
    """Search for better settings by the validation part; the test part is used at the end alone.

    trials   how many, those of other machines and of an earlier call included
    search   names of settings to vary, see SPACE; default: all that act and that are left open
    storage  an Optuna storage, such as sqlite:///study.db; default: a file in the folder
    out      the folder, in which a search that was killed goes on; default: runs/NAME-tune
    fields   of the recipe, and model: what is given is not varied, unless `search` names it; `time`
             is that of all trials together

    Raises UsageError where there is nothing to vary or no validation part, RunError for a folder or
    study of another search, and what `train` raises.
    """
    optuna = library()
    recipe = (recipe or Recipe()).replace(**fields, **({} if model is None else {"model": model}))
    limit, recipe = recipe.time, recipe.replace(time=None)
    checked("trials", trials, Annotated[int, Between(1, 1_000_000)])
    dataset = opened(data, recipe.task, recipe.noise, bad_images=recipe.bad_images)
    with following(progress) as shown:
        parts = assign(dataset, validation=recipe.validation, test=recipe.test)
        if not len(parts.indices(Part.VALIDATION)):
            raise UsageError(
                "there is no validation part to choose by",
                where="--validation",
                remedy="Hold one out, such as --validation 0.15.",
            )
        job = prepare(dataset, recipe, parts=parts, progress=Progress())
        space = searched(recipe, job.resolved, search)
        folder = Path("runs") / f"{dataset.name}-tune" if out is None else Path(out)
        plan = {
            "data": dataset.fingerprint,
            "recipe": recipe.to_mapping(),
            "space": {name: str(bounds) for name, bounds in space.items()},
        }
        begin(folder, plan, "search", "on other data, with other settings or bounds")
        with told_apart(storage):
            study = opened_study(optuna, folder, storage, plan)
            usual = {name: bounds.usual(job.resolved, name) for name, bounds in space.items()}
            if not study.trials:
                study.enqueue_trial({k: v for k, v in usual.items() if v is not None})
        hidden = parts_for_choosing(parts)

        def objective(trial: Any) -> float:
            chosen = {name: bounds.suggest(trial, name) for name, bounds in space.items()}
            place = folder / "trials" / f"{trial.number:04}"
            shutil.rmtree(place, ignore_errors=True)  # of a search that was killed, or began anew
            shown.note(f"trial {trial.number + 1}: {in_words(chosen)}")
            try:
                run = train(
                    dataset,
                    recipe.replace(**chosen),
                    parts=hidden,
                    out=place,
                    progress=Watched(trial, optuna.TrialPruned),
                    doctor=False,
                )
            except DivergedError as error:
                raise optuna.TrialPruned(error.message) from error
            finally:
                shutil.rmtree(place, ignore_errors=True)
            score = run.scores["validation"].headline
            trial.set_user_attr("score", score.text)
            return float(score.gain)

        done = ended(study, optuna)
        if done < trials:
            with taken_up(folder):
                study.optimize(
                    objective,
                    timeout=None if limit is None else seconds(limit),
                    callbacks=[stop_after(trials, optuna)],
                )
        if not complete(study, optuna):
            raise UsageError(
                "no trial has come to its end", where="tune", remedy="Give more time or trials."
            )
        best = {name: study.best_trial.params[name] for name in space}
        with taken_up(folder):
            runs = {}
            for name, settings in {"usual": recipe, "best": recipe.replace(**best)}.items():
                shown.note(f"the {name} settings, measured on the test part")
                runs[name] = run_once(folder / name, dataset, settings, parts, shown)
    summary = summarized(folder, study, optuna, space, runs, job.recipe.task)
    write_json(folder / "tune.json", summary)
    study_page(folder / "tune.html", summary)
    return Tuned(folder, best, runs["best"], runs["usual"])


def searched(recipe: Recipe, resolved: ResolvedRecipe, search: Sequence[str]) -> dict[str, Bounds]:
    """The settings that are varied. Raises UsageError for names that there are not."""
    words = [name.replace("-", "_") for word in search for name in word.split(",")]
    for name in words:
        if name not in SPACE:
            raise unknown("setting to search", name, SPACE, where="--search")
    given = Recipe().to_mapping()
    found = {}
    for name, bounds in SPACE.items():
        open_ = getattr(recipe, name) == given[name]
        wanted = name in words if words else open_
        if wanted and bounds.acts(resolved):
            found[name] = bounds
        elif name in words:
            raise UsageError(
                f"'{name}' has no effect on {resolved.recipe.model} here",
                where="--search",
                remedy="Leave it out.",
            )
    if not found:
        raise UsageError(
            "there is nothing to vary: every setting is given, or has no effect",
            where="--search",
            remedy=f"Leave some of these open: {', '.join(SPACE)}.",
        )
    return found


def parts_for_choosing(parts: Split) -> Split:
    """The same parts, with the test part in none: nobody can look at it."""
    hidden = parts.parts.copy()
    hidden[hidden == Part.TEST] = Part.UNASSIGNED
    return Split(hidden)


def in_words(chosen: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in chosen.items()
    )


def summarized(
    folder: Path,
    study: Any,
    optuna: Any,
    space: Mapping[str, Bounds],
    runs: Mapping[str, Run],
    task: str,
) -> dict[str, Any]:
    """The content of tune.json."""
    from vitreous.select.compare import compare

    importance: dict[str, float] = {}
    values = [trial.value for trial in complete(study, optuna)]
    if len(values) >= 4 and len({*values}) > 1:
        evaluator = optuna.importance.PedAnovaImportanceEvaluator()
        found = optuna.importance.get_param_importances(study, evaluator=evaluator)
        importance = {name: float(value) for name, value in found.items()}
    headline = runs["best"].scores["validation"].headline
    words = []
    if "test" in runs["best"].scores:
        held = compare(*(run.folder.path for run in (runs["usual"], runs["best"])))
        words = [held.sentence(pair).replace(f"{folder}/", "") for pair in held.pairs]
    return {
        "tune": str(folder),
        "task": task,
        "model": runs["best"].model.architecture,
        "score": headline.name,
        "better": headline.better,
        "settings": {name: study.best_trial.params[name] for name in space},
        "space": {name: str(bounds) for name, bounds in space.items()},
        "trials": [
            {
                "number": trial.number,
                "state": trial.state.name.lower(),
                "value": None
                if trial.value is None
                else (trial.value if headline.better == "higher" else -trial.value),
                "settings": trial.params,
                "seconds": trial.duration.total_seconds() if trial.duration else None,
            }
            for trial in study.trials
        ],
        "importance": importance,
        "runs": {
            name: {
                "run": str(run.folder.path),
                **{part: scores.headline.value for part, scores in run.scores.items()},
            }
            for name, run in runs.items()
        },
        "verdict": words,
    }
