"""Numbers as float32: exact enough for their deviation, or refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vitreous.data.columns import Numbers
from vitreous.data.formats.manifest import open_manifest
from vitreous.data.rounded import LOST, rounded
from vitreous.errors import DataError

STEPS = np.linspace(-2, 2, 50)[:, None]


@pytest.mark.parametrize("offset", [0, 2026, -3e4, 1e5])
@pytest.mark.parametrize("scale", [1e-30, 1, 1e30])
def test_what_is_kept_is_near_enough(offset: float, scale: float) -> None:
    exact = (STEPS + offset) * scale
    found = rounded(exact, ["width"])
    assert found.dtype == np.float32
    assert np.abs(found - exact).max() <= LOST * exact.std()


@pytest.mark.parametrize("offset", [1.7e9, -4e7])
@pytest.mark.parametrize("scale", [1e-30, 1, 1e29])
def test_what_would_be_rounded_away_is_refused(offset: float, scale: float) -> None:
    """Here all become a handful of values, or one, of which it would be said that all are alike."""
    exact = (STEPS + offset) * scale
    assert len(np.unique(exact.astype(np.float32))) < 5
    with pytest.raises(DataError, match=r"'stamp' lie around .*float32") as caught:
        rounded(np.hstack([STEPS, exact]), ["width", "stamp"])
    assert "Subtract" in str(caught.value.remedy)
    assert np.array_equal(
        rounded(exact - offset * scale, ["stamp"]), np.float32(exact - offset * scale)
    )


def test_integers_and_constants() -> None:
    with pytest.raises(DataError, match="'number' lie around"):
        rounded(np.arange(1 << 30, (1 << 30) + 40)[:, None], ["number"])
    assert (rounded(np.full((3, 1), 0.1), ["same"]) == np.float32(0.1)).all()
    assert rounded(np.zeros((0, 2)), ["a", "b"]).shape == (0, 2)


def test_too_large_is_named_as_it_was_written() -> None:
    with pytest.raises(DataError, match="example 1 has the mass 1e\\+39"):
        rounded(np.array([[1.0], [1e39]]), ["mass"])


def test_two_quantities_of_one_name() -> None:
    """Each would be drawn with the numbers of the other."""
    with pytest.raises(DataError, match="two quantities are called 'x'"):
        Numbers(np.zeros((3, 3)), ["x", "y", "x"])


@pytest.mark.parametrize("name", ["stamp", "label"])
def test_a_manifest_says_where(tmp_path: Path, name: str) -> None:
    lines = [f"path,{name}", *(f"{k}.png,{1_700_000_000 + k / 4}" for k in range(20))]
    (tmp_path / "times.csv").write_text("\n".join(lines))
    (tmp_path / "0.png").touch()
    with pytest.raises(DataError, match=f"'{name}' lie around 1700000002") as caught:
        open_manifest(tmp_path / "times.csv")
    assert str(caught.value.where).endswith("times.csv")
