"""What a report tells about classes: confusion, scores of each class, calibration, mistakes.

Tasks that give classes or labels share it; `noun` is what a task calls one of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from vitreous.formats import percent, plain
from vitreous.metrics.classification_scores import ClassificationScores, Raw
from vitreous.metrics.confusion import ClassScores
from vitreous.tasks.section import (
    Case,
    Gallery,
    Kind,
    Matrix,
    Note,
    Pairs,
    Reliability,
    Section,
    Table,
    Text,
)

SHOWN = 24  # cases of a gallery
NAMED = 8  # classes that a note names
CALIBRATED = (
    "Does the model prove right as often as it says? On the diagonal it would: of all predictions"
    " made with 80 % confidence, 80 % are true. Below it the model is too sure, above it too"
    " modest."
)
BY_CHANCE = "With so many examples, an error of this size is no evidence of bad calibration."
FIRST_HERE = (
    "Wrong labels, bad crops and blind spots show here first. First what the model said and how"
    " sure it was, then what is true and how likely the model held that."
)


def meaning(scores: ClassificationScores) -> list[str]:
    """The headline in plain words."""
    if scores.several:
        return [f"All labels are right for {percent(scores.accuracy, 0)} of the images."]
    errors = 1 - scores.accuracy
    if errors == 0:
        words = [f"No mistake in {scores.count:,} images."]
    elif errors < 0.5:
        words = [f"About one image in {1 / errors:.0f} is misread."]
    else:
        words = [f"About {round(10 * errors)} images in 10 are misread."]
    neighbor = next((b for b in scores.baselines if b.name == "neighbor"), None)
    if neighbor is not None and errors and neighbor.accuracy < scores.interval[0]:
        times = (1 - neighbor.accuracy) / errors
        often = f"{times:.1f}" if times < 9.95 else f"{times:.0f}"
        words.append(f"Looking up the most similar training image errs {often} times as often.")
    return words


def remarks(part: str, scores: ClassificationScores) -> list[Note]:
    """What the scores leave unknown: classes of which the part has no example."""
    absent = [row.name for row in scores.per_class if not row.support]
    if not absent:
        return []
    shown = ", ".join(absent[:NAMED]) + (" and others" if len(absent) > NAMED else "")
    text = f"The {part} part has no example of {shown}; nothing is known about these."
    return [Note(text, "warning")]


def mix_ups(scores: ClassificationScores) -> list[str]:
    """The two most frequent confusions, where an example has one class."""
    if scores.cells is None:
        return []
    support = {row.name: row.support for row in scores.per_class}
    return [
        f"{one.truth} called {one.predicted}: {one.count} of {support[one.truth]}"
        for one in scores.cells.top(scores.classes, 2)
    ]


def sections(scores: ClassificationScores, noun: str = "class") -> Iterator[Section]:
    """Confusion, where an example has one class; the classes one by one; calibration."""
    if scores.cells is not None:
        yield Section("confusion", "Confusion", [Matrix(scores.classes, scores.cells)])
    title = "Classes" if noun == "class" else f"{noun.capitalize()}s"
    yield Section("classes", title, [_classes(scores, noun)])
    yield Section("calibration", "Calibration", [*_calibration(scores)], layout="beside")
    if scores.raw is not None:
        before = [*_uncalibrated(scores, scores.raw)]
        yield Section("uncalibrated", "Before calibration", before, layout="beside")


def _classes(scores: ClassificationScores, noun: str) -> Table:
    """Weakest first, by average precision or F1; those without examples last."""
    by_label = scores.several
    columns: list[tuple[str, Kind]] = [(noun.capitalize(), "name"), ("Images", "count")]
    if by_label:
        columns.append(("Average precision", "share"))
    columns += [("F1", "share"), ("Precision", "share"), ("Recall", "share")]
    columns.append(("95 % interval", "range"))
    if by_label:
        columns.append(("Threshold", "text"))

    def cells(row: ClassScores) -> tuple[object, ...]:
        told = (row.f1, row.precision, row.recall, row.interval)
        if not by_label:
            return (row.name, row.support, *told)
        threshold = None if row.threshold is None else f"{row.threshold:.2f}"
        return (row.name, row.support, row.average_precision, *told, threshold)

    def rank(row: ClassScores) -> float:
        score = row.f1 if row.average_precision is None else row.average_precision
        return 2.0 if score is None else score

    rows = [cells(row) for row in sorted(scores.per_class, key=rank)]
    return Table("Weakest first", columns, rows, first="weakest")


def _calibration(scores: ClassificationScores) -> Iterator[Reliability | Text | Pairs]:
    yield Reliability(scores.reliability, _what(scores))
    yield Text(CALIBRATED)
    yield _errors(scores)
    if scores.ece <= 1.5 * scores.ece_chance:
        yield Text(BY_CHANCE)


def _uncalibrated(scores: ClassificationScores, raw: Raw) -> Iterator[Reliability | Text | Pairs]:
    assert scores.temperature is not None
    yield Reliability(raw.reliability, _what(scores))
    yield Text(
        f"The model divides the network's outputs by a temperature of {scores.temperature:.3g} "
        "before they become probabilities. It is the one that explains the validation part best, "
        "so on that part the numbers flatter; the test part had no say. This is the network "
        f"without it: it was {'too sure' if scores.temperature > 1 else 'too modest'}. The answers "
        "and their order are the same."
    )
    yield _errors(raw)


def _errors(scores: ClassificationScores | Raw) -> Pairs:
    return Pairs(
        [
            ("Expected calibration error", percent(scores.ece, 2)),
            ("with bins of equal count", percent(scores.ece_mass, 2)),
            ("by chance, if calibrated perfectly", percent(scores.ece_chance, 2)),
            ("Log loss", plain(scores.loss)),
        ]
    )


def _what(scores: ClassificationScores) -> str:
    return "Share of labels that apply" if scores.several else "Share of right answers"


def galleries(rows: Sequence[Mapping[str, str]], noun: str = "class") -> Iterator[Gallery]:
    """The most confident mistakes, and right answers spread over the classes.

    rows  of predictions.csv, of one part
    """
    ranked = sorted((row for row in rows if row["rank"]), key=lambda row: int(row["rank"]))
    yield Gallery(
        anchor="mistakes",
        title="Most confident mistakes",
        short="Mistakes",
        intro=FIRST_HERE,
        cases=[_mistake(row, noun) for row in ranked[:SHOWN]],
        kind="mistakes",
        explained=True,
    )
    right = [
        Case(id=row["path"], answer=row["predicted"], answer_share=float(row["score"]))
        for row in _spread(rows)
    ]
    yield Gallery(anchor="right", title="Right answers", cases=right, kind="right")


def _mistake(row: Mapping[str, str], noun: str) -> Case:
    likelihood = float(row["likelihood"])
    # Of several labels, a mistake is about a single one, whose chances are two.
    one_label = noun == "label"
    return Case(
        id=row["path"],
        answer=row["predicted"],
        answer_share=1 - likelihood if one_label else float(row["score"]),
        truth=f"{'has' if one_label else 'is'} {row['label']}",
        truth_share=likelihood,
    )


def _spread(rows: Sequence[Mapping[str, str]]) -> list[Mapping[str, str]]:
    """Right answers, about equally many of each class."""
    each = max(1, SHOWN // (2 * max(len({row["label"] for row in rows}), 1)))
    seen, found = Counter[str](), list[Mapping[str, str]]()
    for row in rows:
        if row["correct"] == "1" and seen[row["label"]] < each and len(found) < SHOWN // 2:
            seen[row["label"]] += 1
            found.append(row)
    return found
