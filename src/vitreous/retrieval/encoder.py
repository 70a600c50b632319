"""Image embeddings: what enters the last layer of a network, as a vector an image.

Trained to tell classes apart, a network has put images of one kind near each other there, also
of kinds that it was never asked about. Krizhevsky et al. (2012), "ImageNet classification with deep
convolutional neural networks", section 6.1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from vitreous.data.batches.pack import Rows, key
from vitreous.data.batches.preprocess import PixelContract
from vitreous.data.dataset import Dataset
from vitreous.data.images.decode import Source
from vitreous.errors import UsageError
from vitreous.infer.engine import Engine
from vitreous.inference.features import features
from vitreous.inference.model_file import Bundle, load
from vitreous.inference.predictor import finite
from vitreous.models import MODELS, backbone_and_head, create
from vitreous.trace.measure.cost import macs
from vitreous.training.precision import Precision, choose
from vitreous.training.reproduce import undrawn

Vectors = NDArray[np.float16]


@dataclass(frozen=True)
class Encoder:
    """A network up to its last layer, with the pixels that it expects.

    name          of the architecture
    training      summary of the training from the model file, if it was trained here
    architecture  name and arguments of a network of the table, whose features are kept
    engine        what computes the features in the network's place, as its run has chosen
    """

    name: str
    model: nn.Module
    contract: PixelContract
    precision: Precision
    training: Mapping[str, Any] = field(default_factory=dict)
    architecture: tuple[str, Mapping[str, Any]] | None = None
    engine: Engine | None = None

    def of(self, sources: Sequence[Source]) -> Vectors:
        """Files, bytes or arrays to (B, K). Raises ImageError for what cannot be read, and
        DivergedError for features that are not finite.
        """
        rows = np.stack([self.contract.load(source) for source in sources])
        backbone, _ = backbone_and_head(self.model)
        images = self.contract.images(rows).to(self.precision.device)
        seen = None if self.engine is None else self.engine(self.model, images)
        with torch.inference_mode(), self.precision.autocast():
            seen = backbone(images) if seen is None else seen
            found = finite(seen.to("cpu", torch.float16), "features")
        vectors: Vectors = found.numpy()
        return vectors

    def of_rows(
        self,
        dataset: Dataset,
        rows: Rows,
        ids: NDArray[np.int64],
        progress: Callable[[int, int], None] | None = None,
    ) -> Vectors:
        """(N, K) of the rows `ids` of a data set's pack, kept in the cache."""
        backbone, _ = backbone_and_head(self.model)
        views = features(
            backbone,
            self.model,
            rows,
            ids,
            self.contract,
            self.precision,
            mirrored=False,
            key=key(dataset, self.contract, {}),
            architecture=self.architecture,
            progress=progress,
            engine=self.engine,
        )
        return views[:, 0]


def encoder(model: str | Path | Bundle) -> Encoder:
    """The encoder in a run folder, in a model file, or in a network that comes with its weights.

    Raises UsageError for a network of the table without weights, ModelFileError, and ModelError for
    a network that answers for each pixel.
    """
    if isinstance(model, str) and model in MODELS:
        return _published(model)
    bundle = model if isinstance(model, Bundle) else load(model)
    backbone_and_head(bundle.model)  # refuses what has no vector for an image
    device = next((p.device.type for p in bundle.model.parameters()), "cpu")
    return Encoder(
        name=bundle.architecture or type(bundle.model).__name__,
        model=bundle.model,
        contract=bundle.contract,
        precision=Precision(bundle.precision, device),
        training=bundle.training,
        architecture=(bundle.architecture, bundle.arguments) if bundle.architecture else None,
        engine=bundle.engine and bundle.engine_by(bundle.engine.runtime, features=True),
    )


def _published(name: str) -> Encoder:
    weights = MODELS[name].weights
    if weights is None:
        known = ", ".join(
            row.name for row in MODELS.values() if row.weights and row.output == "vector"
        )
        raise UsageError(
            f"no weights come with {name}, and an untrained network knows nothing of likeness",
            remedy=f"Use {known}, a run folder or a model file.",
        )
    with undrawn():
        network = create(name, pretrained=True).eval()
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    contract = PixelContract(height=weights.size, width=weights.size, channels=network.in_channels)
    work = macs(network, (network.in_channels, weights.size, weights.size))
    return Encoder(name, network, contract, choose("auto", "cpu", work), architecture=(name, {}))
