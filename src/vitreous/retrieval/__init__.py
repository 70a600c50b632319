"""Images like this one: what a network sees, as vectors that can be compared."""

from vitreous.retrieval.encoder import Encoder, encoder
from vitreous.retrieval.heads import HEADS, compare, fit_head
from vitreous.retrieval.index import Index, Neighbors, unit
from vitreous.retrieval.search import Match, Search, search

__all__ = [
    "HEADS",
    "Encoder",
    "Index",
    "Match",
    "Neighbors",
    "Search",
    "compare",
    "encoder",
    "fit_head",
    "search",
    "unit",
]
