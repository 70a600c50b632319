"""Every test here works in a folder of its own; and the model file that processes share."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from vitreous.data.batches.preprocess import PixelContract
from vitreous.inference.model_file import Bundle
from vitreous.models import create
from vitreous.tasks import Classify


@pytest.fixture(autouse=True)
def own_place(place: Path) -> Path:
    return place


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Large enough for its layers to share their work among threads."""
    torch.manual_seed(0)
    arguments = {"num_classes": 4, "in_channels": 3, "size": 96}
    return Bundle(
        model=create("resnet18", **arguments).eval(),
        architecture="resnet18",
        arguments=arguments,
        task=Classify(classes=tuple("abcd")),
        contract=PixelContract(height=96, width=96, channels=3),
    ).save(tmp_path_factory.mktemp("wide") / "model.safetensors")
