"""A model card: what a published network was trained on, how good it is, and where it is not.

Everything is taken from the run: nothing is claimed that was not measured. Folders of this machine
are not named. Mitchell et al. (2019), "Model cards for model reporting", arXiv:1810.03993.
"""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

import yaml

from vitreous.errors import UsageError
from vitreous.formats import counted, quantity
from vitreous.inference.model_file import Bundle
from vitreous.metrics.score import Score
from vitreous.runs.run import Run
from vitreous.version import __version__

SMALL = 200  # examples of a part, below which its interval is wide, which is said


def data_name(bundle: Bundle) -> str:
    """The data without the folders above them."""
    return PurePath(str(bundle.training.get("data") or "images")).name or "images"


def card(run: Run, place: str, license: str, sha256: str) -> str:
    """README.md of a repository on the hub.

    place   OWNER/NAME
    sha256  of the model file
    """
    bundle = run.model
    name, data = place.rpartition("/")[2], data_name(bundle)
    title = bundle.architecture or type(bundle.model).__name__
    height, width, channels = bundle.contract.shape
    size = quantity(sum(each.numel() for each in bundle.model.parameters()))
    lines = [
        "---",
        yaml.safe_dump(metadata(run, name, license), sort_keys=False, allow_unicode=True).rstrip(),
        "---",
        "",
        f"# {name}",
        "",
        f"{title} with {size} parameters, for the task '{bundle.task.name}' on images of "
        f"{height} × {width} with {counted(channels, 'channel')}, trained with vitreous "
        f"{__version__} on `{data}`.",
        "",
        "```console",
        f"$ vitreous predict 'hub:{place}#sha256={sha256[:16]}' IMAGE",
        "```",
        "",
        "The file is safetensors with a JSON header: loading it runs no code. It holds the size,",
        "the cut and the normalization of images, the classes, and the temperature of the answers.",
        "",
        "## Data",
        "",
        *data_lines(bundle, data),
        "",
        "## Scores",
        "",
        *score_lines(run),
        "",
        "## Limits",
        "",
        *(f"- {text}" for text in limits(run)),
        "",
        "## License",
        "",
        f"{license}. That of the weights also depends on the license of the data.",
    ]
    return "\n".join(lines) + "\n"


def metadata(run: Run, name: str, license: str) -> dict[str, Any]:
    """What the hub reads: license, tags, and scores as its model index."""
    bundle = run.model
    task = bundle.task.hub_tag
    fields: dict[str, Any] = {"library_name": "vitreous", "license": license}
    if task:
        fields["pipeline_tag"] = task
    fields["tags"] = ["vitreous", bundle.task.name, *filter(None, [bundle.architecture])]
    results = [
        {
            "task": {"type": task or bundle.task.name},
            "dataset": {"name": data_name(bundle), "type": "local", "split": part},
            "metrics": [
                {"type": one.name, "name": one.title, "value": one.value} for one in scores.all
            ],
        }
        for part, scores in run.scores.items()
    ]
    if results:
        fields["model-index"] = [{"name": name, "results": results}]
    return fields


def data_lines(bundle: Bundle, data: str) -> list[str]:
    parts = bundle.training.get("examples", {})
    told = ", ".join(f"{part} {count:,}" for part, count in parts.items())
    lines = [f"`{data}`: {told} images." if told else f"`{data}`."]
    if bundle.classes:
        shown = ", ".join(f"`{name}`" for name in bundle.classes[:50])
        more = f" and {len(bundle.classes) - 50:,} more" if len(bundle.classes) > 50 else ""
        lines += ["", f"{counted(len(bundle.classes), bundle.task.noun)}: {shown}{more}."]
    return lines


def score_lines(run: Run) -> list[str]:
    """A table of all scores by part, with intervals; and what simple rules reach."""
    if not run.scores:
        return ["None were measured."]
    names = list(dict.fromkeys(one.title for scores in run.scores.values() for one in scores.all))
    lines = [
        f"| | {' | '.join(run.scores)} |",
        f"|---|{'---|' * len(run.scores)}",
        f"| images | {' | '.join(f'{scores.count:,}' for scores in run.scores.values())} |",
    ]
    for title in names:
        cells = []
        for scores in run.scores.values():
            found = next((one for one in scores.all if one.title == title), None)
            cells.append("" if found is None else with_interval(found))
        lines.append(f"| {title} | {' | '.join(cells)} |")
    lines += ["", "In brackets: 95 % intervals, by the number of images alone."]
    part, last = list(run.scores.items())[-1]
    name = last.headline.name
    rules = [(rule.title, rule.score(name)) for rule in last.baselines]
    told = [f"{title} {reached.text}" for title, reached in rules if reached is not None]
    if told:
        lines.append(f"Simple rules reach on the {part} part: {', '.join(told)}.")
    return lines


def with_interval(one: Score) -> str:
    if one.bounds is None:
        return one.text
    low, high = (one.format(value) for value in one.bounds)
    return f"{one.text} ({low} to {high})"


def limits(run: Run) -> list[str]:
    """What a user should know before relying on it."""
    bundle = run.model
    refuses = "; `--reject` refuses those that are unlike the training images"
    found = [
        "It answers every image, also one that shows nothing of what it was trained on"
        f"{refuses if bundle.rejection else ''}.",
        f"It was measured on images like those of `{data_name(bundle)}`; on others, from another "
        "camera or place, expect less.",
    ]
    if "test" not in run.scores:
        found.append("There was no test part: its scores are those by which it was chosen.")
    for part, scores in run.scores.items():
        if scores.count < SMALL:
            found.append(f"The {part} part has {scores.count:,} images: see the intervals.")
    if bundle.architecture is None:
        found.append("Its architecture is its author's own, and is needed to load it.")
    return [*found, *bundle.notes, *run.summary().get("notes", [])]


def checked_license(license: str) -> str:
    """As the hub writes them: letters, digits, dots and dashes. Raises UsageError."""
    if not license or not all(sign.isalnum() or sign in ".-" for sign in license):
        raise UsageError(
            f"'{license}' is no name of a license",
            where="--license",
            remedy="Give the hub's short name, such as apache-2.0, mit, cc-by-4.0 or other.",
        )
    return license.lower()
