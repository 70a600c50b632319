"""Who computes the gradients: torch's autograd, or the hand-written derivatives of `backprop`."""

from __future__ import annotations

from torch import Tensor, nn

from vitreous.backprop.layers.loss_layers import Hinge, Loss, SigmoidCrossEntropy, SoftmaxCrossEntropy
from vitreous.backprop.translate.twin import manual_gradients, twin
from vitreous.data.batches.batches import Batch
from vitreous.errors import UsageError
from vitreous.tasks import Task
from vitreous.training.fit import Gradients


def by_hand(network: nn.Module, task: Task, probe: Tensor) -> Gradients:
    """For `fit`: forward and backward through the network's hand-written twin.

    probe  images (B, C, H, W) of the size that will come

    Raises ModelError for a layer, and UsageError for a loss, without a hand-written derivative.
    """
    own, loss = twin(network, probe), hand_written_loss(task)

    def gradients(batch: Batch, total: Tensor | float) -> Tensor:
        return manual_gradients(own, loss, batch.images, batch.targets, batch.weights, total)

    return gradients


def hand_written_loss(task: Task) -> Loss:
    plain = not task.smoothing and task.balance is None
    if (task.name, task.criterion) == ("classify", "cross_entropy"):
        return SoftmaxCrossEntropy(smoothing=task.smoothing, weights=task.balance)
    if (task.name, task.criterion) == ("classify", "hinge") and plain:
        return Hinge()
    if (task.name, task.criterion) == ("label", "cross_entropy") and plain:
        return SigmoidCrossEntropy()
    raise UsageError(
        f"the loss {task.criterion} with these options has no hand-written derivative",
        where="--engine manual",
        remedy="Use --loss cross_entropy without --balance weights, or --engine autograd.",
    )
