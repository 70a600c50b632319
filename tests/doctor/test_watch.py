"""The watch: it sees what a loop does, changes none of its bits, and leaves nothing behind."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules import module as modules
from torch.optim import optimizer as optimizers

import vitreous as vt
from vitreous.doctor import Evidence, Watch
from vitreous.doctor.sigmoid_bound import sigmoid_bound


def points(count: int = 512, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Six clusters in 20 dimensions."""
    generator = torch.Generator().manual_seed(seed)
    centers = 2 * torch.randn(6, 20, generator=torch.Generator().manual_seed(9))
    labels = torch.randint(0, 6, (count,), generator=generator)
    return centers[labels] / 2 + torch.randn(count, 20, generator=generator) / 2, labels


def mlp(*between: nn.Module, hidden: Callable[[], nn.Module] = nn.ReLU) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(20, 32), hidden(), *between, nn.Linear(32, 32), hidden(), nn.Linear(32, 6)
    )


def train(
    net: nn.Module,
    doctor: Watch | None = None,
    *,
    steps: int = 60,
    lr: float = 0.1,
    labels: Callable[[Tensor], Tensor] = lambda labels: labels,
    zero: bool = True,
    optimizer: Any = None,
) -> Tensor:
    """A loop as anybody writes it; returns all weights."""
    images, truth = points()
    method = optimizer or torch.optim.SGD(net.parameters(), lr, momentum=0.5)
    generator = torch.Generator().manual_seed(1)
    with doctor or contextlib.nullcontext():
        for _ in range(steps):
            rows = torch.randint(0, len(images), (32,), generator=generator)
            loss = F.cross_entropy(net(images[rows]), labels(truth[rows]))
            if zero:
                method.zero_grad()
            loss.backward()
            method.step()
    return torch.cat([p.detach().flatten() for p in net.parameters()])


def hooks() -> int:
    """Hooks for all modules and all optimizers."""
    return sum(
        map(
            len,
            (
                modules._global_forward_hooks,
                modules._global_forward_pre_hooks,
                optimizers._global_optimizer_pre_hooks,
                optimizers._global_optimizer_post_hooks,
            ),
        )
    )


@pytest.mark.parametrize("between", [(), (nn.Dropout(0.5),), (nn.BatchNorm1d(32),)])
def test_weights_are_the_same_bits_with_and_without(between: tuple[nn.Module, ...]) -> None:
    import copy

    alone = train(mlp(*copy.deepcopy(between)))
    after = torch.rand(3)
    net = mlp(*copy.deepcopy(between))
    watched = train(net, vt.doctor(net))
    assert torch.equal(alone, watched)
    assert torch.equal(after, torch.rand(3))  # and so are the random numbers


def test_nothing_is_left_behind_after_an_error() -> None:
    before, net = hooks(), mlp()
    doctor = vt.doctor(net)
    # The error that comes out is the network's own.
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"), doctor:
        assert hooks() > before
        net(torch.zeros(2, 3))  # the first pass is one that is looked into
    assert hooks() == before
    assert not net._forward_hooks
    assert not net._forward_pre_hooks
    assert not any(p._backward_hooks for p in net.parameters())
    assert torch.relu(torch.zeros(2, 2)).shape == (2, 2)


def test_a_healthy_training_has_no_diagnosis() -> None:
    net = mlp()
    doctor = vt.doctor(net)
    train(net, doctor, steps=200)
    assert doctor.diagnoses == []
    assert str(doctor) == "Nothing is wrong, as far as 200 steps tell."


def test_losses_and_labels_are_told_by_the_gradient_alone() -> None:
    """The watch is given neither; both are those of the loop."""
    images, truth = points(32)
    net = mlp()
    doctor = vt.doctor(net)
    method = torch.optim.SGD(net.parameters(), 0.05)
    told = []
    with doctor:
        for _ in range(30):
            method.zero_grad()
            loss = F.cross_entropy(net(images), truth)
            loss.backward()
            method.step()
            told.append(loss.item())
    seen = doctor.evidence
    torch.testing.assert_close(
        torch.tensor(seen.losses), torch.tensor(told).double(), rtol=1e-5, atol=1e-6
    )
    assert seen.labels.counts == [30 * int((truth == c).sum()) for c in range(6)]


