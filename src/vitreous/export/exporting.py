"""Export of a run: its network as an ONNX or OpenVINO file that needs nothing of vitreous.

Pixels go in as bytes (B, H, W, C), for any B, and for any H and W where images keep their own size;
scaling, normalization and the temperature are inside. The metadata say the rest: classes,
thresholds, the pixel contract. The file is written only if it gives, on validation images of the
run, what the run gives.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vitreous.atomic import write_bytes
from vitreous.data.batches.pack import Pack, pack
from vitreous.data.dataset import Dataset, Part
from vitreous.data.splits.split import Split
from vitreous.errors import DataError, ModelError, RunError, UsageError, unknown
from vitreous.export.openvino_files import openvino_files
from vitreous.export.parity import IMAGES, Parity, insist, parity
from vitreous.export.quantize import MOST_LOST, quantized, worth
from vitreous.files import read_yaml, write_json
from vitreous.formats import counted
from vitreous.infer.weight_digest import digest
from vitreous.inference.model_file import Bundle, load
from vitreous.inference.onnx import OPSET, convert, packages
from vitreous.inference.openvino_network import package
from vitreous.inference.pixel_network import HEADER, PIXELS
from vitreous.inference.views import ONE, Viewed
from vitreous.progress.progress import Progress
from vitreous.run_folder import RunFolder
from vitreous.runs.run_images import spread
from vitreous.tasks.asked import opened
from vitreous.tasks.task import Task

CALIBRATION = 256  # training images that tell the ranges of activations
SUFFIXES = {"onnx": ".onnx", "openvino": ".xml"}
REPORTS = {"onnx": ".parity.json", "openvino": ".openvino.parity.json"}  # of one run, side by side


class Deployed(nn.Module):
    """Pixels (B, H, W, C) uint8 to what a task exports, in the order of its names."""

    def __init__(self, model: nn.Module, task: Task) -> None:
        super().__init__()
        self.model, self.task = model, task

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        images = pixels.permute(0, 3, 1, 2).to(torch.float32) / 255
        return tuple(self.task.exported(self.model(images)).values())


@dataclass(frozen=True, kw_only=True)
class Exported:
    """A file that was written, and how it agrees with its run.

    path    of the file; report: of the parity report beside it
    parity  on validation images
    scores  before and after, on the whole validation part, where numbers were rounded
    notes   what a reader should know, one sentence each
    """

    path: Path
    report: Path
    parity: Parity
    scores: tuple[Any, Any] | None = None
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "file": str(self.path),
            "bytes": self.path.stat().st_size,
            "parity": self.parity.to_json(),
        }
        if self.scores is not None:
            before, after = (one.headline for one in self.scores)
            found["validation"] = {
                "score": before.name,
                "before": {"value": before.value, "interval": before.bounds},
                "after": {"value": after.value, "interval": after.bounds},
            }
        return {**found, "notes": [*self.notes]}


def export(
    run: str | Path,
    *,
    to: str = "onnx",
    out: str | Path | None = None,
    data: object = None,
    quantize: Literal["", "int8"] = "",
    most_lost: float = MOST_LOST,
    progress: Progress | None = None,
) -> Exported:
    """Write the network of a run for other runtimes, with a report on its parity beside it.

    run        a run folder
    to         onnx; or openvino, whose .bin lies beside its .xml
    out        the file; default: export/model.onnx in the run folder, or model.int8.onnx
    data       of the run, where they are no longer where they were
    quantize   int8: weights and activations in eight bits, calibrated on training images
    most_lost  of the headline score on validation images, before eight bits are an error

    Raises ModelError, and writes nothing, where the file does not agree with the run or loses more
    than that; UsageError for another format and where an extra is missing; DataError where there
    are no images to compare with.
    """
    if to == "coreml":
        raise UsageError(
            "Core ML files run on Apple's systems alone, so that nothing could be compared here",
            where="--to",
            remedy="On a Mac: `coremltools.convert(torch.export.export(vt.load(run).model, ...))`, "
            "and compare it there.",
        )
    if to not in SUFFIXES:
        raise unknown("format", to, SUFFIXES, where="--to")
    if quantize not in ("", "int8"):
        raise UsageError(
            f"{quantize} is no format that onnxruntime computes with on a processor",
            where="--quantize",
            remedy="Known: int8. Leave it out for float32.",
        )
    packages()
    if to == "openvino":
        package()
    shown = progress or Progress()
    folder = RunFolder.open(run)
    bundle = load(folder.trained)
    packed, parts = images_of(folder, bundle, data, shown)
    suffix = SUFFIXES[to]
    name = ("model.int8" if quantize else "model") + suffix
    path = Path(out) if out is not None else folder.path / "export" / name
    if path.suffix.lower() != suffix:
        raise UsageError(
            f"{path.name} does not end in {suffix}",
            where="--out",
            remedy=f"Name a file, such as x{suffix}.",
        )
    validation = ids_of(packed, parts, Part.VALIDATION)
    if not len(validation):
        raise DataError(
            "there are no validation images to compare with",
            where=str(folder.path),
            remedy="Train with a validation part, such as --validation 0.15.",
        )
    chosen = spread(validation, IMAGES)
    rows = packed.rows[chosen]
    shown.note(f"writing {to}, and comparing {counted(len(rows), 'image')}")
    blob = onnx_bytes(bundle, rows[:2])
    files = files_of(blob, to, bundle)
    before = loaded(files)
    found = parity(bundle, before, rows)
    if bundle.keeps_size:
        found = found.joined(parity(bundle, before, smaller(rows)))
    insist(found)
    notes = [] if len(rows) >= IMAGES else [f"only {counted(len(rows), 'image')} could be compared"]
    if bundle.precision != "float32":
        notes.append(
            f"the run computes in {bundle.precision} and the file in float32: the third digit of "
            "an answer may differ, and it was compared with the run in float32"
        )
    if bundle.rejection is not None:
        notes.append("the file answers every image: to refuse some by --reject takes the run")
    scores = None
    if quantize:
        training = ids_of(packed, parts, Part.TRAIN)
        blob = quantized(blob, packed.rows[spread(training, CALIBRATION)])
        files = files_of(blob, to, bundle)
        after = loaded(files)
        found = replace(parity(bundle, after, rows), tolerance=None)
        full, rounded = (
            one.task.scores(one.measure(packed.rows, packed.targets, validation))
            for one in (before, after)
        )
        notes += worth(full, rounded, most_lost)
        scores = full, rounded
    path.parent.mkdir(parents=True, exist_ok=True)
    for suffix, content in files.items():
        write_bytes(path.with_suffix(suffix), content)
    report = path.with_suffix(REPORTS[to])
    exported = Exported(path=path, report=report, parity=found, scores=scores, notes=(*notes,))
    # For runtimes that do not show a file's metadata, such as that of browsers.
    told = {name: fact for name, fact in facts_of(bundle).items() if name != HEADER}
    write_json(report, {**exported.to_json(), **told})
    return exported


def onnx_bytes(bundle: Bundle, rows: NDArray[np.uint8]) -> bytes:
    """The ONNX file of a model.

    rows  (2, H, W, C) to trace with
    """
    task = bundle.task
    examples = torch.from_numpy(np.ascontiguousarray(rows))
    others = []
    if bundle.keeps_size:  # traced where networks have to pad: a size that fits would not tell how
        others, examples = [examples], torch.from_numpy(smaller(rows))
    with torch.no_grad():
        outputs = bundle.model(bundle.contract.images(rows).to(bundle.device))
    if not isinstance(outputs, Tensor):
        raise ModelError(
            f"the network gives a {type(outputs).__name__}, and ONNX gets one tensor",
            remedy="Let its forward pass return one tensor.",
        )
    return convert(
        Deployed(Viewed(bundle.model, bundle.views), task),
        examples,
        names=(PIXELS, *task.exported(outputs)),
        metadata=metadata_of(bundle),
        opset=OPSET,
        tolerance=1e-3,
        free=("height", "width") if bundle.keeps_size else (),
        others=others,
    )


def facts_of(bundle: Bundle) -> dict[str, Any]:
    """The metadata of the file: the header of the model file, and again what others need of it."""
    header = {**bundle.facts(), "precision": "float32", "probe": None, "views": ONE}
    header["sha256"] = digest(bundle.model.state_dict())
    return {
        HEADER: header,
        "classes": [*bundle.classes],
        "contract": bundle.contract.to_json(),
        "task": bundle.task.name,
        "decoding": bundle.task.to_json(),
    }


def metadata_of(bundle: Bundle) -> dict[str, str]:
    return {name: json.dumps(fact) for name, fact in facts_of(bundle).items()}


def files_of(blob: bytes, to: str, bundle: Bundle) -> dict[str, bytes]:
    """What is written, by its suffix: an ONNX file, or others made of it; the last one is named."""
    return {".onnx": blob} if to == "onnx" else openvino_files(blob, metadata_of(bundle))


def smaller(rows: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The same images of another height and width, neither of which is a round number."""
    height, width = rows.shape[1:3]
    return np.ascontiguousarray(rows[:, : max(1, height - 5), : max(1, width - 3)])


