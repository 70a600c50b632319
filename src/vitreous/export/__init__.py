"""Networks as files: the model file of vitreous, and ONNX for other runtimes."""

from vitreous.export.bundle import Bundle, load
from vitreous.export.onnx import to_onnx

__all__ = ["Bundle", "load", "to_onnx"]
