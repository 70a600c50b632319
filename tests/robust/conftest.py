"""A small run that is attacked in many tests."""

from __future__ import annotations

from pathlib import Path

import pytest

import vitreous as vt


@pytest.fixture(scope="session")
def digits_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """LeNet after two epochs on digits."""
    folder = tmp_path_factory.mktemp("robust") / "digits"
    vt.train("digits", model="lenet5", epochs=2, out=folder, progress=False, doctor=False)
    return folder
