"""What every task keeps: one suite over the table, from tiny data to a report; nobody else knows.

A new task adds its data to SAMPLES; nothing here or anywhere else names it. A task that needs no
targets is told by no data, and has its tests in a file of its own.
"""

from __future__ import annotations

import ast
import base64
import io
import json
import pickle
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from vitreous.data.boxes import Boxes
from vitreous.data.columns import ClassNumbers, Column, Marks, Numbers
from vitreous.data.dataset import Dataset
from vitreous.data.dots import Dots
from vitreous.data.formats.arrays import ArrayDataset
from vitreous.data.images.frame import Frame
from vitreous.data.maps import Maps
from vitreous.data.points import Points
from vitreous.distributed import ALONE
from vitreous.errors import DataError, ModelFileError, UsageError
from vitreous.files import read_json, read_table
from vitreous.inference.model_file import load
from vitreous.models import create
from vitreous.playground.images.inspector import Lens
from vitreous.robust.goal import Goal, judged
from vitreous.robust.pgd import pgd
from vitreous.runs.evaluate import evaluate
from vitreous.runs.robustness import robustness
from vitreous.runs.run import Run, resume, train
from vitreous.tasks import TASKS, Task, fitting, task_of
from vitreous.tasks.answer import Exact, Kept
from vitreous.tasks.meter import filled, joined, kept

SIDE, COUNT = 20, 60
SOURCE = Path(__file__).parents[2] / "src" / "vitreous"


def scene(number: int) -> tuple[np.ndarray, np.ndarray]:
    """An image with a bright block, and the place of each of its pixels: (SIDE, SIDE) bool."""
    random = np.random.default_rng(number)
    image = random.integers(0, 80, (SIDE, SIDE, 3), dtype=np.uint8)
    top, left = random.integers(0, SIDE - 8, 2)
    block = np.zeros((SIDE, SIDE), bool)
    block[top : top + 8, left : left + 8] = True
    image[block, number % 3] += 150
    return image, block


IMAGES, BLOCKS = (np.stack(each) for each in zip(*map(scene, range(COUNT)), strict=True))
COLORS = np.arange(COUNT) % 3
NAMES = ("red", "green", "blue")
PLACES = np.array([np.argwhere(block).mean(axis=0) for block in BLOCKS])
CORNERS = np.array([np.argwhere(block)[[0, -1], ::-1] for block in BLOCKS])  # (N, 2, 2) x and y
SEEN = np.where(np.arange(COUNT)[:, None] % 5, 1, [[1, 0]])  # the second corner is at times hidden

ONE = np.column_stack([CORNERS[:, 0], CORNERS[:, 1] + 1, COLORS])
SEVERAL = [np.array([box, [0, 0, 5, 6, 1]])[: k % 3] for k, box in enumerate(ONE)]

SAMPLES: dict[str, dict[str, Column]] = {
    "classify": {"class": ClassNumbers(COLORS, NAMES)},
    "label": {"class": Marks(np.stack([COLORS == 0, COLORS != 1], 1), ("red", "not green"))},
    "regress": {"value": Numbers(PLACES, ("y (px)", "x (px)"))},
    "segment": {"mask": Maps(np.where(BLOCKS, 1 + COLORS[:, None, None], 0).astype(np.uint8),
                             ("ground", *NAMES))},
    "locate": {"box": Boxes.of(ONE[:, None], NAMES)},
    "detect": {"box": Boxes.of(SEVERAL, NAMES)},
    "keypoints": {"point": Points(np.dstack([CORNERS, SEEN]), ("left top", "right bottom"), ())},
    "depth": {"depth": Maps(np.where(BLOCKS, 2 + COLORS[:, None, None], 7).astype(np.float32),
                            interpolation="linear")},
    "denoise": {"clean": Maps(np.float32(np.where(BLOCKS[..., None], IMAGES, 40) / 255),
                              interpolation="linear", channels=3)},
    "count": {"dot": Dots.of([places[:1 + number % 2] for number, places in enumerate(CORNERS)])},
}  # fmt: skip

