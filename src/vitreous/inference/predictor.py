"""Predictor: a trained network in evaluation mode, with all that a prediction depends on.

This is the one place that runs a network to hear its answer: validation after each epoch, the final
measurement, `evaluate`, `predict`, `explain` and the lens of the playground all come here, so they
cannot disagree; an export's comparison runs it itself. Where nobody looks inside, an engine may
compute the answers in the network's place: see `infer`. No answer leaves here that is not a number:
see `finite`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Protocol, Self, TypeAlias, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from vitreous.blocks.mode import evaluating
from vitreous.data.batches.augmentation import keys_of
from vitreous.data.batches.pack import Rows
from vitreous.data.batches.preprocess import PixelContract, resize, resize_frame
from vitreous.data.formats.folder_walk import images_below
from vitreous.data.images.decode import Source, decode
from vitreous.data.images.frame import Frame
from vitreous.data.images.pixels import with_channels
from vitreous.data.images.read_file import printable
from vitreous.data.images.remarks import listening, merged
from vitreous.distributed import ALONE, Ranks
from vitreous.errors import DataError, DivergedError, UsageError
from vitreous.fields import Between, checked
from vitreous.formats import counted
from vitreous.infer.engine import Engine
from vitreous.inference import forked  # noqa: F401  (whoever predicts may be forked)
from vitreous.inference.answered import Answered
from vitreous.inference.ready import Ready
from vitreous.inference.tiles import Tiling
from vitreous.inference.views import ONE, mean_over
from vitreous.shapes import Images
from vitreous.tasks import Answer, Task
from vitreous.tasks.meter import Meter, joined
from vitreous.tasks.task import Columns, Ids, Stage
from vitreous.training.precision import forward_context, widened

Image: TypeAlias = Source | Tensor
BATCH = 64  # images that are decoded and predicted together
PIXELS = 2 << 20  # of the rows that go through the network together
MOST = 512  # rows that do
AROUND = 8  # pixels by which an image at its own scale is continued
WHOLE = 1 << 20  # pixels of an image of any size, up to which it goes through in one pass
Fitted: TypeAlias = tuple[Images, list[NDArray[np.uint8]], list[Frame], list[int]]
"""Images (B, C, H, W) in [0, 1], the pictures as they were decoded, how each was fitted into the
window, and the remarks on its reading.
"""
Scale = Annotated[float | None, Between(0.001, 16)]  # of an image, for tiles


class Preprocess(Protocol):
    """How rows of bytes become the network's input; `PixelContract` is one."""

    @property
    def shape(self) -> tuple[int, int, int]: ...
    def images(self, rows: Any) -> Images: ...


