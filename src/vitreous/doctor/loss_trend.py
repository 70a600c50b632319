"""Loss trend: where the loss came from, where it is, and whether it still falls.

Single steps are noisy: all of these are medians over a stretch of steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vitreous.doctor.evidence import Evidence

STRETCH = 20  # steps, at least, that a median is taken over
START = 5  # first steps


@dataclass(frozen=True)
class Trend:
    """start: of the first steps; now: of the latest; least: of any stretch between; guess: of
    guessing by the shares of classes, nan where it is not known; before: a third of the steps ago
    """

    start: float
    now: float
    least: float
    before: float
    guess: float

    @property
    def reference(self) -> float:
        """What a network that knows nothing has: its first loss, or that of guessing if less."""
        return min(self.start, self.guess) if np.isfinite(self.guess) else self.start

    @property
    def fallen(self) -> float:
        """Share of that which has gone."""
        return 1 - self.now / self.reference if self.reference > 0 else 0.0

    @property
    def falling(self) -> float:
        """Share of the loss of a third of the steps ago which has gone since."""
        return 1 - self.now / self.before if self.before > 0 else 0.0


def trend(evidence: Evidence) -> Trend | None:
    """None of fewer steps than two stretches."""
    losses = evidence.losses[np.isfinite(evidence.losses)]
    if len(losses) < 2 * STRETCH:
        return None
    width = max(STRETCH, len(losses) // 10)
    whole = len(losses) // width * width
    stretches = np.median(losses[:whole].reshape(-1, width), axis=1)
    third = len(losses) - len(losses) // 3
    return Trend(
        start=float(np.median(losses[:START])),
        now=float(np.median(losses[-width:])),
        least=float(stretches.min()),
        before=float(np.median(losses[max(0, third - width) : third])),
        guess=guess(evidence),
    )


def guess(evidence: Evidence) -> float:
    """Cross-entropy of answering each class by its share; nan where fewer than two were seen."""
    counts = np.array([count for count in evidence.labels.counts if count], np.float64)
    if len(counts) < 2 or evidence.head is None or not evidence.head.softmax:
        return float("nan")
    shares = counts / counts.sum()
    return float(-(shares * np.log(shares)).sum())


def accuracy(evidence: Evidence) -> float:
    """Of the latest batches; nan where it is not known."""
    known = evidence.accuracies[-max(STRETCH, len(evidence.accuracies) // 10) :]
    known = known[np.isfinite(known)]
    return float(known.mean()) if len(known) else float("nan")
