"""Cross-entropy: the surprise of a network at the right answer, for images and for their pixels.

    l = - w · Σ_c t_c · ln p_c,   p = softmax(logits),   dl/dlogits = w · (p - t)

Its gradient does not vanish where the softmax saturates, which is why it suits classes better
than the squared error does. Targets are class numbers, or distributions when images are mixed. For
segmentation they are masks, and the loss of an image is the mean of the pixels that count.

An example weighs w, what its own classes weigh; label smoothing then spreads t without weights. If
the smoothed target were weighted class by class, as torch does it, the little that it gives to a
rare and heavy class would outweigh the class that is true.
Szegedy et al. (2016), "Rethinking the Inception architecture", arXiv:1512.00567.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from vitreous.errors import ShapeError
from vitreous.losses.reduction import Reduction, image_means, reduced
from vitreous.shapes import Labels, Logits, Masks

NO_CLASS = torch.iinfo(torch.int64).min  # torch must be told a number to ignore; no mask has this


def cross_entropy(
    logits: Logits,
    targets: Labels | Masks,
    *,
    smoothing: float = 0.0,
    weights: Tensor | None = None,
    ignore: int | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """Softmax cross-entropy of logits (B, L), or of maps of logits (B, L, H, W).

    targets    (B,) class numbers, or (B, L) probabilities that sum to 1; of maps (B, H, W) int64
    smoothing  share of each target that is spread evenly over all L classes
    weights    (L,) importance of each class, see `class_weights`; w above is Σ_c w_c · t_c
    ignore     the number in masks of pixels without a class. They do not count: neither in the mean
               of their image, nor does an image without any other pixel, whose loss is 0
    reduction  "none" gives (B,), "mean" divides Σ l by the weights of the targets, Σ w·t

    Raises ShapeError if targets do not fit the logits.
    """
    check_targets(logits, targets)
    counted = None if ignore is None else targets != ignore
    losses = F.cross_entropy(
        logits,
        targets,
        label_smoothing=smoothing,
        ignore_index=NO_CLASS if ignore is None else ignore,
        reduction="none",
    )
    if weights is not None:
        losses = losses * own_weights(targets, weights, counted)
    return reduced(
        image_means(losses, counted), reduction, target_weights(targets, weights, ignore=ignore)
    )


def own_weights(targets: Labels | Masks, weights: Tensor, counted: Tensor | None) -> Tensor:
    """(B,) or (B, H, W): what the class of each example or pixel weighs, Σ_c w_c · t_c.

    counted  where there is a class; None is everywhere
    """
    if targets.is_floating_point():
        return targets @ weights.to(targets.dtype)
    return weights[targets if counted is None else targets.where(counted, 0)]


def target_weights(
    targets: Labels | Masks, weights: Tensor | None, *, ignore: int | None = None
) -> Tensor | None:
    """(B,) the weight of each example's classes, Σ_c w_c · t_c; of a mask, the mean of its pixels
    that count, and 0 if none does. None where all weigh the same.
    """
    counted = None if ignore is None else targets != ignore
    if weights is not None:
        return image_means(own_weights(targets, weights, counted), counted)
    if counted is None:
        return None
    return image_means(counted.to(torch.get_default_dtype()), counted)


def check_targets(logits: Logits, targets: Labels | Masks, *, maps: bool = True) -> None:
    """Raises ShapeError unless these are class numbers or probabilities for such logits.

    maps  are maps of logits allowed?
    """
    soft, shape = targets.is_floating_point(), tuple(logits.shape)
    known = logits.ndim == 2 or (maps and not soft and logits.ndim == 4)
    fits = tuple(targets.shape) == (shape if soft else (shape[0], *shape[2:]))
    if not (known and fits and (soft or targets.dtype == torch.int64)):
        kind = str(targets.dtype).removeprefix("torch.")
        raise ShapeError(
            f"{kind} targets {tuple(targets.shape)} do not fit logits {shape}",
            where="targets",
            remedy="Logits (B, L) take int64 class numbers (B,) or probabilities (B, L)"
            + ("; logits (B, L, H, W) take int64 masks (B, H, W)." if maps else "."),
        )
