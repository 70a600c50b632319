"""Kinds of questions about an image, each with its head, loss, scores and decoding."""

from vitreous.tasks.classify import Classify
from vitreous.tasks.coding import CODINGS, Coding, coding
from vitreous.tasks.label import Label
from vitreous.tasks.prediction import Prediction
from vitreous.tasks.task import Task

TASKS: dict[str, type[Task]] = {"classify": Classify, "label": Label}

__all__ = ["CODINGS", "TASKS", "Classify", "Coding", "Label", "Prediction", "Task", "coding"]
