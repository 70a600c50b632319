"""XOR from a hundred first weights."""

from __future__ import annotations

import pytest

from vitreous.labs.xor import CASES, Trained, train


@pytest.fixture(scope="module")
def trained() -> dict[str, Trained]:
    return {name: train(case) for name, case in CASES.items()}
