"""Augmentation: policies by name, and what they do to pictures."""

from vitreous.augment.changes import Blend, Changes
from vitreous.augment.policy import Augment
from vitreous.augment.recipe import RECIPES, recipe

__all__ = ["RECIPES", "Augment", "Blend", "Changes", "recipe"]
