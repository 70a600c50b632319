"""Looking inside: activations, graphs, receptive fields, costs."""

from vitreous.trace.capture.record import Record, record
from vitreous.trace.draw.band import band
from vitreous.trace.draw.svg import draw
from vitreous.trace.draw.text import text
from vitreous.trace.graph.formula import expression
from vitreous.trace.graph.graph import Graph
from vitreous.trace.graph.network_graph import graph
from vitreous.trace.measure.cost import macs, parameters
from vitreous.trace.measure.inspection import Inspection, inspect
from vitreous.trace.measure.receptive import ReceptiveField, measure, receptive_fields
from vitreous.trace.variable import Variable, variable

__all__ = [
    "Graph",
    "Inspection",
    "ReceptiveField",
    "Record",
    "Variable",
    "band",
    "draw",
    "expression",
    "graph",
    "inspect",
    "macs",
    "measure",
    "parameters",
    "receptive_fields",
    "record",
    "text",
    "variable",
]
