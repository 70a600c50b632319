"""Why a network answers as it does: evidence in the image, embeddings, the loss around weights."""

from vitreous.explain.cam import class_maps

__all__ = ["class_maps"]
