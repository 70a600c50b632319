"""Pages of one style: one environment, capitals that change nothing else."""

from __future__ import annotations

from vitreous.drawing.html import sentence


def test_a_sentence_begins_with_a_capital_and_keeps_the_rest() -> None:
    assert sentence("macro F1") == "Macro F1"
    assert sentence("mIoU of all") == "MIoU of all"
    assert sentence("") == ""
