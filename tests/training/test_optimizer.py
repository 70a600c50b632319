from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from vitreous.errors import UsageError
from vitreous.losses.penalty import Penalty
from vitreous.models import create
from vitreous.training.fit import fit
from vitreous.training.optimizer import OPTIMIZERS, depths, optimizer, parameter_groups


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_each_learns_at_its_own_rate(name: str, net, batches) -> None:
    model, data = net(dropout=0.0), batches([32] * 60)
    loss = nn.CrossEntropyLoss(reduction="none")
    steps = fit(model, data, loss, optimizer(name, model), lambda _: 1.0)
    losses = [step.loss.item() for step in steps]
    assert np.mean(losses[-5:]) < 0.7 * losses[0]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_each_takes_the_steps_of_torch_to_the_last_bit(name: str) -> None:
    ours, theirs = linear(), linear()
    spec = OPTIMIZERS[name]
    own = spec.build(ours.parameters(), lr=0.1, weight_decay=0.01, **spec.arguments)
    (kind,) = type(own).__bases__
    other = kind(theirs.parameters(), lr=0.1, weight_decay=0.01, **spec.arguments)
    for number in range(4):
        for model, method in ((ours, own), (theirs, other)):
            method.zero_grad()
            images = torch.full((2, 6, 6), 0.1 * number + 0.1, dtype=torch.float64)
            model(images).square().sum().backward()
            method.step()
            method.load_state_dict(method.state_dict())
        assert torch.is_grad_enabled()
        assert torch.equal(ours[1].weight, theirs[1].weight)
    assert type(own).__name__ == kind.__name__


def test_hooks_see_the_steps_of_each_optimizer() -> None:
    model, seen = linear(), []
    method = optimizer("adam", model)
    method.register_step_post_hook(lambda *_: seen.append(1))
    model(torch.ones(2, 6, 6, dtype=torch.float64)).sum().backward()
    method.step()
    method.step()
    assert len(seen) == 2


def test_adam_by_its_formula() -> None:
    """m ← β₁m + (1-β₁)g, v ← β₂v + (1-β₂)g², w ← w - η · m̂ / (√v̂ + ε), with bias correction."""
    generator = np.random.default_rng(0)
    gradients = generator.normal(size=(30, 5, 2))
    layer = nn.Linear(2, 5, bias=False, dtype=torch.float64)
    expected = layer.weight.detach().numpy().copy()
    method = optimizer("adam", layer, lr=0.01)
    m = v = np.zeros((5, 2))
    for t, gradient in enumerate(gradients, 1):
        m = 0.9 * m + 0.1 * gradient
        v = 0.999 * v + 0.001 * gradient**2
        expected -= 0.01 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        layer.weight.grad = torch.tensor(gradient)
        method.step()
        np.testing.assert_allclose(layer.weight.detach().numpy(), expected, rtol=1e-10)


def run(method: torch.optim.Optimizer, model, data, l2: float = 0.0) -> torch.Tensor:
    penalty = Penalty(l2=l2) if l2 else None
    for _ in fit(model, data, nn.CrossEntropyLoss(), method, lambda _: 1.0, penalty=penalty):
        pass
    return model[1].weight.detach()


def linear() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(36, 3)).double()


def test_l2_in_the_loss_is_weight_decay_for_gradient_descent(batches) -> None:
    """λ·Σw² has the gradient 2λw, so that w ← (1 - 2ηλ)·w - η·∂E/∂w."""
    data, eta, penalty = batches([8] * 20, dtype=torch.float64), 0.05, 0.02
    by_loss = linear()
    in_loss = run(optimizer("sgd", by_loss, lr=eta, weight_decay=0), by_loss, data, penalty)

    apart = linear()
    method = torch.optim.SGD(apart.parameters(), eta)
    for batch in data:
        method.zero_grad()
        nn.functional.cross_entropy(apart(batch.images), batch.targets).backward()
        with torch.no_grad():
            apart[1].weight.mul_(1 - 2 * eta * penalty)
        method.step()
    torch.testing.assert_close(in_loss, apart[1].weight.detach(), rtol=1e-12, atol=1e-14)

    by_flag = linear()
    flagged = run(optimizer("sgd", by_flag, lr=eta, weight_decay=2 * penalty), by_flag, data)
    torch.testing.assert_close(in_loss, flagged, rtol=1e-12, atol=1e-14)


