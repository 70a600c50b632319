from __future__ import annotations

import copy
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from vitreous.errors import DivergedError, UsageError
from vitreous.losses.penalty import Penalty
from vitreous.training.average import Average
from vitreous.training.fit import fit

PER_EXAMPLE = nn.CrossEntropyLoss(reduction="none")


def constant(_: int) -> float:
    return 1.0


def weights(model: nn.Module) -> list[torch.Tensor]:
    return [p.detach().clone() for p in model.parameters()]


def sgd(model: nn.Module, lr: float = 0.1) -> torch.optim.SGD:
    return torch.optim.SGD(model.parameters(), lr)


def test_it_is_the_loop_written_by_hand(net, batches) -> None:
    """Plain gradient descent with momentum, without anything else: bit for bit."""
    data = batches([8] * 5)
    ours, theirs = net(dropout=0.0), net(dropout=0.0)
    optimizer = torch.optim.SGD(ours.parameters(), 0.1, momentum=0.9)
    losses = [step.loss.item() for step in fit(ours, data, PER_EXAMPLE, optimizer, constant)]

    optimizer = torch.optim.SGD(theirs.parameters(), 0.1, momentum=0.9)
    for batch, found in zip(data, losses, strict=True):
        optimizer.zero_grad()
        loss = F.cross_entropy(theirs(batch.images), batch.targets, reduction="none").sum() / 8
        loss.backward()
        optimizer.step()
        assert loss.item() == found
    assert all(map(torch.equal, weights(ours), weights(theirs)))


def test_it_learns(net, batches) -> None:
    model, data = net(), batches([16] * 100)
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for step in fit(model, data, PER_EXAMPLE, optimizer, constant):
        assert torch.isfinite(step.loss)
    (test,) = batches([200], seed=1)
    accuracy = (model.eval()(test.images).argmax(1) == test.targets).float().mean()
    assert accuracy > 0.95


def test_what_a_step_says(net, batches) -> None:
    model, data = net(), batches([5, 7, 3, 4, 2])
    schedule = [1.0, 0.5, 0.25].__getitem__
    steps = list(fit(model, data, PER_EXAMPLE, sgd(model, 0.2), schedule, accumulate=2))
    assert [step.number for step in steps] == [1, 2, 3]
    assert [step.examples for step in steps] == [12, 7, 2]
    assert [step.lr for step in steps] == pytest.approx([0.2, 0.1, 0.05])
    assert all(step.seconds > 0 and not step.loss.requires_grad for step in steps)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("extras", [{}, {"clip": 0.1, "penalty": Penalty(l1=0.01, l2=0.1)}])
def test_accumulation_is_the_large_batch(net, batches, weighted: bool, extras: dict) -> None:
    """Also for batches of unequal sizes and for weighted examples."""
    parts = batches([5, 1, 9], weighted=weighted, dtype=torch.float64)
    whole = copy.copy(parts[0])
    for name in ("images", "targets", "ids", *(("weights",) if weighted else ())):
        joined = torch.cat([getattr(part, name) for part in parts])
        object.__setattr__(whole, name, joined)
    split, joint = (net(norm=False, dropout=0.0).double() for _ in range(2))
    (small,) = fit(split, parts, PER_EXAMPLE, sgd(split), constant, accumulate=3, **extras)
    (large,) = fit(joint, [whole], PER_EXAMPLE, sgd(joint), constant, **extras)
    torch.testing.assert_close(small.loss, large.loss, rtol=1e-12, atol=0)
    for ours, theirs in zip(weights(split), weights(joint), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-11, atol=1e-14)


def test_example_weights_make_a_weighted_mean(net, batches) -> None:
    (batch,) = batches([6], weighted=True)
    model = net(dropout=0.0)
    losses = PER_EXAMPLE(copy.deepcopy(model)(batch.images), batch.targets)
    (step,) = fit(model, [batch], PER_EXAMPLE, sgd(model), constant)
    expected = (batch.weights * losses).sum() / batch.weights.sum()
    torch.testing.assert_close(step.loss, expected.detach())


