"""Diagnoses of a training that does not learn: one table, symptom to sentence to fix.

The order is that of causes: what is certain and comes first stands first, and what follows from
something else stands below it and is hidden by it. So the first row that holds is the diagnosis.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vitreous.doctor import data_symptoms as data
from vitreous.doctor import network_symptoms as network
from vitreous.doctor.evidence import Evidence
from vitreous.doctor.symptom import Symptom

ALL = ("*",)


@dataclass(frozen=True)
class Fault:
    """A row of DIAGNOSES.

    symptom  tells whether it is there, by measurements
    title    what it is called
    fix      what to do; a flag where there is one
    charts   names of the pictures that show it, see `charts`
    hides    keys of faults that follow from it; "*" is every later one
    """

    symptom: Callable[[Evidence], Symptom | None]
    title: str
    fix: str
    charts: tuple[str, ...] = ("loss",)
    hides: tuple[str, ...] = ALL


@dataclass(frozen=True)
class Diagnosis:
    """A fault that was found: what was measured, in a sentence, and one fix.

    change  fields of a recipe that the fix sets, by name; empty where it is one of the code or data
    step    when it was said
    """

    key: str
    title: str
    evidence: str
    fix: str
    step: int
    charts: tuple[str, ...] = ("loss",)
    change: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.title}: {self.evidence}. {self.fix}"

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "change": dict(self.change), "charts": [*self.charts]}


DATA = ("labels_shuffled", "labels_noisy", "underfitting", "constant_predictions", "not_learning")
DIAGNOSES: dict[str, Fault] = {
    "inputs_not_a_number": Fault(
        data.inputs_no_numbers,
        "Images with values that are no numbers",
        "Leave them out, or mend how they are made: `vitreous check DATA` names them.",
    ),
    "never_stepped": Fault(
        network.never_stepped,
        "The weights are never moved",
        "Give model.parameters() to the optimizer, and call its step().",
    ),
    "gradients_not_zeroed": Fault(
        network.gradients_kept,
        "Gradients are not zeroed",
        "Call optimizer.zero_grad() before each backward().",
        ("loss", "gradients"),
    ),
    "softmax_twice": Fault(
        data.softmax_twice,
        "The softmax is taken twice",
        "Leave the softmax out of the network: the loss takes logits.",
    ),
    "loss_not_matched": Fault(
        data.head_squeezed,
        "The head does not fit the loss",
        "End the network in a linear layer, without an activation function.",
    ),
    "training_in_eval_mode": Fault(
        network.in_evaluation_mode,
        "Trained in evaluation mode",
        "Call model.train() before each epoch, also after an evaluation.",
    ),
    "evaluated_in_training_mode": Fault(
        network.evaluated_in_training_mode,
        "Evaluated in training mode",
        "Call model.eval() before an evaluation.",
    ),
    "inputs_not_normalized": Fault(
        data.inputs_unscaled,
        "Inputs are not normalized",
        "Divide bytes by 255, and standardize: subtract the mean, divide by the deviation.",
        ("loss", "gradients"),
    ),
    "symmetric_units": Fault(
        network.symmetric,
        "Weights begin zero or equal",
        "--init he",
        ("loss", "gradients"),
    ),
    "frozen_layers": Fault(
        network.frozen,
        "Layers that never move",
        "Let them take gradients, and give them to the optimizer: --freeze none.",
        ("loss", "updates"),
        (),
    ),
    "class_missing": Fault(
        data.class_missing,
        "A class is missing in training",
        "Add images of it, or leave it out: `vitreous check DATA` counts them by part.",
        ("loss", "classes"),
        ("not_shuffled",),
    ),
    "not_shuffled": Fault(
        data.not_shuffled,
        "Batches are not shuffled",
        "Shuffle the training images: DataLoader(..., shuffle=True).",
        ("loss", "accuracy"),
    ),
    "batch_norm_tiny_batches": Fault(
        network.batches_tiny,
        "Batch norm of tiny batches",
        "--batch-size 32; or a network without batch norm",
        ("loss", "accuracy"),
        (
            "exploding_gradients",
            "lr_too_high",
            "underfitting",
            "constant_predictions",
            "not_learning",
            "nan",
        ),
    ),
    "saturated_units": Fault(
        network.saturated,
        "Saturated units",
        "--init xavier: smaller weights, so that units stay in the middle of their range",
        ("loss", "units"),
    ),
    "exploding_gradients": Fault(
        network.exploding,
        "Exploding gradients",
        "--init he, or --clip 1",
        ("loss", "gradients", "profile"),
    ),
    "vanishing_gradients": Fault(
        network.vanishing,
        "Vanishing gradients",
        "--init he with ReLU; or a network with batch norm or shortcuts, such as --model resnet20",
        ("loss", "profile", "gradients"),
    ),
    "dead_units": Fault(
        network.dead,
        "Dead ReLUs",
        "--init he, which begins with biases of zero",
        ("loss", "units"),
    ),
    "weight_decay_too_high": Fault(
        network.weights_decay,
        "The weight decay is far too high",
        "--weight-decay 0.0005",
        ("loss", "weights"),
    ),
    "lr_too_high": Fault(
        network.too_high,
        "The learning rate is too high",
        "--lr {lr:g}",
        ("loss", "updates"),
    ),
    "loss_rises": Fault(
        network.rises,
        "Steps go uphill",
        "See the sign of the loss, and whether the optimizer maximizes; else a tenth of the --lr.",
        ("loss", "updates"),
    ),
    "lr_too_low": Fault(
        network.too_low,
        "The learning rate is too low",
        "--lr {lr:g}",
        ("loss", "updates"),
    ),
    "nan": Fault(
        data.no_number,
        "The loss is no number",
        "--clip 1, and look for a logarithm or a division of zero in the loss",
    ),
    "labels_shuffled": Fault(
        data.labels_unrelated,
        "Labels do not follow the images",
        "See whether images and labels are listed in the same order: `vitreous check DATA`.",
        ("loss", "accuracy"),
    ),
    "labels_noisy": Fault(
        data.labels_noisy,
        "Labels are noisy",
        "Mend the labels that contradict sure answers; --label-smoothing 0.1 softens the rest.",
        ("loss", "accuracy"),
        ("underfitting", "overfitting"),
    ),
    "leak": Fault(
        data.leak,
        "Images of evaluation are trained on",
        "Split anew: `vitreous split DATA` keeps equal images together.",
        ("accuracy",),
        ("overfitting", "augmentation_changes_labels"),
    ),
    "shift": Fault(
        data.shifted,
        "Images of evaluation are of another kind",
        "Train on images as they will come: mix both sources before the split.",
        ("accuracy",),
        ("overfitting", "augmentation_changes_labels"),
    ),
    "augmentation_changes_labels": Fault(
        data.classes_contradict,
        "Two classes contradict each other",
        "--augment light, which neither turns images round nor mirrors symbols",
        ("loss", "accuracy"),
        DATA,
    ),
    "overfitting": Fault(
        data.overfits,
        "Overfitting",
        "--augment standard; or more images, or a higher --weight-decay",
        ("loss", "accuracy"),
        (),
    ),
    "underfitting": Fault(
        data.underfits,
        "Underfitting",
        "A larger network: --model convnet_medium; less dropout and less --weight-decay",
        ("loss", "accuracy"),
    ),
    "units_died": Fault(
        network.died,
        "ReLUs died in training",
        "--lr {lr:g}; or leaky ReLUs, whose slope of 0.01 brings them back to life",
        ("loss", "units", "updates"),
    ),
    "constant_predictions": Fault(
        data.constant,
        "One answer for all images",
        "Start anew with another --lr; see whether the images differ at all.",
        ("loss", "accuracy"),
    ),
    "not_learning": Fault(
        data.nothing_learned,
        "Nothing is learned",
        "Try whether the network can learn a single batch, and a --lr of a tenth or ten times.",
        ("loss", "gradients", "updates"),
    ),
}


def diagnose(evidence: Evidence) -> list[Diagnosis]:
    """What is wrong, the cause first; empty where nothing is."""
    found: list[Diagnosis] = []
    hidden: set[str] = set()
    for key, fault in DIAGNOSES.items():
        if key in hidden or "*" in hidden:
            continue
        symptom = fault.symptom(evidence)
        if symptom is None:
            continue
        fix = fault.fix.format(**symptom.change) if "{" in fault.fix else fault.fix
        found.append(
            Diagnosis(
                key=key,
                title=fault.title,
                evidence=symptom.text,
                fix=fix,
                step=evidence.steps,
                charts=fault.charts,
                change=symptom.change,
            )
        )
        hidden.update(fault.hides)
    return found


def in_words(found: Sequence[Diagnosis], steps: int) -> str:
    """For a terminal."""
    if not found:
        return f"Nothing is wrong, as far as {steps:,} steps tell."
    return "\n".join(f"{one.title}\n  seen  {one.evidence}\n  try   {one.fix}" for one in found)
