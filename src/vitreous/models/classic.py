"""Classic methods as networks: features designed by hand, then a classifier that learns in one go.

    svm-hog             a Gaussian SVM on histograms of oriented gradients
    svm-hog+lbp         on both of these features, side by side (early fusion)
    svm-hog,knn-pixels  two methods, whose probabilities are averaged (late fusion)

Such a network answers like any other, so everything that asks one can ask these: measuring, model
files, explanations. Only learning differs: `learn` looks at the training images once.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from operator import itemgetter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vitreous.baselines.classifier import Classifier, Examples, check_sound
from vitreous.baselines.descriptor import DESCRIPTORS, Features
from vitreous.baselines.ferns import Ferns
from vitreous.baselines.method_names import NAMES, Part, is_classic, words
from vitreous.baselines.nearest import Nearest
from vitreous.baselines.support_vectors import SupportVectors
from vitreous.baselines.tree_ensemble import TreeEnsemble
from vitreous.errors import UsageError, missing, unknown
from vitreous.models.network import Network, Sizes
from vitreous.models.rows import Variant
from vitreous.shapes import Images

TEMPERATURES = torch.logspace(-3, 3, 241, dtype=torch.float64)


@dataclass(frozen=True, kw_only=True)
class ClassifierRow:
    """A kind of classifier.

    build  from the numbers of features and classes, and the sizes of what was learned
    title  what it is, as the beginning of "... on pixels"
    """

    build: Callable[..., Classifier]
    title: str
    paper: str
    year: int


CORTES = 'Cortes and Vapnik, "Support-vector networks"'
CLASSIFIERS: dict[str, ClassifierRow] = {
    "knn": ClassifierRow(
        build=Nearest,
        title="3 nearest neighbors",
        paper='Cover and Hart, "Nearest neighbor pattern classification"',
        year=1967,
    ),
    "linear_svm": ClassifierRow(
        build=partial(SupportVectors, kernel="linear"), title="linear SVM", paper=CORTES, year=1995
    ),
    "poly_svm": ClassifierRow(
        build=partial(SupportVectors, kernel="poly"),
        title="SVM with a cubic kernel",
        paper=CORTES,
        year=1995,
    ),
    "svm": ClassifierRow(
        build=partial(SupportVectors, kernel="rbf"),
        title="SVM with a Gaussian kernel",
        paper=CORTES,
        year=1995,
    ),
    "adaboost": ClassifierRow(
        build=partial(TreeEnsemble, kind="adaboost"),
        title="AdaBoost of small trees",
        paper='Freund and Schapire, "A decision-theoretic generalization of on-line learning"',
        year=1997,
    ),
    "forest": ClassifierRow(
        build=partial(TreeEnsemble, kind="forest"),
        title="random forest",
        paper='Breiman, "Random forests"',
        year=2001,
    ),
    "boost": ClassifierRow(
        build=partial(TreeEnsemble, kind="boost"),
        title="gradient-boosted trees",
        paper='Friedman, "Greedy function approximation: a gradient boosting machine"',
        year=2001,
    ),
    "ferns": ClassifierRow(
        build=Ferns,
        title="random ferns",
        paper='Özuysal et al., "Fast keypoint recognition in ten lines of code"',
        year=2007,
    ),
}

USUAL = (
    "knn-pixels", "linear_svm-hog", "svm-pixels", "svm-hog", "svm-sift", "svm-gabor", "svm-lbp",
    "forest-pixels", "boost-hog", "ferns-pixels",
)  # fmt: skip
"""One for each classifier and each kind of features: what a comparison with all of them takes."""


def parts_of(name: str) -> list[Part]:
    """Classifier and descriptors of each method in a name.

    Raises UsageError with the nearest names for what there is not, and for anything named twice.
    """
    if not is_classic(name):
        raise unknown("classic method", name, NAMES, where="model")
    found = [*words(name)]
    for classifier, names in found:
        if len(set(names)) < len(names):
            raise UsageError(
                f"{classifier} on {', '.join(names)}: the features are named twice",
                where=f"--model {name}",
                remedy="Name each once.",
            )
    if len(set(found)) < len(found):
        raise UsageError(
            "a method is named twice", where=f"--model {name}", remedy="Name each once."
        )
    return found


def title(name: str) -> str:
    """What a method is, in words: "SVM with a Gaussian kernel on pixels"."""
    return "; ".join(
        f"{CLASSIFIERS[one].title} on {' and '.join(DESCRIPTORS[other].title for other in names)}"
        for one, names in parts_of(name)
    )


def row(name: str) -> Variant:
    """The row of a classic method, as of any network. Raises UsageError for an unknown name."""
    classifier, names = parts_of(name)[0]
    known = [(CLASSIFIERS[classifier].year, CLASSIFIERS[classifier].paper)]
    known += [(DESCRIPTORS[one].year, DESCRIPTORS[one].paper) for one in names]
    year, paper = max(known, key=itemgetter(0))
    return Variant(
        name=name,
        build=partial(Classic, method=name),
        year=year,
        paper=paper,
        parameters=0,
        macs=0,
        num_classes=10,
        in_channels=1,
        sizes=Sizes(default=64, minimum=16),
        sized=True,
        at_once=True,
    )


def kind(classifier: str) -> type[Classifier]:
    """The class of a classifier."""
    build: Any = CLASSIFIERS[classifier].build
    own: Any = build.func if isinstance(build, partial) else build
    found: type[Classifier] = own
    return found


def check_library(name: str) -> None:
    """Raises UsageError where scikit-learn is missing, and this method cannot learn without."""
    parts = parts_of(name)
    needed = any(kind(one).library or "sift" in names for one, names in parts)
    if needed and importlib.util.find_spec("sklearn") is None:
        raise missing("scikit-learn", "classic", f"learning {name}", where="--model")


@dataclass(frozen=True)
class Shown:
    """Images to learn from, or to hold answers against.

    images   gives the same batches (B, C, H, W) in [0, 1] each time it is called
    labels   (N,) class numbers
    weights  (N,) how much each image counts
    """

    images: Callable[[], Iterable[Images]]
    labels: NDArray[np.int64]
    weights: NDArray[np.float64]


class Method(nn.Module):
    """Features, a classifier, and the temperature that makes its scores honest probabilities."""

    temperature: Tensor

    def __init__(
        self,
        part: Part,
        classes: int,
        channels: int,
        size: tuple[int, int],
        learned: tuple[int, ...],
    ) -> None:
        super().__init__()
        name, descriptors = part
        self.features = Features(descriptors, channels, *size)
        self.classifier = CLASSIFIERS[name].build(self.features.width, classes, *learned)
        self.temperature = nn.Parameter(torch.ones(()), requires_grad=False)

    def scores(self, images: Tensor) -> Tensor:
        found: Tensor = self.classifier(self.features(images))
        return found

    def forward(self, images: Tensor) -> Tensor:
        """(B, L) logarithms of probabilities."""
        return (self.scores(images) / self.temperature).log_softmax(1)


class Classic(Network):
    """One method, or several whose probabilities are averaged.

    method   its name, see above
    learned  sizes of what was learned, method by method
    """

    smooth = False

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int,
        size: tuple[int, int],
        method: str,
        learned: Iterable[int] = (),
    ) -> None:
        super().__init__(in_channels)
        sizes, window = iter(learned), (size[0], size[1])
        self.methods = nn.ModuleList()
        for part in parts_of(method):
            own = tuple(islice(sizes, kind(part[0]).SIZES))
            self.methods.append(Method(part, num_classes, in_channels, window, own))
        self.sizes = Sizes(default=window[0], fixed=window)
        self.register_load_state_dict_post_hook(_check)  # type: ignore[no-untyped-call]

    def run_stages(self, images: Images) -> Iterator[tuple[str, Tensor]]:
        self.check(images)
        x: Tensor = self.normalize(images)
        answers = torch.stack([method(x) for method in self.methods])
        yield "methods", answers
        yield "average", answers.logsumexp(0) - torch.tensor(float(len(self.methods))).log()

    @property
    def learned(self) -> list[int]:
        """What the constructor takes to make room for what was learned."""
        return [
            int(size)
            for method in self.methods
            for size in method.classifier.sizes  # type: ignore[union-attr]
        ]

    @torch.no_grad()
    def learn(
        self,
        training: Shown,
        held_out: Shown | None = None,
        *,
        seed: int = 0,
        threads: int = 1,
        told: Callable[[int, int], None] | None = None,
    ) -> None:
        """Learn from training images, and how far to trust the scores from held-out ones.

        told  is called with what is done and what is to be done
        """
        normalize, steps = self.normalize, 2 * len(self.methods)
        for number, method in enumerate(self.methods):
            assert isinstance(method, Method)
            count = len(training.labels)
            features = method.features.learn(
                lambda: (normalize(batch) for batch in training.images()), count, seed
            )
            if told:
                told(2 * number + 1, steps)
            examples = Examples(features.cpu().numpy(), training.labels, training.weights)
            method.classifier.learn(examples, seed=seed, threads=threads)
            method.to(features.device)
            if held_out is not None and len(held_out.labels):
                batches = (method.scores(normalize(batch)) for batch in held_out.images())
                found = temperature(torch.cat([*batches]), held_out.labels)
                method.temperature.fill_(found)
            if told:
                told(2 * number + 2, steps)


def temperature(scores: Tensor, labels: NDArray[np.int64]) -> float:
    """That by which scores (N, L) are divided for the least cross-entropy of the labels.

    Guo et al. (2017), "On calibration of modern neural networks", arXiv:1706.04599.
    """
    wanted = torch.from_numpy(labels).to(scores.device)
    # As in Platt's scaling, one more example of each kind is supposed, or scores that are always
    # right would be certain beyond all measure.
    smoothing = 2 / (len(labels) + 2)
    losses = [
        nn.functional.cross_entropy(scores.double() / one, wanted, label_smoothing=smoothing)
        for one in TEMPERATURES.tolist()
    ]
    return float(TEMPERATURES[int(torch.stack(losses).argmin())])


def _check(module: nn.Module, _: Any) -> None:
    for one in module.modules():
        if isinstance(one, Classifier) and not any(p.is_meta for p in one.parameters()):
            check_sound(one)
