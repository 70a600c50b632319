"""Symptoms of a network and its steps: gradients, units, learning rate, weights, modes.

Each is a predicate on evidence, with the sentence that tells its numbers; it looks at measurements
alone. Where a threshold stands, healthy trainings of many kinds lie well on the other side of it:
`benchmarks/doctor.py` measures how well.
"""

from __future__ import annotations

from math import isfinite
from typing import Any

import numpy as np

from vitreous.doctor.evidence import Evidence, Sample, Units
from vitreous.doctor.loss_trend import guess, trend
from vitreous.doctor.symptom import Symptom
from vitreous.formats import counted, percent, plain

USUAL = 0.012  # what a first step may change of a weight, as a share of it


def gradients_kept(e: Evidence) -> Symptom | None:
    if len(e.leftover) < 4 or float(np.median(e.leftover)) < 0.5:
        return None
    return Symptom(
        f"each step's gradient still holds all of the one before it (factor "
        f"{np.median(e.leftover):.2f}, 0 would be right)"
    )


def never_stepped(e: Evidence) -> Symptom | None:
    if e.steps or e.forwards < 20:
        return None
    return Symptom(f"{e.forwards} passes, and no optimizer that holds its weights has stepped")


def in_evaluation_mode(e: Evidence) -> Symptom | None:
    if e.steps >= 5 and e.modal and e.in_eval > 0.9:
        return Symptom("the network is trained in evaluation mode: batch norm and dropout are off")
    frozen = [n for s in e.samples[-3:] for n in s.norms if not n.training and n.deviation > 1]
    if len(e.samples) < 3 or not frozen:
        return None
    worst = max(frozen, key=lambda norm: norm.deviation)
    return Symptom(
        f"batch norm {worst.name} is in evaluation mode, and its running mean is "
        f"{worst.deviation:.1f} standard deviations away from what comes"
    )


def evaluated_in_training_mode(e: Evidence) -> Symptom | None:
    right, wrong = e.evaluated
    if not e.modal or wrong < 2 or right:
        return None
    return Symptom(f"all {counted(wrong, 'pass')} without gradients were in training mode")


def frozen(e: Evidence) -> Symptom | None:
    if len(e.samples) < 2:
        return None
    layers = e.samples[-1].layers
    still = {
        name: layer
        for name, layer in layers.items()
        if not layer.trains and not layer.update and layer.weight
    }
    fresh = [name for name, layer in still.items() if layer.fresh]
    if not still or len(fresh) < 0.5 * len(still):
        return None
    return Symptom(
        f"{len(still)} of {counted(len(layers), 'layer')} never move, {fresh[0]} first, and their "
        "weights look as they were drawn"
    )


def symmetric(e: Evidence) -> Symptom | None:
    if len(e.samples) < 2:
        return None
    last = e.samples[min(len(e.samples), 4) - 1]
    alike = [
        name
        for name, layer in list(last.layers.items())[:-1]
        if layer.symmetric and e.samples[0].layers[name].symmetric
    ]
    if not alike:
        return None
    zero = not last.layers[alike[0]].weight
    what = "are zero" if zero else "have equal weights and equal gradients"
    return Symptom(f"all units of {alike[0]} {what}, and will stay alike", {"init": "he"})


def weights_decay(e: Evidence) -> Symptom | None:
    early = e.samples[1:8]
    if len(early) < 3:
        return None
    toward = [
        float(np.median([layer.shrinking for layer in s.trained.values() if layer.weight] or [0]))
        for s in early
    ]
    most = sorted(toward)[-3]  # so far in three samples at least
    first, last = _size(e.samples[0]), min(map(_size, e.samples))
    if most < 0.5 or not first or last > 0.8 * first:
        return None
    return Symptom(
        f"what steps change is mostly decay (cosine {most:.2f} with the way to zero), and "
        f"the weights have shrunk to {percent(last / first, 0)}",
        {"weight_decay": 5e-4},
    )


