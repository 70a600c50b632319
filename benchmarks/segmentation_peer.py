"""segmentation_models.pytorch on CamVid, beside `dense.py`: the same weights, its usual way.

Its U-Net over EfficientNet-Lite0, Adam at 1e-4 with the Dice loss, batches of 8 from a DataLoader
with a mirror as augmentation, as its own examples have it (train in float32, no schedule).
Needs `segmentation-models-pytorch` and timm; `load` says what is missing. Images are padded to 192
rows, because its encoder asks for multiples of 32, and padding is ignored.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from time import perf_counter
from types import ModuleType

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

sys.path.insert(0, str(Path(__file__).parent))
import peers
import vitreous as vt
from vitreous.data.dataset import Part
from vitreous.metrics.pixel_confusion import PixelConfusion
from vitreous.metrics.segmentation import SegmentationScores, segmentation
from vitreous.progress.progress import silent
from vitreous.recipes.recipe import Recipe
from vitreous.runs.job import prepare
from vitreous.runs.phases import phases
from vitreous.runs.setup import build
from vitreous.training.fit import fit

CLASSES, VOID, BATCH = 11, 11, 8
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def load() -> ModuleType | str:
    """The peer, or why there is none."""
    try:
        peers.torchvision()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import segmentation_models_pytorch as module
    except Exception as error:  # a peer may fail to import in many ways
        return f"segmentation_models_pytorch cannot be imported: {error}"
    return module


class Streets(Dataset[tuple[Tensor, Tensor]]):
    """CamVid as its files lie; padded below, with void."""

    def __init__(self, data: Path, part: str, *, mirror: bool = False) -> None:
        self.images = sorted((data / part).iterdir())
        self.masks, self.mirror = data / f"{part}annot", mirror

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        path = self.images[index]
        image = np.asarray(Image.open(path), np.float32) / 255
        mask = np.asarray(Image.open(self.masks / f"{path.stem}.png")).astype(np.int64)
        image = (image - np.float32(MEAN)) / np.float32(STD)
        if self.mirror and torch.rand(()) < 0.5:
            image, mask = image[:, ::-1], mask[:, ::-1]
        rows, columns = (-side % 32 for side in mask.shape)
        image = np.pad(image, ((0, rows), (0, columns), (0, 0)))
        mask = np.pad(mask, ((0, rows), (0, columns)), constant_values=VOID)
        pixels = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))
        return pixels, torch.from_numpy(np.ascontiguousarray(mask))


def network(smp: ModuleType) -> nn.Module:
    """Its U-Net with our file's weights in the encoder, tensor by tensor in the order of layers."""
    model: nn.Module = smp.Unet("timm-tf_efficientnet_lite0", encoder_weights=None, classes=CLASSES)
    encoder = model.get_submodule("encoder")
    theirs = encoder.state_dict()
    ours = vt.create("efficientnet_lite0", pretrained=True).state_dict()
    learned = [tensor for name, tensor in ours.items() if not name.startswith("head.")]
    named = dict(zip(theirs, learned, strict=True))
    assert all(tensor.shape == theirs[name].shape for name, tensor in named.items())
    encoder.load_state_dict(named)
    return model


def camvid(
    smp: ModuleType, data: Path, epochs: int, seconds: float | None
) -> tuple[SegmentationScores, float]:
    """Scores of the test part, and seconds, of so many epochs or of so much time."""
    torch.manual_seed(0)
    model = network(smp)
    method = torch.optim.Adam(model.parameters(), 1e-4)
    criterion = smp.losses.DiceLoss("multiclass", ignore_index=VOID)
    loader = DataLoader(
        Streets(data, "train", mirror=True), BATCH, shuffle=True, drop_last=True, num_workers=2
    )
    began = perf_counter()
    for _ in range(epochs):
        model.train()
        for images, masks in loader:
            method.zero_grad()
            criterion(model(images), masks).backward()
            method.step()
            if seconds is not None and perf_counter() - began > seconds:
                break
        else:
            continue
        break
    spent = perf_counter() - began
    counted = PixelConfusion(CLASSES, VOID)
    model.eval()
    with torch.inference_mode():
        for images, masks in DataLoader(Streets(data, "test"), BATCH):
            counted.add(model(images).argmax(1), masks)
    names = tuple(map(str, range(CLASSES)))
    return segmentation(counted, names, loss=0.0), spent


def speed(data: Path, steps: int = 16) -> tuple[float, float]:
    """Training examples a second: our loop with its defaults; and the same network in a plain
    float32 loop with the peer's loader. In turns of a step each, so that a busy machine slows both.
    """
    job = prepare(str(data), Recipe(), progress=silent())
    from vitreous.data.batches.pack import pack

    packed = pack(job.dataset, job.resolved.contract)
    phase = next(phases(build(job, packed, silent()), silent()))
    batches = phase.batches
    ours = fit(
        phase.network,
        (batch for epoch in range(99) for batch in batches.epoch(epoch)),
        phase.loss,
        phase.optimizer,
        phase.schedule,
        precision=phase.precision,
    )
    plain = plainly(data, len(job.parts.indices(Part.TRAIN)))
    taken: dict[str, list[float]] = {"ours": [], "plain": []}
    for _ in range(steps):
        for name, loop in (("ours", ours), ("plain", plain)):
            began = perf_counter()
            next(loop)
            taken[name].append(perf_counter() - began)
    size = job.recipe.batch_size or BATCH
    fast, slow = (float(np.median(times[2:])) for times in taken.values())
    return size / fast, BATCH / slow


def plainly(data: Path, examples: int) -> Iterator[None]:
    model = vt.create("unet_efficientnet_lite0", num_classes=CLASSES, pretrained=True).train()
    method = torch.optim.Adam(model.parameters(), 1e-4)
    criterion = nn.CrossEntropyLoss(ignore_index=VOID)
    loader = DataLoader(
        Streets(data, "train", mirror=True), BATCH, shuffle=True, drop_last=True, num_workers=2
    )
    for images, masks in islice(cycle(loader), examples):
        method.zero_grad()
        criterion(model(images), masks).backward()
        method.step()
        yield