KIN = {
    *(("classify", "label"), ("label", "classify"), ("locate", "detect"), ("detect", "locate")),
    *(("count", "locate"), ("count", "detect")),
}
"""A task, and another whose data may be asked so, too."""

ORDINARY = {"count"}
"""Names of tasks that are common words, which stand for other things as well."""


def data(name: str) -> Dataset:
    return ArrayDataset(name, IMAGES, SAMPLES[name])


def made(name: str) -> Task:
    return task_of(SAMPLES[name]).within(SIDE, SIDE)


def kinds_of(name: str) -> dict[str, type[Column]]:
    return {column: type(values) for column, values in SAMPLES[name].items()}


def outputs_of(task: Task, count: int, seed: int = 0) -> torch.Tensor:
    shape = task.output().shape(count, SIDE, SIDE)
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def targets_of(name: str, ids: np.ndarray) -> dict[str, Any]:
    return {column: values.batch(ids) for column, values in SAMPLES[name].items()}


def rounded(value: Any) -> Any:
    """Scores without the last digits: sums in another order differ there."""
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(each) for each in value]
    return round(value, 5) if isinstance(value, float) else value


ASKED = [name for name, task in TASKS.items() if task.needs]


@pytest.fixture(scope="module", params=ASKED)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def run(name: str, tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = tmp_path_factory.mktemp(name) / "run"
    return train(data(name), out=out, epochs=2, batch_size=16, seed=1)


def test_every_task_has_a_sample() -> None:
    assert SAMPLES.keys() == {*ASKED}


def test_each_image_has_a_score_by_which_runs_are_compared(run: Run) -> None:
    task = type(run.model.task)
    rows = [row for row in read_table(run.folder.predictions) if row["part"] == "test"]
    values = task.of_images(rows)
    assert values.shape == (len(rows),)
    assert np.isfinite(values).any()
    assert task.image_score is not None
    assert task.image_score.column in rows[0]


def test_an_ensemble_of_one_and_the_same_answers_as_it_does_or_is_refused(name: str) -> None:
    task = made(name)
    if type(task).pool is Task.pool:
        with pytest.raises(UsageError, match="are not averaged"):
            task.pool([task, task])
        return
    together, pool = task.pool([task, task])
    outputs = outputs_of(task, 5)
    pooled = pool([outputs, outputs])
    frames = [Frame.identity((SIDE, SIDE))] * 5
    for one, other in zip(
        together.decode(pooled, frames), task.decode(outputs, frames), strict=True
    ):
        assert one.text == other.text
    meters = [each.meter() for each in (together, task)]
    for meter, given in zip(meters, (pooled, outputs), strict=True):
        meter.add(given, targets_of(name, np.arange(5)))
    first, second = (task.scores(meter).to_json() for meter in meters)
    assert rounded(first) == rounded(second)


def test_data_tell_their_task(name: str) -> None:
    kinds = kinds_of(name)
    assert fitting(SAMPLES[name])[0] == name
    for other, task in TASKS.items():
        assert task.recognizes(kinds) == (other in SAMPLES and kinds_of(other) == kinds)


def test_the_loss_is_one_number_an_example_and_has_a_gradient(name: str) -> None:
    task, ids = made(name), np.arange(6)
    for criterion in task.LOSSES:
        one = type(task).of(SAMPLES[name], criterion=criterion).within(SIDE, SIDE)
        assert one.output().kind == task.answers_with(criterion)
        outputs = outputs_of(one, 6).requires_grad_()
        losses = one.loss(outputs, targets_of(name, ids))
        assert losses.shape == (6,)
        assert torch.isfinite(losses).all()
        (gradient,) = torch.autograd.grad(losses.sum(), outputs)
        assert gradient.abs().sum() > 0
        # Each example's loss is its own.
        turned = one.loss(outputs.flip(0), targets_of(name, ids[::-1].copy()))
        torch.testing.assert_close(turned, losses.flip(0))


def test_the_loss_by_hand_is_the_loss_of_autograd(name: str) -> None:
    task, ids = made(name), np.arange(5)
    outputs, targets = outputs_of(task, 5).double(), targets_of(name, ids)
    loss = task.manual_loss()
    value = loss.forward(outputs, task.manual_targets(targets))
    leaf = outputs.clone().requires_grad_()
    expected = task.loss(leaf, targets).mean()
    expected.backward()
    torch.testing.assert_close(value, expected.detach(), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(loss.backward(), leaf.grad, rtol=1e-5, atol=1e-6)


def test_an_answer_can_be_asked_about(name: str) -> None:
    """One number an image, also of the batch several times over, with a gradient and a name."""
    task = made(name)
    outputs = outputs_of(task, 3).requires_grad_()
    aim = task.aim(outputs.detach())
    assert len(aim.names) == 3
    assert all(aim.names)
    values = aim.scalar(outputs)
    assert values.shape == (3,)
    (gradient,) = torch.autograd.grad(values.sum(), outputs)
    assert gradient.flatten(1).abs().sum(1).min() > 0
    torch.testing.assert_close(aim.scalar(torch.cat([outputs, outputs])), values.repeat(2))
    changed = torch.cat([outputs[:1], outputs[1:] + 1])
    torch.testing.assert_close(aim.scalar(changed)[0], values[0])
    for named in {*aim.names} - {"all points"}:
        assert {*task.aim(outputs.detach(), named).names} == {named}
    with pytest.raises(UsageError, match=r"unknown .*'nothing of this'"):
        task.aim(outputs.detach(), "nothing of this")


def test_meters_of_parts_join_to_that_of_the_whole(name: str) -> None:
    task, ids = made(name), np.arange(24)
    outputs, targets = outputs_of(task, 24), targets_of(name, ids)
    whole, first, second = task.meter(), task.meter(), task.meter()
    whole.add(outputs, targets)
    for meter, part in ((first, slice(0, 7)), (second, slice(7, 24))):
        meter.add(outputs[part], {column: values[part] for column, values in targets.items()})
    sent = pickle.dumps([kept(meter, task.meter()) for meter in (first, second)])  # to a process
    arrived = [filled(task.meter(), seen) for seen in pickle.loads(sent)]
    first.merge(second)
    assert len(first) == len(whole) == 24
    assert rounded(task.scores(first).to_json()) == rounded(task.scores(whole).to_json())
    assert (
        task.scores(joined(task.meter(), arrived, ALONE)).to_json() == task.scores(first).to_json()
    )


def test_scores_come_back_from_json(run: Run) -> None:
    task = run.model.task
    for part, written in read_json(run.folder.scores)["scores"].items():
        scores = task.SCORES.from_json(written)
        assert json.loads(json.dumps(scores.to_json())) == written
        assert scores.headline in scores.all
        assert scores.headline.value == run.scores[part].headline.value
        low, high = scores.headline.bounds or (scores.headline.value,) * 2
        assert low <= scores.headline.value <= high
        for rule in scores.baselines:
            assert rule.title
            assert rule.score(scores.headline.name) is not None


def test_settings_of_decoding_come_back_from_json(run: Run) -> None:
    task = run.model.task
    again = type(task).from_json(task.classes, json.loads(json.dumps(task.to_json())))
    assert again.to_json() == task.to_json()
    assert again.output() == task.output()
    for broken in ({**task.to_json(), "more": 1}, {"thresholds": "high"}, {"center": [0]}):
        with pytest.raises(ModelFileError):
            type(task).from_json(task.classes, broken)


def test_a_run_learns_and_every_file_agrees(name: str, run: Run) -> None:
    rows = read_table(run.folder.predictions)
    assert {"path", "part", "rank"} <= rows[0].keys()
    assert len(rows) == sum(scores.count for scores in run.scores.values())
    assert load(run.folder.path).task.name == name == read_json(run.folder.scores)["task"]
    again = evaluate(run.folder.path, data(name)).to_json()["scores"]["test"]
    written = read_json(run.folder.scores)["scores"]["test"]
    headline = run.scores["test"].headline.name
    assert again[headline] == pytest.approx(written[headline])
    assert again["loss"] == pytest.approx(written["loss"])


def test_answers_are_in_the_image_s_own_pixels(run: Run) -> None:
    for shape in ((SIDE, SIDE), (37, 50), (51, 33)):
        image = np.full((*shape, 3), 120, np.uint8)
        answer = run.model.predict(image)
        assert answer.text
        assert answer.line
        assert answer.score is None or 0 <= answer.score <= 1
        json.dumps(answer.to_json(), allow_nan=False)
        drawn = answer.draw(image)
        assert drawn.shape == image.shape
        assert drawn.dtype == np.uint8


def test_the_playground_shows_the_answer_of_predict(run: Run) -> None:
    lens = Lens(load(run.folder.path), "a run", "")
    for shape in ((SIDE, SIDE), (37, 50), (51, 33)):
        image = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
        answer = run.model.predict(image)
        facts, arrays = lens.see(image)
        assert facts["answer"] == answer.line
        assert lens.seen.answer.to_json() == answer.to_json()
        if facts["photo"] is None:
            np.testing.assert_array_equal(answer.draw(image), image)
            continue
        np.testing.assert_array_equal(arrays["photo"], image)
        np.testing.assert_array_equal(arrays["drawn"], answer.draw(image))
        if not facts["photo"]["asks"]:
            continue
        height, width = shape
        for x, y in ((0, 0), (width // 2, height // 2), (width - 1, height - 1)):
            told, _ = lens.pixel(x, y)
            json.dumps(told, allow_nan=False)
            assert told["value"] == image[y, x].tolist()
            assert told["title"]
            if not told["rows"]:
                assert told["window"] is None  # outside of what the network sees
                continue
            top, left, bottom, right = told["window"]
            assert 0 <= top < bottom <= lens.row.shape[0]
            assert 0 <= left < right <= lens.row.shape[1]
        for place in ((width, 0), (0, height), (-1, 0), ("1", 0), (0, None)):
            with pytest.raises(UsageError, match="there is no"):
                lens.pixel(*place)


def test_one_answer_an_image_whatever_is_asked_beside_it(run: Run) -> None:
    together = run.model.predict([*IMAGES[:5]])
    alone = [run.model.predict(image) for image in IMAGES[:5]]
    assert [one.text for one in together] == [one.text for one in alone]


def test_the_report_shows_it(run: Run) -> None:
    page = run.report(data(run.model.task.name)).read_text(encoding="utf-8")
    scores = run.scores["test"]
    assert scores.headline.title in page
    for section in run.model.task.sections(scores):
        assert section.title in page
    assert page.count("<img") > 6
    assert "nan" not in re.sub(r"<[^>]*>", " ", page).lower().split()


def test_an_interrupted_run_ends_in_the_same_bytes(
    name: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vitreous.runs.consumers import Checkpoints

    save = Checkpoints.save

    def interrupted(self: Any, state: Any, **parts: Any) -> None:
        save(self, state, **parts)
        if state.step == 2:
            raise KeyboardInterrupt

    recipe: dict[str, Any] = {"epochs": 2, "batch_size": 16, "seed": 1}
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Checkpoints, "save", interrupted)
        train(data(name), out=tmp_path / "cut", checkpoint=0.0, **recipe)
    again = resume(tmp_path / "cut", data(name))
    assert (
        again.folder.model.read_bytes()
        == train(
            data(name), out=tmp_path / "whole", checkpoint=0.0, **recipe
        ).folder.model.read_bytes()
    )


def test_the_onnx_file_answers_alike(run: Run, tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    from vitreous.inference.onnx import to_onnx

    path = to_onnx(run.model, tmp_path / "model.onnx")
    images = run.model.images([*IMAGES[:4]])
    (found,) = runtime.InferenceSession(path).run(None, {"images": images.numpy()})
    with torch.no_grad():
        expected = run.model.model(images)
    torch.testing.assert_close(torch.from_numpy(found), expected, rtol=0, atol=1e-3)


def test_an_exported_file_predicts_as_its_run(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    from vitreous.export import export

    found = export(run.folder.path, data=data(run.model.task.name), out=tmp_path / "run.onnx")
    assert found.parity.holds
    assert found.parity.same == found.parity.images > 0
    assert read_json(found.report)["parity"]["holds"]
    answers = load(found.path).predict([*IMAGES[:6]])
    exact = replace(run.model, precision="float32")
    for one, other in zip(answers, exact.predict([*IMAGES[:6]]), strict=True):
        assert one.text == other.text
        assert one.score is None or one.score == pytest.approx(other.score, abs=1e-3)


def test_data_of_another_kind_are_refused(name: str, run: Run) -> None:
    for other in SAMPLES.keys() - {name}:
        if (name, other) in KIN:
            continue
        with pytest.raises(DataError):
            evaluate(run.model, data(other), split="all")
        if TASKS[name].unlabeled:
            continue  # it makes its targets of any images
        with pytest.raises((UsageError, DataError)):  # the task, or what its targets look like
            train(data(other), task=name, out="never")


def test_a_network_of_the_other_kind_is_refused(name: str) -> None:
    """And where a task has losses for both kinds, one for the loss."""
    for loss in TASKS[name].LOSSES:
        wrong = {"vector": "unet_small", "map": "convnet"}[TASKS[name].answers_with(loss)]
        with pytest.raises(UsageError, match="answers for") as caught:
            train(data(name), model=wrong, loss=loss, out="never")
        kinds = {TASKS[name].answers_with(other) for other in TASKS[name].LOSSES}
        assert ("--loss" in str(caught.value.remedy)) == (len(kinds) > 1)


def test_a_network_tells_which_loss_it_can_learn_by(name: str, tmp_path: Path) -> None:
    kinds = {TASKS[name].answers_with(loss) for loss in TASKS[name].LOSSES}
    for kind, model in (("vector", "convnet"), ("map", "unet_small")):
        if kind in kinds:
            run = train(data(name), model=model, epochs=1, out=tmp_path / kind)
            assert run.model.task.output().kind == kind


def test_networks_of_its_kind_fit(name: str) -> None:
    task = made(name)
    fitting_one = {"vector": "convnet", "map": "unet_small"}[task.answers]
    output = task.output()
    stride = {"stride": output.stride} if output.stride > 1 else {}
    network = create(fitting_one, num_classes=output.channels, in_channels=3, size=32, **stride)
    images = torch.rand(2, 3, 32, 32)
    assert task.output().fits(network.eval()(images), images)


# Outside of tasks/, nothing names a task or counts the axes of targets.

TARGETS = re.compile(r"target|truth|label|mask", re.IGNORECASE)


def told(source: str) -> Iterator[str]:
    """Comparisons with a task's name, its class imported, axes of targets counted."""
    for node in ast.walk(ast.parse(source)):
        text = ast.unparse(node) if isinstance(node, ast.expr | ast.match_case) else ""
        if isinstance(node, ast.Compare | ast.match_case):
            words = {n.value for n in ast.walk(node) if isinstance(n, ast.Constant)}
            if words & TASKS.keys() and "task" in text:
                yield text
        if isinstance(node, ast.Compare):
            sides = [ast.unparse(side) for side in (node.left, *node.comparators)]
            if any(re.search(r"\.(ndim|dim\(\))$", s) and TARGETS.search(s) for s in sides):
                yield text
        named = isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant)
        if named and text.startswith("TASKS["):
            yield text
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("vitreous.tasks"):
            own = {type_.__name__ for type_ in TASKS.values()}
            modules = {f"vitreous.tasks.{name}" for name in TASKS}
            if node.module in modules or own & {alias.name for alias in node.names}:
                yield ast.unparse(node)


# What reads targets of any form makes columns of them; losses refuse targets that do not fit; and
# the plane of the playground has questions of its own, about points.
MAKERS = (
    *("data/formats/", "losses/cross_entropy.py", "metrics/pixel_confusion.py", "backprop/"),
    "playground/plane/",
)


@pytest.mark.parametrize(
    "path",
    [p for p in sorted(SOURCE.rglob("*.py")) if "tasks" not in p.relative_to(SOURCE).parts],
    ids=lambda path: str(path.relative_to(SOURCE)),
)
def test_nobody_else_knows(path: Path) -> None:
    if str(path.relative_to(SOURCE)).startswith(MAKERS):
        pytest.skip("reads targets of any form")
    assert not list(told(path.read_text(encoding="utf-8")))


def test_no_template_knows() -> None:
    words = "|".join(TASKS.keys() - ORDINARY)
    pattern = re.compile(rf"task\S*\s*[!=]=|[\"']({words})[\"']")
    for path in SOURCE.rglob("*.j2"):
        assert not pattern.search(path.read_text(encoding="utf-8")), path


@pytest.mark.parametrize(
    "source",
    [
        "if task == 'classify': pass",
        "match task.name:\n    case 'label': pass",
        "TASKS['segment']",
        "from vitreous.tasks import Classify",
        "from vitreous.tasks.label import Label",
        "x = targets.ndim == 2",
        "assert labels.dim() != 1",
    ],
)
def test_the_rule_can_fail(source: str) -> None:
    if source.startswith("match"):
        source = source.replace("task.name", "task").replace("case 'label'", "case 'label' if task")
    assert list(told(source))


def test_an_unknown_task_offers_the_nearest() -> None:
    with pytest.raises(UsageError, match="unknown task 'clasify'") as caught:
        train(data("classify"), task="clasify", out="never")
    assert "classify" in str(caught.value.remedy)


def test_its_images_can_be_attacked(name: str, run: Run) -> None:
    """By its loss, whatever it is; what needs a boundary is refused where there is none."""
    found, _ = robustness(run.model, data(name), eps=16, steps=2, split="all", images=8)
    curve, gain = found.curve, -1 if found.better == "lower" else 1
    assert curve[0].value == found.clean
    assert np.isfinite([one.value for one in curve]).all()
    assert 0 < curve[-1].largest <= 16 + 1e-4
    worse = gain * curve[-1].value <= gain * found.clean
    assert worse or any("became better by it" in note for note in found.notes)
    task, contract, rows = run.model.task, run.model.contract, data(name).pixels[:8]
    if contract.shape == rows.shape[1:]:
        images, targets = contract.images(rows), targets_of(name, np.arange(8))
        moved = pgd(run.model.model, images, targets, Goal.of(task), eps=16 / 255, steps=2)
        before, after = (
            judged(run.model.model, each, targets, Goal.of(task)) for each in (images, moved)
        )
        assert after.mean() > before.mean()
    if task.margins(outputs_of(task, 8), targets_of(name, np.arange(8))) is None:
        with pytest.raises(UsageError, match="no boundary"):
            robustness(run.model, data(name), attack="deepfool", split="all", images=4)


def test_a_server_answers_as_prediction_does(run: Run) -> None:
    """Over HTTP, the same JSON; and the picture or the numbers, where the answer is one."""
    pytest.importorskip("fastapi", reason="serving needs the extra [serve]")
    from starlette.testclient import TestClient

    from vitreous.serving.application import create_app
    from vitreous.serving.journal import Journal
    from vitreous.serving.shelf import opened

    file = io.BytesIO()
    Image.fromarray(IMAGES[7]).save(file, "PNG")
    app = create_app(opened([run.folder.path]), journal=Journal(quiet=True))
    with TestClient(app, base_url="http://127.0.0.1:8000") as client:
        files = {"image": ("7.png", file.getvalue())}
        response = client.post("/predict?draw=true&files=true", files=files)
    assert response.status_code == 200, response.text
    (found,) = response.json()["predictions"]
    (answer,) = run.model.predict([file.getvalue()], top=3)
    assert found.pop("path") == "7.png"
    assert found.pop("drawn").startswith("data:image/")
    for name, kind in (("png", Kept), ("npy", Exact)):
        assert (name in found) == isinstance(answer, kind)
        if name in found:
            assert base64.b64decode(found.pop(name)) == getattr(answer, name)()
    assert found == json.loads(json.dumps(answer.to_json()))
