"""The names of the networks from Python."""

from __future__ import annotations

import subprocess
import sys

import vitreous as vt
from vitreous.models import MODELS


def test_the_package_is_a_package_and_lists_its_networks() -> None:
    assert vt.models() == list(MODELS)  # type: ignore[operator]
    assert vt.models("resnet18") == ["resnet18"]  # type: ignore[operator]
    assert vt.models("nothing*") == []  # type: ignore[operator]
    assert vt.models.MODELS is MODELS


def test_it_works_before_anything_else() -> None:
    code = "import vitreous as vt; print('lenet5' in vt.models(), vt.create.__name__)"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout == "True create\n"
