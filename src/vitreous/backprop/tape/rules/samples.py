"""Inputs that rules are tested on: shapes that broadcast, are reduced, or are multiplied."""

from __future__ import annotations

from vitreous.backprop.tape.rule import Sample

ONE = (Sample(shapes=((3, 4),)),)
POSITIVE = (Sample(shapes=((3, 4),), interval=(0.3, 3.0)),)
WIDE = (Sample(shapes=((3, 4),), interval=(-5.0, 5.0)),)
TWO = (
    Sample(shapes=((3, 4), (3, 4))),
    Sample(shapes=((3, 4), (4,))),
    Sample(shapes=((3, 1), (2, 1, 4))),
    Sample(shapes=((), (2, 3))),
)
POSITIVE_TWO = tuple(Sample(shapes=sample.shapes, interval=(0.3, 3.0)) for sample in TWO)
REDUCED = (
    Sample(shapes=((3, 4),)),
    Sample(shapes=((3, 4),), options={"dim": 1}),
    Sample(shapes=((2, 3, 4),), options={"dim": -2, "keepdim": True}),
)
SUMMED = (
    *REDUCED,
    Sample(shapes=((2, 3, 2, 2),), options={"dim": (2, 3)}),
    Sample(shapes=((2, 3, 2),), options={"dim": (-1, 0)}),
)
NORMALIZED = (
    Sample(shapes=((3, 4),), options={"dim": 1}),
    Sample(shapes=((2, 3, 4),), options={"dim": 0}),
)
PRODUCTS = (
    Sample(shapes=((3, 4), (4, 2))),
    Sample(shapes=((3, 4), (4,))),
    Sample(shapes=((4,), (4, 2))),
    Sample(shapes=((4,), (4,))),
    Sample(shapes=((2, 3, 4), (4, 2))),
    Sample(shapes=((2, 3, 4), (2, 4, 2))),
    Sample(shapes=((4,), (2, 4, 2))),
)
