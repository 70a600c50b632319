"""Galleries of ranked examples: the worst answers of a part, those of the middle, and the best."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from vitreous.tasks.section import Case, Gallery

SHOWN = 12  # images in a gallery
Row = Mapping[str, str]


def ranked_cases(
    rows: Sequence[Row], note: Callable[[Row], str], *, noun: str, intro: str, abreast: int = 2
) -> Iterator[Gallery]:
    """Three galleries with truth and answer drawn side by side.

    rows   of predictions.csv, with a column `rank` in which 1 is the worst, and nothing stands
           where an example cannot be judged
    note   what is said of a row, such as "off by 3"
    noun   what an answer is called, such as "counts"
    intro  what is seen in the pictures
    abreast how many of them an example has
    """
    ranked = sorted((row for row in rows if row["rank"]), key=lambda row: int(row["rank"]))
    middle, half = len(ranked) // 2, SHOWN // 2
    for anchor, title, chosen in (
        ("worst", f"Worst {noun}", ranked[:SHOWN]),
        ("middling", f"{noun.capitalize()} of the middle", ranked[middle : middle + half]),
        ("best", f"Best {noun}", ranked[::-1][:half]),
    ):
        cases = [Case(id=row["path"], note=note(row)) for row in chosen]
        yield Gallery(
            anchor=anchor, title=title, intro=intro, cases=cases, drawn=True, abreast=abreast
        )
