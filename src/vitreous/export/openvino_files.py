"""OpenVINO: an ONNX file as the two files that Intel's runtime reads, with the same metadata."""

from __future__ import annotations

import tempfile
from pathlib import Path

from vitreous.inference.openvino_network import OURS, package


def openvino_files(blob: bytes, metadata: dict[str, str]) -> dict[str, bytes]:
    """The files of a network by their suffix, in float32 or in the integers that it has.

    blob  of ONNX

    Raises UsageError where openvino is not installed.
    """
    openvino = package()
    model = openvino.Core().read_model(model=blob)
    for name, text in metadata.items():
        model.set_rt_info(text, [OURS, name])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.xml"
        openvino.save_model(model, path, compress_to_fp16=False)
        return {suffix: path.with_suffix(suffix).read_bytes() for suffix in (".bin", ".xml")}
