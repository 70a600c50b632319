"""The history of a run: metrics of each epoch, and which epoch is the best and kept."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from vitreous.metrics.score import Scores
from vitreous.training.fit import Step


def row(
    epoch: int,
    phase: str,
    step: Step,
    loss: float,
    scores: Scores | None,
    averaged: int | None = None,
    keep: str = "score",
) -> dict[str, Any]:
    """One line of metrics.jsonl: nothing in it depends on the clock. What is no finite number is
    left out, as a score that was not measured.

    loss      mean of the epoch's examples
    averaged  steps whose weights were averaged (SWA) for the scores; None if that is not done
    keep      what the kept epoch is chosen by
    """
    found: dict[str, Any] = {
        "epoch": epoch,
        "phase": phase,
        "step": step.number,
        "lr": step.lr,
        "train_loss": loss,
    }
    if averaged is not None:
        found["averaged"] = averaged
    if scores is not None:
        told = (scores.all[0], scores.headline)
        found |= {
            "validation_loss": scores.loss,
            **{f"validation_{score.name}": score.value for score in told},
            "validation_score": selection_score(scores, epoch, keep),
        }
    return {name: value for name, value in found.items() if _finite(value)}


def _finite(value: Any) -> bool:
    return not isinstance(value, float) or math.isfinite(value)


def selection_score(scores: Scores, epoch: int, keep: str = "score") -> float:
    """What an epoch is chosen by, higher is better: the headline score, in its direction; of equal
    ones, the lower loss is better.

    keep  loss: the loss alone; last: nothing, and the later is kept
    """
    if keep == "last":
        return float(epoch)
    if keep == "loss":
        return -scores.loss
    return scores.headline.gain - 1e-6 * min(scores.loss, 100.0)


def best_epoch(history: Sequence[Mapping[str, Any]]) -> int | None:
    """The epoch whose weights were kept: the first with the best score, else the last one."""
    scored = [row for row in history if "validation_score" in row]
    if scored:
        return int(max(scored, key=lambda row: float(row["validation_score"]))["epoch"])
    return int(history[-1]["epoch"]) if history else None


def averaged(history: Sequence[Mapping[str, Any]]) -> bool:
    """Is what was kept a plain mean of a whole network's weights? Then no batch has gone through
    it, and the statistics of its batch norm are yet to be taken.
    """
    best = best_epoch(history)
    kept = {} if best is None else history[best - 1]
    return bool(kept.get("averaged")) and kept["phase"] == "network"
