"""The course: every experiment that has a chapter of the textbook, in the order of the lectures."""

from __future__ import annotations

from vitreous.labs import (
    banana,
    bypass,
    counts,
    decomposition,
    degradation,
    double_descent,
    dying_units,
    equal_weights,
    halved_maps,
    hidden_sizes,
    image_function,
    initial_variance,
    interpolation,
    learning_speed,
    likelihood,
    loss_histograms,
    lottery_ticket,
    narrow_networks,
    overfitting,
    regions,
    saturation,
    shift_invariance,
    splat,
    surface,
    vanishing,
    xor,
)
from vitreous.labs.lab import Lab
from vitreous.labs.syllabus import stranger

COURSE: tuple[Lab, ...] = (
    likelihood.LAB,
    saturation.LAB,
    xor.LAB,
    banana.LAB,
    surface.RECTIFIED,
    surface.SMOOTH,
    image_function.LAB,
    equal_weights.LAB,
    interpolation.LAB,
    bypass.LAB,
    regions.LAB,
    narrow_networks.LAB,
    vanishing.LAB,
    dying_units.LAB,
    initial_variance.LAB,
    learning_speed.LAB,
    loss_histograms.LAB,
    overfitting.LAB,
    decomposition.LAB,
    double_descent.LAB,
    lottery_ticket.LAB,
    hidden_sizes.LAB,
    halved_maps.LAB,
    shift_invariance.LAB,
    degradation.LAB,
    counts.LAB,
    splat.LAB,
)


def chapters() -> dict[str, Lab]:
    """Each experiment by its row, as X4, and by its name, as depth."""
    return {lab.row: lab for lab in COURSE} | {lab.name: lab for lab in COURSE}


def find(name: str) -> Lab:
    """The experiment of that row or name, whatever its case. Raises UsageError with the nearest."""
    known = {key.lower(): lab for key, lab in chapters().items()}
    if name.lower() not in known:
        raise stranger(name)
    return known[name.lower()]
