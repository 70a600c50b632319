"""`vt.doctor` is this package, and `vt.doctor(model)` a watch over a training loop."""

from __future__ import annotations

from types import ModuleType

from torch import nn

from vitreous.doctor.watch import Watch


class Practice(ModuleType):
    """The package, callable; see `models.listing` for why."""

    def __call__(self, model: nn.Module) -> Watch:
        """Watch a model while a loop of your own trains it:

            with vt.doctor(model) as doctor:
                for images, labels in loader:
                    ...
            print(doctor)

        Nothing of the loop has to be changed, and no bit of what it computes is.
        """
        return Watch(model)