def test_norms_are_those_of_the_layers() -> None:
    """One step of plain descent: the update is the rate times the gradient."""
    net = mlp()
    doctor = vt.doctor(net)
    before = {name: p.detach().clone() for name, p in net.named_parameters()}
    train(net, doctor, steps=1, optimizer=torch.optim.SGD(net.parameters(), 0.1))
    (sample,) = doctor.evidence.samples
    assert list(sample.layers) == ["0.weight", "2.weight", "4.weight"]
    for name, layer in sample.layers.items():
        parameter = net.get_parameter(name)
        assert layer.weight == pytest.approx(float(before[name].norm()), rel=1e-6)
        assert layer.gradient == pytest.approx(float(parameter.grad.norm()), rel=1e-6)  # type: ignore[union-attr]
        assert layer.update == pytest.approx(0.1 * (layer.gradient or 0), rel=1e-4)


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"zero": False, "lr": 0.01}, "gradients_not_zeroed"),
        ({"lr": 50.0}, "lr_too_high"),
        ({"lr": 1e-6, "steps": 120}, "lr_too_low"),
        (
            {"labels": lambda labels: labels[torch.randperm(len(labels))], "steps": 200},
            "labels_shuffled",
        ),
        ({"labels": lambda labels: labels.clamp(max=4)}, "class_missing"),
    ],
)
def test_faults_of_the_loop(change: dict[str, Any], key: str) -> None:
    torch.manual_seed(3)
    net = mlp()
    doctor = vt.doctor(net)
    train(net, doctor, **change)
    assert doctor.diagnoses[0].key == key, doctor


def weights(change: Callable[[nn.Linear], object]) -> nn.Module:
    net = mlp()
    with torch.no_grad():
        for layer in [*net][:-1]:
            if isinstance(layer, nn.Linear):
                change(layer)
    return net


def frozen() -> nn.Module:
    net = mlp()
    for layer in [*net][:-1]:
        layer.requires_grad_(False)
    return net


def scaled(scale: float, hidden: Callable[[], nn.Module] = nn.ReLU) -> nn.Module:
    torch.manual_seed(0)
    layers: list[nn.Module] = [nn.Linear(20, 32), hidden()]
    for _ in range(8):
        layers += [nn.Linear(32, 32), hidden()]
    net = nn.Sequential(*layers, nn.Linear(32, 6))
    with torch.no_grad():
        for layer in net:
            if isinstance(layer, nn.Linear):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu").mul_(scale)
    return net


@pytest.mark.parametrize(
    ("make", "key"),
    [
        (lambda: nn.Sequential(mlp(), nn.Softmax(1)), "softmax_twice"),
        (lambda: nn.Sequential(mlp(), nn.ReLU()), "loss_not_matched"),
        (
            lambda: weights(lambda layer: [nn.init.zeros_(p) for p in layer.parameters()]),
            "symmetric_units",
        ),
        (lambda: weights(lambda layer: nn.init.constant_(layer.bias, -30)), "dead_units"),
        (frozen, "frozen_layers"),
        (lambda: scaled(3.0), "exploding_gradients"),
        (lambda: scaled(0.1), "vanishing_gradients"),
        (lambda: scaled(1.0, nn.Sigmoid), "vanishing_gradients"),
        (lambda: scaled(20.0, nn.Tanh), "saturated_units"),
        (lambda: mlp(nn.BatchNorm1d(32)).eval(), "training_in_eval_mode"),
    ],
)
def test_faults_of_the_network(make: Callable[[], nn.Module], key: str) -> None:
    net = make()
    doctor = vt.doctor(net)
    train(net, doctor, steps=60, lr=0.02)
    assert doctor.diagnoses[0].key == key, doctor


def test_an_optimizer_of_other_weights() -> None:
    net = mlp()
    doctor = vt.doctor(net)
    train(net, doctor, optimizer=torch.optim.SGD(mlp().parameters(), 0.1))
    assert [one.key for one in doctor.diagnoses] == ["never_stepped"]


def test_an_optimizer_that_maximizes() -> None:
    net = mlp()
    doctor = vt.doctor(net)
    train(net, doctor, optimizer=torch.optim.SGD(net.parameters(), 0.01, maximize=True), steps=100)
    assert doctor.diagnoses[0].key == "loss_rises"


def test_evaluation_in_the_wrong_mode() -> None:
    net = mlp(nn.BatchNorm1d(32))
    doctor = vt.doctor(net)
    train(net, doctor)
    with doctor, torch.no_grad():
        for _ in range(3):
            net(points()[0])
    assert [one.key for one in doctor.diagnoses] == ["evaluated_in_training_mode"]


def test_accumulated_gradients_are_no_leftovers() -> None:
    images, truth = points()
    net = mlp()
    doctor = vt.doctor(net)
    method = torch.optim.SGD(net.parameters(), 0.05)
    with doctor:
        for step in range(30):
            method.zero_grad()
            for part in range(4):
                rows = slice(32 * part, 32 * part + 32 - step % 2)
                (F.cross_entropy(net(images[rows]), truth[rows]) / 4).backward()
            nn.utils.clip_grad_norm_(net.parameters(), 0.1)
            method.step()
    assert doctor.evidence.leftover
    assert max(map(abs, doctor.evidence.leftover)) < 1e-3
    assert doctor.diagnoses == []


def test_networks_of_other_answers_are_watched_as_far_as_that_goes() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = mlp()

        def forward(self, images: Tensor) -> dict[str, Tensor]:
            return {"out": self.body(images)}

    net = Two()
    doctor = vt.doctor(net)
    method = torch.optim.SGD(net.parameters(), 1e9)
    with doctor:
        for _ in range(50):
            method.zero_grad()
            loss = net(points()[0])["out"].square().mean()
            loss.backward()
            method.step()
            doctor.loss(loss)
    assert doctor.diagnoses[0].key == "lr_too_high"


