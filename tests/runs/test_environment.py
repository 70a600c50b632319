"""Where a run took place, on any installation."""

from __future__ import annotations

import json
from importlib import metadata

import pytest

from vitreous.runs.environment import environment


def test_it_is_plain_json() -> None:
    found = environment()
    assert json.loads(json.dumps(found)) == found
    assert {"torch", "numpy"} <= found["packages"].keys()


def test_packages_that_are_installed_otherwise_are_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """conda has no metadata of some, and OpenCV comes under several names."""
    original = metadata.version

    def version(name: str) -> str:
        if name == "opencv-python-headless":
            raise metadata.PackageNotFoundError(name)
        return "9.9" if name == "opencv-python" else original(name)

    monkeypatch.setattr(metadata, "version", version)
    packages = environment()["packages"]
    assert "opencv-python-headless" not in packages
    assert packages["opencv-python"] == "9.9"
