"""A column that is left out is said to be one of parts or groups, where it looks so."""

from __future__ import annotations

import pytest

from vitreous.data.formats.left_out import LeftOut


def seen(name: str, cells: list[str]) -> LeftOut:
    column = LeftOut(name)
    for cell in cells:
        column.add(cell)
    return column


@pytest.mark.parametrize("cells", [["train", "test", ""], ["TRAIN ", "Val", "test"]])
def test_parts_are_an_error(cells: list[str]) -> None:
    doubt = seen("data set", cells).doubt()
    assert doubt is not None
    assert doubt.severity == "error"
    assert "'split'" in str(doubt.remedy)


@pytest.mark.parametrize("name", ["PatientID", "patient_nr", "Subject", "video", "case no"])
def test_groups_are_a_warning_where_they_have_several_images(name: str) -> None:
    doubt = seen(name, ["a", "b", "a"]).doubt()
    assert doubt is not None
    assert doubt.severity == "warning"
    assert "'group'" in str(doubt.remedy)
    assert seen(name, ["a", "b", "c", "", ""]).doubt() is None


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("width", ["16", "16", "24"]),
        ("tube", ["test", "control", "test"]),
        ("camera", ["a", "a", "b"]),
        ("data set", ["train", "train"]),
        ("patient age", ["61", "61"]),
        ("notes", ["", ""]),
    ],
)
def test_others_are_not(name: str, cells: list[str]) -> None:
    assert seen(name, cells).doubt() is None
