"""Parts of odd data: with nothing to score, with weights that say nothing, with names like ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vitreous.data.boxes import Boxes
from vitreous.data.columns import Column, Marks, Numbers
from vitreous.data.dataset import Part
from vitreous.data.formats.arrays import ArrayDataset
from vitreous.data.maps import Maps
from vitreous.data.points import Points
from vitreous.errors import DataError
from vitreous.runs.evaluate import evaluate
from vitreous.runs.run import train

COUNT = 24
RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, (COUNT, 16, 16, 3), dtype=np.uint8)
PARTS = np.array([Part.TRAIN] * 16 + [Part.VALIDATION] * 4 + [Part.TEST] * 4, np.int8)

pytestmark = pytest.mark.usefixtures("place")


def silent(kind: str, rows: np.ndarray) -> dict[str, Column]:
    """Targets that say nothing about these rows."""
    if kind == "mask":
        masks = RANDOM.integers(0, 2, (COUNT, 16, 16)).astype(np.uint8)
        masks[rows] = 255
        return {"mask": Maps(masks, ("sky", "road"))}
    places = RANDOM.uniform(2, 14, (COUNT, 2, 3)).astype(np.float32)
    places[..., 2] = ~rows[:, None]
    return {"point": Points(places, ("nose", "tail"))}


@pytest.mark.parametrize("kind", ["mask", "point"])
@pytest.mark.parametrize("part", [Part.VALIDATION, Part.TEST])
def test_a_part_that_says_nothing_ends_no_run(kind: str, part: Part) -> None:
    """It would do so after the last epoch, and again at each resume."""
    data = ArrayDataset("odd", IMAGES, silent(kind, part == PARTS), parts=PARTS)
    run = train(data, epochs=1)
    assert run.scores.keys() == {"validation", "test"} - {part.name.lower()}
    (note,) = (note for note in run.summary()["notes"] if "was not scored" in note)
    assert note.startswith(f"the {part.name.lower()} part was not scored")
    assert run.report_path.is_file()


def test_columns_know_that_they_say_nothing() -> None:
    rows, some = np.ones(COUNT, bool), np.arange(COUNT) > 0
    for kind in ("mask", "point"):
        (silent_column,), (other,) = silent(kind, rows).values(), silent(kind, some).values()
        assert (silent_column.empty, other.empty) == (True, False)
    assert Boxes(np.zeros((0, 4)), np.zeros(3, int)).empty
    assert not Boxes([[0, 0, 2, 2]], np.array([1, 0])).empty
    assert not Marks(np.zeros((3, 2), np.uint8), "ab").empty  # no label is an answer
    assert not Numbers(np.zeros((3, 1)), ["width"]).empty


@pytest.mark.parametrize(("weight", "message"), [(0, "the weight 0"), (3e38, "the weight 3e")])
def test_weights_that_cannot_be_learned_by_are_refused(weight: float, message: str) -> None:
    values = Numbers(RANDOM.random((COUNT, 1)), ["width"])
    data = ArrayDataset("odd", IMAGES, {"value": values}, parts=PARTS)
    data.weights = np.full(COUNT, weight, np.float32)
    with pytest.raises(DataError, match=message) as caught:
        train(data, model="linear", epochs=1, out="run")
    assert caught.value.remedy
    assert not Path("run").exists()
    data.weights[0] = 1.0
    if weight == 0:
        assert train(data, model="linear", epochs=1).scores


@pytest.mark.parametrize("kind", ["marks", "numbers"])
def test_a_run_knows_its_parts_whatever_its_targets_are_called(kind: str) -> None:
    """`path` and `split` are columns of split.csv as well."""
    names = ("path", "split", "weight")
    table: Any = RANDOM.random((COUNT, 3))
    targets: dict[str, Column] = {"value": Numbers(table, names)}
    if kind == "marks":
        targets = {"class": Marks((table > 0.5).astype(np.uint8), names)}
    data = ArrayDataset("odd", IMAGES, targets)
    data.weights = np.full(COUNT, 2, np.float32)
    run = train(data, model="linear", epochs=1, validation=0.2, test=0.2)
    found = evaluate(run.folder.path, data).to_json()["scores"]["test"]
    assert found["loss"] == pytest.approx(run.scores["test"].loss)
