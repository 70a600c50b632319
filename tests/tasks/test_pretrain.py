"""Learning without labels, from images to weights that another task begins with."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import vitreous as vt
from vitreous.cli.verdict import verdict
from vitreous.data.batches.augmentation import keys_of
from vitreous.data.batches.preprocess import PixelContract
from vitreous.data.columns import ClassNumbers
from vitreous.data.dataset import Dataset
from vitreous.data.formats.arrays import ArrayDataset
from vitreous.data.splits.split import split
from vitreous.distributed import Ranks
from vitreous.errors import ModelFileError, ShapeError, UsageError
from vitreous.inference.model_file import load
from vitreous.inference.predictor import Predictor
from vitreous.losses.hidden import hidden_error
from vitreous.models import create
from vitreous.playground.images.inspector import Lens
from vitreous.recipes.recipe import Recipe
from vitreous.retrieval import encoder
from vitreous.runs.divisible import sharing
from vitreous.runs.evaluate import evaluate
from vitreous.runs.robustness import robustness
from vitreous.runs.run import Run, resume, train
from vitreous.tasks import TASKS
from vitreous.tasks.hidden_patches import HiddenPatches
from vitreous.tasks.masked import Masked
from vitreous.tasks.other_view import OtherView
from vitreous.tasks.pretrain import NUMBERS, Pretrain

RECIPE: dict[str, Any] = {
    "task": "pretrain",
    "model": "convnet",
    "epochs": 3,
    "batch_size": 32,
    "seed": 1,
}


def digits(turned: int = 0, labels: bool = True) -> Dataset:
    """Some of them; turned: by how many places the labels are moved."""
    found = vt.open("digits")
    images = np.stack([found[row].image for row in range(240)])
    numbers = np.array([found[row].target for row in range(240)])
    column = ClassNumbers(np.roll(numbers, turned), found.classes)
    return ArrayDataset("digits", images, {"class": column} if labels else {})


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(digits(), out=tmp_path_factory.mktemp("pretrain") / "run", **RECIPE)


def test_it_learns_and_its_scores_have_a_scale(run: Run) -> None:
    losses = [row["train_loss"] for row in run.history]
    assert losses[-1] < losses[0]
    scores = run.scores["test"]
    assert scores.neighbor is not None
    (pixels,) = scores.baselines
    assert pixels.score("found") is not None
    assert 0 < scores.spread <= 1
    assert scores.headline.name == "found"


def test_labels_are_never_learned_from(run: Run, tmp_path: Path) -> None:
    """Other labels, or none, and the same weights to the last bit."""
    parts = split(digits())
    for number, data in enumerate((digits(turned=7), digits(labels=False))):
        other = train(data, out=tmp_path / f"{number}", parts=parts, **RECIPE)
        assert torch.equal(_flat(other), _flat(run))
    assert other.scores["test"].neighbor is None


def test_a_killed_run_ends_in_the_same_bytes(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vitreous.runs.consumers import Checkpoints

    save = Checkpoints.save

    def interrupted(self: Any, state: Any, **parts: Any) -> None:
        save(self, state, **parts)
        if state.step == 7:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Checkpoints, "save", interrupted)
        train(digits(), out=tmp_path / "cut", checkpoint=0.0, **RECIPE)
    again = resume(tmp_path / "cut", digits())
    assert torch.equal(_flat(again), _flat(run))


def _flat(run: Run) -> torch.Tensor:
    return torch.cat([t.double().flatten() for t in run.model.model.state_dict().values()])


def test_evaluation_says_the_same(run: Run) -> None:
    found = evaluate(run.folder.path, digits()).to_json()["scores"]["test"]
    scores = run.scores["test"]
    assert (found["found"], found["neighbor"]) == (scores.found, scores.neighbor)
    assert found["loss"] == pytest.approx(scores.loss)


def test_its_weights_are_where_another_task_begins(run: Run, tmp_path: Path) -> None:
    """A run folder or its file; the head begins anew, pixels are normalized as they were."""
    learned = run.model.model.state_dict()
    for source in (run.folder.path, run.folder.model):
        network = create("convnet", num_classes=10, in_channels=1, pretrained=source)
        assert network.notes == ("head begins anew: that of the weights has other layers",)
        for name, tensor in network.state_dict().items():
            assert name.startswith("head.") or torch.equal(tensor, learned[name]), name
        torch.testing.assert_close(network.normalize.mean, run.model.model.normalize.mean)
        torch.testing.assert_close(network.normalize.std, run.model.model.normalize.std)
    probe = train(
        digits(), out=tmp_path / "probe", model="convnet", pretrained=str(run.folder.path), epochs=4
    )
    assert probe.scores["test"].headline.name == "accuracy"
    folder = tmp_path / "empty"
    folder.mkdir()
    with pytest.raises(ModelFileError, match="no such file"):
        create("convnet", pretrained=folder)


def test_another_network_does_not_take_them(run: Run) -> None:
    with pytest.raises(ModelFileError, match="another network"):
        create("resnet20", pretrained=run.folder.path)


def test_answers_are_vectors_and_features_are_found(run: Run) -> None:
    answer, other = run.model.predict([digits()[0].image, digits()[1].image])
    assert answer.values.shape == (NUMBERS,)
    assert float(answer.values @ answer.values) == pytest.approx(1, abs=1e-5)
    assert not np.allclose(answer.values, other.values)
    assert len(answer.to_json()["vector"]) == NUMBERS
    assert "vector of 128 numbers" in answer.text
    vectors = encoder(run.folder.path).of([digits()[0].image])
    assert vectors.shape == (1, create("convnet").head.in_features)


def test_a_folder_that_nobody_has_sorted(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    (tmp_path / "photos").mkdir()
    for number in range(12):
        image = Image.fromarray(random.integers(0, 256, (20, 24, 3), np.uint8))
        image.save(tmp_path / "photos" / f"{number}.png")
    recipe = RECIPE | {"epochs": 1, "batch_size": 4}
    found = train(tmp_path / "photos", out=tmp_path / "run", **recipe)
    assert not any("no labels" in note for note in found.summary()["notes"])
    for scores in found.scores.values():
        assert scores.neighbor is None


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"mixup": 0.2}, "--mixup"),
        ({"batch_size": 1}, "no other image"),
        ({"model": "nin"}, "no dense layer"),
        ({"model": "unet_small", "loss": "nt_xent"}, "answers for each pixel"),
        ({"loss": "masked"}, "answers for the whole image"),
        ({"freeze": "backbone", "pretrained": "RUN"}, "learns the features themselves"),
        ({"balance": "weights"}, "no classes"),
        ({"label_smoothing": 0.1}, "no classes"),
        ({"engine": "manual"}, "no hand-written derivative"),
        ({"against": "knn-pixels"}, "another question"),
    ],
)
def test_what_cannot_be_is_refused(
    fields: dict[str, Any], words: str, run: Run, tmp_path: Path
) -> None:
    if "pretrained" in fields:
        fields = fields | {"pretrained": str(run.folder.path)}
    with pytest.raises(UsageError) as caught:
        train(digits(), out=tmp_path / "never", **RECIPE | fields)
    assert words in str(caught.value)
    assert caught.value.remedy


def test_what_it_is_not_for_says_what_is(run: Run) -> None:
    with pytest.raises(UsageError) as caught:
        run.model.explain(digits()[0].image)
    assert "--pretrained" in str(caught.value.remedy)
    with pytest.raises(UsageError) as caught:
        robustness(run.model, digits())
    assert "--pretrained" in str(caught.value.remedy)


def test_the_page_shows_it(run: Run) -> None:
    page = run.report(digits()).read_text(encoding="utf-8")
    assert "other views found" in page.lower()
    assert "likeness of the pixels" in page
    facts, _ = Lens(load(run.folder.path), "a run", "").see(np.zeros((8, 8, 1), np.uint8))
    assert "vector" in facts["answer"]


def test_collapse_is_said(run: Run) -> None:
    task, scores = run.model.task, run.scores["test"]
    assert not task.remarks("test", scores)
    (note,) = task.remarks("test", replace(scores, spread=0.01))
    assert note.kind == "warning"
    assert "collapsed" in note.text


def test_settings_come_back_from_json() -> None:
    assert Pretrain.from_json((), Pretrain().to_json()).output() == Pretrain().output()
    for classes, decoding in (((), {"more": 1}), (("cat",), {})):
        with pytest.raises(ModelFileError):
            Pretrain.from_json(classes, decoding)


def test_several_processes_are_refused() -> None:
    """Each would tell its views from those of its own share alone."""
    recipe, network = Recipe(batch_size=8), create("convnet", projected=True)
    with pytest.raises(UsageError, match="compared with all others"):
        sharing(recipe, network, 100, Ranks(0, 2), views=2)


def test_the_hidden_layer_counts_as_its_formula_says() -> None:
    """K·K weights without bias, 2 numbers a unit to normalize, and (K + 1)·L of the answers."""
    plain = create("convnet", num_classes=NUMBERS)
    width = plain.head.in_features
    behind = create("convnet", num_classes=NUMBERS, projected=True)
    sizes = [sum(p.numel() for p in network.parameters()) for network in (plain, behind)]
    assert sizes[1] - sizes[0] == width * width + 2 * width


def test_the_other_view_depends_on_the_pixels_alone() -> None:
    images = torch.rand(5, 3, 12, 10, generator=torch.Generator().manual_seed(0))
    both, made = OtherView()(images, 0, 0, keys_of(images))
    assert not made
    assert torch.equal(both[:5], images)
    turned, _ = OtherView()(images.flip(0), 0, 0, keys_of(images.flip(0)))
    torch.testing.assert_close(turned[5:].flip(0), both[5:])
    assert float((both[5:] - images).abs().mean()) > 0.05
    assert 0 <= float(both.min()) <= float(both.max()) <= 1
    flat = torch.full((1, 1, 6, 6), 0.5)  # a piece of one color is that color, brighter or darker
    view = OtherView()(flat, 0, 0, keys_of(flat))[0][1]
    torch.testing.assert_close(view, view[:, :1, :1].expand_as(view))


# The other way: images of which most is hidden, and rebuilt.


@pytest.fixture(scope="module")
def masked(tmp_path_factory: pytest.TempPathFactory) -> Run:
    recipe = RECIPE | {"model": "vit_nano4_map", "epochs": 2, "batch_size": 60}
    return train(digits(), out=tmp_path_factory.mktemp("masked") / "run", **recipe)


def test_the_network_tells_the_way(masked: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert masked.model.task.criterion == "masked"
    losses = [row["train_loss"] for row in masked.history]
    assert losses[-1] < losses[0]
    scores = masked.scores["test"]
    (color,) = scores.baselines
    assert color.score("psnr") is not None
    found = evaluate(masked.folder.path, digits()).to_json()["scores"]["test"]
    assert found["psnr"] == pytest.approx(scores.psnr)
    again = TASKS["pretrain"].SCORES.from_json(scores.to_json())
    assert again.headline.name == "psnr"
    verdict(masked.summary(), False)  # as the command line tells it
    assert "PSNR" in capsys.readouterr().out
    page = masked.report(digits()).read_text(encoding="utf-8")
    assert "Worst pictures" in page
    assert "mean color of what is seen" in page


@pytest.mark.parametrize(("size", "share"), [((32, 32), 0.6), ((28, 20), 0.5), ((8, 8), 0.9)])
def test_as_many_squares_are_hidden_in_each_image(size: tuple[int, int], share: float) -> None:
    images = torch.rand(6, 3, *size, generator=torch.Generator().manual_seed(0))
    patches = HiddenPatches(4, share)
    shown, made = patches(images, 1, 2, np.arange(6))
    squares = made["hidden"].unfold(1, 4, 4).unfold(2, 4, 4).float().mean((3, 4))
    assert set(squares.flatten().tolist()) == {0.0, 1.0}  # squares of the grid, and whole
    total = squares[0].numel()
    expected = min(round(share * total), total - 1)
    assert squares.sum((1, 2)).tolist() == [expected] * 6
    assert patches.count(*size) == expected
    seen = ~made["hidden"][:, None].expand_as(images)
    assert torch.equal(shown[seen], images[seen])
    assert torch.equal(made["picture"], images)
    for image, picture, known in zip(images, shown, seen[:, 0], strict=True):
        color = image[:, known].mean(1, keepdim=True)
        torch.testing.assert_close(picture[:, ~known], color.expand(-1, int((~known).sum())))


def test_what_is_hidden_is_a_function_of_seed_epoch_and_image() -> None:
    images, patches = torch.rand(4, 1, 16, 16), HiddenPatches(4, 0.5)
    hidden = [patches(images, *by, np.arange(4))[1]["hidden"] for by in ((0, 0), (1, 0), (0, 1))]
    assert torch.equal(patches(images, 0, 0, np.arange(4))[1]["hidden"], hidden[0])
    assert not torch.equal(hidden[0], hidden[1])
    assert not torch.equal(hidden[0], hidden[2])
    alone = patches(images[2:], 0, 0, np.arange(2, 4))[1]["hidden"]
    assert torch.equal(alone, hidden[0][2:])


def test_only_what_was_hidden_counts() -> None:
    generator = torch.Generator().manual_seed(0)
    outputs, pictures = torch.rand(2, 3, 2, 8, 8, dtype=torch.float64, generator=generator)
    hidden = torch.rand(3, 8, 8, generator=generator) < 0.4
    found = hidden_error(outputs, pictures, hidden, reduction="none")
    for number in range(3):
        places = [(c, y, x) for c in range(2) for y, x in hidden[number].nonzero().tolist()]
        errors = [float(outputs[number][at] - pictures[number][at]) ** 2 for at in places]
        assert float(found[number]) == pytest.approx(sum(errors) / len(errors))
    (gradient,) = torch.autograd.grad(
        hidden_error(outputs.requires_grad_(), pictures, hidden), outputs
    )
    assert not gradient[~hidden[:, None].expand_as(gradient)].any()
    assert gradient[hidden[:, None].expand_as(gradient)].all()
    assert torch.autograd.gradcheck(lambda x: hidden_error(x, pictures, hidden), outputs)
    assert hidden_error(outputs, pictures, torch.zeros_like(hidden)) == 0
    with pytest.raises(ShapeError):
        hidden_error(outputs[:, :1], pictures, hidden)


def test_each_token_tells_the_pixels_of_its_patch() -> None:
    """Planted: a head that gives the number of a place shows it in that place's square."""
    network = create("vit_nano4_map", num_classes=1, size=(8, 16)).eval()
    tokens = torch.zeros(1, 9, 96)
    tokens[0, 1:, 0] = torch.arange(8.0)
    with torch.no_grad():
        for conv in (network.pixels[0], network.head):
            conv.weight.zero_()
            conv.bias.zero_()
            conv.weight[:, 0] = 1
    network.blocks = torch.nn.Sequential()
    network.norm = torch.nn.Identity()
    network.patch_embed = Fixed(tokens)
    with torch.no_grad():
        (found,) = network(torch.rand(1, 3, 8, 16))
    expected = torch.arange(8.0).reshape(2, 4).repeat_interleave(4, 0).repeat_interleave(4, 1)
    torch.testing.assert_close(found[0], expected)


