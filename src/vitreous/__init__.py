"""A glass box for neural networks that see."""

__version__ = "0.1.0"
