"""Syllabus: rows, names and titles of all experiments, readable without torch.

The experiments themselves stand in `course.py` and `experiments.py`; a test holds both against each
other.
"""

from __future__ import annotations

from vitreous.errors import UsageError, unknown

CHAPTERS = (
    ("C5", "likelihood", "Maximum likelihood"),
    ("G7", "saturation", "Why cross-entropy"),
    ("X6", "xor", "XOR"),
    ("X7", "banana", "Rosenbrock's banana: a class and a height"),
    ("X1", "surface", "A surface from a few rectifiers"),
    ("X2", "smooth-surface", "The same surface from smooth units"),
    ("X3", "image", "An image as a function"),
    ("X4", "depth", "Depth beats width"),
    ("X5", "interpolation", "Interpolating an image"),
    ("N23", "bypass", "A bypass on functions of two inputs"),
    ("X8", "regions", "A rectifier is a fold"),
    ("X9", "narrow", "How narrow a deep network may be"),
    ("X10", "vanishing", "The vanishing gradient"),
    ("X11", "dying", "Dying rectifiers"),
    ("T6", "variance", "How to begin"),
    ("X16", "speed", "Speed is not everything"),
    ("X12", "histograms", "A thousand trainings"),
    ("X17", "early-stopping", "When to stop"),
    ("X13", "bias-variance", "Bias and variance"),
    ("X14", "double-descent", "Double descent"),
    ("X15", "lottery", "A winning ticket"),
    ("E8", "hidden-units", "How many hidden units"),
    ("E9", "pooling", "A maximum or a stride"),
    ("X18", "shift", "Where it is does not matter"),
    ("N11", "degradation", "Deeper is not better"),
    ("N1", "counts", "Counting parameters"),
    ("G11", "splat", "One Gaussian, by hand"),
)
"""Of the book, in its order: row, name, title."""

DEMONSTRATIONS = {
    "painting": "Two hundred Gaussians, moved by gradients alone, paint a photo.",
    "clusters": "Pixels that are alike in color and place are regions, without a label: "
    "clustering.",
    "multi-task": "The share of the class in α S + (1 − α) R is chosen by a score, not by that "
    "loss.",
    "language": "A transformer guesses letters better than pairs of letters can, and then writes.",
}
"""What each claims."""


def check(name: str) -> None:
    """Raises UsageError, with the nearest names, for what is no experiment, whatever its case."""
    if name in DEMONSTRATIONS or name == "all":
        return
    if name.lower() not in {word.lower() for row in CHAPTERS for word in row[:2]}:
        raise stranger(name)


def stranger(name: str) -> UsageError:
    # Of a row, the number is what is mistaken: X44 is nearer to X4 than to a word.
    rows, words = [row for row, _, _ in CHAPTERS], [word for _, word, _ in CHAPTERS]
    error: UsageError = unknown("experiment", name, [*rows, *words, *DEMONSTRATIONS, "all", "list"])
    return error