class Fixed(torch.nn.Module):
    """The same tokens for any image."""

    def __init__(self, tokens: torch.Tensor) -> None:
        super().__init__()
        self.tokens = tokens

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.tokens


def test_its_answer_is_the_image_with_what_was_hidden_filled_in(masked: Run) -> None:
    image = digits()[0].image
    answer = masked.model.predict(image)
    assert answer.pixels.shape == image.shape
    assert answer.draw(image).shape == (*image.shape[:2], 3)
    assert answer.text == masked.model.predict([image, digits()[1].image])[0].text


def test_tiles_in_which_nothing_is_hidden_are_refused(masked: Run) -> None:
    tiles = masked.model._tiles(digits()[0].image[..., None])
    with pytest.raises(UsageError, match="hides parts of whole images"):
        next(tiles)


def test_a_transformer_of_classes_takes_its_weights(masked: Run) -> None:
    network = create(
        "vit_nano4", num_classes=10, in_channels=1, size=8, pretrained=masked.folder.path
    )
    learned = masked.model.model.state_dict()
    for name, tensor in network.state_dict().items():
        assert name.startswith("head.") or torch.equal(tensor, learned[name]), name
    assert network.notes[0] == "head begins anew: that of the weights has other layers"
    assert "vit_nano4_map" in network.notes[1]


def test_settings_of_the_masked_come_back_from_json(masked: Run) -> None:
    task = masked.model.task
    again = Pretrain.from_json((), task.to_json())
    assert again.to_json() == task.to_json()
    assert again.output() == task.output()
    for broken in ({"pretext": "masked"}, {**task.to_json(), "side": 0}, {"pretext": 1}):
        with pytest.raises(ModelFileError):
            Pretrain.from_json((), broken)


def test_an_answer_with_what_led_to_it_is_that_of_predict() -> None:
    """Both hide the same squares, and fill them in."""
    contract = PixelContract(height=32, width=32, channels=1)
    network = torch.nn.Conv2d(1, 1, 3, padding=1)
    predictor = Predictor(model=network, task=Masked().within(32, 32, 1), contract=contract)
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 1), np.uint8)
    found = predictor.answered(image)
    np.testing.assert_array_equal(found.answer.pixels, predictor.predict(image).pixels)
