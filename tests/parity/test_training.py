"""Networks of torchvision and timm as they are: trained, saved, and loaded again."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import vitreous as vt
from vitreous.errors import ModelFileError


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two classes of 24 small pictures, reddish and bluish."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VITREOUS_CACHE", str(tmp_path / "cache"))
    random = np.random.default_rng(0)
    for name, color in (("red", (190, 60, 60)), ("blue", (60, 60, 190))):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(24):
            pixels = np.array(color) + random.integers(-50, 50, (32, 32, 3))
            Image.fromarray(pixels.astype(np.uint8)).save(f"photos/{name}/{number}.png")
    return tmp_path / "photos"


def torchvision_network(peers: dict[str, ModuleType]) -> nn.Module:
    return peers["torchvision"].mobilenet_v3_small(num_classes=2)


def timm_network(peers: dict[str, ModuleType]) -> nn.Module:
    return peers["timm"].create_model("convnext_atto", num_classes=2, drop_path_rate=0.1)


@pytest.mark.filterwarnings("ignore")  # of the peers
@pytest.mark.parametrize("build", [torchvision_network, timm_network], ids=["torchvision", "timm"])
def test_a_network_of_a_peer_is_trained_saved_and_loaded(
    build, torchvision: ModuleType, timm: ModuleType, photos: Path
) -> None:
    peers = {"torchvision": torchvision, "timm": timm}
    torch.manual_seed(0)
    network = build(peers)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    run = vt.train(photos, model=network, epochs=1, size=32, batch_size=8)
    assert run.scores["test"].count > 0
    state = run.model.model.state_dict()
    assert any(not torch.equal(before[name], state[name]) for name in before)

    with pytest.raises(ModelFileError, match="architecture"):
        vt.load(run.folder.path)
    torch.manual_seed(1)
    loaded = vt.load(run.folder.path, build(peers))
    images = sorted(photos.rglob("*.png"))[::6]
    ours = [one.top for one in run.model.predict(images)]
    assert [one.top for one in loaded.predict(images)] == ours
    for name, tensor in loaded.model.state_dict().items():
        torch.testing.assert_close(tensor, state[name], rtol=0, atol=0)
