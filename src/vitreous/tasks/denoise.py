"""Denoising: the clean picture that a noisy one was made of.

Pairs are read, or made of any images at hand: in training the noise is other in each epoch, in
measuring it is a function of the image alone, so that all runs are measured on the same pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vitreous.backprop.layers import Loss, SquaredError
from vitreous.data.batches.augmentation import Renewal
from vitreous.data.batches.pack import Rows
from vitreous.data.dataset import Dataset
from vitreous.data.images.frame import Frame
from vitreous.data.maps import Maps
from vitreous.data.noise import Noise
from vitreous.data.noisy import CLEAN, Noisy
from vitreous.errors import DataError, ModelFileError, UsageError
from vitreous.fields import misfit
from vitreous.formats import counted, plain
from vitreous.losses import absolute_error, squared_error
from vitreous.losses.known import known_loss
from vitreous.metrics.restoration import RestorationScores, restoration, untouched
from vitreous.metrics.score import Rule
from vitreous.metrics.similarity import psnr, ssim
from vitreous.models.network import Output
from vitreous.tasks.aim import Aim, whole_map
from vitreous.tasks.image_score import ImageScore
from vitreous.tasks.meter import ScoredMaps
from vitreous.tasks.picture_answer import Restored
from vitreous.tasks.pixel_aim import place_aim
from vitreous.tasks.pixel_answer import UNSEEN, PixelAnswer, place_of
from vitreous.tasks.pooled_answers import Pool, averaged
from vitreous.tasks.ranked_cases import ranked_cases
from vitreous.tasks.ranks import ranks
from vitreous.tasks.section import Gallery
from vitreous.tasks.task import Aligned, Columns, Ids, Task

USUAL = "gaussian:25"  # in comparisons of denoisers
NETWORK = "unet_denoiser_small"
LOOKS = 6_000  # at images, that a small network takes to learn
CHUNK = 16  # pictures that are measured together
COLORS = ("red", "green", "blue")
GEOMETRIC = ("none", "light", "pieces")  # policies that color nothing
UNIT = 100.0  # what losses are multiplied with: squares of noise in [0, 1] are small


class Fresh:
    """Noisy pictures of the clean ones, with other noise in each epoch."""

    def __init__(self, noise: Noise):
        self.noise = noise

    def __call__(
        self, moved: Mapping[str, Any], seed: int, epoch: int, keys: NDArray[np.int64]
    ) -> NDArray[np.uint8]:
        clean: NDArray[np.float32] = moved[CLEAN]
        known = np.isfinite(clean)
        pictures = np.rint(np.where(known, clean, 0) * 255).astype(np.uint8)
        return np.where(known, self.noise.drawn(pictures, seed, epoch, keys), np.uint8(0))


def likeness(answers: Tensor, wanted: Tensor) -> NDArray[np.float64]:
    """(B, 2) PSNR and SSIM of pictures (B, C, H, W) in [0, 1], within the image; NaN outside it."""
    found = np.full((len(answers), 2), np.nan)
    for row, answer, truth in zip(found, answers, wanted, strict=True):
        known = torch.isfinite(truth).all(0)
        lines, columns = known.any(1).nonzero(), known.any(0).nonzero()
        if not len(lines):
            continue
        # What is known of a window is a rectangle.
        inside = (
            slice(None),
            slice(int(lines[0]), int(lines[-1]) + 1),
            slice(int(columns[0]), int(columns[-1]) + 1),
        )
        row[:] = psnr(answer[inside], truth[inside]), ssim(answer[inside], truth[inside])
    return found


@dataclass(frozen=True, kw_only=True, eq=False)
class Denoise(Task):
    """The clean picture. Targets are pictures (B, C, H, W) in [0, 1], NaN outside the image.

    channels  of the pictures
    """

    name = "denoise"
    hub_tag = "image-to-image"
    requirement = "each image has a clean picture"
    needs: ClassVar = {CLEAN: Maps}
    answers = "map"
    window = "native"
    SCORES = RestorationScores
    image_score = ImageScore("psnr", "mean PSNR in dB", share=False)
    LOSSES: ClassVar[Mapping[str, Callable[..., Tensor]]] = {
        "squared": squared_error,
        "absolute": absolute_error,
    }

    unlabeled = True

    channels: int = 3

    @classmethod
    def pose(cls, dataset: Dataset, noise: str | None = None) -> Dataset:
        """Pairs as they are; of any other images each is made noisy, unless `noise` is ""."""
        dataset = super().pose(dataset)
        if CLEAN in dataset.targets or noise == "":
            return dataset
        return Noisy(dataset, Noise.of(noise or USUAL))

    @classmethod
    def network(cls, channels: int) -> tuple[str, str] | None:
        return NETWORK, "it says at several scales what to take away from a picture"

    @classmethod
    def explain(cls, outputs: Sequence[str]) -> str:
        return "a picture with the squared error, because its mean is PSNR's"

    @classmethod
    def prefers(cls, channels: int, examples: int, criterion: str) -> dict[str, tuple[Any, str]]:
        epochs = int(np.clip(round(LOOKS / examples), 5, 200))
        looks = f"about {epochs * examples:,} looks at {counted(examples, 'image')}"
        return {
            **super().prefers(channels, examples, criterion),
            "epochs": (epochs, looks),
            "batch_size": (8, "small pieces make many steps, and each pixel is an example"),
            "augment": (
                "pieces",
                "colors have to stay what they are, and so has the scale of noise",
            ),
        }

    @classmethod
    def spoiled_by(cls, augment: str, noise: str) -> str:
        """Where noise is made it comes last, and of a picture that has any color."""
        if augment in GEOMETRIC or noise:
            return ""
        return "would color the noisy pictures and not the clean ones"

    @classmethod
    def of(
        cls, targets: Columns, *, criterion: str = "", smoothing: float = 0.0, balance: str = "none"
    ) -> Self:
        return cls(channels=pictures(targets).channels or 1, criterion=criterion)

    def output(self) -> Output:
        return Output("map", self.channels)

    def wanted(self, targets: Mapping[str, Any]) -> Tensor:
        """(B, C, H, W) in [0, 1], NaN outside of the image."""
        clean: Tensor = targets[CLEAN]
        return clean.reshape(len(clean), self.channels, *clean.shape[-2:])

    def loss(self, outputs: Tensor, targets: Mapping[str, Any]) -> Tensor:
        return UNIT * known_loss(self.LOSSES[self.criterion], outputs, self.wanted(targets))

    def manual_loss(self) -> Loss:
        return PictureError() if self.criterion == "squared" else super().manual_loss()

    def manual_targets(self, targets: Mapping[str, Any]) -> Tensor:
        return self.wanted(targets)

    def renewal(self) -> Renewal | None:
        return Fresh(Noise.of(self.noise)) if self.noise else None

    def meter(self) -> ScoredMaps:
        return ScoredMaps(self._scored)

    def _scored(
        self, outputs: Tensor, targets: Mapping[str, Any]
    ) -> tuple[Tensor, NDArray[np.float64]]:
        wanted = self.wanted(targets).to(outputs.device)
        # The squared error whatever was trained on: a model file does not know of its criterion.
        losses = UNIT * known_loss(squared_error, outputs, wanted)
        return losses, likeness(outputs.clamp(0, 1), wanted)

    def scores(self, meter: ScoredMaps, baselines: Sequence[Any] = ()) -> RestorationScores:
        loss = meter.loss / max(len(meter), 1)
        return restoration(meter.images, loss=loss, baselines=baselines)

    def baselines(self, rows: Rows, targets: Columns, train: Ids, ids: Ids) -> tuple[Rule, ...]:
        found = []
        for first in range(0, len(ids), CHUNK):
            some = ids[first : first + CHUNK]
            noisy = torch.from_numpy(np.asarray(rows[some])).permute(0, 3, 1, 2) / 255
            found.append(likeness(noisy, self.wanted({CLEAN: pictures(targets).batch(some)})))
        return (untouched(np.concatenate(found)),)

    def table(
        self, meter: ScoredMaps, targets: Columns
    ) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        """PSNR and SSIM of each image; the lowest PSNR ranks first."""
        found = meter.images
        rows: list[tuple[Any, ...]] = []
        for values, rank in zip(found, ranks(found[:, 0]), strict=True):
            told = ["" if np.isnan(value) else f"{value:.6f}" for value in values]
            rows.append((*told, int(rank) if told[0] else ""))
        return ("psnr", "ssim", "rank"), rows

    def align(self, targets: Columns, where: str) -> Aligned:
        found = super().align(targets, where)
        given = pictures(found.targets).channels or 1
        if given != self.channels:
            raise DataError(
                f"clean pictures of {counted(given, 'channel')}, and the model gives "
                f"{self.channels}",
                where=where,
                remedy="Evaluate on pictures like those of training.",
            )
        return found

    def pool(self, members: Sequence[Self]) -> tuple[Self, Pool]:
        """Pictures are averaged."""
        return self, averaged([lambda outputs: outputs for _ in members], Tensor.float)

    def decode(
        self, outputs: Tensor, frames: Sequence[Frame] | None = None, top: int = 5
    ) -> list[Restored]:
        levels = (outputs.detach().float().clamp(0, 1) * 255).permute(0, 2, 3, 1).cpu().numpy()
        if frames is None:
            frames = [Frame.identity(one.shape[:2]) for one in levels]
        back = (frame.inverse for frame in frames)
        made = [
            each.map(one, nearest=False, fill=0.0) for each, one in zip(back, levels, strict=True)
        ]
        return [Restored(np.rint(one).astype(np.uint8)) for one in made]

    def aim(self, outputs: Tensor, target: str = "", frames: Any = None) -> Aim:
        """How bright a color of the picture is, on average or at a place."""
        placed = place_aim(outputs, self._channels, target, frames)
        return placed or whole_map(outputs, self._channels, target)

    @property
    def _channels(self) -> tuple[str, ...]:
        if self.channels == len(COLORS):
            return COLORS
        return tuple(f"channel {number}" for number in range(1, self.channels + 1))

    def at_pixel(self, outputs: Tensor, answer: Any, frame: Frame, x: int, y: int) -> PixelAnswer:
        place = place_of(frame, x, y, outputs)
        if place is None:
            return UNSEEN
        levels = answer.pixels[y, x].tolist()
        rows = zip(self._channels, map(float, levels), map(str, levels), strict=True)
        return PixelAnswer("The clean pixel, from 0 to 255", (*rows,), place)

    def truth(self, targets: Mapping[str, Any]) -> Restored:
        clean = np.asarray(targets[CLEAN], np.float32)
        clean = clean.reshape(*clean.shape[:2], self.channels)
        levels = np.rint(np.nan_to_num(clean) * 255)
        return Restored(levels.astype(np.uint8), is_truth=True)

    def meaning(self, scores: RestorationScores) -> list[str]:
        noisy = next((rule.score("psnr") for rule in scores.baselines), None)
        if noisy is None:
            return []
        gain = scores.psnr - noisy.value
        return [
            f"Pictures are {plain(gain)}\u202fdB nearer to the clean ones than the noisy ones are: "
            f"the mean squared error is {10 ** (gain / 10):.1f} times smaller."
            if gain > 0
            else "Restored pictures are no nearer to the clean ones than the noisy ones are."
        ]

    def galleries(self, rows: Sequence[Mapping[str, str]]) -> Iterator[Gallery]:
        intro = "From left to right: the noisy picture, the clean one, and the answer."
        return ranked_cases(rows, _note, noun="pictures", intro=intro, abreast=3)

    def to_json(self) -> dict[str, Any]:
        return {"channels": self.channels, "noise": self.noise}

    @classmethod
    def from_json(cls, classes: Sequence[str], decoding: Mapping[str, Any]) -> Self:
        kinds = {"channels": int, "noise": str}
        if decoding.keys() != kinds.keys() or misfit(decoding, kinds) or decoding["channels"] < 1:
            raise ModelFileError(f"the decoding of pictures is {dict(decoding)!r:.80}")
        try:
            noise = decoding["noise"] and str(Noise.of(decoding["noise"]))
        except UsageError as error:
            raise ModelFileError(f"the decoding of pictures: {error.message}") from error
        return cls(channels=decoding["channels"], noise=noise)


class PictureError(SquaredError):
    """The squared error by hand, within the image."""

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        known = torch.isfinite(targets)
        self.factor = UNIT * known[0].numel() / known.flatten(1).sum(1).clamp_min(1)
        return self.factor * super().losses(outputs, targets.where(known, outputs))

    def slopes(self) -> Tensor:
        return self.factor[:, None, None, None] * super().slopes()


def pictures(targets: Columns) -> Maps:
    column = targets[CLEAN]
    assert isinstance(column, Maps)
    return column


def _note(row: Mapping[str, str]) -> str:
    alike = f", SSIM {float(row['ssim']):.3f}" if row["ssim"] else ""
    return f"{float(row['psnr']):.1f}\u202fdB{alike}"
