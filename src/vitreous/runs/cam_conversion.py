"""Conversion of a run's network to one with class activation maps, and what that costs.

The dense layer is trained on the training part of the run, and measured on what was held out.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vitreous.data.dataset import Part
from vitreous.errors import ModelError, UsageError
from vitreous.explain.averaged_maps import averaged, means, train_head
from vitreous.inference.explaining import ExplainingPredictor
from vitreous.inference.model_file import Bundle
from vitreous.metrics.score import Scores
from vitreous.progress.progress import Progress
from vitreous.runs.run_images import RunImages, run_images

FIRST = 8  # images by which the layer is found


@dataclass(frozen=True)
class Conversion:
    """A network with class activation maps in place of another one.

    predictor  that answers with it
    layer      whose maps are averaged
    part       that both were measured on; before, after: scores of the two
    """

    predictor: ExplainingPredictor
    layer: str
    part: str
    before: Scores
    after: Scores

    @property
    def text(self) -> str:
        old, new = self.before.headline, self.after.headline
        return (
            f"{new.title} {new.text} with average pooling of {self.layer} and one dense layer, "
            f"where it was {old.text}, on the {self.part} part"
        )


def convert(
    model: Path, bundle: Bundle, layer: str | None = None, progress: Progress | None = None
) -> Conversion:
    """The network of a run up to its last maps, their average, and a dense layer of its own.

    layer  whose maps are averaged; None is found

    Raises UsageError for a task whose answers are maps; RunError, ModelError and ShapeError as
    `run_images` and `averaged` do.
    """
    if bundle.task.output().kind != "vector":
        raise UsageError(
            f"the task '{bundle.task.name}' is answered by maps as it is",
            where="--convert",
            remedy="Leave it out: gradcam explains a class at a pixel.",
        )
    train = run_images(model, bundle, Part.TRAIN, progress)
    held = run_images(model, bundle, None, progress)
    if not len(train):
        raise ModelError("there is no training image", where=str(model))
    images = train.some(range(min(FIRST, len(train))))
    made = averaged(bundle.model, images, bundle.task.output().channels, layer=layer)
    train_head(made, means(made, train.batches()), train.truth, bundle.task.loss)
    predictor = ExplainingPredictor(
        model=made, task=bundle.task, contract=bundle.contract, precision="float32"
    )
    return Conversion(
        predictor=predictor,
        layer=made.layer.removesuffix("#1"),
        part=held.part,
        before=_scores(bundle, held),
        after=_scores(predictor, held),
    )


def _scores(predictor: ExplainingPredictor, images: RunImages) -> Scores:
    meter = predictor.measure(images.rows, images.targets, images.ids)
    found: Scores = predictor.task.scores(meter)
    return found
