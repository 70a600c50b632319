"""Estimators in the way of scikit-learn: networks and classic methods for pipelines and searches.

    from sklearn.model_selection import cross_val_score
    cross_val_score(vt.ImageClassifier(model="svm-hog"), images, labels)

`fit` is `vt.train` on arrays, and predictions come from the model that it gives: there is no second
loop and no second preprocessing.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from vitreous.atomic import write_bytes
from vitreous.errors import ModelFileError, UsageError, missing, unknown

if TYPE_CHECKING:

    class BaseEstimator:
        def get_params(self, deep: bool = True) -> dict[str, Any]: ...
        def set_params(self, **parameters: Any) -> Self: ...
        def __getstate__(self) -> Any: ...
        def __setstate__(self, state: dict[str, Any]) -> None: ...

    class ClassifierMixin: ...

    class TransformerMixin: ...

else:
    try:
        from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
    except ImportError:  # told when one is made, not when this is imported

        class BaseEstimator:
            def __new__(cls, *_: Any, **__: Any) -> Any:
                raise missing("scikit-learn", "classic", f"vt.{cls.__name__}")

        class ClassifierMixin: ...

        class TransformerMixin: ...


BYTES = 255.0


class Pictures(BaseEstimator):
    """What both estimators do with X: rows of numbers become images of bytes.

    X may be images (N, H, W) or (N, H, W, C), or rows (N, D) that `image_shape` folds; without it a
    row of a square number is a square, and any other a strip. Bytes are taken as they are,
    fractions in [0, 1] as shares of 255; of anything else, the smallest and the largest number seen
    by `fit` become black and white, so there are 256 gray levels in between.
    """

    image_shape: tuple[int, ...] | None
    image_shape_: tuple[int, int, int]
    range_: tuple[float, float]
    strips_: bool
    n_features_in_: int

    def _seen(self, X: Any, *, y: Any = None, reset: bool) -> Any:
        """X as an array, checked against what `fit` saw; with y, both."""
        from sklearn.utils.validation import validate_data

        dimensions = getattr(X, "ndim", None)
        rows = (np.asarray(X).ndim if dimensions is None else dimensions) < 3
        found = validate_data(
            self,
            X,
            **({} if y is None else {"y": y}),
            ensure_2d=rows,
            allow_nd=not rows,
            dtype="numeric",
            reset=reset,
        )
        array = found[0] if y is not None else found
        if reset:
            if not rows and hasattr(self, "n_features_in_"):
                del self.n_features_in_
            self.image_shape_ = self._shape_of(array)
            # Rows of numbers that are no picture have no middle that could be cut out.
            self.strips_ = rows and self.image_shape is None
            self.range_ = range_of(array)
        wanted = int(np.prod(self.image_shape_))
        if array[0].size != wanted:
            raise ValueError(
                f"X has {array[0].size} features, but {type(self).__name__} is expecting {wanted} "
                "features as input"
            )
        return found

    def _shape_of(self, X: NDArray[Any]) -> tuple[int, int, int]:
        if X.ndim in (3, 4):
            height, width, *channels = X.shape[1:]
            return height, width, channels[0] if channels else 1
        count = X.shape[1]
        if self.image_shape is not None:
            height, width, *channels = self.image_shape
            shape = height, width, channels[0] if channels else 1
            if int(np.prod(shape)) != count:
                raise UsageError(
                    f"rows of {count} numbers are no images of {height} × {width}",
                    where="image_shape",
                    remedy="Give height, width and channels whose product is that number.",
                )
            return shape
        side = round(count**0.5)
        return (side, side, 1) if side * side == count else (1, count, 1)

    def _images(self, X: NDArray[Any]) -> NDArray[np.uint8]:
        """(N, H, W, C) bytes."""
        if X.dtype == np.uint8 and self.range_ == (0.0, BYTES):
            scaled = X
        else:
            low, high = self.range_
            width = (high - low) or 1.0
            scaled = np.clip((X.astype(np.float64) - low) / width, 0, 1) * BYTES
        found: NDArray[np.uint8] = np.rint(scaled).astype(np.uint8)
        return found.reshape(len(X), *self.image_shape_)


def range_of(X: NDArray[Any]) -> tuple[float, float]:
    """What becomes black, and what white."""
    if X.dtype == np.uint8:
        return 0.0, BYTES
    low, high = float(X.min()), float(X.max())
    if low >= 0 and high <= 1 and X.dtype.kind == "f":
        return 0.0, 1.0
    return low, high


class ImageClassifier(ClassifierMixin, Pictures):
    """A network, or a classic method, that tells classes of images apart.

    model        a name as for `vt.train`, such as "convnet" or "svm-hog"; None is chosen from X
    epochs, time, size, seed, validation  fields of the recipe
    settings     any other fields of the recipe, by name
    image_shape  (height, width) or (height, width, channels) of rows of X
    out          the run folder that `fit` writes, which must not exist; None keeps none

    After `fit` there are classes_, model_ (a `vt.Bundle`), scores_ of the validation part, and
    n_features_in_ where X had rows.
    """

    def __init__(
        self,
        model: str | None = None,
        *,
        epochs: int | None = None,
        time: str | None = None,
        size: int | None = None,
        seed: int = 0,
        validation: float = 0.15,
        settings: Mapping[str, Any] | None = None,
        image_shape: tuple[int, ...] | None = None,
        out: str | Path | None = None,
    ) -> None:
        self.model = model
        self.epochs = epochs
        self.time = time
        self.size = size
        self.seed = seed
        self.validation = validation
        self.settings = settings
        self.image_shape = image_shape
        self.out = out

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on images X with labels y; sample_weight: (N,) how much each image counts."""
        from sklearn.utils.multiclass import check_classification_targets
        from sklearn.utils.validation import _check_sample_weight, column_or_1d

        from vitreous.data.columns import ClassNumbers
        from vitreous.data.formats.arrays import ArrayDataset
        from vitreous.runs.run import train

        if y is None:
            raise ValueError("requires y to be passed, but the target y is None")
        X, y = self._seen(X, y=y, reset=True)
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        self.classes_, numbers = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                f"{type(self).__name__} cannot tell classes apart where there is one class: "
                f"{self.classes_[0]!r}"
            )
        labels = ClassNumbers(numbers, [str(one) for one in self.classes_])
        dataset = ArrayDataset("arrays", self._images(X), {"class": labels})
        if sample_weight is not None:
            weights = _check_sample_weight(sample_weight, X, dtype=np.float64)
            dataset.weights = weights.astype(np.float32)
        fields: dict[str, Any] = {
            "epochs": self.epochs,
            "time": self.time,
            "size": self.size,
            "seed": self.seed,
            "validation": self.validation,
            "task": "classify",
            **({"fit": "squash"} if self.strips_ else {}),
            **(self.settings or {}),
        }
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "run" if self.out is None else self.out
            run = train(
                dataset, model=self.model, test=0.0, out=out, progress=False, doctor=False, **fields
            )
            self.model_, self.scores_ = run.model, run.scores.get("validation")
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """(N, L) probabilities of `classes_`."""
        from sklearn.utils.validation import check_is_fitted

        from vitreous.inference.predictor import BATCH

        check_is_fitted(self)
        images = self._images(self._seen(X, reset=False))
        chunks = [images[first : first + BATCH] for first in range(0, len(images), BATCH)]
        found = [self.model_.probabilities(self.model_.images([*chunk])) for chunk in chunks]
        order = [self.model_.classes.index(str(one)) for one in self.classes_]
        return np.concatenate(found)[:, order]

    def predict(self, X: Any) -> NDArray[Any]:
        """(N,) the most probable class of each image."""
        best = self.predict_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[best])

    def save(self, path: str | Path) -> Path:
        """Write a model file, which `load` makes this estimator of again, and `vt.load` a model."""
        from sklearn.utils.validation import check_is_fitted

        check_is_fitted(self)
        return write_bytes(Path(path), self._bytes())

    def _bytes(self) -> bytes:
        told = {
            "parameters": json.loads(json.dumps(self.get_params(deep=False), default=str)),
            "classes": self.classes_.tolist(),
            "kind": "U" if self.classes_.dtype.hasobject else self.classes_.dtype.str,
            "shape": list(self.image_shape_),
            "range": list(self.range_),
            "features": getattr(self, "n_features_in_", None),
        }
        training = {**self.model_.training, "estimator": told}
        found: bytes = replace(self.model_, training=training).to_bytes()
        return found

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """The estimator that was saved. Raises ModelFileError for any other file."""
        from vitreous.inference.model_file import load

        return cls()._restored(load(path), str(path))

    def _restored(self, bundle: Any, where: str) -> Self:
        told = bundle.training.get("estimator")
        try:
            self.set_params(**told["parameters"])
            self.classes_ = np.array(told["classes"], dtype=np.dtype(told["kind"]))
            height, width, channels = map(int, told["shape"])
            low, high = map(float, told["range"])
            if told["features"] is not None:
                self.n_features_in_ = int(told["features"])
            if {*map(str, self.classes_)} != {*bundle.classes} or self.classes_.dtype.hasobject:
                raise ValueError("its classes are not those of the network")
        except (TypeError, KeyError, ValueError) as error:
            raise ModelFileError(
                "is a model, but was not saved by an ImageClassifier",
                where=where,
                remedy="Use vt.load for it.",
            ) from error
        self.image_shape_, self.range_ = (height, width, channels), (low, high)
        self.strips_ = self.image_shape is None
        self.model_, self.scores_ = bundle, None
        return self

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = {**super().__getstate__()}
        if "model_" in state:
            state["model_"] = self.model_.to_bytes()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        from vitreous.inference.model_file import parse

        if isinstance(state.get("model_"), bytes):
            state = {**state, "model_": parse(state["model_"], "pickled estimator")}
        super().__setstate__(state)


