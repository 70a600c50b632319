"""XOR: one rectifier never, layers without a non-linearity never, two rectifiers mostly.

A rectifier bends the plane along one line; XOR asks for two bends, one behind the other. Two units
can do it, but gradient descent finds it from some first weights only: where both units look to
neighboring corners, the loss has a valley without a solution. Small positive biases, with which
most points lie on the sloping side of both units at first, make the good starts the more frequent
ones; Krizhevsky et al. (2012), section 5, begin with biases of 1 for the same reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, stack_module_state, vmap

from vitreous.data.synthetic import Points
from vitreous.labs.picture import figure, save
from vitreous.models.mlp import perceptron
from vitreous.training.reproduce import seeded

CORNER, STEP = 1.5, 0.3  # nine points around each corner (±1.5, ±1.5)
BIAS = 0.5
LR, STEPS, SEEDS = 0.3, 300, 100


@dataclass(frozen=True)
class Case:
    """hidden  units of each hidden layer; awake  whether their biases begin at ½"""

    hidden: tuple[int, ...]
    act: str = "relu"
    awake: bool = True


CASES = {
    "two rectifiers, biases ½ at first": Case((2,)),
    "two rectifiers, biases as PyTorch draws them": Case((2,), awake=False),
    "one rectifier": Case((1,)),
    "three layers of four, no non-linearity": Case((4, 4, 4), act="linear"),
}


@dataclass(frozen=True, eq=False)
class Trained:
    """A network for each seed, trained.

    weights  by parameter name, the seeds first
    losses   (S,) mean loss over the points
    solved   (S,) whether every point is on its side
    """

    case: Case
    weights: dict[str, Tensor]
    losses: Tensor
    solved: Tensor

    def answers(self, seed: int, places: Tensor) -> Tensor:
        """tanh of the output of one seed's network at places (N, 2): (N,) in [-1, 1]."""
        weights = {name: stacked[seed] for name, stacked in self.weights.items()}
        outputs: Tensor = functional_call(build(self.case, 0), weights, (places,))
        return torch.tanh(outputs[:, 0])


def corners() -> Points:
    """36 points around four corners: +1 where the signs of the coordinates differ."""
    near = np.array([-STEP, 0, STEP])
    along = np.concatenate([near - CORNER, near + CORNER])
    inputs = np.stack(np.meshgrid(along, along), axis=2).reshape(-1, 2).round(4)
    return Points(inputs, -np.sign(inputs.prod(axis=1)))


def build(case: Case, seed: int) -> nn.Sequential:
    """The network of one seed before training."""
    with seeded(seed):
        network = perceptron(2, *case.hidden, 1, act=case.act)
    if case.awake:
        awaken(network)
    return network


@torch.no_grad()
def awaken(network: nn.Sequential) -> None:
    """Set the biases of all hidden layers to ½."""
    for layer in list(network)[:-1]:
        for name, parameter in layer.named_parameters():
            if name.endswith("bias"):
                parameter.fill_(BIAS)


def train(case: Case, seeds: Sequence[int] = range(SEEDS), *, steps: int = STEPS) -> Trained:
    """Gradient descent on all points at once, ½ (tanh z - t)², for all seeds side by side."""
    points = corners()
    inputs = torch.tensor(points.inputs, dtype=torch.float32)
    targets = torch.tensor(points.targets, dtype=torch.float32)[:, None]
    networks = [build(case, seed) for seed in seeds]
    weights, _ = stack_module_state(networks)
    weights = {name: weight.detach() for name, weight in weights.items()}

    def outputs_of(one: dict[str, Tensor]) -> Tensor:
        outputs: Tensor = functional_call(networks[0], one, (inputs,))
        return outputs

    def loss_of(one: dict[str, Tensor]) -> Tensor:
        return (torch.tanh(outputs_of(one)) - targets).square().mean() / 2

    slopes_of = vmap(grad(loss_of))
    for _ in range(steps):
        slopes = slopes_of(weights)
        weights = {name: weight - LR * slopes[name] for name, weight in weights.items()}
    solved = (vmap(outputs_of)(weights) * targets > 0).flatten(1).all(dim=1)
    return Trained(case, weights, vmap(loss_of)(weights), solved)


def typical(found: Trained, *, solved: bool) -> int:
    """The seed with the median loss among those that solved it, or did not."""
    (seeds,) = torch.nonzero(found.solved == solved, as_tuple=True)
    order = found.losses[seeds].argsort()
    return int(seeds[order[len(order) // 2]])


def plot(path: str | Path, trained: dict[str, Trained]) -> Path:
    """Decision maps: a success and a typical failure of two units, one unit, linear layers.

    trained  for each row of `CASES`, its networks; the file's ending decides on its format
    """
    drawn = figure(10, 3)
    from matplotlib.colors import LinearSegmentedColormap

    first, _, one, linear = CASES
    panels = [
        ("two rectifiers", trained[first], True),
        ("two rectifiers", trained[first], False),
        ("one rectifier", trained[one], False),
        ("no non-linearity", trained[linear], False),
    ]
    stops = ["#43298f", "#9483cf", "#f6f4f0", "#efb650", "#b85f00"]  # those of the playground
    colors = LinearSegmentedColormap.from_list("answer", stops)
    points, side, edge = corners(), 200, 3
    axis = torch.linspace(-edge, edge, side)
    places = torch.cartesian_prod(axis, axis).flip(1)  # rows from bottom to top
    for panel, (title, found, solved) in zip(drawn.subplots(1, 4), panels, strict=True):
        answers = found.answers(typical(found, solved=solved), places).reshape(side, side).numpy()
        extent = (-edge, edge, -edge, edge)
        panel.imshow(answers, cmap=colors, vmin=-1, vmax=1, extent=extent, origin="lower")
        for sign, marker, color in ((1, "o", stops[-1]), (-1, "D", stops[0])):
            x1, x2 = points.inputs[points.targets == sign].T
            panel.scatter(x1, x2, 14, color, marker=marker, edgecolor="white", linewidth=0.6)
        count, whole = int((found.solved == solved).sum()), len(found.solved)
        says = f"{count} of {whole} solve it" if solved else f"{count} of {whole} do not solve it"
        panel.set_title(f"{title}\n{says}", fontsize=10)
        panel.set_xticks([-2, 0, 2])
        panel.set_yticks([-2, 0, 2])
    return save(drawn, path, dpi=100)
