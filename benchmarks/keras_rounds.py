"""Keras' side of `training_peers.py`: the same networks, as its examples write them.

    python benchmarks/keras_rounds.py NETWORK EPOCHS

Arrays in memory, channels last, `compile` and `fit`, AdamW. Backend: $KERAS_BACKEND, default
tensorflow, its fastest one on a CPU.
"""

from __future__ import annotations

import os
import sys
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from training_rounds import CASES, CLASSES, Case, Rounds, floats

rounds = Rounds(CASES[sys.argv[1]], int(sys.argv[2]))  # before anything can print
import keras  # noqa: E402
from keras import layers  # noqa: E402

from keras_networks import BODIES  # noqa: E402

LR = 1e-3


class Turns(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        rounds.begin()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        rounds.end(logs["loss"])


def main(name: str, case: Case) -> None:
    keras.utils.set_random_seed(0)
    x, y = floats(case)
    images = keras.Input((case.side, case.side, case.channels))
    model = keras.Model(images, layers.Dense(CLASSES)(BODIES[name](images)))
    model.compile(
        optimizer=keras.optimizers.AdamW(LR, weight_decay=0.01),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    model.fit(
        x, y, batch_size=case.batch, epochs=rounds.count, verbose=0, callbacks=[Turns()]
    )  # fmt: skip
    parameters = sum(int(weight.value.numpy().size) for weight in model.trainable_weights)
    backend = f"{keras.__version__} on {keras.backend.backend()}"
    rounds.close(parameters, versions={"keras": backend})


if __name__ == "__main__":
    main(sys.argv[1], rounds.case)