@dataclass(frozen=True, kw_only=True)
class Predictor:
    """A network with everything that its answers depend on.

    model      the network
    task       what its outputs mean
    contract   how an image becomes its input
    precision  number format of its forward pass
    engine     what answers in its place, faster; None: the network itself
    views      of an image, over which an answer is the mean: "none", or a key of `views.VIEWS`
    """

    model: nn.Module
    task: Task
    contract: Any  # a Preprocess; a PixelContract where images are predicted
    precision: str = "float32"
    engine: Engine | None = None
    views: str = ONE

    @property
    def classes(self) -> tuple[str, ...]:
        return self.task.classes

    @property
    def raw(self) -> Self:
        """The same network without calibration: as sure of its answers as it is by itself."""
        return replace(self, task=self.task.raw())

    @property
    def device(self) -> torch.device:
        return next((p.device for p in self.model.parameters()), torch.device("cpu"))

    @property
    def together(self) -> int:
        """Rows that go through the network at once."""
        return max(1, min(MOST, PIXELS // int(np.prod(self.contract.shape))))

    @property
    def keeps_size(self) -> bool:
        """Is each image answered in its own size, by itself?"""
        return getattr(self.contract, "fit", None) == "native"

    @property
    def continues(self) -> bool:
        """Is an image continued by its mirror image, and what is answered there cut off? Of pixels
        that nothing was done to, those at the border would else be worse answered than others: a
        network takes the zeros about an image for a part of it.
        """
        given = self.task.output()
        return self.keeps_size and given.kind == "map" and given.stride == 1

    def outputs(self, images: Images) -> Any:
        """What the network itself gives for images (B, C, H, W) in [0, 1], at least in float32.

        Raises DivergedError where that is not finite.
        """
        with (
            evaluating(self.model),
            torch.inference_mode(),
            forward_context(self.precision, self.device),
        ):
            return finite(widened(self.model(images.to(self.device))))

    def answers(self, images: Images) -> Any:
        """What is answered to images: the mean over their `views` of `outputs`; where images have a
        scale of their own, those for images that are continued by their mirror images, without what
        lies there. An engine may have computed it: nothing can look on.
        """
        return mean_over(self.views, self._answers, images)

    def _answers(self, images: Images) -> Any:
        found = None if self.engine is None else self.engine(self.model, images)
        if found is not None:
            return finite(found)
        if not self.continues or min(images.shape[2:]) <= AROUND:
            return self.outputs(images)
        wide = F.pad(images, [AROUND] * 4, mode="reflect")
        return self.outputs(wide)[..., AROUND:-AROUND, AROUND:-AROUND]

    def probabilities(self, images: Images) -> NDArray[np.float64]:
        """(B, C, H, W) in [0, 1] to (B, L), where the task is about classes, else UsageError."""
        found = self.task.probabilities(self.answers(images))
        if found is None:
            raise UsageError(
                f"the answers of the task '{self.task.name}' are no probabilities of classes",
                remedy="Use `outputs` or `predict`.",
            )
        return found.double().cpu().numpy()

    def heard(self, images: Images, stage: Stage) -> tuple[Any, dict[str, Tensor]]:
        """What is answered to images, and targets that the task has made of these: what it then
        shows the network is a function of their pixels alone.
        """
        pretext = self.task.pretext(stage)
        if pretext is None:
            return self.answers(images), {}
        shown, made = pretext(images, 0, 0, keys_of(images))
        return self.answers(shown), made

    def over(
        self,
        rows: Rows,
        ids: Ids,
        progress: Callable[[int, int], None] | None = None,
        ranks: Ranks = ALONE,
    ) -> Iterator[tuple[Ids, Any, dict[str, Tensor]]]:
        """(ids, outputs, targets that were made) for these rows of a pack, some at a time; where
        processes have a share of them each, those of this one, in the same portions.
        """
        whole = range(0, len(ids), self.together)
        firsts = whole[ranks.share(len(whole))]
        for first in firsts:
            chunk = ids[first : first + self.together]
            yield chunk, *self.heard(self.contract.images(rows[chunk]), "measuring")
            if progress:
                progress(first + len(chunk), min(firsts.stop, len(ids)))

    def measure(
        self,
        rows: Rows,
        targets: Columns,
        ids: Ids,
        progress: Callable[[int, int], None] | None = None,
        hear: Callable[[Any], None] | None = None,
        ranks: Ranks = ALONE,
    ) -> Meter:
        """A meter that has seen the answers to these rows, and what is true.

        hear   is told the outputs for some rows at a time
        ranks  processes that answer to a share of the rows each; the meter has seen all
        """
        meters = []
        for chunk, outputs, made in self.over(rows, ids, progress, ranks):
            if hear:
                hear(outputs)
            meters.append(self.task.meter())
            truth = {name: column.batch(chunk) for name, column in targets.items()}
            meters[-1].add(outputs, truth | made)
        return joined(self.task.meter(), meters, ranks)

    def images(self, sources: Sequence[Source]) -> Images:
        """Files, bytes or arrays (h, w, C) to the tensor that the network sees, (B, C, H, W)."""
        contract: PixelContract = self.contract
        return contract.images(np.stack([contract.load(source) for source in sources]))

    @overload
    def predict(self, source: Image, *, top: int = 5, scale: float | None = None) -> Any: ...
    @overload
    def predict(
        self, source: Sequence[Image], *, top: int = 5, scale: float | None = None
    ) -> list[Any]: ...
    def predict(self, source: Any, *, top: int = 5, scale: float | None = None) -> Any:
        """What the network sees in one image, or in each of several, in that image's own pixels.

        source  a path, the bytes of a file, a picture of Pillow, an array (h, w, C), a tensor
                (C, h, w); or several, in a list or as an array (n, h, w, C) or tensor (n, C, h, w),
                or a folder, for all images in it in the order of their paths. Numbers are bytes, or
                fractions in [0, 1]
        top     how many alternatives to rank, where the task has any
        scale   pixels that the network sees for one of the image, such as 1: where it answers for
                each pixel, images of any size are then answered in tiles (see `inference.tiles`);
                None fits each image into the network's window, as in training

        Raises ImageError for an image that cannot be read, and DivergedError if the network has no
        answer that is a number.
        """
        checked("top", top, int)
        several = listed(source)
        if several is None:
            return self._predict([source], top, scale)[0]
        chunks = [several[i : i + BATCH] for i in range(0, len(several), BATCH)]
        return [found for chunk in chunks for found in self._predict(chunk, top, scale)]

    def _predict(self, sources: Sequence[Image], top: int, scale: float | None) -> list[Answer]:
        return [answer for answer, _ in self.predict_and_tell(sources, top=top, scale=scale)]

    def predict_and_tell(
        self, sources: Sequence[Image], *, top: int = 5, scale: float | None = None
    ) -> list[tuple[Answer, int]]:
        """Answers as `predict` gives them, each with the remarks on what was lost when its image
        was read, in one number: see `data.images.remarks`.
        """
        if scale is not None:
            checked("scale", scale, Scale)
            return [self._predict_tiles(channels_last(source), scale) for source in sources]
        return self.decided(map(self.ready, sources), top=top)

    def picture(self, source: Image) -> NDArray[np.uint8]:
        """One image (h, w, C), decoded as `predict` does it, and not fitted. Raises ImageError."""
        contract: PixelContract = self.contract
        at_least = 0 if self.keeps_size else contract.at_least
        return decode(channels_last(source), channels=contract.channels, at_least=at_least)

    def ready(self, source: Image) -> Ready:
        """One image, decoded and fitted as `predict` does it. Raises ImageError."""
        contract: PixelContract = self.contract
        whole = self.keeps_size
        with listening() as remarks:
            image = self.picture(source)
            pixels = image if whole else contract.row(image)
        height, width = image.shape[:2]
        frame = Frame.identity((height, width)) if whole else contract.frame(height, width)
        return Ready(pixels, frame, merged(remarks))

    def decided(self, ready: Iterable[Ready], *, top: int = 5) -> list[tuple[Answer, int]]:
        """The answers to images that are ready, as `predict_and_tell` gives them."""
        if self.keeps_size:
            return [self._whole(one, top) for one in ready]
        found: list[tuple[Answer, int]] = []
        for images, those in self.batched(ready):
            outputs = self.task.completed(*self.heard(images, "answering"))
            answers = self.task.decode(outputs, [one.frame for one in those], top)
            found += zip(answers, [one.remarks for one in those], strict=True)
        return found

    def batched(self, ready: Iterable[Ready]) -> Iterator[tuple[Images, list[Ready]]]:
        """What the network sees of them: all in one batch, or one after the other where each keeps
        its own size.

        Raises UsageError for an image that `predict` cuts into tiles.
        """
        contract: PixelContract = self.contract
        if not self.keeps_size:
            those = [*ready]
            yield contract.images(np.stack([one.pixels for one in those])), those
            return
        for one in ready:
            height, width = one.pixels.shape[:2]
            if height * width > WHOLE:
                raise UsageError(
                    f"an image of {width} × {height} pixels is answered in tiles",
                    where="image",
                    remedy=f"Show one of at most {WHOLE:,} pixels; `predict` takes any.",
                )
            yield contract.around(height, width).images(one.pixels[None]), [one]

    def answered(self, source: Image) -> Answered:
        """The answer to one image as `predict` gives it, with what led to it. The last pass through
        the network is that of `images`.

        Raises UsageError for an image that `predict` cuts into tiles, and as `predict` does.
        """
        ((images, (picture,), (frame,), _),) = self.seen([source])
        outputs = self.task.completed(*self.heard(images, "answering"))
        seen_else = self.views != ONE or self.continues
        if seen_else or self.task.pretext("answering") is not None:
            self.outputs(images)  # the last pass, which hooks keep, is that of the picture alone
        return Answered(picture, images, frame, outputs, self.task.decode(outputs, [frame])[0])

    def _predict_tiles(self, source: Source, scale: float) -> tuple[Answer, int]:
        """The answer about an image at a scale of its own, put together from tiles."""
        channels = self.contract.channels
        with listening() as remarks:
            image = with_channels(decode(source, channels=channels), channels)
        height, width = image.shape[:2]
        wanted = max(1, round(height * scale)), max(1, round(width * scale))
        pieces = self._tiles(resize(image, *wanted))
        return self.task.assemble(pieces, resize_frame((height, width), wanted)), merged(remarks)

    def _whole(self, one: Ready, top: int) -> tuple[Answer, int]:
        """The answer to an image of any size, none of whose pixels is resized or left out; and the
        remarks.
        """
        height, width = one.pixels.shape[:2]
        if height * width <= WHOLE:
            ((images, _),) = self.batched([one])
            outputs = self.task.completed(*self.heard(images, "answering"))
        else:
            outputs = self._map(one.pixels)
        return self.task.decode(outputs, [one.frame], top)[0], one.remarks

    def _map(self, image: NDArray[np.uint8]) -> Tensor:
        """(1, L, H, W) of an image (H, W, C), tile by tile."""
        made: Tensor | None = None
        for place, part in self._tiles(image):
            if made is None:
                made = part.new_empty(*part.shape[:2], *image.shape[:2])
            made[(..., *place)] = part
        assert made is not None
        return made

    def _tiles(self, image: NDArray[np.uint8]) -> Iterator[tuple[tuple[slice, slice], Any]]:
        """(place, what is answered there) of an image (H, W, C), tile by tile.

        Raises UsageError where the task changes an image as a whole before it is shown.
        """
        if self.task.pretext("answering") is not None:
            raise UsageError(
                f"{self.task.name} has no answer in tiles: it hides parts of whole images",
                where="image",
                remedy=f"Show an image of at most {WHOLE:,} pixels, without a scale.",
            )
        for tile, crop in Tiling.of(self.model, image.shape[2]).tiles(image):
            yield crop.image, crop(self.answers(tile))

    def seen(self, sources: Sequence[Image]) -> Iterator[Fitted]:
        """What `predict` shows the network of images, as `fitted` tells it: all in one batch, or
        one after the other where each keeps its own size.

        Raises UsageError for an image that `predict` cuts into tiles.
        """
        if not self.keeps_size:
            yield self.fitted(sources)
            return
        for source in sources:
            one = self.ready(source)
            ((images, _),) = self.batched([one])
            yield images, [one.pixels], [one.frame], [one.remarks]

    def fitted(self, sources: Sequence[Image]) -> Fitted:
        """What the network sees, the images as they were decoded, how each was fitted, and the
        remarks on it.
        """
        contract: PixelContract = self.contract
        pictures, rows, told = [], [], []
        for source in sources:
            with listening() as remarks:
                image = self.picture(source)
                rows.append(contract.row(image))
            pictures.append(image)
            told.append(merged(remarks))
        frames = [contract.frame(*picture.shape[:2]) for picture in pictures]
        return contract.images(np.stack(rows)), pictures, frames, told


def listed(source: Any) -> list[Any] | None:
    """Several images one by one; None for a single one. Raises DataError for a folder of none."""
    if isinstance(source, str | Path) and os.path.isdir(source):
        names, _ = images_below(os.fsencode(source))
        if not names:
            raise DataError("there is no image in it", where=printable(source))
        return [Path(source) / os.fsdecode(name) for name in sorted(names)]
    batch = isinstance(source, Tensor | np.ndarray) and source.ndim == 4
    return [*source] if batch or isinstance(source, list | tuple) else None


def channels_last(image: Image) -> Source:
    """A tensor (C, h, w) as the array that it stands for; anything else as it is."""
    if not isinstance(image, Tensor):
        return image
    image = image.detach().cpu()
    array = (image if image.dtype == torch.uint8 else image.float()).numpy()
    return np.moveaxis(array, 0, -1) if array.ndim == 3 else array


def finite(outputs: Any, what: str = "outputs") -> Any:
    """The same outputs: a tensor, or several by name or in a row. Raises DivergedError if any
    number in them is infinite or none at all.

    what  they are called in the error
    """
    if isinstance(outputs, Tensor):
        sound = torch.isfinite(outputs)
        if not bool(sound.all()):
            wrong = (~sound.reshape(len(outputs), -1).all(1)).sum() if outputs.ndim else 1
            count = len(outputs) if outputs.ndim else 1
            raise DivergedError(
                f"the network's {what} are not finite numbers for {int(wrong):,} of "
                f"{counted(count, 'image')}",
                remedy="It has diverged in training: train again with a lower --lr or --clip 1; "
                "or it needs --precision float32.",
            )
    else:
        parts = outputs.values() if isinstance(outputs, Mapping) else outputs
        for part in parts:
            finite(part, what)
    return outputs
