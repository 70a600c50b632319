"""JPEG readers that `jpeg_epochs.py` compares: vitreous, torchvision, fastai and Keras.

    python benchmarks/jpeg_sides.py SIDE FOLDER CORES

A side is a process of its own, bound to so many cores before any library counts them. It imports
what it needs, says that it is ready, and reads one epoch whenever it gets a line; the first epoch
opens the folder as well. Each gives shuffled batches of 64 augmented float images of 224², with as
many workers as cores, as its own users have it:

- vitreous: an empty cache and its `standard` recipe, which turns and changes colors as well;
- torchvision: ImageFolder, RandomResizedCrop, RandomHorizontalFlip, ToTensor, and a DataLoader that
  keeps its workers between epochs;
- fastai: a DataBlock with RandomResizedCrop of each image and Flip of each batch. Its loader starts
  new workers for each epoch;
- Keras: `image_dataset_from_directory` with its 256², and layers that change whole batches, mapped
  and prefetched as in its guide “Image classification from scratch”. That one mirrors and turns;
  RandomCrop is here in the place of turns, as Keras has no RandomResizedCrop. Like the guide, this
  does without `cache()`, which would keep 786 KB an image and always batch the same images.

Imports are within the functions, as no environment has all of them.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

BATCH, SIZE = 64, 224


def vitreous(folder: Path, cores: int) -> Iterator[int]:
    import numpy as np
    import torch

    from vitreous import heap
    from vitreous.augment import named_policy
    from vitreous.data.batches.batches import Batches
    from vitreous.data.batches.pack import pack
    from vitreous.data.batches.preprocess import PixelContract
    from vitreous.data.formats.open import open as open_data

    torch.set_num_threads(cores)
    heap.keep_freed()  # as every run begins
    with tempfile.TemporaryDirectory(dir=folder.parent) as cache:
        yield 0
        data = open_data(folder)
        contract = PixelContract(height=SIZE, width=SIZE, channels=3)
        packed = pack(data, contract, cache=Path(cache), threads=cores)
        batches = Batches(
            packed.rows,
            packed.targets,
            np.flatnonzero(packed.good),
            contract,
            batch_size=BATCH,
            augment=named_policy("standard", contract=contract, classes=data.classes),
            threads=cores,
        )
        for epoch in range(sys.maxsize):
            yield sum(len(batch) for batch in batches.epoch(epoch))


def torchvision(folder: Path, cores: int) -> Iterator[int]:
    import torch
    from torch.utils.data import DataLoader

    import peers

    package = peers.torchvision()
    transforms = package.transforms
    torch.set_num_threads(cores)
    yield 0
    steps = [
        transforms.RandomResizedCrop(SIZE),
        transforms.RandomHorizontalFlip(),
        transforms.ToTensor(),
    ]
    data = package.datasets.ImageFolder(folder, transforms.Compose(steps))
    loader = DataLoader(data, BATCH, shuffle=True, num_workers=cores, persistent_workers=True)
    while True:
        yield sum(len(images) for images, _ in loader)


def fastai(folder: Path, cores: int) -> Iterator[int]:
    import torch

    import peers

    peers.torchvision()
    from fastai.vision import all as package

    torch.set_num_threads(cores)
    yield 0
    block = package.DataBlock(
        blocks=(package.ImageBlock, package.CategoryBlock),
        get_items=package.get_image_files,
        get_y=package.parent_label,
        splitter=package.RandomSplitter(0),  # nothing is held out
        item_tfms=package.RandomResizedCrop(SIZE),
        batch_tfms=package.Flip(),
    )
    # It would read the last, smaller batch and drop it.
    loaders = block.dataloaders(folder, bs=BATCH, num_workers=cores, drop_last=False)
    while True:
        yield sum(len(images) for images, _ in loaders.train)


def keras(folder: Path, cores: int) -> Iterator[int]:
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras as package
    import tensorflow
    from keras import layers

    yield 0
    data = package.utils.image_dataset_from_directory(folder, batch_size=BATCH, verbose=False)
    change = package.Sequential([layers.RandomFlip("horizontal"), layers.RandomCrop(SIZE, SIZE)])
    batches = data.map(
        lambda images, labels: (change(images, training=True), labels),
        num_parallel_calls=tensorflow.data.AUTOTUNE,
    ).prefetch(tensorflow.data.AUTOTUNE)
    while True:
        yield sum(len(images) for images, _ in batches)


SIDES = {"vitreous": vitreous, "torchvision": torchvision, "fastai": fastai, "Keras": keras}


def main(side: str, folder: str, cores: int) -> None:
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer

    def tell(**values: float) -> None:
        print(json.dumps(values), file=answers, flush=True)

    epochs = SIDES[side](Path(folder), cores)
    tell(ready=next(epochs))
    for _ in sys.stdin:
        start = time.perf_counter()
        images = next(epochs)
        seconds = time.perf_counter() - start
        tell(images=images, rate=images / seconds)
        tell(ready=0)
    epochs.close()  # removes the cache


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
