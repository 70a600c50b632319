"""Can several processes share this training? Said before it begins: that they do, or why not."""

from __future__ import annotations

from torch import nn

from vitreous.blocks.mode import evaluating
from vitreous.distributed import Ranks
from vitreous.errors import UsageError
from vitreous.models.classic import Classic
from vitreous.recipes.recipe import Recipe
from vitreous.training.whole_batch import looks_at_all


def divided(
    recipe: Recipe, network: nn.Module, examples: int, ranks: Ranks, views: int = 1
) -> list[str]:
    """Notes on how processes train together; none where there is one.

    examples  of the training part
    views     of each of them in a batch; where there are several, they are compared with all others

    Raises UsageError where they would not come to the numbers of one.
    """
    if ranks.size == 1:
        return []
    reason, remedy = "", "Train it in one process."
    with evaluating(network):
        statistics = any(map(looks_at_all, network.train().modules()))
    size = recipe.batch_size or 1
    smallest = min(examples, size, examples % size if examples % size > 1 else size)
    if isinstance(network, Classic):
        reason = "it learns from all images at once"
    elif views > 1:
        reason = "each view is compared with all others of its batch"
    elif recipe.compile:
        reason = "torch would compile it for the share of one process"
        remedy = "Leave out --compile."
    elif statistics and recipe.engine == "manual":
        reason = "batch norm by hand would see the share of one process"
    elif statistics and smallest < ranks.size:
        reason = f"an epoch has a batch of {smallest}, of which not each would have a share"
        remedy = "Use fewer processes, or another --batch-size."
    if reason:
        raise UsageError(
            f"{ranks.size} processes cannot share this training: {reason}",
            where="--processes",
            remedy=remedy,
        )
    if not statistics:
        return [f"trained by {ranks.size} processes, each with its share of every batch"]
    return [
        f"trained by {ranks.size} processes, each with its share of every batch; batch norm takes "
        "its statistics over all of them, because a share's would be those of a smaller batch"
    ]
