"""What training minimizes. Each loss gives one number an example, or their mean."""

from vitreous.losses.absolute import absolute_error
from vitreous.losses.binary import binary_cross_entropy, binary_hinge
from vitreous.losses.border import border_cross_entropy, border_weights
from vitreous.losses.box import box_iou, giou_loss
from vitreous.losses.center import center_focal, center_hard
from vitreous.losses.class_weights import class_weights, positive_weights
from vitreous.losses.contrastive import nt_xent
from vitreous.losses.cross_entropy import cross_entropy
from vitreous.losses.density_count import squared_count
from vitreous.losses.dice import cross_entropy_dice, dice
from vitreous.losses.focal import focal
from vitreous.losses.hard import hard_cross_entropy
from vitreous.losses.hinge import hinge
from vitreous.losses.huber import huber, smooth_l1
from vitreous.losses.penalty import Penalty
from vitreous.losses.place_cross_entropy import place_cross_entropy
from vitreous.losses.scale_invariant import scale_invariant
from vitreous.losses.squared import squared_error

__all__ = [
    "Penalty",
    "absolute_error",
    "binary_cross_entropy",
    "binary_hinge",
    "border_cross_entropy",
    "border_weights",
    "box_iou",
    "center_focal",
    "center_hard",
    "class_weights",
    "cross_entropy",
    "cross_entropy_dice",
    "dice",
    "focal",
    "giou_loss",
    "hard_cross_entropy",
    "hinge",
    "huber",
    "nt_xent",
    "place_cross_entropy",
    "positive_weights",
    "scale_invariant",
    "smooth_l1",
    "squared_count",
    "squared_error",
]
