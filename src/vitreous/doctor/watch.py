"""Watch over a training loop: collects evidence while any loop trains a model.

    with vt.doctor(model) as doctor:
        for images, labels in loader:
            ...
    print(doctor)

It looks on through torch's hooks: passes of the model, the gradient at its outputs, and the steps
of every optimizer that holds its weights. It changes nothing, draws no random numbers, and takes
its hooks away in the end.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.optim.optimizer import (
    Optimizer,
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

from vitreous.doctor.diagnoses import Diagnosis, diagnose, in_words
from vitreous.doctor.evidence import Evidence, Layer, Sample
from vitreous.doctor.forward_pass import ForwardPass, differs_between_modes, is_layer
from vitreous.doctor.leftover_gradient import leftover
from vitreous.doctor.memory import Memory
from vitreous.doctor.sampling import THUMBNAILS, followed, sampled, surveyed
from vitreous.doctor.sigmoid_bound import sigmoid_bound
from vitreous.doctor.unit_activity import ENOUGH
from vitreous.doctor.unit_symmetry import looks_drawn, shrinking, symmetric

FIRST = 40  # steps in which gradients are searched for leftovers
LATEST = 4  # samples over which a unit must have been dead


class Watch:
    """Watches one model; use it as a context, or between `attach` and `detach`.

    passes     look at its forward passes as well; not of a compiled network
    optimizer  the only one that steps its weights; None looks at all optimizers of the process
    """

    def __init__(
        self, model: nn.Module, *, passes: bool = True, optimizer: Optimizer | None = None
    ):
        self.model, self.passes, self.optimizer = model, passes, optimizer
        self.evidence = Evidence(modal=differs_between_modes(model))
        self.memory = Memory()
        self.noticed: dict[str, Diagnosis] = {}
        self._names = {module: name for name, module in model.named_modules()}
        self._held: set[int] = set()  # parameters that an optimizer steps
        self._optimizers: dict[int, bool] = {}
        self._handles: list[Any] = []
        self._pass: ForwardPass | None = None
        self._seen: ForwardPass | None = None
        self._alive: dict[str, list[tuple[Tensor, int]]] = {}
        self._before: dict[str, Tensor] | None = None
        self._sample: Sample | None = None
        self._own: Tensor | None = None
        self._last: Tensor | None = None
        self._probe: nn.Parameter | None = None

    def __enter__(self) -> Self:
        self.attach()
        return self

    def __exit__(self, *error: object) -> None:
        self.detach()

    def attach(self) -> None:
        """Begin to watch."""
        if self.passes:
            self._handles = [
                self.model.register_forward_pre_hook(self._begin_pass),
                self.model.register_forward_hook(self._end_pass, always_call=True),
            ]
        if self.optimizer is None:
            before, after = register_optimizer_step_pre_hook, register_optimizer_step_post_hook
        else:
            before = self.optimizer.register_step_pre_hook
            after = self.optimizer.register_step_post_hook
        self._handles += [before(self._begin_step), after(self._end_step)]
        trained = [p for p in self.model.parameters() if p.requires_grad]
        if trained:
            self._probe = trained[-1]
            probe: Any = self._probe  # torch does not annotate the hooks of tensors
            self._handles.append(probe.register_hook(self._own_gradient))

    def detach(self) -> None:
        """Take all hooks away, and read what was collected last."""
        if self._pass is not None:
            self._pass.end()
            self._pass = None
        for handle in self._handles:
            handle.remove()
        self._handles = []
        self.survey(last=True)
        self.memory.broken_off(self.evidence)

    def loss(self, value: Tensor) -> None:
        """The loss of the step just taken, where the loop knows it; it is read later."""
        self.memory.told.append(value.detach())

    def validated(self, loss: float = float("nan"), accuracy: float = float("nan")) -> None:
        """What was measured on data that are not trained on."""
        self.evidence.validation.append((self.evidence.steps, loss, accuracy))

    @property
    def diagnoses(self) -> list[Diagnosis]:
        """What is wrong, by all that was seen so far, the cause first."""
        self.survey()
        return diagnose(self.evidence)

    def survey(self, last: bool = False) -> None:
        """Read what was collected; `last` compares images whether it is time or not."""
        self.memory.read_into(self.evidence, last)

    def notice(self) -> list[Diagnosis]:
        """Diagnoses that are new since this was last asked; to be asked after each step, and
        looking only now and then.
        """
        if not surveyed(self.evidence.steps):
            return []
        new = [one for one in self.diagnoses if one.key not in self.noticed]
        self.noticed |= {one.key: one for one in new}
        return new

    def write(self, path: str | Path) -> Path:
        """Write what was found, with the evidence as pictures, as one HTML file."""
        from vitreous.doctor.doctor_page import write_page

        return write_page(Path(path), self.evidence, type(self.model).__name__)

    def __str__(self) -> str:
        return in_words(self.diagnoses, self.evidence.steps)

    # Passes of the model.

    def _begin_pass(self, module: nn.Module, arguments: Any) -> None:
        if self._pass is not None and self._pass.broken_off:
            self._pass.end()
            self._pass = None
        images = arguments[0] if arguments and isinstance(arguments[0], Tensor) else None
        if not torch.is_grad_enabled():
            forward, backward = self.evidence.evaluated
            training = int(module.training)
            self.evidence.evaluated = forward + 1 - training, backward + training
            if images is not None:
                self.memory.held_out(images)
            return
        self.evidence.forwards += 1
        self.memory.modes.append(module.training)
        step = self.evidence.steps + 1
        if images is not None and images.is_floating_point() and followed(step):
            more = step % THUMBNAILS == 1 and not self.memory.full
            self.memory.inputs(images, kept=more or sampled(step))
        if sampled(step) and self._seen is None and self._pass is None:
            self._pass = ForwardPass(self._names)
            self._pass.begin()

    def _end_pass(self, module: nn.Module, arguments: Any, outputs: Any) -> None:
        if self._pass is not None and outputs is None:
            self._pass.break_off()
        elif self._pass is not None:
            self._pass.end()
            self._seen, self._pass = self._pass, None
        if not isinstance(outputs, Tensor) or outputs.ndim != 2 or outputs.shape[1] < 2:
            return
        if not torch.is_grad_enabled():
            self.memory.answered(outputs)
        elif outputs.requires_grad and followed(self.evidence.steps + 1):
            place = self.memory.expect(outputs)
            hooked: Any = outputs
            hooked.register_hook(lambda gradient: self.memory.received(place, gradient))

    def _own_gradient(self, gradient: Tensor) -> None:
        if self.evidence.steps < FIRST:
            own = gradient.detach()
            self._own = own.clone() if self._own is None else self._own + own

    # Steps of an optimizer.

    def _begin_step(self, optimizer: Optimizer, *arguments: Any) -> None:
        if not self._ours(optimizer):
            return
        if surveyed(self.evidence.steps) and self.memory.steps:
            self.survey()  # after the step before; its loss may have been told since
        if self._own is not None and self._probe is not None and self._probe.grad is not None:
            found = self._probe.grad.detach().clone()
            if self._last is not None:
                share = leftover(found, self._own, self._last)
                self.evidence.leftover += [] if share is None else [share]
            self._last, self._own = found, None
        if sampled(self.evidence.steps + 1):
            self._before = {
                name: parameter.detach().clone()
                for name, parameter in self.model.named_parameters()
                if parameter.ndim >= 2
            }
            self._sample = self._layers(optimizer)

    def _end_step(self, optimizer: Optimizer, *arguments: Any) -> None:
        if not self._ours(optimizer):
            return
        self.evidence.steps += 1
        self.memory.step()
        if self._sample is not None and self._before is not None:
            for name, parameter in self.model.named_parameters():
                if name in self._sample.layers:
                    before = self._before[name]
                    update = parameter.detach() - before
                    layer = self._sample.layers[name]
                    layer.update = float(update.norm())
                    layer.shrinking = shrinking(update, before)
            self.evidence.samples.append(self._with_pass(self._sample))
            self._sample = self._before = None

    def _ours(self, optimizer: Optimizer) -> bool:
        """Does this optimizer hold weights of the model?"""
        known = self._optimizers.get(id(optimizer))
        if known is None or sampled(self.evidence.steps + 1):
            held = {id(p) for group in optimizer.param_groups for p in group["params"]}
            known = not held.isdisjoint(id(p) for p in self.model.parameters())
            self._optimizers[id(optimizer)] = known
            self._held |= held if known else set()
        return known

    def _layers(self, optimizer: Optimizer) -> Sample:
        """The gradients and the norms of all weights, before the step."""
        early = len(self.evidence.samples) < 4
        group = optimizer.param_groups[0]
        sample = Sample(self.evidence.steps + 1, float(group["lr"]))
        sample.momentum = float(group.get("momentum") or 0)
        sample.training = self.model.training
        for name, parameter in self.model.named_parameters():
            if parameter.ndim < 2:
                continue
            gradient = parameter.grad
            moved = parameter.requires_grad and id(parameter) in self._held
            trains = moved and gradient is not None
            sample.layers[name] = Layer(
                gradient=None if gradient is None else float(gradient.norm()),
                weight=float(parameter.detach().norm()),
                trains=trains,
                symmetric=early and symmetric(parameter, gradient),
                fresh=not trains and looks_drawn(parameter),
            )
        return sample

    def _with_pass(self, sample: Sample) -> Sample:
        """What was seen of its forward pass, and its layers in the order of that."""
        seen, self._seen = self._seen, None
        if seen is None:
            return sample
        sample.norms, sample.scales, sample.inputs = seen.norms, seen.scales, seen.inputs
        sample.units = seen.units
        for units in seen.units:
            if units.name not in seen.alive:
                continue
            latest = self._alive.setdefault(units.name, [])
            latest.append(seen.alive[units.name])
            del latest[:-LATEST]
            same = [pair for pair in latest if pair[0].shape == latest[-1][0].shape]
            if sum(count for _, count in same) >= ENOUGH:
                ever = torch.stack([mask for mask, _ in same]).any(0)
                units.dead = 1 - float(ever.float().mean())
        first = [f"{name}.weight" if name else "weight" for name in seen.order]
        before = self._before or {}
        weights = [before[name] for name in first if name in before]
        # A sigmoid between all layers, and nothing else that could enlarge a gradient.
        between = ["sigmoid"] * (len(weights) - 1)
        bare = all(is_layer(module) or not module._parameters for module in self._names)
        if sample.step == 1 and bare and [units.kind for units in seen.units] == between:
            sample.bound = sigmoid_bound(weights)
        names = dict.fromkeys([*first, *sample.layers])
        sample.layers = {name: sample.layers[name] for name in names if name in sample.layers}
        return sample