def test_a_loss_that_is_a_mean_already(net, batches) -> None:
    data = batches([5, 3])
    one, other = net(dropout=0.0, norm=False), net(dropout=0.0, norm=False)
    (first,) = fit(one, data, nn.CrossEntropyLoss(), sgd(one), constant, accumulate=2)
    (second,) = fit(other, data, PER_EXAMPLE, sgd(other), constant, accumulate=2)
    torch.testing.assert_close(first.loss, second.loss)
    model = net()
    with pytest.raises(UsageError, match="weights"):
        list(fit(model, batches([4], weighted=True), nn.CrossEntropyLoss(), sgd(model), constant))


def test_after_a_step_its_gradient_is_still_there(net, batches) -> None:
    """What consumers may look at: the gradient at the weights before the step, of all its parts."""
    data = batches([8, 8, 6, 2])
    model, copied = net(norm=False, dropout=0.0), net(norm=False, dropout=0.0)
    for step in fit(model, data, PER_EXAMPLE, sgd(model, 1.0), constant, accumulate=2):
        parts = data[2 * step.number - 2 : 2 * step.number]
        images = torch.cat([batch.images for batch in parts])
        targets = torch.cat([batch.targets for batch in parts])
        expected = torch.autograd.grad(
            F.cross_entropy(copied(images), targets), list(copied.parameters())
        )
        for parameter, gradient in zip(model.parameters(), expected, strict=True):
            torch.testing.assert_close(parameter.grad, gradient, rtol=1e-5, atol=1e-6)
        copied.load_state_dict(model.state_dict())
    assert step.number == 2


def test_the_gradient_is_clipped(net, batches) -> None:
    model = net()
    before = weights(model)
    list(fit(model, batches([8]), PER_EXAMPLE, sgd(model, 1.0), constant, clip=1e-3))
    moved = torch.cat([(a - b).flatten() for a, b in zip(before, weights(model), strict=True)])
    assert moved.norm().item() == pytest.approx(1e-3, rel=1e-3)


def test_the_penalty_acts_from_its_first_step(net, batches) -> None:
    penalty = Penalty(l2=0.1, first_step=3)
    plain, penalized = net(), net()
    steps = zip(
        fit(plain, batches([8] * 5), PER_EXAMPLE, sgd(plain), constant),
        fit(penalized, batches([8] * 5), PER_EXAMPLE, sgd(penalized), constant, penalty=penalty),
        strict=True,
    )
    equal = [torch.equal(plain[0].weight, penalized[0].weight) for _ in steps]
    assert equal == [True, True, True, False, False]


def test_the_average_follows_the_weights(net, batches) -> None:
    model = net()
    average = Average(model, 0.5, ramp=False)
    expected = model[0].weight.detach().clone()
    for _ in fit(model, batches([8] * 4), PER_EXAMPLE, sgd(model), constant, average=average):
        expected = 0.5 * expected + 0.5 * model[0].weight.detach()
        torch.testing.assert_close(average.values["0.weight"], expected)


def test_a_consumer_may_evaluate_in_between(net, batches) -> None:
    quiet, watched = net(), net()
    list(fit(quiet, batches([8] * 4), PER_EXAMPLE, sgd(quiet), constant))
    for _ in fit(watched, batches([8] * 4), PER_EXAMPLE, sgd(watched), constant):
        watched.eval()
        torch.rand(1000)  # and may draw random numbers
    assert all(map(torch.equal, weights(quiet), weights(watched)))


def test_a_layer_kept_in_evaluation_mode_stays_there(net, batches) -> None:
    model = net().train()
    model[1].eval()
    before = model[1].running_mean.clone()
    list(fit(model, batches([8] * 3), PER_EXAMPLE, sgd(model), constant))
    assert torch.equal(model[1].running_mean, before)


def test_dropout_depends_on_seed_and_step_alone(net, batches) -> None:
    data = batches([8] * 6)

    def run(seed: int, cut: int) -> list[torch.Tensor]:
        model = net()
        optimizer = sgd(model)
        list(fit(model, data[:cut], PER_EXAMPLE, optimizer, constant, seed=seed))
        list(fit(model, data[cut:], PER_EXAMPLE, optimizer, constant, seed=seed, first_step=cut))
        return weights(model)

    assert all(map(torch.equal, run(0, 6), run(0, 2)))
    assert not all(map(torch.equal, run(0, 6), run(1, 6)))