def _size(sample: Sample) -> float:
    return float(np.sqrt(sum(layer.weight**2 for layer in sample.trained.values())))


def batches_tiny(e: Evidence) -> Symptom | None:
    late = [n for s in e.samples if s.step > 12 for n in s.norms if n.training]
    if not late or late[-1].examples > 4:
        return None
    away = float(np.median([norm.deviation for norm in late]))
    return Symptom(
        f"batch norm sees {counted(late[-1].examples, 'example')} at a time, and its means are off "
        f"by {away:.2g} standard deviations from step to step",
        {"batch_size": 32},
    )


def saturated(e: Evidence) -> Symptom | None:
    found: dict[str, list[float]] = {}
    for sample in e.samples[:8]:
        for units in sample.units:
            if units.kind != "relu":
                found.setdefault(units.name, []).append(units.saturated)
    full = {name: min(shares[:4]) for name, shares in found.items() if len(shares) >= 2}
    if not full or max(full.values()) < 0.6:
        return None
    name = max(full, key=lambda key: full[key])
    return Symptom(
        f"{percent(full[name], 0)} of the outputs of {name} lie at the end of its range",
        {"init": "xavier"},
    )


def dead(e: Evidence) -> Symptom | None:
    worst, first = _most_dead(e)
    if worst is None or first < 0.5:
        return None
    return Symptom(f"{_are_dead(worst)}, and were so at first", {"init": "he"})


def died(e: Evidence) -> Symptom | None:
    worst, first = _most_dead(e)
    if worst is None or first >= 0.5:
        return None
    peak = max((s.ratio for s in e.samples if isfinite(s.ratio)), default=0.0)
    return Symptom(
        f"{_are_dead(worst)}; at first it was {percent(first, 0)}, and {_moves(peak)}",
        {"lr": float(f"{max(s.lr for s in e.samples) / 10:.1g}")},
    )


def _most_dead(e: Evidence) -> tuple[Units | None, float]:
    """The activation function with most dead units, if they are many, and their share at first."""
    last = e.samples[-1].units if e.samples else []
    worst = max(last, key=lambda units: units.dead or 0, default=None)
    if worst is None or worst.dead is None or worst.dead < 0.7:
        return None, 0.0
    return worst, _dead_at_first(e, worst.name)


def _are_dead(units: Units) -> str:
    return f"{percent(units.dead or 0, 0)} of the units of {units.name} are zero for every example"


def _dead_at_first(e: Evidence, name: str) -> float:
    known = (u.dead for s in e.samples for u in s.units if u.name == name and u.dead is not None)
    return next(known, 0.0)


def exploding(e: Evidence) -> Symptom | None:
    if not e.samples or not len(e.losses):
        return None
    first = e.samples[0]
    steepest = float(np.max([layer.slope for layer in first.trained.values()] or [0.0]))
    known = guess(e)
    start = float(e.losses[0])
    scale = start / known if isfinite(known) and isfinite(start) else 0.0
    broken = not isfinite(steepest)
    if not broken and not (scale > 5 and start > 12) and steepest < 8:
        return None
    grows = first.scales[-1] / first.scales[0] if first.scales and first.scales[0] else 0.0
    text = f"the first loss is {plain(start)}" if isfinite(start) else "the first loss overflows"
    if grows > 5:
        text += f", and activations grow {plain(grows)} times from the first layer to the last"
    if steepest:
        text += f"; the largest gradient is {plain(steepest)} times its weight"
    return Symptom(text, {"init": "he"})


