"""A report built from what lies in a run folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import TemplateError

from vitreous.atomic import write_text
from vitreous.augment.policies import named_policy
from vitreous.data.batches.batches import Batches
from vitreous.data.dataset import Dataset, Part
from vitreous.data.images.decode import header
from vitreous.data.manifest_words import header_cell, label_cell
from vitreous.data.splits.split import Split
from vitreous.drawing.thumbnail import thumbnail
from vitreous.errors import ImageError, RunError, VitreousError
from vitreous.files import read_json, read_lines, read_table, read_yaml, understood
from vitreous.formats import counted
from vitreous.infer.runtime_choice import entries
from vitreous.inference.explaining import ExplainingPredictor
from vitreous.inference.header import Header
from vitreous.recipes.recipe import Recipe
from vitreous.recipes.resolved import ResolvedRecipe
from vitreous.report.content import DataSummary, Picture, ReportData, Setting
from vitreous.report.pictures import loaded, pictures
from vitreous.report.render import render
from vitreous.robust.robust_sections import robust_remarks, robust_sections
from vitreous.run_folder import RunFolder
from vitreous.tasks.asked import as_asked, opened
from vitreous.tasks.section import Case, Note

LOOKED = 1000  # images whose sizes are told


def write_report(
    run: str | Path,
    out: str | Path | None = None,
    dataset: Dataset | None = None,
    predictor: ExplainingPredictor | None = None,
) -> Path:
    """Write a run's report; returns its path.

    dataset  the data that the run was made of; opened anew if it is left out, and if it is no
             longer there, the report has no pictures
    predictor  the model, for pictures on which answers are drawn or explained; it is loaded for
             them if it is left out

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
    with understood(folder.path):
        data = report_data(folder, dataset, predictor)
        try:
            page = render(data)
        except TemplateError as error:  # a part of it is not what a page is made of
            raise ValueError(str(error)) from error
    write_text(path, page)
    return path


def report_data(
    folder: RunFolder, dataset: Dataset | None = None, predictor: ExplainingPredictor | None = None
) -> ReportData:
    """Everything that the report shows, read from the folder."""
    written, summary = read_yaml(folder.recipe), read_json(folder.scores)
    resolved = ResolvedRecipe.from_mapping(written, str(folder.recipe))
    model = Header.of(folder.model)
    if missing := {"data", "parameters", "macs", "best_epoch"} - model.training.keys():
        raise RunError(
            f"the model file does not tell its {', '.join(sorted(missing))}",
            where=str(folder.model),
            remedy="Bring back the file that this run has written.",
        )
    task = model.task
    with understood(folder.scores):
        scores = {name: task.SCORES.from_json(found) for name, found in summary["scores"].items()}
    judged = next((part for part in ("test", "validation") if part in scores), None)
    surroundings = folder.surroundings
    for choice in entries(folder.runtime):
        surroundings[f"answers computed by, on {choice.processor}"] = choice.text
    notes = [Note(text) for text in summary["notes"]]
    if judged:
        notes += task.remarks(judged, scores[judged])
    notes += robust_remarks(folder.path)
    if dataset is None:
        try:
            dataset = opened(written["data"], task.name, task.noise)
        except VitreousError as error:
            notes.append(Note(f"The data are not here any more, hence no pictures: {error}"))
    else:
        dataset = as_asked(dataset, task.name, task.noise)
    answers = [
        row for row in read_table(folder.predictions, ("path", "part")) if row["part"] == judged
    ]
    with understood(folder.predictions):
        galleries = [*task.galleries(answers)]
    asked = any(shown.drawn or shown.explained for shown in galleries)
    if dataset is not None and predictor is None and asked:
        predictor, missed = loaded(folder.model)
        notes += missed
    contract, training = resolved.contract, model.training
    return ReportData(
        title=folder.path.resolve().name,
        model=model.architecture or "a network of your own",
        input=f"{contract.channels} × {contract.height} × {contract.width}",
        parameters=training["parameters"],
        macs=training["macs"],
        answers=counted(len(task.classes), task.noun) if task.classes else "",
        validation=scores.get("validation"),
        test=scores.get("test"),
        meaning=task.meaning(scores[judged]) if judged else [],
        curves=read_lines(folder.metrics),
        best_epoch=training["best_epoch"],
        sections=[
            *(task.sections(scores[judged], answers) if judged else ()),
            *robust_sections(folder.path),
        ],
        galleries=pictures(dataset, galleries, task, predictor) if dataset is not None else [],
        augmented=augmented(dataset, resolved, folder),
        data=data_summary(folder, model, summary, written["fingerprint"], dataset),
        recipe=settings(resolved),
        environment=flat(surroundings),
        timings=summary["timings"],
        notes=notes,
        test_uses=folder.test_uses or None,
        command=str(surroundings.get("command") or ""),
        created=(folder.events("start") or [{"time": ""}])[0]["time"],
    )


