"""Each test of engines has a folder and a cache of its own."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_place(place: Path) -> Path:
    return place
