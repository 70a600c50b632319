"""Networks that see, in the order of their history, and the tools to build on them."""

from vitreous.models.surgery import (
    backbone_and_head,
    freeze,
    head,
    with_channels,
    with_classes,
)
from vitreous.models.table import (
    MODELS,
    create,
    default_size,
    fitting_size,
    minimum_size,
    variant,
)

__all__ = [
    "MODELS",
    "backbone_and_head",
    "create",
    "default_size",
    "fitting_size",
    "freeze",
    "head",
    "minimum_size",
    "variant",
    "with_channels",
    "with_classes",
]
