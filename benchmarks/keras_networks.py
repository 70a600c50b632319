"""The networks of `training_peers.py` in Keras, written as its examples do: images (B, H, W, C) of
normalized pixels to the features that a last layer answers from.

Each has the parameters of ours, which the benchmark checks.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

LITE0 = (  # expansion, kernel, stride, channels, depth
    (1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3), (6, 5, 2, 192, 4), (6, 3, 1, 320, 1),
)  # fmt: skip


def mlp(x: Any) -> Any:
    x = layers.Flatten()(x)
    for units in (300, 100):
        x = layers.Dense(units, activation="relu")(x)
    return x


def lenet5(x: Any) -> Any:
    x = layers.Conv2D(6, 5, padding="same", activation="relu")(x)
    x = layers.MaxPooling2D()(x)
    x = layers.Conv2D(16, 5, activation="relu")(x)
    x = layers.Flatten()(layers.MaxPooling2D()(x))
    for units in (120, 84):
        x = layers.Dense(units, activation="relu")(x)
    return x


def convolved(x: Any, channels: int, kernel: int, stride: int = 1, act: str | None = "relu") -> Any:
    x = layers.Conv2D(channels, kernel, stride, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    return layers.Activation(act)(x) if act else x


def resnet18(x: Any) -> Any:
    x = layers.MaxPooling2D(3, 2, padding="same")(convolved(x, 64, 7, 2))
    for number, channels in enumerate((64, 128, 256, 512)):
        for block in range(2):
            stride = 2 if number and not block else 1
            y = convolved(convolved(x, channels, 3, stride), channels, 3, act=None)
            x = convolved(x, channels, 1, stride, None) if stride == 2 else x
            x = layers.ReLU()(layers.Add()([x, y]))
    return layers.GlobalAveragePooling2D()(x)


def mobilenet_v2(x: Any) -> Any:
    made = keras.applications.MobileNetV2(
        input_tensor=x, include_top=False, weights=None, pooling="avg"
    )
    return layers.Dropout(0.2)(made.output)


def efficientnet_lite0(x: Any) -> Any:
    x = convolved(x, 32, 3, 2, "relu6")
    block, blocks = 0, sum(stage[-1] for stage in LITE0) + 1
    for expansion, kernel, first, channels, depth in LITE0:
        for position in range(depth):
            stride = first if position == 0 else 1
            y = convolved(x, x.shape[-1] * expansion, 1, act="relu6") if expansion > 1 else x
            y = layers.DepthwiseConv2D(kernel, stride, padding="same", use_bias=False)(y)
            y = layers.Activation("relu6")(layers.BatchNormalization()(y))
            y = convolved(y, channels, 1, act=None)
            if position:
                y = layers.Dropout(0.2 * block / blocks, noise_shape=(None, 1, 1, 1))(y)
                y = layers.Add()([x, y])
            x, block = y, block + 1
    x = layers.GlobalAveragePooling2D()(convolved(x, 1280, 1, act="relu6"))
    return layers.Dropout(0.2)(x)


class Positions(layers.Layer):
    """Puts the class token before the patches, and adds what is learned of each place."""

    def build(self, shape: Any) -> None:
        width = shape[-1]
        self.token = self.add_weight(shape=(1, 1, width), initializer="zeros", name="token")
        places = (1, shape[1] + 1, width)
        self.places = self.add_weight(shape=places, initializer="random_normal", name="places")

    def call(self, x: Any) -> Any:
        token = keras.ops.broadcast_to(self.token, (keras.ops.shape(x)[0], 1, x.shape[-1]))
        return keras.ops.concatenate([token, x], axis=1) + self.places


def vit_ti16(x: Any, width: int = 192, heads: int = 3) -> Any:
    x = layers.Conv2D(width, 16, 16)(x)
    x = Positions()(layers.Reshape((-1, width))(x))
    for _ in range(12):
        y = layers.LayerNormalization(epsilon=1e-6)(x)
        x = layers.Add()([x, layers.MultiHeadAttention(heads, width // heads)(y, y)])
        y = layers.LayerNormalization(epsilon=1e-6)(x)
        y = layers.Dense(4 * width, activation="gelu")(y)
        x = layers.Add()([x, layers.Dense(width)(y)])
    return layers.LayerNormalization(epsilon=1e-6)(x)[:, 0]


BODIES = {
    body.__name__: body
    for body in (mlp, lenet5, resnet18, mobilenet_v2, efficientnet_lite0, vit_ti16)
}
