import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from vitreous.errors import ModelFileError, UsageError
from vitreous.models import create
from vitreous.models.pretrained import adopt, read


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A file as its author would publish it."""
    torch.manual_seed(1)
    path = tmp_path / "resnet20.pth"
    torch.save(create("resnet20").state_dict(), path)
    return path


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_local_file(published: Path, suffix: str) -> None:
    state = read(published)
    path = published.with_suffix(suffix)
    if suffix == ".safetensors":
        save_file(state, path)
    model = create("resnet20", pretrained=path)
    assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())
    assert model.notes == ()


@pytest.mark.parametrize("key", ["state_dict", "model"])
def test_checkpoint_that_wraps_its_state(published: Path, key: str) -> None:
    state = read(published)
    torch.save({key: state, "epoch": 3}, published)
    assert read(published).keys() == state.keys()


def test_adapted_channels_and_classes_are_announced(published: Path) -> None:
    model = create("resnet20", num_classes=4, in_channels=1, pretrained=published)
    assert model.notes == (
        "conv1.weight was adapted from 3 to 1 channels",
        "fc begins anew: 10 classes became 4",
    )
    whole = create("resnet20", pretrained=published)
    torch.testing.assert_close(model.conv1.weight, whole.conv1.weight.sum(1, keepdim=True))
    assert torch.equal(model.layer3[0].conv1.weight, whole.layer3[0].conv1.weight)


def test_no_weights_in_the_table() -> None:
    with pytest.raises(UsageError, match="no weights come with resnet20"):
        create("resnet20", pretrained=True)


class Bomb:
    """A pickle that would run a command."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return eval, ("__import__('pathlib').Path('exploded').touch()",)


def test_no_code_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for number, write in enumerate((torch.save, lambda o, p: p.write_bytes(pickle.dumps(o)))):
        path = tmp_path / f"bomb{number}.pth"
        write({"fc.weight": Bomb()}, path)
        with pytest.raises(ModelFileError):
            create("resnet20", pretrained=path)
    path = tmp_path / "bomb.safetensors"
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(ModelFileError, match="cannot be read"):
        create("resnet20", pretrained=path)
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("content", [b"", b"<html>", b"PK\x03\x04", b"\x00" * 100])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_damaged_files(tmp_path: Path, content: bytes, suffix: str) -> None:
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(content)
    with pytest.raises(ModelFileError) as error:
        create("resnet20", pretrained=path)
    assert str(path) in str(error.value)


