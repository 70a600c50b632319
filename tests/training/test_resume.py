"""A run that was interrupted ends in the same bits as one that was not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from vitreous.errors import ModelFileError
from vitreous.losses.penalty import Penalty
from vitreous.training import checkpoint
from vitreous.training.average import Average
from vitreous.training.budget import Budget
from vitreous.training.fit import fit
from vitreous.training.optimizer import OPTIMIZERS, optimizer
from vitreous.training.schedule import Schedule
from vitreous.training.stopping import EarlyStopping

EPOCHS, PER_EPOCH = 3, 6
LOSS = nn.CrossEntropyLoss(reduction="none", label_smoothing=0.1)


class Run:
    """Everything that a run carries, as a run would assemble it."""

    def __init__(self, net, batches, name: str, decay: float | None, accumulate: int):
        self.model = net(7)
        self.optimizer = optimizer(name, self.model)
        self.average = Average(self.model, decay) if decay else None
        self.stopping = EarlyStopping(2)
        self.accumulate = accumulate
        steps = EPOCHS * -(-PER_EPOCH // accumulate)
        self.schedule = Budget(Schedule("one_cycle", 4 * steps, 0.1), 1.0)
        self.step = self.epoch = self.batch = 0
        self.batches = batches

    def parts(self) -> dict[str, Any]:
        names = ("model", "optimizer", "average", "stopping", "schedule")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}

    def state(self) -> dict[str, Any]:
        position = {"step": self.step, "epoch": self.epoch, "batch": self.batch}
        return checkpoint.gather(**self.parts(), position=position)

    def take_up(self, state: dict[str, Any]) -> None:
        checkpoint.restore(state, **self.parts())
        self.step, self.epoch, self.batch = state["position"].values()

    def steps(self):
        for epoch in range(self.epoch, EPOCHS):
            data = self.batches([8, 3, 8, 5, 8, 2], seed=epoch)[self.batch :]
            self.epoch = epoch
            for step in fit(
                self.model,
                data,
                LOSS,
                self.optimizer,
                self.schedule,
                clip=1.0,
                accumulate=self.accumulate,
                average=self.average,
                penalty=Penalty(l1=1e-4, l2=1e-3, first_step=4),
                seed=11,
                first_step=self.step,
            ):
                self.step = step.number
                self.batch += self.accumulate
                # A clock that no two runs share, and that both must obey alike once it was read.
                self.schedule.observe(step.number, 0.01 + step.seconds * 1e-9, 0.02 * step.number)
                yield step
            self.batch = 0
            self.epoch = epoch + 1
            self.stopping.observe(-float(step.loss), self.model)


def assert_equal(ours: Any, theirs: Any, where: str = "state") -> None:
    """Exact equality of nested state, with the place where it ends."""
    assert type(ours) is type(theirs), where
    if isinstance(ours, dict):
        assert ours.keys() == theirs.keys(), where
        for key in ours:
            assert_equal(ours[key], theirs[key], f"{where}.{key}")
    elif isinstance(ours, list | tuple):
        assert len(ours) == len(theirs), where
        for place, pair in enumerate(zip(ours, theirs, strict=True)):
            assert_equal(*pair, f"{where}[{place}]")
    elif isinstance(ours, torch.Tensor):
        assert torch.equal(ours, theirs), where
    else:
        assert ours == theirs, where


def interrupted(make, folder: Path, stop: int, drop: str | None = None) -> Run:
    """A run that is saved and given up at step `stop`, and another that goes on from the file."""
    first = make()
    for step in first.steps():
        if step.number == stop:
            state = first.state()
            if drop:
                state[drop] = make().state()[drop]  # as it was at the start of the run
            checkpoint.save(folder, state, step.number)
            break
    second = make()
    torch.manual_seed(999)  # whatever the process drew before
    found = checkpoint.latest(folder)
    assert found is not None
    second.take_up(found.state)
    for _ in second.steps():
        pass
    return second


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("decay", [None, 0.9])
@pytest.mark.parametrize("accumulate", [1, 3])
def test_resumed_equals_uninterrupted(
    net, batches, tmp_path: Path, name: str, decay: float | None, accumulate: int
) -> None:
    def make() -> Run:
        run = Run(net, batches, name, decay, accumulate)
        run.schedule.settle(2, 0.3)  # of a time budget: the total is settled
        return run

    whole = make()
    for _ in whole.steps():
        pass
    middle = 8 if accumulate == 1 else 3  # in the middle of the second epoch
    resumed = interrupted(make, tmp_path, middle)
    assert (resumed.step, resumed.epoch) == (whole.step, whole.epoch)
    assert_equal(resumed.state(), whole.state())


@pytest.mark.parametrize("drop", ["model", "optimizer", "average", "position", "stopping"])
def test_without_one_part_of_the_state_the_bits_differ(
    net, batches, tmp_path: Path, drop: str
) -> None:
    """The test above can fail: each part of the state is needed."""

    def make() -> Run:
        return Run(net, batches, "adam", 0.9, 1)

    whole = make()
    for _ in whole.steps():
        pass
    resumed = interrupted(make, tmp_path, 8, drop)
    with pytest.raises(AssertionError):
        assert_equal(resumed.state(), whole.state())


def test_without_the_settled_budget_the_bits_differ(net, batches, tmp_path: Path) -> None:
    """The total of the schedule comes from the file, since the clock will not say it again."""
    settled = iter([True])

    def make() -> Run:
        run = Run(net, batches, "sgd", None, 1)
        if next(settled):
            run.schedule.settle(2, 0.3)
        return run

    whole = make()
    for _ in whole.steps():
        pass
    settled = iter([True, False])
    resumed = interrupted(make, tmp_path / "with", 8)
    assert_equal(resumed.state(), whole.state())
    settled = iter([True, False, False])
    resumed = interrupted(make, tmp_path / "without", 8, drop="schedule")
    with pytest.raises(AssertionError):
        assert_equal(resumed.state(), whole.state())


def test_a_state_in_another_order_of_memory_would_spoil_the_weights(tmp_path: Path) -> None:
    """Fused Adam adds what lies side by side in memory, whatever the strides say. A state that a
    file brought back as plain rows would go to the wrong weights, and nothing would complain.
    """

    def run(through: str) -> torch.Tensor:
        generator = torch.Generator().manual_seed(0)
        weight = torch.randn(4, 3, 5, 5, generator=generator)
        weight = weight.to(memory_format=torch.channels_last).requires_grad_()
        method = torch.optim.Adam([weight], 0.1, fused=True)
        for number in range(6):
            gradient = torch.randn(4, 3, 5, 5, generator=generator)
            weight.grad = gradient.to(memory_format=torch.channels_last)
            method.step()
            state = method.state_dict()
            if number == 2 and through == "file":
                checkpoint.save(tmp_path, {"optimizer": state}, number)
                method.load_state_dict(checkpoint.latest(tmp_path).state["optimizer"])
            if number == 2 and through == "rows":
                moments = state["state"][0]
                moments["exp_avg"] = moments["exp_avg"].contiguous()
                method.load_state_dict(state)
        return weight.detach()

    assert torch.equal(run("file"), run("nothing"))
    assert not torch.allclose(run("rows"), run("nothing"), atol=0.01)


def test_another_seed_differs(net, batches) -> None:
    """Dropout is part of these runs: with the seed of the steps changed the bits differ."""
    one, other = (Run(net, batches, "sgd", None, 1) for _ in range(2))
    for _ in one.steps():
        pass
    torch.manual_seed(0)
    data = batches([8, 3, 8, 5, 8, 2], seed=0)
    for _ in fit(other.model, data, LOSS, other.optimizer, other.schedule, seed=12):
        pass
    assert not torch.equal(one.model[0].weight, other.model[0].weight)


def test_a_state_without_a_part_is_refused(net, batches) -> None:
    run = Run(net, batches, "sgd", 0.9, 1)
    state = run.state()
    del state["average"]
    with pytest.raises(ModelFileError, match="average"):
        run.take_up(state)
