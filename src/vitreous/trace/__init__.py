"""Looking inside: activations, graphs, receptive fields, costs."""

from vitreous.trace.band import band
from vitreous.trace.cost import macs, parameters
from vitreous.trace.evidence import class_maps
from vitreous.trace.formula import expression
from vitreous.trace.graph import Graph
from vitreous.trace.inspection import Inspection, inspect
from vitreous.trace.network import graph
from vitreous.trace.receptive import ReceptiveField, measure, receptive_fields
from vitreous.trace.record import Record, record
from vitreous.trace.svg import draw
from vitreous.trace.text import text
from vitreous.trace.variable import Variable, variable

__all__ = [
    "Graph",
    "Inspection",
    "ReceptiveField",
    "Record",
    "Variable",
    "band",
    "class_maps",
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