def vanishing(e: Evidence) -> Symptom | None:
    early = [s for s in e.samples[:5] if len(s.trained) >= 3 and _finite(s)]
    if len(early) < 2 or any(_dead_at_first(e, units.name) > 0.7 for units in early[0].units):
        return None
    ratios = []
    for sample in early:
        slopes = [layer.slope for layer in sample.trained.values()]
        if max(slopes) > 0:
            ratios.append(slopes[0] / max(slopes))
    ratio = float(np.median(ratios)) if ratios else 0.0
    scales = early[0].scales  # as they began; what they were can heal, after a long delay
    deep = max(scales[-max(2, len(scales) // 4) :], default=0.0)
    fade = deep / scales[0] if len(scales) >= 4 and scales[0] > 0 else 1.0
    if ratio > 2e-3 and fade > 2e-3:
        return None
    text = f"the gradient of the first layer is {plain(ratio)} times the largest, to its weight"
    bound = e.samples[0].bound
    if bound is not None and bound < 0.1:
        text += (
            f"; sigmoids and these weights let through {plain(bound)} of a gradient at most, from "
            "the last layer to the first"
        )
    if fade < 2e-2:
        text += f"; activations shrink to {plain(fade)} from the first layer to the last"
    return Symptom(text, {"init": "he"})


def _finite(sample: Sample) -> bool:
    slopes = [layer.slope for layer in sample.trained.values()]
    return bool(np.isfinite([*slopes, *sample.scales]).all())


def too_high(e: Evidence) -> Symptom | None:
    found, ratios = trend(e), [s.ratio for s in e.samples if isfinite(s.ratio)]
    if not ratios:
        return None
    peak = max(ratios)
    usual = float(np.median(ratios[2:])) if len(ratios) > 3 else 0.0
    large = peak > 0.3 or usual > 0.05
    broke = bool(np.isinf(e.losses[-20:]).any())
    if broke and (large or peak > 0.02):
        return Symptom(f"{_moves(peak)} until the loss was no number", _slower(e))
    if found is None or not large:
        return None
    risen = found.now > 2.5 * found.least + 0.3 and found.now > 0.3 * found.reference
    fell = 0.12 if e.steps >= 80 else 0.03  # at first, any fall may be the beginning of more
    if found.fallen > fell and not risen:
        return None
    text = f"the loss went from {plain(found.start)} to {plain(found.now)}"
    if risen:
        text += f", having been {plain(found.least)}"
    return Symptom(f"{text}, and {_moves(peak)}", _slower(e))


def _moves(ratio: float) -> str:
    return f"a step changed weights by up to {percent(ratio)} (0.1 % to 1 % is usual)"


def _slower(e: Evidence) -> dict[str, Any]:
    """A rate at which the first step would have changed weights as much as is usual; momentum adds
    up many such steps. Later ones tell nothing: the network is another one by then.
    """
    early = [(s.ratio / s.lr, s.momentum) for s in e.samples if s.lr and isfinite(s.ratio)]
    highest = max(s.lr for s in e.samples)
    change, momentum = early[0] if early else (0.0, 0.0)
    rate = USUAL * (1 - momentum) / max(change, 1e-12)
    return {"lr": float(f"{np.clip(rate, highest / 1e5, highest / 5):.1g}")}


def rises(e: Evidence) -> Symptom | None:
    found = trend(e)
    if found is None or e.steps < 60 or not e.samples or found.start <= 0:
        return None
    if found.now < 1.1 * max(found.reference, found.start) or found.falling > 0:
        return None
    return Symptom(
        f"the loss rose from {plain(found.start)} to {plain(found.now)}, by steps of usual size "
        f"({percent(e.samples[-1].ratio, 2)} of the weights)"
    )


def too_low(e: Evidence) -> Symptom | None:
    found = trend(e)
    if found is None or e.steps < 100 or not e.samples:
        return None
    peak = max(s.ratio for s in e.samples)
    if peak > 5e-4 or found.fallen > 0.25:
        return None
    factor = float(np.clip(USUAL / max(peak, 1e-9), 3, 1e4))
    lr = float(f"{max(s.lr for s in e.samples) * factor:.1g}")
    return Symptom(
        f"a step changes weights by {percent(peak, 4)} at most, and in {e.steps} steps the loss "
        f"went from {plain(found.start)} to {plain(found.now)}",
        {"lr": lr},
    )
