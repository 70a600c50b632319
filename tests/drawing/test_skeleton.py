"""Limbs by the names that data sets give to joints."""

from __future__ import annotations

from vitreous.drawing.skeleton import limbs

LEEDS = (
    *("right ankle", "right knee", "right hip", "left hip", "left knee", "left ankle"),
    *("right wrist", "right elbow", "right shoulder", "left shoulder", "left elbow", "left wrist"),
    *("neck", "head top"),
)
COCO = (
    *("nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder"),
    *("right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip"),
    *("right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle"),
)


def named(names: tuple[str, ...]) -> set[frozenset[str]]:
    return {frozenset((names[one], names[other])) for one, other in limbs(names)}


def test_a_body_hangs_together() -> None:
    for names, count in ((LEEDS, 14), (COCO, 16)):
        found = named(names)
        assert len(found) == len(limbs(names)) == count
        seen, reached = {names[-1]}, set[str]()
        while seen != reached:
            reached = set(seen)
            seen |= {end for limb in found if limb & seen for end in limb}
        ends = set(names) - seen
        assert not ends or names is COCO
        assert ends <= {"nose", "left_eye", "right_eye", "left_ear", "right_ear"}


def test_sides_are_not_crossed() -> None:
    for one, other in limbs(LEEDS):
        sides = {
            word for k in (one, other) for word in LEEDS[k].split() if word in ("left", "right")
        }
        assert len(sides) < 2 or {LEEDS[one], LEEDS[other]} == {"left hip", "right hip"}


def test_other_points_stay_dots() -> None:
    assert limbs(("left top", "right bottom", "lid")) == []