def test_truncated_file(published: Path) -> None:
    whole = published.read_bytes()
    for length in (10, len(whole) // 2, len(whole) - 1):
        published.write_bytes(whole[:length])
        with pytest.raises(ModelFileError):
            read(published)


def test_no_state_dict(tmp_path: Path) -> None:
    torch.save([torch.zeros(3)], tmp_path / "list.pth")
    with pytest.raises(ModelFileError, match="no state dict"):
        read(tmp_path / "list.pth")


def test_weights_of_another_network(published: Path) -> None:
    with pytest.raises(ModelFileError, match="another network"):
        create("resnet32", pretrained=published)
    state = read(published)
    with pytest.raises(ModelFileError, match=r"conv1.weight has the shape \(16, 3, 3, 3\)"):
        adopt(create("wide_resnet20_4"), state)


def test_order_of_layers_is_not_guessed_from_sorted_names() -> None:
    """Sorted by name, biases come before weights: such a file under foreign names is refused."""
    state = create("mobilenet_v2", num_classes=3).state_dict()
    foreign = {f"x{name}": tensor for name, tensor in state.items()}
    assert adopt(create("mobilenet_v2", num_classes=3), foreign) == ()
    with pytest.raises(ModelFileError, match="another network"):
        adopt(create("mobilenet_v2", num_classes=3), dict(sorted(foreign.items())))


def test_positions_of_another_size(tmp_path: Path) -> None:
    torch.manual_seed(0)
    small = create("vit_nano4", size=16)
    path = tmp_path / "vit.safetensors"
    save_file(small.state_dict(), path)
    large = create("vit_nano4", size=32, pretrained=path).eval()
    assert large.notes == ("patch_embed.pos_embed was interpolated",)
    images = torch.rand(2, 3, 32, 32)
    torch.testing.assert_close(large(images), small.eval()(images))


def test_gray_images_are_normalized_as_the_rgb_ones_were(published: Path) -> None:
    model = create("resnet20", in_channels=1, pretrained=published)
    assert model.normalize.mean.item() == pytest.approx((0.485 + 0.456 + 0.406) / 3)
    asked = create("resnet20", in_channels=1, pretrained=published, mean=0.3, std=0.2)
    assert asked.normalize.mean.item() == pytest.approx(0.3)


def test_old_files_without_counters(published: Path) -> None:
    state = {k: v for k, v in read(published).items() if "num_batches_tracked" not in k}
    assert adopt(create("resnet20"), state) == ()
    assert adopt(create("resnet20"), {f"net.{k}": v for k, v in state.items()}) == ()


@pytest.mark.parametrize(
    ("deeper", "model"),
    [
        ("resnet56", "resnet20"),
        ("resnet34", "resnet18"),
        ("resnet101", "resnet50"),
        ("vgg19", "vgg11"),
        ("densenet169", "densenet121"),
        ("mobilenet_v2", "mobilenet_v2"),  # with a layer behind its last one
    ],
)
def test_tensors_left_over_are_another_network(deeper: str, model: str) -> None:
    """Weights of a deeper network have every name that a shallower one asks for."""
    with torch.device("meta"):
        state = create(deeper).state_dict()
        ours = create(model)
    state = {name: torch.zeros(tensor.shape) for name, tensor in state.items()}
    if deeper == model:
        state["classifier.9.weight"] = torch.zeros(3, 3)
    with pytest.raises(ModelFileError, match=r"another network.*(left over are|no ) ?[a-z]"):
        adopt(ours, state)


def test_auxiliary_heads_and_counters_may_be_left_over(published: Path) -> None:
    state = create("googlenet", num_classes=3, size=64, auxiliary=True).state_dict()
    assert adopt(create("googlenet", num_classes=3, size=64), state) == ()
    averaged = {"n_averaged": torch.tensor(7)}
    averaged |= {f"module.{name}": tensor for name, tensor in read(published).items()}
    model = create("resnet20")
    assert adopt(model, averaged) == ()
    assert torch.equal(model.fc.weight, averaged["module.fc.weight"])


@pytest.mark.parametrize(
    "wrap",
    [
        "module.{}".format,
        "_orig_mod.{}".format,
        "model.{}".format,
        "module._orig_mod.model.{}".format,
        "net.backbone.{}".format,
        lambda name: name.replace("layer1.", "layer1._orig_mod."),
        lambda name: name.replace("layer1.", "layer1.module."),
    ],
)
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_prefixes_of_wrappers_are_taken_off(published: Path, wrap: Any, suffix: str) -> None:
    state = read(published)
    path = published.with_name(f"wrapped{suffix}")
    wrapped = {wrap(name): tensor for name, tensor in state.items()}
    (save_file if suffix == ".safetensors" else torch.save)(wrapped, path)
    model = create("resnet20", pretrained=path)
    assert model.notes == ()
    assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["layer1.0.conv1.weight", "layer1.0.bn1.running_var"])
def test_weights_that_are_no_numbers_are_named(published: Path, value: float, name: str) -> None:
    state = read(published)
    state[name].view(-1)[3] = value
    with pytest.raises(ModelFileError, match=f"{name} holds numbers that are not finite"):
        adopt(create("resnet20"), state)


def test_whole_numbers_are_no_weights(published: Path) -> None:
    state = read(published)
    state["conv1.weight"] = (state["conv1.weight"] * 100).to(torch.int8)
    with pytest.raises(ModelFileError, match=r"conv1.weight holds numbers of type torch.int8"):
        adopt(create("resnet20"), state)
