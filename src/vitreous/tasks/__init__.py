"""Kinds of questions about an image, each with its head, loss, scores and decoding."""

from vitreous.tasks.answer import Answer
from vitreous.tasks.classify import Classify
from vitreous.tasks.coding import CODINGS, Coding, coding
from vitreous.tasks.label import Label
from vitreous.tasks.prediction import Prediction
from vitreous.tasks.registry import TASKS, fitting, recognized, task_of
from vitreous.tasks.task import Task

__all__ = [
    "CODINGS",
    "TASKS",
    "Answer",
    "Classify",
    "Coding",
    "Label",
    "Prediction",
    "Task",
    "coding",
    "fitting",
    "recognized",
    "task_of",
]
