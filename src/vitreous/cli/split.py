"""`vitreous split DATA`: the parts of a data set, as a manifest."""

from __future__ import annotations

from pathlib import Path


def split(
    data: str, /, *, out: Path = Path("split.csv"), validation: float = 0.15, test: float = 0.15
) -> None:
    """Write which image belongs to which part; `vitreous train split.csv` uses exactly these.

    Parameters
    ----------
    data
        as for `vitreous train`
    out
        the manifest to write
    validation
        share held out for choosing
    test
        share held out for the last measurement
    """
    from vitreous.data.open import open
    from vitreous.data.split import split as assign

    dataset = open(data)
    parts = assign(dataset, validation=validation, test=test)
    parts.write(out, dataset)
    for name, count in parts.sizes().items():
        print(f"{name:<12}{count:>9,}")
    print(out)
