"""Batches: rows of bytes gathered, augmented and handed over as floats, ahead of their use.

The order is a function of (seed, epoch) alone, and augmentation one of (seed, epoch, row), so any
number of threads gives the same batches and an epoch can be taken up at any of them. Small images
are prepared for many batches at once: a batch then costs a few slices, not a few calls an image.
Targets that lie in the image are moved by the very change that moves their image.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vitreous.data.batches.augmentation import Augmentation, Change, Pretext, Renewal
from vitreous.data.batches.batch import Batch, Whole, total
from vitreous.data.batches.buffers import Buffers, Scratch
from vitreous.data.batches.counter_random import Stream, permutation, uniforms
from vitreous.data.batches.pack import Rows
from vitreous.data.batches.prefetch import prefetched
from vitreous.data.batches.preprocess import PixelContract
from vitreous.data.batches.sampler import draw, drawn_by
from vitreous.data.columns import Column
from vitreous.data.maps import Maps
from vitreous.distributed import ALONE, Ranks
from vitreous.errors import ShapeError, UsageError, unknown
from vitreous.shapes import Images

BLOCK = 1 << 20  # values of the images that are prepared together, if a batch has fewer
CHUNK = 2 << 20  # bytes of rows that a thread takes at a time: they stay in its cache
VIEW = 52  # bit of the keys from which on they count views
BALANCES = ("none", "sampler")


class Batches:
    """Some of the rows, epoch after epoch, in batches.

    rows        (N, H, W, C) uint8, such as `Pack.rows`
    targets     columns of N targets by name, such as `Pack.targets`; none for unlabeled images
    indices     which rows, in an order that `shuffle` may change; one that stands there several
                times is changed in another way each time
    contract    of the network's input; with an augmentation that moves images, rows may be larger
    batch_size  a last batch of one example joins the one before, which then has one more:
                batch normalization has no variance of one example
    augment     None for evaluation: then images are exactly `contract.images` of the rows
    renew       makes the images of each epoch anew from their targets, after these were moved
    pretext     makes targets of the images, after they were augmented
    views       how often each image is changed for one batch, each time in another way; targets
                that move go with the first
    weights     (N,) importance of each example in the loss
    balance     sampler: draw examples of all classes equally often, with replacement
    device      where batches arrive; other devices than the CPU augment their batches themselves
    prefetch    how many blocks are prepared while one is used: at least one batch each
    threads     that prepare a block
    ranks       processes among which each batch is divided: an epoch gives the shares of this one

    Raises UsageError or ShapeError for arguments that do not fit each other.
    """

    def __init__(
        self,
        rows: Rows,
        targets: Mapping[str, Column],
        indices: NDArray[np.int64],
        contract: PixelContract,
        *,
        batch_size: int,
        seed: int = 0,
        shuffle: bool = True,
        augment: Augmentation | None = None,
        renew: Renewal | None = None,
        pretext: Pretext | None = None,
        views: int = 1,
        weights: NDArray[np.float32] | None = None,
        balance: Literal["none", "sampler"] | None = None,
        device: str | torch.device = "cpu",
        prefetch: int = 1,
        threads: int = 2,
        ranks: Ranks = ALONE,
    ):
        self.rows, self.targets, self.contract = rows, targets, contract
        self.indices = np.asarray(indices, np.int64)
        self.batch_size = batch_size
        self.seed, self.shuffle, self.augment, self.renew = seed, shuffle, augment, renew
        self.pretext, self.views = pretext, views
        self.weights, self.balance = weights, balance or "none"
        self.device, self.prefetch, self.threads = torch.device(device), prefetch, threads
        self.ranks = ranks
        # Partners are found in the whole batch, which then is prepared before it is divided.
        self._divided_late = ranks.size > 1 and augment is not None and augment.mixes
        self._buffers, self._scratch = Buffers(contract.shape), Scratch()
        # Rows that are drawn again in an epoch get other numbers for their augmentation.
        repeated = len(np.unique(self.indices)) < len(self.indices)
        self._again = self.balance == "sampler" or repeated
        self._moving = {name: column for name, column in targets.items() if column.moves}
        self._check()

    def __len__(self) -> int:
        """Batches in an epoch."""
        whole, rest = divmod(len(self.indices), self.batch_size)
        return whole + (rest > 1 or (rest == 1 and whole == 0))

    def order(self, epoch: int) -> NDArray[np.int64]:
        """Row numbers in the order of this epoch."""
        if self.balance == "sampler" and (numbers := drawn_by(self.targets)) is not None:
            return self.indices[draw(numbers[self.indices], self.seed, epoch)]
        if self.shuffle:
            return self.indices[permutation(self.seed, epoch, len(self.indices))]
        return self.indices

    def epoch(self, number: int, start: int = 0) -> Iterator[Batch]:
        """The batches of one epoch, from batch `start` on; those before it are not prepared."""
        if not 0 <= start <= len(self):
            raise UsageError(f"batch {start} of an epoch of {len(self)} batches")
        for block in prefetched(self._blocks(number, start), self.prefetch):
            for batch in block:
                # Here and not in the thread: torch's own threads are at hand in the consumer's.
                whole = self._posed(self._mixed(batch, number), number)
                yield whole.part(self.ranks.share(len(whole))) if self._divided_late else whole

    def _blocks(self, epoch: int, start: int) -> Generator[list[Batch], None, None]:
        """Batches in groups that are prepared together."""
        order = self.order(epoch)
        keys = _distinct(order) if self._again else order
        edges = [*range(0, len(self) * self.batch_size, self.batch_size), len(order)]
        together = max(1, BLOCK // (self.batch_size * int(np.prod(self.contract.shape))))
        with ThreadPoolExecutor(self.threads, "batches") as executor:
            for first in range(start, len(self), together):
                spans = edges[first : min(first + together, len(self)) + 1]
                if self.ranks.size == 1 or self._divided_late:
                    whole, sizes = slice(spans[0], spans[-1]), np.diff(spans).tolist()
                    yield self._block(executor, epoch, order[whole], keys[whole], sizes)
                    continue
                pairs = [*pairwise(spans)]
                own = [self.ranks.share(last - start) for start, last in pairs]
                places = [np.arange(*span)[part] for span, part in zip(pairs, own, strict=True)]
                taken, sizes = np.concatenate(places), [len(each) for each in places]
                made = self._block(executor, epoch, order[taken], keys[taken], sizes)
                wholes = [order[start:last] for start, last in pairs]
                yield [
                    replace(batch, whole=Whole(part.start, len(ids), self._weight(ids)))
                    for batch, part, ids in zip(made, own, wholes, strict=True)
                ]

    def _weight(self, ids: NDArray[np.int64]) -> Tensor | float:
        """The sum of the weights of these rows."""
        return len(ids) if self.weights is None else total(self._importance(ids))

    def _importance(self, ids: NDArray[np.int64]) -> Tensor:
        assert self.weights is not None
        return torch.from_numpy(self.weights[ids]).to(self.device, torch.float32)

    def _block(
        self,
        executor: ThreadPoolExecutor,
        epoch: int,
        ids: NDArray[np.int64],
        keys: NDArray[np.int64],
        sizes: list[int],
    ) -> list[Batch]:
        floats, moved = self._images(executor, epoch, ids, keys)
        images: Sequence[Images] = torch.split(floats, sizes)
        if self.views > 1:
            others = [
                torch.split(self._images(executor, epoch, ids, keys + (view << VIEW))[0], sizes)
                for view in range(1, self.views)
            ]
            images = [torch.cat(views) for views in zip(images, *others, strict=True)]
        columns = {
            name: _divided(
                column.tensors(moved[name] if name in moved else column.gather(ids), self.device),
                sizes,
            )
            for name, column in self.targets.items()
        }
        targets = [{name: parts[n] for name, parts in columns.items()} for n in range(len(sizes))]
        numbers = torch.split(torch.tensor(ids), sizes)
        if self.weights is None:
            return [Batch(*parts) for parts in zip(images, targets, numbers, strict=True)]
        weights = torch.split(self._importance(ids), sizes)
        return [Batch(*parts) for parts in zip(images, targets, numbers, weights, strict=True)]

    def _images(
        self,
        executor: ThreadPoolExecutor,
        epoch: int,
        ids: NDArray[np.int64],
        keys: NDArray[np.int64],
    ) -> tuple[Images, dict[str, Any]]:
        """Rows gathered, augmented and converted: on the CPU by threads, else on the device; and
        what moved with them.
        """
        if self.device.type != "cpu":
            return self._images_on_device(epoch, ids, keys)
        floats, images = self._buffers.lend(len(ids))
        shares = max(1, -(-len(ids) * int(np.prod(self.rows.shape[1:])) // CHUNK))
        if shares > 1:  # as much work for each thread
            shares = min(len(ids), shares + -shares % self.threads)
        edges = np.linspace(0, len(ids), shares + 1).astype(int).tolist()

        def fill(part: slice) -> dict[str, Any]:
            count, change = len(ids[part]), self._change(epoch, keys[part])
            rows = self._gather(ids[part], self._scratch("gathered", count, self.rows.shape[1:]))
            moved = self._moved(ids[part], change)
            if self.renew is not None:
                rows = self.renew(moved, self.seed, epoch, keys[part])
            elif change is not None:
                rows = change.rows(rows, self._scratch("changed", count, self.contract.shape))
            self.contract.images(rows, floats[part])
            return moved

        pieces = list(executor.map(fill, map(slice, edges, edges[1:])))
        moved = {
            name: column.joined([piece[name] for piece in pieces])
            for name, column in self._moving.items()
        }
        return images.permute(0, 3, 1, 2), moved

    def _images_on_device(
        self, epoch: int, ids: NDArray[np.int64], keys: NDArray[np.int64]
    ) -> tuple[Images, dict[str, Any]]:
        change = self._change(epoch, keys)
        moved = self._moved(ids, change)
        if self.renew is not None:
            renewed = torch.from_numpy(self.renew(moved, self.seed, epoch, keys))
            return self.contract.images(renewed.to(self.device)), moved
        rows = torch.from_numpy(self._gather(ids))
        if self.device.type == "cuda":
            rows = rows.pin_memory()  # so that the copy runs beside the computation
        height, width = self.rows.shape[1:3]
        images = replace(self.contract, height=height, width=width).images(
            rows.to(self.device, non_blocking=True)
        )
        return images if change is None else change.images(images), moved

    def _moved(self, ids: NDArray[np.int64], change: Change | None) -> dict[str, Any]:
        """The targets that lie in these images, moved with them."""
        gathered = {name: column.gather(ids) for name, column in self._moving.items()}
        if change is None:
            return gathered
        return {name: self._moving[name].moved(each, change) for name, each in gathered.items()}

    def _gather(
        self, ids: NDArray[np.int64], out: NDArray[np.uint8] | None = None
    ) -> NDArray[np.uint8]:
        """Rows of these numbers, a copy; without Python's lock, which a slow disk would hold."""
        if isinstance(self.rows, np.ndarray) and self.rows.flags.c_contiguous:  # or all are copied
            return np.take(self.rows, ids, axis=0, out=out, mode="clip")
        return self.rows[ids]

    def _change(self, epoch: int, keys: NDArray[np.int64]) -> Change | None:
        """What happens to these examples in this epoch."""
        if self.augment is None or self.augment.is_identity:
            return None
        numbers = self.augment.draw(self.seed, epoch, keys)
        height, width, channels = self.rows.shape[1:]
        size = self.contract.height, self.contract.width
        return self.augment.sample(numbers, (height, width, channels), size)

    def _mixed(self, batch: Batch, epoch: int) -> Batch:
        """Pairs of the batch mixed: a function of (seed, epoch, rows of the batch)."""
        if self.augment is None or not self.augment.mixes:
            return batch
        numbers = uniforms(self.seed, epoch, batch.ids.numpy(), 5, Stream.MIX)
        images, partners, share = self.augment.mix(batch.images, numbers[:, 0], numbers[0, 1:])
        targets = {
            name: column.blend(batch.targets[name], partners, share)
            for name, column in self.targets.items()
        }
        return replace(batch, images=images, targets=targets)

    def _posed(self, batch: Batch, epoch: int) -> Batch:
        """With targets made of its images."""
        if self.pretext is None:
            return batch
        images, made = self.pretext(batch.images, self.seed, epoch, batch.ids.numpy())
        return replace(batch, images=images, targets={**batch.targets, **made})

    def _check(self) -> None:
        if self.views > 1 and self.augment is not None and self.augment.mixes:
            raise UsageError(
                "views of one image cannot be mixed with other images",
                where="--mixup, --cutmix",
                remedy="Leave them out.",
            )
        if self.batch_size < 1:
            raise UsageError(
                f"a batch of {self.batch_size} examples",
                where="--batch-size",
                remedy="Give a number from 1 on.",
            )
        if self.balance not in BALANCES:
            raise unknown("balance", self.balance, BALANCES, where="--balance")
        if self.balance != "none" and drawn_by(self.targets) is None:
            raise UsageError(
                "examples with several labels, or none, cannot be balanced by class",
                where="--balance",
                remedy="Leave it out.",
            )
        height, width = self.rows.shape[1:3]
        for name, column in self.targets.items():
            if len(self.rows) != len(column):
                raise ShapeError(f"{len(self.rows)} rows with {len(column)} targets '{name}'")
            if isinstance(column, Maps) and (column.size or (height, width)) != (height, width):
                raise ShapeError(
                    f"rows of {(height, width)} with maps '{name}' of {column.size}",
                    remedy="Pack both with the same contract, and use the targets of the pack.",
                )
        still = self.augment is None or self.augment.is_identity
        source, wanted = tuple(self.rows.shape[1:]), self.contract.shape
        if source != wanted and (still or source[2] != wanted[2]):
            raise ShapeError(
                f"rows of {source} for a contract of {wanted} (height, width, channels)",
                remedy="Pack them with the same contract.",
            )


def _divided(targets: Tensor | list[Tensor], sizes: list[int]) -> Sequence[Any]:
    """The targets of each batch; tensors are views of the whole."""
    if isinstance(targets, Tensor):
        return torch.split(targets, sizes)
    edges = np.cumsum([0, *sizes]).tolist()
    return [targets[first:last] for first, last in pairwise(edges)]


def _distinct(ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """Keys by which a row that is drawn again in an epoch is augmented in another way.

    The first time it is the row number itself.
    """
    by_row = np.argsort(ids, kind="stable")
    _, starts, counts = np.unique(ids[by_row], return_index=True, return_counts=True)
    times = np.arange(len(ids)) - np.repeat(starts, counts)
    keys = ids.copy()
    keys[by_row] += times << 40
    return keys