def test_evidence_comes_back_from_json() -> None:
    import json

    net = mlp(nn.BatchNorm1d(32))
    doctor = vt.doctor(net)
    train(net, doctor, lr=50.0)
    doctor.validated(0.3, 0.9)
    written = json.loads(json.dumps(doctor.evidence.to_json()))
    again = Evidence.from_json(written)
    assert again.to_json() == doctor.evidence.to_json()
    assert [one.key for one in doctor.diagnoses] == ["lr_too_high"]
    from vitreous.doctor import diagnose

    assert [one.key for one in diagnose(again)] == ["lr_too_high"]


def test_evidence_from_before_contradictions_were_told_is_read() -> None:
    written = Evidence().to_json()
    del written["labels"]["contradicted"]
    written["labels"] |= {"doubts": [[20, 0.1, 0.5]], "neighbors": 0.7}
    again = Evidence.from_json(written)
    assert again.labels.contradicted == []
    assert again.labels.neighbors == 0.7


def test_gradients_through_sigmoids_vanish_as_they_must() -> None:
    """Never more than the bound, on weights of any size, by the gradients that autograd has."""
    for scale in (0.5, 1.0, 8.0):
        net = scaled(scale, nn.Sigmoid)
        outputs: list[Tensor] = []
        for layer in net:
            if isinstance(layer, nn.Linear):
                layer.register_forward_hook(lambda m, i, found, kept=outputs: kept.append(found))
        images, labels = points()
        F.cross_entropy(net(images), labels).backward(retain_graph=True)
        weights = [layer.weight.detach() for layer in net if isinstance(layer, nn.Linear)]
        bound = sigmoid_bound(weights) or 0.0
        for one in range(4):  # of single examples
            loss = F.cross_entropy(outputs[-1][one : one + 1], labels[one : one + 1])
            first, last = torch.autograd.grad(loss, [outputs[0], outputs[-1]], retain_graph=True)
            assert 0 < float(first.norm()) <= bound * float(last.norm())
        exact = 0.25 ** (len(weights) - 1)
        for weight in weights[1:]:
            exact *= float(torch.linalg.matrix_norm(weight, 2))
        assert exact <= bound <= 1.05 ** len(weights) * exact


def test_the_bound_of_sigmoids_is_told_and_relus_have_none() -> None:
    for hidden, flat in ((nn.Sigmoid, False), (nn.ReLU, True)):
        net = scaled(1.0, hidden)
        doctor = vt.doctor(net)
        train(net, doctor, steps=40, lr=0.01)
        layers = [*doctor.evidence.samples[0].layers.values()]
        ratio = (layers[0].gradient or 0) / (layers[-1].gradient or 1)
        assert (0.1 < ratio < 10) if flat else ratio < 1e-4
        assert (doctor.evidence.samples[0].bound is None) == flat
        assert ("sigmoids and these weights let through" in str(doctor)) == (not flat)


@pytest.mark.parametrize("between", [nn.BatchNorm1d(32), nn.GELU()])
def test_no_bound_is_told_where_more_than_sigmoids_lies_between(between: nn.Module) -> None:
    """Batch norm of outputs that hardly differ enlarges gradients; a GELU has slopes over 1."""
    net = scaled(1.0, nn.Sigmoid)
    net[1] = between if isinstance(between, nn.GELU) else nn.Sequential(between, nn.Sigmoid())
    doctor = vt.doctor(net)
    train(net, doctor, steps=1, lr=0.01)
    assert doctor.evidence.samples[0].bound is None


def test_high_rates_kill_relus_and_leaky_ones_revive_them() -> None:
    """The dead fraction grows with the learning rate; with a slope of 0.01 in place of zero, the
    same weights learn again.
    """
    fractions = []
    nets = []
    for lr in (0.05, 1.5, 3.0):
        net = mlp()
        nets.append(net)
        doctor = vt.doctor(net)
        train(net, doctor, steps=64, lr=lr)
        fractions.append(max(units.dead or 0 for units in doctor.evidence.samples[-1].units))
    assert fractions[0] < 0.3
    assert fractions == sorted(fractions)
    assert fractions[-1] > 0.9
    images, labels = points()
    net = nets[1]

    def accuracy() -> float:
        with torch.no_grad():
            return float((net(images).argmax(1) == labels).double().mean())

    train(net, steps=300, lr=0.05)
    dead = accuracy()  # they stay dead, however long they are trained
    for name, layer in [*net.named_children()]:
        if isinstance(layer, nn.ReLU):
            setattr(net, name, nn.LeakyReLU(0.01))
    train(net, steps=300, lr=0.05)
    assert dead < 0.8
    assert accuracy() > 0.95
