"""What kind of thing a layer or an operation is: the word on its node, and its color."""

from __future__ import annotations

from typing import Any

from torch import nn

from vitreous.trace.capture.operations import Operation

# Families in the order of the legend, with the modules that belong to each by class name.
FAMILIES: dict[str, tuple[str, ...]] = {
    "input": (),
    "convolution": ("Conv", "Unfold"),
    "linear": ("Linear", "Embedding"),
    "normalization": ("Norm", "Normalize"),
    "activation": (
        "ReLU", "Sigmoid", "Tanh", "LU", "Softmax", "Softplus", "Hardswish", "Hardtanh", "SiLU",
        "Mish", "Step", "Sign", "PiecewiseLinear",
    ),
    "pooling": ("Pool", "Subsample"),
    "attention": ("Attention",),
    "arrangement": ("Flatten", "Unflatten", "Identity", "Dropout", "DropPath", "Upsample", "Pad"),
    "operation": (),
    "module": (),
    "constant": (),
    "output": (),
}  # fmt: skip

# Elementary operations by torch's name: their label and family.
_OPERATIONS: dict[str, tuple[str, str]] = {
    "add": ("+", "operation"),
    "sub": ("−", "operation"),
    "mul": ("×", "operation"),
    "div": ("÷", "operation"),
    "cat": ("concatenate", "operation"),
    "mean": ("mean", "pooling"),
    "sum": ("Σ", "operation"),
    "amax": ("max", "pooling"),
    "convolution": ("convolution", "convolution"),
    "addmm": ("linear", "linear"),
    "mm": ("linear", "linear"),
    "bmm": ("@", "operation"),
    "_softmax": ("softmax", "activation"),
    "_safe_softmax": ("softmax", "activation"),
    "_log_softmax": ("log softmax", "activation"),
    "relu": ("ReLU", "activation"),
    "hardtanh": ("hard tanh", "activation"),
    "gelu": ("GELU", "activation"),
    "silu": ("SiLU", "activation"),
    "sigmoid": ("σ", "activation"),
    "tanh": ("tanh", "activation"),
    "max_pool2d_with_indices": ("max pool", "pooling"),
    "avg_pool2d": ("average pool", "pooling"),
    "_adaptive_avg_pool2d": ("average pool", "pooling"),
    "native_batch_norm": ("batch norm", "normalization"),
    "_native_batch_norm_legit_no_training": ("batch norm", "normalization"),
    "native_layer_norm": ("layer norm", "normalization"),
    "clone": ("copy", "arrangement"),
    "constant_pad_nd": ("pad", "arrangement"),
}


def family_of_operation(operation: Operation) -> tuple[str, str]:
    """(label, family) of an operation that no layer stands for."""
    name = operation.name
    plain = name.strip("_").replace("_", " ")
    return _OPERATIONS.get(name, (plain, "operation"))


def family_of_module(module: nn.Module) -> str:
    """By the class name, of the module itself or of what it was derived from."""
    for kind in type(module).__mro__:
        for family, words in FAMILIES.items():
            if any(word in kind.__name__ for word in words):
                return family
        if kind.__module__.startswith("torch.nn.modules.module"):
            break
    return "module"


def describe(module: nn.Module) -> str:
    """The few arguments that tell a layer from others of its kind."""
    parts: list[str] = []
    ends = [("in_channels", "out_channels"), ("in_features", "out_features")]
    for before, after in ends:
        if hasattr(module, before) and hasattr(module, after):
            parts.append(f"{getattr(module, before)} → {getattr(module, after)}")
    if hasattr(module, "kernel_size"):
        parts.insert(0, _square(module.kernel_size))
    for name, neutral, word in (
        ("stride", (1, None), "stride"),
        ("dilation", (1,), "dilation"),
        ("groups", (1,), "groups"),
        ("output_size", (), "to"),
        ("num_heads", (), "heads"),
        ("negative_slope", (), "slope"),
        ("p", (), "p ="),
    ):
        value: Any = getattr(module, name, neutral[0] if neutral else None)
        if isinstance(value, (tuple, list)) and len(set(value)) == 1:
            value = value[0]
        if value is None or value in neutral or (name == "stride" and _same_as_kernel(module)):
            continue
        shown = _square(value) if name == "output_size" else value
        parts.append(f"{shown} heads" if word == "heads" else f"{word} {shown}")
    return ", ".join(parts)


def _square(size: Any) -> str:
    pair = size if isinstance(size, (tuple, list)) else (size, size)
    return "×".join(str(side) for side in pair)


def _same_as_kernel(module: nn.Module) -> bool:
    pooling = "Pool" in type(module).__name__
    return pooling and getattr(module, "stride", None) == getattr(module, "kernel_size", None)
