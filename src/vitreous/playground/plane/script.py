"""The network of the page to take away: a script, weights, an ONNX file, a recipe.

The script needs torch and nothing else. It holds the points, draws the same first weights from the
same seed, takes the same steps (changes of the learning rate or the penalties included) and prints
the losses that the page showed.
"""

from __future__ import annotations

import inspect
import json
import textwrap
from typing import Any

import torch
import yaml
from safetensors.torch import save
from torch import Tensor, nn

from vitreous.blocks.activation import activation
from vitreous.inference.onnx import convert
from vitreous.playground.plane.initializers import BEGINNINGS
from vitreous.playground.plane.plane_features import FEATURES
from vitreous.playground.plane.session import DECAY, Edit, Part, Session
from vitreous.training.optimizer import OPTIMIZERS
from vitreous.version import __version__

SCRIPT = '''\
"""{title}

Written by the playground of vitreous {version}. It needs PyTorch only, draws the same weights from
the same seed and takes the same {steps:,} steps, and so ends with the losses that the page showed:
training {train_loss:.9g}, test {test_loss:.9g}.
"""

{imports}
SEED = {seed}
BATCH_SIZE = {batch_size}
STEPS = {steps}
# From which step on: learning rate, L1 and L2 penalty.
PHASES = {phases}
{by_hand}
# x1, x2, target
TRAINING = {train}
TEST = {test}


def features(points: Tensor) -> Tensor:
    x1, x2 = points[:, 0], points[:, 1]
    return torch.stack([{features}], dim=1)


{own_classes}def build() -> nn.Sequential:
    torch.manual_seed(SEED)
    network = nn.Sequential(
{layers}
    )
{beginning}    return network


{assign}def loss_of_each(outputs: Tensor, targets: Tensor) -> Tensor:
    return {loss}


def tensors(rows: list[tuple[float, float, float]]) -> tuple[Tensor, Tensor]:
    table = torch.tensor(rows, dtype=torch.float64).float()
    return features(table[:, :2]), table[:, 2:]


def batches(inputs: Tensor, targets: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(SEED)
    while True:
        order = torch.randperm(len(inputs), generator=generator)
        yield from zip(inputs[order].split(BATCH_SIZE), targets[order].split(BATCH_SIZE))


def train(network: nn.Sequential) -> None:
    lr, l1, l2 = PHASES[0]
    weights = [p for p in network.parameters() if p.ndim >= 2]
    biases = [p for p in network.parameters() if p.ndim < 2]
    optimizer = {optimizer}
    supply = batches(*tensors(TRAINING))
    for step in range(STEPS):
        lr, l1, l2 = PHASES.get(step, (lr, l1, l2))
        for group in optimizer.param_groups:
            group["lr"] = lr
{assign_now}        inputs, targets = next(supply)
{reseed}        optimizer.zero_grad()
        losses = loss_of_each(network(inputs), targets)
        (losses.sum() / len(losses)).backward()
        if l1 or l2:
            sizes = [(l1, Tensor.abs), (l2 / 2, Tensor.square)]
            terms = [factor * size(w).sum() for w in weights for factor, size in sizes if factor]
            torch.stack(terms).sum().backward()
        optimizer.step()
{assign_last}

def loss(network: nn.Sequential, rows: list[tuple[float, float, float]]) -> float:
    inputs, targets = tensors(rows)
    with torch.no_grad():
        return loss_of_each(network.eval()(inputs), targets).mean().item()


if __name__ == "__main__":
    torch.set_num_threads(1)
    network = build()
    print(network)
    train(network)
    print(f"training loss {{loss(network, TRAINING):.9g}}")
    print(f"test loss {{loss(network, TEST):.9g}}")
'''

RESEED = """\
        # Dropout draws from a generator that is seeded for each step.
        digest = hashlib.blake2b(f"{SEED}/{step}".encode(), digest_size=8).digest()
        torch.manual_seed(int.from_bytes(digest, "little") >> 1)
"""


BY_HAND = """\
# Set by hand after so many steps: layer, unit, input (None is the bias), value.
BY_HAND = {by_hand}
"""
ASSIGN = """\
def assign(network: nn.Sequential, step: int) -> None:
    linears = [layer for layer in network if isinstance(layer, nn.Linear)]
    with torch.no_grad():
        for layer, unit, source, value in BY_HAND.get(step, []):
            numbers = linears[layer].bias if source is None else linears[layer].weight[:, source]
            numbers[unit] = value


"""


