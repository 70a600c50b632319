"""Masked images, rebuilt: learning without labels by telling what was hidden from what was not.

Most of each image is painted over in squares, and a network that answers for each pixel has to fill
them; only they count (`losses.hidden`). What is measured is a function of the image's pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vitreous.data.batches.augmentation import Pretext, keys_of
from vitreous.data.batches.pack import Rows
from vitreous.data.images.frame import Frame
from vitreous.drawing.markers import colored
from vitreous.errors import ModelFileError
from vitreous.fields import misfit
from vitreous.formats import percent, plain
from vitreous.losses.hidden import hidden_error
from vitreous.metrics.restoration import RestorationScores, restoration
from vitreous.metrics.score import Rule
from vitreous.metrics.similarity import FINEST
from vitreous.metrics.simple_rule import SimpleRule
from vitreous.models.network import Output
from vitreous.tasks.hidden_patches import HiddenPatches
from vitreous.tasks.image_score import ImageScore
from vitreous.tasks.meter import ScoredMaps
from vitreous.tasks.picture_answer import Restored
from vitreous.tasks.ranked_cases import ranked_cases
from vitreous.tasks.ranks import ranks
from vitreous.tasks.section import Gallery
from vitreous.tasks.task import Columns, Ids, Stage
from vitreous.tasks.unlabeled import Unlabeled

SHARE = 0.6  # of the squares is hidden
UNIT = 100.0  # what losses are multiplied with, as in denoising
CHUNK = 64
SMALL = 64  # pixels a side, up to which squares are small


class Original(Restored):
    """An image as it is, beside which the answer is drawn."""

    def draw(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return colored(image)


@dataclass(frozen=True, kw_only=True, eq=False)
class Masked(Unlabeled):
    """What is hidden is told from what is not.

    channels  of the images
    side      of the hidden squares, in pixels
    """

    image_score = ImageScore("psnr", "mean PSNR in dB", share=False)
    answers = "map"

    criterion: str = "masked"
    channels: int = 3
    side: int = 4

    @property
    def patches(self) -> HiddenPatches:
        return HiddenPatches(self.side, SHARE)

    def within(self, height: int, width: int, channels: int = 3) -> Self:
        side = 4 if max(height, width) <= SMALL else 16
        return replace(self, channels=channels, side=side)

    @classmethod
    def of(
        cls, targets: Columns, *, criterion: str = "", smoothing: float = 0.0, balance: str = "none"
    ) -> Self:
        return cls()

    def output(self) -> Output:
        return Output("map", self.channels)

    def pretext(self, stage: Stage) -> Pretext | None:
        return self.patches

    def loss(self, outputs: Tensor, targets: Mapping[str, Any]) -> Tensor:
        found = hidden_error(outputs, targets["picture"], targets["hidden"], reduction="none")
        return UNIT * found

    def completed(self, outputs: Tensor, made: Mapping[str, Tensor]) -> Tensor:
        """Pictures (B, C, H, W) with what was hidden filled in."""
        hidden, picture = made["hidden"][:, None].to(outputs.device), made["picture"].to(outputs)
        return outputs.where(hidden, picture)

    def meter(self) -> ScoredMaps:
        return ScoredMaps(self._scored)

    def _scored(
        self, outputs: Tensor, targets: Mapping[str, Any]
    ) -> tuple[Tensor, NDArray[np.float64]]:
        picture, hidden = (targets[name].to(outputs.device) for name in ("picture", "hidden"))
        inside = hidden_error(outputs.clamp(0, 1), picture, hidden, reduction="none")
        found = np.full((len(outputs), 2), np.nan)  # no window of SSIM lies in what was hidden
        found[:, 0] = -10 * inside.double().clamp_min(FINEST).log10().cpu().numpy()
        return self.loss(outputs, {"picture": picture, "hidden": hidden}), found

    def scores(self, meter: ScoredMaps, baselines: Sequence[Any] = ()) -> RestorationScores:
        loss = meter.loss / max(len(meter), 1)
        return restoration(meter.images, loss=loss, baselines=baselines)

    def baselines(self, rows: Rows, targets: Columns, train: Ids, ids: Ids) -> tuple[Rule, ...]:
        """What is left where the squares stay as they were painted."""
        meter = self.meter()
        for start in range(0, len(ids), CHUNK):
            some = torch.from_numpy(np.asarray(rows[ids[start : start + CHUNK]]))
            images = some.permute(0, 3, 1, 2) / 255
            meter.add(*self.patches(images, 0, 0, keys_of(images)))
        scores = self.scores(meter)
        rule = SimpleRule(
            name="color",
            title="mean color of what is seen",
            detail="fills in the mean color of what is seen",
            count=scores.count,
            scores=scores.all,
        )
        return (rule,)

    def table(
        self, meter: ScoredMaps, targets: Columns
    ) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        """PSNR of what was hidden in each image; the lowest ranks first."""
        found = meter.images[:, 0]
        rows = [
            (f"{value:.6f}", int(rank)) for value, rank in zip(found, ranks(found), strict=True)
        ]
        return ("psnr", "rank"), rows

    def decode(
        self, outputs: Tensor, frames: Sequence[Frame] | None = None, top: int = 5
    ) -> list[Restored]:
        levels = (outputs.detach().float().clamp(0, 1) * 255).permute(0, 2, 3, 1).cpu().numpy()
        if frames is None:
            frames = [Frame.identity(one.shape[:2]) for one in levels]
        made = []
        for one, frame in zip(levels, frames, strict=True):
            picture = frame.inverse.map(one, nearest=False, fill=0.0)
            made.append(Restored(np.rint(picture).astype(np.uint8)))
        return made

    def truth(self, targets: Mapping[str, Any]) -> Original:
        return Original(np.zeros((1, 1, self.channels), np.uint8))

    def meaning(self, scores: RestorationScores) -> list[str]:
        color = next((rule.score("psnr") for rule in scores.baselines), None)
        hidden = percent(SHARE, 0)
        told = [f"{hidden} of each image was hidden; the score is of these pixels alone."]
        if color is not None:
            gain = scores.psnr - color.value
            told.append(
                f"They are {plain(gain)}\u202fdB nearer to the image than its mean color is."
                if gain > 0
                else "They are no nearer to the image than its mean color is."
            )
        return told

    def galleries(self, rows: Sequence[Mapping[str, str]]) -> Iterator[Gallery]:
        intro = "From left to right: the image, and the same with what was hidden filled in."
        return ranked_cases(rows, _note, noun="pictures", intro=intro)

    def to_json(self) -> dict[str, Any]:
        return {"pretext": "masked", "channels": self.channels, "side": self.side}

    @classmethod
    def from_json(cls, classes: Sequence[str], decoding: Mapping[str, Any]) -> Self:
        kinds = {"pretext": str, "channels": int, "side": int}
        broken = decoding.keys() != kinds.keys() or misfit(decoding, kinds) or classes
        if broken or decoding["channels"] < 1 or not 1 <= decoding["side"] <= 1024:
            raise ModelFileError(f"the decoding of pictures is {dict(decoding)!r:.80}")
        return cls(channels=decoding["channels"], side=decoding["side"])


def _note(row: Mapping[str, str]) -> str:
    return f"{float(row['psnr']):.1f}\u202fdB"
