"""Looking inside: activations, graphs, receptive fields, costs."""

from vitreous.trace.cost import macs, parameters
from vitreous.trace.record import record

__all__ = ["macs", "parameters", "record"]
