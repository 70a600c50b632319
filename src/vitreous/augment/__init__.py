"""Augmentation: policies by name, and what they do to images."""

from vitreous.augment.changes import Blend, Changes
from vitreous.augment.policies import RECIPES, named_policy
from vitreous.augment.policy import Augment

__all__ = ["RECIPES", "Augment", "Blend", "Changes", "named_policy"]
