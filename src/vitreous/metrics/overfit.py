"""The overfit alarm: training goes on improving while validation gets worse.

Curves are noisy, so the alarm wants three things at once: the validation loss has turned a good
while ago, it has risen by more than its own noise explains, and the training loss still falls.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RISE = 0.05  # of the least validation loss; a smaller rise is not worth a word
SIGMAS = 3.0  # of the noise of the smoothed curve
LITTLE = 0.02  # of what training has gained; less is not worth a word while the score holds
LEAST_EPOCHS = 6  # shorter runs show no trend


@dataclass(frozen=True)
class Overfit:
    """Where the curves part.

    epoch      index into the curves where the smoothed validation loss was least
    rise       of the validation loss since then, as a fraction of its least value
    score_fell     did the validation score get worse too? None where it is not known
    explanation    in words
    """

    epoch: int
    rise: float
    score_fell: bool | None
    explanation: str


def alarm(
    train_loss: Sequence[float],
    validation_loss: Sequence[float],
    validation_score: Sequence[float] | None = None,
    name: str = "accuracy",
    perfect: float | None = None,
) -> Overfit | None:
    """Do training and validation diverge? None if there is no good reason to say so.

    train_loss, validation_loss  (T,) one value an epoch
    validation_score  (T,) what is hoped for, higher is better; None where it is not known
    name              of that score
    perfect           the score of a network without mistakes; None where there is none such
    """
    train, validation = np.asarray(train_loss, float), np.asarray(validation_loss, float)
    known = np.isfinite(train) & np.isfinite(validation)
    if len(train) != len(validation) or known.sum() < LEAST_EPOCHS or not known.all():
        return None
    window = max(3, len(validation) // 10)
    smooth_train, smooth = _smoothed(train, window), _smoothed(validation, window)
    least = int(smooth.argmin())
    if len(smooth) - 1 - least < window:
        return None
    rise = float(smooth[-1] - smooth[least])
    # The noise is read off neighboring epochs; their trend cancels in the second difference.
    noise = float(np.median(np.abs(np.diff(validation, 2)))) * 1.4826 / np.sqrt(6)
    significant = SIGMAS * noise * np.sqrt(2 / window)
    still_learning = smooth_train[-1] < smooth_train[least] * 0.98
    if rise < max(RISE * abs(smooth[least]), significant) or not still_learning:
        return None

    fell = _fell(validation_score, least, window)
    if fell is False and validation_score is not None:
        gained = float(smooth[: least + 1].max() - smooth[least])
        flawless = perfect is not None and min(validation_score[-window:]) >= perfect
        if flawless or rise < LITTLE * gained:
            return None
    fraction = rise / abs(float(smooth[least]))
    turn = (
        f"After epoch {least + 1} the validation loss rose by {100 * fraction:.0f} % while the"
        " training loss went on falling"
    )
    meaning = {
        True: f"and the {name} got worse with it: the network learns its training images by heart.",
        False: f"though the {name} held: the network grows surer of its mistakes, not more wrong.",
        None: "the network learns its training images by heart.",
    }[fell]
    remedy = "More images, stronger augmentation or a higher --weight-decay help."
    joint = ": " if fell is None else ", "
    return Overfit(least, fraction, fell, f"{turn}{joint}{meaning} {remedy}")


def _smoothed(values: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """Means over the `window` values up to each one (fewer at the start)."""
    total = np.cumsum(np.insert(values, 0, 0.0))
    end = np.arange(1, len(values) + 1)
    start = np.maximum(end - window, 0)
    means: NDArray[np.float64] = (total[end] - total[start]) / (end - start)
    return means


def _fell(score: Sequence[float] | None, least: int, window: int) -> bool | None:
    if score is None or not np.isfinite(score).all():
        return None
    values = np.asarray(score, float)
    smooth = _smoothed(values, window)
    noise = float(np.median(np.abs(np.diff(values, 2)))) * 1.4826 / np.sqrt(6)
    little = 0.002 * float(np.abs(values).max())
    return bool(smooth[-1] < smooth[least] - max(little, SIGMAS * noise * np.sqrt(2 / window)))
