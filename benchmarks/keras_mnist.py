"""Keras' introductory convolutional network, trained until it reaches 99.0 % on MNIST's test set.

The network, optimizer and batch size are those of Keras' own example (two 3×3 convolutions of 32
and 64 channels, each with pooling, dropout of one half, one dense layer; Adam, batches of 128). It
is stopped after the first epoch whose test accuracy is at least 99.0 %, which favors it.
Prints one JSON object. Backend: $KERAS_BACKEND, default tensorflow, its fastest one on a CPU. Reads
the four IDX files itself, so that it also runs in an environment without vitreous.
"""

from __future__ import annotations

import gzip
import json
import os
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
began = time.perf_counter()
import keras  # noqa: E402  (the import is part of what a user waits for)
from keras import layers  # noqa: E402

TARGET = 0.99


def idx(folder: str, name: str, header: int) -> NDArray[np.uint8]:
    """The bytes after the header of an IDX file, plain or gzip."""
    path = Path(folder) / name
    data = path.read_bytes() if path.exists() else gzip.decompress(Path(f"{path}.gz").read_bytes())
    return np.frombuffer(data, np.uint8, offset=header)


def main(data: str, seed: int) -> None:
    keras.utils.set_random_seed(seed)
    x_train, x_test = (
        idx(data, f"{part}-images-idx3-ubyte", 16).reshape(-1, 28, 28, 1).astype("float32") / 255
        for part in ("train", "t10k")
    )
    y_train, y_test = (
        keras.utils.to_categorical(idx(data, f"{part}-labels-idx1-ubyte", 8), 10)
        for part in ("train", "t10k")
    )
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    accuracy, epochs = 0.0, 0
    while accuracy < TARGET and epochs < 15:
        model.fit(x_train, y_train, batch_size=128, epochs=1, verbose=0)
        accuracy = float(model.evaluate(x_test, y_test, verbose=0, batch_size=512)[1])
        epochs += 1
    seconds = time.perf_counter() - began
    found = {"accuracy": accuracy, "epochs": epochs, "seconds": seconds}
    print(json.dumps({**found, "backend": keras.backend.backend(), "images": len(x_train)}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0)
