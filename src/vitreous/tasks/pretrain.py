"""Learning without labels, self-supervised: a network learns to tell an image from all others,
whatever is done to it. What it has learned is then where another task begins (`--pretrained RUN`).

Each image is augmented twice; the answers to its two views are to be alike, those to other images
are not (see `losses.contrastive`). The answers come from behind a hidden layer, which is dropped
when the weights are used. Labels, where there are any, are never learned from; they only tell
whether neighbors are of one class.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, cast

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from vitreous.data.batches.augmentation import Pretext, keys_of
from vitreous.data.batches.pack import Rows
from vitreous.data.images.frame import Frame
from vitreous.errors import ModelFileError
from vitreous.formats import percent
from vitreous.losses.contrastive import nt_xent
from vitreous.metrics.score import Rule
from vitreous.metrics.simple_rule import SimpleRule
from vitreous.metrics.view_retrieval import ViewScores, unit, view_ranks, view_scores
from vitreous.models.network import Output
from vitreous.tasks.image_score import ImageScore
from vitreous.tasks.masked import Masked
from vitreous.tasks.other_view import OtherView
from vitreous.tasks.ranks import ranks
from vitreous.tasks.section import Case, Gallery, Note
from vitreous.tasks.task import Columns, Ids, Stage
from vitreous.tasks.unlabeled import MASKED, Unlabeled
from vitreous.tasks.vector_answer import Embedding
from vitreous.tasks.view_meter import ViewMeter

NUMBERS = 128  # of an answer, as in the paper
SIDE = 16  # pixels a side of the images that pixels are compared in
COLLAPSED = 0.1  # spread below which all answers are nearly the same
SHOWN = 12  # images in a gallery
CHUNK = 256


@dataclass(frozen=True, kw_only=True, eq=False)
class Pretrain(Unlabeled):
    """Two views of an image are alike. Nothing is learned from classes, they are measured by."""

    image_score = ImageScore("found", "other views found")

    @classmethod
    def of(
        cls, targets: Columns, *, criterion: str = "", smoothing: float = 0.0, balance: str = "none"
    ) -> Self:
        way: Any = Masked if criterion == MASKED else cls
        return cast(Self, way(criterion=criterion))

    def output(self) -> Output:
        return Output("vector", NUMBERS, projected=True)

    @property
    def views(self) -> int:
        return 2

    def loss(self, outputs: Tensor, targets: Mapping[str, Any]) -> Tensor:
        return nt_xent(outputs, reduction="none")

    def pretext(self, stage: Stage) -> Pretext | None:
        """In learning the batches hold the views."""
        return OtherView() if stage == "measuring" else None

    def meter(self) -> ViewMeter:
        return ViewMeter()

    def scores(self, meter: ViewMeter, baselines: Sequence[Any] = ()) -> ViewScores:
        first, second = np.moveaxis(meter.answers, 1, 0)
        return view_scores(first, second, meter.classes, loss=meter.loss, baselines=baselines)

    def baselines(self, rows: Rows, targets: Columns, train: Ids, ids: Ids) -> tuple[Rule, ...]:
        """The same question answered by the pixels, mean and deviation of each image taken away."""
        meter = ViewMeter()
        for start in range(0, len(ids), CHUNK):
            some = ids[start : start + CHUNK]
            images = torch.from_numpy(np.asarray(rows[some])).permute(0, 3, 1, 2) / 255
            views, _ = OtherView()(images, 0, 0, keys_of(images))
            small = F.adaptive_avg_pool2d(views, SIDE).flatten(1)
            given = {name: column.batch(some) for name, column in targets.items()}
            meter.add(small - small.mean(1, keepdim=True), given)
        scores = self.scores(meter)
        rule = SimpleRule(
            name="pixels",
            title="likeness of the pixels",
            detail="compares the pixels, their mean taken away",
            count=scores.count,
            scores=scores.all,
        )
        return (rule,)

    def table(
        self, meter: ViewMeter, targets: Columns
    ) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        """Whether the other view was found, and at which place; the last place ranks first."""
        first, second = np.moveaxis(meter.answers, 1, 0)
        places = view_ranks(unit(first), unit(second))
        order = ranks(-places.astype(np.float64))
        rows = [
            (int(place == 1), int(place), int(rank))
            for place, rank in zip(places, order, strict=True)
        ]
        return ("found", "place", "rank"), rows

    def decode(
        self, outputs: Tensor, frames: Sequence[Frame] | None = None, top: int = 5
    ) -> list[Embedding]:
        return [Embedding(one) for one in unit(outputs.detach().float().cpu().numpy())]

    def meaning(self, scores: ViewScores) -> list[str]:
        told = [
            f"For {percent(scores.found)} of the images the view that is most alike, of those of "
            f"{scores.among:,} images, is their own."
        ]
        if scores.neighbor is not None:
            told.append(
                "The image that is most alike is of the same class for "
                f"{percent(scores.neighbor)}: no label was learned from."
            )
        return told

    def remarks(self, part: str, scores: ViewScores) -> list[Note]:
        if scores.spread >= COLLAPSED:
            return []
        return [
            Note(
                f"The network has collapsed: its answers to different images are nearly the same "
                f"(spread {scores.spread:.3f} of 1), so that its features tell little. Try a lower "
                "--lr, a larger --batch-size or --augment views.",
                kind="warning",
            )
        ]

    def galleries(self, rows: Sequence[Mapping[str, str]]) -> Iterator[Gallery]:
        ranked = sorted(rows, key=lambda row: int(row["rank"]))
        missed = [row for row in ranked if row["found"] == "0"][:SHOWN]
        cases = [
            Case(id=row["path"], note=f"its other view came at place {row['place']}")
            for row in missed
        ]
        intro = "Images for which the views of others were more alike than their own."
        if cases:
            yield Gallery(anchor="lost", title="Lost views", intro=intro, cases=cases)

    @classmethod
    def from_json(cls, classes: Sequence[str], decoding: Mapping[str, Any]) -> Self:
        if "pretext" in decoding:
            return cast(Self, Masked.from_json(classes, decoding))
        if decoding or classes:
            raise ModelFileError(f"the decoding of vectors is {dict(decoding)!r:.80}")
        return cls()
