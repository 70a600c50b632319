"""The robustness curve: attacks of rising size on the same images, and the score that is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vitreous.inference.attacking import pixels
from vitreous.robust.epsilon import LEVELS, shown
from vitreous.robust.goal import judged, some
from vitreous.robust.norms import Norm, norm_of
from vitreous.robust.robust_page import Pictured
from vitreous.robust.robust_scores import AtSize
from vitreous.runs.attack_plan import Plan
from vitreous.runs.robust_subject import Subject, Told
from vitreous.shapes import Images
from vitreous.tasks.task import Ids

PICTURED = 8  # images that the page shows


class Curve:
    """Attacks of rising size on the same images: an image that fell at one size has fallen.

    right   rows that were answered rightly before anything was changed
    """

    def __init__(self, subject: Subject, plan: Plan, sizes: Sequence[float], decides: bool):
        self.subject, self.plan, self.sizes, self.decides = subject, plan, sizes, decides
        task = subject.bundle.task
        self.meters = [task.meter() for _ in sizes]
        self.rounded = [task.meter() for _ in sizes]
        self.measured: list[list[Tensor]] = [[] for _ in sizes]
        self.measured_rounded: list[list[Tensor]] = [[] for _ in sizes]
        self.smallest: list[Tensor] = []
        self.pictures: list[Pictured] = []
        self._right: list[Ids] = []
        self._found = [self._shared(size) for size in sizes]

    @property
    def norm(self) -> Norm:
        return norm_of(self.plan.norm)

    @property
    def right(self) -> Ids:
        return np.concatenate(self._right)

    def run(self, progress: Told | None) -> None:
        for chunk in self.subject.chunks(progress):
            self._chunk(chunk)

    def _chunk(self, chunk: Ids) -> None:
        subject, goal = self.subject, self.subject.goal
        clean, targets = subject.images(chunk), subject.truth(chunk)
        outputs = subject.bundle.answers(clean)
        harm = goal.harm(outputs, targets)
        open_ = harm <= 0 if self.decides else torch.ones_like(harm, dtype=torch.bool)
        self._right.append(chunk[open_.cpu().numpy()])
        nearest = self._nearest(clean, targets, open_)
        attacked = open_.clone()
        images = clean
        before = outputs
        for place, size in enumerate(self.sizes):
            if size:
                tried = self._tried(place, clean, images, targets, open_, nearest)
                heard = subject.bundle.answers(tried)
                worse = open_ & (goal.harm(heard, targets) > harm)
                images = torch.where(worse.view(-1, 1, 1, 1), tried, images)
                outputs = subject.bundle.answers(images)
                harm = goal.harm(outputs, targets)
                if self.decides:
                    open_ = open_ & (harm <= 0)
            self.meters[place].add(outputs, targets)
            bytes_ = torch.round(images * LEVELS) / LEVELS
            self.rounded[place].add(
                outputs if torch.equal(bytes_, images) else subject.bundle.answers(bytes_), targets
            )
            self.measured[place].append(self.norm.size(images - clean)[attacked].cpu())
            self.measured_rounded[place].append(self.norm.size(bytes_ - clean)[attacked].cpu())
        self._picture(chunk, clean, images, before, outputs, attacked, open_)

    def _tried(
        self,
        place: int,
        clean: Images,
        images: Images,
        targets: dict[str, Any],
        open_: Tensor,
        nearest: Images | None,
    ) -> Images:
        """The images with an attack of this size on those that still stand."""
        row, size = self.plan.row, self.sizes[place]
        assert row is not None
        if nearest is not None:
            near = self.norm.size(nearest - clean) <= size
            return torch.where(near.view(-1, 1, 1, 1), nearest, images)
        shared = self._found[place]
        if shared is not None:
            assert row.lay is not None
            return row.lay(clean, shared, self.plan.seed)
        return self._apply(clean, targets, open_, self.plan.options(size))

    def _nearest(self, clean: Images, targets: dict[str, Any], open_: Tensor) -> Images | None:
        row = self.plan.row
        if row is None or row.kind != "nearest":
            return None
        found = self._apply(clean, targets, open_, self.plan.options(0))
        wrong = judged(self.subject.bundle.model, found, targets, self.subject.goal) > 0
        sizes = self.norm.size(found - clean)
        self.smallest.append(torch.where(wrong, sizes, torch.inf)[open_].cpu())
        return found

    def _apply(
        self, clean: Images, targets: dict[str, Any], open_: Tensor, options: dict[str, Any]
    ) -> Images:
        """The attack on the images that still stand, so many at a time."""
        row, found = self.plan.row, clean.clone()
        assert row is not None
        for part in torch.split(open_.nonzero()[:, 0], self.subject.together):
            if len(part):
                found[part] = row.apply(
                    self.subject.bundle.model,
                    clean[part],
                    some(targets, part),
                    self.subject.goal,
                    seed=self.plan.seed + int(part[0]),
                    **options,
                )
        return found

    def _shared(self, size: float) -> Tensor | None:
        """The change of this size for all images, found on others."""
        row, other = self.plan.row, self.subject.other
        if row is None or row.find is None or not size:
            return None
        return row.find(
            self.subject.bundle.model,
            self.subject.images(other),
            self.subject.truth(other),
            self.subject.goal,
            seed=self.plan.seed,
            **self.plan.options(size),
        )

    def points(self) -> Iterator[AtSize]:
        for place, size in enumerate(self.sizes):
            score = self.subject.score(self.meters[place], self.decides)
            rounded = self.subject.score(self.rounded[place], self.decides)
            sizes, as_bytes = self.measured[place], self.measured_rounded[place]
            yield AtSize(
                eps=shown(size, self.plan.norm),
                value=score.value,
                interval=score.bounds,
                rounded=rounded.value,
                largest=self._told(sizes, torch.amax),
                mean=self._told(sizes, torch.mean),
                largest_rounded=self._told(as_bytes, torch.amax),
            )

    def _told(self, sizes: list[Tensor], what: Callable[..., Tensor]) -> float:
        together = torch.cat(sizes).double()
        return shown(float(what(together)), self.plan.norm) if len(together) else 0.0

    def median(self) -> float | None:
        """Of the smallest changes that make answers wrong; None where half of them do not."""
        if not self.smallest or not len(sizes := torch.cat(self.smallest)):
            return None
        middle = float(sizes.double().quantile(0.5, interpolation="higher"))
        return shown(middle, self.plan.norm) if np.isfinite(middle) else None

    def _picture(
        self,
        chunk: Ids,
        clean: Images,
        images: Images,
        before: Any,
        after: Any,
        attacked: Tensor,
        open_: Tensor,
    ) -> None:
        """Keep some images to look at: rather those that were right and are wrong."""
        room = PICTURED - len(self.pictures)
        changed = attacked & (images != clean).flatten(1).any(1)
        fell = changed & ~open_
        chosen = torch.cat([fell.nonzero()[:, 0], (changed & ~fell).nonzero()[:, 0]])[:room]
        if not len(chosen):
            return
        task = self.subject.bundle.task
        said, says = task.decode(before), task.decode(after)
        for place in chosen.tolist():
            self.pictures.append(
                Pictured(
                    id=self.subject.dataset.id(int(chunk[place])),
                    clean=pixels(clean[place]),
                    attacked=pixels(images[place]),
                    before=said[place].text,
                    after=says[place].text,
                    size=shown(
                        float(self.norm.size((images - clean)[place : place + 1])), self.plan.norm
                    ),
                )
            )