def test_l2_in_the_loss_is_not_weight_decay_for_adam(batches) -> None:
    data, eta, penalty = batches([8] * 20, dtype=torch.float64), 0.05, 0.02
    by_loss, apart = linear(), linear()
    in_loss = run(optimizer("adam", by_loss, lr=eta), by_loss, data, penalty)
    decoupled = run(optimizer("adamw", apart, lr=eta, weight_decay=2 * penalty), apart, data)
    assert (in_loss - decoupled).abs().max() > 0.01
    # Adam divides the penalty by the size of the gradients: large gradients are hardly decayed.
    by_flag = linear()
    coupled = run(optimizer("adam", by_flag, lr=eta, weight_decay=2 * penalty), by_flag, data)
    torch.testing.assert_close(in_loss, coupled, rtol=1e-6, atol=1e-8)


def test_biases_and_norms_do_not_decay(net) -> None:
    model = net()
    groups = parameter_groups(model, 0.1, 0.01)
    decays = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
    assert {name: decays[id(p)] for name, p in model.named_parameters()} == {
        "0.weight": 0.01,
        "0.bias": 0,
        "1.weight": 0,
        "1.bias": 0,
        "3.weight": 0.01,
        "3.bias": 0,
        "6.weight": 0.01,
        "6.bias": 0,
    }


def rates(model: nn.Module, **options) -> dict[str, float]:
    groups = optimizer("sgd", model, lr=1.0, **options).param_groups
    found = {id(p): group["initial_lr"] for group in groups for p in group["params"]}
    return {name: found[id(p)] for name, p in model.named_parameters() if id(p) in found}


def test_the_backbone_learns_slower_than_the_head(net) -> None:
    model = net()
    found = rates(model, head=model[6], backbone_lr=0.1)
    assert found["6.weight"] == found["6.bias"] == 1.0
    assert {rate for name, rate in found.items() if not name.startswith("6")} == {0.1}
    first = optimizer("adam", model, head=model[6], backbone_lr=0.1).param_groups[0]
    assert first["initial_lr"] == OPTIMIZERS["adam"].lr  # the full rate is the one reported


def test_rates_fall_from_layer_to_layer(net) -> None:
    found = rates(net(), layer_decay=0.5)
    assert (found["6.weight"], found["3.weight"], found["0.weight"]) == (1.0, 0.5, 0.25)
    assert found["1.bias"] == 0.25  # a norm goes with the layer before it
    slower = rates(model := net(), layer_decay=0.5, head=model[6], backbone_lr=0.1)
    assert (slower["6.weight"], slower["0.weight"]) == (1.0, pytest.approx(0.025))


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        # The stem, eight blocks in four stages, the head.
        ("resnet18", {"conv1": 9, "bn1": 9, "layer1.0": 8, "layer1.1": 7, "layer4.1": 1, "fc": 0}),
        # Patches and positions, twelve blocks, the head.
        ("vit_ti16", {"patch_embed": 13, "blocks.0": 12, "blocks.11": 1, "norm": 1, "head": 0}),
    ],
)
def test_every_block_is_a_layer(name: str, layers: dict[str, int]) -> None:
    with torch.device("meta"):
        model = create(name, num_classes=5)
    depth = depths(model)
    assert len(depth) == len([*model.parameters()])
    for part, expected in layers.items():
        assert {depth[p] for p in model.get_submodule(part).parameters()} == {expected}, part


def test_parameters_of_the_model_itself_go_with_the_first_layer() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2))
    model.register_parameter("position", nn.Parameter(torch.zeros(2)))
    depth = depths(model)
    assert depth[model.position] == depth[model[0].weight] == 1
    assert depth[model[2].bias] == 0


def test_frozen_parameters_are_left_out(net) -> None:
    model = net()
    model[0].requires_grad_(False)
    assert set(rates(model)) == {"1.weight", "1.bias", "3.weight", "3.bias", "6.weight", "6.bias"}
    model.requires_grad_(False)
    with pytest.raises(UsageError, match="trainable"):
        optimizer("adam", model)


def test_tied_weights_are_taken_once() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[1].weight = model[0].weight
    groups = optimizer("sgd", model).param_groups
    assert sum(len(group["params"]) for group in groups) == 3


def test_an_unknown_name_offers_the_nearest(net) -> None:
    with pytest.raises(UsageError, match="nadam"):
        optimizer("nadm", net())


def test_momentum_is_passed_on(net) -> None:
    assert optimizer("momentum", net(), momentum=0.5).param_groups[0]["momentum"] == 0.5
    assert "momentum" not in optimizer("adam", net(), momentum=0.5).param_groups[0]


def test_shifts_of_norms_have_a_rate_of_their_own() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 2))
    groups = optimizer("nesterov", model, lr=0.5, bias_lr=64).param_groups
    rates = {id(p): group["lr"] for group in groups for p in group["params"]}
    assert len(rates) == len([*model.parameters()])
    assert {rates.pop(id(model[1].bias))} == {32.0}
    assert {*rates.values()} == {0.5}
    assert groups[0]["lr"] == 0.5  # the rate that is shown
