"""The search is exact: chunk by chunk it finds what a comparison of everything finds."""

from __future__ import annotations

import numpy as np
import pytest

from vitreous.retrieval import index as module
from vitreous.retrieval.index import Index, unit


def by_hand(queries: np.ndarray, vectors: np.ndarray, top: int) -> tuple[np.ndarray, np.ndarray]:
    """In double precision, with a sort of everything."""
    a, b = queries.astype(np.float64), vectors.astype(np.float64)
    a /= np.linalg.norm(a, axis=1, keepdims=True)
    b /= np.linalg.norm(b, axis=1, keepdims=True)
    similar = a @ b.T
    rows = np.argsort(-similar, axis=1, kind="stable")[:, :top]
    return rows, np.take_along_axis(similar, rows, axis=1)


def test_ten_thousand_vectors_as_by_hand() -> None:
    random = np.random.default_rng(0)
    vectors = random.standard_normal((10_000, 32)).astype(np.float32)
    queries = random.standard_normal((700, 32)).astype(np.float32)  # more than are asked at a time
    found = Index(vectors).nearest(queries, 12)
    rows, scores = by_hand(queries, vectors, 12)
    np.testing.assert_allclose(found.scores, scores, atol=2e-6)
    differing = found.rows != rows  # only where two scores are equal in single precision
    gaps = np.abs(np.diff(scores, axis=1, append=-2)).min(axis=1)
    assert not differing[gaps > 1e-5].any()
    assert differing.mean() < 0.01


@pytest.mark.parametrize("chunk", [1, 3, 7, 100])
def test_the_chunk_does_not_matter(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(1)
    vectors = random.standard_normal((50, 4)).astype(np.float16)
    queries = vectors[:5]
    expected = by_hand(queries, vectors, 6)[0]
    monkeypatch.setattr(module, "CHUNK", chunk)
    monkeypatch.setattr(module, "ASKED", 2)
    assert Index(vectors).nearest(queries, 6).rows.tolist() == expected.tolist()


def test_an_image_is_nearest_to_itself_unless_it_is_left_out() -> None:
    vectors = np.random.default_rng(2).standard_normal((40, 8)).astype(np.float16)
    own = np.arange(40)
    found = Index(vectors).nearest(vectors, 3)
    assert found.rows[:, 0].tolist() == own.tolist()
    np.testing.assert_allclose(found.scores[:, 0], 1, atol=1e-6)
    others = Index(vectors).nearest(vectors, 39, leave_out=own)
    assert not (others.rows == own[:, None]).any()
    assert others.rows.shape == (40, 39)
    assert np.isfinite(others.scores).all()


def test_no_more_than_there_are() -> None:
    vectors = np.eye(3, dtype=np.float32)
    assert Index(vectors).nearest(vectors[:1], 12).rows.tolist() == [[0, 1, 2]]
    assert Index(vectors[:0]).nearest(vectors[:1], 12).rows.shape == (1, 0)
    assert Index(vectors).nearest(vectors[:0], 2).rows.shape == (0, 2)


def test_only_directions_count() -> None:
    vectors = np.array([[1, 0], [100, 1], [0, 0], [-5, 0]], np.float32)
    found = Index(vectors).nearest(np.array([[3, 0]], np.float32), 4)
    assert found.rows.tolist() == [[0, 1, 2, 3]]
    assert found.scores[0, 2] == 0
    assert found.scores[0, 3] == -1
    assert unit(vectors)[2].tolist() == [0, 0]
