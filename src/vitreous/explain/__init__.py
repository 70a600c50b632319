"""Why a network answers as it does: evidence in the image, embeddings, the loss around weights."""

from vitreous.explain.cam import class_maps
from vitreous.explain.layer_maps import last_map
from vitreous.explain.methods import METHODS, Method
from vitreous.explain.target import Scalar, Target

__all__ = ["METHODS", "Method", "Scalar", "Target", "class_maps", "last_map"]
