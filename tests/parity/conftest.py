"""Peers that networks and blocks are compared with; where one is missing, its tests are skipped.

torchvision's wheel does not import beside a CPU build of torch, unless two operators that it looks
for are declared first.
"""

from __future__ import annotations

import importlib
import warnings
from types import ModuleType

import pytest
import torch

OPERATORS = ("nms", "qnms")
SIGNATURE = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def load(name: str) -> ModuleType:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(name)
    except Exception as error:  # a peer may fail to import in many ways
        pytest.skip(f"{name} cannot be imported: {error}")


@pytest.fixture(scope="session")
def declared_operators() -> object:
    """The declaration lasts as long as the returned object lives."""
    library = torch.library.Library("torchvision", "DEF")
    for operator in OPERATORS:
        if not hasattr(torch.ops.torchvision, operator):
            library.define(operator + SIGNATURE)
    return library


@pytest.fixture(scope="session")
def torchvision(declared_operators: object) -> ModuleType:
    load("torchvision")
    return load("torchvision.models")


@pytest.fixture(scope="session")
def timm(torchvision: ModuleType) -> ModuleType:
    return load("timm")


@pytest.fixture(scope="session")
def captum() -> ModuleType:
    return load("captum.attr")


@pytest.fixture(scope="session")
def grad_cam(declared_operators: object) -> ModuleType:
    return load("pytorch_grad_cam")
