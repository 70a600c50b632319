"""What all tests share: one thread, a cache of their own, and no data sets by accident."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator

import pytest

# Before torch is imported: threads that wait for each other make small tests slow, and results on
# one thread do not depend on the machine.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session", autouse=True)
def own_cache() -> Iterator[None]:
    """Packs and features of tests never meet those of a user."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("VITREOUS_CACHE", folder)
        yield