def to_code(session: Session) -> str:
    """A Python script that repeats the session from its first step to its last."""
    state = session.state
    layers: list[str] = []
    inputs = len(state.features)
    act = activation(state.activation)
    for units in state.hidden:
        layers += [f"nn.Linear({inputs}, {units})", repr_of(act)]
        if state.dropout:
            layers.append(f"nn.Dropout({state.dropout!r})")
        inputs = units
    layers.append(f"nn.Linear({inputs}, 1)")
    method = OPTIMIZERS[state.optimizer].build
    own = "".join(own_source(kind) for kind in (type(act), method) if inspect.isclass(kind))
    abstract = "Callable, Iterable, Iterator" if "Callable" in own else "Iterator"
    imports = [
        "import hashlib" if state.dropout else "",
        f"from collections.abc import {abstract}",
        "from typing import Any" if "Any" in own else "",
        "\nimport torch\nfrom torch import Tensor, nn\n",
    ]
    return SCRIPT.format(
        title=title(session),
        version=__version__,
        imports="\n".join(filter(None, imports)),
        seed=state.seed,
        batch_size=state.batch_size,
        steps=session.steps,
        train_loss=session.score(session.train).loss,
        test_loss=session.score(session.test).loss,
        phases={phase.first_step: (phase.lr, phase.l1, phase.l2) for phase in session.phases},
        by_hand=BY_HAND.format(by_hand=by_step(session.edits)) if session.edits else "",
        assign=ASSIGN if session.edits else "",
        assign_now="        assign(network, step)\n" if session.edits else "",
        assign_last="    assign(network, STEPS)\n" if session.edits else "",
        train=rows_of(session.train),
        test=rows_of(session.test),
        features=", ".join(FEATURES[name].source for name in state.features),
        own_classes=own,
        layers=textwrap.indent(",\n".join(layers) + ",", " " * 8),
        beginning=textwrap.indent(BEGINNINGS[state.init].source, " " * 4),
        loss=session.loss.source,
        optimizer=optimizer_source(state.optimizer),
        reseed=RESEED if state.dropout else "",
    )


def to_recipe(session: Session) -> str:
    """The settings and the scores as YAML; `State.from_json` takes the settings back."""
    train, test = session.score(session.train), session.score(session.test)
    content: dict[str, Any] = {
        "vitreous": __version__,
        "settings": json.loads(json.dumps(session.state.to_json())),
        "link": "#" + session.state.to_query(),
        "steps": session.steps,
        "phases": [vars(phase) for phase in session.phases],
        "by_hand": [vars(edit) for edit in session.edits],
        "scores": {"train": vars(train), "test": vars(test)},
    }
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)


def to_weights(session: Session) -> bytes:
    """The weights as a safetensors file, named as in the script: `build().load_state_dict(...)`."""
    layers = [layer for dense in session.hidden for layer in dense] + [session.network[-1]]
    return save(
        {
            f"{number}.{name}": tensor.contiguous()
            for number, layer in enumerate(layers)
            for name, tensor in layer.state_dict().items()
        }
    )


class Whole(nn.Module):
    """Points of the plane (B, 2) to answers in [-1, 1] (B, 1): features, network and squashing."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.features = session.features
        self.network = session.network
        self.squash = session.loss.squash

    def forward(self, points: Tensor) -> Tensor:
        return self.squash(self.network(self.features(points)))


def to_onnx(session: Session) -> bytes:
    """The network as an ONNX file: input `points` (batch, 2), output `answer` (batch, 1).

    Raises UsageError that names the extra where the exporter is not installed, and ModelError if
    onnxruntime disagrees with the network.
    """
    places = torch.linspace(-6, 6, 6).reshape(3, 2)
    return convert(Whole(session), places, names=("points", "answer"))


def title(session: Session) -> str:
    """One line that says what is trained."""
    state = session.state
    sizes = "-".join(str(size) for size in (len(state.features), *state.hidden, 1))
    return f"A {sizes} network with {state.activation} on {state.data}, seed {state.seed}."


def by_step(edits: list[Edit]) -> dict[int, list[tuple[int, int, int | None, float]]]:
    """What was set by hand, by the number of steps before it."""
    found: dict[int, list[tuple[int, int, int | None, float]]] = {}
    for edit in edits:
        row = (edit.layer, edit.unit, edit.source, edit.value)
        found.setdefault(edit.step, []).append(row)
    return found


def rows_of(part: Part) -> str:
    """Points as a literal: four decimals hold them exactly, because they were rounded to four."""
    table = torch.cat([part.places, part.targets], dim=1).double().tolist()
    rows = [f"    ({x1:.4f}, {x2:.4f}, {target:.4f})," for x1, x2, target in table]
    return "\n".join(["[", *rows, "]"])


def optimizer_source(name: str) -> str:
    """The call that makes the optimizer, for names `weights`, `biases` and `lr`."""
    method = OPTIMIZERS[name]
    kind = method.build
    place = f"{'torch.optim.' if in_torch(kind) else ''}{kind.__name__}"
    arguments = "".join(f", {key}={value!r}" for key, value in method.arguments.items())
    parameters = "network.parameters()"
    if name in DECAY:
        decay = f'"weight_decay": {DECAY[name]!r}'
        parameters = f'[{{"params": weights, {decay}}}, {{"params": biases, "weight_decay": 0.0}}]'
        return f"{place}(\n        {parameters}, lr=lr{arguments}\n    )"
    return f"{place}({parameters}, lr=lr{arguments})"


def repr_of(act: nn.Module) -> str:
    """The call that makes this activation."""
    return f"nn.{act!r}" if in_torch(type(act)) else f"{type(act).__name__}()"


def own_source(kind: type) -> str:
    """The definition of a class that torch does not have, or nothing."""
    return "" if in_torch(kind) else inspect.getsource(kind) + "\n\n"


def in_torch(kind: Any) -> bool:
    return str(kind.__module__).startswith("torch.")
