"""Distributed training: several processes, on one machine or many, that train one network (DDP).

    with joined() as ranks:             # a world of one, unless torchrun or --processes began this
        for step in fit(..., ranks=ranks): ...

A value of `Ranks` is passed in where something is divided or put together. Alone, all of it does
nothing. Every process has the same network; of each batch it takes its share, and the sum of the
gradients, over the weight of the whole batch, is the gradient of one process with the whole batch.
What a clock decides, such as when to stop, is agreed on, so that none goes on alone.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from vitreous.errors import PeerError, UsageError

if TYPE_CHECKING:
    from torch import Tensor, nn

T = TypeVar("T")
BUCKET = 25 << 20  # bytes that are summed at once: large enough to be worth a message
PATIENCE = timedelta(days=7)  # decoding may take hours; that a process died is noticed at once
LAUNCHED = "VITREOUS_LAUNCHED"  # the folder of whoever began the processes, see `cli.launch`
STORE = "store"  # the file in it by which they meet
FOLDER = "run"  # the file in it that holds the path of the run
PLACE = (("RANK", 0), ("WORLD_SIZE", 1), ("LOCAL_RANK", 0), ("LOCAL_WORLD_SIZE", 1))
ORPHANED = 2.0  # seconds between two looks at whether whoever began them is still there


@dataclass(frozen=True)
class Ranks:
    """This process among those that train together.

    rank   its number, from 0; size: how many there are
    local  its number on this machine; here: how many there are on this machine
    """

    rank: int = 0
    size: int = 1
    local: int = 0
    here: int = 1

    @property
    def first(self) -> bool:
        """The one that writes files and shows progress."""
        return self.rank == 0

    def share(self, count: int) -> slice:
        """What this process takes of so many things in a row: as many as others, or one more."""
        return slice(count * self.rank // self.size, count * (self.rank + 1) // self.size)

    def add_up(self, tensors: Sequence[Tensor]) -> None:
        """Put the sum over all processes in place of each tensor, which all have in this order."""
        if self.size == 1:
            return
        import torch
        from torch import distributed

        for bucket in _buckets(tensors):
            flat = torch.cat([tensor.reshape(-1) for tensor in bucket])
            with _reaching():
                distributed.all_reduce(flat)
            parts = torch.split(flat, [tensor.numel() for tensor in bucket])
            with torch.no_grad():
                for tensor, part in zip(bucket, parts, strict=True):
                    tensor.copy_(part.view(tensor.shape))

    def add_up_gradients(self, parameters: Sequence[Tensor], *others: Tensor) -> None:
        """The same for `.grad` of each parameter, and for other tensors. One that has a gradient in
        no process keeps none; one that has it in some has it in all.
        """
        if self.size == 1:
            return
        import torch

        device = others[0].device if others else parameters[0].device
        has = torch.tensor([float(p.grad is not None) for p in parameters], device=device)
        sums = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        self.add_up([*others, has, *sums])
        for parameter, found, total in zip(parameters, has.tolist(), sums, strict=True):
            if found and parameter.grad is None:
                parameter.grad = total

    def highest(self, *numbers: float) -> list[float]:
        """The largest of each number over all processes: what clocks and signals decide."""
        if self.size == 1:
            return [*numbers]
        import torch
        from torch import distributed

        found = torch.tensor(numbers, dtype=torch.float64)
        with _reaching():
            distributed.all_reduce(found, distributed.ReduceOp.MAX)
        return found.tolist()

    def stacked(self, values: Tensor) -> Tensor:
        """(size, ...) of values that have one shape in all processes."""
        if self.size == 1:
            return values[None]
        import torch
        from torch import distributed

        found = [torch.empty_like(values) for _ in range(self.size)]
        with _reaching():
            distributed.all_gather(found, values.contiguous())
        return torch.stack(found)

    def gathered(self, values: list[T]) -> list[T]:
        """The lists of all processes in a row: plain values and arrays."""
        if self.size == 1:
            return values
        from torch import distributed

        found: list[Any] = [None] * self.size
        with _reaching():
            distributed.all_gather_object(found, values)
        return [value for part in found for value in part]

    def from_first(self, make: Callable[[], T]) -> T:
        """What the first process makes, in all of them: a plain value."""
        if self.size == 1:
            return make()
        from torch import distributed

        held: list[Any] = [make() if self.first else None]
        with _reaching():
            distributed.broadcast_object_list(held, 0)
        made: T = held[0]
        return made

    def give(self, network: nn.Module) -> None:
        """Give the network the weights and buffers that it has in the first process."""
        if self.size == 1:
            return
        from torch import distributed

        with _reaching():
            for tensor in [*network.parameters(), *network.buffers()]:
                value = tensor.detach().contiguous()
                distributed.broadcast(value, 0)
                tensor.data.copy_(value)

    def alike(self, network: nn.Module) -> bool:
        """Have the bytes of each weight and buffer that all hold the same sum in all processes?"""
        if self.size == 1:
            return True
        import torch

        tensors = [*network.parameters(), *network.buffers()]
        tensors = [tensor for tensor in tensors if not hasattr(tensor, "full_tensor")]  # sharded
        with torch.no_grad():
            each = [t.contiguous().view(-1).view(torch.uint8).sum().cpu() for t in tensors]
        found = self.stacked(torch.stack([torch.zeros((), dtype=torch.int64), *each]))
        return bool((found == found[0]).all())

    def wait(self) -> None:
        """Go on when all have come here."""
        if self.size > 1:
            from torch import distributed

            with _reaching():
                distributed.barrier()

    @contextlib.contextmanager
    def in_turn(self) -> Iterator[None]:
        """The block runs in one process of each machine, then in its others: these find in the
        cache what that one has made. An error of its is one of the others too.
        """
        if self.local:
            self.wait()
        try:
            yield
        except Exception:
            if not self.local:
                self.wait()
            raise
        if not self.local:
            self.wait()


ALONE = Ranks()


def world() -> Ranks:
    """What torchrun or `--processes` has told this process; a world of one where neither began it.

    Raises UsageError for what is no number.
    """
    place = [os.environ.get(word, least) for word, least in PLACE]
    try:
        rank, size, local, here = map(int, place)
    except ValueError as error:
        raise UsageError(
            f"no numbers, as torchrun gives them: {', '.join(map(str, place))}",
            where=", ".join(word for word, _ in PLACE),
            remedy="Unset these variables, or begin the processes by torchrun.",
        ) from error
    return Ranks(rank, size, local, here) if size > 1 and "RANK" in os.environ else ALONE


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def announce(run: Path) -> None:
    """Tell whoever began the processes, if `--processes` did, where their run lies."""
    if LAUNCHED in os.environ:
        with contextlib.suppress(OSError):
            (Path(os.environ[LAUNCHED]) / FOLDER).write_text(str(run), "utf-8")


def stop_when_orphaned() -> None:
    """Stop as by Ctrl-C, after a checkpoint, when whoever began this process has been killed."""
    parent = os.getppid()

    def look() -> None:
        while os.getppid() == parent:
            time.sleep(ORPHANED)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=look, name="orphaned", daemon=True).start()


@contextlib.contextmanager
def joined() -> Iterator[Ranks]:
    """The processes that this one was begun with by torchrun, or by `vitreous train --processes`;
    anywhere else a world of one. On a machine with several, each computes with its share of cores.

    Raises UsageError where torch cannot do it here, PeerError where another does not come.
    """
    ranks = world()
    if ranks.size == 1:
        yield ALONE
        return
    import torch
    from torch import distributed

    if not distributed.is_available():
        raise UsageError(
            "this build of torch knows no torch.distributed",
            where="--processes",
            remedy="Leave it out: one process uses all cores as well.",
        )
    threads, own = torch.get_num_threads(), not distributed.is_initialized()
    folder = os.environ.get(LAUNCHED)
    if folder and own:
        stop_when_orphaned()
    elif not folder and os.environ.get("OMP_NUM_THREADS", "1") == "1":  # as torchrun sets it
        torch.set_num_threads(max(1, cores() // ranks.here))
    if torch.cuda.is_available():
        torch.cuda.set_device(ranks.local % torch.cuda.device_count())
    if own:
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        meet = (Path(folder) / STORE).absolute().as_uri() if folder else None
        with _reaching():
            distributed.init_process_group(
                backend, meet, rank=ranks.rank, world_size=ranks.size, timeout=PATIENCE
            )
    try:
        yield ranks
    finally:
        torch.set_num_threads(threads)
        if own:
            with contextlib.suppress(RuntimeError, ValueError):
                distributed.destroy_process_group()


@contextlib.contextmanager
def _reaching() -> Iterator[None]:
    """Turn what torch says when another process has gone into a PeerError."""
    try:
        yield
    except RuntimeError as error:
        reason = str(error).strip().partition("\n")[0].partition(". This is typically")[0]
        raise PeerError(
            f"another process of this run cannot be reached any more: {reason}",
            remedy="Look at what that one has said; what was learned is in the last checkpoint.",
        ) from error


def _buckets(tensors: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """Tensors of one type and device in groups of BUCKET bytes. The groups are the same in every
    step: the order of sums, and so their bits, must not depend on where a run was taken up.
    """
    kinds: dict[Any, list[Tensor]] = {}
    for tensor in tensors:
        kinds.setdefault((tensor.dtype, tensor.device), []).append(tensor)
    for kind in kinds.values():
        bucket: list[Tensor] = []
        size = 0
        for tensor in kind:
            bucket.append(tensor)
            size += tensor.numel() * tensor.element_size()
            if size >= BUCKET:
                yield bucket
                bucket, size = [], 0
        if bucket:
            yield bucket
