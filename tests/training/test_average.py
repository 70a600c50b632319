from __future__ import annotations

import pytest
import torch
from torch import nn

from vitreous.training.average import Average


def walk(model: nn.Module, average: Average, steps: int) -> list[torch.Tensor]:
    """Random weights, one after the other; all of them, the first before any step."""
    generator = torch.Generator().manual_seed(1)
    path = [model.weight.detach().clone()]
    for _ in range(steps):
        with torch.no_grad():
            model.weight.copy_(torch.randn(model.weight.shape, generator=generator))
        path.append(model.weight.detach().clone())
        average.update(model)
    return path


def test_exponential_by_its_closed_form() -> None:
    """a_t = dᵗ·w₀ + (1 - d)·Σ_i d^(t-i)·w_i"""
    model = nn.Linear(3, 2).double()
    average = Average(model, 0.9, ramp=False)
    path, t = walk(model, average, 25), 25
    expected = 0.9**t * path[0] + 0.1 * sum(0.9 ** (t - i) * path[i] for i in range(1, t + 1))
    torch.testing.assert_close(average.values["weight"], expected)


def test_uniform_is_the_mean_of_all_but_the_first() -> None:
    model = nn.Linear(3, 2).double()
    average = Average(model, None)
    path = walk(model, average, 25)
    torch.testing.assert_close(average.values["weight"], torch.stack(path[1:]).mean(0))


def test_an_average_that_begins_late() -> None:
    """Until it begins, the network stands for it; then it is the mean of what comes."""
    model = nn.Linear(3, 2).double()
    average = Average(model, None, starts=lambda number: number >= 3)
    generator = torch.Generator().manual_seed(1)
    path = []
    for number in range(7):
        with torch.no_grad():
            model.weight.copy_(torch.randn(model.weight.shape, generator=generator))
        path.append(model.weight.detach().clone())
        average.update(model, number)
        with average.applied(model):
            expected = path[-1] if number < 3 else torch.stack(path[3:]).mean(0)
            torch.testing.assert_close(model.weight.detach(), expected)
        assert torch.equal(model.weight, path[-1])
        assert average.steps == max(number - 2, 0)
    average.copy_to(model)
    torch.testing.assert_close(model.weight.detach(), torch.stack(path[3:]).mean(0))


def test_an_average_that_has_not_begun_changes_nothing() -> None:
    model = nn.Linear(3, 2)
    average = Average(model, None, starts=lambda number: False)
    with torch.no_grad():
        model.weight.add_(1)
    before = model.weight.detach().clone()
    average.update(model, 0)
    average.copy_to(model)
    assert torch.equal(model.weight, before)


def test_the_ramp_forgets_the_start() -> None:
    """Share of w₀ that is left after t steps: Π (1 + i) / (10 + i), against 0.999ᵗ without."""
    model = nn.Linear(1, 1, bias=False).double()
    nn.init.ones_(model.weight)
    average, plain = Average(model, 0.999), Average(model, 0.999, ramp=False)
    nn.init.zeros_(model.weight)
    left = 1.0
    for i in range(1, 51):
        average.update(model)
        plain.update(model)
        left *= (1 + i) / (10 + i)
    assert average.values["weight"].item() == pytest.approx(left)
    assert left < 1e-4
    assert plain.values["weight"].item() == pytest.approx(0.999**50)
    assert average.decay_at(10**6) == 0.999


def test_statistics_of_batch_norm_are_averaged_and_counts_copied(net) -> None:
    model = net()
    average = Average(model, 0.5, ramp=False)
    before = model[1].running_mean.clone()
    model.train()(torch.rand(8, 1, 6, 6))
    average.update(model)
    expected = 0.5 * before + 0.5 * model[1].running_mean
    torch.testing.assert_close(average.values["1.running_mean"], expected)
    assert average.values["1.num_batches_tracked"] == 1


def test_applied_swaps_and_gives_back(net) -> None:
    model = net().eval()
    average = Average(model, 0.5, ramp=False)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1)
    average.update(model)
    images = torch.rand(2, 1, 6, 6)
    live = {name: t.clone() for name, t in model.state_dict().items()}
    kept = {name: t.clone() for name, t in average.values.items()}
    parameters = list(model.parameters())
    with pytest.raises(RuntimeError, match="in between"), average.applied(model):
        inside = {name: t.clone() for name, t in model.state_dict().items()}
        model(images)
        raise RuntimeError("in between")
    for name, tensor in live.items():
        assert torch.equal(inside[name], kept[name])
        assert torch.equal(model.state_dict()[name], tensor)
        assert torch.equal(average.values[name], kept[name])
    assert all(a is b for a, b in zip(parameters, model.parameters(), strict=True))


def test_constants_of_the_model_are_left_alone(net) -> None:
    model = net()
    model.register_buffer("mean", torch.ones(3), persistent=False)
    average = Average(model, 0.9)
    average.update(model)
    assert "mean" not in average.values
    other = net(1)
    average.copy_to(other)
    assert torch.equal(other[0].weight, model[0].weight)


def test_state_comes_back(net) -> None:
    model = net()
    average = Average(model, 0.9)
    model(torch.rand(8, 1, 6, 6))
    average.update(model)
    again = Average(net(1), 0.9)
    again.load_state_dict(average.state_dict())
    assert again.steps == 1
    assert all(torch.equal(again.values[name], value) for name, value in average.values.items())


def test_tied_weights_are_swapped_once() -> None:
    """One tensor under two names goes out and comes back, and is given for good once."""
    model = nn.Sequential(nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False))
    model[1].weight = model[0].weight
    average = Average(model, 0.5, ramp=False)
    before = model[0].weight.detach().clone()
    with torch.no_grad():
        model[0].weight.add_(1)
    average.update(model)
    live = model[0].weight.detach().clone()
    with average.applied(model):
        torch.testing.assert_close(model[1].weight.detach(), before + 0.5)
    assert torch.equal(model[0].weight, live)
    average.copy_to(model)
    torch.testing.assert_close(model[1].weight.detach(), before + 0.5)
    assert model[0].weight is model[1].weight
