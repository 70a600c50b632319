"""A predictor that can answer "none of these" about images that are not like those of training."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from vitreous.errors import UsageError
from vitreous.inference.attacking import AttackingPredictor
from vitreous.inference.predictor import BATCH, Image, listed
from vitreous.inference.ready import Ready
from vitreous.inference.rejection import Rejected, Rejection
from vitreous.tasks import Answer


@dataclass(frozen=True, kw_only=True)
class RejectingPredictor(AttackingPredictor):
    """A network with everything that its answers, and their refusal, depend on.

    rejection  when an image is refused, if that is asked for; None where no threshold was chosen
    """

    rejection: Rejection | None = None

    def predict(
        self, source: Any, *, top: int = 5, scale: float | None = None, reject: bool = False
    ) -> Any:
        """As `Predictor.predict`; with `reject`, an image that is not like those of training is
        answered by a `Rejected`, "none of these".

        Raises UsageError where no threshold was chosen.
        """
        if not reject:
            return super().predict(source, top=top, scale=scale)
        several = listed(source)
        sources = [source] if several is None else several
        chunks = [sources[first : first + BATCH] for first in range(0, len(sources), BATCH)]
        found = [
            answer
            for chunk in chunks
            for answer, _ in self.predict_and_tell(chunk, top=top, scale=scale, reject=True)
        ]
        return found[0] if several is None else found

    def predict_and_tell(
        self,
        sources: Sequence[Image],
        *,
        top: int = 5,
        scale: float | None = None,
        reject: bool = False,
    ) -> list[tuple[Answer, int]]:
        if not reject:
            return super().predict_and_tell(sources, top=top, scale=scale)
        self._rule(scale)  # before an image is read
        return self.decided(map(self.ready, sources), top=top, reject=True)

    def decided(
        self, ready: Iterable[Ready], *, top: int = 5, reject: bool = False
    ) -> list[tuple[Answer, int]]:
        if not reject:
            return super().decided(ready, top=top)
        rule = self._rule(None)
        found: list[tuple[Answer, int]] = []
        for images, those in self.batched(ready):
            outputs = self.answers(images)
            answers = self.task.decode(outputs, [one.frame for one in those], top)
            strange = rule.strangeness(self, images, outputs).tolist()
            found += [
                (Rejected(answer, far, rule.threshold) if far > rule.threshold else answer, told)
                for answer, far, told in zip(
                    answers, strange, [one.remarks for one in those], strict=True
                )
            ]
        return found

    def _rule(self, scale: float | None) -> Rejection:
        if scale is not None:
            raise UsageError(
                "an image that is answered tile by tile is not refused as a whole",
                where="--scale, --reject",
                remedy="Leave one of them out.",
            )
        if self.rejection is None:
            raise UsageError(
                "the model file has no threshold above which an image is refused",
                where="--reject",
                remedy="`vitreous robust RUN --reject neighbors` chooses one on the validation "
                "part.",
            )
        return self.rejection
