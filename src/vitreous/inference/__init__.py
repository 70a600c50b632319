"""Predictors, from images to answers, and model files; `infer` knows what computes the outputs."""

from vitreous.inference.model_file import Bundle, load
from vitreous.inference.onnx import to_onnx

__all__ = ["Bundle", "load", "to_onnx"]
