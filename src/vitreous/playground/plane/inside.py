"""Two views into a network that learns in the plane: a layer's embedding, and the loss around it.

The embedding goes with every frame. The landscape is hundreds of networks; it is computed row by
row, in a fifth of the time, while training goes on, and shows the moment at which it was begun.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from vitreous.explain.embedding import embed
from vitreous.explain.landscape import random_direction, slice_rows
from vitreous.playground.plane.session import Session
from vitreous.playground.plane.snapshot import Frame

SHOWN = 1000  # training points that are embedded, or that a landscape is the loss of
STEPS = torch.linspace(-1, 1, 21)
SHARE = 0.2  # of the time, while training goes on

Moment = tuple[object, int, int]  # network, steps, and weights set by hand


class Inside:
    """What a page looks at inside of a session.

    layer      whose embedding is wanted: 0 for the inputs, then the hidden layers; None for none
    landscape  whether the loss around the weights is wanted
    """

    def __init__(self) -> None:
        self.layer: int | None = None
        self.landscape = False
        self._axes: Tensor | None = None  # of the embedding before, so that the film does not flip
        self._rows: Iterator[Tensor] | None = None
        self._done: list[Tensor] = []
        self._of: Moment | None = None  # of the landscape
        self._next = 0.0  # when the next row may be computed

    def pending(self, session: Session) -> bool:
        """Is there a landscape to begin or to go on with, were there time?"""
        return self.landscape and (self._rows is not None or self._of != moment(session))

    def due(self) -> bool:
        """May some of the time be taken from training?"""
        return time.monotonic() >= self._next

    def embedding(self, session: Session) -> Frame:
        """Principal components of the chosen layer at the training points; empty without one."""
        if self.layer is None or self.layer > len(session.state.hidden):
            return {}, {}
        inputs = session.train.inputs[:SHOWN]
        values = session.layers(inputs)[self.layer - 1].a if self.layer else inputs
        found = embed(torch.nan_to_num(values, 0.0, 1e6, -1e6).clamp(-1e6, 1e6), like=self._axes)
        self._axes = found.axes
        facts = {"embedding": {"layer": self.layer, "shares": found.shares.tolist()}}
        return facts, {"embedding": found.places.float().numpy()}

    def advance(self, session: Session) -> Frame | None:
        """Compute a row of the landscape; after the last one, the picture."""
        start = time.monotonic()
        if self._rows is None or self._of is None or self._of[0] is not session.network:
            self._rows, self._done, self._of = rows_of(session), [], moment(session)
        row = next(self._rows)
        self._done.append(row)
        now = time.monotonic()
        self._next = now + (now - start) * (1 / SHARE - 1)
        if len(self._done) < len(STEPS):
            return None
        self._rows = None
        losses = torch.nan_to_num(torch.stack(self._done), 1e30, 1e30).clamp(max=1e30)
        facts = {"steps": self._of[1], "points": len(session.train.inputs[:SHOWN])}
        return facts, {"losses": losses.numpy().astype(np.float32)}


def moment(session: Session) -> Moment:
    return session.network, session.steps, len(session.edits)


def rows_of(session: Session) -> Iterator[Tensor]:
    """The mean loss of the training points around the session's weights; its seed is the plane's.

    No penalty is added, as in the page's training loss.
    """
    generator = torch.Generator().manual_seed(session.state.seed)
    across, along = (random_direction(session.network, generator) for _ in range(2))
    targets = session.train.targets[:SHOWN]

    def loss(outputs: Tensor) -> Tensor:
        return session.loss.each(outputs, targets).mean()

    inputs = session.train.inputs[:SHOWN]
    return slice_rows(session.network, inputs, loss, across, along, STEPS)
