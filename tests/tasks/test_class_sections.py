"""What a report tells about classes: the sections, what stands in them, and in which order."""

from __future__ import annotations

import numpy as np
import pytest

from vitreous.metrics import classification, majority, multilabel
from vitreous.metrics.trivial import nearest_neighbors, neighbor_class
from vitreous.tasks.class_sections import galleries, meaning, remarks, sections
from vitreous.tasks.section import Matrix, Pairs, Reliability, Table, Text

CLASSES = ("ant", "bee", "cat")


def test_classes_have_a_matrix_and_labels_have_none() -> None:
    chances = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.6, 0.3, 0.1], [0.5, 0.3, 0.2]])
    one = classification(chances, [0, 1, 1, 0], CLASSES)
    found = list(sections(one))
    assert [section.anchor for section in found] == ["confusion", "classes", "calibration"]
    (matrix,) = found[0].blocks
    assert isinstance(matrix, Matrix)
    np.testing.assert_array_equal(matrix.cells.matrix, [[2, 0, 0], [1, 1, 0], [0, 0, 0]])
    assert [type(block) for block in found[2].blocks[:3]] == [Reliability, Text, Pairs]

    marks = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 1]], np.uint8)
    several = multilabel(chances, marks, CLASSES, [0.5, 0.25, 0.15])
    found = list(sections(several, "label"))
    assert [section.title for section in found] == ["Labels", "Calibration"]
    (table,) = found[0].blocks
    assert isinstance(table, Table)
    titles = [title for title, _ in table.columns]
    assert titles[0] == "Label"
    assert {"Average precision", "Threshold"} <= set(titles)
    assert {row[0]: row[-1] for row in table.rows} == {"ant": "0.50", "bee": "0.25", "cat": "0.15"}


def test_the_weakest_class_comes_first_and_the_unknown_last() -> None:
    scores = classification(np.eye(3)[[0, 0, 0, 1, 0]], [0, 0, 0, 1, 1], CLASSES)
    (table,) = list(sections(scores))[1].blocks
    assert isinstance(table, Table)
    assert [row[0] for row in table.rows] == ["bee", "ant", "cat"]
    assert all(len(row) == len(table.columns) for row in table.rows)
    assert table.rows[-1][1:] == (0, None, None, None, None)


def test_what_is_absent_is_said() -> None:
    scores = classification(np.eye(3)[[0, 1]], [0, 1], CLASSES)
    (note,) = remarks("validation", scores)
    assert note.kind == "warning"
    assert note.text.startswith("The validation part has no example of cat;")
    assert remarks("test", classification(np.eye(3), [0, 1, 2], CLASSES)) == []


@pytest.mark.parametrize(
    ("right", "words"),
    [
        (100, "No mistake in 100 images."),
        (95, "About one image in 20 is misread."),
        (40, "About 6 images in 10 are misread."),
    ],
)
def test_accuracy_in_plain_words(right: int, words: str) -> None:
    answers = np.where(np.arange(100) < right, np.arange(100) % 2, 1 - np.arange(100) % 2)
    scores = classification(np.eye(2)[answers], np.arange(100) % 2, ("a", "b"))
    assert meaning(scores) == [words]


def test_the_nearest_neighbor_is_a_measure_of_mistakes() -> None:
    truth = np.arange(200) % 2
    answers = np.where(np.arange(200) < 190, truth, 1 - truth)
    pixels = np.zeros((200, 2, 2, 1), np.uint8)  # all alike, so the neighbor is right half the time
    rules = [
        majority(truth, truth, 2),
        neighbor_class(nearest_neighbors(pixels, pixels), truth, truth, 2),
    ]
    scores = classification(np.eye(2)[answers], truth, ("a", "b"), baselines=rules)
    assert meaning(scores)[1] == (
        "Looking up the most similar training image errs 10 times as often."
    )


def test_labels_in_plain_words() -> None:
    marks = np.array([[1, 0], [0, 1], [1, 1], [0, 0]], np.uint8)
    scores = multilabel(np.abs(marks - [[0.1, 0.1], [0.1, 0.1], [0.1, 0.9], [0.1, 0.1]]), marks,
                        ("a", "b"), 0.5)  # fmt: skip
    assert meaning(scores) == ["All labels are right for 75\u202f% of the images."]


def row(path: str, label: str, predicted: str, rank: object = "") -> dict[str, str]:
    return {
        "path": path,
        "part": "test",
        "label": label,
        "predicted": predicted,
        "score": "0.700000",
        "likelihood": "0.200000",
        "correct": str(int(label == predicted)),
        "rank": str(rank),
    }


def test_mistakes_come_by_rank_and_right_answers_from_all_classes() -> None:
    rows = [
        row(f"{name}/{number}", name, name if number % 4 else "wasp", "" if number % 4 else rank)
        for offset, name in enumerate(CLASSES)
        for number in range(40)
        for rank in [number // 4 * 3 + offset + 1]
    ]
    mistakes, right = galleries(rows)
    assert len(mistakes.cases) == 24
    ranks = {one["path"]: int(one["rank"]) for one in rows if one["rank"]}
    assert [ranks[case.id] for case in mistakes.cases] == list(range(1, 25))
    assert {case.answer for case in mistakes.cases} == {"wasp"}
    assert [case.answer for case in right.cases] == ["ant"] * 4 + ["bee"] * 4 + ["cat"] * 4
    assert (mistakes.kind, right.kind) == ("mistakes", "right")


def test_a_mistaken_label_is_given_with_its_own_chance() -> None:
    (case,) = next(galleries([row("x", "ant, bee", "ant", 1)], "label")).cases
    assert (case.truth, case.answer_share, case.truth_share) == ("has ant, bee", 0.8, 0.2)
    (case,) = next(galleries([row("x", "bee", "ant", 1)])).cases
    assert (case.truth, case.answer_share, case.truth_share) == ("is bee", 0.7, 0.2)
