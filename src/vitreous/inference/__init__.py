"""Networks as files: the model file of vitreous, and ONNX for other runtimes."""

from vitreous.inference.model_file import Bundle, load
from vitreous.inference.onnx import to_onnx

__all__ = ["Bundle", "load", "to_onnx"]
