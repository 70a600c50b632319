"""Rejection of images that are not like those of training: "none of these" in place of an answer.

A network names one of its classes whatever it is shown. How strange an image is tells a score:

    energy     -log Σ exp(logit): low where some class has much evidence
    neighbors  distance of its features to the tenth nearest of the training images, by angle

and what lies above a threshold is refused. The threshold is chosen on the validation part, so that
a stated share of its images is refused as well: that is the price.
Liu et al. (2020), "Energy-based out-of-distribution detection", arXiv:2010.03759; Sun et al.
(2022), "Out-of-distribution detection with deep nearest neighbors", arXiv:2204.06507.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from vitreous.errors import ModelFileError, UsageError
from vitreous.fields import Between, misfit
from vitreous.metrics.interval import wilson
from vitreous.models import backbone_and_head
from vitreous.shapes import Images
from vitreous.tasks import Answer
from vitreous.training.precision import forward_context

if TYPE_CHECKING:
    from vitreous.inference.predictor import Predictor

SHARE = 0.05  # of the own images that are refused, unless told
ENOUGH = 100  # validation images; with fewer the share is hardly known
KEPT = 1000  # training images whose features are compared with, at most
NEAREST = 10  # the neighbor that counts


def by_energy(predictor: Predictor, images: Images, outputs: Any, bank: Tensor | None) -> Tensor:
    found = predictor.task.strangeness(outputs)
    if found is None:
        raise UsageError(
            f"the answers of the task '{predictor.task.name}' do not tell how strange an image is",
            where="--reject energy",
            remedy="Choose neighbors, where the network makes one vector of an image.",
        )
    return found


def by_neighbors(predictor: Predictor, images: Images, outputs: Any, bank: Tensor | None) -> Tensor:
    assert bank is not None
    near = features(predictor, images) @ bank.float().T.to(predictor.device)
    return 1 - near.topk(min(NEAREST, len(bank)), dim=1).values[:, -1]


def features(predictor: Predictor, images: Images) -> Tensor:
    """(B, K) what the network's last layer sees, of length 1.

    Raises ModelError for a network that makes no one vector of an image.
    """
    from vitreous.blocks.mode import evaluating

    backbone, _ = backbone_and_head(predictor.model)
    with (
        evaluating(predictor.model),
        torch.inference_mode(),
        forward_context(predictor.precision, predictor.device),
    ):
        return F.normalize(backbone(images.to(predictor.device)).float(), dim=1)


STRANGENESS: dict[str, Callable[..., Tensor]] = {"energy": by_energy, "neighbors": by_neighbors}
"""(predictor, images, outputs, bank) to (B,), by the name of the score."""

Finite = Annotated[float, Between(-1e30, 1e30)]
FIELDS: dict[str, Any] = {
    "score": str,
    "threshold": Finite,
    "share": Annotated[float, Between(0, 1)],
    "examples": int,
}


@dataclass(frozen=True, eq=False)
class Rejection:
    """When an image is refused.

    score      a key of STRANGENESS
    threshold  above which it is
    share      of the validation images that is refused by it
    examples   how many these were
    bank       (M, K) float16 features of training images, of length 1, for "neighbors"
    """

    score: str
    threshold: float
    share: float
    examples: int
    bank: Tensor | None = None

    @classmethod
    def chosen(
        cls, score: str, own: NDArray[np.float64], share: float, bank: Tensor | None = None
    ) -> Self:
        """The threshold above which at most this share of the own images lies.

        own  (N,) scores of validation images, at least one
        """
        ordered = np.sort(own)
        kept = max(1, math.ceil((1 - share) * len(own)))
        threshold = float(ordered[kept - 1])
        refused = float((own > threshold).mean())
        return cls(score, threshold, refused, len(own), bank)

    @property
    def notes(self) -> tuple[str, ...]:
        """What whoever refuses by it should know."""
        low, high = wilson(self.share * self.examples, self.examples)
        if self.examples >= ENOUGH:
            return ()
        return (
            f"the threshold was chosen on {self.examples} validation images only: of images like "
            f"those of training, it may refuse {100 * low:.0f} to {100 * high:.0f} %",
        )

    def strangeness(self, predictor: Predictor, images: Images, outputs: Any) -> Tensor:
        """(B,) the score of each image.

        outputs  of the network for these images
        """
        return STRANGENESS[self.score](predictor, images, outputs, self.bank)

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in FIELDS}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any] | None, bank: Tensor | None) -> Rejection | None:
        """What a header says. Raises ModelFileError for anything unexpected."""
        if fields is None:
            if bank is not None:
                raise ModelFileError("features for a rejection that there is not")
            return None
        right = fields.keys() == FIELDS.keys() and not misfit(fields, FIELDS)
        if not right or fields["score"] not in STRANGENESS or fields["examples"] < 1:
            raise ModelFileError(f"the rejection {dict(fields)!r:.80} is none")
        if (fields["score"] == "neighbors") != (bank is not None) or (
            bank is not None
            and (bank.dim() != 2 or not len(bank) or not bool(bank.float().isfinite().all()))
        ):
            raise ModelFileError(f"features that do not belong to the score {fields['score']}")
        return cls(**{name: fields[name] for name in FIELDS}, bank=bank)


@dataclass(frozen=True, slots=True)
class Rejected:
    """The answer about an image that is not like those of training.

    nearest      what would have been answered
    strangeness  above the threshold
    """

    nearest: Answer
    strangeness: float
    threshold: float

    label = None
    score = None

    @property
    def text(self) -> str:
        return "none of these"

    @property
    def line(self) -> str:
        return f"{self.text}   (of these {self.nearest.line})"

    def to_json(self) -> dict[str, Any]:
        return {
            "label": None,
            "rejected": True,
            "strangeness": self.strangeness,
            "threshold": self.threshold,
            "nearest": self.nearest.to_json(),
        }

    def draw(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The image in gray within a red frame, and nothing of the answer."""
        gray = image[..., :3].mean(axis=2, keepdims=True) * 0.5 + 100
        drawn = np.repeat(gray, 3, axis=2).astype(np.uint8)
        width = max(1, min(image.shape[:2]) // 40)
        for edge in (
            drawn[:width],
            drawn[-width:],
            drawn[:, :width],
            drawn[:, -width:],
        ):
            edge[...] = (200, 30, 40)
        return drawn
