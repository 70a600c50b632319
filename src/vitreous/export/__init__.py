"""Networks for other runtimes: ONNX, its parity with the run, and eight bits."""

from vitreous.export.exporting import export

__all__ = ["export"]