class ImageTransformer(TransformerMixin, Pictures):
    """Features of images, (N, D): designed by hand, or the last map of a network with weights.

    features     pixels, hog, sift, gabor or lbp, some of these joined by +, or the name of a
                 network that comes with weights, such as "efficientnet_lite0"
    image_shape  of rows of X, as for ImageClassifier
    seed         of the words that sift finds

    After `fit` there is features_, a module from images (B, C, H, W) to (B, D).
    """

    def __init__(
        self, features: str = "hog", *, image_shape: tuple[int, ...] | None = None, seed: int = 0
    ) -> None:
        self.features = features
        self.image_shape = image_shape
        self.seed = seed

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn scales (and words, for sift) from images X; labels are not looked at."""
        import torch

        from vitreous.baselines.descriptor import DESCRIPTORS, Features
        from vitreous.models import MODELS

        array = self._seen(X, reset=True)
        height, width, channels = self.image_shape_
        names = tuple(self.features.split("+"))
        if all(name in DESCRIPTORS for name in names):
            self.window_ = max(height, 16), max(width, 16), channels
            made: Any = Features(names, channels, *self.window_[:2])
            images = self._batches(array)
            with torch.no_grad():
                made.learn(lambda: iter(images), len(array), self.seed)
            self.features_, self.width_ = made, made.width
            return self
        if self.features not in MODELS or MODELS[self.features].weights is None:
            known = [name for name, row in MODELS.items() if row.weights]
            raise unknown("features", self.features, (*DESCRIPTORS, *known), where="features")
        size = MODELS[self.features].sizes.default
        self.window_ = size, size, 3
        self.features_ = pretrained_features(self.features)
        with torch.inference_mode():
            self.width_ = int(self.features_(self._batches(array[:1])[0]).shape[1])
        return self

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = {**super().__getstate__()}
        if "features_" in state and not hasattr(self.features_, "state_dict"):
            del state["features_"]  # published weights, which are there in any case
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "width_" in state and "features_" not in state:
            self.features_ = pretrained_features(self.features)

    def transform(self, X: Any) -> NDArray[Any]:
        """(N, D) features, in float32, or as precise as X where that is float64."""
        import torch
        from sklearn.utils.validation import check_is_fitted

        check_is_fitted(self)
        array = self._seen(X, reset=False)
        with torch.inference_mode():
            found = [self.features_(batch) for batch in self._batches(array)]
        kept = array.dtype if array.dtype in (np.float32, np.float64) else np.float32
        return np.asarray(torch.cat(found).float().numpy().astype(kept))

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """hog0, hog1, ..."""
        from sklearn.utils.validation import check_is_fitted

        check_is_fitted(self)
        return np.array([f"{self.features}{number}" for number in range(self.width_)], object)

    def _batches(self, X: NDArray[Any]) -> list[Any]:
        from vitreous.data.batches.preprocess import PixelContract
        from vitreous.inference.predictor import BATCH

        height, width, channels = self.window_
        contract = PixelContract(height=height, width=width, channels=channels, fit="squash")
        images = self._images(X)
        chunks = (images[first : first + BATCH] for first in range(0, len(images), BATCH))
        return [
            contract.images(np.stack([contract.load(one) for one in chunk])) for chunk in chunks
        ]


def pretrained_features(name: str) -> Any:
    """From images (B, C, H, W) to the features (B, D) of a network with its published weights."""
    from vitreous.models import backbone_and_head, create

    backbone, _ = backbone_and_head(create(name, pretrained=True).eval())
    return backbone
