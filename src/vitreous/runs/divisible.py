"""Can several processes share this training? Said before it begins: that they do, or why not."""

from __future__ import annotations

import torch
from torch import nn

from vitreous.blocks.mode import evaluating
from vitreous.distributed import Ranks, cores
from vitreous.errors import UsageError
from vitreous.formats import counted
from vitreous.models.classic import Classic
from vitreous.recipes.recipe import Recipe, flag
from vitreous.runs.job import Job
from vitreous.training.whole_batch import looks_at_all
from vitreous.version import __version__


def check_same(job: Job, ranks: Ranks) -> None:
    """Raises UsageError, in all processes, where one was begun with other images, settings or
    versions: they would train a network that nobody has asked for.
    """
    settings = {flag(name): value for name, value in job.recipe.to_mapping().items()}
    del settings["--threads"]  # of which another machine may have more
    mine = {
        "vitreous": __version__,
        "torch": torch.__version__,
        "data": job.dataset.fingerprint + job.parts.content,
        **settings,
    }
    for rank, other in enumerate(everyone := ranks.gathered([mine])):
        for name, value in other.items():
            if value != (wanted := everyone[0][name]):
                told = "" if name == "data" else f": {value} and {wanted}"
                raise UsageError(
                    f"the processes of rank {rank} and 0 have different {name}{told}",
                    where="--processes" if ranks.here == ranks.size else "torchrun",
                    remedy="Begin all of them with the same images, flags and versions.",
                )


def sharing(
    recipe: Recipe, network: nn.Module, examples: int, ranks: Ranks, views: int = 1
) -> list[str]:
    """Notes on how processes train together; none where there is one.

    examples  of the training part
    views     of each of them in a batch; where there are several, they are compared with all others

    Raises UsageError where they would not come to the numbers of one.
    """
    if ranks.size == 1:
        alone = "one process holds all weights; --processes divides them"
        return [alone] if recipe.shard else []
    reason, remedy = "", "Train it in one process."
    with evaluating(network):
        statistics = any(map(looks_at_all, network.train().modules()))
    size = recipe.batch_size or 1
    smallest = min(examples, size, examples % size if examples % size > 1 else size)
    if isinstance(network, Classic):
        reason = "it learns from all images at once"
    elif views > 1:
        reason = "each view is compared with all others of its batch"
    elif recipe.model_parallel:
        reason = "each would divide its network over the same devices"
        remedy = "Leave out --model-parallel, or --processes."
    elif recipe.compile:
        reason = "torch would compile it for the share of one process"
        remedy = "Leave out --compile."
    elif statistics and recipe.engine == "manual":
        reason = "batch norm by hand would see the share of one process"
    elif (statistics or recipe.shard) and smallest < ranks.size:
        reason = f"an epoch has a batch of {smallest}, of which not each would have a share"
        remedy = "Use fewer processes, or another --batch-size."
    if reason:
        raise UsageError(
            f"{ranks.size} processes cannot share this training: {reason}",
            where="--processes",
            remedy=remedy,
        )
    told = f"trained by {ranks.size} processes, each with its share of every batch"
    if recipe.shard:
        told += ", of the weights, and of the optimizer's state; no doctor looks on"
    if statistics:
        told += (
            "; batch norm takes its statistics over all of them, because a share's would be those "
            "of a smaller batch"
        )
    if recipe.device == "cpu" and ranks.here > cores():
        return [told, f"{ranks.here} processes wait for each other on {counted(cores(), 'core')}"]
    return [told]
