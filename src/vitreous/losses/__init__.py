"""What training minimizes. Each loss gives one number an example, or their mean."""

from vitreous.losses.binary import binary_cross_entropy, binary_hinge
from vitreous.losses.class_weights import class_weights, positive_weights
from vitreous.losses.cross_entropy import cross_entropy
from vitreous.losses.focal import focal
from vitreous.losses.hinge import hinge
from vitreous.losses.penalty import Penalty
from vitreous.losses.squared import squared_error

__all__ = [
    "Penalty",
    "binary_cross_entropy",
    "binary_hinge",
    "class_weights",
    "cross_entropy",
    "focal",
    "hinge",
    "positive_weights",
    "squared_error",
]
