"""Keras' guide “Transfer learning and fine-tuning”, until 97 % of the held-out photos are right.

    python benchmarks/keras_transfer.py PHOTOS WEIGHTS.npz SEED MOST_SECONDS

Its augmentation (mirror, turns), its frozen network with dropout and a new last layer, its Adam and
its batches of 64. Stopped at the end of the first epoch that reaches 97 %, or that ends after so
many seconds; the guide's fine-tuning, which would follow, is left out. It has Xception; here it has
EfficientNet-Lite0 with the weights that vitreous uses, which `photos.py` has written to a file.
Prints one JSON object.
"""

from __future__ import annotations

import json
import os
import sys
import time

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
began = time.perf_counter()
import keras  # noqa: E402  (imports are part of what a user waits for)
import numpy as np  # noqa: E402
from keras import layers  # noqa: E402

from keras_networks import efficientnet_lite0  # noqa: E402

TARGET, EPOCHS, SIDE = 0.97, 50, 224


def pretrained(path: str) -> keras.Model:
    """The network up to its last layer, with these arrays in the order of its layers."""
    images = keras.Input((SIDE, SIDE, 3))
    model = keras.Model(images, efficientnet_lite0(images))
    arrays = [*np.load(path).values()]
    for layer in model.layers:
        own, arrays = arrays[: len(layer.weights)], arrays[len(layer.weights) :]
        layer.set_weights(own)
    assert not arrays
    return model


class Enough(keras.callbacks.Callback):
    def __init__(self, most: float) -> None:
        super().__init__()
        self.most = most

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        late = time.perf_counter() - began > self.most
        self.model.stop_training = logs["val_accuracy"] >= TARGET or late


def main(data: str, weights: str, seed: int, most: float) -> None:
    keras.utils.set_random_seed(seed)
    parts = {
        part: keras.utils.image_dataset_from_directory(
            f"{data}/{part}", image_size=(SIDE, SIDE), batch_size=64, seed=seed, verbose=False
        )
        for part in ("train", "val")
    }
    classes = len(parts["train"].class_names)
    change = keras.Sequential([layers.RandomFlip("horizontal"), layers.RandomRotation(0.1)])
    train = parts["train"].map(lambda images, labels: (change(images, training=True), labels))
    base = pretrained(weights)
    base.trainable = False
    images = keras.Input((SIDE, SIDE, 3))
    x = layers.Rescaling(1 / 128, offset=-127 / 128)(images)
    x = layers.Dropout(0.2)(base(x, training=False))
    model = keras.Model(images, layers.Dense(classes)(x))
    model.compile(
        optimizer=keras.optimizers.Adam(),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    history = model.fit(
        train.prefetch(2),
        validation_data=parts["val"].prefetch(2),
        epochs=EPOCHS,
        verbose=0,
        callbacks=[Enough(most)],
    ).history
    found = history["val_accuracy"]
    print(json.dumps({"accuracy": max(found), "accuracies": found}))


if __name__ == "__main__":
    folder, file, number, longest = sys.argv[1:]
    main(folder, file, int(number), float(longest))