def loaded(files: dict[str, bytes]) -> Bundle:
    """The network of files that have no place yet."""
    with tempfile.TemporaryDirectory() as folder:
        for suffix, content in files.items():
            path = write_bytes(Path(folder) / f"draft{suffix}", content)
        return load(path)


def images_of(
    folder: RunFolder, bundle: Bundle, data: object, shown: Progress
) -> tuple[Pack, Split]:
    """The decoded images of a run, and which part each belongs to."""
    written = read_yaml(folder.recipe)
    source = data if data is not None else written.get("data")
    try:
        dataset: Dataset = opened(source, bundle.task.name, bundle.task.noise)
    except (DataError, UsageError) as error:
        raise DataError(
            f"the images of the run are needed to compare with, and cannot be opened: {error}",
            where=str(source),
            remedy="Say where they are now: --data.",
        ) from error
    if dataset.fingerprint != written.get("fingerprint"):
        raise RunError(
            "the data are not those of the run",
            where=str(source),
            remedy="Say where those are: --data.",
        )
    packed = pack(dataset, bundle.contract, progress=shown.task("reading images"))
    return packed, Split.read(folder.split, dataset)


def ids_of(packed: Pack, parts: Split, part: Part) -> NDArray[np.int64]:
    """The images of a part that can be read."""
    ids = parts.indices(part)
    return ids[packed.good[ids]]
