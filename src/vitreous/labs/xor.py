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

import numpy as np
import torch
from markupsafe import Markup
from torch import Tensor, nn
from torch.func import functional_call, grad, stack_module_state, vmap

from vitreous.data.synthetic import Points
from vitreous.labs import gallery
from vitreous.labs.lab import Finding, Lab, Values
from vitreous.metrics.interval import wilson
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


def measure(*, seed: int = 0, seeds: int = SEEDS, steps: int = STEPS) -> Values:
    """How many seeds solve it, for each kind of network; maps of a success and of failures."""
    wanted = [True, False, False, False]
    shares, maps = {}, []
    axis = torch.linspace(-3, 3, 61)
    places = torch.cartesian_prod(axis.flip(0), axis).flip(1)  # rows from top to bottom
    for (name, case), solved in zip(CASES.items(), wanted, strict=True):
        found = train(case, range(seed * seeds, (seed + 1) * seeds), steps=steps)
        shares[name] = [int(found.solved.sum()), seeds]
        for kind in dict.fromkeys((solved, False)):
            if bool((found.solved == kind).any()):
                answers = found.answers(typical(found, solved=kind), places).reshape(61, 61)
                outcome = "solved" if kind else "not solved"
                maps.append((gallery.answers(answers.numpy()), f"{name}: {outcome}"))
    return {"shares": shares, "maps": maps}


def judge(values: Values) -> list[Finding]:
    """Half of the first weights do at least with two rectifiers, none with less."""
    two, drawn, one, linear = values["shares"].values()
    return [
        Finding(
            name="share of seeds that solve it, two rectifiers",
            ours=two[0] / two[1],
            rule="≥",
            bound=0.5,  # of these seeds, as the source counts them
            source="yes: at least half",
        ),
        Finding(
            name="the same, biases as PyTorch draws them",
            ours=drawn[0] / drawn[1],
            rule="≥",
            bound=0.5,
            interval=wilson(*drawn),
            source="yes",
            decides=False,
            why="a rectifier that is off at most of the points when training begins stays so; "
            "with biases of ½ it is awake",
        ),
        Finding(
            name="seeds that solve it, one rectifier", ours=one[0], rule="=", bound=0, source="no"
        ),
        Finding(
            name="seeds that solve it, no non-linearity",
            ours=linear[0],
            rule="=",
            bound=0,
            source="no",
        ),
    ]


def draw(values: Values) -> Markup:
    """Decision maps, violet and orange."""
    return gallery.gallery(values["maps"])


LAB = Lab(
    row="X6",
    name="xor",
    title="XOR",
    claims="One hidden unit cannot do it, nor can layers without a non-linearity; two rectifiers "
    "can.",
    source="Lecture 004, XOR",
    measure=measure,
    judge=judge,
    draw=draw,
    core=(build, corners),
    assumed="36 points around the corners, gradient descent on all of them, squared error of tanh, "
    "biases ½ at first; the second row has those that PyTorch draws.",
    full={"seeds": 1000, "steps": 1000},
    tiny={"seeds": 40},
    tries=("Take other first weights.", "vitreous lab X6 --seed 1"),
    plays="data=xor&hidden=2&activation=relu&init=awake&lr=0.3",
)
