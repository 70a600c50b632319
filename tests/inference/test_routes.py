"""The same image is the same tensor wherever it comes from: evaluation, and prediction from a path,
from bytes or from an array, for 200 awkward images.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from torch import Tensor

from vitreous.data.batches.batches import Batches
from vitreous.data.batches.pack import pack
from vitreous.data.batches.preprocess import PixelContract
from vitreous.data.formats.open import open
from vitreous.data.images.decode import decode
from vitreous.inference.model_file import Bundle
from vitreous.models import create
from vitreous.tasks import Classify

COUNT = 200


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, awkward: list[tuple[str, bytes]]) -> Path:
    """Two classes; gray pictures first, so that many of them look like a gray data set."""
    root = tmp_path_factory.mktemp("awkward")
    for number, (name, content) in enumerate(awkward):
        place = root / "photos" / f"class{number % 2}"
        place.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    return root / "photos"


CONTRACTS = [
    PixelContract(height=24, width=24, channels=3),
    PixelContract(height=28, width=28, channels=1),
    PixelContract(height=17, width=31, channels=3, fit="pad"),
    PixelContract(height=64, width=48, channels=1, fit="squash"),
]


def bundle(contract: PixelContract) -> Bundle:
    size = contract.height, contract.width
    arguments = {"num_classes": 2, "in_channels": contract.channels, "size": size}
    return Bundle(
        model=create("linear", **arguments).eval(),
        architecture="linear",
        arguments=arguments,
        task=Classify(classes=("class0", "class1")),
        contract=contract,
    )


def fingerprint(image: Tensor) -> str:
    assert image.shape[0] == 1
    return hashlib.sha256(image.contiguous().numpy().tobytes()).hexdigest()


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda c: f"{c.fit}{c.channels}")
@pytest.mark.parametrize("channels", [1, 3], ids=["as gray", "as color"])
def test_the_same_tensor_on_every_route(
    folder: Path, contract: PixelContract, channels: int, tmp_path: Path
) -> None:
    dataset = open(folder)
    dataset.channels = channels  # as it may have been told from a sample of the files
    packed = pack(dataset, contract, cache=tmp_path)
    assert not packed.bad
    model = bundle(contract)
    ids = np.arange(COUNT)
    batches = Batches(packed.rows, packed.targets, ids, contract, batch_size=1, shuffle=False)
    training = {
        int(batch.ids[i]): batch.images[i : i + 1]
        for batch in batches.epoch(0)
        for i in range(len(batch))
    }
    hashes = set()
    for index in range(COUNT):
        path = folder / dataset.id(index)
        array = decode(path, channels=contract.channels, at_least=contract.at_least)
        routes = {
            "evaluation": contract.images(packed.rows[index : index + 1]),
            "training": training[index],
            "path": model.images([path]),
            "text": model.images([str(path)]),
            "bytes": model.images([path.read_bytes()]),
            "array": model.images([array]),
        }
        found = {name: fingerprint(image) for name, image in routes.items()}
        assert len(set(found.values())) == 1, (dataset.id(index), found)
        hashes.add(found["path"])
    assert len(hashes) > 0.95 * COUNT  # the pictures differ, so equal hashes say something


def test_the_same_answer_on_every_route(folder: Path, tmp_path: Path) -> None:
    """One by one or together, the probabilities agree to the last digits."""
    contract = CONTRACTS[0]
    model = bundle(contract)
    paths = sorted(folder.rglob("*.*"))[:40]
    together = model.predict([*paths])
    for path, answer in zip(paths, together, strict=True):
        for source in (path, path.read_bytes()):
            alone = model.predict(source)
            assert alone.label == answer.label
            assert alone.score == pytest.approx(answer.score, abs=1e-6)
