"""Networks that see, in the order of their history, and the tools to build on them."""

import sys

from vitreous.models.convolutionalize import convolutionalize
from vitreous.models.ensemble import Ensemble
from vitreous.models.fold import fold
from vitreous.models.listing import Listing
from vitreous.models.network import Output
from vitreous.models.surgery import (
    anew,
    backbone_and_head,
    freeze,
    head,
    with_channels,
    with_classes,
)
from vitreous.models.table import (
    ARCHITECTURES,
    MODELS,
    create,
    default_size,
    fitting_size,
    learns_at_once,
    minimum_size,
    variant,
)

__all__ = [
    "ARCHITECTURES",
    "MODELS",
    "Ensemble",
    "Output",
    "anew",
    "backbone_and_head",
    "convolutionalize",
    "create",
    "default_size",
    "fitting_size",
    "fold",
    "freeze",
    "head",
    "learns_at_once",
    "minimum_size",
    "variant",
    "with_channels",
    "with_classes",
]

sys.modules[__name__].__class__ = Listing
