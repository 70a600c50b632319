"""Least squares of a few columns: which multiples of them a gradient is the sum of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

ALIKE = 1e-12  # of the largest eigenvalue: directions below are none


def fitted(values: Tensor, columns: Sequence[Tensor]) -> tuple[list[float], float]:
    """(factors, rest): values ≈ Σ factor · column, and the norm of what is left, as a share.

    values, columns  of one shape; a handful of columns, so their products are all that is solved
    """
    found = values.flatten().double()
    stacked = torch.stack([column.flatten() for column in columns]).double()
    products = (stacked @ stacked.T).cpu().numpy()
    wanted = (stacked @ found).cpu().numpy()
    factors = np.linalg.lstsq(products, wanted, rcond=ALIKE)[0]
    rest = found - torch.from_numpy(factors).to(found.device) @ stacked
    return factors.tolist(), float(rest.norm() / found.norm().clamp_min(1e-30))