def settings(resolved: ResolvedRecipe) -> dict[str, Setting]:
    """The settings that have a value, by name."""
    usual = Recipe().to_mapping()
    return {
        name: Setting(
            in_words(value),
            reason := resolved.reasons.get(name, ""),
            usual=not reason and value == usual[name],
        )
        for name, value in resolved.recipe.to_mapping().items()
        if value not in (None, (), [])
    }


def in_words(value: Any) -> str:
    """A setting as it would be given on the command line."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


def augmented(
    dataset: Dataset | None, resolved: ResolvedRecipe, folder: RunFolder
) -> list[Picture]:
    """A dozen of the training images as the network saw them."""
    recipe, contract = resolved.recipe, resolved.contract
    if dataset is None or recipe.augment in (None, "none"):
        return []
    try:
        training = Split.read(folder.split, dataset).indices(Part.TRAIN)
        ids = training[np.linspace(0, len(training) - 1, 12).astype(np.int64)]
        rows = np.stack([contract.row(dataset.read(int(i), contract.at_least)) for i in ids])
    except VitreousError:
        return []
    augment = named_policy(recipe.augment, contract=contract, classes=dataset.classes)
    height, width = augment.window((contract.height, contract.width))
    still = {name: column for name, column in dataset.targets.items() if not column.moves}
    batches = Batches(
        rows,
        {name: column.take(ids) for name, column in still.items()},
        np.arange(len(ids)),
        replace(contract, height=height, width=width),
        batch_size=len(ids),
        shuffle=False,
        augment=augment,
    )
    (batch,) = batches.epoch(0)
    shown = (batch.images.permute(0, 2, 3, 1) * 255).round().byte().numpy()
    return [
        Picture(
            image=thumbnail(image),
            case=Case(
                id=dataset.id(int(index)),
                truth="; ".join(column.text(int(index)) for column in still.values()),
            ),
        )
        for image, index in zip(shown, ids, strict=True)
    ]


def data_summary(
    folder: RunFolder,
    model: Header,
    summary: Mapping[str, Any],
    fingerprint: str,
    dataset: Dataset | None,
) -> DataSummary:
    """What is told of the data; of images, as far as they are still there."""
    split = read_table(folder.split, ("path", "split"))
    found = Counter("validation" if line["split"] == "val" else line["split"] for line in split)
    examples = {part: found[part] for part in ("train", "validation", "test") if found[part]}
    counts = summary.get("data", {}).get("counts")
    if counts is None:
        counts = class_counts(split, model.task.classes)
    copies: dict[str, list[tuple[str, str]]] = {"leak": [], "duplicate": []}
    for line in read_table(folder.copies, ("kind", "id", "other")):
        copies.setdefault(line["kind"], []).append((line["id"], line["other"]))
    return DataSummary(
        name=model.training["data"],
        examples=examples,
        counts={part: counts[part] for part in examples if part in counts},
        noun=model.task.noun,
        sizes=sizes(dataset),
        channels=model.contract.channels,
        bad=[
            (line["id"], line["reason"]) for line in read_table(folder.quarantine, ("id", "reason"))
        ],
        duplicates=copies["duplicate"],
        leaks=copies["leak"],
        fingerprint=fingerprint,
    )


def class_counts(
    split: Sequence[Mapping[str, str]], classes: Sequence[str]
) -> dict[str, dict[str, int]]:
    """Images of each class in each part, as far as the table of the split tells: by a column of
    marks for each class, or by one column of their names.
    """
    columns = split[0].keys() if split else set[str]()
    quoted = {name: header_cell(name) for name in classes}
    headers = {name: cell if cell in columns else name for name, cell in quoted.items()}
    labels = {label_cell(name): name for name in classes}
    marked = bool(classes) and {*headers.values()} <= columns
    if not classes or not (marked or "label" in columns):
        return {}
    counts: dict[str, dict[str, int]] = {}
    for line in split:
        part = "validation" if line["split"] == "val" else line["split"]
        known = counts.setdefault(part, dict.fromkeys(classes, 0))
        if marked:
            shown = [name for name, header in headers.items() if line[header] == "1"]
        else:
            shown = [labels[line["label"]]] if line["label"] in labels else []
        for name in shown:
            known[name] += 1
    return counts


def sizes(dataset: Dataset | None) -> list[tuple[int, int, int]]:
    """(width, height, how many), from the headers of at most LOOKED images."""
    if dataset is None or not len(dataset):
        return []
    if dataset.pixels is not None:
        count, height, width = dataset.pixels.shape[:3]
        return [(width, height, count)]
    found = Counter[tuple[int, int]]()
    for index in np.unique(np.linspace(0, len(dataset) - 1, LOOKED).astype(int)).tolist():
        path = dataset.source(index)
        if path is None:
            continue
        with suppress(ImageError):
            head = header(path)
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
