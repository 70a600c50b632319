"""A study of Optuna, for hyper-parameter search: opened or gone on with, in any storage.

Errors say which storage it was. Killed trials count as none; those that fall behind the others are
broken off (pruning).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from vitreous.errors import RunError, missing
from vitreous.progress.progress import Progress
from vitreous.progress.throughput import Shown

STUDY = "vitreous"


def library() -> Any:
    """Optuna. Raises UsageError where it is not installed."""
    try:
        import optuna
    except ImportError as error:
        raise missing("optuna", "tune", "vitreous tune") from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


def opened_study(optuna: Any, folder: Path, storage: str | None, plan: dict[str, Any]) -> Any:
    """The study, begun or gone on with. Raises RunError for one of another search."""
    kept: Any = storage
    if storage is None:
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend

        kept = JournalStorage(JournalFileBackend(str(folder / "study.log")))
    study = optuna.create_study(
        storage=kept,
        study_name=STUDY,
        direction="maximize",
        load_if_exists=True,
        sampler=optuna.samplers.TPESampler(seed=plan["recipe"]["seed"], n_startup_trials=8),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=1),
    )
    text = json.dumps(plan, sort_keys=True)
    if study.user_attrs.get("plan", text) != text:
        raise RunError(
            "holds a study of another search",
            where=storage or str(folder),
            remedy="Choose another storage, or another place with --out.",
        )
    study.set_user_attr("plan", text)
    return study


@contextmanager
def told_apart(storage: str | None) -> Iterator[None]:
    """Whatever a storage raises says which one it was."""
    try:
        yield
    except RunError:
        raise
    except Exception as error:  # of a database, its driver or its address
        if storage is None:
            raise
        raise RunError(
            f"the storage cannot be used: {str(error).splitlines()[0]:.200}",
            where=f"--storage {storage}",
            remedy="Give an address that Optuna takes, such as sqlite:///study.db; a locked "
            "database is free again when the process that holds it has ended.",
        ) from error


def ended(study: Any, optuna: Any) -> int:
    """Trials that came to an end, or were broken off; those of a killed process did neither."""
    states = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
    return len(study.get_trials(deepcopy=False, states=states))


def complete(study: Any, optuna: Any) -> list[Any]:
    """Trials that came to an end; a broken-off one has a value too, the score of an epoch."""
    found: list[Any] = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
    return found


def stop_after(trials: int, optuna: Any) -> Callable[[Any, Any], None]:
    def look(study: Any, _: Any) -> None:
        if ended(study, optuna) >= trials:
            study.stop()

    return look


class Watched(Progress):
    """Tells a trial of each epoch's score, and breaks it off where others were better by then."""

    def __init__(self, trial: Any, pruned: type[Exception]) -> None:
        self.trial, self.pruned = trial, pruned

    def epoch(self, number: int, losses: Mapping[str, float], scores: Sequence[Shown]) -> None:
        super().epoch(number, losses, scores)
        if scores and np.isfinite(gain := scores[0].gain):  # type: ignore[attr-defined]
            self.trial.report(gain, number)
            if self.trial.should_prune():
                raise self.pruned(f"behind after epoch {number}")
