"""The consumer of the loop: what it writes down, which weights it keeps, and when it stops."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from vitreous.data.batches.batch import Batch
from vitreous.errors import DivergedError, RunError
from vitreous.files import read_lines
from vitreous.metrics.score import Score
from vitreous.progress.progress import Progress
from vitreous.recipes.recipe import Recipe
from vitreous.run_folder import RunFolder
from vitreous.runs import loop
from vitreous.runs.consumers import Checkpoints
from vitreous.runs.interrupt import Interrupt
from vitreous.runs.loop_state import LoopState
from vitreous.runs.phases import TrainingPhase, schedule_of
from vitreous.tasks import Classify
from vitreous.training.history import averaged, best_epoch
from vitreous.training.precision import Precision
from vitreous.training.schedule import Schedule

State = dict[str, Tensor]


class PointBatches:
    """Batches of points that lie left or right, each drawn from (epoch, number)."""

    def __init__(self, count: int = 4, before: Callable[[int, int], None] | None = None):
        self.count, self.before = count, before
        self.given: list[tuple[int, int]] = []

    def __len__(self) -> int:
        return self.count

    def epoch(self, number: int, start: int = 0) -> Iterator[Batch]:
        for place in range(start, self.count):
            if self.before:
                self.before(number, place)
            self.given.append((number, place))
            generator = torch.Generator().manual_seed(100 * number + place)
            targets = torch.randint(0, 2, (8,), generator=generator)
            points = torch.randn(8, 3, generator=generator) + 2 * targets[:, None] - 1
            yield Batch(points, {"class": targets}, torch.arange(8))


class Script:
    """Validation scores that are known beforehand, with the weights that got them."""

    def __init__(self, network: nn.Module, accuracies: Sequence[float], losses: Any = None):
        self.network, self.accuracies = network, accuracies
        self.losses = losses or [0.5] * len(accuracies)
        self.states: list[State] = []

    def __call__(self) -> Any:
        look = len(self.states)
        self.states.append(copy(self.network))
        accuracy = self.accuracies[look]
        score = Score(name="accuracy", title="accuracy", value=accuracy)
        return SimpleNamespace(headline=score, all=(score,), loss=self.losses[look])


class Recorder(Progress):
    """Keeps the weights after each step, and every note."""

    def __init__(self, network: nn.Module):
        self.network = network
        self.states: list[State] = []
        self.losses: list[float] = []
        self.notes: list[str] = []

    def step(self, step: Any, total_steps: int | None = None) -> None:
        self.states.append(copy(self.network))
        self.losses.append(float(step.loss))

    def note(self, text: str) -> None:
        self.notes.append(text)


def copy(network: nn.Module) -> State:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def same(one: State, other: State) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Linear(3, 2)


def phase(
    net: nn.Module, batches: PointBatches, epochs: int, validate: Any = None, **rest: Any
) -> TrainingPhase:
    return TrainingPhase(
        name=rest.get("name", "network"),
        network=net,
        batches=batches,
        validate=validate,
        optimizer=torch.optim.SGD(net.parameters(), lr=rest.get("lr", 0.1)),
        loss=Classify(classes=("left", "right")).loss,
        epochs=epochs,
        schedule=Schedule("constant", 1),  # in its place comes that of the recipe
        precision=Precision(),
    )


@dataclass
class RunContext:
    """A place for a run: its folder, and who looks on."""

    whole: nn.Module
    recipe: Recipe
    folder: RunFolder
    progress: Any
    interrupt: Interrupt
    fingerprint: str


def learn(makers: Sequence[Callable[[], TrainingPhase]], place: RunContext) -> list[dict[str, Any]]:
    """Through phases that are each made when their turn comes."""
    recipe = place.recipe

    def remaining(done: int) -> Iterator[TrainingPhase]:
        for number in range(done, len(makers)):
            made, share = makers[number](), (number + 1) / len(makers)
            settings = schedule_of(recipe, made.network, made.epochs, len(made.batches), share)
            yield replace(made, **settings)

    checkpoints = Checkpoints(place.folder, place.whole, place.fingerprint, recipe.checkpoint)
    return loop.train_phases(
        remaining, recipe, place.folder, checkpoints, place.progress, place.interrupt
    )


@pytest.fixture
def context(tmp_path: Path) -> Callable[..., RunContext]:
    def made(net: nn.Module, **fields: Any) -> RunContext:
        folder = RunFolder(tmp_path / "run")
        folder.path.mkdir(exist_ok=True)
        progress = fields.pop("progress", None) or Recorder(net)
        fingerprint = fields.pop("fingerprint", "mine")
        return RunContext(
            whole=net,
            recipe=Recipe(**{"schedule": "constant", "checkpoint": 1000.0} | fields),
            folder=folder,
            progress=progress,
            interrupt=Interrupt(),
            fingerprint=fingerprint,
        )

    return made


Made = Callable[..., RunContext]


def test_one_row_an_epoch(context: Made) -> None:
    net = network()
    validate = Script(net, [0.5, 0.75], [0.7, 0.6])
    place = context(net)
    history = learn([lambda: phase(net, PointBatches(4), 2, validate)], place)
    assert history == read_lines(place.folder.metrics)
    assert [row["epoch"] for row in history] == [1, 2]
    assert [row["step"] for row in history] == [4, 8]
    assert [row["phase"] for row in history] == ["network", "network"]
    assert [row["lr"] for row in history] == [0.1, 0.1]
    losses = place.progress.losses
    assert history[0]["train_loss"] == pytest.approx(sum(losses[:4]) / 4)
    assert history[1]["train_loss"] == pytest.approx(sum(losses[4:]) / 4)
    assert history[1]["validation_loss"] == 0.6
    assert history[1]["validation_accuracy"] == 0.75


def test_without_a_validation_part_the_last_weights_are_kept(context: Made) -> None:
    net = network()
    place = context(net)
    history = learn([lambda: phase(net, PointBatches(), 2)], place)
    assert "validation_loss" not in history[0]
    assert same(copy(net), place.progress.states[-1])


@pytest.mark.parametrize(
    ("accuracies", "losses", "best"),
    [
        ([0.9, 0.5, 0.6], None, 0),
        ([0.5, 0.9, 0.6], None, 1),
        ([0.5, 0.6, 0.9], None, 2),
        ([0.9, 0.9, 0.5], None, 0),  # a tie in both: the earlier one stays
        ([0.9, 0.9, 0.5], [0.5, 0.4, 0.1], 1),  # of equal scores, the lower loss
        ([0.9, 0.9, 0.9], [0.3, 0.4, 0.5], 0),
        ([0.5, math.nan, 0.4], None, 0),
    ],
)
def test_the_best_weights_are_kept(
    context: Made, accuracies: list[float], losses: list[float] | None, best: int
) -> None:
    net = network()
    validate = Script(net, accuracies, losses)
    learn([lambda: phase(net, PointBatches(), 3, validate)], context(net))
    assert same(copy(net), validate.states[best])
    assert not any(same(copy(net), s) for i, s in enumerate(validate.states) if i != best)


@pytest.mark.parametrize(("keep", "best"), [("auto", 1), ("score", 1), ("loss", 2), ("last", 3)])
def test_score_loss_or_nothing_chooses_the_epoch(context: Made, keep: str, best: int) -> None:
    """Once resolved nothing is auto; recipes of earlier versions did not have the field."""
    net = network()
    validate = Script(net, [0.5, 0.9, 0.8, 0.8], [0.6, 0.5, 0.3, 0.4])
    history = learn([lambda: phase(net, PointBatches(), 4, validate)], context(net, keep=keep))
    assert same(copy(net), validate.states[best])
    assert best_epoch(history) == best + 1


def test_patience_ends_learning(context: Made) -> None:
    net = network()
    validate = Script(net, [0.5, 0.8, 0.7, 0.8, 0.9])
    history = learn([lambda: phase(net, PointBatches(), 5, validate)], context(net, patience=2))
    assert len(history) == 4
    assert same(copy(net), validate.states[1])


@pytest.mark.parametrize(
    ("count", "accumulate", "epochs", "ends"),
    [
        (4, 2, 2, [2, 4]),
        (5, 2, 4, [3, 5, 8, 10]),
        (3, 4, 4, [1, 2, 3]),
        (1, 3, 3, [1]),
        (10, 3, 6, [4, 7, 10, 14, 17, 20]),  # 10 // (10 / 3) is 2 in floating point
    ],
)
def test_steps_may_reach_over_the_end_of_an_epoch(
    context: Made, count: int, accumulate: int, epochs: int, ends: list[int]
) -> None:
    """Each batch is used once an epoch, whatever the steps; an epoch ends with its last batch."""
    net, batches = network(), PointBatches(count)
    place = context(net, accumulate=accumulate)
    history = learn([lambda: phase(net, batches, epochs)], place)
    assert batches.given == [(epoch, k) for epoch in range(epochs) for k in range(count)]
    assert [row["step"] for row in history] == ends
    assert len(place.progress.losses) == math.ceil(count * epochs / accumulate)


def test_losses_are_added_wherever_they_lie() -> None:
    """A sum that comes back from a file lies on the CPU, and new losses on the device."""
    position = LoopState()
    for value in (1.0, 2.0):
        position.add(torch.tensor(value), 5)
    assert (float(position.loss), position.weight, position.mean) == (15.0, 10, 1.5)
    assert position.loss.dtype == torch.float64
    position.add(torch.tensor(3.0, device="meta"), 5)
    assert position.loss.device.type == "meta"


def test_an_epochs_loss_is_the_mean_over_its_examples() -> None:
    """Batches of 30, 30 and 19; weights of examples count as in each step."""
    state = LoopState()
    losses = torch.linspace(0.0, 3.0, 79).square()
    for part in losses.split(30):
        state.add(part.mean(), len(part))
    assert state.mean == pytest.approx(float(losses.mean()), rel=1e-6)
    state.begin_epoch()
    weights = torch.linspace(0.1, 2.0, 79)
    for part, weight in zip(losses.split(30), weights.split(30), strict=True):
        state.add((part * weight).sum() / weight.sum(), weight.sum())
    assert state.mean == pytest.approx(float((losses * weights).sum() / weights.sum()), rel=1e-6)


def test_a_checkpoint_that_counts_steps_goes_on_with_their_mean() -> None:
    """As older ones do: three steps of eight examples, with the mean loss 2."""
    saved = {"phase": 0, "step": 3, "loss": torch.tensor(6.0), "taken": 3, "history": []}
    state = LoopState.of({**saved, "elapsed": 1.0}, 8)
    assert state.mean == 2.0
    state.add(torch.tensor(6.0), 4)
    assert state.mean == pytest.approx((24 * 2 + 4 * 6) / 28)


@pytest.mark.gpu
def test_an_interrupted_epoch_goes_on_on_a_gpu(context: Made) -> None:
    class Far(PointBatches):
        def epoch(self, number: int, start: int = 0) -> Iterator[Batch]:
            for batch in super().epoch(number, start):
                targets = {"class": batch.targets["class"].cuda()}
                yield Batch(batch.images.cuda(), targets, batch.ids)

    net = network().cuda()
    place = context(net)

    def ask(epoch: int, number: int) -> None:
        place.interrupt.requested |= (epoch, number) == (1, 1)

    with pytest.raises(KeyboardInterrupt):
        learn([lambda: phase(net, Far(4, ask), 2)], place)
    again = network().cuda()
    history = learn([lambda: phase(again, Far(4), 2)], context(again))
    assert [row["step"] for row in history] == [4, 8]
    assert all(0 < row["train_loss"] < 2 for row in history)


def test_penalties_act_from_their_epoch(context: Made, tmp_path: Path) -> None:
    states = []
    for fields in ({}, {"l2": 0.1, "penalty_from": 1}, {"l1": 0.1}):
        net = network()
        validate = Script(net, [0.5, 0.6])
        learn([lambda n=net, v=validate: phase(n, PointBatches(), 2, v)], context(net, **fields))
        states.append(validate.states)
        for path in (tmp_path / "run" / "checkpoints").iterdir():
            path.unlink()
    plain, later, always = states
    assert same(plain[0], later[0])
    assert not same(plain[1], later[1])
    assert not same(plain[0], always[0])
    assert later[1]["weight"].norm() < plain[1]["weight"].norm()


def test_the_average_is_what_is_judged_and_kept(context: Made, tmp_path: Path) -> None:
    raw, decay = network(), 0.8
    place = context(raw)
    learn([lambda: phase(raw, PointBatches(), 2)], place)
    for path in place.folder.checkpoints.iterdir():
        path.unlink()
    expected, looks = copy(network()), []
    for number, state in enumerate(place.progress.states, 1):
        keep = min(decay, (1 + number) / (10 + number))
        expected = {n: keep * expected[n] + (1 - keep) * state[n] for n in state}
        looks.append(expected)

    net = network()
    validate = Script(net, [0.5, 0.6])
    averaged = context(net, ema=decay)
    learn([lambda: phase(net, PointBatches(), 2, validate)], averaged)
    for look, state in zip((looks[3], looks[7]), validate.states, strict=True):
        for name in state:
            torch.testing.assert_close(state[name], look[name])
    assert same(copy(net), validate.states[1])
    # Learning itself goes on from the plain weights.
    assert same(averaged.progress.states[-1], place.progress.states[-1])


def test_stochastic_weight_averaging(context: Made) -> None:
    """In the last half the rate stays, and what is judged and kept is the mean of the weights."""
    net = network()
    validate = Script(net, [0.5, 0.6, 0.7, 0.8])
    place = context(net, swa=0.5, schedule="cosine")
    history = learn([lambda: phase(net, PointBatches(), 4, validate)], place)
    states = place.progress.states
    for look, first in ((2, 8), (3, 8)):
        for name, value in validate.states[look].items():
            seen = torch.stack([state[name] for state in states[first : 4 * (look + 1)]])
            torch.testing.assert_close(value, seen.mean(0))
    assert same(validate.states[0], states[3])  # nothing is averaged yet
    assert same(validate.states[1], states[7])
    assert same(copy(net), validate.states[3])
    assert [row["averaged"] for row in history] == [0, 0, 4, 8]
    middle = 0.1 * Schedule("cosine", 16).at(0.5)
    assert [row["lr"] for row in history[2:]] == [middle, middle]
    assert history[1]["lr"] > middle
    assert averaged(history)


@pytest.mark.parametrize("moment", [(0, 2), (1, 3), (2, 0), (3, 1)])
def test_an_interrupted_average_ends_in_the_same_bits(
    context: Made, moment: tuple[int, int]
) -> None:
    def run(net: nn.Module, ask: Any = None) -> Any:
        place = context(net, swa=0.5, time="1h", schedule="cosine")
        batches = PointBatches(4, lambda *at: ask and ask(place, at))
        return place, learn([lambda: phase(net, batches, 4)], place)

    plain = network()
    expected, reference = run(plain)
    for path in expected.folder.checkpoints.iterdir():
        path.unlink()

    def ask(place: RunContext, at: tuple[int, int]) -> None:
        place.interrupt.requested |= at == moment

    with pytest.raises(KeyboardInterrupt):
        run(network(), ask)
    again = network()
    _, history = run(again)
    assert history == reference
    assert same(copy(again), copy(plain))
    assert not same(copy(plain), expected.progress.states[-1])


def test_only_a_mean_of_a_whole_network_needs_new_statistics() -> None:
    row = {"epoch": 1, "phase": "network", "validation_score": 0.5}
    assert not averaged([])
    assert not averaged([row])
    assert not averaged([row | {"averaged": 0}])
    assert averaged([row | {"averaged": 3}])
    assert not averaged([row | {"averaged": 3, "phase": "head"}])
    best = row | {"validation_score": 0.9, "averaged": 0}
    assert not averaged([best, row | {"epoch": 2, "averaged": 3}])


class Clock:
    """Time that passes only where a batch is taken."""

    def __init__(self, cost: Callable[[int], float]):
        self.now, self.cost, self.taken = 0.0, cost, 0

    def take(self, epoch: int, place: int) -> None:
        self.now += self.cost(self.taken)
        self.taken += 1


@pytest.mark.parametrize("slowed", [False, True])
def test_time_ends_in_time_even_if_the_machine_slows_down(
    context: Made, monkeypatch: pytest.MonkeyPatch, slowed: bool
) -> None:
    clock = Clock(lambda taken: 30.0 if slowed and taken > 40 else 1.0)
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: clock.now))
    net = network()
    place = context(net, time="100s", schedule="cosine")
    history = learn([lambda: phase(net, PointBatches(10, clock.take), 1000)], place)
    assert 80 <= clock.now < 100 + (30 if slowed else 1)
    assert history[-1]["step"] == len(place.progress.losses)
    if not slowed:  # the schedule has ended with the time
        assert history[-1]["lr"] < 1e-4


def test_all_epochs_are_enough_if_time_is_left(
    context: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(lambda taken: 1.0)
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: clock.now))
    net = network()
    history = learn([lambda: phase(net, PointBatches(10, clock.take), 3)], context(net, time="1h"))
    assert [row["step"] for row in history] == [10, 20, 30]


def test_time_is_shared_by_the_phases(context: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(lambda taken: 1.0)
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: clock.now))
    net = network()
    phases = [
        lambda name=name: phase(net, PointBatches(10, clock.take), 1000, name=name)
        for name in ("head", "network")
    ]
    history = learn(phases, context(net, time="200s"))
    steps = {
        name: [r["step"] for r in history if r["phase"] == name] for name in ("head", "network")
    }
    assert 80 <= steps["head"][-1] <= 100
    assert 80 <= steps["network"][-1] <= 120
    assert clock.now <= 200


@pytest.mark.parametrize(("later", "kept"), [([0.4, 0.3], "first"), ([0.4, 0.95], "second")])
def test_a_later_phase_has_to_beat_the_one_before(
    context: Made, later: list[float], kept: str
) -> None:
    net = network()
    scripts = {"first": Script(net, [0.9, 0.5]), "second": Script(net, later)}
    phases = [
        lambda: phase(net, PointBatches(), 2, scripts["first"], name="head"),
        lambda: phase(net, PointBatches(), 2, scripts["second"], name="network"),
    ]
    history = learn(phases, context(net))
    assert [row["epoch"] for row in history] == [1, 2, 3, 4]
    best = {"first": 0, "second": 1}[kept]
    assert same(copy(net), scripts[kept].states[best])
    assert best_epoch(history) == {"first": 1, "second": 4}[kept]


def test_the_best_epoch_is_the_first_of_the_best() -> None:
    rows = [{"epoch": k + 1, "validation_score": s} for k, s in enumerate([0.3, 0.8, 0.8, 0.1])]
    assert best_epoch(rows) == 2
    assert best_epoch([{"epoch": 1}, {"epoch": 2}]) == 2
    assert best_epoch([]) is None


def test_what_diverges_keeps_the_best_weights(context: Made) -> None:
    net = network()

    def spoil(epoch: int, place: int) -> None:
        if (epoch, place) == (2, 1):
            with torch.no_grad():
                net.weight.fill_(math.inf)

    validate = Script(net, [0.6, 0.9])
    with pytest.raises(DivergedError, match="step 10"):
        learn([lambda: phase(net, PointBatches(4, spoil), 5, validate)], context(net))
    assert same(copy(net), validate.states[1])


@pytest.mark.parametrize("moment", [(0, 0), (0, 2), (0, 3), (1, 1), (2, 3)])
def test_an_interrupt_ends_after_a_checkpoint_and_nothing_is_done_twice(
    context: Made, moment: tuple[int, int]
) -> None:
    plain = network()
    expected = context(plain)
    reference = learn(
        [lambda: phase(plain, PointBatches(), 3, Script(plain, [0.5, 0.7, 0.6]))], expected
    )
    for path in expected.folder.checkpoints.iterdir():
        path.unlink()

    net = network()
    place = context(net)

    def ask(epoch: int, number: int) -> None:
        place.interrupt.requested |= (epoch, number) == moment

    batches = PointBatches(4, ask)
    scores = Script(net, [0.5, 0.7, 0.6])
    with pytest.raises(KeyboardInterrupt):
        learn([lambda: phase(net, batches, 3, scores)], place)
    again = network()
    rest = PointBatches()
    scores = Script(again, [0.5, 0.7, 0.6][len(scores.states) :])
    history = learn([lambda: phase(again, rest, 3, scores)], context(again))
    assert history == reference
    assert same(copy(again), copy(plain))
    assert batches.given + rest.given == [(epoch, k) for epoch in range(3) for k in range(4)]


def test_a_phase_that_has_ended_is_not_even_prepared(context: Made) -> None:
    net = network()
    learn([lambda: phase(net, PointBatches(), 1)], context(net))

    def never() -> TrainingPhase:
        raise AssertionError("this phase has ended")

    again = network()
    history = learn([never], context(again))
    assert len(history) == 1
    assert same(copy(again), copy(net))


def test_checkpoints_of_something_else_are_refused(context: Made) -> None:
    net = network()
    learn([lambda: phase(net, PointBatches(), 1)], context(net))
    with pytest.raises(RunError, match="other data or another recipe") as caught:
        learn([lambda: phase(net, PointBatches(), 1)], context(net, fingerprint="yours"))
    assert "new run" in str(caught.value.remedy)


def test_a_damaged_checkpoint_is_named_and_passed_over(context: Made) -> None:
    net = network()
    place = context(net, checkpoint=0.0)
    history = learn([lambda: phase(net, PointBatches(), 2)], place)
    newest = max(place.folder.checkpoints.iterdir())
    newest.write_bytes(newest.read_bytes()[:-1])
    again = network()
    place = context(again, checkpoint=0.0)
    assert learn([lambda: phase(again, PointBatches(), 2)], place) == history
    assert any(newest.name in note for note in place.progress.notes)
    assert same(copy(again), copy(net))
