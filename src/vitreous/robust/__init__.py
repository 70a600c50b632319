"""How little makes a network wrong: adversarial attacks, corruptions, and what is told of them."""

from vitreous.robust.attacks import ATTACKS, Attack
from vitreous.robust.goal import CLASSES, Goal
from vitreous.robust.norms import NORMS, Norm

__all__ = ["ATTACKS", "CLASSES", "NORMS", "Attack", "Goal", "Norm"]
