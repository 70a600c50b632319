"""A glass box for neural networks that see. Train it, see through it, trust it.

    import vitreous as vt

    run = vt.train("photos/")                       # a folder with one folder a class
    run.scores["test"].accuracy
    model = vt.load("runs/photos")
    model.predict("cat.jpg").label

Importing this module loads nothing else; each name is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from vitreous.version import __version__

if TYPE_CHECKING:
    from vitreous.data.formats.open import open
    from vitreous.doctor.calling import Practice
    from vitreous.inference.model_file import Bundle, load
    from vitreous.inference.run_ensemble import ensemble
    from vitreous.models import create
    from vitreous.models.listing import Listing
    from vitreous.recipes.recipe import Recipe
    from vitreous.runs.evaluate import evaluate
    from vitreous.runs.lr_search import find_lr
    from vitreous.runs.run import Run, resume, train
    from vitreous.select.compare import compare
    from vitreous.select.cross_validation import cross_validate
    from vitreous.select.estimator import ImageClassifier, ImageTransformer
    from vitreous.select.tune import tune

    doctor: Practice
    models: Listing

PLACES = {
    "Bundle": "vitreous.inference.model_file",
    "ImageClassifier": "vitreous.select.estimator",
    "ImageTransformer": "vitreous.select.estimator",
    "Recipe": "vitreous.recipes.recipe",
    "Run": "vitreous.runs.run",
    "compare": "vitreous.select.compare",
    "create": "vitreous.models",
    "cross_validate": "vitreous.select.cross_validation",
    "ensemble": "vitreous.inference.run_ensemble",
    "evaluate": "vitreous.runs.evaluate",
    "find_lr": "vitreous.runs.lr_search",
    "load": "vitreous.inference.model_file",
    "open": "vitreous.data.formats.open",
    "resume": "vitreous.runs.run",
    "train": "vitreous.runs.run",
    "tune": "vitreous.select.tune",
}

__all__ = [
    "Bundle",
    "ImageClassifier",
    "ImageTransformer",
    "Recipe",
    "Run",
    "__version__",
    "compare",
    "create",
    "cross_validate",
    "doctor",
    "ensemble",
    "evaluate",
    "find_lr",
    "load",
    "models",
    "open",
    "resume",
    "train",
    "tune",
]


def __getattr__(name: str) -> Any:
    if name in ("doctor", "models"):  # packages, which can also be called
        return import_module(f"vitreous.{name}")
    if name not in PLACES:
        raise AttributeError(f"module 'vitreous' has no attribute '{name}'")
    value = getattr(import_module(PLACES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