@pytest.mark.parametrize("poison", [math.nan, math.inf])
def test_divergence_is_noticed_before_the_step(net, batches, poison: float) -> None:
    """The model keeps its last good weights, and the message says what to do."""
    model, data = net(), batches([8] * 6)
    data[3].images[0, 0, 0, 0] = poison
    seen = []
    with pytest.raises(DivergedError, match="step 4") as caught:
        for step in fit(model, data, PER_EXAMPLE, sgd(model), constant):
            seen.append(step.number)
            good = weights(model)
    assert seen == [1, 2, 3]
    assert all(map(torch.equal, good, weights(model)))
    assert "--lr" in caught.value.remedy
    assert "0.1" in str(caught.value)


def test_a_rate_far_too_high_is_noticed(net, batches) -> None:
    model = net(norm=False)
    with pytest.raises(DivergedError):
        list(fit(model, batches([8] * 50), PER_EXAMPLE, sgd(model, 1e12), constant))


def test_batch_norm_over_maps_takes_a_batch_of_one(net, batches) -> None:
    model = net()
    steps = list(fit(model, batches([8, 1]), PER_EXAMPLE, sgd(model), constant))
    assert [step.examples for step in steps] == [8, 1]
    assert torch.isfinite(model[1].running_var).all()


def test_no_batches_no_steps(net) -> None:
    model = net()
    assert list(fit(model, [], PER_EXAMPLE, sgd(model), constant)) == []


def test_a_penalty_on_nothing_changes_nothing(batches) -> None:
    """A network may have no matrix that learns, and a penalty no factor."""
    data = batches([8] * 2)
    scale = nn.Sequential(nn.BatchNorm2d(1), nn.AdaptiveAvgPool2d((1, 3)), nn.Flatten())
    plain = copy.deepcopy(scale)
    list(fit(plain, data, PER_EXAMPLE, sgd(plain), constant))
    list(fit(scale, data, PER_EXAMPLE, sgd(scale), constant, penalty=Penalty(l1=0.1, l2=0.1)))
    assert all(map(torch.equal, weights(scale), weights(plain)))
    linear = nn.Sequential(nn.Flatten(), nn.Linear(36, 3))
    list(fit(linear, data, PER_EXAMPLE, sgd(linear), constant, penalty=Penalty()))


def test_pairs_of_a_data_loader_are_batches(net, batches) -> None:
    """What a DataLoader gives, list or tuple, trains as the same batches do: bit for bit."""
    data = batches([8] * 5)
    ours, theirs = net(dropout=0.0), net(dropout=0.0)
    examples = TensorDataset(
        torch.cat([b.images for b in data]), torch.cat([b.targets for b in data])
    )
    for _ in fit(ours, DataLoader(examples, 8), PER_EXAMPLE, sgd(ours), constant):
        pass
    for _ in fit(theirs, data, PER_EXAMPLE, sgd(theirs), constant):
        pass
    assert all(map(torch.equal, weights(ours), weights(theirs)))


@pytest.mark.parametrize("wrong", [torch.zeros(8, 3), {"images": 1}, (1, 2, 3), ([1], [2])])
def test_what_is_no_batch_is_named(net, wrong) -> None:
    model = net()
    with pytest.raises(UsageError, match="no pair") as caught:
        next(fit(model, [wrong], PER_EXAMPLE, sgd(model), constant))
    assert caught.value.where == "batches"


def test_without_a_schedule_rates_stay_as_they_are(net, batches) -> None:
    """Also those that a schedule of torch's own changes between the steps."""
    data, plain, scheduled = batches([8] * 3), net(), net()
    list(fit(scheduled, data, PER_EXAMPLE, sgd(scheduled), constant))
    list(fit(plain, data, PER_EXAMPLE, sgd(plain)))
    assert all(map(torch.equal, weights(plain), weights(scheduled)))
    optimizer = sgd(plain)
    theirs = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    rates = []
    for step in fit(plain, data, PER_EXAMPLE, optimizer):
        rates.append(step.lr)
        theirs.step()
    assert rates == pytest.approx([rates[0], rates[0] / 2, rates[0] / 4])
