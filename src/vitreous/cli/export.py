"""`vitreous export RUN`: the network as an ONNX file, compared with the run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from vitreous.cli.loading import loading


def export(
    run: Path,
    /,
    *,
    to: str = "onnx",
    out: Path | None = None,
    data: str | None = None,
    quantize: str = "",
    most_lost: float = 0.01,
    json: Annotated[bool, Parameter(negative="")] = False,
    quiet: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Write a network for other runtimes. It takes pixels as bytes, has scaling, normalization and
    temperature inside, and is written only if it answers as the run does on validation images.

    Parameters
    ----------
    run
        a run folder
    to
        onnx, or openvino
    out
        the file; default: export/model.onnx in the run folder
    data
        the data of the run, where they have moved
    quantize
        int8: eight bits for weights and activations, calibrated on training images
    most_lost
        of the score on validation images, before eight bits are an error
    json
        print one JSON object
    quiet
        no progress
    """
    with loading():
        from vitreous.export.exporting import export as write
        from vitreous.files import json_text
        from vitreous.progress.choose import progress

    with progress(style="none" if quiet else "auto") as shown:
        found = write(
            run,
            to=to,
            out=out,
            data=data,
            quantize=quantize,  # type: ignore[arg-type]
            most_lost=most_lost,
            progress=shown,
        )
    if json:
        print(json_text(found.to_json()))
        return
    for name, text in (
        ("file", str(found.path)),
        ("parity", found.parity.text),
        *(("note", note) for note in found.notes),
        ("report", str(found.report)),
    ):
        print(f"{name:<12}{text}")
    print(f"next: vitreous predict {found.path} IMAGE", file=sys.stderr)
