"""Plan of an attack: which, how large, how many steps; settings that were checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vitreous.errors import UsageError
from vitreous.robust.attacks import Attack, options_of, settings
from vitreous.robust.epsilon import LEVELS, epsilon
from vitreous.robust.norms import norm_of

SHARES = (0.125, 0.25, 0.5, 1.0)  # of ε, where one is given: a curve needs points
CORRUPTED = 500  # images that are corrupted, unless told


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is to be done to images: settings that were checked, apart from the size of an image."""

    name: str
    row: Attack | None
    eps: tuple[str | float, ...]
    norm: str
    steps: int | None
    restarts: int
    images: int | None
    seed: int

    @classmethod
    def of(
        cls,
        attack: str,
        eps: str | float | Sequence[str | float],
        norm: str | None,
        steps: int | None,
        restarts: int,
        images: int | None,
        seed: int,
    ) -> Plan:
        """Raises UsageError for settings that do not fit the attack."""
        sizes = (eps,) if isinstance(eps, str | float | int) else tuple(eps)
        for flag, number in (("--restarts", restarts), ("--images", images)):
            if number is not None and number < 1:
                raise UsageError(f"{number} is out of range", where=flag, remedy="Give 1 or more.")
        row, given, options = None, norm or "inf", {"steps": None}
        if attack != "none":
            row, given, options = settings(attack, norm, steps)
        norm_of(given)
        if restarts > 1 and attack != "pgd":
            raise UsageError(
                f"{attack} starts once", where="--restarts", remedy="Leave it out, or choose pgd."
            )
        return cls(
            name=attack,
            row=row,
            eps=sizes,
            norm=given,
            steps=options.get("steps"),
            restarts=restarts,
            images=images,
            seed=seed,
        )

    def wanted(self, corruptions: bool) -> int:
        """How many images are looked at, at most."""
        if self.images is not None:
            return self.images
        most = self.row.most if self.row is not None else CORRUPTED
        return min(most, CORRUPTED) if corruptions else most

    def sizes(self, values: int) -> tuple[float, ...]:
        """Sizes in [0, 1] by rising size, the first of them 0.

        values  of one image
        """
        if not self.eps:
            usual = {"inf": 8.0, "2": 2 * values**0.5, "1": float(values), "0": 5.0}[self.norm]
            scale = 100 if self.norm == "0" else LEVELS
            return (0.0, *(share * usual / scale for share in SHARES))
        found = {epsilon(one, self.norm, values) for one in self.eps}
        if len(found) == 1:
            (only,) = found
            found = {share * only for share in SHARES}
        return (0.0, *sorted(found - {0.0}))

    def options(self, size: float) -> dict[str, Any]:
        """Keywords of the attack at a size in [0, 1]."""
        assert self.row is not None
        found = options_of(self.row, eps=size, norm=self.norm, steps=self.steps)
        return found | ({"restarts": self.restarts} if self.restarts > 1 else {})
