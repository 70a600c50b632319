"""From what lies in a run folder to the report that shows it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from vitreous.atomic import write_text
from vitreous.augment.policies import named_policy
from vitreous.data.batches.batches import Batches
from vitreous.data.dataset import Dataset, Part, label_text
from vitreous.data.formats.image_files import FileDataset
from vitreous.data.formats.open import open as open_data
from vitreous.data.images.decode import header
from vitreous.data.splits.split import Split
from vitreous.drawing.thumbnail import SIDE, thumbnail
from vitreous.errors import ImageError, RunError, VitreousError
from vitreous.files import read_json, read_lines, read_table, read_yaml
from vitreous.inference.header import Header
from vitreous.metrics.scores import Scores
from vitreous.recipes.resolved import Settled
from vitreous.report.content import DataSummary, Picture, ReportData, Setting
from vitreous.report.findings import Note
from vitreous.report.render import render
from vitreous.run_folder import RunFolder
from vitreous.version import __version__

SHOWN = 24  # pictures in a gallery
LOOKED = 1000  # images whose sizes are told


def write_report(
    run: str | Path, out: str | Path | None = None, dataset: Dataset | None = None
) -> Path:
    """Write a run's report; returns its path.

    dataset  the data that the run was made of; opened anew if it is left out, and if it is no
             longer there, the report has no pictures

    Raises RunError for a run that has not ended.
    """
    folder = RunFolder.open(run)
    if not folder.finished:
        raise RunError(
            "this run has not ended, so there is nothing to report",
            where=str(run),
            remedy=f"Go on with it by `{folder.resume_command}`.",
        )
    path = Path(out) if out is not None else folder.report
    write_text(path, render(report_data(folder, dataset)))
    return path


def report_data(folder: RunFolder, dataset: Dataset | None = None) -> ReportData:
    """Everything that the report shows, read from the folder."""
    written, summary = read_yaml(folder.recipe), read_json(folder.scores)
    settled = Settled.from_mapping(written, str(folder.recipe))
    model = Header.of(folder.model)
    if missing := {"data", "parameters", "macs", "best_epoch"} - model.training.keys():
        raise RunError(
            f"the model file does not tell its {', '.join(sorted(missing))}",
            where=str(folder.model),
            remedy="Bring back the file that this run has written.",
        )
    scores = {name: Scores.from_json(found) for name, found in summary["scores"].items()}
    surroundings = read_json(folder.environment)
    notes = [Note(text) for text in summary["notes"]]
    if dataset is None:
        try:
            dataset = open_data(written["data"])
        except (VitreousError, TypeError) as error:
            notes.append(Note(f"The data are not here any more, hence no pictures: {error}"))
    mistakes, right = gallery(read_table(folder.predictions))
    rows = rows_of(dataset, [*mistakes, *right])
    contract, training = settled.contract, model.training
    return ReportData(
        title=folder.path.resolve().name,
        model=model.architecture or "a network of your own",
        task=model.task,  # type: ignore[arg-type]
        classes=model.classes,
        input=f"{contract.channels} × {contract.height} × {contract.width}",
        parameters=training["parameters"],
        macs=training["macs"],
        validation=scores.get("validation"),
        test=scores.get("test"),
        curves=read_lines(folder.metrics),
        best_epoch=training["best_epoch"],
        mistakes=pictures(dataset, mistakes, rows),
        right=pictures(dataset, right, rows),
        augmented=augmented(dataset, settled, folder),
        data=data_summary(folder, model, written["fingerprint"], dataset),
        recipe={
            name: Setting(in_words(value), settled.reasons.get(name, ""))
            for name, value in settled.recipe.to_mapping().items()
            if value not in (None, (), [])
        },
        environment=flat(surroundings),
        timings=summary["timings"],
        notes=notes,
        test_uses=len(folder.events("test")) or None,
        command=surroundings["command"] or "",
        created=(folder.events("start") or [{"time": ""}])[0]["time"],
        version=__version__,
    )


def in_words(value: Any) -> str:
    """A setting as it would be given on the command line."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


