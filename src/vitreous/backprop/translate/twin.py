"""The hand-written twin of a network: the same parameters, and every derivative from our tables.

    by_hand = twin(model)
    logits = by_hand.forward(images)
    by_hand.backward(loss.backward())          # fills .grad of the model's own parameters

What the model's code calls becomes a list of layers, and no autograd takes part in running them.
Because the parameters are shared, every optimizer works as usual.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import torch
from torch import Tensor, nn

from vitreous.backprop.layers.loss_layers import Loss
from vitreous.backprop.translate.reader import Program, read


class Twin:
    """A network run and differentiated by hand. Its parameters are the model's."""

    def __init__(self, model: nn.Module):
        self.model = model
        self.programs: dict[tuple[Any, ...], Program] = {}
        self.program: Program | None = None

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """The network's outputs, in the mode (training or evaluation) in which the model is.

        Raises ModelError if a layer or function has no hand-written derivative.
        """
        modes = tuple(module.training for module in self.model.modules())
        key = (images.shape, modes)
        if key not in self.programs:
            self.programs[key] = read(self.model, images)
        self.program = self.programs[key]
        values = {0: images, **self.program.tensors}
        for step in self.program.instructions:
            if step.source is not None:
                step.layer.training = step.source.training
            values[step.output] = step.layer.forward(*(values[number] for number in step.inputs))
        return values[self.program.output]

    @torch.no_grad()
    def backward(self, gradient: Tensor) -> None:
        """Add ∂E/∂W to `.grad` of every parameter that is not frozen, from ∂E/∂outputs."""
        assert self.program is not None, "backward comes after forward"
        program = self.program
        learned = {n for n, tensor in program.tensors.items() if tensor.requires_grad}
        depends = set(learned)  # values that a parameter had a part in
        for step in program.instructions:
            learns = any(p.requires_grad for p in step.layer.parameters().values())
            if learns or depends.intersection(step.inputs):
                depends.add(step.output)
        arrived: defaultdict[int, Tensor | None] = defaultdict(lambda: None)
        arrived[program.output] = gradient
        for step in reversed(program.instructions):
            above = arrived.pop(step.output, None)
            if above is None or step.output not in depends:
                continue
            learns = any(p.requires_grad for p in step.layer.parameters().values())
            passes = depends.intersection(step.inputs)
            if learns and passes:
                below = step.layer.backward(above)
                accumulate(step.layer.parameters(), step.layer.gradients)
            elif learns:
                # The first layer: nobody asks how the image should have been.
                accumulate(step.layer.parameters(), step.layer.parameter_gradients(above))
                continue
            else:
                below = step.layer.input_gradient(above)
            pieces = (below,) if isinstance(below, Tensor) else below
            for number, piece in zip(step.inputs, pieces, strict=True):
                if number in depends:
                    before = arrived[number]
                    arrived[number] = piece if before is None else before + piece
        for number in learned:
            found = arrived[number]
            if found is not None:
                accumulate({"": program.tensors[number]}, {"": found.clone()})

    def __repr__(self) -> str:
        if self.program is None:
            return f"Twin({type(self.model).__name__}, not run yet)"
        lines = [
            f"  {step.output:3d} = {step.name}: {step.layer}({', '.join(map(str, step.inputs))})"
            for step in self.program.instructions
        ]
        return "\n".join([f"Twin({type(self.model).__name__})", *lines])


def accumulate(parameters: dict[str, Tensor], gradients: dict[str, Tensor]) -> None:
    for name, gradient in gradients.items():
        parameter = parameters[name]
        if not parameter.requires_grad:
            continue
        if parameter.grad is None:
            # In the parameter's own order in memory: fused optimizers walk both in parallel.
            same = gradient.stride() == parameter.stride()
            parameter.grad = gradient if same else torch.empty_like(parameter).copy_(gradient)
        else:
            parameter.grad += gradient


def twin(model: nn.Module, images: Tensor | None = None) -> Twin:
    """The hand-written twin of a network made of supported layers, on the same parameters.

    images  an example input (any batch size); if given, unsupported parts are refused at once

    Raises ModelError that names the first part without a hand-written derivative.
    """
    made = Twin(model)
    if images is not None:
        read(model, images)
    return made


def manual_gradients(
    by_hand: Twin,
    loss: Loss,
    images: Tensor,
    targets: Tensor,
    weights: Tensor | None = None,
    total: Tensor | float | None = None,
) -> Tensor:
    """One forward and backward pass by hand: adds to `.grad`, returns the loss, a scalar.

    weights, total  as in `Loss.forward`
    """
    with torch.no_grad():
        value = loss.forward(by_hand.forward(images), targets, weights, total)
        by_hand.backward(loss.backward())
    return value
