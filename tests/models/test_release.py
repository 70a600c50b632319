import hashlib
import http.server
import json
import re
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from vitreous.errors import ModelFileError, UsageError
from vitreous.models import create, imagenet, variant
from vitreous.models.pretrained import read
from vitreous.models.release import find


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VITREOUS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A file as its author would publish it."""
    torch.manual_seed(1)
    path = tmp_path / "public" / "resnet20.pth"
    path.parent.mkdir()
    torch.save(create("resnet20").state_dict(), path)
    return path


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves files; under `/OWNER/NAME/resolve/main/` as the hub does."""

    requests = 0

    def do_GET(self) -> None:
        type(self).requests += 1
        super().do_GET()

    def translate_path(self, path: str) -> str:
        return super().translate_path(path.rpartition("/resolve/main/")[2])

    def end_headers(self) -> None:
        self.send_header("ETag", '"an-etag"')
        self.send_header("X-Repo-Commit", "0" * 40)
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def server(published: Path) -> Iterator[str]:
    """The address of a server over the public folder."""
    Handler.requests = 0
    handler = partial(Handler, directory=str(published.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_download_is_checked_and_cached(published: Path, server: str, own_cache: Path) -> None:
    address = f"{server}/resnet20.pth#sha256={sha256(published)}"
    first = create("resnet20", pretrained=address)
    again = create("resnet20", pretrained=address)
    assert Handler.requests == 1
    assert torch.equal(first.get_parameter("fc.weight"), again.get_parameter("fc.weight"))
    assert torch.equal(first.get_parameter("fc.weight"), read(published)["fc.weight"])
    assert [p.suffix for p in (own_cache / "weights").iterdir()] == [".pth"]


def test_hash_in_the_name(published: Path, server: str) -> None:
    """As torchvision names its files: resnet18-f37072fd.pth."""
    right = published.with_name(f"resnet20-{sha256(published)[:8]}.pth")
    wrong = published.with_name("resnet20-01234567.pth")
    for path in (right, wrong):
        path.write_bytes(published.read_bytes())
    assert find(f"{server}/{right.name}").read_bytes() == published.read_bytes()
    with pytest.raises(ModelFileError, match="not 01234567"):
        find(f"{server}/{wrong.name}")


@pytest.mark.parametrize("source", ["http://localhost/x.pth", "hub:timm/resnet18.a1_in1k/x.pth"])
@pytest.mark.parametrize("announced", ["", "#sha256=", "#sha256=abc", "#sha256=not-a-hash"])
def test_nothing_is_fetched_without_a_hash(source: str, announced: str) -> None:
    with pytest.raises(UsageError, match="need a hash"):
        find(source + announced)


def test_wrong_hash_leaves_nothing_behind(published: Path, server: str, own_cache: Path) -> None:
    with pytest.raises(ModelFileError, match="SHA-256"):
        create("resnet20", pretrained=f"{server}/resnet20.pth#sha256={'0' * 64}")
    assert [*(own_cache / "weights").iterdir()] == []


def test_cached_file_is_checked_again(published: Path, server: str) -> None:
    address = f"{server}/resnet20.pth#sha256={sha256(published)}"
    cached = find(address)
    cached.write_bytes(cached.read_bytes()[:-1] + b"x")
    with pytest.raises(ModelFileError, match="SHA-256"):
        find(address)


def test_missing_on_the_server(server: str, own_cache: Path) -> None:
    with pytest.raises(ModelFileError, match="download failed") as error:
        find(f"{server}/nothing.pth#sha256=01234567")
    assert error.value.where == f"{server}/nothing.pth"
    assert [*(own_cache / "weights").iterdir()] == []


def test_no_server() -> None:
    with pytest.raises(ModelFileError, match="download failed"):
        find("http://127.0.0.1:9/nothing.pth#sha256=01234567")


def test_hub(published: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("huggingface_hub")
    monkeypatch.setenv("HF_ENDPOINT", server)
    source = f"hub:owner/name/resnet20.pth#sha256={sha256(published)}"
    assert find(source).read_bytes() == published.read_bytes()
    before = Handler.requests
    assert find(source).read_bytes() == published.read_bytes()
    assert Handler.requests == before
    with pytest.raises(ModelFileError, match="SHA-256"):
        find("hub:owner/name/resnet20.pth#sha256=01234567")
    with pytest.raises(ModelFileError, match="no such file"):
        find("hub:owner/name/nothing.pth#sha256=01234567")


def test_hub_needs_a_complete_name() -> None:
    with pytest.raises(UsageError, match="names no file"):
        find("hub:resnet18#sha256=01234567")


def test_local_file_with_a_hash(published: Path) -> None:
    assert find(f"{published}#sha256={sha256(published)}") == published
    with pytest.raises(ModelFileError, match="SHA-256"):
        find(f"{published}#sha256={'1' * 64}")


def test_missing_file() -> None:
    with pytest.raises(ModelFileError, match="no such file"):
        find("nowhere.pth")


def test_missing_package() -> None:
    with pytest.raises(ModelFileError, match="not installed"):
        find("package:no_such_weights/model.pth")


def test_weights_by_name(
    published: Path, server: str, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As torchvision's releases: fetched when asked for, once, and told about."""
    name = f"resnet20-{sha256(published)[:8]}.pth"
    published.rename(published.with_name(name))
    monkeypatch.setitem(imagenet.FILES, "resnet20", name)
    monkeypatch.setattr(imagenet, "PLACE", server)
    model = create("resnet20", pretrained="imagenet", num_classes=3)
    assert Handler.requests == 1
    assert model.notes == (
        "fc is new: 3 classes in place of 10",
        "weights learned on ImageNet-1k",
    )
    assert model.normalize.mean.flatten().tolist() == pytest.approx([0.485, 0.456, 0.406])
    create("resnet20", pretrained="imagenet")
    assert Handler.requests == 1


def test_a_release_that_was_changed_is_refused(
    published: Path, server: str, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published.rename(published.with_name("resnet20-01234567.pth"))
    monkeypatch.setitem(imagenet.FILES, "resnet20", "resnet20-01234567.pth")
    monkeypatch.setattr(imagenet, "PLACE", server)
    with pytest.raises(ModelFileError, match="not 01234567"):
        create("resnet20", pretrained="imagenet")


def test_bytes_are_counted(published: Path, server: str, own_cache: Path) -> None:
    told: list[tuple[int, int]] = []
    find(f"{server}/{published.name}", sha256(published), lambda done, of: told.append((done, of)))
    assert told[-1] == (published.stat().st_size, published.stat().st_size)


def test_a_network_without_a_release() -> None:
    with pytest.raises(UsageError, match="no weights of lenet5 are known") as error:
        create("lenet5", pretrained="imagenet")
    assert "resnet18" in str(error.value)


def test_those_that_come_along_need_no_release() -> None:
    row = variant("efficientnet_lite0")
    assert imagenet.imagenet(row) is row.weights


def test_files_are_named_by_their_hash() -> None:
    for name in imagenet.FILES:
        weights = imagenet.imagenet(variant(name))
        assert re.fullmatch(r"[0-9a-f]{8}", weights.sha256)
        assert weights.source.endswith(f"-{weights.sha256}.pth")


def test_weights_of_another_network_with_the_same_tensors_are_told(tmp_path: Path) -> None:
    """plain20 has every tensor of resnet20, and answers otherwise."""
    metadata = {"vitreous": json.dumps({"architecture": "plain20"})}
    save_file(create("plain20").state_dict(), tmp_path / "plain.safetensors", metadata)
    told = create("resnet20", pretrained=tmp_path / "plain.safetensors").notes
    assert told == ("the weights are those of plain20; resnet20 has the same tensors",)
    assert create("plain20", pretrained=tmp_path / "plain.safetensors").notes == ()