def gallery(
    answers: Sequence[dict[str, str]],
) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """The most confident mistakes, and right answers spread over the classes; of the test part if
    there is one.
    """
    parts = {answer["part"] for answer in answers}
    shown = [a for a in answers if a["part"] == ("test" if "test" in parts else "validation")]
    ranked = [answer for answer in shown if answer["rank"]]
    mistakes = sorted(ranked, key=lambda answer: int(answer["rank"]))[:SHOWN]
    right: list[dict[str, str]] = []
    seen = Counter[str]()
    each = max(1, SHOWN // (2 * max(len({a["label"] for a in shown}), 1)))
    for answer in shown:
        if answer["correct"] == "1" and seen[answer["label"]] < each and len(right) < SHOWN // 2:
            seen[answer["label"]] += 1
            right.append(answer)
    return mistakes, right


def rows_of(dataset: Dataset | None, answers: Sequence[dict[str, str]]) -> dict[str, int]:
    """Row numbers of these answers by id, in one pass over the data."""
    wanted = {answer["path"] for answer in answers}
    if dataset is None or not wanted:
        return {}
    ids = ((dataset.id(row), row) for row in range(len(dataset)))
    return {name: row for name, row in ids if name in wanted}


def pictures(
    dataset: Dataset | None, answers: Sequence[dict[str, str]], rows: Mapping[str, int]
) -> list[Picture]:
    """The answers with their images, as far as these can be read.

    rows  of the answers, from `rows_of`
    """
    if dataset is None:
        return []
    found = []
    for answer in answers:
        try:
            image = thumbnail(dataset.read(rows[answer["path"]], SIDE))
        except (KeyError, VitreousError):
            continue
        likelihood = float(answer["likelihood"])
        # Of several labels, a mistake is about a single one, whose chances are two.
        apart = dataset.multilabel and answer["correct"] == "0"
        found.append(
            Picture(
                image=image,
                id=answer["path"],
                truth=answer["label"],
                predicted=answer["predicted"],
                probability=1 - likelihood if apart else float(answer["score"]),
                likelihood=likelihood,
            )
        )
    return found


def augmented(dataset: Dataset | None, settled: Settled, folder: RunFolder) -> list[Picture]:
    """A dozen of the training images as the network saw them."""
    recipe, contract = settled.recipe, settled.contract
    if dataset is None or recipe.augment in (None, "none"):
        return []
    try:
        training = Split.read(folder.split, dataset).indices(Part.TRAIN)
        ids = training[np.linspace(0, len(training) - 1, 12).astype(np.int64)]
        rows = np.stack([contract.row(dataset.read(int(i), contract.at_least)) for i in ids])
    except VitreousError:
        return []
    batches = Batches(
        rows,
        dataset.targets[ids],
        np.arange(len(ids)),
        contract,
        batch_size=len(ids),
        shuffle=False,
        num_classes=len(dataset.classes),
        augment=named_policy(recipe.augment, contract=contract, classes=dataset.classes),
    )
    (batch,) = batches.epoch(0)
    shown = (batch.images.permute(0, 2, 3, 1) * 255).round().byte().numpy()
    return [
        Picture(
            image=thumbnail(image),
            id=dataset.id(int(index)),
            truth=label_text(dataset, int(index)),
        )
        for image, index in zip(shown, ids, strict=True)
    ]


def data_summary(
    folder: RunFolder, model: Header, fingerprint: str, dataset: Dataset | None
) -> DataSummary:
    counts = {part: Counter[str]() for part in ("train", "validation", "test")}
    examples = Counter[str]()
    for line in read_table(folder.split):
        part = "validation" if line["split"] == "val" else line["split"]
        if part in counts:
            examples[part] += 1
            one = [line["label"]] if model.task == "classify" else []
            counts[part].update(one or (name for name in model.classes if line.get(name) == "1"))
    copies: dict[str, list[tuple[str, str]]] = {"leak": [], "duplicate": []}
    for line in read_table(folder.copies):
        copies[line["kind"]].append((line["id"], line["other"]))
    return DataSummary(
        name=model.training["data"],
        examples={part: examples[part] for part in counts if examples[part]},
        counts={
            part: [counts[part][name] for name in model.classes]
            for part in counts
            if examples[part]
        },
        sizes=sizes(dataset),
        channels=model.contract.channels,
        bad=[(line["id"], line["reason"]) for line in read_table(folder.quarantine)],
        duplicates=copies["duplicate"],
        leaks=copies["leak"],
        fingerprint=fingerprint,
    )


def sizes(dataset: Dataset | None) -> list[tuple[int, int, int]]:
    """(width, height, how many), from the headers of at most LOOKED images."""
    if dataset is not None and dataset.pixels is not None:
        count, height, width = dataset.pixels.shape[:3]
        return [(width, height, count)]
    if not isinstance(dataset, FileDataset):
        return []
    found = Counter[tuple[int, int]]()
    for index in np.unique(np.linspace(0, len(dataset) - 1, LOOKED).astype(int)).tolist():
        with suppress(ImageError):
            head = header(dataset.path(index))
            found[head.width, head.height] += 1
    return [(width, height, count) for (width, height), count in found.items()]


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested mappings as one, with what is empty left out."""
    found: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{name} ")
        elif value is not None and name != "command":
            found[prefix + name] = str(value)
    return found
